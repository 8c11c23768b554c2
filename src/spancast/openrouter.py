"""Joins OpenRouter's own Broadcast: puts the fields into a request that hang the gateway's span of it under ours.

The application's spans reach a backend through spancast, the gateway's through Broadcast. They are one tree when the
request says where it was made: `trace_id` and `parent_span_id` in its `trace` object, and the same `user` and
`session_id`. A callback cannot edit a request, so this is done by the model's HTTP client:

    model = openrouter.join(ChatOpenRouter(model="openai/gpt-4o"))

or by hand, for one request of any client:

    client.chat.completions.create(..., extra_body=openrouter.broadcast_fields())

What is added, and nothing else: the two ids, the names that you gave (`trace_name`, `generation_name`), your custom
metadata, `user` and `session_id`. All of it goes to the gateway, which already gets the prompt, and from there to the
destinations that you set up at OpenRouter, under the privacy mode and the sampling rate that you set there: a destination's
`privacy_mode` here says nothing about them. Its `redact` does: the fields are redacted by that of every destination of
the trace.

Both spans hold the tokens and the cost of the one call. A backend that adds up all spans of a trace counts them twice:
leave out one side there, for example the spans of the resource `service.name = openrouter`.

LlamaIndex makes the request of a bare `llm.stream_chat()` when the application reads its first token, in the reader's
context: there the model's operation is found by the stream that is being read (`recording.stream_bodies`).
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import AsyncIterator, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeVar, cast
from urllib.parse import quote

import orjson

from .privacy.redaction import Redact, Redaction
from .record.json import JSON, dumps
from .record.operation import Kind
from .recording import stream_bodies
from .recording.field_names import without_secret_values
from .recording.fields import TraceFields, field_scope
from .recording.guard import guarded
from .recording.identity import read_trace_id
from .recording.open_operation import OpenOperation, outermost, root_of
from .recording.parent_context import current_parent_context
from .recording.redactors import redactors_at
from .validation import SettingsError

T = TypeVar("T")
HOSTS: Final = ("openrouter.ai",)
# the requests that have a `trace` object in OpenRouter's API; embeddings are not broadcast
_PATHS: Final = ("/chat/completions", "/messages", "/responses")
_RESERVED_TRACE_KEYS: Final = ("trace_id", "trace_name", "span_name", "generation_name", "parent_span_id")


def broadcast_fields() -> dict[str, Any]:
    """Return the fields of a request body that hang the gateway's span under the operation that is open here.

    `{"trace": {"trace_id": ..., "parent_span_id": ..., ...}, "user": ..., "session_id": ...}`: ids as 32 and 16 lower-case
    hex digits, in `trace` also the root's name as `trace_name`, and `generation_name`, where you gave them, and your custom
    metadata; `user` and `session_id` where they are known. Empty outside of any operation, and in a trace that no
    destination samples. Ask at the moment of the request: the answer holds only there. Never raises.
    """
    return _fields() or {}


@guarded
def _fields() -> dict[str, Any]:
    around = current_parent_context()
    own, trace_id, span_id = around.own, around.trace_id, around.span_id
    read = stream_bodies.read_here() if own is None or own.kind is not Kind.LLM else None
    if read is not None and not read.end_ns:
        own, trace_id, span_id = read, read.trace_id, read.span_id
    if own is None or not own.state.recorded or not trace_id:
        return {}
    said = own.fields if own is read else _said(own)
    ids: dict[str, JSON] = {"trace_id": f"{trace_id:032x}", "parent_span_id": f"{span_id:016x}"}
    # `span_name` stays here: the gateway would put one more span of that name around its own
    names = {"trace_name": _root_name(own), "generation_name": said.generation_name}
    metadata = {
        key: value for key, value in without_secret_values(said.metadata).items() if key not in _RESERVED_TRACE_KEYS
    }
    said_of_trace: dict[str, JSON] = {**{key: name for key, name in names.items() if name}, **metadata}
    about = {"user": said.user, "session_id": said.session_id}
    outside: dict[str, JSON] = {key: value for key, value in about.items() if value}
    for redactor in redactors_at(own):
        said_of_trace, outside = _redacted(redactor, said_of_trace), _redacted(redactor, outside)
    fields: dict[str, JSON] = {"trace": {**ids, **said_of_trace}, **outside}
    # what JSON cannot carry (NaN, a lone surrogate in metadata) would raise in the client that sends it
    return dict(orjson.loads(dumps(fields)))


def _redacted(redactor: Redact, fields: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return what a destination's own `redact` makes of the fields; nothing where it fails."""
    try:
        found = Redaction(redactor).data(fields)
    except Exception:  # the user's function: what could not be redacted does not leave
        return {}
    return dict(found) if isinstance(found, Mapping) else {}


