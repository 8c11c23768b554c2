"""A chain of LangChain, traced by one callback; the request's fields stand in the metadata, as OpenRouter takes them.

    pip install ".[langchain,cli]" && python examples/langchain_chain.py

No key, no network: `offline.models` has a scripted model. The trace goes to `.spancast/traces.jsonl`.
"""

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from offline.models import scripted
from offline.traces import print_traces

import spancast
from spancast import destinations
from spancast.langchain import SpancastCallbackHandler


def main() -> None:
    spancast.configure(destinations.file(), service_name="feedback")
    prompt = ChatPromptTemplate.from_template("Is this review positive, negative or neutral? {review}")
    chain = prompt | scripted("positive") | StrOutputParser()
    config = {
        "callbacks": [SpancastCallbackHandler()],
        "metadata": {
            "trace": {
                "trace_name": "Text Classification",
                "generation_name": "Classify Sentiment",
                "dataset": "customer_feedback",
            },
            "user": "user_12345",
            "session_id": "session_abc",
        },
    }
    print(chain.invoke({"review": "This phone is great"}, config))
    spancast.shutdown()
    print_traces()


if __name__ == "__main__":
    main()
