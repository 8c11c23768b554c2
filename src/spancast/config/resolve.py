"""What counts in the end: arguments, environment and files become one frozen record, with the origin of every value.

Two rules decide what happens to a setting that cannot be used. OpenTelemetry's variables belong to the platform: they are
ignored with a warning. Ours are an error: `configure()` raises it; where `configure` was never called, what can be used is
used and the rest is a problem in the report. But traces never leave in the clear because a file, or a setting about privacy,
could not be read: then there is no destination at all.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import setting, validation
from ..conventions.versions import checked as checked_convention
from ..destinations.destination import Destination
from ..destinations.metrics import with_environment
from ..destinations.otel_env import ENDPOINT, usable
from ..destinations.registry import PRESETS
from ..destinations.targets.file import file
from ..destinations.targets.provider import through_provider
from ..local_file import DEFAULT_FILE
from ..record.fast_frozen import frozen
from ..setting import Environ, Setting
from ..validation import SettingsError
from . import folders, otel_sdk, schema, sources
from .entries import ENVIRONMENT, Entry, with_redactor
from .made_in_code import without_effect
from .metrics import metrics_entries
from .sources import Sources, Value

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

OTLP_ENDPOINT = "http://localhost:4318/v1/traces"  # OpenTelemetry's own default


@frozen(kw_only=True)
class Arguments:
    """What `configure` or `Pipeline` was called with; None for what was left out."""

    destinations: tuple[Destination, ...] = ()
    service_name: str | None = None
    resource: Mapping[str, Any] | None = None
    tracer_provider: TracerProvider | None = None
    convention: str | None = None
    max_queue_bytes: int | None = None
    spool: bool | str | os.PathLike[str] | None = None
    max_spool_bytes: int | None = None


@frozen(kw_only=True)
class Resolved:
    """Every setting of a pipeline.

    Attributes:
        destinations: With names that differ.
        enabled: Whether anything is recorded.
        service_name: To lay over the resource; None where nothing names the service.
        resource: Attributes to lay over the environment's.
        max_queue_bytes: The bound of a destination's queue.
        max_spool_bytes: The bound of what a destination may keep on disk.
        spool_folder: Where spools lie; None: nothing is kept on disk.
        state_folder: What else lasts between processes; None: nothing does.
        origins: By setting: `argument`, `environment NAME`, a file, or `default`.
        problems: What could not be used, in sentences, for log and report.
        notes: OpenTelemetry's variables that are set and not followed, in sentences, for the report alone.
    """

    destinations: tuple[Destination, ...] = ()
    enabled: bool = True
    service_name: str | None = None
    resource: Mapping[str, Any] = field(default_factory=dict)
    max_queue_bytes: int = schema.DEFAULT_QUEUE_BYTES
    max_spool_bytes: int = schema.DEFAULT_SPOOL_BYTES
    spool_folder: Path | None = None
    state_folder: Path | None = None
    origins: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_default_file(self) -> bool:
        """Whether spans go into the local file only because nothing names another destination, nor that file."""
        return len(self.destinations) == 1 and self.origins.get(schema.FILE.key) == sources.DEFAULT


def resolve(arguments: Arguments, environ: Environ, *, strict: bool = True) -> Resolved:
    """Return what counts. *strict*: raise for what cannot be used, as `configure` does; else use what can be used.

    Raises:
        SettingsError: With *strict*; it names the argument, the variable, or the file.
    """
    return _Resolution(arguments, sources.read(environ), strict).resolved()


class _Resolution:
    """One resolution, by one thread: collects origins and problems on the way."""

    def __init__(self, arguments: Arguments, found: Sources, strict: bool) -> None:
        self._arguments = arguments
        self._sources = found
        self._strict = strict
        self._origins: dict[str, str] = {}
        self._problems: list[str] = [*found.ignored, *without_effect(arguments.destinations, found)]

    def resolved(self) -> Resolved:
        """Take the settings one by one."""
        _check_arguments(self._arguments)
        made = self._arguments.destinations or self._arguments.tracer_provider is not None
        if not made:
            for error in self._sources.unreadable:
                self._met(error)
        else:  # what the code names is used whatever a file holds; the file's general settings are missing
            self._problems += [str(error) for error in self._sources.unreadable]
        enabled = not (usable(otel_sdk.DISABLED, self._sources.environ) or False)
        state = self._state_folder()
        return Resolved(
            destinations=self._destinations() if enabled else (),
            enabled=enabled,
            service_name=self._service_name(),
            resource=self._resource(),
            max_queue_bytes=self._value(schema.MAX_QUEUE_BYTES, self._arguments.max_queue_bytes)
            or schema.DEFAULT_QUEUE_BYTES,
            max_spool_bytes=self._arguments.max_spool_bytes or schema.DEFAULT_SPOOL_BYTES,
            spool_folder=self._spool_folder(state),
            state_folder=state,
            origins=self._origins,
            problems=tuple(self._problems),
            notes=tuple(each.sentence for each in otel_sdk.not_followed(self._sources.environ)),
        )

    # ------------------------------------------------------------------ single settings
    def _met(self, error: SettingsError) -> None:
        """Raise *error*, or remember it as a problem."""
        if self._strict:
            raise error
        self._problems.append(str(error))

    def _value(self, row: Setting, argument: Any = None) -> Any:
        try:
            found = self._sources.value(row, argument)
        except SettingsError as error:
            self._met(error)
            found = Value(None, sources.DEFAULT)
        self._origins[row.key] = found.origin
        return found.value

    def _service_name(self) -> str | None:
        argument = self._arguments.service_name
        pairs = usable(schema.RESOURCE, self._sources.environ) or {}
        if argument is None and not schema.SERVICE_NAME.variable(self._sources.environ) and "service.name" in pairs:
            self._origins["service_name"] = "environment OTEL_RESOURCE_ATTRIBUTES"
            return str(pairs["service.name"])
        name = self._value(schema.SERVICE_NAME, argument)
        return None if name is None else str(name)

    def _resource(self) -> Mapping[str, Any]:
        """Return the attributes to lay over the environment's: the file's where it has none, and the code's."""
        environment = usable(schema.RESOURCE, self._sources.environ) or {}
        try:
            of_file = self._sources.of_file(schema.RESOURCE).value or {}
        except SettingsError as error:
            self._met(error)
            of_file = {}
        argument = validation.attributes(self._arguments.resource)
        parts = {"argument": argument, "environment OTEL_RESOURCE_ATTRIBUTES": environment, "file": of_file}
        self._origins["resource"] = ", ".join(name for name, value in parts.items() if value) or sources.DEFAULT
        return {**{name: value for name, value in of_file.items() if name not in environment}, **argument}

    def _state_folder(self) -> Path | None:
        self._origins[folders.STATE.key] = folders.STATE.variable(self._sources.environ) or sources.DEFAULT
        try:
            return folders.state_folder(self._sources.environ)
        except SettingsError as error:
            self._met(error)
            return None

    def _spool_folder(self, state: Path | None) -> Path | None:
        chosen = self._value(schema.SPOOL, _spool_argument(self._arguments.spool))
        try:
            return _spool_in(chosen, state, "spool" if self._arguments.spool is not None else "SPANCAST_SPOOL")
        except SettingsError as error:
            self._met(error)
            return None

    # ------------------------------------------------------------------ destinations
    def _destinations(self) -> tuple[Destination, ...]:
        chosen = self._arguments.destinations
        provider = self._arguments.tracer_provider
        if not chosen and provider is None:
            chosen = self._of_sources()
        if provider is not None:
            common = self._common()
            if common is None:
                self._problems.append("a setting about privacy cannot be used: nothing goes through tracer_provider=")
            else:
                chosen = (*chosen, through_provider(provider, self._arguments.convention, with_redactor(common)))
        return tuple(self._with_sdk_settings(each) for each in _with_unique_names(chosen))

    def _of_sources(self) -> tuple[Destination, ...]:
        if self._sources.unreadable:
            return ()
        common = self._common()
        if common is None:
            return ()
        try:
            entries = entries_of(self._sources, common)
        except SettingsError as error:
            self._met(error)
            return ()
        of_metrics = metrics_entries(self._sources, common, entries or [])
        if entries is None:
            counted = [self._made(entry, over) for entry, over in of_metrics]
            return (*self._default(common), *[each for each in counted if each is not None])
        made = [self._made(entry, over) for entry, over in [*entries, *of_metrics]]
        return tuple(destination for destination in made if destination is not None)

    def _made(self, entry: Entry, over: Mapping[str, Any]) -> Destination | None:
        try:
            return entry.destination(over)
        except SettingsError as error:
            if entry.origin == ENVIRONMENT and entry.preset in (
                "otlp",
                "otlp_metrics",
            ):  # the platform's variables, not the application's
                self._problems.append(str(error))
            else:
                self._met(error)
            return None

    def _default(self, common: Mapping[str, Any]) -> tuple[Destination, ...]:
        try:
            found = self._sources.value(schema.FILE)
            self._origins[schema.FILE.key] = found.origin
            return (file(found.value or DEFAULT_FILE, **with_redactor(dict(common))),)
        except SettingsError as error:
            self._met(error)
            return ()

    def _common(self) -> dict[str, Any] | None:
        """Return the common keywords of all that is not made in the code; None when one of them cannot be used."""
        found = {}
        for row in schema.COMMON:
            before = len(self._problems)
            value = self._value(row)
            if len(self._problems) > before:
                return None
            if value is not None:
                found[row.name] = value
        return found

    def _with_sdk_settings(self, destination: Destination) -> Destination:
        """Lay OpenTelemetry's sampler and limits over what the destination's maker was not called with."""
        environ = self._sources.environ
        rate = otel_sdk.sampling_rate(environ) if "sampling_rate" not in destination.chosen else None
        limits = otel_sdk.span_limits(environ)
        if destination.metrics is not None:
            about = otel_sdk.metrics_settings(environ)
            destination = replace(destination, metrics=with_environment(destination.metrics, about))
        if rate is not None and rate != destination.sampling_rate:
            destination = replace(destination, sampling_rate=rate)
        return replace(destination, limits=limits) if limits is not None else destination


