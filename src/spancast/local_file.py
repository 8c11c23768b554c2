"""Where traces go when nothing is configured, for those who write the file and those who read it."""

from __future__ import annotations

DEFAULT_FILE = ".spancast/traces.jsonl"
