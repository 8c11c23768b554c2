"""The default pipeline: `configure`, and what works without a pipeline in hand."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .. import configured, validation
from ..config.resolve import Arguments, resolve
from ..delivery.ledger import DeliveryReport
from ..destinations.destination import Destination
from ..recording.retired import retire
from ..recording.trace import current_trace, trace, use_recorder
from ..scores.score import score
from . import process, sigterm
from .pipeline import Pipeline, in_context

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_default: Pipeline | None = None
_choosing = threading.RLock()  # two threads that begin together get the same default


def configure(
    *destinations: Destination,
    service_name: str | None = None,
    resource: Mapping[str, Any] | None = None,
    tracer_provider: TracerProvider | None = None,
    convention: str | None = None,
    max_queue_bytes: int | None = None,
    spool: bool | str | os.PathLike[str] | None = None,
    max_spool_bytes: int | None = None,
    handle_sigterm: bool = False,
) -> Pipeline:
    """Set and return the process's default pipeline; a former one is shut down, once what is open in it has ended.

    Args:
        destinations: Where spans go. None: what files and environment name (`ARIZE_*`, `OTEL_EXPORTER_OTLP_*`), else the
            local file.
        service_name: `service.name` of the resource; else `OTEL_SERVICE_NAME`.
        resource: Further attributes of the resource, such as `deployment.environment.name`.
        tracer_provider: Spans go through this OpenTelemetry provider, with its processors and exporters, too.
        convention: `openinference` or `gen_ai`, for what goes through *tracer_provider*.
        max_queue_bytes: How much memory spans that wait may take, in bytes: once for what is not encoded yet, and once for
            each destination.
        spool: Where spans go that cannot be delivered now: a folder; False: nowhere, they are dropped and counted.
        max_spool_bytes: How much disk they may take, in bytes for each destination; what is beyond is dropped.
        handle_sigterm: At a SIGTERM first send or spool what was recorded; then the handler that was there before gets
            it, or the process ends as it would have.

    Raises:
        SettingsError: When a setting cannot be used; the message says which, why, and what would be right.
    """
    global _default
    validation.flag(handle_sigterm, "handle_sigterm")
    pipeline = Pipeline(
        *destinations,
        service_name=service_name,
        resource=resource,
        tracer_provider=tracer_provider,
        convention=convention,
        max_queue_bytes=max_queue_bytes,
        spool=spool,
        max_spool_bytes=max_spool_bytes,
    )
    configured.note_here()
    with _choosing:  # a thread that begins with the environment's settings meanwhile must not overwrite it
        former, _default = _default, pipeline
    if former is not None and not retire(former.recorder, former.shutdown):
        former.shutdown()
    if handle_sigterm:
        sigterm.install(process.secure)
    return pipeline


@contextmanager
def as_default(pipeline: Pipeline) -> Iterator[None]:
    """Let *pipeline* be the default inside the block, in every thread; the one before comes back. For tests."""
    global _default
    former, _default = _default, pipeline
    try:
        yield
    finally:
        _default = former


def pipeline_in_context() -> Pipeline | None:
    """Return the pipeline of the `with Pipeline(...)` block around, if there is one."""
    return in_context.get()


def in_use(fallback: Pipeline | None = None) -> Pipeline:
    """Return the pipeline in use here: that of a surrounding `with Pipeline(...)`, else *fallback*, else the default one.

    Never raises: where `configure` was not called and the environment's settings cannot be used, that is logged once and
    nothing is recorded.
    """
    return in_context.get() or fallback or _default or _chosen()


def _chosen() -> Pipeline:
    """Return the default pipeline; where there is none yet, make the environment's.

    What that imports (a `redact` of the application's) may call `configure`: then its pipeline counts.
    """
    global _default
    with _choosing:
        if _default is not None:
            return _default
        made = _from_environment()
        if _default is None:
            _default = made
            return made
        chosen = _default
    made.shutdown(0.0)
    return chosen


def _from_environment() -> Pipeline:
    """Return the pipeline of an application that did not call `configure`: wrong settings are reported, never raised."""
    try:
        found = resolve(Arguments(), os.environ, strict=False)
        if configured.is_expected() and found.is_default_file:
            return Pipeline.disabled(configured.PROBLEM)
        return Pipeline.of(found)
    except Exception as error:  # a setting of any kind must not end the application
        return Pipeline.disabled(
            str(error) if isinstance(error, validation.SettingsError) else f"settings: {type(error).__name__}"
        )


def flush(timeout: float = 5.0) -> bool:
    """Send what has ended so far through the pipeline in use; True when all of it has arrived within *timeout* seconds."""
    return in_use().flush(timeout)


def shutdown(timeout: float = process.EXIT_TIMEOUT) -> bool:
    """Send everything and stop the pipeline in use; True when all of it has arrived within *timeout* seconds."""
    return in_use().shutdown(timeout)


def report() -> DeliveryReport:
    """Return what happened to every span of the pipeline in use, per destination."""
    return in_use().report()


def _after_fork_in_child() -> None:
    global _choosing
    _choosing = threading.RLock()


process.in_children(_after_fork_in_child)
use_recorder(lambda: in_use().recorder)
__all__ = ["Pipeline", "configure", "current_trace", "flush", "in_use", "report", "score", "shutdown", "trace"]
