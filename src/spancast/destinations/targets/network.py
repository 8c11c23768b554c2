"""Targets that are reached over a network by a URL: what cannot be sent there waits on disk."""

from __future__ import annotations

from typing import Final

from .grpc import GrpcTarget
from .http import HttpTarget

NetworkTarget = HttpTarget | GrpcTarget
NETWORK_TARGETS: Final = (HttpTarget, GrpcTarget)
