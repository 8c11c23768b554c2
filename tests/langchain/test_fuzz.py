"""Whatever objects an application passes around: its results stay what they are, and valid spans arrive."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum, IntEnum
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.vendor import pretty
from langchain_core.callbacks import dispatch_custom_event
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, Generation, LLMResult
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import StructuredTool
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans
from pydantic import BaseModel, ConfigDict

import spancast
from spancast.conventions.span import Span
from spancast.destinations.factory import local_destination
from spancast.langchain import SpancastCallbackHandler
from spancast.otlp import json as otlp_json
from spancast.otlp import protobuf

from ..fakes.langchain import ScriptedChat

# ---------------------------------------------------------------- what hypothesis says of a failure
_print = pretty._repr_pprint


def _print_hostile(value: Any, printer: Any, cycle: bool) -> None:
    """Print the example of a failing test: a hostile `__repr__` would take the failure's place."""
    try:
        _print(value, printer, cycle)
    except Exception:
        printer.text(f"<{type(value).__name__}>")


pretty._repr_pprint = _print_hostile


# ---------------------------------------------------------------- what an application may hold
class Asked(Exception):
    """Somebody asked a hostile object something; `questions` keeps it, so that no broad `except` hides it."""

    def __init__(self, question: str) -> None:
        questions.append(question)


questions: list[str] = []


class Colour(Enum):
    RED = "red"
    GREEN = ("nested", 1)


class Level(IntEnum):
    LOW = 1


class Plain(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True, extra="allow")
    value: Any = None


@dataclass
class Record:
    value: Any = None
    hidden: Any = field(default=None, repr=False)


@dataclass(frozen=True)
class Slotted:
    __slots__ = ("value",)
    value: Any


class BadRepr:
    def __repr__(self) -> str:
        raise Asked("repr")

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        raise Asked("format")


class BadGetattr:
    def __getattr__(self, name: str) -> Any:
        raise Asked(f"getattr {name}")


class BadGetattribute:
    def __getattribute__(self, name: str) -> Any:
        raise Asked(f"getattribute {name}")


class BadDict:
    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise Asked("dict")


class BadClass:
    @property
    def __class__(self) -> Any:  # type: ignore[override]
        raise Asked("class")


class Liar:
    """Says that it is a message."""

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        return HumanMessage


class BadContainer:
    def __len__(self) -> int:
        raise Asked("len")

    def __iter__(self) -> Iterator[Any]:
        raise Asked("iter")

    def __getitem__(self, key: object) -> Any:
        raise Asked("getitem")

    def __bool__(self) -> bool:
        raise Asked("bool")

    def keys(self) -> Any:
        raise Asked("keys")


class BadKey:
    """A key of mappings that lets nobody look at it; only its hash is its identity's."""

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        raise Asked("repr of a key")

    __str__ = __repr__


class BadMapping(dict[Any, Any]):
    def items(self) -> Any:
        raise Asked("items")

    def __iter__(self) -> Any:
        raise Asked("iter of a mapping")

    def get(self, *arguments: Any) -> Any:
        raise Asked("get")

    def copy(self) -> Any:
        raise Asked("copy")


class BadText(str):
    def __str__(self) -> str:
        raise Asked("str")

    def __len__(self) -> int:
        raise Asked("len of a text")

    def encode(self, *arguments: Any) -> bytes:
        raise Asked("encode")


class BadList(list[Any]):
    def __iter__(self) -> Any:
        raise Asked("iter of a list")


class BadNumber(int):
    def __repr__(self) -> str:
        raise Asked("repr of a number")

    __str__ = __repr__


def cyclic_list() -> Any:
    cycle: list[Any] = [1]
    cycle.append(cycle)
    return cycle


def cyclic_mapping() -> Any:
    cycle: dict[str, Any] = {}
    cycle["a"] = {"b": [cycle]}
    return cycle


def cyclic_model() -> Any:
    model = Plain()
    model.value = [model]
    return model


def deep() -> Any:
    value: Any = "bottom"
    for _ in range(2000):
        value = [value]
    return value


