"""Every Python block of the README runs, against a receiver on loopback instead of the addresses it shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent

import spancast
from spancast import langchain

from .fakes.langchain import ScriptedChat
from .receivers.recording import recording_receiver

README = Path(__file__).parents[1] / "README.md"
ALL_BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
BLOCKS = [block for block in ALL_BLOCKS if "llama_index" not in block]  # those: tests/llama_index/test_readme.py


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")
def test_the_readmes_code_runs_and_delivers(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other in one program, as a reader would try them; both destinations get what they should."""
    monkeypatch.setenv("OPENROUTER_API_KEY", "a-key")
    with recording_receiver() as phoenix, recording_receiver() as arize, recording_receiver() as collector:
        names: dict[str, Any] = {"agent": create_agent(ScriptedChat(script=["hello"]), [], name="planner")}
        for block in BLOCKS:
            code = block.replace("https://collector.example.com", collector.url).replace(
                'model_id="my-project"', f'model_id="my-project", base_url="{arize.url}"'
            )
            code = code.replace("sampling_rate=0.1", "sampling_rate=1.0")
            code = code.replace("destinations.phoenix()", f"destinations.phoenix('{phoenix.url}')")
            exec(compile(code, str(README), "exec"), names)
        langchain.uninstrument()
        spancast.shutdown()
    assert 4 == len(BLOCKS)
    assert "session_abc" in str([request.body for request in phoenix.requests])
    assert {"/v1/traces"} == {request.path for request in (*arize.requests, *collector.requests)}
    assert "Nightly report" in {span["name"] for span in collector.json_spans()}
    assert "arize: " in capsys.readouterr().out
    assert not any("hello" in str(request.body) for request in collector.requests)
    assert any("hello" in str(request.body) for request in arize.requests)
