"""What ``make course`` says at its end: your run beside the committed study, times, memory, and where things lie.

*Your run* is what lessons 01 and 06 trained a moment ago on this machine and kept with ``course.record``; *study* is
the mean over the committed runs of ``results/headline.jsonl``. No number is typed here: a cell without a run says so.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gltr_lib import course
from gltr_lib._drafts import write_text
from gltr_lib._version import __version__
from gltr_lib.ledger import Summary, read, summarise

if TYPE_CHECKING:
    from gltr_lib.course.kernel import LessonRun

STUDY = Path("results") / "headline.jsonl"
TIMES = Path("results") / "course_times.json"
METRIC = "mIoU-19"
VERSIONS = ("torch", "torchvision", "numpy", "pillow", "matplotlib", "ipywidgets")


def study(base: Path) -> dict[tuple[str, str], Summary]:
    """Mean and spread of mIoU-19 over the committed study's seeds, by (method, look); empty where there is no study."""
    from gltr_lib.study.tables import headline_rows  # the README's table and this one count the same runs

    rows = headline_rows(read(base / STUDY))
    return {
        (str(method), str(data).rsplit("/", 1)[-1]): summary
        for (method, data), summary in summarise(rows, by=("method", "data")).items()
    }


def result_table(live: Sequence[dict[str, Any]], known: dict[tuple[str, str], Summary]) -> str:
    """Your run beside the study, in per cent, as lines of text.

    Args:
        live: rows of ``course.live()``.
        known: the study's summaries, from :func:`study`.

    Example:
        >>> row = {"method": "baseline", "look": "game", "miou": 0.5, "steps": 300, "mode": "laptop"}
        >>> print(result_table([row], {}))
        mIoU-19, %   look   steps   your run   study
        baseline     game     300       50.0       -
    """
    if not live:
        return "No live scores: lessons 01 and 06 record them."
    lines = [(f"{METRIC}, %", "look", "steps", "your run", "study")]
    for row in live:
        found = known.get((row["method"], row["look"]))
        text = "-"
        if found is not None:
            spread = f" ± {100 * found.sd:.1f}" if found.n > 1 else ""
            text = f"{100 * found.mean:.1f}{spread} ({found.n} seed{'s' if found.n > 1 else ''})"
        lines.append((row["method"], row["look"], str(row["steps"]), f"{100 * row['miou']:.1f}", text))
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    left = "\n".join(
        f"{a:<{widths[0]}}   {b:<{widths[1]}}   {c:>{widths[2]}}   {d:>{widths[3]}}   {e:>{widths[4]}}".rstrip()
        for a, b, c, d, e in lines
    )
    smoke = any(row.get("mode") == "smoke" for row in live)
    return left + ("\nSmoke mode: a few steps to test the path; its scores say nothing." if smoke else "")


def times(runs: Sequence[LessonRun]) -> dict[str, Any]:
    """Seconds by lesson and by cell, with mode, machine and date, for JSON."""
    lessons = {
        run.name: {
            "seconds": round(run.seconds, 2),
            "peak_mb": round(run.peak_mb, 1),
            "cells": [{"cell": number, "seconds": round(seconds, 3)} for number, seconds in run.cells],
        }
        for run in runs
    }
    total = round(sum(run.seconds for run in runs), 1)
    return {"mode": course.mode(), "device": device(), "date": today(), "total_seconds": total, "lessons": lessons}


def record_times(runs: Sequence[LessonRun], base: Path) -> Path:
    """Put measured run times into ``results/course_times.json``, from where the build writes them into the lessons."""
    path = base / TIMES
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    for run in runs:
        entry = {"seconds": round(run.seconds), "device": device(), "date": today()}
        kept.setdefault(run.name, {})[course.mode()] = entry
        kept[run.name] = {mode: kept[run.name][mode] for mode in course.MODES if mode in kept[run.name]}
    write_text(path, json.dumps(dict(sorted(kept.items())), indent=1) + "\n")
    return path


def stamp(run: LessonRun) -> dict[str, Any]:
    """When, how and with what a notebook was executed; kept in its metadata, and shown on the site's page."""
    versions = {"course": __version__, "python": platform.python_version()}
    for name in VERSIONS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # the lesson ran without it, so it has no part in the result
            continue
    return {
        "mode": course.mode(), "seed": course.seed(), "date": today(), "device": device(),
        "seconds": round(run.seconds, 1), "clean": not run.problems, "versions": versions,
    }  # fmt: skip


def device() -> str:
    """The cores that this process may use, in words."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else (os.cpu_count() or 1)
    return f"{cores} CPU core{'s' if cores != 1 else ''}"


def today() -> str:
    """The date, ISO 8601."""
    return datetime.date.today().isoformat()
