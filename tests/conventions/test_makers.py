"""The names that are exported: the makers' own, from their lists, or on our list of additions."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from spancast.conventions import CONVENTIONS
from spancast.conventions.versions import at_version, checked, versions_of
from spancast.record.operation import Kind, Operation
from spancast.validation import SettingsError

from .operations import full_operations, operation

_FOLDER = Path(__file__).with_name("makers")
GEN_AI, OPENINFERENCE, ADDITIONS = (
    json.loads((_FOLDER / f"{name}.json").read_text()) for name in ("gen_ai", "openinference", "additions")
)
LISTS = {"gen_ai": GEN_AI, "openinference": OPENINFERENCE}
ALL = full_operations()
_VARIABLE = "gen_ai.prompt.variable"  # with the variable's own name behind it


def theirs(convention: str, version: str | None = None) -> set[str]:
    """Return the makers' names up to *version*; all of them where that is None."""
    names: set[str] = set(LISTS[convention].get("general", ()))
    for each, released in LISTS[convention]["versions"].items():
        names.update(released["added"])
        if each == version:
            break
    return names


def is_of(convention: str, name: str, names: set[str]) -> bool:
    """Return whether *name* is one of *names*, or in OpenInference made of them around indexes."""
    if convention == "gen_ai":
        return name in names or (name.startswith(_VARIABLE + ".") and _VARIABLE in names)
    first, *rest = re.split(r"\.\d+\.", name)
    return first in names and all(_is_made_of(piece, names) for piece in rest)


def _is_made_of(name: str, names: set[str]) -> bool:
    return name in names or any(
        name.startswith(piece + ".") and _is_made_of(name[len(piece) + 1 :], names) for piece in names
    )


def is_addition(convention: str, name: str) -> bool:
    """Return whether *name* is on our list of additions."""
    return any(name == each or (each.endswith("*") and name.startswith(each[:-1])) for each in ADDITIONS[convention])


def exported(convention: str, render: Any = None) -> set[str]:
    """Return every attribute name that the convention writes."""
    return {name for each in ALL for name in (render or CONVENTIONS[convention])(each).attributes}


@pytest.mark.parametrize("convention", LISTS)
def test_every_name_is_the_makers_or_a_written_addition(convention: str) -> None:
    """An attribute that is neither in the makers' lists nor in ours is a mistake."""
    names = theirs(convention)
    strange = {n for n in exported(convention) if not is_of(convention, n, names) and not is_addition(convention, n)}
    assert set() == strange


@pytest.mark.parametrize("convention", LISTS)
def test_every_addition_is_written_and_has_a_reason(convention: str) -> None:
    """The list of additions names nothing that is not exported any more, nor what the makers have meanwhile."""
    names = exported(convention)
    for each, reason in ADDITIONS[convention].items():
        found = {name for name in names if name == each or (each.endswith("*") and name.startswith(each[:-1]))}
        assert found, each
        assert reason.endswith(".")
        assert not any(is_of(convention, name, theirs(convention)) for name in found), each


@pytest.mark.parametrize("convention", LISTS)
def test_the_lists_say_where_they_come_from(convention: str) -> None:
    """Each list has its source and the day on which it was read."""
    assert LISTS[convention]["source"].startswith("https://github.com/")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", LISTS[convention]["read"])


@pytest.mark.parametrize(
    ("convention", "version"), [(each, version) for each in LISTS for version in versions_of(each)]
)
def test_a_pinned_version_writes_no_later_name(convention: str, version: str) -> None:
    """`gen_ai@1.38` and its like: nothing but what was in that version, and our additions."""
    render = at_version(CONVENTIONS[convention], f"{convention}@{version}")
    then, now = theirs(convention, version), exported(convention)
    names = exported(convention, render)
    later = {n for n in names if not is_of(convention, n, then) and not is_addition(convention, n)}
    if convention == "gen_ai":  # names of OpenAI's that stand in the same lists
        later -= {"openai.response.service_tier"}
    assert set() == later
    assert {n for n in now if is_of(convention, n, then)} <= names


def test_the_newest_is_what_the_plain_name_means() -> None:
    """`gen_ai`, `gen_ai@newest` and `gen_ai@latest` are one; so is a version with its last number."""
    assert ["gen_ai"] * 3 == [checked(name) for name in ("gen_ai", "gen_ai@newest", "gen_ai@latest")]
    assert ["gen_ai@1.41"] * 3 == [checked(f"gen_ai@{version}") for version in ("1.41", "1.41.1", "v1.41.0")]
    assert CONVENTIONS["gen_ai"] is at_version(CONVENTIONS["gen_ai"], "gen_ai")


@pytest.mark.parametrize("name", ["gen_ai@1.99", "gen_ai@", "openinference@2", "gemini", "", 7, "gen_ai@1"])
def test_an_unknown_version_is_one_sentence(name: object) -> None:
    """It names the value and what would do."""
    with pytest.raises(SettingsError, match=r"is not known: .*(gen_ai|openinference)"):
        checked(name)


def test_a_root_keeps_its_own_name_beside_the_operation() -> None:
    """`invoke_workflow` is an attribute, with the workflow's name; both came together, with 1.41."""
    root = operation(Kind.CHAIN, name="graph", workflow=True)
    newest, older = CONVENTIONS["gen_ai"](root), at_version(CONVENTIONS["gen_ai"], "gen_ai@1.40")(root)
    assert ("graph", "graph") == (newest.name, older.name)
    assert ("invoke_workflow", "graph") == tuple(
        newest.attributes[f"gen_ai.{name}"] for name in ("operation.name", "workflow.name")
    )
    assert "gen_ai.operation.name" not in older.attributes


def test_a_kind_that_was_unknown_is_the_older_one() -> None:
    """A decision is a model call for those who do not know decisions."""
    render = at_version(CONVENTIONS["openinference"], "openinference@0.1.32")
    made = [render(each) for each in ALL if each.kind is Kind.DECISION]
    assert ["LLM"] == [span.attributes["openinference.span.kind"] for span in made]


def _operations(kind: Kind) -> list[Operation]:
    return [each for each in ALL if each.kind is kind]


def test_before_its_own_names_content_stands_under_openrouters() -> None:
    """A tool's arguments are not lost where their name is too new."""
    render = at_version(CONVENTIONS["gen_ai"], "gen_ai@1.37")
    span = render(_operations(Kind.TOOL)[0])
    assert ('{"a":1}', "done") == (span.attributes["span.input"], span.attributes["span.output"])
