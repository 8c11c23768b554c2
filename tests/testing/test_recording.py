"""The file of a recording, and how a call that is not in it is compared with those that are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import spancast
from spancast import destinations, redact
from spancast.langchain import SpancastCallbackHandler
from spancast.testing import RecordingError, Replay, replay
from spancast.testing.loading import load
from spancast.testing.matching import difference, key_of
from spancast.testing.recording import RecordedCall, plain, save

from ..fakes.langchain import ScriptedChat
from ..linear import MOST, growth

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6) | st.just("id"), inner, max_size=3),
    max_leaves=8,
)


def call(*texts: str, **settings: Any) -> RecordedCall:
    """Return a call with these questions."""
    return RecordedCall(
        {"messages": [{"role": "user", "content": text} for text in texts], **settings}, [{"content": "yes"}]
    )


def test_a_file_is_readable(tmp_path: Path) -> None:
    """One call a line."""
    path = tmp_path / "folder" / "calls.jsonl"
    save(path, [call("Hi", model="gpt-4o"), RecordedCall(call("Two").request, [{"content": "a"}, {"content": "b"}])])
    assert [
        '{"request":{"messages":[{"role":"user","content":"Hi"}],"model":"gpt-4o"},"answer":{"content":"yes"}}',
        '{"request":{"messages":[{"role":"user","content":"Two"}]},"answers":[{"content":"a"},{"content":"b"}]}',
    ] == path.read_text().splitlines()
    assert [
        call("Hi", model="gpt-4o"),
        RecordedCall(call("Two").request, [{"content": "a"}, {"content": "b"}]),
    ] == load(path)


def test_what_cannot_be_replayed_says_what_to_do(tmp_path: Path) -> None:
    """A missing file, another file, a trace file without content, a model that is needed."""
    with pytest.raises(RecordingError, match="--spancast-record"), replay(tmp_path / "none.jsonl"):
        pass
    other = tmp_path / "other.jsonl"
    for text in ("not JSON\n", '{"request": 1}\n', "[]\n", '{"request":{"messages":1},"answer":{}}\n'):
        other.write_text(text)
        with pytest.raises(RecordingError, match="neither a recording nor a trace file"), replay(other):
            pass
    private = tmp_path / "private.jsonl"
    with spancast.Pipeline(destinations.file(private, privacy_mode=True), spool=False):
        ScriptedChat().invoke("secret", {"callbacks": [SpancastCallbackHandler()]})
    with pytest.raises(RecordingError, match="has no content"), replay(private):
        pass
    with pytest.raises(RecordingError, match="no model to record"):
        Replay(tmp_path / "new.jsonl", recording=True).langchain_model()


def test_ids_are_numbered_and_arguments_stay(tmp_path: Path) -> None:
    """A provider's ids; not those that the application's own tools are asked with."""
    path = tmp_path / "calls.jsonl"
    asked = {"name": "refund", "args": {"id": "order-17", "timestamp": 3}, "id": "call_Xk2"}
    request = {"messages": [{"role": "assistant", "content": "", "tool_calls": [asked]}]}
    with replay(path, record=True) as replaying:
        replaying.keep(
            request, [{"content": "", "tool_calls": [asked], "langchain": {"response_metadata": {"created": 1}}}]
        )
    (found,) = load(path)
    assert [{**asked, "id": "call_1"}] == found.request["messages"][0]["tool_calls"] == found.answers[0]["tool_calls"]
    assert {} == found.answers[0]["langchain"]["response_metadata"]


@given(JSON)
@example([-(2**63) - 1])
def test_any_value_is_stored_and_compared_alike(value: Any) -> None:
    """What is compared is what was stored: taking secrets out twice changes nothing."""
    once = plain(value, redact.secrets, digest=True)
    assert once == plain(once, redact.secrets, digest=True)
    key_of({"messages": [{"role": "user", "content": once if isinstance(once, (str, list)) else str(once)}]})


@pytest.mark.parametrize("text", [f"api_key=sk-proj-{'a1' * 20}", "password: hunter2hunter2", "token [redacted]", "a"])
def test_secrets_are_taken_out_once(text: str) -> None:
    """A mask is no secret."""
    assert redact.secrets(text) == redact.secrets(redact.secrets(text))
    assert "[[" not in redact.secrets(text)


def test_the_nearest_call_is_the_one_that_begins_alike() -> None:
    """Whole messages first, then the beginning of the next one; long ones are shown around the difference."""
    recorded = [call("other"), call("Hi", "x" * 1000 + "17"), call("Hi", "y")]
    assert [
        "nearest is call 2:",
        "  the first 1 of 2 messages are equal (recorded: 2)",
        f"  message 2 was ...{'x' * 59 + '17'!r}",
        f"  message 2 is  ...{'x' * 59 + '18'!r}",
    ] == difference(call("Hi", "x" * 1000 + "18").request, recorded).splitlines()
    assert "message 2 is  not there" in difference(call("Hi").request, [call("Hi", "y")])


def test_a_comparison_is_linear() -> None:
    """In the length of the texts, and in their number."""
    assert MOST > growth(
        lambda text: difference(call(text + "a").request, [call(text + "b")] * 3), lambda n: "x " * n, 20_000
    )
    assert MOST > growth(
        lambda texts: difference(call(*texts, "a").request, [call(*texts, "b")]), lambda n: ["x"] * n, 2_000
    )