def _said(own: OpenOperation) -> TraceFields:
    """Return what holds here: the operation's fields, and what a `trace(...)` block inside it says."""
    scope = field_scope.get()
    return own.fields if scope is None or scope is own.state.scope else scope.fields.merged_over(own.fields)


def _root_name(own: OpenOperation) -> str | None:
    return outermost(root_of(own)).given_name


def join(target: T, *, hosts: Iterable[str] = HOSTS) -> T:
    """Let *target* send `broadcast_fields()` with each of its requests to the gateway; return *target* itself.

        model = openrouter.join(ChatOpenRouter(model="openai/gpt-4o"))
        model = openrouter.join(ChatOpenAI(model="openai/gpt-4o", base_url="https://openrouter.ai/api/v1"))
        llm = openrouter.join(OpenRouter(model="openai/gpt-4o"))    # LlamaIndex

    A request is made inside the model call, where the model's operation is current: it becomes the parent. The fields are
    added to chat completions, messages and responses, streamed or not, sync or async; what the body says itself wins.
    `/messages` also gets the header `x-session-id`, without which the gateway does not broadcast it. Nothing is sent to
    other hosts, and no request fails because of it.

    Args:
        target: A chat model of LangChain, an LLM of LlamaIndex, a client of the `openai`, `openrouter` or `anthropic`
            package, or a `Client` or `AsyncClient` of `httpx` or `httpx2`. A request hook is put onto its HTTP clients;
            where the framework shares one among models, the others are joined as well.
        hosts: The gateway's hosts, without scheme and port; subdomains count.

    Raises:
        SettingsError: When *hosts* is no list of hosts, or no HTTP client was found in *target*.
    """
    wanted = _hosts(hosts)
    clients = {id(client): client for client in _clients(target, depth=4)}
    if not clients:
        raise SettingsError(
            f"openrouter.join() found no HTTP client in a {type(target).__name__}: give it the model itself, make the "
            "model with http_client=openrouter.join(httpx.Client()), or send openrouter.broadcast_fields() with the request "
            "(of LiteLLM as its extra_body)."
        )
    for client in clients.values():
        hook = (_JoinAsync if inspect.iscoroutinefunction(client.send) else _Join)(wanted)
        if hook not in client.event_hooks["request"]:
            client.event_hooks["request"].append(hook)
    return target


def _hosts(hosts: Iterable[str]) -> tuple[str, ...]:
    given = (hosts,) if isinstance(hosts, str) or not isinstance(hosts, Iterable) else tuple(hosts)
    for host in given:
        if not isinstance(host, str) or not host.strip() or "/" in host or host.count(":") == 1:
            raise SettingsError(
                f"hosts has {host!r}: give host names without scheme and port, such as 'openrouter.ai'."
            )
    if not given:
        raise SettingsError("hosts is empty: name the gateway's host, such as 'openrouter.ai'.")
    return tuple(host.strip().lower() for host in given)


# Where models and SDK clients keep their clients: LangChain's, the OpenRouter SDK's, the openai and anthropic packages'.
_PLACES: Final = (
    "root_client",
    "root_async_client",
    "sdk_configuration",
    "client",
    "async_client",
    "_client",
    "_async_client",
    "_http_client",
    "_async_http_client",
    "bound",
)
_MAKERS: Final = ("_get_client", "_get_aclient")  # LlamaIndex makes its clients when they are first asked for


def _clients(target: Any, depth: int) -> Iterator[Any]:
    """Yield the HTTP clients in *target*, by the names under which they are kept."""
    if _is_http_client(target):
        yield target
        return
    if depth == 0 or target is None or isinstance(target, (str, bytes, int, float)):
        return
    for name in _PLACES:
        inside = getattr(target, name, None)
        if inside is not None and not inspect.isroutine(inside):
            yield from _clients(inside, depth - 1)
    if getattr(target, "reuse_client", False):
        for name in _MAKERS:
            make = getattr(target, name, None)
            if callable(make):
                yield from _clients(make(), depth - 1)


def _is_http_client(target: Any) -> bool:
    hooks = getattr(target, "event_hooks", None)
    return isinstance(hooks, dict) and isinstance(hooks.get("request"), list) and callable(target.send)


@dataclass(frozen=True)
class _Join:
    """A request hook for an HTTP client."""

    hosts: tuple[str, ...]

    def __call__(self, request: Any) -> None:
        _add(request, self.hosts)


class _JoinAsync(_Join):
    """A request hook for an async HTTP client, which awaits its hooks."""

    async def __call__(self, request: Any) -> None:  # type: ignore[override]
        _add(request, self.hosts)


