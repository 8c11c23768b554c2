"""Workflows: steps that wait for a person, what is injected into them, runs that are resumed."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.tools import FunctionTool
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.dispatcher import instrument_tags
from pydantic import BaseModel, Field, SecretStr
from workflows import Context, Workflow, step
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.resource import Resource

from spancast.destinations import MemoryDestination

from ..fakes.llama_index import ScriptedLLM, calls
from ..langchain.trees import one, traces

pytestmark = pytest.mark.usefixtures("instrumented")
KEY = "sk-live-4711"
dispatcher = get_dispatcher(__name__)


# ---------------------------------------------------------------- waiting
async def ask(ctx: Context) -> str:
    """Wait for a person, in a helper."""
    answer = await ctx.wait_for_event(HumanResponseEvent, waiter_event=InputRequiredEvent(prefix="sure?"))
    return str(answer.response)


class InAHelper(Workflow):
    @step
    async def work(self, ctx: Context, ev: StartEvent) -> StopEvent:
        return StopEvent(result=await ask(ctx))


class Free(Workflow):
    """Its step is a function of its own."""


@step(workflow=Free)
async def work(ctx: Context, ev: StartEvent) -> StopEvent:
    """Wait in a free function."""
    return StopEvent(result=await ask(ctx))


class Next(Event):
    """Leads to the second step."""


class Quiet(Workflow):
    """A step that may wait, and returns nothing for another reason."""

    @step
    async def begin(self, ctx: Context, ev: StartEvent) -> Next | None:
        if ev.get("wait", False):
            await ctx.wait_for_event(HumanResponseEvent)
        ctx.send_event(Next())
        return None

    @step
    async def end(self, ev: Next) -> StopEvent:
        return StopEvent(result="yes")


async def answered(workflow: Workflow, **start: Any) -> str:
    """Run a workflow and answer what it asks."""
    handler = workflow.run(**start)
    async for event in handler.stream_events():
        if isinstance(event, InputRequiredEvent):
            handler.ctx.send_event(HumanResponseEvent(response="yes"))
    return str(await handler)


@pytest.mark.parametrize("workflow", [InAHelper, Free])
def test_a_step_that_waits_is_interrupted(workflow: type[Workflow], memory: MemoryDestination) -> None:
    """Wherever it waits; then it begins again and ends."""
    assert "yes" == asyncio.run(answered(workflow()))
    steps = [span for span in memory.spans if span.attributes.get("spancast.ending") or span.name.endswith("work")]
    assert ["interrupted", None] == [span.attributes.get("spancast.ending") for span in steps]
    assert 1 == traces(memory.spans)


def test_a_step_that_returns_nothing_does_not_wait(memory: MemoryDestination) -> None:
    """Though its code could wait."""
    assert "yes" == asyncio.run(answered(Quiet()))
    assert [None, None, None] == [span.attributes.get("spancast.ending") for span in memory.spans]


# ---------------------------------------------------------------- resumed by another run
class Asking(Workflow):
    """Sends its question as a step's result: no step waits."""

    @step
    async def question(self, ev: StartEvent) -> InputRequiredEvent:
        return InputRequiredEvent(prefix="sure?")

    @step
    async def answer(self, ev: HumanResponseEvent) -> StopEvent:
        return StopEvent(result=ev.response)


async def saved(workflow: Workflow, **start: Any) -> str:
    """Run a workflow until it asks, stop it, and return its context as JSON text."""
    handler = workflow.run(**start)
    async for event in handler.stream_events():
        if isinstance(event, InputRequiredEvent):
            break
    context = json.dumps(handler.ctx.to_dict())
    await handler.cancel_run()
    with suppress(Exception):
        await handler
    return context


async def resumed(workflow: Workflow, context: str) -> str:
    """Go on from a saved context, with the answer."""
    ctx: Context[Any] = Context.from_dict(workflow, json.loads(context))
    handler = workflow.run(ctx=ctx)
    handler.ctx.send_event(HumanResponseEvent(response="yes"))
    return str(await handler)


def links(spans: Any) -> list[tuple[str, str]]:
    """Return which root links to which."""
    roots = {(span.trace_id, span.span_id): span.name for span in spans if not span.parent_span_id}
    return [
        (span.name, roots[link.trace_id, link.span_id])
        for span in spans
        if not span.parent_span_id
        for link in span.links
    ]


@pytest.mark.filterwarnings("ignore::Warning")  # of LlamaIndex: an agent's memory is not saved
@pytest.mark.parametrize(
    ("build", "start", "answer"),
    [
        (InAHelper, {"topic": "a"}, "yes"),
        (Free, {"topic": "b"}, "yes"),
    ],
)
def test_a_resumed_run_links_to_the_one_that_waited(
    build: Any, start: dict[str, Any], answer: str, memory: MemoryDestination
) -> None:
    """A turn of its own, whose root says how it ended; the link leads to the first."""
    context = asyncio.run(saved(build(), **start))
    assert answer == asyncio.run(resumed(build(), context))
    assert 2 == traces(memory.spans)
    assert 1 == len(links(memory.spans))
    assert "OK" == str(memory.spans[-1].status)


