"""Every setting there is, in one table: the only reader, the validator and the printer of each.

What counts, in this order: an argument in the code; the environment; the project's file (`spancast.toml` or
`[tool.spancast]`); what the command line saved; the default. Destinations have settings of their own: their preset's
arguments and the common keywords.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .. import redact, setting, validation
from ..destinations import otel_env
from ..destinations.registry import PRESETS
from ..local_file import DEFAULT_FILE
from ..setting import Setting
from ..validation import SettingsError
from . import folders, otel_sdk, project_file

DEFAULT_QUEUE_BYTES = 64 * 1024 * 1024
DEFAULT_SPOOL_BYTES = 256 * 1024 * 1024


def _redactor(value: str, variable: str) -> str:
    return validation.choice(value.lower(), variable, tuple(redact.BUILT_IN))


def _redactor_of_file(value: Any, name: str) -> str:
    return validation.choice(value, name, tuple(redact.BUILT_IN))


def _name(value: Any, argument: str) -> str:
    return validation.text(value, argument, "checkout-agent")


def _file_name(value: Any, argument: str) -> str:
    return str(setting.expanded(validation.text(value, argument, DEFAULT_FILE), argument))


def _spool(value: str, variable: str) -> bool | Path:
    try:
        return setting.flag(value, variable)
    except SettingsError:
        return setting.expanded(value, variable)


def _resource(value: str, variable: str) -> Mapping[str, str]:
    """Return the pairs; what has no `=` is passed over, as in OpenTelemetry's own detector."""
    from urllib.parse import unquote

    pairs = (item.partition("=") for item in value.split(","))
    return {name.strip(): unquote(text.strip()) for name, equals, text in pairs if equals and name.strip()}


SERVICE_NAME = Setting(
    name="service_name",
    variables=("OTEL_SERVICE_NAME",),
    meaning="The name of the application, as the resource's service.name.",
    default="unknown_service",
    parse=setting.text,
    check=_name,
)
RESOURCE = Setting(
    name="resource",
    variables=("OTEL_RESOURCE_ATTRIBUTES",),
    meaning="Attributes of the application, for all destinations (key=value,key2=value2; in a file a table).",
    parse=_resource,
    check=validation.attributes,
)
FILE = Setting(
    name="file",
    variables=("SPANCAST_FILE",),
    meaning="The local file that takes traces when no destination is configured.",
    default=DEFAULT_FILE,
    parse=_file_name,
    check=_file_name,
)
DESTINATIONS = Setting(
    variables=("SPANCAST_DESTINATIONS",),
    meaning="Only these destinations, by name: of the files, or presets that read their own variables (a,b).",
    parse=setting.names,
)
PRIVACY_MODE = Setting(
    name="privacy_mode",
    variables=("SPANCAST_PRIVACY_MODE",),
    meaning="Let no content leave, for every destination that is not made in the code, and for tracer_provider=.",
    default="false",
    parse=setting.flag,
    check=validation.flag,
)
REDACT = Setting(
    name="redact",
    variables=("SPANCAST_REDACT",),
    meaning="A built-in redactor for every destination that is not made in the code: secrets, emails, cards, all.",
    parse=_redactor,
    check=_redactor_of_file,
)
SAMPLING_RATE = Setting(
    name="sampling_rate",
    variables=("SPANCAST_SAMPLING_RATE",),
    meaning="The share of sessions, 0.0001 to 1, for every destination that is not made in the code.",
    default="1",
    parse=setting.rate,
    check=validation.sampling_rate,
)
MAX_QUEUE_BYTES = Setting(
    name="max_queue_bytes",
    variables=("SPANCAST_MAX_QUEUE_BYTES",),
    meaning="The bound of each destination's queue in memory.",
    default=str(DEFAULT_QUEUE_BYTES),
    parse=setting.size,
    check=validation.size,
)
SPOOL = Setting(
    variables=("SPANCAST_SPOOL",),
    meaning="Where spans are kept that cannot be delivered yet: off, on, or a folder.",
    default="on",
    parse=_spool,
)
COMMON: tuple[Setting, ...] = (PRIVACY_MODE, REDACT, SAMPLING_RATE)
GENERAL: tuple[Setting, ...] = (
    SERVICE_NAME,
    RESOURCE,
    otel_sdk.DISABLED,
    FILE,
    DESTINATIONS,
    *COMMON,
    MAX_QUEUE_BYTES,
    SPOOL,
    folders.STATE,
    project_file.CONFIG,
    folders.CONFIG,
)
OTLP = (*otel_env.SETTINGS, *otel_env.METRICS_SETTINGS)
OTEL_SDK = otel_sdk.SETTINGS


def _of_presets() -> Iterator[Setting]:
    for name, preset in PRESETS.items():
        if name in ("otlp", "otlp_metrics"):
            continue
        for argument, variables in preset.variables.items():
            secret = argument in preset.secrets
            meaning = f"{argument} of destinations.{name}()."
            yield Setting(variables=variables, meaning=meaning, parse=setting.text, secret=secret)


SETTINGS: tuple[Setting, ...] = (*GENERAL, *OTLP, *OTEL_SDK, *_of_presets())
FILE_NAMES = tuple(each.name for each in GENERAL if each.name)
