"""What a test may ask about the runs it made: calls of tools and models in their order, tokens, cost, errors, content."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import orjson

from ..destinations.targets.memory import MemoryDestination, memory
from ..notebook import span_of_memory
from ..runtime.default import as_default
from ..runtime.pipeline import Pipeline
from ..view.content import content_of
from ..view.notebook import ShownTrace
from ..view.read import ViewSpan, counted_once, is_score, parent_of, traces_of
from ..view.tree import in_order

_MOST_SHOWN = 4000  # characters of arguments and results in the message of a failed check


class Calls:
    """The calls of one tool (or model, agent, retriever) in a trace, in the order of time.

    Each check raises AssertionError with the tree when it does not hold, and returns True when it does: it can stand alone
    or behind `assert`.
    """

    def __init__(self, trace: RecordedTrace, name: str, spans: Sequence[ViewSpan]) -> None:
        self._trace = trace
        self._name = name
        self.spans = tuple(spans)

    def __len__(self) -> int:
        """How many calls there were."""
        return len(self.spans)

    @property
    def arguments(self) -> list[Any]:
        """What each call was given."""
        return [content_of(span.attributes).get("input") for span in self.spans]

    @property
    def results(self) -> list[Any]:
        """What each call returned."""
        return [content_of(span.attributes).get("output") for span in self.spans]

    @property
    def failed(self) -> bool:
        """Whether one of them failed."""
        return any(span.error for span in self.spans)

    def called(self, times: int | None = None) -> bool:
        """Check that there was a call, or exactly so many."""
        good = len(self) == times if times is not None else len(self) > 0
        expected = "at least once" if times is None else f"{times} times"
        return self._trace.expect(good, f"{self._name} was called {len(self)} times, expected {expected}.")

    def called_once(self) -> bool:
        """Check that there was exactly one call."""
        return self.called(times=1)

    def not_called(self) -> bool:
        """Check that there was no call."""
        return self.called(times=0)

    def called_with(self, **arguments: Any) -> bool:
        """Check that one of the calls had these arguments; further arguments do not matter."""
        good = any(_has(given, arguments) for given in self.arguments)
        return self._trace.expect(
            good, f"{self._name} was not called with {_shown(arguments)}, but with {self._given()}."
        )

    def called_once_with(self, **arguments: Any) -> bool:
        """Check that there was exactly one call, and that it had these arguments; further arguments do not matter."""
        return self.called_once() and self.called_with(**arguments)

    def _given(self) -> str:
        return ", ".join(_shown(each) for each in self.arguments) or "nothing: it was not called"


class RecordedTrace:
    """One trace of a test. Figures are sums of the trace; what a gateway says about a call again counts once."""

    def __init__(self, spans: Sequence[ViewSpan]) -> None:
        self.spans = tuple(in_order(spans))
        self._counted = counted_once(spans)

    @property
    def trace_id(self) -> str:
        """32 hex digits."""
        return self.spans[0].trace_id

    @property
    def root(self) -> ViewSpan:
        """The first span."""
        return self.spans[0]

    @property
    def name(self) -> str:
        """The root's name."""
        return self.root.name

    @property
    def input(self) -> Any:
        """What the root was given, as plain data."""
        return content_of(self.root.attributes).get("input")

    @property
    def output(self) -> Any:
        """What the root returned, as plain data."""
        return content_of(self.root.attributes).get("output")

    @property
    def llm_calls(self) -> int:
        """How many model calls there were."""
        return sum(span.kind == "LLM" for span in self._counted)

    @property
    def tool_calls(self) -> int:
        """How many tool calls there were."""
        return sum(span.kind == "TOOL" for span in self._counted)

    @property
    def input_tokens(self) -> int:
        """Tokens of all prompts."""
        return sum(span.input_tokens or 0 for span in self._counted)

    @property
    def output_tokens(self) -> int:
        """Tokens of all answers."""
        return sum(span.output_tokens or 0 for span in self._counted)

    @property
    def tokens(self) -> int:
        """Tokens of prompts and answers."""
        return self.input_tokens + self.output_tokens

    @property
    def cost(self) -> float:
        """US dollars; 0 where nothing is known."""
        return sum(span.cost or 0.0 for span in self._counted)

    @property
    def seconds(self) -> float:
        """From the first start to the last end."""
        return (max(span.end_ns for span in self.spans) - min(span.start_ns for span in self.spans)) / 1e9

    @property
    def errors(self) -> list[str]:
        """What failed, as `name: error`."""
        return [f"{span.name}: {span.error}" for span in self.spans if span.error]

    @property
    def scores(self) -> list[dict[str, Any]]:
        """The scores, of evaluators and of `spancast.score`: `name`, and `value`, `label`, `explanation` where given."""
        found = [score for span in self.spans for score in content_of(span.attributes, span.events).get("scores", ())]
        names = {"score": "value"}
        return [{names.get(key, key): value for key, value in score.items()} for score in found]

    def evaluator(self, name: str) -> Calls:
        """Return the runs of an evaluator."""
        return Calls(self, f"evaluator {name}", self._named("EVALUATOR", name))

    def tool(self, name: str) -> Calls:
        """Return the calls of a tool."""
        return Calls(self, f"tool {name}", self._named("TOOL", name))

    def agent(self, name: str) -> Calls:
        """Return the runs of an agent."""
        return Calls(self, f"agent {name}", self._named("AGENT", name))

    def retriever(self, name: str | None = None) -> Calls:
        """Return the retrievals, or those of one retriever."""
        return Calls(self, f"retriever {name or ''}".strip(), self._named("RETRIEVER", name))

    def model(self, name: str | None = None) -> Calls:
        """Return the model calls, or those whose model has this name."""
        spans = [span for span in self._named("LLM", None) if name is None or name in (span.model, span.name)]
        return Calls(self, f"model {name or ''}".strip(), spans)

    def _named(self, kind: str, name: str | None) -> list[ViewSpan]:
        found = [span for span in self.spans if span.kind == kind and (name is None or name in _names(span))]
        return sorted(found, key=lambda span: span.start_ns)

    def order(self, *names: str) -> bool:
        """Check that tools, agents, nodes or models of these names began in this order; others may lie between."""
        began = sorted(self.spans, key=lambda span: span.start_ns)
        left = list(names)
        for span in began:
            if left and left[0] in (*_names(span), span.model):
                left.pop(0)
        return self.expect(not left, f"{' -> '.join(names)} did not happen in this order: {left[:1]} is missing.")

    def no_errors(self) -> bool:
        """Check that nothing failed."""
        return self.expect(not self.errors, f"something failed: {'; '.join(self.errors)[:_MOST_SHOWN]}.")

    def contains(self, text: str) -> bool:
        """Check that the text stands somewhere in what would be exported."""
        return self.expect(bool(self._holding(text)), f"{text!r} stands nowhere.")

    def contains_nowhere(self, text: str) -> bool:
        """Check that the text stands nowhere in what would be exported."""
        holding = self._holding(text)
        return self.expect(not holding, f"{text!r} stands in {', '.join(span.name for span in holding)}.")

    def _holding(self, text: str) -> list[ViewSpan]:
        needle = text.casefold()
        return [span for span in self.spans if needle in _everything(span).casefold()]

    def expect(self, good: bool, message: str) -> bool:
        """Raise AssertionError with *message* and the tree unless *good*."""
        if not good:
            raise AssertionError(f"{message}\n\n{self}")
        return True

    def outline(self) -> str:
        """Return kinds and names as an indented tree: what `golden` compares."""
        depth: dict[str | None, int] = {}
        lines = []
        for span in self.spans:
            level = depth[span.span_id] = depth.get(parent_of(span), -1) + 1
            mark = " !" if span.error else ""
            lines.append(f"{'  ' * level}{span.kind} {span.name}{mark}")
        return "\n".join(lines) + "\n"

    def __str__(self) -> str:
        """Return the tree."""
        return str(ShownTrace(self.spans))

    __repr__ = __str__


