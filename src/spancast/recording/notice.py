"""Says a thing once: warnings for the user that must not repeat with every event."""

from __future__ import annotations

import logging

from ..safe_log import log

logger = logging.getLogger("spancast")
_MOST = 256
_said: set[str] = set()


def warn_once(key: str, message: str, *values: object) -> None:
    """Log *message* as a warning, the first time that *key* is seen in this process."""
    if key not in _said and len(_said) < _MOST:
        _said.add(key)
        log(logger.warning, message, *values)


def forget() -> None:
    """Let every warning be said again (for tests)."""
    _said.clear()
