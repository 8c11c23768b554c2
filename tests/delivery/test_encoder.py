"""The encoder by itself: no thread, no outbox. What is in the inbox is made into bytes, and handed to lanes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spancast import destinations
from spancast.delivery.encoder import Encoder, weight
from spancast.delivery.inbox import Inbox, Marker
from spancast.delivery.ledger import Ledger
from spancast.delivery.sender import Sender
from spancast.destinations import Destination
from spancast.destinations.rendering import rendering_of
from spancast.recording import guard
from spancast.recording.captured import CapturedOperation, Content

from .test_lane import captured


class FakeLane:
    """Stands for a lane: keeps what the encoder puts into it."""

    disk = None

    def __init__(self, destination: Destination) -> None:
        self.destination = destination
        self.ledger = Ledger(destination.name)
        self.sender = Sender(destination.target.exporter(dict), dict, destination.max_request_bytes)
        self.kept: list[Any] = []
        self.marks: list[Marker] = []

    def put(self, payloads: Sequence[Any], offered_at: float) -> None:
        """Keep *payloads*."""
        self.kept += payloads

    def mark(self, marker: Marker) -> int:
        """Remember who waits."""
        self.marks.append(marker)
        return len(self.kept)

    def spill(self, now: float) -> None:
        """Nothing goes to disk."""


def made(*given: Destination) -> tuple[Inbox, Encoder, list[FakeLane]]:
    """Return an encoder without a thread, with its inbox and a lane for each destination."""
    lanes = [FakeLane(destination) for destination in given]
    inbox = Inbox(1_000_000, weight)
    return inbox, Encoder(inbox, lanes, 1_000_000), lanes  # type: ignore[arg-type]


def wanted_by(mask: int, number: int = 1) -> CapturedOperation:
    """Return a closed operation for the destinations of a bit mask."""
    return dataclasses.replace(captured(number), sampled=mask)


def test_operations_become_spans_in_order() -> None:
    """All that is in the inbox is encoded, the oldest first, and nothing is left in hand."""
    inbox, encoder, (lane,) = made(destinations.memory())
    for number in range(1, 71):  # more than two chunks
        inbox.put(captured(number))
    encoder.encode_all()
    assert [f"span {number}" for number in range(1, 71)] == [span.name for span in lane.kept]
    assert (0, 0, 0) == (inbox.waiting, inbox.bytes, inbox.in_hand)


def test_an_operation_is_translated_once_for_all_destinations() -> None:
    """Two conventions render what one translation has made."""
    asked = []

    def translate(operation: CapturedOperation) -> Content:
        asked.append(operation)
        return Content(input="q")

    inbox, encoder, lanes = made(
        destinations.memory(name="a", convention="openinference"), destinations.memory(name="b", convention="gen_ai")
    )
    inbox.put(dataclasses.replace(wanted_by(3), translate=translate))
    encoder.encode_all()
    assert [1, 1, 1] == [len(asked), *[len(lane.kept) for lane in lanes]]
    assert {"q"} == {lanes[0].kept[0].attributes["input.value"], lanes[1].kept[0].attributes["span.input"]}


def test_destinations_of_one_form_share_the_bytes() -> None:
    """What is rendered alike is encoded once: both get the same object."""
    endpoint = "http://127.0.0.1:9/v1/traces"
    inbox, encoder, (one, other) = made(
        destinations.otlp(endpoint, name="one"), destinations.otlp(endpoint, name="other", headers={"x-team": "b"})
    )
    inbox.put(wanted_by(3))
    encoder.encode_all()
    assert one.kept[0] is other.kept[0]


def test_who_did_not_choose_a_span_counts_it_as_sampled_out() -> None:
    """Each destination gets what its own rate chose."""
    inbox, encoder, (one, other) = made(destinations.memory(name="one"), destinations.memory(name="other"))
    inbox.put(wanted_by(1))
    inbox.put(wanted_by(2, number=2))
    encoder.encode_all()
    assert (["span 1"], ["span 2"]) == ([span.name for span in one.kept], [span.name for span in other.kept])
    assert [1, 1] == [lane.ledger.report({}, {}).sampled_out for lane in (one, other)]


def test_a_span_that_cannot_be_rendered_takes_no_other_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is dropped, and counted."""
    monkeypatch.setattr(guard, "strict", False)
    inbox, encoder, (lane,) = made(
        dataclasses.replace(destinations.memory(), span_attributes={"a": 1}, redact=lambda text: 1 / 0)  # type: ignore
    )
    inbox.put(dataclasses.replace(captured(1), translate=lambda _: Content(input="secret")))
    inbox.put(captured(2))
    encoder.encode_all()
    report = lane.ledger.report({}, {})
    assert 2 == report.dropped + len(lane.kept)
    assert 0 == inbox.waiting


def test_a_marker_gets_a_ticket_of_each_lane() -> None:
    """It stands for what was offered before it."""
    inbox, encoder, lanes = made(destinations.memory(name="one"), destinations.memory(name="other"))
    inbox.put(wanted_by(3))
    marker = Marker(deadline=1.0)
    inbox.mark(marker)
    inbox.put(wanted_by(3, number=2))
    encoder.encode_all()
    assert (1, 1) == marker.tickets
    assert [[marker], [marker]] == [lane.marks for lane in lanes]
    assert [2, 2] == [len(lane.kept) for lane in lanes]


def test_after_the_deadline_nothing_is_rendered() -> None:
    """What is left then is dropped, for want of time."""
    inbox, encoder, (lane,) = made(destinations.memory())
    encoder.deadline = 0.0
    inbox.put(captured(1))
    encoder.encode_all()
    assert [] == lane.kept
    assert {"shutdown deadline": 1} == dict(lane.ledger.report({}, {}).reasons)


@pytest.mark.parametrize("protocol", ["http/json", "http/protobuf"])
@given(
    st.dictionaries(st.sampled_from("abc"), st.text(max_size=80) | st.lists(st.text(max_size=80), max_size=2)),
    st.sampled_from([None, 60]),
    st.sampled_from([0, 50, 10_000]),
)
def test_long_values_are_cut_as_before_encoding(
    protocol: str, attributes: dict[str, Any], content: int | None, size: int
) -> None:
    """The size of a span's bytes says whether there is anything to cut; what leaves is what cutting first would make."""
    base = destinations.otlp("http://127.0.0.1:1/v1/traces", protocol=protocol)
    destination = dataclasses.replace(base, max_attribute_length=64, max_content_chars=content)
    inbox, encoder, (lane,) = made(destination)
    offered = dataclasses.replace(wanted_by(1), attributes=attributes, size=size)
    inbox.put(offered)
    encoder.encode_all()
    assert [lane.sender.encode(rendering_of(destination)(offered.operation()))] == lane.kept
