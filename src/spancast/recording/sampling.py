"""Which destinations see a trace: decided once, when its root opens, for the whole trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

_RANGE = 2**64


@dataclass(frozen=True, slots=True)
class SamplingRule:
    """Keep this share (*rate*, 0 to 1) of all sessions; *salt* makes destinations choose independently.

    *content* says whether the destination may see content: where none may, none is held.
    """

    rate: float
    salt: str
    content: bool = True

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
