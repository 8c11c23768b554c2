"""Operation: one thing the application did, finished and immutable, with what belongs to its kind."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from .cost import Cost
from .fast_frozen import frozen
from .json import JSON
from .message import Message
from .prompt import PromptIdentity
from .usage import Usage


class _Nothing(dict[str, JSON]):
    """The empty mapping: immutable, hashable, picklable. A dict, because merging another Mapping costs 3 us."""

    __slots__ = ()

    def __setitem__(self, key: str, value: JSON) -> None:
        raise TypeError("this mapping is empty for good")

    update = setdefault = __ior__ = __setitem__  # type: ignore[assignment]

    def __hash__(self) -> int:  # type: ignore[override]
        return 0


NOTHING: Mapping[str, JSON] = _Nothing()


class Kind(StrEnum):
    """The kinds of operation: OpenInference's span kinds."""

    CHAIN = "CHAIN"
    AGENT = "AGENT"
    LLM = "LLM"
    TOOL = "TOOL"
    RETRIEVER = "RETRIEVER"
    EMBEDDING = "EMBEDDING"
    RERANKER = "RERANKER"
    GUARDRAIL = "GUARDRAIL"
    EVALUATOR = "EVALUATOR"
    PROMPT = "PROMPT"
    DECISION = "DECISION"

    __hash__ = (
        str.__hash__
    )  # an Enum's own is a function of Python's: a thousand instructions at each look into a table


CHAIN, AGENT, LLM, TOOL, RETRIEVER = Kind.CHAIN, Kind.AGENT, Kind.LLM, Kind.TOOL, Kind.RETRIEVER
EVALUATOR, PROMPT, DECISION = Kind.EVALUATOR, Kind.PROMPT, Kind.DECISION
"""For the callbacks: to read a member from its class costs 0.1 us in Python 3.11, as much as ten steps of a function."""


@frozen(kw_only=True)
class Failure:
    """How an operation ended badly. *type* is the exception's qualified class name."""

    type: str
    message: str = ""
    stacktrace: str = ""


@frozen(kw_only=True)
class Event:
    """Something that happened at one moment (*time_ns*, Unix nanoseconds) inside an operation."""

    name: str
    time_ns: int
    attributes: Mapping[str, JSON] = NOTHING


@frozen(kw_only=True)
class Link:
    """Another span that belongs to the story without being the parent."""

    trace_id: int
    span_id: int
    attributes: Mapping[str, JSON] = NOTHING


@frozen(kw_only=True)
class ToolDefinition:
    """A tool that a model may ask for.

    Attributes:
        parameters: Its JSON schema.
        schema: The whole as it was sent.
        type: `function`, or what a provider calls a tool that it runs itself: `web_search_preview`, `google_search`.
    """

    name: str
    description: str | None = None
    parameters: JSON = None
    schema: JSON = None
    type: str = "function"


@frozen(kw_only=True)
class Generation:
    """What belongs to an operation of kind LLM or DECISION.

    Attributes:
        operation: `chat` or `text_completion`.
        provider: As the framework spells it (`openai`, `anthropic`, `openrouter`).
        parameters: What was asked of the model: temperature, max_tokens, and so on.
        time_to_first_token_ns: From the start to the first piece of a streamed answer.
        stream: Whether the answer came in pieces.
        cached: The answer came from the framework's own cache: nothing was spent.
        prompt: Which prompt of a store the messages were made of, as trace fields, LangChain's hub or Langfuse say it.
        prompt_template, prompt_variables: What the input messages were made of, where the framework says it.
        service_tier: The tier that the provider served it in (`flex`, `priority`), in the provider's word.
        endpoint: The server that was asked, `host` or `host:port`, where the application has set one.
        gateway: What OpenRouter says besides the answer (upstream provider, billing), by its Broadcast's names.
    """

    operation: str = "chat"
    provider: str | None = None
    request_model: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    parameters: Mapping[str, JSON] = NOTHING
    input_messages: tuple[Message, ...] = ()
    output_messages: tuple[Message, ...] = ()
    tools: tuple[ToolDefinition, ...] = ()
    finish_reasons: tuple[str, ...] = ()
    usage: Usage | None = None
    cost: Cost | None = None
    time_to_first_token_ns: int | None = None
    stream: bool = False
    cached: bool = False
    prompt_template: str | None = None
    prompt_variables: Mapping[str, JSON] = NOTHING
    service_tier: str | None = None
    endpoint: str | None = None
    prompt: PromptIdentity | None = None
    gateway: Mapping[str, JSON] = NOTHING


@frozen(kw_only=True)
class ToolUse:
    """What belongs to an operation of kind TOOL. Its arguments are the operation's input, its result the output.

    Attributes:
        declared: Whether the program has a tool of that name; False where a model made the name up.
        is_mcp: A server of the Model Context Protocol runs it.
        transport: Over what the call goes to that server, in OpenTelemetry's word: `pipe`, `tcp`.
    """

    name: str
    description: str | None = None
    call_id: str | None = None
    declared: bool = True
    is_mcp: bool = False
    transport: str | None = None


