"""One POST of OTLP over HTTP, and what its answer means (the OTLP specification, OTLP/HTTP).

Success is any 2xx (Datadog answers 202); 429, 502, 503, 504, timeouts and lost connections may be sent again; nothing
else may. Redirects are not followed: a POST that became a GET would look like success. An answer is read up to 4 MiB, and
all of an exchange, from connecting to the last byte, has one deadline.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import orjson
import urllib3

from .. import _version
from ..clock import monotonic
from ..conventions.span import Attributes, Span
from ..setting import masked_url
from .body import BLOCK, Body, compressed, in_blocks, size_of_body
from .connections import Deadline, pool_of
from .encoding import ENCODINGS, Encoding
from .headers import HeaderError, Headers, headers_of
from .masking import hidden, words
from .outcome import Outcome, Verdict
from .proxies import ProxyAddressError
from .tls import Tls
from .unreached import unreached

MAX_ANSWER = 4 * 1024 * 1024  # the OTLP specification's own bound for responses
_MAX_WORDS = 200  # characters of a receiver's own words that are kept
_MAX_REJECTED_WORDS = 1000  # of those that explain a rejection
MAX_RETRY_AFTER = 3600.0  # seconds
MAX_IDLE = 50.0  # seconds; below what load balancers (60 s and more) and NAT (350 s) keep a silent connection
_WEB_PAGE = re.compile(rb"<(!doctype html|html|head|body|title|meta|script)\b", re.I)
_RETRYABLE = frozenset({429, 502, 503, 504})
_GZIP_ABOVE = 1024  # bytes; below, gzip costs more than it saves
_TOO_LARGE = re.compile(rb"too large|larger than|exceeds? .*(size|limit)|message size|max(imum)? (body|request)", re.I)
# Badger's words, in Jaeger's 503: an attribute is a key there. Tried again it would be refused without end
_LONG_KEY = re.compile(rb"Key with size \d+ exceeded \d+ limit")
USER_AGENT = f"spancast/{_version.VERSION}"
_OURS = frozenset(
    {"content-type", "content-encoding", "content-length", "user-agent", "x-test-connection"}
)  # headers without secrets


class HttpExporter:
    """Sends encoded spans to one URL. Used by one thread at a time; opens nothing before the first request."""

    def __init__(
        self,
        url: str,
        *,
        headers: Headers,
        protocol: str,
        compression: str | None,
        timeout: float,
        resource: Callable[[], Attributes],
        tls: Tls | None = None,
        max_idle: float = MAX_IDLE,
    ) -> None:
        """*timeout*: seconds for a request; *max_idle*: seconds after which a silent connection is made anew."""
        self._url = url
        self._headers = headers
        self._encoding: Encoding = ENCODINGS[protocol]
        self._gzip = compression == "gzip"
        self._timeout = timeout
        self._resource = resource
        self._tls = tls or Tls()
        self._pool: Any = None
        self._deadline = Deadline()
        self._used_at = 0.0
        self._max_idle = max_idle
        self.encode: Callable[[Span], bytes] = self._encoding.span
        self.decode: Callable[[bytes], Span] = self._encoding.decode

    def export(self, batch: Sequence[Any], timeout: float) -> Outcome:
        """Send *batch* once, within *timeout* seconds (never more than the destination's own)."""
        body = self._encoding.pieces(self._resource(), "spancast", _version.VERSION, batch)
        return self.post(body, min(timeout, self._timeout))

    def post(self, body: Body, timeout: float, extra: Mapping[str, str] | None = None) -> Outcome:
        """Send one request body; *extra* headers are laid over the destination's."""
        return self.exchange("POST", body, timeout, extra)[0]

    def exchange(
        self, method: str, body: Body, timeout: float, extra: Mapping[str, str] | None = None
    ) -> tuple[Outcome, bytes]:
        """Make one request, within *timeout* seconds; return what its answer means, and the answer."""
        try:
            headers = self._all_headers(extra)
        except HeaderError as error:
            return error.outcome, b""
        size = size_of_body(body)
        if self._gzip and size > _GZIP_ABOVE:
            body = compressed(body)
            headers["Content-Encoding"] = "gzip"
        elif size <= BLOCK:
            body = b"".join(body) if not isinstance(body, bytes) else body
        if not isinstance(body, bytes):
            headers["Content-Length"] = str(size)  # else it would be sent in chunks, which some receivers do not read
        self._deadline.at = monotonic() + timeout
        try:
            return self._exchange(method, body, headers, timeout)
        except ProxyAddressError as error:
            return Outcome(verdict=Verdict.RETRY, reason="no connection", message=str(error), code="E204"), b""
        except urllib3.exceptions.HTTPError as error:
            return unreached(error, urlsplit(self._url).netloc, timeout, self._tls), b""

    def close(self) -> None:
        """Close the connections."""
        if self._pool is not None:
            self._pool.clear()
            self._pool = None

    def _all_headers(self, extra: Mapping[str, str] | None) -> urllib3.HTTPHeaderDict:
        headers = urllib3.HTTPHeaderDict()  # names differ in case: `content-type` must not stand there twice
        headers["User-Agent"] = USER_AGENT
        for name, value in headers_of(self._headers, extra):
            headers[name] = value
        headers["Content-Type"] = self._encoding.content_type
        return headers

    def _exchange(self, method: str, body: Body, headers: Mapping[str, str], timeout: float) -> tuple[Outcome, bytes]:
        response = self._connections().request(
            method,
            self._url,
            body=(body or None) if isinstance(body, bytes) else in_blocks(body),
            headers=headers,
            timeout=urllib3.Timeout(total=timeout),
            redirect=False,
            retries=False,
            preload_content=False,
        )
        content, whole = _read(response, self._deadline.at)
        response.release_conn() if whole else response.close()
        self._used_at = monotonic()
        secrets: tuple[str, ...] = ()
        if content:  # it may repeat the key that it refuses
            own = {name: value for name, value in headers.items() if name.lower() not in _OURS}
            secrets = hidden(own, self._url)
        return read_answer(response.status, response.headers, content, secrets), content

    def _connections(self) -> Any:
        if self._pool is None:
            _mask_in_logs(self._url)
            self._pool = pool_of(self._url, self._tls, self._deadline)
        elif monotonic() - self._used_at > self._max_idle:
            self._pool.clear()  # somebody on the way may have forgotten it, and would let the request wait for nothing
        return self._pool


def _read(response: Any, deadline: float) -> tuple[bytes, bool]:
    """Read the answer, up to `MAX_ANSWER` bytes and not past *deadline*; say whether that was all of it.

    An endless, slow or broken answer must neither keep the sender waiting nor send a batch twice: its status has
    already decided what matters.
    """
    pieces: list[bytes] = []
    size = 0
    while size <= MAX_ANSWER and monotonic() < deadline:
        try:
            piece = response.read1(65536)
        except (urllib3.exceptions.HTTPError, OSError):
            break
        if not piece:
            return b"".join(pieces), True
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)[:MAX_ANSWER], False


