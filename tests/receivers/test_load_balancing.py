"""`gateway-loadbalancing.yaml`, running before two gateways: all spans of a trace meet in one, whoever dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

import spancast
from spancast import destinations

from .cache import needs
from .otelcol import Collector, running_collector
from .program import until
from .tiers import FILES, Tier, tier

pytestmark = needs("collector")
TRACES, SPANS = 200, 8


@dataclass(frozen=True)
class Balanced:
    """A balancer, the two gateways behind it, and what they send to."""

    balancer: Tier
    gateways: tuple[Tier, Tier]
    backend: Collector


@pytest.fixture(scope="module")
def balanced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Balanced]:
    """Return the three running; the gateways keep half of the traces, after two seconds."""
    folder = tmp_path_factory.mktemp("balanced")
    with ExitStack() as stack:

        def place(name: str) -> Path:
            (folder / name).mkdir()
            return folder / name

        backend = stack.enter_context(running_collector(place("backend")))
        files = ["gateway.yaml", "privacy.yaml", "exporters/jaeger.yaml"]
        environ = {"JAEGER_ENDPOINT": backend.url, "DECISION_WAIT": "2s", "SHARE_OF_THE_REST": "50"}
        first, second = (tier(place(f"gateway-{number}"), files, environ) for number in (1, 2))
        # a list of addresses for a name in DNS: on one machine the two gateways differ in their ports only
        configuration = yaml.safe_load((FILES / "gateway-loadbalancing.yaml").read_text())
        addresses = [f"127.0.0.1:{each.grpc}" for each in (first, second)]
        configuration["exporters"]["load_balancing"]["resolver"] = {"static": {"hostnames": addresses}}
        changed = folder / "gateway-loadbalancing.yaml"
        changed.write_text(yaml.safe_dump(configuration))
        balancer = tier(place("balancer"), [str(changed)], {"GATEWAY_INSECURE": "true"})
        for each in (first, second, balancer):
            stack.enter_context(each.program)
        yield Balanced(balancer, (first, second), backend)


def sent(balanced: Balanced) -> list[str]:
    """Send traces in many requests, so that the spans of one come apart, and return their ids."""
    to_it = destinations.otlp(
        f"http://127.0.0.1:{balanced.balancer.http}/v1/traces", name="balancer", max_request_bytes=20_000
    )
    with spancast.Pipeline(to_it, service_name="balanced") as pipeline:
        ids = []
        for _ in range(TRACES):
            with spancast.trace(trace_name="root") as handle:
                ids.append(handle.trace_id)
                for _ in range(SPANS - 1):
                    with spancast.trace(kind="TOOL", trace_name="child"):
                        pass
        assert True is pipeline.flush(60)
    return ids


def test_a_trace_is_kept_whole_or_not_at_all(balanced: Balanced) -> None:
    """Both gateways decide, and neither about half a trace."""
    ids = sent(balanced)
    accepted = "otelcol_receiver_accepted_spans_total"

    def taken() -> list[float]:
        return [each.counters().get(accepted, each.counters().get("otelcol_receiver_accepted_spans", 0))
                for each in balanced.gateways]  # fmt: skip

    share = until(taken, lambda counts: sum(counts) >= TRACES * SPANS)
    assert TRACES * SPANS == sum(share)
    assert True is (min(share) > TRACES * SPANS / 5)
    assert [0, 0] == [count % SPANS for count in share]
    until(lambda: sum(bool(balanced.backend.found(each)) for each in ids), lambda kept: kept > TRACES / 4, 30)
    assert {0, SPANS} == {len(balanced.backend.found(each)) for each in ids}


def test_what_a_dead_gateway_cannot_take_waits_on_the_balancers_disk(balanced: Balanced) -> None:
    """With static addresses nobody takes its place: its traces wait for it, and arrive when it is back."""
    balanced.gateways[0].program.kill()
    ids = sent(balanced)
    balanced.gateways[0].program.start()
    kept = until(lambda: sum(bool(balanced.backend.found(each)) for each in ids), lambda found: found > TRACES / 4, 60)
    assert True is (kept > TRACES / 4)
