"""What a failed call of gRPC means: the codes are the OTLP specification's (OTLP/gRPC, failures), the words gRPC's own."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

from .http import MAX_RETRY_AFTER
from .outcome import Outcome, Verdict

RETRYABLE: Final = frozenset({"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"})
# grpcio's words and Go's
_TOO_LARGE: Final = re.compile(r"(?i)received message (after decompression )?larger than max")
_VERIFY: Final = re.compile(r"CERTIFICATE_VERIFY_FAILED: ([A-Za-z' -]{1,80})")
_MEANINGS: Final[Mapping[str, tuple[str, str]]] = {
    "UNIMPLEMENTED": ("E404", "no service of OTLP traces is at that port; over gRPC it is usually 4317"),
    "UNAUTHENTICATED": ("E401", "the key was refused; check the key or token"),
    "PERMISSION_DENIED": ("E403", "the key has no right to write here; check key, space or dataset, and region"),
    "INVALID_ARGUMENT": ("E400", "the receiver could not read the request"),
    "RESOURCE_EXHAUSTED": ("E429", "the receiver has a limit, and does not say when it takes more"),
}
# what gRPC says of a connection that it could not make or keep: words of it, reason, code, message
_CONNECTIONS: Final = (
    ("connection refused", "no connection", "E202", "nothing listens at {host} (connection refused)"),
    (
        "dns resolution failed|name resolution|name or service",
        "unknown host",
        "E201",
        "the name {host} cannot be resolved",
    ),
    (
        "alert[ _](certificate|bad[ _]certificate|unknown[ _]ca)",
        "TLS",
        "E211",
        "{host} wants a certificate of the client, and got none that it trusts",
    ),
    (
        "certificate has expired|is not yet valid",
        "TLS",
        "E207",
        "the certificate of {host} has expired, or is not valid yet",
    ),
    ("hostname verification|peer name .* is not in", "TLS", "E205", "the certificate is not for {host}"),
    ("certificate_verify_failed|certificate verify", "TLS", "E206", "the certificate of {host} was not accepted"),
    (
        "security handshaker|secure client channel",
        "TLS",
        "E206",
        "TLS with {host} cannot begin: ca_file, client_certificate or client_key is no PEM file, or they do not fit",
    ),
    ("tls handshake|ssl_error", "TLS", "E208", "TLS with {host} failed: http:// is for a port without TLS"),
    ("parsing http/2|connect an http1", "unreadable answer", "E212", "{host} answers with something else than gRPC"),
    (
        "failed to connect.*(socket closed|connection reset)",
        "no connection",
        "E208",
        "{host} ends each connection while it is made: https:// is for a port with TLS",
    ),
    (
        "socket closed|connection reset|broken pipe|goaway|transport closed|rst_stream",
        "connection broken",
        "E209",
        "{host} broke the connection",
    ),
)


def failed(code: str, details: str, host: str, timeout: float, retry_after: float | None = None) -> Outcome:
    """Return what a call means that ended with *code*.

    Args:
        code: Of gRPC, such as `UNAVAILABLE`.
        details: Its words; they may be the receiver's, and are no part of the message.
        retry_after: Seconds in the receiver's `RetryInfo`.
    """
    if code == "DEADLINE_EXCEEDED":
        message = f"{host} did not answer within {timeout:.3g} s"
        return Outcome(verdict=Verdict.RETRY, reason="timeout", message=message, code="E210")
    if "CLIENT: Received message larger than max" in details[:4096]:  # it has taken the spans, and said far too much
        return Outcome(verdict=Verdict.DELIVERED)
    if _TOO_LARGE.search(details[:4096]):
        message = f"{code}: the request is too large for the receiver; lower max_request_bytes"
        return Outcome(verdict=Verdict.TOO_LARGE, reason=code, message=message, code="E413")
    if code == "UNAVAILABLE":
        for pattern, reason, number, text in _CONNECTIONS:
            if re.search(pattern, details[:4096], re.IGNORECASE | re.DOTALL):
                refused = _VERIFY.search(details[:4096]) if number == "E206" else None
                message = text.format(host=host) + (f": {refused[1].strip()}" if refused else "")
                return Outcome(verdict=Verdict.RETRY, reason=reason, message=message, code=number)
    if code in RETRYABLE or (code == "RESOURCE_EXHAUSTED" and retry_after is not None):
        limited = retry_after is not None and retry_after > MAX_RETRY_AFTER
        why = "the receiver is limiting the rate" if code == "RESOURCE_EXHAUSTED" else "the receiver is failing"
        return Outcome(
            verdict=Verdict.RETRY,
            reason=code,
            message=f"{code}: {why}",
            code="E429" if code == "RESOURCE_EXHAUSTED" else "E500",
            retry_after=None if retry_after is None else min(retry_after, MAX_RETRY_AFTER),
            is_limited=limited,
        )
    number, meaning = _MEANINGS.get(code, ("E430", "the receiver refused it"))
    return Outcome(verdict=Verdict.REFUSED, reason=code, message=f"{code}: {meaning}", code=number)


def seconds_of(seconds: float, nanos: float) -> float | None:
    """Return a duration of protobuf in seconds; None for one that is none."""
    found = seconds + nanos / 1e9
    return max(0.0, found) if math.isfinite(found) else None
