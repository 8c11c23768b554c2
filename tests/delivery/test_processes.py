"""Processes: they fork, end, are ended and are killed, and every span is where the ledger says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import spancast
from spancast import destinations
from spancast.delivery.identity import folder_of
from spancast.delivery.spool import Spool
from spancast.recording import notice
from spancast.runtime import sigterm

from ..receivers.faulty import Faulty, answer, faulty_receiver, step

forking = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
HANG = 60.0
BEGIN = """
import os, signal, sys, threading, time
import spancast
from spancast import destinations

def record(name, count=1):
    for _ in range(count):
        with spancast.trace(trace_name=name):
            pass

def configure(**settings):
    return spancast.configure(destinations.otlp(sys.argv[1], name="d", timeout=2.0), **settings)

def say(text):
    os.write(1, (text + "\\n").encode())
"""


@pytest.fixture(scope="module")
def process() -> Iterator[Faulty]:
    """A receiver in a process of its own."""
    with faulty_receiver() as running:
        yield running


@pytest.fixture
def receiver(process: Faulty) -> Faulty:
    """The receiver, taking everything."""
    process.plan()
    return process


def start(script: str, *arguments: str, cwd: Path | None = None) -> subprocess.Popen[str]:
    """Start *script*, after `BEGIN`, in a new interpreter."""
    code = BEGIN + textwrap.dedent(script)
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd
    )


def run(script: str, *arguments: str, code: int = 0) -> list[str]:
    """Run *script* to its end; return the lines that it printed."""
    running = start(script, *arguments)
    out, err = running.communicate(timeout=HANG)
    assert code == running.returncode, err
    return out.splitlines()


class Arrivals:
    """What arrives from now on."""

    def __init__(self, receiver: Faulty) -> None:
        self.receiver = receiver
        self.before = len(receiver.seen().arrived)

    def now(self) -> list[str]:
        """Return the ids so far."""
        return self.receiver.seen().arrived[self.before :]

    def counts(self) -> tuple[int, int]:
        """Return how many spans arrived, and how many different ones."""
        arrived = self.now()
        return len(arrived), len(set(arrived))


def replayed(receiver: Faulty, count: int) -> spancast.Pipeline:
    """Start anew, as the next process would, until *count* spans came from the disk."""
    with spancast.Pipeline(destinations.otlp(receiver.url, name="d")) as pipeline:
        until = time.monotonic() + HANG
        while pipeline.report()["d"].replayed < count and time.monotonic() < until:
            time.sleep(0.02)
    return pipeline


def on_disk(receiver: Faulty) -> int:
    """Return how many spans wait in the spool of this test."""
    folder = folder_of(Path(os.environ["SPANCAST_STATE_DIR"]) / "spool", destinations.otlp(receiver.url, name="d"))
    assert folder is not None
    return sum(file.count for file in Spool(folder).files())


# ---------------------------------------------------------------- SIGTERM
@pytest.mark.skipif(os.name != "posix", reason="signals")
class TestSigterm:
    def test_without_a_handler_the_process_ends_as_it_would_have(self, receiver: Faulty) -> None:
        """Everything arrives, an open operation as well, and the exit status is the signal's."""
        arrivals = Arrivals(receiver)
        run(
            """
            configure(handle_sigterm=True)
            record("a", 100)
            with spancast.trace(trace_name="open"):
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(30)
            """,
            receiver.url,
            code=-signal.SIGTERM,
        )
        assert (101, 101) == arrivals.counts()

    @pytest.mark.parametrize(
        ("handler", "code", "printed"),
        [
            ("say('mine'); sys.exit(7)", 7, ["mine"]),
            ("say('mine'); os._exit(7)", 7, ["mine"]),
            ("say('mine'); ended.set()", 0, ["mine", "goes on"]),
        ],
    )
    def test_a_handler_that_is_there_gets_its_signal(
        self, receiver: Faulty, handler: str, code: int, printed: list[str]
    ) -> None:
        """After what was recorded so far is out; the pipeline is still open for what the handler lets happen."""
        arrivals = Arrivals(receiver)
        out = run(
            f"""
            ended = threading.Event()
            def mine(number, frame):
                record("in the handler")
                {handler}
            signal.signal(signal.SIGTERM, mine)
            configure(handle_sigterm=True)
            record("a", 20)
            os.kill(os.getpid(), signal.SIGTERM)
            while not ended.is_set():
                time.sleep(0.01)
            say("goes on")
            """,
            receiver.url,
            code=code,
        )
        assert (printed, (20, 20) if "_exit" in handler else (21, 21)) == (out, arrivals.counts())

    def test_a_process_at_its_end_sends_everything_and_ends_by_the_signal(self, receiver: Faulty) -> None:
        """Its exit and the signal shut the same pipeline down; neither cuts the other short."""
        receiver.plan(answer(503))  # the second try comes when the main thread is at its end
        arrivals = Arrivals(receiver)
        run(
            """
            configure(handle_sigterm=True)
            record("a", 20)
            signal.raise_signal(signal.SIGTERM)
            """,
            receiver.url,
            code=-signal.SIGTERM,
        )
        assert (20, 20) == arrivals.counts()

    def test_what_comes_after_the_signal_is_sent_before_its_handler_is_taken_away(self, receiver: Faulty) -> None:
        """As servers do: end the requests that are open, put the former handler back, and raise the signal again."""
        arrivals = Arrivals(receiver)
        run(
            """
            told = threading.Event()
            former = signal.signal(signal.SIGTERM, lambda number, frame: told.set())
            configure(handle_sigterm=True)
            signal.raise_signal(signal.SIGTERM)
            while not told.is_set():
                time.sleep(0.01)
            record("the last request", 20)
            signal.signal(signal.SIGTERM, former)
            signal.raise_signal(signal.SIGTERM)
            """,
            receiver.url,
            code=-signal.SIGTERM,
        )
        assert (20, 20) == arrivals.counts()

    def test_who_ignores_it_goes_on(self, receiver: Faulty) -> None:
        """SIG_IGN stays: nothing ends."""
        out = run(
            """
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            configure(handle_sigterm=True)
            record("a")
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.5)
            say("goes on")
            """,
            receiver.url,
        )
        assert ["goes on"] == out

    def test_a_signal_in_the_middle_of_recording_locks_nothing_up(self, receiver: Faulty) -> None:
        """The handler runs between any two instructions of the main thread; what was recorded by then arrives."""
        arrivals = Arrivals(receiver)
        for _ in range(2):
            running = start(
                """
                configure(handle_sigterm=True)
                record("first")
                say("ready")
                while True:
                    record("a")
                    time.sleep(0.0002)
                """,
                receiver.url,
            )
            assert running.stdout is not None
            assert "ready\n" == running.stdout.readline()
            time.sleep(0.1)
            running.send_signal(signal.SIGTERM)
            _, err = running.communicate(timeout=HANG)
            assert (-signal.SIGTERM, False) == (running.returncode, "Traceback" in err)
        count, different = arrivals.counts()
        assert (True, count) == (count >= 2, different)

    def test_a_dead_receiver_costs_a_bounded_time_and_the_spans_lie_on_disk(self, receiver: Faulty) -> None:
        """A supervisor that kills after a while finds the process ended and its spans kept."""
        receiver.plan(then=step("hang_after"))
        began = time.monotonic()
        run(
            """
            configure(handle_sigterm=True)
            record("a", 10)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(30)
            """,
            receiver.url,
            code=-signal.SIGTERM,
        )
        assert (True, 10) == (time.monotonic() - began < 20, on_disk(receiver))

    def test_without_the_setting_nothing_is_touched(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A library does not take signals unasked; and a value that is no flag is refused."""
        before = signal.getsignal(signal.SIGTERM)
        spancast.configure(destinations.memory())
        assert before is signal.getsignal(signal.SIGTERM)
        wrong: Any = "yes"
        with pytest.raises(spancast.SettingsError, match="handle_sigterm"):
            spancast.configure(destinations.memory(), handle_sigterm=wrong)
        spancast.shutdown()

    def test_outside_the_main_thread_it_is_said_and_left(
        self, receiver: Faulty, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Python allows it nowhere else: a warning, no exception."""
        import threading

        notice.forget()  # another test may have had the warning
        thread = threading.Thread(target=sigterm.install, args=(lambda ending: None,))
        thread.start()
        thread.join()
        assert True is ("handle_sigterm=True has no effect" in caplog.text)

    @forking
    def test_children_of_a_server_that_forks_secure_their_own(self, receiver: Faulty) -> None:
        """As gunicorn does: configured before the fork, each worker ended by SIGTERM with a handler of its own."""
        arrivals = Arrivals(receiver)
        run(
            """
            configure(handle_sigterm=True)
            record("parent")
            children = []
            for number in range(3):
                child = os.fork()
                if not child:
                    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
                    record("child", 10)
                    say("ready")
                    time.sleep(30)
                children.append(child)
            time.sleep(0.5)
            for child in children:
                os.kill(child, signal.SIGTERM)
            codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
            assert codes == [0, 0, 0], codes
            """,
            receiver.url,
        )
        assert (31, 31) == arrivals.counts()


# ---------------------------------------------------------------- killed
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL")
def test_kill_9_loses_at_most_what_was_not_yet_on_disk(receiver: Faulty) -> None:
    """In an outage the spans are on disk after a few seconds; the next process delivers them, each once."""
    receiver.plan(then=answer(503))
    running = start(
        """
        from spancast.delivery import lane
        lane.OUTAGE = 0.3
        pipeline = configure()
        for number in range(20):
            record("a", 10)
            time.sleep(0.05)
        while pipeline.report()["d"].spooled < 190:
            time.sleep(0.02)
        report = pipeline.report()["d"]
        say(f"{report.recorded} {report.spooled}")
        time.sleep(60)
        """,
        receiver.url,
    )
    assert running.stdout is not None
    recorded, spooled = map(int, running.stdout.readline().split())
    running.kill()
    running.communicate(timeout=HANG)
    assert (200, spooled) == (recorded, on_disk(receiver))
    receiver.plan()
    arrivals = Arrivals(receiver)
    pipeline = replayed(receiver, spooled)
    assert ((spooled, spooled), spooled, 0) == (arrivals.counts(), pipeline.report()["d"].replayed, on_disk(receiver))


def test_a_process_that_was_killed_while_sending_from_disk_leaves_the_rest(receiver: Faulty) -> None:
    """The lock ends with its process, and what was not acknowledged is sent by the next one."""
    receiver.plan(then=answer(503))
    run("configure(); record('a', 5)", receiver.url)
    assert 5 == on_disk(receiver)
    receiver.plan(then=step("hang_after"))
    tries = len(receiver.seen().tries)
    running = start("configure(); time.sleep(60)", receiver.url)
    until = time.monotonic() + HANG
    while len(receiver.seen().tries) == tries and time.monotonic() < until:
        time.sleep(0.02)
    running.kill()
    running.communicate(timeout=HANG)
    receiver.plan()
    arrivals = Arrivals(receiver)
    replayed(receiver, 5)
    assert ((5, 5), 0) == (arrivals.counts(), on_disk(receiver))


# ---------------------------------------------------------------- ends of processes
@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("raise RuntimeError('x')", 1),
        ("threading.Thread(target=record, args=['b']).start()", 0),
    ],
)
def test_a_process_that_ends_in_an_outage_leaves_its_spans_on_disk(receiver: Faulty, ending: str, code: int) -> None:
    """However it ends: the next start delivers them."""
    receiver.plan(then=answer(503))
    run(f"configure()\nrecord('a', 50)\n{ending}", receiver.url, code=code)
    count = 51 if "Thread" in ending else 50
    assert count == on_disk(receiver)
    receiver.plan()
    arrivals = Arrivals(receiver)
    replayed(receiver, count)
    assert ((count, count), 0) == (arrivals.counts(), on_disk(receiver))


