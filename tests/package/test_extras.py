"""`pip install spancast` and each of its extras, in clean environments: what each promises runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from .environments import Environment, environment
from .trees import TREES

pytestmark = pytest.mark.slow

NO_COMMAND_LINE = 'The command line needs more packages: pip install "spancast[cli]"\n'


def with_extra(folder: Path, wheel: Path, extra: str = "") -> Environment:
    """Return an environment of spancast with *extra*."""
    return environment(folder / "environment", f"spancast{extra and f'[{extra}]'} @ {wheel.as_uri()}")


def refused(made: Environment, code: str) -> str:
    """Return the last line of what Python says of *code*, which has to fail."""
    done = made.run("python", "-c", code)
    assert 1 == done.status
    return done.err.splitlines()[-1]


def test_without_extras_the_core_works_and_the_rest_says_what_is_missing(wheel: Path, tmp_path: Path) -> None:
    """Spans by hand, to memory and a file; adapters, command, prices and keyring name the extra they need."""
    made = with_extra(tmp_path, wheel)
    assert TREES["by_hand"] == made.tree("by_hand")
    done = made.run("spancast", "doctor")
    assert (2, "", NO_COMMAND_LINE) == (done.status, done.out, done.err)
    done = made.run("python", "-m", "spancast")
    assert (2, "", NO_COMMAND_LINE) == (done.status, done.out, done.err)
    for adapter, extra in (("langchain", "langchain"), ("llama_index", "llama-index")):
        assert f'pip install "spancast[{extra}]"' in refused(made, f"import spancast.{adapter}")
    wanting = "from spancast import destinations; destinations.otlp('http://127.0.0.1:9', headers={'a': 'keyring:b'})"
    assert 'pip install "spancast[keyring]"' in refused(made, wanting)
    assert ["openai None"] == made.tree("price")


def test_importing_it_without_extras_loads_nothing_else(wheel: Path, tmp_path: Path) -> None:
    """As in the tests of the source, now as a user gets it."""
    made = with_extra(tmp_path, wheel)
    code = """if True:
        import sys
        before = {name.partition(".")[0] for name in sys.modules}
        import spancast
        print({name.partition(".")[0] for name in sys.modules} - before - sys.stdlib_module_names)
    """
    done = made.run("python", "-c", code)
    assert (0, "{'spancast'}\n", "") == (done.status, done.out, done.err)


def test_the_command_line_extra(wheel: Path, tmp_path: Path) -> None:
    """Every command says what it is for; the tree of a file is drawn; the doctor misses a framework."""
    made = with_extra(tmp_path, wheel, "cli")
    commands = ("view", "demo", "replay", "doctor", "explain", "settings", "privacy-audit", "destinations")
    for command in ((), *((name,) for name in commands)):
        done = made.run("spancast", *command, "--help")
        assert (0, "") == (done.status, done.err)
    assert TREES["by_hand"] == made.tree("by_hand")
    assert "└─ CHAIN write" in made.run("spancast", "view", "traces.jsonl").out
    doctor = made.run("spancast", "doctor")
    assert (0, "") == (doctor.status, doctor.err)
    assert 'pip install "spancast[langchain]" or "spancast[llama-index]"' in doctor.out
    demo = made.run("spancast", "demo")
    assert (2, 'spancast: the demo needs langchain: pip install "spancast[demo]"\n') == (demo.status, demo.err)


@pytest.mark.parametrize(
    ("extra", "applications"),
    [
        ("langchain", ["langchain_chain"]),
        ("llama-index", ["llama_index_query", "llama_index_agent"]),
        ("openrouter", ["langchain_chain", "openrouter_call"]),
        ("all", ["langchain_chain", "llama_index_query", "llama_index_agent", "openrouter_call"]),
    ],
)
def test_the_extra_of_a_framework(extra: str, applications: list[str], wheel: Path, tmp_path: Path) -> None:
    """The framework comes with it, and its calls are traced."""
    made = with_extra(tmp_path, wheel, extra)
    for application in applications:
        assert TREES[application] == made.tree("traced", application)
    if extra == "all":
        doctor = made.run("spancast", "doctor").out
        assert [True] * 2 == [name in doctor for name in ("langchain-core", "llama-index-core")]


def test_the_extras_of_prices_and_keyring(wheel: Path, tmp_path: Path) -> None:
    """A price for a model, and a header whose value lies in a keyring and is not shown."""
    made = with_extra(tmp_path, wheel, "prices,keyring")
    assert ["openai 0.0125"] == made.tree("price")
    assert ["Bearer from-the-pocket False"] == made.tree("from_keyring")


def test_the_demo_extra(wheel: Path, tmp_path: Path) -> None:
    """`spancast demo` runs and draws its tree."""
    made = with_extra(tmp_path, wheel, "demo")
    done = made.run("spancast", "demo")
    assert (0, "") == (done.status, done.err)
    assert [True] * 4 == [f"{kind} " in done.out for kind in ("AGENT", "LLM", "TOOL", "RETRIEVER")]
