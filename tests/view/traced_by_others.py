"""An agent with a tool and a scripted model, traced by another library: `traced_by_others.py TRACER URL`."""

from __future__ import annotations

import sys
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

provider = TracerProvider(resource=Resource({"service.name": "shop"}))
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(sys.argv[2])))
if sys.argv[1] == "openinference":
    from openinference.instrumentation.langchain import LangChainInstrumentor

    LangChainInstrumentor().instrument(tracer_provider=provider)
else:
    from opentelemetry.instrumentation.langchain import LangchainInstrumentor

    LangchainInstrumentor().instrument(tracer_provider=provider)


@tool
def look_up(order: int) -> str:
    """Look up an order."""
    return f"order {order}: shipped"


class Model(GenericFakeChatModel):
    """A model that follows a script, tools or not."""

    model_name: str = "gpt-4o"

    def bind_tools(self, tools: Any, **keywords: Any) -> Any:
        """Take the tools along."""
        return self.bind(tools=[each.name for each in tools])


usage = {"input_tokens": 120, "output_tokens": 30, "total_tokens": 150}
script = (
    AIMessage("", tool_calls=[{"name": "look_up", "args": {"order": 17}, "id": "c1"}], usage_metadata=usage),
    AIMessage("It is on its way.", usage_metadata=usage),
)
agent = create_agent(Model(messages=iter(script)), [look_up], name="support")
agent.invoke({"messages": [("user", "Where is my order 17?")]}, {"metadata": {"session_id": "s1"}})
provider.shutdown()
