"""Contact sheets of the lessons and the README's lesson table, from executed notebooks.

    python docs/make_thumbnails.py            # newest executed notebooks of runs/course, else runs/smoke
    python docs/make_thumbnails.py --table    # only the table (after an edit of docs/lessons.toml or of minutes)

Sheets go to ``docs/figures/lessons/NN.jpg`` (each under 100 kB), their words to ``sheets.json`` beside them. What one
will be able to do after a lesson stands in ``docs/lessons.toml``; minutes and titles come from the lessons.
"""

from __future__ import annotations

import argparse
import html
import json
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE), str(ROOT)]

from sitekit import sheets  # noqa: E402
from sitekit.executed import load, runs_folder  # noqa: E402
from sitekit.lessons import Front, front  # noqa: E402

from gltr_lib._drafts import write_text  # noqa: E402
from gltr_lib.course.build import lesson_files  # noqa: E402
from gltr_lib.ledger import replace_between  # noqa: E402

SHEETS = Path("docs") / "figures" / "lessons"
WORDS = "sheets.json"
MARKER = "lessons"


def promises(base: Path) -> dict[str, str]:
    """Lesson name -> what you will be able to do, from ``docs/lessons.toml``.

    Raises:
        ValueError: a lesson without a promise, or a promise without a lesson.
    """
    given = tomllib.loads((base / "docs" / "lessons.toml").read_text(encoding="utf-8"))
    names = {path.stem for path in lesson_files(base / "lessons")}
    if names != set(given):
        raise ValueError(f"docs/lessons.toml and lessons/ differ: {', '.join(sorted(names ^ set(given)))}")
    return {name: str(entry["you_will"]) for name, entry in given.items()}


def table(base: Path) -> str:
    """The README's lesson table."""
    told = promises(base)
    alts = json.loads((base / SHEETS / WORDS).read_text(encoding="utf-8"))
    lines = ["| | lesson | min | you will be able to |", "|---|---|---:|---|"]
    for path in lesson_files(base / "lessons"):
        about: Front = front(path)
        page = f"notebooks/{about.name}.ipynb"
        image = f'<img src="{SHEETS.as_posix()}/{about.number}.jpg" width="240" alt="{html.escape(alts[about.name])}">'
        picture = f'<a href="{page}">{image}</a>'
        star = " ★" if about.express else ""
        lesson = f"[{about.number} {about.title}]({page}){star}"
        lines.append(f"| {picture} | {lesson} | {about.minutes} | {told[about.name]} |")
    return "\n".join(lines)


def make_sheets(base: Path, runs: Path) -> dict[str, int]:
    """Write every sheet whose lesson has been executed; returns file sizes.

    Raises:
        ValueError: no lesson has been executed.
    """
    folder = base / SHEETS
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / WORDS
    alts = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    sizes = {}
    for path in lesson_files(base / "lessons"):
        lesson = load(path, runs, base)
        if lesson is None:
            print(f"{path.stem}: no clean run of today's code in {runs.name}; its sheet stays as it is")
            continue
        about = front(path)
        chosen, rows = sheets.choose(sheets.tiles(lesson))
        data = sheets.encode(sheets.sheet(chosen, rows))
        (folder / f"{about.number}.jpg").write_bytes(data)
        alts[about.name] = sheets.words(about.title, chosen)
        sizes[about.name] = len(data)
    if not sizes:
        raise ValueError(f"no executed lesson in {runs}; run make course first")
    write_text(kept, json.dumps(dict(sorted(alts.items())), indent=1, ensure_ascii=False) + "\n")
    return sizes


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=Path, help="folder of the course's runner; by default the one of COURSE_MODE")
    parser.add_argument("--table", action="store_true", help="only renew the README's table")
    args = parser.parse_args(argv)
    try:
        if not args.table:
            for name, size in make_sheets(ROOT, args.runs or runs_folder(ROOT)).items():
                print(f"{name}: {size / 1000:.0f} kB")
        replace_between(ROOT / "README.md", MARKER, table(ROOT))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
