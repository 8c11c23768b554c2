"""Who may import whom: the arrows of the architecture, read from the source, imports inside functions included."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import spancast

SOURCE = Path(spancast.__file__).parent
# Each room, and the rooms that it may import. `_version` is everybody's.
ROOMS: dict[str, set[str]] = {}
ROOMS["record"] = set()
ROOMS["signal_errors"] = set()
ROOMS["own_threads"] = set()
ROOMS["clock"] = set()
ROOMS["safe_log"] = {"signal_errors"}
ROOMS["configured"] = set()
ROOMS["capture"] = {"record", "validation", "signal_errors", "configured"}
ROOMS["recording"] = {
    *("record", "capture", "signal_errors", "own_threads", "safe_log", "privacy.secrets", "private_files", "clock"),
}
ROOMS["conventions"] = {"record", "validation"}
ROOMS["privacy"] = {"record", "conventions", "own_threads", "key_forms"}
ROOMS["key_forms"] = set()
ROOMS["validation"] = {"key_forms"}
ROOMS["secret_refs"] = {"validation"}
ROOMS["setting"] = {"validation", "secret_refs"}
ROOMS["private_files"] = set()
ROOMS["local_file"] = set()
ROOMS["frameworks"] = set()
ROOMS["otlp"] = {
    *(
        "resource",
        "setting",
        "validation",
        "secret_refs",
        "own_threads",
        "clock",
        "record",
        "recording",
        "conventions",
        "privacy",
    ),
}
ROOMS["redact"] = {"privacy"}
ROOMS["resource"] = {"conventions"}
ROOMS["diagnostics"] = {*ROOMS["otlp"], "otlp", "validation"}
ROOMS["destinations"] = {
    *ROOMS["diagnostics"],
    "diagnostics",
    "resource",
    "secret_refs",
    "setting",
    "private_files",
    "local_file",
}
ROOMS["config"] = {*ROOMS["destinations"], "destinations", "redact", "key_forms"}
ROOMS["delivery"] = {*ROOMS["destinations"], "destinations", "safe_log"}
ROOMS["metrics"] = {*ROOMS["delivery"], "delivery"}
ROOMS["scores"] = {"record", "capture", "recording"}
ROOMS["runtime"] = {
    *ROOMS["delivery"],
    *ROOMS["config"],
    "configured",
    "delivery",
    "config",
    "resource",
    "scores",
    "metrics",
}

ADAPTER = {
    *("record", "capture", "privacy.secrets", "recording", "runtime", "validation", "signal_errors"),
    "frameworks",
}
ROOMS["langchain"] = ADAPTER
ROOMS["llama_index"] = ADAPTER
ROOMS["openrouter"] = {"record", "recording", "privacy", "validation"}
ROOMS["audit"] = {*ROOMS["runtime"], "runtime", "langchain", "llama_index", "redact"}
ROOMS["demo"] = {"runtime", "langchain"}
ROOMS["terminal"] = set()
ROOMS["view"] = {"terminal", "delivery", "otlp", "conventions", "private_files"}
ROOMS["testing"] = {*ROOMS["runtime"], "runtime", "capture", "redact", "view", "notebook", "langchain", "llama_index"}
ROOMS["notebook"] = {*ROOMS["runtime"], "runtime", "view"}
ROOMS["commands"] = {
    *ROOMS["runtime"],
    *("runtime", "langchain", "llama_index", "audit", "demo", "openrouter", "terminal", "view"),
}
ROOMS["cli"] = {"commands", "terminal"}
ROOMS["__main__"] = {"cli"}
ROOMS["__init__"] = set(ROOMS) - {
    "terminal",
    "view",
    "commands",
    "cli",
    "__main__",
    "langchain",
    "llama_index",
    "audit",
    "demo",
}
ROOMS["_version"] = set()

# Frameworks, and the rooms that may import them: an adapter, and the applications that run real programs.
FRAMEWORKS = {
    ("langchain", "langgraph"): {"langchain", "audit", "demo"},
    ("llama_index", "llama-index"): {"llama_index", "audit"},
}


def imports(path: Path, source: str | None = None) -> Iterator[tuple[int, str]]:
    """Yield line and full dotted name of everything that a module imports, wherever in it."""
    package = ["spancast", *path.relative_to(SOURCE).parent.parts]
    for node in ast.walk(ast.parse(path.read_text() if source is None else source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *(node.module.split(".") if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{base}.{alias.name}"


def room_of(path: Path) -> str:
    """Return the folder, or the module, that stands directly in the package."""
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def may(room: str, name: str) -> bool:
    """Return whether *room* may import *name*, a full dotted name."""
    inside = name.split(".")[1:]
    if not name.startswith("spancast") or not inside or inside[0] in (room, "_version", *ROOMS[room]):
        return True
    return any(".".join(inside).startswith(allowed + ".") for allowed in ROOMS[room] if "." in allowed)


def violations(path: Path, source: str | None = None) -> list[str]:
    """Return the imports of a module that go against the arrows, as `file:line imports name`."""
    found = []
    for line, name in imports(path, source):
        foreign = [
            1 for prefixes, rooms in FRAMEWORKS.items() if name.startswith(prefixes) and room_of(path) not in rooms
        ]
        if foreign or not may(room_of(path), name):
            found.append(f"{path.relative_to(SOURCE)}:{line} imports {name}")
    return found


MODULES = sorted(SOURCE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=[str(path.relative_to(SOURCE)) for path in MODULES])
def test_a_module_imports_only_what_its_room_may(path: Path) -> None:
    """Arrows go one way, and a framework is imported in its adapter, the audit and the demo only."""
    assert [] == violations(path)


def test_every_room_is_on_the_plan() -> None:
    """A new folder or module has to be given its place."""
    assert set() == {room_of(path) for path in MODULES} - set(ROOMS)


def test_the_plan_has_no_circle() -> None:
    """No room may, over others, import itself."""
    done: set[str] = set()
    while ready := [room for room in ROOMS if room not in done and {n.split(".")[0] for n in ROOMS[room]} <= done]:
        done.update(ready)
    assert set(ROOMS) == done


# ---------------------------------------------------------------- circles between files
def module_name(path: Path) -> str:
    """Return the dotted name of a file."""
    parts = ("spancast", *path.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def import_graph(sources: Mapping[Path, str | None]) -> dict[str, set[str]]:
    """Return which file imports which: at the top, in functions and for annotations; as paths within the package.

    The package's own `__init__` is left out: every import loads it.
    """
    files = {module_name(path): str(path.relative_to(SOURCE)) for path in sources}
    graph: dict[str, set[str]] = {}
    for path, source in sources.items():
        there = graph.setdefault(str(path.relative_to(SOURCE)), set())
        for _, name in imports(path, source):
            while name and name not in files:
                name = name.rpartition(".")[0]
            if name not in ("", "spancast", module_name(path)):
                there.add(files[name])
    return graph


def circles(graph: Mapping[str, set[str]]) -> list[set[str]]:
    """Return the groups of files that import one another, directly or over others."""
    reachable: dict[str, set[str]] = {}
    for start in graph:
        seen: set[str] = set()
        waiting = [*graph[start]]
        while waiting:
            if (file := waiting.pop()) not in seen:
                seen.add(file)
                waiting.extend(graph.get(file, ()))
        reachable[start] = seen
    groups: list[set[str]] = []
    for file, seen in reachable.items():
        group = {other for other in seen if file in reachable.get(other, ())}
        if group and group not in groups:
            groups.append(group)
    return groups


def test_no_files_import_one_another_in_a_circle() -> None:
    """Neither between rooms nor inside one; an import within a function, or for annotations, counts as well."""
    assert [] == circles(import_graph(dict.fromkeys(MODULES)))


def test_a_circle_is_found() -> None:
    """The test of circles can fail: over three files, one import in a function, one for annotations."""
    sources: dict[Path, str | None] = {
        SOURCE / "record" / "usage.py": "from . import cost",
        SOURCE / "record" / "cost.py": "def f():\n    from .message import Message",
        SOURCE / "record" / "message.py": "if TYPE_CHECKING:\n    from .usage import Usage",
        SOURCE / "record" / "json.py": "import spancast.record.cost",
    }
    assert [{"record/usage.py", "record/cost.py", "record/message.py"}] == circles(import_graph(sources))


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("record/usage.py", "from ..recording.captured import CapturedOperation"),
        ("recording/captured.py", "from ..conventions.span import Span"),
        ("recording/captured.py", "def f():\n    from .. import conventions"),
        ("recording/captured.py", "import spancast.runtime"),
        ("conventions/span.py", "from .. import privacy"),
        ("otlp/http.py", "from ..destinations import otlp"),
        ("destinations/factory.py", "from ..delivery.lane import Lane"),
        ("delivery/lane.py", "from .. import runtime"),
        ("delivery/lane.py", "if TYPE_CHECKING:\n    from ..runtime.pipeline import Pipeline"),
        ("runtime/pipeline.py", "from ..langchain import install"),
        ("runtime/pipeline.py", "from .. import view"),
        ("langchain/handler.py", "from ..conventions import openinference"),
        ("langchain/handler.py", "from ..otlp import json"),
        ("langchain/handler.py", "from ..delivery.lane import Lane"),
        ("langchain/handler.py", "from ..destinations.backends.arize import arize"),
        ("langchain/handler.py", "from ..destinations import arize"),
        ("langchain/handler.py", "import llama_index.core"),
        ("view/tree.py", "import langchain.agents"),
        ("demo/support_agent.py", "import llama_index.core"),
        ("demo/support_agent.py", "from ..langchain import handler\nfrom ..audit import search"),
        ("langchain/handler.py", "from ..audit import search"),
        ("recording/current.py", "def f():\n    from langchain_core.messages import BaseMessage"),
        ("recording/current.py", "from langgraph import graph"),
    ],
)
def test_an_import_against_the_arrows_is_found(module: str, source: str) -> None:
    """The test of the layers can fail: each of these would be reported."""
    assert 1 == len(violations(SOURCE / module, source))
