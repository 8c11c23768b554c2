"""Starts Phoenix on loopback alone; run by the Python of Phoenix's own virtual environment.

`PHOENIX_HOST` covers HTTP; the gRPC port is bound to every address, in the source, and is moved here before it starts.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Serve until killed; settings come from `PHOENIX_*` variables."""
    from grpc.aio import _server  # type: ignore[import-not-found]

    listen = _server.Server.add_insecure_port
    _server.Server.add_insecure_port = lambda self, address: listen(self, address.replace("[::]", "127.0.0.1"))

    from phoenix.server.main import main as serve  # type: ignore[import-not-found]

    sys.argv = ["phoenix", "serve"]
    serve()


if __name__ == "__main__":
    main()
