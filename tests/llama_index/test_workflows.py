"""Workflows: steps that wait for a person, what is injected into them, runs that are resumed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Annotated, Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel, Field, SecretStr
from workflows import Context, Workflow, step
from workflows.events import Event, HumanResponseEvent, InputRequiredEvent, StartEvent, StopEvent
from workflows.resource import Resource

from spancast.destinations import MemoryDestination

from ..fakes.llama_index import ScriptedLLM, calls
from ..langchain.trees import one, traces

pytestmark = pytest.mark.usefixtures("instrumented")
KEY = "sk-live-4711"


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
