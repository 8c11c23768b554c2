"""Which settings files count, and what happens where one cannot be read."""

from __future__ import annotations

import logging
import os
import stat
import sys
from pathlib import Path

import pytest

import spancast
from spancast.config import saved
from spancast.config.entries import Entry
from spancast.config.resolve import Arguments, Resolved, resolve
from spancast.destinations import SettingsError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="owners and modes of POSIX")
ANOTHER = 54_321
as_root = pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root gives files away")
TOML = '[[destinations]]\npreset = "otlp"\nendpoint = "http://127.0.0.1:9/v1/traces"\n'


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in a folder below a shared one, in an environment without our variables."""
    (tmp_path / "job").mkdir()
    monkeypatch.chdir(tmp_path / "job")
    for name in list(os.environ):
        if name.startswith(("SPANCAST_", "ARIZE_", "OTEL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SPANCAST_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("SPANCAST_STATE_DIR", "")


def lenient() -> Resolved:
    """Return what counts in an application that never called `configure`."""
    return resolve(Arguments(), os.environ, strict=False)


def names() -> list[str]:
    """Return the names of the destinations."""
    return [destination.name for destination in lenient().destinations]


@as_root
@pytest.mark.parametrize("file_name", ["spancast.toml", "pyproject.toml"])
def test_a_file_of_another_user_in_a_shared_folder_is_not_used(file_name: str, tmp_path: Path) -> None:
    """It would decide where prompts and keys go. It is named, with what to do if one trusts it."""
    planted = tmp_path / file_name
    planted.write_text(TOML if file_name == "spancast.toml" else TOML.replace("[[dest", "[[tool.spancast.dest"))
    assert ["otlp"] == names()
    os.chown(planted, ANOTHER, ANOTHER)
    resolved = lenient()
    assert ["file"] == [destination.name for destination in resolved.destinations]
    (sentence,) = resolved.problems
    assert f"{planted} is not used: it belongs to another user" in sentence
    assert f"SPANCAST_CONFIG={planted}" in sentence


@as_root
def test_a_file_that_is_named_is_used_whoever_owns_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Naming it is trusting it."""
    path = tmp_path / "spancast.toml"
    path.write_text(TOML)
    os.chown(path, ANOTHER, ANOTHER)
    monkeypatch.setenv("SPANCAST_CONFIG", str(path))
    assert ["otlp"] == names()


@as_root
def test_links_and_fifos_of_another_user_are_not_used(tmp_path: Path) -> None:
    """Neither is waited for nor followed, wherever they lead."""
    (tmp_path / "elsewhere").write_text(TOML)
    Path("spancast.toml").symlink_to(tmp_path / "elsewhere")
    os.chown("spancast.toml", ANOTHER, ANOTHER, follow_symlinks=False)
    os.mkfifo(tmp_path / "spancast.toml")
    os.chown(tmp_path / "spancast.toml", ANOTHER, ANOTHER)
    assert ["file"] == names()
    assert 2 == len(lenient().problems)


@as_root
def test_a_link_of_ours_is_followed_to_a_file_of_ours_only(tmp_path: Path) -> None:
    """What it leads to decides."""
    target = tmp_path / "elsewhere"
    target.write_text(TOML)
    Path("spancast.toml").symlink_to(target)
    assert ["otlp"] == names()
    os.chown(target, ANOTHER, ANOTHER)
    assert ["file"] == names()


@pytest.mark.parametrize("kind", ["fifo", "everybody may write it", "too large"])
def test_a_file_of_ours_that_cannot_be_used_means_no_traces(kind: str) -> None:
    """It may ask for privacy mode; the sentence says what to correct."""
    path = Path("spancast.toml")
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.write_text("#" * 5_000_000 if kind == "too large" else TOML)
        path.chmod(0o666 if kind == "everybody may write it" else 0o600)
    resolved = lenient()
    assert ((), 1) == (resolved.destinations, len(resolved.problems))
    assert "spancast.toml is not used: " in resolved.problems[0]


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    """Windows' editors write one, in the project's file and in what was saved."""
    Path("spancast.toml").write_bytes(b"\xef\xbb\xbf" + TOML.encode())
    assert ["otlp"] == names()
    Path("spancast.toml").unlink()
    path = saved.save([Entry(preset="jaeger", arguments={}, origin="")], os.environ)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert ["jaeger"] == names()


