"""A serverless function: it may be frozen as soon as it returns, so everything is delivered before.

    pip install ".[langchain,cli]" && python examples/serverless_handler.py

The pipeline is made once, outside of the handler, and lives as long as the instance. `spool=False`: its disk is not kept.
"""

from langchain_core.prompts import ChatPromptTemplate
from offline.models import scripted
from offline.servers import Receiver
from offline.traces import print_traces

import spancast
from spancast import destinations, langchain

chain = ChatPromptTemplate.from_template("{question}") | scripted("On its way.", "Within 30 days.")
langchain.instrument()


def handler(event: dict, context: object) -> dict:
    try:
        with spancast.trace(trace_name="Ask the shop", user=event["user"], cold_start=event.get("cold", False)):
            return {"answer": chain.invoke({"question": event["question"]}).content}
    finally:
        spancast.flush(timeout=2.0)  # before the instance is frozen; False when it did not all leave


def main() -> None:
    with Receiver() as collector:
        spancast.configure(destinations.otlp(f"{collector.url}/v1/traces"), service_name="shop-function", spool=False)
        for event in (
            {"question": "Where is order 17?", "user": "user_1", "cold": True},
            {"question": "Can I send it back?", "user": "user_2"},
        ):
            print(handler(event, None), "->", spancast.report())
        collector.write(".spancast/collector.jsonl")
        spancast.shutdown()
    print_traces(".spancast/collector.jsonl", last=2)


if __name__ == "__main__":
    main()
