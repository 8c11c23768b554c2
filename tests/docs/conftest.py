"""What the tests of the documentation share: no network but loopback, and the pages' programs leave nothing behind."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

if find_spec("mkdocs") is None or find_spec("llama_index") is None:  # the group `docs`, or an extra, is not installed
    collect_ignore_glob = ["test_*.py"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Warnings of the frameworks are theirs."""
    for item in items:
        if "/tests/docs/" in str(item.path):
            for kind in ("DeprecationWarning", "ResourceWarning", "pydantic.warnings.PydanticDeprecationWarning"):
                item.add_marker(pytest.mark.filterwarnings(f"ignore::{kind}"))
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail whoever connects to anything but this machine."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> Any:
        host = address[0] if isinstance(address, tuple) else "localhost"
        if host not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"the documentation's tests connect to {address}")
        return real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _llama_index_as_it_was() -> Iterator[None]:
    """Give LlamaIndex its settings back: the pages' readers have mock models."""
    from llama_index.core import Settings

    held = dict(Settings.__dict__)
    yield
    Settings.__dict__.update(held)
