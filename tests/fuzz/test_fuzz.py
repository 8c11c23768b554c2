"""A fixed number of made-up inputs for what reads or shortens the data of others: the second stage.

Snapshots, cutting, redaction, media, names, and reading OTLP: nothing raises, everything stays within its bounds.
"""

from __future__ import annotations

import json
import math
from collections import OrderedDict, defaultdict, deque
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spancast import redact
from spancast.capture.snapshot import BUDGET, ShapeTable, Snapshot, plain_data
from spancast.conventions.cutting import beginning, cut
from spancast.conventions.span import Span
from spancast.otlp.encoding import ENCODINGS
from spancast.otlp.json_decoding import decode_request
from spancast.privacy.allow_list import without_content
from spancast.privacy.media import without_media
from spancast.privacy.redaction import Redaction
from spancast.record.json import dumps
from spancast.record.operation import Generation, Kind, Operation, ToolUse
from spancast.view.read import read_line, read_protobuf

pytestmark = pytest.mark.slow
FUZZ = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)

# ---------------------------------------------------------------- made-up data
TEXT = st.one_of(
    st.text(max_size=40),
    st.text(st.sampled_from('{}[]",:\\ \n\x00é😀\ud800ab1-@.:/='), max_size=60),
    st.sampled_from(
        ["x" * 3000, '{"a": "' + "y" * 900 + '"}', "[" * 300, '"' * 200, "data:a/b;base64," + "QUJD" * 400]
    ),
    st.sampled_from(["api_key=", "password: ", "Bearer ", "sk-", "-----BEGIN PRIVATE KEY-----", "://u:p@", "eyJ"]).map(
        lambda start: start * 30
    ),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(10**400), 10**400),
    st.floats(),
    TEXT,
    st.binary(max_size=20),
    st.decimals(),
    st.dates(),
    st.uuids(),
    st.complex_numbers(),
    st.sampled_from([int, len, ..., NotImplemented, Decimal("1e99999")]),
)
KEYS = st.one_of(TEXT, st.integers(), st.none(), st.booleans(), st.floats(), st.tuples(st.integers(), TEXT), st.uuids())
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=8),
        st.lists(inner, max_size=3).map(lambda items: items * 700),
        st.lists(inner, max_size=4).map(tuple),
        st.lists(inner, max_size=4).map(deque),
        st.dictionaries(KEYS, inner, max_size=6),
        st.dictionaries(TEXT, inner, max_size=3).map(OrderedDict),
        st.dictionaries(TEXT, inner, max_size=3).map(lambda held: defaultdict(dict, held)),
        st.dictionaries(
            st.sampled_from(["type", "source", "image", "data", "password", "messages"]), inner, max_size=4
        ),
    ),
    max_leaves=25,
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), TEXT),
    lambda inner: st.one_of(
        st.lists(inner, max_size=8),
        st.dictionaries(TEXT, inner, max_size=6),
        inner.map(dumps),  # JSON inside JSON
        st.lists(inner, max_size=2).map(lambda items: items * 500),
    ),
    max_leaves=25,
)


def leaves(value: Any) -> int:
    """Return how many values a copy holds."""
    if isinstance(value, dict):
        return 1 + sum(map(leaves, value.values()))
    return 1 + sum(map(leaves, value)) if isinstance(value, list) else 1


def is_plain(value: Any) -> bool:
    """Return whether a copy is made of exact plain types only."""
    if type(value) is dict:
        return all(type(key) is str and is_plain(item) for key, item in value.items())
    if type(value) is list:
        return all(map(is_plain, value))
    return value is None or type(value) in (str, int, float, bool)


# ---------------------------------------------------------------- snapshots
@FUZZ
@given(ANYTHING)
def test_a_snapshot_is_plain_and_within_its_budget(value: Any) -> None:
    """Whatever is copied: plain data, as JSON valid, no more values than the budget has."""
    snapshot = Snapshot(ShapeTable())
    copy = snapshot.capture(value)
    assert is_plain(copy)
    assert leaves(copy) <= BUDGET + 100
    assert snapshot.size >= 0
    orjson.loads(dumps(copy))  # type: ignore[arg-type]


# ---------------------------------------------------------------- cutting
@FUZZ
@given(JSON, st.integers(0, 3000))
def test_what_is_cut_is_within_the_limit_and_of_its_kind(value: Any, limit: int) -> None:
    """JSON stays JSON, text stays text."""
    text = dumps(value)
    short = cut(text, limit)
    assert len(short) <= limit or len(text) <= limit
    if text[:1] in ("{", "[") and limit >= 2:
        assert type(json.loads(text)) is type(json.loads(short))
        first = beginning(text, limit)
        assert first is None or len(first) <= limit


@FUZZ
@given(TEXT, TEXT, TEXT, st.integers(0, 500))
def test_any_text_can_be_cut(first: str, second: str, third: str, limit: int) -> None:
    """Whether it looks like JSON or not."""
    for text in (first + second, "{" + first + second, '["' + first + '", ' + second + third):
        assert len(cut(text, limit)) <= max(limit, 0) or len(text) <= limit


# ---------------------------------------------------------------- redaction, media, names
def operation(value: Any, text: str) -> Operation:
    """Return an operation that holds *value* and *text* wherever something can be."""
    plain = plain_data({"value": value, text: text})
    values: Any = plain if isinstance(plain, dict) else {}
    return Operation(
        kind=Kind.LLM,
        name=text,
        trace_id=1,
        span_id=2,
        start_ns=1,
        end_ns=2,
        user=text,
        metadata=values,
        attributes=values,
        input=plain,
        output=text,
        detail=Generation(operation="chat", request_model=text, parameters=values, finish_reasons=(text,)),
    )


