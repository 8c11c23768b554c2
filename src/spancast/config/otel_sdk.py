"""OpenTelemetry's variables about the SDK, as its specification reads them: what spancast follows, and what it does not.

They are often set for a whole platform: a value that cannot be used is a warning and counts as not set.
"""

from __future__ import annotations

from .. import setting
from ..destinations.destination import SpanLimits
from ..destinations.otel_env import usable
from ..key_forms import without_keys
from ..record.fast_frozen import frozen
from ..recording.notice import warn_once
from ..setting import Environ, Setting
from ..validation import SettingsError

EXPORTERS = ("none", "otlp", "console")
_ON, _OFF, _RATIO = "always_on", "always_off", "traceidratio"
SAMPLERS = tuple(prefix + name for prefix in ("", "parentbased_") for name in (_ON, _OFF, _RATIO))


def _disabled(value: str, variable: str) -> bool:
    word = value.lower()
    if word not in ("true", "false"):
        warn_once(f"{variable} {word}", "spancast: %s=%r is taken as false: only true disables.", variable, value[:40])
    return word == "true"


def _exporters(value: str, variable: str) -> tuple[str, ...] | None:
    found = setting.names(value.lower(), variable)
    for unknown in (name for name in found if name not in EXPORTERS):
        warn_once(
            f"{variable} {unknown}",
            "spancast: ignored: %s names %r, which spancast does not have: it has %s.",
            variable,
            unknown[:40],
            ", ".join(EXPORTERS),
        )
    return tuple(name for name in found if name in EXPORTERS) or None


def _ratio(value: str, variable: str) -> float:
    found = setting.number(value, variable)
    if not 0 <= found <= 1:
        raise SettingsError(f"{variable}={value[:40]!r} is not between 0 and 1: write 10 % as 0.1.")
    return found


DISABLED = Setting(variables=("OTEL_SDK_DISABLED",), meaning="true: record nothing.", default="false", parse=_disabled)
TRACES_EXPORTER = Setting(
    variables=("OTEL_TRACES_EXPORTER",),
    meaning="What the environment adds without SPANCAST_DESTINATIONS: none, otlp, console, or several with commas.",
    parse=_exporters,
)
SAMPLER = Setting(
    variables=("OTEL_TRACES_SAMPLER",),
    meaning="The sampling of every destination whose sampling_rate is not set; by session, parents decide as always.",
    default="parentbased_always_on",
    parse=setting.one_of(*SAMPLERS),
)
SAMPLER_ARG = Setting(
    variables=("OTEL_TRACES_SAMPLER_ARG",), meaning="The share of traceidratio, 0 to 1.", default="1", parse=_ratio
)


def _limit(*variables: str, meaning: str) -> Setting:
    return Setting(variables=variables, meaning=meaning, parse=setting.count)


LIMITS = {
    "attribute_length": _limit(
        "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
        meaning="The longest text of an attribute, in characters.",
    ),
    "attributes": _limit(
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT", meaning="The most attributes of a span."
    ),
    "events": _limit("OTEL_SPAN_EVENT_COUNT_LIMIT", meaning="The most events of a span."),
    "links": _limit("OTEL_SPAN_LINK_COUNT_LIMIT", meaning="The most links of a span."),
    "event_attributes": _limit(
        "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT", meaning="The most attributes of an event."
    ),
    "link_attributes": _limit(
        "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT", meaning="The most attributes of a link."
    ),
}


def _unread(variable: str, instead: str) -> Setting:
    return Setting(variables=(variable,), meaning=f"Has no effect: {instead}", parse=setting.text, unread=True)


