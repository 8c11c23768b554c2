"""Real application servers and task queues, with several processes, ended by their own means: no span is lost.

Each is skipped where its package is not installed: `pip install gevent celery uwsgi`.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

from ..receivers.ports import free_port

pytestmark = [
    pytest.mark.slow,
    pytest.mark.alone,
    pytest.mark.skipif(sys.platform == "win32", reason="the servers do not run on Windows"),
]
HANG = 60.0
REQUESTS = 30

WSGI = """
import os
import spancast

spancast.configure(spancast.destinations.file("traces.jsonl"), service_name="server"{more})
with spancast.trace(trace_name="in the master"):
    pass


def app(environ, start):
    with spancast.trace(trace_name="request", worker=os.getpid()):
        start("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]
"""
ASGI = """
import os
import spancast

spancast.configure(spancast.destinations.file("traces.jsonl"), service_name="server"{more})


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    with spancast.trace(trace_name="request", worker=os.getpid()):
        await send({{"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}})
        await send({{"type": "http.response.body", "body": b"ok"}})
"""


def needs(*packages: str) -> pytest.MarkDecorator:
    """Skip where one of *packages* is not installed."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


def names(folder: Path) -> Counter[str]:
    """Return how many spans of which name are in the folder's file."""
    try:
        lines = [orjson.loads(line) for line in (folder / "traces.jsonl").read_bytes().splitlines()]
    except FileNotFoundError:
        return Counter()
    return Counter(span["name"] for line in lines for span in line["resourceSpans"][0]["scopeSpans"][0]["spans"])


def is_answered(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


@contextmanager
def running(folder: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server in *folder*; it is ended by SIGTERM at the end of the block."""
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            yield server
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(HANG)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
                raise AssertionError((folder / "server.log").read_text()[-3000:]) from None


def asked(folder: Path, port: int, *command: str) -> int:
    """Run a server, ask it `REQUESTS` times, and end it; return how many answers came."""
    answered, until = 0, time.monotonic() + HANG
    with running(folder, *command):
        while answered < REQUESTS and time.monotonic() < until:
            if is_answered(f"http://127.0.0.1:{port}/"):
                answered += 1
            else:
                time.sleep(0.1)
    return answered


def python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, *arguments)


@needs("gunicorn")
@pytest.mark.parametrize(
    ("more", "application", "expected"),
    [
        (("--preload",), WSGI, {"request": REQUESTS, "in the master": 1}),
        (("--max-requests", "5"), WSGI, {"request": REQUESTS}),
        pytest.param(
            *(("--preload", "--worker-class", "gevent"), WSGI, {"request": REQUESTS, "in the master": 1}),
            marks=needs("gevent"),
        ),
        pytest.param(
            *(("--worker-class", "uvicorn.workers.UvicornWorker"), ASGI, {"request": REQUESTS}), marks=needs("uvicorn")
        ),
    ],
    ids=["sync-preload", "sync-max-requests", "gevent-preload", "uvicorn-workers"],
)
def test_gunicorn(tmp_path: Path, more: tuple[str, ...], application: str, expected: dict[str, int]) -> None:
    """Its usual classes of workers, with the application loaded in the master or in each of them."""
    handled = ", handle_sigterm=True" if application is ASGI else ""
    (tmp_path / "application.py").write_text(textwrap.dedent(application).format(more=handled))
    port = free_port()
    command = python("-m", "gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{port}", *more, "application:app")
    assert REQUESTS == asked(tmp_path, port, *command)
    found = names(tmp_path)
    assert expected == {name: found[name] for name in expected}


@needs("uvicorn")
@pytest.mark.parametrize("more", ["", ", handle_sigterm=True"], ids=["default", "handle_sigterm"])
def test_uvicorn_with_two_workers(tmp_path: Path, more: str) -> None:
    """Its workers are processes of multiprocessing, ended by the parent's SIGTERM."""
    (tmp_path / "application.py").write_text(textwrap.dedent(ASGI).format(more=more))
    port = free_port()
    command = python("-m", "uvicorn", "--workers", "2", "--port", str(port), "application:app")
    assert REQUESTS == asked(tmp_path, port, *command)
    assert REQUESTS == names(tmp_path)["request"]


CELERY = """
import spancast
from celery import Celery

app = Celery("tasks", broker="filesystem://")
app.conf.update(
    broker_transport_options={"data_folder_in": "queue", "data_folder_out": "queue", "control_folder": "control"},
    worker_hijack_root_logger=False,
)
spancast.configure(spancast.destinations.file("traces.jsonl"), service_name="tasks")


@app.task
def work(number):
    with spancast.trace(trace_name="task"):
        open(f"done/{number}", "w").close()
"""


@needs("celery")
def test_celery_with_processes_that_end_after_each_task(tmp_path: Path) -> None:
    """Such a worker ends without any of the interpreter's hooks."""
    (tmp_path / "tasks.py").write_text(textwrap.dedent(CELERY))
    for name in ("queue", "control", "done"):
        (tmp_path / name).mkdir()
    sent = "from tasks import work\nfor number in range(8): work.delay(number)"
    subprocess.run(python("-c", sent), cwd=tmp_path, check=True, timeout=HANG)
    options = ("--pool", "prefork", "--concurrency", "2", "--max-tasks-per-child", "1", "--loglevel", "warning")
    with running(tmp_path, *python("-m", "celery", "-A", "tasks", "worker", *options)):
        until = time.monotonic() + HANG
        while len(list((tmp_path / "done").iterdir())) < 8 and time.monotonic() < until:
            time.sleep(0.1)
    assert (8, 8) == (len(list((tmp_path / "done").iterdir())), names(tmp_path)["task"])


def uwsgi() -> str | None:
    beside = Path(sys.executable).with_name("uwsgi")
    return str(beside) if beside.exists() else shutil.which("uwsgi")


@pytest.mark.skipif(uwsgi() is None, reason="not installed: uwsgi")
@pytest.mark.parametrize("more", [(), ("--enable-threads",), ("--lazy-apps", "--enable-threads")], ids=" ".join)
def test_uwsgi(tmp_path: Path, more: tuple[str, ...]) -> None:
    """It forks in C, and Python's hooks may not run; a span was recorded in the master before that."""
    (tmp_path / "application.py").write_text(textwrap.dedent(WSGI).format(more=""))
    port = free_port()
    command = (uwsgi() or "", "--http-socket", f"127.0.0.1:{port}", "--master", "--processes", "2", "--die-on-term")
    where = ("--home", sys.prefix, "--pythonpath", str(tmp_path), "--module", "application:app", "--need-app")
    assert REQUESTS == asked(tmp_path, port, *command, *where, *more)
    assert REQUESTS == names(tmp_path)["request"]


FIRST = """
import os, sys, time
import spancast

spancast.configure(spancast.destinations.file("traces.jsonl"), service_name="first", handle_sigterm=True)
with spancast.trace(trace_name="request"):
    pass
print(os.getpid(), flush=True)
time.sleep(60)
"""


def has_namespaces() -> bool:
    if shutil.which("unshare") is None:
        return False
    tried = subprocess.run(["unshare", "--pid", "--fork", "true"], capture_output=True, check=False, timeout=HANG)
    return tried.returncode == 0


def test_the_first_process_of_a_container_ends_at_sigterm(tmp_path: Path) -> None:
    """The kernel lets no signal's default action end it; with `handle_sigterm` it ends, and its spans are there."""
    if not has_namespaces():
        pytest.skip("this user may make no namespace of processes")
    (tmp_path / "first.py").write_text(textwrap.dedent(FIRST))
    command = ["unshare", "--pid", "--fork", "--kill-child", *python("first.py")]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as outer:
        try:
            assert outer.stdout is not None
            assert "1" == outer.stdout.readline().strip()
            children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()
            os.kill(int(children[0]), signal.SIGTERM)
            outer.wait(HANG)
        finally:
            outer.kill()
    assert 1 == names(tmp_path)["request"]


@pytest.mark.skipif(importlib.util.find_spec("gevent") is None, reason="gevent is not installed")
def test_a_native_thread_of_gevents_pool_may_be_the_first(tmp_path: Path) -> None:
    """What runs there first starts the encoder in the application's hub: a greenlet of the pool's thread would never run."""
    script = """
        from gevent import monkey
        monkey.patch_all()
        import gevent, spancast
        spancast.configure(spancast.destinations.file("traces.jsonl"))

        def work():
            with spancast.trace(trace_name="in the pool"):
                pass

        gevent.get_hub().threadpool.apply(work)
        print(spancast.flush(20.0))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=HANG,
        cwd=tmp_path,
        check=False,
    )
    assert "True" == done.stdout.strip(), done.stderr