@FUZZ
@given(ANYTHING, TEXT)
def test_redaction_and_media_keep_the_shape(value: Any, text: str) -> None:
    """A hook that changes nothing changes nothing but numbers' types; every text was shown to it."""
    each = operation(value, text)
    shown: set[str] = set()

    def hook(piece: str) -> str:
        shown.add(piece)
        return piece

    found = Redaction(hook)(each)
    assert dumps(each.input) == dumps(found.input)
    assert {piece for piece in (text, each.name) if piece} <= shown
    orjson.loads(dumps(without_media(each).input))
    Redaction(redact.BUILT_IN["all"])(each)


@FUZZ
@given(TEXT)
def test_redactors_return_text_without_what_they_recognise(text: str) -> None:
    """Twice is as once, and a key in the middle of anything goes."""
    for redactor in redact.BUILT_IN.values():
        once = redactor(text)
        assert isinstance(once, str)
        redactor(once)
    assert "hunter22-hunter22" not in redact.secrets(f"{text}\n password: hunter22-hunter22 {text}")
    assert "AKIAIOSFODNN7EXAMPLE" not in redact.secrets(f"{text} AKIAIOSFODNN7EXAMPLE {text}")


@FUZZ
@given(TEXT, ANYTHING)
def test_privacy_mode_lets_no_sentence_leave(text: str, value: Any) -> None:
    """What a model may invent leaves as a name, or as a hash."""
    each = operation(value, f"a sentence {text}")
    found = without_content(each)
    assert "a sentence" not in repr(found.detail)
    assert (None, None, {}) == (found.input, found.output, found.attributes)
    tool = Operation(
        kind=Kind.TOOL,
        name=text,
        trace_id=1,
        span_id=2,
        start_ns=1,
        end_ns=2,
        detail=ToolUse(name=text, declared=False),
    )
    assert without_content(tool).name.startswith("sha256:")


# ---------------------------------------------------------------- reading OTLP
FIELDS = (
    *("resourceSpans", "scopeSpans", "spans", "resource", "scope", "traceId", "spanId", "parentSpanId", "name", "kind"),
    *("startTimeUnixNano", "endTimeUnixNano", "timeUnixNano", "status", "code", "message", "events", "links"),
    *("attributes", "key", "value", "values"),
    *("stringValue", "intValue", "doubleValue", "bytesValue", "arrayValue", "kvlistValue"),
)
OTLP = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8), st.just("0" * 32)
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(FIELDS), inner, max_size=6)),
    max_leaves=30,
)


def wrapped(data: Any) -> list[Any]:
    """Return what may stand in a line: the data itself, and as the spans of a request."""
    return [
        data,
        {"resourceSpans": data},
        {"resourceSpans": [{"scopeSpans": data}]},
        {"resourceSpans": [{"resource": data, "scopeSpans": [{"spans": data}]}]},
        {"resourceSpans": [{"scopeSpans": [{"spans": [data]}]}]},
    ]


@FUZZ
@given(OTLP)
def test_any_json_can_be_read_as_otlp(data: Any) -> None:
    """A line of anything is spans, or none: `view` shows what can be read."""
    for each in wrapped(data):
        for span in read_line(json.dumps(each).encode()):
            assert math.isfinite(span.start_ns)


@FUZZ
@given(OTLP)
def test_a_spooled_line_of_anything_is_spans_or_refused(data: Any) -> None:
    """What replays a spool reads a line whole, or says with a `ValueError` that it is none."""
    for each in wrapped(data):
        try:
            decode_request(json.dumps(each).encode())
        except ValueError:
            continue


@FUZZ
@given(st.binary(max_size=200))
def test_any_bytes_can_be_read_as_otlp(data: bytes) -> None:
    """Damaged lines and damaged protobuf, too."""
    read_line(data)
    try:
        list(read_protobuf(data))
    except ValueError:
        pass


SPAN = Span(
    name="n",
    trace_id=1,
    span_id=2,
    parent_span_id=3,
    parent_is_remote=False,
    kind=1,
    operation_kind=Kind.CHAIN,
    start_ns=1,
    end_ns=2,
    attributes={"a": ["b", 1, 2.5, True, {"c": b"d"}], "e": "f" * 40},
    events=(),
    links=(),
    status_code=2,
    status_message="m",
)


@FUZZ
@given(st.sampled_from(sorted(ENCODINGS)), st.data())
def test_flipped_bytes_of_a_span_are_a_span_or_refused(protocol: str, data: st.DataObject) -> None:
    """What a disk does to a span that waits, in either encoding: it reads as one, or is a `ValueError`."""
    encoding = ENCODINGS[protocol]
    damaged = bytearray(encoding.span(SPAN))
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = encoding.decode(bytes(damaged))
    except ValueError:
        return
    assert isinstance(found.name, str)


@FUZZ
@given(st.binary(max_size=300))
def test_any_bytes_are_a_spooled_span_or_refused(data: bytes) -> None:
    """In either encoding, and as a whole line."""
    for read in (*[encoding.decode for encoding in ENCODINGS.values()], decode_request):
        try:
            read(data)
        except ValueError:
            continue
