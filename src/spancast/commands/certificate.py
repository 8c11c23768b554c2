"""The certificate of privacy mode: canaries through every form of destination, searched for in raw bytes.

For each framework that is installed its audit application runs once through one pipeline, whose destinations are all in
privacy mode, but for the controls: files without it, in which each canary has to be found, or the search proves nothing.
What is searched: everything that came over the wire (as it came, and decompressed), every file that was written, the spool
among them, and what was logged at DEBUG.
"""

from __future__ import annotations

import gzip
import logging
import os
import socket
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

from ..destinations import arize, console, file, langfuse, otlp, phoenix, sdk, tempo
from ..destinations.destination import Destination
from ..pipeline import Pipeline
from ..redact import secrets

_FRAMEWORKS = {"LangChain": ("langchain", "langgraph"), "LlamaIndex": ("llama_index",)}
_AUDITS = {"LangChain": "langchain", "LlamaIndex": "llama_index"}
_SPACE = "U3BhY2U6MTphdWRpdA=="  # base64 of Space:1:audit
CONTROL = "control"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One place of content (or, *kept*, of what may leave), and where its canary was found.

    Attributes:
        seen: Whether a control, without privacy mode, shows it; where not, it is not recorded at all.
        hits: The forms of destination in which it was found, with privacy mode.
    """

    framework: str
    name: str
    kept: bool
    seen: bool
    hits: tuple[str, ...]

    @property
    def fine(self) -> bool:
        """Whether it is as it should be: content nowhere, and what is kept in what was sent."""
        return bool(self.hits) if self.kept else not self.hits


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What an audit found.

    Attributes:
        empty: By framework, the forms in which nothing was found of what may leave: they carried nothing, and that no
            content was found there means nothing.
    """

    places: tuple[Place, ...]
    forms: tuple[str, ...]
    runs: int
    spans: int
    bytes_searched: int
    frameworks: tuple[str, ...]
    absent: tuple[str, ...]
    empty: Mapping[str, tuple[str, ...]]

    @property
    def clean(self) -> bool:
        """Whether no content was found, and the search has shown that it finds, in every form."""
        content = [place for place in self.places if not place.kept]
        finds = len([place for place in content if place.seen]) > len(content) // 2
        return finds and not self.empty and all(place.fine for place in self.places)

    @property
    def leaks(self) -> tuple[Place, ...]:
        """The places whose content was found."""
        return tuple(place for place in self.places if not place.kept and place.hits)


class Canaries:
    """Gives each place its text: a word that occurs nowhere else, among characters that every encoding has to escape."""

    def __init__(self) -> None:
        self._seed = os.urandom(4).hex()
        self.words: dict[str, str] = {}

    def __call__(self, place: str) -> str:
        """Return the text for *place*."""
        word = self.words.setdefault(place, f"canary{len(self.words):03d}x{self._seed}zzz")
        return f'\u00ab"{word}"\u00bb'


