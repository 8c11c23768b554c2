"""One run, two destinations: Arize AX with prompts and answers in OpenInference, a collector without them in gen_ai.

    pip install ".[langchain,cli]" && python examples/two_destinations.py

Both are receivers on loopback here; for yours leave out `base_url` and give your collector's URL.
"""

from langchain_core.prompts import ChatPromptTemplate
from offline.models import scripted
from offline.servers import SPACE_KEY, Receiver
from offline.traces import print_traces

import spancast
from spancast import destinations
from spancast.langchain import SpancastCallbackHandler

QUESTION = "Can I send order 17 back?"


def main() -> None:
    with Receiver() as arize, Receiver() as collector:
        spancast.configure(
            destinations.arize(api_key="none", space_key=SPACE_KEY, model_id="shop", base_url=arize.url),
            destinations.otlp(f"{collector.url}/v1/traces", privacy_mode=True),
            service_name="shop",
        )
        chain = ChatPromptTemplate.from_template("{question}") | scripted("Within 30 days.")
        chain.invoke({"question": QUESTION}, {"callbacks": [SpancastCallbackHandler(user="user_12345")]})

        spancast.shutdown()
        print(spancast.report())
        for name, receiver in (("arize", arize), ("collector", collector)):
            print(f"{name} holds the question: {receiver.holds(QUESTION)}, the user: {receiver.holds('user_12345')}")
        collector.write(".spancast/collector.jsonl")
    print_traces(".spancast/collector.jsonl")


if __name__ == "__main__":
    main()
