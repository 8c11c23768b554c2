"""The user's folders."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from spancast.config.folders import config_folder, state_folder


def test_a_folder_can_be_chosen_and_switched_off() -> None:
    """The variable names it; empty, there is none."""
    assert Path("/x") == state_folder({"SPANCAST_STATE_DIR": "/x"})
    assert (None, None) == (state_folder({"SPANCAST_STATE_DIR": ""}), config_folder({"SPANCAST_CONFIG_DIR": ""}))


@pytest.mark.skipif(sys.platform != "linux", reason="the places of Linux")
def test_else_it_is_the_systems_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the XDG specification has it, in the home folder by default."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert tmp_path / ".local" / "state" / "spancast" == state_folder({})
    assert tmp_path / ".config" / "spancast" == config_folder({})
    monkeypatch.setenv("XDG_STATE_HOME", "/y")
    assert Path("/y/spancast") == state_folder({})
