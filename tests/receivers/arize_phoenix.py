"""Phoenix, Arize's open-source server, installed from PyPI and started on loopback.

It is hundreds of megabytes: it is installed once, into a virtual environment of its own, by `scripts/receivers phoenix`
or here, and stays in a cache folder (`SPANCAST_TEST_CACHE`, else the user's).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import cache as cached
from .ports import free_port
from .program import Program, answers, until

REQUIREMENT = "arize-phoenix>=20,<21"
_SERVER = Path(__file__).parent / "phoenix_server.py"


@dataclass(frozen=True)
class Phoenix:
    """A running Phoenix; *admin* is its administrator's key where authentication is on."""

    url: str
    program: Program
    admin: str | None = None

    def ask(self, query: str) -> Any:
        """Return what its GraphQL API, which its own pages ask, answers."""
        return self._open("/graphql", json.dumps({"query": query}).encode())["data"]

    def get(self, path: str) -> Any:
        """Return what its REST API answers."""
        return self._open(path)

    def stored(self, project: str, trace_id: str, count: int) -> list[dict[str, Any]]:
        """Return a trace's spans once *count* of them are stored: Phoenix answers first and stores later."""

        def look() -> list[dict[str, Any]]:
            with suppress(urllib.error.HTTPError):  # 404: the project appears with its first span
                return list(self.get(f"/v1/projects/{project}/spans?limit=1000&trace_id={trace_id}")["data"])
            return []

        return list(until(look, lambda spans: len(spans) >= count, pause=0.5))

    def counts(self, project: str, wanted: int, timeout: float = 520.0) -> dict[str, int]:
        """Return how many spans each trace of a project has, once it has *wanted* in all; read in pages of 1,000."""
        id_of = {each["name"]: each["id"] for each in self.get("/v1/projects")["data"]}[project]
        count = f'{{ node(id: "{id_of}") {{ ... on Project {{ recordCount }} }} }}'
        until(lambda: self.ask(count)["node"]["recordCount"], lambda stored: stored >= wanted, timeout, pause=2)
        counted: Counter[str] = Counter()
        cursor: str | None = ""
        while cursor is not None:
            page = self.get(f"/v1/projects/{project}/spans?limit=1000{cursor and f'&cursor={cursor}'}")
            counted.update(span["context"]["trace_id"] for span in page["data"])
            cursor = page["next_cursor"]
        return dict(counted)

    def _open(self, path: str, body: bytes | None = None) -> Any:
        headers = {"Content-Type": "application/json"}
        if self.admin:
            headers["Authorization"] = f"Bearer {self.admin}"
        request = urllib.request.Request(self.url + path, body, headers)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return json.load(answer)


def python() -> Path:
    """Return the Python of Phoenix's own environment: that of `scripts/receivers`, or one that is made at the first time."""
    if cached.version("phoenix"):
        return cached.folder("phoenix") / "environment" / "bin" / "python"
    cache = Path(os.environ.get("SPANCAST_TEST_CACHE") or Path.home() / ".cache" / "spancast-tests")
    folder = cache / f"phoenix-{sys.version_info[0]}.{sys.version_info[1]}"
    made = folder / "bin" / "python"
    stamp = folder / "complete"
    if not stamp.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=300)
        install = [str(made), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", REQUIREMENT]
        subprocess.run(install, check=True, timeout=1500)
        stamp.write_text(REQUIREMENT)
    return made


@contextmanager
def running_phoenix(folder: Path, admin: str | None = None) -> Iterator[Phoenix]:
    """Yield a Phoenix that keeps its data in *folder*; authentication is on where it has an *admin* key."""
    port = free_port()
    environ = {
        "PHOENIX_WORKING_DIR": str(folder),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(free_port()),
        "PHOENIX_TELEMETRY_ENABLED": "false",
    }
    if admin:
        environ |= {
            "PHOENIX_ENABLE_AUTH": "true",
            "PHOENIX_SECRET": "spancast-phoenix-secret-0123456789-abcdef",
            "PHOENIX_ADMIN_SECRET": admin,
        }
    url = f"http://127.0.0.1:{port}"
    with Program([python(), _SERVER], folder, lambda: answers(f"{url}/healthz"), environ) as program:
        yield Phoenix(url, program, admin)
