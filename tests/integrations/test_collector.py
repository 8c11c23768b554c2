"""The Collector's configurations: they compose, name what there is, and hold what they say; what can run here, runs."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import spancast
from spancast import destinations
from spancast.config import schema
from spancast.conventions.span import Span
from spancast.demo import support_agent as demo
from spancast.destinations import PRESETS, MemoryDestination
from spancast.destinations.destination import DEFAULT_REQUEST_BYTES
from spancast.destinations.rendering import rendering_of
from spancast.destinations.targets.http import HttpTarget
from spancast.privacy import allow_list, keys
from spancast.privacy.keys import CONTENT

from ..otlp.test_protobuf import pairs
from ..privacy.test_privacy import generation, operations
from ..receivers.cache import needs
from ..receivers.otelcol import BINARY
from ..receivers.recording import recording_receiver
from ..receivers.rotel import FOUND, MISSING, WAIT, rotel
from ..test_phoenix import ADMIN, PROJECT, Phoenix, phoenix, stored  # noqa: F401 - fixtures
from .collector_config import COLLECTOR, Config, commands, composed, expanded, faults, pipelines, variables

README = (COLLECTOR / "README.md").read_text()
MANIFEST = "builder.yaml"  # of the Collector's builder, and no configuration
FILES = sorted({path.relative_to(COLLECTOR).as_posix() for path in COLLECTOR.rglob("*.yaml")} - {MANIFEST})
COMMANDS = commands(README)
EXPORTERS = [name for name in FILES if name.startswith("exporters/")]
CONVENTIONS = ("openinference", "gen_ai")
# what a user has to give; everything else has a default
GIVEN = {
    "GATEWAY_ENDPOINT": "gateway:4317",
    "METRICS_ENDPOINT": "http://prometheus:9090/api/v1/otlp",
    "GATEWAY_HOST": "gateways.example.com",
    "TLS_CERT": "/etc/otelcol/gateway.pem",
    "TLS_KEY": "/etc/otelcol/gateway-key.pem",
    "OTLP_TOKEN": "token-of-the-agents",
    "KAFKA_BROKERS": "[kafka-1:9092,kafka-2:9092]",
    "ARIZE_API_KEY": "arize-key",
    "ARIZE_SPACE_ID": "U3BhY2U6MTphYmM=",
    "AXIOM_TOKEN": "xaat-token",
    "AXIOM_DATASET": "traces",
    "HONEYCOMB_API_KEY": "honeycomb-key",
    "LS_ACCESS_TOKEN": "lightstep-token",
    "PHOENIX_API_KEY": "phoenix-key",
}
ARGUMENTS: dict[str, dict[str, str]] = {
    "arize": {"api_key": GIVEN["ARIZE_API_KEY"], "space_key": GIVEN["ARIZE_SPACE_ID"]},
    "axiom": {"token": GIVEN["AXIOM_TOKEN"], "dataset": GIVEN["AXIOM_DATASET"]},
    "honeycomb": {"api_key": GIVEN["HONEYCOMB_API_KEY"]},
    "lightstep": {"access_token": GIVEN["LS_ACCESS_TOKEN"]},
    "jaeger": {},
    "tempo": {},
    "phoenix": {"api_key": GIVEN["PHOENIX_API_KEY"]},
}


def text(name: str) -> str:
    """Return a file's text."""
    return (COLLECTOR / name).read_text()


def read(name: str) -> Config:
    """Return one file with the variables that a user gives."""
    return composed([name], GIVEN)


# ---------------------------------------------------------------- files and composition
@pytest.mark.parametrize("name", FILES)
def test_a_file_says_what_it_is_for_and_holds_collector_sections_only(name: str) -> None:
    """It begins with a comment, parses, and has the Collector's own sections."""
    assert "# " == text(name)[:2]
    known = {"receivers", "processors", "exporters", "connectors", "extensions", "service"}
    assert set() == set(read(name)) - known


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_documented_command_composes_to_a_whole_configuration(command: list[str]) -> None:
    """Every component is defined, wired on both sides, and there for something."""
    found = set(faults(composed(command, GIVEN)))
    replaced = {"otlp is defined for nothing"} if "kafka/gateway.yaml" in command else set()
    override = {"transform/privacy is defined for nothing", "filter/privacy is defined for nothing"}
    assert replaced == found - override


