"""Moved: `tests/fakes/langchain.py` has the scripted models; what still imports them from here finds them."""

from ..fakes.langchain import *  # noqa: F403
