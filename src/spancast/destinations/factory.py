"""Makes destinations: the common keywords, checked, over a preset's own values."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import wraps
from typing import Any, ParamSpec, TypedDict, TypeVar

from .. import secret_refs, validation
from ..conventions import CONVENTIONS, Convention
from ..conventions.versions import at_version, parsed
from ..conventions.versions import checked as checked_convention
from ..otlp.headers import Headers
from ..otlp.tls import FILES, Tls, why_unusable
from ..privacy.redaction import Redact
from ..recording.tail_sampling import TraceSummary
from .destination import DEFAULT_REQUEST_BYTES, MAX_ATTRIBUTE_LENGTH, Destination, Target
from .metrics import BackendMetrics, checked_option, metrics_target
from .scores import ScoreApi
from .targets.http import HttpTarget
from .targets.scores import ScoreTarget


class CommonKeywords(TypedDict, total=False):
    """The keywords that every preset takes."""

    name: str
    privacy_mode: bool
    redact: Redact | None
    media: bool
    max_content_chars: int | None
    sampling_rate: float
    keep_errors: bool
    keep_slower_than: float | None
    keep_costlier_than: float | None
    keep_tokens_over: int | None
    keep: Callable[[TraceSummary], object] | None
    metrics: object
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


COMMON = frozenset(CommonKeywords.__annotations__)
P = ParamSpec("P")
D = TypeVar("D", bound=Destination)


def keywords_checked(make: Callable[P, D]) -> Callable[P, D]:
    """Let a maker of destinations first refuse a keyword that does not exist, and name the one that was meant."""
    own = tuple(name for name, each in inspect.signature(make).parameters.items() if each.kind is not each.VAR_KEYWORD)

    @wraps(make)
    def checked(*args: P.args, **keywords: P.kwargs) -> D:
        for name in keywords:
            if name not in own and name not in COMMON:
                available = [*own, *sorted(COMMON)]
                raise validation.SettingsError(unknown_argument(make.__name__, name, available), "E116")
        return make(*args, **keywords)

    return checked


def unknown_argument(preset: str, name: str, available: Sequence[str]) -> str:
    """Return the sentence about an argument that does not exist; it names the one that was probably meant."""
    plain = {argument.replace("_", ""): argument for argument in available}
    near = difflib.get_close_matches(name.lower().replace("_", ""), plain, n=1, cutoff=0.75)
    hint = f"did you mean {plain[near[0]]!r}? It takes" if near else "it takes"
    return f"destinations.{preset}() has no argument {name!r}: {hint} {', '.join(available)}."


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
    metrics: BackendMetrics | None = None,
    rate_attribute: str | None = None,
    scores: tuple[str, ScoreApi] | None = None,
    score_headers: Mapping[str, str] | None = None,
) -> Destination:
    """Return a checked HTTP destination: the preset's own values, with the user's *common* keywords over them.

    *scores* is the URL of the backend's API for scores, and that API; *score_headers* its own headers, where they are others
    than those for spans.
    """
    settings = validated_keywords(preset, common)
    own = headers or {}
    users = settings["headers"]
    target = HttpTarget(
        url=url,
        headers=_merged(own, users),
        protocol=settings["protocol"] or protocol,
        compression=compression if common.get("compression") is None else settings["compression"],
        timeout=settings["timeout"],
        tls=settings["tls"],
    )
    score_target = None
    if scores is not None:
        score_own = own if score_headers is None else score_headers
        score_target = ScoreTarget(
            url=scores[0], api=scores[1], headers=_merged(score_own, users), timeout=target.timeout, tls=target.tls
        )
    made = build_destination(
        settings,
        target,
        convention,
        render=render,
        resource=resource,
        span_attributes=span_attributes,
        max_request_bytes=max_request_bytes,
        max_attribute_length=max_attribute_length,
        scores=score_target,
    )
    counted = metrics_target(preset, settings["metrics"], metrics, target.headers, settings)
    return (
        made
        if counted is None and rate_attribute is None
        else replace(made, metrics=counted, rate_attribute=rate_attribute)
    )


def build_destination(
    settings: Mapping[str, Any],
    target: Target,
    convention: str,
    *,
    render: Callable[[str], Convention] = CONVENTIONS.__getitem__,
    resource: Mapping[str, Any] | None = None,
    span_attributes: Mapping[str, Any] | None = None,
    max_request_bytes: int = DEFAULT_REQUEST_BYTES,
    max_attribute_length: int = MAX_ATTRIBUTE_LENGTH,
    scores: ScoreTarget | None = None,
) -> Destination:
    """Return a destination of checked *settings*, with a preset's own values where they say nothing."""
    convention = settings["convention"] or convention
    return Destination(
        name=settings["name"],
        chosen=settings["chosen"],
        target=target,
        convention=convention,
        privacy_mode=settings["privacy_mode"],
        redact=settings["redact"],
        media=settings["media"],
        max_content_chars=settings["max_content_chars"],
        sampling_rate=settings["sampling_rate"],
        keep_errors=settings["keep_errors"],
        keep_slower_than=settings["keep_slower_than"],
        keep_costlier_than=settings["keep_costlier_than"],
        keep_tokens_over=settings["keep_tokens_over"],
        keep=settings["keep"],
        max_request_bytes=settings["max_request_bytes"] or max_request_bytes,
        max_attribute_length=max_attribute_length,
        resource={**(resource or {}), **settings["resource"]},
        span_attributes=span_attributes or {},
        render=at_version(render(parsed(convention)[0]), convention),
        scores=scores,
    )