def test_every_file_is_in_a_documented_command() -> None:
    """No file is there that the page does not run."""
    assert set(FILES) == {argument for command in COMMANDS for argument in command if not argument.startswith("yaml:")}


def test_all_exporters_compose_in_any_order() -> None:
    """None takes another's place: each has its own pipeline, whatever comes last."""
    for order in (EXPORTERS, EXPORTERS[::-1]):
        config = composed(["gateway.yaml", "privacy.yaml", *order], GIVEN)
        assert [] == list(faults(config))
        outlets = {name for name, held in pipelines(config).items() if held["receivers"] == ["forward/out"]}
        assert {f"traces/{Path(name).stem}" for name in EXPORTERS} == outlets


def test_the_check_finds_what_the_collector_would_refuse() -> None:
    """Without its parts a command is not whole: no outlet, no privacy, no storage."""
    assert ["connector forward/out is nowhere one of the receivers"] == list(faults(read("agent.yaml")))
    unsafe = set(faults(composed(["agent.yaml", "exporters/axiom.yaml"], GIVEN)))
    assert {f"pipeline traces/axiom: {name}/privacy is not defined" for name in ("transform", "filter")} == unsafe
    bare = composed(["agent.yaml", "to-gateway.yaml", "yaml:service::extensions: [health_check]"], GIVEN)
    assert "otlp_grpc/gateway: its storage file_storage is no extension of the service" in set(faults(bare))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_memory_is_limited_first_and_batches_are_made_last(command: list[str]) -> None:
    """What comes from outside meets the memory limiter first; batches are made in the exporters' queues, after all else."""
    config = composed(command, GIVEN)
    for pipeline in pipelines(config).values():
        if not set(pipeline["receivers"]) & set(config.get("connectors") or ()):
            assert "memory_limiter" == pipeline["processors"][0]
        assert [] == [name for name in pipeline["processors"][:-1] if name.startswith("batch")]
        for name in set(pipeline["exporters"]) - set(config.get("connectors") or ()) - {"load_balancing"}:
            assert "bytes" == config["exporters"][name]["sending_queue"]["batch"]["sizer"]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_queues_are_on_disk_bounded_and_never_given_up(command: list[str]) -> None:
    """Every outlet keeps on disk what cannot be sent, within a bound in bytes, and its batches fit into it."""
    for exporter in (composed(command, GIVEN).get("exporters") or {}).values():
        queue = exporter["sending_queue"]
        assert ("file_storage", "bytes", 2**30) == (queue["storage"], queue["sizer"], queue["queue_size"])
        assert 0 == exporter["retry_on_failure"]["max_elapsed_time"]
        if batch := queue.get("batch"):
            assert 0 < batch["min_size"] <= batch["max_size"] < queue["queue_size"]


@pytest.mark.parametrize("name", ["to-gateway.yaml", *EXPORTERS])
def test_the_largest_span_that_spancast_sends_fits_into_a_batch(name: str) -> None:
    """What does not fit is dropped by the Collector: requests, and so spans, are no larger than a batch."""
    (exporter,) = read(name)["exporters"].values()
    assert True is (DEFAULT_REQUEST_BYTES <= exporter["sending_queue"]["batch"]["max_size"])
    for tier in ("agent.yaml", "gateway.yaml", "gateway-loadbalancing.yaml"):
        protocols = read(tier)["receivers"]["otlp"]["protocols"]
        largest = min(protocols["http"]["max_request_body_size"], protocols["grpc"]["max_recv_msg_size_mib"] * 2**20)
        assert True is (exporter["sending_queue"]["batch"]["max_size"] < largest)