def generator() -> Iterator[Any]:
    raise Asked("next of a generator")
    yield


HOSTILE: list[Callable[[], Any]] = [
    BadRepr,
    BadGetattr,
    BadGetattribute,
    BadDict,
    BadClass,
    Liar,
    BadContainer,
    lambda: BadMapping(a=1),
    lambda: BadText("text"),
    lambda: BadList([1, 2]),
    lambda: BadNumber(3),
    lambda: {BadKey(): "value"},
    lambda: {Colour.RED: 1, Level.LOW: 2, (1, "a"): 3, None: 4, 1.5: 5, b"bytes": 6, "": 7},
    cyclic_list,
    cyclic_mapping,
    cyclic_model,
    deep,
    generator,
    lambda: Plain(value=BadRepr(), more=BadGetattribute()),
    lambda: Record(value=BadContainer(), hidden=BadClass()),
    lambda: Slotted(BadRepr()),
    lambda: object(),
    lambda: BadRepr,
    lambda: ValueError("an error as a value"),
    lambda: json,
    lambda: memoryview(b"abc"),
    lambda: {"open", Level.LOW},
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.text(st.characters(categories=["Cs", "Cc"])),
    st.binary(max_size=20),
    st.sampled_from([*Colour, *Level]),
    st.builds(uuid4),
    st.decimals(),
    st.just(datetime(2026, 1, 1, tzinfo=UTC)),
    st.builds(lambda: 10**5000),
    st.just(float("nan")),
)
# not those that nobody may even ask for their class: hypothesis does; `test_hostile_objects_one_by_one` has them
hostile = st.sampled_from([make for make in HOSTILE if make not in (BadClass, BadGetattribute)]).map(
    lambda make: make()
)
keys = st.one_of(
    st.text(max_size=8),
    st.sampled_from([*Colour, *Level, None, 1, 2.5, True, (1, 2)]),
    st.builds(BadKey),
    st.sampled_from(["messages", "content", "role", "type", "usage", "model", "id", "__class__"]),
)
# objects without a usable `==` must not come twice into one dictionary: each key is drawn once
nested = st.recursive(
    SCALARS | hostile,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(keys, inner, max_size=4),
        st.tuples(inner, inner),
        st.builds(Plain, value=inner),
        st.builds(Record, value=inner),
        st.builds(Slotted, inner),
    ),
    max_leaves=12,
)
named = st.dictionaries(st.text(min_size=1, max_size=8), nested, max_size=4)
FUZZ = settings(
    max_examples=60,
    phases=[Phase.generate],
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
        HealthCheck.function_scoped_fixture,
    ],
)


# ---------------------------------------------------------------- what arrives
class Wire:
    """A destination that encodes each span in both protocols and keeps span and bytes."""

    def __init__(self) -> None:
        self.spans: list[tuple[Span, bytes, bytes]] = []

    def exporter(self, resource: Any) -> Wire:
        return self

    def describe(self) -> str:
        return "the test"

    def encode(self, span: Span) -> Any:
        return span, protobuf.encode_span(span), otlp_json.encode_span(span)

    def export(self, batch: Any, timeout: float) -> Any:
        self.spans.extend(batch)
        from spancast.otlp.outcome import DELIVERED

        return DELIVERED

    def close(self) -> None:
        pass


_WARNINGS = ("ignored.", "used as text.", "not to the trace.")


