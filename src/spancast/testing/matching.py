"""Whether a model call is one of a recording, and how it differs from the nearest one. Pure, and linear in the texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from ..capture.model_calls import Request
from .recording import Numbered, RecordedCall

_MOST_COMPARED: Final = 1000  # calls among which the nearest is searched
_AROUND: Final = 60  # characters before and behind the first difference
_MOST_LISTED: Final = 10  # tools in a message


def key_of(request: Request, *, partial: bool = False) -> bytes:
    """Return what has to be equal: the messages, whatever ids the provider made."""
    numbers = Numbered()
    return orjson.dumps(
        [_comparable(each, numbers, partial) for each in request["messages"]], option=orjson.OPT_SORT_KEYS
    )


def _comparable(message: Mapping[str, Any], numbers: Numbered, partial: bool) -> Any:
    calls = [_call(each, numbers, partial) for each in message.get("tool_calls") or ()]
    content = message.get("content") or ""
    if isinstance(content, list) and all(_text_of(block) is not None for block in content):
        content = "".join(_text_of(block) or "" for block in content)
    if partial:
        content = content if isinstance(content, str) else "".join(filter(None, map(_text_of, content)))
        return [message.get("role"), content, calls]
    answered = numbers.of({"tool_call_id": message.get("tool_call_id")})
    return [message.get("role"), numbers.of(content), calls, answered, message.get("name")]


def _call(call: Mapping[str, Any], numbers: Numbered, partial: bool) -> Any:
    wanted = {"name": call.get("name"), "args": call.get("args") or {}}
    return wanted if partial else {**wanted, **numbers.of({"id": call.get("id")})}


def _text_of(block: Any) -> str | None:
    """Return the text of a content block that is nothing else."""
    if isinstance(block, str):
        return block
    if isinstance(block, dict) and block.get("type", "text") == "text" and isinstance(block.get("text"), str):
        return str(block["text"])
    return None


def agrees(recorded: Request, now: Request) -> bool:
    """Return whether model, tools and stop words are the same, where both are known."""
    return not _differing(recorded, now)


def _differing(recorded: Request, now: Request) -> list[str]:
    return [
        name
        for name in ("model", "tools", "stop")
        if name in recorded and name in now and _sorted(recorded[name]) != _sorted(now[name])
    ]


def _sorted(value: Any) -> Any:
    return sorted(map(str, value)) if isinstance(value, list) else value


def difference(request: Request, calls: Sequence[RecordedCall]) -> str:
    """Return, in a few lines, what the recorded call that is nearest to *request* has otherwise."""
    if not calls:
        return "the recording is empty."
    found = max(range(min(len(calls), _MOST_COMPARED)), key=lambda place: (_nearness(calls[place], request), -place))
    call = calls[found]
    differing = _differing(call.request, request)
    lines = [f"nearest is call {found + 1}:"]
    lines += [f"  {name} was {_listed(call.request[name])}, is {_listed(request[name])}" for name in differing]
    return "\n".join(lines + _messages(call, request))


def _nearness(call: RecordedCall, request: Request) -> tuple[int, int, int]:
    """Return how many messages are equal from the start, how much of the next one is, and whether the rest agrees."""
    old, new = _texts(call.request, call.partial), _texts(request, call.partial)
    equal = _common(old, new)
    more = _common(old[equal], new[equal]) if equal < min(len(old), len(new)) else 0
    return equal, more, -len(_differing(call.request, request)) - abs(len(old) - len(new))


def _texts(request: Request, partial: bool) -> list[str]:
    numbers = Numbered()
    return [_shown(_comparable(each, numbers, partial)) for each in request["messages"]]


def _shown(comparable: list[Any]) -> str:
    role, content, calls, *_ = comparable
    text = content if isinstance(content, str) else orjson.dumps(content).decode()
    asked = " ".join(
        f"{each['name']}({orjson.dumps(each['args'], option=orjson.OPT_SORT_KEYS).decode()})" for each in calls
    )
    return f"{role}: {' '.join(filter(None, (text, asked)))}"


def _common(old: Sequence[Any], new: Sequence[Any]) -> int:
    """Return how long the common beginning is."""
    most = min(len(old), len(new))
    if isinstance(old, str) and old[:most] == new[:most]:
        return most
    return next((place for place in range(most) if old[place] != new[place]), most)


def _messages(call: RecordedCall, request: Request) -> list[str]:
    old, new = _texts(call.request, call.partial), _texts(request, call.partial)
    equal = _common(old, new)
    if equal == len(old) == len(new):
        if key_of(call.request, partial=call.partial) != key_of(request, partial=call.partial):
            return ["  the texts of the messages are equal; their names, ids or media differ"]
        return [f"  all {equal} messages are equal"]
    lines = [f"  the first {equal} of {len(new)} messages are equal (recorded: {len(old)})"] if equal else []
    was = old[equal] if equal < len(old) else None
    now = new[equal] if equal < len(new) else None
    start = max(_common(was, now) - _AROUND, 0) if was is not None and now is not None else 0
    return [*lines, f"  message {equal + 1} was {_cut(was, start)}", f"  message {equal + 1} is  {_cut(now, start)}"]


def _cut(text: str | None, start: int) -> str:
    if text is None:
        return "not there"
    end = start + 2 * _AROUND + 20
    return f"{'...' if start else ''}{text[start:end]!r}{'...' if end < len(text) else ''}"


def _listed(value: Any) -> str:
    return ", ".join(map(str, value[:_MOST_LISTED])) if isinstance(value, list) else str(value)[:200]
