"""TraceFields: what the user says about a trace, and how it is read from the places where it may be said."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import field, replace
from itertools import repeat
from operator import is_
from typing import Final, cast
from uuid import UUID

from ..capture.shapes import class_name, key_text
from ..capture.snapshot import plain_data
from ..record.fast_frozen import frozen
from ..record.json import JSON
from ..record.operation import NOTHING
from .field_names import NAMES, all_plain, bytes_of, harmless_texts, look_at_keys, look_at_keywords, without_secret
from .guard import report_fault
from .notice import warn_once

_NAMES: Final = ("trace_id", "trace_name", "span_name", "generation_name", "parent_span_id")
# The first spelling that holds a value wins.
_SPELLINGS: Final = {
    **{name: (name,) for name in _NAMES},
    "user": ("user", "user_id", "langfuse_user_id"),
    "session_id": ("session_id", "conversation_id", "langfuse_session_id"),
}
_PLAIN_NAMES: Final = frozenset({*_NAMES, "user", "session_id"})
CONSUMED: Final = ("trace", *dict.fromkeys(key for keys in _SPELLINGS.values() for key in keys))
_THREAD: Final = "thread_id"  # LangGraph's: the session when nothing else says so
FIELD_KEYS: Final = (*CONSUMED, _THREAD)
_FIELD_KEY_SET: Final = frozenset(FIELD_KEYS)
_CONSUMED_SET: Final = frozenset(CONSUMED)
_ACCEPTED = 256  # characters of user and session_id: OpenRouter's own limit (its API reference)
_ADVISED = 128  # Arize's limit for both (its documentation)

# of `trace(...)` and of the handlers, besides the fields
_LONGEST: Final = 8_192  # characters of a name or an id: what is longer is none, and a callback looks at no more
_KEYWORDS: Final = (
    *("kind", "input", "output", "capture_input", "capture_output", "pipeline"),
    *("detail", "context_fields"),
)
_NEAR: Final = (*NAMES, *_KEYWORDS)
RawFields = tuple[object, ...]
NO_FIELDS: Final[RawFields] = ()


@frozen(kw_only=True)
class TraceFields:
    """OpenRouter's `trace` object plus `user` and `session_id`.

    Attributes:
        trace_id: Groups runs into one trace; see `identity.read_trace_id`.
        trace_name: Names the root.
        span_name: Names the chain that holds the generations.
        generation_name: Names the generations below.
        parent_span_id: Puts the root under a span that exists already.
        user, session_id: Go onto every span.
        metadata: Any further keys, onto every span.
    """

    trace_id: str | None = None
    trace_name: str | None = None
    span_name: str | None = None
    generation_name: str | None = None
    parent_span_id: str | None = None
    user: str | None = None
    session_id: str | None = None
    metadata: Mapping[str, JSON] = NOTHING
    _metadata_bytes: int = field(default=-1, init=False, repr=False, compare=False)

    def merged_over(self, farther: TraceFields) -> TraceFields:
        """Return these fields laid over *farther* ones: nearer wins, metadata merges."""
        if farther is EMPTY:
            return self
        if self is EMPTY:
            return farther
        # `or`: a field that is set has text that is not empty; `dataclasses.replace` costs three times as much
        return TraceFields(
            trace_id=self.trace_id or farther.trace_id,
            trace_name=self.trace_name or farther.trace_name,
            span_name=self.span_name or farther.span_name,
            generation_name=self.generation_name or farther.generation_name,
            parent_span_id=self.parent_span_id or farther.parent_span_id,
            user=self.user or farther.user,
            session_id=self.session_id or farther.session_id,
            metadata={**farther.metadata, **self.metadata} if farther.metadata else self.metadata,
        )

    def inherited(self) -> TraceFields:
        """Return what descendants take over: all but what acts on the root or on one chain only."""
        if not (self.trace_id or self.trace_name or self.span_name or self.parent_span_id):
            return self
        return TraceFields(
            generation_name=self.generation_name, user=self.user, session_id=self.session_id, metadata=self.metadata
        )

    def with_thread_session(self, said: RawFields) -> TraceFields:
        """Take LangGraph's `thread_id` for the session where nothing else names one."""
        thread = said[-1] if said and self.session_id is None else None
        session = _text(_THREAD, thread)
        return replace(self, session_id=session) if session else self


