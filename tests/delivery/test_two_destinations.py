"""Every span that one of two destinations gets is, field by field, the one that it would get alone."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool

import spancast
from spancast.destinations import MemoryDestination
from spancast.destinations.targets.memory import MemorySpan
from spancast.langchain import SpancastCallbackHandler

from ..fakes.langchain import ScriptedChat, call

CONVENTIONS = ("openinference", "gen_ai")
STATE = {f"k{index}": ["v"] * 20 for index in range(40)}
INTERVALS = [0.005, 5e-6]  # seconds between two switches of threads: Python's own, and as short as it goes
# what differs from run to run: UUIDs, and ids of spans and traces
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}|\b[0-9a-f]{16}\b")


@pytest.fixture(params=INTERVALS, ids=["usual interval", "short interval"])
def _interval(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let threads take turns as often as it says."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(request.param)
    yield
    sys.setswitchinterval(usual)


@tool
def search(query: str) -> str:
    """Search."""
    return "sunny"


def function(config: Any) -> None:
    """A step with a large state."""
    RunnableLambda(lambda state: state, name="f").invoke(STATE, config)


def agent(config: Any) -> None:
    """An agent with a tool."""
    model = ScriptedChat(script=[call("search", {"query": "x"}), "done"])
    create_agent(model, [search], name="planner").invoke({"messages": [("user", "hi")]}, config)


def spans_by_convention(run: Callable[[Any], None], times: int, *conventions: str) -> dict[str, list[MemorySpan]]:
    """Return what arrives at a destination of each convention, all of them in one pipeline."""
    targets = {name: spancast.destinations.memory(name=name, convention=name) for name in conventions}
    with spancast.Pipeline(*targets.values()) as pipeline:
        handler = SpancastCallbackHandler()
        for number in range(times):
            run({"callbacks": [handler], "tags": ["mine"], "metadata": {"user": f"user {number % 7}"}})
        assert True is pipeline.flush(300)
        return {name: spans_in(target) for name, target in targets.items()}


def spans_in(target: MemoryDestination) -> list[MemorySpan]:
    """Return the spans of a destination."""
    return target.spans


def literal(span: MemorySpan, names: dict[str, str]) -> tuple[object, ...]:
    """Return every field of a span, with what differs from run to run left out; *names*: of spans by their ids."""
    shown = {key: _ID.sub("<id>", str(value)) for key, value in span.attributes.items()}
    events = [(event.name, _ID.sub("<id>", str(dict(event.attributes)))) for event in span.events]
    links = [_ID.sub("<id>", str(dict(link.attributes))) for link in span.links]
    parent = names.get(span.parent_span_id or "") if span.parent_span_id else "root"
    status = (span.status.code, span.status.message)
    times = (span.start_ns > 0, span.end_ns >= span.start_ns)
    return (
        *(span.name, parent, span.kind, span.span_kind, status, times),
        *(tuple(sorted(shown.items())), tuple(events), tuple(links)),
    )


def literally(spans: list[MemorySpan]) -> Counter[tuple[object, ...]]:
    """Return how often each span is there."""
    names = {span.span_id: span.name for span in spans}
    return Counter([literal(span, names) for span in spans])


def compare(run: Callable[[Any], None], times: int) -> None:
    """Compare what two destinations get at once with what each gets alone."""
    both = spans_by_convention(run, times, *CONVENTIONS)
    for convention in CONVENTIONS:
        alone = spans_by_convention(run, times, convention)[convention]
        found, expected = literally(both[convention]), literally(alone)
        assert len(alone) == len(both[convention])
        assert Counter() == expected - found
        assert Counter() == found - expected


@pytest.mark.usefixtures("_interval")
@pytest.mark.parametrize(("run", "times"), [(function, 60), (agent, 6)])
def test_each_span_is_the_one_of_a_destination_alone(run: Callable[[Any], None], times: int) -> None:
    """Steps with large states, and agents."""
    compare(run, times)


@pytest.mark.slow
@pytest.mark.usefixtures("_interval")
@pytest.mark.parametrize(("run", "times"), [(function, 6_000), (agent, 300)])
def test_each_of_thousands_of_spans_is_the_one_of_a_destination_alone(run: Callable[[Any], None], times: int) -> None:
    """6,000 steps and 300 agents."""
    compare(run, times)
