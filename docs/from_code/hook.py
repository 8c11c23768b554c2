"""What mkdocs calls while it builds: fills in the parts made from the code, adds the repository's own pages, llms.txt.

A page asks for a part with a comment on a line of its own: `<!-- from the code: settings -->`, a name and its arguments.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
for _folder in (str(ROOT / "docs"), str(ROOT / "src")):
    if _folder not in sys.path:
        sys.path.insert(0, _folder)

from mkdocs.structure.files import File, Files  # noqa: E402
from mkdocs.structure.pages import Page  # noqa: E402

from from_code import backends, commands, docstrings, llms, measured, privacy, repository, settings  # noqa: E402

PARTS = {
    "preset": backends.preset,
    "presets": backends.all_presets,
    "common keywords": settings.common_keywords,
    "configure": settings.configure_arguments,
    "settings": settings.variables,
    "commands": commands.all_commands,
    "leaves": privacy.leaves,
    "stays": privacy.stays,
    "measured": measured.tables,
    "benchmarks": measured.scripts,
    "examples": repository.examples,
}
DECISIONS = "Decisions"
_ASKED = re.compile(r"^<!-- from the code: ([a-z ]+?)(?:: (.+?))? -->$", re.MULTILINE)
_FOR_TESTS = re.compile(r"^<!-- (?:printed|skip).*-->\n", re.MULTILINE)
_pages: dict[str, tuple[Page, str]] = {}


def on_config(config: Any) -> Any:
    """Leave out of the navigation what the repository does not have (yet), and list its decision records."""
    _pages.clear()
    config.nav = [repository.existing(entry, ROOT) for entry in config.nav]
    records = [f"decisions/{path.name}" for path in sorted((ROOT / "docs" / "decisions").glob("*.md"))]
    if records:
        config.nav.append({DECISIONS: records})
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add pages made from files at the repository's root, llms.txt, and the pictures of the benchmarks."""
    for name, text in repository.pages(ROOT):
        files.append(File.generated(config, name, content=text))
    for name in llms.NAMES:  # written when all pages are there; pages may link to them
        files.append(File.generated(config, name, content=""))
    for name, path in measured.pictures(ROOT):
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: Any, files: Files) -> str:
    """Fill in the parts that are made from the code."""
    described = repository.ABOUT.get(page.file.src_uri)
    if page.file.src_uri.startswith("decisions/"):
        described = "A decision record: what was decided, and why."
    page.meta.setdefault("description", described)
    if page.file.src_uri not in repository.PAGES:  # those are also read where nobody fills anything in
        above = "../" * page.file.src_uri.count("/")  # the parts are written as for a page in a folder
        markdown = _ASKED.sub(lambda asked: _part(asked[1], asked[2]).replace("](../", f"]({above}"), markdown)
    _pages[page.file.src_uri] = (page, _FOR_TESTS.sub("", markdown))
    return markdown


def _part(name: str, argument: str | None) -> str:
    return docstrings.without_notes(PARTS[name](argument) if argument else PARTS[name]())


def on_page_content(html: str, page: Page, config: Any, files: Files) -> str:
    """Keep the rendered page for llms.txt where its Markdown says nothing: the reference."""
    held = _pages.get(page.file.src_uri)
    if held is not None and ":::" in held[1]:
        _pages[page.file.src_uri] = (page, llms.from_html(html))
    return html


def on_post_build(config: Any) -> None:
    """Write llms.txt, llms-full.txt, and a Markdown file beside each page."""
    llms.write(_pages, config)
