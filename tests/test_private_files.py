"""Files are used only if they are ours; they are written whole."""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

import pytest

from spancast.private_files import (
    ForeignFileError,
    atomic_write,
    make_private_folder,
    opened_to_append,
    read_private,
    why_not_ours,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="owners and modes of POSIX")
ANOTHER = 54_321
as_root = pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root gives files away")


def refusal(path: Path) -> str:
    """Return why a file is not read."""
    with pytest.raises(ForeignFileError) as caught:
        read_private(path)
    return str(caught.value)


def test_a_file_of_ours_is_read(tmp_path: Path) -> None:
    """What is in it, as bytes."""
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert b"abc" == read_private(path)


@as_root
def test_a_file_of_another_user_is_not_read(tmp_path: Path) -> None:
    """Its owner is named; a path that the user named is read whoever owns it."""
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    os.chown(path, ANOTHER, ANOTHER)
    assert f"it belongs to another user (uid {ANOTHER})" in refusal(path)
    assert b"abc" == read_private(path, named=True)


@as_root
def test_a_link_of_another_user_is_not_followed(tmp_path: Path) -> None:
    """Wherever it leads: also to a file of ours."""
    (tmp_path / "target").write_bytes(b"abc")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    os.chown(tmp_path / "link", ANOTHER, ANOTHER, follow_symlinks=False)
    assert "it is a link of another user" in refusal(tmp_path / "link")


@pytest.mark.parametrize("mode", [0o666, 0o646, 0o602])
def test_a_file_that_everybody_may_write_is_not_read(mode: int, tmp_path: Path) -> None:
    """Whoever owns it, somebody else may decide what is in it."""
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    path.chmod(mode)
    assert "everybody may write it" in refusal(path)


@as_root
def test_a_file_that_another_group_may_write_is_not_read(tmp_path: Path) -> None:
    """A user's own group may, as with the umask of most desktops."""
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    path.chmod(0o664)
    assert b"abc" == read_private(path)
    os.chown(path, -1, ANOTHER)
    assert "another group may write it" in refusal(path)


def test_a_fifo_and_a_device_are_not_read(tmp_path: Path) -> None:
    """A FIFO would be waited for, a device has no end; a link of ours to a file of ours is followed."""
    (tmp_path / "target").write_bytes(b"abc")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    os.mkfifo(tmp_path / "fifo")
    assert b"abc" == read_private(tmp_path / "link")  # one of ours, to a file of ours
    assert "no regular file" in refusal(tmp_path / "fifo")
    assert "no regular file" in refusal(Path("/dev/zero"))
    with pytest.raises(ForeignFileError, match="no regular file"):
        read_private(tmp_path / "fifo", named=True)


def test_a_file_without_end_is_not_read(tmp_path: Path) -> None:
    """A settings file has a few hundred bytes."""
    path = tmp_path / "a"
    path.write_bytes(b"x" * 101)
    with pytest.raises(ForeignFileError, match="larger than 100 bytes"):
        read_private(path, limit=100)


def test_every_level_that_is_made_is_for_its_owner_alone(tmp_path: Path) -> None:
    """0700, whatever the umask; what is there stays as it is."""
    before = os.umask(0)
    try:
        make_private_folder(tmp_path / "a" / "b" / "c")
    finally:
        os.umask(before)
    made = [tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "c"]
    assert [0o700] * 3 == [stat.S_IMODE(each.stat().st_mode) for each in made]


@as_root
def test_a_folder_of_another_user_is_not_used(tmp_path: Path) -> None:
    """Nor through a link; a folder that the user named is."""
    (tmp_path / "a").mkdir()
    os.chown(tmp_path / "a", ANOTHER, ANOTHER)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    for folder in (tmp_path / "a", tmp_path / "link"):
        with pytest.raises(ForeignFileError, match="another user"):
            make_private_folder(folder)
        make_private_folder(folder, named=True)


def test_a_write_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk the old content stays, and no part of the new one is left."""
    path = tmp_path / "a"
    atomic_write(path, b"old")

    def full(handle: int, data: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        atomic_write(path, b"new")
    assert ([path], b"old") == (list(tmp_path.iterdir()), path.read_bytes())


def test_what_is_written_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    """Also where a file of another mode was there before."""
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(0o666)
    atomic_write(path, b"new")
    assert (b"new", 0o600) == (path.read_bytes(), stat.S_IMODE(path.stat().st_mode))


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    """What it leads to stays as it is."""
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "a").symlink_to(tmp_path / "precious")
    atomic_write(tmp_path / "a", b"new")
    assert (b"precious", b"new") == ((tmp_path / "precious").read_bytes(), (tmp_path / "a").read_bytes())


def test_appending_follows_no_link_and_waits_for_no_fifo(tmp_path: Path) -> None:
    """A file that the user named may be a link of his own; a FIFO is refused in any case."""
    (tmp_path / "target").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(ForeignFileError, match="it is a link"), opened_to_append(tmp_path / "link"):
        pass
    with opened_to_append(tmp_path / "link", named=True) as handle:
        os.write(handle, b"x")
    assert b"x" == (tmp_path / "target").read_bytes()
    for named in (True, False):
        with pytest.raises(OSError), opened_to_append(tmp_path / "fifo", named=named):
            pass


@as_root
def test_appending_to_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    """He could read what is written there."""
    path = tmp_path / "a"
    path.write_bytes(b"")
    os.chown(path, ANOTHER, ANOTHER)
    assert why_not_ours(path.stat())
    with pytest.raises(ForeignFileError, match="another user"), opened_to_append(path):
        pass
