"""Joining OpenRouter's Broadcast: the gateway's span of a request lies under the application's, in one tree."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import httpx2
import openai
import pytest
from examples.offline.servers import Receiver, gateway
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI
from langchain_openrouter import ChatOpenRouter
from llama_index.core import Document, Settings, SummaryIndex
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage, CompletionResponse, CustomLLM, LLMMetadata
from llama_index.core.llms.callbacks import llm_completion_callback
from llama_index.llms.openrouter import OpenRouter
from openrouter import OpenRouter as OpenRouterSdk
from opentelemetry.sdk.trace import TracerProvider
from pydantic import SecretStr

import spancast
from spancast import destinations, llama_index, openrouter
from spancast.langchain import SpancastCallbackHandler
from spancast.recording import guard
from spancast.view.read import ViewSpan, read_lines

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # llama-index and the openai package

CONFIG = {
    "metadata": {
        "trace": {"trace_name": "Support request", "generation_name": "Think", "dataset": "demo"},
        "user": "user_12345",
        "session_id": "session_abc",
    }
}


@dataclass
class World:
    """A gateway, and the collector that the application and the gateway both send to."""

    gateway: Any
    collector: Receiver
    folder: Path

    @property
    def url(self) -> str:
        return self.gateway.url

    @property
    def body(self) -> dict[str, Any]:
        """The body of the only request."""
        ((_, _, body),) = self.gateway.requests
        return body

    def spans(self) -> list[ViewSpan]:
        """Return what the collector got, from both."""
        spancast.flush()
        self.collector.write(self.folder / "collected.jsonl")
        return read_lines(self.folder / "collected.jsonl")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Return a world with a pipeline in use that sends to its collector."""
    with (
        Receiver() as collector,
        gateway(f"{collector.url}/v1/traces") as held,
        spancast.Pipeline(destinations.otlp(f"{collector.url}/v1/traces"), spool=False),
    ):
        yield World(held, collector, tmp_path)


# ------------------------------------------------------------------ the fields
def test_outside_of_any_operation_there_is_nothing_to_join(pipeline: spancast.Pipeline) -> None:
    """Also inside a block that only says fields: no span of ours is there to lie under."""
    assert {} == openrouter.broadcast_fields()
    with spancast.trace(user="u"):
        assert {} == openrouter.broadcast_fields()


def test_the_fields_say_where_we_are(pipeline: spancast.Pipeline) -> None:
    """Ids of the open operation, the names that were given, metadata, user and session."""
    with spancast.trace(
        trace_name="Nightly", generation_name="Sum up", user="u", session_id="s", environment="staging"
    ) as handle:
        assert handle is not None
        assert {
            "trace": {
                "trace_id": handle.trace_id,
                "parent_span_id": handle.span_id,
                "trace_name": "Nightly",
                "generation_name": "Sum up",
                "environment": "staging",
            },
            "user": "u",
            "session_id": "s",
        } == openrouter.broadcast_fields()


def test_what_was_not_said_is_not_sent(pipeline: spancast.Pipeline) -> None:
    """Inside a run without fields only the two ids go; LangChain's own names and metadata do not."""
    seen: list[dict[str, Any]] = []
    chain = RunnableLambda(lambda _: seen.append(openrouter.broadcast_fields())).with_config(run_name="secret plan")  # type: ignore[var-annotated]
    chain.invoke("x", {"callbacks": [SpancastCallbackHandler()], "metadata": {"internal": "thing"}, "tags": ["t"]})
    assert [{"trace"}] == [set(fields) for fields in seen]
    assert {"trace_id", "parent_span_id"} == set(seen[0]["trace"])


def test_a_span_name_stays_here(pipeline: spancast.Pipeline) -> None:
    """The gateway would open one more chain of that name."""
    with spancast.trace(trace_name="Root"), spancast.trace(span_name="Classify") as inner:
        trace = openrouter.broadcast_fields()["trace"]
    assert inner is not None
    assert {"trace_id": inner.trace_id, "parent_span_id": inner.span_id, "trace_name": "Root"} == trace


def test_a_block_inside_the_operation_adds_its_fields(pipeline: spancast.Pipeline) -> None:
    """Nearer wins, metadata merges, as everywhere."""
    with spancast.trace(trace_name="Root", user="u", a=1), spancast.trace(user="nearer", b=2):
        fields = openrouter.broadcast_fields()
    assert "nearer" == fields["user"]
    assert (1, 2) == (fields["trace"]["a"], fields["trace"]["b"])