def read_answer(status: int, headers: Mapping[str, str], content: bytes, secrets: Sequence[str] = ()) -> Outcome:
    """Return what an answer means; *secrets* are masked in the receiver's words."""
    if 200 <= status < 300:
        return _success(status, headers, content, secrets)
    reason, long_key = f"HTTP {status}", status == 503 and _LONG_KEY.search(content[:4096])
    too_large = status == 413 or (status == 400 and _TOO_LARGE.search(content[:4096])) or long_key
    message = f"{reason}: {_LONG if long_key else _explained(413 if too_large else status)}"
    answered = "" if 300 <= status < 400 else words(content, secrets, _MAX_WORDS)
    if status in _RETRYABLE and not too_large:
        after, note = _retry_after(headers.get("Retry-After"))
        return Outcome(
            verdict=Verdict.RETRY,
            reason=reason,
            message=message + note,
            words=answered,
            retry_after=after,
            is_limited=bool(note),
            status=status,
        )
    verdict = Verdict.TOO_LARGE if too_large else Verdict.REFUSED
    return Outcome(verdict=verdict, reason=reason, message=message, words=answered, status=status)


def _success(status: int, headers: Mapping[str, str], content: bytes, secrets: Sequence[str]) -> Outcome:
    content_type = headers.get("Content-Type", "")
    if _is_web_page(content[:4096]):
        return Outcome(
            verdict=Verdict.REFUSED,
            reason="web page",
            message=f"HTTP {status} with a web page: no receiver of traces answers at this URL",
            status=status,
            content_type=content_type,
        )
    rejected, answered = partial_success(content, content_type)
    reason = "partial success" if rejected else ""
    return Outcome(
        verdict=Verdict.DELIVERED,
        rejected=rejected,
        reason=reason,
        words=words(answered, secrets, _MAX_REJECTED_WORDS),
        status=status,
        content_type=content_type,
    )


