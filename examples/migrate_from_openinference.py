"""From OpenInference's instrumentation and arize-otel to spancast: the old lines as comments, the new ones run.

    pip install ".[langchain,cli]" && python examples/migrate_from_openinference.py

The attributes at Arize keep their names; README.md has the table. No key, no network: a receiver on loopback.
"""

from langchain_core.prompts import ChatPromptTemplate
from offline.models import scripted
from offline.servers import SPACE_KEY, Receiver
from offline.traces import print_traces

# from arize.otel import register
# from openinference.instrumentation import using_attributes
# from openinference.instrumentation.langchain import LangChainInstrumentor
import spancast
from spancast import destinations, langchain


def main() -> None:
    with Receiver() as arize:
        # tracer_provider = register(space_id=..., api_key=..., project_name="shop")
        spancast.configure(
            destinations.arize(space_id=SPACE_KEY, api_key="none", project_name="shop", base_url=arize.url),
            destinations.file(convention="openinference"),  # for the tree below
        )
        # LangChainInstrumentor().instrument(tracer_provider=tracer_provider)
        langchain.instrument()

        chain = ChatPromptTemplate.from_template("{question}") | scripted("On its way.")

        # with using_attributes(session_id="s1", user_id="u1", metadata={"environment": "staging"}):
        with spancast.trace(session_id="s1", user="u1", environment="staging"):
            chain.invoke({"question": "Where is order 17?"}, {"tags": ["shop"]})

        # with tracer.start_as_current_span("Nightly report", openinference_span_kind="chain"):
        with spancast.trace(span_name="Nightly report"):
            pass

        # tracer_provider.force_flush()
        print(spancast.flush(timeout=5.0), spancast.report())
        # LangChainInstrumentor().uninstrument()
        langchain.uninstrument()
        spancast.shutdown()
    print_traces(last=2)


if __name__ == "__main__":
    main()