class Recorded:
    """A pipeline in both conventions; `check` says whether all that arrived is well-formed."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.wires = {name: Wire() for name in ("openinference", "gen_ai")}
        self.pipeline = spancast.Pipeline(
            *(local_destination(name, wire, name, {"name": name}) for name, wire in self.wires.items())  # type: ignore[arg-type]
        )
        self.caplog = caplog

    def check(self, expected: int) -> list[Span]:
        """Return the OpenInference spans; all of both conventions are valid, and nothing was said or lost."""
        assert self.pipeline.flush(5)
        held = {name: list(wire.spans) for name, wire in self.wires.items()}
        for wire in self.wires.values():
            wire.spans.clear()
        assert dict.fromkeys(held, expected) == {name: len(spans) for name, spans in held.items()}
        for spans in held.values():
            for span, proto, text in spans:
                check_span(span, proto, text)
        assert 0 == self.pipeline.recorder.open_operations
        # a malformed trace field, or a name like a secret's, is worth a warning; hypothesis knows them from our own code
        said = [record.getMessage() for record in self.caplog.records]
        assert [] == [message for message in said if not message.endswith(_WARNINGS)]
        return [span for span, _, _ in held["openinference"]]


JSON_KEYS = (
    "metadata",
    "llm.invocation_parameters",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.definitions",
    "gen_ai.retrieval.documents",
)


def check_span(span: Span, proto: bytes, text: bytes) -> None:
    """Attributes are OTLP's types, JSON is JSON, both encodings can be read, and no part of the translation failed."""
    attributes = span.attributes
    assert "spancast.fault" not in attributes, attributes["spancast.fault"]
    for key, value in attributes.items():
        assert type(key) is str
        assert_plain(value)
        if key in JSON_KEYS or key.endswith((".json_schema", ".document.metadata")):
            json.loads(str(value))
    for side in ("input", "output"):
        if attributes.get(f"{side}.mime_type") == "application/json":
            json.loads(str(attributes[f"{side}.value"]))
    (read,) = ScopeSpans.FromString(proto).spans
    assert len(attributes) == len(read.attributes)
    assert span.name.encode("utf-8", "replace").decode() == read.name
    assert json.loads(text)["spanId"] == f"{span.span_id:016x}"


def assert_plain(value: Any) -> None:
    assert type(value) in (str, bool, int, float, list), type(value)
    if type(value) is list:
        assert {type(item) for item in value} <= {str, bool, int, float}


@pytest.fixture
def recorded(caplog: pytest.LogCaptureFixture) -> Iterator[Recorded]:
    """Return a pipeline in use whose spans can be checked."""
    caplog.set_level(logging.WARNING)
    recorded = Recorded(caplog)
    with recorded.pipeline:
        yield recorded


def outcome(work: Callable[[], Any]) -> Any:
    """Return what *work* returns, or the class of what it raises."""
    try:
        return work()
    except BaseException as error:
        return type(error)


def same_as_alone(work: Callable[[dict[str, Any]], Any], config: dict[str, Any]) -> bool:
    """Whether *work* comes to the same with the handler as without; the same object, where it returns one.

    Where LangChain itself cannot carry an object, both raise.
    """
    alone = outcome(lambda: work({key: value for key, value in config.items() if key != "callbacks"}))
    return alone is outcome(lambda: work(config))


# ---------------------------------------------------------------- the tests
@FUZZ
@given(given_value=nested, made=nested)
def test_any_input_and_output_of_a_chain(recorded: Recorded, given_value: Any, made: Any) -> None:
    """A chain gets and returns the application's own objects, untouched."""

    def work(value: Any) -> Any:
        assert value is given_value
        return made

    def run(config: dict[str, Any]) -> Any:
        return RunnableLambda(work, name="work").invoke(given_value, config)

    assert same_as_alone(run, {"callbacks": [SpancastCallbackHandler()]})
    recorded.check(1)


@FUZZ
@given(metadata=named)
def test_any_metadata(recorded: Recorded, metadata: dict[str, Any]) -> None:
    """Metadata of any kind; also where it lies under the names of trace fields."""
    config = {"callbacks": [SpancastCallbackHandler()], "metadata": metadata}
    made = outcome(lambda: RunnableLambda(lambda value: value, name="work").invoke("x", config))
    assert made == "x"
    recorded.check(1)


FIELDS = (
    "trace",
    "trace_id",
    "trace_name",
    "span_name",
    "generation_name",
    "parent_span_id",
    "user",
    "session_id",
    "thread_id",
    "lc_agent_name",
    "ls_provider",
    "ls_model_name",
    "langgraph_path",
    "langgraph_node",
)