def test_an_id_that_was_hashed_is_sent_as_the_hash(pipeline: spancast.Pipeline) -> None:
    """The gateway must get the id of our trace, not the text that was kept as metadata."""
    with spancast.trace(trace_name="Root", trace_id="classification_001") as handle:
        assert handle is not None
        assert handle.trace_id == openrouter.broadcast_fields()["trace"]["trace_id"]


def test_a_span_of_the_applications_own_is_the_parent(pipeline: spancast.Pipeline) -> None:
    """What is open between our operation and the request keeps its place."""
    tracer = TracerProvider().get_tracer("application")
    with spancast.trace(trace_name="Root"), tracer.start_as_current_span("POST /chat") as own:
        trace = openrouter.broadcast_fields()["trace"]
    assert f"{own.get_span_context().span_id:016x}" == trace["parent_span_id"]


def test_a_trace_that_is_sampled_out_is_not_joined() -> None:
    """The gateway's span would hang in the air."""
    out = {"session_id": "one of the many that are out", "user": "u"}
    with spancast.Pipeline(destinations.memory(sampling_rate=0.0001)), spancast.trace(trace_name="Root", **out):
        assert {} == openrouter.broadcast_fields()
        with TracerProvider().get_tracer("application").start_as_current_span("POST /chat"):
            assert {} == openrouter.broadcast_fields()


def test_every_json_encoder_takes_the_fields(pipeline: spancast.Pipeline) -> None:
    """What JSON cannot carry would raise in the client that sends it: NaN, lone surrogates, huge integers."""
    odd = {"deep": [float("nan")], "big": 2**80, "text": "\ud800", "what": object()}
    with spancast.trace(trace_name="Root", user="\ud800", **odd):
        fields = openrouter.broadcast_fields()
    assert json.dumps(fields, allow_nan=False, ensure_ascii=False).encode()
    assert {"deep": [None], "big": str(2**80), "text": "?", "what": "<object>"}.items() <= fields["trace"].items()


def _raises(text: str) -> str:
    raise RuntimeError


@pytest.mark.parametrize("explicit", [True, False])
def test_what_goes_to_the_gateway_is_redacted(explicit: bool) -> None:
    """The hook of every destination of the trace sees names, metadata, user and session; the ids stay."""
    hooks = (lambda text: text.replace("Ada", "***"), lambda text: text.replace("hunter2", "***"))
    others = spancast.Pipeline(destinations.memory(redact=_raises))
    pipeline = spancast.Pipeline(*(destinations.memory(name=f"m{n}", redact=hook) for n, hook in enumerate(hooks)))
    said = {"trace_name": "Ask Ada", "user": "Ada", "session_id": "s", "note": ["hunter2", {"Ada": 1}]}
    if explicit:
        with pipeline.trace(**said) as trace:
            fields, ids = openrouter.broadcast_fields(), (trace.trace_id, trace.span_id)
    else:
        with pipeline, spancast.trace(**said) as trace:
            fields, ids = openrouter.broadcast_fields(), (trace.trace_id, trace.span_id)
    assert {
        "trace": {"trace_id": ids[0], "parent_span_id": ids[1], "trace_name": "Ask ***", "note": ["***", {"***": 1}]},
        "user": "***",
        "session_id": "s",
    } == fields
    others.shutdown(1)


def test_fields_that_could_not_be_redacted_are_not_sent() -> None:
    """Where a hook fails the ids alone go: the tree stays one."""
    with spancast.Pipeline(destinations.memory(redact=_raises)), spancast.trace(trace_name="Ada", user="Ada", x="Ada"):
        fields = openrouter.broadcast_fields()
    assert ({"trace"}, {"trace_id", "parent_span_id"}) == (set(fields), set(fields["trace"]))


