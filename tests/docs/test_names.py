"""The pages name what the code has: variables, presets, commands, public names; and the code has nothing they leave out."""

from __future__ import annotations

import ast
import re
import sys
from functools import cache
from pathlib import Path

import pytest

import spancast
from spancast import destinations, redact
from spancast.config import schema
from spancast.destinations import PRESETS

from .pages import DOCS, ROOT, blocks, commands_in, pages

if str(DOCS) not in sys.path:
    sys.path.insert(0, str(DOCS))
from from_code import backends, commands, hook, settings

_VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
_SOURCES = list((ROOT / "src").rglob("*.py"))
# other programs' variables, each named on a page that says whose it is
OTHERS = {
    "DOCS_URL",
    "NODE_IP",
    "POD_UID",
    "OTEL_ONLY",
    "LANGSMITH_HIDE_INPUTS",
    "LANGSMITH_HIDE_OUTPUTS",
    "LANGSMITH_TRACING_SAMPLING_RATE",
    "ALL_PROXY",
    "NO_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
    "GRPC_VERBOSITY",  # grpcio reads it
    "XDG_CONFIG_HOME",  # platformdirs reads it
    "XDG_STATE_HOME",
}
PLACEHOLDERS = {"COLLECTOR_TOKEN", "MAX_QUEUE_BYTES", "LIGHTSTEP_TOKEN"}


def texts_in_the_code() -> set[str]:
    """Return every text that stands in the code, docstrings left out."""
    found = set()
    for path in _SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _VARIABLE.search(node.value):
                found.add(node.value)
    return found


@cache
def known_variables() -> set[str]:
    """Return the variables that the code reads, by the catalogue and by the texts in the code."""
    named = {variable for setting in schema.SETTINGS for variable in setting.variables}
    return named | {text for text in texts_in_the_code() if _VARIABLE.fullmatch(text)}


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_every_variable_on_a_page_is_known_to_the_code(page: Path) -> None:
    """A variable that was renamed or made up is found here."""
    named = set(_VARIABLE.findall(page.read_text(encoding="utf-8")))
    named = {name for name in named if not name.endswith("_")}
    assert set() == named - known_variables() - OTHERS - PLACEHOLDERS


def test_every_variable_that_the_code_reads_is_on_the_page_of_settings() -> None:
    """Those of the catalogue by its own table; the others by hand."""
    page = hook._ASKED.sub(lambda asked: hook._part(asked[1], asked[2]), (DOCS / "settings.md").read_text("utf-8"))
    read = {variable for setting in schema.SETTINGS for variable in setting.variables}
    for path in _SOURCES:
        read.update(re.findall(r'environ(?:\.get\(|\[)\s*"([A-Z_0-9]+)"', path.read_text(encoding="utf-8")))
    assert set() == {name for name in read if f"`{name}`" not in page}


def test_every_preset_has_a_page_a_command_and_a_line_of_code() -> None:
    """A reader of any backend finds the code and the command to copy."""
    shown = [block for page in pages() for block in blocks(page)]
    code = "\n".join(block.text for block in shown if block.language == "python")
    typed = [line for block in shown if block.language == "sh" for line in commands_in(block.text)]
    asked = {found[2] for page in pages() for found in hook._ASKED.finditer(page.read_text("utf-8")) if found[2]}
    assert set(PRESETS) == asked
    for name in PRESETS:
        assert f"destinations.{name}(" in code
        assert any(line.startswith(f"spancast destinations add {name} ") for line in typed), name


def test_the_facts_of_a_preset_are_its_own() -> None:
    """Endpoint and headers on the page are those of a destination that the preset makes; keys are names there."""
    assert "`https://api.axiom.co/v1/traces`" in backends.preset("axiom")
    assert {"Authorization": "Bearer <token>", "X-Axiom-Dataset": "<dataset>"} == backends.headers_of("axiom")
    assert {"Authorization": "Basic base64(<instance_id>:<api_key>)"} == backends.headers_of("grafana_cloud")
    assert "| argument | meaning | environment | default |" in backends.preset("axiom")
    token = "| `token` | An API token, from Settings, API Tokens; else `AXIOM_TOKEN`. | `AXIOM_TOKEN` |"
    assert token in backends.preset("axiom")


def test_every_public_name_is_in_the_reference() -> None:
    """What `__all__` promises has a place where it is described."""
    described = set(re.findall(r"^::: \S+\.(\w+)$", _reference(), re.MULTILINE))
    members = {name for line in re.findall(r"members: \[(.*?)\]", _reference()) for name in line.split(", ")}
    promised = {*spancast.__all__, *destinations.__all__} - {"__version__", "destinations"}
    assert set() == promised - described
    assert {name for name in vars(redact) if name in members} >= {*redact.BUILT_IN} - {"all"}


def _reference() -> str:
    return "\n".join(page.read_text(encoding="utf-8") for page in (DOCS / "reference").glob("*.md"))


def test_every_command_is_on_its_page() -> None:
    """Made from the application itself; each command and each option."""
    page = commands.all_commands()
    application = commands.application()
    for name, command in application.commands.items():
        assert f"`spancast {name}`" in page
        for parameter in command.params:
            assert all(option in page for option in parameter.opts if option.startswith("--")), (name, parameter.name)
    assert all(f"`spancast destinations add {name}`" in page for name in PRESETS)


def test_every_common_keyword_and_argument_has_a_meaning() -> None:
    """No row of the tables is empty."""
    for table in (settings.common_keywords(), settings.configure_arguments()):
        assert not [row for row in table.splitlines() if row.rstrip(" |").count("|") < 3]
