"""The tiers of `integrations/collector`, running on loopback: agent, Kafka, two gateways, and the backends behind them."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from .arize_phoenix import Phoenix, running_phoenix
from .broker import Broker, running_broker
from .jaeger_server import Jaeger, running_jaeger
from .otelcol import collector_program
from .ports import free_ports
from .program import Program

FILES = Path(__file__).parents[2] / "integrations" / "collector"
TOPIC, GROUP = "otlp_spans", "spancast-gateway"
WAIT = 5  # seconds that the gateways wait before they decide, instead of 120


@dataclass(frozen=True)
class Tier:
    """A running Collector of one tier."""

    program: Program
    http: int
    grpc: int
    metrics: int
    queue: Path

    def counters(self) -> dict[str, float]:
        """Return its own counters by name, summed over their labels but for the policy of a sampler."""
        url = f"http://127.0.0.1:{self.metrics}/metrics"
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10) as answer:
            text = answer.read().decode()
        found: dict[str, float] = {}
        for name, labels, value in re.findall(r"^(otelcol_\w+)(?:\{(.*?)\})? ([\d.e+-]+)$", text, re.MULTILINE):
            policy = re.search(r'policy="([^"]*)"', labels)
            decided = re.search(r'(?:sampled|decision)="([^"]*)"', labels)
            key = ":".join([name, *([policy[1]] if policy else []), *([decided[1]] if decided else [])])
            found[key] = found.get(key, 0) + float(value)
        return found

    def bytes_on_disk(self) -> int:
        """Return the size of its queue's files."""
        return sum(each.stat().st_size for each in self.queue.glob("*") if each.is_file())


def tier(folder: Path, files: Sequence[str], environ: Mapping[str, str]) -> Tier:
    """Return a Collector with these files of `integrations/collector`, all its ports on loopback; it is not started."""
    http, grpc, health, metrics = free_ports(4)
    queue = folder / "queue"
    listen = {
        "OTLP_HTTP_LISTEN": f"127.0.0.1:{http}",
        "OTLP_GRPC_LISTEN": f"127.0.0.1:{grpc}",
        "HEALTH_LISTEN": f"127.0.0.1:{health}",
        "QUEUE_DIR": str(queue),
    }
    reader = f"{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {metrics}}}}}}}}}"
    configurations = [name if name.startswith("yaml:") else FILES / name for name in files]
    configurations.append(f"yaml:service::telemetry::metrics::readers: [{reader}]")
    return Tier(collector_program(folder, configurations, {**listen, **environ}, health), http, grpc, metrics, queue)


@dataclass(frozen=True)
class Tiers:
    """All of them, running."""

    agent: Tier
    broker: Broker
    gateways: tuple[Tier, Tier]
    jaeger: Jaeger
    phoenix: Phoenix | None

    @property
    def url(self) -> str:
        """Where the application sends to."""
        return f"http://127.0.0.1:{self.agent.http}/v1/traces"


@contextmanager
def running_tiers(folder: Path, *, phoenix: bool = False, share: int = 1, wait: int = WAIT) -> Iterator[Tiers]:
    """Yield the tiers, each with its data in a folder of its own; *share*: percent of the rest that is kept."""
    with ExitStack() as stack:

        def place(name: str) -> Path:
            made = folder / name
            made.mkdir(parents=True)
            return made

        jaeger = stack.enter_context(running_jaeger(place("jaeger"), on_disk=True))
        behind = stack.enter_context(running_phoenix(place("phoenix"))) if phoenix else None
        broker = stack.enter_context(running_broker(place("kafka")))
        broker.create(TOPIC, 4)
        environ = {
            "KAFKA_BROKERS": f"[{broker.address}]",
            "JAEGER_ENDPOINT": jaeger.url,
            "DECISION_WAIT": f"{wait}s",
            "SHARE_OF_THE_REST": str(share),
            **({"PHOENIX_COLLECTOR_ENDPOINT": behind.url, "PHOENIX_PROJECT": "tiers"} if behind else {}),
        }
        backends = ["privacy.yaml", "exporters/jaeger.yaml", *(["exporters/phoenix.yaml"] if behind else [])]
        gateways = [
            tier(place(f"gateway-{number}"), ["gateway.yaml", "kafka/gateway.yaml", *backends], environ)
            for number in (1, 2)
        ]
        agent = tier(place("agent"), ["agent.yaml", "kafka/agent.yaml"], environ)
        for each in (*gateways, agent):
            stack.enter_context(each.program)
        yield Tiers(agent, broker, (gateways[0], gateways[1]), jaeger, behind)
