"""The guard: nothing in spancast raises into the application, and no bug in spancast stays hidden in our own tests."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from ..safe_log import log
from ..signal_errors import is_from_signal_handler

P = ParamSpec("P")
R = TypeVar("R")

_logger = logging.getLogger("spancast")
_faults: dict[str, int] = {}
strict = False  # our test suite sets it: faults are then raised instead of counted


def guarded(method: Callable[P, R]) -> Callable[P, R | None]:
    """Wrap a framework callback: what it raises is counted and logged once, never passed on."""

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            return method(*args, **kwargs)
        except Exception as error:
            report_fault(method.__qualname__, error)
            return None

    return call


def report_fault(where: str, error: BaseException) -> None:
    """Count a fault of our own and log it the first time; raise it where `strict` is set.

    Raised again as well: what a signal handler of the application raised while spancast worked.
    """
    if strict or is_from_signal_handler(error):
        raise error
    count = _faults[where] = _faults.get(where, 0) + 1
    if count == 1:
        log(
            _logger.warning,
            "spancast: fault in %s (the application is not affected): %s",
            where,
            type(error).__name__,
        )
        log(_logger.debug, "spancast: fault in %s", where, exc_info=error)


def faults() -> dict[str, int]:
    """Return how often each place failed since the process started."""
    return dict(_faults)
