"""How the cost of a hot path grows with size, batch and sigma: ``python benchmarks/growth.py``.

Writes ``results/bench_growth.json`` (points), ``results/bench_growth.png`` (log axes) and ``results/bench_growth.txt``
(the picture in words). Costs are for one mask, picture or step; the exponent is that of the line through the last two
points, so "1.0" doubles with the quantity, "2.0" grows with its square. ``--draw`` draws the picture again from them.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PATHS = ("masks", "adain", "step")
Points = dict[str, dict[str, list[list[float]]]]


def measure(repeat: int, small: bool, device: str) -> Points:
    """{hot path: {quantity: [[value, milliseconds for one], ...]}}."""
    from gltr_lib import bench

    rates = bench.machine_rates(device, small)
    found: Points = {}
    for name in PATHS:
        found[name] = {}
        for quantity, cases in bench.load_path(name).growth(small, device).items():
            rows = [(value, bench.run_case(case, repeat, rates)) for value, case in cases]
            found[name][quantity] = [[value, row["ours_ms"]] for value, row in rows if "ours_ms" in row]
            print(f"{name}, {quantity}: {found[name][quantity]}", file=sys.stderr, flush=True)
    return found


def exponent(points: Sequence[Sequence[float]]) -> float:
    """Slope in log axes between the last two points.

    Example:
        >>> exponent([[1, 5], [2, 3], [4, 12]])
        2.0
    """
    (x0, y0), (x1, y1) = points[-2:]
    return math.log(y1 / y0) / math.log(x1 / x0)


def words(result: Mapping[str, Any]) -> str:
    """The picture in words, a sentence for each line in it."""
    said = [f"Cost of one mask, picture or step on {result['device']}, in log axes."]
    for name, lines in result["points"].items():
        for quantity, points in lines.items():
            (x0, y0), (x1, y1) = points[0], points[-1]
            said.append(
                f"{name}, by {quantity}: from {y0:g} ms at {x0:g} to {y1:g} ms at {x1:g}, at the end with exponent"
                f" {exponent(points):.1f}."
            )
    return "\n".join(said) + "\n"


def draw(result: Mapping[str, Any], path: Path) -> None:
    """One panel a hot path, a line a quantity."""
    from matplotlib.figure import Figure

    from gltr_lib._charts import COLOURS, plain_log

    figure = Figure(figsize=(11, 3.6), layout="constrained")
    panels = figure.subplots(1, len(result["points"]))
    units = {"masks": "mask", "adain": "picture", "step": "step"}
    titles = {"masks": "blob masks", "adain": "stylise (mini)", "step": "training step (baseline)"}
    for axes, (name, lines) in zip(panels, result["points"].items(), strict=True):
        for marker, colour, (quantity, points) in zip("osD^", COLOURS, lines.items(), strict=False):
            xs, ys = zip(*points, strict=True)
            axes.loglog(xs, ys, marker=marker, color=colour, label=f"by {quantity}: exponent {exponent(points):.1f}")
        for axis in (axes.xaxis, axes.yaxis):
            plain_log(axis)
        named = " / ".join(quantity.split(",")[0] for quantity in lines)
        axes.set(title=titles.get(name, name), xlabel=named, ylabel=f"ms for one {units.get(name, name)}")
        axes.grid(True, which="both", alpha=0.25)
        axes.legend(fontsize=7, frameon=False)
    figure.savefig(path, dpi=130)


def main(arguments: list[str] | None = None) -> int:
    """Measure (or read), write, draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--small", action="store_true", help="tiny sizes, to see that it runs")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--draw", action="store_true", help="draw again from the points that are there")
    parser.add_argument("--out", type=Path, default=ROOT / "results", help="folder for bench_growth.*")
    given = parser.parse_args(arguments)
    file = given.out / "bench_growth.json"
    if not given.draw:
        from gltr_lib import ledger
        from gltr_lib._drafts import write_text

        points = measure(given.repeat, given.small, given.device)
        about = {"device": ledger.device_name(given.device), "commit": ledger.git_commit(), "date": ledger.now()}
        write_text(file, json.dumps({**about, "points": points}, indent=1) + "\n")
    result = json.loads(file.read_text(encoding="utf-8"))
    draw(result, file.with_suffix(".png"))
    file.with_suffix(".txt").write_text(words(result), encoding="utf-8")
    print(f"wrote {file.with_suffix('.png')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
