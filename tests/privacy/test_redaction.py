"""What a redact hook is asked about: every text, every long number, and values together with their names."""

from __future__ import annotations

import json
from typing import Any

import pytest

from spancast import redact
from spancast.privacy.redaction import Redaction
from spancast.record.message import Message, Text, ToolCall
from spancast.record.operation import Document, Failure, Generation, Kind, Operation, Retrieval, ToolUse

SECRET = "hunter22-hunter22"


def operation(**changes: Any) -> Operation:
    """Return an operation."""
    held: dict[str, Any] = {"kind": Kind.CHAIN, "name": "n", "trace_id": 1, "span_id": 2, "start_ns": 1, "end_ns": 2}
    return Operation(**{**held, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {"metadata": {"api_key": SECRET}},
        {"metadata": {"db": {"password": [SECRET]}}},
        {"input": {"user": "u", "password": SECRET}},
        {"input": {"password": {"value": SECRET}}},
        {"input": {"headers": [{"name": "Authorization", "value": SECRET}]}},
        {"input": {"env": [{"key": "API_KEY", "value": [SECRET]}]}},
        {"output": {"rows": [{"access_token": SECRET}]}},
        {"attributes": {"client_secret": SECRET}},
        {"kind": Kind.LLM, "detail": Generation(operation="chat", parameters={"extra": {"api_key": SECRET}})},
        {
            "kind": Kind.LLM,
            "detail": Generation(
                operation="chat",
                output_messages=(
                    Message(role="assistant", parts=(ToolCall(name="login", arguments={"password": SECRET}, id="c"),)),
                ),
            ),
        },
    ],
)
def test_secrets_are_recognised_by_their_names_in_structured_data(changes: dict[str, Any]) -> None:
    """A hook that knows `password: ...` in text knows it in a mapping, too."""
    assert SECRET not in repr(Redaction(redact.secrets)(operation(**changes)))


@pytest.mark.parametrize("value", [4111111111111111, [4111111111111111], {"n": 4111111111111111}, 4111111111111111.0])
def test_long_numbers_are_shown_as_text(value: Any) -> None:
    """A card number is one, whatever its type; other numbers stay numbers."""
    redacted = Redaction(redact.cards)(
        operation(input={"card": value, "count": 17, "big": 123456789012, "x": 0.5, "ok": True})
    )
    assert "4111" not in json.dumps(redacted.input)
    assert {"count": 17, "big": 123456789012, "x": 0.5, "ok": True} == {
        key: item
        for key, item in redacted.input.items()  # type: ignore[union-attr]
        if key != "card"
    }


def test_every_name_is_shown() -> None:
    """Authors, roles, tools, calls, documents, users, sessions, traces, keys."""
    canaries = [f"canary{number:02d}x" for number in range(20)]
    each = iter(canaries)
    first = operation(
        name=next(each),
        given_name=next(each),
        user=next(each),
        session_id=next(each),
        agent=next(each),
        node=next(each),
        tags=(next(each),),
        metadata={next(each): 1},
        attributes={next(each): 1},
        detail=Generation(
            operation="chat",
            request_model=next(each),
            parameters={next(each): "v"},
            input_messages=(
                Message(
                    role=next(each),
                    name=next(each),
                    tool_call_id=next(each),
                    parts=(Text(next(each)), ToolCall(name=next(each), arguments=None, id=next(each))),
                ),
            ),
        ),
    )
    second = operation(kind=Kind.RETRIEVER, detail=Retrieval(query=next(each), documents=(Document(id=next(each)),)))
    third = operation(kind=Kind.TOOL, detail=ToolUse(name=next(each)))
    apply = Redaction(redact.patterns(r"canary\d\dx", replacement="***"))
    text = "".join(repr(apply(one)) for one in (first, second, third))
    assert [] == [canary for canary in canaries if canary in text]
    assert next(each, None) is None


def test_a_value_that_is_found_by_its_name_keeps_the_name() -> None:
    """The name stays, what follows it is what the hook makes of it."""
    hook = redact.patterns(r"(?<=pin: )\d+", replacement="?")
    assert {"pin": "?", "zip": "12345"} == Redaction(hook)(operation(input={"pin": "12345", "zip": "12345"})).input


def test_very_deep_data_is_redacted_as_far_as_it_leaves() -> None:
    """What lies deeper than can be walked does not leave."""
    deep: Any = "canary"
    for _ in range(3000):
        deep = [deep]
    assert "canary" not in str(Redaction(lambda text: text)(operation(input=deep)).input)


def test_the_class_of_an_exception_is_redacted() -> None:
    """A class that is made for a case may have anything in its name."""
    failure = Failure(type=f"app.{SECRET}", message="", stacktrace="")
    assert SECRET not in repr(Redaction(lambda text: text.replace(SECRET, "#"))(operation(failure=failure)))


@pytest.mark.parametrize(
    ("reason", "expected"), [("stop", "stop"), ("MAX_TOKENS", "MAX_TOKENS"), (f"saw {SECRET}", "x")]
)
def test_a_finish_reason_is_redacted_unless_it_is_a_word(reason: str, expected: str) -> None:
    """The words of the providers decide how a span looks; a sentence in their place is a text as others."""
    detail = Generation(operation="chat", finish_reasons=(reason,))
    redacted = Redaction(lambda text: "x")(operation(kind=Kind.LLM, detail=detail))
    assert (expected,) == redacted.detail.finish_reasons  # type: ignore[union-attr]
