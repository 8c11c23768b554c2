"""What the application calls may be called at any line: in a signal handler, in a finalizer, inside of itself."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest

import spancast
from spancast import destinations
from spancast.delivery.delivery import Delivery
from spancast.delivery.inbox import Inbox, Marker
from spancast.delivery.threads import Tally, WakeUp
from spancast.destinations import MemoryDestination

from ..receivers.recording import Answer, recording_receiver
from .test_lane import captured


def test_a_wake_up_counts_once_and_never_blocks() -> None:
    """Set twice, it wakes once; without it, a wait ends by itself."""
    wake = WakeUp()
    assert not wake.wait(0.001)
    wake.set()
    wake.set()
    assert wake.wait(1.0)
    assert not wake.wait(0.001)


def test_a_tally_loses_nothing_between_threads() -> None:
    """Each step is one call in C."""
    tally = Tally()
    threads = [threading.Thread(target=lambda: [tally.add() for _ in range(5000)]) for _ in range(4)]  # type: ignore[func-returns-value]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 20_000 == tally.value


def test_an_inbox_is_bounded_in_bytes_and_takes_one_span_in_any_case() -> None:
    """What does not fit is refused and counted; what was claimed makes room again."""
    inbox = Inbox(100, len)
    assert [1, 2, 0] == [inbox.put("x" * 60), inbox.put("x" * 40), inbox.put("x")]
    assert (1, 2, 100) == (inbox.refused_full.value, inbox.waiting, inbox.bytes)
    assert 2 == len(inbox.claim(10))
    assert (2, 0) == (inbox.waiting, inbox.bytes)  # still in hand
    inbox.in_hand = 0
    assert [1, 0] == [inbox.put("x" * 5000), inbox.put("x")]
    inbox.closed = True
    inbox.put("x")
    assert (2, 1) == (inbox.refused_full.value, inbox.refused_late.value)


def test_a_marker_is_no_span() -> None:
    """It stands in the order, and hurries the encoder."""
    inbox = Inbox(100, len)
    inbox.put("x")
    inbox.mark(Marker(1.0))
    assert (1, 2, True) == (inbox.waiting, len(inbox.items), inbox.hurried)
    assert inbox.wait(60.0, 60.0, 60.0, lambda: False) is not None
    assert not inbox.hurried


class _Cycle:
    """Ends a span when the garbage collector finds it."""

    found = 0

    def __init__(self, pipeline: spancast.Pipeline) -> None:
        self.itself = self
        self.pipeline = pipeline

    def __del__(self) -> None:
        with self.pipeline.trace(trace_name="finalizer"):
            pass
        self.pipeline.report()
        _Cycle.found += 1


def test_spans_that_end_inside_a_garbage_collection_arrive(memory: MemoryDestination) -> None:
    """Collections run inside of `offer`, of the encoder and of the sender."""
    before = gc.get_threshold()
    gc.set_threshold(20, 5, 5)
    _Cycle.found = 0
    try:
        with spancast.Pipeline(memory) as pipeline:
            for _ in range(300):
                _Cycle(pipeline)
                with pipeline.trace(trace_name="other"):
                    pass
            for _ in range(1000):  # it does nothing where another thread collects
                if _Cycle.found == 300:
                    break
                gc.collect()
            assert pipeline.flush(30)
    finally:
        gc.set_threshold(*before)
    names = [span.name for span in memory.spans]
    assert (300, 300) == (names.count("finalizer"), names.count("other"))


class _Own:
    """Makes a span with a user of its own when the garbage collector finds it."""

    def __init__(self, pipeline: spancast.Pipeline) -> None:
        self.itself, self.pipeline = self, pipeline

    def __del__(self) -> None:
        with self.pipeline.trace(trace_name="finalizer", user="own"):
            pass


def test_a_finalizers_span_has_its_own_fields(memory: MemoryDestination) -> None:
    """Not those of the block in which the collection happens to run."""
    with spancast.Pipeline(memory) as pipeline, pipeline.trace(user="other", generation_name="other"):
        _Own(pipeline)
        gc.collect()
    (span,) = memory.spans
    assert ("finalizer", "own") == (span.name, span.attributes["user.id"])


FINALIZERS = """
import gc
from contextvars import ContextVar
import spancast
from spancast import destinations

class Cycle:
    def __init__(self, pipeline):
        self.itself, self.pipeline = self, pipeline

    def __del__(self):
        with self.pipeline.trace(trace_name="finalizer", user="u"):
            pass

memory = destinations.memory()
variables = [ContextVar(str(number), default=0) for number in range(40)]
for variable in variables:
    variable.set(1)
