"""What is special about connections to a backend: declared by the backend's own file, read by the diagnostics.

The table is filled once, while `destinations.backends` is imported; never changed after that, so it needs no lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from urllib.parse import SplitResult

from ..record.fast_frozen import frozen

Mistakes = Callable[[SplitResult, Mapping[str, str]], Iterator[tuple[str, str]]]


@frozen(kw_only=True)
class Hints:
    """What is special about connections to one backend. Hosts are compared by their ends.

    Attributes:
        hosts: The backend's hosts, for `authorization_scheme` and `path_fix`.
        authorization_scheme: The word before the key in `Authorization`; empty where the key stands alone.
        key_headers: Headers, in lower case, that carry its keys.
        key_alone: A header, in lower case, whose presence means that `Authorization` holds the key alone.
        key_refused: By host: what to try when a key was refused.
        host_unknown: By host: what to try when the name is unknown or the certificate is for another name.
        base_paths: Paths that are bases, to which the path of traces is still to be put.
        traces_paths: Paths other than `/v1/traces` that take traces.
        path_fix: What to write instead of a URL that was answered with 404 or 405.
        mistakes: Yields code and detail of what is wrong with URL and headers (names in lower case) before sending.
    """

    hosts: tuple[str, ...] = ()
    authorization_scheme: str | None = None
    key_headers: tuple[str, ...] = ()
    key_alone: str = ""
    key_refused: Mapping[str, str] = field(default_factory=dict)
    host_unknown: Mapping[str, str] = field(default_factory=dict)
    base_paths: tuple[str, ...] = ()
    traces_paths: tuple[str, ...] = ()
    path_fix: Callable[[SplitResult], str | None] | None = None
    mistakes: Mistakes | None = None


REGISTERED: list[Hints] = []


def register(hints: Hints) -> None:
    """Add one backend's hints."""
    REGISTERED.append(hints)
