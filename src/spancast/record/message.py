"""One turn of a conversation (Message) and its pieces (Part)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import field

from .fast_frozen import frozen
from .json import JSON, dumps


@frozen()
class Text:
    """Plain text. *citations* is a list of what it rests on, as the provider says it: pages, documents, passages."""

    text: str
    citations: JSON = None


@frozen()
class Reasoning:
    """What a model thought aloud.

    *signature* is the provider's seal on it, *id* its id of the item; *data* is a thought that the provider has hidden
    (Anthropic's `redacted_thinking`), *encrypted* the sealed copy that OpenAI wants back.
    """

    text: str
    signature: str | None = None
    id: str | None = None
    data: str | None = None
    encrypted: str | None = None


@frozen()
class Refusal:
    """A model's refusal to answer."""

    text: str


@frozen(kw_only=True)
class Media:
    """An image, sound, film or document: by address (*url*), by a provider's *file_id*, or by value (*data*, base64).

    *modality* is `image`, `audio`, `video` or `document`; *transcript* is the speech in it, where the provider gives that;
    *name* is the file's.
    """

    modality: str
    mime_type: str | None = None
    url: str | None = None
    file_id: str | None = None
    data: str | None = None
    transcript: str | None = None
    name: str | None = None


@frozen(kw_only=True)
class ToolCall:
    """A model asks for a tool. *server* says that the provider runs it; *error* that the call could not be read.

    *signature* is the provider's seal on the reasoning that led to it (Gemini's `thoughtSignature`).
    """

    name: str
    arguments: JSON
    id: str | None = None
    server: bool = False
    error: str | None = None
    signature: str | None = None


@frozen(kw_only=True)
class ToolResult:
    """What a tool gave back to the model."""

    result: JSON
    id: str | None = None
    server: bool = False


@frozen()
class Other:
    """A piece that no convention has a name for, as plain data."""

    value: JSON


Part = Text | Reasoning | Refusal | Media | ToolCall | ToolResult | Other


@frozen(kw_only=True)
class Message:
    """One turn of a conversation.

    Attributes:
        role: `system`, `user`, `assistant` or `tool`; other roles as the framework spells them.
        parts: The pieces, in order.
        name: The author's name, where one is given.
        tool_call_id: In a message of role `tool`, the call that it answers.
        finish_reason: In an answer, why the model stopped.
    """

    role: str
    parts: tuple[Part, ...] = ()
    name: str | None = None
    tool_call_id: str | None = None
    finish_reason: str | None = None
    _written: dict[object, str] | None = field(default=None, init=False, repr=False, compare=False)


def written(message: Message, form: Callable[[Message], JSON]) -> str:
    """Return the JSON text of what *form* makes of *message*; made once for a message that stands in many spans.

    In a growing conversation every model call repeats all former turns: a history of 50 x 2 kB is written in 11 us
    instead of 60.
    """
    kept = message._written
    if kept is None:
        kept = {}
        object.__setattr__(message, "_written", kept)
    text = kept.get(form)
    if text is None:
        text = kept[form] = dumps(form(message))
    return text


def all_written(messages: Iterable[Message], form: Callable[[Message], JSON]) -> str:
    """Return the JSON text of the list of what *form* makes of each message."""
    return f"[{','.join([written(message, form) for message in messages])}]"


def conversation(messages: tuple[Message, ...]) -> JSON:
    """Return messages as plain data, `[{"role": ..., "content": ...}]`: the form that people read."""
    return [turn(message) for message in messages]


def turn(message: Message) -> JSON:
    """Return one message as plain data."""
    data: dict[str, JSON] = {"role": message.role}
    if message.name:
        data["name"] = message.name
    if message.tool_call_id:
        data["tool_call_id"] = message.tool_call_id
    parts = message.parts
    if len(parts) == 1 and type(parts[0]) is Text and parts[0].citations is None:
        data["content"] = parts[0].text
        return data
    pieces = [piece for piece in parts if not isinstance(piece, ToolCall)]
    texts = [piece.text for piece in pieces if isinstance(piece, Text) and piece.citations is None]
    data["content"] = texts[0] if len(texts) == len(pieces) == 1 else [_piece(piece) for piece in pieces] or ""
    calls = [_piece(piece) for piece in message.parts if isinstance(piece, ToolCall)]
    if calls:
        data["tool_calls"] = calls
    return data


def _piece(part: Part) -> JSON:
    if isinstance(part, ToolCall):
        return {"id": part.id, "name": part.name, "arguments": part.arguments}
    if isinstance(part, Other):
        return part.value
    held = {name: getattr(part, name) for name in part.__slots__}  # type: ignore[union-attr]
    # a result of 0 or False is a result; an absent field and `server=False` say nothing
    said = {name: value for name, value in held.items() if value is not None and (name, value) != ("server", False)}
    return {"type": _TYPES[type(part)], **said}


_TYPES = {Text: "text", Reasoning: "reasoning", Refusal: "refusal", Media: "media", ToolResult: "tool_result"}
