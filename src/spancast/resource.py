"""The resource: attributes of the application that sends spans."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

from . import _version
from .conventions.span import Attributes


class _Importing:
    """Holds forks back while a lane's thread imports: a child would inherit half a module, and nobody to finish it."""

    def __init__(self) -> None:
        self._locks = {os.getpid(): threading.Lock()}

    @property
    def lock(self) -> threading.Lock:
        """The lock of this process: one that was forked without hooks must not wait for the parent's thread."""
        pid = os.getpid()
        return self._locks.get(pid) or self._locks.setdefault(pid, threading.Lock())

    def before_fork(self) -> None:
        """Wait until no import is under way; not for ever, the import may wait for the thread that forks."""
        self._held = self.lock.acquire(timeout=2.0)

    def after_fork_in_parent(self) -> None:
        """Let imports go on."""
        if self._held:
            self.lock.release()

    def after_fork_in_child(self) -> None:
        """Start with an open lock."""
        self._locks = {os.getpid(): threading.Lock()}


importing = _Importing()


def import_for_sending() -> None:
    """Import what the first request imports inside of the library that makes it, held back from forks."""
    with importing.lock:
        import encodings.idna  # noqa: F401


def import_for_decoding() -> None:
    """Import what reads protobuf back, held back from forks."""
    with importing.lock:
        import opentelemetry.proto.trace.v1.trace_pb2  # noqa: F401


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
    with importing.lock:
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
