"""An exception as a Failure: type, message and stack trace, bounded, whatever the exception's own code does."""

from __future__ import annotations

import traceback

from ..record.operation import Failure

MAX_MESSAGE = 10_000
MAX_STACKTRACE = 20_000


def failure_of(error: BaseException, *, content: bool = True) -> Failure:
    """Return the failure that *error* is; without *content* only its type."""
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if not content:
        return Failure(type=name)
    return Failure(type=name, message=_message(error)[:MAX_MESSAGE], stacktrace=_stacktrace(error)[-MAX_STACKTRACE:])


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # a hostile __str__ is worth the class name
        return f"<{type(error).__name__}>"


def _stacktrace(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(type(error), error, error.__traceback__, limit=-40))
    except Exception:  # formatting calls the exception's own __str__
        return "".join(traceback.format_tb(error.__traceback__, limit=-40))
