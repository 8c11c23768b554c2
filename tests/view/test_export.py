"""The page as a file of its own: who can read it, and where it can be written."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from spancast.view.export import write_page
from spancast.view.read import read_request

from .traces import conversation

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes of this kind")
TRACE = list(read_request(conversation(1, "Where is 17?", "On its way.")))


@pytest.mark.parametrize("there", [None, 0o644, 0o666])
def test_a_page_is_readable_by_its_owner_only(there: int | None, tmp_path: Path) -> None:
    """Prompts are inside: a file that was there, and open to others, does not pass its mode on."""
    path = tmp_path / "page.html"
    if there is not None:
        path.write_text("older")
        path.chmod(there)
    write_page(path, [TRACE])
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert "On its way." in path.read_text()


def test_a_link_is_followed(tmp_path: Path) -> None:
    """The user named it: what it leads to is written, and it stays a link."""
    (tmp_path / "link.html").symlink_to(tmp_path / "page.html")
    write_page(tmp_path / "link.html", [TRACE])
    assert (tmp_path / "link.html").is_symlink()
    assert "On its way." in (tmp_path / "page.html").read_text()


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """And nothing is left behind."""
    with pytest.raises(OSError, match="No such file"):
        write_page(tmp_path / "nowhere" / "page.html", [TRACE])
