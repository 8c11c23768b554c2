"""What hangs: functions of the application's that a thread of spancast has called, and that have not returned. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ..destinations.destination import Destination

HANGS_AFTER: Final = 1.0  # seconds; the encoder takes less than a millisecond for a span
_TIMEOUT: Final = 10.0  # seconds; of a target without one of its own


def encoder_hangs(since: float | None, now: float, destinations: Sequence[Destination]) -> tuple[str, ...]:
    """Return, in a sentence, which function holds up the encoder, *since* when it has had one span in hand."""
    if since is None or now - since < HANGS_AFTER:
        return ()
    names = [name for name in ("redact", "keep") if any(getattr(each, name) is not None for each in destinations)]
    what = f"{' or '.join(names)} has not returned" if names else "one span has been in the encoder"
    return (f"{what} for {now - since:.0f} s: until then nothing leaves for any destination of this pipeline",)


def request_hangs(since: float | None, now: float, destination: Destination) -> tuple[str, ...]:
    """Return, in a sentence, what holds up one destination whose request began at *since* and is over its timeout."""
    target = destination.target
    if since is None or now - since < getattr(target, "timeout", _TIMEOUT) + HANGS_AFTER:
        return ()
    what = "the headers callable" if callable(getattr(target, "headers", None)) else "the exporter"
    return (f"destination {destination.name}: {what} has not returned for {now - since:.0f} s",)
