"""What a lane says: the newest failure into its ledger, the first one as a warning, and what a shutdown leaves behind."""

from __future__ import annotations

import logging

from ..safe_log import log
from .ledger import Ledger
from .words import spans

_logger = logging.getLogger("spancast")


class FailureLog:
    """Remembers the newest failure of one destination. Used by its lane's thread, by the encoder and by who shuts down.

    `_warned` is only ever set: should two threads be first at the same moment, there are two warnings.
    """

    def __init__(self, ledger: Ledger, name: str) -> None:
        self._ledger = ledger
        self._name = name
        self._warned = False

    def add(self, message: str, text: str | None = None) -> None:
        """Remember a failure, *text* with the receiver's own words, and warn about the first, without them."""
        self._ledger.fail(text or message)
        if not self._warned:
            self._warned = True
            log(
                _logger.warning,
                "spancast: destination %s: %s. Later failures are only counted: see spancast.report().",
                self._name,
                message,
            )

    def ending(self, left: int, spooled: int, lost: int) -> None:
        """Say what a shutdown leaves behind, where it does: spans that are lost, on disk, or were dropped meanwhile."""
        if left or spooled or lost:
            log(_logger.warning, "spancast: destination %s: %s.", self._name, ending_text(left, spooled, lost))


def ending_text(left: int, spooled: int, lost: int) -> str:
    """Return what a shutdown leaves behind, in words."""
    parts = []
    if spooled:
        stay = "stays" if spooled == 1 else "stay"
        parts.append(f"{spans(spooled)} {stay} on disk, to be sent at the next start or by `spancast replay`")
    if left:
        are = "is" if left == 1 else "are"
        parts.append(f"{spans(left)} could not be sent before the shutdown deadline and {are} lost")
    if lost:
        were = "was" if lost == 1 else "were"
        parts.append(f"{spans(lost)} {were} dropped while it shut down: spancast.report() says why")
    return "; ".join(parts)