def _merged(own: Mapping[str, str], users: Headers) -> Headers:
    """Lay the user's headers over the preset's, comparing names without regard to case."""
    if callable(users):
        call = users
        return lambda: _over(own, validation.header_mapping(call(), "headers"))
    return _over(own, users)


def _over(own: Mapping[str, str], users: Mapping[str, str]) -> Mapping[str, str]:
    names = {name.lower() for name in users}
    return {**{name: value for name, value in own.items() if name.lower() not in names}, **users}


def validated_keywords(preset: str, common: Mapping[str, Any]) -> dict[str, Any]:
    """Return the common keywords, checked and completed."""
    for unknown in sorted(set(common) - COMMON):
        raise validation.SettingsError(unknown_argument(preset, unknown, sorted(COMMON)), "E116")
    name, convention, protocol = common.get("name"), common.get("convention"), common.get("protocol")
    compression, largest = common.get("compression"), common.get("max_request_bytes")
    short = common.get("max_content_chars")
    return {
        "name": preset if name is None else validation.name(name),
        "chosen": frozenset(key for key, value in common.items() if value is not None),
        "privacy_mode": validation.flag(common.get("privacy_mode", False), "privacy_mode"),
        "redact": validation.function(common.get("redact"), "redact"),
        "media": validation.flag(common.get("media", True), "media"),
        "max_content_chars": None if short is None else validation.length(short, "max_content_chars"),
        "sampling_rate": validation.sampling_rate(common.get("sampling_rate", 1.0)),
        "keep_errors": validation.flag(common.get("keep_errors", False), "keep_errors"),
        "keep_slower_than": validation.threshold(common.get("keep_slower_than"), "keep_slower_than", "seconds"),
        "keep_costlier_than": validation.threshold(
            common.get("keep_costlier_than"), "keep_costlier_than", "US dollars"
        ),
        "keep_tokens_over": validation.threshold(common.get("keep_tokens_over"), "keep_tokens_over", "tokens"),
        "keep": validation.predicate(common.get("keep"), "keep"),
        "metrics": checked_option(common.get("metrics", False)),
        "convention": convention and checked_convention(convention),
        "protocol": protocol and validation.choice(protocol, "protocol", validation.PROTOCOL_NAMES),
        "compression": None
        if compression in (None, "none")
        else validation.choice(compression, "compression", ("gzip", "none")),
        "headers": validation.headers(secret_refs.resolved_values(common.get("headers"), "headers")),
        "timeout": validation.seconds(common.get("timeout", 10.0)),
        "max_request_bytes": None if largest is None else validation.size(largest),
        "resource": validation.attributes(secret_refs.resolved_values(common.get("resource"), "resource")),
        "tls": _tls(common),
    }


def _tls(common: Mapping[str, Any]) -> Tls:
    tls = Tls(**{name: validation.existing_file(common.get(name), name) for name in FILES})
    if problem := why_unusable(tls):
        raise validation.SettingsError(problem, "E213")
    return tls


def local_destination(preset: str, target: Target, convention: str, common: Mapping[str, Any]) -> Destination:
    """Return a checked destination that is no HTTP receiver."""
    settings = validated_keywords(preset, common)
    metrics_target(preset, settings["metrics"], None, {}, settings)  # refuses what was asked for
    return build_destination(settings, target, convention)
