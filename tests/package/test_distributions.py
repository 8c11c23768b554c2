"""The wheel and the sdist: what is in them, and what they say of themselves."""

from __future__ import annotations

import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

import spancast

from .environments import ROOT, uv

EXTRAS = ["all", "cli", "demo", "grpc", "keyring", "langchain", "llama-index", "mcp", "openrouter", "prices", "serve"]
ENTRY_POINTS = """\
[console_scripts]
spancast = spancast.cli:main

[opentelemetry_instrumentor]
spancast_langchain = spancast.langchain.instrumentor:SpancastLangChainInstrumentor
spancast_llama_index = spancast.llama_index.instrumentor:SpancastLlamaIndexInstrumentor

[pytest11]
spancast = spancast.testing.plugin
"""


@pytest.fixture(scope="module")
def inside(wheel: Path) -> dict[str, bytes]:
    """Return the wheel's files, with the version taken out of their names."""
    with zipfile.ZipFile(wheel) as archive:
        return {name.replace(f"-{spancast.__version__}", ""): archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def metadata(inside: dict[str, bytes]) -> Message:
    """Return what the wheel says of itself."""
    return Parser().parsestr(inside["spancast.dist-info/METADATA"].decode())


def test_twine_accepts_them(wheel: Path, sdist: Path) -> None:
    """The package index would take them, and show the description: `twine check --strict`."""
    said = uv("tool", "run", "twine", "--no-color", "check", "--strict", wheel, sdist)
    assert 2 == said.count("PASSED")


def test_the_names_are_what_installers_look_for(wheel: Path, sdist: Path) -> None:
    """Pure Python, one wheel for all."""
    version = spancast.__version__
    assert (f"spancast-{version}-py3-none-any.whl", f"spancast-{version}.tar.gz") == (wheel.name, sdist.name)


def test_the_wheel_holds_the_package_and_nothing_else(inside: dict[str, bytes]) -> None:
    """Every module of the source, the mark that it is typed, the licence; no test, example or benchmark."""
    source = ROOT / "src"
    modules = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    about = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}
    assert modules | {f"spancast.dist-info/{name}" for name in about} == set(inside)
    assert "spancast/py.typed" in inside


def test_the_sdist_holds_what_its_tests_need(sdist: Path) -> None:
    """Who packs it for a distribution can run its tests and read its documents."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    folders = ("src", "tests", "examples", "integrations")
    tracked = [
        str(path.relative_to(ROOT))
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if not any(part.startswith(".") or part in ("build", "dist") for part in path.relative_to(ROOT).parts)
    ]
    assert [] == sorted(set(tracked) - names)
    documents = {"README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE"}
    assert set() == documents - names
    assert [] == [
        name
        for name in names
        if name.startswith((".venv", ".git/", ".spancast", "dist")) or "/__pycache__/" in name or "_cache/" in name
    ]


def test_the_metadata_is_whole(metadata: Message) -> None:
    """Name, licence as an expression, Python's versions, README as the description."""
    expected = ("spancast", spancast.__version__, "Apache-2.0", "LICENSE", ">=3.11", "text/markdown")
    names = ("Name", "Version", "License-Expression", "License-File", "Requires-Python", "Description-Content-Type")
    assert expected == tuple(metadata[name] for name in names)
    classifiers = metadata.get_all("Classifier")
    pythons = [
        line.rpartition(" ")[2] for line in classifiers if line.startswith("Programming Language :: Python :: 3.")
    ]
    assert (["3.11", "3.12", "3.13", "3.14"], True) == (pythons, "Typing :: Typed" in classifiers)
    assert (ROOT / "README.md").read_text().strip() == str(metadata.get_payload()).strip()


def test_the_extras_are_these(metadata: Message) -> None:
    """The names in `pip install "spancast[...]"`; a core install brings no framework and no command line."""
    assert EXTRAS == sorted(metadata.get_all("Provides-Extra"))
    core = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    foreign = ("langchain", "langgraph", "llama", "typer", "rich", "keyring", "genai", "opentelemetry-instrumentation")
    assert [] == [line for line in core if line.startswith(foreign)]


def test_no_dependency_has_an_upper_bound(metadata: Message) -> None:
    """A library that forbids tomorrow's versions breaks applications that need them."""
    bounds = [line.partition(";")[0] for line in metadata.get_all("Requires-Dist")]
    assert [] == [line for line in bounds if "<" in line or "==" in line or "~=" in line]


def test_the_entry_points_are_these(inside: dict[str, bytes]) -> None:
    """The command, and OpenTelemetry's instrumentors under names of their own: others hold `langchain` already."""
    assert ENTRY_POINTS == inside["spancast.dist-info/entry_points.txt"].decode()
