"""What a request means that got no answer: no name, no route, no handshake, no HTTP, no time."""

from __future__ import annotations

import http.client

import urllib3

from .connections import UnreadableAnswerError
from .outcome import Outcome, Verdict
from .tls import Tls, handshake_failed, why_unusable


def unreached(error: Exception, host: str, timeout: float, tls: Tls) -> Outcome:
    """Return what urllib3's *error* means; *host* with its port, *timeout* in seconds."""
    reason, message, code = "no connection", f"no connection to {host}", "E204"
    names = {type(error).__name__, type(getattr(error, "reason", None)).__name__}
    if "ProxySchemeUnknown" in names:
        message = "the proxy in the environment is not one of http:// or https://, which are all that is supported"
    elif names & {"ReadTimeoutError", "ConnectTimeoutError", "TimeoutError"}:
        reason, message, code = "timeout", f"{host} did not answer within {timeout:.3g} s", "E210"
    elif names & {"NameResolutionError"}:
        reason, message, code = "unknown host", f"the name {host} cannot be resolved", "E201"
    elif "SSLError" in names and (problem := why_unusable(tls)):  # a file has changed since it was looked at
        reason, message, code = "TLS", problem.rstrip("."), "E213"
    elif "SSLError" in names:
        found = handshake_failed(error, host)
        reason, message, code = "TLS", found.message, found.code
    elif names & {"ProxyError"}:
        message = f"no connection to {host} through the proxy in the environment"
    elif wrong := _unreadable(error):
        reason, message, code = "unreadable answer", f"{host} {wrong}", "E212"
    elif names & {"ProtocolError", "IncompleteRead"}:
        reason, message, code = "connection broken", f"{host} broke the connection", "E209"
    elif "refused" in str(error).lower():
        message = f"nothing listens at {host} (connection refused)"
    return Outcome(verdict=Verdict.RETRY, reason=reason, message=message, code=code)


def _unreadable(error: Exception) -> str:
    """Return what is wrong with an answer that came and is none of HTTP/1.1, as the end of a sentence; else nothing."""
    if isinstance(error, urllib3.exceptions.InvalidHeader):
        return "answers with several lengths of one body (Content-Length)"
    cause = error.args[-1] if isinstance(error, urllib3.exceptions.ProtocolError) and error.args else None
    if isinstance(cause, UnreadableAnswerError):
        return str(cause)
    if isinstance(cause, http.client.LineTooLong) or type(cause) is http.client.HTTPException:
        return "answers with more headers, or a longer one, than HTTP clients read"
    no_http = isinstance(cause, http.client.BadStatusLine | http.client.UnknownProtocol)
    is_http2 = str(cause).startswith("\0")  # a frame: a gRPC port, which breaks the connection right after
    if no_http and not is_http2 and not isinstance(cause, http.client.RemoteDisconnected):
        return "answers with something else than HTTP/1.1"
    return ""
