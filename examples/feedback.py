"""A thumb under an answer: the client gets the ids with it, and an endpoint turns them into a score on the trace.

    pip install ".[demo]" fastapi httpx && python examples/feedback.py

The thumb may come days later and reach another process. The ids are all it needs; the log has them too:

    python examples/feedback.py TRACE_ID SPAN_ID
"""

import os
import sys

from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient
from langchain.agents import create_agent
from offline.models import scripted
from offline.traces import print_traces

import spancast
from spancast import destinations, langchain

BACKENDS = {
    "PHOENIX_COLLECTOR_ENDPOINT": destinations.phoenix,
    "LANGFUSE_SECRET_KEY": destinations.langfuse,
    "LANGSMITH_API_KEY": destinations.langsmith,
}
chosen = [make() for variable, make in BACKENDS.items() if variable in os.environ] or [destinations.file()]
spancast.configure(*chosen, service_name="shop-api", handle_sigterm=True)
langchain.instrument()
agent = create_agent(scripted("It is on its way."), [], name="support")
app = FastAPI()


@app.post("/chat")
async def chat(question: str) -> dict[str, str]:
    with spancast.trace(trace_name="Ask the shop") as trace:
        answer = await agent.ainvoke({"messages": [("user", question)]})
    print(f"answered trace_id={trace.trace_id} span_id={trace.span_id}")
    return {"answer": answer["messages"][-1].content, "trace_id": trace.trace_id, "span_id": trace.span_id}


@app.post("/feedback")
async def feedback(trace_id: str, span_id: str, up: bool, why: str | None = None) -> dict[str, bool]:
    label = "thumbs-up" if up else "thumbs-down"
    if not spancast.score("helpful", up, label=label, explanation=why, trace_id=trace_id, span_id=span_id):
        raise HTTPException(422, "these are not the ids of a trace")
    return {"thanks": True}


if __name__ == "__main__":
    if sys.argv[1:]:  # another process, with the ids from a line of the log
        spancast.score("resolved", True, annotator="code", trace_id=sys.argv[1], span_id=sys.argv[2])
    else:
        with TestClient(app) as client:
            ids = client.post("/chat", params={"question": "Where is it?"}).json()
            print(ids.pop("answer"))
            print(client.post("/feedback", params={**ids, "up": True, "why": "Fast."}).json())
    print("delivered:", spancast.flush())
    print_traces(last=1)
