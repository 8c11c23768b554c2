"""The table of presets: each backend's file describes itself here, and the command line and the settings read it.

Filled once, while `destinations.backends` is imported; never changed after that, so it needs no lock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field

from ..diagnostics.hints import Hints
from ..record.fast_frozen import frozen
from .destination import Destination


@frozen(kw_only=True)
class Preset:
    """A preset as the command line, the settings and the diagnostics see it.

    Attributes:
        make: The function that users call.
        title: What its maker calls the backend.
        required: Arguments without which it raises.
        instead: Of a required argument: others that make it unnecessary.
        secrets: Arguments that are never shown, or saved in the clear.
        variables: The environment's variables that stand for an argument.
        plain_headers: Headers that name a place or a mode, in lower case; every other header's value is a secret.
        hints: What only this backend's connections need.
    """

    make: Callable[..., Destination]
    title: str
    required: tuple[str, ...] = ()
    instead: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    variables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    plain_headers: tuple[str, ...] = ()
    hints: Hints = field(default_factory=Hints)


PRESETS: dict[str, Preset] = {}
"""Every backend that has a name: what `spancast destinations add` offers, and what `preset = ` may say in a file."""

LOCAL: dict[str, Callable[..., Destination]] = {}
"""The makers of destinations on this machine that a file or the environment may name: `file`, `console`."""
