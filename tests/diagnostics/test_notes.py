"""What `spancast doctor` says about the application's surroundings."""

from __future__ import annotations

from spancast.diagnostics.notes import notes


def test_uvicorn_is_ended_by_a_signal() -> None:
    """Where it is installed the flag is named that keeps the last spans; elsewhere nothing is said of it."""
    said = [step.detail for step in notes({}, {"uvicorn": "0.54.0"}.get) if step.name == "process"]
    (detail,) = said
    assert detail.startswith("uvicorn 0.54.0: SIGTERM ends it")
    assert "spancast.configure(..., handle_sigterm=True)" in detail
    assert [] == [step for step in notes({}, {}.get) if step.name == "process"]