def test_a_fault_of_ours_sends_nothing(pipeline: spancast.Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """The request goes out as it was."""
    monkeypatch.setattr(guard, "strict", False)
    monkeypatch.setattr(openrouter, "current_parent_context", lambda: 1 / 0)
    assert {} == openrouter.broadcast_fields()


def test_httpx_is_not_imported_before_it_is_used() -> None:
    """Whoever only asks for the fields needs no HTTP client."""
    code = "import sys, spancast.openrouter; print({'httpx', 'httpx2', 'langchain_core', 'llama_index'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "set()" == done.stdout.strip()


# ------------------------------------------------------------------ the models
MADE: list[Any] = []


@pytest.fixture(autouse=True)
def _clients_closed() -> Iterator[None]:
    """Close the HTTP clients of the models that a test made; `run` closes the async ones."""
    yield
    while MADE:
        for client in openrouter._clients(MADE.pop(), depth=4):
            if hasattr(client, "close"):
                client.close()


def held(model: Any) -> Any:
    MADE.append(model)
    return model


def chat_openrouter(url: str, **more: Any) -> Any:
    return held(ChatOpenRouter(model="openai/gpt-4o", api_key="none", base_url=url, **more))


def chat_openai(url: str) -> Any:
    return held(ChatOpenAI(model="openai/gpt-4o", api_key="none", base_url=url))


def with_own_clients(url: str) -> Any:
    clients = {"http_client": openrouter.join(httpx.Client(), hosts=["127.0.0.1"])}
    clients["http_async_client"] = openrouter.join(httpx.AsyncClient(), hosts=["127.0.0.1"])
    return held(ChatOpenAI(model="openai/gpt-4o", api_key="none", base_url=url, **clients))


def run(model: Any, coroutine: Any) -> Any:
    """Run a coroutine, and close the model's async HTTP clients in its event loop."""

    async def closing() -> Any:
        try:
            return await coroutine
        finally:
            for client in openrouter._clients(model, depth=4):
                if hasattr(client, "aclose"):
                    await client.aclose()

    return asyncio.run(closing())


def streamed(model: Any, config: Any) -> str:
    return "".join([piece.content for piece in model.stream("hi", config)])


async def streamed_async(model: Any, config: Any) -> str:
    return "".join([piece.content async for piece in model.astream("hi", config)])


STYLES: dict[str, Callable[[Any, Any], str]] = {
    "invoke": lambda model, config: str(model.invoke("hi", config).content),
    "stream": streamed,
    "ainvoke": lambda model, config: str(run(model, model.ainvoke("hi", config)).content),
    "astream": lambda model, config: str(run(model, streamed_async(model, config))),
}


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("make", [chat_openrouter, chat_openai, with_own_clients])
def test_a_model_of_langchain_and_the_gateway_make_one_tree(world: World, make: Any, style: str) -> None:
    """The gateway's generation lies under the application's model call, with the same user and session."""
    model = openrouter.join(make(world.url), hosts=["127.0.0.1"])
    assert "It is on its way." == STYLES[style](model, {**CONFIG, "callbacks": [SpancastCallbackHandler()]})
    spans = world.spans()
    by_id = {span.span_id: span for span in spans}
    (attempt,) = [span for span in spans if span.name == "provider attempt 1: OpenAI"]
    generation = by_id[attempt.parent_span_id or ""]
    ours = by_id[generation.parent_span_id or ""]
    root = by_id[ours.parent_span_id or ""]
    assert ("LLM", "LLM", "Support request") == (generation.kind, ours.kind, root.name)
    assert 1 == len({span.trace_id for span in spans})
    assert {("user_12345", "session_abc")} == {(span.user, span.session_id) for span in (generation, ours, root)}
    assert ("Think", "Think", "demo") == (generation.name, ours.name, generation.attributes["trace.metadata.dataset"])
    assert "Support request" == world.body["trace"]["trace_name"]


def test_each_of_many_calls_at_once_gets_its_own_parent(world: World) -> None:
    """One model, one HTTP client, twenty model calls in one event loop and eight in threads."""
    model = openrouter.join(chat_openrouter(world.url), hosts=["127.0.0.1"])
    config: Any = {"callbacks": [SpancastCallbackHandler()]}

    async def many() -> None:
        await asyncio.gather(*(model.ainvoke(f"q{index}", config) for index in range(20)))

    run(model, many())
    model.batch([f"q{index}" for index in range(8)], config)
    spans = world.spans()
    ours = {(span.trace_id, span.span_id) for span in spans if span.kind == "LLM"}
    asked = [(body["trace"]["trace_id"], body["trace"]["parent_span_id"]) for _, _, body in world.gateway.requests]
    assert 28 == len(set(asked))
    assert set(asked) <= ours


def ask_openai(url: str) -> Any:
    client = held(openai.OpenAI(api_key="none", base_url=url))
    openrouter.join(client, hosts="127.0.0.1").chat.completions.create(model="openai/gpt-4o", messages=[])


def ask_openai_by_hand(url: str) -> Any:
    client = held(openai.OpenAI(api_key="none", base_url=url))
    client.chat.completions.create(model="openai/gpt-4o", messages=[], extra_body=openrouter.broadcast_fields())


def ask_sdk(url: str) -> Any:
    client = held(OpenRouterSdk(api_key="none", server_url=url))
    openrouter.join(client, hosts="127.0.0.1").chat.send(
        model="openai/gpt-4o", messages=[{"role": "user", "content": ""}]
    )


@pytest.mark.parametrize("ask", [ask_openai, ask_openai_by_hand, ask_sdk])
def test_a_client_without_a_framework_lies_under_what_is_open(world: World, ask: Callable[[str], Any]) -> None:
    """No adapter tells of this model call: the gateway's span is its only one."""
    with spancast.trace(trace_name="Job", user="u") as handle:
        ask(world.url)
    assert handle is not None
    assert {"trace_id": handle.trace_id, "parent_span_id": handle.span_id, "trace_name": "Job"} == world.body["trace"]
    assert "u" == world.body["user"]
    assert ["Job", "LLM Generation", "provider attempt 1: OpenAI"] == sorted(span.name for span in world.spans())


def test_what_is_made_of_a_joined_model_is_joined(world: World) -> None:
    """Tools bound, structure asked for: the same HTTP client."""
    model = openrouter.join(chat_openai(world.url), hosts=["127.0.0.1"])
    bound = model.bind_tools([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}])
    bound.invoke("hi", {"callbacks": [SpancastCallbackHandler()]})
    assert "parent_span_id" in world.body["trace"]
    assert openrouter.join(bound, hosts=["127.0.0.1"]) is bound


