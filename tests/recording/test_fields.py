"""TraceFields: read from every form in which users write them; malformed ones never raise."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spancast.recording import fields, notice
from spancast.recording.fields import EMPTY, TraceFields, parse_raw_fields, raw_fields_in, read

OPENROUTER = {
    "user": "user_12345",
    "session_id": "session_abc",
    "trace": {
        "trace_id": "classification_pipeline_001",
        "trace_name": "Text Classification",
        "generation_name": "Classify Sentiment",
        "dataset": "customer_feedback",
        "experiment_id": "exp_v3",
    },
}


def test_the_form_of_an_openrouter_request_is_read() -> None:
    """A `trace` object with `user` and `session_id` beside it; unknown keys of it are metadata."""
    expected = TraceFields(
        trace_id="classification_pipeline_001",
        trace_name="Text Classification",
        generation_name="Classify Sentiment",
        user="user_12345",
        session_id="session_abc",
        metadata={"dataset": "customer_feedback", "experiment_id": "exp_v3"},
    )
    assert expected == read(OPENROUTER)


def test_the_flat_form_is_read() -> None:
    """The same keys may stand without the `trace` object."""
    assert TraceFields(trace_name="T", span_name="S", user="u") == read(
        {"trace_name": "T", "span_name": "S", "user": "u"}
    )


@pytest.mark.parametrize("key", ["user", "user_id", "langfuse_user_id"])
def test_known_spellings_of_user(key: str) -> None:
    """Other tools' spellings of the user are understood."""
    assert TraceFields(user="u1") == read({key: "u1"})


@pytest.mark.parametrize("key", ["session_id", "conversation_id", "langfuse_session_id"])
def test_known_spellings_of_session(key: str) -> None:
    """Other tools' spellings of the session are understood."""
    assert TraceFields(session_id="s1") == read({key: "s1"})


def test_thread_id_is_the_session_only_when_nothing_else_says_so() -> None:
    """LangGraph's thread gives way to any session that was said, wherever it was said."""
    said = raw_fields_in({"thread_id": "t1"})
    assert "t1" == EMPTY.with_thread_session(said).session_id
    assert "s1" == TraceFields(session_id="s1").with_thread_session(said).session_id


