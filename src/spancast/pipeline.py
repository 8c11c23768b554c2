"""Pipeline: one recorder, a lane for each destination, and their life from `configure` to the end of the process."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import sigterm, validation
from .config.resolve import Arguments, Resolved, resolve
from .delivery.lane import Lane
from .delivery.ledger import DeliveryReport
from .delivery.spool import Spool, folder_of
from .destinations.destination import Destination
from .destinations.targets.memory import MemoryTarget
from .recording.captured import CapturedOperation
from .recording.notice import warn_once
from .recording.paused import Pauses
from .recording.recorder import Recorder
from .recording.retired import retire
from .recording.sampling import SamplingRule, TailSampler
from .recording.trace import current_trace, trace, trace_into, use_recorder
from .resource import importing, resource_source

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_logger = logging.getLogger("spancast")
EXIT_TIMEOUT = 5.0
SIGNAL_TIMEOUT = 3.0  # before a handler of the application gets its SIGTERM


class Pipeline:
    """Records operations and delivers them to its destinations.

    A context manager: inside `with spancast.Pipeline(...) as pipeline:` it is the pipeline in use, and leaving the block
    shuts it down. Elsewhere, give it to a handler: `SpancastCallbackHandler(pipeline=pipeline)`.

    Raises:
        SettingsError: When a setting cannot be used.
    """

    def __init__(
        self,
        *destinations: Destination,
        service_name: str | None = None,
        resource: Mapping[str, Any] | None = None,
        tracer_provider: TracerProvider | None = None,
        convention: str | None = None,
        max_queue_bytes: int | None = None,
        spool: bool | str | os.PathLike[str] | None = None,
        max_spool_bytes: int | None = None,
    ) -> None:
        """Make lanes for *destinations*; without any, for those that the environment names, else the local file.

        Args:
            service_name: The resource's `service.name`; else `OTEL_SERVICE_NAME`, else the project's file.
            resource: Further resource attributes, for all destinations.
            tracer_provider: Also emit SDK spans through this provider's processors, under the privacy mode and the redaction
                that environment and files set.
            convention: Of these SDK spans: `openinference` or `gen_ai`; else OpenInference for a provider of Phoenix or
                Arize, else gen_ai.
            max_queue_bytes: The bound of each lane's queue; else `SPANCAST_MAX_QUEUE_BYTES`, else 64 MiB.
            spool: Whether spans that cannot be delivered are kept on disk, or the folder for them; else `SPANCAST_SPOOL`
                (`off`, or a folder), else in the user's state folder. For HTTP destinations.
            max_spool_bytes: The bound of what each destination may keep on disk; else 256 MiB.
        """
        arguments = Arguments(
            destinations=destinations,
            service_name=service_name,
            resource=resource,
            tracer_provider=tracer_provider,
            convention=convention,
            max_queue_bytes=max_queue_bytes,
            spool=spool,
            max_spool_bytes=max_spool_bytes,
        )
        self._start(resolve(arguments, os.environ))

    def _start(self, resolved: Resolved) -> None:
        """Make the parts that *resolved* asks for."""
        _say(resolved)
        self.enabled = resolved.enabled
        self._problems = resolved.problems
        chosen = resolved.destinations
        self._lanes = tuple(
            Lane(
                destination,
                resource_source(resolved.service_name, resolved.resource, destination.resource),
                max_queue_bytes=resolved.max_queue_bytes,
                spool=spool_source(resolved.spool_folder, destination, resolved.max_spool_bytes),
            )
            for destination in chosen
        )
        rules = [
            SamplingRule(
                destination.sampling_rate, destination.name, not destination.privacy_mode, destination.keep_errors
            )
            for destination in chosen
        ]
        folder = resolved.state_folder
        pauses = Pauses(folder / "paused" if folder else None, resolved.service_name or "")
        self.recorder = Recorder(self._offer, rules, pauses)
        self.recorder.redactors = tuple([each.redact for each in chosen if each.redact is not None])
        self._everyone = (1 << len(self._lanes)) - 1
        self._undecided = TailSampler(resolved.max_queue_bytes, self._settle_for)
        self._tokens: list[Token[Pipeline | None]] = []
        self._ended = False
        self._ender: int | None = None  # the thread that shuts it down
        self._end = threading.Event()
        _watch(self)
        for lane in self._lanes:
            target = lane.destination.target
            if isinstance(target, MemoryTarget):
                target.waits.append(_waiter(lane))
            lane.start_replay()

    @property
    def destinations(self) -> tuple[Destination, ...]:
        """The destinations, in the order in which they were given."""
        return tuple(lane.destination for lane in self._lanes)

    @property
    def ended(self) -> bool:
        """Whether it was shut down."""
        return self._ended

    def _offer(self, captured: CapturedOperation) -> None:
        decision = captured.decision
        if decision is not None:  # some destinations want it only if its trace fails: they wait for the root's end
            self._undecided.offer(captured)
            pending = decision.pending_mask
            self._hand_out(captured, captured.sampled & ~pending, self._everyone & ~pending)
        elif captured.sampled == self._everyone:
            for lane in self._lanes:
                lane.offer(captured)
        else:
            self._hand_out(captured, captured.sampled, self._everyone)

    def _hand_out(self, captured: CapturedOperation, chosen: int, asked: int) -> None:
        """Offer *captured* to the lanes that are *chosen*; the others that were *asked* skip it."""
        for index, lane in enumerate(self._lanes):
            if chosen >> index & 1:
                lane.offer(captured)
            elif asked >> index & 1:
                lane.skip()

    def _settle_for(self, captured: CapturedOperation, waiting: int, kept: bool) -> None:
        self._hand_out(captured, waiting if kept else 0, waiting)

    def trace(self, **fields: object) -> trace:
        """Return `spancast.trace(...)` for this pipeline."""
        return trace_into(lambda: self.recorder, fields)

    def flush(self, timeout: float = 5.0) -> bool:
        """Send what has ended so far, and what this process has on disk; return whether all left within *timeout* seconds.

        Operations that are still open are not sent: they have not ended. Safe to call at any time, from any thread. After
        a shutdown nothing is sent any more: it returns at once, False while spans of this process lie on disk.
        """
        deadline = time.monotonic() + timeout
        for lane in self._lanes:
            lane.hurry()  # all of them now: one that takes all the time must not hold up the others
        return all([lane.flush(max(0.0, deadline - time.monotonic())) for lane in self._lanes])

    def shutdown(self, timeout: float = EXIT_TIMEOUT) -> bool:
        """End what is open, send everything, and stop; return whether all is out within *timeout* seconds.

        What cannot be sent by then goes to disk, or is dropped, and is counted: then it returns False. A second call waits
        for the first, does nothing, and returns True.
        """
        if self._ended:
            if self._ender != threading.get_ident():  # who ends the process next must not overtake the one at work
                self._end.wait(timeout)
            return True
        self._ended = True
        self._ender = threading.get_ident()
        try:
            return self._shut_down(time.monotonic() + timeout)
        finally:
            self._end.set()

    def _shut_down(self, deadline: float) -> bool:
        dropped = self._dropped()
        self.recorder.close_all()
        self._undecided.decide_all()
        for lane in self._lanes:
            lane.close_by(deadline)
        complete = all([lane.shutdown(max(0.0, deadline - time.monotonic())) for lane in self._lanes])
        _running.discard(self)
        return complete and dropped == self._dropped()

    def _dropped(self) -> int:
        return sum(lane.ledger.dropped for lane in self._lanes)

    def keep_safe(self, timeout: float = SIGNAL_TIMEOUT) -> bool:
        """Send what has ended so far, within *timeout* seconds; what is left then goes to disk. The pipeline goes on.

        For the moment before a process may be killed. Returns whether all is out.
        """
        deadline = time.monotonic() + timeout
        complete = self.flush(timeout * 0.7)
        for lane in self._lanes:
            lane.keep_safe(deadline)
        return complete

    def report(self) -> DeliveryReport:
        """Return what became of every span, per destination."""
        return DeliveryReport(tuple(lane.ledger.report() for lane in self._lanes), self._problems)

    def after_fork_in_child(self) -> None:
        """Start clean in a forked child; the parent keeps what was open and queued."""
        if self._ended:
            self._end.set()  # a thread that was at it belongs to the parent
        self.recorder.forget()
        self._undecided.forget()
        for lane in self._lanes:
            lane.after_fork_in_child()

    def __enter__(self) -> Pipeline:
        self._tokens.append(_here.set(self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        token = self._tokens.pop()
        try:
            _here.reset(token)
        except ValueError:  # left in another context than entered, as async generators do
            _here.set(None)
        self.shutdown()

    def __repr__(self) -> str:
        """Name the destinations."""
        return f"<Pipeline {', '.join(map(repr, self.destinations)) or 'without destinations'}>"


def _say(resolved: Resolved) -> None:
    """Log what could not be used; as an error when nothing is recorded for it."""
    problems = list(resolved.problems)
    if problems and not resolved.destinations:
        _logger.error("spancast: nothing is recorded: %s", problems.pop(0))
    for problem in problems:
        warn_once(f"problem {problem}", "spancast: %s", problem)


def spool_source(folder: Path | None, destination: Destination, max_bytes: int) -> Callable[[], Spool | None]:
    """Return what makes the spool of *destination*; None where there is no folder or it is no HTTP receiver."""
    own = folder_of(folder, destination) if folder is not None else None
    if own is None:
        return lambda: None
    about = {
        "name": destination.name,
        "url": destination.target.describe(),
        "privacy_mode": destination.privacy_mode,
    }
    return lambda: Spool(own, about=about, max_bytes=max_bytes)


def _waiter(lane: Lane) -> Any:
    reference = weakref.ref(lane)

    def wait() -> None:
        held = reference()
        if held is not None:
            held.flush(5.0)

    return wait


# ---------------------------------------------------------------- the pipeline in use
_here: ContextVar[Pipeline | None] = ContextVar("spancast_pipeline", default=None)
_default: Pipeline | None = None
_choosing = threading.Lock()  # two threads that begin at once get the same default


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
        max_queue_bytes: How much memory spans that wait may take, in bytes for each destination.
        spool: Where spans go that cannot be delivered now: a folder; False: nowhere, they are dropped and counted.
        max_spool_bytes: How much disk they may take, in bytes for each destination; the oldest are dropped beyond it.
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
    former, _default = _default, pipeline
    if former is not None and not retire(former.recorder, former.shutdown):
        former.shutdown()
    if handle_sigterm:
        sigterm.install(_secure)
    return pipeline


def surrounding() -> Pipeline | None:
    """Return the pipeline of the `with Pipeline(...)` block around, if there is one."""
    return _here.get()


def in_use(fallback: Pipeline | None = None) -> Pipeline:
    """Return the pipeline in use here: that of a surrounding `with Pipeline(...)`, else *fallback*, else the default one.

    Never raises: where `configure` was not called and the environment's settings cannot be used, that is said once and
    nothing is recorded.
    """
    global _default
    pipeline = _here.get() or fallback or _default
    if pipeline is None:
        with _choosing:
            pipeline = _default = _default or _from_environment()
    return pipeline


def _from_environment() -> Pipeline:
    """Return the pipeline of an application that did not call `configure`: what cannot be used is said, and never raises."""
    try:
        resolved = resolve(Arguments(), os.environ, strict=False)
    except Exception as error:  # a setting of any kind must not end the application
        sentence = str(error) if isinstance(error, validation.SettingsError) else f"settings: {type(error).__name__}"
        resolved = Resolved(enabled=False, problems=(sentence,))
    pipeline = Pipeline.__new__(Pipeline)
    pipeline._start(resolved)
    return pipeline


def flush(timeout: float = 5.0) -> bool:
    """Send what has ended so far through the pipeline in use; True when all of it left within *timeout* seconds."""
    return in_use().flush(timeout)


def shutdown(timeout: float = EXIT_TIMEOUT) -> bool:
    """Send everything and stop the pipeline in use; True when all is out within *timeout* seconds."""
    return in_use().shutdown(timeout)


def report() -> DeliveryReport:
    """Return what became of every span of the pipeline in use, per destination."""
    return in_use().report()


use_recorder(lambda: in_use().recorder)
__all__ = ["Pipeline", "configure", "current_trace", "flush", "in_use", "report", "shutdown", "trace"]

# ---------------------------------------------------------------- exit and fork
_pipelines: weakref.WeakSet[Pipeline] = weakref.WeakSet()
_running: set[Pipeline] = set()  # keeps a pipeline that nobody holds any more until its spans are out
_watching = False


def _watch(pipeline: Pipeline) -> None:
    """Remember *pipeline* for the end of the process and for forks."""
    global _watching
    _pipelines.add(pipeline)
    _running.add(pipeline)
    if not _watching:
        _watching = True
        atexit.register(_at_exit)
        _at_exit_of_worker(_at_exit)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=importing.before_fork,
                after_in_parent=importing.after_fork_in_parent,
                after_in_child=_after_fork_in_child,
            )


def _at_exit() -> None:
    _shut_down_all()
    sigterm.end()


def _shut_down_all() -> None:
    deadline = time.monotonic() + EXIT_TIMEOUT
    for pipeline in list(_running):
        pipeline.shutdown(max(0.1, deadline - time.monotonic()))


def _secure(ending: bool) -> None:
    """Bring what was recorded out of danger: a SIGTERM has come, and *ending* says that nobody else handles it."""
    if ending:
        return _shut_down_all()
    for pipeline in list(_running):
        pipeline.keep_safe()
    return None


def _at_exit_of_worker(hook: Callable[[], None]) -> None:
    """Run *hook* when a process of multiprocessing or billiard (celery) ends, which it does without atexit's hooks."""
    for util in _worker_utilities():
        util.Finalize(None, hook, exitpriority=10)


def _worker_utilities() -> list[Any]:
    loaded = (sys.modules.get(name) for name in ("multiprocessing.util", "billiard.util"))
    return [util for util in loaded if util is not None]


def _after_fork_in_child() -> None:
    global _choosing
    _choosing = threading.Lock()
    importing.after_fork_in_child()
    for pipeline in list(_pipelines):
        pipeline.after_fork_in_child()
    sigterm.after_fork_in_child()
    for util in _worker_utilities():  # their finalizers are cleared after this, before what is registered here runs
        util.register_after_fork(_at_exit, _at_exit_of_worker)
