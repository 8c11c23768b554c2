"""Which trace a conversation paused in, so that the run that answers it goes on in that trace, also in another process.

In memory, bounded, and as one small file a thread in the state folder: a paused graph is often resumed by another worker
process of the same machine. A file's name is a hash of service and thread; inside are ids, a time, and the root's name.
"""

from __future__ import annotations

import _thread
import os
import queue
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson

from ..clock import monotonic
from ..private_files import atomic_write, make_private_folder, read_private
from ..record.fast_frozen import frozen
from .guard import report_fault

if TYPE_CHECKING:
    from .captured import CapturedOperation

MAX_HELD = 10_000
MAX_AGE = 30 * 24 * 3600.0  # seconds; a human may take weeks to answer
_MAX_FILE: Final = 4096  # bytes
_MAX_NAME: Final = 1000  # characters
_REFRESH: Final = 1.0  # seconds between two looks into the folder
_PRUNE_EVERY: Final = 3600.0
_FIRST_LOOK: Final = 4  # milliseconds that the first answer of a process may wait for the folder to be read
MAX_QUESTION_BYTES: Final = 16 * 1024 * 1024  # of content that waits for the answers
_FLUSH: Final = 0.5  # seconds


@frozen()
class Pause:
    """Where a trace paused.

    Attributes:
        trace_id: The trace.
        span_id: The span under which it goes on.
        start_ns: When the trace began.
        name: The root's name, where the root itself is still to be written: `span_id` is its id then.
        checkpoint_id: LangGraph's id of the state that waits.
    """

    trace_id: int
    span_id: int
    start_ns: int = 0
    name: str | None = None
    checkpoint_id: str | None = None


class _Job:
    """What the disk is to do: write a pause, or where there is none remove its file."""

    __slots__ = ("key", "pause")

    def __init__(self, key: str, pause: Pause | None) -> None:
        self.key = key
        self.pause = pause


