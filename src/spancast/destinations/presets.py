"""Presets: ready destinations for known backends. Each opens with what its backend does differently.

Numbers are those of contracts section 3, each with its source there; what is unconfirmed says so.
"""

from __future__ import annotations

import os
import re
from base64 import b64decode
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..recording.notice import warn_once
from . import settings, validation
from .destination import Destination, http_destination
from .validation import SettingsError

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .destination import CommonKeywords

ARIZE_URL = "https://otlp.arize.com"
_ARIZE_REGIONS = {
    "us": "otlp.arize.com",
    "eu": "otlp.eu-west-1a.arize.com",
    "ca": "otlp.ca-central-1a.arize.com",
    **{name: f"otlp.{name}.arize.com" for name in ("ca-central-1a", "eu-west-1a", "us-central-1a", "us-east-1b")},
}


def arize(
    *,
    api_key: str | None = None,
    space_key: str | None = None,
    model_id: str | None = None,
    base_url: str | None = None,
    space_id: str | None = None,
    project_name: str | None = None,
    region: str | None = None,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to Arize AX, in OpenInference.

    What it does differently (contracts 2):
    * keys go into headers of its own, sent in every spelling that Arize's senders use; no `Bearer`;
    * a path other than `/v1/traces` is answered with 200 and the spans are discarded, so the path is always completed;
    * the space header wants the space's base64 *id*; with its name the answer is 200 and nothing arrives: we warn;
    * without a project name it answers 500; the project goes onto the resource and onto every span;
    * its body limit is not published: requests stay below 4 MB.

    Args:
        api_key: From Settings, API Keys; else `ARIZE_API_KEY`.
        space_key: The Space ID, from Space Settings; else `ARIZE_SPACE_ID`. `space_id` is the same.
        model_id: The Arize project name, as OpenRouter's form calls it; else `ARIZE_PROJECT_NAME`, else `default`.
            `project_name` is the same.
        base_url: Another host, with or without `/v1/traces`; else `ARIZE_COLLECTOR_ENDPOINT`.
        region: `us` (default), `eu`, `ca`, or a region's full name.

    Raises:
        SettingsError: When a key is missing or cannot be one.
    """
    key = validation.secret(
        _either(api_key, "ARIZE_API_KEY"),
        "api_key",
        "Arize shows it under Settings, API Keys; pass api_key= or set ARIZE_API_KEY",
    )
    space = validation.secret(
        _either(_same("space_key", space_key, "space_id", space_id), "ARIZE_SPACE_ID", "ARIZE_SPACE_KEY"),
        "space_key",
        "Arize shows the Space ID under Space Settings; pass space_key= or set ARIZE_SPACE_ID",
    )
    _check_space(space)
    project = validation.text(
        _either(_same("model_id", model_id, "project_name", project_name), "ARIZE_PROJECT_NAME") or "default",
        "model_id",
        "my-project",
    )
    return http_destination(
        "arize",
        arize_url(base_url, region),
        common,
        convention="openinference",
        protocol="http/protobuf",
        headers={
            "authorization": key,
            "arize-api-key": key,
            "api_key": key,
            "arize-space-id": space,
            "space_id": space,
            "arize-interface": "otel",
        },
        resource={"openinference.project.name": project, "arize.project.name": project, "model_id": project},
        span_attributes={"arize.project.name": project},
    )


def arize_url(base_url: str | None, region: str | None) -> str:
    """Return the URL that takes traces: a host, `/v1` and `/v1/traces` all end at `/v1/traces`."""
    if base_url is not None and region is not None:
        raise SettingsError(
            "base_url and region are both given: region chooses one of Arize's own hosts, leave one out."
        )
    if region is not None:
        host = _ARIZE_REGIONS.get(str(region).lower())
        if host is None:
            names = ", ".join(_ARIZE_REGIONS)
            raise SettingsError(f"region={region!r} is not known: use one of {names}, or base_url= for a private host.")
        return f"https://{host}/v1/traces"
    argument = "base_url" if base_url is not None else "ARIZE_COLLECTOR_ENDPOINT"
    base = base_url if base_url is not None else os.environ.get("ARIZE_COLLECTOR_ENDPOINT") or ARIZE_URL
    if isinstance(base, str) and "://" not in base and re.fullmatch(r"[\w.-]+\.[a-z]+(:\d+)?(/.*)?", base):
        base = f"https://{base}"
    parts = urlsplit(validation.url(base, argument))
    path = parts.path.rstrip("/")
    for ending in ("/v1/traces", "/v1"):
        if path.endswith(ending):
            path = path[: -len(ending)]
            break
    return parts._replace(path=path + "/v1/traces").geturl()


def _check_space(space: str) -> None:
    """Warn when the space is no base64 id (`Space:<n>:...`): Arize answers 200 to its name and drops the spans."""
    try:
        looks_right = b64decode(space, validate=True).startswith(b"Space:")
    except ValueError:
        looks_right = False
    if not looks_right:
        warn_once(
            "arize-space",
            "spancast: space_key does not look like an Arize Space ID (base64 of 'Space:...'). With the space's name "
            "instead, Arize answers 200 and stores nothing; copy the ID from Space Settings.",
        )


def otlp(endpoint: str | None = None, **common: Unpack[CommonKeywords]) -> Destination:
    """Send to any OTLP/HTTP receiver, in gen_ai as JSON: Collector, Jaeger, Tempo, Axiom, and others.

    What it does differently:
    * the URL is used as given: nothing is appended (usually it ends in `/v1/traces`);
    * without an endpoint the OpenTelemetry variables are read: `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` as it is, or
      `OTEL_EXPORTER_OTLP_ENDPOINT` with `/v1/traces` appended, and the headers that belong to them (contracts 4.4).

    Raises:
        SettingsError: When the URL or a header cannot be used.
    """
    given: dict[str, Any] = {**common}
    from_environment = settings.otlp_environment(os.environ, with_endpoint=endpoint is None)
    for name, value in from_environment.common.items():
        given.setdefault(name, value)
    given.setdefault("headers", from_environment.headers)
    if endpoint is None and from_environment.endpoint is None:
        raise SettingsError(
            "endpoint is missing: give otlp() the URL that takes traces, for example "
            "https://collector.example.com:4318/v1/traces, or set OTEL_EXPORTER_OTLP_ENDPOINT."
        )
    url = endpoint if endpoint is not None else from_environment.endpoint
    argument = "endpoint" if endpoint is not None else from_environment.endpoint_variable
    return http_destination("otlp", validation.url(url, argument), given)


def _either(value: object, *variables: str) -> Any:
    """Return the argument, else the first of the environment's *variables* that is set."""
    if value is not None:
        return value
    return next((os.environ[name] for name in variables if os.environ.get(name)), None)


def _same(name: str, value: str | None, other_name: str, other: str | None) -> str | None:
    """Return the one of two arguments that mean the same."""
    if value is not None and other is not None and value != other:
        raise SettingsError(f"{name} and {other_name} mean the same and differ: give one of them.")
    return value if value is not None else other


PRESETS: Mapping[str, Any] = {"arize": arize, "otlp": otlp}
