"""Which settings about privacy have no effect on destinations that are made in the code, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..destinations.destination import Destination
from ..validation import SettingsError
from .schema import PRIVACY_MODE, REDACT
from .sources import Sources

_WAYS_OUT = (
    (PRIVACY_MODE, "give it privacy_mode=True, or privacy_mode=False where its content may leave"),
    (REDACT, "give it a redact= of its own, such as spancast.redact.secrets"),
)


def without_effect(destinations: Sequence[Destination], found: Sources) -> Iterator[str]:
    """Yield a sentence for each such setting that is on, and that the maker of a destination has not answered.

    Who sets `SPANCAST_PRIVACY_MODE` for a whole platform must not learn from the receiver that content has left.
    """
    for row, way_out in _WAYS_OUT:
        try:
            value = found.value(row)
        except SettingsError:  # whoever uses the setting says so
            continue
        if value.value is None or value.value is False:
            continue
        made = [each for each in destinations if isinstance(each, Destination)]  # the others are refused later
        names = [each.name for each in made if row.name not in each.chosen and not each.privacy_mode]
        if names:
            name = (
                value.origin.removeprefix("environment ")
                if "environment " in value.origin
                else f"{row.name} in {value.origin}"
            )
            yield f"{name} has no effect on {', '.join(names)}, made in the code: {way_out}."
