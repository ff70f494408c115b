"""Timing in turns, the machine's own limits, and memory at the peak: what :mod:`gltr_lib.bench` measures with.

Functions take turns (ours, theirs, ours, ...), so that a busy machine disturbs both alike. The limit of a path is the
time that its memory traffic or its arithmetic must take at the rates that this very machine reaches in a large copy and
in a large matrix product, whichever is longer.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import torch


@dataclass
class Made:
    """A case, ready to run.

    Attributes:
        ours: what we time.
        theirs: the peer; None where only the limit is asked for.
        check: given both results, "" if they agree within the case's tolerance, else what differs.
        units: how many things (masks, pictures) one call of ours makes. peer_units: likewise of theirs.
        flops: operations of one call of ours. bytes: what it must at least read and write.
        close: releases what the case holds.
    """

    ours: Callable[[], Any]
    theirs: Callable[[], Any] | None = None
    check: Callable[[Any, Any], str] | None = None
    units: int = 1
    peer_units: int = 1
    flops: float = 0.0
    bytes: float = 0.0
    close: Callable[[], None] = field(default=lambda: None)


@dataclass(frozen=True)
class Case:
    """One pair to time.

    Attributes:
        name: of the case.
        make: prepares it; whatever it raises as ModuleNotFoundError means "the peer is not installed".
        against: the peer, in words; "" where there is none.
        promised: the ratio (theirs by ours) that we promise at least; None without a promise.
        at_most: the ratio that must not be exceeded (an overhead); None without one.
        repeat: timed calls, where a call is so long that the usual number would take minutes.
    """

    name: str
    make: Callable[[], Made]
    against: str = ""
    promised: float | None = None
    at_most: float | None = None
    repeat: int | None = None


def compare(ours: Callable[[], Any], theirs: Callable[[], Any], repeat: int = 5) -> tuple[float, float]:
    """Median seconds of two functions, timed in turns after one call of each.

    Args:
        ours: the first.
        theirs: the second.
        repeat: timed calls of each.

    Returns:
        (seconds of ours, seconds of theirs).
    """
    ours(), theirs()
    first, second = turns([ours, theirs], repeat)
    return statistics.median(first), statistics.median(second)


def turns(functions: Sequence[Callable[[], Any]], repeat: int) -> list[list[float]]:
    """Seconds of each call of some functions that take turns; a GPU is waited for.

    Raises:
        ValueError: fewer than one repeat.
    """
    if repeat < 1:
        raise ValueError(f"repeat: expected at least 1, received {repeat}")
    times: list[list[float]] = [[] for _ in functions]
    for _ in range(repeat):
        for seconds, function in zip(times, functions, strict=True):
            _wait()
            started = time.perf_counter()
            function()
            _wait()
            seconds.append(time.perf_counter() - started)
    return times


def _wait() -> None:
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()


@cache
def machine_rates(device: str = "cpu", small: bool = False) -> Mapping[str, float]:
    """What this machine reaches at best: {"bytes/s": of a large copy, "flop/s": of a large fp32 matrix product}.

    Args:
        device: "cpu" or "cuda".
        small: quick and rough, to see that it runs.

    Example:
        >>> rates = machine_rates(small=True)
        >>> rates["bytes/s"] > 1e6 and rates["flop/s"] > 1e6
        True
    """
    numbers, side = (2**20, 128) if small else (2**26, 2048 if device == "cpu" else 8192)
    source = torch.ones(numbers, device=device)
    target = torch.empty_like(source)
    left, right = (torch.rand(side, side, device=device) for _ in range(2))
    target.copy_(source), left @ right
    copies, products = turns([lambda: target.copy_(source), lambda: left @ right], 3 if small else 7)
    # The best of them is the machine's limit; the others had company.
    return {"bytes/s": 2 * 4 * numbers / min(copies), "flop/s": 2 * side**3 / min(products)}


def limit_seconds(made: Made, rates: Mapping[str, float]) -> float:
    """The least time that a call of ours can take; 0 where the case says neither bytes nor operations."""
    return max(made.bytes / rates["bytes/s"], made.flops / rates["flop/s"])


def peak_mib(function: Callable[[], Any]) -> float | None:
    """Memory that one call adds at its peak, in MiB; None where the system does not tell (only Linux and CUDA do).

    Example:
        >>> grown = peak_mib(lambda: torch.ones(2**23))  # 32 MiB
        >>> grown is None or grown > 16
        True
    """
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # glibc: what was freed and kept would be used again, unseen
        ctypes.CDLL(None).malloc_trim(0)
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        function()
        return float((torch.cuda.max_memory_allocated() - before) / 2**20)
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
        start = _status("VmRSS")
        function()
        return max(0.0, (_status("VmHWM") - start) / 1024)
    except (OSError, ValueError):
        return None


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise ValueError(f"no {name}")