class Pauses:
    """Remembers pauses by service and thread id. Never raises: a folder that cannot be used is done without.

    A callback touches memory only, one atomic operation on a dict at a time; no lock is taken. The disk belongs to one
    spancast thread: it writes and removes files, and looks once a second for what other processes have written or removed.
    """

    def __init__(self, folder: Path | None, service: str = "") -> None:
        """*folder* None keeps pauses in memory only. *service*: other services' threads of the same name are others."""
        self._folder = folder
        self._service = service
        self.after_fork_in_child()
        if folder is not None and folder.is_dir():
            self._start()

    def after_fork_in_child(self) -> None:
        """Start clean: the parent's thread, and what it has still to write, did not come along."""
        self._held: OrderedDict[str, Pause] = OrderedDict()
        self._on_disk: dict[str, int] = {}  # key -> time of the file's last change; of the disk's thread
        self._used: OrderedDict[str, Pause] = (
            OrderedDict()
        )  # answered just now: a file that is seen once more is no pause
        self._questions: OrderedDict[Pause, CapturedOperation] = OrderedDict()
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._unfinished: set[_Job] = set()  # added to before a job is queued, taken from once it is done
        self._has_thread = threading.Lock()  # never waited for: whoever gets it starts the thread, which keeps it
        self._looked = self._folder is None
        self._pid = os.getpid()

    # ------------------------------------------------------------------ in the application's threads
    def remember(self, thread: str, pause: Pause) -> None:
        """Note that *thread* paused; an older pause of the thread is replaced."""
        self._check_process()
        key = self._key(thread)
        self._used.pop(key, None)
        self._held[key] = pause
        while len(self._held) > MAX_HELD:
            with suppress(KeyError):  # another thread was faster
                self._held.popitem(last=False)
        self._hand_to_disk(key, pause)

    def take(self, thread: str) -> Pause | None:
        """Return where *thread* paused last, if that is known here, and forget it: a pause is answered once."""
        self._check_process()
        if not self._looked:
            self._wait_for_first_look()
        if not self._held:
            return None
        key = self._key(thread)
        pause = self._held.pop(key, None)
        if pause is not None:
            self._used[key] = pause
            while len(self._used) > MAX_HELD:
                with suppress(KeyError):
                    self._used.popitem(last=False)
            self._hand_to_disk(key, None)
        return pause

    def keep_question(self, pause: Pause, captured: CapturedOperation) -> None:
        """Keep the run that paused until its answer comes, for its input; bounded in bytes, and in this process only."""
        self._questions[pause] = captured
        while sum(each.size for each in list(self._questions.values())) > MAX_QUESTION_BYTES:
            with suppress(KeyError):
                self._questions.popitem(last=False)

    def question(self, pause: Pause) -> CapturedOperation | None:
        """Return, and forget, the run that paused there."""
        return self._questions.pop(pause, None)

    def flush(self) -> None:
        """Write what is still to be written: the process ends."""
        deadline = monotonic() + _FLUSH
        self._work_off()
        while self._unfinished and monotonic() < deadline:
            time.sleep(0.001)

    def _hand_to_disk(self, key: str, pause: Pause | None) -> None:
        if self._folder is not None:
            job = _Job(key, pause)
            self._unfinished.add(job)
            self._jobs.put(job)
            self._start()

    def _check_process(self) -> None:
        if self._pid != os.getpid():  # a fork without Python's hooks, as uWSGI's
            self.after_fork_in_child()

    def _wait_for_first_look(self) -> None:
        self._start()
        for _ in range(_FIRST_LOOK):
            if self._looked:
                return
            time.sleep(0.001)

    def _start(self) -> None:
        """Start the disk's thread, once. Without `threading`, whose locks a finalizer's thread may have."""
        if not self._has_thread.acquire(blocking=False):
            return
        try:
            _thread.start_new_thread(self._run, (self._jobs,))
        except RuntimeError:  # the interpreter is exiting; `flush` writes
            self._has_thread.release()

    # ------------------------------------------------------------------ in the disk's thread
    def _run(self, jobs: queue.SimpleQueue[_Job]) -> None:
        pruned = 0.0
        while True:
            try:
                self._look()
                with suppress(queue.Empty):
                    self._do(jobs.get(timeout=_REFRESH))
                    self._work_off()
                if monotonic() - pruned > _PRUNE_EVERY:
                    pruned = monotonic()
                    self._prune()
            except Exception as error:  # the thread outlives a bug in spancast
                report_fault("pauses", error)
                time.sleep(_REFRESH)

    def _work_off(self) -> None:
        with suppress(queue.Empty):
            while True:
                self._do(self._jobs.get_nowait())

    def _do(self, job: _Job) -> None:
        folder, key, pause = self._folder, job.key, job.pause
        try:
            if folder is None:
                return
            if pause is None:
                (folder / key).unlink(missing_ok=True)
                self._on_disk.pop(key, None)
            elif self._held.get(key) == pause:
                make_private_folder(folder)
                atomic_write(folder / key, orjson.dumps(_as_data(pause)))
                self._on_disk[key] = os.stat(folder / key).st_mtime_ns
        except OSError:
            self._folder = None  # a read-only machine: memory is enough within this process
        finally:
            self._unfinished.discard(job)

    def _look(self) -> None:
        """Take in what other processes have written, and forget what they have answered."""
        found: dict[str, int] = {}
        folder = self._folder
        try:
            if folder is not None:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        is_ours = len(entry.name) == _KEY_LENGTH and entry.is_file(follow_symlinks=False)
                        if is_ours and len(found) < MAX_HELD:
                            found[entry.name] = entry.stat(follow_symlinks=False).st_mtime_ns
        except OSError:
            found = {}
        for key in set(self._on_disk) - set(found):
            self._on_disk.pop(key, None)
            self._held.pop(key, None)
        for key, changed in found.items():
            if self._on_disk.get(key) != changed:
                self._on_disk[key] = changed
                pause = self._read(key)
                if pause is not None and self._used.get(key) != pause:
                    self._held[key] = pause
        self._looked = True

    def _read(self, key: str) -> Pause | None:
        if self._folder is None:
            return None
        try:
            return _from_data(orjson.loads(read_private(self._folder / key, limit=_MAX_FILE)))
        except (OSError, ValueError, TypeError, KeyError):
            return None  # gone, foreign, or torn

    def _prune(self) -> None:
        oldest = time.time() - MAX_AGE
        with suppress(OSError):
            for path in list(self._folder.iterdir()) if self._folder is not None else ():
                if path.lstat().st_mtime < oldest:
                    path.unlink(missing_ok=True)

    def _key(self, thread: str) -> str:
        text = f"{self._service}\0{thread}"
        return sha256(text.encode("utf-8", "replace")).hexdigest()[:_KEY_LENGTH]


_KEY_LENGTH: Final = 32


def _as_data(pause: Pause) -> dict[str, object]:
    return {**asdict(pause), "trace_id": f"{pause.trace_id:032x}", "span_id": f"{pause.span_id:016x}"}


def _from_data(data: dict[str, object]) -> Pause:
    """Return the pause that a file holds.

    Raises:
        ValueError, TypeError, KeyError: When it holds none.
    """
    trace_id, span_id = int(str(data["trace_id"]), 16), int(str(data["span_id"]), 16)
    start_ns, name, checkpoint = data["start_ns"], data["name"], data["checkpoint_id"]
    fits = 0 < trace_id < 2**128 and 0 < span_id < 2**64 and isinstance(start_ns, int) and 0 <= start_ns < 2**63
    if not fits or not isinstance(start_ns, int) or not isinstance(name, (str, type(None))):
        raise ValueError("no pause")
    return Pause(
        trace_id,
        span_id,
        start_ns,
        name[:_MAX_NAME] if name else None,
        checkpoint if isinstance(checkpoint, str) else None,
    )