def test_a_question_that_no_step_waits_for_is_found_by_its_session(memory: MemoryDestination) -> None:
    """Without a session there is nothing to tell one such run from another."""
    for session, expected in ((None, []), ("s1", [("Asking.run", "Asking.run")])):
        with instrument_tags({"session_id": session} if session else {}):
            context = asyncio.run(saved(Asking()))
            assert "yes" == asyncio.run(resumed(Asking(), context))
        assert expected == links(memory.spans)
        memory.clear()


def test_runs_that_are_alike_are_not_linked(memory: MemoryDestination) -> None:
    """Two that wait for the same with the same event: a link might lead to somebody else's trace."""
    contexts = [asyncio.run(saved(InAHelper(), topic="alike")) for _ in range(2)]
    assert "yes" == asyncio.run(resumed(InAHelper(), contexts[0]))
    assert [] == links(memory.spans)


def test_a_run_that_was_answered_is_resumed_by_nobody(memory: MemoryDestination) -> None:
    """The pause is used up by the run that goes on itself."""

    async def go() -> str:
        handler = InAHelper().run(topic="answered")
        context = ""
        async for event in handler.stream_events():
            if isinstance(event, InputRequiredEvent):
                context = json.dumps(handler.ctx.to_dict())
                handler.ctx.send_event(HumanResponseEvent(response="yes"))
        await handler
        return context

    assert "yes" == asyncio.run(resumed(InAHelper(), asyncio.run(go())))
    assert [] == links(memory.spans)


# ---------------------------------------------------------------- what is injected
class Config(BaseModel):
    endpoint: str = "https://db.internal"
    api_key: str = KEY


@dataclass
class Client:
    url: str = "postgres://app@db"
    password: str = field(default=KEY)


class Plain:
    def __init__(self) -> None:
        self.token = KEY


class Model(ScriptedLLM):
    api_key: str = KEY


def config() -> Config:
    return Config()


def client() -> Client:
    return Client()


def plain() -> dict[str, str]:
    return {"token": KEY}


def model() -> Model:
    return Model()


class Part(Event):
    """An event with fields that its type hides."""

    shown: str = "numbers"
    token: str = Field(default=KEY, exclude=True)
    code: str = Field(default=KEY, repr=False)
    secret: SecretStr = SecretStr(KEY)


class Injected(Workflow):
    @step
    async def first(
        self, ev: StartEvent, llm: Annotated[Model, Resource(model)], settings: Annotated[Config, Resource(config)]
    ) -> Part:
        return Part()

    @step
    async def second(
        self, ev: Part, db: Annotated[Client, Resource(client)], data: Annotated[dict[str, str], Resource(plain)]
    ) -> StopEvent:
        return StopEvent(result="done")


def test_what_is_injected_is_machinery(memory: MemoryDestination) -> None:
    """Clients, settings and models never reach a trace, nor do hidden fields; the step's event does."""
    asyncio.run(answered(Injected(), topic="numbers"))
    assert KEY not in repr([(span.attributes, span.events, span.status.message) for span in memory.spans])
    for name in ("Injected.first", "Injected.second"):
        assert "numbers" in one(memory.spans, name).attributes["input.value"]


def test_a_tools_preset_arguments_stay_out(memory: MemoryDestination) -> None:
    """What `partial_params` adds is not what the model gave."""

    def fetch(what: str, api_key: str) -> str:
        """Fetch something."""
        return f"{what} fetched"

    tool = FunctionTool.from_defaults(fetch, partial_params={"api_key": KEY})
    agent = FunctionAgent(name="a", tools=[tool], llm=ScriptedLLM(calls(("fetch", {"what": "x"})), "ok"))
    asyncio.run(answered(agent, user_msg="go"))
    assert KEY not in repr([span.attributes for span in memory.spans])
    assert '{"what":"x"}' == one(memory.spans, "fetch").attributes["tool.parameters"]


@dispatcher.span
def look_up(what: str, api_key: str, *, password: str | None = None, token: str | None = None) -> str:
    """A function of the application's own, which is given a key."""
    return what


def test_arguments_named_like_secrets_are_masked(memory: MemoryDestination) -> None:
    """Of the application's own functions and of tools; the other arguments are there."""
    look_up("x", KEY, password=KEY, token=KEY)
    FunctionTool.from_defaults(look_up, name="look_up").call(what="x", api_key=KEY)
    assert KEY not in repr([span.attributes for span in memory.spans])
    assert all('"what":"x"' in span.attributes["input.value"] for span in memory.spans)
