"""The privacy audit: privacy mode lets no content out, in any form of destination; and the search finds what leaks."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from spancast.audit import search
from spancast.audit.canaries import Canaries, forms_of
from spancast.audit.receivers import CONTROL
from spancast.audit.report import AuditReport
from spancast.audit.search import audit
from spancast.cli import commands
from spancast.destinations import rendering

from ..receivers.ports import free_port

# LlamaIndex uses what pydantic is about to take away
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

# forms that hold spans: in each of them what is kept has to be found, or nothing was searched
FORMS = {
    *(f"{wire}-{convention}" for convention in ("openinference", "gen_ai")
      for wire in ("json", "json+gzip", "protobuf", "protobuf+gzip", "file", "sdk")),
    "arize", "phoenix", "langfuse", "tempo", "spool",
}  # fmt: skip

# what no tracer of ours reads: their canaries are there in case one ever does
NEVER_RECORDED = {
    ("LangChain", "additional fields"),
    ("LlamaIndex", "unknown parameter"),
    ("LlamaIndex", "streamed event"),
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> AuditReport:
    """Return the report, made once."""
    return audit(tmp_path_factory.mktemp("audit"))


def test_no_content_leaves_in_privacy_mode(found: AuditReport) -> None:
    """Zero hits: every place, every calling style, every form, plain and encoded, on the wire and on disk."""
    assert [] == [(place.framework, place.name, place.hits) for place in found.leaks]
    assert True is found.clean


def test_every_place_was_there_to_be_found(found: AuditReport) -> None:
    """Without privacy mode each canary is sent, so that not finding it means something."""
    unseen = {(place.framework, place.name) for place in found.locations if not place.seen}
    assert set() == unseen - NEVER_RECORDED
    for framework in found.frameworks:
        assert True is (len([place for place in found.locations if place.framework == framework]) >= 30)


def test_every_form_was_searched(found: AuditReport) -> None:
    """What users say about a trace is found in each form: their bytes were there to be read."""
    for place in found.locations:
        if place.name == "metadata":
            assert set() == FORMS - set(place.hits)
    assert True is (FORMS <= set(found.forms))
    assert True is (found.runs >= 70 and found.spans > 150)


def test_a_leak_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With both layers of privacy mode switched off, nearly every place is found in nearly every form."""
    monkeypatch.setattr(rendering, "without_content", lambda operation: operation)
    monkeypatch.setattr(rendering, "only_safe", lambda span: span)
    found = audit(tmp_path)
    assert False is found.clean
    hits = {form for place in found.leaks for form in place.hits}
    assert set() == FORMS - hits
    assert True is (len(found.leaks) > 50)


@pytest.mark.parametrize(
    "encode",
    [
        lambda data: data,
        lambda data: base64.b64encode(data),
        lambda data: base64.b64encode(b"x" + data),
        lambda data: base64.b64encode(b"xy" + data + b"tail"),
        lambda data: data.hex().encode(),
        lambda data: data.decode().encode("utf-16-le"),
        lambda data: repr(data.decode()).encode(),
    ],
)
def test_a_word_is_found_in_every_encoding(encode: Callable[[bytes], bytes]) -> None:
    """Plain, base64 at each alignment, hexadecimal, UTF-16, escaped."""
    canaries = Canaries()
    said = encode(canaries("prompt").encode())
    assert True is any(form in said for form in forms_of(canaries.words["prompt"]))


def test_canaries_are_not_mistaken_for_each_other() -> None:
    """No word is a part of another, in any encoding."""
    canaries = Canaries()
    for number in range(30):
        canaries(f"place {number}")
    words = list(canaries.words.values())
    for word in words:
        others = b" ".join(form for other in words if other != word for form in forms_of(other))
        assert [] == [form for form in forms_of(word) if form in others]


def test_the_controls_are_no_forms(found: AuditReport) -> None:
    """What was sent without privacy mode is not counted as a leak."""
    assert [] == [form for form in found.forms if form.startswith(CONTROL)]
    assert True is ("LangChain" in found.frameworks)
    assert set(search._FRAMEWORKS) == {*found.frameworks, *found.absent}


@pytest.fixture
def only_llama_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out LangChain's audit, which takes longer."""
    pytest.importorskip("llama_index.core", reason="LlamaIndex is not installed")
    monkeypatch.setattr(search, "_FRAMEWORKS", {"LlamaIndex": ("llama_index",)})


@pytest.mark.usefixtures("only_llama_index")
def test_a_form_that_carried_nothing_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no span reaches the receiver the audit fails, and names the forms that stayed empty."""

    @contextmanager
    def nobody(taken: Any) -> Iterator[str]:
        yield f"http://127.0.0.1:{free_port()}"

    monkeypatch.setattr(search, "receiver", nobody)
    result = CliRunner().invoke(commands(), ["privacy-audit"])
    (said,) = [line for line in result.output.splitlines() if line.startswith("NOT PROVED")]
    over_http = sorted(form for form in FORMS if not form.startswith(("file", "sdk", "spool")))
    assert (1, f"NOT PROVED for LlamaIndex: no spans were found in {', '.join(over_http)}.") == (
        result.exit_code,
        said[: said.index(".") + 1],
    )


@pytest.mark.usefixtures("only_llama_index")
def test_a_proxy_takes_nothing_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is meant for the receiver on loopback does not go through the user's proxy; the forms have one order."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    found = audit(tmp_path)
    assert (True, {}, tuple(sorted(found.forms))) == (found.clean, found.empty, found.forms)
    assert FORMS < set(found.forms)
