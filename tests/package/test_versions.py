"""The oldest and the newest versions that are supported: the same application gives the same tree."""

from __future__ import annotations

import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from .environments import Environment, environment
from .trees import TREES

pytestmark = pytest.mark.slow

NEWEST_LANGCHAIN = "1.8"


def required(wheel: Path, *extras: str) -> list[Requirement]:
    """Return what the wheel requires with *extras*."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = Parser().parsestr(archive.read(name).decode()).get_all("Requires-Dist")
    found = [Requirement(line) for line in lines]
    return [one for one in found if one.marker is None or any(one.marker.evaluate({"extra": e}) for e in ("", *extras))]


def oldest(folder: Path, wheel: Path, *extras: str) -> Environment:
    """Return an environment in which everything that spancast itself requires is as old as its bounds allow."""
    made = environment(folder)
    wanted = folder / "wanted.txt"
    lines = [f"{one.name}{one.specifier}" for one in required(wheel, *extras) if one.name != "spancast"]
    wanted.write_text("\n".join([*lines, f"spancast @ {wheel.as_uri()}"]))
    made.install("--resolution", "lowest-direct", "-r", wanted)
    return made


def bounds(wheel: Path, *extras: str) -> dict[str, Version]:
    """Return the lower bound of each requirement that has one."""
    return {
        one.name: Version(bound.version)
        for one in required(wheel, *extras)
        for bound in one.specifier
        if bound.operator == ">="
    }


def installed(made: Environment, *names: str) -> dict[str, Version]:
    """Return the installed versions of *names*."""
    versions = made.versions()
    return {name: Version(versions[name]) for name in names}


def test_at_the_lower_bounds_the_core_and_the_command_line_work(wheel: Path, tmp_path: Path) -> None:
    """Every package of the core, and of the extras without a framework, in the oldest version that is allowed."""
    extras = ("cli", "keyring", "prices")
    made = oldest(tmp_path / "oldest", wheel, *extras)
    expected = bounds(wheel, *extras)
    assert expected == installed(made, *expected)
    assert TREES["by_hand"] == made.tree("by_hand")
    shown = made.run("spancast", "view", "traces.jsonl")
    assert (0, True) == (shown.status, "└─ CHAIN write" in shown.out)
    for arguments in (["--help"], ["doctor"], ["destinations", "add", "--help"], ["settings"]):
        done = made.run("spancast", *arguments)
        assert (0, "") == (done.status, done.err), arguments
    assert ["openai 0.0125"] == made.tree("price")


def test_with_the_oldest_langchain_and_langgraph_the_trees_are_the_same(wheel: Path, tmp_path: Path) -> None:
    """Also with the oldest OpenTelemetry."""
    made = oldest(tmp_path / "oldest", wheel, "langchain")
    made.install("langgraph==1.2.0", "langchain-core==1.7.0")
    expected = {**bounds(wheel, "langchain"), "langgraph": Version("1.2.0")}
    del expected["orjson"]  # LangGraph wants a newer one
    assert expected == installed(made, *expected)
    for application in ("langchain_chain", "langgraph_agent"):
        assert TREES[application] == made.tree("traced", application)


def test_with_the_oldest_llama_index_the_trees_are_the_same(wheel: Path, tmp_path: Path) -> None:
    """Also with the oldest OpenTelemetry."""
    made = oldest(tmp_path / "oldest", wheel, "llama-index")
    expected = bounds(wheel, "llama-index")
    assert expected == installed(made, *expected)
    for application in ("llama_index_query", "llama_index_agent"):
        assert TREES[application] == made.tree("traced", application)


def test_with_the_oldest_of_what_it_needs_the_demo_runs(wheel: Path, tmp_path: Path) -> None:
    """LangChain's agents in the oldest version, and whatever LangGraph that takes."""
    made = oldest(tmp_path / "oldest", wheel, "demo", "cli", "langchain")
    assert {"langchain": Version("1.4.0")} == installed(made, "langchain")
    done = made.run("spancast", "demo")
    assert (0, True) == (done.status, "TOOL" in done.out), done.err


def test_with_the_newest_of_everything_the_trees_are_the_same(wheel: Path, tmp_path: Path) -> None:
    """What a new environment gets today, both frameworks in one."""
    made = environment(tmp_path / "newest")
    made.install(f"spancast[all,demo] @ {wheel.as_uri()}", f"langchain-core>={NEWEST_LANGCHAIN}", "langgraph>=1.2.22")
    found = installed(made, "langchain-core", "opentelemetry-sdk", "llama-index-core")
    assert (True, True, True) == (
        found["langchain-core"] >= Version(NEWEST_LANGCHAIN),
        found["opentelemetry-sdk"] >= Version("1.45"),
        found["llama-index-core"] >= Version("0.14.25"),
    )
    for application in ("langchain_chain", "langgraph_agent", "llama_index_query", "llama_index_agent"):
        assert TREES[application] == made.tree("traced", application)
