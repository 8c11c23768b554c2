"""A real receiver as a process on loopback: started, asked until it is ready, killed, started again, weighed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

START = 300.0  # seconds after which a receiver that is not ready counts as dead
_FOREIGN = ("OTEL_", "SPANCAST_", "PHOENIX_", "MLFLOW_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http", "all_proxy")
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetch(url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None) -> Any:
    """Return the JSON that a URL answers; raises `urllib.error.HTTPError` for an error's status."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json", **(headers or {})})
    with _OPENER.open(request, timeout=30) as answer:
        return json.loads(answer.read())


def answers(url: str) -> bool:
    """Return whether something answers HTTP there, with a status below 500."""
    try:
        _OPENER.open(url, timeout=2).close()
    except urllib.error.HTTPError as error:
        error.close()
        return error.code < 500
    except OSError:
        return False
    return True


def until(found: Callable[[], Any], wanted: Callable[[Any], bool], timeout: float = 60.0, pause: float = 0.1) -> Any:
    """Return what *found* returns, as soon as it is *wanted* or *timeout* seconds are over; ask every *pause* seconds."""
    end = time.monotonic() + timeout
    while not wanted(value := found()) and time.monotonic() < end:
        time.sleep(pause)
    return value


class Program:
    """One receiver's process, which can be started again with the same command; its output goes to a log.

    Used by one thread.
    """

    def __init__(
        self, command: Sequence[str | Path], folder: Path, ready: Callable[[], bool], environ: Mapping[str, str] = {}
    ) -> None:
        """*ready* is asked until it is True; *environ* is added to this process's, without what would disturb."""
        self._command = [str(word) for word in command]
        self._folder = folder
        self._ready = ready
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        self._environ |= environ
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "log"

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=self._environ,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a group of its own: what it starts is ended with it
            )
        if not until(lambda: self._process.poll() is not None or self._ready(), bool, START):  # type: ignore[union-attr]
            self.stop()
            raise AssertionError(f"not ready after {START:.0f} s: {self.tail()}")
        assert self._process.poll() is None, f"it ended: {self.tail()}"

    def tail(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(errors="replace")[-3000:]

    def kill(self) -> None:
        """End it without warning, and wait until it is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it in order; kill it when that takes too long."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._signal(signal.SIGCONT)
        self._signal(how)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(60)
        self._signal(signal.SIGKILL)  # and what it left of its own
        self._process.wait()
        self._process = None

    def _signal(self, how: signal.Signals) -> None:
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, how)

    def freeze(self) -> None:
        """Stop it as it is: its port accepts connections, and nothing answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def memory(self) -> int:
        """Return its resident memory in bytes, as Linux tells it."""
        assert self._process is not None
        pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def __enter__(self) -> Program:
        """Start it for a block."""
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """End it."""
        self.stop()
