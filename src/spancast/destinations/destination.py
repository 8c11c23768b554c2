"""Destination: where, how, in which convention, under which privacy and at which sampling rate spans go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypedDict
from urllib.parse import urlsplit

from ..conventions import CONVENTIONS, Convention
from ..conventions.span import Attributes, Span
from ..otlp.http import Headers, HttpExporter, Tls
from ..otlp.outcome import Outcome
from ..privacy import Redact
from . import references, validation

if TYPE_CHECKING:
    from .check import CheckResult

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
        """Say where it is, without secrets."""


class CommonKeywords(TypedDict, total=False):
    """The keywords that every preset takes."""

    name: str
    privacy_mode: bool
    redact: Redact | None
    media: bool
    max_content_chars: int | None
    sampling_rate: float
    keep_errors: bool
    convention: str | None
    protocol: str | None
    compression: str | None
    headers: object
    timeout: float
    max_request_bytes: int | None
    resource: Mapping[str, Any] | None
    ca_file: str | None
    client_certificate: str | None
    client_key: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpTarget:
    """An OTLP/HTTP receiver at one URL."""

    url: str
    headers: Headers = field(default_factory=dict)
    protocol: str = "http/json"
    compression: str | None = None
    timeout: float = 10.0
    tls: Tls = field(default_factory=Tls)

    def exporter(self, resource: ResourceSource) -> Exporter:
        """Return an exporter that posts to the URL."""
        return HttpExporter(
            self.url,
            headers=self.headers,
            protocol=self.protocol,
            compression=self.compression,
            timeout=self.timeout,
            resource=resource,
            tls=self.tls,
        )

    def describe(self) -> str:
        """Return the URL without its query, where a key could hide."""
        return urlsplit(self.url)._replace(query="", fragment="").geturl()

    def __repr__(self) -> str:
        """Say where it is, without any secret."""
        return f"<HttpTarget {self.describe()}>"


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
        convention: `openinference` or `gen_ai`.
        max_request_bytes: The largest request, before compression.
        resource: Attributes of the sending application that only this destination gets.
        span_attributes: Attributes that this destination wants on every span.
        render: The convention itself, with what the backend wants changed in it.
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
    max_request_bytes: int = DEFAULT_REQUEST_BYTES
    max_attribute_length: int = MAX_ATTRIBUTE_LENGTH
    resource: Mapping[str, Any] = field(default_factory=dict)
    span_attributes: Mapping[str, Any] = field(default_factory=dict)
    render: Convention
    named: bool = False

    def __repr__(self) -> str:
        """Say what it is, without any secret."""
        privacy = ", privacy_mode=True" if self.privacy_mode else ""
        sampling = f", sampling_rate={self.sampling_rate:g}" if self.sampling_rate < 1 else ""
        where = self.target.describe()
        return f"<Destination {self.name}: {where} ({self.convention}{privacy}{sampling})>"

    def check(self, timeout: float | None = None) -> CheckResult:
        """Test the connection, down to one real span (with the header `X-Test-Connection: true`), and say what to mend.

        Args:
            timeout: Seconds for each step; else the destination's own timeout.
        """
        from .check import check

        return check(self, timeout)


def http_destination(
    preset: str,
    url: str,
    common: Mapping[str, Any],
    *,
    convention: str = "gen_ai",
    protocol: str = "http/json",
    headers: Mapping[str, str] | None = None,
    render: Callable[[str], Convention] = CONVENTIONS.__getitem__,
    resource: Mapping[str, Any] | None = None,
    span_attributes: Mapping[str, Any] | None = None,
    max_request_bytes: int = DEFAULT_REQUEST_BYTES,
    max_attribute_length: int = MAX_ATTRIBUTE_LENGTH,
    compression: str | None = None,
) -> Destination:
    """Return a checked HTTP destination: the preset's own values, with the user's *common* keywords over them."""
    settings = checked(preset, common)
    own = headers or {}
    given = settings["headers"]
    target = HttpTarget(
        url=url,
        headers=_merged(own, given),
        protocol=settings["protocol"] or protocol,
        compression=compression if common.get("compression") is None else settings["compression"],
        timeout=settings["timeout"],
        tls=settings["tls"],
    )
    return assembled(
        settings,
        target,
        convention,
        render=render,
        resource=resource,
        span_attributes=span_attributes,
        max_request_bytes=max_request_bytes,
        max_attribute_length=max_attribute_length,
    )


def assembled(
    settings: Mapping[str, Any],
    target: Target,
    convention: str,
    *,
    render: Callable[[str], Convention] = CONVENTIONS.__getitem__,
    resource: Mapping[str, Any] | None = None,
    span_attributes: Mapping[str, Any] | None = None,
    max_request_bytes: int = DEFAULT_REQUEST_BYTES,
    max_attribute_length: int = MAX_ATTRIBUTE_LENGTH,
) -> Destination:
    """Return a destination of checked *settings*, with a preset's own values where they say nothing."""
    chosen = settings["convention"] or convention
    return Destination(
        name=settings["name"],
        named=settings["named"],
        target=target,
        convention=chosen,
        privacy_mode=settings["privacy_mode"],
        redact=settings["redact"],
        media=settings["media"],
        max_content_chars=settings["max_content_chars"],
        sampling_rate=settings["sampling_rate"],
        keep_errors=settings["keep_errors"],
        max_request_bytes=settings["max_request_bytes"] or max_request_bytes,
        max_attribute_length=max_attribute_length,
        resource={**(resource or {}), **settings["resource"]},
        span_attributes=span_attributes or {},
        render=render(chosen),
    )


