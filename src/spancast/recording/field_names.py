"""Keys that are probably mistakes: nearly a trace field's name, or named like a secret. Each is one warning.

A secret's value never leaves, in any mode: neither under such a name, nor where the value itself looks like a key.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import Final, cast

from ..capture.snapshot import FEW, size_of_texts, sized_data
from ..privacy.secrets import MASK, is_secret_name, without_secrets
from ..record.json import JSON
from .notice import warn_once

NAMES: Final = ("trace_id", "trace_name", "span_name", "generation_name", "parent_span_id", "user", "session_id")
_ALIASES: Final = frozenset({"user_id", "conversation_id", "thread_id"})
_LIKENESS = 0.82  # of difflib: `sesion_id`, `session` and `usr` are meant, `user_tier` and `span_id` are not
_MAX_NAME = 40  # characters; a longer key is nobody's typing mistake
_MAX_SEEN = 4096
_MAX_KEYS = 4096  # of one mapping that are looked at
_MAX_NEW = 40  # names that one callback compares: 20 to 40 µs each
_MAX_TEXT = 300  # characters of a text that is remembered as harmless
_MAX_LOOKED_AT = 262_144  # characters of one text in metadata, looked at in 15 ms; what is not looked at does not leave
_MAX_ENTRIES = 1_000  # of one metadata, whose sizes are added up
_OTHER_BYTES = 32  # a number
SHORT_BYTES = 64  # a name that is counted as short, and its value
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_seen: set[object] = set()
_seen_keywords: set[object] = set()  # of `trace(...)` and handlers, where more names are near
_short: set[str] = set()  # written when an adapter is imported
all_short: Final = _short.issuperset
"""Returns whether the values of all names are counted as short; `SHORT_BYTES` each, then: two calls less than `bytes_of`."""
_none_short: Final = _short.isdisjoint
_plain: set[object] = set()  # those among them that are no field's names
all_plain: Final = _plain.issuperset
"""Returns whether names were all looked at, and none is a field's: one call in C for what most metadata comes to."""


def meant_by(key: str, names: Iterable[str] = NAMES) -> str | None:
    """Return the name that *key* is a mistyping of, if there is one: `sesion_id`, `sessionId`, `Session-ID`."""
    if len(key) > _MAX_NAME:
        return None
    plain = _HUMP.sub("_", key).lower().replace("-", "_")
    if plain in _ALIASES:
        return None
    close = difflib.get_close_matches(plain, list(names), n=1, cutoff=_LIKENESS)
    return close[0] if close and close[0] != key else None


def look_at_keys(mapping: Mapping[str, object], fields: frozenset[str]) -> None:
    """Warn of mistyped *fields* in a framework's metadata or tags, and remember the names that are none of them."""
    first = mapping if len(mapping) <= _MAX_KEYS else dict.fromkeys(islice(mapping, _MAX_KEYS))
    if not _seen.issuperset(first):
        _look_once(first, _seen, NAMES)
        _plain.update(_seen.intersection(first).difference(fields))


def look_at_keywords(mapping: Mapping[str, object], names: tuple[str, ...]) -> None:
    """Warn of mistyped fields, of *names*, among keyword arguments: each is compared once (benchmarks/drain.py)."""
    if not _seen_keywords.issuperset(mapping):
        _look_once(mapping, _seen_keywords, names)


def _look_once(mapping: Mapping[str, object], seen: set[object], names: tuple[str, ...]) -> None:
    room = min(_MAX_NEW, _MAX_SEEN - len(seen))
    for key in list(islice(mapping, _MAX_KEYS)):
        if room <= 0:
            break
        if key not in seen:
            room -= 1
            seen.add(key)
            if type(key) is str:
                warn_of_key(key, names)


def bytes_of(mapping: Mapping[str, object]) -> int:
    """Return about how many bytes the keys and values of metadata take; bounded work, whatever they are."""
    if not mapping:
        return 0
    if len(mapping) > _MAX_ENTRIES:
        mapping = dict(list(mapping.items())[:_MAX_ENTRIES])
    if _none_short(mapping):
        try:  # texts alone, most of what applications say: a twentieth of a loop's steps (benchmarks/drain.py)
            return len("".join(mapping)) + len("".join(mapping.values()))  # type: ignore[arg-type]
        except TypeError:
            pass
    others = set(mapping).difference(_short)
    size = SHORT_BYTES * (len(mapping) - len(others))
    for key in others:
        value = mapping.get(key)
        kind = type(value)
        size += len(key) if type(key) is str else _OTHER_BYTES
        if kind is str:
            size += len(value)  # type: ignore[arg-type]
        elif kind is dict or kind is list or kind is tuple:
            few = size_of_texts(value.copy()) if kind is dict and len(value) <= FEW else 0  # type: ignore
            size += few or sized_data(value)[1]
        else:
            size += _OTHER_BYTES
    return size


