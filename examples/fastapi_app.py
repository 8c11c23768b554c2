"""A FastAPI application: one trace a request, under the caller's `traceparent`, with the session from a header.

    pip install ".[demo]" fastapi httpx && python examples/fastapi_app.py

With OpenTelemetry's own instrumentation of FastAPI the middleware is not needed: runs lie under the request's span.
"""

from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from langchain.agents import create_agent
from offline.models import scripted
from offline.traces import print_traces
from opentelemetry.context import attach, detach
from opentelemetry.propagate import extract

import spancast
from spancast import destinations, langchain

agent = create_agent(scripted("It is on its way.", "You are welcome."), [], name="support")


# uvicorn is ended by SIGTERM, without Python's exit hooks: with the flag no span is lost then
spancast.configure(destinations.file(), service_name="shop-api", handle_sigterm=True)
langchain.instrument()  # every run, without a callbacks argument
app = FastAPI()


@app.middleware("http")
async def traced(request: Request, call_next):
    token = attach(extract(request.headers))
    name, session = f"{request.method} {request.url.path}", request.headers.get("x-session-id")
    try:
        with spancast.trace(trace_name=name, session_id=session):
            return await call_next(request)
    finally:
        detach(token)


@app.post("/chat")
async def chat(question: str) -> dict[str, str | None]:
    answer = await agent.ainvoke({"messages": [("user", question)]})
    trace = spancast.current_trace()  # for feedback and support tickets
    return {"answer": answer["messages"][-1].content, "trace_id": trace and trace.trace_id}


if __name__ == "__main__":
    with TestClient(app) as client:
        caller = {"traceparent": f"00-{'4b' * 16}-{'7a' * 8}-01"}
        print(client.post("/chat", params={"question": "Where is it?"}, headers=caller).json())
        print(client.post("/chat", params={"question": "Thanks"}, headers={"x-session-id": "session_abc"}).json())
    spancast.flush()
    print_traces(last=2)
