"""Model calls of LlamaIndex that are recorded once and replayed by a copy of the model, or by one made of a trace file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import Document, SummaryIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai import OpenAI
from pydantic import BaseModel

import spancast
from spancast import destinations, llama_index
from spancast.testing import UnrecordedCallError, record, replay

from ..fakes.llama_index import PlainEmbedding, PlainLLM, ScriptedLLM, calls
from ..providers.double import running
from .openai_double import answer, stream

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"
ASKED = ValueError("the provider was asked")
QUESTION = [ChatMessage("Where is it?")]


def refund(order: int) -> str:
    """Refund an order."""
    return f"order {order} is refunded with {KEY}"


class City(BaseModel):
    """A city."""

    name: str


def agent(model: Any, *, streaming: bool = True) -> str:
    """Return the answer of an agent with one tool."""

    async def run() -> str:
        own = FunctionAgent(tools=[FunctionTool.from_defaults(refund)], llm=model, streaming=streaming)
        return str(await own.run(f"Refund 17 with {KEY}"))

    return asyncio.run(run())


async def pieces(stream: Any) -> list[str]:
    """Return the texts of an asynchronous stream."""
    return [piece.delta async for piece in await stream if piece.delta]


USES: dict[str, Callable[[Any], Any]] = {
    "chat": lambda model: model.chat(QUESTION).message.content,
    "achat": lambda model: asyncio.run(model.achat(QUESTION)).message.content,
    "complete": lambda model: model.complete("Where is it?").text,
    "acomplete": lambda model: asyncio.run(model.acomplete("Where is it?")).text,
    "stream_chat": lambda model: "".join(piece.delta or "" for piece in model.stream_chat(QUESTION)),
    "astream_chat": lambda model: "".join(asyncio.run(pieces(model.astream_chat(QUESTION)))),
    "stream_complete": lambda model: "".join(piece.delta or "" for piece in model.stream_complete("Where is it?")),
    "predict": lambda model: model.structured_predict(City, _template()).name,
    "apredict": lambda model: asyncio.run(model.astructured_predict(City, _template())).name,
}


def _template() -> Any:
    from llama_index.core.prompts import PromptTemplate

    return PromptTemplate("Which city?")


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("kind", ["functions", "plain"])
def test_each_way_to_ask(tmp_path: Path, use: str, kind: str) -> None:
    """One call is recorded once, whatever the model calls inside; it is replayed by its copy and without a model."""
    if kind == "plain" and "predict" in use:
        pytest.skip("a model without tools writes JSON, which is a text")
    path = tmp_path / "calls.jsonl"
    is_city = "predict" in use
    script = ScriptedLLM(calls(("City", {"name": "Bern"}))) if is_city else ScriptedLLM("It is here.")
    own = PlainLLM() if kind == "plain" else script
    with record() as first, replay(path, record=True) as replaying:
        expected = USES[use](replaying.llama_index_model(own))
    assert 1 == len(path.read_text().splitlines())
    silent = PlainLLM() if kind == "plain" else ScriptedLLM(ASKED)
    with record() as second, replay(path) as replaying:
        assert expected == USES[use](replaying.llama_index_model(silent))
        assert 0 == replaying.unused
    assert first.last.tokens == second.last.tokens
    if kind == "functions":
        assert first.last.outline() == second.last.outline()
        with replay(path) as replaying:
            assert expected == USES[use](replaying.llama_index_model())


@pytest.mark.parametrize("streaming", [True, False])
def test_an_agent_with_openai(tmp_path: Path, streaming: bool) -> None:
    """Tools, streams, usage; nothing secret and nothing that is another one in each run is in the file."""
    path = tmp_path / "refund.jsonl"

    def openai(url: str) -> OpenAI:
        return OpenAI(model="gpt-4o", api_base=f"{url}/v1", api_key=KEY, max_retries=0, reuse_client=False)

    stored = []
    for _ in range(2):
        with running() as double, record() as first, replay(path, record=True) as replaying:
            ways = (stream(refund={"order": 17}), stream("Do", "ne."))
            double.script = list(ways) if streaming else [answer(refund={"order": 17}), answer("Done.")]
            assert "Done." == agent(replaying.llama_index_model(openai(double.url)), streaming=streaming)
        stored.append(path.read_text())
    assert stored[0] == stored[1]
    assert KEY not in stored[0]
    with record() as second, replay(path) as replaying:
        assert "Done." == agent(replaying.llama_index_model(openai("http://127.0.0.1:9")), streaming=streaming)
    assert first.last.outline() == second.last.outline()
    assert 34 == second.last.tokens == first.last.tokens
    second.last.tool("refund").called_once_with(order=17)


def test_a_query_engine(tmp_path: Path) -> None:
    """The synthesizer's prompt is found again."""
    path = tmp_path / "query.jsonl"

    def ask(model: Any) -> str:
        index = SummaryIndex.from_documents([Document(text="It is in Bern.")], embed_model=PlainEmbedding())
        return str(index.as_query_engine(llm=model).query("Where is it?"))

    with replay(path, record=True) as replaying:
        assert "In Bern." == ask(replaying.llama_index_model(ScriptedLLM("In Bern.")))
    with replay(path) as replaying:
        assert "In Bern." == ask(replaying.llama_index_model(ScriptedLLM(ASKED)))


def test_equal_calls_and_calls_that_are_not_recorded(tmp_path: Path) -> None:
    """In order; then the nearest one."""
    path = tmp_path / "dice.jsonl"
    with replay(path, record=True) as replaying:
        model = replaying.llama_index_model(ScriptedLLM("one", "two"))
        assert ["one", "two"] == [model.complete("roll").text for _ in range(2)]
    with replay(path) as replaying:
        model = replaying.llama_index_model()
        assert ["one", "two"] == [model.complete("roll").text for _ in range(2)]
    with pytest.raises(UnrecordedCallError, match="'user: rolls'"), replay(path) as replaying:
        replaying.llama_index_model().complete("rolls")


@pytest.mark.parametrize("convention", ["gen_ai", "openinference"])
def test_a_trace_file_is_a_recording(tmp_path: Path, convention: str) -> None:
    """What an application did in production is replayed: without a model of its own, and with it."""
    path = tmp_path / "traces.jsonl"
    llama_index.instrument()
    try:
        with spancast.Pipeline(destinations.file(path, convention=convention), spool=False):
            agent(ScriptedLLM(calls(("refund", {"order": 17})), "Done."))
    finally:
        llama_index.uninstrument()
    for own in (None, ScriptedLLM(ASKED)):
        with record() as traces, replay(path) as replaying:
            assert "Done." == agent(replaying.llama_index_model(own))
        assert 300 == traces.last.tokens
        traces.last.tool("refund").called_once_with(order=17)


def test_a_recording_of_the_other_framework(tmp_path: Path) -> None:
    """What LangChain recorded is a model of LlamaIndex too, and the other way round."""
    from ..fakes.langchain import ScriptedChat

    path = tmp_path / "hello.jsonl"
    with replay(path, record=True) as replaying:
        replaying.langchain_model(ScriptedChat(script=["hello"])).invoke("Hi")
    with replay(path) as replaying:
        assert "hello" == replaying.llama_index_model().complete("Hi").text
    with replay(path, record=True) as replaying:
        replaying.llama_index_model(ScriptedLLM("hello")).complete("Hi")
    with replay(path) as replaying:
        assert "hello" == replaying.langchain_model().invoke("Hi").text
