"""Downloads that go on where they stopped, and a file that appears only when it is whole and its checksum is right.

A dataset's archive is gigabytes large and its server is not always there. pooch, which knows checksums, starts a broken
download anew; here the part that has come stays in ``NAME.part`` and a Range request asks for the rest, with If-Range
so that the rest of *another* file is never glued to it. Several sources are tried in turn. Only http and https are
spoken, and plain http only where a checksum guards the content. The transfer itself is in ``_transfer.py``.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from gltr_lib._drafts import digest, locked, write_text
from gltr_lib._json import parse_object
from gltr_lib._typed import typed
from gltr_lib.prepare._transfer import DiskFull, DownloadError, Part, Progress, SameScheme, until_whole

__all__ = ["DiskFull", "DownloadError", "Progress", "SameScheme", "digest", "download", "remember"]


@typed
def download(
    urls: str | Sequence[str],
    target: str | os.PathLike[str],
    *,
    sha256: str = "",
    md5: str = "",
    insecure: bool = False,
    attempts: int = 5,
    timeout: float = 60.0,
    headers: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    opener: Any = None,
    sleep: Callable[[float], Any] = time.sleep,
) -> Path:
    """Download a file from the first source that gives it whole; call again to go on after an interruption.

    Args:
        urls: one address or several sources of the same file.
        target: appears whole or not at all; until then ``target.part`` grows beside it. If it is there already, its
            checksum is verified and nothing is downloaded.
        sha256: checksum in hexadecimal; its first 8 or more digits suffice (as in ``resnet50-11ad3fa6.pth``).
        md5: likewise, where only that is published.
        insecure: allow plain http without a checksum.
        attempts: tries a source gets in a row without a new byte before the next source is asked.
        timeout: seconds without a byte after which a connection counts as broken.
        headers: sent along.
        progress: called with (bytes so far, bytes in all or None).
        opener: something with ``open(request, timeout=)``, for tests.
        sleep: waits between attempts, for tests.

    Returns:
        The target.

    Raises:
        ValueError: no source, an address that is not http(s), plain http without a checksum.
        DownloadError: no source gave the file, a wrong checksum (what came is deleted), a full disk.
    """
    sources = [urls] if isinstance(urls, str) else list(urls)
    for url in sources:
        _check_url(url, bool(sha256 or md5) or insecure)
    if not sources:
        raise ValueError("download: expected at least one address, received none")
    target = Path(target)
    if target.exists():
        _verify(target, sha256, md5, "delete it and call this again")
        _tidy(target)
        return target
    opener = opener or urllib.request.build_opener(SameScheme)
    target.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    with _only_one(target):
        if target.exists():  # since we looked, another process has brought it
            _verify(target, sha256, md5, "delete it and call this again")
            return target
        for url in sources:
            part = Part(target, url)
            try:
                until_whole(opener, part, attempts, timeout, headers or {}, progress, sleep)
                _verify(part.path, sha256, md5, "what came was deleted; call this again", delete=True)
            except DownloadError as error:
                if not part.path.exists():
                    part.forget()
                if isinstance(error, DiskFull):  # another source would not find more room
                    raise
                failures.append(str(error))
                continue
            os.replace(part.path, target)
            part.forget()
            return target
    raise DownloadError("; ".join(failures))


@typed
def remember(path: str | os.PathLike[str], record: str | os.PathLike[str]) -> str:
    """Hold a file whose checksum nobody publishes to the one it had when it first came ("trust on first use").

    Args:
        path: the file.
        record: JSON file, name -> SHA-256; made or extended.

    Returns:
        The SHA-256.

    Raises:
        DownloadError: the record has another checksum for this name.
    """
    path, record = Path(path), Path(record)
    try:
        known = parse_object(record.read_bytes()) if record.exists() else {}
    except ValueError as error:
        raise DownloadError(f"{record}: not a record of checksums ({error}); delete it to begin a new one") from None
    found = digest(path)
    if known.setdefault(path.name, found) != found:
        raise DownloadError(
            f"{path}: sha256 {found[:16]}..., but {record} recorded {known[path.name]!s:.16}... when it first came; "
            f"delete the file and download it again, or the line in the record if the publisher renewed it"
        )
    write_text(record, json.dumps(dict(sorted(known.items())), indent=1) + "\n")
    return found


def _verify(path: Path, sha256: str, md5: str, remedy: str, *, delete: bool = False) -> None:
    for kind, wanted in (("sha256", sha256.lower()), ("md5", md5.lower())):
        if not wanted:
            continue
        if not re.fullmatch(r"[0-9a-f]{8,64}", wanted):
            raise ValueError(f"{kind}: expected 8 or more hexadecimal digits, received {wanted!r}")
        found = digest(path, kind)
        if not found.startswith(wanted):
            if delete:
                path.unlink()
            raise DownloadError(f"{path}: {kind} {found[:16]}..., expected {wanted[:16]}...; {remedy}")


def _tidy(target: Path) -> None:
    """Remove what a process left that was killed between giving the file its name and going home."""
    with contextlib.suppress(OSError):
        for name in (f"{target.name}.part", f"{target.name}.part.json"):
            target.with_name(name).unlink(missing_ok=True)
        _lock_of(target).unlink(missing_ok=True)


def _lock_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.lock")


def _check_url(url: str, guarded: bool) -> None:
    parsed = urlparse(url)
    if parsed.scheme not in ("http", "https") or not parsed.netloc:
        raise ValueError(f"{url}: expected an http or https address")
    if parsed.scheme == "http" and not guarded:
        raise ValueError(f"{url}: plain http can be altered on its way; give a checksum")


@contextlib.contextmanager
def _only_one(target: Path) -> Iterator[None]:
    """Two processes must not write one part; the lock goes with the process, however it ends."""
    lock = _lock_of(target)
    with lock.open("w") as file, locked(file.fileno()) as ours:
        if not (ours and _is_at(file.fileno(), lock)):
            raise DownloadError(f"{target}: another process is downloading it")
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # Windows removes no open file; the next call does
                lock.unlink(missing_ok=True)


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether an open lock still has its name: its last holder removes it, and a third process may make a new one."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False
