"""The server that a model's client was told to ask: host and port of the address that the application has set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

# Where the integrations of LangChain and LlamaIndex keep the address.
_ADDRESSES = (
    "base_url",
    "openai_api_base",
    "api_base",
    "azure_endpoint",
    "endpoint_url",
    "endpoint",
    "anthropic_api_url",
    "openrouter_api_base",
    "openrouter_api_url",
    "groq_api_base",
    "xai_api_base",
    "host",
)
_NAMES = frozenset(_ADDRESSES)
_MAX_LENGTH = 2_000


def address_in(fields: Mapping[str, Any]) -> str | None:
    """Return the address among a client's settings, as it stands there; None where none is set."""
    if _NAMES.isdisjoint(fields):
        return None
    for name in _ADDRESSES:
        address = fields.get(name)
        if type(address) is str and address and len(address) <= _MAX_LENGTH:
            return address
    return None


def endpoint_of(address: object) -> str | None:
    """Return `host` or `host:port` of an address: never its path, its parameters, or a user's name and password."""
    if type(address) is not str:
        return None
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host:
        return None
    return host if port is None else f"{host}:{port}"
