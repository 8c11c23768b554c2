"""The comparison: who is measured when, in which environment, and the command itself on one small case."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import compare
import environments
import measuring
import pytest
from peers import BASES, PEERS, base_of
from workloads import WORKLOADS

from .conftest import BENCHMARKS


def _pythons(framework: str) -> dict[str, str]:
    return {peer: "python" for peer, about in PEERS.items() if about.framework == framework}


@pytest.mark.parametrize("workload", list(WORKLOADS))
def test_a_round_measures_each_once_and_the_untraced_twice(workload: str) -> None:
    """Every peer of the workload's framework has one turn in a round; the untraced, new or old, has a second one."""
    framework = WORKLOADS[workload].framework
    bases = [base for base in BASES if PEERS[base].framework == framework]
    pythons = {**_pythons("langchain"), **_pythons("llama_index")}
    for number in range(4):
        order = compare._order(pythons, workload, number)
        assert sorted([*_pythons(framework), *bases]) == sorted(peer for peer, _ in order)
        assert sorted((base, True) for base in bases) == sorted(turn for turn in order if turn[1])


def test_the_order_changes_from_round_to_round() -> None:
    """Nobody is always first, and nobody always follows the same."""
    orders = [compare._order(_pythons("langchain"), "lcel", number) for number in range(6)]
    assert 6 == len({tuple(order) for order in orders})
    assert 1 < len({order[0] for order in orders})


def test_a_peer_is_measured_against_an_application_of_its_framework_and_age() -> None:
    """The oldest frameworks have an untraced application of their own."""
    for peer, about in PEERS.items():
        base = PEERS[base_of(peer)]
        assert about.framework == base.framework
        assert ("oldest" == about.environment) == ("oldest" == base.environment)


def test_another_commit_is_measured_only_when_it_is_named(tmp_path: Path) -> None:
    """Without `--before` its peers are left out in silence; a checkout without an environment ends the command."""
    command = [sys.executable, str(BENCHMARKS / "compare.py"), "--before", str(tmp_path), "--peers", "before-otlp"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert 1 == done.returncode
    assert str(tmp_path) in done.stderr
    assert "Make an environment" in done.stderr
    assert "Traceback" not in done.stderr


def test_environments_lie_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """XDG_CACHE_HOME is kept, and nothing is in the repository."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert tmp_path / "spancast" / "benchmarks" == environments.default_folder()
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert environments.ROOT not in environments.default_folder().parents


def test_every_peer_has_an_environment_that_is_described() -> None:
    """A peer's environment says what to install and what shows that it is there."""
    for peer in PEERS.values():
        about = environments.ENVIRONMENTS[peer.environment]
        assert about.requirements
        assert about.modules


def test_a_measured_process_sees_no_settings_of_other_tracers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and endpoints of the user's shell reach no measurement; the rest of the environment does."""
    monkeypatch.setenv("LANGSMITH_API_KEY", "x")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector.example.com")
    monkeypatch.setenv("LANG", "C.UTF-8")
    found = measuring.clean_environment("state")
    assert not {"LANGSMITH_API_KEY", "OTEL_EXPORTER_OTLP_ENDPOINT"} & set(found)
    assert "C.UTF-8" == found["LANG"]
    assert "100000" == measuring.clean_environment("state", sdk=True)["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="measurements are forked")
def test_the_command_measures_and_prints_the_same_again(tmp_path: Path) -> None:
    """One small comparison: spans arrive, the tables have a row each, and `--show` prints the kept figures."""
    kept, written = tmp_path / "r.json", tmp_path / "r.md"
    command = [sys.executable, str(BENCHMARKS / "compare.py"), "--peers", "empty,spancast-otlp", "--workloads", "lcel"]
    command += ["--rounds", "2", "--scale", "0.02", "--small", "none", "--cache", str(tmp_path), "--json", str(kept)]
    done = subprocess.run(
        [*command, "--markdown", str(written)], capture_output=True, text=True, check=True, timeout=120
    )
    rows = json.loads(kept.read_text())["rows"]
    assert [("empty", 0), ("none", 0), ("none", 0), ("spancast-otlp", 4)] == sorted(
        (row["peer"], row["spans"]) for row in rows if row["round"] == 1
    )
    assert "| spancast, otlp (JSON) |" in done.stdout
    assert "left" in done.stderr
    assert done.stdout == written.read_text()
    shown = subprocess.run([*command[:2], "--show", str(kept)], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == shown.stdout


def test_an_unknown_name_ends_the_command_with_those_there_are() -> None:
    """A misspelt peer is told, and nothing is measured."""
    command = [sys.executable, str(BENCHMARKS / "compare.py"), "--peers", "openllmetrie"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert 2 == done.returncode
    assert "openllmetrie" in done.stderr
    assert "openllmetry" in done.stderr