def test_an_asyncio_program_delivers_at_its_end(receiver: Faulty) -> None:
    """Tasks that were cancelled on the way out are ended, and sent."""
    arrivals = Arrivals(receiver)
    run(
        """
        import asyncio
        configure()
        async def work():
            with spancast.trace(trace_name="task"):
                await asyncio.sleep(0)
        async def never():
            with spancast.trace(trace_name="cancelled"):
                await asyncio.sleep(60)
        async def main():
            left = asyncio.create_task(never())
            await asyncio.gather(*[work() for _ in range(20)])
        asyncio.run(main())
        """,
        receiver.url,
    )
    assert (21, 21) == arrivals.counts()


def test_the_end_of_an_invocation_needs_a_flush_only(receiver: Faulty) -> None:
    """Serverless: the process is frozen between two invocations; what was flushed is out."""
    arrivals = Arrivals(receiver)
    out = run(
        """
        configure()
        for number in range(3):
            record("invocation")
            say(str(spancast.flush(timeout=10)))
        os._exit(0)
        """,
        receiver.url,
    )
    assert (["True"] * 3, (3, 3)) == (out, arrivals.counts())


@forking
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_a_process_pool_deliver(receiver: Faulty, method: str, tmp_path: Path) -> None:
    """`ProcessPoolExecutor`: each worker's spans arrive once, and the parent's."""
    arrivals = Arrivals(receiver)
    script = tmp_path / "pool.py"
    script.write_text(
        BEGIN
        + textwrap.dedent(
            """
            import multiprocessing
            from concurrent.futures import ProcessPoolExecutor

            def work(number):
                if sys.argv[2] != "fork" and number < 0:
                    return 0
                record(f"work {number}")
                return os.getpid()

            def begin():
                if sys.argv[2] != "fork":
                    configure()

            if __name__ == "__main__":
                configure()
                record("parent")
                context = multiprocessing.get_context(sys.argv[2])
                with ProcessPoolExecutor(2, mp_context=context, initializer=begin) as pool:
                    assert len(list(pool.map(work, range(20)))) == 20
                record("parent")
            """
        )
    )
    done = subprocess.run(
        [sys.executable, str(script), receiver.url, method], capture_output=True, text=True, timeout=HANG
    )
    assert (0, "") == (done.returncode, done.stderr)
    assert (22, 22) == arrivals.counts()


