"""Where spans go: presets for known backends, and places on this machine."""

from .destination import Destination
from .local import MemoryDestination, console, file, memory
from .presets import arize, otlp
from .sdk import sdk
from .validation import SettingsError

__all__ = ["Destination", "MemoryDestination", "SettingsError", "arize", "console", "file", "memory", "otlp", "sdk"]
