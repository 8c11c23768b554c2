"""Model calls of LangChain that are recorded once and replayed: through its cache, and by a copy of the model."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import FakeListLLM
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langchain_openrouter import ChatOpenRouter
from pydantic import BaseModel

import spancast
from spancast import destinations
from spancast.langchain import SpancastCallbackHandler
from spancast.testing import Replay, UnrecordedCallError, record, replay

from ..fakes.langchain import ScriptedChat, call
from ..providers.double import Body, running
from .openai_double import answer, stream

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"
ASKED = ValueError("the provider was asked")


@tool
def refund(order: int) -> str:
    """Refund an order."""
    return f"order {order} is refunded with {KEY}"


class City(BaseModel):
    """A city."""

    name: str


@pytest.fixture(autouse=True)
def _no_cache() -> Iterator[None]:
    yield
    set_llm_cache(None)


def openai(url: str, **fields: Any) -> ChatOpenAI:
    """Return a model that asks the double."""
    return ChatOpenAI(model="gpt-4o", base_url=f"{url}/v1", api_key=KEY, max_retries=0, **fields)


def recorded(path: Path, use: Any, *script: Body, **fields: Any) -> Any:
    """Record what *use* does with a model that asks a double; return what it returned."""
    with running() as double, replay(path, record=True) as replaying:
        double.script = list(script)
        found = use(replaying.langchain_model(openai(double.url, **fields)))
        assert [] == double.script
    return found


def replayed(path: Path, use: Any, **fields: Any) -> Any:
    """Do the same with the recording only: nobody listens where the model would ask."""
    with replay(path) as replaying:
        found = use(replaying.langchain_model(openai("http://127.0.0.1:9", **fields)))
        assert 0 == replaying.unused
    return found


def agent(model: Any) -> str:
    """Return the last text of an agent with one tool."""
    found = create_agent(model, [refund]).invoke({"messages": [("user", f"Refund 17 with {KEY}")]})
    return str(found["messages"][-1].text)


def test_an_agent_with_a_tool(tmp_path: Path) -> None:
    """The same calls, answers and usage; keys are not in the file, nor anything that is another one in each run."""
    path = tmp_path / "refund.jsonl"
    with record() as first:
        assert "Done." == recorded(path, agent, answer(refund={"order": 17}), answer("Done."))
    stored = path.read_text()
    assert KEY not in stored
    assert "[redacted]" in stored
    with record() as second:
        assert "Done." == replayed(path, agent)
    assert first.last.outline() == second.last.outline()
    assert 34 == first.last.tokens == second.last.tokens
    second.last.tool("refund").called_once_with(order=17)
    recorded(path, agent, answer(refund={"order": 17}), answer("Done."))
    assert stored == path.read_text()


def test_an_agent_through_the_cache(tmp_path: Path) -> None:
    """Nothing of the application changes; the runs of cached calls have the whole message. Sync and async."""
    path = tmp_path / "refund.jsonl"
    script = [call("refund", {"order": 17}, id="call_Xa9"), "Done."]
    for model, is_recording in ((ScriptedChat(script=script), True), (ScriptedChat(script=[ASKED]), False)):
        with record() as traces, replay(path, record=is_recording) as replaying:
            set_llm_cache(replaying.langchain_cache())
            assert "Done." == agent(model)
        assert 2 == traces.last.llm_calls
        assert (
            300 if is_recording else 0
        ) == traces.last.tokens  # LangChain says of a cached answer that it cost nothing
        assert traces.last.contains("Done.")
        traces.last.tool("refund").called_once_with(order=17)
    with replay(path) as replaying:
        set_llm_cache(replaying.langchain_cache())
        run = create_agent(ScriptedChat(script=[ASKED]), [refund]).ainvoke(
            {"messages": [("user", f"Refund 17 with {KEY}")]}
        )
        assert "Done." == asyncio.run(run)["messages"][-1].text


def test_the_cache_of_one_model_and_of_a_text_model(tmp_path: Path) -> None:
    """`cache=` takes it as well."""
    path = tmp_path / "texts.jsonl"
    with replay(path, record=True) as replaying:
        assert "one" == FakeListLLM(responses=["one"], cache=replaying.langchain_cache()).invoke("first")
    with replay(path) as replaying:
        assert "one" == FakeListLLM(responses=["other"], cache=replaying.langchain_cache()).invoke("first")


def test_langchain_does_not_ask_its_cache_where_a_model_streams(tmp_path: Path) -> None:
    """What the documentation says: `.stream()` asks the provider, unless streaming is disabled on the model."""
    path = tmp_path / "hello.jsonl"
    with replay(path, record=True) as replaying:
        ScriptedChat(cache=replaying.langchain_cache()).invoke("hi")
    with replay(path) as replaying:
        cache = replaying.langchain_cache()
        with pytest.raises(ValueError, match="was asked"):
            list(ScriptedChat(script=[ASKED], cache=cache).stream("hi"))
        pieces = list(ScriptedChat(script=[ASKED], cache=cache, disable_streaming=True).stream("hi"))
        assert ["hello"] == [piece.text for piece in pieces]


def texts(model: Any) -> list[str]:
    """Return the pieces of a stream that have text."""
    return [piece.text for piece in model.stream("Where is it?") if piece.text]


async def texts_async(model: Any) -> list[str]:
    """Return those of an asynchronous one."""
    return [piece.text async for piece in model.astream("Where is it?") if piece.text]


def test_streams(tmp_path: Path) -> None:
    """Word by word, sync and async, with usage at the end; an answer that was streamed can be asked for as a whole."""
    path = tmp_path / "stream.jsonl"
    words = ["It ", "is ", "here."]
    assert words == recorded(path, texts, stream(*words), stream_usage=True)
    assert ["It", " is", " here."] == replayed(path, texts)
    assert ["It", " is", " here."] == replayed(path, lambda model: asyncio.run(texts_async(model)))
    whole = replayed(path, lambda model: model.invoke("Where is it?"))
    assert ("It is here.", 17, "stop") == (
        whole.text,
        whole.usage_metadata["total_tokens"],
        whole.response_metadata["finish_reason"],
    )
    assert words == recorded(path, lambda model: asyncio.run(texts_async(model)), stream(*words), stream_usage=True)


def test_a_streamed_tool_call_and_events(tmp_path: Path) -> None:
    """A graph that streams messages, and `stream_events`, see the recorded answers."""
    path = tmp_path / "events.jsonl"
    question = {"messages": [("user", "Refund 17")]}

    def messages(model: Any) -> list[Any]:
        return [found for found, _ in create_agent(model, [refund]).stream(question, stream_mode="messages")]

    recorded(path, messages, stream(refund={"order": 17}), stream("Do", "ne."), stream_usage=True)
    found = replayed(path, messages)
    assert {"order": 17} == next(each.tool_calls for each in found if each.tool_calls)[0]["args"]
    assert "Done." == "".join(each.text for each in found if each.type == "AIMessageChunk")

    def events(model: Any) -> str:
        run = model.stream_events("Hello", version="v3")
        return str(run.output.text)

    recorded(path, events, stream("Hi", " there"), stream_usage=True)
    assert "Hi there" == replayed(path, events)


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_structured_output(tmp_path: Path, method: str) -> None:
    """By a JSON schema and by a tool; sync and async; a model without a provider answers by a tool."""
    path = tmp_path / "city.jsonl"
    script = answer('{"name": "Bern"}') if method == "json_schema" else answer(City={"name": "Bern"})

    def city(model: Any) -> Any:
        return model.with_structured_output(City, method=method).invoke("Which city?")

    assert City(name="Bern") == recorded(path, city, script)
    assert City(name="Bern") == replayed(path, city)
    run = replayed(
        path, lambda model: asyncio.run(model.with_structured_output(City, method=method).ainvoke("Which city?"))
    )
    assert City(name="Bern") == run
    with replay(path) as replaying:
        assert City(name="Bern") == replaying.langchain_model().with_structured_output(City).invoke("Which city?")


def test_structured_output_through_the_cache(tmp_path: Path) -> None:
    """What a parser made of an answer is stored as data."""
    path = tmp_path / "city.jsonl"
    with running() as double:
        double.script = [answer('{"name": "Bern"}')]
        for is_recording in (True, False):
            with replay(path, record=is_recording) as replaying:
                model = openai(double.url, cache=replaying.langchain_cache())
                assert City(name="Bern") == model.with_structured_output(City).invoke("Which city?")


def test_equal_calls_have_their_answers_in_order(tmp_path: Path) -> None:
    """One call more than was recorded fails."""
    path = tmp_path / "dice.jsonl"
    with replay(path, record=True) as replaying:
        model = replaying.langchain_model(ScriptedChat(script=["one", "two"]))
        assert ["one", "two"] == [model.invoke("roll").text for _ in range(2)]
    with replay(path) as replaying:
        model = replaying.langchain_model(ScriptedChat(script=[ASKED]))
        assert ["one", "two"] == [model.invoke("roll").text for _ in range(2)]
        assert 0 == replaying.unused
    model = Replay(path, recording=False).langchain_model(ScriptedChat(script=[ASKED]))
    with pytest.raises(UnrecordedCallError, match="2 times"):
        model.batch(["roll"] * 3)


def test_a_call_that_is_not_recorded_fails_with_the_nearest_one(tmp_path: Path) -> None:
    """Also where the application catches it: then at the end of the block."""
    path = tmp_path / "refund.jsonl"
    with replay(path, record=True) as replaying:
        model = replaying.langchain_model(ScriptedChat(script=["yes", "no"]))
        model.invoke([("system", "Be brief."), ("user", "Refund order 17, please")])
        model.invoke("Something else")
    replaying = Replay(path, recording=False)
    model = replaying.langchain_model(ScriptedChat(script=[ASKED])).with_fallbacks([ScriptedChat(script=["sorry"])])
    assert "sorry" == model.invoke([("system", "Be brief."), ("user", "Refund order 18, please")]).text
    with pytest.raises(UnrecordedCallError) as caught:
        replaying.finish()
    assert [
        f"This model call is not in {path}; nearest is call 1:",
        "  the first 1 of 2 messages are equal (recorded: 2)",
        "  message 2 was 'user: Refund order 17, please'",
        "  message 2 is  'user: Refund order 18, please'",
        "Run pytest with --spancast-record to record it anew.",
    ] == str(caught.value).splitlines()


def test_another_model_or_other_tools_are_another_call(tmp_path: Path) -> None:
    """The message says which was recorded."""
    path = tmp_path / "refund.jsonl"
    with replay(path, record=True) as replaying:
        replaying.langchain_model(ScriptedChat(model_name="gpt-4o")).bind_tools([refund]).invoke("hi")
    with pytest.raises(UnrecordedCallError, match="model was gpt-4o, is gpt-5"), replay(path) as replaying:
        replaying.langchain_model(ScriptedChat(model_name="gpt-5")).bind_tools([refund]).invoke("hi")
    with pytest.raises(UnrecordedCallError, match="tools was refund, is City"), replay(path) as replaying:
        replaying.langchain_model(ScriptedChat(model_name="gpt-4o")).bind_tools([City]).invoke("hi")


def test_parallel_calls_do_not_change_the_file(tmp_path: Path) -> None:
    """Calls keep the order of the earlier recording."""
    path = tmp_path / "batch.jsonl"
    questions = [f"question {number}" for number in range(8)]
    for order in (questions, questions[::-1]):
        with replay(path, record=True) as replaying:
            replaying.langchain_model(ScriptedChat(script=["yes"])).batch(order, config={"max_concurrency": 1})
        assert questions == [call.request["messages"][0]["content"] for call in loaded(path)]


def loaded(path: Path) -> Any:
    """Return the calls of a recording."""
    from spancast.testing.loading import load

    return load(path)


def test_prompts_that_differ_in_each_run(tmp_path: Path) -> None:
    """`ignore` finds what differs."""
    path = tmp_path / "dated.jsonl"
    dates = [r"\d{4}-\d\d-\d\d"]
    with replay(path, record=True, ignore=dates) as replaying:
        replaying.langchain_model(ScriptedChat()).invoke("Today is 2026-01-01. Hi")
    with replay(path, ignore=dates) as replaying:
        assert "hello" == replaying.langchain_model(ScriptedChat(script=[ASKED])).invoke("Today is 2026-11-28. Hi").text


def test_thoughts_and_images(tmp_path: Path) -> None:
    """An answer keeps all of its parts; of an image in a question the file has the digest."""
    path = tmp_path / "parts.jsonl"
    picture = "iVBORw0KGgo" * 1000
    content: list[Any] = [
        {"type": "thinking", "thinking": "Hm.", "signature": "s" * 700},
        {"type": "text", "text": "A cat."},
    ]
    question = [
        HumanMessage(
            [{"type": "text", "text": "What is it?"}, {"type": "image", "base64": picture, "mime_type": "image/png"}]
        )
    ]
    with replay(path, record=True) as replaying:
        first = replaying.langchain_model(ScriptedChat(script=[AIMessage(content)])).invoke(question)
        replaying.langchain_model(ScriptedChat(script=["yes"])).invoke([*question, first, HumanMessage("Sure?")])
    assert picture not in path.read_text()
    with replay(path) as replaying:
        model = replaying.langchain_model(ScriptedChat(script=[ASKED]))
        assert content == model.invoke(question).content
        assert "yes" == model.invoke([*question, first, HumanMessage("Sure?")]).text


@pytest.mark.parametrize("convention", ["gen_ai", "openinference"])
def test_a_trace_file_is_a_recording(tmp_path: Path, convention: str) -> None:
    """What an application did in production is replayed: without a model of its own, and with it."""
    path = tmp_path / "traces.jsonl"
    script = [call("refund", {"order": 17}), "Done."]
    question = {"messages": [("system", "Be brief."), ("user", "Refund 17")]}
    with spancast.Pipeline(destinations.file(path, convention=convention), spool=False):
        config: Any = {"callbacks": [SpancastCallbackHandler()]}
        create_agent(ScriptedChat(script=script), [refund]).invoke(question, config)
    for model in (None, ScriptedChat(script=[ASKED])):
        with record() as traces, replay(path) as replaying:
            found = create_agent(replaying.langchain_model(model), [refund]).invoke(question)
            assert "Done." == found["messages"][-1].text
        assert 300 == traces.last.tokens
        traces.last.tool("refund").called_once_with(order=17)
    with pytest.raises(UnrecordedCallError, match="'user: Refund 18'"), replay(path) as replaying:
        create_agent(replaying.langchain_model(), [refund]).invoke(
            {"messages": [("system", "Be brief."), ("user", "Refund 18")]}
        )


def test_a_copy_is_the_model_in_all_but_its_answers(tmp_path: Path) -> None:
    """Its class is named like the application's, and the application's own stays as it is."""
    own = ChatOpenRouter(model="openai/gpt-4o", api_key="sk-or-v1-0")
    with replay(tmp_path / "none.jsonl", record=True) as replaying:
        copy = replaying.langchain_model(own)
    assert isinstance(copy, ChatOpenRouter)
    assert (type(own).__name__, own.model_name) == (type(copy).__name__, copy.model_name)
    assert type(own) is ChatOpenRouter