@guarded
def _add(request: Any, hosts: tuple[str, ...]) -> None:
    """Put the fields into the JSON body of a request to one of *hosts*; leave every other request as it is."""
    path, host = request.url.path, request.url.host.lower()
    if request.method != "POST" or not path.endswith(_PATHS) or "content-encoding" in request.headers:
        return
    if not any(host == each or host.endswith(f".{each}") for each in hosts):
        return
    fields = broadcast_fields()
    body = _body(request) if fields else None
    if body is None:
        return
    if len(body) > _LARGE and _put_in_front(request, body, fields):
        pass
    elif (merged := _merged(body, fields)) is not None:
        headers = request.headers.copy()
        headers["content-length"] = str(len(merged))
        kept = {"headers": headers, "extensions": request.extensions}
        # a hook cannot return another request, and a request's body has no setter
        vars(request).update(vars(type(request)(request.method, request.url, content=merged, **kept)))
    session = _header_value(fields.get("session_id", ""))
    if path.endswith("/messages") and session:
        request.headers.setdefault("x-session-id", session)


_LARGE: Final = 1_000_000  # bytes of a body that is neither read as JSON nor copied
_ENDS: Final = 16_384  # bytes at its two ends that are searched for fields of its own
_OWN: Final = re.compile(rb'"(?:trace|user|session_id)"\s*:')
_BEGIN: Final = re.compile(rb'\s*\{\s*(?=")')


def _put_in_front(request: Any, body: bytes, fields: dict[str, Any]) -> bool:
    """Send the fields before those of a large body, which is handed on in one piece; return whether that could be done.

    Not where the body may have such fields itself. One in its middle, which is not looked for, still wins: of two equal
    keys the last one counts.
    """
    begin = _BEGIN.match(body, 0, _ENDS)
    stream = request.stream
    if begin is None or vars(stream) != {"_stream": body}:
        return False
    if _OWN.search(body, 0, _ENDS) or _OWN.search(body, max(len(body) - _ENDS, _ENDS)):
        return False
    front = dumps(fields)[:-1].encode() + b","
    rest = memoryview(body)[begin.end() :]
    request.stream = _in_pieces(cast("Hashable", type(stream)))(front, rest)
    request.headers["content-length"] = str(len(front) + len(rest))
    vars(request).pop("_content", None)  # whoever reads the body gets what is sent
    return True


@lru_cache(maxsize=8)
def _in_pieces(kind: Any) -> Any:
    """Return a class of streams, derived from the HTTP library's own, that sends several pieces."""

    class Pieces(kind):  # type: ignore[misc]
        def __init__(self, *pieces: Any) -> None:
            self._pieces = pieces

        def __iter__(self) -> Iterator[Any]:
            yield from self._pieces

        async def __aiter__(self) -> AsyncIterator[Any]:
            for piece in self._pieces:
                yield piece

    return Pieces


def _header_value(text: str) -> str:
    """Return *text* as it may stand in a header: one line of visible characters; others as `%` and their bytes."""
    return quote(" ".join(text.split()), safe=_VISIBLE)


_VISIBLE: Final = "".join(map(chr, range(0x20, 0x7F)))


def _body(request: Any) -> bytes | None:
    try:
        return bytes(request.content)
    except Exception:  # a streamed upload, which is not there yet (httpx and httpx2 each raise their own class)
        return None


def _merged(body: bytes, fields: dict[str, Any]) -> bytes | None:
    """Return *body* with *fields* laid under what it holds; None where nothing is to be added."""
    try:
        held = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(held, dict):
        return None
    fresh = {key: value for key, value in fields.items() if key not in held}
    if isinstance(held.get("trace"), dict):
        trace = _under(held["trace"], fields["trace"])
        if trace != held["trace"]:
            whole = json.loads(body)  # the slow one: it keeps integers of any size
            whole.update(fresh, trace=trace)
            return json.dumps(whole, ensure_ascii=False, separators=(",", ":")).encode()
    if not fresh:
        return None
    # put before the closing brace: what the client wrote stays as it wrote it, and is not encoded twice
    return body.rstrip()[:-1] + (b"," if held else b"") + dumps(fresh)[1:-1].encode() + b"}"


def _under(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """Lay our `trace` object under the request's own; an own `trace_id` of another trace goes without our parent."""
    given = theirs.get("trace_id")
    if isinstance(given, str) and read_trace_id(given)[0] != int(ours["trace_id"], 16):
        ours = {key: value for key, value in ours.items() if key != "parent_span_id"}
    return {**ours, **theirs}


__all__ = ["broadcast_fields", "join"]
