"""The resource: what is said once about the application that sends spans."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import _version
from .conventions.span import Attributes


def resource_source(service_name: str | None, *more: Mapping[str, Any]) -> Callable[[], Attributes]:
    """Return a function that returns the resource, made at its first call (in a lane's thread: it imports the SDK).

    `OTEL_RESOURCE_ATTRIBUTES` and `OTEL_SERVICE_NAME` are read by OpenTelemetry's own detector; *service_name* and
    *more* are laid over them.
    """
    made: list[Attributes] = []

    def source() -> Attributes:
        if not made:
            made.append(_resource(service_name, more))
        return made[0]

    return source


def _resource(service_name: str | None, more: tuple[Mapping[str, Any], ...]) -> Attributes:
    from opentelemetry.sdk.resources import OTELResourceDetector

    attributes: dict[str, Any] = {
        "service.name": "unknown_service",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.name": "spancast",
        "telemetry.sdk.version": _version.VERSION,
        **OTELResourceDetector().detect().attributes,
    }
    if service_name:
        attributes["service.name"] = service_name
    for values in more:
        attributes.update(values)
    return attributes
