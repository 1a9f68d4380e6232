"""A hub of our own on loopback: the routes, headers and records that the real one has."""

from __future__ import annotations

import contextlib
import hashlib
import json
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

LFS_BYTES = 1000
"""Files from this size on are LFS files, as the real hub's larger ones are."""


def safetensors(size: int = 4096, seed: int = 0) -> bytes:
    """A safetensors file of one tensor with so many bytes."""
    header = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    body = hashlib.shake_128(seed.to_bytes(4, "big")).digest(size)
    return struct.pack("<Q", len(header)) + header + body


def model_files(size: int = 4096, seed: int = 0) -> dict[str, bytes]:
    """What a small model's repository holds, with two files that nobody wants."""
    return {
        "config.json": b'{"model_type": "tiny"}',
        "tokenizer.json": b"{}",
        "README.md": b"# Tiny",
        "model.safetensors": safetensors(size, seed),
        "pytorch_model.bin": b"pickle" * 100,
        "onnx/model.onnx": b"onnx" * 100,
    }


@dataclass(slots=True)
class Repo:
    """A repository: its commits, and which one `main` is."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    main: str = ""

    def commit(self, files: dict[str, bytes]) -> str:
        """Adds a commit and makes it `main`."""
        self.main = _git_id(repr((len(self.commits), files)).encode())
        self.commits[self.main] = files
        return self.main


class FakeHub:
    """Serves repositories; records every request and the bytes of files that it sent.

    Attributes:
        repos: By Hub id.
        requests: `(method, path, Range header)` in order.
        sent: Bytes of content sent, by file.
        pace_s: Seconds between two pieces of 64 KiB.
        corrupt: Files whose content is sent with one bit turned.
        token: Where set, callers without it get 401.
    """

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.requests: list[tuple[str, str, str | None]] = []
        self.sent: dict[str, int] = {}
        self.pace_s = 0.0
        self.corrupt: set[str] = set()
        self.breaks: dict[str, int] = {}
        self.token: str | None = None
        self.is_down = False
        self.pause = threading.Event()
        self._server = _Server(self)

    @property
    def url(self) -> str:
        """Its address, for HF_ENDPOINT."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def add(self, repo: str, files: dict[str, bytes]) -> str:
        """Adds a commit to a repository."""
        return self.repos.setdefault(repo, Repo()).commit(files)

    def content_requests(self, name: str) -> list[str | None]:
        """The Range headers with which a file's content was asked for."""
        return [
            asked
            for method, path, asked in self.requests
            if method == "GET" and path.endswith("/" + name)
        ]

    def run(self) -> None:
        """Serves until closed."""
        self._server.serve_forever(poll_interval=0.02)

    def close(self) -> None:
        """Ends it."""
        self.pause.set()
        self._server.shutdown()
        self._server.server_close()


@contextlib.contextmanager
def running_hub() -> Iterator[FakeHub]:
    """A hub for the time of the context."""
    hub = FakeHub()
    thread = threading.Thread(target=hub.run, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hub: FakeHub) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing: callers are killed on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    @property
    def _hub(self) -> FakeHub:
        return self.server.hub

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self._hub.requests.append((self.command, path, self.headers.get("Range")))
        if self._hub.is_down:
            self._answer(503, b"away")
        elif self._hub.token and self.headers.get("Authorization") != f"Bearer {self._hub.token}":
            self._answer(401, b"who?")
        elif path.startswith("/api/models/"):
            self._info(*path.removeprefix("/api/models/").split("/revision/"))
        else:
            repo, _, rest = path[1:].partition("/resolve/")
            self._content(repo, *rest.split("/", 1))

    do_HEAD = do_GET  # noqa: N815 - the library's form

    def _info(self, name: str, revision: str) -> None:
        repo = self._hub.repos.get(name)
        commit = repo.main if repo and revision == "main" else revision
        if repo is None or commit not in repo.commits:
            self._answer(404, b"{}")
            return
        siblings = [_sibling(path, data) for path, data in repo.commits[commit].items()]
        answer = {"id": name, "sha": commit, "siblings": siblings}
        self._answer(200, json.dumps(answer).encode(), "application/json")

    def _content(self, name: str, commit: str, path: str) -> None:
        data = self._hub.repos[name].commits[commit].get(path)
        if data is None:
            self._answer(404, b"")
            return
        if path in self._hub.corrupt:
            data = data[:-1] + bytes([data[-1] ^ 1])
        start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
        self.send_response(206 if start else 200)
        self.send_header("X-Repo-Commit", commit)
        self.send_header("ETag", f'"{_etag(data)}"')
        self.send_header("Content-Length", str(len(data) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if self.command == "GET":
            self._send(path, data, start)

    def _send(self, path: str, data: bytes, start: int) -> None:
        end = len(data)
        if path in self._hub.breaks:
            end = min(end, self._hub.breaks.pop(path))
        for at in range(start, end, 65536):
            piece = data[at : min(at + 65536, end)]
            self.wfile.write(piece)
            self._hub.sent[path] = self._hub.sent.get(path, 0) + len(piece)
            if self._hub.pace_s:
                self._hub.pause.wait(self._hub.pace_s)
        if end < len(data):
            self.close_connection = True

    def _answer(self, status: int, body: bytes, kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing."""


def _sibling(path: str, data: bytes) -> dict[str, object]:
    sibling: dict[str, object] = {"rfilename": path, "size": len(data), "blobId": _git_id(data)}
    if len(data) >= LFS_BYTES:
        pointer = f"version\noid sha256:{_etag(data)}\nsize {len(data)}\n".encode()
        sibling |= {
            "blobId": _git_id(pointer),
            "lfs": {"sha256": _etag(data), "size": len(data), "pointerSize": len(pointer)},
        }
    return sibling


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest() if len(data) >= LFS_BYTES else _git_id(data)


def _git_id(data: bytes) -> str:
    blob = f"blob {len(data)}\0".encode() + data
    return hashlib.sha1(blob, usedforsecurity=False).hexdigest()
