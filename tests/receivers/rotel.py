"""rotel, a real collector from PyPI, in front of something else."""

from __future__ import annotations

import importlib.util
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .ports import free_ports

FOUND = importlib.util.find_spec("rotel")
MISSING = "the collector `rotel` is not installed (PyPI, Linux, Python 3.11)"
WAIT = 20.0  # seconds after which it counts as dead


@contextmanager
def rotel(folder: Path, *exporter: str) -> Iterator[str]:
    """Run rotel on loopback with these exporter options; return the URL that takes traces."""
    assert FOUND is not None
    http, grpc = free_ports(2)
    addresses = ["--otlp-http-endpoint", f"127.0.0.1:{http}", "--otlp-grpc-endpoint", f"127.0.0.1:{grpc}"]
    files = ["--pid-file", str(folder / "rotel.pid"), "--log-file", str(folder / "rotel.log")]
    binary = Path(str(FOUND.origin)).parent / "rotel-agent"
    said = folder / "out.txt"
    with said.open("wb") as out:
        process = subprocess.Popen(
            [str(binary), "start", *addresses, *exporter, *files, "--batch-timeout", "20ms"],
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_for(f"http://127.0.0.1:{http}/", process, said)
            yield f"http://127.0.0.1:{http}/v1/traces"
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)


def _wait_for(url: str, process: subprocess.Popen[bytes], said: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    limit = time.monotonic() + WAIT
    while time.monotonic() < limit:
        assert process.poll() is None, said.read_text(errors="replace")
        try:
            opener.open(url, timeout=1).close()
        except urllib.error.HTTPError as error:
            error.close()
            return  # it answers 404 here when it is ready
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError(f"the collector did not start: {said.read_text(errors='replace')}")
