"""Executed lessons: which are there, which are out of date, and running those.

A notebook of ``runs/course`` (or ``runs/smoke``) serves as long as its code is that of today's solved edition. Prose is
taken from today's lesson in any case, so that mending a sentence does not ask for another training run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from gltr_lib import course
from gltr_lib.course.build import build_notebook, lesson_files, read_times


@dataclass(frozen=True)
class Executed:
    """One lesson with its outputs: ``stamp`` says when and how it ran (see ``course.report.stamp``)."""

    path: Path
    notebook: Any
    stamp: dict[str, Any]

    @property
    def name(self) -> str:
        """The lesson's name, such as ``02_adain``."""
        return self.path.stem


def runs_folder(base: Path) -> Path:
    """Where the executed notebooks of this mode lie: COURSE_RUNS, else ``runs/smoke`` or ``runs/course``."""
    named = os.environ.get("COURSE_RUNS", "").strip()
    return Path(named) if named else base / "runs" / ("smoke" if course.mode() == "smoke" else "course")


def load(path: Path, runs: Path, base: Path) -> Executed | None:
    """Today's lesson with the outputs of its last run, or None where there is no clean run of today's code.

    Args:
        path: the lesson's source. runs: folder of the runner. base: the repository.
    """
    file = runs / "notebooks" / f"{path.stem}.ipynb"
    if not file.is_file():
        return None
    ran = nbformat.read(file, as_version=4)
    today = nbformat.reads(build_notebook(path, "solved", read_times(base)), as_version=4)
    stamp = dict(ran.metadata.get("gltr", {}))
    done = [cell for cell in ran.cells if cell.cell_type == "code"]
    wanted = [cell for cell in today.cells if cell.cell_type == "code"]
    if not stamp.get("clean") or [cell.source for cell in done] != [cell.source for cell in wanted]:
        return None
    for cell, old in zip(wanted, done, strict=True):
        cell.outputs, cell.execution_count = old.outputs, old.execution_count
    return Executed(path, today, stamp)


def load_all(base: Path, runs: Path) -> tuple[list[Executed], list[Path]]:
    """Every lesson that can be shown, and the sources of those that must be run first."""
    pairs = [(path, load(path, runs, base)) for path in lesson_files(base / "lessons")]
    return [found for _, found in pairs if found], [path for path, found in pairs if not found]


def run(missing: list[Path], base: Path, runs: Path) -> None:
    """Execute lessons with the course's own runner, in the mode of COURSE_MODE.

    Raises:
        RuntimeError: a lesson failed; its faults have been printed.
    """
    command = [sys.executable, "-m", "gltr_lib.course.run", "--only", *(path.stem for path in missing)]
    done = subprocess.run(command, cwd=base, env=os.environ | {"COURSE_RUNS": str(runs.resolve())})
    if done.returncode:
        raise RuntimeError(f"the lessons did not run clean (exit code {done.returncode}); mend them, then make site")
