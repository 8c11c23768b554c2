"""MLflow's tracking server on loopback, with its traces in SQLite, and what its REST API says of a trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .cache import folder as cached
from .ports import free_port
from .program import Program, answers, fetch, until
from .read_back import Spans, of_protobufs_json

# without its runners of jobs: seven more processes, which no trace needs
_ENVIRON = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
_AUTHENTICATION = """
[mlflow]
default_permission = READ
database_uri = sqlite:///{folder}/auth.db
admin_username = admin
admin_password = {password}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
"""
EXPERIMENT = "0"  # the one that every MLflow has, "Default"


@dataclass(frozen=True)
class MLflow:
    """A running MLflow."""

    url: str
    program: Program

    @property
    def traces_url(self) -> str:
        """Where it takes traces; the header `x-mlflow-experiment-id` is required."""
        return f"{self.url}/v1/traces"

    def spans(self, trace_id: str, count: int) -> Spans:
        """Return a trace's spans once *count* of them are stored."""
        return until(lambda: self._spans(trace_id), lambda found: len(found) >= count)

    def _spans(self, trace_id: str) -> Spans:
        asked = f"{self.url}/api/3.0/mlflow/traces/batchGet?trace_ids=tr-{trace_id}"
        found: Spans = {}
        for trace in fetch(asked).get("traces", ()):
            found |= of_protobufs_json(trace.get("spans", ()))
        return found


def shown(url: str, trace_id: str) -> dict[str, str]:
    """Return what an MLflow shows of a trace in its list: user, session, tokens, cost, by MLflow's names."""
    found = fetch(f"{url}/api/3.0/mlflow/traces/tr-{trace_id}")["trace"]["trace_info"]
    return dict(found.get("trace_metadata") or {})


@contextmanager
def running_mlflow(folder: Path, password: str | None = None) -> Iterator[MLflow]:
    """Yield an MLflow that keeps its data in *folder*; with a *password*, that of its `admin`, it asks for one."""
    port = free_port()
    command = [cached("mlflow") / "environment/bin/mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--workers", "1"]
    command += ["--default-artifact-root", str(folder / "artifacts")]
    environ = dict(_ENVIRON)
    if password is not None:
        command += ["--app-name", "basic-auth"]
        (folder / "auth.ini").write_text(_AUTHENTICATION.format(folder=folder, password=password))
        environ |= {
            "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
            "MLFLOW_FLASK_SERVER_SECRET_KEY": "of the tests",
        }
    url = f"http://127.0.0.1:{port}"
    program = Program(command, folder, lambda: answers(f"{url}/health"), environ)
    with program:
        yield MLflow(url, program)
