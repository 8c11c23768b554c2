"""The application's trace and OpenRouter's own Broadcast of the same request, joined to one tree by one line.

    pip install ".[openrouter,cli]" && python examples/openrouter_broadcast.py

The gateway is a stand-in on loopback that answers and broadcasts as OpenRouter does, to the collector that spancast sends
to as well. At OpenRouter, enable Broadcast with your collector's or Arize's address, and leave out `base_url` and `hosts`.
"""

from langchain_core.prompts import ChatPromptTemplate
from langchain_openrouter import ChatOpenRouter
from offline.servers import Receiver, gateway
from offline.traces import print_traces

import spancast
from spancast import destinations, openrouter
from spancast.langchain import SpancastCallbackHandler


def main() -> None:
    with Receiver() as collector, gateway(f"{collector.url}/v1/traces") as broadcasting:
        spancast.configure(destinations.otlp(f"{collector.url}/v1/traces"), service_name="shop")
        model = ChatOpenRouter(model="openai/gpt-4o", api_key="none", base_url=broadcasting.url)

        model = openrouter.join(model, hosts=["127.0.0.1"])  # the one line; yours: openrouter.join(model)

        chain = ChatPromptTemplate.from_template("Where is order {order}?") | model
        config = {
            "callbacks": [SpancastCallbackHandler()],
            "metadata": {"trace": {"trace_name": "Ask the shop"}, "user": "user_12345", "session_id": "session_abc"},
        }
        print(chain.invoke({"order": 17}, config).content)
        spancast.shutdown()
        ((_, _, body),) = broadcasting.requests
        print("sent along:", ", ".join(sorted(set(body["trace"]) | ({"user", "session_id"} & set(body)))))
        collector.write(".spancast/collector.jsonl")
    print_traces(".spancast/collector.jsonl")


if __name__ == "__main__":
    main()