def count_as_short(names: Iterable[str]) -> None:
    """Count a fixed number of bytes for metadata of these *names*, whose values a framework itself makes, and keeps short.

    They are on each run: measuring six of them took 13 of a model call's 330 thousand instructions.
    """
    _short.update(names)


def warn_of_key(key: str, names: Iterable[str] = NAMES) -> None:
    """Say once that *key* is probably another field, where it is."""
    meant = meant_by(key, names)
    if meant is not None:
        warn_once(
            f"typing:{key}",
            "spancast: `%s` is not a trace field, and is kept as metadata: did you mean `%s`?",
            without_secrets(key),
            meant,
        )


def forget() -> None:
    """Look at all keys again (for tests)."""
    _seen.clear()
    _seen_keywords.clear()
    _plain.clear()


def without_secret_values(mapping: Mapping[str, JSON]) -> Mapping[str, JSON]:
    """Return *mapping*, or where there are secrets in it a copy without them. The values are plain and bounded."""
    if not _harmless_names.issuperset(mapping):
        for key in mapping:
            if is_secret_name(key):
                return {key: _named(key, value) for key, value in mapping.items()}
        _remember(_harmless_names, [key for key in mapping if len(key) <= _MAX_TEXT])
    harmless = harmless_texts
    try:
        if harmless.issuperset(mapping.values()):  # what was looked at before: one call in C
            return mapping
    except TypeError:  # a list or a mapping among them
        pass
    for value in mapping.values():
        kind = type(value)
        # the two steps for most values; a call for each took half of the encoder's work on 30 names (benchmarks/drain.py)
        if kind is str:
            if value in harmless:
                continue
        elif value is None or kind is int or kind is float or kind is bool:
            continue
        if _clean(value) is not value:
            return {key: _named(key, value) for key, value in mapping.items()}
    return mapping


def without_secret(text: str) -> str:
    """Return a field's value without what looks like a key."""
    return cast("str", _clean(text))


def _named(key: str, value: JSON) -> JSON:
    if value is None or value == "" or isinstance(value, bool) or not is_secret_name(key):
        return _clean(value)
    warn_once(
        f"secret:{key}",
        "spancast: `%s` in trace fields or metadata is named like a secret: its value is not recorded. "
        "Give credentials to the destination, not to the trace.",
        key[:_MAX_NAME],
    )
    return MASK


def _clean(value: JSON) -> JSON:
    """Return *value* itself where there is no secret in it."""
    if type(value) is str:
        if len(value) > _MAX_LOOKED_AT:
            left_out = len(value) - _MAX_LOOKED_AT
            return f"{without_secrets(value[:_MAX_LOOKED_AT])}… ({left_out:,} more characters left out)"
        if value in harmless_texts:
            return value
        clean = without_secrets(value)
        if clean == value:
            if len(value) <= _MAX_TEXT:
                _remember(harmless_texts, (value,))
            return value
        warn_once("secret value", "spancast: a value in trace fields or metadata looks like a key: it is not recorded.")
        return clean
    if isinstance(value, dict):
        clean_dict = without_secret_values(value)
        return value if clean_dict is value else dict(clean_dict)
    if isinstance(value, list):
        cleaned = [_clean(item) for item in value]
        return cleaned if any(new is not old for new, old in zip(cleaned, value, strict=True)) else value
    return value


# The same names of users, sessions and environments come again with each span. Ids that come once only, such as LangGraph's
# of a checkpoint, fill them: so they are small (0.1 MB each). Each step is one atomic operation on a set.
_MOST_HARMLESS = 512
_harmless_names: set[object] = set()
harmless_texts: set[object] = set()  # read by `fields` too


def _remember(harmless: set[object], found: Collection[str]) -> None:
    """Remember names or texts in which no secret was found."""
    if len(harmless) + len(found) > _MOST_HARMLESS:
        harmless.clear()
    if len(found) <= _MOST_HARMLESS:
        harmless.update(found)
