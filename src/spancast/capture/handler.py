"""What the handlers of both frameworks have in common: they may be copied and pickled, and check what they are asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .. import configured

DETAILS = ("normal", "full")


class PortableHandler:
    """A handler that frameworks may copy and pickle: its arguments travel, the pipeline with its threads stays behind.

    A copy is the handler itself. A pickle is made anew from the arguments, as the public class of that name: frameworks'
    handlers may be of a class made for them at run time. In a worker without destinations of its own it records nothing
    where this process has some: a file would appear in the worker's folder.
    """

    _arguments: dict[str, Any]

    def __reduce__(self) -> tuple[Any, ...]:
        cls = type(self)
        return (made_anew, (cls.__module__, cls.__name__, self._arguments, configured.is_here()))

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        return self


def made_anew(module: str, name: str, arguments: dict[str, Any], has_destinations: bool = False) -> Any:
    """Return a new handler of the class *name* in *module*, made with *arguments*, as a pickle asks for.

    *has_destinations*: `configure` was called where the pickle was made.
    """
    if has_destinations:
        configured.note_elsewhere()
    return getattr(import_module(module), name)(**arguments)


def check_detail(detail: str) -> bool:
    """Return whether *detail* is `full`. Raises SettingsError where it is neither `normal` nor `full`."""
    if detail not in DETAILS:
        from ..validation import SettingsError

        raise SettingsError(f"detail={detail!r} is not known: use 'normal' or 'full'.")
    return detail == "full"


def check_pipeline(pipeline: object) -> None:
    """Raise SettingsError where *pipeline* is neither a Pipeline nor None."""
    if pipeline is not None and not hasattr(type(pipeline), "trace"):
        from ..validation import SettingsError

        raise SettingsError(
            f"pipeline is a {type(pipeline).__name__}: give a spancast.Pipeline, such as "
            "spancast.Pipeline(destination), or leave it out to use the one of spancast.configure()."
        )
