"""Known mistakes, recognised: by the URL, by the headers, by an answer. Pure functions; nothing is sent here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from .presets import is_space_id

_AUTHORIZATION = ("authorization", "api-key", "x-api-key", "x-honeycomb-team", "lightstep-access-token", "dd-api-key",
                  "signoz-ingestion-key", "wandb-api-key", "api_key", "arize-api-key")  # fmt: skip
# parts of a SettingsError's sentence -> the fault that it is
_SENTENCES = (
    ("gRPC port", "E103"),
    ("in the clear", "E108"),
    ("env:", "E102"),
    ("keyring", "E102"),
    ("missing", "E101"),
    ("no scheme", "E104"),
    ("names no host", "E104"),
    ("white space", "E105"),
    ("line break", "E105"),
    ("begins with", "E105"),
    ("lacks /otlp", "E115"),
)


def code_of(sentence: str) -> str:
    """Return the code of the fault that a SettingsError's *sentence* speaks of."""
    return next((code for part, code in _SENTENCES if part in sentence), "E100")


def is_base(path: str) -> bool:
    """Return whether a URL's path looks like a base, to which the path of traces is still to be put."""
    return path.rstrip("/") in ("", "/v1", "/otlp", "/otlp/v1", "/api/public/otel", "/otel", "/api/default")


def is_webhook(path: str) -> bool:
    """Return whether a URL's path is neither the path of traces nor a base: an address of somebody's own."""
    return not is_base(path) and not path.rstrip("/").endswith(("/v1/traces", "/traces/otlp/v0.9"))


def completed(url: str) -> str:
    """Return a base URL with the path of traces."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    return parts._replace(path=(path.removesuffix("/v1")) + "/v1/traces").geturl()


def in_settings(url: str, headers: Mapping[str, str], protocol: str) -> Iterator[tuple[str, str]]:
    """Yield code and detail of what is wrong with URL and headers before anything is sent."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    lower = {name.lower(): value for name, value in headers.items()}
    if host.endswith("arize.com") and host.startswith("otlp.") and not parts.path.endswith("/v1/traces"):
        yield "E110", "Arize answers 200 there and drops the spans"
    space = lower.get("arize-space-id") or lower.get("space_id")
    if space is not None and not is_space_id(space) and (host.startswith("otlp.") or "arize-interface" in lower):
        yield "E111", "the header arize-space-id holds something else"
    if host.endswith("axiom.co") and not lower.get("x-axiom-dataset"):
        yield "E112", "there is no header X-Axiom-Dataset"
    for name, value in headers.items():
        if re.search(r"(?i)^(bearer|basic|apikey)%20|%3D%3D$|%3D$", value):
            yield "E113", f"the header {name}"


def authorization_of(headers: Mapping[str, str]) -> str:
    """Return by which header a key is sent, and of what kind; empty when none is."""
    for name, value in headers.items():
        if name.lower() in _AUTHORIZATION:
            scheme, _, rest = value.partition(" ")
            return f"{name} ({scheme})" if rest else name
    return ""


def credentials_cure(url: str, headers: Mapping[str, str]) -> str | None:
    """Return what to change when a key was refused; None where nothing special is known."""
    host = urlsplit(url).hostname or ""
    if not authorization_of(headers):
        return "no key is sent: give the preset its key, or headers={'Authorization': 'Bearer ...'}"
    value = next((value for name, value in headers.items() if name.lower() == "authorization"), "")
    scheme, _, rest = value.partition(" ")
    wanted = next((scheme for suffix, scheme in _SCHEMES.items() if host.endswith(suffix)), None)
    if wanted == "" and rest:
        return f"this backend wants the key alone: leave out the word {scheme!r}"
    if wanted and scheme != wanted:
        return f"this backend wants `Authorization: {wanted} ...`"
    if region := next((cure for suffix, cure in _REGIONS.items() if host.endswith(suffix)), None):
        return region
    if wanted is None and value and not rest and "arize-interface" not in headers:
        return f"Authorization holds the key alone: most receivers want 'Bearer {chr(8230)}' before it"
    return None


_SCHEMES = {
    "axiom.co": "Bearer",
    "dash0.com": "Bearer",
    "braintrust.dev": "Bearer",
    "phoenix.arize.com": "Bearer",
    "grafana.net": "Basic",
    "langfuse.com": "Basic",
    "elastic.cloud": "ApiKey",
    "comet.com": "",
}
_REGIONS = {
    "otlp.arize.com": "keys belong to one region: try region='eu' or 'ca', else copy the API key again",
    "eu-west-1a.arize.com": "keys belong to one region: try region='us', else copy the API key again",
    "ca-central-1a.arize.com": "keys belong to one region: try region='us', else copy the API key again",
    "api.honeycomb.io": "keys belong to one region: try region='eu'; it must be an ingest key",
    "eu1.honeycomb.io": "keys belong to one region: try region='us'; it must be an ingest key",
    "datadoghq.com": "the site may be another (datadoghq.eu, us5.datadoghq.com, ...): it is in the address of your pages",
    "datadoghq.eu": "the site may be another (datadoghq.com, us5.datadoghq.com, ...): it is in the address of your pages",
    "smith.langchain.com": "keys belong to one region: try region='eu' or 'us'; org-scoped keys need a workspace header",
    "langfuse.com": "keys belong to one region: try region='us' or 'eu'",
}


def host_cure(host: str) -> str | None:
    """Return what to change when a host is unknown or has a certificate for another name."""
    if host.endswith("arize.com"):
        return (
            "use destinations.arize(region='us' | 'eu' | 'ca'), or Arize's address for your private region as base_url="
        )
    return None


def refusal(status: int, message: str, protocol: str, url: str) -> tuple[str, str | None]:
    """Return the fault of an answer other than success, and a cure that is nearer than the fault's own."""
    if 300 <= status < 400:
        return "E300", None
    json = protocol == "http/json"
    if status == 415:
        return ("E415", None) if json else ("E416", None)
    if status == 400 and json and "content type" in message.lower():
        return "E415", None
    if status == 400 and "https port" in message.lower():
        return "E208", "write https:// instead of http://"
    if status in (404, 405):
        parts = urlsplit(url)
        cure = None if parts.path.endswith("/v1/traces") else f"write {completed(parts._replace(query='').geturl())}"
        if "grafana.net" in (parts.hostname or "") and "/otlp" not in parts.path:
            cure = f"write https://{parts.hostname}/otlp/v1/traces"
        return f"E{status}", cure
    if status in (400, 413, 422, 429):
        return f"E{status}", None
    if status >= 500:
        return ("E503" if status in (502, 503, 504) else "E500"), None
    return "E430", None