def forms_of(word: str) -> tuple[bytes, ...]:
    """Return the bytes that betray a word: plain (JSON escapes no letter or digit of it), base64, hexadecimal, UTF-16."""
    plain = word.encode()
    # base64 reads three bytes at a time: one form for each place at which the word may begin, without the uncertain ends
    coded = tuple(
        b64encode(b"\0" * shift + plain)[(0, 2, 3)[shift] : (len(plain) + shift) // 3 * 4] for shift in range(3)
    )
    return (plain, *coded, plain.hex().encode(), word.encode("utf-16-le"))


# ---------------------------------------------------------------- where everything goes
@dataclass(slots=True)
class _Taken:
    """Bytes by form of destination; *expected* are the forms in which there have to be some."""

    held: dict[str, list[bytes]] = field(default_factory=dict)
    expected: set[str] = field(default_factory=set)

    def add(self, form: str, data: bytes) -> None:
        self.held.setdefault(form, []).append(data)


@contextmanager
def _receiver(taken: _Taken) -> Iterator[str]:
    """Run a receiver on loopback that keeps each request under the form that its path begins with; yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Keep head and body."""
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            form = self.path.split("/")[1]
            taken.add(form, f"{self.path}\n{self.headers}".encode())
            taken.add(form, body)
            if self.headers.get("Content-Encoding") == "gzip":
                taken.add(form, gzip.decompress(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *values: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Bytes:
    """A `SpanExporter` that keeps what OpenTelemetry's own encoder makes of spans."""

    def __init__(self, form: str, taken: _Taken) -> None:
        self._form = form
        self._taken = taken

    def export(self, spans: Any) -> Any:
        """Keep the bytes."""
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
        from opentelemetry.sdk.trace.export import SpanExportResult

        self._taken.add(self._form, encode_spans(spans).SerializeToString())
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing is open."""


def _destinations(url: str, folder: Path, taken: _Taken, printed: StringIO) -> list[Destination]:
    """Return a destination of every form, in privacy mode, and the controls."""
    found: list[Destination] = []
    for convention in ("openinference", "gen_ai"):
        for protocol in ("http/json", "http/protobuf"):
            for compression in ("none", "gzip"):
                form = f"{protocol[5:]}{'+gzip' if compression == 'gzip' else ''} {convention}".replace(" ", "-")
                found.append(
                    otlp(
                        f"{url}/{form}/v1/traces",
                        name=form,
                        headers={},
                        convention=convention,
                        protocol=protocol,
                        compression=compression,
                        privacy_mode=True,
                    )
                )
        name = f"file-{convention}"
        found.append(file(folder / f"{name}.jsonl", name=name, convention=convention, privacy_mode=True))
        name = f"sdk-{convention}"
        exporter: Any = _Bytes(name, taken)
        found.append(sdk(exporter, name=name, convention=convention, privacy_mode=True))
        # nothing listens there: what was meant for it lies in the spool
        name = f"spool-{convention}"
        dead = f"http://127.0.0.1:{_closed_port()}/v1/traces"
        found.append(otlp(dead, name=name, headers={}, convention=convention, privacy_mode=True))
        name = f"{CONTROL}-{convention}"
        found.append(file(folder / f"{name}.jsonl", name=name, convention=convention))
    private: dict[str, Any] = {"privacy_mode": True}
    found += [
        console(printed, name="console", **private),
        arize(api_key="audit-key", space_key=_SPACE, model_id="audit", base_url=f"{url}/arize", **private),
        phoenix(f"{url}/phoenix", **private),
        langfuse(public_key="pk-audit", secret_key="sk-audit", base_url=f"{url}/langfuse", **private),  # noqa: S106
        tempo(f"{url}/tempo", redact=secrets, max_content_chars=100, media=False, **private),
    ]
    return found


def _closed_port() -> int:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port: int = holder.getsockname()[1]
        return port


# ---------------------------------------------------------------- the audit
def audit(folder: Path, *, progress: Callable[[str], None] = lambda text: None) -> Certificate:
    """Run every audit application and search what it sent and wrote. *folder* takes the files; it should be empty."""
    places: list[Place] = []
    frameworks, absent = [], []
    runs = spans = size = 0
    forms: set[str] = set()
    empty: dict[str, tuple[str, ...]] = {}
    for framework in _FRAMEWORKS:
        application = _application(framework)
        if application is None:
            absent.append(framework)
            continue
        frameworks.append(framework)
        progress(f"{framework}: running its audit application")
        canaries = Canaries()
        taken, count, recorded = _recorded(application, canaries, folder / framework)
        runs, spans = runs + count, spans + recorded
        progress(f"{framework}: searching")
        size += sum(len(data) for pieces in taken.held.values() for data in pieces)
        forms.update(form for form in taken.held if not form.startswith(CONTROL))
        kept = [
            needle for name, word in canaries.words.items() if name in application.KEPT for needle in forms_of(word)
        ]
        if nothing := tuple(form for form in sorted(taken.expected) if not _holds(taken, form, kept)):
            empty[framework] = nothing
        places += [_place(framework, name, word, taken, application.KEPT) for name, word in canaries.words.items()]
    return Certificate(
        places=tuple(places),
        forms=tuple(sorted(forms)),
        runs=runs,
        spans=spans,
        bytes_searched=size,
        frameworks=tuple(frameworks),
        absent=tuple(absent),
        empty=empty,
    )


def _application(framework: str) -> Any:
    if any(find_spec(name) is None for name in _FRAMEWORKS[framework]):
        return None
    try:
        return import_module(f"..{_AUDITS[framework]}.audit", __package__)
    except ImportError:
        return None


def _recorded(application: Any, canaries: Canaries, folder: Path) -> tuple[_Taken, int, int]:
    taken, printed = _Taken(), StringIO()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    variables = {
        "SPANCAST_STATE_DIR": str(folder / "state"),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1"),  # a proxy would take what is meant for the receiver
    }
    with _receiver(taken) as url, _logged() as lines, _variables(**variables):
        destinations = _destinations(url, folder, taken, printed)
        taken.expected = {"spool" if each.name.startswith("spool-") else each.name for each in destinations}
        pipeline = Pipeline(*destinations, service_name="spancast-privacy-audit", spool=folder / "spool")
        with pipeline:
            count = application.run(pipeline, canaries)
            _wait_for(pipeline)
        recorded = max(line.recorded for line in pipeline.report())
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            relative = path.relative_to(folder)
            form = path.stem if len(relative.parts) == 1 else relative.parts[0]
            taken.add(form, str(relative).encode())
            taken.add(form, path.read_bytes())
    taken.add("console", printed.getvalue().encode())
    taken.add("log", "\n".join(lines).encode())
    return taken, count, recorded


def _wait_for(pipeline: Pipeline) -> None:
    """Wait until everything is out, or on disk where nobody takes it."""
    deadline = time.monotonic() + 60.0
    while any(line.queued for line in pipeline.report()) and time.monotonic() < deadline:
        pipeline.flush(0.2)


def _place(framework: str, name: str, word: str, taken: _Taken, kept: tuple[str, ...]) -> Place:
    needles = forms_of(word)
    found = [form for form in sorted(taken.held) if _holds(taken, form, needles)]
    return Place(
        framework=framework,
        name=name,
        kept=name in kept,
        seen=any(form.startswith(CONTROL) for form in found),
        hits=tuple(form for form in found if not form.startswith(CONTROL)),
    )


def _holds(taken: _Taken, form: str, needles: Sequence[bytes]) -> bool:
    return any(needle in data for data in taken.held.get(form, ()) for needle in needles)


@contextmanager
def _logged() -> Iterator[list[str]]:
    """Collect what spancast logs, down to DEBUG, in place of the application's handlers."""
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(logging.Formatter("%(message)s %(exc_info)s").format(record))

    logger = logging.getLogger("spancast")
    before = logger.handlers[:], logger.level, logger.propagate
    logger.handlers, logger.propagate = [Keep()], False
    logger.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        logger.handlers, logger.propagate = before[0], before[2]
        logger.setLevel(before[1])


@contextmanager
def _variables(**values: str) -> Iterator[None]:
    """Set variables of the environment for a block."""
    before: Mapping[str, str | None] = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
