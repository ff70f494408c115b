"""Downloads against a server that behaves badly on purpose; everything stays on this machine."""

import hashlib
import http.server
import socket
import threading
import time

import pytest

from gltr_lib.prepare import _transfer
from gltr_lib.prepare.download import DownloadError, digest, download, remember

DATA = bytes(range(256)) * 2000  # 512,000 bytes
SHA = hashlib.sha256(DATA).hexdigest()
MD5 = hashlib.md5(DATA).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves DATA under any name; the path says how it misbehaves, ``asked`` remembers the requests."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked, self.data, self.tag, self.count = [], DATA, '"v1"', 0
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.close_connection = True
        server = self.server
        server.asked.append((self.path, self.headers.get("Range")))
        server.count += 1
        kind = self.path.strip("/").split("/")[0]
        if kind == "missing":
            return self.send_error(404)
        if kind == "busy" and server.count < 3:
            self.send_response(503)
            self.send_header("Retry-After", "7")
            return self.end_headers()
        if kind in ("redirect", "to-file", "circle"):
            self.send_response(302)
            elsewhere = {"to-file": "file:///etc/passwd", "circle": server.url + self.path}
            self.send_header("Location", elsewhere.get(kind, server.url + "/plain/a.zip"))
            return self.end_headers()
        if kind in ("chunks", "torn-chunks"):
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n" % len(DATA) + DATA + b"\r\n")
            if kind == "chunks" or server.count > 1:
                self.wfile.write(b"0\r\n\r\n")
            else:
                self.wfile.write(b"ff\r\nhalf")
            return None
        if kind == "nonsense" and server.count == 1:
            self.wfile.write(b"hello\r\n\r\n")
            return None
        start, data = 0, server.data
        span = self.headers.get("Range")
        if span and kind != "no-ranges" and self.headers.get("If-Range") == server.tag:
            start = int(span.removeprefix("bytes=").rstrip("-"))
            if start >= len(data):
                return self.send_error(416)
        wrong = 5 if kind == "other-piece" and start else 0
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start + wrong}-{len(data) - 1}/{len(data)}")
        if kind != "no-tag":
            self.send_header("ETag", "W/" + server.tag if kind == "weak" else server.tag)
        if kind != "no-length":
            self.send_header("Content-Length", str(len(data) - start + (1000 if kind == "claims-more" else 0)))
        self.end_headers()
        body = data[start:]
        if kind in ("cut", "no-ranges", "other-piece", "weak") and server.count == 1:
            body = body[:200_000]
        if kind == "always-cut":
            body = body[:100_000] if start == 0 else b""
        if kind == "slow" and server.count == 1:
            self.wfile.write(body[:1000])
            self.wfile.flush()
            time.sleep(0.8)
            return None
        self.wfile.write(body)
        return None


@pytest.fixture
def server():
    running = Server()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()


def get(server, kind, target, **options):
    waits = []
    options = {"insecure": True, "sleep": waits.append, **options}
    return download(f"{server.url}/{kind}/a.zip", target, **options), waits


@pytest.mark.parametrize("kind", ["plain", "no-length", "no-tag", "redirect"])
def test_a_file_comes_whole_and_alone(server, tmp_path, kind):
    seen = []
    path, _ = get(server, kind, tmp_path / "sub" / "a.zip", sha256=SHA, md5=MD5, progress=lambda *at: seen.append(at))
    assert path.read_bytes() == DATA
    assert [p.name for p in (tmp_path / "sub").iterdir()] == ["a.zip"]
    assert seen[-1] == (len(DATA), None if kind == "no-length" else len(DATA))
    asked = len(server.asked)
    get(server, kind, path, sha256=SHA)
    assert len(server.asked) == asked, "what is there and right is not asked for again"


@pytest.mark.parametrize("kind", ["cut", "slow"])
def test_what_breaks_off_goes_on_where_it_was(server, tmp_path, kind):
    path, waits = get(server, kind, tmp_path / "a.zip", sha256=SHA, timeout=0.3)
    assert path.read_bytes() == DATA
    first = 200_000 if kind == "cut" else 1000
    assert [span for _, span in server.asked] == [None, f"bytes={first}-"]
    assert waits == [1.0]


@pytest.mark.parametrize("kind", ["chunks", "torn-chunks", "nonsense"])
def test_answers_in_chunks_and_answers_that_are_none(server, tmp_path, kind):
    path, waits = get(server, kind, tmp_path / "a.zip", sha256=SHA)
    assert path.read_bytes() == DATA
    assert len(waits) == (0 if kind == "chunks" else 1)