def llama(url: str) -> OpenRouter:
    llm = OpenRouter(model="openai/gpt-4o", api_key="none", api_base=url, is_function_calling_model=True)
    return openrouter.join(held(llm), hosts="127.0.0.1")


def queried(llm: OpenRouter) -> object:
    return SummaryIndex.from_documents([Document(text="a")]).as_query_engine(llm=llm).query("hi")


def queried_streamed(llm: OpenRouter) -> object:
    engine = SummaryIndex.from_documents([Document(text="a")]).as_query_engine(llm=llm, streaming=True)
    return "".join(engine.query("hi").response_gen)


def look_up(order: int) -> str:
    """Look up an order."""
    return str(order)


async def _run_agent(llm: OpenRouter) -> object:
    return await FunctionAgent(name="support", tools=[look_up], llm=llm).run("hi")


LLAMA: dict[str, Callable[[OpenRouter], object]] = {
    "complete": lambda llm: llm.complete("hi"),
    "chat": lambda llm: llm.chat([ChatMessage("hi")]),
    "achat": lambda llm: run(llm, llm.achat([ChatMessage("hi")])),
    "query": queried,
    "query streamed": queried_streamed,
    "agent": lambda llm: run(llm, _run_agent(llm)),
}


@pytest.fixture
def llama_handler() -> Iterator[None]:
    """Trace LlamaIndex for the length of a test."""
    held = Settings._tokenizer
    Settings.tokenizer = str.split  # its own would be downloaded
    llama_index.set_global_handler(session_id="session_abc", user="user_12345")
    yield
    llama_index.uninstrument()
    Settings._tokenizer = held


@pytest.mark.parametrize("style", LLAMA)
def test_an_llm_of_llama_index_and_the_gateway_make_one_tree(world: World, llama_handler: None, style: str) -> None:
    """Alone, in engines, streamed, and in an agent."""
    assert "It is on its way." in str(LLAMA[style](llama(world.url)))
    spans = world.spans()
    kinds = {(span.trace_id, span.span_id): span.kind for span in spans}
    trace = world.body["trace"]
    assert "LLM" == kinds[trace["trace_id"], trace["parent_span_id"]]
    assert ("user_12345", "session_abc") == (world.body["user"], world.body["session_id"])


