"""One transfer over HTTP: ask for what is missing, append it, and say which failures are worth another attempt.

Used by ``download.py``, which says what for. Source: RFC 9110 sections 13.1.5 (If-Range) and 14 (Range).
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from gltr_lib._drafts import is_full
from gltr_lib._json import parse_object

CHUNK = 1 << 20
SPARE = 64 << 20  # bytes of disk that are left free
AGENT = "gltr-course"
Progress = Callable[[int, "int | None"], Any]
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_TRY_LATER = {408, 425, 429, 500, 502, 503, 504}


class DownloadError(OSError):
    """A file cannot be had, or is not what it should be; the message says what to do."""


class DiskFull(DownloadError):
    """There is no room for the file, whoever sends it."""


class _Broken(Exception):
    """The connection broke or the server is busy: worth another attempt."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class SameScheme(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https, and never from https to anything else."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        before, after = urlparse(req.full_url).scheme, urlparse(newurl).scheme
        if after != "https" and (before == "https" or after != "http"):
            raise DownloadError(f"{req.full_url} redirects to {newurl}, which is not {before}; nothing was downloaded")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@dataclass
class Part:
    """The piece that has come, and what is known of the whole: address, validator, length."""

    target: Path
    url: str

    def __post_init__(self) -> None:
        self.path = self.target.with_name(self.target.name + ".part")
        self.notes = self.target.with_name(self.target.name + ".part.json")
        try:
            facts = parse_object(self.notes.read_bytes())
        except (OSError, ValueError):
            facts = {}
        same = facts.get("url") == self.url
        self.validator: str = str(facts.get("validator") or "") if same else ""
        total = facts.get("total") if same else None
        self.total: int | None = total if isinstance(total, int) else None

    @property
    def have(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def note(self, validator: str, total: int | None) -> None:
        self.validator, self.total = validator, total
        self.notes.write_text(json.dumps({"url": self.url, "validator": validator, "total": total}), encoding="utf-8")

    def start_anew(self) -> None:
        self.path.unlink(missing_ok=True)
        self.forget()
        self.validator, self.total = "", None

    def forget(self) -> None:
        self.notes.unlink(missing_ok=True)


def until_whole(
    opener: Any,
    part: Part,
    attempts: int,
    timeout: float,
    headers: Mapping[str, str],
    progress: Progress | None,
    sleep: Callable[[float], Any],
) -> None:
    """Ask until the part is whole; an attempt that brought bytes does not count as failed."""
    failed = anew = 0
    while True:
        before = part.have
        try:
            _ask(opener, part, timeout, headers, progress)
            return
        except _Broken as error:
            failed = 1 if part.have > before else failed + 1
            # A server that announces more than it has brings bytes, refuses the rest, brings them again, for ever.
            anew += part.have < before
            if max(failed, anew) >= max(1, attempts):
                where = f"go on after {part.have:,} bytes" if part.have else "try anew"
                raise DownloadError(f"{part.url}: {error}; call this again to {where}") from None
            sleep(max(error.wait, min(60.0, 2.0 ** (failed - 1))))


def _ask(opener: Any, part: Part, timeout: float, headers: Mapping[str, str], progress: Progress | None) -> None:
    """One request for what is missing; raises _Broken where it may be worth asking again."""
    request = urllib.request.Request(part.url, headers={"User-Agent": AGENT, **headers})
    if part.have and part.validator:  # without one nobody can say whether the rest belongs to the same file
        request.add_header("Range", f"bytes={part.have}-")
        request.add_header("If-Range", part.validator)
    try:
        with opener.open(request, timeout=timeout) as answer:
            _receive(answer, part, progress)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416:  # the part is as long as the file, or longer
                if part.total is not None and part.have == part.total:
                    return
                part.start_anew()
                raise _Broken("the server refused the rest of what we have; starting anew") from None
            if error.code in _TRY_LATER:
                raise _Broken(f"HTTP {error.code} {error.reason}", _retry_after(error.headers)) from None
            reason = " ".join(str(error.reason).split())  # of a redirect in a circle: three lines
            hint = "the address has changed or needs a login" if error.code in (401, 403, 404, 410) else "ask later"
            raise DownloadError(f"{part.url}: HTTP {error.code} {reason}; {hint}") from None
    except DownloadError:
        raise
    except TimeoutError:
        raise _Broken(f"no byte came for {timeout:g} seconds") from None
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise _Broken(f"no answer in {timeout:g} seconds") from None
        raise _Broken(f"no connection ({error.reason})") from None
    except http.client.HTTPException as error:  # half a chunk, no status line: no OSError, but the same trouble
        raise _Broken(f"the connection broke ({type(error).__name__})") from None
    except OSError as error:
        if is_full(error):
            raise DiskFull(
                f"{part.path}: the disk is full after {part.have:,} bytes; free some and call this again to go on"
            ) from None
        raise _Broken(f"the connection broke ({error})") from None


def _receive(answer: Any, part: Part, progress: Progress | None) -> None:
    have = part.have
    span = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", "") or "")
    goes_on = answer.status == 206 and span is not None and int(span[1]) == have and have > 0
    if answer.status == 206 and not goes_on:
        part.start_anew()
        raise _Broken("the server sent another piece than asked for; starting anew")
    length = answer.headers.get("Content-Length")
    have = have if goes_on else 0
    total = have + int(length) if length and length.isdigit() else None
    tag = answer.headers.get("ETag", "") or ""
    # A weak tag promises equal meaning, not equal bytes: it cannot join two halves.
    part.note(answer.headers.get("Last-Modified", "") or "" if tag.startswith("W/") or not tag else tag, total)
    free = shutil.disk_usage(part.path.parent).free
    if total is not None and total - have + SPARE > free:
        raise DiskFull(
            f"{part.path.parent}: {total - have:,} bytes are to come and {free:,} are free; the disk would be full"
        )
    take = getattr(answer, "read1", answer.read)  # read() would lose what came before a timeout
    with part.path.open("ab" if goes_on else "wb") as file:
        while block := take(CHUNK):
            file.write(block)
            have += len(block)
            if progress is not None:
                progress(have, total)
        file.flush()
        os.fsync(file.fileno())
    if total is not None and have < total:
        raise _Broken(f"the answer ended after {have:,} of {total:,} bytes")
    if total is not None and have > total:
        part.start_anew()
        raise _Broken(f"{have:,} bytes came where {total:,} were announced; starting anew")


def _retry_after(headers: Any) -> float:
    value = (headers.get("Retry-After") or "") if headers else ""
    return min(300.0, float(value)) if value.isdigit() else 0.0
