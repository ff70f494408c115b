"""What a process holds, looked at while it works: memory, file descriptors, threads, processor time."""

from __future__ import annotations

import os
import resource
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOOKS = 100  # during a job
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Look:
    """One look: items done, MiB, file descriptors and threads held, processor seconds used."""

    done: int
    memory: float
    descriptors: int
    threads: int
    processor: float


class Watch:
    """Looks at its own process now and then; hand it to a job as ``on_image``.

    Example:
        >>> watch = Watch(10)
        >>> for number in range(10):
        ...     watch(number + 1, 10, "")
        >>> len(watch.looks), watch.growth("descriptors")
        (10, 0.0)
    """

    def __init__(self, total: int) -> None:
        self.every = max(1, total // LOOKS)
        self.looks: list[Look] = []
        self.started = time.monotonic()

    def __call__(self, done: int, total: int, name: str) -> None:
        if done % self.every == 0:
            self.looks.append(look(done))

    def growth(self, what: str) -> float:
        """By how much the median of a quantity grew from the second fifth of the looks to the last fifth."""
        values = [float(getattr(one, what)) for one in self.looks]
        fifth = max(1, len(values) // 5)
        if len(values) < 5:
            return 0.0
        return statistics.median(values[-fifth:]) - statistics.median(values[fifth : 2 * fifth])

    def bend(self) -> float:
        """Processor time of an item in the last fifth over that of one in the second fifth: 1 if time is linear."""
        fifth = len(self.looks) // 5
        if fifth < 2:
            return 1.0

        def cost(first: Look, last: Look) -> float:
            return (last.processor - first.processor) / max(1, last.done - first.done)

        before = cost(self.looks[fifth], self.looks[2 * fifth])
        return cost(self.looks[-1 - fifth], self.looks[-1]) / before if before > 0 else 1.0

    def summary(self, each: int = 1) -> dict[str, Any]:
        """Figures worth keeping; ``each``: how many items one counted item stands for."""
        if not self.looks:
            return {}
        last, seconds = self.looks[-1], time.monotonic() - self.started
        return {
            "memory, MiB": round(last.memory), "memory grew by, MiB": round(self.growth("memory"), 1),
            "peak memory, MiB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            "file descriptors": last.descriptors, "threads": last.threads,
            "processor time an item, last fifth / second": round(self.bend(), 2),
            "items a second": round(each * last.done / max(seconds, 1e-9), 1),
        }  # fmt: skip


def look(done: int) -> Look:
    """Look now. Where there is no ``/proc``, peak memory stands for memory, and descriptors and threads are 0."""
    try:
        memory = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE / 2**20
        descriptors, threads = len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))
    except OSError:
        memory, descriptors, threads = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 0, 0
    return Look(done, memory, descriptors, threads, time.process_time())
