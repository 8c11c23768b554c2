"""What one finished operation counts: its facts, for the attributes, and its measurements. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ..conventions.gen_ai import provider_name
from ..own_threads import is_for_this_thread
from ..privacy.names import class_name, name_or_hash
from ..record.cost import Cost
from ..record.operation import Agent, Embedding, Generation, Kind, Operation, Retrieval, ToolUse
from ..recording.captured import CapturedOperation
from . import instruments as names
from .aggregation import AttributePairs, Facts
from .instruments import Stream

Values = list[tuple[Stream, float]]

MAX_ATTRIBUTE: Final = 128  # characters of an attribute
OTHER: Final = "_OTHER"  # the conventions' word for what is not told apart

CLIENT, TOOL, AGENT, WORKFLOW = "client", "tool", "agent", "workflow"
ATTRIBUTES: Final[Mapping[str, tuple[str, ...]]] = {
    CLIENT: (
        "gen_ai.operation.name",
        "gen_ai.provider.name",
        "gen_ai.request.model",
        "gen_ai.response.model",
        "gen_ai.agent.name",
        "error.type",
    ),
    TOOL: ("gen_ai.operation.name", "gen_ai.tool.name", "gen_ai.agent.name", "error.type"),
    AGENT: ("gen_ai.operation.name", "gen_ai.agent.name", "error.type"),
    WORKFLOW: ("gen_ai.operation.name", "gen_ai.workflow.name", "error.type"),
}
_MEASURED = frozenset({Kind.LLM, Kind.TOOL, Kind.AGENT, Kind.RETRIEVER, Kind.EMBEDDING})
_MODELS_AND_PROVIDERS = frozenset({"gen_ai.provider.name", "gen_ai.request.model", "gen_ai.response.model"})


def is_measured(captured: CapturedOperation) -> bool:
    """Return whether an operation counts anything: calls of models, tools, agents and retrievers, and whole runs."""
    return captured.kind in _MEASURED or _is_workflow(captured)


def _is_workflow(operation: CapturedOperation | Operation) -> bool:
    """Return whether it is the outermost chain of this process: what a request of the application ran."""
    return operation.kind is Kind.CHAIN and (operation.parent_span_id is None or operation.parent_is_remote)


# ---------------------------------------------------------------- streams
_DURATION = Stream(names.DURATION)
_USED_INPUT = Stream(names.TOKEN_USAGE, (("gen_ai.token.type", "input"),))
_USED_OUTPUT = Stream(names.TOKEN_USAGE, (("gen_ai.token.type", "output"),))
_FIRST = Stream(names.FIRST_CHUNK)
_PER_TOKEN = Stream(names.PER_OUTPUT_TOKEN)
_TOOL, _AGENT, _WORKFLOW = map(Stream, (names.TOOL_DURATION, names.AGENT_DURATION, names.WORKFLOW_DURATION))
_READ, _WRITTEN, _REASONED = map(Stream, (names.CACHE_READ_TOKENS, names.CACHE_WRITE_TOKENS, names.REASONING_TOKENS))
_INFERENCE, _INFERENCE_FIRST = Stream(names.INFERENCE_DURATION), Stream(names.INFERENCE_FIRST_CHUNK)
_EMBEDDINGS, _EMBEDDED = Stream(names.EMBEDDINGS_DURATION), Stream(names.EMBEDDINGS_TOKENS)
_INPUT, _OUTPUT = Stream(names.INPUT_TOKENS), Stream(names.OUTPUT_TOKENS)
_INPUT_OF_ONE, _OUTPUT_OF_ONE = Stream(names.INPUT_TOKENS_OF_ONE), Stream(names.OUTPUT_TOKENS_OF_ONE)
MODEL_CALLS, TOOL_CALLS = Stream(names.INFERENCE_CALLS), Stream(names.TOOL_CALLS)
_COST = {
    source: Stream(names.COST, (("gen_ai.usage.cost.currency", "USD"), ("gen_ai.usage.cost.source", word)))
    for source, word in (("provider", "provider"), ("estimate", "local"), ("cache", "cache"))
}


# ---------------------------------------------------------------- measurements
def measured(operation: Operation, metadata_keys: tuple[str, ...], latest: bool) -> tuple[Facts, Values] | None:
    """Return what *operation* says about itself and what it counts; None where it counts nothing.

    *metadata_keys*: keys of metadata that are attributes too; *latest*: under the successors' names.
    """
    detail = operation.detail
    seconds = (operation.end_ns - operation.start_ns) / 1e9
    failure = operation.failure
    error = failure.type if failure is not None else None
    facts: Facts
    values: Values
    if isinstance(detail, Generation):
        provider = detail.provider
        facts = (
            CLIENT,
            detail.operation,
            provider,
            detail.request_model,
            detail.response_model,
            operation.agent,
            error,
        )
        values = _of_generation(operation, detail, seconds, latest)
    elif isinstance(detail, ToolUse):
        facts = (TOOL, "execute_tool", detail.name if detail.declared else OTHER, operation.agent, error)
        values = [(_TOOL, seconds)]
    elif isinstance(detail, Agent):
        facts = (AGENT, "invoke_agent", detail.name, error)
        values = [(_AGENT, seconds)]
    elif isinstance(detail, Retrieval):
        facts = (CLIENT, "retrieval", detail.provider, detail.model, None, operation.agent, error)
        values = [(_DURATION, seconds)]
    elif isinstance(detail, Embedding):
        facts = (CLIENT, "embeddings", detail.provider, detail.request_model, None, operation.agent, error)
        values = _of_embedding(detail, seconds, latest)
    elif _is_workflow(operation):
        facts = (WORKFLOW, "invoke_workflow", operation.given_name or operation.name, error)
        values = [(_WORKFLOW, seconds)]
    else:
        return None
    if metadata_keys:
        metadata = operation.metadata
        facts += tuple([_fact(metadata.get(key)) for key in metadata_keys])
    return facts, values


def _fact(value: Any) -> str | bool | int | float | None:
    """Return a value of metadata as an attribute can carry it; what is no scalar is left out."""
    return value if value is None or isinstance(value, (str, bool, int, float)) else None


def _of_generation(operation: Operation, detail: Generation, seconds: float, latest: bool) -> Values:
    values: Values = [(_INFERENCE if latest else _DURATION, seconds)]
    first = detail.time_to_first_token_ns
    if first is not None:
        values.append((_INFERENCE_FIRST if latest else _FIRST, first / 1e9))
    usage = detail.usage
    if usage is not None:
        used, made = usage.input_tokens, usage.output_tokens
        if used is not None:
            values.append((_INPUT_OF_ONE if latest else _USED_INPUT, used))
        if made is not None:
            values.append((_OUTPUT_OF_ONE if latest else _USED_OUTPUT, made))
            if first is not None and made > 1:
                values.append((_PER_TOKEN, max(0.0, seconds - first / 1e9) / (made - 1)))
        if latest:
            values += [(stream, count) for stream, count in ((_INPUT, used), (_OUTPUT, made)) if count is not None]
        if usage.cache_read_tokens:
            values.append((_READ, usage.cache_read_tokens))
        if usage.cache_write_tokens:
            values.append((_WRITTEN, usage.cache_write_tokens))
        if usage.reasoning_tokens:
            values.append((_REASONED, usage.reasoning_tokens))
    cost = detail.cost
    if cost is not None and cost.total is not None:
        values.append((_cost_stream(cost), cost.total))
    return [each for each in values if each[1] >= 0]


def _cost_stream(cost: Cost) -> Stream:
    return _COST.get(cost.source) or _COST["provider"]


def _of_embedding(detail: Embedding, seconds: float, latest: bool) -> Values:
    values: Values = [(_EMBEDDINGS if latest else _DURATION, seconds)]
    usage = detail.usage
    if usage is not None and usage.input_tokens is not None and usage.input_tokens >= 0:
        values.append((_EMBEDDED if latest else _USED_INPUT, usage.input_tokens))
    return values


# ---------------------------------------------------------------- attributes
def naming(
    metadata_keys: tuple[str, ...], privacy_mode: bool, redact: Callable[[str], str] | None
) -> Callable[[Facts], AttributePairs]:
    """Return the function that makes attributes of facts, as one destination may see them.

    Called once a set of facts. In privacy mode models and providers whose names have not the form of a name, and classes
    of errors, are hashed. *redact* sees every name and value but the conventions' own words; where it raises, the value is
    left out.
    """

    def named(facts: Facts) -> AttributePairs:
        family, word = facts[0], facts[1]
        own = ATTRIBUTES[family]
        pairs: list[tuple[str, Any]] = [(own[0], word)]
        for name, value in zip((*own[1:], *metadata_keys), facts[2:], strict=True):
            if value is not None:
                pairs.append((name, _bounded(_redacted(_cleaned(name, value, privacy_mode), redact))))
        return tuple([pair for pair in pairs if pair[1] is not None and pair[1] != ""])

    return named


def _cleaned(name: str, value: Any, privacy_mode: bool) -> Any:
    if name == "gen_ai.provider.name":
        value = provider_name(value)
    if privacy_mode:
        if name in _MODELS_AND_PROVIDERS:
            return name_or_hash(value)
        if name == "error.type":
            return class_name(value)
    return value


def _redacted(value: Any, redact: Callable[[str], str] | None) -> Any:
    if redact is None or not isinstance(value, str) or value == OTHER:
        return value
    try:
        return redact(value)
    except BaseException as error:  # the user's function: what could not be redacted does not leave
        if is_for_this_thread(error):
            raise
        return None


def _bounded(value: Any) -> Any:
    return value[:MAX_ATTRIBUTE] if isinstance(value, str) else value
