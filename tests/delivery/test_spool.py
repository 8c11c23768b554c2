"""The spool: what could not be delivered lies on disk, for its owner only, bounded, and is sent once."""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

import spancast
from spancast import destinations
from spancast.conventions import CONVENTIONS
from spancast.conventions.span import Span
from spancast.delivery import lane as lane_module
from spancast.delivery import spool as module
from spancast.delivery.circuit import Backoff
from spancast.delivery.identity import folder_of
from spancast.delivery.ledger import DestinationReport
from spancast.delivery.spool import Spool, SpoolFullError, lines_of, manifest_of
from spancast.otlp import json as otlp_json
from spancast.otlp import protobuf
from spancast.view.read import read_lines

from ..receivers.faulty import Faulty, answer, faulty_receiver, step
from ..receivers.recording import Answer, recording_receiver
from .test_lane import captured

RESOURCE = {"service.name": "shop"}
HANG = 60.0


def spans(*numbers: int, filler: str = "") -> list[Span]:
    """Return rendered spans."""
    return [CONVENTIONS["gen_ai"](captured(number, filler=filler).operation()) for number in numbers]


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """Return a spool."""
    return Spool(tmp_path / "spool" / "d", manifest={"name": "d", "url": "http://collector/v1/traces"})


def lines(*numbers: int, **settings: Any) -> list[bytes]:
    """Return lines of rendered spans."""
    return lines_of([otlp_json.encode_span(span) for span in spans(*numbers, **settings)], RESOURCE)


def put(spool: Spool, *numbers: int, **settings: Any) -> None:
    """Write spans."""
    spool.commit(spool.stage(lines(*numbers, **settings)))


def ids(spool: Spool) -> list[int]:
    """Return the ids of the spans on disk, in order."""
    return [span.span_id for file in spool.files() for _, group in spool.read(file).groups for span in group]


# ---------------------------------------------------------------- files
def test_what_is_written_is_read_back_the_same(spool: Spool) -> None:
    """Spans and resource survive, the oldest first."""
    put(spool, 1, 2)
    put(spool, 3)
    first, second = spool.files()
    assert (2, 1, spool.owner, spool.owner) == (first.count, second.count, first.owner, second.owner)
    contents = spool.read(first)
    ((resource, read),) = contents.groups
    assert (RESOURCE, 0) == (resource, contents.lost)
    assert [otlp_json.encode_span(span) for span in spans(1, 2)] == [otlp_json.encode_span(span) for span in read]
    assert [protobuf.encode_span(span) for span in spans(1, 2)] == [protobuf.encode_span(span) for span in read]


def test_files_are_their_owners_only(spool: Spool) -> None:
    """0600 in a folder of 0700: prompts may be inside."""
    put(spool, 1)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in spool.folder.iterdir()}
    assert ({0o600}, 0o700) == (modes, stat.S_IMODE(spool.folder.stat().st_mode))


