"""A call of OpenRouter's chat model, to a stand-in on loopback that answers as OpenRouter does, with a cost."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from langchain_openrouter import ChatOpenRouter

ANSWER = {
    "id": "gen-1",
    "object": "chat.completion",
    "created": 1700000000,
    "model": "openai/gpt-4o",
    "system_fingerprint": None,
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15, "cost": 0.0125},
}


class Gateway(BaseHTTPRequestHandler):
    """Answers every request with the one answer."""

    def do_POST(self) -> None:
        """Answer."""
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(ANSWER).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def main() -> None:
    """Call it once."""
    server = HTTPServer(("127.0.0.1", 0), Gateway)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}/api/v1"
    said = ChatOpenRouter(model="openai/gpt-4o", api_key="not-a-key", base_url=base).invoke("hi")
    server.shutdown()
    server.server_close()
    if said.content != "hello":
        raise AssertionError(said)


if __name__ == "__main__":
    main()
