"""Presets for tracing backends of every kind. Each opens with what its backend does differently.

Numbers are those of the source that each docstring names; what is unconfirmed says so. All speak gen_ai.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..recording.notice import warn_once
from . import arguments
from .destination import Destination, http_destination
from .validation import SettingsError, size

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .destination import CommonKeywords

_LOCAL = "http://localhost:4318/v1/traces"
_TEMPO_ATTRIBUTE = 2048  # bytes; `max_attribute_bytes` of Tempo's distributor, which cuts what is longer


def axiom(
    *,
    token: str | None = None,
    dataset: str | None = None,
    base_url: str | None = None,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to Axiom, in gen_ai as JSON.

    What it does differently (Axiom's documentation):
    * an API token (`xaat-`) as Bearer, and the dataset in a header of its own; without the dataset it answers 4xx;
    * a field holds at most 1 MB; longer texts are replaced by a note, so ours are cut at 1,000,000 characters;
    * 256 or 1,024 *fields* a dataset: gen_ai's one JSON text a conversation uses few, flattened OpenInference many;
    * at most 10,000 events a request; ours hold 512.

    Args:
        token: An API token, from Settings, API Tokens; else `AXIOM_TOKEN`.
        dataset: The dataset's name; else `AXIOM_DATASET`.
        base_url: Another host, for an edge deployment; else `AXIOM_URL`.
    """
    key = arguments.secret(token, "token", "Axiom makes one under Settings, API Tokens", "AXIOM_TOKEN")
    if key.startswith("xapt-"):
        raise SettingsError("token is a personal token (xapt-): Axiom takes traces with an API token (xaat-) only.")
    where = "every trace goes into an Axiom dataset"
    url = arguments.traces_url(
        arguments.either(base_url, "base_url", "AXIOM_URL") or "https://api.axiom.co", "base_url"
    )
    return http_destination(
        "axiom",
        url,
        common,
        headers={
            "Authorization": f"Bearer {key}",
            "X-Axiom-Dataset": arguments.needed(dataset, "dataset", "my-dataset", where, "AXIOM_DATASET"),
        },
        max_attribute_length=1_000_000,
    )


def jaeger(endpoint: str = _LOCAL, **common: Unpack[CommonKeywords]) -> Destination:
    """Send to Jaeger v2, in gen_ai as JSON.

    What it does differently (Jaeger 2.20's documentation):
    * Jaeger v2 is an OpenTelemetry Collector inside: port 4318 takes traces (16686 is the page, 4317 is gRPC);
    * a body above 20 MiB is answered with 400 and lost; requests stay below 4 MB;
    * traces are found by `service.name`: give `configure(service_name=...)`.

    Args:
        endpoint: Host, or the whole URL.
    """
    ports = {16686: "Jaeger's page", 14268: "an input of Jaeger v1"}
    return http_destination("jaeger", arguments.traces_url(endpoint, "endpoint", wrong_ports=ports), common)


