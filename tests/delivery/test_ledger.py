"""The ledger: every span is in exactly one column, and the columns add up."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spancast.delivery.ledger import COLUMNS, DeliveryReport, DestinationReport, Ledger

FINAL = [column for column in COLUMNS if column not in ("queued", "sampled_out")]


def test_a_new_ledger_is_empty() -> None:
    """Nothing recorded, nothing anywhere."""
    assert DestinationReport(name="d") == Ledger("d").report()


def test_spans_enter_and_move() -> None:
    """A span is queued first, then in the column of its end; reasons are counted."""
    ledger = Ledger("d")
    ledger.enter("queued", 3)
    ledger.enter("sampled_out")
    ledger.enter("dropped", 1, "queue full")
    ledger.move("delivered", 1)
    ledger.move("rejected", 1, "HTTP 401")
    expected = DestinationReport(
        name="d",
        recorded=5,
        delivered=1,
        rejected=1,
        dropped=1,
        sampled_out=1,
        queued=1,
        reasons={"queue full": 1, "HTTP 401": 1},
    )
    assert (expected, 1) == (ledger.report(), ledger.queued)


def test_moving_nothing_leaves_no_reason_behind() -> None:
    """No span, no reason."""
    ledger = Ledger("d")
    ledger.move("rejected", 0, "HTTP 401")
    assert {} == ledger.report().reasons


def test_the_newest_failure_is_kept() -> None:
    """A report shows the last thing that went wrong."""
    ledger = Ledger("d")
    ledger.fail("first")
    ledger.fail("second")
    assert "second" == ledger.report().last_error


@given(st.lists(st.tuples(st.sampled_from(FINAL), st.integers(0, 5)), max_size=30), st.integers(0, 20))
def test_the_columns_add_up_to_recorded(moves: list[tuple[str, int]], sampled_out: int) -> None:
    """Whatever happens to spans, recorded is the sum of the other columns."""
    ledger = Ledger("d")
    total = sum(count for _, count in moves)
    ledger.enter("queued", total)
    ledger.enter("sampled_out", sampled_out)
    for column, count in moves:
        ledger.move(column, count, column)
    report = ledger.report()
    assert total + sampled_out == report.recorded == sum(getattr(report, column) for column in COLUMNS)
    assert (0, total) == (report.queued, sum(report.reasons.values()))


def test_threads_may_write_at_once() -> None:
    """No count is lost between threads."""
    ledger = Ledger("d")

    def work() -> None:
        for _ in range(2000):
            ledger.enter("queued")
            ledger.move("delivered", 1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (8000, 8000, 0) == (ledger.report().recorded, ledger.report().delivered, ledger.queued)


# ---------------------------------------------------------------- reports
@pytest.mark.parametrize(
    ("report", "text"),
    [
        (DestinationReport(name="d"), "d: nothing recorded"),
        (DestinationReport(name="d", recorded=2, delivered=2), "d: 2 delivered"),
        (
            DestinationReport(name="d", recorded=3, delivered=1, dropped=2, reasons={"queue full": 2}),
            "d: 1 delivered, 2 dropped (2 queue full)",
        ),
        (
            DestinationReport(name="d", recorded=3, delivered=1, sampled_out=2, last_error="HTTP 401: no"),
            "d: 1 delivered, 2 sampled out (HTTP 401: no)",
        ),
    ],
)
def test_a_destinations_report_is_one_line(report: DestinationReport, text: str) -> None:
    """Empty columns are left out, the last failure stands in brackets."""
    assert (text, text) == (str(report), repr(report))


def test_a_report_is_found_by_name_and_iterates_in_order() -> None:
    """`report["name"]`, `for ... in report` and `len(report)`."""
    one, two = DestinationReport(name="one"), DestinationReport(name="two", recorded=1, queued=1)
    report = DeliveryReport((one, two))
    assert (two, [one, two], 2) == (report["two"], list(report), len(report))
    assert "one: nothing recorded\ntwo: 1 queued" == repr(report)
    with pytest.raises(KeyError, match="three"):
        report["three"]


def test_a_report_without_destinations_says_so() -> None:
    """An empty report is no empty text."""
    assert "no destination" == repr(DeliveryReport())


def test_a_report_becomes_plain_data() -> None:
    """Scripts get dicts of numbers."""
    report = DeliveryReport((DestinationReport(name="d", recorded=1, rejected=1, reasons={"HTTP 401": 1}),))
    expected = {
        "recorded": 1,
        **dict.fromkeys(COLUMNS, 0),
        "rejected": 1,
        "replayed": 0,
        "reasons": {"HTTP 401": 1},
        "last_error": None,
        "kept_by": {},
        "decided_early": 0,
        "scores": {"recorded": 0, **dict.fromkeys(COLUMNS, 0), "reasons": {}},
    }
    assert {"d": expected} == report.as_dict()