def _is_web_page(content: bytes) -> bool:
    """Return whether an answer is a page for people, also where a byte-order mark, a comment or XML's first line leads."""
    content = content.removeprefix(b"\xef\xbb\xbf").lstrip()
    found = _WEB_PAGE.search(content) if content.startswith(b"<") else None
    return found is not None and (found.start() == 0 or content.startswith((b"<!--", b"<?xml")))


def partial_success(content: bytes, content_type: str) -> tuple[int, str]:
    """Return how many spans the receiver rejected, and what it says of them, in either encoding."""
    if not content:
        return 0, ""
    try:
        if "json" in content_type or content[:1] == b"{":
            partial = orjson.loads(content).get("partialSuccess") or {}
            rejected = partial.get("rejectedSpans") or partial.get("rejectedDataPoints") or 0
            return max(0, int(rejected)), str(partial.get("errorMessage") or "")
        if "protobuf" in content_type:
            from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

            answer = ExportTraceServiceResponse.FromString(content).partial_success
            return max(0, int(answer.rejected_spans)), str(answer.error_message)
    except Exception:  # what cannot be read is no statement about spans; the status says success
        return 0, ""
    return 0, ""


_MEANINGS = {
    400: "the receiver could not read the request",
    401: "the key was refused; check the key or token",
    403: "the key has no right to write here; check key, space or dataset, and region",
    404: "nothing listens at this path; an OTLP/HTTP URL usually ends in /v1/traces",
    405: "this path takes no traces; an OTLP/HTTP URL usually ends in /v1/traces",
    413: "the request is too large for the receiver; lower max_request_bytes",
    415: 'the receiver does not take this encoding; try protocol="http/protobuf" (or "http/json")',
    429: "the receiver is limiting the rate",
}


_LONG = (
    "an attribute is too long for the receiver's storage (Jaeger with Badger); max_content_chars=60_000 cuts it first"
)


def _explained(status: int) -> str:
    if 300 <= status < 400:
        return "the receiver redirects elsewhere; use the final URL as the endpoint"
    return _MEANINGS.get(status) or ("the receiver is failing" if status >= 500 else "the receiver refused it")


def _retry_after(value: str | None) -> tuple[float | None, str]:
    """Return `Retry-After` in seconds, from 0 to an hour; and a note where that is less than the receiver asks for."""
    if not value:
        return None, ""
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = urllib3.Retry().parse_retry_after(value.strip())
        except (urllib3.exceptions.HTTPError, ValueError, TypeError, OverflowError):
            return None, ""
    if not math.isfinite(seconds):
        return None, ""
    if seconds > MAX_RETRY_AFTER:
        return MAX_RETRY_AFTER, f" (it asks to wait longer than an hour: tried again after {MAX_RETRY_AFTER:.0f} s)"
    return max(0.0, seconds), ""


class _MaskedQueries(logging.Filter):
    """Masks the queries of our URLs in urllib3's own DEBUG lines, which repeat them whole, in one form or another.

    One for the process, added to urllib3's logger at the first URL with a query. Its set only grows, by one step each.
    """

    def __init__(self) -> None:
        super().__init__()
        self.queries: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass; mask ours."""
        if isinstance(record.args, tuple):
            record.args = tuple(self._masked(arg) if isinstance(arg, str) else arg for arg in record.args)
        return True

    def _masked(self, text: str) -> str:
        return masked_url(text) if any([query in text for query in list(self.queries)]) else text


_masked_queries = _MaskedQueries()


def _mask_in_logs(url: str) -> None:
    parts = urlsplit(url)
    if parts.query:
        _masked_queries.queries.update((parts.query, urllib3.util.parse_url(url).query or parts.query))
        logging.getLogger("urllib3.connectionpool").addFilter(_masked_queries)
