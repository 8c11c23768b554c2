"""MLflow: its preset and what only MLflow knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..arguments import argument_or_env, required_text, traces_url
from ..destination import Destination
from ..factory import http_destination, keywords_checked
from ..registry import Preset

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..factory import CommonKeywords


@keywords_checked
def mlflow(
    *, base_url: str | None = None, experiment_id: str | None = None, **common: Unpack[CommonKeywords]
) -> Destination:
    """Send to an MLflow server, in gen_ai as protobuf.

    What it does differently (mlflow.org/docs/latest/genai/tracing/opentelemetry/ingest):
    * MLflow 3.6 and newer, with a database as its store, takes traces at `/v1/traces`;
    * the experiment stands in the header `x-mlflow-experiment-id`;
    * only OTLP over HTTP; JSON is not documented, hence protobuf.

    Args:
        base_url: The tracking server, such as `http://localhost:5000`; else `MLFLOW_TRACKING_URI`.
        experiment_id: The number of the experiment, `0` for the default one; else `MLFLOW_EXPERIMENT_ID`.
    """
    where = "it is the address of the MLflow server"
    server = required_text(base_url, "base_url", "http://localhost:5000", where, "MLFLOW_TRACKING_URI")
    experiment = argument_or_env(experiment_id, "experiment_id", "MLFLOW_EXPERIMENT_ID") or "0"
    return http_destination(
        "mlflow",
        traces_url(server, "base_url"),
        common,
        protocol="http/protobuf",
        headers={"x-mlflow-experiment-id": experiment},
    )


PRESET = Preset(
    make=mlflow,
    title="MLflow",
    required=("base_url",),
    variables={"base_url": ("MLFLOW_TRACKING_URI",), "experiment_id": ("MLFLOW_EXPERIMENT_ID",)},
    plain_headers=("x-mlflow-experiment-id",),
)
