"""Which proxy a request takes, beside `requests`, which reads the same variables."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests.utils

import spancast
from spancast import destinations
from spancast.otlp.proxies import Proxy, ProxyAddressError, bypassed, proxy_for

URL = "https://collector.example.com/v1/traces"


@pytest.mark.parametrize(
    ("proxies", "url"),
    [
        ({}, None),
        ({"https": "http://proxy:3128"}, "http://proxy:3128"),
        ({"http": "http://proxy:3128"}, None),
        ({"all": "http://proxy:3128"}, "http://proxy:3128"),
        ({"https": "http://a:1", "all": "http://b:2"}, "http://a:1"),
        ({"https": "proxy:3128"}, "http://proxy:3128"),
        ({"https": "https://proxy"}, "https://proxy"),
        ({"https": "http://proxy:3128", "no": "example.com"}, None),
        ({"https": "http://proxy:3128", "no": "other.com"}, "http://proxy:3128"),
    ],
)
def test_the_proxy_of_a_scheme_else_of_all(proxies: dict[str, str], url: str | None) -> None:
    """One without a scheme speaks HTTP."""
    found = proxy_for(URL, proxies)
    assert url == (found.url if found else None)


@pytest.mark.parametrize(
    ("text", "pair"),
    [
        ("http://alice:p%40ss%20w0rd@proxy:3128", b"alice:p@ss w0rd"),
        ("alice:secret@proxy:3128", b"alice:secret"),
        ("http://alice@proxy:3128", b"alice:"),
        ("http://alice:k%C3%B6nig@proxy:3128", "alice:k\u00f6nig".encode("latin-1")),
        ("http://alice:%E2%82%AC@proxy:3128", "alice:\u20ac".encode()),
    ],
)
def test_credentials_are_a_header_and_not_shown(text: str, pair: bytes) -> None:
    """They are percent-decoded; the URL that is kept has none."""
    found = proxy_for(URL, {"https": text})
    expected = {"Proxy-Authorization": "Basic " + b64encode(pair).decode()}
    assert (expected, "http://proxy:3128") == (dict(found.headers), found.url) if found else False
    assert "<Proxy http://proxy:3128>" == repr(found)


@pytest.mark.parametrize(
    "text", ["not a url", "http://", "http://:3128", "http://[::1", "http://proxy:99999", "proxy:port"]
)
def test_what_is_no_address_is_said_to_be_none(text: str) -> None:
    """Before anything is connected: the failure of a host with that name would not lead to the variable."""
    with pytest.raises(ProxyAddressError, match="the proxy in the environment is no address: write http://host:port"):
        proxy_for(URL, {"https": text})


NO_PROXY: list[tuple[str, str, bool]] = [
    ("http://collector.example.com", "example.com", True),
    ("http://collector.example.com", ".example.com", True),
    ("http://collector.example.com", "*.example.com", True),
    ("http://collector.example.com", "a.com, EXAMPLE.com", True),
    ("http://collector.example.com:4318", "example.com:4318", True),
    ("http://collector.example.com:4318", "example.com:80", False),
    ("http://notexample.com", "example.com", False),
    ("http://10.1.2.3:4318", "10.0.0.0/8", True),
    ("http://11.1.2.3:4318", "10.0.0.0/8", False),
    ("http://10.1.2.3:4318", "10.1.2.3", True),
    ("http://10.1.2.3:4318", "10.1.2.3:4318", True),
    ("http://[fd00::1]:4318", "fd00::/8", True),
    ("http://[fd00::1]:4318", "[fd00::1]:4318", True),
    ("http://[fd00::1]:4318", "fd00:0:0::1", True),
    ("http://[::1]:4318", "[::1]", True),
    ("http://[fd00::1]:4318", "10.0.0.0/8", False),
    ("http://anything", "*", True),
    ("http://anything", "", False),
    ("http://anything", ",, ,", False),
    ("http://10.1.2.3", "10.0.0.0/99", False),
]


OURS_ALONE = {"*.example.com", "10.1.2.3:4318"}


@pytest.mark.parametrize(("url", "no_proxy", "expected"), NO_PROXY)
def test_no_proxy_names_hosts_networks_and_ports(url: str, no_proxy: str, expected: bool) -> None:
    """By name, by its end at a dot, by address and network of both kinds, each also with a port."""
    assert expected is bypassed(urlsplit(url), no_proxy)


@pytest.mark.parametrize(
    ("url", "no_proxy"),
    [
        (url, no_proxy)
        for url, no_proxy, _ in NO_PROXY
        if "[" not in url and "*." not in no_proxy and "not" not in url and no_proxy != "10.1.2.3:4318"
    ],
)
def test_requests_reads_no_proxy_alike(url: str, no_proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for IPv6, wildcards and addresses with a port, which it does not know, and ends that are no ends at a dot."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, no_proxy)
    expected: Any = requests.utils.should_bypass_proxies(url, no_proxy=None)
    assert bool(expected) is bypassed(urlsplit(url), no_proxy)


def test_a_proxy_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lower case before upper case, as every Python program has it."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    assert None is proxy_for(URL)
    monkeypatch.setenv("HTTPS_PROXY", "http://upper:1")
    assert Proxy("http://upper:1") == proxy_for(URL)
    monkeypatch.setenv("https_proxy", "http://lower:2")
    assert Proxy("http://lower:2") == proxy_for(URL)


def test_a_proxy_that_is_no_address_costs_no_span(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is said, without the password that it may have; what was recorded waits, and the test of the connection fails."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://user:pass-word-1@[bad")
    destination = destinations.otlp(URL)
    with spancast.Pipeline(destination, spool=tmp_path) as pipeline, spancast.trace(trace_name="a"):
        pass
    report = pipeline.report().destinations[0]
    shown = f"{report} {destination.check(2.0)!r}"
    assert (1, True, False) == (report.spooled, "no address: write http://host:port" in shown, "pass-word" in shown)
