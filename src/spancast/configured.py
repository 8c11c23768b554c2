"""Whether `configure` was called: in this process, or in the one from which a pickled handler came."""

from __future__ import annotations

PROBLEM = (
    "a handler came to this worker from a process that has called spancast.configure(), which does not come along; "
    "fix: call spancast.configure() in the worker too, or name the destination in SPANCAST_DESTINATIONS"
)
_here = _elsewhere = False  # set once each, by who calls `configure` and who reads a pickle


def note_here() -> None:
    """`configure` was called in this process."""
    global _here
    _here = True


def is_here() -> bool:
    """Return whether it was, also before a fork."""
    return _here


def note_elsewhere() -> None:
    """A handler came from a process in which it was called."""
    global _elsewhere
    _elsewhere = True


def is_expected() -> bool:
    """Return whether a process from which a handler came has destinations, and this one has not called `configure`."""
    return _elsewhere and not _here