def test_a_kafka_record_is_below_the_brokers_limit() -> None:
    """Batch < record < broker's default; the application's requests, and so its spans, fit into the batch."""
    kafka = read("kafka/agent.yaml")["exporters"]["kafka"]
    batch, record = kafka["sending_queue"]["batch"], kafka["producer"]["max_message_bytes"]
    assert True is (batch["max_size"] <= 0.9 * record < record < 1_048_588)
    assert (True, "otlp_proto") == (kafka["partition_traces_by_id"], kafka["traces"]["encoding"])
    read_back = read("kafka/gateway.yaml")["receivers"]["kafka"]
    assert [kafka["traces"]["topic"]] == read_back["traces"]["topics"]
    assert (kafka["traces"]["encoding"], kafka["brokers"]) == (read_back["traces"]["encoding"], read_back["brokers"])
    (block,) = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    (limit,) = re.findall(r"max_request_bytes = ([\d_]+)", block)
    assert True is (int(limit) <= batch["max_size"])


def test_the_gateways_and_what_is_in_front_agree() -> None:
    """The load balancer sends by trace id to the port that gateways listen at."""
    balancer = read("gateway-loadbalancing.yaml")["exporters"]["load_balancing"]
    listening = read("gateway.yaml")["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"]
    assert ("traceID", listening.rpartition(":")[2]) == (
        balancer["routing_key"],
        str(balancer["resolver"]["dns"]["port"]),
    )


@pytest.mark.parametrize("name", FILES)
def test_every_number_has_its_reason_beside_it(name: str) -> None:
    """A comment on the line, or in the lines just above it."""
    bare, above = [], False
    for line in text(name).splitlines():
        if re.match(r"\s*#", line):
            above = True
            continue
        if re.search(r":\s+-?\d[\d_.]*(?:ms|s|m|h)?\s*(?:$|#)", line) and "#" not in line and not above:
            bare.append(line.strip())
        above = False
    assert [] == bare


def test_the_manifest_has_the_components_of_the_files_and_no_others() -> None:
    """Built with it, a Collector runs every file; beside them it can print and write a file."""
    renamed = {"otlp_http": "otlphttp", "otlp_grpc": "otlp"}
    used = {("exporters", "debug"), ("exporters", "file")}
    for name in FILES:
        for kind in ("receivers", "processors", "exporters", "connectors", "extensions"):
            types = {component.partition("/")[0] for component in read(name).get(kind) or ()}
            used |= {(kind, renamed.get(each, each).replace("_", "")) for each in types}
    manifest = yaml.safe_load(text(MANIFEST))
    found = {
        (kind, module["gomod"].split()[0].rpartition("/")[2].removesuffix(kind.removesuffix("s")))
        for kind in ("receivers", "processors", "exporters", "connectors", "extensions")
        for module in manifest[kind]
    }
    assert used == found
    releases = {
        module["gomod"].split()[1] for kind in ("receivers", "processors", "exporters") for module in manifest[kind]
    }
    assert {f"v{manifest['dist']['version']}"} == releases


# ---------------------------------------------------------------- variables
def documented() -> dict[str, str]:
    """Return the variables of the page's table, each with its row."""
    rows = [line for line in README.splitlines() if line.startswith("| `")]
    return {name: row for row in rows for name in re.findall(r"`([A-Z][A-Z_]+)`", row.split("|")[1])}


def test_every_variable_is_documented_with_its_default() -> None:
    """The page's table has the variables that the files read, no others, and their defaults; none where it is empty."""
    used = {name: default for file in FILES for name, default in variables(text(file)).items()}
    rows = documented()
    assert set(used) == set(rows)
    assert set(GIVEN) == {name for name, default in used.items() if default is None}
    for name, default in used.items():
        if default and not name.endswith("_LISTEN"):
            assert f"`{default}`" in rows[name]


def test_variables_that_spancast_reads_too_have_its_names() -> None:
    """What the page calls "as in spancast" is in the table of settings, and every key is."""
    ours = {variable for setting in schema.SETTINGS for variable in setting.variables}
    same = {name for name, row in documented().items() if "as in spancast" in row}
    assert True is (len(same) >= 7)
    assert set() == same - ours
    for name in EXPORTERS:
        exporter = yaml.safe_load(text(name))["exporters"]
        keys = {variable for value in headers(exporter).values() for variable in variables(value)}
        named = {variable for known in PRESETS[Path(name).stem].variables.values() for variable in known}
        assert set() == keys - named


