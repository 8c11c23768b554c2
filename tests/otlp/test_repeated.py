"""Texts that come again are encoded once: the bytes are the same, and what is kept is bounded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spancast.conventions.span import Span
from spancast.otlp import json, protobuf
from spancast.otlp.repeated import Repeated, first, forget_repeated, remember, repeated_texts

from .strategies import ATTRIBUTES, one_span

_FEW = st.dictionaries(
    st.sampled_from(["a", "b"]), st.sampled_from(["", "x", "é\ud800", 1, True, 1.0, ["x"]]), max_size=2
)


@pytest.mark.parametrize("encode", [json.encode_span, protobuf.encode_span])
@given(st.lists(ATTRIBUTES | _FEW, max_size=4))
def test_a_span_is_encoded_as_if_it_were_the_first(
    encode: Callable[[Span], bytes], each: list[dict[str, object]]
) -> None:
    """What spans before it held shows nowhere."""
    spans = [one_span(attributes) for attributes in each]  # type: ignore[arg-type]
    alone = []
    for span in spans:
        forget_repeated()
        alone.append(encode(span))
    forget_repeated()
    assert alone == [encode(span) for span in spans]
    assert alone == [encode(span) for span in spans]


def test_a_name_whose_texts_do_not_repeat_keeps_none() -> None:
    """Ids and questions are not kept."""
    kept: Repeated = repeated_texts()
    first(kept, "id", "0", b"0")
    for number in range(100):
        if kept["id"] is not None:
            remember(kept, "id", str(number), b"%d" % number)
    remember(kept, "id", "another", b"another")
    assert kept == {"id": None}


def test_names_are_bounded() -> None:
    """Nothing is kept of the names that come after the first few hundred, nor of very long ones."""
    kept: Repeated = repeated_texts()
    first(kept, "n" * 10_000, "x", b"x")
    for number in range(10_000):
        first(kept, f"name {number}", "x", b"x")
    assert len(kept) < 1000
    forget_repeated()
    assert not kept


@pytest.mark.parametrize(("module", "kept"), [(json, json._REPEATED), (protobuf, protobuf._REPEATED[b"\x4a"])])
def test_no_long_text_is_looked_for(module: Any, kept: Repeated) -> None:
    """To look for a text of 100 kB costs as much as to encode it: a name under which there was one is not looked up."""
    for text in ("short", "x" * 100_000, "short"):
        module.encode_span(one_span({"a": text, "b": "short"}))
    assert (None, ["short"]) == (kept["a"], list(kept["b"] or ()))
