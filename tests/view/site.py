"""`spancast serve` in the tests' own process, on a free port, with an empty store in memory."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import uvicorn

from spancast.view.read import read_request
from spancast.view.serve import application
from spancast.view.store import Store


class Site:
    """A server with a store of its own."""

    def __init__(self) -> None:
        self.store = Store(None)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        config = uvicorn.Config(
            application(self.store),
            port=port,
            log_level="error",
            ws="none",
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{port}"
        while not self._server.started:
            time.sleep(0.01)

    def add(self, data: dict[str, Any]) -> None:
        """Keep the spans of an OTLP request."""
        self.store.add(list(read_request(data)))

    def close(self) -> None:
        """End the server."""
        self._server.should_exit = True
        self._thread.join(10)