def test_no_secret_stands_in_a_file() -> None:
    """Headers that carry keys are variables and nothing else."""
    for name in EXPORTERS:
        for header, value in headers(yaml.safe_load(text(name))["exporters"]).items():
            if header != "arize-interface":
                assert "" == expanded(value, {}).removeprefix("Bearer ").strip()


def headers(exporters: Config) -> dict[str, str]:
    """Return the headers of a fragment's one exporter."""
    (exporter,) = exporters.values()
    return dict(exporter.get("headers") or {})


# ---------------------------------------------------------------- backends
@pytest.mark.parametrize("name", EXPORTERS)
def test_an_exporter_sends_what_the_preset_sends(name: str) -> None:
    """Address, headers, resource, span attributes and the size of requests are those of spancast's own preset."""
    backend = Path(name).stem
    preset = PRESETS[backend].make(**ARGUMENTS[backend])
    assert isinstance(preset.target, HttpTarget)
    config = read(name)
    (exporter,) = config["exporters"].values()
    assert preset.target.url == exporter["endpoint"] + "/v1/traces"
    own = preset.target.headers
    assert {key.lower(): value for key, value in dict(own).items()} == {
        key.lower(): value for key, value in headers(config["exporters"]).items()
    }
    assert preset.max_request_bytes == exporter["sending_queue"]["batch"]["max_size"]
    actions = (config.get("processors") or {}).values()
    resource = {each["key"]: each["value"] for held in actions for each in held.get("attributes", ())}
    on_spans = {each["key"]: each["value"] for held in actions for each in held.get("actions", ())}
    assert (dict(preset.resource), dict(preset.span_attributes)) == (resource, on_spans)


# ---------------------------------------------------------------- tail sampling
def policies() -> dict[str, Config]:
    """Return the policies of the gateway by name."""
    return {policy["name"]: policy for policy in read("gateway.yaml")["processors"]["tail_sampling"]["policies"]}


CONDITION = re.compile(r'attributes\["([\w.]+)"\] > ([\d.]+)')


@pytest.mark.parametrize(
    ("name", "convention"), [("costly-gen-ai", "gen_ai"), ("costly-openinference", "openinference")]
)
def test_costly_traces_are_found_by_what_the_convention_emits(name: str, convention: str) -> None:
    """The attributes are a model call's own, and their values are numbers that can pass the threshold."""
    attributes = rendering_of(destinations.memory(convention=convention))(generation()).attributes
    conditions = [CONDITION.fullmatch(line) for line in policies()[name]["ottl_condition"]["span"]]
    found = {match[1]: float(match[2]) for match in conditions if match}
    assert 2 == len(conditions) == len(found)
    cost, tokens = (attributes[attribute] for attribute in found)
    assert (float, int) == (type(cost), type(tokens))
    assert True is (0.375 == cost > next(iter(found.values())))


def test_errors_slow_and_long_traces_and_a_share_of_the_rest_are_kept() -> None:
    """One policy each, and the wait is longer than what counts as slow."""
    held, sampling = policies(), read("gateway.yaml")["processors"]["tail_sampling"]
    assert ["ERROR"] == held["errors"]["status_code"]["status_codes"]
    wait = int(sampling["decision_wait"].removesuffix("s"))
    assert True is (held["slow"]["latency"]["threshold_ms"] / 1000 < wait)
    assert 200 == held["long"]["span_count"]["min_spans"]
    assert True is (0 < held["share-of-the-rest"]["probabilistic"]["sampling_percentage"] < 100)
    cache = sampling["decision_cache"]
    assert True is (10 * sampling["num_traces"] <= min(cache.values()))


# ---------------------------------------------------------------- privacy
def forms() -> tuple[str, str]:
    """Return the regular expressions: what spancast's spans keep, and what other spans lose."""
    statements = read("privacy.yaml")["processors"]["transform/privacy"]["trace_statements"]
    keep, delete, status = statements
    assert (['scope.name == "spancast"'], ['scope.name != "spancast"']) == (keep["conditions"], delete["conditions"])
    assert ['set(span.status.message, "")'] == status["statements"]
    return _form("keep_matching_keys", keep), _form("delete_matching_keys", delete)