@pytest.mark.parametrize("style", ["chat", "complete", "async chat", "async complete"])
def test_a_bare_stream_of_llama_index_is_joined_where_it_is_read(world: World, llama_handler: None, style: str) -> None:
    """The request is made at the first token, in the application's own code: the model's operation is the parent."""

    async def read_async(llm: OpenRouter) -> str:
        if style == "async chat":
            return "".join([piece.delta or "" async for piece in await llm.astream_chat([ChatMessage("hi")])])
        return "".join([piece.delta or "" async for piece in await llm.astream_complete("hi")])

    def read(llm: OpenRouter) -> str:
        if style.startswith("async"):
            return asyncio.run(read_async(llm))
        stream = llm.stream_chat([ChatMessage("hi")]) if style == "chat" else llm.stream_complete("hi")
        return "".join([piece.delta or "" for piece in stream])

    llm = llama(world.url)
    with spancast.trace(trace_name="Chat", generation_name="Think"):
        assert "It is on its way." == read(llm)
    kinds = {(span.trace_id, span.span_id): (span.kind, span.name) for span in world.spans()}
    trace = world.body["trace"]
    assert ("LLM", "Think") == kinds[trace["trace_id"], trace["parent_span_id"]]
    assert "Think" == trace["generation_name"]


def test_a_model_around_a_model_lies_under_the_inner_one(world: World, llama_handler: None) -> None:
    """While a model's stream is read, another framework's model asks the gateway: its own operation is the nearer one."""
    inner = openrouter.join(
        ChatOpenAI(model="openai/gpt-4o", base_url=world.url, api_key=SecretStr("k")), hosts=["127.0.0.1"]
    )

    class Around(CustomLLM):
        @property
        def metadata(self) -> LLMMetadata:
            return LLMMetadata(model_name="around")

        @llm_completion_callback()
        def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
            raise NotImplementedError

        @llm_completion_callback()
        def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
            def pieces() -> Iterator[CompletionResponse]:
                for chunk in inner.stream(prompt, {"callbacks": [SpancastCallbackHandler()]}):
                    yield CompletionResponse(text="", delta=str(chunk.content))

            return pieces()

    with spancast.trace(trace_name="Chat"):
        assert "It is on its way." == "".join([piece.delta or "" for piece in Around().stream_complete("hi")])
    names = {(span.trace_id, span.span_id): span.name for span in world.spans()}
    trace = world.body["trace"]
    assert "chat openai/gpt-4o" == names[trace["trace_id"], trace["parent_span_id"]]


# ------------------------------------------------------------------ the request
def test_what_the_request_says_itself_wins(world: World) -> None:
    """Its own session, its own keys in `trace`; the ids are laid under them."""
    own = {"trace_name": "Mine", "dataset": "other"}
    model = openrouter.join(chat_openrouter(world.url, session_id="own", trace=own), hosts=["127.0.0.1"])
    model.invoke("hi", {**CONFIG, "callbacks": [SpancastCallbackHandler()]})
    trace = world.body["trace"]
    assert "own" == world.body["session_id"]
    assert {**own, "generation_name": "Think"} == {
        key: value for key, value in trace.items() if key not in ("trace_id", "parent_span_id")
    }
    assert (32, 16) == (len(trace["trace_id"]), len(trace["parent_span_id"]))


def test_numbers_keep_their_digits_beside_an_own_trace(pipeline: spancast.Pipeline) -> None:
    """Then the body is written anew."""
    sent = Sent()
    with spancast.trace(trace_name="Root"):
        sent.client.post(sent.url, content=b'{"trace": {"k": "\xc3\xa9"}, "seed": 123456789012345678901234567890}')
    assert b"123456789012345678901234567890" in sent.body
    assert {"trace_id", "parent_span_id", "trace_name", "k"} == set(json.loads(sent.body)["trace"])


def test_a_trace_of_its_own_gets_no_parent_of_ours(world: World) -> None:
    """Our span lies in another trace than the one that the request asks for."""
    model = openrouter.join(chat_openrouter(world.url, trace={"trace_id": "a" * 32}), hosts=["127.0.0.1"])
    model.invoke("hi", {"callbacks": [SpancastCallbackHandler()]})
    assert {"trace_id": "a" * 32} == world.body["trace"]


def test_other_hosts_get_nothing(world: World) -> None:
    """By default only openrouter.ai and its subdomains do."""
    openrouter.join(chat_openrouter(world.url)).invoke("hi", {**CONFIG, "callbacks": [SpancastCallbackHandler()]})
    assert set() == {"trace", "user", "session_id"} & set(world.body)


