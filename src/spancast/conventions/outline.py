"""What both conventions say alike: ids and times, status, exception event, ending, the application's own attributes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from ..record.fast_frozen import positional
from ..record.json import JSON, dumps
from ..record.operation import Event, Failure, Generation, Link, Operation, ToolUse
from .span import ERROR, OK, UNSET, Attributes, AttributeValue, Span, SpanEvent, SpanLink

Writable = dict[str, AttributeValue]


@lru_cache(maxsize=4096)
def under(prefix: str, key: str) -> str:
    """Return the name of an attribute that a user's key becomes. The same object again: its hash is known."""
    return prefix + key


class Names(dict[str, str]):
    """The names of attributes that users' keys become, by key. The same objects again: their hashes are known.

    Used by the encoder's threads; each step is one atomic operation.
    """

    __slots__ = ("_prefix",)

    _MOST = 4096

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def __missing__(self, key: str) -> str:
        """Make the name of a key that is met for the first time."""
        if len(self) >= self._MOST:
            self.clear()
        name = self[key] = self._prefix + key
        return name


def say_all(attributes: Writable, names: Names, values: Mapping[str, JSON]) -> None:
    """Write plain data under the user's keys, as `attribute` makes it; what is None says nothing.

    A third of the steps of a call for each value (benchmarks/drain.py).
    """
    for key, value in values.items():
        kind = type(value)
        if kind is str or kind is int or kind is float or kind is bool:
            attributes[names[key]] = value
        elif value is not None:
            attributes[names[key]] = attribute(value)


def say(attributes: Writable, name: str, value: AttributeValue) -> None:
    """Write an attribute, unless there is nothing to say."""
    if value is not None:
        attributes[name] = value


def outline(operation: Operation, name: str, kind: int, attributes: Writable) -> Span:
    """Return the span of *operation* with this *name*, OTLP *kind* and these *attributes*."""
    failure = operation.failure
    if operation.ending:
        attributes["spancast.ending"] = operation.ending
    if failure is not None:
        attributes.setdefault("error.type", failure.type)
    if operation.attributes:
        for key, value in flat(operation.attributes).items():
            attributes.setdefault(key, value)
    return _span(  # in the order of Span's fields
        name or operation.kind.value.lower(),
        operation.trace_id,
        operation.span_id,
        operation.parent_span_id,
        operation.parent_is_remote,
        kind,
        operation.kind,
        operation.start_ns,
        operation.end_ns,
        attributes,
        tuple(_events(operation)) if operation.events or failure is not None else (),
        tuple(map(_link, operation.links)) if operation.links else (),
        ERROR if failure else UNSET if operation.ending else OK,
        failure.message if failure else "",
    )


_span = positional(Span)


def metadata_of(operation: Operation) -> Mapping[str, JSON]:
    """Return the metadata of *operation*: what the user says, and beneath it what a gateway says of the request."""
    detail = operation.detail
    if type(detail) is Generation and detail.gateway:
        return {**detail.gateway, **operation.metadata}
    return operation.metadata


# The errors that stand for an answer with `isError`: the server ran the tool, and the tool failed.
_TOOL_ERRORS = ("ToolException", "ToolError", "_MCPToolExecutionError")


def mcp(attributes: Writable, detail: ToolUse, failure: Failure | None) -> None:
    """Write what OpenTelemetry's MCP conventions say of a client's call of a tool."""
    attributes["mcp.method.name"] = "tools/call"
    say(attributes, "network.transport", detail.transport)
    if failure is not None and failure.type.rpartition(".")[2] in _TOOL_ERRORS:
        attributes["error.type"] = "tool_error"


def _events(operation: Operation) -> Iterator[SpanEvent]:
    for event in operation.events:
        yield _event(event)
    failure = operation.failure
    if failure is not None:  # OpenTelemetry's form for exceptions: an event of this name and these three attributes
        held = {
            "exception.type": failure.type,
            "exception.message": failure.message,
            "exception.stacktrace": failure.stacktrace,
        }
        yield SpanEvent(
            name="exception", time_ns=operation.end_ns, attributes={key: value for key, value in held.items() if value}
        )


def _link(link: Link) -> SpanLink:
    return SpanLink(trace_id=link.trace_id, span_id=link.span_id, attributes=flat(link.attributes))


def _event(event: Event) -> SpanEvent:
    return SpanEvent(name=event.name, time_ns=event.time_ns, attributes=flat(event.attributes))


def flat(values: Mapping[str, JSON]) -> Attributes:
    """Return plain data as attributes."""
    return {key: attribute(value) for key, value in values.items() if value is not None}


def attribute(value: JSON) -> AttributeValue:
    """Return plain data as one attribute value: scalars and lists of one scalar type as they are, the rest as JSON."""
    if type(value) is str:
        return value
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, (list, tuple)) and value and len({type(item) for item in value}) == 1:
        if isinstance(value[0], (str, bool, int, float)):
            return list(value)
    return dumps(value)
