"""One call of OTLP over gRPC (the OTLP specification, OTLP/gRPC).

OTLP's service has one method, and its request is bytes that are there already: a channel of grpcio is all that is needed. A
call has one deadline; gRPC's own retries are off, as the lane has its own. After a failure the channel is made anew: gRPC
would wait for up to two minutes before it connects again, and certificates that were renewed meanwhile are read again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from .. import _version
from ..conventions.span import Attributes, Span
from ..own_threads import is_patched_by_gevent
from ..resource import importing
from .encoding import ENCODINGS
from .grpc_answers import failed, seconds_of
from .headers import HeaderError, Headers, headers_of
from .http import USER_AGENT, partial_success
from .masking import hidden, words
from .outcome import Outcome, Verdict
from .tls import Tls

METHOD: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
_MAX_WORDS: Final = 200  # characters of a receiver's own words that are kept
_MAX_REJECTED_WORDS: Final = 1000  # of those that explain a rejection
_DETAILS: Final = "grpc-status-details-bin"
_OPTIONS: Final = (("grpc.enable_retries", 0), ("grpc.primary_user_agent", USER_AGENT))


class GrpcExporter:
    """Sends encoded spans to one receiver. Used by one thread at a time; opens nothing before the first call."""

    def __init__(
        self,
        url: str,
        *,
        headers: Headers,
        compression: str | None,
        timeout: float,
        resource: Callable[[], Attributes],
        tls: Tls,
    ) -> None:
        """*url*: `http://host:port` without TLS, `https://host:port` with it; *timeout*: seconds for a call."""
        self._url = url
        self._headers = headers
        self._gzip = compression == "gzip"
        self._timeout = timeout
        self._resource = resource
        self._tls = tls
        self._channel: Any = None
        self._encoding = ENCODINGS["grpc"]
        self.encode: Callable[[Span], bytes] = self._encoding.span
        self.decode: Callable[[bytes], Span] = self._encoding.decode

    def export(self, batch: Sequence[Any], timeout: float) -> Outcome:
        """Send *batch* once, within *timeout* seconds (never more than the destination's own)."""
        return self.call(batch, min(timeout, self._timeout))

    def call(self, batch: Sequence[Any], timeout: float, extra: Mapping[str, str] | None = None) -> Outcome:
        """Make one call; *extra* headers are sent beside the destination's."""
        try:
            headers = list(headers_of(self._headers, extra))
        except HeaderError as error:
            return error.outcome
        request = self._encoding.request(self._resource(), "spancast", _version.VERSION, batch)
        grpc = _imported()
        try:
            send = self._made(grpc).unary_unary(METHOD)
            answer = send(
                request,
                timeout=timeout,
                metadata=_metadata(headers),
                compression=grpc.Compression.Gzip if self._gzip else grpc.Compression.NoCompression,
            )
        except grpc.RpcError as error:
            self.close()
            return self._failed(error, timeout, headers)
        except OSError as error:  # a file of a certificate that is gone, or may not be read
            message = f"{error.filename or 'a file of a certificate'} cannot be read: {error.strerror}"
            return Outcome(verdict=Verdict.RETRY, reason="TLS", message=message, code="E206")
        except (TypeError, ValueError) as error:  # what grpcio does not take, as a header of its own
            message = (
                f"gRPC cannot send this request ({type(error).__name__}); a header of its own may be among headers="
            )
            return Outcome(verdict=Verdict.REFUSED, reason="headers", message=message, code="E106")
        rejected, said = partial_success(answer, "application/x-protobuf")
        return Outcome(
            verdict=Verdict.DELIVERED,
            rejected=rejected,
            reason="partial success" if rejected else "",
            words=words(said, hidden(dict(headers), self._url), _MAX_REJECTED_WORDS) if said else "",
        )

    def close(self) -> None:
        """Close the channel."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def _made(self, grpc: Any) -> Any:
        if self._channel is None:
            parts = urlsplit(self._url)
            secure = parts.scheme == "https"
            target = f"{parts.hostname}:{parts.port or (443 if secure else 80)}"
            if ":" in (parts.hostname or ""):
                target = f"[{parts.hostname}]:{parts.port or (443 if secure else 80)}"
            if secure:
                tls = self._tls
                files = map(_bytes_of, (tls.ca_file, tls.client_certificate and tls.key_file, tls.client_certificate))
                self._channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(*files), _OPTIONS)
            else:
                self._channel = grpc.insecure_channel(target, _OPTIONS)
        return self._channel

    def _failed(self, error: Any, timeout: float, headers: Sequence[tuple[str, str]]) -> Outcome:
        code, details = error.code(), str(error.details() or "")
        host = urlsplit(self._url).netloc.rpartition("@")[2]
        outcome = failed(code.name, details, host, timeout, _retry_after(error))
        if outcome.code.startswith("E2"):  # the words are gRPC's own, about the way there
            return outcome
        return replace(outcome, words=words(details, hidden(dict(headers), self._url), _MAX_WORDS))


def _imported() -> Any:
    """Return grpcio, which takes a while to import: held back from forks."""
    with importing.lock:
        is_first = "grpc" not in sys.modules
        import grpc
        import opentelemetry.proto.collector.trace.v1.trace_service_pb2  # noqa: F401  (reads answers)
    if (
        is_first and is_patched_by_gevent()
    ):  # else a call would stop every greenlet; where the application was first, it decides
        from grpc.experimental import gevent

        gevent.init_gevent()
    return grpc


def _metadata(headers: Sequence[tuple[str, str]]) -> list[tuple[str, str | bytes]]:
    """Return headers as gRPC has them: names in lower case, values of `-bin` as bytes."""
    lower = [(name.lower(), value) for name, value in headers]
    return [(name, value.encode() if name.endswith("-bin") else value) for name, value in lower]


def _retry_after(error: Any) -> float | None:
    """Return the seconds of `RetryInfo` among the details of a status; None where there is none."""
    for name, value in error.trailing_metadata() or ():
        if name == _DETAILS and isinstance(value, bytes):
            return _in_details(value)
    return None


def _in_details(value: bytes) -> float | None:
    from google.protobuf.message import DecodeError
    from google.rpc.error_details_pb2 import RetryInfo
    from google.rpc.status_pb2 import Status

    try:
        for each in Status.FromString(value).details:
            info = RetryInfo()
            if each.Is(RetryInfo.DESCRIPTOR) and each.Unpack(info):
                return seconds_of(info.retry_delay.seconds, info.retry_delay.nanos)
    except DecodeError:
        pass
    return None


def _bytes_of(path: str | None) -> bytes | None:
    return Path(path).read_bytes() if path else None