@pytest.mark.parametrize("kind", ["no-ranges", "weak", "other-piece"])
def test_it_starts_anew_where_the_rest_would_not_fit(server, tmp_path, kind):
    path, _ = get(server, kind, tmp_path / "a.zip", sha256=SHA)
    assert path.read_bytes() == DATA


def test_a_later_call_goes_on_but_never_glues_another_file_to_the_part(server, tmp_path):
    with pytest.raises(DownloadError, match=r"ended after 100,000 of 512,000 bytes; call this again"):
        get(server, "always-cut", tmp_path / "a.zip", attempts=1)
    assert (tmp_path / "a.zip.part").stat().st_size == 100_000
    assert not (tmp_path / "a.zip").exists()
    server.data, server.tag = DATA[::-1], '"v2"'
    path = download(f"{server.url}/always-cut/a.zip".replace("always-cut", "plain"), tmp_path / "a.zip", insecure=True)
    assert path.read_bytes() == DATA[::-1]


def test_a_new_process_goes_on_with_the_part_of_the_old(server, tmp_path):
    url = f"{server.url}/plain/a.zip"
    (tmp_path / "a.zip.part").write_bytes(DATA[:300_000])
    (tmp_path / "a.zip.part.json").write_text(f'{{"url": "{url}", "validator": "\\"v1\\"", "total": {len(DATA)}}}')
    assert download(url, tmp_path / "a.zip", sha256=SHA).read_bytes() == DATA
    assert server.asked[0][1] == "bytes=300000-"
    for left in (b"x" * (len(DATA) + 5), DATA):  # longer than the file; and whole, killed before the rename
        (tmp_path / "a.zip").unlink()
        (tmp_path / "a.zip.part").write_bytes(left)
        (tmp_path / "a.zip.part.json").write_text(f'{{"url": "{url}", "validator": "\\"v1\\"", "total": {len(DATA)}}}')
        assert download(url, tmp_path / "a.zip", sha256=SHA, sleep=lambda _: None).read_bytes() == DATA


def test_a_wrong_checksum_deletes_what_came_and_says_so(server, tmp_path):
    server.data = DATA[:-1] + b"!"
    for kind, wanted in (("sha256", SHA), ("md5", MD5)):
        with pytest.raises(DownloadError, match=rf"{kind} .*expected {wanted[:16]}.*deleted"):
            get(server, "plain", tmp_path / "a.zip", **{kind: wanted})
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a.zip").write_bytes(b"mine")
    with pytest.raises(DownloadError, match="delete it and call this again"):
        get(server, "plain", tmp_path / "a.zip", sha256=SHA)
    assert (tmp_path / "a.zip").read_bytes() == b"mine", "a file that was there is the user's"
    with pytest.raises(ValueError, match="hexadecimal"):
        get(server, "plain", tmp_path / "a.zip", sha256="xyz")


def test_the_first_digits_of_a_checksum_suffice(server, tmp_path):
    assert get(server, "plain", tmp_path / "a.zip", sha256=SHA[:8])[0].read_bytes() == DATA
    with pytest.raises(DownloadError):
        get(server, "plain", tmp_path / "a.zip", sha256="0" * 8)


