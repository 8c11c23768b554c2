"""`spancast destinations`, `doctor`, `explain` and `settings`, from outside, against a receiver."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spancast.destinations import PRESETS

from ..receivers.recording import Answer, Receiver, recording_receiver
from ..shell import run_here

TOKEN = "tok-0123456789abcdef"
SCRIPT = "from spancast.cli import main; main()"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Return a running receiver."""
    with recording_receiver() as running:
        yield running


class Shell:
    """Runs `spancast` in a folder and an environment of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config"
        kept = {
            name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "PYTHONPATH", "SYSTEMROOT")
        }
        self.environ = {
            **kept,
            "SPANCAST_CONFIG_DIR": str(self.config),
            "SPANCAST_STATE_DIR": str(folder / "state"),
            "COLUMNS": "120",
            "NO_COLOR": "1",
            "PYTHONIOENCODING": "utf-8",
        }

    def __call__(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return run_here(*arguments, cwd=self.folder, environ={**self.environ, **variables})

    def saved(self) -> Any:
        path = self.config / "destinations.json"
        return json.loads(path.read_text())["destinations"] if path.exists() else []


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Return a shell in an empty folder."""
    return Shell(tmp_path)


def collector(receiver: Receiver, *more: str) -> tuple[str, ...]:
    """Return the arguments that add a collector with a token."""
    url = receiver.url + "/v1/traces"
    header = ("--header", "Authorization=Bearer env:TOK")
    return ("destinations", "add", "otlp", "--name", "collector", "--endpoint", url, *header, *more)


def test_a_destination_whose_test_passes_is_saved_and_used(shell: Shell, receiver: Receiver) -> None:
    """Added, listed, used by `configure()` without arguments, tested, removed."""
    added = shell(*collector(receiver, "--privacy-mode"), TOK=TOKEN)
    assert (0, True) == (added.returncode, "saved in" in added.stdout)
    assert [
        {
            "preset": "otlp",
            "name": "collector",
            "endpoint": receiver.url + "/v1/traces",
            "privacy_mode": True,
            "headers": {"Authorization": "Bearer env:TOK"},
        }
    ] == shell.saved()
    listed = shell("destinations", "list", "--json", TOK=TOKEN)
    assert [("collector", True)] == [(row["name"], row["privacy_mode"]) for row in json.loads(listed.stdout)]
    program = "import spancast\nwith spancast.configure():\n  with spancast.trace(trace_name='used'): pass"
    subprocess.run(
        [sys.executable, "-c", program], check=True, timeout=60, cwd=shell.folder, env={**shell.environ, "TOK": TOKEN}
    )
    assert ["spancast-connection-test", "used"] == [span["name"] for span in receiver.json_spans()]
    assert {f"Bearer {TOKEN}"} == {request.headers["authorization"] for request in receiver.requests}
    assert 0 == shell("destinations", "test", "collector", TOK=TOKEN).returncode
    assert (0, []) == (shell("destinations", "remove", "collector").returncode, shell.saved())


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [(Answer(401), "credentials"), (Answer(404), "path"), (Answer(415), "use protobuf"), (Answer(500), "receiver")],
)
def test_a_destination_whose_test_fails_is_not_saved(
    shell: Shell, receiver: Receiver, answer: Answer, verdict: str
) -> None:
    """Nothing is written, the reason and the fix are said, the status is 1."""
    receiver.answer = answer
    done = shell(*collector(receiver, "--json"), TOK=TOKEN)
    result = json.loads(done.stdout)
    assert (1, verdict, False, []) == (done.returncode, result["verdict"], result["saved"], shell.saved())
    read = shell(*collector(receiver), TOK=TOKEN)
    assert (1, True, True) == (read.returncode, "NOT saved" in read.stdout, "fix:" in read.stdout)


def test_a_missing_variable_is_a_failed_test(shell: Shell, receiver: Receiver) -> None:
    """`env:TOK` without TOK: not saved, and the sentence names both."""
    done = shell(*collector(receiver))
    assert (1, True, []) == (done.returncode, "is env:TOK" in done.stdout, shell.saved())
    assert [] == receiver.requests


@pytest.mark.parametrize("option", ["--header", "--token"])
def test_a_key_in_the_clear_is_not_saved_unless_asked(shell: Shell, receiver: Receiver, option: str) -> None:
    """The sentence says how to do it; with --plain-secrets it is done."""
    if option == "--header":
        added = (*collector(receiver)[:-1], f"Authorization=Bearer {TOKEN}")
    else:
        added = ("destinations", "add", "axiom", "--token", TOKEN, "--dataset", "d", "--base-url", receiver.url)
    done = shell(*added)
    assert (1, [], True) == (done.returncode, shell.saved(), "in the clear" in done.stdout)
    assert False is (TOKEN in done.stdout + done.stderr)
    asked = shell(*added, "--plain-secrets")
    assert (0, True) == (asked.returncode, TOKEN in json.dumps(shell.saved()))
    assert False is (TOKEN in asked.stdout + asked.stderr)


