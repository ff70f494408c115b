"""A worker with one waiting place: while a picture is being computed, only the newest request is kept.

Why: a slider that is dragged asks for fifty pictures. Computing all of them makes the picture lag behind the hand;
waiting until the hand rests (debouncing) shows nothing meanwhile. Here one thread computes, the newest request waits,
all others are forgotten. Each request is first answered with a draft; once nothing new has come for ``rest`` seconds,
it is finished. The thread ends when nothing waits, so an explorer that is thrown away leaves nothing behind.
It never prints or displays: in newer kernels output from threads lands in the wrong cell.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

_NOTHING = object()


class LatestWins:
    """Run ``work(job)`` for the newest job, one at a time, and ``finish(job)`` once no newer one comes.

    Args:
        work: does the job, or a draft of it, and delivers its result itself.
        failed: is called with the exception where ``work`` or ``finish`` raises.
        synchronous: do every job at once in the caller's thread (tests, strict runs); exceptions pass after
            ``failed`` has seen them.
        finish: does the job properly; None where ``work`` already does.
        rest: seconds without a new job after which ``finish`` begins.

    Example:
        >>> seen = []
        >>> worker = LatestWins(seen.append, print, synchronous=True)
        >>> worker.submit(1); worker.submit(2); seen
        [1, 2]
    """

    def __init__(
        self,
        work: Callable[[Any], None],
        failed: Callable[[BaseException], None],
        *,
        synchronous: bool = False,
        finish: Callable[[Any], None] | None = None,
        rest: float = 0.15,
    ) -> None:
        self._work = work
        self._failed = failed
        self._finish = finish
        self._rest = rest
        self.synchronous = synchronous
        self._idle = threading.Condition()
        self._waiting: Any = _NOTHING
        self._running = False
        self.done = 0
        self.finished = 0
        self.skipped = 0

    def submit(self, job: Any) -> None:
        """Ask for ``job``; a job that still waits is forgotten."""
        if self.synchronous:
            try:
                self._work(job)
                self.done += 1
                if self._finish is not None:
                    self._finish(job)
                    self.finished += 1
            except Exception as error:
                self._failed(error)
                raise
            return
        with self._idle:
            self.skipped += self._waiting is not _NOTHING
            self._waiting = job
            self._idle.notify_all()  # wakes the worker where it waits for the hand to rest
            if self._running:
                return
            self._running = True
        threading.Thread(target=self._run, name="gltr-explorer", daemon=True).start()

    def _run(self) -> None:
        while True:
            with self._idle:
                job, self._waiting = self._waiting, _NOTHING
                if job is _NOTHING:
                    self._running = False
                    self._idle.notify_all()
                    return
            if not self._guarded(self._work, job):
                continue
            self.done += 1
            if self._finish is not None and self._rested():
                self.finished += self._guarded(self._finish, job)

    def _guarded(self, step: Callable[[Any], None], job: Any) -> bool:
        try:
            step(job)
        except Exception as error:
            self._failed(error)
            return False
        return True

    def _rested(self) -> bool:
        """Wait until the hand has rested; False as soon as there is a newer job."""
        with self._idle:
            return not self._idle.wait_for(lambda: self._waiting is not _NOTHING, self._rest)

    def wait(self, timeout: float = 30.0) -> bool:
        """Wait until nothing runs or waits; False where that takes longer than ``timeout`` seconds."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._running, timeout)
