"""What is imported late is imported once for a process, whichever way that was forked."""

from __future__ import annotations

import os

import pytest

from spancast.resource import importing


def test_a_process_that_was_forked_without_hooks_waits_for_no_import_of_its_parent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """UWSGI forks so, while a thread of the parent may be importing."""
    with importing.lock:
        assert importing.lock.locked()
        monkeypatch.setattr(os, "getpid", lambda: -1)
        assert not importing.lock.locked()