def _form(function: str, group: Config) -> str:
    (statement,) = group["statements"]
    found = re.fullmatch(rf'{function}\(span\.attributes, "(.*)"\)', statement)
    assert found, statement
    return found[1]


def alternatives(form: str) -> set[str]:
    """Return the names of a form, as the table of privacy writes them."""
    plain = form.removeprefix("^(?:").removesuffix(")$").replace("[.][0-9]+[.]", "[.]N[.]")
    return {name.replace("[.]", ".").replace(".*", "*") for name in plain.split("|")}


def test_the_lists_are_those_of_privacy_mode() -> None:
    """The allow-list and the list of content are the table that privacy mode itself goes by."""
    keep, delete = (alternatives(form) for form in forms())
    assert {name for name, safe in keys.KEYS.items() if safe} == keep
    assert {name for name, safe in keys.KEYS.items() if not safe} == delete


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_spans_of_ours_keep_what_privacy_mode_keeps(convention: str) -> None:
    """Of every kind of operation, in full: after the allow-list the same names are left as in privacy mode."""
    keep = re.compile(forms()[0])
    render: Callable[..., Span] = rendering_of(destinations.memory(convention=convention))
    lost = 0
    for operation in operations():
        span = render(operation)
        kept = {name for name in span.attributes if keep.search(name)}
        assert set(allow_list.only_safe(span).attributes) == kept
        lost += len(span.attributes) - len(kept)
    assert True is (lost > 50)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_spans_of_others_lose_every_name_of_content(convention: str) -> None:
    """The deny-list covers what the conventions call content, and touches nothing that is safe."""
    delete = re.compile(forms()[1])
    render: Callable[..., Span] = rendering_of(destinations.memory(convention=convention))
    names = {name for operation in operations() for name in render(operation).attributes}
    judged = {name: keys.classification(name) for name in names}
    assert True is (CONTENT in judged.values())
    for name, safe in judged.items():
        if safe is not None:
            assert (name, not safe) == (name, delete.search(name) is not None)


@pytest.mark.parametrize(
    "name", ["gen_ai.new.thing", "gen_ai.input.messages.x", "xmetadata", "app.key", "llm.costs", ""]
)
def test_unknown_names_of_ours_do_not_pass(name: str) -> None:
    """An allow-list: what it does not know stays at home, and a name only in part is unknown."""
    assert None is re.search(forms()[0], name)


def test_the_forms_are_ones_that_the_collector_reads_alike() -> None:
    """No backslash, no look-around, and no dollar but the last: RE2 and the Collector's `$$` read them as Python does."""
    for form in forms():
        assert (False, False, 1) == ("\\" in form, "(?" in form[3:], form.count("$"))
    assert 2 == text("privacy.yaml").count("$$")


@pytest.mark.parametrize("name", EXPORTERS)
def test_no_exporter_gets_content_unless_asked(name: str) -> None:
    """Its pipeline begins with both processors of privacy; events leave nowhere."""
    (pipeline,) = pipelines(read(name)).values()
    assert ["transform/privacy", "filter/privacy"] == pipeline["processors"][:2]
    events = read("privacy.yaml")["processors"]["filter/privacy"]
    assert (["true"], "propagate") == (events["traces"]["spanevent"], events["error_mode"])


def test_the_documented_override_sends_content_to_one_backend_only() -> None:
    """The last argument of the page's line takes privacy from Arize's pipeline, and from no other."""
    (command,) = [command for command in COMMANDS if any("yaml:" in argument for argument in command)]
    held = pipelines(composed(command, GIVEN))
    assert ["resource/arize", "attributes/arize"] == held["traces/arize"]["processors"]
    assert ["transform/privacy", "filter/privacy"] == held["traces/axiom"]["processors"]


