"""The README's line for LlamaIndex does what it says."""

from __future__ import annotations

import llama_index.core
from llama_index.core.llms import MockLLM

import spancast
from spancast import llama_index as ours
from spancast.destinations import MemoryDestination

from ..test_readme import ALL_BLOCKS

BLOCKS = [block for block in ALL_BLOCKS if "llama_index" in block]


def test_the_readmes_line_traces(pipeline: spancast.Pipeline, memory: MemoryDestination) -> None:
    """It traces, with its session; `uninstrument()` ends it."""
    (block,) = BLOCKS
    exec(compile(block, "README.md", "exec"), {})
    MockLLM(max_tokens=1).complete("hi")
    assert ["session_abc"] == [span.attributes["session.id"] for span in memory.spans]
    ours.uninstrument()
    assert None is llama_index.core.global_handler
    MockLLM(max_tokens=1).complete("hi")
    assert 1 == len(memory.spans)
