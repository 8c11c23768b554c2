"""Where and how the metrics of a destination go: an OTLP/HTTP receiver of metrics, and what is told apart there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from .. import secret_refs, validation
from ..diagnostics.http_check import Connection
from ..diagnostics.metrics_check import MetricsCheck
from ..diagnostics.result import CheckResult, Step
from ..otlp.headers import Headers
from ..otlp.metrics import CUMULATIVE, DELTA
from ..otlp.tls import Tls
from ..record.fast_frozen import frozen
from ..resource import resource_source
from ..validation import SettingsError

DEFAULT_INTERVAL: Final = 60.0  # seconds; OpenTelemetry's own default
NAMES: Final = ("deployed", "latest")
EXEMPLARS: Final = ("trace_based", "always_on", "always_off")
MAX_ATTRIBUTES: Final = 16
_OPTIONS: Final = ("endpoint", "headers", "temporality", "interval", "attributes", "names")


class _Sender(Protocol):
    """What the test of a receiver needs of its destination."""

    @property
    def name(self) -> str:
        """What reports call it."""

    @property
    def privacy_mode(self) -> bool:
        """Whether no content may leave."""

    @property
    def resource(self) -> Mapping[str, Any]:
        """Attributes of the sending application."""


@frozen(kw_only=True)
class MetricsTarget:
    """An OTLP/HTTP receiver of metrics; the encoding is protobuf, which all of them take.

    Attributes:
        timeout: Seconds for a request.
        temporality: `cumulative` or `delta`, as the backend wants it.
        interval: Seconds between two exports.
        attributes: Keys of the trace's metadata that are attributes of every metric; each must have few values.
        names: `deployed`: the names that instrumentations write today; `latest`: their successors.
        exemplars: `trace_based`: of traces that are kept; `always_on`; `always_off`.
        chosen: The options that the user gave: what the environment says does not change these.
        reader: A `MetricReader` of the SDK that collects instead; then there is no URL.
    """

    url: str
    headers: Headers = field(default_factory=dict)
    compression: str | None = None
    timeout: float = 10.0
    tls: Tls = field(default_factory=Tls)
    temporality: str = CUMULATIVE
    interval: float = DEFAULT_INTERVAL
    attributes: tuple[str, ...] = ()
    names: str = "deployed"
    exemplars: str = "trace_based"
    chosen: frozenset[str] = frozenset()
    reader: Any = None

    @property
    def protocol(self) -> str:
        """The encoding."""
        return "http/protobuf"

    def describe(self) -> str:
        """Return the URL without its query, where a key could hide; or the reader's class."""
        if self.reader is not None:
            return type(self.reader).__name__
        return urlsplit(self.url)._replace(query="", fragment="").geturl()

    def __repr__(self) -> str:
        """Show where it is, without any secret."""
        return f"<MetricsTarget {self.describe()}>"

    def exporter(self, resource: object) -> Any:
        """Refuse: it takes no spans."""
        raise TypeError("a receiver of metrics takes no spans")

    def check(self, destination: _Sender, timeout: float | None) -> CheckResult:
        """Test settings, the way there, and one real data point; of a reader nothing can be tested."""
        if self.reader is not None:
            step = Step(name="here", detail="collected by the reader")
            return CheckResult(destination=destination.name, where=self.describe(), steps=(step,))
        connection = Connection(
            url=self.url,
            headers=self.headers,
            protocol="http/protobuf",
            compression=self.compression,
            tls=self.tls,
            timeout=timeout or self.timeout,
        )
        privacy = ", privacy mode" if destination.privacy_mode else ""
        return MetricsCheck(
            connection,
            name=destination.name,
            where=self.describe(),
            form=f"{self.temporality} metrics{privacy}",
            resource=resource_source(None, destination.resource),
        ).result()


@frozen(kw_only=True)
class BackendMetrics:
    """What a backend's own file says about its receiver of metrics.

    Attributes:
        headers: Where they differ from those for traces.
        temporality: The one that the backend takes, or takes best.
    """

    url: str
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    temporality: str = CUMULATIVE


def metrics_of(traces_url: str) -> str:
    """Return where a receiver of traces at *traces_url* takes metrics: `/v1/metrics` beside `/v1/traces`."""
    parts = urlsplit(traces_url)
    path = parts.path.rstrip("/")
    path = path.removesuffix("/v1/traces") if path.endswith("/v1/traces") else path
    return parts._replace(path=path + "/v1/metrics").geturl()