with spancast.Pipeline(memory) as pipeline:
    gc.set_threshold(7, 5, 5)
    for number in range(3000):
        Cycle(pipeline)
        for variable in variables[:6]:
            variable.set(number)
    gc.set_threshold(700, 10, 10)
print(len(memory.spans) > 1000)
"""


def test_a_finalizers_span_does_not_end_the_process() -> None:
    """The application sets context variables while a collection finds what ends a span."""
    done = subprocess.run([sys.executable, "-c", FINALIZERS], capture_output=True, text=True, timeout=120)
    assert (0, "True\n", "") == (done.returncode, done.stdout, done.stderr)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers")
def test_a_flush_in_a_signal_handler_returns(memory: MemoryDestination) -> None:
    """It interrupts the main thread inside of offers and flushes; nothing stands still, and everything arrives."""
    fired: list[bool] = []
    with spancast.Pipeline(memory) as pipeline:

        def handler(number: int, frame: Any) -> None:
            with pipeline.trace(trace_name="handler"):
                pass
            fired.append(pipeline.flush(30))

        former = signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
        try:
            count = 0
            while len(fired) < 5:
                with pipeline.trace(trace_name="main"):
                    count += 1
                pipeline.flush(30)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, former)
    names = [span.name for span in memory.spans]
    assert (set(fired), count, len(fired)) == ({True}, names.count("main"), names.count("handler"))


def test_two_flushes_at_once_do_not_disturb_each_other() -> None:
    """The first to give up does not slow the other: who waits is counted, not noted in one flag."""
    with recording_receiver() as receiver:
        receiver.answers = [Answer(503)]
        pipeline = spancast.Pipeline(destinations.otlp(receiver.url))
        with pipeline.trace(trace_name="a"):
            pass
        short: list[bool] = []
        other = threading.Thread(target=lambda: short.append(pipeline.flush(0.01)))
        other.start()
        assert pipeline.flush(60)
        other.join()
        assert [False] == short
        assert pipeline.shutdown(10)


def test_a_flush_that_is_interrupted_leaves_nothing_behind() -> None:
    """Ctrl-C while it waits: the exception passes, and the next flush works."""
    with recording_receiver() as receiver:
        receiver.answer = Answer(503)
        pipeline = spancast.Pipeline(destinations.otlp(receiver.url))
        with pipeline.trace(trace_name="a"):
            pass
        former = signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        try:
            with pytest.raises(KeyboardInterrupt):
                pipeline.flush(60)
        finally:
            signal.signal(signal.SIGALRM, former)
        receiver.answer = Answer()
        assert pipeline.flush(60)
        pipeline.shutdown(10)


@pytest.mark.parametrize("status", [401, 404, 415])
def test_a_flush_tells_that_something_was_refused_once(status: int) -> None:
    """False where spans were rejected since the flush before; the report says why; afterwards it is True again."""
    with recording_receiver() as receiver:
        receiver.answers = [Answer(status)]
        with spancast.Pipeline(destinations.otlp(receiver.url, name="d")) as pipeline:
            with spancast.trace(trace_name="a"):
                pass
            assert not pipeline.flush(30)
            assert f"HTTP {status}" in str(pipeline.report()["d"].last_error)
            with spancast.trace(trace_name="b"):
                pass
            assert pipeline.flush(30)


def test_a_shutdown_renders_only_what_fits_into_its_time() -> None:
    """Everything is counted, and nothing is translated after the deadline."""
    memory = destinations.memory()
    with spancast.Pipeline(memory) as pipeline:
        delivery: Delivery = pipeline._delivery()
        delivery.encoder.deadline = 0.0  # long ago
        delivery.offer(captured(1))
        delivery.wait(30.0)
        report = pipeline.report()["memory"]
    assert (1, {"shutdown deadline": 1}) == (report.dropped, report.reasons)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_fork_without_hooks_is_noticed_at_the_next_offer(tmp_path: Path) -> None:
    """As uWSGI forks: the child's spans arrive once, and the parent's are not sent by the child."""
    script = """
        import ctypes, os, sys, spancast
        from spancast import destinations
        os.register_at_fork = lambda **hooks: None
        pipeline = spancast.Pipeline(destinations.file(sys.argv[1]))
        for _ in range(3):
            with pipeline.trace(trace_name="parent"):
                pass
        child = os.fork()
        if not child:
            with pipeline.trace(trace_name="child"):
                pass
            os._exit(0 if pipeline.flush(20) and pipeline.report()["file"].recorded == 1 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert pipeline.shutdown(20)
    """
    path = tmp_path / "t.jsonl"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(script), str(path)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (0, "") == (done.returncode, done.stderr)
    text = path.read_text()
    assert (3, 1) == (text.count('"name":"parent"'), text.count('"name":"child"'))
