"""A batch job: many rows at once, one trace for the job; at the end it says what became of every span, or fails.

    pip install ".[langchain,cli]" && python examples/batch_job.py

No key, no network.
"""

import sys

from langchain_core.prompts import ChatPromptTemplate
from offline.models import scripted
from offline.traces import print_traces

import spancast
from spancast import destinations, langchain

REVIEWS = ["This phone is great", "It broke after a day", "It is a phone"]


def main() -> int:
    spancast.configure(destinations.file(), service_name="nightly")
    langchain.instrument()
    chain = ChatPromptTemplate.from_template("Positive? {review}") | scripted("positive", "negative", "neutral")

    with spancast.trace(trace_name="Nightly report", environment="staging", rows=len(REVIEWS)) as trace:
        chain.batch([{"review": review} for review in REVIEWS], {"run_name": "Classify"})

    delivered = spancast.flush(timeout=10.0)
    print(f"trace {trace.trace_id if trace else 'not recorded'}: {spancast.report()}")
    spancast.shutdown()
    print_traces()
    return 0 if delivered else 1


if __name__ == "__main__":
    sys.exit(main())
