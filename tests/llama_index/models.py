"""Moved: `tests/fakes/llama_index.py` has the scripted models; what still imports them from here finds them."""

from ..fakes.llama_index import *  # noqa: F403
