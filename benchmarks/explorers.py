"""How fast the explorers answer, measured where the hand is: in a Chromium that shows JupyterLab.

    python benchmarks/explorers.py                    # a table, and runs/explorers_latency.json
    python benchmarks/explorers.py ltr adain -n 100   # some of them, more key presses

One figure is the time from the key event on a slider (or number box) to the moment the browser has decoded the next
picture, over the whole way: front end, server, kernel, drawing, encoding, and back. The first picture after a key is a
draft where the explorer has one; "settled" is when the full picture has taken its place. Nothing overlaps: a key is
pressed when the picture before has settled. The load of the machine stands beside the figures, as other work
lengthens them.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))

# What is moved in each explorer: its most telling slider, or a number box where there is none.
FIELDS = {"adain": "alpha", "bank": "alpha", "gtr": "alpha", "ltr": "share", "composer": "share"}
FIELDS |= {"cost": "share", "prediction": "scene"}


def measure(modules: list[str], presses: int) -> list[dict[str, Any]]:
    """Open the page of all explorers and press keys; one row for each explorer."""
    from explorer_page import ExplorerPage
    from lab_driver import chromium, start_page

    from gltr_lib.explorers import all_explorers

    kinds = [kind for kind in all_explorers() if not modules or kind.module in modules]
    rows = []
    with (
        tempfile.TemporaryDirectory() as folder,
        chromium() as browser,
        start_page(browser, Path(folder), [kind.__name__ for kind in kinds]) as page,
    ):
        for kind in kinds:
            field = FIELDS[kind.module]
            explorer = ExplorerPage(page, kind.module)
            explorer.latencies(field, 4)  # warms up
            rows.append({"explorer": kind.module, "control": field} | explorer.latencies(field, presses))
            print(line(rows[-1]), flush=True)
        faults = page.faults()
    if faults:
        raise RuntimeError("the page had faults: " + "; ".join(faults))
    return rows


def line(row: dict[str, Any]) -> str:
    """One row for people."""
    figures = "   ".join(f"{name} {row[f'{name}_ms']:6.0f} ms" for name in ("median", "p95", "max", "settled"))
    return f"{row['explorer']:<11} {row['control']:<8} {row['n']:>4} keys   {figures}"


def main(argv: list[str] | None = None) -> int:
    """Command line; returns 0."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("modules", nargs="*", help="explorers such as ltr; all by default")
    parser.add_argument("-n", "--presses", type=int, default=40, help="key presses for each explorer")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "explorers_latency.json")
    args = parser.parse_args(argv)
    unknown = sorted(set(args.modules) - set(FIELDS))
    if unknown:
        parser.error(f"no explorer is called {unknown[0]!r}; there are {', '.join(FIELDS)}")
    from gltr_lib._drafts import write_text

    load = os.getloadavg()
    rows = measure(args.modules, args.presses)
    about = {"date": datetime.date.today().isoformat(), "cpus": os.cpu_count(), "load": [load, os.getloadavg()]}
    write_text(args.out, json.dumps(about | {"rows": rows}, indent=1) + "\n")
    print(f"{os.cpu_count()} CPU cores, load {load[0]:.1f} before and {os.getloadavg()[0]:.1f} after; {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
