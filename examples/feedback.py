"""A thumb under an answer: the client gets the ids with it, and an endpoint turns them into a score on the trace.

    pip install ".[demo]" fastapi httpx && python examples/feedback.py

The thumb may come days later and reach another process: the ids are all it needs.
"""

from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient
from langchain.agents import create_agent
from offline.models import scripted
from offline.traces import print_traces

import spancast
from spancast import destinations, langchain

agent = create_agent(scripted("It is on its way."), [], name="support")

spancast.configure(destinations.file(), service_name="shop-api", handle_sigterm=True)
langchain.instrument()
app = FastAPI()


@app.post("/chat")
async def chat(question: str) -> dict[str, str]:
    with spancast.trace(trace_name="Ask the shop") as trace:
        answer = await agent.ainvoke({"messages": [("user", question)]})
    return {"answer": answer["messages"][-1].content, "trace_id": trace.trace_id, "span_id": trace.span_id}


@app.post("/feedback")
async def feedback(trace_id: str, span_id: str, up: bool, why: str | None = None) -> dict[str, bool]:
    label = "thumbs-up" if up else "thumbs-down"
    if not spancast.score("helpful", up, label=label, explanation=why, trace_id=trace_id, span_id=span_id):
        raise HTTPException(422, "these are not the ids of a trace")
    return {"thanks": True}


if __name__ == "__main__":
    with TestClient(app) as client:
        answer = client.post("/chat", params={"question": "Where is it?"}).json()
        print(answer["answer"])
        ids = {"trace_id": answer["trace_id"], "span_id": answer["span_id"]}
        print(client.post("/feedback", params={**ids, "up": True, "why": "Fast."}).json())
    spancast.flush()
    print_traces(last=1)
