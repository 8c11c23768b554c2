"""A real ASGI server: uvicorn puts back the signal handlers that it found, and raises SIGTERM again; no exit hook runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import orjson
import pytest

from ..receivers.ports import free_port
from ..receivers.recording import Receiver, recording_receiver

pytest.importorskip("uvicorn", reason="uvicorn is not installed")
pytest.importorskip("fastapi", reason="FastAPI is not installed")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")

HANG = 60.0
APPLICATION = """
import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

import spancast
from spancast import destinations


def configure():
    spancast.configure(destinations.otlp("{receiver}/v1/traces"), service_name="server"{more})


@asynccontextmanager
async def lifespan(app):
    {in_lifespan}
    yield
    with spancast.trace(trace_name="closing"):
        pass


app = FastAPI(lifespan=lifespan)


@app.get("/quick")
async def quick():
    with spancast.trace(trace_name="quick"):
        return "ok"


@app.get("/slow")
async def slow():
    with spancast.trace(trace_name="slow"):
        Path("slow").touch()
        while not Path("go").exists():
            await asyncio.sleep(0.01)
        return "ok"


{at_import}
if __name__ == "__main__":
    import uvicorn

    uvicorn.run(app, host="127.0.0.1", port={port}, log_level="warning")
"""
MORE = ", handle_sigterm=True"
BY_COMMAND = ("-m", "uvicorn", "--log-level", "warning", "--host", "127.0.0.1", "--port")


def ask(url: str) -> bool:
    """Return whether the server answers."""
    try:
        with urllib.request.urlopen(url, timeout=HANG) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def wait_until(what: Path | str, there: bool = True) -> None:
    """Wait until a file is there, or until a server answers, or no longer does."""
    until = time.monotonic() + HANG
    while (what.exists() if isinstance(what, Path) else ask(what)) is not there and time.monotonic() < until:
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("in_lifespan", "at_import", "by_command"),
    [
        pytest.param("pass", "configure()", True, id="configured at import, uvicorn application:app"),
        pytest.param("configure()", "", True, id="configured in the lifespan, uvicorn application:app"),
        pytest.param("pass", "configure()", False, id="configured at import, uvicorn.run"),
        pytest.param("configure()", "", False, id="configured in the lifespan, uvicorn.run"),
    ],
)
def test_every_span_arrives_when_uvicorn_is_ended_by_sigterm(
    tmp_path: Path, in_lifespan: str, at_import: str, by_command: bool
) -> None:
    """With `handle_sigterm=True`: what was recorded before the signal, by a request that it cuts into, and at the end."""
    port = free_port()
    with recording_receiver() as receiver:
        said = {
            "receiver": receiver.url,
            "in_lifespan": in_lifespan,
            "at_import": at_import,
            "port": port,
            "more": MORE,
        }
        (tmp_path / "application.py").write_text(textwrap.dedent(APPLICATION).format(**said))
        command = [*BY_COMMAND, str(port), "application:app"] if by_command else ["application.py"]
        environment = {**os.environ, "SPANCAST_SPOOL": str(tmp_path / "spool"), "NO_PROXY": "127.0.0.1"}
        server = subprocess.Popen([sys.executable, *command], cwd=tmp_path, env=environment, stderr=subprocess.PIPE)
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until(f"{url}/quick")
            slow = threading.Thread(target=ask, args=(f"{url}/slow",))
            slow.start()
            wait_until(tmp_path / "slow")
            assert [True] * 20 == [ask(f"{url}/quick") for _ in range(20)]
            server.send_signal(signal.SIGTERM)
            wait_until(f"{url}/quick", there=False)  # from here on uvicorn only ends what is open
            (tmp_path / "go").touch()
            slow.join(HANG)
            _, errors = server.communicate(timeout=HANG)
        finally:
            server.kill()
        names = [span["name"] for span in receiver.json_spans()]
    assert (b"", -signal.SIGTERM) == (errors, server.returncode)
    assert (True, 1, 1) == (names.count("quick") >= 21, names.count("slow"), names.count("closing"))


def test_with_the_defaults_every_span_is_sent_or_on_disk_when_uvicorn_is_ended_by_sigterm(tmp_path: Path) -> None:
    """Uvicorn kills its own process: what was recorded goes to disk as soon as its end begins, and nothing arrives twice."""
    port = free_port()
    with recording_receiver() as receiver:
        said = {"receiver": receiver.url, "in_lifespan": "pass", "at_import": "configure()", "port": port, "more": ""}
        (tmp_path / "application.py").write_text(textwrap.dedent(APPLICATION).format(**said))
        environment = {**os.environ, "SPANCAST_SPOOL": str(tmp_path / "spool"), "NO_PROXY": "127.0.0.1"}
        command = [sys.executable, *BY_COMMAND, str(port), "application:app"]
        server = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE)
        url = f"http://127.0.0.1:{port}/quick"
        try:
            wait_until(url)
            wait_until_sent(receiver)  # what a process imports for its first spans is imported
            assert [True] * 20 == [ask(url) for _ in range(20)]
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=HANG)
        finally:
            server.kill()
        ids = [span["spanId"] for span in receiver.json_spans()]
    for path in (tmp_path / "spool").glob("*/*.jsonl"):
        ids += [span["spanId"] for line in path.read_bytes().splitlines() for span in spans_in(line)]
    assert (True, len(ids)) == (len(ids) >= 21, len(set(ids)))


def spans_in(line: bytes) -> list[dict[str, str]]:
    """Return the spans of one line of OTLP JSON."""
    spans: list[dict[str, str]] = orjson.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    return spans


def wait_until_sent(receiver: Receiver) -> None:
    """Wait until something has arrived."""
    until = time.monotonic() + HANG
    while not receiver.requests and time.monotonic() < until:
        time.sleep(0.01)