def _check_arguments(arguments: Arguments) -> None:
    for destination in arguments.destinations:
        if isinstance(destination, (list, tuple)):
            raise SettingsError(
                "configure() was called with a list: give it the destinations one by one, configure(*destinations).",
                "E116",
            )
        if not isinstance(destination, Destination):
            raise SettingsError(
                f"configure() was called with a {type(destination).__name__}: give it destinations, such as "
                "spancast.destinations.otlp('https://collector.example.com/v1/traces')."
            )
    if arguments.service_name is not None:
        validation.text(arguments.service_name, "service_name", "checkout-agent")
    for name in ("max_queue_bytes", "max_spool_bytes"):
        value = getattr(arguments, name)
        if value is not None:
            validation.size(value, name)
    validation.attributes(arguments.resource)
    if arguments.convention is not None:
        checked_convention(arguments.convention)
        if arguments.tracer_provider is None:
            raise SettingsError(
                "convention is for tracer_provider=: give a destination its own, such as destinations.otlp(convention=...)."
            )


def _spool_argument(value: Any) -> bool | Path | None:
    if value is None or isinstance(value, bool):
        return value
    if not isinstance(value, (str, os.PathLike)) or not str(value):
        raise SettingsError(f"spool is {value!r}: give True, False, or a folder for undelivered spans.")
    return setting.expanded(str(value), "spool")


