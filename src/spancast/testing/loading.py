"""Reads the recorded model calls of a file: of a recording, or of the spans in a trace file, as production wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from ..capture.model_calls import Answer, Request, filled
from ..view.content import content_of
from ..view.read import ViewSpan, counted_once, spans_in, traces_of
from .recording import RecordedCall, RecordingError

_MOST_BYTES: Final = 64 * 1024 * 1024  # of a file that is read


def load(path: Path) -> list[RecordedCall]:
    """Return the calls of a recording, or of a trace file of `destinations.file`.

    Raises:
        RecordingError: When it is neither, or cannot be read.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise RecordingError(f"{path} has more than {_MOST_BYTES // 2**20} MiB: keep one test's calls in a file.")
        lines = [line for line in path.read_bytes().splitlines() if line.strip()]
    except OSError as error:
        raise RecordingError(f"{path} cannot be read ({error.strerror}).") from None
    try:
        first = orjson.loads(lines[0]) if lines else {}
        if isinstance(first, dict) and ("resourceSpans" in first or "resource_spans" in first):
            return calls_in(lines)
        return [_recorded(orjson.loads(line)) for line in lines]
    except RecordingError:
        raise
    except (ValueError, TypeError, KeyError):
        raise RecordingError(
            f"{path} is neither a recording nor a trace file: run pytest with --spancast-record to record it."
        ) from None


def _recorded(line: Any) -> RecordedCall:
    request, answers = line["request"], line["answers"] if "answers" in line else [line["answer"]]
    if not isinstance(request["messages"], list) or not all(isinstance(each, dict) for each in answers):
        raise TypeError
    return RecordedCall(request, answers)


def calls_in(lines: Iterable[bytes]) -> list[RecordedCall]:
    """Return the model calls of OTLP JSON lines in the order of their time.

    Raises:
        RecordingError: When there are none, or they have no content.
    """
    traces = traces_of(spans_in(lines)).values()
    spans = [span for trace in traces for span in counted_once(trace) if span.kind == "LLM" and not span.error]
    calls = [call for span in sorted(spans, key=lambda span: span.start_ns) if (call := _call(span)) is not None]
    if spans and not calls:
        raise RecordingError("the trace file has no content: was it written in privacy mode?")
    if not calls:
        raise RecordingError("the trace file has no finished model call.")
    return calls


def _call(span: ViewSpan) -> RecordedCall | None:
    content = content_of(span.attributes, span.events)
    asked, answered = content.get("input_messages"), content.get("output_messages")
    if not asked or not answered:
        return None
    tools = [tool["name"] for tool in content.get("tools", ()) if "name" in tool]
    model = span.attributes.get("gen_ai.request.model")  # OpenInference has the answering model's name only
    request: Request = {"messages": [_message(each) for each in asked], **filled({"model": model, "tools": tools})}
    usage = filled({"input_tokens": span.input_tokens, "output_tokens": span.output_tokens})
    if len(usage) == 2:
        usage["total_tokens"] = usage["input_tokens"] + usage["output_tokens"]
    about = {"model": span.model, **filled(_about(span.attributes)), "usage": usage}
    answers = [_answer(each, about) for each in answered]
    return RecordedCall(request, answers, partial=True)


def _about(attributes: Mapping[str, Any]) -> Answer:
    reasons = attributes.get("gen_ai.response.finish_reasons")
    reason = reasons[0] if isinstance(reasons, list) and reasons else attributes.get("llm.finish_reason")
    return {"model": attributes.get("gen_ai.response.model"), "finish_reason": reason}


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    parts = message.get("parts", ())
    results = [_text(part.get("result")) for part in parts if part.get("type") == "tool_result"]
    found = {
        "role": message.get("role"),
        "content": "".join([part.get("text", "") for part in parts if part.get("type") == "text"] + results),
        "tool_calls": _tool_calls(parts),
    }
    return filled(found)


def _answer(message: Mapping[str, Any], about: Answer) -> Answer:
    parts = message.get("parts", ())
    texts: list[Any] = [part for part in parts if part.get("type") in ("text", "reasoning", "refusal")]
    content: Any = "".join(part.get("text", "") for part in texts)
    if any(part["type"] == "reasoning" for part in texts):
        content = [
            {"type": "reasoning", "reasoning": part.get("text", "")}
            if part["type"] == "reasoning"
            else {"type": "text", "text": part.get("text", "")}
            for part in texts
        ]
    finish = message.get("finish_reason") or about.get("finish_reason")
    return filled({**about, "finish_reason": finish, "content": content, "tool_calls": _tool_calls(parts)})


def _tool_calls(parts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"name": part.get("name"), "args": _arguments(part.get("arguments")), "id": part.get("id")}
        for part in parts
        if part.get("type") == "tool_call"
    ]


def _arguments(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
