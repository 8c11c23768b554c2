"""The headers of one request: the destination's, asked for anew each time, and what no protocol can carry."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from ..own_threads import is_for_this_thread
from ..validation import SettingsError
from .outcome import Outcome, Verdict

Headers = Mapping[str, str] | Callable[[], Mapping[str, str]]


class HeaderError(ValueError):
    """Headers that cannot be had, or not be sent. The message names the header, never its value."""

    @property
    def outcome(self) -> Outcome:
        """What it means: a callable that fetches a token may fail for a while."""
        return Outcome(verdict=Verdict.RETRY, reason="headers", message=str(self))


def headers_of(source: Headers, extra: Mapping[str, str] | None = None) -> Iterator[tuple[str, str]]:
    """Yield the headers that *source* has now, and *extra* ones after them.

    Raises:
        HeaderError: When a callable raises, or a header is one that no protocol can carry.
    """
    try:
        found = list((source() if callable(source) else source).items())
        for name, value in [*found, *(extra or {}).items()]:
            yield name, _sendable(name, value)
    except HeaderError:
        raise
    except SettingsError:  # of the check around a callable; its sentence may show what is no header, a key among it
        raise HeaderError(
            "the headers callable returned no mapping of names (letters, digits, dashes) to values (plain ASCII text)"
        ) from None
    except BaseException as error:  # a function of the application's
        if is_for_this_thread(error):
            raise
        raise HeaderError(f"the headers callable raised {type(error).__name__}") from None


def _sendable(name: object, value: object) -> str:
    if not isinstance(name, str) or not isinstance(value, str):
        raise HeaderError(f"the header {name!r} is a {type(value).__name__}: header values are text")
    if re.search(r"[\r\n\0]", name + value) or not (name + value).isascii():
        raise HeaderError(f"the header {name!r} holds characters that HTTP cannot carry")
    return value