def test_the_next_source_is_asked_when_one_fails(server, tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{closed.getsockname()[1]}/a.zip"
    urls = [f"{server.url}/missing/a.zip", nobody, f"{server.url}/plain/a.zip"]
    assert download(urls, tmp_path / "a.zip", sha256=SHA, attempts=2, sleep=lambda _: None).read_bytes() == DATA
    with pytest.raises(DownloadError, match=r"HTTP 404.*needs a login; http://127.*no connection"):
        download(urls[:2], tmp_path / "b.zip", sha256=SHA, attempts=2, sleep=lambda _: None)


def test_a_word_in_an_address_decides_nothing(server, tmp_path):
    """The source whose address holds "disk" is missing; that says nothing about our disk."""
    urls = [f"{server.url}/missing/disk.zip", f"{server.url}/plain/a.zip"]
    assert download(urls, tmp_path / "a.zip", sha256=SHA, sleep=lambda _: None).read_bytes() == DATA


def test_a_busy_server_is_given_the_time_it_asks_for(server, tmp_path):
    path, waits = get(server, "busy", tmp_path / "a.zip")
    assert path.read_bytes() == DATA
    assert waits == [7.0, 7.0]


def test_only_http_and_only_guarded(server, tmp_path):
    for url in ("file:///etc/passwd", "ftp://example.org/a", "a.zip", "https://"):
        with pytest.raises(ValueError, match="expected an http or https address"):
            download(url, tmp_path / "a.zip")
    with pytest.raises(ValueError, match="give a checksum"):
        download(f"{server.url}/plain/a.zip", tmp_path / "a.zip")
    with pytest.raises(ValueError, match="at least one address"):
        download([], tmp_path / "a.zip")
    with pytest.raises(DownloadError):
        get(server, "to-file", tmp_path / "a.zip")
    handler, request = _transfer.SameScheme(), _transfer.urllib.request.Request("https://example.org/a")
    with pytest.raises(DownloadError, match="not https"):
        handler.redirect_request(request, None, 302, "", {}, "http://example.org/a")
    assert not (tmp_path / "a.zip").exists()


def test_a_disk_that_is_full_keeps_the_part(server, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    with monkeypatch.context() as patch:
        patch.setattr(_transfer.shutil, "disk_usage", lambda path: usage)
        with pytest.raises(DownloadError, match=r"512,000 bytes are to come and 1,000 are free"):
            download([f"{server.url}/plain/a.zip", f"{server.url}/plain/b.zip"], tmp_path / "a.zip", sha256=SHA)
    assert [path for path, _ in server.asked] == ["/plain/a.zip"], "another source would not find more room"
    assert list(tmp_path.iterdir()) == []

    class Full:
        status, headers = 200, {"Content-Length": "10", "ETag": '"x"'}

        def __init__(self):
            self.blocks = [b"12345", OSError(28, "No space left on device")]

        def read(self, size):
            block = self.blocks.pop(0)
            if isinstance(block, OSError):
                raise block
            return block

        def __enter__(self):
            return self

        def __exit__(self, *error):
            return False

    opener = type("Opener", (), {"open": lambda self, request, timeout: Full()})()
    with pytest.raises(DownloadError, match="the disk is full after 5 bytes"):
        download("https://example.org/a.zip", tmp_path / "b.zip", opener=opener)
    assert (tmp_path / "b.zip.part").read_bytes() == b"12345"


def test_two_processes_do_not_write_one_part(server, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    with (tmp_path / ".a.zip.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DownloadError, match="another process"):
            get(server, "plain", tmp_path / "a.zip")


def test_unpublished_checksums_are_remembered_from_the_first_time(tmp_path):
    path, record = tmp_path / "decoder.pth", tmp_path / "checksums.json"
    path.write_bytes(b"first")
    assert remember(path, record) == digest(path) == remember(path, record)
    path.write_bytes(b"other")
    with pytest.raises(DownloadError, match=r"decoder.pth: sha256 .* recorded"):
        remember(path, record)


def test_a_server_that_announces_more_than_it_has_is_given_up(server, tmp_path):
    """It brings the file, refuses the rest of it, brings it again: each time with new bytes, and for ever."""
    with pytest.raises(DownloadError, match="call this again to"):
        get(server, "claims-more", tmp_path / "a.zip", sha256=SHA, attempts=3)
    assert len(server.asked) < 10
    assert not (tmp_path / "a.zip").exists()


def test_a_redirect_in_a_circle_is_one_line(server, tmp_path):
    with pytest.raises(DownloadError, match=r"HTTP 302 .*infinite loop.*; ask later") as caught:
        get(server, "circle", tmp_path / "a.zip", sha256=SHA)
    assert "\n" not in str(caught.value)


def test_what_a_process_left_that_was_killed_at_the_very_end_goes_with_the_next_call(server, tmp_path):
    (tmp_path / "a.zip").write_bytes(DATA)
    for name in ("a.zip.part.json", ".a.zip.lock"):
        (tmp_path / name).write_text("{}")
    get(server, "plain", tmp_path / "a.zip", sha256=SHA)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zip"]
    assert server.asked == []


def test_a_lock_that_its_holder_has_just_removed_lets_nobody_in(server, tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def late(file, how, real=fcntl.flock):
        real(file, how)
        (tmp_path / ".a.zip.lock").unlink()  # the holder goes home, and a third process makes a lock of its own
        (tmp_path / ".a.zip.lock").touch()

    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", late)
        with pytest.raises(DownloadError, match="another process"):
            get(server, "plain", tmp_path / "a.zip", sha256=SHA)
    assert get(server, "plain", tmp_path / "a.zip", sha256=SHA)[0].read_bytes() == DATA
