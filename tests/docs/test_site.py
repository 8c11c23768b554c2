"""The site builds without a warning and without the network; its links lead somewhere; llms.txt lists what is there."""

from __future__ import annotations

import logging
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from mkdocs.commands.build import build
from mkdocs.config import load_config

from .pages import DOCS, ROOT, blocks, pages

_LOADED = {("script", "src"), ("link", "href"), ("img", "src"), ("source", "src"), ("iframe", "src")}
_MARKDOWN_LINK = re.compile(r"\]\(([^)\s]+)\)")


class Anchors(HTMLParser):
    """What a page links to, loads, and can be linked to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        self.ids.update(value for name in ("id", "name") if (value := held.get(name)))
        for name in ("href", "src"):
            value = held.get(name)
            if value and (tag, name) in _LOADED and held.get("rel") != "canonical":
                self.loads.append(value)
            elif value and tag == "a":
                self.links.append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site, strictly, with everything that is said while building."""
    folder = tmp_path_factory.mktemp("site")
    said: list[logging.LogRecord] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record)

    listener = Listener(logging.WARNING)
    logger = logging.getLogger("mkdocs")
    logger.addHandler(listener)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("NO_MKDOCS_2_WARNING", "1")
            patch.delenv("DOCS_URL", raising=False)
            config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder))
            build(config)
            config.plugins.on_shutdown()
    finally:
        logger.removeHandler(listener)
    assert [] == [record.getMessage() for record in said]
    return folder


@pytest.fixture(scope="module")
def read(site: Path) -> dict[Path, Anchors]:
    """Return every page of the site, read."""
    return {page: Anchors(page) for page in site.rglob("*.html")}


def test_every_page_is_there(site: Path) -> None:
    """Each Markdown page is a page of the site, and its Markdown lies beside it."""
    for page in pages():
        place = (site / page.relative_to(DOCS)).with_suffix(".html")
        assert place.is_file()
        assert place.with_suffix(".md").is_file()


def test_every_internal_link_and_anchor_resolves(site: Path, read: dict[Path, Anchors]) -> None:
    """Pages, anchors in them, files: whatever a page of ours links to is there."""
    broken = []
    for page, anchors in read.items():
        if page.name == "404.html":  # its links begin at the server's root
            continue
        for link in anchors.links:
            parts = urlsplit(urljoin(page.as_uri(), link))
            if parts.scheme != "file":
                continue
            target = Path(unquote(parts.path))
            target = target / "index.html" if target.is_dir() else target
            known = read[target].ids if target in read else set()
            if not target.is_file() or (parts.fragment and unquote(parts.fragment) not in known):
                broken.append((page.name, link))
    assert [] == broken


def test_readers_load_nothing_from_third_parties(read: dict[Path, Anchors]) -> None:
    """Fonts, scripts, styles and pictures come from the site itself."""
    assert [] == [(page.name, each) for page, anchors in read.items() for each in anchors.loads if "//" in each]


def test_llms_txt_lists_every_page_once(site: Path) -> None:
    """In llmstxt.org's form: a title, a summary, sections of links with a sentence each, and every link is there."""
    text = (site / "llms.txt").read_text(encoding="utf-8")
    assert text.startswith("# spancast\n\n> ")
    links = re.findall(r"^- \[[^\]]+\]\(([^)]+)\): \S.*\.$", text, re.MULTILINE)
    assert len(links) == sum(line.startswith("- ") for line in text.splitlines())
    assert sorted(links) == sorted(set(links))
    assert {str(page.relative_to(site)) for page in site.rglob("*.md")} == set(links)


def test_the_pages_in_markdown_link_to_what_is_there(site: Path) -> None:
    """A link in a page's Markdown leads to Markdown, or to another file of the site."""
    broken = []
    for page in site.rglob("*.md"):
        text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        for link in _MARKDOWN_LINK.findall(re.sub(r"`[^`]*`", "", text)):
            path = link.partition("#")[0]
            if path and "://" not in link and not (page.parent / path).is_file():
                broken.append((page.name, link))
    assert [] == broken


def test_llms_full_txt_holds_all_of_it(site: Path) -> None:
    """The text of every page, with what was made from the code, and no comments for builders."""
    text = (site / "llms-full.txt").read_text(encoding="utf-8")
    for page in site.rglob("*.md"):
        assert page.read_text(encoding="utf-8").splitlines()[0] in text
    assert "<!--" not in text
    assert "SPANCAST_MAX_QUEUE_BYTES" in text
    assert "spancast privacy-audit [OPTIONS]" in text


def test_nothing_of_the_builders_reaches_the_reader(site: Path) -> None:
    """Marks for tests, requests for parts and names of notes that readers do not have are gone."""
    for page in [*site.rglob("*.html"), *site.rglob("*.md")]:
        text = page.read_text(encoding="utf-8")
        shown = text.replace("from the code: preset: acme", "")  # the worked example of CONTRIBUTING
        assert "from the code:" not in shown, page
        assert "contracts 2" not in text, page
        assert "contracts 3" not in text, page


def test_a_link_in_the_source_is_one_that_the_builder_checks() -> None:
    """Pages link to Markdown files, not to addresses of the built site, which the builder could not check."""
    for page in pages():
        text = page.read_text(encoding="utf-8")
        for block in blocks(page):
            text = text.replace(block.text, "")
        found: list[Any] = [link for link in _MARKDOWN_LINK.findall(text) if ".html" in link]
        assert [] == found, page
