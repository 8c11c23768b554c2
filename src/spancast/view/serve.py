"""`spancast serve`: takes OTLP/HTTP from anything on this machine, keeps it in a Store, and serves the page and its data.

Safe by default: loopback only, the Host header checked, a strict Content-Security-Policy, bodies bounded. Nothing of a trace
is ever executed.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from . import files, page
from .diff import diff_traces
from .query import Filters, find_trace, list_traces, session_data, since, trace_data
from .read import NotOtlpError, ViewSpan, read_protobuf, read_request
from .store import Store

MAX_BODY = 64 * 1024 * 1024  # bytes of a request, before and after decompression
_MAX_LISTENERS = 64  # pages that are notified of new traces
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]", "::1")
_PRUNE_EVERY = 64  # requests


class TooLargeError(ValueError):
    """A body is larger than `MAX_BODY`."""


class Listeners:
    """The pages that are notified of new traces: a queue each. Used by the server's event loop alone."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[list[str]]] = set()

    def tell(self, trace_ids: list[str]) -> None:
        """Let every page know which traces have changed; a page that is too slow misses some, and loads the list anew."""
        for queue in self._queues:
            with contextlib.suppress(asyncio.QueueFull):
                queue.put_nowait(trace_ids)

    async def listen(self) -> AsyncIterator[list[str]]:
        """Yield the ids of traces that have changed; an empty list every 15 seconds, so that a closed page is noticed."""
        queue: asyncio.Queue[list[str]] = asyncio.Queue(maxsize=256)
        self._queues.add(queue)
        try:
            while True:
                try:
                    yield await asyncio.wait_for(queue.get(), 15)
                except TimeoutError:
                    yield []
        finally:
            self._queues.discard(queue)

    @property
    def full(self) -> bool:
        """Whether no further page is told."""
        return len(self._queues) >= _MAX_LISTENERS


