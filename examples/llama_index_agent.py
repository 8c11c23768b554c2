"""A LlamaIndex agent with two tools, scripted: invocation, model calls and tools in one tree, with call ids and errors.

    pip install ".[llama-index,cli]" && python examples/llama_index_agent.py

No key, no network. `llama_index.core.set_global_handler("spancast")` does the same as the one line here.
"""

import asyncio
import warnings
from pathlib import Path

import llama_index.core
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, ToolCallBlock
from llama_index.core.llms.mock import MockFunctionCallingLLM
from rich.console import Console

import spancast
import spancast.llama_index  # teaches LlamaIndex the name
from spancast.view.read import read_lines, traces_of
from spancast.view.tree import trace_tree

FILE = ".spancast/traces.jsonl"


def look_up(order: int) -> str:
    """Look up an order."""
    return f"order {order}: on its way"


def send_back(order: int) -> str:
    """Send an order back."""
    raise PermissionError("orders on their way cannot be sent back")


def answer(messages: list[ChatMessage], **kwargs: object) -> ChatMessage:
    """Ask for both tools, then say what came of it."""
    if messages[-1].role == "tool":
        return ChatMessage(role="assistant", content="It is on its way; you can send it back once it is there.")
    asked = [(name, {"order": 17}) for name in ("look_up", "send_back")]
    calls = [ToolCallBlock(tool_call_id=f"call_{name}", tool_name=name, tool_kwargs=values) for name, values in asked]
    return ChatMessage(role="assistant", blocks=calls)


async def main() -> None:
    warnings.simplefilter("ignore")  # LlamaIndex's own
    spancast.configure(spancast.destinations.file(FILE, convention="openinference"), service_name="shop")
    llama_index.core.set_global_handler("spancast", user="user_12345")
    llm = MockFunctionCallingLLM(response_generator=answer)
    agent = FunctionAgent(name="support", tools=[look_up, send_back], llm=llm)
    print(await agent.run("Where is my order 17, and can I send it back?"))
    spancast.flush()
    Console(width=100).print(trace_tree(list(traces_of(read_lines(Path(FILE))).values())[-1]))
    spancast.shutdown()


if __name__ == "__main__":
    asyncio.run(main())