def test_what_the_environment_has_is_saved_as_a_reference(shell: Shell, receiver: Receiver) -> None:
    """Keys in the preset's own variables become `env:` references, given or not."""
    variables = {"AXIOM_TOKEN": TOKEN, "AXIOM_DATASET": "d"}
    done = shell("destinations", "add", "axiom", "--base-url", receiver.url, **variables)
    assert 0 == done.returncode
    held = {"preset": "axiom", "token": "env:AXIOM_TOKEN", "dataset": "env:AXIOM_DATASET", "base_url": receiver.url}
    assert [held] == shell.saved()
    again = shell(
        "destinations", "add", "axiom", "--token", TOKEN, "--dataset", "d2", "--base-url", receiver.url, **variables
    )
    assert (0, [{**held, "dataset": "d2"}]) == (again.returncode, shell.saved())


@pytest.mark.skipif(sys.platform == "win32", reason="pty is of Unix")
def test_what_is_missing_is_asked_for(shell: Shell, receiver: Receiver) -> None:
    """In a terminal each missing argument is a question; secrets are not echoed."""
    import pty

    parent, child = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "destinations", "add", "axiom", "--base-url", receiver.url],
        stdin=child,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=shell.folder,
        env={**shell.environ, "TOK": TOKEN},
        start_new_session=True,
    )
    os.close(child)
    out = b""
    try:
        for prompt, typed in ((b"token", b"env:TOK\n"), (b"dataset", b"my-dataset\n")):
            # typed only once it is asked for: the terminal throws away what came before it stopped echoing
            while prompt not in out or not out.endswith(b": "):
                ready, _, _ = select.select([process.stdout], [], [], 60)  # type: ignore[type-var]
                piece = os.read(process.stdout.fileno(), 4096) if ready else b""  # type: ignore[union-attr]
                assert b"" != piece, out
                out += piece
            os.write(parent, typed)
        out += process.communicate(timeout=60)[0]
    finally:
        process.kill()
        process.wait()
        os.close(parent)
    assert (0, "env:TOK", "my-dataset") == (process.returncode, shell.saved()[0]["token"], shell.saved()[0]["dataset"])
    assert True is (b"dataset" in out)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_has_its_options(name: str) -> None:
    """The command's options are the preset's arguments and the common keywords, each with help."""
    import inspect

    from spancast.commands import options

    parameters = inspect.signature(options.command(name, lambda preset, given: None)).parameters
    own = {argument for argument, _, _ in options.own_arguments(PRESETS[name])}
    assert own <= set(parameters)
    assert {"name", "privacy_mode", "redact", "sampling_rate", "header", "keyring"} <= set(parameters)
    assert [] == [argument for argument, _, said in options.own_arguments(PRESETS[name]) if not said and name != "otlp"
                  and argument != "space_id" and argument != "project_name"]  # fmt: skip


@pytest.mark.parametrize("place", ["the query", "a resource attribute"])
def test_a_key_that_stands_elsewhere_is_not_saved_either(shell: Shell, receiver: Receiver, place: str) -> None:
    """In the query of a URL, or in an attribute that is named like a key."""
    url = f"{receiver.url}/v1/traces"
    more = [f"{url}?api_key={TOKEN}"] if place == "the query" else [url, "--resource", f"team.api_key={TOKEN}"]
    done = shell("destinations", "add", "otlp", "--endpoint", *more)
    assert (1, [], True) == (done.returncode, shell.saved(), "E108" in done.stdout)
    assert TOKEN not in done.stdout + done.stderr


def test_a_key_in_a_url_may_be_saved_as_a_reference(shell: Shell, receiver: Receiver) -> None:
    """The whole URL stands in a variable; the receiver gets its query."""
    url = f"{receiver.url}/v1/traces?api_key={TOKEN}"
    done = shell("destinations", "add", "otlp", "--endpoint", "env:MY_URL", MY_URL=url)
    assert (0, "env:MY_URL") == (done.returncode, shell.saved()[0]["endpoint"])
    assert f"/v1/traces?api_key={TOKEN}" == receiver.requests[-1].path


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("axiom", "--token", "env:TOK"), "--dataset is missing"),
        (("axiom", "--token", "env:TOK"), "pass --dataset my-dataset or set AXIOM_DATASET"),
        (("otlp", "--endpoint", "collector:4318"), "--endpoint collector:4318 has no scheme"),
    ],
)
def test_a_fix_speaks_the_command_lines_options(shell: Shell, arguments: tuple[str, ...], part: str) -> None:
    """Not the keywords of Python."""
    done = shell("destinations", "add", *arguments, TOK="xaat-1")
    assert 1 == done.returncode
    assert part in " ".join(done.stdout.split())


