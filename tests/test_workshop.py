"""What the workshop's commands install is written down whole, and they run every check although one fails."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PYTHONS = ("3.11.7", "3.12.1", "3.13.0", "3.14.0")
LOCKS = {
    path.stem: path.read_text(encoding="utf-8")
    for path in (ROOT / "requirements").glob("*.txt")
    if path.stem != "newest"
}
LOCKS.pop("newest", None)  # no lock: how the tests went with the newest versions


def pins(name: str) -> list[Requirement]:
    """Return the exact versions of a lock, with their markers."""
    return [Requirement(line.rstrip(" \\")) for line in LOCKS[name].splitlines() if re.match(r"[A-Za-z0-9]", line)]


def environment(python: str) -> dict[str, str]:
    """Return an environment of Linux for markers."""
    short = ".".join(python.split(".")[:2])
    return {
        "python_version": short,
        "python_full_version": python,
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "os_name": "posix",
    }


def direct(lock: str) -> list[Requirement]:
    """Return what pyproject.toml asks for: for *test* all but the providers, which have a lock of their own."""
    groups = PROJECT["dependency-groups"]
    chosen = [name for name in groups if (name == "providers") != (lock == "test")]
    said: list[Any] = [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]]
    if lock == "test":
        said += [line for lines in PROJECT["project"]["optional-dependencies"].values() for line in lines]
    said += [line for name in chosen for line in groups[name] if isinstance(line, str)]
    return [each for each in map(Requirement, said) if each.name != "spancast"]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_holds_names_versions_and_hashes_only(name: str) -> None:
    """Where packages come from is the business of whoever installs them."""
    lines = [line.strip() for line in LOCKS[name].splitlines()]
    kinds = (r"#.*", r"--hash=sha256:[0-9a-f]{64}( \\)?", r"[a-z0-9._-]+(\[[a-z0-9,_-]+\])?==\S+( ;.*)? \\")
    assert [] == [line for line in lines if not any(re.fullmatch(kind, line) for kind in kinds) or "://" in line]


@pytest.mark.parametrize("lock", ["test", "providers"])
@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_has_what_the_project_asks_for(python: str, lock: str) -> None:
    """For every Python, in a version that its bounds allow: after a change of pyproject.toml, `scripts/lock --keep`."""
    here = environment(python)
    locked = {each.name: each for each in pins(lock) if each.marker is None or each.marker.evaluate(here)}
    wanted = [each for each in direct(lock) if each.marker is None or each.marker.evaluate(here)]
    missing = [
        str(each)
        for each in wanted
        if each.name not in locked or not each.specifier.contains(next(iter(locked[each.name].specifier)).version)
    ]
    assert [] == missing


@pytest.mark.parametrize("name", ["demo", "docs"])
def test_the_smaller_locks_take_the_same_versions(name: str) -> None:
    """What is tested is what the demo runs."""
    whole = {str(each.specifier) + each.name for each in pins("test")}
    assert [] == [str(each) for each in pins(name) if str(each.specifier) + each.name not in whole]


def test_the_hooks_before_a_commit_have_the_locked_versions() -> None:
    """A commit is not refused for what the checks would let pass."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    named = {"astral-sh/ruff-pre-commit": "ruff", "codespell-project/codespell": "codespell"}
    locked = {each.name: next(iter(each.specifier)).version for each in pins("test")}
    expected = {repository: f"v{locked[name]}" for repository, name in named.items()}
    assert expected == {hook["repo"].removeprefix("https://github.com/"): hook["rev"] for hook in hooks}


def test_the_pythons_are_those_that_the_package_names() -> None:
    """The locks are tested for each of them."""
    prefix = "Programming Language :: Python :: "
    named = [line.removeprefix(prefix) for line in PROJECT["project"]["classifiers"] if line.startswith(prefix)]
    assert named == [python.rpartition(".")[0] for python in PYTHONS]
    assert Version(named[0]) in Requirement("python" + PROJECT["project"]["requires-python"]).specifier


# ---------------------------------------------------------------- scripts/test
@pytest.fixture
def workshop(tmp_path: Path) -> Path:
    """Return a project with this `scripts/test`, in whose environment every tool only says its name."""
    (tmp_path / "scripts").mkdir()
    tools = tmp_path / ".venv" / "bin"
    tools.mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "test", tmp_path / "scripts" / "test")
    program(tmp_path / "scripts" / "venv", "true")
    (tools / "activate").write_text('[ "$OSTYPE" = cygwin ]\n')  # Python 3.12's ends an `sh` with `set -u`
    for tool in ("ruff", "mypy", "codespell", "coverage", "python"):
        program(tools / tool, f'echo "{tool} $*" >>"{tmp_path}/calls"; case ",$FAILS," in *",{tool},"*) exit 1 ;; esac')
    return tmp_path