@forking
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_process_that_imports_a_program_that_configures(receiver: Faulty, method: str, tmp_path: Path) -> None:
    """`configure` at the top of the program, which a child imports before it clears the finalizers: its span arrives."""
    arrivals = Arrivals(receiver)
    script = tmp_path / "process.py"
    script.write_text(
        BEGIN
        + textwrap.dedent(
            """
            import multiprocessing

            configure()

            def work():
                record("child")

            if __name__ == "__main__":
                child = multiprocessing.get_context(sys.argv[2]).Process(target=work)
                child.start()
                child.join()
            """
        )
    )
    done = subprocess.run(
        [sys.executable, str(script), receiver.url, method], capture_output=True, text=True, timeout=HANG
    )
    assert (0, "") == (done.returncode, done.stderr)
    assert (1, 1) == arrivals.counts()


@forking
def test_a_fork_in_an_outage_gives_each_side_its_own_spans(receiver: Faulty) -> None:
    """What is queued and what lies on disk stays the parent's; the child's ledger begins anew; all arrive once."""
    receiver.plan(then=answer(503))
    out = run(
        """
        from spancast.delivery import lane
        lane.OUTAGE = 0.2
        pipeline = configure()
        record("parent", 30)
        time.sleep(1.0)
        record("parent", 30)
        child = os.fork()
        if not child:
            record("child", 7)
        complete = pipeline.shutdown(1.0)
        report = pipeline.report()["d"]
        say(f"{'parent' if child else 'child'} {complete} {report.recorded} {report.spooled}")
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
        """,
        receiver.url,
    )
    assert ["child False 7 7", "parent False 60 60"] == sorted(out)
    receiver.plan()
    arrivals = Arrivals(receiver)
    replayed(receiver, 67)
    assert ((67, 67), 0) == (arrivals.counts(), on_disk(receiver))