class RecordedTraces:
    """The traces of a test, the oldest first."""

    def __init__(self, destination: MemoryDestination) -> None:
        self.destination = destination

    def _all(self) -> list[RecordedTrace]:
        spans = [span_of_memory(span) for span in self.destination.spans]
        return [RecordedTrace(found) for found in traces_of(spans).values() if not all(map(is_score, found))]

    @property
    def last(self) -> RecordedTrace:
        """The newest trace. Raises AssertionError where there is none."""
        traces = self._all()
        if not traces:
            raise AssertionError(
                "no trace was recorded: is the handler passed to the run, or `spancast.langchain.instrument()` called?"
            )
        return traces[-1]

    def __iter__(self) -> Iterator[RecordedTrace]:
        """Go through the traces."""
        return iter(self._all())

    def __len__(self) -> int:
        """How many there are."""
        return len(self._all())

    def __getitem__(self, index: int) -> RecordedTrace:
        """Return one of them."""
        return self._all()[index]

    def clear(self) -> None:
        """Forget what was recorded so far."""
        self.destination.clear()


@contextmanager
def record(**settings: Any) -> Iterator[RecordedTraces]:
    """Record what runs inside the block, in any thread or task; *settings* are those of `destinations.memory()`.

    LangChain and LlamaIndex runs are recorded without a handler as well, where the framework was imported before.
    """
    destination = memory(**settings)
    with ExitStack() as stack:
        pipeline = stack.enter_context(Pipeline(destination, spool=False))
        stack.enter_context(as_default(pipeline))
        for framework, adapter in (("langchain_core", "langchain"), ("llama_index.core", "llama_index")):
            if framework in sys.modules:
                stack.enter_context(_instrumented(adapter))
        yield RecordedTraces(destination)


@contextmanager
def _instrumented(adapter: str) -> Iterator[None]:
    from importlib import import_module

    module = import_module(f"..{adapter}", __package__)
    module.instrument()
    try:
        yield
    finally:
        module.uninstrument()


def _names(span: ViewSpan) -> tuple[str, ...]:
    """Return the names by which a test may call a span: its own, and what the conventions say of it."""
    keys = (
        "tool.name",
        "gen_ai.tool.name",
        "agent.name",
        "gen_ai.agent.name",
        "graph.node.id",
        "gen_ai.data_source.id",
    )
    return (span.name, *(str(span.attributes[key]) for key in keys if key in span.attributes))


def _has(given: Any, wanted: dict[str, Any]) -> bool:
    if not isinstance(given, dict):
        return not wanted
    if (
        any(key not in given for key in wanted)
        and len(given) == 1
        and isinstance(inner := next(iter(given.values())), dict)
    ):
        given = inner
    return all(key in given and given[key] == value for key, value in wanted.items())


def _shown(value: Any) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode("utf-8", "replace")[:_MOST_SHOWN]


def _everything(span: ViewSpan) -> str:
    return "\n".join([span.name, span.error or "", _shown_all(span.attributes), _shown_all(list(span.events))])


def _shown_all(value: Any) -> str:
    """Return all texts of a value, JSON in texts included, as they are: no escapes."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "\n".join(f"{key}\n{_shown_all(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return "\n".join(map(_shown_all, value))
    return str(value)
