"""The course: its mode, its seeds, its folders, and the live results that lessons leave behind.

Everything a lesson may ask about *how* it is being run is answered here, and nowhere else: ``COURSE_MODE`` is read in
one place (:func:`mode`), so the same cell is a two-second smoke test, a laptop lesson or a full run. The tools around
the lessons are modules you can run: ``python -m gltr_lib.course.build``, ``.run`` and ``.lint``. No torch in here.

Environment variables:
    COURSE_MODE: ``smoke``, ``laptop`` (default) or ``full``.
    COURSE_SEED: a whole number (default 0); give every student another one and no two have the same data.
    COURSE_RUNS: where runs are written (default ``runs/course`` in the repository).
    GLTR_DATA: folder above real datasets (``camvid``, ``gta5`` ...); nothing in the course needs one.
    COURSE_STRICT: ``1`` turns a wrong exercise into an error (set by ``make course``; read by ``gltr_lib.checks``).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from gltr_lib._drafts import write_text
from gltr_lib._variant import seed

T = TypeVar("T")
Mode = Literal["smoke", "laptop", "full"]
MODES: tuple[Mode, ...] = ("smoke", "laptop", "full")
LIVE_FILE = "live.json"
BAR_AFTER = 1.0  # seconds of work before a progress bar appears
__all__ = ["MODES", "data_dir", "live", "mode", "pick", "record", "root", "run_dir", "seed", "track"]


def mode() -> Mode:
    """How much computing the course may do, from ``COURSE_MODE``.

    Returns:
        ``"smoke"`` (seconds, for tests), ``"laptop"`` (the default: two cores, no cell over a minute) or ``"full"``.

    Raises:
        ValueError: the variable holds anything else.

    Example:
        >>> mode() in MODES
        True
    """
    value = os.environ.get("COURSE_MODE", "").strip() or "laptop"
    if value not in MODES:
        raise ValueError(f"COURSE_MODE is {value!r}; expected one of {', '.join(MODES)} (or unset, which means laptop)")
    return cast(Mode, value)


def pick(*, smoke: T, laptop: T, full: T) -> T:
    """The value for the current mode; a lesson names all three so that no budget hides.

    Args:
        smoke: value in smoke mode.
        laptop: value in laptop mode.
        full: value in full mode.

    Returns:
        One of the three.

    Example:
        >>> pick(smoke=4, laptop=300, full=4000) in (4, 300, 4000)
        True
    """
    return {"smoke": smoke, "laptop": laptop, "full": full}[mode()]


def track(items: Iterable[T], what: str) -> Iterator[T]:
    """Go through ``items`` under a progress bar with the time left; short work shows none.

    Args:
        items: anything to loop over; with a length the bar knows its end.
        what: a word or two before the bar, such as ``"rendering"``.

    Yields:
        The items, in order.

    Example:
        >>> [2 * n for n in track(range(3), "doubling")]
        [0, 2, 4]
    """
    try:
        from tqdm import tqdm
    except ImportError:  # the work goes on without its bar
        yield from items
    else:
        yield from tqdm(items, desc=what, delay=BAR_AFTER, mininterval=0.5)


def root() -> Path:
    """The folder of the repository, or the working directory where the package is installed without it."""
    here = Path(__file__).resolve().parents[2]
    return here if (here / "lessons").is_dir() and (here / "pyproject.toml").is_file() else Path.cwd()


def run_dir(name: str = "") -> Path:
    """A folder for what a lesson writes, made on the way; git ignores it.

    Args:
        name: a sub-folder, such as the lesson's two digits.

    Returns:
        ``runs/course/<name>`` in the repository, or below ``COURSE_RUNS`` where that is set.

    Raises:
        ValueError: ``name`` leads out of the folder.
    """
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise ValueError(f"run_dir takes the name of a sub-folder such as '02', not {name!r}")
    base = os.environ.get("COURSE_RUNS", "").strip()
    folder = (Path(base) if base else root() / "runs" / "course") / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def data_dir(name: str) -> Path | None:
    """Where a real dataset lies, if there is one: in the folder that GLTR_DATA names, or in ``data`` of the repository.

    Args:
        name: a name of ``gltr_lib.datasets.LAYOUTS``, such as "gta5".

    Returns:
        The dataset's folder, or None; what is in it, ``open_dataset`` finds out.

    Example:
        >>> data_dir("no-such-dataset") is None
        True
    """
    base = os.environ.get("GLTR_DATA", "").strip()
    folders = [Path(base) / name] if base else []
    return next((folder for folder in [*folders, root() / "data" / name] if folder.is_dir()), None)


def record(*, method: str, look: str, miou: float, steps: int, **more: Any) -> dict[str, Any]:
    """Keep one live score for the table at the end of ``make course``; the same method and look replace the old row.

    Args:
        method: a name of ``gltr_lib.config.METHODS``, such as ``"baseline"``.
        look: the look it was scored on, such as ``"game"``.
        miou: mean IoU as a fraction in [0, 1].
        steps: training steps.
        **more: anything else that JSON can hold.

    Returns:
        The row as written.

    Raises:
        ValueError: the score is not a fraction, or steps is negative.
    """
    miou = float(miou)
    if not 0.0 <= miou <= 1.0:
        raise ValueError(f"miou is {miou}; expected a fraction from 0 to 1 (divide per cents by 100)")
    if steps < 0:
        raise ValueError(f"steps is {steps}; expected 0 or more")
    row = {"method": method, "look": look, "miou": miou, "steps": int(steps), "mode": mode(), "seed": seed(), **more}
    rows = [old for old in live() if (old.get("method"), old.get("look")) != (method, look)]
    write_text(run_dir() / LIVE_FILE, json.dumps([*rows, row], indent=1) + "\n")
    return row


def live() -> list[dict[str, Any]]:
    """The rows that :func:`record` has kept so far, oldest first."""
    path = run_dir() / LIVE_FILE
    return cast("list[dict[str, Any]]", json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else []
