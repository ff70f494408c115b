"""Disks that are full, and disks that cannot be written: a small tmpfs in a mount namespace that ends with us."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

_NEW_MOUNTS = 0x00020000  # CLONE_NEWNS
_BLOCK = 1 << 16


def own_mounts() -> str:
    """Give this process mounts of its own, which nobody else sees; returns why not, or nothing."""
    library = ctypes.CDLL(None, use_errno=True)
    try:
        if library.unshare(_NEW_MOUNTS) != 0:
            return f"no mounts of our own ({os.strerror(ctypes.get_errno())})"
    except AttributeError:
        return "no mounts of our own (this system has no unshare)"
    return _command("mount", "--make-rprivate", "/")


class Disk:
    """A tmpfs of some MiB at a folder.

    Example:
        with disk(folder, 16) as place:
            place.leave(40_000)   # bytes free; the rest is a file that stands in the way
            place.read_only(True)
    """

    def __init__(self, folder: Path, mebibytes: int) -> None:
        self.folder, self.size = folder, mebibytes
        self.filler = folder / "filler"

    def leave(self, free: int | None) -> None:
        """Fill the disk up to so many free bytes; None makes room again."""
        self.filler.unlink(missing_ok=True)
        if free is None:
            return
        left = self.free - free
        with self.filler.open("wb") as file:
            while left > 0:
                file.write(b"\0" * min(left, _BLOCK))
                left -= _BLOCK

    @property
    def free(self) -> int:
        facts = os.statvfs(self.folder)
        return facts.f_bavail * facts.f_frsize

    def read_only(self, on: bool) -> None:
        """Forbid or allow writing."""
        problem = _command("mount", "-o", f"remount,{'ro' if on else 'rw'}", str(self.folder))
        if problem:
            raise RuntimeError(problem)


@contextlib.contextmanager
def disk(folder: Path, mebibytes: int) -> Iterator[Disk]:
    """Mount a :class:`Disk` for the time of a block.

    Raises:
        RuntimeError: it cannot be mounted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    problem = _command("mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder))
    if problem:
        raise RuntimeError(problem)
    try:
        yield Disk(folder, mebibytes)
    finally:
        _command("umount", "-l", str(folder))


def _command(*words: str) -> str:
    """Run a command; returns what it complained of, or nothing."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        return f"{words[0]}: {error}"
    return "" if done.returncode == 0 else f"{' '.join(words)}: {done.stderr.strip()}"