def _spool_in(chosen: bool | Path | None, state: Path | None, name: str) -> Path | None:
    if chosen is None or chosen is True:
        return state / "spool" if state else None
    if chosen is False:
        return None
    try:
        folder = chosen.absolute()
        usable = folder.is_dir() or not folder.exists()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no path"
        raise SettingsError(
            f"{name}={setting.shortened(str(chosen))!r} cannot be used ({reason}): give a whole path."
        ) from None
    if not usable:
        raise SettingsError(f"{name}={str(chosen)!r} is a file: give a folder for undelivered spans.")
    return folder


def spool_folder(argument: Any, environ: Environ) -> Path | None:
    """Return where spools lie: as the argument says, else `SPANCAST_SPOOL`, else in the state folder; None when off.

    Raises:
        SettingsError: When it cannot be a folder.
    """
    chosen = sources.Sources(environ=environ).value(schema.SPOOL, _spool_argument(argument)).value
    return _spool_in(chosen, folders.state_folder(environ), "spool" if argument is not None else "SPANCAST_SPOOL")


# ---------------------------------------------------------------- what files and environment name
def entries_of(found: Sources, common: Mapping[str, Any]) -> list[tuple[Entry, dict[str, Any]]] | None:
    """Return what files and environment name, each with the settings laid over it; None when they name nothing at all.

    Files come first: those of the project's file, else those that the command line saved. A backend that the environment
    has settings for is added when the files have no destination of that preset, which would read the same variables: so a
    variable never takes away the privacy mode that a file asks for. *common*: the general settings for all of them.

    Raises:
        SettingsError: When SPANCAST_DESTINATIONS names what does not exist.
    """
    by_environment = {row.name for row in schema.COMMON if row.variable(found.environ)}
    over = {name: value for name, value in common.items() if name in by_environment}
    below = {name: value for name, value in common.items() if name not in by_environment}
    names = found.value(schema.DESTINATIONS).value
    listed = [_by_name(name, found) for name in names] if names else _all(found)
    if listed is None:
        return None
    return [(entry, {**{k: v for k, v in below.items() if k not in entry.arguments}, **over}) for entry in listed]


