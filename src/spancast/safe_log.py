"""Log lines that raise nothing: the handlers of `logging` are the application's, and may fail."""

from __future__ import annotations

from collections.abc import Callable

from .signal_errors import is_from_signal_handler


def log(write: Callable[..., object], message: str, *values: object, **options: object) -> None:
    """Write *message* by *write*, a logger's method; of what is raised, only what a signal handler raises goes on."""
    try:
        write(message, *values, **options)
    except Exception as error:
        if is_from_signal_handler(error):
            raise
