"""The examples run as a reader would run them: offline, in a folder of their own, with nothing on standard error."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
MAX_LINES = 60
LLAMA_INDEX = pytest.mark.skipif(find_spec("llama_index") is None, reason="llama-index-core is not installed")


def run(name: str, folder: Path) -> str:
    """Run an example in *folder* and return what it printed."""
    settings = ("OTEL_", "ARIZE_", "OPENROUTER_", "SPANCAST_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(settings)}
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    assert (0, "") == (done.returncode, done.stderr)
    return done.stdout


def tree(printed: str) -> list[str]:
    """Return the kinds and names of the trees that were printed, without figures and lines."""
    found = re.findall(r"(✗ )?((?:CHAIN|AGENT|LLM|TOOL|RETRIEVER|EMBEDDING) \S+)", printed)
    return [mark + what for mark, what in found]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_is_short_and_says_what_it_shows(path: Path) -> None:
    """Each is under 60 lines, begins with what it shows, and names no key."""
    text = path.read_text()
    assert len(text.splitlines()) < MAX_LINES
    assert text.startswith('"""')


@LLAMA_INDEX
def test_the_rag_prints_its_answer_and_its_trees(tmp_path: Path) -> None:
    """Building the index is one trace, the streamed question another, with session and user."""
    printed = run("llama_index_rag.py", tmp_path)
    assert printed.startswith("text text")
    assert "user user_12345 · session session_abc" in printed
    assert [
        "CHAIN index_construction",
        "CHAIN SentenceSplitter.__call__",
        "EMBEDDING MockEmbedding.get_text_embedding_batch",
        "CHAIN Ask",
        "RETRIEVER VectorIndexRetriever.retrieve",
        "EMBEDDING MockEmbedding.get_query_embedding",
        "CHAIN CompactAndRefine.synthesize",
        "LLM MockLLM.stream_complete",
    ] == tree(printed)


@LLAMA_INDEX
def test_the_agent_prints_its_answer_and_its_tree(tmp_path: Path) -> None:
    """Two tools between two model calls; the one that fails is marked."""
    printed = run("llama_index_agent.py", tmp_path)
    assert printed.startswith("It is on its way")
    assert "PermissionError: orders on their way cannot be sent back" in printed
    assert [
        "AGENT support",
        "LLM MockFunctionCallingLLM.astream_chat",
        "TOOL look_up",
        "✗ TOOL send_back",
        "LLM MockFunctionCallingLLM.astream_chat",
    ] == tree(printed)
