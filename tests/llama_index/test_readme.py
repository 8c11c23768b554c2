"""The README's lines for LlamaIndex do what they say."""

from __future__ import annotations

from typing import Any

import llama_index.core
import pytest
from llama_index.core.llms import MockLLM

import spancast
from spancast import llama_index as ours
from spancast.destinations import MemoryDestination
from spancast.llama_index import install

from ..test_readme import ALL_BLOCKS

BLOCKS = [block for block in ALL_BLOCKS if "llama_index" in block]


def test_there_are_blocks() -> None:
    """The README shows one line, and LlamaIndex's own entry points."""
    assert 2 == len(BLOCKS)


@pytest.mark.parametrize("number", range(2))
def test_the_readmes_lines_trace(number: int, pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """Each block traces, with its session; `uninstrument()` ends it."""
    install._global_name.add()  # as the first import does; an earlier test may have closed them
    names: dict[str, Any] = {}
    code, stop, _ = BLOCKS[number].partition("uninstrument()  #")
    exec(compile(code, "README.md", "exec"), names)
    MockLLM(max_tokens=1).complete("hi")
    assert ["session_abc"] == [span.attributes["session.id"] for span in memory.spans]
    ours.uninstrument()
    assert None is llama_index.core.global_handler
    MockLLM(max_tokens=1).complete("hi")
    assert 1 == len(memory.spans)
    assert bool(stop) is (number == 1)