def program(path: Path, code: str) -> None:
    """Write a shell program."""
    path.write_text(f"#!/bin/sh\n{code}\n")
    path.chmod(0o755)


def ran(workshop: Path, *arguments: str, fails: str = "") -> tuple[int, list[str], list[str]]:
    """Run `scripts/test`; return its status, its summary, and which tools it called."""
    environ = {**os.environ, "FAILS": fails}
    done = subprocess.run(
        ["scripts/test", *arguments], cwd=workshop, env=environ, capture_output=True, text=True, timeout=60
    )
    calls = (workshop / "calls").read_text().splitlines()
    summary = re.sub(r" in \d+ s", "", done.stdout.rpartition("\n\n")[2]).splitlines()
    return done.returncode, [" ".join(line.split()) for line in summary], calls


@pytest.mark.skipif(sys.platform == "win32", reason="the scripts are for sh")
class TestScriptsTest:
    """What `scripts/test` runs, and how it ends."""

    def test_everything_runs_and_the_end_says_that_it_passed(self, workshop: Path) -> None:
        """Style, format, spelling, types and tests, each with its line."""
        status, summary, calls = ran(workshop)
        assert 0 == status
        assert {"passed"} == {line.rpartition(" ")[2] for line in summary}
        assert {"ruff", "codespell", "mypy", "python"} <= {call.split()[0] for call in calls}

    def test_a_check_that_fails_hides_no_other(self, workshop: Path) -> None:
        """The same commands are run, the end names what failed, the exit status tells."""
        _, whole, calls = ran(workshop)
        (workshop / "calls").unlink()
        status, summary, called = ran(workshop, fails="mypy,ruff")
        assert (1, calls) == (status, called)
        failed = [line.removesuffix(" FAILED") for line in summary if line.endswith(" FAILED")]
        assert {"style", "format"} < set(failed)
        assert any(name.startswith("types") for name in failed)
        assert len(whole) == len([line for line in summary if line.endswith((" FAILED", " passed"))])

    def test_arguments_go_to_pytest(self, workshop: Path) -> None:
        """Whoever names tests wants these alone."""
        _, _, calls = ran(workshop, "tests/otlp", "-k", "json")
        assert ["python -m pytest tests/otlp -k json"] == calls

    def test_the_second_stage_is_the_slow_tests(self, workshop: Path) -> None:
        """`--slow` runs what the everyday run leaves out, property tests with more examples too."""
        _, _, calls = ran(workshop, "--slow")
        assert any("slow" in call and "not slow" not in call for call in calls)


# ---------------------------------------------------------------- .ci/run
@pytest.mark.skipif(sys.platform == "win32", reason="the scripts are for sh")
@pytest.mark.parametrize(
    ("there", "user", "said"),
    [
        ({"chromium"}, "0", ""),
        ({"apt-get"}, "0", "Installing Chromium, for the tests of the page"),
        ({"apt-get"}, "1000", "the tests of the page in a browser are skipped"),
        (set(), "0", "the tests of the page in a browser are skipped"),
    ],
)
def test_ci_gets_a_browser_where_it_can(there: set[str], user: str, said: str, tmp_path: Path) -> None:
    """On Debian, as root, without one; else it says what is skipped. Both stages run in every case."""
    for folder in (".ci", "scripts", "bin"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    program(tmp_path / "scripts" / "test", f'echo "test $*" >>"{tmp_path}/calls"')
    program(tmp_path / "scripts" / "receivers", "true")
    for name in ("bash", "sh", "dirname", "timeout"):
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    program(tmp_path / "bin" / "id", f"echo {user}")
    for name in there:
        program(tmp_path / "bin" / name, f'echo "{name} $*" >>"{tmp_path}/calls"')
    command = [str(shutil.which("bash")), str(tmp_path / ".ci" / "run")]
    done = subprocess.run(command, env={"PATH": str(tmp_path / "bin")}, capture_output=True, text=True, timeout=60)
    calls = (tmp_path / "calls").read_text().splitlines()
    installs = [call for call in calls if "install" in call]
    assert (0, "") == (done.returncode, done.stderr)
    assert said in done.stdout
    assert bool(installs) is ("Installing" in said)
    stages = [call for call in calls if call.startswith("test")]
    assert ("test ", True) == (stages[0], any("slow" in stage for stage in stages[1:]))