class Server:
    """The routes of the page. *source*: a file of OTLP JSON lines that is shown instead of what is received."""

    def __init__(
        self,
        store: Store,
        *,
        max_age: float | None = None,
        source: Path | None = None,
    ) -> None:
        self._store = store
        self._source = source
        self._max_age = max_age
        self._listeners = Listeners()
        self._requests = 0

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/", self.show_page),
            Route("/v1/traces", self.receive, methods=["POST"]),
            Route("/api/traces", self.traces),
            Route("/api/traces/{trace_id}", self.trace),
            Route("/api/sessions/{session_id:path}", self.session),
            Route("/api/diff", self.diff),
            Route("/api/events", self.events),
        ]

    async def show_page(self, request: Request) -> Response:
        """Return the page; what it shows is chosen by the part of its address behind `#`."""
        return HTMLResponse(page.page_html(), headers={"Content-Security-Policy": page.content_security_policy()})

    async def receive(self, request: Request) -> Response:
        """Take an OTLP trace request, JSON or protobuf, gzip or plain."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in ("application/json", "application/x-protobuf"):
            return _refusal(
                415, f"content type {kind!r} is not taken: send application/json or application/x-protobuf."
            )
        try:
            body = _plain(await _body(request), request.headers.get("content-encoding", "").strip().lower())
            spans = await run_in_threadpool(_spans, body, kind)
            trace_ids = await run_in_threadpool(self._store.add, spans)
        except TooLargeError as error:
            return _refusal(413, str(error))
        except ClientDisconnect:
            return Response(status_code=400)
        except ValueError as error:  # NotOtlpError, and JSON or gzip that are none
            return _refusal(400, str(error))
        self._listeners.tell(trace_ids)
        self._requests += 1
        if self._requests % _PRUNE_EVERY == 0:
            await run_in_threadpool(self._store.prune, max_age=self._max_age)
        if kind == "application/json":
            return Response(b'{"partialSuccess":{}}', media_type="application/json")
        return Response(b"", media_type="application/x-protobuf")

    async def traces(self, request: Request) -> Response:
        """Return the newest traces that the filters allow."""
        try:
            filters, limit = _filters(request.query_params)
        except ValueError as error:
            return _refusal(400, str(error))
        return _json(await run_in_threadpool(self._traces, filters, limit))

    def _traces(self, filters: Filters, limit: int) -> dict[str, Any]:
        self._refresh()
        only = files.search_lines(self._source, filters.search) if self._source and filters.search else None
        return {"traces": list_traces(self._store, filters, limit=limit, only=only)}

    def _refresh(self) -> None:
        """Read what was appended to the file since the last time."""
        if self._source is not None:
            with contextlib.suppress(OSError):
                files.update(self._store, self._source)

    async def trace(self, request: Request) -> Response:
        """Return one trace."""
        spans = await run_in_threadpool(self._spans_of, request.path_params["trace_id"])
        return _json(trace_data(spans)) if spans else _refusal(404, "there is no such trace.")

    async def session(self, request: Request) -> Response:
        """Return the traces of a session."""
        found = await run_in_threadpool(session_data, self._store, request.path_params["session_id"])
        return _json(found) if found["traces"] else _refusal(404, "there is no such session.")

    async def diff(self, request: Request) -> Response:
        """Return what differs between the traces `a` and `b`."""
        sides = [await run_in_threadpool(self._spans_of, request.query_params.get(name, "")) for name in ("a", "b")]
        if not all(sides):
            return _refusal(404, "one of the two traces is not there.")
        return _json(await run_in_threadpool(diff_traces, *sides))

    def _spans_of(self, wanted: str) -> list[ViewSpan]:
        trace_id = find_trace(self._store, wanted) if wanted else None
        return self._store.spans(trace_id) if trace_id else []

    async def events(self, request: Request) -> Response:
        """Tell a page of traces as they arrive (server-sent events)."""
        if self._listeners.full:
            return _refusal(503, "too many pages are open.")
        return StreamingResponse(self._told(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    async def _told(self) -> AsyncIterator[bytes]:
        yield b": open\n\n"
        async for trace_ids in self._listeners.listen():
            yield b"data: " + orjson.dumps(trace_ids) + b"\n\n" if trace_ids else b": still here\n\n"


def application(
    store: Store,
    *,
    max_age: float | None = None,
    source: Path | None = None,
    hosts: tuple[str, ...] = (),
    token: str | None = None,
) -> ASGIApp:
    """Return the ASGI application.

    Args:
        max_age: Seconds after which a trace is deleted.
        source: A file whose traces are shown.
        hosts: Further names by which the server may be addressed, besides those of loopback.
        token: What a request must carry (`Authorization: Bearer`, or `?token=` once in a browser).
    """
    server = Server(store, max_age=max_age, source=source)
    return Guard(Starlette(routes=server.routes()), hosts=(*_LOCAL_HOSTS, *hosts), token=token)


class Guard:
    """Refuses requests to another host name (DNS rebinding) and, where a token is set, those without it."""

    def __init__(self, app: ASGIApp, *, hosts: tuple[str, ...], token: str | None) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 403 or 401."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request = Request(scope)
        refusal = self._refusal(request)
        if refusal is not None:
            return await refusal(scope, receive, send)
        return await self._app(scope, receive, _with_headers(send, self._cookie(request)))

    def _refusal(self, request: Request) -> Response | None:
        if _host_name(request.headers.get("host", "")) not in self._hosts:
            return _refusal(403, "this host name is not served: add it with --allow-host.")
        if self._token is not None and not self._knows_token(request):
            return _refusal(401, "a token is needed: `Authorization: Bearer TOKEN`, or `/?token=TOKEN` in a browser.")
        return None

    def _knows_token(self, request: Request) -> bool:
        given = (
            request.headers.get("authorization", "").removeprefix("Bearer ").strip(),
            request.query_params.get("token", ""),
            request.cookies.get("spancast_token", ""),
        )
        return any([hmac.compare_digest(each.encode(), (self._token or "").encode()) for each in given])

    def _cookie(self, request: Request) -> str | None:
        if self._token is None or "token" not in request.query_params:
            return None
        return f"spancast_token={self._token}; HttpOnly; SameSite=Strict; Path=/"


_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


def _with_headers(send: Send, cookie: str | None) -> Callable[[Any], Awaitable[None]]:
    async def send_with_headers(message: Any) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *[(name, value) for name, value in _HEADERS if name not in present],
                *([(b"set-cookie", cookie.encode())] if cookie else []),
            ]
        await send(message)

    return send_with_headers


def _host_name(host: str) -> str:
    """Return a Host header without its port."""
    name = host.strip().lower()
    return name.partition("]")[0] + "]" if name.startswith("[") else name.partition(":")[0]


async def _body(request: Request) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            raise TooLargeError(f"the request is larger than {MAX_BODY} bytes.")
        chunks.append(chunk)
    return b"".join(chunks)


def _plain(body: bytes, encoding: str) -> bytes:
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "deflate"):
        raise NotOtlpError(f"content encoding {encoding!r} is not taken: send gzip or none.")
    unpacking = zlib.decompressobj(wbits=47)  # gzip or zlib, whichever it is
    try:
        plain = unpacking.decompress(body, MAX_BODY)
    except zlib.error as error:
        raise NotOtlpError(f"the body is no {encoding}: {error}") from None
    if unpacking.unconsumed_tail:
        raise TooLargeError(f"the request is larger than {MAX_BODY} bytes.")
    return plain


def _spans(body: bytes, kind: str) -> list[ViewSpan]:
    return list(read_request(orjson.loads(body)) if kind == "application/json" else read_protobuf(body))


def _filters(given: Mapping[str, str]) -> tuple[Filters, int]:
    now = datetime.now(UTC)
    filters = Filters(
        session=given.get("session") or None,
        user=given.get("user") or None,
        name=given.get("name") or None,
        model=given.get("model") or None,
        error=given.get("error", "") in ("1", "true"),
        since_ns=since(given["since"], now) if given.get("since") else None,
        before_ns=int(given["before_ns"]) if given.get("before_ns") else None,
        slower=float(given["slower"]) if given.get("slower") else None,
        search=given.get("search") or None,
    )
    return filters, int(given.get("limit") or 50)


def _json(data: object) -> Response:
    return Response(orjson.dumps(data, default=str, option=orjson.OPT_NON_STR_KEYS), media_type="application/json")


def _refusal(status: int, message: str) -> Response:
    return Response(
        orjson.dumps({"code": status, "message": message}), status_code=status, media_type="application/json"
    )
