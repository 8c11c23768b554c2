"""The destinations on this machine: file, console, memory."""

from __future__ import annotations

import errno
import io
import os
import stat
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import orjson
import pytest

import spancast
from spancast import destinations
from spancast.destinations.destination import Destination
from spancast.destinations.targets.file import FileExporter, FileTarget
from spancast.destinations.targets.memory import MemoryDestination, memory_span
from spancast.otlp.outcome import DELIVERED, Verdict
from spancast.record.operation import Failure, Kind, Link, Operation

TRACE, SPAN, PARENT = 0xABCDEF0123456789ABCDEF0123456789, 0x1122334455667788, 0x99AABBCCDDEEFF00


def record(*destinations: Destination, names: tuple[str, ...] = ("a",), **fields: Any) -> spancast.Pipeline:
    """Record a trace for each name and shut down."""
    with spancast.Pipeline(*destinations) as pipeline:
        for name in names:
            with spancast.trace(trace_name=name, **fields):
                pass
    return pipeline


def spans_of(path: Path) -> list[dict[str, Any]]:
    """Return all spans of a file in which each line is a whole TracesData object."""
    spans = []
    for line in path.read_bytes().splitlines():
        for resource in orjson.loads(line)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                spans.extend(scope["spans"])
    return spans


# ---------------------------------------------------------------- file
def test_a_file_holds_whole_traces_data_objects_one_a_line(tmp_path: Path) -> None:
    """Each line is `{"resourceSpans": [...]}` with resource, scope and spans, as the OTLP file exporter writes it."""
    path = tmp_path / "traces.jsonl"
    for names in (("a", "b"), ("c",)):
        assert 0 == record(destinations.file(path), names=names).report()["file"].queued
    lines = path.read_bytes().split(b"\n")
    assert (3, b"") == (len(lines), lines[-1])
    for line in lines[:-1]:
        (resource,) = orjson.loads(line)["resourceSpans"]
        assert {"resource", "scopeSpans"} == set(resource)
        assert ["spancast"] == [scope["scope"]["name"] for scope in resource["scopeSpans"]]
    assert ["a", "b", "c"] == [span["name"] for span in spans_of(path)]


def test_a_new_file_is_for_its_owner_only(tmp_path: Path) -> None:
    """Prompts may be inside: the mode is 0600 whatever the umask says."""
    before = os.umask(0)
    try:
        record(destinations.file(tmp_path / "t.jsonl"))
    finally:
        os.umask(before)
    assert 0o600 == stat.S_IMODE((tmp_path / "t.jsonl").stat().st_mode)


def test_missing_folders_are_made_and_a_text_path_is_taken(tmp_path: Path) -> None:
    """The path may be text, and its folders need not be there."""
    record(destinations.file(str(tmp_path / "deep" / "er" / "t.jsonl")))
    assert 1 == len(spans_of(tmp_path / "deep" / "er" / "t.jsonl"))