class Sent:
    """An HTTP client whose requests go nowhere; keeps the last."""

    def __init__(self, library: Any = httpx, **settings: Any) -> None:
        def answer(request: Any) -> Any:
            self.request = request
            self.body = b"".join(request.stream)
            return library.Response(200, json={})

        self.client = openrouter.join(library.Client(transport=library.MockTransport(answer)), **settings)
        self.url = "https://openrouter.ai/api/v1/chat/completions"


@pytest.mark.parametrize("library", [httpx, httpx2])
@pytest.mark.parametrize("host", ["openrouter.ai", "eu.openrouter.ai", "OpenRouter.ai"])
def test_the_body_stays_as_the_client_wrote_it(pipeline: spancast.Pipeline, library: Any, host: str) -> None:
    """The fields are put at its end; lengths agree; httpx and httpx2."""
    sent = Sent(library)
    body = b'{"model": "m",  "seed": 123456789012345678901234567890, "x": 1.10 }\n'
    with spancast.trace(trace_name="Root", user="u"):
        sent.client.post(sent.url.replace("openrouter.ai", host), content=body)
    assert sent.body.startswith(body.rstrip()[:-1])
    assert {"model", "seed", "x", "trace", "user"} == set(json.loads(sent.body))
    assert str(len(sent.body)) == sent.request.headers["content-length"]
    assert sent.body == sent.request.content


@pytest.mark.parametrize(
    ("method", "path", "more"),
    [
        ("GET", "/api/v1/chat/completions", {}),
        ("POST", "/api/v1/embeddings", {"json": {"input": "x"}}),
        ("POST", "/api/v1/chat/completions", {"content": b"not json"}),
        ("POST", "/api/v1/chat/completions", {"content": b"[1]"}),
        ("POST", "/api/v1/chat/completions", {"content": b"{}", "headers": {"content-encoding": "gzip"}}),
        ("POST", "/api/v1/chat/completions", {"content": iter([b"{", b"}"])}),
        ("POST", "/api/v1/chat/completions", {"json": {"trace": "text", "user": None, "session_id": "own"}}),
    ],
)
def test_other_requests_are_left_as_they_are(
    pipeline: spancast.Pipeline, method: str, path: str, more: dict[str, Any]
) -> None:
    """What is no request for an answer, or has a body that cannot be read or says it all itself."""
    sent = Sent()
    with spancast.trace(trace_name="Root", user="u", session_id="s"):
        sent.client.request(method, f"https://openrouter.ai{path}", **more)
    assert b"parent_span_id" not in sent.body


def test_messages_get_their_session_as_a_header(pipeline: spancast.Pipeline) -> None:
    """Without it the gateway does not broadcast them; a header that is there stays."""
    sent = Sent()
    url = "https://openrouter.ai/api/v1/messages"
    with spancast.trace(trace_name="Root", session_id="s"):
        sent.client.post(url, json={"model": "m"})
        first = sent.request.headers["x-session-id"]
        sent.client.post(url, json={"model": "m"}, headers={"X-Session-Id": "own"})
    assert ("s", "own") == (first, sent.request.headers["x-session-id"])


@pytest.mark.parametrize(
    ("session", "sent_as"),
    [
        ("s1\n", "s1"),
        ("abc def ", "abc def"),
        ("a\r\nX-Evil: 1", "a X-Evil: 1"),
        ("tab\there", "tab here"),
        ("é", "%C3%A9"),
        ("nul\0", "nul%00"),
        ("x" * 256, "x" * 256),
        ("\ud800", "?"),
    ],
)
def test_any_session_id_can_stand_in_a_header(pipeline: spancast.Pipeline, session: str, sent_as: str) -> None:
    """No request of the application fails because of a line break or a letter in it."""
    sent = Sent()
    with spancast.trace(trace_name="Root", session_id=session):
        assert 200 == sent.client.post("https://openrouter.ai/api/v1/messages", json={"model": "m"}).status_code
    assert (sent_as, None) == (sent.request.headers["x-session-id"], sent.request.headers.get("x-evil"))


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_a_large_body_is_handed_on_in_one_piece(pipeline: spancast.Pipeline, library: Any) -> None:
    """Neither read nor copied: its bytes are sent as they are, after the fields."""
    sent = Sent(library)
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * 2_000_000}]}).encode()
    with spancast.trace(trace_name="Root", user="u", session_id="s"):
        sent.client.post(sent.url, content=body)
    assert sent.body.endswith(body[1:])
    assert {"model", "messages", "trace", "user", "session_id"} == set(json.loads(sent.body))
    assert (str(len(sent.body)), sent.body) == (sent.request.headers["content-length"], sent.request.read())
    pieces = list(sent.request.stream)
    assert any(isinstance(piece, memoryview) and piece.obj is body for piece in pieces)