def _all(found: Sources) -> list[Entry] | None:
    listed = [*(found.project.entries or found.saved.entries)]
    presets = {entry.preset for entry in listed}
    exporters = usable(otel_sdk.TRACES_EXPORTER, found.environ)
    listed += [_of_environment(name, found.environ) for name in _named(found.environ, exporters) if name not in presets]
    return listed or ([] if exporters is not None else None)


def _named(environ: Environ, exporters: tuple[str, ...] | None) -> list[str]:
    names = []
    if environ.get("ARIZE_API_KEY") or environ.get("ARIZE_SPACE_ID"):
        names.append("arize")
    if exporters is None:
        names += ["otlp"] if ENDPOINT.variable(environ) else []
    elif "none" not in exporters:
        names += [name for name in ("otlp", "console") if name in exporters]
    return names


def _of_environment(preset: str, environ: Environ) -> Entry:
    arguments = {} if preset != "otlp" or ENDPOINT.variable(environ) else {"endpoint": OTLP_ENDPOINT}
    return Entry(preset=preset, arguments=arguments, origin=ENVIRONMENT)


def _by_name(name: str, found: Sources) -> Entry:
    entries = [*found.project.entries, *found.saved.entries]
    entry = next((each for each in entries if each.name == name), None)
    if entry is not None:
        return entry
    if name in PRESETS or name in ("file", "console"):
        return Entry(preset=name, arguments={}, origin=ENVIRONMENT)
    available = ", ".join([*(each.name for each in entries), *PRESETS])
    raise SettingsError(
        f"SPANCAST_DESTINATIONS names {name!r}, which is neither saved nor a preset: use some of {available}.", "E116"
    )


def _with_unique_names(destinations: tuple[Destination, ...]) -> tuple[Destination, ...]:
    """Give destinations of the same preset names of their own: `otlp`, `otlp-2`. Names that users gave must differ."""
    used: set[str] = set()
    for destination in destinations:
        if "name" in destination.chosen and destination.name in used:
            raise SettingsError(f"two destinations are named {destination.name!r}: give each its own name=.")
        if "name" in destination.chosen:
            used.add(destination.name)
    named = []
    for destination in destinations:
        if "name" not in destination.chosen:
            name, count = destination.name, 1
            while name in used:
                count += 1
                name = f"{destination.name}-{count}"
            used.add(name)
            if name != destination.name:
                destination = replace(destination, name=name)
        named.append(destination)
    return tuple(named)


# ---------------------------------------------------------------- for the command line
def backends_of(environ: Environ) -> tuple[Destination, ...]:
    """Return a destination for each backend that files and environment name; none for the local file.

    Raises:
        SettingsError: When a setting cannot be used.
    """
    return tuple(entry.destination(over) for entry, over in configured(environ))


def configured(environ: Environ) -> list[tuple[Entry, dict[str, Any]]]:
    """Return what files and environment name, each with the settings laid over it; empty: the local file is used.

    Raises:
        SettingsError: When a source cannot be read, or a general setting cannot be used.
    """
    found = sources.read(environ)
    for error in found.unreadable:
        raise error
    common = common_of(found)
    entries = entries_of(found, common) or []
    return [*entries, *metrics_entries(found, common, entries)]


def common_of(found: Sources) -> dict[str, Any]:
    """Return the common keywords for all that is not made in the code.

    Raises:
        SettingsError: When one of them cannot be used.
    """
    values = {row.name: found.value(row).value for row in schema.COMMON}
    return {name: value for name, value in values.items() if value is not None}


def local_file(environ: Environ) -> tuple[Destination, str]:
    """Return the local file that is used when nothing is configured, and where its path comes from.

    Raises:
        SettingsError: When a setting cannot be used.
    """
    found = sources.read(environ)
    for error in found.unreadable:
        raise error
    chosen = found.value(schema.FILE)
    return file(chosen.value or DEFAULT_FILE, **with_redactor(common_of(found))), chosen.origin
