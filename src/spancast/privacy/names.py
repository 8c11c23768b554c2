"""What counts as a name: what a model, a provider or data may invent leaves in privacy mode only in the form of one."""

from __future__ import annotations

import re
from hashlib import sha256

# Models (`arn:aws:bedrock:...`, `meta-llama/Llama-3.3-70B`), providers, ids of responses and of calls: no blank, no quote.
_NAME = re.compile(r"[\w.:/@+\-]{1,128}")
_SHORT = re.compile(r"[\w.:\-]{1,40}")
_TITLE = re.compile(r"[A-Z][\w.]{0,19}(?: [A-Z][\w.]{0,19}){1,2}")
_CLASS = re.compile(r"[\w.<>-]{1,200}")
_COMPOSED = re.compile(r"(\w{1,64})<(.*)>", re.DOTALL)
_PARTS = re.compile(r"[\w,.:\-]{0,120}")


def name_hash(text: str) -> str:
    """Return what stands for a text that is no name: the same for the same text, so that it can be grouped by."""
    return f"sha256:{sha256(text.encode('utf-8', 'replace')).hexdigest()[:16]}"


def name_or_hash(text: str | None) -> str | None:
    """Return a model, a provider or an id as it is where it has the form of one, otherwise its hash."""
    return text if text is None or _NAME.fullmatch(text) else name_hash(text)


def short_name(text: str) -> str:
    """Return a word such as `stop`, or an id of at most 40 characters, as it is; otherwise its hash."""
    return text if _SHORT.fullmatch(text) else name_hash(text)


def title(text: str) -> str:
    """Return a short name, or one of two or three words that begin with a capital (`Amazon Bedrock`); else its hash."""
    return text if _TITLE.fullmatch(text) else short_name(text)


def class_name(text: str) -> str:
    """Return the qualified name of a class as it is; of what cannot be one the hash."""
    return text if _CLASS.fullmatch(text) else name_hash(text)


def composed_name(name: str) -> str:
    """Return a name such as `RunnableParallel<context,question>`; where its keys are no names, with their hash."""
    found = _COMPOSED.fullmatch(name)
    return name if found is None or _PARTS.fullmatch(found[2]) else f"{found[1]}<{name_hash(found[2])}>"
