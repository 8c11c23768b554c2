"""Mistakes that are recognised: by the URL, by the headers, by an answer. Pure functions; nothing is sent here.

What only one backend does is in the backend's own file, as its `Hints`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import SplitResult, urlsplit

from . import hints

_KEY_HEADERS = ("authorization", "api-key", "x-api-key")
_BASES = ("", "/v1", "/api/default")
_TRACES = ("/v1/traces",)


def is_base(path: str) -> bool:
    """Return whether a URL's path looks like a base, to which the path of traces is still to be put."""
    bases = (*_BASES, *(base for each in hints.REGISTERED for base in each.base_paths))
    return path.rstrip("/") in bases


def is_webhook(path: str) -> bool:
    """Return whether a URL's path is neither the path of traces nor a base: an address of somebody's own."""
    endings = (*_TRACES, *(ending for each in hints.REGISTERED for ending in each.traces_paths))
    return not is_base(path) and not path.rstrip("/").endswith(endings)


def completed(url: str) -> str:
    """Return a base URL with the path of traces, in front of its query."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    return parts._replace(path=(path.removesuffix("/v1")) + "/v1/traces").geturl()


def in_settings(url: str, headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield code and detail of what is wrong with URL and headers before anything is sent."""
    parts = urlsplit(url)
    lower = {name.lower(): value for name, value in headers.items()}
    for each in hints.REGISTERED:
        if each.mistakes is not None:
            yield from each.mistakes(parts, lower)
    for name, value in headers.items():
        if re.search(r"(?i)^(bearer|basic|apikey)%20|%3D%3D$|%3D$", value):
            yield "E113", f"the header {name}"


def authorization_of(headers: Mapping[str, str]) -> str:
    """Return by which header a key is sent, and of what kind; empty when none is."""
    carriers = {*_KEY_HEADERS, *(header for each in hints.REGISTERED for header in each.key_headers)}
    for name, value in headers.items():
        if name.lower() in carriers:
            scheme, _, rest = value.partition(" ")
            return f"{name} ({scheme})" if rest else name
    return ""


def credentials_fix(url: str, headers: Mapping[str, str]) -> str | None:
    """Return what to change when a key was refused; None where nothing special applies."""
    host = urlsplit(url).hostname or ""
    if not authorization_of(headers):
        return "no key is sent: give the preset its key, or headers={'Authorization': 'Bearer ...'}"
    lower = {name.lower(): value for name, value in headers.items()}
    value = lower.get("authorization", "")
    scheme, _, rest = value.partition(" ")
    wanted = _scheme_of(host)
    if wanted == "" and rest:
        return f"this backend wants the key alone: leave out the word {scheme!r}"
    if wanted and scheme != wanted:
        return f"this backend wants `Authorization: {wanted} ...`"
    if region := _of_host(host, (each.key_refused for each in hints.REGISTERED)):
        return region
    alone = any(each.key_alone in lower for each in hints.REGISTERED if each.key_alone)
    if wanted is None and value and not rest and not alone:
        return f"Authorization holds the key alone: most receivers want 'Bearer {chr(8230)}' before it"
    return None


def _scheme_of(host: str) -> str | None:
    schemes = (each.authorization_scheme for each in hints.REGISTERED if each.hosts and host.endswith(each.hosts))
    return next((scheme for scheme in schemes if scheme is not None), None)


def _of_host(host: str, tables: Iterator[Mapping[str, str]]) -> str | None:
    return next((text for table in tables for suffix, text in table.items() if host.endswith(suffix)), None)


def host_fix(host: str) -> str | None:
    """Return what to change when a host is unknown or has a certificate for another name."""
    return _of_host(host, (each.host_unknown for each in hints.REGISTERED))


def refusal(status: int, message: str, protocol: str, url: str) -> tuple[str, str | None]:
    """Return the code of an answer other than success, and a fix that is nearer than the code's own."""
    if 300 <= status < 400:
        return "E300", None
    json = protocol == "http/json"
    if status == 415:
        return ("E415", None) if json else ("E416", None)
    if status == 400 and json and "content type" in message.lower():
        return "E415", None
    if status == 400 and re.search(r"(?i)https (?:port|server)", message):  # nginx's words, and Go's
        return "E208", "write https:// instead of http://"
    if status in (404, 405):
        return f"E{status}", _path_fix(urlsplit(url))
    if status in (400, 413, 422, 429):
        return f"E{status}", None
    if status >= 500:
        return ("E503" if status in (502, 503, 504) else "E500"), None
    return "E430", None


def _path_fix(url: SplitResult) -> str | None:
    host = url.hostname or ""
    for each in hints.REGISTERED:
        if each.path_fix is not None and host.endswith(each.hosts) and (fix := each.path_fix(url)):
            return fix
    if url.path.endswith("/v1/traces"):
        return None
    return f"write {completed(url._replace(query='').geturl())}"
