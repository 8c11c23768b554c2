"""OpenTelemetry's variables about an OTLP receiver, as its specification and its Python SDK read them.

They are often set for a whole platform: a value that cannot be used is a warning and is ignored, never an error in the
application. `timeout` is the exception in the SDK: the specification says milliseconds, the Python SDK takes seconds; so do
we, but a value of 1,000 or more can only be meant as milliseconds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from .. import setting, validation
from ..otlp.tls import Tls, why_unusable
from ..record.fast_frozen import frozen
from ..recording.notice import warn_once
from ..setting import Environ, Setting
from ..validation import SettingsError

CLIENT_PAIR: Final = ("client_certificate", "client_key")
_PREFIX: Final = "OTEL_EXPORTER_OTLP_"
MILLISECONDS_FROM: Final = 1000.0  # no timeout is a quarter of an hour in seconds; 1 s is the least in milliseconds


@frozen(kw_only=True)
class OtlpEnvironment:
    """What OpenTelemetry's variables say about an OTLP receiver (its specification of exporters)."""

    endpoint: str | None = None
    endpoint_variable: str = ""
    headers: Mapping[str, str] | None = None
    common: Mapping[str, Any] = field(default_factory=dict)

    def complete(self, keywords: dict[str, Any]) -> None:
        """Put what the variables say into *keywords*, where these say nothing; a key belongs to its certificate."""
        has_pair = any(keywords.get(name) is not None for name in CLIENT_PAIR)
        for name, value in self.common.items():
            if not (has_pair and name in CLIENT_PAIR):
                keywords.setdefault(name, value)


def _timeout(value: str, variable: str) -> float:
    found = setting.number(value, variable)
    if found >= MILLISECONDS_FROM:
        warn_once(
            f"milliseconds {variable}",
            "spancast: %s=%s is taken as milliseconds, as the OpenTelemetry specification says. Below 1000 it is taken as "
            "seconds, as OpenTelemetry's Python SDK does.",
            variable,
            value[:40],
        )
        return min(found / 1000.0, 3600.0)
    return validation.seconds(found, variable)


def _protocol(value: str, variable: str) -> str:
    return validation.choice(value.lower(), variable, validation.PROTOCOL_NAMES)


def _endpoint(value: str, variable: str) -> str:
    validation.url(value, variable)
    return value if variable != f"{_PREFIX}ENDPOINT" else _at_base(value, "traces")


def _metrics_endpoint(value: str, variable: str) -> str:
    validation.url(value, variable)
    return value if variable != f"{_PREFIX}ENDPOINT" else _at_base(value, "metrics")


def _at_base(value: str, signal: str) -> str:
    """Return where a base takes a signal: its path comes after the base's own, before its query."""
    parts = urlsplit(value)
    return parts._replace(path=f"{parts.path.rstrip('/')}/v1/{signal}").geturl()


def _headers(value: str, variable: str) -> Mapping[str, str]:
    """Read `k=v,k2=v2`, values percent-encoded (`Authorization=Bearer%20...`)."""
    headers: dict[str, str] = {}
    for pair in value.split(","):
        name, equals, content = pair.partition("=")
        if not pair.strip():
            continue
        if not equals:
            raise SettingsError(  # the part itself may be a token: it is not shown
                f"{variable} has a part of {len(pair.strip())} characters without '=': write name=value,name2=value2."
            )
        headers[unquote(name).strip()] = unquote(content).strip()
    return validation.header_mapping(headers, variable)


def _file(value: str, variable: str) -> str | None:
    return validation.existing_file(value, variable)


def _authorities(value: str, variable: str) -> str | None:
    found = validation.existing_file(value, variable)
    if problem := why_unusable(Tls(ca_file=found), {"ca_file": variable}):
        raise SettingsError(problem, "E213")
    return found


def _row(
    name: str,
    meaning: str,
    parse: Callable[[str, str], Any],
    default: str = "",
    *,
    secret: bool = False,
    signal: str = "TRACES",
) -> Setting:
    variables = (f"{_PREFIX}{signal}_{name}", f"{_PREFIX}{name}")
    return Setting(variables=variables, meaning=meaning, default=default, parse=parse, secret=secret)