EMPTY: Final = TraceFields()


def metadata_bytes(fields: TraceFields) -> int:
    """Return about how many bytes the metadata of *fields* takes; measured once, for all operations that share it."""
    size = fields._metadata_bytes
    if size < 0:
        size = bytes_of(fields.metadata)
        object.__setattr__(fields, "_metadata_bytes", size)
    return size


class ReservedPlace:
    """The ids that a block without a span has given out: the first root that begins inside it takes them."""

    __slots__ = ("operation", "span_id", "trace_id")

    def __init__(self, trace_id: int, span_id: int) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.operation: object = None  # the operation that took the place


@frozen(eq=False)
class FieldScope:
    """What a `with trace(...)` block says, over what the blocks around it say. Compared by identity."""

    fields: TraceFields
    reserved: ReservedPlace | None = None


# The innermost block; an operation opened under the same scope as its parent has already inherited it.
field_scope: ContextVar[FieldScope | None] = ContextVar("spancast_fields", default=None)


def raw_fields_in(mapping: Mapping[str, object] | None) -> RawFields:
    """Return the raw values of all known keys in *mapping*; `NO_FIELDS` when there is none."""
    if not mapping or _FIELD_KEY_SET.isdisjoint(mapping):
        return NO_FIELDS
    return tuple([mapping.get(key) for key in FIELD_KEYS])


def fields_in(mapping: Mapping[str, object]) -> RawFields:
    """The same for a framework's metadata or tags; of keys that are probably mistakes it warns."""
    if all_plain(mapping):
        return NO_FIELDS
    look_at_keys(mapping, _FIELD_KEY_SET)
    return raw_fields_in(mapping)


def parse_raw_fields(said: RawFields, farther: RawFields = NO_FIELDS) -> TraceFields:
    """Return the fields that *said* has and *farther* had not.

    LangChain hands a run's metadata down to every descendant, so a value counts only where it first appears.
    Malformed values never raise: what can be read is used, the rest is ignored with one warning.
    """
    before = dict(zip(FIELD_KEYS, farther)) if farther else {}
    fresh = {
        key: value for key, value in zip(FIELD_KEYS, said) if value is not None and not same(before.get(key), value)
    }
    return read(fresh) if fresh else EMPTY


def read(mapping: Mapping[str, object]) -> TraceFields:
    """Return the fields in *mapping*: a `trace` object with `user` and `session_id` beside it, or the keys flat."""
    return TraceFields(**_values_in(mapping))  # type: ignore[arg-type]


def _values_in(mapping: Mapping[str, object]) -> dict[str, object]:
    """Return the values of a `TraceFields` that *mapping* says."""
    if _PLAIN_NAMES.issuperset(mapping):  # of `trace(...)`, in most cases: one spelling each
        values: dict[str, object] = {}
        for name, value in mapping.items():
            if value is not None and (found := _text(name, value)) is not None:
                values[name] = found
        return values
    trace = mapping.get("trace")
    inner: dict[str, object] = {}
    if issubclass(type(trace), Mapping):  # isinstance would ask the object itself
        inner = _items(cast("Mapping[object, object]", trace))
    elif trace is not None:
        warn_once(
            "trace", "spancast: `trace` is %s, not an object with keys such as trace_name: ignored.", _class(trace)
        )
    values = {}
    for name, spellings in _SPELLINGS.items():
        value = _text(name, inner.pop(name)) if inner and name in inner and name in _NAMES else None
        for key in spellings:
            if value is not None:
                break
            candidate = mapping.get(key)
            if candidate is not None:
                value = _text(name, candidate)
        if value is not None:
            values[name] = value
    metadata = {key: plain_data(value) for key, value in inner.items() if value is not None}
    look_at_keys(metadata, _FIELD_KEY_SET)
    if metadata:
        values["metadata"] = metadata
    return values


