"""A webhook's receiver as a process of its own: it behaves as its path says and notes everything.

Run as `python receiver.py <file to note in> [port [certificate with key]]`; prints its port.
"""

from __future__ import annotations

import base64
import json
import socket
import ssl
import sys
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import ClassVar

HANG_S = 30


class Receiver(BaseHTTPRequestHandler):
    """`/ok`, `/flaky`, `/busy`, `/hang`, `/redirect`, `/early`, `/halfway`, `/gone`, `/drip`."""

    protocol_version = "HTTP/1.1"
    notes: Path
    asked_for = ""
    lock = Lock()
    seen: ClassVar[Counter[str]] = Counter()

    def do_POST(self) -> None:
        """Notes the request and behaves."""
        body = self.rfile.read(int(self.headers["content-length"]))
        path, _, _ = self.path.partition("?")
        with self.lock:
            self.seen[self.path] += 1
            count = self.seen[self.path]
            self._note(body)
        getattr(self, f"on_{path.strip('/')}")(count)

    def do_GET(self) -> None:
        """Nothing that is redirected may arrive here."""
        with self.lock:
            self._note(b"")
        self.answer(200)

    def _note(self, body: bytes) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        found = {"method": self.command, "path": self.path, "headers": headers, "at": time.time()}
        found["asked_for"] = self.asked_for
        with self.notes.open("a") as file:
            file.write(json.dumps({**found, "body": base64.b64encode(body).decode()}) + "\n")

    def on_ok(self, _count: int) -> None:
        """Takes it."""
        self.answer(200)

    def on_flaky(self, count: int) -> None:
        """Fails once."""
        self.answer(500 if count == 1 else 204)

    def on_busy(self, count: int) -> None:
        """Asks for two seconds, once."""
        self.answer(503 if count == 1 else 200, {"Retry-After": "2"})

    def on_hang(self, _count: int) -> None:
        """Says nothing."""
        time.sleep(HANG_S)

    def on_slow(self, _count: int) -> None:
        """Takes it, late."""
        time.sleep(1.5)
        self.answer(200)

    def on_drip(self, _count: int) -> None:
        """A head that never ends, byte by byte."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        for _ in range(HANG_S * 10):
            time.sleep(0.1)
            self.wfile.write(b"x")

    def on_redirect(self, _count: int) -> None:
        """Sends on to where nothing must arrive."""
        self.answer(307, {"Location": "/ok"})

    def on_early(self, _count: int) -> None:
        """Closes without an answer."""
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def on_halfway(self, _count: int) -> None:
        """Says 200, then breaks off in its body."""
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"half")
        self.close_connection = True

    def on_gone(self, _count: int) -> None:
        """Wants no more."""
        self.answer(410)

    def answer(self, status: int, headers: dict[str, str] | None = None) -> None:
        """Answers without a body."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Quiet."""


def note_name(_socket: object, name: str | None, _context: object) -> None:
    """Notes which name the client asked TLS for."""
    Receiver.asked_for = name or ""


def main() -> None:
    Receiver.notes = Path(sys.argv[1])
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    server = ThreadingHTTPServer(("127.0.0.1", port), Receiver)
    server.daemon_threads = True
    if len(sys.argv) > 3:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[3])
        context.sni_callback = note_name
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_address[1], flush=True)  # noqa: T201 - its parent reads it
    server.serve_forever()


if __name__ == "__main__":
    main()
