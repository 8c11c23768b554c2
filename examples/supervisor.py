"""Several agents: a supervisor hands work to two others, which are its tools; who called whom is one tree.

    pip install ".[demo]" && python examples/supervisor.py

No key, no network.
"""

from langchain.agents import create_agent
from langchain_core.tools import tool
from offline.models import call, scripted
from offline.traces import print_traces

import spancast
from spancast import destinations, langchain


@tool
def balance(customer: int) -> str:
    """Look up what a customer has paid."""
    return f"customer {customer} paid 20.00 twice"


billing = create_agent(scripted(call("balance", customer=5), "Order 17 was paid twice."), [balance], name="billing")
shipping = create_agent(scripted("Order 17 was delivered."), [], name="shipping")


@tool
def ask_billing(question: str) -> str:
    """Ask the agent that knows payments."""
    return billing.invoke({"messages": [("user", question)]})["messages"][-1].content


@tool
def ask_shipping(question: str) -> str:
    """Ask the agent that knows deliveries."""
    return shipping.invoke({"messages": [("user", question)]})["messages"][-1].content


def main() -> None:
    spancast.configure(destinations.file(), service_name="support")
    langchain.instrument()
    said = scripted(
        call("ask_billing", question="Was order 17 paid twice?"),
        call("ask_shipping", question="Was order 17 delivered?"),
        "It was delivered, and you get one payment back.",
    )
    supervisor = create_agent(said, [ask_billing, ask_shipping], name="supervisor")
    with spancast.trace(trace_name="Complaint", user="user_12345"):
        print(supervisor.invoke({"messages": [("user", "I paid order 17 twice!")]})["messages"][-1].content)
    spancast.shutdown()
    print_traces()


if __name__ == "__main__":
    main()
