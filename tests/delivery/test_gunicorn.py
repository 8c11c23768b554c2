"""A real pre-forking server: configured in the master, spans made in the workers, ended by a signal."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from pathlib import Path

import orjson
import pytest

from ..receivers.ports import free_port

pytest.importorskip("gunicorn", reason="gunicorn is not installed")

APPLICATION = """
import os
import spancast

spancast.configure(spancast.destinations.file("traces.jsonl"), service_name="server")
with spancast.trace(trace_name="in the master"):
    pass


def app(environ, start):
    with spancast.trace(trace_name="request", worker=os.getpid()):
        start("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]
"""


def ask(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


def test_every_workers_spans_arrive(tmp_path: Path) -> None:
    """Nothing is lost between the fork, the requests and SIGTERM; the master's span arrives once, not once a worker."""
    (tmp_path / "application.py").write_text(textwrap.dedent(APPLICATION))
    url = f"http://127.0.0.1:{free_port()}/"
    command = [sys.executable, "-m", "gunicorn", "--preload", "--workers", "2", "--bind", url[7:-1], "application:app"]
    server = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        answered = 0
        until = time.monotonic() + 60
        while answered < 40 and time.monotonic() < until:
            if ask(url):
                answered += 1
            else:
                time.sleep(0.1)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)
    lines = [orjson.loads(line) for line in (tmp_path / "traces.jsonl").read_bytes().splitlines()]
    names = [span["name"] for line in lines for span in line["resourceSpans"][0]["scopeSpans"][0]["spans"]]
    assert (40, 40, 1) == (answered, names.count("request"), names.count("in the master"))