def test_removing_what_is_not_there(shell: Shell) -> None:
    """The sentence names what there is; the status is that of wrong use."""
    done = shell("destinations", "remove", "x")
    assert (2, "spancast: no saved destination is called 'x': there are none.\n") == (done.returncode, done.stderr)


def test_doctor_tests_everything_and_says_who_set_it(shell: Shell, receiver: Receiver) -> None:
    """Saved and environment's destinations, frameworks, settings; status 1 when one fails."""
    shell(*collector(receiver), TOK=TOKEN)
    done = shell("doctor", TOK=TOKEN, LANGSMITH_OTEL_ENABLED="true", AWS_LAMBDA_FUNCTION_NAME="f")
    assert 0 == done.returncode
    for part in ("collector", "set by: destinations.json", "langchain-core", "W801", "W802", "flush()"):
        assert True is (part in done.stdout)
    receiver.answer = Answer(403)
    failed = shell("doctor", "--json", TOK=TOKEN, SPANCAST_SAMPLING_RATE="2")
    result = json.loads(failed.stdout)
    assert (1, False) == (failed.returncode, result["passed"])
    wrong = [setting["name"] for setting in result["settings"] if setting["error"]]
    assert ["sampling_rate"] == wrong
    refused = json.loads(shell("doctor", "--json", TOK=TOKEN).stdout)["destinations"][0]
    assert ("credentials", "E403", "destinations.json") == (refused["verdict"], refused["code"], refused["origin"])


def test_doctor_without_any_destination_looks_at_the_local_file(shell: Shell) -> None:
    """The default is tested too, and leaves nothing behind."""
    done = shell("doctor")
    assert (0, True) == (done.returncode, ".spancast" in done.stdout)
    assert [] == list(shell.folder.rglob("*.jsonl"))


def test_doctor_tests_the_file_that_the_application_writes(shell: Shell) -> None:
    """One reader of one setting: the project's file names it for both."""
    (shell.folder / "spancast.toml").write_text('file = "sub/from_toml.jsonl"')
    (found,) = json.loads(shell("doctor", "--json").stdout)["destinations"]
    assert ("spancast.toml", True) == (found["origin"], found["where"].endswith("sub/from_toml.jsonl"))


def test_doctor_names_variables_of_opentelemetry_that_have_no_effect(shell: Shell) -> None:
    """With what to use instead; a value that cannot be used as well."""
    done = shell("doctor", OTEL_BSP_MAX_QUEUE_SIZE="10", OTEL_TRACES_SAMPLER="jaeger_remote")
    assert 0 == done.returncode
    for part in ("W806", "SPANCAST_MAX_QUEUE_BYTES", "OTEL_TRACES_SAMPLER='jaeger_remote'"):
        assert part in done.stdout


def test_no_key_of_a_url_is_shown(shell: Shell) -> None:
    """Neither by settings nor by doctor nor in the list."""
    url = f"http://127.0.0.1:9/v1/traces?api_key={TOKEN}"
    inside = f"http://user:{TOKEN}@127.0.0.1:9"
    for variables in ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": url}, {"PHOENIX_COLLECTOR_ENDPOINT": inside}):
        for command in (
            ("settings",),
            ("settings", "--json"),
            ("doctor",),
            ("doctor", "--json"),
            ("destinations", "list"),
        ):
            done = shell(*command, **variables)
            assert TOKEN not in done.stdout + done.stderr


def test_doctor_says_what_is_wrong_with_a_file(shell: Shell) -> None:
    """A file that cannot be used is a finding, not a traceback."""
    (shell.folder / "spancast.toml").write_text("nonsense = 1")
    done = shell("doctor")
    assert (1, True, "") == (done.returncode, "'nonsense' is no setting" in done.stdout, done.stderr)


def test_explain(shell: Shell) -> None:
    """A code in any case; an unknown one names the known."""
    done = shell("explain", "e110")
    assert (0, True) == (done.returncode, "/v1/traces" in done.stdout)
    unknown = shell("explain", "E999")
    assert (2, True) == (unknown.returncode, "E401" in unknown.stderr)


def test_settings(shell: Shell) -> None:
    """Values with their origin, secrets masked; a value that cannot be used is status 1."""
    done = shell("settings", "--json", ARIZE_API_KEY=TOKEN, SPANCAST_SAMPLING_RATE="0.5")
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert (0, "***", "0.5") == (done.returncode, rows["ARIZE_API_KEY"]["value"], rows["sampling_rate"]["value"])
    assert False is (TOKEN in done.stdout)
    assert 1 == shell("settings", SPANCAST_SAMPLING_RATE="50%").returncode
    assert True is ("SPANCAST_SPOOL" in shell("settings", "--all").stdout)
