"""The name `spancast` in `llama_index.core.set_global_handler("spancast")`: the one thing of LlamaIndex that is replaced.

LlamaIndex's function has a fixed list of names and no registry. Importing `spancast.llama_index` puts one that knows a name
more in the place of `llama_index.core.callbacks.global_handlers.create_global_handler`; `uninstrument` puts it back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llama_index.core.callbacks import global_handlers
from llama_index.core.callbacks.base_handler import BaseCallbackHandler

NAME = "spancast"
Create = Callable[..., Any]


class GlobalName:
    """Adds our name to those that LlamaIndex knows. Its owner, `install`, calls it under a lock of its own."""

    def __init__(self, install: Callable[..., None]) -> None:
        """*install* is called with the keywords of LlamaIndex's `set_global_handler`."""
        self._install = install
        self._theirs: Create = global_handlers.create_global_handler
        self._is_added = False

    def _create(self, eval_mode: str, **eval_params: Any) -> BaseCallbackHandler | None:
        """Do what LlamaIndex's function of this name does, for our name too."""
        if eval_mode == NAME:
            self._install(**eval_params)
            return None  # LlamaIndex then leaves the global handler as it is
        return self._theirs(eval_mode, **eval_params)  # type: ignore[no-any-return]

    def add(self) -> None:
        """Let LlamaIndex know the name; a second time does nothing."""
        if not self._is_added:
            self._is_added = True
            self._theirs = global_handlers.create_global_handler
            global_handlers.create_global_handler = self._create

    def remove(self) -> None:
        """Put LlamaIndex's function back, unless another tool has put its own over ours: then ours stays, passing on."""
        if global_handlers.create_global_handler == self._create:
            global_handlers.create_global_handler = self._theirs
            self._is_added = False
