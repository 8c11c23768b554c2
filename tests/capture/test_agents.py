"""What an agent's run said: not the question, not older turns, however the conversation was kept."""

from __future__ import annotations

import pytest

from spancast.capture.agents import said_in_run
from spancast.record.message import Message, Text


def turns(*texts: str, ids: bool = True) -> list[tuple[str | None, Message]]:
    """`u: text` and so on; the id is the text itself."""
    roles = {"u": "user", "a": "assistant", "t": "tool", "s": "system"}
    return [(text if ids else None, Message(role=roles[text[0]], parts=(Text(text[3:]),))) for text in texts]


def texts(messages: tuple[Message, ...]) -> list[str]:
    return [part.text for message in messages for part in message.parts if isinstance(part, Text)]


@pytest.mark.parametrize(
    ("made", "asked", "began", "said"),
    [
        (["u: q", "a: r"], ["u: q"], [], ["r"]),
        (["u: q1", "a: r1", "u: q2", "t: x", "a: r2"], ["u: q2"], ["u: q1", "a: r1", "u: q2"], ["x", "r2"]),
        (["u: q1", "a: r1", "u: q2", "a: r2"], ["u: q1", "a: r1", "u: q2"], [], ["r2"]),
        (["u: q", "a: call", "t: x", "a: r"], [], ["u: q", "a: call"], ["x", "r"]),  # resumed
        (["u: q", "a: call", "t: x", "a: r"], [], [], ["call", "x", "r"]),  # resumed, and nobody knows where
        (["u: summary", "a: a1", "u: q", "a: r"], ["u: q"], ["u: q0", "a: a1", "u: q"], ["r"]),  # summarised on the way
        (["u: q", "a: r", "u: q", "a: r"], ["u: q"], [], ["r"]),  # the same question again
        (["a: r"], ["u: q"], [], ["r"]),  # only what is new comes back
        ([], ["u: q"], [], []),
        (["u: q"], ["u: q"], ["u: q"], []),
    ],
)
def test_what_this_run_said(made: list[str], asked: list[str], began: list[str], said: list[str]) -> None:
    """With the ids that the framework gave, and where there are none by the messages themselves."""
    assert said == texts(said_in_run(turns(*made), turns(*asked), turns(*began)))
    if len(set(made)) == len(made):  # equal messages without ids are one
        assert said == texts(said_in_run(turns(*made, ids=False), turns(*asked, ids=False), turns(*began, ids=False)))
