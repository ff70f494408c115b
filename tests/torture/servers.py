"""A server on this machine that behaves badly on purpose; the first part of a path says how, the second keeps count.

It runs in a process of its own, so that the campaign stays single-threaded and may fork.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: How it behaves -> what a client that knows the checksum must make of it: the whole file, or a refusal in one line.
WHOLE = (
    "plain", "no-length", "no-tag", "weak-tag", "chunks", "cut", "cut-often", "torn-chunk", "stall-once", "trickle",
    "redirect", "redirect-chain", "busy", "416-once", "nonsense-once", "no-ranges", "other-piece", "changed-once",
    "other-length-once", "reset-once",
)  # fmt: skip
REFUSED = (
    "corrupt", "always-cut", "always-stall", "to-file", "redirect-loop", "redirect-nowhere", "claims-more",
    "claims-more-with-ranges", "claims-less", "missing", "forbidden", "always-busy", "huge", "nonsense", "empty",
    "negative-length", "many-headers", "long-header", "always-416", "reset", "empty-once",
)  # fmt: skip
STALL = 1.5  # seconds without a byte that the client waits for; the server then waits longer


@dataclass
class Served:
    """A running server: its address, its file, and the file's checksum."""

    url: str
    data: bytes
    sha256: str


@contextlib.contextmanager
def serving(data: bytes, slow: float = 0.0) -> Iterator[Served]:
    """Serve ``data`` from a process of its own; ``slow``: seconds that a plain answer takes.

    Yields:
        What is served; ask for ``url/KIND/CASE/name``, a new CASE for each case.
    """
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    port = listener.getsockname()[1]
    pid = os.fork()
    if pid == 0:
        try:
            _serve(listener, data, slow)
        finally:
            os._exit(0)
    listener.close()
    try:
        yield Served(f"http://127.0.0.1:{port}", data, hashlib.sha256(data).hexdigest())
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _serve(listener: socket.socket, data: bytes, slow: float) -> None:
    parent = os.getppid()
    log = os.open(Path(os.devnull), os.O_WRONLY)
    os.dup2(log, 1)
    os.dup2(log, 2)  # clients that were killed are no news
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
    server.socket.close()
    server.socket = listener
    server.server_address = listener.getsockname()[:2]
    server.data, server.slow, server.counts = data, slow, {}  # type: ignore[attr-defined]
    server.timeout = 0.5
    server.daemon_threads = True
    while os.getppid() == parent:
        server.handle_request()


