"""The race class by class: on which classes is a method ahead, where is it behind?

A mean over nineteen classes hides that two methods can be ahead on different ones. Rows are those of the tier *rivals*;
an IoU is averaged over seeds, and a class that occurs in neither prediction nor label of a row is left out of it.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gltr_lib import ledger
from gltr_lib.labels import CLASSES
from gltr_lib.study import tiers
from gltr_lib.study.evidence import Evidence
from gltr_lib.study.figures import few_seeds
from gltr_lib.study.names import COLUMN_NAMES, TEST, name_of
from gltr_lib.study.tiers import PRIOR

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OURS = ("gtr", "gtr_ltr_cgl")
BEST = 3  # rivals in the table: a page has no room for all; the figure has them


def by_class(rows: Sequence[ledger.Row], data: str = TEST) -> dict[str, dict[str, float]]:
    """Mean IoU over seeds of each method and class.

    Args:
        rows: of the ledger.
        data: the set.

    Returns:
        method -> class -> IoU in [0, 1]; without the classes that a method has no number for.

    Example:
        >>> row = {"method": "gtr", "data": "x", "per_class": {"road": 0.5, "bus": None}}
        >>> by_class([row, row | {"per_class": {"road": 0.7, "bus": None}}], "x")
        {'gtr': {'road': 0.6}}
    """
    found: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        if row["data"] == data and row["method"] != PRIOR:
            for name, value in (row.get("per_class") or {}).items():
                if value is not None:
                    found.setdefault(row["method"], {}).setdefault(name, []).append(value)
    return {method: {name: statistics.fmean(v) for name, v in each.items()} for method, each in found.items()}


def shown(scores: Mapping[str, Mapping[str, float]], best: int | None = None) -> list[str]:
    """The methods of a figure or table: baseline, ours, rivals from the best on, oracle.

    Args:
        scores: as :func:`by_class` has them.
        best: only so many rivals; None = all.

    Returns:
        Names.

    Example:
        >>> shown({"isw": {"road": 0.6}, "baseline": {"road": 0.4}, "fourier": {"road": 0.7}}, best=1)
        ['baseline', 'fourier']
    """
    alone, _ = tiers.rival_names()
    rivals = sorted((m for m in alone if m in scores), key=lambda m: -statistics.fmean(scores[m].values()))
    return [m for m in ("baseline", *OURS, *rivals[:best], "oracle") if m in scores]


def classes_table(evidence: Evidence) -> str:
    """Class by method on the test looks; "not run" without rows."""
    scores = by_class(evidence.rows("rivals"))
    methods = shown(scores, BEST)
    if not methods:
        return "not run"
    lines = ["| class | " + " | ".join(map(name_of, methods)) + " |", "|---|" + "---:|" * len(methods)]
    for name in CLASSES:
        cells = (f"{100 * scores[m][name]:.1f}" if name in scores[m] else "–" for m in methods)
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    means = (f"{100 * statistics.fmean(scores[m].values()):.1f}" for m in methods)
    lines.append("| mean | " + " | ".join(means) + " |")
    note = (
        f"IoU in per cent on the {COLUMN_NAMES[TEST]}, mean over seeds; the rivals are the best {BEST} of those that "
        "were run there. The oracle was trained on overcast and sun."
    )
    return "\n".join(lines) + f"\n\n{note}"


def classes_figure(evidence: Evidence) -> tuple[Figure, str] | None:
    """Method by class as a chart of coloured numbers, and its words; None while no rival was run."""
    from matplotlib.figure import Figure

    scores = by_class(evidence.rows("rivals"))
    methods = shown(scores)
    if not set(methods) - {"baseline", "oracle", *OURS}:
        return None
    values = [[100 * scores[m].get(name, float("nan")) for name in CLASSES] for m in methods]
    figure = Figure(figsize=(10.4, 0.34 * len(methods) + 1.9), layout="constrained")
    axis = figure.subplots()
    picture = axis.imshow(values, cmap="cividis", vmin=0, vmax=100, aspect="auto")
    for place, line in enumerate(values):
        for column, value in enumerate(line):
            if value == value:  # not a class without a number
                colour = "white" if value < 55 else "black"
                axis.text(column, place, f"{value:.0f}", ha="center", va="center", fontsize=8, color=colour)
    seeds = Counter(row["method"] for row in evidence.rows("rivals") if row["data"] == TEST)
    axis.set_yticks(range(len(methods)), [name_of(m) + few_seeds(seeds[m]) for m in methods], fontsize=8.5)
    axis.set_xticks(range(len(CLASSES)), CLASSES, rotation=45, ha="right", rotation_mode="anchor", fontsize=8.5)
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
    axis.set_title(f"IoU by class, {COLUMN_NAMES[TEST]}", loc="left", fontsize=11)
    figure.colorbar(picture, ax=axis, label="IoU (%)", fraction=0.025, pad=0.01)
    return figure, _words(scores, methods)


def _words(scores: Mapping[str, Mapping[str, float]], methods: Sequence[str]) -> str:
    """What to see: where the best rival is farthest ahead of GTR, and where GTR is ahead of it."""
    start = f"IoU of each class on the {COLUMN_NAMES[TEST]} for {len(methods)} methods"
    rivals = [m for m in methods if m not in ("baseline", "oracle", *OURS)]
    if "gtr" not in scores or not rivals:
        return f"{start}."
    best = rivals[0]
    both = [name for name in CLASSES if name in scores["gtr"] and name in scores[best]]
    gain = {name: 100 * (scores[best][name] - scores["gtr"][name]) for name in both}
    order: list[Any] = sorted(gain, key=lambda name: -gain[name])
    ahead = ", ".join(f"{name} {gain[name]:+.0f}" for name in order[:4])
    behind = ", ".join(f"{name} {gain[name]:+.0f}" for name in order[::-1][:2])
    return f"{start}. The best rival, {name_of(best)}, against GTR, in points: most {ahead}; least {behind}."
