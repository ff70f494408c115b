"""Where a number comes from: the commit of the code, the machine in words, the time; the ledger offers it."""

from __future__ import annotations

import contextlib
import datetime
import os
import platform
import subprocess
from pathlib import Path
from typing import Any


def git_commit(root: str | os.PathLike[str] | None = None) -> str:
    """The commit of the code, with ``-dirty`` when tracked code differs from it.

    Files under ``results/`` do not count: the study itself writes there. ``GLTR_COMMIT`` answers for a copy of the code
    that travels without its history; "unknown" if there is neither.
    """
    given = os.environ.get("GLTR_COMMIT", "").strip()
    if given:
        return given
    here = Path(root) if root is not None else Path(__file__).resolve().parent
    try:
        head = _git(here, "rev-parse", "--short=12", "HEAD").strip()
        changed = _git(here, "status", "--porcelain", "--untracked-files=no", "--", ":/", ":(top,exclude)results")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return head + ("-dirty" if changed.strip() else "")


def device_name(device: Any = "cpu") -> str:
    """The machine in words: the GPU's name, or the processor's with the threads that torch uses."""
    kind = str(getattr(device, "type", device)).split(":")[0]
    if kind == "cuda":
        import torch

        return f"cuda: {torch.cuda.get_device_name(device)}"
    if kind == "mps":
        return f"mps: {platform.machine()}"
    import torch

    return f"cpu: {_processor()}, {torch.get_num_threads()} threads"


def without_threads(name: str) -> str:
    """What :func:`device_name` says, without the number of threads.

    Example:
        >>> without_threads("cpu: AMD EPYC, 2 threads"), without_threads("cuda: NVIDIA H200")
        ('cpu: AMD EPYC', 'cuda: NVIDIA H200')
    """
    return name.rsplit(", ", 1)[0] if name.endswith(" threads") else name


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=20
    ).stdout


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine() or "unknown processor"
