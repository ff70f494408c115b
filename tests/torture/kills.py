"""Children that may be killed: forked from a process that has imported everything, so that a kill costs no import.

A child runs in a process group of its own, with its output in files. Two ways to die: after a time, or at the n-th
operation on a file of its destination (an audit hook kills the process just before that operation), which reaches the
short moments between two writes that a clock never hits.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Work = Callable[[], int]
_SUBREAPER, _DEATH_SIGNAL = 36, 1  # of prctl: orphans become our children; a child ends with its parent
_CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate"}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@dataclass
class Child:
    """A forked process, its files and its clock."""

    pid: int
    out: Path
    err: Path
    started: float
    code: int | None = None
    seconds: float = 0.0

    @property
    def said(self) -> str:
        """What it wrote to stderr."""
        return self.err.read_text(encoding="utf-8", errors="replace") if self.err.exists() else ""


class Counter:
    """A number that a child counts and its parent reads."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 8)

    @property
    def value(self) -> int:
        return int.from_bytes(self._memory[:8], "little")

    def add(self) -> int:
        value = self.value + 1
        self._memory[:8] = value.to_bytes(8, "little")
        return value


def prepare_process() -> None:
    """Make this process fit for forking children: one thread for torch, and orphans of orphans come to us."""
    import torch

    torch.set_num_threads(1)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def start(work: Work, folder: Path) -> Child:
    """Fork a child that does ``work`` and ends with its code; stdout and stderr go to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    number = time.monotonic_ns()
    out, err = folder / f"{number}.out", folder / f"{number}.err"
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    pid = os.fork()
    if pid:
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)
        return Child(pid, out, err, time.monotonic())
    code = 70
    try:
        os.setpgrp()
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(71)
        for target, place in ((1, out), (2, err), (0, Path(os.devnull))):
            flags = os.O_RDONLY if target == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            os.dup2(os.open(place, flags, 0o644), target)
        code = int(work() or 0)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    except BaseException:  # a traceback is what we look for; it must reach the file
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def wait(child: Child, timeout: float) -> int | None:
    """Wait for its end: the exit code, -9 if it was killed, None if it still runs after ``timeout`` seconds."""
    if child.code is not None:
        return child.code
    try:
        descriptor = os.pidfd_open(child.pid)
        try:
            select.select([descriptor], [], [], max(0.0, timeout))
        finally:
            os.close(descriptor)
    except (OSError, AttributeError):  # a system without pidfd: look now and then
        end = time.monotonic() + timeout
        while time.monotonic() < end and os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            time.sleep(0.01)
    pid, status = os.waitpid(child.pid, os.WNOHANG)
    if pid:
        child.code = os.waitstatus_to_exitcode(status)
        child.seconds = time.monotonic() - child.started
    return child.code


def kill(child: Child, *, group: bool = True) -> int:
    """SIGKILL it, with its helpers or alone; returns how it ended (its own code if it was quicker)."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL) if group else os.kill(child.pid, signal.SIGKILL)
    code = wait(child, 30.0)
    if code is None:
        raise RuntimeError(f"process {child.pid} did not end within 30 s of SIGKILL")
    return code


def run(work: Work, folder: Path, timeout: float) -> Child:
    """Do ``work`` in a child and wait; one that hangs is killed and has no code."""
    child = start(work, folder)
    if wait(child, timeout) is None:
        kill(child)
        child.code = None
    return child


def group_ends(child: Child, timeout: float) -> bool:
    """Whether the helpers of a dead child end by themselves in time; those that do not are killed."""
    end = time.monotonic() + timeout
    while True:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-child.pid, os.WNOHANG)[0]:
                pass
        try:
            os.killpg(child.pid, 0)
        except ProcessLookupError:
            return True
        if time.monotonic() > end:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            return False
        time.sleep(0.02)


def watch_files(folder: Path, counter: Counter, last: int = 0) -> None:
    """Count this process's operations on files below ``folder``, and die just before the ``last``-th (0: never)."""
    inside = str(folder)

    def hook(event: str, values: tuple[object, ...]) -> None:
        if event == "open":
            path, _, flags = values
            if not isinstance(flags, int) or not flags & _WRITES:
                return
            paths: tuple[object, ...] = (path,)
        elif event in _CHANGES:
            paths = values
        else:
            return
        names = [os.fsdecode(path) for path in paths if isinstance(path, (str, bytes, os.PathLike))]
        # A bare name is relative to an open folder: that is how shutil.rmtree removes.
        ours = any(name.startswith(inside) or (event != "open" and "/" not in name) for name in names)
        if ours and counter.add() == last:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def descendants(pid: int) -> dict[int, int]:
    """Living processes below one: process -> its distance."""
    found: dict[int, int] = {}
    level, distance = [pid], 1
    while level:
        below = []
        for one in level:
            with contextlib.suppress(OSError):
                for task in os.listdir(f"/proc/{one}/task"):
                    text = Path(f"/proc/{one}/task/{task}/children").read_text(encoding="ascii")
                    below += [int(child) for child in text.split()]
        found |= dict.fromkeys(below, distance)
        level, distance = below, distance + 1
    return found


def command_of(pid: int) -> str:
    """The command line of a process; empty if it has gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def settle(timeout: float) -> list[str]:
    """Wait until no process below this one is left, the orphans of the killed included; for when none should be.

    Returns:
        The commands of those that live on after ``timeout`` seconds; they are killed.
    """
    end = time.monotonic() + timeout
    while True:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        left = descendants(os.getpid())
        if not left:
            return []
        if time.monotonic() > end:
            lived = [f"{pid} {command_of(pid)[:80]}" for pid in left]
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return lived
        time.sleep(0.05)