_BATCHES = "spans leave in batches of up to 512, half a second after they ended at the latest."
UNREAD: tuple[Setting, ...] = (
    _unread("OTEL_BSP_SCHEDULE_DELAY", _BATCHES),
    _unread("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", _BATCHES),
    _unread("OTEL_BSP_MAX_QUEUE_SIZE", "the queue is bounded in bytes, by SPANCAST_MAX_QUEUE_BYTES."),
    _unread("OTEL_BSP_EXPORT_TIMEOUT", "use OTEL_EXPORTER_OTLP_TIMEOUT."),
    _unread("OTEL_EXPORTER_OTLP_INSECURE", "it is for gRPC; write http:// or https:// in the endpoint."),
    _unread("OTEL_EXPORTER_OTLP_TRACES_INSECURE", "it is for gRPC; write http:// or https:// in the endpoint."),
    _unread("OTEL_EXPORTER_ZIPKIN_ENDPOINT", "spancast has no Zipkin exporter; use destinations.sdk()."),
    _unread("OTEL_METRIC_EXPORT_TIMEOUT", "use OTEL_EXPORTER_OTLP_METRICS_TIMEOUT."),
    _unread("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "histograms have the conventions' buckets."),
    _unread("OTEL_CONFIG_FILE", "use spancast.toml."),
    _unread("OTEL_EXPERIMENTAL_CONFIG_FILE", "use spancast.toml."),
    _unread("OTEL_PROPAGATORS", "trace headers are those of the application's own OpenTelemetry."),
    _unread("OTEL_PYTHON_ID_GENERATOR", "ids are random, or yours by trace_id."),
)
# ---------------------------------------------------------------- metrics
METRICS_EXPORTERS = ("none", "otlp")
TEMPORALITIES = {"cumulative": "cumulative", "delta": "delta", "lowmemory": "delta"}
EXEMPLAR_FILTERS = ("trace_based", "always_on", "always_off")
LATEST_NAMES = "gen_ai_latest_experimental"


def _metrics_exporters(value: str, variable: str) -> tuple[str, ...] | None:
    found = setting.names(value.lower(), variable)
    for unknown in (name for name in found if name not in METRICS_EXPORTERS):
        warn_once(
            f"{variable} {unknown}",
            "spancast: ignored: %s names %r, which spancast does not have: it has %s.",
            variable,
            unknown[:40],
            ", ".join(METRICS_EXPORTERS),
        )
    return tuple(name for name in found if name in METRICS_EXPORTERS) or None


def _temporality(value: str, variable: str) -> str:
    return TEMPORALITIES[setting.one_of(*TEMPORALITIES)(value, variable)]


def _interval(value: str, variable: str) -> float:
    milliseconds = setting.number(value, variable)
    if not 100 <= milliseconds <= 3_600_000:
        raise SettingsError(
            f"{variable}={value[:40]!r} is not between 100 and 3600000: give milliseconds, such as 60000."
        )
    return milliseconds / 1000.0


def _names(value: str, variable: str) -> str:
    return "latest" if LATEST_NAMES in setting.names(value.lower(), variable) else "deployed"


METRICS_EXPORTER = Setting(
    variables=("OTEL_METRICS_EXPORTER",),
    meaning="otlp: the environment adds a receiver of metrics without SPANCAST_DESTINATIONS; none: it adds none.",
    parse=_metrics_exporters,
)
METRICS: dict[str, Setting] = {
    "temporality": Setting(
        variables=("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",),
        meaning="cumulative, delta or lowmemory (delta), where the backend takes both.",
        default="cumulative",
        parse=_temporality,
    ),
    "interval": Setting(
        variables=("OTEL_METRIC_EXPORT_INTERVAL",),
        meaning="Milliseconds between two exports of metrics.",
        default="60000",
        parse=_interval,
    ),
    "exemplars": Setting(
        variables=("OTEL_METRICS_EXEMPLAR_FILTER",),
        meaning="Which measurements may be exemplars: trace_based (of traces that are kept), always_on, always_off.",
        default="trace_based",
        parse=setting.one_of(*EXEMPLAR_FILTERS),
    ),
    "names": Setting(
        variables=("OTEL_SEMCONV_STABILITY_OPT_IN",),
        meaning=f"With {LATEST_NAMES} in it, metrics have their newest names.",
        parse=_names,
    ),
}


def metrics_settings(environ: Environ) -> dict[str, object]:
    """Return what OpenTelemetry's variables say about metrics."""
    found = {name: usable(row, environ) for name, row in METRICS.items()}
    return {name: value for name, value in found.items() if value is not None}


SETTINGS: tuple[Setting, ...] = (
    TRACES_EXPORTER,
    SAMPLER,
    SAMPLER_ARG,
    *LIMITS.values(),
    METRICS_EXPORTER,
    *METRICS.values(),
)


def sampling_rate(environ: Environ) -> float | None:
    """Return the share that OpenTelemetry's sampler keeps; None when none is set, or one that spancast does not have."""
    name = usable(SAMPLER, environ)
    if name is None:
        return None
    kind = name.removeprefix("parentbased_")
    if kind == _RATIO:
        share = usable(SAMPLER_ARG, environ)
        return 1.0 if share is None else share
    return 0.0 if kind == _OFF else 1.0


def span_limits(environ: Environ) -> SpanLimits | None:
    """Return OpenTelemetry's limits of spans; None when none is set."""
    found = {name: usable(row, environ) for name, row in LIMITS.items()}
    return SpanLimits(**found) if any(value is not None for value in found.values()) else None


@frozen()
class Unread:
    """An OpenTelemetry variable that is set and has no effect, or no usable value."""

    variable: str
    sentence: str


def not_followed(environ: Environ) -> tuple[Unread, ...]:
    """Return which of OpenTelemetry's variables are set here and not followed, for the doctor."""
    unread = [Unread(row.variables[0], f"{row.variables[0]}: {row.meaning}") for row in UNREAD if row.variable(environ)]
    for row in SETTINGS:
        try:
            row.of_environment(environ)
        except SettingsError as error:
            unread.append(Unread(row.variable(environ) or "", str(error)))
    exporters = environ.get("OTEL_TRACES_EXPORTER", "")
    unread += [
        Unread(
            "OTEL_TRACES_EXPORTER",
            f"OTEL_TRACES_EXPORTER names {without_keys(name[:40])!r}: spancast has {', '.join(EXPORTERS)}",
        )
        for name in setting.names(exporters.lower(), "")
        if name not in EXPORTERS
    ]
    return tuple(unread)