@pytest.mark.parametrize(
    "mapping",
    [
        {"trace": "a text"},
        {"trace": 17},
        {"trace": ["trace_name"]},
        {"trace_name": ""},
        {"trace_id": "  "},
        {"user": {"id": 1}},
        {"session_id": ["s"]},
        {"trace": {"trace_name": object(), "span_name": b"x"}},
    ],
)
def test_malformed_fields_are_ignored_with_one_warning(mapping: Any, caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be read is left out; the user is told once, not with every run."""
    with caplog.at_level(logging.WARNING, "spancast"):
        assert EMPTY == read(mapping)
        said = len(caplog.messages)
        assert said in (1, 2)
        read(mapping)
    assert said == len(caplog.messages)


def test_what_can_be_read_is_used() -> None:
    """A malformed field does not take the others along."""
    assert TraceFields(user="u", metadata={"ds": "x"}) == read({"trace": {"trace_name": [], "ds": "x"}, "user": "u"})


def test_numbers_and_uuids_are_read_as_text() -> None:
    """A number or a UUID where a text belongs is readable: user 42 is `42`."""
    uuid = UUID(int=7)
    assert TraceFields(user="42", session_id=str(uuid)) == read({"user_id": 42, "session_id": uuid})


def test_long_sessions_are_cut_at_256_and_noticed_above_128(caplog: pytest.LogCaptureFixture) -> None:
    """256 characters are accepted; above 128 the user is told of Arize's limit."""
    assert "s" * 256 == read({"session_id": "s" * 300}).session_id
    notice.forget()
    with caplog.at_level(logging.WARNING, "spancast"):
        assert "s" * 200 == read({"session_id": "s" * 200}).session_id
    assert "Arize takes 128" in caplog.text


def test_nearer_wins_and_metadata_merges() -> None:
    """Fields laid over others replace single values and merge metadata."""
    near = TraceFields(user="near", metadata={"a": 1})
    far = TraceFields(user="far", session_id="s", metadata={"a": 0, "b": 2})
    assert TraceFields(user="near", session_id="s", metadata={"a": 1, "b": 2}) == near.merged_over(far)
    assert far is EMPTY.merged_over(far)
    assert far is far.merged_over(EMPTY)


def test_only_what_is_new_counts() -> None:
    """LangChain repeats a run's metadata on every descendant: a value counts only where it first appears."""
    root = raw_fields_in({"trace_name": "T", "user": "u"})
    node = raw_fields_in({"trace_name": "T", "user": "u", "span_name": "S"})
    assert TraceFields(span_name="S") == parse_raw_fields(node, root)
    assert EMPTY == parse_raw_fields(root, root)


def test_a_mapping_without_known_keys_says_nothing() -> None:
    """Metadata of the application's own costs no reading."""
    assert () == raw_fields_in({"langgraph_step": 1})
    assert () == raw_fields_in(None)


def test_unknown_keywords_are_metadata() -> None:
    """`trace(environment="staging")` is custom metadata; objects become their class name."""
    assert TraceFields(
        trace_name="T", metadata={"environment": "staging", "client": "<object>"}
    ) == fields.fields_from_kwargs({"trace_name": "T", "environment": "staging", "client": object()})


def test_keywords_in_a_mapping_called_metadata_are_metadata_too() -> None:
    """Its keys are no level of their own, and those beside it win; what is no mapping stays a value."""
    found = fields.fields_from_kwargs({"user": "u", "team": "a", "metadata": {"team": "b", "shelf": 7}})
    assert TraceFields(user="u", metadata={"team": "a", "shelf": 7}) == found
    assert {"metadata": "text"} == fields.fields_from_kwargs({"metadata": "text"}).metadata


_values = st.recursive(
    st.none() | st.text() | st.integers() | st.binary(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(fields.FIELD_KEYS), _values))
def test_reading_never_raises(mapping: Any) -> None:
    """Whatever stands in the metadata, reading it gives fields of text."""
    found = parse_raw_fields(raw_fields_in(mapping))
    for name in ("trace_id", "trace_name", "span_name", "generation_name", "parent_span_id", "user", "session_id"):
        value = getattr(found, name)
        assert value is None or (isinstance(value, str) and value.strip())


class _Broken(dict):  # type: ignore[type-arg]
    def items(self) -> Any:
        raise RuntimeError("items")


class _BrokenText(str):
    __slots__ = ()

    def strip(self, *characters: Any) -> str:
        raise RuntimeError("strip")


@pytest.mark.parametrize("trace", [_Broken(trace_name="T"), {"trace_name": 10**5000}, {"trace_name": _BrokenText("T")}])
def test_values_that_cannot_be_read_raise_nothing(trace: Any) -> None:
    """A mapping that raises, a number of thousands of digits, a text with methods of its own."""
    fields.read({"trace": trace, "user": 10**5000, "session_id": _BrokenText("s")})
    found = fields.fields_from_kwargs({"user": 10**5000, "session_id": _BrokenText("s")})
    assert ("s", "<int of 16610 bits>") == (found.session_id, found.user)


def test_a_value_is_not_asked_whether_it_equals_nothing() -> None:
    """Code of a value's own may take any time: it is compared only with what stood there before."""
    asked = []

    class Value(str):
        def __eq__(self, other: object) -> bool:
            asked.append(other)
            return True

        __hash__ = str.__hash__

    parse_raw_fields(raw_fields_in({"user": Value("u1")}))
    assert not asked


_VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=9)
)


@given(st.dictionaries(st.sampled_from([*fields.CONSUMED[1:], "a", "b.c", "kin"]), st.text(max_size=9)), _VALUES)
def test_keywords_are_read_alike_with_and_without_other_values(texts: dict[str, Any], other: Any) -> None:
    """Texts alone take a shorter way; beside a list they are read one by one."""
    alone = fields.fields_from_kwargs({**texts, "z": "x"})
    beside = fields.fields_from_kwargs({**texts, "z": "x", "other": [other]})
    assert beside.metadata == {**alone.metadata, "other": [fields.plain_data(other)]}
    assert alone.inherited() == replace(beside, metadata=alone.metadata).inherited()
    assert [alone.trace_id, alone.trace_name] == [beside.trace_id, beside.trace_name]


@given(st.dictionaries(st.text(max_size=5), _VALUES, max_size=6))
def test_the_size_of_metadata_is_that_of_its_names_and_values(metadata: dict[str, Any]) -> None:
    """Measured once, and for texts alone in two calls."""
    said = TraceFields(metadata=metadata)
    texts = [value for value in metadata.values() if isinstance(value, str)]
    expected = len("".join([*metadata, *texts])) + 32 * (len(metadata) - len(texts))
    assert [expected, expected] == [fields.metadata_bytes(said), fields.metadata_bytes(said)]