class Handler(http.server.BaseHTTPRequestHandler):
    """One request. State is kept by path alone, so that cases do not disturb one another."""

    protocol_version = "HTTP/1.1"
    timeout = 30

    def log_message(self, *words: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer as the path says."""
        self.close_connection = True
        with contextlib.suppress(OSError):  # the client has been killed, or has had enough
            self._answer(*self.path.strip("/").split("/")[:2])

    def _answer(self, kind: str, case: str) -> None:
        server: Any = self.server
        count = server.counts[self.path] = server.counts.get(self.path, 0) + 1
        data, base = server.data, f"http://127.0.0.1:{server.server_address[1]}"
        first = count == 1
        cut = random.Random(case).randrange(1, len(data))
        if kind in ("missing", "forbidden"):
            return self.send_error(404 if kind == "missing" else 403)
        if kind == "always-busy" or (kind == "busy" and count < 3):
            return self._head(503, ("Retry-After", "1" if count % 2 else "soon"), ("Content-Length", "0"))
        if kind in ("redirect", "redirect-chain", "redirect-loop", "redirect-nowhere", "to-file"):
            step = int(case.rpartition("-step")[2] or 0) if "-step" in case else 0
            on = {
                "redirect": f"{base}/plain/{case}/a.zip",
                "redirect-chain": f"{base}/plain/{case}/a.zip" if step > 2 else f"{base}/{kind}/c-step{step + 1}/a.zip",
                "redirect-loop": f"{base}{self.path}",
                "redirect-nowhere": "http://127.0.0.1:1/a.zip",
                "to-file": "file:///etc/passwd",
            }[kind]
            return self._head((301, 302, 303, 307, 308)[count % 5], ("Location", on), ("Content-Length", "0"))
        if kind in ("nonsense", "nonsense-once") and (first or kind == "nonsense"):
            self.wfile.write(b"hello\r\n\r\n")
            return None
        if kind in ("reset", "reset-once") and (first or kind == "reset"):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.connection.close()
            return None
        if kind in ("empty", "empty-once") and (first or kind == "empty"):
            return self._head(200, ("Content-Length", "0"))
        if kind == "many-headers":
            return self._head(200, *[(f"X-{number}", "y") for number in range(300)])
        if kind == "long-header":
            return self._head(200, ("X-Long", "y" * 70_000))
        if kind == "huge":
            return self._head(200, ("Content-Length", str(10**15)))
        if kind == "negative-length":
            self._head(200, ("Content-Length", "-5"))
            self.wfile.write(data[:cut])
            return None
        if kind in ("chunks", "torn-chunk"):
            self._head(200, ("Transfer-Encoding", "chunked"))
            if kind == "torn-chunk" and first:
                self.wfile.write(b"%x\r\n" % len(data) + data[:cut])
                return None
            self.wfile.write(b"%x\r\n" % len(data) + data + b"\r\n0\r\n\r\n")
            return None
        return self._body(kind, count, data, cut)

    def _body(self, kind: str, count: int, data: bytes, cut: int) -> None:
        """The file, or what this kind makes of it."""
        server: Any = self.server
        first = count == 1
        if kind == "corrupt" or (kind == "changed-once" and first):
            data = data[:cut] + bytes([data[cut] ^ 1]) + data[cut + 1 :]
        tag = '"old"' if kind == "changed-once" and first else '"v1"'
        start = 0
        span = self.headers.get("Range")
        if span and self.headers.get("If-Range") == tag and kind != "no-ranges":
            start = int(span.removeprefix("bytes=").rstrip("-"))
            if kind == "always-416" or (kind == "416-once" and count == 2) or start >= len(data):
                return self._head(416, ("Content-Range", f"bytes */{len(data)}"), ("Content-Length", "0"))
        headers = []
        if start:
            shift = 3 if kind == "other-piece" else 0
            headers.append(("Content-Range", f"bytes {start + shift}-{len(data) - 1}/{len(data)}"))
        if kind not in ("no-tag", "claims-more"):
            headers.append(("ETag", f"W/{tag}" if kind == "weak-tag" else tag))
        length = len(data) - start
        lies = {"claims-more": 1000, "claims-more-with-ranges": 1000, "claims-less": -1000}
        length += lies.get(kind, 500 if kind == "other-length-once" and first else 0)
        if kind != "no-length":
            headers.append(("Content-Length", str(length)))
        self._head(206 if start else 200, *headers)
        body = data[start:]
        broken = ("cut", "weak-tag", "no-ranges", "other-piece", "416-once", "changed-once")
        if (kind in broken and first) or (kind == "cut-often" and count < 5):
            body = body[: max(1, min(cut, len(body) // 2))]
        if kind in ("always-cut", "always-416"):
            body = body[:1000] if start == 0 else b""
        if kind == "always-stall" or (kind == "stall-once" and first):
            self.wfile.write(body[:1000] if start == 0 else b"")
            self.wfile.flush()
            time.sleep(3 * STALL)
            return None
        pieces = 40 if server.slow else 16 if kind == "trickle" else 1
        pause = server.slow / pieces if server.slow else STALL / 4 if kind == "trickle" else 0.0
        size = -(-len(body) // pieces)
        for place in range(0, len(body), max(1, size)):
            self.wfile.write(body[place : place + size])
            self.wfile.flush()
            if pause:
                time.sleep(pause)
        return None

    def _head(self, code: int, *headers: tuple[str, str]) -> None:
        self.send_response(code)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
