"""The user's folders for what lasts between processes (state) and for what the command line saves (configuration)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..setting import Environ, Setting, folder

STATE = Setting(
    variables=("SPANCAST_STATE_DIR",),
    meaning="The folder for what lasts between processes; empty: nothing lasts.",
    default="the user's state folder, such as ~/.local/state/spancast",
    parse=folder,
    keeps_empty=True,
)
CONFIG = Setting(
    variables=("SPANCAST_CONFIG_DIR",),
    meaning="The folder of what `spancast destinations add` saves; empty: nothing is read or saved.",
    default="the user's configuration folder, such as ~/.config/spancast",
    parse=folder,
    keeps_empty=True,
)


def state_folder(environ: Environ) -> Path | None:
    """Return where spancast keeps its state: `SPANCAST_STATE_DIR` (empty: nowhere), else the system's place for it.

    Raises:
        SettingsError: When the variable names no folder that can be.
    """
    found = STATE.of_environment(environ)
    return _of_system(lambda dirs: dirs.user_state_path) if found is None else found[0]


def config_folder(environ: Environ) -> Path | None:
    """Return the user's configuration folder: `SPANCAST_CONFIG_DIR` (empty: none), else the system's place for it.

    Raises:
        SettingsError: When the variable names no folder that can be.
    """
    found = CONFIG.of_environment(environ)
    return _of_system(lambda dirs: dirs.user_config_path) if found is None else found[0]


def _of_system(choose: Callable[..., Path]) -> Path | None:
    from platformdirs import PlatformDirs

    try:
        path = choose(PlatformDirs("spancast", appauthor=False))
    except (OSError, RuntimeError):
        return None
    return path if path.is_absolute() else None  # relative: there is no home folder