def checked_option(value: object) -> Any:
    """Return the value of `metrics=`: False, True, an endpoint, or a table of options.

    Raises:
        SettingsError: When it is none of these, or an option cannot be used.
    """
    if isinstance(value, bool) or value is None:
        return bool(value)
    if isinstance(value, str):
        return {"endpoint": validation.url(value, "metrics")}
    if not isinstance(value, Mapping):
        raise SettingsError(
            f"metrics is a {type(value).__name__}: give True, the URL that takes metrics, or a table of "
            f"{', '.join(_OPTIONS)}."
        )
    for name in value:
        if name not in _OPTIONS:
            raise SettingsError(f"metrics has no option {str(name)[:40]!r}: it takes {', '.join(_OPTIONS)}.", "E116")
    return checked_options(value)


def checked_options(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table of options, those that are given, checked.

    Raises:
        SettingsError: Naming the option.
    """
    found: dict[str, Any] = {}
    given = {name: each for name, each in value.items() if each is not None}
    if "endpoint" in given:
        found["endpoint"] = validation.url(secret_refs.resolved(given["endpoint"], "endpoint"), "endpoint")
    if "headers" in given:
        found["headers"] = validation.headers(secret_refs.resolved_values(given["headers"], "headers"))
    if "temporality" in given:
        found["temporality"] = validation.choice(given["temporality"], "temporality", (CUMULATIVE, DELTA))
    if "interval" in given:
        found["interval"] = validation.seconds(given["interval"], "interval")
    if "attributes" in given:
        found["attributes"] = _attribute_keys(given["attributes"])
    if "names" in given:
        found["names"] = validation.choice(given["names"], "names", NAMES)
    return found


def _attribute_keys(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [key.strip() for key in value.split(",") if key.strip()]
    if not isinstance(value, Sequence) or not all(isinstance(key, str) for key in value):
        raise SettingsError(
            f"attributes is a {type(value).__name__}: give a list of keys of metadata, such as ['plan']."
        )
    if len(value) > MAX_ATTRIBUTES:
        raise SettingsError(
            f"attributes names {len(value)} keys: give at most {MAX_ATTRIBUTES}; every combination is a series of its own."
        )
    return tuple(dict.fromkeys(value))


def metrics_target(
    preset: str, option: Any, backend: BackendMetrics | None, headers: Headers, settings: Mapping[str, Any]
) -> MetricsTarget | None:
    """Return where the metrics of a destination go; None where they were not asked for.

    *option*: the checked value of `metrics=`. *headers*: those for traces; they go along only to the same host.

    Raises:
        SettingsError: When the backend takes no metrics.
    """
    if option is False:
        return None
    if backend is None:
        raise SettingsError(
            f"metrics: {preset} takes no OTLP metrics: send them to a receiver that does, with "
            "destinations.otlp_metrics(...) beside it."
        )
    options = dict(option) if isinstance(option, Mapping) else {}
    url = options.pop("endpoint", backend.url)
    own = options.pop("headers", None)
    if own is None:
        same = urlsplit(url)[:2] == urlsplit(backend.url)[:2]
        own = _headers(headers, backend.headers) if same else {}
    return MetricsTarget(
        url=url,
        headers=own,
        compression=settings["compression"],
        timeout=settings["timeout"],
        tls=settings["tls"],
        chosen=frozenset(options) | ({"temporality"} if backend.temporality == DELTA else set()),
        **{"temporality": backend.temporality, **options},
    )


def _headers(headers: Headers, instead: Mapping[str, str] | None) -> Headers:
    """Return the headers for traces with the backend's own for metrics in the place of those of the same name."""
    if not instead:
        return headers
    if callable(headers):
        call = headers
        return lambda: _over(call(), instead)
    return _over(headers, instead)


def _over(headers: Mapping[str, str], instead: Mapping[str, str]) -> Mapping[str, str]:
    """Lay *instead* over *headers*; an empty value takes a header away."""
    names = {name.lower() for name in instead}
    kept = {name: value for name, value in headers.items() if name.lower() not in names}
    return {**kept, **{name: value for name, value in instead.items() if value}}


def with_environment(target: MetricsTarget, found: Mapping[str, Any]) -> MetricsTarget:
    """Lay what OpenTelemetry's variables say over what the user did not choose."""
    return replace(target, **{name: value for name, value in found.items() if name not in target.chosen})
