"""Attributes that come again in span after span (kinds, models, users, a trace's metadata): encoded once.

Half of the work of encoding 30 short texts that were seen before (`benchmarks/drain.py`). Of texts that are new in each
span, such as ids and questions, nothing is kept beyond the first few: their names are no longer looked up.
"""

from __future__ import annotations

from typing import Final

Repeated = dict[str, dict[str, bytes] | None]
"""By an attribute's name, what was made of its short texts; None for a name whose texts do not repeat, or may be long.

Used by the encoder's threads; each step is one atomic operation on a dict.
"""

_MOST_NAMES: Final = 512
_MOST_TEXTS: Final = 16  # of one name: what has more does not repeat
_LONGEST: Final = 256  # characters of a name


_all: list[Repeated] = []


def repeated_texts() -> Repeated:
    """Return where one encoding keeps them."""
    made: Repeated = {}
    _all.append(made)
    return made


def forget_repeated() -> None:
    """Keep nothing: content must not outlive the work it belongs to."""
    for each in _all:
        each.clear()


def first(repeated: Repeated, name: str, text: str, encoded: bytes) -> None:
    """Keep what was made of the first text of a name."""
    if len(repeated) < _MOST_NAMES and type(name) is str and len(name) <= _LONGEST:
        repeated[name] = {text: encoded}


def remember(repeated: Repeated, name: str, text: str, encoded: bytes) -> None:
    """Keep what was made of a further text of a name, unless there are too many."""
    same = repeated.get(name)
    if same is not None:
        if len(same) < _MOST_TEXTS:
            same[text] = encoded
        else:
            repeated[name] = None
