"""Destination: where, how, in which convention, privacy and sampling rate spans go: data and protocols."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..conventions import Convention
from ..conventions.span import Attributes, Span
from ..diagnostics.result import CheckResult, with_metrics
from ..otlp.outcome import Outcome
from ..privacy.redaction import Redact
from ..record.fast_frozen import frozen
from ..recording.tail_sampling import KeepRules, TraceSummary
from .metrics import MetricsTarget

DEFAULT_REQUEST_BYTES = 4_000_000  # below every published limit but Datadog's 3.2 MB and New Relic's 1 MB

MAX_ATTRIBUTE_LENGTH = 10_000_000  # characters; OpenRouter's own limit, in its documentation of Broadcast


class Exporter(Protocol):
    """Takes spans to one place. Used by one thread; *encode* is pure, *export* is one attempt and never raises."""

    def encode(self, span: Span) -> Any:
        """Return what `export` takes for one span: bytes, or the span itself."""

    def export(self, batch: Sequence[Any], timeout: float) -> Outcome:
        """Send a batch, once, within *timeout* seconds."""

    def close(self) -> None:
        """Let go of connections and files."""


ResourceSource = Callable[[], Attributes]


class Target(Protocol):
    """The place that a destination sends to."""

    def exporter(self, resource: ResourceSource) -> Exporter:
        """Return a new exporter; opens nothing yet."""

    def describe(self) -> str:
        """Return where it is, without secrets."""

    def check(self, destination: Destination, timeout: float | None) -> CheckResult:
        """Test it with one real span of *destination*; *timeout* in seconds for each step, None for its own."""


@frozen(kw_only=True)
class SpanLimits:
    """OpenTelemetry's limits of a span; None: no limit. *attribute_length* in characters, the others are counts."""

    attribute_length: int | None = None
    attributes: int | None = None
    events: int | None = None
    links: int | None = None
    event_attributes: int | None = None
    link_attributes: int | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Destination:
    """One place that spans go to, and how. Made by a preset; its own settings never change.

    Attributes:
        name: What reports and messages call it.
        privacy_mode: Let no content leave (the allow-list of `spancast.privacy`).
        redact: Applied to every text of content, and to metadata; off the application's thread.
        media: Send images, sounds, films and files, and their addresses; else a note in their place.
        max_content_chars: The longest text of content, in characters; None for what the backend takes.
        sampling_rate: The share of traces, 0.0001 to 1, chosen by session.
        keep_errors: Keep every trace in which something failed, whatever the rate; decided when its root closes.
        keep_slower_than: Likewise every trace whose root takes more seconds.
        keep_costlier_than: Likewise every trace whose model calls cost more US dollars.
        keep_tokens_over: Likewise every trace whose model calls use more tokens.
        keep: Likewise every trace for which this function of a `TraceSummary` is true, or raises.
        rate_attribute: What the backend calls the number of traces that a sampled one stands for.
        convention: `openinference` or `gen_ai`.
        max_request_bytes: The largest request, before compression.
        resource: Attributes of the sending application that only this destination gets.
        span_attributes: Attributes that this destination wants on every span.
        render: The convention itself, with what the backend wants changed in it.
        chosen: The keywords that its maker was called with: what the environment sets for all does not change these.
        limits: OpenTelemetry's limits of a span, where the environment sets them.
        metrics: Where the metrics of all operations go, whatever is sampled; None: none are made.
        sends_spans: Whether spans go there; False for a receiver of metrics alone.
        scores: The backend's own API for scores; None: a score goes there as a span.
    """

    name: str
    target: Target
    convention: str
    privacy_mode: bool = False
    redact: Redact | None = None
    media: bool = True
    max_content_chars: int | None = None
    sampling_rate: float = 1.0
    keep_errors: bool = False
    keep_slower_than: float | None = None
    keep_costlier_than: float | None = None
    keep_tokens_over: int | None = None
    keep: Callable[[TraceSummary], object] | None = None
    rate_attribute: str | None = None
    max_request_bytes: int = DEFAULT_REQUEST_BYTES
    max_attribute_length: int = MAX_ATTRIBUTE_LENGTH
    resource: Mapping[str, Any] = field(default_factory=dict)
    span_attributes: Mapping[str, Any] = field(default_factory=dict)
    render: Convention
    chosen: frozenset[str] = frozenset()
    limits: SpanLimits | None = None
    metrics: MetricsTarget | None = None
    sends_spans: bool = True
    scores: Target | None = None

    @property
    def keep_rules(self) -> KeepRules:
        """Which traces are kept whatever the rate."""
        return KeepRules(
            errors=self.keep_errors,
            slower_than=self.keep_slower_than,
            costlier_than=self.keep_costlier_than,
            tokens_over=self.keep_tokens_over,
            keep=self.keep,
        )

    def __repr__(self) -> str:
        """Say what it is, without any secret."""
        privacy = ", privacy_mode=True" if self.privacy_mode else ""
        sampling = f", sampling_rate={self.sampling_rate:g}" if self.sampling_rate < 1 else ""
        where = self.target.describe()
        if not self.sends_spans:
            return f"<Destination {self.name}: {where} (metrics{privacy})>"
        sampling += ", metrics" if self.metrics is not None else ""
        return f"<Destination {self.name}: {where} ({self.convention}{privacy}{sampling})>"

    def check(self, timeout: float | None = None) -> CheckResult:
        """Test the connection, down to one real span (with the header `X-Test-Connection: true`), and say what to fix.

        Args:
            timeout: Seconds for each step; else the destination's own timeout.
        """
        result = self.target.check(self, timeout)
        if self.metrics is None or not self.sends_spans:
            return result
        return with_metrics(result, self.metrics.check(self, timeout))
