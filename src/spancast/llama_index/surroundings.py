"""What surrounds a call that begins: the user's tags, operations of others on the way to its parent, a prompt's template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llama_index_instrumentation.dispatcher import active_instrument_tags

from ..recording.open_operation import OpenOperation
from . import models
from .agents import ORIGIN
from .calls import Call
from .classify import INTERNAL
from .pending import is_beneath


def own_tags(tags: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the user's tags. The workflows' own hold prompts and are handed down to every call: never captured."""
    found = tags if tags else active_instrument_tags.get()
    if not found:
        return None
    own: dict[str, Any] | None = None
    for key, value in found.items():
        name = str(key)
        if not name.startswith("llamaindex."):
            if own is None:
                own = {}
            own[name] = value
    return own


def lies_between(around: OpenOperation, parent: OpenOperation) -> bool:
    """Return whether an operation of another origin, a `trace` block or a LangChain run, is open beneath *parent* here."""
    return around is not parent and around.origin is not ORIGIN and is_beneath(around, parent)


def template_around(outer: Call | None, operation: OpenOperation) -> object:
    """Capture the template of the prompt that the calls around a model call have filled in, for its *operation*."""
    while outer is not None and outer.role == INTERNAL:
        if outer.arguments:
            return models.capture_template(outer.arguments, operation)
        outer = outer.outer
    return None