@frozen(kw_only=True)
class Document:
    """One document that a retriever found or a reranker ordered."""

    content: str = ""
    id: str | None = None
    score: float | None = None
    metadata: Mapping[str, JSON] = NOTHING


@frozen(kw_only=True)
class Retrieval:
    """What belongs to an operation of kind RETRIEVER.

    Attributes:
        query: What was searched for.
        documents: What was found.
        data_source: The retriever, index or store that was searched.
        top_k: How many documents it was to find at most.
        provider: Whose vector store it is, as the framework names it.
        model: The embedding model by which it searches.
    """

    query: str = ""
    documents: tuple[Document, ...] = ()
    data_source: str | None = None
    top_k: int | None = None
    provider: str | None = None
    model: str | None = None


@frozen(kw_only=True)
class Agent:
    """What belongs to an operation of kind AGENT; the messages where input and output are conversations."""

    name: str
    input_messages: tuple[Message, ...] = ()
    output_messages: tuple[Message, ...] = ()


@frozen(kw_only=True)
class Embedding:
    """What belongs to an operation of kind EMBEDDING.

    Attributes:
        count: How many texts were embedded.
        dimensions: The length of each vector.
        vectors: One a text; only where the user asked for them.
        usage: What the texts counted, where the integration says it.
    """

    provider: str | None = None
    request_model: str | None = None
    parameters: Mapping[str, JSON] = NOTHING
    texts: tuple[str, ...] = ()
    vectors: tuple[tuple[float, ...], ...] = ()
    count: int | None = None
    dimensions: int | None = None
    usage: Usage | None = None


@frozen(kw_only=True)
class Reranking:
    """What belongs to an operation of kind RERANKER: documents in the order before and after, the best *top_k* of them."""

    query: str = ""
    request_model: str | None = None
    top_k: int | None = None
    input_documents: tuple[Document, ...] = ()
    output_documents: tuple[Document, ...] = ()


@frozen(kw_only=True)
class Score:
    """A judgement of a span, a trace or a session.

    Of an operation that was judged while it was open it is one of `scores`. Afterwards it is the detail of an operation of
    kind EVALUATOR, its *carrier*: which span or trace is judged, the carrier's link and trace id say; which session, its
    `session_id`. An evaluator's run has it as its detail too: what that judges was its input, and has no id.

    Attributes:
        name: The criterion: `helpful`, `correctness`.
        value: The number, in the range and the direction that the criterion has.
        label: The category: `yes`, `hallucinated`.
        annotator: Who judged: `human`, `llm` or `code`.
        scope: What is judged: `span`, `trace` or `session`; `evaluator` where this is the result of an evaluator's run.
        identifier: Tells scores of one name on one target apart.
    """

    name: str
    value: float | None = None
    label: str | None = None
    explanation: str | None = None
    annotator: str = "human"
    scope: str = "span"
    identifier: str | None = None
    metadata: Mapping[str, JSON] = NOTHING


Detail = Generation | ToolUse | Retrieval | Agent | Embedding | Reranking | Score | None


@frozen(kw_only=True)
class Operation:
    """One thing the application did.

    Attributes:
        name: The framework's own name for it.
        given_name: The name that the user gave (`trace_name`, `span_name`, `generation_name`); wins over any other.
        trace_id, span_id, parent_span_id: 128 and 64 bit integers, never 0.
        parent_is_remote: The parent lies in another process.
        start_ns, end_ns: Unix nanoseconds.
        user, session_id, metadata, tags: What the user said about the trace.
        input, output: Plain data, or text.
        agent: The name of the agent that it belongs to.
        node: The node of an execution graph that it is.
        node_parent: The node that ran before it and led to it; None for a graph's first nodes.
        workflow: It is the outermost chain or graph of the framework's that made it.
        failure: Set when the operation failed.
        ending: How it ended when it neither finished nor failed: `cancelled`, `abandoned`, `interrupted`, `incomplete`.
        attributes: Set by the application itself on the current span.
        scores: Judgements of this operation that were made while it was open.
    """

    kind: Kind
    name: str
    given_name: str | None = None
    trace_id: int
    span_id: int
    parent_span_id: int | None = None
    parent_is_remote: bool = False
    start_ns: int
    end_ns: int
    user: str | None = None
    session_id: str | None = None
    metadata: Mapping[str, JSON] = NOTHING
    tags: tuple[str, ...] = ()
    input: JSON = None
    output: JSON = None
    detail: Detail = None
    agent: str | None = None
    node: str | None = None
    failure: Failure | None = None
    ending: str | None = None
    events: tuple[Event, ...] = ()
    links: tuple[Link, ...] = ()
    attributes: Mapping[str, JSON] = NOTHING
    node_parent: str | None = None
    workflow: bool = False
    scores: tuple[Score, ...] = ()
