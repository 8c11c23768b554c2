"""Every setting there is, in one table that documents, validates and prints it.

What counts, in this order: an argument in the code; the environment; the project's file (`spancast.toml` or
`[tool.spancast]`); what the command line saved; the default. Destinations have settings of their own: their preset's
arguments and the common keywords.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .. import validation
from ..destinations import otel_env as settings
from ..destinations.registry import PRESETS
from ..destinations.targets.file import DEFAULT_FILE
from ..secret_refs import is_reference
from ..validation import SettingsError
from . import files

Environ = Mapping[str, str]
Read = Callable[[Environ, str], Any]  # environment and variable -> value, None when it is not set


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting.

    Attributes:
        name: What files call it; empty for what only the environment can say.
        variables: The environment's variables for it; the first that is set counts.
        meaning: In a sentence.
        default: For people.
        read: Reads and validates a variable.
        check: Validates a file's value.
        secret: Its value is never shown.
    """

    name: str = ""
    variables: tuple[str, ...] = ()
    meaning: str
    default: str = ""
    read: Read
    check: Callable[[Any, str], Any] | None = None
    secret: bool = False


def _text(environ: Environ, variable: str) -> str | None:
    return environ.get(variable) or None


def _rate(environ: Environ, variable: str) -> float | None:
    number = settings.number(environ, variable)
    return None if number is None else validation.sampling_rate(number, variable)


def _size(environ: Environ, variable: str) -> int | None:
    number = settings.number(environ, variable)
    return None if number is None else validation.size(int(number), variable)


def _url(environ: Environ, variable: str) -> str | None:
    value = environ.get(variable, "").strip()
    return validation.url(value, variable) if value else None


def _protocol(environ: Environ, variable: str) -> str | None:
    value = environ.get(variable, "").strip()
    return validation.choice(value, variable, validation.PROTOCOL_NAMES) if value else None


def _compression(environ: Environ, variable: str) -> str | None:
    value = environ.get(variable, "").strip()
    return validation.choice(value, variable, ("gzip", "none")) if value else None


def _seconds(environ: Environ, variable: str) -> float | None:
    number = settings.number(environ, variable)
    return None if number is None else validation.seconds(number, variable)


def _file(environ: Environ, variable: str) -> str | None:
    value = environ.get(variable, "").strip()
    return validation.existing_file(value, variable) if value else None


def _redactor(environ: Environ, variable: str) -> Any:
    from .. import redact

    value = environ.get(variable, "").strip()
    return redact.BUILT_IN[validation.choice(value, variable, tuple(redact.BUILT_IN))] if value else None


def _named(value: Any, argument: str) -> str:
    return validation.text(value, argument, "checkout-agent")


def _otlp(name: str) -> tuple[str, ...]:
    return (f"OTEL_EXPORTER_OTLP_TRACES_{name}", f"OTEL_EXPORTER_OTLP_{name}")


GENERAL: tuple[Setting, ...] = (
    Setting(
        name="service_name",
        variables=("OTEL_SERVICE_NAME",),
        meaning="The name of the application, as the resource's service.name.",
        default="unknown_service",
        read=_text,
        check=_named,
    ),
    Setting(
        name="resource",
        variables=("OTEL_RESOURCE_ATTRIBUTES",),
        meaning="Attributes of the application, for all destinations (key=value,key2=value2; in a file a table).",
        read=_text,
        check=validation.attributes,
    ),
    Setting(variables=("OTEL_SDK_DISABLED",), meaning="true: record nothing.", default="false", read=settings.flag),
    Setting(
        name="file",
        variables=("SPANCAST_FILE",),
        meaning="The local file that takes traces when no destination is configured.",
        default=DEFAULT_FILE,
        read=_text,
        check=_named,
    ),
    Setting(
        variables=("SPANCAST_DESTINATIONS",),
        meaning="Only these destinations, by name: of the files, or presets that read their own variables (a,b).",
        read=_text,
    ),
    Setting(
        name="privacy_mode",
        variables=("SPANCAST_PRIVACY_MODE",),
        meaning="Let no content leave, for every destination that is not made in the code.",
        default="false",
        read=settings.flag,
        check=validation.flag,
    ),
    Setting(
        name="redact",
        variables=("SPANCAST_REDACT",),
        meaning="A built-in redactor for every destination that is not made in the code: secrets, emails, cards, all.",
        read=_redactor,
        check=_named,
    ),
    Setting(
        name="sampling_rate",
        variables=("SPANCAST_SAMPLING_RATE",),
        meaning="The share of sessions, 0.0001 to 1, for every destination that is not made in the code.",
        default="1",
        read=_rate,
        check=validation.sampling_rate,
    ),
    Setting(
        name="max_queue_bytes",
        variables=("SPANCAST_MAX_QUEUE_BYTES",),
        meaning="The bound of each destination's queue in memory.",
        default="67108864",
        read=_size,
        check=validation.size,
    ),
    Setting(
        variables=("SPANCAST_SPOOL",),
        meaning="Where spans are kept that cannot be delivered yet: off, on, or a folder.",
        default="on",
        read=_text,
    ),
    Setting(
        variables=("SPANCAST_STATE_DIR",),
        meaning="The folder for what lasts between processes; empty: nothing lasts.",
        default="~/.local/state/spancast",
        read=_text,
    ),
    Setting(
        variables=("SPANCAST_CONFIG",),
        meaning="The project's settings file; empty: none is looked for.",
        default="the nearest spancast.toml or pyproject.toml",
        read=_text,
    ),
    Setting(
        variables=("SPANCAST_CONFIG_DIR",),
        meaning="The folder of what `spancast destinations add` saves; empty: nothing is read or saved.",
        default="~/.config/spancast",
        read=_text,
    ),
)
OTLP: tuple[Setting, ...] = (
    Setting(
        variables=_otlp("ENDPOINT"),
        meaning="An OTLP receiver: as it is (TRACES), or a base to which /v1/traces is put.",
        read=_url,
    ),
    Setting(
        variables=_otlp("HEADERS"),
        meaning="Its headers: name=value,name2=value2, values percent-encoded.",
        read=_text,
        secret=True,
    ),
    Setting(variables=_otlp("PROTOCOL"), meaning="http/json or http/protobuf.", default="http/json", read=_protocol),
    Setting(variables=_otlp("COMPRESSION"), meaning="gzip or none.", default="none", read=_compression),
    Setting(variables=_otlp("TIMEOUT"), meaning="Seconds for a request.", default="10", read=_seconds),
    Setting(variables=_otlp("CERTIFICATE"), meaning="A PEM file of authorities to trust.", read=_file),
    Setting(variables=_otlp("CLIENT_CERTIFICATE"), meaning="This client's certificate, a PEM file.", read=_file),
    Setting(variables=_otlp("CLIENT_KEY"), meaning="The key of that certificate, a PEM file.", read=_file),
)


