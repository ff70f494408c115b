"""Calls under a watchdog: what a command or a function said, raised, and how long it took."""

from __future__ import annotations

import contextlib
import faulthandler
import io
import os
import resource
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.torture.judge import Outcome

ROOT = Path(__file__).resolve().parents[2]


_TICKS = 10  # alarms until the watchdog barks


class Hang(BaseException):
    """The watchdog's: no ``except Exception`` on its way may swallow it."""


@contextlib.contextmanager
def watchdog(seconds: float, dump: bool = True) -> Iterator[bool]:
    """Stop what runs longer; ten times as long ends the whole process with a dump of its stacks, if ``dump``.

    Alarms that come while the process is stopped, or while one call in C runs, come as one: the first must not count
    and the second does, so whoever judges looks at the processor's time as well (:func:`call`).

    Yields:
        Whether it watches; it does in the main thread alone.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield False
        return
    heard = 0

    def bark(*_: object) -> None:
        nonlocal heard
        heard += 1
        if heard >= _TICKS:
            raise Hang(f"longer than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, bark)
    signal.setitimer(signal.ITIMER_REAL, seconds / _TICKS, seconds / _TICKS)
    # The true file: what is captured has no number, and a case may have replaced the other.
    if dump:  # starts a thread, which takes as long as a small case
        faulthandler.dump_traceback_later(10 * seconds, exit=True, file=sys.__stderr__ or sys.stderr)
    try:
        yield True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if dump:
            faulthandler.cancel_dump_traceback_later()
        signal.signal(signal.SIGALRM, before)


def call(
    function: Callable[[], Any], *, limit: float = 30.0, warn: bool = False, dump: bool = True
) -> tuple[Outcome, Any]:
    """Call a function; returns how it ended and what it returned.

    Args:
        function: without arguments.
        limit: seconds that it may take.
        warn: show warnings as Python does by default.
        dump: see :func:`watchdog`.
    """
    outcome, value, watches = Outcome(), None, False
    out, err = _text("strict"), _text("backslashreplace")
    peak, start, worked = _peak(), time.perf_counter(), time.process_time()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
        warnings.simplefilter("default" if warn else "ignore")
        for quiet in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
            warnings.simplefilter("ignore", quiet)
        try:
            with watchdog(limit, dump) as watches:
                value = function()
        except Hang:
            outcome.hung = True
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            outcome.error = error
    outcome.seconds = time.perf_counter() - start
    if watches and not outcome.hung:
        # The clock went on while the process was stopped; what it worked meanwhile, one long call in C too, is its own.
        outcome.seconds = min(outcome.seconds, max(limit, time.process_time() - worked))
    outcome.out, outcome.err = _said(out), _said(err)
    outcome.grown = _peak() - peak
    return outcome, value


def command(main: Callable[[], int | None], *, limit: float = 30.0) -> Outcome:
    """Run a command's main function: its exit code, whether it was returned or raised."""
    outcome, value = call(main, limit=limit, warn=True)
    if isinstance(outcome.error, SystemExit):
        code = outcome.error.code
        if isinstance(code, str):  # what Python itself does with a text
            outcome.err += code + "\n"
            code = 1
        outcome.code, outcome.error = int(code or 0), None
    elif outcome.error is None and not outcome.hung:
        outcome.code = int(value or 0)
    return outcome


def gltr(arguments: Sequence[str], *, limit: float = 30.0) -> Outcome:
    """``gltr`` in this process."""
    from gltr_lib import cli

    return command(lambda: cli.main([os.fspath(a) for a in arguments]), limit=limit)


def as_nobody(work: Callable[[], Outcome]) -> Outcome | None:
    """The same in a child without root's rights, for whom permissions count; None where that cannot be.

    Nor can it be where the library itself lies in a folder that is closed to others, such as root's home.

    Only code, output and the error's words come back.
    """
    if os.geteuid() != 0:
        return work()
    if not all(folder.stat().st_mode & 0o001 for folder in (ROOT, *ROOT.parents)):
        return None
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # never returns into the campaign
        code = 1
        try:
            os.close(read)
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            found = work()
            what = f"{type(found.error).__name__}: {found.error}" if found.error is not None else ""
            parts = (str(found.code), found.out, found.err, what)
            os.write(write, "\0".join(parts).encode("utf-8", "surrogateescape")[:60_000])
            code = 0
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read().decode("utf-8", "surrogateescape")
    if os.waitpid(child, 0)[1] or said.count("\0") != 3:
        return None
    code, out, err, what = said.split("\0")
    return Outcome(None if code == "None" else int(code), out, err, RuntimeError(what) if what else None)


def _text(errors: str) -> io.TextIOWrapper:
    """A stream as strict as a terminal's: what cannot be encoded raises here as it would there."""
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors=errors, write_through=True)


def _said(stream: io.TextIOWrapper) -> str:
    with contextlib.suppress(ValueError):
        stream.flush()
    return stream.buffer.getvalue().decode("utf-8", "replace")  # type: ignore[attr-defined]


def _peak() -> float:
    """Peak memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
