"""Ids of traces and spans: made, read from what a user gave, and written as a traceparent."""

from __future__ import annotations

import os
import random
import re
from hashlib import sha256

_HEX32 = re.compile(r"[0-9a-fA-F]{32}")
_HEX16 = re.compile(r"[0-9a-fA-F]{16}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


# A generator of our own, seeded by the operating system: neither the application's `random.seed` nor a fork repeats ids.
# 0.1 us an id; asking the operating system each time costs 0.6.
_random = random.Random()  # noqa: S311  (ids are no secrets)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)


random_bits = _random.getrandbits
"""Makes a number of as many random bits; `random_bits(64) or 1` is a span's id, without the call of `new_span_id`."""


def new_trace_id() -> int:
    """Return a random 128 bit id, never 0."""
    return _random.getrandbits(128) or 1


def new_span_id() -> int:
    """Return a random 64 bit id, never 0."""
    return _random.getrandbits(64) or 1


def read_trace_id(text: str) -> tuple[int, bool]:
    """Return the 128 bit id for a `trace_id` as a user gave it, and whether it had to be hashed.

    32 hex digits and a UUID's 32 digits are used verbatim; anything else, all-zero included, is `sha256(utf8)[:32]`:
    the rule that OpenRouter's Broadcast and Langfuse follow, so that ids agree.
    """
    digits = text.replace("-", "") if _UUID.fullmatch(text) else text
    if _HEX32.fullmatch(digits) and int(digits, 16):
        return int(digits, 16), False
    return _hashed(text, 16), True


def read_span_id(text: str) -> tuple[int, bool]:
    """Return the 64 bit id for a `parent_span_id` as a user gave it, and whether it had to be hashed."""
    if _HEX16.fullmatch(text) and int(text, 16):
        return int(text, 16), False
    return _hashed(text, 8), True


def _hashed(text: str, size: int) -> int:
    return int.from_bytes(sha256(text.encode("utf-8", "replace")).digest()[:size], "big") or 1


def traceparent(trace_id: int, span_id: int, sampled: bool) -> str:
    """Return the W3C `traceparent` header value of a span."""
    return traceparent_of(f"{trace_id:032x}", f"{span_id:016x}", sampled)


def traceparent_of(trace_id: str, span_id: str, sampled: bool) -> str:
    """Return the same of ids that are written already."""
    return f"00-{trace_id}-{span_id}-{'01' if sampled else '00'}"


def read_traceparent(value: object) -> tuple[int, int, bool] | None:
    """Return trace id, span id and whether it is sampled of a W3C `traceparent`; None where it is malformed."""
    found = _TRACEPARENT.fullmatch(value) if isinstance(value, str) else None
    if found is None or not int(found[1], 16) or not int(found[2], 16):
        return None
    return int(found[1], 16), int(found[2], 16), bool(int(found[3], 16) & 1)
