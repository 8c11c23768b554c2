"""Presets: Arize AX, any OTLP receiver, and the table of all. Each opens with what its backend does differently.

Numbers are those of the source that each docstring names; what is unconfirmed says so.
"""

from __future__ import annotations

import os
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..recording.notice import warn_once
from . import arguments, settings, validation
from .destination import Destination, http_destination
from .llm_backends import braintrust, langfuse, langsmith, opik, phoenix, weave
from .trace_backends import (
    axiom,
    dash0,
    datadog,
    elastic,
    grafana_cloud,
    honeycomb,
    jaeger,
    lightstep,
    new_relic,
    signoz,
    tempo,
)
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

    What it does differently (Arize's documentation and the source of its own senders):
    * keys go into headers of its own, sent in every spelling that Arize's senders use; no `Bearer`;
    * a path other than `/v1/traces` is answered with 200 and the spans are discarded, so the path is always completed;
    * the space header wants the space's base64 *id*; with its name the answer is 200 and nothing arrives: we warn;
    * without a project name it answers 500; the project goes onto the resource and onto every span;
    * its body limit is not published: requests stay below 4 MB.

    Args:
        api_key: From Settings, API Keys; else `ARIZE_API_KEY`.
        space_key: The Space ID, from Space Settings; else `ARIZE_SPACE_ID`.
        model_id: The Arize project name, as OpenRouter's form calls it; else `ARIZE_PROJECT_NAME`, else `default`.
        base_url: Another host, with or without `/v1/traces`; else `ARIZE_COLLECTOR_ENDPOINT`.
        space_id: The same as `space_key`, in Arize's own words.
        project_name: The same as `model_id`, in Arize's own words.
        region: `us` (default), `eu`, `ca`, or a region's full name.

    Raises:
        SettingsError: When a key is missing or cannot be one.
    """
    key = arguments.secret(api_key, "api_key", "Arize shows it under Settings, API Keys", "ARIZE_API_KEY")
    where = "Arize shows the Space ID under Space Settings"
    given = arguments.same("space_key", space_key, "space_id", space_id)
    space = arguments.secret(given, "space_key", where, "ARIZE_SPACE_ID", "ARIZE_SPACE_KEY")
    if not is_space_id(space):
        warn_once("arize-space", "spancast: %s", NO_SPACE_ID)
    given = arguments.same("model_id", model_id, "project_name", project_name)
    project = validation.text(
        arguments.either(given, "model_id", "ARIZE_PROJECT_NAME") or "default", "model_id", "my-project"
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
    base_url = arguments.either(base_url, "base_url")
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


NO_SPACE_ID = (
    "space_key does not look like an Arize Space ID (base64 of 'Space:...'). With the space's name "
    "instead, Arize answers 200 and stores nothing; copy the ID from Space Settings."
)


def is_space_id(space: str) -> bool:
    """Return whether *space* is base64 of `Space:<n>:...`: Arize answers 200 to a space's name and drops the spans."""
    try:
        return b64decode(space, validate=True).startswith(b"Space:")
    except ValueError:
        return False


def otlp(endpoint: str | None = None, **common: Unpack[CommonKeywords]) -> Destination:
    """Send to any OTLP/HTTP receiver, in gen_ai as JSON: Collector, Jaeger, Tempo, Axiom, and others.

    What it does differently:
    * the URL is used as given: nothing is appended (usually it ends in `/v1/traces`);
    * without an endpoint the OpenTelemetry variables are read: `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` as it is, or
      `OTEL_EXPORTER_OTLP_ENDPOINT` with `/v1/traces` appended, and the headers that belong to them.

    Args:
        endpoint: The URL that takes traces, used as given; else the OpenTelemetry variables.

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
    url = arguments.either(endpoint, "endpoint") if endpoint is not None else from_environment.endpoint
    argument = "endpoint" if endpoint is not None else from_environment.endpoint_variable
    return http_destination("otlp", validation.url(url, argument), given)


@dataclass(frozen=True, slots=True)
class Preset:
    """A preset as the command line and the settings table see it.

    Attributes:
        make: The function.
        required: Arguments without which it raises.
        secrets: Arguments that are never shown or saved in the clear.
        variables: The environment's variables that stand for an argument.
    """

    make: Callable[..., Destination]
    required: tuple[str, ...] = ()
    secrets: frozenset[str] = frozenset()
    variables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def _preset(make: Callable[..., Destination], *required: str, secrets: str = "", **variables: str) -> Preset:
    named = {argument: tuple(names.split()) for argument, names in variables.items()}
    return Preset(make, required, frozenset(secrets.split()), named)


PRESETS: Mapping[str, Preset] = {
    "arize": _preset(
        arize,
        "api_key",
        "space_key",
        secrets="api_key space_key space_id",
        api_key="ARIZE_API_KEY",
        space_key="ARIZE_SPACE_ID ARIZE_SPACE_KEY",
        model_id="ARIZE_PROJECT_NAME",
        base_url="ARIZE_COLLECTOR_ENDPOINT",
    ),
    "otlp": _preset(otlp, "endpoint", endpoint="OTEL_EXPORTER_OTLP_TRACES_ENDPOINT OTEL_EXPORTER_OTLP_ENDPOINT"),
    "axiom": _preset(
        axiom,
        "token",
        "dataset",
        secrets="token",
        token="AXIOM_TOKEN",
        dataset="AXIOM_DATASET",
        base_url="AXIOM_URL",
    ),
    "jaeger": _preset(jaeger),
    "tempo": _preset(tempo),
    "grafana_cloud": _preset(
        grafana_cloud,
        "instance_id",
        "api_key",
        secrets="api_key",
        instance_id="GRAFANA_CLOUD_INSTANCE_ID",
        api_key="GRAFANA_CLOUD_API_KEY",
    ),
    "honeycomb": _preset(
        honeycomb, "api_key", secrets="api_key", api_key="HONEYCOMB_API_KEY", dataset="HONEYCOMB_DATASET"
    ),
    "lightstep": _preset(lightstep, "access_token", secrets="access_token", access_token="LS_ACCESS_TOKEN"),
    "phoenix": _preset(
        phoenix,
        secrets="api_key",
        endpoint="PHOENIX_COLLECTOR_ENDPOINT",
        api_key="PHOENIX_API_KEY",
        project_name="PHOENIX_PROJECT PHOENIX_PROJECT_NAME",
    ),
    "langfuse": _preset(
        langfuse,
        "public_key",
        "secret_key",
        secrets="public_key secret_key",
        public_key="LANGFUSE_PUBLIC_KEY",
        secret_key="LANGFUSE_SECRET_KEY",
        base_url="LANGFUSE_BASE_URL LANGFUSE_HOST",
    ),
    "langsmith": _preset(
        langsmith,
        "api_key",
        secrets="api_key",
        api_key="LANGSMITH_API_KEY",
        project="LANGSMITH_PROJECT",
        base_url="LANGSMITH_ENDPOINT",
    ),
    "datadog": _preset(datadog, "api_key", secrets="api_key", api_key="DD_API_KEY", site="DD_SITE"),
    "new_relic": _preset(new_relic, "license_key", secrets="license_key", license_key="NEW_RELIC_LICENSE_KEY"),
    "braintrust": _preset(braintrust, "api_key", "project_name", secrets="api_key", api_key="BRAINTRUST_API_KEY"),
    "signoz": _preset(signoz, "ingestion_key", secrets="ingestion_key", ingestion_key="SIGNOZ_INGESTION_KEY"),
    "dash0": _preset(dash0, "auth_token", secrets="auth_token", auth_token="DASH0_AUTH_TOKEN"),
    "elastic": _preset(
        elastic,
        "endpoint",
        "api_key",
        secrets="api_key",
        endpoint="ELASTIC_OTLP_ENDPOINT",
        api_key="ELASTIC_API_KEY",
    ),
    "opik": _preset(
        opik,
        "api_key",
        "workspace",
        secrets="api_key",
        api_key="OPIK_API_KEY",
        workspace="OPIK_WORKSPACE",
        project_name="OPIK_PROJECT_NAME",
    ),
    "weave": _preset(
        weave,
        "api_key",
        "entity",
        "project",
        secrets="api_key",
        api_key="WANDB_API_KEY",
        entity="WANDB_ENTITY",
        project="WANDB_PROJECT",
    ),
}
"""Every backend that has a name: what `spancast destinations add` offers, and what `preset = ` may say in a file."""
