"""An Arize project for each tenant: a project belongs to a pipeline, so each tenant has its own, and runs name it.

    pip install ".[langchain,cli]" && python examples/tenants.py

A tenant cannot choose another's project by what it sends: the application looks up the pipeline. Each destination has a
thread (about 0.1 MB) and a queue of its own, so one tenant's burst does not push out another's spans.
"""

from functools import cache

from langchain_core.prompts import ChatPromptTemplate
from offline.models import scripted
from offline.servers import SPACE_KEY, Receiver
from offline.traces import print_traces

from spancast import Pipeline, destinations
from spancast.langchain import SpancastCallbackHandler

arize = Receiver()  # yours: leave out base_url, and keep the keys in ARIZE_API_KEY and ARIZE_SPACE_ID


@cache
def pipeline_of(tenant: str) -> Pipeline:
    project = destinations.arize(api_key="none", space_key=SPACE_KEY, model_id=f"shop-{tenant}", base_url=arize.url)
    local = destinations.file(f".spancast/{tenant}.jsonl")  # for the trees below
    return Pipeline(project, local, service_name="shop", max_queue_bytes=8_000_000)


def main() -> None:
    chain = ChatPromptTemplate.from_template("{question}") | scripted("On its way.", "Within 30 days.")
    with arize:
        for tenant, question in (("acme", "Where is order 17?"), ("globex", "Can I send it back?")):
            handler = SpancastCallbackHandler(pipeline=pipeline_of(tenant), tenant=tenant)
            chain.invoke({"question": question}, {"callbacks": [handler]})
        for tenant in ("acme", "globex"):
            pipeline_of(tenant).shutdown()
            print(f"{tenant}: {pipeline_of(tenant).report()}".replace("\n", " · "))
        for _, _, body in arize.requests:
            print("one request for", *[name for name in ("shop-acme", "shop-globex") if name.encode() in body])
    for tenant in ("acme", "globex"):
        print_traces(f".spancast/{tenant}.jsonl")


if __name__ == "__main__":
    main()
