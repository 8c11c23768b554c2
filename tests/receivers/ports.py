"""Ports on loopback that nobody listens at."""

from __future__ import annotations

import socket


def free_ports(count: int) -> list[int]:
    """Return *count* different free ports."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for held in sockets:
            held.bind(("127.0.0.1", 0))
        return [held.getsockname()[1] for held in sockets]
    finally:
        for held in sockets:
            held.close()


def free_port() -> int:
    """Return a free port."""
    return free_ports(1)[0]
