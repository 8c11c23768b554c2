"""Which trace a conversation paused in, so that whoever resumes it joins that trace, also in another process.

In memory, bounded, and as one small file a thread in the state folder: a paused graph is often resumed by another
worker process of the same machine. Names of files are hashed thread ids; inside are two ids, nothing else.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

MAX_HELD = 10_000
MAX_AGE = 30 * 24 * 3600.0  # seconds; a person may take weeks to answer
_PRUNE_EVERY = 256


@dataclass(frozen=True, slots=True)
class Pause:
    """Where a trace paused: the trace, and the span under which it goes on."""

    trace_id: int
    span_id: int


class Pauses:
    """Remembers pauses by thread id. Never raises: a folder that cannot be used is done without."""

    def __init__(self, folder: Path | None) -> None:
        """*folder* None keeps pauses in memory only."""
        self._folder = folder
        self._held: OrderedDict[str, Pause] = OrderedDict()
        self._written = 0
        self.after_fork_in_child()

    def after_fork_in_child(self) -> None:
        """Make the locks anew: a thread that held one may not have come along."""
        self._lock = threading.Lock()
        self._writing = threading.Lock()

    def remember(self, thread: str, pause: Pause) -> None:
        """Note that *thread* paused. The file is written in a thread of its own: a callback waits for no disk.

        That thread is no daemon, so a process that ends right after the pause still leaves the file.
        """
        key = _key(thread)
        with self._lock:
            self._held[key] = pause
            self._held.move_to_end(key)
            while len(self._held) > MAX_HELD:
                self._held.popitem(last=False)
        if self._folder is None:
            return
        try:
            threading.Thread(target=self._write, args=(key,), name="spancast-pause").start()
        except RuntimeError:  # the interpreter is exiting and starts no threads any more
            self._write(key)

    def find(self, thread: str) -> Pause | None:
        """Return where *thread* paused last, if that is known here."""
        key = _key(thread)
        with self._lock:
            held = self._held.get(key)
        return held or self._read(key)

    def _write(self, key: str) -> None:
        with self._writing:  # one after the other, each with what holds by then
            pause = self._held.get(key)
            if self._folder is not None and pause is not None:
                self._put(self._folder, key, pause)

    def _put(self, folder: Path, key: str, pause: Pause) -> None:
        self._written += 1
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            part = folder / f"{key}.{os.getpid()}.part"
            part.write_text(f"{pause.trace_id:032x} {pause.span_id:016x}\n")
            part.replace(folder / key)  # atomic: a reader never sees half a file
            if self._written % _PRUNE_EVERY == 1:
                self._prune(folder)
        except OSError:
            self._folder = None  # a read-only machine: memory is enough within this process

    def _read(self, key: str) -> Pause | None:
        if self._folder is None:
            return None
        try:
            trace_id, span_id = (self._folder / key).read_text().split()
            return Pause(int(trace_id, 16), int(span_id, 16))
        except (OSError, ValueError):
            return None

    def _prune(self, folder: Path) -> None:
        oldest = time.time() - MAX_AGE
        for path in list(folder.iterdir()):
            if path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)


def _key(thread: str) -> str:
    return sha256(thread.encode("utf-8", "replace")).hexdigest()[:32]