def tempo(
    endpoint: str = _LOCAL,
    *,
    tenant: str | None = None,
    max_attribute_bytes: int = _TEMPO_ATTRIBUTE,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to a Grafana Tempo of your own, in gen_ai as JSON.

    What it does differently (Tempo's source):
    * attributes above 2,048 bytes are cut there, JSON or not: ours are cut first, so that JSON stays readable;
    * its receivers listen on localhost only unless told otherwise (since 2.7);
    * a trace above 5 MB is refused, in part after it was answered with 200;
    * with several tenants it wants `X-Scope-OrgID`.

    Args:
        endpoint: Host, or the whole URL.
        tenant: The tenant's name, where Tempo has several.
        max_attribute_bytes: As in Tempo's own setting of that name, when yours is another.
    """
    ports = {3200: "Tempo's query API", 3000: "Grafana's page"}
    headers = {"X-Scope-OrgID": arguments.word(tenant, "tenant", "team-a")} if tenant is not None else {}
    return http_destination(
        "tempo",
        arguments.traces_url(endpoint, "endpoint", wrong_ports=ports),
        common,
        headers=headers,
        max_attribute_length=_attribute_bytes(max_attribute_bytes),
    )


def _attribute_bytes(value: int) -> int:
    return size(value, "max_attribute_bytes")


def grafana_cloud(
    *,
    instance_id: str | None = None,
    api_key: str | None = None,
    zone: str = "prod-us-west-0",
    base_url: str | None = None,
    max_attribute_bytes: int = _TEMPO_ATTRIBUTE,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to Grafana Cloud, in gen_ai as JSON.

    What it does differently (OpenRouter's page on Grafana):
    * `Basic` of the OTLP instance id and a token with the scope `traces:write` (`glc_...`), not Bearer;
    * the path is `/otlp/v1/traces`: a base URL without `/otlp` answers 404;
    * attributes are cut at 2,048 bytes, as in Tempo (inferred, not documented for the Cloud).

    Args:
        instance_id: The number on the stack's OpenTelemetry page; else `GRAFANA_CLOUD_INSTANCE_ID`.
        api_key: The token (`glc_...`); else `GRAFANA_CLOUD_API_KEY`.
        zone: The stack's zone, as in `otlp-gateway-<zone>.grafana.net`.
        base_url: The OTLP endpoint that the page shows, instead of *zone*.
        max_attribute_bytes: When support has raised the limit for you.
    """
    page = "Grafana Cloud shows it on the stack's page, under OpenTelemetry"
    instance = arguments.needed(instance_id, "instance_id", "123456", page, "GRAFANA_CLOUD_INSTANCE_ID")
    if not instance.isdigit():
        raise SettingsError(f"instance_id={instance!r} is no number: {page}, as the instance ID.")
    key = arguments.secret(api_key, "api_key", f"{page} (glc_...)", "GRAFANA_CLOUD_API_KEY")
    return http_destination(
        "grafana_cloud",
        _grafana_url(base_url, zone),
        common,
        headers={"Authorization": f"Basic {b64encode(f'{instance}:{key}'.encode()).decode()}"},
        max_attribute_length=_attribute_bytes(max_attribute_bytes),
    )


def _grafana_url(base_url: str | None, zone: str) -> str:
    if base_url is None:
        return f"https://otlp-gateway-{arguments.host_part(zone, 'zone', 'prod-us-west-0')}.grafana.net/otlp/v1/traces"
    base = str(arguments.either(base_url, "base_url"))
    url = arguments.traces_url(base, "base_url")
    if "/otlp" not in urlsplit(url).path:
        cure = url.replace("/v1/traces", "/otlp")
        raise SettingsError(f"base_url={base!r} lacks /otlp, and Grafana Cloud answers 404 there: write {cure}.")
    return url


def honeycomb(
    *,
    api_key: str | None = None,
    dataset: str | None = None,
    region: str = "us",
    base_url: str | None = None,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to Honeycomb, in gen_ai as JSON.

    What it does differently (the source of its receiver, husky):
    * the key in `x-honeycomb-team`; keys belong to one region, and the other answers 401;
    * the dataset is `service.name`, except with classic keys (32 hex digits, or 64 characters `hc?ic_...`), which need one;
    * the content type is compared exactly; a body may have 20 MiB; a text at most 65,535 bytes, and ours are cut there.
      Limits of events (1 MB, 2,000 fields) are unconfirmed.

    Args:
        api_key: An ingest key; else `HONEYCOMB_API_KEY`.
        dataset: For classic keys only; else `HONEYCOMB_DATASET`.
        region: `us` or `eu`.
        base_url: Another host, such as a Refinery.
    """
    where = "Honeycomb makes one under Environment, API Keys, of the type Ingest"
    key = arguments.secret(api_key, "api_key", where, "HONEYCOMB_API_KEY")
    headers = {"x-honeycomb-team": key}
    if is_classic(key):
        why = "a classic Honeycomb key needs one"
        headers["x-honeycomb-dataset"] = arguments.needed(dataset, "dataset", "my-dataset", why, "HONEYCOMB_DATASET")
    elif dataset is not None:
        raise SettingsError(
            f"dataset={dataset!r} is for classic Honeycomb keys; with this key the dataset is the service's name: "
            "give configure(service_name=...) instead."
        )
    hosts = {"us": "https://api.honeycomb.io", "eu": "https://api.eu1.honeycomb.io"}
    url = base_url if base_url is not None else arguments.one_of(region, "region", hosts)
    return http_destination(
        "honeycomb",
        arguments.traces_url(url, "base_url"),
        common,
        headers=headers,
        max_attribute_length=65_535,
    )


def is_classic(key: str) -> bool:
    """Return whether *key* is one of Honeycomb Classic's, by husky's own rule."""
    return bool(re.fullmatch(r"[0-9a-f]{32}|hc[a-z]ic_[0-9a-z]{58}", key))


def lightstep(
    *,
    access_token: str | None = None,
    region: str = "us",
    legacy_path: bool = False,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to Lightstep (ServiceNow Cloud Observability), in gen_ai as JSON.

    What it does differently (Lightstep's archived documentation):
    * the token in `lightstep-access-token`; `/v1/traces`, or `/traces/otlp/v0.9` for older projects;
    * its end of life was announced for 2026-03-01 as we recall it, which no source confirms: the test will tell.

    Args:
        access_token: The project's token; else `LS_ACCESS_TOKEN`.
        region: `us` or `eu`.
        legacy_path: Use `/traces/otlp/v0.9`.
    """
    where = "Lightstep shows it under Project Settings, Access Tokens"
    token = arguments.secret(access_token, "access_token", where, "LS_ACCESS_TOKEN")
    hosts = {"us": "ingest.lightstep.com", "eu": "ingest.eu.lightstep.com"}
    path = "/traces/otlp/v0.9" if legacy_path else "/v1/traces"
    return http_destination(
        "lightstep",
        f"https://{arguments.one_of(region, 'region', hosts)}:443{path}",
        common,
        headers={"lightstep-access-token": token},
    )


def new_relic(*, license_key: str | None = None, region: str = "us", **common: Unpack[CommonKeywords]) -> Destination:
    """Send to New Relic, in gen_ai as protobuf.

    What it does differently (New Relic's documentation):
    * a request holds at most 1 MB; an attribute's text at most 4,095 characters: both are kept here;
    * other limits (names of 255 characters, lists of 64 entries, 64 attributes advised) are broken in silence: what is
      wrong is said later, in the account, as `NrIntegrationError`; a 200 proves little;
    * it takes JSON by inference only, hence protobuf.

    Args:
        license_key: The ingest license key; else `NEW_RELIC_LICENSE_KEY`.
        region: `us`, `eu` or `gov`.
    """
    where = "New Relic shows it under API Keys, of the type INGEST - LICENSE"
    key = arguments.secret(license_key, "license_key", where, "NEW_RELIC_LICENSE_KEY")
    if key.startswith("NRAK"):
        raise SettingsError("license_key is a user key (NRAK...): traces need the ingest license key.")
    hosts = {"us": "otlp.nr-data.net", "eu": "otlp.eu01.nr-data.net", "gov": "gov-otlp.nr-data.net"}
    return http_destination(
        "new_relic",
        f"https://{arguments.one_of(region, 'region', hosts)}/v1/traces",
        common,
        protocol="http/protobuf",
        headers={"api-key": key},
        max_request_bytes=1_000_000,
        max_attribute_length=4_095,
    )


def signoz(
    *,
    ingestion_key: str | None = None,
    region: str = "us",
    base_url: str | None = None,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to SigNoz Cloud, or with *base_url* to a SigNoz of your own, in gen_ai as JSON.

    What it does differently (SigNoz's page on OpenRouter):
    * the key in `signoz-ingestion-key`; a SigNoz of your own wants none;
    * limits of bodies are not published.

    Args:
        ingestion_key: From Settings, Ingestion; else `SIGNOZ_INGESTION_KEY`. Not needed with *base_url*.
        region: `us`, `eu` or `in`.
        base_url: A SigNoz of your own, such as `http://localhost:4318`.
    """
    key = arguments.either(ingestion_key, "ingestion_key", "SIGNOZ_INGESTION_KEY")
    headers = {}
    if key is not None or base_url is None:
        where = "SigNoz shows it under Settings, Ingestion"
        headers["signoz-ingestion-key"] = arguments.secret(key, "ingestion_key", where, "SIGNOZ_INGESTION_KEY")
    url = base_url or f"https://ingest.{arguments.host_part(region, 'region', 'us')}.signoz.cloud:443"
    ports = {8080: "SigNoz's page", 3301: "SigNoz's page"}
    return http_destination("signoz", arguments.traces_url(url, "base_url", wrong_ports=ports), common, headers=headers)


def dash0(
    *,
    auth_token: str | None = None,
    region: str = "eu-west-1",
    dataset: str | None = None,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to Dash0, in gen_ai as JSON.

    What it does differently (Dash0's documentation, of which a stored copy was read):
    * a Bearer token (`auth_...`), and `Dash0-Dataset` for another dataset than the default;
    * limits of bodies are not published.

    Args:
        auth_token: From Settings, Auth Tokens; else `DASH0_AUTH_TOKEN`.
        region: As in `ingress.<region>.aws.dash0.com`.
        dataset: A dataset other than the default.
    """
    where = "Dash0 makes one under Settings, Auth Tokens"
    token = arguments.secret(auth_token, "auth_token", where, "DASH0_AUTH_TOKEN")
    headers = {"Authorization": f"Bearer {token}"}
    if dataset is not None:
        headers["Dash0-Dataset"] = arguments.word(dataset, "dataset", "default")
    return http_destination(
        "dash0",
        f"https://ingress.{arguments.host_part(region, 'region', 'eu-west-1')}.aws.dash0.com/v1/traces",
        common,
        headers=headers,
    )


def elastic(
    endpoint: str | None = None, *, api_key: str | None = None, **common: Unpack[CommonKeywords]
) -> Destination:
    """Send to Elastic's managed OTLP endpoint or an APM Server, in gen_ai as protobuf.

    What it does differently (Elastic's documentation):
    * `Authorization: ApiKey <encoded>`, not Bearer;
    * an APM Server refuses JSON; the managed endpoint takes both, hence protobuf;
    * above 11.5 MB a second serverless answers 429; limits of bodies are not published.

    Args:
        endpoint: The managed OTLP endpoint, with or without `/v1/traces`; else `ELASTIC_OTLP_ENDPOINT`.
        api_key: The encoded API key; else `ELASTIC_API_KEY`.
    """
    where = "Elastic shows it under Add data, Application, OpenTelemetry"
    example = "https://abc.ingest.us-central1.gcp.elastic.cloud:443"
    base = arguments.needed(endpoint, "endpoint", example, where, "ELASTIC_OTLP_ENDPOINT")
    key = arguments.secret(api_key, "api_key", where, "ELASTIC_API_KEY")
    return http_destination(
        "elastic",
        arguments.traces_url(base, "endpoint", wrong_ports={9200: "Elasticsearch itself", 5601: "Kibana"}),
        common,
        protocol="http/protobuf",
        headers={"Authorization": f"ApiKey {key}"},
    )


def datadog(
    *,
    api_key: str | None = None,
    site: str | None = None,
    llm_observability: bool = True,
    **common: Unpack[CommonKeywords],
) -> Destination:
    """Send to Datadog, by default to LLM Observability, in gen_ai as protobuf.

    What it does differently (Datadog's page on OTLP traces):
    * it answers 202; above 3.2 MB 413: requests stay below 3 MB; 403 is a wrong site, or an organisation without access;
    * `dd-otlp-source: llmobs` sends to LLM Observability, which reads gen_ai 1.37 and later;
    * its older page takes protobuf only, the newer JSON too, hence protobuf.

    Args:
        api_key: From Organization Settings, API Keys; else `DD_API_KEY`.
        site: As in the address of your Datadog pages, such as `us5.datadoghq.com`; else `DD_SITE`, else `datadoghq.com`.
        llm_observability: False sends to APM instead.
    """
    key = arguments.secret(api_key, "api_key", "Datadog shows it under Organization Settings, API Keys", "DD_API_KEY")
    chosen: Any = arguments.either(site, "site", "DD_SITE") or "datadoghq.com"
    host = arguments.host_part(chosen, "site", "us5.datadoghq.com").removeprefix("app.")
    headers = {"dd-api-key": key}
    if llm_observability:
        headers["dd-otlp-source"] = "llmobs"
    if not host.endswith(("datadoghq.com", "datadoghq.eu", "ddog-gov.com")):
        warn_once("datadog-site", "spancast: site=%r is none of Datadog's sites that we know.", host)
    return http_destination(
        "datadog",
        f"https://otlp.{host}/v1/traces",
        common,
        protocol="http/protobuf",
        headers=headers,
        max_request_bytes=3_000_000,
    )