@pytest.mark.parametrize("where", ["front", "end"])
def test_what_a_large_body_says_itself_wins(pipeline: spancast.Pipeline, where: str) -> None:
    """A field of its own is not sent twice."""
    sent = Sent()
    own, rest = {"user": "own"}, {"messages": [{"content": "x" * 2_000_000}]}
    with spancast.trace(trace_name="Root", user="u"):
        sent.client.post(sent.url, json={**own, **rest} if where == "front" else {**rest, **own})
    assert ("own", 1) == (json.loads(sent.body)["user"], sent.body.count(b'"user"'))
    assert "parent_span_id" in json.loads(sent.body)["trace"]


def test_a_large_body_of_an_async_client_is_sent_whole(pipeline: spancast.Pipeline) -> None:
    """The same pieces, awaited."""
    bodies = []

    async def answer(request: Any) -> Any:
        bodies.append(b"".join([bytes(piece) async for piece in request.stream]))
        return httpx.Response(200, json={})

    async def ask() -> None:
        client = openrouter.join(httpx.AsyncClient(transport=httpx.MockTransport(answer)))
        with spancast.trace(trace_name="Root"):
            await client.post("https://openrouter.ai/api/v1/responses", json={"input": "x" * 2_000_000})

    asyncio.run(ask())
    assert {"trace", "input"} == set(json.loads(bodies[0]))


def test_a_fault_of_ours_lets_the_request_go(pipeline: spancast.Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is raised into the model call."""
    monkeypatch.setattr(guard, "strict", False)
    monkeypatch.setattr(openrouter, "_merged", lambda *_: 1 / 0)
    sent = Sent()
    with spancast.trace(trace_name="Root"):
        assert 200 == sent.client.post(sent.url, json={"model": "m"}).status_code
    assert b'{"model":"m"}' == sent.body


NAMES = st.sampled_from(["trace", "user", "session_id", "model", "x"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.just("trace_id"), inner, max_size=3),
    max_leaves=8,
)


@given(body=st.dictionaries(NAMES, VALUES, max_size=5), indent=st.sampled_from([None, 2]))
def test_nothing_of_a_body_is_lost(body: dict[str, Any], indent: int | None) -> None:
    """Whatever a client sends: all of it arrives, the fields are there, and the JSON is valid."""
    fields = {"trace": {"trace_id": "a" * 32, "parent_span_id": "b" * 16, "k": 1}, "user": "u"}
    raw = json.dumps(body, indent=indent).encode()
    try:
        merged = openrouter._merged(raw, fields)
    except UnicodeEncodeError:
        pytest.fail("a body that was valid must stay so")
    after = json.loads(merged if merged is not None else raw)
    assert {key: value for key, value in body.items() if key != "trace"}.items() <= after.items()
    assert body.get("user", "u") == after["user"] or merged is None
    if isinstance(body.get("trace"), dict):
        assert merged is None or body["trace"].items() <= after["trace"].items()
    elif "trace" in body:
        assert body["trace"] == after["trace"]
    elif merged is not None:
        assert fields["trace"] == after["trace"]


# ------------------------------------------------------------------ settings
def test_a_second_join_changes_nothing(world: World) -> None:
    """One hook a client, however often."""
    client = httpx.Client()
    assert openrouter.join(openrouter.join(client)) is client
    assert 1 == len(client.event_hooks["request"])


def test_what_has_no_http_client_is_refused() -> None:
    """With what to do instead."""
    with pytest.raises(
        spancast.SettingsError, match=r"found no HTTP client in a RunnableLambda: give it the model itself"
    ):
        openrouter.join(RunnableLambda(print))


@pytest.mark.parametrize("hosts", ["https://openrouter.ai", "openrouter.ai:443", "", [], [None], None])
def test_hosts_are_names(hosts: Any) -> None:
    """A URL or a port would never match, and nobody would know."""
    with pytest.raises(spancast.SettingsError, match="host"):
        openrouter.join(httpx.Client(), hosts=hosts)