def test_processes_that_start_at_once_send_what_lies_on_disk_once(receiver: Faulty) -> None:
    """Four workers find the same spool: one sends, no span arrives twice."""
    receiver.plan(then=answer(503))
    run("configure(); record('a', 300)", receiver.url)
    receiver.plan()
    arrivals = Arrivals(receiver)
    workers = [start("configure(); record('own', 5); time.sleep(1.5)", receiver.url) for _ in range(4)]
    for worker in workers:
        worker.communicate(timeout=HANG)
    assert ((320, 320), 0) == (arrivals.counts(), on_disk(receiver))


def test_hooks_of_billiard_are_used_as_those_of_multiprocessing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Celery's workers end by billiard's finalizers, which have the same form."""
    import types

    from spancast.runtime import process as module

    calls: list[Any] = []
    fake = types.ModuleType("billiard.util")
    fake.Finalize = lambda *arguments, **options: calls.append((arguments, options))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "billiard.util", fake)
    monkeypatch.delitem(sys.modules, "multiprocessing.util", raising=False)
    module._at_exit_of_worker(test_hooks_of_billiard_are_used_as_those_of_multiprocessing)
    assert [((None, test_hooks_of_billiard_are_used_as_those_of_multiprocessing), {"exitpriority": 10})] == calls


@pytest.mark.parametrize("waiting", ["flush", "shutdown"])
def test_ctrl_c_while_it_waits_loses_nothing(receiver: Faulty, waiting: str, tmp_path: Path) -> None:
    """The interrupt comes out of `flush` and `shutdown`; what the silent receiver has not taken is on disk at the end."""
    receiver.plan(then=step("hang_before"))
    script = f"""
        configure(spool={str(tmp_path)!r})
        record("a", 5)
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            spancast.{waiting}(30.0)
        except KeyboardInterrupt:
            say("interrupted")
        spancast.shutdown(1.0)
    """
    assert ["interrupted"] == run(script, receiver.url)
    assert 5 == sum(file.count for folder in tmp_path.iterdir() for file in Spool(folder).files())