# ---------------------------------------------------------------- sizing
@pytest.fixture(scope="module")
def sizing() -> Any:
    """Return sizing.py as a module."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("sizing", COLLECTOR / "sizing.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["sizing"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["sizing"]


def test_the_pages_tables_are_what_the_script_prints() -> None:
    """Run as the page says, the script prints what stands between the page's marks."""
    done = subprocess.run([sys.executable, "sizing.py"], cwd=COLLECTOR, capture_output=True, text=True, timeout=60)
    assert (0, "") == (done.returncode, done.stderr)
    (held,) = re.findall(r"<!-- printed by: python sizing.py -->\n(.*)<!-- end -->", text("sizing.md"), re.DOTALL)
    assert done.stdout == held


def test_the_measured_bytes_are_still_true(sizing: Any) -> None:
    """The demo's trace weighs what the script says, within a tenth."""
    found = sizing.weigh(sizing.demo_trace())
    given = sizing.Inputs()
    assert given.spans == found["spans"]
    for name, value in (
        ("json", given.bytes_json),
        ("protobuf", given.bytes_protobuf),
        ("protobuf+gzip", given.bytes_protobuf_gzip),
    ):
        assert value == pytest.approx(found[name], rel=0.1), name


def test_the_pages_figures_of_privacy_mode_are_still_true(sizing: Any) -> None:
    """What the prose says of the demo's trace without content, within a tenth."""
    found = sizing.weigh(sizing.demo_trace(privacy_mode=True))
    prose = " ".join(text("sizing.md").split())
    said = re.findall(r"has ([\d,]+) bytes a span as JSON, (\d+) as protobuf and (\d+) as protobuf with gzip", prose)
    for value, name in zip(said[0], ("json", "protobuf", "protobuf+gzip")):
        assert int(value.replace(",", "")) == pytest.approx(found[name], rel=0.1), name


def test_the_calculation_reads_the_configurations(sizing: Any) -> None:
    """Wait, share and queue are those of the files."""
    given, sampling = sizing.Inputs(), read("gateway.yaml")["processors"]["tail_sampling"]
    queue = read("to-gateway.yaml")["exporters"]["otlp_grpc/gateway"]["sending_queue"]["queue_size"]
    share = policies()["share-of-the-rest"]["probabilistic"]["sampling_percentage"]
    assert (f"{given.wait:.0f}s", share / 100, queue) == (sampling["decision_wait"], given.rest, given.queue * 1e9)
    busiest = max(sizing.Sizes(given=given, machines=count).waiting / sizing.Sizes(given=given, machines=count).gateways
                  for count in sizing.MACHINES)  # fmt: skip
    assert True is (busiest < sampling["num_traces"])


def test_the_calculation_by_hand(sizing: Any) -> None:
    """Round numbers give what can be worked out in the head; without a price there is no money."""
    given = sizing.Inputs(runs=2, spans=50, bytes_protobuf=1000, bytes_protobuf_gzip=100, wait=100, special=0, rest=0.1,
                          queue=0.36, retention=1, replicas=2, in_memory=2, per_core=1000, gb_per_core=1, load=0.5,
                          cores=4)  # fmt: skip
    sizes = sizing.Sizes(given=given, machines=10)
    assert (1000, 1.0, 2000) == (sizes.spans, sizes.bridged, sizes.waiting)
    assert (0.72, 0.2, 2.0, 1) == (sizes.kafka_disk, sizes.memory, sizes.cores, sizes.gateways)
    assert 8.64 == pytest.approx(sizes.stored)
    (line,) = sizing.money_table(given, sizing.Prices(), (10,))
    assert "Money: give your prices" in line
    *_, row = sizing.money_table(given, sizing.Prices(core_hour=1.0), (10,))
    assert "| gateway cores | 1,460 |" == row


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.00454, "0.00454"), (1, "1"), (1.24, "1.24"), (44_444, "44,400"), (999.6, "1,000"), (0, "0"), (10.53, "10.5")],
)
def test_figures_have_three_digits(sizing: Any, value: float, expected: str) -> None:
    """No false precision in the tables."""
    assert expected == sizing.number(value)


# ---------------------------------------------------------------- what can run here
OTELCOL = os.environ.get("OTELCOL")  # a Collector of your own, instead of the one that `scripts/receivers` builds


