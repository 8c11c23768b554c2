"""The parts that are made when the site is built: from files, docstrings and results, whatever these look like."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from .pages import DOCS

if str(DOCS) not in sys.path:
    sys.path.insert(0, str(DOCS))
from from_code import docstrings, llms, markdown, measured, repository


def test_results_stand_beneath_the_pages_own_headings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Headings go down two levels, not in code; plots are shown once; links to files are text."""
    monkeypatch.setattr(measured, "ROOT", tmp_path)
    for folder in (measured.FOLDER, measured.PLOTS):
        (tmp_path / folder).mkdir(parents=True)
    text = "# Cost\n\nSee [compare](../compare.py).\n\n![spans](../plots/spans.svg)\n\n```sh\n# no heading\n```\n"
    (tmp_path / measured.FOLDER / "compare.md").write_text(text)
    (tmp_path / measured.FOLDER / "drain_rate.md").write_text("| a |\n|---|\n")
    for name in ("spans", "threads"):
        (tmp_path / measured.PLOTS / f"{name}.svg").write_text("<svg/>")
    assert [
        "### Cost",
        "See compare.",
        "![spans](measured/spans.svg)",
        "```sh\n# no heading\n```",
        "### Drain rate",
        "| a |\n|---|",
        "### How the cost grows",
        "![threads](measured/threads.svg)",
    ] == measured.tables().split("\n\n")
    assert ["measured/spans.svg", "measured/threads.svg"] == [name for name, _ in measured.pictures(tmp_path)]


def test_without_results_the_page_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy without measurements still builds."""
    monkeypatch.setattr(measured, "ROOT", tmp_path)
    assert measured.tables().startswith("No results lie in")


def test_links_of_the_repositorys_files_lead_to_pages(tmp_path: Path) -> None:
    """To another page, to a page of the docs folder, to an address; the names of other files stay as text."""
    (tmp_path / "integrations" / "collector").mkdir(parents=True)
    (tmp_path / "ARCHITECTURE.md").write_text(
        "# A\n[c](CONTRIBUTING.md) [e](docs/connection-errors.md#x) [f](src/x.py) [w](https://example.com/)\n"
    )
    (tmp_path / "integrations" / "collector" / "README.md").write_text("# C\n\n[s](sizing.md) [g](../grafana)\n")
    pages = dict(repository.pages(tmp_path))
    assert (
        "# A\n[c](contributing.md) [e](connection-errors.md#x) f [w](https://example.com/)\n"
        == pages["architecture.md"]
    )
    assert pages["machines/collector.md"].endswith("\n[s](sizing.md) [g](grafana.md)\n")
    assert "`integrations/collector`" in pages["machines/collector.md"]
    nav = ["index.md", {"Project": ["architecture.md", "security.md"]}]
    assert ["index.md", {"Project": ["architecture.md"]}] == [repository.existing(entry, tmp_path) for entry in nav]


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (
            "What it does differently (contracts 3, Axiom's documentation):",
            "What it does differently (Axiom's documentation):",
        ),
        ("What it does differently (contracts 2):", "What it does differently:"),
        ("(contracts 3 and 3.2, LangSmith's documentation)", "(LangSmith's documentation)"),
        ("the headers that belong to them (contracts 4.4).", "the headers that belong to them."),
        ("Two contracts were signed in 2024.", "Two contracts were signed in 2024."),
    ],
)
def test_notes_that_readers_do_not_have_are_left_out(said: str, read: str) -> None:
    """The source behind a fact stays; the section of somebody's notes goes."""
    assert read == docstrings.without_notes(said)


def test_a_list_after_a_line_of_text_becomes_a_list() -> None:
    """Markdown wants an empty line before a list; docstrings have none."""
    assert "Differently:\n\n* one;\n  more\n* two." == docstrings.readable("Differently:\n* one;\n  more\n* two.")


def test_arguments_are_read_with_their_marks_of_code() -> None:
    """Continued lines belong to the argument above them."""
    docstring = """Do.

    Args:
        a: The `first`,
            continued.
        b: Second.

    Raises:
        E: Never.
    """
    assert {"a": "The `first`, continued.", "b": "Second."} == markdown.described(docstring)


def test_a_rendered_page_becomes_markdown() -> None:
    """Without the signs that link to headings."""
    html = '<h2>configure<a class="headerlink" href="#c">¶</a></h2><p>Set <code>it</code>.</p>'
    assert ["## configure", "Set `it`."] == llms.from_html(html).split("\n\n")