def _items(trace: Mapping[object, object]) -> dict[str, object]:
    try:
        return {key_text(key): value for key, value in trace.items()}
    except Exception:  # a mapping of the application's own
        warn_once("trace:items", "spancast: `trace` is %s that cannot be read: ignored.", _class(trace))
        return {}


def fields_from_kwargs(values: Mapping[str, object]) -> TraceFields:
    """Return the fields in the keyword arguments of `trace(...)` or of a handler: whatever is not known is metadata.

    A mapping called `metadata` is not one more level: its keys stand beside the others, which win.

    Metadata is looked through for secrets where it leaves: by the encoder, and by `openrouter`.

    Never raises: of values that cannot be looked at nothing is left.
    """
    try:
        return _fields_from_kwargs(values)
    except Exception as error:  # a class of the application's whose own class raises
        report_fault("fields", error)
        return EMPTY


def _fields_from_kwargs(values: Mapping[str, object]) -> TraceFields:
    if not values:
        return EMPTY
    consumed = values.keys() & _CONSUMED_SET
    found = _values_in({name: values[name] for name in consumed}) if consumed else {}
    rest = cast("dict[str, JSON]", dict(values))
    for name in consumed:
        del rest[name]
    if not all(map(is_, map(type, rest.values()), repeat(str))):  # texts alone: in C, and no class is asked
        rest = {
            key: value if type(value) is str else plain_data(value) for key, value in rest.items() if value is not None
        }
        if type(inside := rest.get("metadata")) is dict:  # what other tracers' users write for several keys
            del rest["metadata"]
            rest = {**inside, **rest}
    if rest:
        look_at_keywords(rest, _NEAR)
        further = found.get("metadata")  # in a `trace` object, which lies beneath the keywords
        found["metadata"] = {**further, **rest} if further else rest  # type: ignore[dict-item]
    return TraceFields(**found) if found else EMPTY  # type: ignore[arg-type]


def _text(name: str, value: object) -> str | None:
    if value is None:
        return None
    kind = type(value)
    if kind is str and len(value) <= _ADVISED and value in harmless_texts and value.strip():  # type: ignore
        return value  # type: ignore[return-value]
    if issubclass(kind, (UUID, int, float)) and kind is not bool:
        text = str(plain_data(value))  # not by the value's own code; an integer may be too long for `str`
        if not issubclass(kind, UUID):
            warn_once(name + ":number", "spancast: `%s` is the number %.100s; used as text.", name, text)
        return _bounded(name, text) if name in ("user", "session_id", _THREAD) else text
    if not issubclass(kind, str) or not str.strip(cast("str", value)):
        what = "empty" if issubclass(kind, str) else f"{_class(value)}, not text"
        warn_once(name + ":malformed", "spancast: `%s` is %s: ignored.", name, what)
        return None
    text = str.__str__(cast("str", value))
    text = without_secret(text[:_LONGEST])
    return _bounded(name, text) if name in ("user", "session_id", _THREAD) else text


def _bounded(name: str, value: str) -> str:
    if len(value) > _ACCEPTED:
        warn_once(name + ":long", "spancast: `%s` has %d characters; cut to %d.", name, len(value), _ACCEPTED)
        return value[:_ACCEPTED]
    if len(value) > _ADVISED:
        warn_once(name + ":advised", "spancast: `%s` has %d characters; Arize takes %d.", name, len(value), _ADVISED)
    return value


def same(one: object, other: object) -> bool:
    """Return whether two values are equal; never raises."""
    if one is other:
        return True
    if one is None or other is None:  # without asking: a value's own code may take any time
        return False
    try:
        return bool(one == other)
    except Exception:  # a user's object with a hostile __eq__ counts as different
        return False


def _class(value: object) -> str:
    return f"a {class_name(type(value))[1:-1]}"