def test_a_path_is_fixed_when_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later change of the working folder does not move the file."""
    monkeypatch.chdir(tmp_path)
    destination = destinations.file("t.jsonl")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    record(destination)
    assert 1 == len(spans_of(tmp_path / "t.jsonl"))


def test_a_home_folder_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` is the user's home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert str(tmp_path / "t.jsonl") == destinations.file("~/t.jsonl").target.describe()


def test_several_processes_append_whole_lines(tmp_path: Path) -> None:
    """Processes that share a file never tear each other's lines, also with lines larger than a pipe's buffer."""
    path = tmp_path / "t.jsonl"
    script = textwrap.dedent(
        """
        import sys, spancast
        with spancast.Pipeline(spancast.destinations.file(sys.argv[1])) as pipeline:
            for batch in range(20):
                for _ in range(5):
                    with spancast.trace(trace_name="t", filler="x" * 5000):
                        pass
                assert pipeline.flush(20)
        """
    )
    running = [subprocess.Popen([sys.executable, "-c", script, str(path)]) for _ in range(4)]
    assert [0, 0, 0, 0] == [process.wait(60) for process in running]
    spans = spans_of(path)
    assert (400, 400) == (len(spans), len({span["spanId"] for span in spans}))


def test_a_write_that_fails_is_tried_again_later(tmp_path: Path) -> None:
    """A file that cannot be written now is a reason to wait; the message names file and reason."""
    (tmp_path / "folder").write_text("a file where a folder should be")
    exporter = FileExporter(FileTarget(tmp_path / "folder" / "t.jsonl"), dict)
    outcome = exporter.export([b"{}"], 1.0)
    assert (Verdict.RETRY, "file") == (outcome.verdict, outcome.reason)
    assert f"cannot write {tmp_path / 'folder' / 't.jsonl'}: " == outcome.message.removesuffix(
        os.strerror(errno.ENOTDIR)
    )


def test_a_line_cut_short_by_a_full_disk_does_not_take_the_next_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After half a line the batch is written again, on a line of its own."""
    path = tmp_path / "t.jsonl"
    exporter = FileExporter(FileTarget(path), dict)
    write, left = os.write, [10]

    def fails(handle: int, data: Any) -> int:
        if left == [10]:
            left[0] = 0
            return write(handle, bytes(data)[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", fails)
    first = exporter.export([b'{"spanId":"1"}'], 1.0)
    monkeypatch.setattr(os, "write", write)
    second = exporter.export([b'{"spanId":"1"}'], 1.0)
    third = exporter.export([b'{"spanId":"2"}'], 1.0)
    assert (Verdict.RETRY, DELIVERED, DELIVERED) == (first.verdict, second, third)
    torn, one, two = path.read_bytes().splitlines()
    assert 10 == len(torn)
    ids = [orjson.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["spanId"] for line in (one, two)]
    assert ["1", "2"] == ids


# ---------------------------------------------------------------- console
def test_the_console_prints_one_line_a_span() -> None:
    """Trace, kind, name, seconds, status: one line, also where name or message have several."""
    out = io.StringIO()
    with spancast.Pipeline(destinations.console(out)):
        with pytest.raises(ValueError), spancast.trace(trace_name="two\nlines"):
            raise ValueError("first\nsecond")
        with spancast.trace(trace_name="good") as handle:
            pass
    failed, good = out.getvalue().splitlines()
    assert True is ("two lines" in failed and failed.endswith("ERROR first second"))
    assert True is (good.startswith(f"[{handle.trace_id[:8]}] CHAIN     good  ") and good.endswith(" s ok"))


def test_the_console_prints_no_control_characters() -> None:
    """A name is a text from anywhere: an escape sequence in it would clear the screen or rename the window."""
    out = io.StringIO()
    with (
        spancast.Pipeline(destinations.console(out)),
        spancast.trace(trace_name="a\x1b[2J\x1b]0;b\x07\r\nc\u202ed\x9b"),
    ):
        pass
    assert True is out.getvalue().endswith(" s ok\n")
    assert [] == [character for character in out.getvalue()[:-1] if not character.isprintable()]


def test_the_console_is_standard_error_as_it_is_at_that_moment(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a stream the lines go to standard error, and nothing to standard output."""
    record(destinations.console(), names=("hello",))
    printed = capsys.readouterr()
    assert (True, "") == ("hello" in printed.err, printed.out)


def test_a_closed_console_rejects_and_never_raises() -> None:
    """Nobody reads any more: the spans are counted as rejected."""
    out = io.StringIO()
    out.close()
    report = record(destinations.console(out)).report()["console"]
    assert (1, {"console": 1}) == (report.rejected, report.reasons)


# ---------------------------------------------------------------- memory
def test_memory_waits_for_what_is_on_its_way(memory: MemoryDestination, pipeline: spancast.Pipeline) -> None:
    """`.spans` needs no flush: what has ended before is in it, in its order."""
    for index in range(20):
        with spancast.trace(trace_name=f"t{index}"):
            pass
        assert index + 1 == len(memory.spans)
    assert [f"t{index}" for index in range(20)] == [span.name for span in memory.spans]


def test_clear_forgets_what_was_and_what_is_on_its_way(memory: MemoryDestination, pipeline: spancast.Pipeline) -> None:
    """After `.clear()` only what ends later is there."""
    with spancast.trace(trace_name="before"):
        pass
    memory.clear()
    assert [] == memory.spans
    with spancast.trace(trace_name="after"):
        pass
    assert ["after"] == [span.name for span in memory.spans]


def test_spans_is_a_copy(memory: MemoryDestination, pipeline: spancast.Pipeline) -> None:
    """Changing the list that `.spans` returns changes nothing else."""
    with spancast.trace(trace_name="a"):
        pass
    memory.spans.clear()
    assert 1 == len(memory.spans)


def test_memory_keeps_its_spans_after_shutdown(memory: MemoryDestination) -> None:
    """Reading after the pipeline's end is the usual case in tests."""
    record(memory, names=("a", "b"))
    assert ["a", "b"] == [span.name for span in memory.spans]


def test_ids_are_hex_and_a_root_has_no_parent(memory: MemoryDestination, pipeline: spancast.Pipeline) -> None:
    """Ids have 32 and 16 digits; the parent's is None at the root."""
    with spancast.trace(trace_name="root") as outer, spancast.trace(span_name="inner"):
        pass
    inner, root = memory.spans
    assert (outer.trace_id, outer.span_id, None) == (root.trace_id, root.span_id, root.parent_span_id)
    assert (32, 16, root.span_id) == (len(inner.trace_id), len(inner.span_id), inner.parent_span_id)
    assert True is (root.start_ns <= inner.start_ns <= inner.end_ns <= root.end_ns)


@pytest.mark.parametrize(
    ("changes", "status", "code", "message"),
    [
        ({}, "OK", 1, ""),
        ({"failure": Failure(type="ValueError", message="bad")}, "ERROR", 2, "bad"),
        ({"ending": "cancelled"}, "UNSET", 0, ""),
    ],
)
def test_a_status_is_text_with_a_code_and_a_message(
    changes: dict[str, Any], status: str, code: int, message: str
) -> None:
    """It compares like its name, and holds OTLP's number and what was said."""
    operation = Operation(
        kind=Kind.TOOL, name="t", trace_id=TRACE, span_id=SPAN, parent_span_id=PARENT, start_ns=1, end_ns=2, **changes
    )
    span = memory_span(destinations.memory().render(operation))
    assert (status, code, message) == (span.status, span.status.code, span.status.message)
    assert (Kind.TOOL, "TOOL", 1) == (span.kind, span.kind, span.span_kind)
    assert (f"{TRACE:032x}", f"{SPAN:016x}", f"{PARENT:016x}") == (span.trace_id, span.span_id, span.parent_span_id)


def test_events_and_links_are_kept() -> None:
    """An exception is an event of OpenTelemetry's form; links have hex ids."""
    operation = Operation(
        kind=Kind.CHAIN,
        name="t",
        trace_id=TRACE,
        span_id=SPAN,
        start_ns=1,
        end_ns=2,
        failure=Failure(type="ValueError", message="bad"),
        links=(Link(trace_id=TRACE, span_id=PARENT, attributes={"why": "resumed"}),),
    )
    span = memory_span(destinations.memory().render(operation))
    (event,), (link,) = span.events, span.links
    assert ("exception", 2, {"exception.type": "ValueError", "exception.message": "bad"}) == (
        event.name,
        event.time_ns,
        event.attributes,
    )
    assert (f"{TRACE:032x}", f"{PARENT:016x}", {"why": "resumed"}) == (link.trace_id, link.span_id, link.attributes)


@pytest.mark.parametrize(
    ("convention", "name", "other"),
    [
        (None, "openinference.span.kind", "trace.metadata.dataset"),
        ("openinference", "openinference.span.kind", "trace.metadata.dataset"),
        ("gen_ai", "trace.metadata.dataset", "openinference.span.kind"),
    ],
)
def test_memory_takes_either_convention(convention: str | None, name: str, other: str) -> None:
    """OpenInference unless another is chosen."""
    memory = destinations.memory(convention=convention)
    record(memory, dataset="d")
    (span,) = memory.spans
    assert (True, False) == (name in span.attributes, other in span.attributes)


def test_one_memory_may_serve_two_pipelines() -> None:
    """Spans of both are waited for."""
    memory = destinations.memory()
    with spancast.Pipeline(memory), spancast.Pipeline(memory) as inner:
        with spancast.trace(trace_name="inner"):
            pass
        assert ["inner"] == [span.name for span in memory.spans]
        assert 1 == inner.report()["memory"].delivered
