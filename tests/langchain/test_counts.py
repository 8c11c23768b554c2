"""What a span costs, in counts that no machine moves; times are the benchmarks' matter."""

from __future__ import annotations

import gc
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate

import spancast
from spancast import destinations
from spancast.conventions import gen_ai, openinference
from spancast.destinations.rendering import render_key
from spancast.langchain import SpancastCallbackHandler, messages
from spancast.record import json as record_json
from spancast.record.operation import Operation
from spancast.recording.captured import CapturedOperation
from spancast.recording.message_cache import MESSAGE_CACHE

from ..fakes.langchain import ScriptedChat

OURS = str(Path(spancast.__file__).parent)


@pytest.fixture
def operations() -> Iterator[tuple[SpancastCallbackHandler, list[CapturedOperation]]]:
    """A handler whose closed operations are kept instead of being offered to a lane."""
    pipeline = spancast.Pipeline(destinations.memory())
    kept: list[CapturedOperation] = []
    pipeline.recorder._offer = kept.append
    yield SpancastCallbackHandler(pipeline=pipeline), kept
    pipeline.shutdown()


def chain() -> Any:
    prompt = ChatPromptTemplate.from_messages([("system", "Answer in {language}."), ("human", "{question}")])
    return prompt | ScriptedChat(script=["Paris"]) | StrOutputParser()


QUESTION = {"language": "English", "question": "What is the capital of France?"}


@contextmanager
def our_calls() -> Iterator[Counter[str]]:
    """Count the calls of spancast's own functions in this thread."""
    found: Counter[str] = Counter()

    def see(frame: Any, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(OURS):
            found[frame.f_code.co_name] += 1

    sys.setprofile(see)
    try:
        yield found
    finally:
        sys.setprofile(None)


def counted(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, found: Counter[str]) -> None:
    """Count the calls of *owner*'s function *name* by the thread that makes them."""
    inner = getattr(owner, name)

    def count(*args: Any, **kwargs: Any) -> Any:
        found[f"{name} in {threading.current_thread().name}"] += 1
        return inner(*args, **kwargs)

    monkeypatch.setattr(owner, name, count)


def test_the_callbacks_thread_renders_encodes_and_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, pipeline: spancast.Pipeline
) -> None:
    """No operation is made, no attribute built and no JSON written where the application runs."""
    found: Counter[str] = Counter()
    counted(monkeypatch, Operation, "__init__", found)
    counted(monkeypatch, record_json, "dumps", found)
    for convention in (openinference, gen_ai):
        counted(monkeypatch, convention, "dumps", found)
        counted(monkeypatch, convention, "outline", found)
    chain().invoke(QUESTION, {"callbacks": [SpancastCallbackHandler()]})
    assert True is pipeline.flush(10.0)
    here = threading.current_thread().name
    assert [] == [what for what in found if what.endswith(f"in {here}")]
    assert 4 == sum(count for what, count in found.items() if what.startswith("outline in "))


def test_a_span_takes_few_calls_in_the_callbacks_thread(
    operations: tuple[SpancastCallbackHandler, list[CapturedOperation]],
) -> None:
    """An LCEL chain of four spans costs at most 52 calls of ours a span, both of its events together."""
    handler, kept = operations
    application = chain()
    application.invoke(QUESTION, {"callbacks": [handler]})
    kept.clear()
    with our_calls() as found:
        application.invoke(QUESTION, {"callbacks": [handler]})
    assert 4 == len(kept)
    assert 52 * 4 >= sum(found.values()), found.most_common(12)


def test_what_waits_in_a_queue_is_few_objects(
    operations: tuple[SpancastCallbackHandler, list[CapturedOperation]],
) -> None:
    """At most 30 objects a span for Python's garbage collector to walk while it waits."""
    handler, kept = operations
    application = chain()
    application.invoke(QUESTION, {"callbacks": [handler]})
    kept.clear()
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(50):
        application.invoke(QUESTION, {"callbacks": [handler]})
    gc.collect()
    assert 200 == len(kept)
    assert 30 >= (len(gc.get_objects()) - before) / len(kept)


