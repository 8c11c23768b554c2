"""An agent with a tool. Knows nothing of tracing."""

from __future__ import annotations

import asyncio

from llama_index.core import Settings
from llama_index.core.agent.workflow import FunctionAgent

from tests.fakes.llama_index import ScriptedLLM, calls


def weather(city: str) -> str:
    """Look up the weather of a city."""
    return f"sunny in {city}"


async def ask() -> None:
    """Ask the agent once."""
    model = ScriptedLLM(calls(("weather", {"city": "Berlin"})), "It is sunny.")
    agent = FunctionAgent(name="forecaster", tools=[weather], llm=model)
    said = str(await agent.run("Is it sunny in Berlin?"))
    if said != "It is sunny.":
        raise AssertionError(said)


def main() -> None:
    """Run it."""
    Settings.tokenizer = str.split
    asyncio.run(ask())


if __name__ == "__main__":
    main()