@FUZZ
@given(metadata=st.dictionaries(st.sampled_from(FIELDS), nested | named, max_size=4))
def test_any_trace_fields(recorded: Recorded, metadata: dict[str, Any]) -> None:
    """Trace fields that are no trace fields: what can be read is used, nothing raises."""
    config = {"callbacks": [SpancastCallbackHandler()], "metadata": metadata}
    model = ScriptedChat(script=["x"])
    assert "x" == model.invoke("q", config).content
    assert recorded.pipeline.flush(5)
    recorded.caplog.clear()  # malformed fields are worth a warning
    spans = recorded.wires["openinference"].spans
    recorded.check(len(spans))
    assert spans is not None


@FUZZ
@given(arguments=named, made=nested)
def test_any_tool_arguments_and_results(recorded: Recorded, arguments: dict[str, Any], made: Any) -> None:
    """A tool's arguments and its result."""

    def work(**given_arguments: Any) -> Any:
        return made

    schema = {"type": "object", "properties": {name: {} for name in arguments}}
    tool = StructuredTool(name="work", description="Work.", args_schema=schema, func=work)
    config = {"callbacks": [SpancastCallbackHandler()]}
    assert same_as_alone(lambda config: tool.invoke(arguments, config), config)
    assert recorded.pipeline.flush(5)
    recorded.check(len(recorded.wires["openinference"].spans))


@FUZZ
@given(arguments=named, made=nested)
def test_any_tool_events(recorded: Recorded, arguments: dict[str, Any], made: Any) -> None:
    """The same, where LangChain could not even write the arguments as text."""
    handler, run_id = SpancastCallbackHandler(), uuid4()
    handler.on_tool_start({"name": "work", "description": made}, "", run_id=run_id, inputs=arguments, tool_call_id="1")
    handler.on_tool_end(made, run_id=run_id)
    recorded.check(1)


BLOCKS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(
            [
                "text",
                "reasoning",
                "thinking",
                "refusal",
                "image",
                "image_url",
                "audio",
                "input_audio",
                "video",
                "file",
                "text-plain",
                "tool_call",
                "tool_use",
                "server_tool_call",
                "server_tool_result",
                "non_standard",
                "invented",
            ]
        )
    },
    optional=dict.fromkeys(
        (
            "text",
            "reasoning",
            "refusal",
            "image",
            "image_url",
            "url",
            "base64",
            "data",
            "mime_type",
            "file_id",
            "id",
            "name",
            "args",
            "output",
            "tool_call_id",
            "value",
            "extras",
            "signature",
            "annotations",
        ),
        nested,
    ),
)
ANYTHING_AS_BLOCK = st.dictionaries(st.text(max_size=8), nested, max_size=3)


@st.composite
def messages(draw: st.DrawFn) -> BaseMessage:
    content = draw(st.text() | st.lists(st.text() | BLOCKS | ANYTHING_AS_BLOCK, max_size=3))
    kind = draw(st.sampled_from([HumanMessage, SystemMessage, AIMessage, ToolMessage]))
    more = {"tool_call_id": "1", "artifact": draw(nested)} if kind is ToolMessage else {}
    message = kind(content="", additional_kwargs=draw(named), response_metadata=draw(named), **more)
    message.content = content  # past pydantic, which copies
    if kind is AIMessage:
        message.tool_calls = [{"name": "t", "args": draw(named), "id": draw(st.none() | st.text(max_size=3))}]
        message.usage_metadata = draw(st.none() | named)
    return message


@FUZZ
@given(asked=st.lists(messages(), min_size=1, max_size=3), told=messages(), about=named)
def test_any_messages_to_and_from_a_model(
    recorded: Recorded, asked: list[BaseMessage], told: BaseMessage, about: dict[str, Any]
) -> None:
    """Messages whose content, arguments and metadata are anything; a model's answer likewise."""
    handler, run_id = SpancastCallbackHandler(), uuid4()
    handler.on_chat_model_start(None, [asked], run_id=run_id, name="model", invocation_params=about, metadata=about)
    generation = ChatGeneration(message=AIMessage(""))
    generation.message, generation.generation_info = told, about
    handler.on_llm_end(LLMResult(generations=[[generation]], llm_output=about), run_id=run_id)
    recorded.check(1)