def test_a_working_folder_that_is_gone_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What needs no folder still works."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    (sentence,) = lenient().problems
    assert "cannot be used" in sentence
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    assert ["otlp"] == names()


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"destinations": 5}', b'{"destinations": [5]}', b"\xff\xfe\x00"])
def test_saved_destinations_that_cannot_be_read_mean_no_traces(
    content: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One of them may have asked for privacy mode: nothing goes out in the clear instead, to nobody."""
    path = saved.save([Entry(preset="jaeger", arguments={"privacy_mode": True}, origin="")], os.environ)
    path.write_bytes(content)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    resolved = lenient()
    assert () == resolved.destinations
    assert f"{path} cannot be read" in resolved.problems[0]
    with pytest.raises(SettingsError, match="cannot be read") as caught:
        spancast.Pipeline()
    assert "E117" == caught.value.code


@pytest.mark.parametrize(
    "text", ["privacy_mode = 1", "redact = 'al'", "sampling_rate = 2", "privacy_mod = true", "= broken"]
)
def test_a_setting_about_privacy_that_cannot_be_read_means_no_traces(text: str, tmp_path: Path) -> None:
    """A misspelt one as well."""
    Path("spancast.toml").write_text(text + "\n" + TOML)
    resolved = lenient()
    assert ((), 1) == (resolved.destinations, len(resolved.problems))
    assert "spancast.toml" in resolved.problems[0]


def test_one_destination_that_cannot_be_made_takes_no_other_along(tmp_path: Path) -> None:
    """And does not make the local file of the rest."""
    Path("spancast.toml").write_text(TOML + '[[destinations]]\npreset = "arize"\napi_key = 5\n')
    resolved = lenient()
    assert ["otlp"] == [destination.name for destination in resolved.destinations]
    assert "spancast.toml, destination 'arize'" in resolved.problems[0]
    Path("spancast.toml").write_text('[[destinations]]\npreset = "arize"\napi_key = 5\n')
    assert () == lenient().destinations


@pytest.mark.parametrize(
    "text",
    ["name = 5", "headers = 5", "endpoint = 5", "endpoint = [1]", "timeout = 'x'", "resource = [1]", "compression = {}",
     "convention = [1]", "ca_file = [1]", "max_content_chars = 1e99", "redact = 5", "media = 'no'"],
)  # fmt: skip
def test_a_value_of_any_type_is_one_sentence(text: str) -> None:
    """A file may hold what no code would: it ends in a SettingsError that names the file."""
    Path("spancast.toml").write_text('[[destinations]]\npreset = "otlp"\n' + text + "\n")
    with pytest.raises(SettingsError, match=r"spancast\.toml"):
        resolve(Arguments(), os.environ)


def test_the_report_names_the_setting(caplog: pytest.LogCaptureFixture) -> None:
    """Where `configure` was never called, and nothing is recorded."""
    Path("spancast.toml").write_text("sampling = 1\n")
    with caplog.at_level(logging.ERROR), spancast.trace(trace_name="a"):
        pass
    report = spancast.report()
    assert "spancast.toml: 'sampling' is no setting: did you mean 'sampling_rate'?" in str(report)
    assert "nothing is recorded: spancast.toml" in caplog.text
    spancast.shutdown()


def test_saved_destinations_lie_in_folders_of_their_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every level that is made: 0700."""
    monkeypatch.setenv("SPANCAST_CONFIG_DIR", str(tmp_path / "a" / "b"))
    saved.save([Entry(preset="jaeger", arguments={}, origin="")], os.environ)
    assert [0o700] * 2 == [stat.S_IMODE(each.stat().st_mode) for each in (tmp_path / "a", tmp_path / "a" / "b")]
