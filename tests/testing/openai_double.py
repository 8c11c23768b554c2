"""An OpenAI on loopback, whose ids, times and fingerprints are others in each answer, as the real one's are."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

from ..providers.double import Body, sse, whole

USAGE = {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17}


def _about(kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": kind,
        "created": int(time.time() * 1000),
        "model": "gpt-4o-2024-08-06",
        "system_fingerprint": f"fp_{uuid.uuid4().hex[:8]}",
    }


def _calls(calls: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "index": index,
            "id": f"call_{uuid.uuid4().hex[:8]}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for index, (name, arguments) in enumerate(calls.items())
    ]


def answer(text: str | None = None, **calls: Any) -> Body:
    """Return a whole answer: a text, or calls of tools by their name."""
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
    if calls:
        message["tool_calls"] = _calls(calls)
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop", "logprobs": None}
    return whole({**_about("chat.completion"), "choices": [choice], "usage": USAGE})


def stream(*words: str, **calls: Any) -> Body:
    """Return an answer piece by piece; its usage comes last."""
    about = _about("chat.completion.chunk")
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": "" if words else None}]
    deltas += [{"content": word} for word in words]
    if calls:
        deltas.append({"tool_calls": _calls(calls)})
    pieces = [{**about, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    end = {"index": 0, "delta": {}, "finish_reason": "tool_calls" if calls else "stop"}
    return sse(*pieces, {**about, "choices": [end]}, {**about, "choices": [], "usage": USAGE}, done=True)
