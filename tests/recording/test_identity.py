"""Ids: made at random, read from what users give, written as a traceparent."""

from __future__ import annotations

from hashlib import sha256
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from spancast.recording import identity

HEX32 = "0af7651916cd43dd8448eb211c80319c"


def test_a_name_becomes_its_sha256() -> None:
    """A trace id that is no hex is hashed as OpenRouter and Langfuse do."""
    expected = int(sha256(b"classification_pipeline_001").hexdigest()[:32], 16)
    assert (expected, True) == identity.read_trace_id("classification_pipeline_001")


def test_32_hex_digits_are_used_verbatim_in_either_case() -> None:
    """A W3C trace id is kept, lower-cased on the way out."""
    assert (int(HEX32, 16), False) == identity.read_trace_id(HEX32)
    assert (int(HEX32, 16), False) == identity.read_trace_id(HEX32.upper())


def test_a_uuid_is_used_without_its_dashes() -> None:
    """A UUID's 32 digits are the trace id."""
    uuid = UUID(HEX32)
    assert (int(HEX32, 16), False) == identity.read_trace_id(str(uuid))


def test_zero_ids_are_hashed() -> None:
    """An all-zero id is invalid in W3C's terms and therefore hashed."""
    assert int(sha256(b"0" * 32).hexdigest()[:32], 16) == identity.read_trace_id("0" * 32)[0]
    assert int(sha256(b"0" * 16).hexdigest()[:16], 16) == identity.read_span_id("0" * 16)[0]


def test_misplaced_dashes_are_no_uuid() -> None:
    """32 digits with dashes elsewhere are text like any other."""
    assert identity.read_trace_id("0af76519-16cd43dd8448eb211c80319c")[1]


def test_16_hex_digits_are_a_span_id() -> None:
    """A W3C span id is kept; anything else is hashed to 16 digits."""
    assert (int("b7ad6b7169203331", 16), False) == identity.read_span_id("b7ad6b7169203331")
    assert (int(sha256(b"step-1").hexdigest()[:16], 16), True) == identity.read_span_id("step-1")


@given(st.text())
def test_any_text_gives_valid_ids(text: str) -> None:
    """Whatever is given, the ids fit their fields and are not 0."""
    assert 0 < identity.read_trace_id(text)[0] < 2**128
    assert 0 < identity.read_span_id(text)[0] < 2**64


def test_new_ids_fit_and_differ() -> None:
    """New ids are not 0, fit their fields, and do not repeat."""
    traces = {identity.new_trace_id() for _ in range(1000)}
    spans = {identity.new_span_id() for _ in range(1000)}
    assert 1000 == len(traces) == len(spans)
    assert all(0 < trace < 2**128 for trace in traces)
    assert all(0 < span < 2**64 for span in spans)


def test_traceparent_has_w3cs_form() -> None:
    """The header value is version, trace id, span id, flags."""
    assert "00-0000000000000000000000000000000a-000000000000000b-01" == identity.traceparent(10, 11, True)
