"""What `make lab` and `make explorers` start answers this machine, with the token, from its own page; nobody else."""

import contextlib
import http.client
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from gltr_lib.course import server

ROOT = Path(__file__).resolve().parents[1]
UPGRADE = {
    "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}  # fmt: skip
SOCKET = "/api/events/subscribe"  # a websocket that needs no kernel


def ask(url, path, headers=None, method="GET", body=None):
    """(status, headers) of one request; the host is always this machine, whatever the headers say."""
    where = urlsplit(url)
    line = http.client.HTTPConnection("127.0.0.1", where.port, timeout=20)
    try:
        line.request(method, path, body, headers or {})
        answer = line.getresponse()
        return answer.status, answer.headers
    finally:
        line.close()


def cookies(url, token):
    """The cookie of a browser that opened the page with its token."""
    status, headers = ask(url, f"/lab?token={token}")
    assert status in (200, 302)
    return "; ".join(value.split(";")[0] for value in headers.get_all("Set-Cookie"))


def listeners(port):
    """Addresses on which somebody listens at a port, as Linux lists them."""
    found = set()
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
                address, _, state = line.split()[1:4]
                host, at = address.split(":")
                if state == "0A" and int(at, 16) == port:
                    found.add(host)
    return found


def check_closed_to_others(url, token):
    port = urlsplit(url).port
    if Path("/proc/net/tcp").exists():
        assert listeners(port) == {"0100007F"}, "127.0.0.1 and no other address"
    own, other = {"Origin": f"http://127.0.0.1:{port}"}, {"Origin": "http://evil.example"}

    for path in ("/api/contents", "/api/sessions", "/api/kernels", SOCKET):
        assert ask(url, path)[0] == 403, f"{path} without a token"
        assert ask(url, path, {"Authorization": "token " + "0" * 48})[0] == 403, f"{path} with another token"
    assert ask(url, "/api/contents", {"Authorization": f"token {token}"})[0] == 200

    cookie = {"Cookie": cookies(url, token)}
    assert ask(url, "/api/contents", cookie)[0] == 200
    # A page of somebody else, open in the same browser: its requests carry the cookie, and are refused all the same.
    assert ask(url, SOCKET, UPGRADE | cookie | own)[0] == 101
    assert ask(url, SOCKET, UPGRADE | cookie | other)[0] == 403
    # Jupyter answers 404 here: it does not even say that there is something.
    assert ask(url, "/api/contents", cookie | other)[0] == 404
    assert ask(url, "/api/kernels", cookie | other, "POST", "{}")[0] == 404, "no kernel for a script of another page"
    assert ask(url, "/api/kernels", cookie | own, "POST", "{}")[0] == 403, "nor without the page's XSRF mark"
    # A name that somebody else lets point to 127.0.0.1 (DNS rebinding).
    assert ask(url, "/api/contents", cookie | {"Host": "evil.example"})[0] == 403


@pytest.mark.course
def test_the_classrooms_server(tmp_path):
    with server.Server(tmp_path / "made") as running:
        check_closed_to_others(running.url, running.token)


@pytest.mark.course
def test_make_lab(tmp_path):
    venv = Path(sys.executable).parent.parent
    said = subprocess.run(
        ["make", "-n", "lab", f"VENV={venv}"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.replace("\\\n", " ")
    line = next(line for line in said.splitlines() if "jupyter lab" in line)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = "0123456789abcdef" * 3  # the command makes one of its own; here we have to know it
    env = os.environ | {f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    env |= {"JUPYTER_TOKEN": token, "JUPYTER_PLATFORM_DIRS": "0"}
    command = [*shlex.split(line), "--no-browser", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    assert not any(word in line for word in ("allow_origin", "disable_check_xsrf", "token=", "password"))
    log = tmp_path / "log"
    with open(log, "w") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True
        )
    try:
        url, end = f"http://127.0.0.1:{port}/", time.monotonic() + 90
        while time.monotonic() < end and process.poll() is None:
            with contextlib.suppress(OSError):
                ask(url, "/api")
                break
            time.sleep(0.2)
        assert process.poll() is None, log.read_text()
        check_closed_to_others(url, token)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
