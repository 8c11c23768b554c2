"""What `spancast serve` does: a local receiver with a page."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from ..config.folders import state_folder
from .output import stop

DEFAULT_PORT = 4318  # where OTLP/HTTP is expected
_DEFAULT_BYTES = 1024
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def serve(
    path: Annotated[
        Path | None, typer.Argument(help="Show this file of OTLP JSON lines instead of what is received.")
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free port.")] = DEFAULT_PORT,
    host: Annotated[
        str, typer.Option(help="The address to listen on. Anything but loopback needs a token.")
    ] = "127.0.0.1",
    database: Annotated[
        Path | None, typer.Option("--database", help="The SQLite file; else in the user's state folder.")
    ] = None,
    max_megabytes: Annotated[
        int, typer.Option(min=1, help="The oldest traces are deleted beyond it.")
    ] = _DEFAULT_BYTES,
    max_days: Annotated[float, typer.Option(min=0.001, help="Older traces are deleted.")] = 30.0,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A further host name by which the server is addressed (a tunnel's).")
    ] = None,
    token: Annotated[str | None, typer.Option(help="What a request must carry; made up where one is needed.")] = None,
    browser: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Receive traces from anything that speaks OTLP/HTTP, and show them on a page."""
    try:
        import uvicorn

        from ..view import files
        from ..view.serve import application
        from ..view.store import Store
    except ImportError:
        stop('the server needs more packages: pip install "spancast[serve]"')
    if host not in _LOOPBACK and token is None:
        token = secrets.token_urlsafe(24)
    try:
        if path is not None:
            store = files.open_file(path)
        else:
            store = Store(database or _default_database(), max_bytes=max_megabytes * 1024 * 1024)
    except OSError as error:
        stop(f"cannot open {path or database or _default_database()}: {error.strerror or error}.")
    hosts = (*([] if host in ("0.0.0.0", "::") else [host]), *(allow_host or []))  # noqa: S104  (compared, not bound)
    app = application(store, max_age=max_days * 86400, source=path, hosts=hosts, token=token)
    config = uvicorn.Config(
        app, host=host, port=port, log_level="warning", server_header=False, timeout_graceful_shutdown=1
    )
    listening = _listening(host, port)
    address = f"http://{'localhost' if host in _LOOPBACK else host}:{listening.getsockname()[1]}"
    shown = f"{address}/?token={token}" if token else address
    print(f"Traces: {shown}", flush=True)  # noqa: T201
    if path is None:
        print(f"Send OTLP/HTTP to {address}/v1/traces   (Ctrl-C stops)", flush=True)  # noqa: T201
    if browser:
        webbrowser.open(shown)
    try:
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        store.close()


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    if sys.platform != "win32":
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        stop(f"cannot listen on {host}:{port}: {error.strerror or error}. Choose another with --port, or --port 0.")
    listening.listen(128)
    return listening


def _default_database() -> Path:
    folder = state_folder(os.environ)
    return (folder or Path(".spancast")) / "serve.db"
