"""What a privacy audit found: frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentLocation:
    """One place where content can be (or, *kept*, what may leave), and where its canary was found.

    Attributes:
        framework: The framework whose programs put the canary there.
        name: What the place is called in the report.
        kept: Whether privacy mode lets the text at this place leave.
        seen: Whether a control, without privacy mode, shows it; if not, it is not recorded at all.
        hits: The forms of destination in which it was found, with privacy mode.
    """

    framework: str
    name: str
    kept: bool
    seen: bool
    hits: tuple[str, ...]

    @property
    def fine(self) -> bool:
        """Whether it is as it should be: content nowhere, and what is kept in what was sent."""
        return bool(self.hits) if self.kept else not self.hits


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What an audit found.

    Attributes:
        locations: One entry for each canary.
        forms: The forms of destination that were searched.
        runs: How many programs ran.
        spans: How many spans were recorded.
        bytes_searched: How much was searched, in bytes.
        frameworks: The frameworks that were audited.
        absent: The frameworks that are not installed.
        empty: By framework, the forms in which nothing was found of what may leave: they carried nothing, and that no
            content was found there means nothing.
    """

    locations: tuple[ContentLocation, ...]
    forms: tuple[str, ...]
    runs: int
    spans: int
    bytes_searched: int
    frameworks: tuple[str, ...]
    absent: tuple[str, ...]
    empty: Mapping[str, tuple[str, ...]]

    @property
    def clean(self) -> bool:
        """Whether no content was found, and the search has shown that it finds, in every form."""
        content = [location for location in self.locations if not location.kept]
        finds = len([location for location in content if location.seen]) > len(content) // 2
        return finds and not self.empty and all(location.fine for location in self.locations)

    @property
    def leaks(self) -> tuple[ContentLocation, ...]:
        """The places whose content was found."""
        return tuple(location for location in self.locations if not location.kept and location.hits)