def _merged(own: Mapping[str, str], given: Headers) -> Headers:
    """Lay the user's headers over the preset's, comparing names without regard to case."""
    if callable(given):
        call = given
        return lambda: _over(own, validation.header_mapping(call(), "headers"))
    return _over(own, given)


def _over(own: Mapping[str, str], given: Mapping[str, str]) -> Mapping[str, str]:
    names = {name.lower() for name in given}
    return {**{name: value for name, value in own.items() if name.lower() not in names}, **given}


_COMMON = frozenset(CommonKeywords.__annotations__)
_TLS_FILES = ("ca_file", "client_certificate", "client_key")


def checked(preset: str, common: Mapping[str, Any]) -> dict[str, Any]:
    """Return the common keywords, checked and completed."""
    unknown = sorted(set(common) - _COMMON)
    if unknown:
        names = ", ".join(sorted(_COMMON))
        raise validation.SettingsError(
            f"destinations.{preset}() has no argument {unknown[0]!r}: it takes also {names}."
        )
    name, convention, protocol = common.get("name"), common.get("convention"), common.get("protocol")
    compression, largest = common.get("compression"), common.get("max_request_bytes")
    short = common.get("max_content_chars")
    return {
        "name": preset if name is None else validation.text(name, "name", "collector"),
        "named": name is not None,
        "privacy_mode": validation.flag(common.get("privacy_mode", False), "privacy_mode"),
        "redact": validation.function(common.get("redact"), "redact"),
        "media": validation.flag(common.get("media", True), "media"),
        "max_content_chars": None if short is None else validation.length(short, "max_content_chars"),
        "sampling_rate": validation.sampling_rate(common.get("sampling_rate", 1.0)),
        "keep_errors": validation.flag(common.get("keep_errors", False), "keep_errors"),
        "convention": convention and validation.choice(convention, "convention", validation.CONVENTION_NAMES),
        "protocol": protocol and validation.choice(protocol, "protocol", validation.PROTOCOL_NAMES),
        "compression": None
        if compression in (None, "none")
        else validation.choice(compression, "compression", ("gzip", "none")),
        "headers": validation.headers(references.resolved_headers(common.get("headers"))),
        "timeout": validation.seconds(common.get("timeout", 10.0)),
        "max_request_bytes": None if largest is None else validation.size(largest),
        "resource": validation.attributes(common.get("resource")),
        "tls": Tls(**{name: validation.existing_file(common.get(name), name) for name in _TLS_FILES}),
    }
