"""The destinations that `spancast destinations add` saved, in a file that only its owner may read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson

from ..private_files import ForeignFileError, atomic_write, make_private_folder, read_private, why_not_ours
from ..record.fast_frozen import frozen
from ..setting import Environ
from ..validation import SettingsError
from .entries import Entry, entry_of
from .folders import config_folder

FILE_NAME = "destinations.json"


@frozen()
class Saved:
    """What was saved: destinations, and sentences about a file that is not used."""

    entries: tuple[Entry, ...] = ()
    ignored: tuple[str, ...] = ()


def read(environ: Environ) -> Saved:
    """Return the destinations that the command line saved.

    A file in a folder that may not be searched is another user's (a service that inherits HOME), and is none. One that is
    there and cannot be read is an error: it may ask for privacy mode, and traces must not go out in the clear instead.

    Raises:
        SettingsError: When the file is there and cannot be read.
    """
    folder = config_folder(environ)
    if folder is None:
        return Saved()
    path = folder / FILE_NAME
    try:
        status = path.lstat()
    except (OSError, ValueError):
        return Saved()
    if reason := why_not_ours(status):
        return Saved(ignored=(f"{path} is not used: {reason}; set SPANCAST_CONFIG_DIR to a folder of your own",))
    try:  # this user's link may lead elsewhere, as those of managers of dot files do
        listed = orjson.loads(read_private(path, named=path.is_symlink()).removeprefix(b"\xef\xbb\xbf"))["destinations"]
        return Saved(tuple(entry_of(item, str(path), FILE_NAME) for item in listed))
    except ForeignFileError as error:
        raise SettingsError(f"{error}: remove it, and add the destinations again.", "E117") from None
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read ({error.strerror}): make it readable for this user, or set SPANCAST_CONFIG_DIR.",
            "E117",
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SettingsError(
            f"{path} cannot be read: remove it, and add the destinations again with `spancast destinations add`.",
            "E117",
        ) from None


def save(entries: Sequence[Entry], environ: Environ) -> Path:
    """Write the saved destinations, readable by their owner alone, and return the file.

    Raises:
        SettingsError: When there is no place for it.
    """
    folder = config_folder(environ)
    if folder is None:
        raise SettingsError("there is no configuration folder: set SPANCAST_CONFIG_DIR to one.", "E117")
    path = folder / FILE_NAME
    content = orjson.dumps(
        {"destinations": [{"preset": entry.preset, **entry.arguments} for entry in entries]},
        option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
    )
    try:
        make_private_folder(folder)
        atomic_write(path, content)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror or error}.", "E117") from None
    return path
