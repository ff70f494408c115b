"""Where the time of a step goes: data, randomisation, forward, backward, optimiser.

On a CPU this is wall time. On CUDA, where a call returns before its work is done, a pair of events marks each phase in
the stream, and nobody waits: the times are read when somebody asks. A phase that starves the GPU (the loader's) then
shows as the gap that it leaves in the stream.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

PHASES = ("data", "randomise", "forward", "backward", "optimiser")
_KEPT = 2000  # pairs of events that may wait to be read


@contextmanager
def by_the_clock(device: torch.device, wanted: bool = True) -> Iterator[None]:
    """Have cuDNN try its algorithms for each new shape and keep the quickest, inside a ``with`` block.

    The crops of a run have one shape, and for dilated convolutions its guesses are poor. ``wanted=False`` switches it
    off, for pictures of many sizes: each would be tried. Whoever asked torch for determinism keeps it, and the caller's
    own setting comes back.

    Args:
        device: where the run computes; nothing changes but on CUDA.
        wanted: whether algorithms are tried.

    Example:
        >>> before = torch.backends.cudnn.benchmark
        >>> with by_the_clock(torch.device("cuda")):
        ...     inside = torch.backends.cudnn.benchmark
        >>> inside, torch.backends.cudnn.benchmark == before
        (True, True)
    """
    cudnn = torch.backends.cudnn
    before = cudnn.benchmark
    if device.type == "cuda":
        cudnn.benchmark = wanted and not (cudnn.deterministic or torch.are_deterministic_algorithms_enabled())
    try:
        yield
    finally:
        cudnn.benchmark = before


class Clock:
    """Sums seconds by phase.

    Args:
        device: where the phases compute.

    Example:
        >>> clock = Clock(torch.device("cpu"))
        >>> with clock.phase("forward"):
        ...     _ = sum(range(1000))
        >>> clock.seconds()["forward"] > 0
        True
    """

    def __init__(self, device: torch.device) -> None:
        self.events = device.type == "cuda"
        self.sums = dict.fromkeys(PHASES, 0.0)
        self.waiting: list[tuple[str, Any, Any]] = []

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the time of a ``with`` block to a phase."""
        if self.events:
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            yield
            end.record()
            self.waiting.append((name, start, end))
            if len(self.waiting) > _KEPT:
                self.seconds()
            return
        before = time.perf_counter()
        yield
        self.sums[name] += time.perf_counter() - before

    def seconds(self) -> dict[str, float]:
        """Seconds by phase up to now."""
        if self.waiting:
            self.waiting[-1][2].synchronize()
            for name, start, end in self.waiting:
                self.sums[name] += start.elapsed_time(end) / 1000
            self.waiting.clear()
        return dict(self.sums)


def peak_memory_mib(device: torch.device) -> float:
    """Largest memory so far: of the tensors on a GPU, of this process on a CPU; in MiB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    try:
        import resource
    except ImportError:  # not on Windows
        return float("nan")
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def table(seconds: dict[str, float], steps: int, images_per_second: float, memory: float) -> str:
    """The shares of a step as text, each with its bar.

    Args:
        seconds: by phase, as :meth:`Clock.seconds` gives them.
        steps: steps that they are the sum of.
        images_per_second: through the network, all views together.
        memory: peak, in MiB.

    Returns:
        A line for each phase and one for the whole.

    Example:
        >>> print(table({"data": 1.0, "forward": 3.0}, 10, 8.0, 512.0))
        data         100.0 ms a step   25 %  ##########
        forward      300.0 ms a step   75 %  ##############################
        together     400.0 ms a step; 8.0 images/s, peak memory 512 MiB
    """
    whole = sum(seconds.values())
    lines = []
    for name, value in seconds.items():
        share = value / whole if whole else 0.0
        bar = "#" * round(40 * share)
        each = 1000 * value / max(steps, 1)
        lines.append(f"{name:<10} {each:>7.1f} ms a step  {100 * share:>3.0f} %  {bar}".rstrip())
    lines.append(
        f"{'together':<10} {1000 * whole / max(steps, 1):>7.1f} ms a step; {images_per_second:.1f} images/s, "
        f"peak memory {memory:.0f} MiB"
    )
    return "\n".join(lines)
