"""Files that appear whole or not at all, what the killed left of them, and folders held by one process at a time.

A draft's name tells whose it is (machine, process, thread), so that two writers never share one, and so that the draft
of a process that was killed can be told from that of one at work. Whoever writes the same file next removes it; a job
that fills a folder sweeps the folder when it begins. Where two at once would write into one file, :func:`alone` lets
one in.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeGuard

from gltr_lib._typed import typed

_HOST = re.sub(r"[^A-Za-z0-9]", "", socket.gethostname())[:32] or "host"
_DRAFT = re.compile(r"^\.(.*)\.([A-Za-z0-9]+)-(\d+)-\d+\.tmp$", re.DOTALL)
_HELD: set[int] = set()
_ABANDONED = 3600.0  # seconds after which the draft of a machine that cannot be asked is nobody's


def draft_name(path: Path) -> Path:
    """A name beside ``path`` that no other process or thread uses, and that tells whose it is."""
    return path.with_name(f".{_head(path.name)}.{_HOST}-{os.getpid()}-{threading.get_ident()}.tmp")


def _head(name: str) -> str:
    """A file's name as its draft carries it: a very long one is cut, since file systems end at 255 bytes."""
    raw = os.fsencode(name)
    return name if len(raw) <= 170 else f"{os.fsdecode(raw[:120])}~{hashlib.sha256(raw).hexdigest()[:16]}"


def is_draft(name: str) -> bool:
    """Whether :func:`draft_name` made this name.

    Example:
        >>> is_draft(draft_name(Path("a.png")).name), is_draft("a.png")
        (True, False)
    """
    return _DRAFT.match(name) is not None


@contextmanager
def atomic_file(path: Path, *, swept: bool = False) -> Iterator[Path]:
    """Write a file whole or not at all: the block writes the draft, which then takes the file's place.

    Args:
        path: the file; its folder is made. Drafts of it that killed processes left are removed.
        swept: a job that fills the folder has swept it: no need to list it again for each of its files.

    Yields:
        The draft's path.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with atomic_file(Path(folder) / "new" / "a.txt") as draft:
        ...         _ = draft.write_text("all of it")
        ...     [path.name for path in (Path(folder) / "new").iterdir()]
        ['a.txt']
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not swept:
        sweep_beside(path)
    draft = draft_name(path)
    try:
        yield draft
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


@typed
def write_text(path: str | os.PathLike[str], text: str, *, swept: bool = False) -> None:
    """Write a text file under a temporary name and rename it: never a half-written file."""
    with atomic_file(Path(path), swept=swept) as draft:
        draft.write_text(text, encoding="utf-8")


def is_full(error: BaseException) -> TypeGuard[OSError]:
    """Whether an error says that there is no room on the disk, or none in the user's share of it.

    Example:
        >>> is_full(OSError(errno.ENOSPC, "No space left on device")), is_full(OSError("no number"))
        (True, False)
    """
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


@typed
def digest(path: str | os.PathLike[str], kind: str = "sha256") -> str:
    """The checksum of a file in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()


@contextmanager
def locked(descriptor: int, *, wait: bool = False) -> Iterator[bool]:
    """Hold the lock of an open file or folder; it goes with the block, or with the process, however that ends.

    Args:
        descriptor: of the open file or folder.
        wait: until nobody else holds it.

    Yields:
        Whether it is ours: False only where another process holds it. Where there are no locks (Windows, some network
        file systems) the answer is True, since work must go on there; one at a time is then up to the user.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryFile() as file, locked(file.fileno()) as ours:
        ...     ours
        True
    """
    try:
        import fcntl
    except ImportError:
        yield True
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        yield False
        return
    except OSError:  # a file system without locks
        yield True
        return
    try:
        yield True
    finally:
        with suppress(OSError):  # a forked helper has closed its copy
            fcntl.flock(descriptor, fcntl.LOCK_UN)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder for one process at a time; the lock leaves no file and goes with the process, however it ends.

    Args:
        folder: made if it is not there.

    Raises:
        ValueError: another process is at work in it, or it is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder}: is a file; expected a folder for the result")
    folder.mkdir(parents=True, exist_ok=True)
    if os.name != "posix":  # a folder cannot be opened there: then it is up to the user
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with locked(descriptor) as ours:
            if not ours:
                raise ValueError(
                    f"{folder}: another process is at work in it; wait for its end and call this again, "
                    "or choose another"
                )
            _HELD.add(descriptor)
            yield
    finally:
        _HELD.discard(descriptor)
        os.close(descriptor)


def _let_go() -> None:
    """In a forked helper: a copy of the lock must not hold the folder after its process has died."""
    while _HELD:
        with suppress(OSError):
            os.close(_HELD.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


def sweep_beside(*paths: Path) -> None:
    """Remove the drafts of these files that killed processes left; each of their folders is listed once."""
    names: dict[Path, set[str]] = {}
    for path in paths:
        names.setdefault(path.parent, set()).add(_head(path.name))
    for folder, wanted in names.items():
        with suppress(OSError):
            for name in os.listdir(folder):
                match = _DRAFT.match(name)
                if match is not None and match[1] in wanted:
                    _remove_orphan(folder / name, match)


def sweep(folder: Path) -> set[str]:
    """List the files below a folder, and remove the drafts that killed processes left.

    Drafts of living processes of this machine, and young ones of other machines, stay.

    Returns:
        Names relative to the folder, with ``/``, without drafts.
    """
    found: set[str] = set()
    for base, _, files in os.walk(folder):
        inside = Path(base).relative_to(folder).as_posix()
        for file in files:
            match = _DRAFT.match(file)
            if match is None:
                found.add(file if inside == "." else f"{inside}/{file}")
            else:
                _remove_orphan(Path(base) / file, match)
    return found


def _remove_orphan(path: Path, match: re.Match[str]) -> None:
    if _is_orphan(path, match[2], int(match[3])):
        with suppress(OSError):
            path.unlink()


def _is_orphan(path: Path, host: str, process: int) -> bool:
    if host == _HOST and process == os.getpid():
        return False
    if host != _HOST or os.name != "posix":  # nobody to ask
        try:
            return time.time() - path.stat().st_mtime > _ABANDONED
        except OSError:
            return False  # its owner has just renamed it
    try:  # its age says nothing here: a paused process, or one that writes a large archive, is at work for hours
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False  # somebody else's, and alive
    return False
