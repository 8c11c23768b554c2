"""A framework that is missing or too old is one sentence with its fix."""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from spancast import frameworks

ROOT = Path(__file__).parent.parent


def say(error: ImportError, monkeypatch: pytest.MonkeyPatch, found: str | None) -> ImportError:
    """Return what is said of *error* where *found* is the version that is installed."""

    def version(package: str) -> str:
        assert "langchain-core" == package
        if found is None:
            raise PackageNotFoundError(package)
        return found

    monkeypatch.setattr(frameworks, "version", version)
    return frameworks.import_error(
        error,
        adapter="spancast.langchain",
        framework="LangChain",
        package="langchain-core",
        at_least="1.7",
        extra="langchain",
    )


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (None, 'spancast.langchain needs LangChain, which is not installed: pip install "spancast[langchain]"'),
        (
            "0.3.86",
            "spancast.langchain needs langchain-core 1.7 or newer, and 0.3.86 is installed: "
            'pip install -U "spancast[langchain]"',
        ),
        (
            "1.6.9rc1",
            "spancast.langchain needs langchain-core 1.7 or newer, and 1.6.9rc1 is installed: "
            'pip install -U "spancast[langchain]"',
        ),
    ],
)
def test_a_framework_that_does_not_do(found: str | None, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names what is installed, what is needed, and the command; the class of the error stays."""
    error = ImportError("cannot import name 'TextAccessor'", name="langchain_core.messages.base")
    told = say(error, monkeypatch, found)
    assert (ImportError, message, error.name) == (type(told), str(told), told.name)


@pytest.mark.parametrize(
    ("name", "found"), [("langchain_core.messages", "1.7.0"), ("langchain", "2.0"), ("orjson", None)]
)
def test_an_error_with_another_cause_stays(name: str, found: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that is new enough, or another package, is not what is wrong."""
    error = ImportError("broken", name=name)
    assert error is say(error, monkeypatch, found)


@pytest.mark.parametrize(("room", "extra"), [("langchain", "langchain"), ("llama_index", "llama-index")])
def test_the_oldest_version_is_the_packages_own_bound(room: str, extra: str) -> None:
    """What the sentence asks for is what `pip install "spancast[...]"` installs."""
    package, _, oldest = (
        tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"][extra][0]
    ).partition(">=")
    source = (ROOT / f"src/spancast/{room}/__init__.py").read_text()
    assert f'package="{package}"' in source
    assert f'at_least="{oldest}"' in source
