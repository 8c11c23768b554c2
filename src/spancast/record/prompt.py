"""Which prompt a model call was made with: a name and a version that a store of prompts gave it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .fast_frozen import frozen
from .json import JSON

FIELD: Final = "prompt"  # of trace fields: {"name", "version", "id", "url", "vendor"}
_HUB: Final = ("lc_hub_owner", "lc_hub_repo", "lc_hub_commit_hash")  # of LangChain's hub
_LANGFUSE: Final = "langfuse_prompt"  # of Langfuse's prompts
KEYS: Final = frozenset({FIELD, *_HUB, _LANGFUSE})
_MAX: Final = 512  # characters of each


@frozen(kw_only=True)
class PromptIdentity:
    """A prompt's identity; *version* as its store writes it, *vendor* the store: `langfuse`, `langchain-hub`."""

    name: str | None = None
    version: str | None = None
    id: str | None = None
    url: str | None = None
    vendor: str | None = None


def prompt_in(metadata: Mapping[str, JSON]) -> PromptIdentity | None:
    """Return the prompt that *metadata* names: the trace field wins over what a framework's store says."""
    given = metadata.get(FIELD)
    if (found := _identity(given) if isinstance(given, Mapping) else None) is not None:
        return found
    theirs = metadata.get(_LANGFUSE)
    if isinstance(theirs, Mapping) and (found := _identity({**theirs, "vendor": "langfuse"})) is not None:
        return found if found.name else None
    owner, repository, commit = [_text(metadata.get(key)) for key in _HUB]
    if repository is None:
        return None
    name = f"{owner}/{repository}" if owner and owner != "-" else repository
    return PromptIdentity(name=name, version=commit, vendor="langchain-hub")


def without_prompt(metadata: Mapping[str, JSON]) -> Mapping[str, JSON]:
    """Return *metadata* without the trace field `prompt`, where that names one: no field is repeated as metadata."""
    given = metadata.get(FIELD)
    if not isinstance(given, Mapping) or _identity(given) is None:
        return metadata
    return {key: value for key, value in metadata.items() if key != FIELD}


def _identity(given: Mapping[str, JSON]) -> PromptIdentity | None:
    name, version, own, url, vendor = [_text(given.get(key)) for key in ("name", "version", "id", "url", "vendor")]
    if name is None and own is None:
        return None
    return PromptIdentity(name=name, version=version, id=own, url=url, vendor=vendor)


def _text(value: JSON) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    return str(value).strip()[:_MAX] or None