ENDPOINT = _row(
    "ENDPOINT", "An OTLP receiver: as it is (TRACES), or a base to which /v1/traces is appended.", _endpoint
)
HEADERS = _row("HEADERS", "Its headers: name=value,name2=value2, values percent-encoded.", _headers, secret=True)


def _common(signal: str = "TRACES") -> dict[str, Setting]:
    return {
        "compression": _row("COMPRESSION", "gzip or none.", setting.one_of("gzip", "none"), "none", signal=signal),
        "timeout": _row("TIMEOUT", "Seconds for a request; from 1000 on, milliseconds.", _timeout, "10", signal=signal),
        "ca_file": _row("CERTIFICATE", "A PEM file of authorities to trust.", _authorities, signal=signal),
        "client_certificate": _row(
            "CLIENT_CERTIFICATE", "This client's certificate, a PEM file.", _file, signal=signal
        ),
        "client_key": _row("CLIENT_KEY", "The key of that certificate, a PEM file.", _file, signal=signal),
    }


COMMON: Mapping[str, Setting] = {
    "protocol": _row("PROTOCOL", "http/json or http/protobuf.", _protocol, "http/json"),
    **_common(),
}
METRICS_ENDPOINT = _row(
    "ENDPOINT",
    "A receiver of metrics: as it is (METRICS), or a base to which /v1/metrics is appended.",
    _metrics_endpoint,
    signal="METRICS",
)
METRICS_HEADERS = _row(
    "HEADERS", "Its headers: name=value,name2=value2, values percent-encoded.", _headers, secret=True, signal="METRICS"
)
METRICS_COMMON: Mapping[str, Setting] = _common("METRICS")
SETTINGS: tuple[Setting, ...] = (ENDPOINT, HEADERS, *COMMON.values())
METRICS_SETTINGS: tuple[Setting, ...] = (METRICS_ENDPOINT, METRICS_HEADERS, *METRICS_COMMON.values())


def otlp_environment(environ: Environ = os.environ, *, with_endpoint: bool, signal: str = "TRACES") -> OtlpEnvironment:
    """Read OpenTelemetry's variables; those for the signal, `TRACES` or `METRICS`, win.

    Headers are read only together with the endpoint: a token for one receiver must not go to another. A value that cannot
    be used is a warning, but for the endpoint and its headers: without them there is no destination.

    Raises:
        SettingsError: When the endpoint or a header cannot be used; it names the variable.
    """
    of_metrics = signal == "METRICS"
    common = {}
    for argument, row in (METRICS_COMMON if of_metrics else COMMON).items():
        if argument == "protocol" and not with_endpoint and _is_grpc(environ):
            continue  # it belongs to the platform's receiver, and the endpoint is another
        value = usable(row, environ)
        if value is not None:
            common[argument] = value
    _without_unusable_pair(common, METRICS_COMMON if of_metrics else COMMON, environ)
    if not with_endpoint:
        return OtlpEnvironment(common=common)
    found = (METRICS_ENDPOINT if of_metrics else ENDPOINT).of_environment(environ)
    endpoint, variable = found or (None, "")
    headers = (METRICS_HEADERS if of_metrics else HEADERS).of_environment(environ)
    return OtlpEnvironment(
        endpoint=endpoint, endpoint_variable=variable, headers=headers[0] if headers else None, common=common
    )


def _without_unusable_pair(common: dict[str, Any], rows: Mapping[str, Setting], environ: Environ) -> None:
    """Leave certificate and key of the client out, with one warning, where they cannot be used together."""
    pair = {name: common.get(name) for name in CLIENT_PAIR}
    names = {name: rows[name].variable(environ) or rows[name].variables[-1] for name in CLIENT_PAIR}
    if problem := why_unusable(Tls(**pair), names):
        warn_once(f"ignored pair {problem}", "spancast: ignored: %s", problem)
        for name in CLIENT_PAIR:
            common.pop(name, None)


def _is_grpc(environ: Environ) -> bool:
    variable = COMMON["protocol"].variable(environ)
    return variable is not None and environ[variable].strip().lower() == "grpc"


def usable(row: Setting, environ: Environ) -> Any:
    """Return a variable's value; None when it is not set, or when it cannot be used: then there is one warning."""
    try:
        found = row.of_environment(environ)
    except SettingsError as error:
        warn_once(f"ignored {row.key} {error}", "spancast: ignored: %s", error)
        return None
    return None if found is None else found[0]
