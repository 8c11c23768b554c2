"""Doubles of the backends' APIs for scores: each request is checked against the documented schema, and kept.

The schemas are the makers': LangSmith's of its own package; those of Phoenix, Langfuse and Arize AX written down from theirs
(arize-phoenix 20.26, langfuse 5.0.4, arize 8). What does not fit is answered with 422, as the real ones do.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, urlsplit

import orjson
from langsmith.schemas import FeedbackCreate
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

Hex16 = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Hex32 = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


# ---------------------------------------------------------------- Phoenix
class _Result(_Strict):
    label: str | None = None
    score: float | None = None
    explanation: str | None = None


class _Annotation(_Strict):
    name: str
    annotator_kind: Literal["LLM", "CODE", "HUMAN"]
    result: _Result | None = None
    metadata: dict[str, Any] | None = None
    identifier: str = ""


class _SpanAnnotation(_Annotation):
    span_id: Hex16


class _TraceAnnotation(_Annotation):
    trace_id: Hex32


class _SessionAnnotation(_Annotation):
    session_id: str


class _Spans(_Strict):
    data: list[_SpanAnnotation]


class _Traces(_Strict):
    data: list[_TraceAnnotation]


class _Sessions(_Strict):
    data: list[_SessionAnnotation]


# ---------------------------------------------------------------- Langfuse
class LangfuseScore(_Strict):
    """`CreateScoreRequest`."""

    id: str | None = None
    traceId: str | None = None
    sessionId: str | None = None
    observationId: str | None = None
    name: str
    value: float | str
    comment: str | None = None
    metadata: dict[str, Any] | None = None
    dataType: Literal["NUMERIC", "BOOLEAN", "CATEGORICAL", "TEXT"] = "NUMERIC"
    timestamp: datetime | None = None

    @model_validator(mode="after")
    def _fits(self) -> LangfuseScore:
        if isinstance(self.value, str) != (self.dataType in ("CATEGORICAL", "TEXT")):
            raise ValueError("the value is not of its dataType")
        if self.dataType == "TEXT" and not 1 <= len(str(self.value)) <= 500:
            raise ValueError("a text has 1 to 500 characters")
        if self.timestamp is not None and self.timestamp.tzinfo is None:
            raise ValueError("a timestamp has an offset")
        if bool(self.traceId) == bool(self.sessionId) or (self.observationId and not self.traceId):
            raise ValueError("a trace, an observation in it, or a session")
        return self


# ---------------------------------------------------------------- Arize AX
class _Value(_Strict):
    name: str
    score: float | None = None
    label: str | None = None
    text: str | None = None


class _Record(_Strict):
    record_id: str
    values: Annotated[list[_Value], Field(min_length=1)]


class _ArizeAnnotations(_Strict):
    project_id: str
    granularity: Literal["SPAN", "TRACE", "SESSION"] | None = None
    annotations: Annotated[list[_Record], Field(min_length=1, max_length=1000)]


_SCHEMAS: dict[str, TypeAdapter[Any]] = {
    "/v1/span_annotations": TypeAdapter(_Spans),
    "/v1/trace_annotations": TypeAdapter(_Traces),
    "/v1/session_annotations": TypeAdapter(_Sessions),
    "/api/public/scores": TypeAdapter(list[LangfuseScore]),
    "/feedback": TypeAdapter(FeedbackCreate),
    "/v2/spans/annotate": TypeAdapter(_ArizeAnnotations),
}
_GOOD = {"/api/public/scores": (202, {"message": "Accepted"}), "/v2/spans/annotate": (202, {})}


@dataclass
class ScoreApis:
    """A running double of all four. `spans` counts what came as OTLP.

    Attributes:
        calls: Each good request: path, headers, body as JSON.
        refused: What did not fit, with the reason.
        failing: Statuses to answer with, one a request for scores, before any is looked at.
        takes_lists: Whether Langfuse is new enough for a list.
        partial: How many scores of a list Langfuse rejects.
    """

    url: str
    calls: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)
    traces: list[bytes] = field(default_factory=list)
    failing: list[int] = field(default_factory=list)
    takes_lists: bool = True
    partial: int = 0

    def bodies(self, path: str) -> list[Any]:
        """Return the good bodies at *path*."""
        return [body for where, _, body in self.calls if where == path]

    def answer(self, path: str, headers: dict[str, str], raw: bytes) -> tuple[int, Any]:
        """Return status and answer for a POST."""
        schema = _SCHEMAS.get(path)
        if schema is None:
            self.traces.append(raw)
            return 200, {}
        if self.failing:
            return self.failing.pop(0), {"detail": "as the test wants it"}
        body = orjson.loads(raw)
        if path == "/api/public/scores" and not self.takes_lists:
            schema = TypeAdapter(LangfuseScore)
            if isinstance(body, list):
                return 400, {"message": "Invalid request data"}
        try:
            if path == "/feedback":  # the client leaves out what is None
                body = {"trace_id": None, **body}
                schema.validate_python(
                    {name: said for name, said in body.items() if name in FeedbackCreate.model_fields}
                )
                assert set(body) <= set(FeedbackCreate.model_fields)
            else:
                schema.validate_python(body)
        except ValidationError as error:
            self.refused.append((path, str(error)))
            return 422, {"detail": "it does not fit"}
        self.calls.append((path, headers, body))
        if self.partial and isinstance(body, list):
            accepted = len(body) - self.partial
            return 207, {"accepted": accepted, "rejected": self.partial, "errors": [{"message": "no such config"}]}
        return _GOOD.get(path, (200, {"data": []}))

    def look_up(self, path: str, query: dict[str, list[str]]) -> tuple[int, Any]:
        """Return status and answer for a GET: a project by its name."""
        self.asked.append((path, query))
        named = {"id": "7b0a1c4e-0000-4000-8000-000000000001", "name": query["name"][0]}
        return 200, {"projects": [named]} if path == "/v2/projects" else [named]


@contextmanager
def score_apis() -> Iterator[ScoreApis]:
    """Run the double on loopback for the length of a block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._say(*double.answer(urlsplit(self.path).path, headers, raw))

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            self._say(*double.look_up(parts.path, parse_qs(parts.query)))

        def _say(self, status: int, answer: Any) -> None:
            body = orjson.dumps(answer)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    double = ScoreApis(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
