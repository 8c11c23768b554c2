"""Instructions: callgrind's files become figures per span, and a later run says what became of them."""

from __future__ import annotations

from pathlib import Path

import instructions

MARKS = {
    "lcel|untraced": 4000,
    "lcel|empty handler": 4400,
    "lcel otlp|spancast": 5200,
    "lcel otlp|lane to request": 2000,
    "lcel otlp|operation|2": 600,
    "lcel otlp|render|2": 400,
    "lcel otlp|encode|2": 200,
}


def test_marks_are_read_from_the_heads_of_callgrinds_files(tmp_path: Path) -> None:
    """Files of the same mark, from several batches, are added; what has no mark counts for nothing named."""
    for number, name, count in ((1, "a|lane to request", 5), (2, "a|lane to request", 7), (3, "b|spancast", 1)):
        head = f"desc: Trigger: Client Request: {name}\nevents: Ir\nsummary: {count}\n\nfn=(1) main\n"
        (tmp_path / f"counts.{number}-01").write_text(head)
    assert {"a|lane to request": 12, "b|spancast": 1} == dict(instructions._marks(tmp_path))


def test_figures_are_per_span() -> None:
    """Parts that were counted on other spans are divided by their own number."""
    row = instructions.per_span(MARKS, {"lcel otlp": 4})["lcel otlp"]
    assert (1000, 1100, 1300, 500) == tuple(
        row[part] for part in ("untraced", "empty handler", "spancast", "lane to request")
    )
    assert (300, 200, 100) == tuple(row[part] for part in ("operation", "render", "encode"))


def test_the_table_says_what_became_of_a_figure() -> None:
    """Under the row of an earlier run each figure that moved has its change in percent, the others none."""
    before = instructions.per_span(MARKS, {"lcel otlp": 4})
    after = instructions.per_span({**MARKS, "lcel otlp|encode|2": 100}, {"lcel otlp": 4})
    line = instructions.table(after, before).splitlines()[5]
    assert "| 0.1 (-50.0%) |" in line
    assert 1 == line.count("%")
    assert "| 3.00 |" in line
