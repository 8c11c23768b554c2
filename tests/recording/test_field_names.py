"""Typing mistakes speak, and secrets in trace fields never leave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.runnables import RunnableLambda
from llama_index.core.llms import MockLLM
from llama_index_instrumentation.dispatcher import instrument_tags

import spancast
from spancast import destinations, llama_index
from spancast.destinations import MemoryDestination
from spancast.langchain import SpancastCallbackHandler
from spancast.privacy.secrets import without_secrets
from spancast.recording import field_names
from spancast.recording.field_names import meant_by, without_secret_values
from spancast.recording.fields import fields_from_kwargs, read

KEY = "sk-proj-0123456789abcdefghijklmnop"
CONFIG = Callable[[dict[str, Any]], None]


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("sesion_id", "session_id"),
        ("sessionId", "session_id"),
        ("Session-ID", "session_id"),
        ("session", "session_id"),
        ("usr", "user"),
        ("trace_nmae", "trace_name"),
        ("parent_spanid", "parent_span_id"),
        ("generation_nam", "generation_name"),
        *dict.fromkeys(
            (
                "environment",
                "user_id",
                "thread_id",
                "user_tier",
                "span_id",
                "run_id",
                "region",
                "conversation_id",
                "x" * 99,
            )
        ).items(),
    ],
)
def test_a_mistyped_field_is_recognised(key: str, meant: str | None) -> None:
    """What is near a field's name is meant to be it; what is merely like it is not."""
    assert meant == meant_by(key)


def through_the_handler(values: dict[str, Any]) -> None:
    """Give them to LangChain's handler as defaults."""
    RunnableLambda(lambda text: text).invoke("x", {"callbacks": [SpancastCallbackHandler(**values)]})


def through_a_block(values: dict[str, Any]) -> None:
    """Give them to a block."""
    with spancast.trace(trace_name="T", **values):
        pass


def test_a_name_is_compared_once_however_many_spans_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comparing 30 names took a millisecond a span."""
    asked: list[str] = []

    def count(key: str, names: Any = ()) -> None:
        asked.append(key)

    monkeypatch.setattr(field_names, "meant_by", count)
    for number in range(3):
        fields_from_kwargs({f"attribute.{index}": number for index in range(30)})
        read({"trace": {f"tag.{index}": number for index in range(30)}})
    assert 60 == len(asked) == len(set(asked))


def test_a_callback_compares_few_new_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Metadata with ten thousand new names took 65 ms."""
    asked: list[str] = []

    def count(key: str, names: Any = ()) -> None:
        asked.append(key)

    monkeypatch.setattr(field_names, "meant_by", count)
    read({"trace": {f"name.{index}": 1 for index in range(10_000)}})
    assert len(asked) < 100


def test_a_huge_text_of_metadata_is_looked_at_and_sent_in_part() -> None:
    """No value holds up the encoder: what is not looked at does not leave."""
    text = "a" * 300_000 + KEY
    (found,) = without_secret_values({"big": text}).values()
    assert isinstance(found, str)
    assert KEY not in found
    assert found.endswith("a… (37,890 more characters left out)")
    assert 262_144 < len(found) < 262_300


def through_metadata(values: dict[str, Any]) -> None:
    """Give them to a run, flat."""
    RunnableLambda(lambda text: text).invoke("x", {"callbacks": [SpancastCallbackHandler()], "metadata": values})


def through_the_trace_object(values: dict[str, Any]) -> None:
    """Give them to a run, as in an OpenRouter request."""
    through_metadata({"trace": {"trace_name": "T", **values}})


def through_llama_index(values: dict[str, Any]) -> None:
    """Give them to LlamaIndex's handler and to a call's tags."""
    llama_index.set_global_handler(**values)
    try:
        with instrument_tags(values):
            MockLLM().complete("x")
    finally:
        llama_index.uninstrument()


WAYS = [through_the_handler, through_a_block, through_metadata, through_the_trace_object, through_llama_index]


@pytest.mark.parametrize("way", WAYS)
def test_a_typing_mistake_is_one_warning_that_names_the_field(
    way: CONFIG, pipeline: spancast.Pipeline, memory: MemoryDestination, caplog: pytest.LogCaptureFixture
) -> None:
    """However often it is made; the value is kept, as metadata."""
    for _ in range(3):
        way({"sesion_id": "s1"})
    said = [record.getMessage() for record in caplog.records if "sesion_id" in record.getMessage()]
    assert 1 == len(said)
    assert "did you mean `session_id`?" in said[0]
    assert "s1" == memory.spans[-1].attributes["metadata.sesion_id"]


@pytest.mark.parametrize("way", WAYS)
def test_a_secret_is_one_warning_and_never_leaves(way: CONFIG, caplog: pytest.LogCaptureFixture) -> None:
    """Neither under a secret's name, also deep inside, nor as a value that looks like a key; in no mode, not in the log."""
    ways_out = [
        destinations.memory(name="openinference"),
        destinations.memory(name="gen_ai", convention="gen_ai"),
        destinations.memory(name="private", privacy_mode=True),
    ]
    with spancast.Pipeline(*ways_out):
        for _ in range(3):
            way(
                {
                    "secret_key": "canary",
                    "nested": {"authorization": ["canary"], "list": [{"api_key": "canary"}]},
                    "note": KEY,
                }
            )
    seen = repr([memory.spans for memory in ways_out])
    assert ways_out[0].spans
    assert "canary" not in seen + caplog.text
    assert KEY not in seen + caplog.text
    assert 1 == len([record for record in caplog.records if "`secret_key`" in record.getMessage()])


def test_a_secret_as_user_or_session_never_leaves(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """A token that was taken for an id."""
    with spancast.trace(trace_name=f"T {KEY}", user=KEY, session_id=KEY):
        pass
    assert KEY not in repr(memory.spans)


def test_a_secret_among_the_attributes_never_leaves(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """What the application puts onto the current span is looked at as well."""
    with spancast.trace(trace_name="T") as trace:
        trace.set_attribute("http.request.header.authorization", "canary")
        trace.set_attribute("shelf", 7)
    (span,) = memory.spans
    assert ("[redacted]", 7) == (span.attributes["http.request.header.authorization"], span.attributes["shelf"])


_plain: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("ab c=:", max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text("abc_", max_size=6), _plain, max_size=4))
def test_what_holds_no_secret_is_not_copied(mapping: dict[str, Any]) -> None:
    """The same object comes back, so the usual span costs a look only."""
    assert mapping is without_secret_values(mapping)


_MAY_BE_SECRET = st.sampled_from([KEY, "password=hunter22", "plain", "1", ""]) | st.text(max_size=6)


@given(
    st.lists(st.dictionaries(st.sampled_from(["a", "api_key", "b"]), _MAY_BE_SECRET | st.integers(0, 1)), max_size=4)
)
def test_what_was_harmless_once_hides_no_secret(mappings: list[dict[str, Any]]) -> None:
    """Names and texts in which nothing was found are remembered; nothing else is let through for that."""
    for mapping in mappings:
        expected = {
            key: "[redacted]"
            if key == "api_key" and value != ""
            else value
            if value == 1
            else without_secrets(str(value))
            for key, value in mapping.items()
        }
        found = without_secret_values(mapping)
        assert {key: str(value) for key, value in expected.items()} == {key: str(value) for key, value in found.items()}
        assert found == without_secret_values(found)
