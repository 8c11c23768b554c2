"""Targets that are reached over a network by a URL: what cannot be sent there waits on disk."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from .grpc import PROTOCOL, GrpcTarget
from .http import HttpTarget

NetworkTarget = HttpTarget | GrpcTarget
NETWORK_TARGETS: Final = (HttpTarget, GrpcTarget)


def over_http_or_grpc(target: HttpTarget, protocol: str) -> NetworkTarget:
    """Return *target* with another protocol: `http/json`, `http/protobuf` or `grpc`."""
    if protocol != PROTOCOL:
        return replace(target, protocol=protocol)
    return GrpcTarget(
        url=target.url,
        headers=target.headers,
        compression=target.compression,
        timeout=target.timeout,
        tls=target.tls,
    )