def test_lines_are_otlp_json_lines(spool: Spool) -> None:
    """Each line is a whole request, as `spancast view` and the Collector's otlpjsonfile receiver read it."""
    put(spool, 1, 2)
    (file,) = spool.files()
    lines = file.path.read_bytes().splitlines()
    assert [1, 1] == [len(orjson.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"]) for line in lines]
    assert ["span 1", "span 2"] == [span.name for span in read_lines(file.path)]


def test_people_can_see_whose_spans_these_are(spool: Spool) -> None:
    """A note beside the files names the destination; one that is missing or torn is no fault."""
    put(spool, 1)
    assert {"name": "d", "url": "http://collector/v1/traces"} == manifest_of(spool.folder)
    (spool.folder / "destination.json").write_bytes(b"{")
    assert ({}, {}) == (manifest_of(spool.folder), manifest_of(spool.folder / "nowhere"))


def test_two_threads_that_write_first_at_once_lose_nothing(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker and the keeper, or whoever shuts down: both make the folder, and what is kept about it."""
    real, others = module.write_new, []  # type: ignore[var-annotated]

    def write(path: Path, data: bytes) -> None:
        real(path, data)
        if "destination.json" in path.name and not others:
            others.append(threading.Thread(target=lambda: spool.commit(spool.stage(lines(2)))))
            others[0].start()
            others[0].join(0.3)

    monkeypatch.setattr(module, "write_new", write)
    put(spool, 1)
    others[0].join(10)
    assert 2 == sum(file.count for file in spool.files())


def test_nobody_sees_half_a_file(spool: Spool) -> None:
    """Before `commit` there is no file; a discarded one never was; a left-over part is swept up after a while."""
    staged = spool.stage(lines(1))
    assert [] == spool.files()
    spool.discard(staged)
    left = spool.stage(lines(2)).part
    spool.remove_stale_parts()
    assert True is left.exists()
    os.utime(left, (time.time() - 7200, time.time() - 7200))
    spool.remove_stale_parts()
    assert (False, []) == (left.exists(), spool.files())


def test_who_sends_from_the_folder_tidies_it(spool: Spool) -> None:
    """What a killed writer left behind is gone once somebody has held the folder."""
    left = spool.stage(lines(1)).part
    os.utime(left, (time.time() - 7200, time.time() - 7200))
    with spool.try_lock() as alone:
        assert True is alone
    assert False is left.exists()


@pytest.mark.parametrize("torn", [b"", b"{", b'{"resourceSpans":[{"scope', b"\x00" * 40, b"[]", b'{"resourceSpans":3}'])
def test_a_torn_line_is_skipped_and_counted(spool: Spool, torn: bytes) -> None:
    """The name of a file says how many spans it had: what is missing is known."""
    put(spool, 1, 2, 3)
    (file,) = spool.files()
    first, _, last = file.path.read_bytes().splitlines()
    file.path.write_bytes(b"\n".join([first, torn, last]) + b"\n")
    contents = spool.read(file)
    assert (1, [1, 3]) == (contents.lost, ids(spool))


def test_a_file_that_was_cut_off_costs_what_was_cut(spool: Spool) -> None:
    """A machine that lost power may leave the beginning of a file, or nothing of it."""
    put(spool, 1, 2, 3)
    (file,) = spool.files()
    whole = file.path.read_bytes()
    file.path.write_bytes(whole[: len(whole) // 2])
    assert (2, [1]) == (spool.read(file).lost, ids(spool))
    file.path.write_bytes(b"")
    assert 3 == spool.read(file).lost


def test_small_files_of_one_process_are_joined(spool: Spool) -> None:
    """A long outage with few spans is not one file a batch."""
    for number in range(1, 30):
        put(spool, number)
        spool.merge_small()
    (file,) = spool.files()
    assert (29, list(range(1, 30))) == (file.count, ids(spool))


def test_a_file_costs_the_same_however_many_lie_there(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a long outage the folder's names are not read through once more with each file that is written."""
    listed: list[object] = []
    real = os.listdir

    def counted(path: Path) -> list[str]:
        listed.append(path)
        return real(path)

    monkeypatch.setattr(os, "listdir", counted)
    for number in range(1, 5):
        put(spool, number)
        spool.merge_small()
    assert [] == listed


def test_files_are_not_joined_beyond_a_size_nor_while_another_sends(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Joining is never dear, and never in the way of who sends."""
    monkeypatch.setattr(module, "_MERGE_BELOW", 1500)
    for number in range(1, 9):
        put(spool, number)
        spool.merge_small()
    assert True is (max(file.path.stat().st_size for file in spool.files()) <= 1500)
    before = len(spool.files())
    with Spool(spool.folder).try_lock() as alone:
        put(spool, 9)
        spool.merge_small()
        assert (True, before + 1) == (alone, len(spool.files()))
    assert list(range(1, 10)) == ids(spool)


def test_what_remains_of_a_file_keeps_its_place_and_owner(spool: Spool) -> None:
    """After a half sent file the rest is still the oldest, and still its process's."""
    put(spool, 1, 2, 3)
    put(spool, 4)
    first, _ = spool.files()
    kept = Spool(spool.folder).rewrite(first, [(RESOURCE, spans(2))])
    assert ([2, 4], 1, spool.owner) == (ids(spool), kept.count, kept.owner)


# ---------------------------------------------------------------- bounds
def test_the_spool_is_bounded_in_bytes(tmp_path: Path) -> None:
    """What is beyond is refused; what lies there stays."""
    spool = Spool(tmp_path, max_bytes=1000)
    put(spool, 1)
    with pytest.raises(SpoolFullError):
        put(spool, 2, filler="x" * 1000)
    assert [1] == ids(spool)


def test_files_beyond_the_age_are_known(tmp_path: Path) -> None:
    """After a week by default."""
    spool = Spool(tmp_path, max_age=0.0)
    put(spool, 1)
    assert (1, 0) == (len(spool.too_old(spool.files())), len(Spool(tmp_path).too_old(spool.files())))


@pytest.mark.parametrize("days", [-400, 30, 4000])
def test_a_clock_that_jumps_deletes_nothing(spool: Spool, days: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a process runs, a jump of the clock is noticed: nothing is taken for old."""
    put(spool, 1)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + days * 86400)
    put(spool, 2)
    assert [] == spool.too_old(spool.files())


def test_one_at_a_time_sends(spool: Spool) -> None:
    """Whoever holds the folder's lock; a folder that is not there is held by nobody."""
    with spool.try_lock() as nobody:
        assert False is nobody
    put(spool, 1)
    other = Spool(spool.folder)
    with spool.try_lock() as first, other.try_lock() as second:
        assert (True, False) == (first, second)
    with other.try_lock() as again:
        assert True is again


# ---------------------------------------------------------------- whose spans go where
def test_each_destination_has_a_folder_of_its_own(tmp_path: Path) -> None:
    """Another name, URL, key or privacy mode is another place: nobody gets what was meant for somebody else."""
    make: Callable[..., Any] = destinations.otlp
    url = "http://collector:4318/v1/traces"
    different = [
        make(url),
        make(url, name="audit"),
        make(url + "/2"),
        make(url, privacy_mode=True),
        make(url, headers={"Authorization": "Bearer one"}),
        make(url, headers={"Authorization": "Bearer two"}),
        make(url, headers=lambda: {"Authorization": "Bearer one"}),
    ]
    folders = [folder_of(tmp_path, each) for each in different]
    assert len(different) == len(set(folders))
    assert folder_of(tmp_path, make(url, headers={"authorization": "Bearer one"})) == folders[4]
    assert not any("Bearer" in str(folder) or "one" in str(folder) for folder in folders)


def test_only_http_destinations_have_one(tmp_path: Path) -> None:
    """Memory, console and file are where they are."""
    assert [None] * 3 == [
        folder_of(tmp_path, each)
        for each in (destinations.memory(), destinations.console(), destinations.file(tmp_path / "t.jsonl"))
    ]


@pytest.mark.parametrize("off", ["argument", "off", "false", "0", "no", "state"])
def test_it_is_off_with_one_setting(off: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`spool=False`, `SPANCAST_SPOOL=off`, or no state folder: nothing is written."""
    monkeypatch.setenv("SPANCAST_STATE_DIR", "" if off == "state" else str(tmp_path))
    if off not in ("argument", "state"):
        monkeypatch.setenv("SPANCAST_SPOOL", off.upper())
    report = dead(spool=False if off == "argument" else None)
    assert (1, 0, False) == (report.dropped, report.spooled, (tmp_path / "spool").exists())


@pytest.mark.parametrize("by", ["argument", "environment"])
def test_its_folder_can_be_chosen(by: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """For containers with one writable volume."""
    chosen = tmp_path / "volume"
    if by == "environment":
        monkeypatch.setenv("SPANCAST_SPOOL", str(chosen))
    assert 1 == dead(spool=chosen if by == "argument" else None).spooled
    assert 1 == len(list(chosen.glob("d-*/*.jsonl")))


@pytest.mark.parametrize("wrong", [3, "", b"x"])
def test_a_setting_that_is_no_folder_is_refused(wrong: Any) -> None:
    """The message says what would be right."""
    with pytest.raises(spancast.SettingsError, match="give True, False, or a folder"):
        spancast.Pipeline(destinations.memory(), spool=wrong)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """Said when it is set, not when it is needed."""
    (tmp_path / "file").touch()
    with pytest.raises(spancast.SettingsError, match="is a file: give a folder"):
        spancast.Pipeline(destinations.memory(), spool=tmp_path / "file")


# ---------------------------------------------------------------- the disk fails
def closed_port() -> str:
    """Return a URL where nothing listens."""
    with recording_receiver() as receiver:
        return receiver.url


def dead(count: int = 1, **settings: Any) -> DestinationReport:
    """Record spans for a destination that is not there, and end; return its report."""
    with spancast.Pipeline(destinations.otlp(closed_port(), name="d"), **settings) as pipeline:
        for _ in range(count):
            with spancast.trace(trace_name="a"):
                pass
        pipeline.shutdown(0.4)
    return pipeline.report()["d"]


def test_a_full_disk_is_counted_and_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The spans are dropped with the disk's own words, and no half file stays."""
    write = os.write

    def full(handle: int, data: Any) -> int:
        if len(data) > 200:
            return write(handle, bytes(data)[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module.os, "write", full)
    report = dead(spool=tmp_path / "full")
    assert (1, {"spool: No space left on device": 1}) == (report.dropped, report.reasons)
    assert "spans that could not be sent cannot be kept on disk either: No space left on device" == report.last_error
    assert [] == list((tmp_path / "full").glob("*/*.jsonl"))


def test_a_folder_that_cannot_be_made_is_counted(tmp_path: Path) -> None:
    """A file stands where the folder belongs: the application never notices, the ledger does."""
    (tmp_path / "file").touch()
    report = dead(spool=tmp_path / "file" / "deeper")
    assert (1, 1) == (report.recorded, report.dropped)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="rights do not bind root")
def test_a_folder_that_is_read_only_is_counted(tmp_path: Path) -> None:
    """As every other disk that refuses."""
    tmp_path.chmod(0o500)
    report = dead(spool=tmp_path / "spool")
    tmp_path.chmod(0o700)
    assert (1, {"spool: Permission denied": 1}) == (report.dropped, report.reasons)


def test_a_full_spool_is_counted() -> None:
    """The bound is kept; the rest is dropped, and the reason says so."""
    report = dead(20, max_spool_bytes=1000)
    assert (20, 20, {"spool full": 20}) == (report.recorded, report.dropped, report.reasons)


# ---------------------------------------------------------------- what a lane does with it
@pytest.fixture(scope="module")
def process() -> Iterator[Faulty]:
    """A faulty receiver for this module."""
    with faulty_receiver() as running:
        yield running


def record(count: int, pipeline: spancast.Pipeline, **fields: Any) -> None:
    """Record *count* traces of one span."""
    for number in range(count):
        with pipeline.trace(trace_name=f"t{number}", **fields):
            pass


def wait_for(pipeline: spancast.Pipeline, done: Callable[[DestinationReport], bool]) -> DestinationReport:
    """Wait until a report is as wanted."""
    until = time.monotonic() + HANG
    while not done(pipeline.report()["d"]) and time.monotonic() < until:
        time.sleep(0.02)
    return pipeline.report()["d"]


def test_privacy_is_kept_on_disk(tmp_path: Path) -> None:
    """What lies there went through privacy and convention already."""
    with spancast.Pipeline(destinations.otlp(closed_port(), name="d", privacy_mode=True), spool=tmp_path) as pipeline:
        with spancast.trace(trace_name="t", session_id="s"):
            pass
        pipeline._delivery().offer(captured(5, filler="a secret"))
        pipeline.shutdown(1.0)
    (path,) = tmp_path.glob("*/*.jsonl")
    text = path.read_text()
    assert (True, False, 2) == ("session.id" in text, "secret" in text, text.count("\n"))


@pytest.mark.parametrize("protocol", ["http/json", "http/protobuf"])
def test_a_replay_sends_the_same_ids_with_the_resource_of_who_recorded(process: Faulty, protocol: Any) -> None:
    """In the destination's own encoding, under the service name of the process that recorded."""
    with recording_receiver() as receiver:
        target = destinations.otlp(receiver.url, name="d", protocol=protocol)
        first = spancast.Pipeline(target, service_name="first")
        receiver.answer.status = 503
        record(3, first)
        first.shutdown(0.5)
        assert 3 == first.report()["d"].spooled
        failed = len(receiver.requests)
        receiver.answer.status = 200
        with spancast.Pipeline(target, service_name="second") as second:
            report = wait_for(second, lambda report: report.replayed == 3)
        assert (0, 3) == (report.recorded, report.replayed)
        (request,) = receiver.requests[failed:]
        assert receiver.requests[0].raw == request.raw
        assert b"first" in request.raw


def test_a_full_queue_goes_to_disk_and_nobody_waits(process: Faulty, tmp_path: Path) -> None:
    """The keeper carries spans away while the worker is stuck; they are delivered afterwards, each once."""
    before = len(process.seen().arrived)
    process.plan(step("hang_after"))
    target = destinations.otlp(process.url, name="d", timeout=2.0)
    with spancast.Pipeline(target, max_queue_bytes=30_000, spool=tmp_path) as pipeline:
        for _ in range(40):
            record(10, pipeline)
            time.sleep(0.02)
        report = pipeline.report()["d"]
        assert True is (report.spooled > 100)
        process.plan()
        assert True is pipeline.flush(HANG)
        report = pipeline.report()["d"]
    arrived = process.seen().arrived[before:]
    assert (400, 400, report.delivered) == (report.recorded, report.delivered + report.dropped, len(set(arrived)))
    assert len(arrived) == len(set(arrived))


def test_a_torn_line_is_in_the_ledger_of_its_process(
    process: Faulty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spooled spans that can no longer be read are dropped, with that reason; the others arrive."""
    monkeypatch.setattr(
        lane_module, "Backoff", lambda: Backoff(initial_interval=60.0, max_interval=60.0, max_elapsed_time=0.1)
    )
    process.plan(then=answer(503))
    with spancast.Pipeline(destinations.otlp(process.url, name="d"), spool=tmp_path) as pipeline:
        record(5, pipeline)
        wait_for(pipeline, lambda report: report.spooled == 5)
        for path in tmp_path.glob("*/*.jsonl"):
            path.write_bytes(path.read_bytes().replace(b'"name":"t2"', b'"name":"t2', 1))
        process.plan()
        assert False is pipeline.flush(HANG)  # one was lost
    report = pipeline.report()["d"]
    assert (5, 4, 0, 1) == (report.recorded, report.delivered, report.spooled, report.dropped)
    assert 1 == report.reasons["torn line on disk"]


def test_spans_that_the_receiver_refuses_later_are_rejected(
    process: Faulty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A replay ends in the same columns as a first try."""
    monkeypatch.setattr(
        lane_module, "Backoff", lambda: Backoff(initial_interval=0.02, max_interval=0.05, max_elapsed_time=0.1)
    )
    process.plan(then=answer(503))
    with spancast.Pipeline(destinations.otlp(process.url, name="d"), spool=tmp_path) as pipeline:
        record(3, pipeline)
        wait_for(pipeline, lambda report: report.spooled == 3)
        process.plan(then=answer(401))
        pipeline.flush(HANG)
    report = pipeline.report()["d"]
    assert (3, 3, 3) == (report.recorded, report.rejected, report.reasons["HTTP 401"])
    assert [] == list(tmp_path.glob("*/*.jsonl"))


def test_what_another_process_sends_is_no_longer_waited_for(
    process: Faulty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its spans stay in the column spooled here and are the other's replayed; a flush knows that they are out."""
    monkeypatch.setattr(
        lane_module, "Backoff", lambda: Backoff(initial_interval=0.02, max_interval=60.0, max_elapsed_time=0.1)
    )
    process.plan(then=answer(429, Retry_After="3600"))
    target = destinations.otlp(process.url, name="d")
    with spancast.Pipeline(target, spool=tmp_path) as first:
        record(3, first)
        wait_for(first, lambda report: report.spooled == 3)
        process.plan()
        with spancast.Pipeline(target, spool=tmp_path) as second:
            wait_for(second, lambda report: report.replayed == 3)
        assert (True, 3) == (first.flush(HANG), first.report()["d"].spooled)
        assert True is first.shutdown()


def test_what_is_too_old_is_deleted_and_said(process: Faulty, tmp_path: Path) -> None:
    """Spans of former processes that nobody could send for a week."""
    process.plan()
    target = destinations.otlp(process.url, name="d")
    folder = folder_of(tmp_path, target)
    assert folder is not None
    put(Spool(folder), 1, 2)
    (path,) = folder.glob("*.jsonl")
    path.rename(folder / path.name.replace(path.name[:20], "0" * 20))
    with spancast.Pipeline(target, spool=tmp_path) as pipeline:
        wait_for(pipeline, lambda report: report.last_error is not None)
    assert "2 spans that lay on disk were too old and were deleted" == pipeline.report()["d"].last_error
    assert [] == list(folder.glob("*.jsonl"))


def test_pipelines_of_one_process_share_a_folder_without_confusion(process: Faulty, tmp_path: Path) -> None:
    """Four pipelines to one place, in and out of an outage: every span arrives once, every ledger is its own."""
    before = len(process.seen().arrived)
    process.plan(then=answer(503))
    pipelines = [spancast.Pipeline(destinations.otlp(process.url, name="d"), spool=tmp_path) for _ in range(4)]
    threads = [threading.Thread(target=record, args=(50, pipeline)) for pipeline in pipelines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ends = [threading.Thread(target=pipeline.shutdown, args=(0.5,)) for pipeline in pipelines]
    for end in ends:
        end.start()
    for end in ends:
        end.join()
    assert [50] * 4 == [pipeline.report()["d"].spooled for pipeline in pipelines]
    process.plan()
    again = [spancast.Pipeline(destinations.otlp(process.url, name="d"), spool=tmp_path) for _ in range(4)]
    until = time.monotonic() + HANG
    while sum(each.report()["d"].replayed for each in again) < 200 and time.monotonic() < until:
        time.sleep(0.02)
    for each in again:
        each.shutdown()
    arrived = process.seen().arrived[before:]
    assert (200, 200) == (len(arrived), len(set(arrived)))


@pytest.mark.skipif(os.name != "posix", reason="FIFOs and links")
@pytest.mark.parametrize("hostile", ["fifo", "link", "folder"])
def test_what_is_no_file_of_ours_in_the_folder_holds_nothing_up(process: Faulty, tmp_path: Path, hostile: str) -> None:
    """A FIFO, a link to a device, a folder with such a name: live spans arrive, and nothing is read from there."""
    process.plan()
    target = destinations.otlp(process.url, name="d")
    folder = folder_of(tmp_path, target)
    assert folder is not None
    folder.mkdir(mode=0o700)
    path = folder / f"{time.time_ns():020d}-1-00000000-1-1.jsonl"
    {"fifo": os.mkfifo, "link": lambda path: path.symlink_to("/dev/zero"), "folder": Path.mkdir}[hostile](path)
    with spancast.Pipeline(target, spool=tmp_path) as pipeline:
        record(3, pipeline)
        assert pipeline.flush(HANG)
        assert (3, 0) == (pipeline.report()["d"].delivered, pipeline.report()["d"].replayed)


@pytest.mark.parametrize("protocol", ["http/json", "http/protobuf"])
@pytest.mark.parametrize(
    "change",
    [
        {"traceId": "f" * 40},
        {"spanId": "-1"},
        {"kind": 99},
        {"status": {"code": 7}},
        {"events": 5},
        {"startTimeUnixNano": "9" * 5000},
        {"name": None},
        {"attributes": [{"key": None, "value": {"stringValue": "x"}}]},
        {"attributes": [{"key": "a", "value": {"stringValue": [[1]]}}]},
    ],
    ids=str,
)
def test_a_line_that_is_no_possible_span_costs_itself(
    process: Faulty, tmp_path: Path, change: dict[str, Any], protocol: Any
) -> None:
    """Bits flip, and others may write there: its neighbours arrive, in both encodings, and the file is gone."""
    process.plan()
    before = len(process.seen().arrived)
    target = destinations.otlp(process.url, name="d", protocol=protocol)
    folder = folder_of(tmp_path, target)
    assert folder is not None
    put(Spool(folder), 1, 2, 3)
    (path,) = folder.glob("*.jsonl")
    first, middle, last = path.read_bytes().splitlines()
    poisoned = orjson.loads(middle)
    poisoned["resourceSpans"][0]["scopeSpans"][0]["spans"][0].update(change)
    path.write_bytes(b"\n".join([first, orjson.dumps(poisoned), last]) + b"\n")
    with spancast.Pipeline(target, spool=tmp_path) as pipeline:
        assert 2 == wait_for(pipeline, lambda report: report.replayed == 2).replayed
    assert (2, []) == (len(process.seen().arrived) - before, list(folder.glob("*.jsonl")))


def test_a_file_that_always_fails_steps_aside(tmp_path: Path) -> None:
    """One batch breaks the connection each time: the files after it are sent all the same."""
    with recording_receiver() as receiver:
        target = destinations.otlp(receiver.url, name="d", timeout=2.0)
        folder = folder_of(tmp_path, target)
        assert folder is not None
        writer = Spool(folder)
        put(writer, 1)
        put(writer, 2)
        put(writer, 3)
        receiver.answers = [Answer(503)] * 3
        with spancast.Pipeline(target, spool=tmp_path) as pipeline:
            assert 3 == wait_for(pipeline, lambda report: report.replayed == 3).replayed
