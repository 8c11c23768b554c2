"""Which destinations see a trace: decided when its root opens, for the whole trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from hashlib import blake2b

from ..record.fast_frozen import frozen
from .tail_sampling import KeepRules

_RANGE = 2**64
COUNTED = 1 << 60
"""The bit of a trace's mask that says that its operations are counted in metrics, whatever the destinations sample."""
RECORDED = COUNTED - 1
"""The bits of the destinations that take spans."""


@frozen()
class SamplingRule:
    """Keep this share (*rate*, 0 to 1) of all sessions; *salt* makes destinations choose independently.

    *content* says whether the destination may see content: where none may, none is captured. *keep*: which traces are kept
    although they are not of that share.
    """

    rate: float
    salt: str
    content: bool = True
    keep: KeepRules = field(default_factory=KeepRules)

    def keeps(self, key: str) -> bool:
        """Return whether the session or trace *key* is kept: always the same answer for the same key."""
        if self.rate >= 1:
            return True
        digest = blake2b(f"{self.salt}\0{key}".encode("utf-8", "replace"), digest_size=8).digest()
        return int.from_bytes(digest, "big") < self.rate * _RANGE


def sampled(rules: Sequence[SamplingRule], session_id: str | None, trace_id: int) -> int:
    """Return a bit mask of the rules that keep the trace: by its session, else by its trace id."""
    key = session_id or f"{trace_id:032x}"
    return sum(1 << index for index, rule in enumerate(rules) if rule.keeps(key))


def decided_at_the_end(rules: Sequence[SamplingRule]) -> int:
    """Return a bit mask of the rules that keep or let go when a trace's root closes.

    All of their traces wait, also those that the rate has chosen: one that would have been kept anyway must not stand for
    others when sums are reweighted.
    """
    return sum(1 << index for index, rule in enumerate(rules) if rule.rate < 1 and rule.keep.are_active)
