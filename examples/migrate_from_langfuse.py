"""From Langfuse's callback handler to spancast: the old lines as comments, the new ones run.

    pip install ".[langchain,cli]" && python examples/migrate_from_langfuse.py

`destinations.langfuse(...)` keeps sending to Langfuse; add others beside it. README.md has the table. No key, no network.
"""

from langchain_core.prompts import ChatPromptTemplate
from offline.models import scripted
from offline.servers import Receiver
from offline.traces import print_traces

# from langfuse import Langfuse, get_client, observe
# from langfuse.langchain import CallbackHandler
import spancast
from spancast import destinations
from spancast.langchain import SpancastCallbackHandler

chain = ChatPromptTemplate.from_template("{question}") | scripted("On its way.")


# @observe(name="Ask the shop")
@spancast.trace(span_name="Ask the shop")
def ask(question: str) -> str:
    # handler = CallbackHandler()
    handler = SpancastCallbackHandler()
    metadata = {"langfuse_session_id": "s1", "langfuse_user_id": "u1"}  # understood as they are
    # metadata["langfuse_tags"] = ["shop"]
    config = {"callbacks": [handler], "metadata": metadata, "tags": ["shop"]}
    # print(get_client().get_current_trace_id())
    trace = spancast.current_trace()  # None where nothing is recorded
    print(trace and trace.trace_id)
    return chain.invoke({"question": question}, config).content


def main() -> None:
    with Receiver() as langfuse:
        # Langfuse(public_key=..., secret_key=..., host=..., sample_rate=0.5, mask=hide)
        spancast.configure(
            destinations.langfuse(public_key="pk-none", secret_key="sk-none", base_url=langfuse.url),  # noqa: S106
            destinations.file(),  # for the tree below
        )  # sampling_rate=0.5 and redact=hide belong to a destination

        # with langfuse.start_as_current_observation(..., trace_context={"trace_id": Langfuse.create_trace_id(seed="q1")}):
        with spancast.trace(trace_id="q1"):  # the same id: both take the seed's sha256
            print(ask("Where is order 17?"))

        # get_client().flush()
        print(spancast.flush(timeout=5.0), spancast.report())
        spancast.shutdown()
    print_traces()


if __name__ == "__main__":
    main()