def _of_presets() -> Iterator[Setting]:
    for name, preset in PRESETS.items():
        if name == "otlp":
            continue
        for argument, variables in preset.variables.items():
            secret = argument in preset.secrets
            yield Setting(
                variables=variables, meaning=f"{argument} of destinations.{name}().", read=_text, secret=secret
            )


SETTINGS: tuple[Setting, ...] = (*GENERAL, *OTLP, *_of_presets())
FILE_NAMES = tuple(setting.name for setting in GENERAL if setting.name)
_BY_NAME = {setting.name: setting for setting in GENERAL if setting.name}


def general(name: str, environ: Environ, project: files.Project | None = None) -> Any:
    """Return a general setting as environment and project's file say it; None when neither does.

    Raises:
        SettingsError: Naming the variable, or the file.
    """
    setting = _BY_NAME[name]
    for variable in setting.variables:
        value = setting.read(environ, variable)
        if value is not None:
            return value
    return of_file(name, project_of(environ) if project is None else project)


def of_file(name: str, project: files.Project) -> Any:
    """Return a general setting as the project's file says it; None when it does not."""
    value = project.general.get(name)
    check = _BY_NAME[name].check
    if value is None or check is None:
        return value
    try:
        return check(value, name)
    except SettingsError as error:
        raise SettingsError(f"{project.origin}: {error}") from None


def project_of(environ: Environ) -> files.Project:
    """Return what the project's file says."""
    return files.project(environ, FILE_NAMES)


def service_name(given: str | None, environ: Environ) -> str | None:
    """Return the service's name to lay over what OpenTelemetry's own detector finds in the environment."""
    if given is not None or environ.get("OTEL_SERVICE_NAME"):
        return given
    if any(pair.partition("=")[0].strip() == "service.name" for pair in _pairs(environ)):
        return None
    value = of_file("service_name", project_of(environ))
    return None if value is None else str(value)


def resource(given: Mapping[str, Any], environ: Environ) -> Mapping[str, Any]:
    """Return the resource attributes to lay over the environment's: the file's where it says nothing, and the code's."""
    said = {pair.partition("=")[0].strip() for pair in _pairs(environ)}
    held = of_file("resource", project_of(environ)) or {}
    return {**{name: value for name, value in held.items() if name not in said}, **given}


def _pairs(environ: Environ) -> list[str]:
    return environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(",")


# ---------------------------------------------------------------- for people
@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of `spancast settings`: what it is called, what it is, and who says so."""

    name: str
    value: str
    origin: str
    meaning: str
    error: str | None = None


def rows(environ: Environ, *, all: bool = False) -> Iterator[Row]:
    """Yield a row for each setting that is set; with *all* for the others too. Secrets are masked."""
    try:
        project = project_of(environ)
    except SettingsError as error:
        yield Row(
            name="SPANCAST_CONFIG", value="", origin="file", meaning="The project's settings file.", error=str(error)
        )
        project = files.Project()
    for setting in SETTINGS:
        row = _row(setting, environ, project)
        if all or row.origin != "default":
            yield row


def _row(setting: Setting, environ: Environ, project: files.Project) -> Row:
    name = setting.name or setting.variables[0]
    variable = next((each for each in setting.variables if environ.get(each)), None)
    error = None
    if variable is not None:
        try:
            setting.read(environ, variable)
        except SettingsError as problem:
            error = str(problem)
        value, origin = environ[variable], f"environment {variable}"
    elif setting.name in project.general:
        value, origin = str(project.general[setting.name]), project.origin
        try:
            of_file(setting.name, project)
        except SettingsError as problem:
            error = str(problem)
    else:
        value, origin = setting.default, "default"
    return Row(
        name=name, value=shown(value) if setting.secret else value, origin=origin, meaning=setting.meaning, error=error
    )


def shown(value: str) -> str:
    """Return a secret as it may be shown: a reference as it is, else nothing of it."""
    return value if not value or is_reference(value) else "***"
