"""Proxies, as `requests` and curl read them: credentials, `ALL_PROXY`, `NO_PROXY` with networks, addresses and ports."""

from __future__ import annotations

import ipaddress
import sys
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import field
from urllib.parse import SplitResult, unquote, urlsplit

from ..record.fast_frozen import frozen

_PORTS = {"http": 80, "https": 443}


@frozen()
class Proxy:
    """One proxy: its URL without credentials, and the headers that carry these."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Show where it is, without credentials."""
        return f"<Proxy {self.url}>"


class ProxyAddressError(ValueError):
    """The proxy that the environment names is no address. The text does not show it: it may have a password."""


def proxy_for(url: str, proxies: Mapping[str, str] | None = None) -> Proxy | None:
    """Return the proxy for *url*; None where there is none, or `NO_PROXY` names the host.

    *proxies*: by scheme, also `all` and `no`; else the environment's, or the system's on macOS and Windows.

    Raises:
        ProxyAddressError: When what is named is no address.
    """
    from_system = proxies is None
    found = urllib.request.getproxies() if proxies is None else proxies
    parts = urlsplit(url)
    chosen = found.get(parts.scheme) or found.get("all")
    if not chosen or bypassed(parts, found.get("no", "")):
        return None
    if from_system and sys.platform in ("darwin", "win32") and urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    try:
        return _proxy(chosen.strip())
    except ValueError:  # no host, no port, or brackets that hold no IPv6 address
        raise ProxyAddressError("the proxy in the environment is no address: write http://host:port") from None


def _proxy(text: str) -> Proxy:
    parts = urlsplit(text if "://" in text else f"http://{text}")
    place = parts.netloc.rpartition("@")[2]
    # reading `port` raises where it is none
    if not parts.hostname or not place.isprintable() or " " in place or parts.port == 0:
        raise ValueError(text)
    headers = {}
    if "@" in parts.netloc:
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        pair = f"{user}:{password}"
        try:
            encoded = pair.encode("latin-1")  # what servers expect of `Basic`, where it has the characters
        except UnicodeEncodeError:
            encoded = pair.encode()
        headers["Proxy-Authorization"] = f"Basic {b64encode(encoded).decode()}"
    return Proxy(f"{parts.scheme}://{place}", headers)


def bypassed(url: SplitResult, no_proxy: str) -> bool:
    """Return whether *no_proxy* names the URL's host: by name, by its end, by address, by network, each also with a port."""
    host = (url.hostname or "").rstrip(".").lower()
    port = url.port or _PORTS.get(url.scheme, 0)
    entries = [entry.strip().lower() for entry in no_proxy.replace(" ", ",").split(",")]
    return any(_names(entry, host, port) for entry in entries if entry)


def _names(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    address = _address(host)
    if address is not None and (network := _network(entry)) is not None:
        return address.version == network.version and address in network
    name, wanted = _split_port(entry)
    if wanted is not None and wanted != port:
        return False
    name = name.removeprefix("*").strip(".")
    if address is not None:
        return _address(name) == address
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _split_port(entry: str) -> tuple[str, int | None]:
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        return name, int(rest[1:]) if rest[1:].isascii() and rest[1:].isdigit() else None
    name, colon, rest = entry.rpartition(":")
    if colon and ":" not in name and rest.isascii() and rest.isdigit():
        return name, int(rest[:6])
    return entry, None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    if "/" not in text:
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