@pytest.mark.parametrize(
    "command",
    [pytest.param(words, id=" ".join(words), marks=[] if OTELCOL else needs("collector")) for words in COMMANDS],
)
def test_a_real_collector_takes_the_command(command: list[str], tmp_path: Path) -> None:
    """`otelcol validate` accepts every documented command."""
    arguments = [word for argument in command for word in ("--config", argument)]
    environ = {**os.environ, **GIVEN, "QUEUE_DIR": str(tmp_path)}
    line = [OTELCOL or str(BINARY), "validate", *arguments]
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done = subprocess.run(line, cwd=COLLECTOR, env=environ, check=False, **both)
    assert (0, "") == (done.returncode, done.stdout)


@pytest.fixture
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the machine's own proxy out."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def exact(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes with 15 digits of doubles: rotel reads JSON's last, the 17th, one off now and then."""
    return {name: float(f"{value:.15g}") if type(value) is float else value for name, value in attributes.items()}


def told(requests: list[ExportTraceServiceRequest]) -> dict[str, tuple[Any, ...]]:
    """Return the spans of OTLP requests: name, trace, parent, kind, times, attributes, by span id."""
    return {
        span.span_id.hex(): (
            span.name,
            span.trace_id.hex(),
            span.parent_span_id.hex() or None,
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            exact(dict(pairs(span.attributes))),
        )
        for request in requests
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    }


def run_demo(url: str, convention: str) -> dict[str, tuple[Any, ...]]:
    """Send the demo's trace to *url* as JSON and return it as it was sent."""
    memory: MemoryDestination = destinations.memory(convention=convention)
    collector = destinations.otlp(url, name="collector", convention=convention)
    with spancast.Pipeline(memory, collector, service_name="demo") as pipeline:
        asyncio.run(demo.run(pipeline, lambda piece: None))
        assert True is pipeline.flush(30)
        report = pipeline.report()["collector"]
    assert (len(memory.spans), 0, 0) == (report.delivered, report.rejected, report.dropped)
    return {
        span.span_id: (
            span.name, span.trace_id, span.parent_span_id, span.start_ns, span.end_ns, exact(span.attributes)
        )
        for span in memory.spans
    }  # fmt: skip


def arrived(got: Callable[[], dict[str, tuple[Any, ...]]], count: int) -> dict[str, tuple[Any, ...]]:
    """Return what *got* returns once it has *count* spans."""
    limit = time.monotonic() + WAIT
    while len(found := got()) < count and time.monotonic() < limit:
        time.sleep(0.02)
    return found


@pytest.mark.skipif(FOUND is None, reason=MISSING)
@pytest.mark.usefixtures("_no_proxy")
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_trace_comes_out_of_a_collector_as_it_went_in(convention: str, tmp_path: Path) -> None:
    """JSON from spancast, protobuf behind the collector: every span, parent, time and attribute of the demo's trace."""
    with recording_receiver() as behind:
        forward = ("--exporter", "otlp", "--otlp-exporter-endpoint", behind.url, "--otlp-exporter-protocol", "http")
        with rotel(tmp_path, *forward) as url:
            sent = run_demo(url, convention)
            got = arrived(lambda: told([each.protobuf for each in list(behind.requests)]), len(sent))
    assert 24 == len(sent)
    assert sent == got


@contextmanager
def kafka() -> Iterator[tuple[str, Callable[[str, int], list[bytes]]]]:
    """Run a broker that speaks Kafka's protocol (librdkafka's own, in this process); yield its address and a reader."""
    confluent = pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed")
    quiet = {"log_level": 0, "broker.address.family": "v4"}
    owner = confluent.Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "of the mock", **quiet})
    (broker,) = owner.list_topics(timeout=WAIT).brokers.values()
    address = f"{broker.host}:{broker.port}"

    def records(topic: str, spans: int) -> list[bytes]:
        consumer = confluent.Consumer(
            {"bootstrap.servers": address, "group.id": "test", "auto.offset.reset": "earliest", **quiet}
        )
        found: list[bytes] = []
        try:
            consumer.subscribe([topic])
            limit = time.monotonic() + WAIT
            while time.monotonic() < limit:
                message = consumer.poll(0.2)
                if message is not None and message.error() is None:
                    found.append(message.value())
                if len(told([ExportTraceServiceRequest.FromString(each) for each in found])) >= spans:
                    break
        finally:
            consumer.close()
        return found

    yield address, records
    owner.flush(1)


