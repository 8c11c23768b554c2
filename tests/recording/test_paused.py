"""Where conversations paused: in memory for the callbacks, in files for other processes, answered once."""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from spancast.recording import paused
from spancast.recording.paused import Pause, Pauses

PAUSE = Pause(1, 2, 3, "LangGraph", "c1")


def until(condition: Callable[[], bool]) -> bool:
    """Return whether *condition* holds within some seconds: the disk belongs to another thread."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


def read(folder: Path, service: str = "") -> Pauses:
    """Return the pauses of a process that has read *folder*: it knows one that was written a moment before."""
    mark, name = Pauses(folder, service), uuid4().hex
    mark.remember(name, PAUSE)
    mark.flush()
    found = Pauses(folder, service)
    assert until(lambda: found.take(name) == PAUSE)
    return found


@pytest.mark.parametrize("below", [None, "below"])
def test_pauses_are_remembered_without_a_folder(tmp_path: Path, below: str | None) -> None:
    """A folder that cannot be used is done without; nothing raises; a pause is answered once."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    pauses = Pauses(blocked / below if below else None)
    pauses.remember("thread", PAUSE)
    pauses.flush()
    assert None is pauses.take("other")
    assert PAUSE == pauses.take("thread")
    assert None is pauses.take("thread")


def test_another_process_takes_a_pause_once(tmp_path: Path) -> None:
    """It sees what was written before it began and after; what it answers is gone for everybody."""
    folder = tmp_path / "state" / "paused"
    one = Pauses(folder, "shop")
    one.remember("a", PAUSE)
    one.flush()
    other = Pauses(folder, "shop")
    assert until(lambda: other.take("a") == PAUSE)
    other.flush()
    assert until(lambda: not list(folder.iterdir()))
    one.remember("b", PAUSE)
    one.flush()
    assert until(lambda: other.take("b") == PAUSE)
    other.flush()
    assert until(lambda: one.take("b") is None and not list(folder.iterdir()))


def test_services_do_not_share_threads(tmp_path: Path) -> None:
    """Two applications of one user may both have a thread "1"."""
    one = Pauses(tmp_path, "shop")
    one.remember("1", PAUSE)
    one.flush()
    assert None is read(tmp_path, "search").take("1")
    assert PAUSE == read(tmp_path, "shop").take("1")


@pytest.mark.skipif(sys.platform == "win32", reason="modes are Unix's")
def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    """Folders 0700 at every level, files 0600, and no thread id in a name or in a file."""
    folder = tmp_path / "state" / "paused"
    pauses = Pauses(folder)
    before = os.umask(0)
    try:
        pauses.remember("customer-17", PAUSE)
        pauses.flush()
    finally:
        os.umask(before)
    (file,) = folder.iterdir()
    assert [0o700, 0o700, 0o600] == [stat.S_IMODE(path.stat().st_mode) for path in (folder.parent, folder, file)]
    assert "customer" not in file.name + file.read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_what_is_not_ours_is_no_pause(tmp_path: Path) -> None:
    """A link, a torn file, a FIFO, a file that everybody may write: nothing of it is read, and nothing waits."""
    pauses = Pauses(tmp_path)
    pauses.remember("thread", PAUSE)
    pauses.flush()
    (file,) = tmp_path.iterdir()
    content = file.read_bytes()

    def made() -> list[Callable[[], object]]:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.write_bytes(content)
        return [
            lambda: file.write_bytes(b"torn"),
            lambda: file.write_bytes(b'{"trace_id":"0","span_id":"2","start_ns":3,"name":null,"checkpoint_id":null}'),
            lambda: file.symlink_to(elsewhere),
            lambda: os.mkfifo(file),
            lambda: (file.write_bytes(content), file.chmod(0o666)),  # type: ignore[func-returns-value]
        ]

    for make in made():
        file.unlink()
        make()
        assert None is read(tmp_path).take("thread")


def test_a_newer_pause_of_a_thread_replaces_the_older(tmp_path: Path) -> None:
    """The file holds the last one, whatever was waiting to be written."""
    pauses = Pauses(tmp_path)
    pauses.remember("thread", PAUSE)
    pauses.remember("thread", Pause(9, 8))
    pauses.flush()
    assert Pause(9, 8) == read(tmp_path).take("thread")


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest pauses go first."""
    monkeypatch.setattr(paused, "MAX_HELD", 3)
    pauses = Pauses(None)
    for number in range(10):
        pauses.remember(str(number), Pause(number + 1, 1))
    assert [None, Pause(8, 1), Pause(9, 1), Pause(10, 1)] == [pauses.take(str(number)) for number in (6, 7, 8, 9)]