def test_the_later_tokens_of_a_stream_cost_one_call_each(
    operations: tuple[SpancastCallbackHandler, list[CapturedOperation]],
) -> None:
    """After the first token nothing is looked up any more."""
    handler, _ = operations
    counts = []
    for words in ("a b", "word " * 500):
        with our_calls() as found:
            list(ScriptedChat(script=[words]).stream("tell me", {"callbacks": [handler]}))
        counts.append((found["on_llm_new_token"], found["peek"]))
    assert (498, 0) == (counts[1][0] - counts[0][0], counts[1][1] - counts[0][1])


def conversation(turns: int) -> list[BaseMessage]:
    """A conversation so far: a question and an answer a turn."""
    pairs = [(HumanMessage(f"question {turn}"), AIMessage(f"answer {turn}")) for turn in range(turns)]
    return [message for pair in pairs for message in pair]


@pytest.mark.parametrize("turns", [10, 40])
def test_a_growing_conversation_is_read_and_written_once_a_message(
    monkeypatch: pytest.MonkeyPatch, operations: tuple[SpancastCallbackHandler, list[CapturedOperation]], turns: int
) -> None:
    """Every call repeats all former turns; each message is translated, and written as JSON, once in each convention."""
    handler, kept = operations
    MESSAGE_CACHE.clear()
    read: Counter[str] = Counter()
    counted(monkeypatch, messages, "_read", read)
    written: Counter[Any] = Counter()

    def dumps(value: Any, **keywords: Any) -> bytes:
        if isinstance(value, dict) and "role" in value:
            written[orjson.dumps(value)] += 1
        return orjson.dumps(value, **keywords)

    monkeypatch.setattr(record_json, "orjson", _Counting(dumps))
    model = ScriptedChat(script=["ok"])
    said = conversation(turns)
    for turn in range(1, turns + 1):
        model.invoke(said[: turn * 2], {"callbacks": [handler]})
    for captured in kept:
        operation = captured.operation()
        openinference.render(operation)
        gen_ai.render(operation)
    distinct = turns * 2 + 1  # and the answer
    assert distinct == sum(read.values())
    histories = [count for message, count in written.items() if b'"answer ' in message or b'"question ' in message]
    assert [1] * (turns * 2 * 2) == histories


class _Counting:
    """orjson, with another `dumps`."""

    OPT_NON_STR_KEYS = orjson.OPT_NON_STR_KEYS

    def __init__(self, dumps: Callable[..., bytes]) -> None:
        self.dumps = dumps


def test_a_known_message_with_changed_tool_calls_is_read_again(
    operations: tuple[SpancastCallbackHandler, list[CapturedOperation]],
) -> None:
    """A person edits the arguments of a tool call in place: each span shows what was true when it ran."""
    handler, kept = operations
    asked = AIMessage("", tool_calls=[{"name": "refund", "args": {"amount": 100}, "id": "call_1"}])
    model = ScriptedChat(script=["ok"])
    amounts = []
    for amount in (100, 5):
        asked.tool_calls[0]["args"]["amount"] = amount
        model.invoke([HumanMessage("refund me"), asked], {"callbacks": [handler]})
        detail: Any = kept[-1].operation().detail
        amounts.append(detail.input_messages[1].parts[0].arguments)
    assert [{"amount": 100}, {"amount": 5}] == amounts


class _Counted(dict):  # type: ignore[type-arg]
    """A mapping that counts how often it is asked."""

    def __init__(self, held: Any, found: Counter[str]) -> None:
        super().__init__(held)
        self._found = found

    def __getitem__(self, key: Any) -> Any:
        self._found["asked"] += 1
        return super().__getitem__(key)


URL = "http://127.0.0.1:9/v1/traces"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (destinations.otlp(URL), True),
        (destinations.otlp(URL, name="second", headers={"a": "b"}, sampling_rate=0.5), True),
        (destinations.otlp(URL, privacy_mode=True), False),
        (destinations.otlp(URL, redact=str.upper), False),
        (destinations.otlp(URL, media=False), False),
        (destinations.otlp(URL, max_content_chars=100), False),
        (destinations.otlp(URL, protocol="http/protobuf"), False),
        (destinations.otlp(URL, convention="openinference"), False),
        (destinations.memory(), False),
    ],
    ids=["equal", "elsewhere", "privacy", "redact", "media", "shorter", "protobuf", "convention", "memory"],
)
def test_what_decides_the_bytes_decides_who_shares_them(other: destinations.Destination, same: bool) -> None:
    """Nothing that is hidden from one destination may reach it through another's bytes."""
    assert same is (render_key(destinations.otlp(URL)) == render_key(other))
