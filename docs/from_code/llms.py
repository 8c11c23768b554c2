"""llms.txt, as llmstxt.org describes it: an index of the pages in Markdown, llms-full.txt with all, and a file a page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_LINK = re.compile(r"(?<!!)\[([^\]\n]*)\]\(([^)\s]+)\)")
_HTML_COMMENT = re.compile(r"^<!--.*?-->\n", re.MULTILINE | re.DOTALL)
NAMES = ("llms.txt", "llms-full.txt")
OPTIONAL = "Project"  # llmstxt.org: what a reader in a hurry may skip is called Optional


def write(pages: Mapping[str, tuple[Any, str]], config: Any) -> None:
    """Write the files into the built site; *pages* holds page and Markdown by source."""
    site = Path(config.site_dir)
    base = config.site_url or ""
    head = f"# {config.site_name}\n\n> {config.site_description}\n"
    index, full = [head], [head]
    for section, members in _sections(config.nav):
        listed = []
        for source in members:
            page, markdown = pages[source]
            text = _HTML_COMMENT.sub("", markdown).strip() + "\n"
            place = page.file.dest_uri.removesuffix(".html") + ".md"
            (site / place).write_text(text, encoding="utf-8")
            listed.append(f"- [{page.title}]({base}{place}): {page.meta['description']}")
            full.append(_LINK.sub(lambda found: found[1] if "://" not in found[2] else found[0], text))
        index.append(f"## {'Optional' if section == OPTIONAL else section}\n\n" + "\n".join(listed) + "\n")
    for name, parts in zip(NAMES, (index, full), strict=True):
        (site / name).write_text("\n".join(parts), encoding="utf-8")


def _sections(nav: list[Any]) -> list[tuple[str, list[str]]]:
    sections: list[tuple[str, list[str]]] = [("Overview", [])]
    for entry in nav:
        if isinstance(entry, str):
            sections[0][1].append(entry)
        else:
            ((title, members),) = entry.items()
            sections.append((title, list(members)))
    return sections


def from_html(html: str) -> str:
    """Return a rendered page as Markdown."""
    from bs4 import BeautifulSoup
    from markdownify import ATX, markdownify

    soup = BeautifulSoup(html, "html.parser")
    for anchor in soup.select("a.headerlink, .doc-labels"):
        anchor.decompose()
    return str(markdownify(str(soup), heading_style=ATX, bullets="-", escape_underscores=False))
