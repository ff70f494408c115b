"""Several runs side by side: a process for each, which calls the same command line with the run's name."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from gltr_lib.study.grid import Run
from gltr_lib.study.places import Places
from gltr_lib.study.settings import Settings


def in_processes(
    todo: Sequence[Run], settings: Settings, places: Places, jobs: int, device: str | None, say: Callable[[str], None]
) -> int:
    """One process a run, ``jobs`` at a time; each writes its output to ``log.txt`` beside its network."""
    threads = max(1, (os.cpu_count() or 1) // jobs)
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    environment["PYTHONPATH"] = os.pathsep.join(
        [str(Path(__file__).resolve().parents[2]), *filter(None, [os.environ.get("PYTHONPATH", "")])]
    )
    waiting, running, failed = list(todo), {}, 0  # type: ignore[var-annotated]
    ours = threading.current_thread() is threading.main_thread()
    # A time limit's SIGTERM must end the children as well.
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143)) if ours else None
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                run = waiting.pop(0)
                places.folder(run).mkdir(parents=True, exist_ok=True)
                log = (places.folder(run) / "log.txt").open("ab")
                command = [sys.executable, "-m", "gltr_lib.study", *flags_of(settings, places, device), "--run", run.id]
                process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
                running[process] = (run, log, time.monotonic())
                say(f"{run.id}: started ({len(waiting)} waiting)")
            time.sleep(0.2)
            for process in [p for p in running if p.poll() is not None]:
                run, log, started = running.pop(process)
                log.close()
                minutes = (time.monotonic() - started) / 60
                if process.returncode:
                    failed += 1
                    say(f"{run.id}: FAILED after {minutes:.1f} min, see {places.folder(run) / 'log.txt'}")
                else:
                    say(f"{run.id}: finished in {minutes:.1f} min")
    finally:
        for process in running:
            process.terminate()
        if ours:
            signal.signal(signal.SIGTERM, before)
    return failed


def flags_of(settings: Settings, places: Places, device: str | None) -> list[str]:
    """The command line that says the same as these settings."""
    words = ["--tier", settings.tier, "--ledger", str(places.ledger), "--runs", str(places.runs)]
    for name, value in (("--steps", settings.steps), ("--seeds", settings.seeds), ("--device", device)):
        words += [name, str(value)] if value is not None else []
    words += ["--scenes", str(settings.scenes)] if settings.scenes else []
    words += ["--looks", settings.looks]
    words += ["--final"] if settings.final else []
    words += ["--retrain"] if settings.retrain else []
    for text in settings.overrides:
        words += ["--set", text]
    return words
