"""Pipeline: one recorder, and for each process the ways out to the destinations."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..clock import monotonic
from ..config.resolve import Arguments, Resolved, resolve
from ..delivery.delivery import Delivery
from ..delivery.ending import Ending
from ..delivery.lane import Lane
from ..delivery.ledger import DeliveryReport
from ..delivery.threads import get_ident, start_new_thread
from ..destinations.destination import Destination
from ..destinations.targets.memory import MemoryTarget
from ..destinations.targets.scores import score_destination
from ..recording.captured import CapturedOperation
from ..recording.notice import warn_once
from ..recording.paused import Pauses
from ..recording.recorder import Recorder
from ..recording.sampling import SamplingRule
from ..recording.trace import trace, trace_into
from ..resource import resource_source
from ..safe_log import log
from . import process
from .counters import metrics_lane
from .spools import spool_of

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_logger = logging.getLogger("spancast")
SIGNAL_TIMEOUT = 3.0  # before a handler of the application gets its SIGTERM
_LONGEST = 31_536_000.0  # seconds: a year; locks wait no longer than some centuries
in_context: ContextVar[Pipeline | None] = ContextVar("spancast_pipeline", default=None)


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
            max_queue_bytes: The bound, in bytes, of what waits to be encoded, and of what waits for each destination; else
                `SPANCAST_MAX_QUEUE_BYTES`, else 64 MiB.
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

    @classmethod
    def of(cls, resolved: Resolved) -> Pipeline:
        """Return a pipeline of settings that are resolved already."""
        pipeline = cls.__new__(cls)
        pipeline._start(resolved)
        return pipeline

    @classmethod
    def disabled(cls, problem: str | None = None) -> Pipeline:
        """Return a pipeline that records nothing; *problem* says why, where that was not wished for."""
        return cls.of(Resolved(enabled=False, problems=(problem,) if problem else ()))

    def _start(self, resolved: Resolved) -> None:
        """Make the parts that *resolved* asks for."""
        _log_problems(resolved)
        self.enabled = resolved.enabled
        self._resolved = resolved
        rules = [
            SamplingRule(each.sampling_rate, each.name, not each.privacy_mode, each.keep_rules)
            for each in resolved.destinations
            if each.sends_spans
        ]
        self._counted = tuple([each for each in resolved.destinations if each.metrics is not None])
        state = resolved.state_folder
        pauses = Pauses(state / "paused" if state else None, resolved.service_name or "")
        self.recorder = Recorder(self._offer, rules, pauses, counted=bool(self._counted))
        self.recorder.redactors = tuple([each.redact for each in resolved.destinations if each.redact is not None])
        self._tokens: list[Token[Pipeline | None]] = []
        self._ending = Ending()
        self._deliveries = {os.getpid(): self._delivery_made()}
        if not resolved.destinations:
            return
        process.watch(self)
        if process.forks_without_hooks():
            self._delivery().encoder.warm_up(fully=True)  # here, not in a thread: a child would inherit half a module
        for index, lane in enumerate(self._lanes):
            target = lane.destination.target
            if isinstance(target, MemoryTarget):
                target.waits.append(_waiter(self, index))
            lane.start_replay()

    # ------------------------------------------------------------------ the process
    def _delivery_made(self, *, forked: bool = False) -> Delivery:
        resolved = self._resolved

        def lane(destination: Destination) -> Lane:
            return Lane(
                destination,
                resource_source(resolved.service_name, resolved.resource, destination.resource),
                max_bytes=resolved.max_queue_bytes,
                spool=spool_of(resolved.spool_folder, destination, resolved.max_spool_bytes),
            )

        sending = [each for each in resolved.destinations if each.sends_spans]
        own = [score_destination(each) for each in sending]
        scores = {index: lane(each) for index, each in enumerate(own) if each is not None}
        counters = [
            metrics_lane(each, resolved.service_name, resolved.resource, forked=forked) for each in self._counted
        ]
        lanes = [lane(each) for each in sending]
        return Delivery(lanes, resolved.max_queue_bytes, process.server_is_ending, counters, scores, self._ending)

    def _delivery(self) -> Delivery:
        """Return this process's ways out. One that was forked gets its own, whether or not a hook told us of the fork."""
        pid = os.getpid()
        return self._deliveries.get(pid) or self._adopted(pid)

    def _adopted(self, pid: int) -> Delivery:
        made = self._delivery_made(forked=True)
        if self.ended:  # it stays so; a thread that was at it belongs to the parent
            made.inbox.closed = True
            self._ending.complete = True
        delivery = self._deliveries.setdefault(pid, made)  # one step: two threads that come first get the same
        for other in [each for each in list(self._deliveries) if each != pid]:
            parents = self._deliveries.pop(other, None)
            if parents is not None:
                parents.abandon()
        return delivery

    def after_fork_in_child(self) -> None:
        """Start clean in a forked child; the parent keeps what was open and queued."""
        self.recorder.forget()
        self._delivery()

    @property
    def _lanes(self) -> tuple[Lane, ...]:
        return self._delivery().lanes

    # ------------------------------------------------------------------ what it is
    @property
    def destinations(self) -> tuple[Destination, ...]:
        """The destinations, in the order in which they were given."""
        return self._resolved.destinations

    @property
    def ended(self) -> bool:
        """Whether it was shut down."""
        return self._ending.has_begun

    @property
    def _records_nothing(self) -> bool:
        """Whether a setting that cannot be used has left it without destinations."""
        return bool(self._resolved.problems) and not self._resolved.destinations

    def _offer(self, captured: CapturedOperation) -> None:
        delivery = self._deliveries.get(os.getpid()) or self._delivery()
        delivery.offer(captured)

    def trace(self, name: object = None, /, **fields: object) -> trace:
        """Return `spancast.trace(...)` for this pipeline."""
        return trace_into(lambda: self.recorder, name, fields)

    # ------------------------------------------------------------------ flush and shutdown
    def flush(self, timeout: float = 5.0) -> bool:
        """Send what has ended so far, and what this process has on disk; return whether all of it has arrived.

        True only when it left within *timeout* seconds and nothing was rejected, dropped or left on disk since the flush
        before; else `report()` says why. Operations that are still open are not sent: they have not ended. Safe to call at
        any time, from any thread, a signal handler or a finalizer. While another thread shuts the pipeline down, it waits
        for that; after a shutdown it returns without waiting, False while spans of this process lie on disk.
        """
        delivery = self._delivery()
        complete = delivery.flush(_seconds(timeout, 5.0))
        if not complete:
            _log_hangs(delivery)
        return complete and not self._records_nothing

    def shutdown(self, timeout: float = process.EXIT_TIMEOUT) -> bool:
        """End what is open, send everything, and stop; return whether all of it has arrived within *timeout* seconds.

        What cannot be sent by then goes to disk, or is dropped, and is counted: then it returns False, as it does when
        something was rejected or dropped since the last flush. A second call waits for the first, does nothing, and returns
        what the first did.
        """
        timeout = _seconds(timeout, process.EXIT_TIMEOUT)
        deadline = monotonic() + timeout
        if self._delivery().is_own_thread(get_ident()):  # a finalizer in a spancast thread: it would wait for itself
            if not self.ended:
                start_new_thread(self.shutdown, (timeout,))
            return self._ending.complete is True
        if not self._ending.begin():
            self._ending.wait(deadline)  # who ends the process next must not overtake it
            return self._ending.complete is not False and not self._records_nothing
        try:
            try:
                self.recorder.close_all()
            finally:  # also after Ctrl-C
                delivery = self._delivery()
                complete = delivery.shutdown(deadline)
                if not complete:
                    _log_hangs(delivery)
        finally:  # only now: the process's exit waits for whoever shuts it down, and finds it in the list
            process.forget(self)
        return complete and not self._records_nothing

    def keep_safe(self, timeout: float = SIGNAL_TIMEOUT) -> bool:
        """Send what has ended so far, within *timeout* seconds; what is left then goes to disk. The pipeline goes on.

        For the moment before a process may be killed. Returns whether all of it has arrived.
        """
        return self._delivery().keep_safe(timeout)

    def report(self) -> DeliveryReport:
        """Return what happened to every span, per destination, and which settings could not be used."""
        delivery = self._delivery()
        problems = (*delivery.hangs(), *self._resolved.problems, *self._resolved.notes)
        return DeliveryReport(delivery.report(), problems, delivery.metrics_report())

    def __enter__(self) -> Pipeline:
        self._tokens.append(in_context.set(self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        token = self._tokens.pop()
        try:
            in_context.reset(token)
        except ValueError:  # left in another context than entered, as async generators do
            in_context.set(None)
        self.shutdown()

    def __repr__(self) -> str:
        """Name the destinations."""
        return f"<Pipeline {', '.join(map(repr, self.destinations)) or 'without destinations'}>"


def _log_problems(resolved: Resolved) -> None:
    """Log what could not be used; as an error when nothing is recorded for it."""
    problems = list(resolved.problems)
    if problems and not resolved.destinations:
        log(_logger.error, "spancast: nothing is recorded: %s", problems.pop(0))
    for problem in problems:
        warn_once(f"problem {problem}", "spancast: %s", problem)


def _log_hangs(delivery: Delivery) -> None:
    """Log once which function of the application's does not return: nothing else would say why nothing arrives."""
    for sentence in delivery.hangs():
        warn_once("hangs", "spancast: %s.", sentence)


def _waiter(pipeline: Pipeline, index: int) -> Callable[[], None]:
    """Return what waits until a lane has sent what was offered so far; it does not keep the pipeline alive."""
    reference = weakref.ref(pipeline)

    def wait() -> None:
        found = reference()
        if found is not None:
            delivery = found._delivery()
            delivery.wait(5.0, delivery.lanes[index : index + 1])

    return wait


def _seconds(timeout: object, default: float) -> float:
    """Return how long to wait: a number from 0 to `_LONGEST`; for what is no number the default, with one warning."""
    if issubclass(type(timeout), (int, float)):
        seconds = float.__float__(timeout) if issubclass(type(timeout), float) else int.__int__(timeout)  # type: ignore
        return float(min(seconds, _LONGEST)) if seconds > 0 else 0.0  # not a number: 0
    warn_once("timeout", "spancast: a timeout is no number of seconds: %g is used.", default)
    return default
