"""Settings from the environment: OpenTelemetry's and Arize's own variables, and `SPANCAST_*` for the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from .. import validation
from ..validation import SettingsError

Environ = Mapping[str, str]
_PREFIX: Final = "OTEL_EXPORTER_OTLP_"
_TRUE, _FALSE = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off", ""})


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpEnvironment:
    """What OpenTelemetry's variables say about an OTLP receiver (its specification of exporters)."""

    endpoint: str | None = None
    endpoint_variable: str = ""
    headers: Mapping[str, str] | None = None
    common: Mapping[str, Any] = field(default_factory=dict)


def otlp_environment(environ: Environ, *, with_endpoint: bool) -> OtlpEnvironment:
    """Read OpenTelemetry's variables; those for traces win.

    Headers are read only together with the endpoint: a token for one receiver must not go to another.

    Raises:
        SettingsError: Naming the variable.
    """
    common = _common(environ, grpc_matters=with_endpoint)
    if not with_endpoint:
        return OtlpEnvironment(common=common)
    endpoint, variable = _endpoint(environ)
    return OtlpEnvironment(endpoint=endpoint, endpoint_variable=variable, headers=_headers(environ), common=common)


def _variable(environ: Environ, name: str) -> tuple[str, str] | None:
    """Return the value and the name of the variable that counts: `..._TRACES_...` before the general one."""
    for variable in (f"{_PREFIX}TRACES_{name}", _PREFIX + name):
        value = environ.get(variable, "").strip()
        if value:
            return value, variable
    return None


def _endpoint(environ: Environ) -> tuple[str | None, str]:
    found = _variable(environ, "ENDPOINT")
    if found is None:
        return None, ""
    value, variable = found
    if variable == _PREFIX + "ENDPOINT":  # a base, to which the signal's path is appended
        validation.url(value, variable)
        value = value.rstrip("/") + "/v1/traces"
    return value, variable


def _headers(environ: Environ) -> Mapping[str, str] | None:
    """Read `k=v,k2=v2`, values percent-encoded (`Authorization=Bearer%20...`)."""
    found = _variable(environ, "HEADERS")
    if found is None:
        return None
    value, variable = found
    headers = {}
    for pair in value.split(","):
        name, equals, text = pair.partition("=")
        if not pair.strip():
            continue
        if not equals:
            raise SettingsError(  # the part itself may be a token: it stays unsaid
                f"{variable} has a part of {len(pair.strip())} characters without '=': write name=value,name2=value2."
            )
        headers[unquote(name).strip()] = unquote(text).strip()
    return validation.header_mapping(headers, variable)


def _common(environ: Environ, *, grpc_matters: bool) -> dict[str, Any]:
    common: dict[str, Any] = {}
    if found := _variable(environ, "TIMEOUT"):
        common["timeout"] = validation.seconds(_number(*found), found[1])
    if found := _variable(environ, "COMPRESSION"):
        common["compression"] = validation.choice(found[0], found[1], ("gzip", "none"))
    found = _variable(environ, "PROTOCOL")
    if found and (found[0] != "grpc" or grpc_matters):
        common["protocol"] = validation.choice(found[0], found[1], validation.PROTOCOL_NAMES)
    for name, argument in (
        ("CERTIFICATE", "ca_file"),
        ("CLIENT_CERTIFICATE", "client_certificate"),
        ("CLIENT_KEY", "client_key"),
    ):
        if found := _variable(environ, name):
            common[argument] = validation.existing_file(*found)
    return common


def _number(value: str, variable: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise SettingsError(f"{variable}={value!r} is no number: give seconds, such as 10.") from None


def flag(environ: Environ, variable: str) -> bool | None:
    """Return a variable that is true or false; None when it is not set."""
    value = environ.get(variable)
    if value is None:
        return None
    word = value.strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise SettingsError(f"{variable}={value!r} is neither true nor false: write true or false.")


def number(environ: Environ, variable: str) -> float | None:
    """Return a variable that is a number; None when it is not set."""
    value = environ.get(variable, "").strip()
    if not value:
        return None
    try:
        return float(value)
    except ValueError:
        raise SettingsError(f"{variable}={value!r} is no number: write one, such as 0.1.") from None


def spancast_environment(environ: Environ) -> dict[str, Any]:
    """Return the common keywords that `SPANCAST_*` variables set, for destinations that come from the environment."""
    common: dict[str, Any] = {}
    privacy = flag(environ, "SPANCAST_PRIVACY_MODE")
    if privacy is not None:
        common["privacy_mode"] = privacy
    rate = number(environ, "SPANCAST_SAMPLING_RATE")
    if rate is not None:
        common["sampling_rate"] = validation.sampling_rate(rate, "SPANCAST_SAMPLING_RATE")
    if name := environ.get("SPANCAST_REDACT", "").strip():
        common["redact"] = name
    return common
