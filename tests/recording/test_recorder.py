"""What the recorder does beyond opening and closing: places that outlive their operations, and operations that vanish."""

from __future__ import annotations

import pytest

from spancast.record.operation import Kind
from spancast.recording import recorder as module
from spancast.recording.captured import CapturedOperation
from spancast.recording.current import Attachment, detach, nearest
from spancast.recording.fields import TraceFields
from spancast.recording.recorder import Recorder
from spancast.recording.sampling import SamplingRule


@pytest.fixture
def ended() -> list[CapturedOperation]:
    """Return the operations that were handed on."""
    return []


@pytest.fixture
def recorder(ended: list[CapturedOperation]) -> Recorder:
    """Return a recorder for one destination."""
    return Recorder(ended.append, [SamplingRule(1.0, "one")])


def test_a_remembered_operation_can_be_a_parent(recorder: Recorder, ended: list[CapturedOperation]) -> None:
    """What starts after its parent's end has the parent's ids, fields and sampling, and keeps nothing of it alive."""
    fields = TraceFields(session_id="s1", user="u1")
    parent = recorder.open("p", Kind.CHAIN, "parent", defaults=fields)
    parent.snapshots["input"] = "a long text"
    recorder.close(parent)
    recorder.remember("p", parent)
    place = recorder.ended("p")
    assert place is not None
    assert {} == place.snapshots
    child = recorder.open("c", Kind.LLM, "child", parent=place)
    assert (parent.trace_id, parent.span_id, "s1", "u1") == (
        child.trace_id,
        child.parent_span_id,
        child.fields.session_id,
        child.fields.user,
    )
    assert child.parent is None
    recorder.close(child)
    assert [parent.span_id, child.span_id] == [captured.span_id for captured in ended]
    assert None is recorder.ended("unknown")


def test_few_ended_operations_are_remembered(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory is bounded, and the oldest go first."""
    monkeypatch.setattr(module, "MAX_ENDED", 3)
    for number in range(10):
        operation = recorder.open(number, Kind.CHAIN, "x")
        recorder.close(operation)
        recorder.remember(number, operation)
    assert [None, 7, 8, 9] == [number if recorder.ended(number) else None for number in (6, 7, 8, 9)]
    recorder.forget()
    assert None is recorder.ended(9)


def test_children_may_outlive_their_parent(recorder: Recorder, ended: list[CapturedOperation]) -> None:
    """With `keep_children` what is open beneath goes on; else it ends with its parent, as incomplete."""
    for keep in (True, False):
        parent = recorder.open("p", Kind.CHAIN, "parent")
        child = recorder.open("c", Kind.TOOL, "child", parent=parent)
        recorder.close(parent, keep_children=keep)
        assert keep is (recorder.find("c") is child)
        recorder.close(child)
    assert ["parent", "child", "child", "parent"] == [operation.name for operation in ended]
    assert [None, None, "incomplete", None] == [operation.ending for operation in ended]
    assert 0 == recorder.open_operations


def test_a_discarded_operation_was_never_there(recorder: Recorder, ended: list[CapturedOperation]) -> None:
    """It is not handed on, its parent does not wait for it, and it is not current any more."""
    parent = recorder.open("p", Kind.CHAIN, "parent")
    child = recorder.open("c", Kind.CHAIN, "child", parent=parent)
    assert child is nearest()
    recorder.discard(child)
    recorder.discard(child)
    assert parent is nearest()
    recorder.close(parent)
    assert [parent.span_id] == [captured.span_id for captured in ended]
    assert None is nearest()


def test_an_operation_of_another_process_can_be_a_parent(ended: list[CapturedOperation]) -> None:
    """Its sampling is decided by the same rule that its own process followed; unsampled there means unsampled here."""
    recorder = Recorder(ended.append, [SamplingRule(1.0, "all"), SamplingRule(0.0, "none")])
    fields = TraceFields(session_id="s1")
    there = recorder.remote_parent(7, 8, fields, recorded=True)
    child = recorder.open("c", Kind.LLM, "child", parent=there)
    assert (7, 8, "s1", 0b01, True) == (
        child.trace_id,
        child.parent_span_id,
        child.fields.session_id,
        child.sampled,
        child.capture,
    )
    recorder.close(child)
    assert 0 == recorder.remote_parent(7, 8, fields, recorded=False).sampled


def test_who_steps_out_stays_open(recorder: Recorder) -> None:
    """An operation whose stream is read elsewhere is open, but not current."""
    operation = recorder.open("s", Kind.LLM, "stream")
    detach(operation)
    assert None is nearest()
    assert operation is recorder.find("s")
    recorder.close(operation)


def test_a_visit_makes_current_where_nothing_was_opened(recorder: Recorder) -> None:
    """Inside the visit the operation is current, afterwards what was before; the operation stays open."""
    operation = recorder.open("a", Kind.AGENT, "agent", current=False)
    assert None is nearest()
    visit = Attachment(operation)
    assert operation is nearest()
    visit.end()
    assert None is nearest()
    recorder.close(operation)


def test_metadata_is_counted_where_it_appears(recorder: Recorder) -> None:
    """Text, keys and nested values of a framework's metadata and of trace fields; descendants share them."""
    metadata = {"note": "x" * 1000, "k" * 100: 1, "nested": {"text": ["y" * 1000]}}
    root = recorder.open("r", Kind.CHAIN, "root", mapping=metadata, defaults=TraceFields(metadata={"a": "z" * 1000}))
    child = recorder.open("c", Kind.CHAIN, "child", parent=root, mapping=dict(metadata))
    assert 3100 < root.size < 3800
    assert 0 == child.size
    recorder.close(root)
