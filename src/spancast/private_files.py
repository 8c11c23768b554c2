"""Files that only this user may write: read if they are ours, written whole, in folders that nobody else may enter.

Another user of the machine may have put a file, a link or a FIFO where ours is looked for. So a path is opened once, without
following a link and without waiting, and what counts is what was opened: a regular file that belongs to this user or to
root, and that not everybody may write. Windows has neither owners nor modes of this kind; there a regular file is enough.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

MAX_READ = 4 * 1024 * 1024  # bytes of one file; a settings file has a few hundred
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)  # opening a FIFO would wait for somebody at its other end
_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_BINARY = getattr(os, "O_BINARY", 0)


class ForeignFileError(OSError):
    """A path that is not used: somebody else may decide what is in it. The text says why."""


def why_not_ours(status: os.stat_result) -> str | None:
    """Return why a file or folder is not used; None when it is ours.

    Root may write everywhere, so what belongs to root is trusted: files of container images usually do.
    """
    if sys.platform == "win32":
        return None
    if status.st_uid not in (os.geteuid(), 0):
        return f"it belongs to another user (uid {status.st_uid})"
    if stat.S_ISDIR(status.st_mode) or stat.S_ISLNK(status.st_mode):
        return None  # a link's own mode says nothing, and a folder's files are looked at themselves
    if status.st_mode & stat.S_IWOTH:
        return "everybody may write it"
    if status.st_mode & stat.S_IWGRP and status.st_gid not in (os.getegid(), 0):
        return f"another group may write it (gid {status.st_gid})"
    return None


def has_foreign_owner(path: Path) -> bool:
    """Return whether a path, or what it leads to, belongs to another user than this one and root."""
    if sys.platform == "win32":
        return False
    try:
        return any(status.st_uid not in (os.geteuid(), 0) for status in (path.lstat(), path.stat()))
    except OSError:
        return True


def read_private(path: Path, *, named: bool = False, limit: int = MAX_READ) -> bytes:
    """Return what is in this user's file. *named*: the user named the path, so links are followed and any owner will do.

    Raises:
        ForeignFileError: When it is a link, no regular file, too large, or another's.
        OSError: When it cannot be read, or is not there.
    """
    follow = named
    if not named and path.is_symlink():
        if why_not_ours(path.lstat()):
            raise ForeignFileError(f"{path} is not used: it is a link of another user")
        follow = True  # this user's link; what it leads to has to be ours as well
    flags = os.O_RDONLY | _NO_WAIT | _CLOEXEC | _BINARY | (0 if follow else _NO_FOLLOW)
    handle = os.open(path, flags)
    with os.fdopen(handle, "rb", closefd=True) as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise ForeignFileError(f"{path} is not used: it is no regular file")
        reason = None if named else why_not_ours(status)
        if reason:
            raise ForeignFileError(f"{path} is not used: {reason}")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ForeignFileError(f"{path} is not used: it is larger than {limit:,} bytes")
    return content


def make_private_folder(folder: Path, *, named: bool = False) -> None:
    """Make *folder*, and each missing level above it, for this user alone (0700).

    *named*: the user named it, so a folder that is there may be anybody's.

    Raises:
        ForeignFileError: When it is there and another's, or a link of another's.
        OSError: When it cannot be made.
    """
    missing: list[Path] = []
    level = folder
    while not os.path.lexists(level) and level != level.parent:
        missing.append(level)
        level = level.parent
    for each in reversed(missing):
        with suppress(FileExistsError):  # another process of this user was faster
            each.mkdir(mode=0o700)
    for status in () if named else (os.lstat(folder), os.stat(folder)):
        if reason := why_not_ours(status):
            raise ForeignFileError(f"{folder} is not used: {reason}")
    if not folder.is_dir():
        raise NotADirectoryError(20, "Not a directory", str(folder))


def atomic_write(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write *data* as the whole of *path*: a reader sees the old content or the new one, never a part.

    The folder has to be there. The new content is written beside it, in a file that nobody can have prepared.

    Raises:
        OSError: When it cannot be written whole; then nothing has changed.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.{token_hex(6)}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | _CLOEXEC | _BINARY, mode)
    try:
        try:
            write_whole(handle, data)
        finally:
            os.close(handle)
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise


def write_new(path: Path, data: bytes) -> None:
    """Write a new file, 0600. Never synced: it has to survive the process, not the machine.

    Raises:
        OSError: When something is there already, or the disk refuses.
    """
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NO_FOLLOW | _CLOEXEC | _BINARY, 0o600)
    try:
        write_whole(handle, data)
    finally:
        os.close(handle)


def open_lock(path: Path) -> int:
    """Return the handle of this user's file that is there to be locked; it is made when it is not there.

    Raises:
        ForeignFileError: When it is no regular file, or another's.
        OSError: When it cannot be opened.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | _NO_FOLLOW | _NO_WAIT | _CLOEXEC | _BINARY, 0o600)
    status = os.fstat(handle)
    reason = why_not_ours(status) if stat.S_ISREG(status.st_mode) else "it is no regular file"
    if reason:
        os.close(handle)
        raise ForeignFileError(f"{path} is not used: {reason}")
    return handle


def write_whole(handle: int, data: bytes) -> None:
    """Write all of *data*: `os.write` may take a part of it, as on a disk that is nearly full."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


@contextmanager
def opened_to_append(path: Path, *, named: bool = False, mode: int = 0o600) -> Iterator[int]:
    """Open this user's file to append to, and yield its handle; it is made when it is not there.

    *named*: the user named it, so this user's link is followed, and a file may be anybody's; but it is no FIFO.

    Raises:
        ForeignFileError: When it is a link, no regular file, or another's.
        OSError: When it cannot be opened.
    """
    if path.is_symlink() and not (named and why_not_ours(path.lstat()) is None):
        raise ForeignFileError(f"{path} is not used: it is a link")
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | _NO_WAIT | _CLOEXEC | _BINARY
    handle = os.open(path, flags if named else flags | _NO_FOLLOW, mode)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) and not (named and stat.S_ISCHR(status.st_mode)):
            raise ForeignFileError(f"{path} is not used: it is no regular file")
        reason = None if named else why_not_ours(status)
        if reason:
            raise ForeignFileError(f"{path} is not used: {reason}")
        yield handle
    finally:
        os.close(handle)