def test_ids_that_are_no_text(recorded: Recorded) -> None:
    """A server tool's call and result under an id of any type."""
    content = [{"type": kind, "id": [{}], "tool_call_id": {}} for kind in ("server_tool_call", "server_tool_result")]  # type: ignore[var-annotated]
    handler, run_id = SpancastCallbackHandler(), uuid4()
    message = HumanMessage("")
    message.content = content  # past pydantic
    handler.on_chat_model_start(None, [[message]], run_id=run_id, name="model")
    handler.on_llm_end(LLMResult(generations=[[Generation(text="x")]]), run_id=run_id)
    recorded.check(1)


def test_blocks_whose_type_and_text_are_of_any_class(recorded: Recorded) -> None:
    """A list as a block's type, a text of the application's own class: both are content, and nothing of the span is lost."""
    content = [{"type": ["image"], "text": "listed"}, {"type": "text", "text": BadText("own")}, BadText("bare")]
    message = HumanMessage("")
    message.content = content  # past pydantic
    handler, run_id = SpancastCallbackHandler(), uuid4()
    handler.on_chat_model_start(None, [[message]], run_id=run_id, name="model")
    handler.on_llm_end(LLMResult(generations=[[ChatGeneration(message=AIMessage("done"))]]), run_id=run_id)
    (span,) = recorded.check(1)
    said = str({key: value for key, value in span.attributes.items() if key.startswith("llm.")})
    assert [] == [text for text in ("listed", "own", "bare", "done") if text not in said]


PROVIDERS_WORDS = st.dictionaries(
    st.sampled_from(
        [
            "token_usage",
            "usage",
            "usage_metadata",
            "model_name",
            "model",
            "id",
            "finish_reason",
            "stop_reason",
            "cost",
            "cost_details",
            "tools",
            "functions",
            "response_format",
            "n",
            "stop",
            "temperature",
            "max_tokens",
            "stream",
            "_type",
        ]
    ),
    nested
    | st.dictionaries(
        st.sampled_from(
            [
                "input_tokens",
                "output_tokens",
                "total_tokens",
                "prompt_tokens",
                "completion_tokens",
                "input_token_details",
                "prompt_tokens_details",
                "cache_read",
                "cached_tokens",
                "total_cost",
                "cost",
                "name",
                "function",
                "type",
            ]
        ),
        nested,
        max_size=4,
    ),
    max_size=6,
)


@FUZZ
@given(about=PROVIDERS_WORDS, info=PROVIDERS_WORDS, parameters=PROVIDERS_WORDS)
def test_anything_a_provider_may_say(
    recorded: Recorded, about: dict[str, Any], info: dict[str, Any], parameters: dict[str, Any]
) -> None:
    """Usage, cost, model names, ids and parameters that are no such things."""
    for generation in (ChatGeneration(message=AIMessage("x", response_metadata=about)), Generation(text="x")):
        handler, run_id = SpancastCallbackHandler(), uuid4()
        handler.on_llm_start(None, ["q"], run_id=run_id, name="model", invocation_params=parameters)
        generation.generation_info = info
        handler.on_llm_end(LLMResult(generations=[[generation]], llm_output=about), run_id=run_id)
    recorded.check(2)


class Library(BaseRetriever):
    found: list[Document] = []

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return self.found


@FUZZ
@given(metadata=named)
def test_any_document_metadata(recorded: Recorded, metadata: dict[str, Any]) -> None:
    """A document's metadata."""
    document = Document("text", metadata=metadata)
    found = Library(found=[document]).invoke("q", {"callbacks": [SpancastCallbackHandler()]})
    assert found[0] is document or found[0].metadata == metadata
    recorded.check(1)


@FUZZ
@given(data=nested)
def test_any_custom_event(recorded: Recorded, data: Any) -> None:
    """What an application sends as an event of its own."""

    def work(value: Any) -> Any:
        dispatch_custom_event("progress", data)
        return value

    RunnableLambda(work, name="work").invoke("x", {"callbacks": [SpancastCallbackHandler()]})
    (span,) = recorded.check(1)
    assert ["progress"] == [event.name for event in span.events]


