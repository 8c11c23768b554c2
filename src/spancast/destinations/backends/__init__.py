"""One file a backend: its preset, and all that only this backend needs. A file that is put here is found by itself."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from ...diagnostics import hints
from ..registry import PRESETS, Preset


def _discover() -> None:
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda each: each.name):
        preset = getattr(import_module(f"{__name__}.{module.name}"), "PRESET", None)
        if isinstance(preset, Preset):
            PRESETS[module.name] = preset
            hints.register(preset.hints)


_discover()