@pytest.mark.skipif(FOUND is None, reason=MISSING)
@pytest.mark.usefixtures("_no_proxy")
def test_a_trace_goes_through_kafka(tmp_path: Path) -> None:
    """spancast, a collector, Kafka: the records are OTLP protobuf below the broker's limit, and hold the demo's trace."""
    with kafka() as (address, records):
        exporter = ("--exporter", "kafka", "--kafka-exporter-brokers", address)
        topic = ("--kafka-exporter-traces-topic", "otlp_spans", "--kafka-exporter-format", "protobuf")
        with rotel(tmp_path, *exporter, *topic) as url:
            sent = run_demo(url, "gen_ai")
            found = records("otlp_spans", len(sent))
    assert sent == told([ExportTraceServiceRequest.FromString(record) for record in found])
    assert True is (max(map(len, found)) < 900_000)


@pytest.mark.skipif(FOUND is None, reason=MISSING)
@pytest.mark.usefixtures("_no_proxy")
def test_a_prompt_larger_than_a_kafka_record_arrives_cut(tmp_path: Path) -> None:
    """With the page's limit a span of 3 MB is cut in the application, and its record is one that a broker takes."""
    from langchain_core.runnables import RunnableLambda

    from spancast.langchain import SpancastCallbackHandler

    (limit,) = re.findall(r"max_request_bytes = ([\d_]+)", README)
    with kafka() as (address, records):
        exporter = ("--exporter", "kafka", "--kafka-exporter-brokers", address)
        topic = ("--kafka-exporter-traces-topic", "otlp_spans", "--kafka-exporter-format", "protobuf")
        with rotel(tmp_path, *exporter, *topic) as url:
            collector = destinations.otlp(url, name="collector", max_request_bytes=int(limit))
            with spancast.Pipeline(collector) as pipeline:
                chain = RunnableLambda(lambda text: text[:10]).with_config(run_name="long")
                chain.invoke("prompt " * 430_000, config={"callbacks": [SpancastCallbackHandler(pipeline=pipeline)]})
                assert True is pipeline.flush(30)
                assert 1 == pipeline.report()["collector"].delivered
            found = records("otlp_spans", 1)
    ((name, *_, attributes),) = told([ExportTraceServiceRequest.FromString(record) for record in found]).values()
    assert ("long", "prompt prompt", True) == (
        name,
        attributes["span.input"][:13],
        attributes["span.input.truncated"],
    )
    assert True is (500_000 < max(map(len, found)) < int(limit))


@pytest.mark.slow
@pytest.mark.skipif(FOUND is None, reason=MISSING)
@pytest.mark.usefixtures("_no_proxy")
def test_phoenix_behind_a_collector_takes_spancasts_json(phoenix: Phoenix, tmp_path: Path) -> None:  # noqa: F811
    """Phoenix takes protobuf only; with a collector between, JSON from spancast arrives with its tree."""
    forward = ("--exporter", "otlp", "--otlp-exporter-endpoint", phoenix.url, "--otlp-exporter-protocol", "http")
    key = ("--otlp-exporter-custom-headers", f"Authorization=Bearer {ADMIN}")
    memory: MemoryDestination = destinations.memory(convention="openinference")
    with rotel(tmp_path, *forward, *key) as url:
        resource = {"openinference.project.name": PROJECT}
        collector = destinations.otlp(url, name="collector", convention="openinference", resource=resource)
        with spancast.Pipeline(memory, collector) as pipeline:
            asyncio.run(demo.run(pipeline, lambda piece: None))
            assert True is pipeline.flush(30)
        sent = {span.span_id: (span.name, span.parent_span_id) for span in memory.spans}
        back = stored(phoenix, memory.spans[0].trace_id, len(sent))
    assert sent == {span["context"]["span_id"]: (span["name"], span["parent_id"]) for span in back}
