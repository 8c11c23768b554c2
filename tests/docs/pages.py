"""The pages as the tests see them: code blocks in their order, each with what its mark says of it.

A mark is a comment on the line before a block: `<!-- printed -->` (what the program printed last, all of it),
`<!-- printed: part -->` (lines of it, in their order; `...` stands for any others), `<!-- skip: reason -->`.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
WRITTEN_BY_A_TEST = {"connection-errors.md"}
_BLOCK = re.compile(
    r"^(?P<indent> *)(?:<!-- (?P<mark>[^\n]*?) -->\n\1)?```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^\1```$",
    re.MULTILINE | re.DOTALL,
)
_KIND = re.compile(r"[│├└✗]|\b(?:CHAIN|AGENT|LLM|TOOL|RETRIEVER|EMBEDDING|RERANKER)\b")


@dataclass(frozen=True)
class Block:
    """A code block of a page."""

    page: Path
    line: int
    language: str
    text: str
    mark: str | None
    span: tuple[int, int]  # where the text stands in the page

    @property
    def where(self) -> str:
        """Page and line, for people."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def skipped(self) -> bool:
        """Whether a mark says that it cannot run here."""
        return bool(self.mark and self.mark.startswith("skip: "))


def pages() -> list[Path]:
    """Return the pages that people wrote."""
    return sorted(page for page in DOCS.rglob("*.md") if page.name not in WRITTEN_BY_A_TEST)


def name_of(page: Path) -> str:
    """Return what a page is called in the tests: `how-to/tests`."""
    return page.relative_to(DOCS).with_suffix("").as_posix()


def blocks(page: Path) -> list[Block]:
    """Return the code blocks of a page."""
    source = page.read_text(encoding="utf-8")
    return [
        Block(
            page=page,
            line=source.count("\n", 0, found.start("text")) + 1,
            language=found["language"],
            text=textwrap.dedent(found["text"]),
            mark=found["mark"],
            span=found.span("text"),
        )
        for found in _BLOCK.finditer(source)
    ]


def commands_in(text: str) -> list[str]:
    """Return the commands of a shell block, continued lines joined, comments left out."""
    joined = re.sub(r"\\\n\s*", " ", text)
    lines = (re.sub(r"\s+#\s.*", "", line).strip() for line in joined.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def plain(line: str) -> str:
    """Return a printed line without what differs from run to run: durations, ids, paths, columns of figures."""
    line = re.sub(r"\d+(?:\.\d+)? (?:ms|s)\b", "N ms", line)
    line = re.sub(r"^trace [0-9a-f]{32}$", "trace <id>", line)
    line = re.sub(r"\b00-[0-9a-f]{32}-[0-9a-f]{16}-01\b", "<traceparent>", line)
    line = re.sub(r"^\[[0-9a-f]{8}\]", "<id>", line)
    line = re.sub(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<uuid>", line)
    line = re.sub(r"(DNS +)[\d.]+", r"\1<address>", line)
    line = re.sub(r"[\d.,]+ MB\b", "N MB", line)
    line = re.sub(r"(?<![\w.])/\S*/(?=[\w.-]+)", "<folder>/", line)
    line = re.sub(r"~/\S*/(?=[\w.-]+)", "<folder>/", line)
    if line.startswith("forms: "):  # of the privacy audit, in no order
        line = "forms: " + ", ".join(sorted(line.removeprefix("forms: ").split(", ")))
    begin = _KIND.search(line)
    at = begin.start() if begin else len(line)
    return (" ".join(line[:at].split()) + " " + re.sub(r" {2,}", "  ", line[at:])).strip()


def plain_lines(text: str) -> list[str]:
    """Return printed text as lines that can be compared; empty lines do not count."""
    return [line for line in map(plain, text.splitlines()) if line]


def holds(shown: Sequence[str], printed: Sequence[str]) -> bool:
    """Return whether *printed* has the lines of *shown* in their order; `...` lines stand for any others."""
    rest = iter(printed)
    return all(line in rest for line in shown if line != "...")