class HostileError(Exception):
    """An error that cannot be written down."""

    def __str__(self) -> str:
        raise ValueError("no text")

    __repr__ = __str__


@FUZZ
@given(arguments=st.lists(nested, max_size=3), kind=st.sampled_from([ValueError, HostileError, KeyError, OSError]))
def test_any_error(recorded: Recorded, arguments: list[Any], kind: type[Exception]) -> None:
    """An error with anything in it reaches the application as the object that was raised."""
    error = kind(*arguments)

    def work(value: Any) -> Any:
        raise error

    with pytest.raises(kind) as raised:
        RunnableLambda(work, name="work").invoke("x", {"callbacks": [SpancastCallbackHandler()]})
    assert raised.value is error
    (span,) = recorded.check(1)
    # of OSError Python makes the subclass that its number stands for
    assert span.attributes["error.type"].endswith(type(error).__name__)  # type: ignore[union-attr]


# ---------------------------------------------------------------- size
def test_a_prompt_of_ten_megabytes(recorded: Recorded) -> None:
    """It reaches the model whole; the span arrives, cut where its destination says so, with valid JSON."""
    prompt = "0123456789" * 1_000_000
    model = ScriptedChat(script=[AIMessage("Answer: " + prompt)])
    answer = model.invoke([HumanMessage(prompt)], {"callbacks": [SpancastCallbackHandler()]})
    assert 10_000_008 == len(answer.content)
    (span,) = recorded.check(1)
    assert any(key.endswith(".truncated") for key in span.attributes)


def test_two_thousand_messages(recorded: Recorded) -> None:
    """A very long conversation: the newest message, the tokens and the session are all there."""
    conversation = [HumanMessage(f"message {index}") for index in range(2000)]
    config = {"callbacks": [SpancastCallbackHandler(session_id="s")]}
    ScriptedChat(script=["x"]).invoke(conversation, config)
    (span,) = recorded.check(1)
    assert "message 1999" == span.attributes["llm.input_messages.1999.message.content"]
    assert (150, "s") == (span.attributes["llm.token_count.total"], span.attributes["session.id"])


def test_a_wide_and_a_deep_state(recorded: Recorded) -> None:
    """More items than a snapshot holds, and more levels: the rest is left out, what is there is valid."""
    state = {"wide": list(range(100_000)), "deep": deep(), "keys": {str(key): key for key in range(50_000)}}
    assert state is RunnableLambda(lambda value: value).invoke(state, {"callbacks": [SpancastCallbackHandler()]})
    recorded.check(1)


def test_objects_that_change_while_they_are_copied(recorded: Recorded) -> None:
    """A mapping that another thread fills meanwhile is no reason to fail."""
    import threading

    state: dict[Any, Any] = {}
    stop = threading.Event()

    def fill() -> None:
        while not stop.is_set():
            state[random.random()] = {}
            if len(state) > 2000:
                state.clear()

    thread = threading.Thread(target=fill)
    thread.start()
    try:
        for _ in range(200):
            RunnableLambda(lambda value: value).invoke(state, {"callbacks": [SpancastCallbackHandler()]})
    finally:
        stop.set()
        thread.join()
    recorded.check(200)


def test_hostile_objects_one_by_one(recorded: Recorded) -> None:
    """Each of the hostile objects alone, also in a list, a mapping, a model and a dataclass: never asked anything."""
    for make in HOSTILE:
        questions.clear()
        for around in (lambda x: x, lambda x: [x], lambda x: {"key": x}, lambda x: Plain(value=x), Record, Slotted):
            handler, run_id, value = SpancastCallbackHandler(), uuid4(), around(make())
            handler.on_chain_start(None, value, run_id=run_id, name="work", metadata={"key": value})
            handler.on_chain_end(value, run_id=run_id)
        recorded.check(6)
        assert [] == questions
