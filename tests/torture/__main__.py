"""``python -m tests.torture [--short] [--only inputs,fuzz,faults,load] [--seed N] [--out FOLDER]``."""

from __future__ import annotations

import argparse
import importlib
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.torture.tally import Tally, table, write

#: Part -> its module; each has ``run(folder, short, seed) -> list[Tally]``.
PARTS = {
    "inputs": "bad input: functions, commands and data scripts against a corpus of bad files and values",
    "fuzz": "parsers that are ours, on changed files",
    "faults": "kills, full disks, read-only folders, two at once, dead workers, bad servers",
    "load": "many pictures, many draws, a long run: memory, file descriptors, time",
}


def main() -> int:
    """Run the campaign; exit code 1 if anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a cut of everything, about three minutes")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, separated by commas: " + ", ".join(PARTS))
    parser.add_argument("--seed", type=int, default=0, help="of the random choices")
    parser.add_argument("--out", type=Path, default=Path("runs/torture"), help="folder for torture.json")
    given = parser.parse_args()
    chosen = [name for name in given.only.split(",") if name]
    unknown = [name for name in chosen if name not in PARTS]
    if unknown:
        parser.error(f"--only: no part {', '.join(unknown)}; valid: {', '.join(PARTS)}")
    tallies: list[Tally] = []
    start = time.perf_counter()
    for name in chosen:
        print(f"== {name}: {PARTS[name]}", flush=True)
        folder = Path(tempfile.mkdtemp(prefix=f"gltr-torture-{name}-"))
        try:
            tallies += importlib.import_module(f"tests.torture.{name}").run(folder, given.short, given.seed)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            seconds = time.perf_counter() - start
            write(  # after each part: what a later one breaks off is not lost
                given.out / "torture.json", tallies, short=given.short, seed=given.seed, seconds=round(seconds, 1),
                python=platform.python_version(), machine=platform.platform(),
            )  # fmt: skip
    print(table(tallies))
    lost = sum(t.lost for t in tallies)
    tried = sum(t.tried for t in tallies)
    print(f"torture: {tried:,} cases in {seconds:.0f} s, {lost} lost; {given.out / 'torture.json'}")
    return 1 if lost or not tallies else 0


if __name__ == "__main__":
    sys.exit(main())
