"""What a prompt template says of itself in LangChain's own form of it: its text, name and variables; and to whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ..record.operation import NOTHING
from ..recording.open_operation import OpenOperation

_ROLES: Final = {
    "SystemMessagePromptTemplate": "system",
    "HumanMessagePromptTemplate": "user",
    "AIMessagePromptTemplate": "assistant",
    "SystemMessage": "system",
    "HumanMessage": "user",
    "AIMessage": "assistant",
}
_MAX_MESSAGES: Final = 64  # of one template that are read
_MAX_PIECES: Final = 16  # of one message
_MAX_TEXT: Final = 262_144  # characters of a template

Lines = tuple[tuple[str | None, str], ...]  # role and text of each message of a template; one without a role is all


def lines_of(serialized: object) -> Lines:
    """Return the messages of a template as they are written, with their variables in place; the texts are not copied."""
    form = _Form(serialized)
    messages = form.fields.get("messages")
    if type(messages) is not list:
        return tuple((None, text) for text in _texts(serialized))
    return tuple(_line(message) for message in messages[:_MAX_MESSAGES])


def template_text(lines: object) -> str | None:
    """Return *lines* as one text: that of the only message, or one line a message with its role before it."""
    if not isinstance(lines, tuple) or not lines:
        return None
    if len(lines) == 1:
        return str(lines[0][1])[:_MAX_TEXT] or None
    return "\n".join(f"{role}: {text[:_MAX_TEXT]}" if role else text[:_MAX_TEXT] for role, text in lines)[:_MAX_TEXT]


def name_of(serialized: object) -> str | None:
    """Return the name that the application gave a template; None for the name of its class."""
    if type(serialized) is not dict:
        return None
    fields, path = serialized.get("kwargs"), serialized.get("id")
    name = (fields.get("name") if type(fields) is dict else None) or serialized.get("name")
    if type(name) is not str or not name or (type(path) is list and path and path[-1] == name):
        return None
    return name


def variables_of(serialized: object, asked: object) -> object:
    """Return what a template's variables are: its partial ones, and *asked*, which may be the value of the only one."""
    fields = serialized.get("kwargs") if type(serialized) is dict else None
    if type(fields) is not dict or (type(asked) is dict and "partial_variables" not in fields):
        return asked  # most: in the callback each step counts
    names, partial = fields.get("input_variables"), fields.get("partial_variables")
    if not isinstance(asked, Mapping) and type(names) is list and len(names) == 1:
        asked = {names[0]: asked}
    if type(partial) is not dict or type(asked) is not dict:
        return asked
    plain = {name: value for name, value in list(partial.items())[:_MAX_MESSAGES] if not _is_form(value)}
    return {**plain, **asked} if plain else asked


# ---------------------------------------------------------------- which model call a prompt was made for
PROMPT_FACTS: Final = ("variables", "prompt", "template")  # of a prompt, in the snapshots of the chain around it
_VALUE: Final = "prompt_value"  # of the same snapshots: the identity of what the prompt was formatted into
_LEVELS: Final = 6  # of chains between a prompt and its model: fallbacks, retries, parallel branches


def note_prompt_value(chain: OpenOperation, prompt: object) -> None:
    """Note what a prompt was formatted into: a model inside a further chain that is called with it is the prompt's own.

    By identity: LangChain passes on the same messages, and the same text.
    """
    fields = getattr(prompt, "__dict__", None) or NOTHING
    messages, text = fields.get("messages"), fields.get("text")
    if type(messages) is list and messages:
        chain.snapshots[_VALUE] = id(messages[-1])
    elif type(text) is str:
        chain.snapshots[_VALUE] = id(text)


def adopt_prompt(operation: OpenOperation, last: object) -> None:
    """Give a model call the facts of the prompt in a chain above that *last*, its last message or its text, comes from."""
    chain = operation.parent
    for _ in range(_LEVELS):
        chain = None if chain is None else chain.parent
        if chain is None:
            return
        value = chain.snapshots.get(_VALUE)
        if value is not None:
            if value == id(last) or value == id(getattr(last, "content", None)):
                facts = {name: chain.snapshots.get(name) for name in PROMPT_FACTS}
                operation.snapshots.update({name: fact for name, fact in facts.items() if fact is not None})
            return


class _Form:
    """LangChain's own form of an object: its class, its arguments, its name."""

    __slots__ = ("fields", "kind", "name")

    def __init__(self, serialized: object) -> None:
        form: Mapping[str, Any] = serialized if type(serialized) is dict else NOTHING
        path, fields = form.get("id"), form.get("kwargs")
        self.kind = path[-1] if type(path) is list and path and type(path[-1]) is str else ""
        self.fields: Mapping[str, Any] = fields if type(fields) is dict else NOTHING
        self.name = form.get("name")


def _is_form(value: object) -> bool:
    return type(value) is dict and "lc" in value


def _line(message: object) -> tuple[str | None, str]:
    form = _Form(message)
    if form.kind == "MessagesPlaceholder":
        return None, f"{{{form.fields.get('variable_name')}}}"
    role = _ROLES.get(form.kind) or form.fields.get("role")
    text = "\n".join(_texts(message))
    if (
        not text and form.kind.endswith("PromptTemplate") and not form.fields
    ):  # few-shot examples: LangChain tells its class
        text = f"<{form.kind}>"
    return role if isinstance(role, str) else None, text


def _texts(form: object) -> Iterator[str]:
    """Yield the texts of a template, of each piece of a message with several, or of a message as it is."""
    fields = _Form(form).fields
    own = fields.get("template", fields.get("content"))
    if isinstance(own, str):
        yield own
    elif isinstance(own, Mapping) and isinstance(own.get("url"), str):  # of an image
        yield own["url"]
    inner = fields.get("prompt")
    for piece in inner[:_MAX_PIECES] if type(inner) is list else (inner,):
        piece_fields = _Form(piece).fields
        text = piece_fields.get("template")
        if isinstance(text, str):
            yield text
        elif isinstance(text, Mapping) and isinstance(text.get("url"), str):
            yield text["url"]
