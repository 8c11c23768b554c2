"""The pipeline: from `configure` to the end of the process."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

import spancast
from spancast import configured, destinations
from spancast.config import sources
from spancast.config.resolve import resolve
from spancast.destinations import MemoryDestination, SettingsError
from spancast.recording.sampling import SamplingRule
from spancast.runtime import default as module
from spancast.runtime.pipeline import in_context

from .receivers.recording import Answer, recording_receiver


@pytest.fixture(autouse=True)
def _no_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin without a default pipeline, in an empty folder; end what the test made its default."""
    monkeypatch.setattr(module, "_default", None)
    monkeypatch.chdir(tmp_path)
    for name in ("SPANCAST_PRIVACY_MODE", "SPANCAST_SAMPLING_RATE", "SPANCAST_FILE", "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    yield
    if module._default is not None:
        module._default.shutdown()


def names(memory: MemoryDestination) -> list[str]:
    """Return the names of the spans that arrived."""
    return [span.name for span in memory.spans]


def run(script: str, *arguments: str, code: int = 0, cwd: Path | None = None) -> tuple[str, str]:
    """Run *script* in a new interpreter; return what it printed and what it logged."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=cwd,
    )
    assert code == done.returncode, done.stderr
    return done.stdout, done.stderr


def names_in(path: Path) -> list[str]:
    """Return the names of the spans in a file of OTLP JSON lines."""
    return [
        span["name"]
        for line in path.read_bytes().splitlines()
        for resource in orjson.loads(line)["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ]


# ---------------------------------------------------------------- configure
def test_configure_sets_and_returns_the_default(memory: MemoryDestination) -> None:
    """Everything without a pipeline of its own records into it."""
    pipeline = spancast.configure(memory)
    with spancast.trace(trace_name="a"):
        pass
    assert True is spancast.flush()
    assert (["a"], 1) == (names(memory), spancast.report()["memory"].delivered)
    assert pipeline is module.in_use()


def test_a_second_configure_shuts_the_former_down(memory: MemoryDestination) -> None:
    """The former delivers what it holds and takes nothing more; the new one is the default."""
    former = spancast.configure(memory)
    with spancast.trace(trace_name="a"):
        pass
    other = destinations.memory()
    latter = spancast.configure(other)
    with spancast.trace(trace_name="b"):
        pass
    assert (["a"], ["b"]) == (names(memory), names(other))
    with former.trace(trace_name="late"):
        pass
    assert (1, 1) == (former.report()["memory"].delivered, former.report()["memory"].dropped)
    assert latter is module.in_use()


def test_a_configure_that_fails_leaves_the_former_in_use(memory: MemoryDestination) -> None:
    """A wrong setting is refused before anything is changed."""
    former = spancast.configure(memory)
    with pytest.raises(SettingsError):
        spancast.configure("http://collector:4318")  # type: ignore[arg-type]
    with spancast.trace(trace_name="a"):
        pass
    assert (former, ["a"]) == (module.in_use(), names(memory))


def test_without_destinations_the_environment_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    """`configure()` alone reads the environment."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    pipeline = spancast.configure()
    assert ["otlp"] == [destination.name for destination in pipeline.destinations]


def test_without_destinations_and_environment_spans_go_to_the_local_file(tmp_path: Path) -> None:
    """The embedded default needs no account and no server."""
    spancast.configure()
    with spancast.trace(trace_name="a"):
        pass
    assert True is spancast.shutdown()
    assert ["a"] == names_in(tmp_path / ".spancast" / "traces.jsonl")


@pytest.mark.parametrize("thing", ["https://collector/v1/traces", None, object(), destinations.otlp])
def test_what_is_no_destination_is_refused_with_a_sentence(thing: Any) -> None:
    """The message names the class and shows how it is done."""
    with pytest.raises(SettingsError) as caught:
        spancast.configure(thing)
    expected = (
        f"configure() was called with a {type(thing).__name__}: give it destinations, such as "
        "spancast.destinations.otlp('https://collector.example.com/v1/traces')."
    )
    assert expected == str(caught.value)


# ---------------------------------------------------------------- names
def test_destinations_of_one_preset_get_names_of_their_own() -> None:
    """A number is appended; a name that the user gave is kept and avoided."""
    given = (
        destinations.memory(),
        destinations.memory(),
        destinations.memory(name="memory-2"),
        destinations.console(),
        destinations.memory(),
    )
    with spancast.Pipeline(*given) as pipeline:
        with spancast.trace(trace_name="a"):
            pass
        assert ["memory", "memory-3", "memory-2", "console", "memory-4"] == [each.name for each in pipeline.report()]
    assert [["a"]] * 4 == [names(each) for each in given if isinstance(each, MemoryDestination)]
    assert ["memory", "memory", "memory-2", "console", "memory"] == [each.name for each in given]


def test_two_destinations_of_one_given_name_are_refused() -> None:
    """A report by name must be of one destination."""
    with pytest.raises(SettingsError, match="two destinations are named 'a': give each its own name="):
        spancast.Pipeline(destinations.memory(name="a"), destinations.memory(name="a"))


# ---------------------------------------------------------------- in use
def test_a_configure_during_the_first_look_at_the_environment_counts(
    memory: MemoryDestination, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one thread makes a pipeline of the environment's settings, `configure` may be called: it is not overwritten."""
    made = []

    def slow(*arguments: Any, **options: Any) -> Any:
        made.append(spancast.configure(memory))
        return resolve(*arguments, **options)

    monkeypatch.setattr(module, "resolve", slow)
    with spancast.trace(trace_name="First"):
        pass
    assert [module.in_use()] == made
    assert ["First"] == names(memory)


def test_a_worker_with_a_pickled_handler_reads_its_settings_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it makes the default file is decided by what was resolved, not by reading everything again."""
    monkeypatch.setattr(configured, "_elsewhere", True)
    monkeypatch.setattr(configured, "_here", False)
    reads: list[int] = []
    original = sources.read

    def counted(environ: Any) -> Any:
        reads.append(1)
        return original(environ)

    monkeypatch.setattr(sources, "read", counted)
    assert not module.in_use().enabled
    assert [1] == reads
    monkeypatch.setattr(module, "_default", None)
    monkeypatch.setenv("SPANCAST_FILE", str(tmp_path / "named.jsonl"))
    assert module.in_use().enabled


def test_pipelines_that_nobody_ends_are_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    """One for each request, never shut down, is threads without end: the log says so once."""
    made = [spancast.Pipeline(destinations.memory(), spool=False) for _ in range(60)]
    found = [each.message for each in caplog.records if "pipelines are running" in each.message]
    for each in made:
        each.shutdown()
    assert 1 == len(found)


def test_a_pipeline_is_in_use_inside_its_block(memory: MemoryDestination) -> None:
    """The block's pipeline comes before the default, blocks nest, and leaving one shuts it down."""
    outer, inner = destinations.memory(), destinations.memory()
    spancast.configure(memory)
    with spancast.Pipeline(outer):
        with spancast.trace(trace_name="outer"):
            pass
        with spancast.Pipeline(inner) as held:
            with spancast.trace(trace_name="inner"):
                pass
            assert (1, held) == (len(spancast.report()), module.in_use())
        with spancast.trace(trace_name="outer again"):
            pass
    with spancast.trace(trace_name="default"):
        pass
    assert (["outer", "outer again"], ["inner"], ["default"]) == (names(outer), names(inner), names(memory))


def test_a_pipeline_is_shut_down_when_its_block_raises(memory: MemoryDestination) -> None:
    """What was recorded arrives, and the exception goes on."""
    with pytest.raises(KeyError, match="no"), spancast.Pipeline(memory) as pipeline, spancast.trace(trace_name="a"):
        raise KeyError("no")
    assert (["a"], False) == (names(memory), pipeline is in_context.get())


def test_tasks_have_pipelines_of_their_own() -> None:
    """A block in one task is not in use in another."""

    async def tenant(name: str) -> list[str]:
        memory = destinations.memory()
        with spancast.Pipeline(memory):
            await asyncio.sleep(0.01)
            with spancast.trace(trace_name=name):
                await asyncio.sleep(0.01)
        return names(memory)

    async def both() -> list[list[str]]:
        return await asyncio.gather(tenant("a"), tenant("b"))  # type: ignore[return-value]

    assert [["a"], ["b"]] == asyncio.run(both())


def test_a_pipelines_own_trace_needs_no_block(memory: MemoryDestination) -> None:
    """`pipeline.trace(...)` records into that pipeline, whichever is in use."""
    spancast.configure(destinations.memory())
    pipeline = spancast.Pipeline(memory)
    with pipeline.trace(trace_name="a", session_id="s"):
        pass
    assert True is pipeline.shutdown()
    assert (["a"], "s") == (names(memory), memory.spans[0].attributes["session.id"])


def test_the_first_trace_makes_the_default_from_the_environment(tmp_path: Path) -> None:
    """Without `configure` the environment, or the local file, is used."""
    with spancast.trace(trace_name="a"):
        pass
    assert True is spancast.flush()
    assert ["a"] == names_in(tmp_path / ".spancast" / "traces.jsonl")


def test_threads_that_begin_at_once_share_one_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """The default is made once."""
    barrier = threading.Barrier(8)
    found = []

    def work() -> None:
        barrier.wait(10)
        found.append(module.in_use())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert (8, 1) == (len(found), len(set(found)))


def test_a_broken_environment_is_said_once_and_nothing_raises(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody called `configure`, so nobody can catch: the fault is logged, and every call works."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317")
    for _ in range(3):
        with spancast.trace(trace_name="a"), spancast.trace(session_id="s"):
            pass
    assert (False, 0, False) == (spancast.flush(), len(spancast.report()), spancast.shutdown())
    assert "problem: OTEL_EXPORTER_OTLP_ENDPOINT='http://127.0.0.1:4317'" in repr(spancast.report())
    (record,) = caplog.records
    assert logging.ERROR == record.levelno
    assert True is record.getMessage().startswith(
        "spancast: nothing is recorded: OTEL_EXPORTER_OTLP_ENDPOINT='http://127.0.0.1:4317' is the gRPC port 4317"
    )


def test_configure_raises_where_the_environment_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who calls `configure` is told."""
    monkeypatch.setenv("SPANCAST_SAMPLING_RATE", "2")
    with pytest.raises(SettingsError, match=r"SPANCAST_SAMPLING_RATE=2.0"):
        spancast.configure()


# ---------------------------------------------------------------- flush, shutdown, report
def test_flush_says_whether_all_is_out() -> None:
    """True when the queues are empty in time, False when a receiver does not answer."""
    with recording_receiver() as receiver:
        pipeline = spancast.configure(destinations.otlp(receiver.url))
        assert True is spancast.flush()
        with spancast.trace(trace_name="a"):
            pass
        assert True is spancast.flush(timeout=10)
        receiver.answer = Answer(delay=60)
        with spancast.trace(trace_name="b"):
            pass
        assert False is spancast.flush(timeout=0.2)
        assert False is spancast.shutdown(timeout=0.2)
    assert (2, 1, 1) == tuple(getattr(pipeline.report()["otlp"], name) for name in ("recorded", "delivered", "spooled"))


def test_an_open_operation_is_not_flushed_and_is_ended_by_shutdown(memory: MemoryDestination) -> None:
    """It has not ended; at shutdown it is sent as incomplete."""
    pipeline = spancast.Pipeline(memory)
    with pipeline.trace(trace_name="open"):
        assert True is pipeline.flush()
        assert [] == names(memory)
        assert True is pipeline.shutdown()
    (span,) = memory.spans
    assert ("open", "incomplete", "UNSET") == (span.name, span.attributes["spancast.ending"], span.status)


def test_a_second_shutdown_does_nothing(memory: MemoryDestination) -> None:
    """It returns True and changes no count."""
    pipeline = spancast.Pipeline(memory)
    with pipeline.trace(trace_name="a"):
        pass
    assert (True, True) == (pipeline.shutdown(), pipeline.shutdown())
    assert "memory: 1 delivered" == repr(pipeline.report())


def test_a_second_shutdown_waits_for_the_first() -> None:
    """Who ends the process after its own call does not cut short what another thread sends."""
    with recording_receiver() as receiver:
        receiver.answer = Answer(delay=0.5)
        pipeline = spancast.Pipeline(destinations.otlp(receiver.url))
        with pipeline.trace(trace_name="a"):
            pass
        first = threading.Thread(target=pipeline.shutdown, args=(30.0,))
        first.start()
        until = time.monotonic() + 30
        while not (pipeline.ended and receiver.requests) and time.monotonic() < until:
            time.sleep(0.005)
        assert (True, 1) == (pipeline.shutdown(30.0), pipeline.report()["otlp"].delivered)
        first.join()


def test_a_report_reads_as_one_line_a_destination() -> None:
    """The repr is for people: names, columns, and the last failure."""
    with recording_receiver() as receiver:
        receiver.answer = Answer(403)
        given = (destinations.memory(), destinations.otlp(receiver.url, name="audit"))
        with spancast.Pipeline(*given) as pipeline, spancast.trace(trace_name="a"):
            pass
    expected = (
        "memory: 1 delivered\n"
        "audit: 1 rejected (HTTP 403: the key has no right to write here; check key, space or dataset, and region)"
    )
    assert expected == repr(pipeline.report())


def test_a_pipelines_repr_names_its_destinations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which, where, and in which convention."""
    with spancast.Pipeline(destinations.memory(), destinations.console()) as pipeline:
        pass
    expected = "<Pipeline <Destination memory: memory (openinference)>, <Destination console: console (gen_ai)>>"
    assert expected == repr(pipeline)
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert "<Pipeline without destinations>" == repr(spancast.Pipeline(destinations.memory()))


# ---------------------------------------------------------------- sampling
def test_sampling_is_deterministic_by_session_and_counted(memory: MemoryDestination) -> None:
    """The same sessions are kept in every process; what is left out is counted."""
    sessions = [f"session {number}" for number in range(60)]
    sampled = destinations.memory(name="sampled", sampling_rate=0.3)
    with spancast.Pipeline(memory, sampled) as pipeline:
        for _ in range(2):
            for session in sessions:
                with spancast.trace(trace_name="t", session_id=session), spancast.trace(span_name="inner"):
                    pass
    rule = SamplingRule(0.3, "sampled")
    expected = [session for session in sessions if rule.keeps(session)]
    kept = [span.attributes["session.id"] for span in sampled.spans]
    assert dict.fromkeys(expected, 4) == {session: kept.count(session) for session in sorted(set(kept), key=kept.index)}
    everything, part = pipeline.report()
    assert (240, 240, 0) == (everything.recorded, everything.delivered, everything.sampled_out)
    assert (240, len(kept), 240 - len(kept)) == (part.recorded, part.delivered, part.sampled_out)
    assert True is (0 < len(expected) < 60)


def test_destinations_choose_their_sessions_independently() -> None:
    """Two destinations at one rate do not keep the same sessions."""
    one, two = (destinations.memory(name=name, sampling_rate=0.5) for name in ("one", "two"))
    with spancast.Pipeline(one, two):
        for number in range(100):
            with spancast.trace(trace_name="t", session_id=f"session {number}"):
                pass
    kept = [{span.attributes["session.id"] for span in each.spans} for each in (one, two)]
    assert (True, True) == (kept[0] != kept[1], bool(kept[0] & kept[1]))


def test_without_a_session_a_trace_is_in_or_out_as_a_whole() -> None:
    """No destination gets half a tree."""
    sampled = destinations.memory(sampling_rate=0.5)
    with spancast.Pipeline(sampled):
        for _ in range(60):
            with spancast.trace(trace_name="root"), spancast.trace(span_name="inner"):
                pass
    traces = [span.trace_id for span in sampled.spans]
    assert {2} == {traces.count(trace) for trace in traces}
    assert True is (0 < len(set(traces)) < 60)


# ---------------------------------------------------------------- the end of a process
@pytest.mark.parametrize(
    ("ending", "code"),
    [("", 0), ("sys.exit(3)", 3), ("raise RuntimeError('x')", 1), ("asyncio.run(asyncio.sleep(0))", 0)],
)
def test_a_process_that_ends_delivers(ending: str, code: int, tmp_path: Path) -> None:
    """Normal exit, `sys.exit` and an exception: nothing is lost, and an open operation is ended."""
    with recording_receiver() as receiver:
        run(
            f"""
            import asyncio, sys, spancast
            spancast.configure(spancast.destinations.otlp(sys.argv[1]), spancast.destinations.file("t.jsonl"))
            for _ in range(100):
                with spancast.trace(trace_name="a"):
                    pass
            block = spancast.trace(trace_name="open")
            block.__enter__()
            {ending}
            """,
            receiver.url,
            code=code,
            cwd=tmp_path,
        )
        arrived = [span["name"] for span in receiver.json_spans()]
    assert ["a"] * 100 + ["open"] == arrived == names_in(tmp_path / "t.jsonl")


def test_spans_that_end_while_the_process_ends_are_delivered(tmp_path: Path) -> None:
    """Hooks of the application that run at exit before ours may still record."""
    run(
        """
        import atexit, spancast
        spancast.configure(spancast.destinations.file("t.jsonl"))
        def last():
            with spancast.trace(trace_name="at exit"):
                pass
        atexit.register(last)
        """,
        cwd=tmp_path,
    )
    assert ["at exit"] == names_in(tmp_path / "t.jsonl")


def test_a_pipeline_that_nobody_holds_delivers_all_the_same(tmp_path: Path) -> None:
    """A pipeline made in a function and forgotten still has spans to send at exit."""
    run(
        """
        import gc, spancast
        def work():
            pipeline = spancast.Pipeline(spancast.destinations.file("t.jsonl"))
            with pipeline.trace(trace_name="a"):
                pass
        work()
        gc.collect()
        """,
        cwd=tmp_path,
    )
    assert ["a"] == names_in(tmp_path / "t.jsonl")


def test_a_process_ends_in_time_when_its_receiver_hangs() -> None:
    """The exit waits for a bounded time, and says what was left behind."""
    with recording_receiver() as receiver:
        receiver.answer = Answer(delay=120)
        _, said = run(
            """
            import sys, spancast
            from spancast.runtime import process
            process.EXIT_TIMEOUT = 0.5
            spancast.configure(spancast.destinations.otlp(sys.argv[1]))
            with spancast.trace(trace_name="a"):
                pass
            """,
            receiver.url,
        )
    assert True is ("1 span stays on disk, to be sent at the next start or by `spancast replay`" in said)


@pytest.mark.skipif("fork" not in __import__("multiprocessing").get_all_start_methods(), reason="no fork")
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_workers_of_multiprocessing_deliver_at_their_end(method: str, tmp_path: Path) -> None:
    """They end without the usual hooks of exit; what they recorded arrives, once, and the parent's too."""
    script = tmp_path / "workers.py"
    script.write_text(
        textwrap.dedent(
            """
            import multiprocessing, sys
            import spancast

            def work(number):
                if sys.argv[1] != "fork":
                    spancast.configure(spancast.destinations.file("t.jsonl"))
                with spancast.trace(trace_name=f"child {number}"):
                    pass

            if __name__ == "__main__":
                spancast.configure(spancast.destinations.file("t.jsonl"))
                with spancast.trace(trace_name="parent"):
                    pass
                context = multiprocessing.get_context(sys.argv[1])
                workers = [context.Process(target=work, args=(number,)) for number in range(2)]
                for worker in workers:
                    worker.start()
                for worker in workers:
                    worker.join()
                assert [0, 0] == [worker.exitcode for worker in workers]
            """
        )
    )
    done = subprocess.run(
        [sys.executable, str(script), method], capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    assert (0, "") == (done.returncode, done.stderr)
    assert ["child 0", "child 1", "parent"] == sorted(names_in(tmp_path / "t.jsonl"))


@pytest.mark.parametrize("timeout", [None, "5", float("nan"), float("inf"), -1, 10**400, 1e300])
def test_any_timeout_is_one(timeout: Any) -> None:
    """What is no number of seconds raises nothing: the default is used; no number is too large."""
    with spancast.Pipeline(destinations.memory()) as pipeline:
        assert isinstance(pipeline.flush(timeout), bool)
        assert isinstance(pipeline.shutdown(timeout), bool)
