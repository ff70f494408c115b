"""The study's figures, each with its words: the headline, the rivals, and one figure for each factor of the ablations.

A figure is made from the ledger alone. Its words stand beside it (``.txt``) and inside the PNG itself, so that a
picture that no longer shows the ledger is found out (:func:`gltr_lib.study.report.stale`). Colours are Okabe and Ito's,
and every look and method has a marker of its own, so that nothing is told by colour alone.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gltr_lib import ledger
from gltr_lib._drafts import atomic_file, write_text
from gltr_lib.study import ablations, tables, tiers
from gltr_lib.study.evidence import SHIFTED, Evidence
from gltr_lib.study.groups import groups
from gltr_lib.study.names import COLUMN_NAMES, METHOD_NAMES, TEST, name_of
from gltr_lib.study.tiers import HEADLINE_METHODS, PRIOR

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Okabe and Ito's colour and a marker for each look.
LOOK_STYLE = {
    "streets/game": ("#3b3b3b", "X"),
    "streets/overcast": ("#0072b2", "o"),
    "streets/sun": ("#e69f00", "^"),
    TEST: ("#d55e00", "D"),
}
# Okabe and Ito's colour and a marker for each method, those of the lessons' and the probes' figures where they show it.
METHOD_STYLE = {
    "baseline": ("#0072b2", "o"),
    "gtr": ("#d55e00", "s"),
    "gtr_gtr": ("#e69f00", "v"),
    "gtr_ltr": ("#009e73", "^"),
    "gtr_ltr_cgl": ("#cc79a7", "D"),
    "oracle": ("#3b3b3b", "P"),
}
OURS, RIVAL = "#d55e00", "#0072b2"
GRID = "#dddddd"


def headline_figure(rows: Sequence[ledger.Row], tier: str = "headline") -> tuple[Any, str]:
    """A mark for each seed and a bar for the mean, one panel a look; the layout prior as a dashed line.

    Args:
        rows: the ledger.
        tier: the tier's name.

    Returns:
        (matplotlib Figure, its alternative text).

    Raises:
        ValueError: the ledger has no row of the tier.
        ModuleNotFoundError: matplotlib is not installed.
    """
    from matplotlib.figure import Figure

    chosen = tables.headline_rows(rows, tier)
    methods = [m for m in HEADLINE_METHODS if ledger.find(chosen, method=m)]
    columns = [c for c in COLUMN_NAMES if ledger.find(chosen, data=c)]
    if not methods or not columns:
        raise ValueError(f"no rows of tier {tier!r} in the ledger: run gltr study --tier headline first")
    cells = ledger.summarise(chosen)
    # Three panels a row: side by side in one row, a page as wide as a README's would leave no letter readable.
    across = min(3, len(columns))
    down = -(-len(columns) // across)
    figure = Figure(figsize=(2.3 * across + 2.5, down * (0.34 * len(methods) + 0.6) + 0.4), layout="constrained")
    panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    for place in range(len(columns), panels.size):
        panels.flat[place].set_axis_off()
        panels.flat[place - across].tick_params(labelbottom=True)  # the lowest of its column
    for axis, column in zip(panels.flat, columns, strict=False):
        for place, method in enumerate(methods):
            cell = cells.get((method, column))
            if cell is None:
                continue
            colour, marker = METHOD_STYLE[method]
            mean = 100 * cell.mean
            axis.barh(place, mean, height=0.62, color=colour, alpha=0.25, linewidth=0)
            axis.plot([mean] * 2, [place - 0.31, place + 0.31], color=colour, linewidth=2)
            axis.scatter([100 * v for v in cell.values], [place] * cell.n, color=colour, marker=marker, s=22, zorder=3)
        prior = cells.get((PRIOR, column))
        if prior is not None:
            axis.axvline(100 * prior.mean, color="#555555", linestyle="--", linewidth=1)
        axis.set_title(COLUMN_NAMES[column], fontsize=10)
        axis.set_xlim(0, 100)
        axis.set_xticks([0, 25, 50, 75, 100], ["0", "", "50", "", "100"])
        axis.grid(axis="x", color=GRID, linewidth=0.6)
        axis.set_axisbelow(True)
        axis.tick_params(length=0)
        for side in ("top", "right", "left"):
            axis.spines[side].set_visible(False)
    for axis in panels[:, 0]:
        axis.set_yticks(range(len(methods)), [textwrap.fill(METHOD_NAMES[m], 24) for m in methods])
    panels[0, 0].invert_yaxis()
    figure.supxlabel("mIoU-19 (%); marks: seeds, bar: their mean, dashed: layout prior", fontsize=9)
    return figure, alt_text(cells, methods, columns)


def alt_text(cells: Mapping[tuple[Any, ...], ledger.Summary], methods: Sequence[str], columns: Sequence[str]) -> str:
    """The figure in words: every mean, look by look."""
    parts = []
    for column in columns:
        means = [f"{METHOD_NAMES[m]} {100 * cells[(m, column)].mean:.0f}" for m in methods if (m, column) in cells]
        parts.append(f"{COLUMN_NAMES[column]}: {', '.join(means)}")
    return "Bar chart of mIoU in per cent for each method, one panel a look. " + ". ".join(parts) + "."


def ablation_figure(evidence: Evidence, factor: ablations.Factor) -> tuple[Figure, str] | None:
    """One factor: mIoU of each level, one panel a look.

    All panels span equally many points, so that steps compare, and six at least: half a point shall not look like much.

    Args:
        evidence: the ledgers.
        factor: which.

    Returns:
        (figure, its words), or None while fewer than two levels were run: one point shows no factor.
    """
    cells = ledger.summarise(evidence.rows("ablations"))
    looks = ("streets/game", *SHIFTED)
    levels = [level for level in factor.levels if any((level.row.name, look) in cells for look in looks)]
    if len(levels) < 2:
        return None
    figure, axes = new_figure(9.6, 0.36 * len(levels) + 1.25, ncols=len(looks), sharey=True)
    seen = {look: [100 * v for level in levels for v in _values(cells, level, look)] for look in looks}
    half = max(3.0, 0.55 * max(max(values) - min(values) for values in seen.values() if values) + 0.5)
    usual = tiers.walk(factor.around)
    for axis, look in zip(axes, looks, strict=True):
        colour, marker = LOOK_STYLE[look]
        if (usual.name, look) in cells:
            axis.axvline(100 * cells[usual.name, look].mean, color="#777777", linestyle="--", linewidth=1)
        for place, level in enumerate(levels):
            values = [100 * value for value in _values(cells, level, look)]
            axis.scatter(values, [place] * len(values), color=colour, s=11, alpha=0.55, linewidth=0)
            if values:
                mean = sum(values) / len(values)
                axis.plot([mean], [place], color=colour, marker=marker, markersize=7, linestyle="none")
        if seen[look]:
            middle = (max(seen[look]) + min(seen[look])) / 2
            axis.set_xlim(middle - half, middle + half)
        axis.set_title(COLUMN_NAMES[look], loc="left", fontsize=10)
        axis.grid(axis="both", color=GRID, linewidth=0.6)
        axis.set_ylim(len(levels) - 0.5, -0.5)
    names = [level.label + _one_seed(cells, level, looks) for level in levels]
    axes[0].set_yticks(range(len(levels)), [textwrap.fill(name, 30) for name in names])
    figure.suptitle(f"{factor.title} ({factor.axis})", x=0.01, ha="left", fontsize=11)
    about = f"mIoU-19 (%); small dots: seeds, marks: their means, dashed: {name_of(factor.around)} as in the study"
    figure.supxlabel(about, fontsize=9)
    return figure, _words(factor, levels, cells, looks)


def _values(cells: Mapping[tuple[Any, ...], ledger.Summary], level: ablations.Level, look: str) -> Sequence[float]:
    cell = cells.get((level.row.name, look))
    return cell.values if cell is not None else ()


def _one_seed(cells: Mapping[tuple[Any, ...], ledger.Summary], level: ablations.Level, looks: tuple[str, ...]) -> str:
    return ", 1 seed" if max(len(_values(cells, level, look)) for look in looks) == 1 else ""


def _words(factor: ablations.Factor, levels: list[ablations.Level], cells: Any, looks: tuple[str, ...]) -> str:
    parts = []
    for look in looks:
        found = [
            f"{level.label} {100 * cells[level.row.name, look].mean:.1f}"
            for level in levels
            if (level.row.name, look) in cells
        ]
        parts.append(f"{COLUMN_NAMES[look]}: {'; '.join(found)}")
    counts = sorted(
        {cells[level.row.name, look].n for level in levels for look in looks if (level.row.name, look) in cells}
    )
    seeds = f"{counts[-1]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return (
        f"{factor.title} mIoU-19 in per cent by {factor.axis}, around {name_of(factor.around)}; means of {seeds} seeds "
        f"with the seeds as dots. {'. '.join(parts)}."
    )


def rivals_figure(evidence: Evidence) -> tuple[Figure, str] | None:
    """All methods at equal cost on the source and on the test looks; None while no rival was run."""
    cells = ledger.summarise(evidence.rows("rivals"))
    alone, consistent = tiers.rival_names()
    rivals = (*alone, *consistent)
    methods = [row.name for group in groups("rivals", evidence.tuned) for row in group]
    methods = [m for m in methods if (m, TEST) in cells and m != "oracle"]
    methods = [m for m in methods if not m.endswith("_tuned") or evidence.tuned]
    if not set(methods) & set(rivals):
        return None
    methods.sort(key=lambda m: -cells[m, TEST].mean)
    again = {m: f"{m}_cons" for m in methods if f"{m}_cons" in methods}  # in the row of the method alone, hollow
    methods = [m for m in methods if m not in again.values()]
    figure, axes = new_figure(9.6, 0.27 * len(methods) + 1.3, ncols=2, sharey=True)
    for axis, look in zip(axes, (TEST, "streets/game"), strict=True):
        for reference, dash in (("baseline", ":"), ("gtr", "--")):
            if (reference, look) in cells:
                axis.axvline(100 * cells[reference, look].mean, color="#777777", linestyle=dash, linewidth=1)
        for place, method in enumerate(methods):
            cell = cells.get((method, look))
            if cell is None:
                continue
            colour, marker = (RIVAL, "o") if method in rivals else (OURS, "D")
            axis.scatter([100 * v for v in cell.values], [place] * cell.n, color=colour, s=10, alpha=0.5, linewidth=0)
            axis.scatter([100 * cell.mean], [place], color=colour, marker=marker, s=34)
            if (twice := _beside(evidence, cells, again.get(method, ""), method, look)) is not None:
                axis.scatter([100 * twice], [place], facecolor="none", edgecolor=colour, marker=marker, s=34)
        axis.set_title(COLUMN_NAMES[look], loc="left", fontsize=11)
        axis.set_xlabel("mIoU-19 (%)")
        axis.grid(axis="both", color=GRID, linewidth=0.6)
        axis.set_ylim(len(methods) - 0.5, -0.5)
    names = [name_of(m) + few_seeds(cells[m, TEST].n) for m in methods]
    axes[0].set_yticks(range(len(methods)), names, fontsize=8.5)
    landmarks = {*methods[:5], "gtr", "gtr_ltr_cgl", "baseline"}  # all of them are words for a table, not for a figure
    told = [m for m in methods if m in landmarks]
    listed = ", ".join(
        f"{name_of(m)} {100 * cells[m, TEST].mean:.1f}"
        + (
            f" ({100 * beside:.1f})"
            if (beside := _beside(evidence, cells, again.get(m, ""), m, TEST)) is not None
            else ""
        )
        for m in told
    )
    counts = sorted({cells[m, TEST].n for m in again.values()})
    span = "-".join(map(str, dict.fromkeys((counts[0], counts[-1])))) if counts else ""
    hollow = f"; hollow: the difference that two views and consistency make on the same seeds ({span})"
    note = f"diamonds: ours and the baselines; circles: rivals{hollow if again else ''}\ndotted: baseline, dashed: GTR"
    figure.supxlabel(note, fontsize=9)
    some = f"some of {len(methods)} rows, best first"
    both = " (in brackets with two views and consistency)" if set(told) & set(again) else ""
    return figure, f"Rivals at equal cost, mIoU-19 in per cent on the test looks{both}, {some}: {listed}."


def _beside(evidence: Evidence, cells: Any, twice: str, alone: str, look: str) -> float | None:
    """A method's mean and what its variant is ahead or behind on their common seeds: means of other seeds mislead."""
    found = evidence.difference("rivals", twice, alone, look).values if (twice, look) in cells else ()
    return cells[alone, look].mean + sum(found) / len(found) if found else None


def few_seeds(count: int, usual: int = 3) -> str:
    """What follows a name in a figure where fewer seeds than usual stand behind it.

    Example:
        >>> few_seeds(1), few_seeds(2), few_seeds(3)
        (', 1 seed', ', 2 seeds', '')
    """
    return f", {count} seed{'s' * (count > 1)}" if count < usual else ""


def new_figure(width: float, height: float, **subplots: Any) -> tuple[Figure, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(**subplots)
    for axis in axes.flat if hasattr(axes, "flat") else [axes]:
        _plain(axis)
    return figure, axes


def _plain(axis: Axes) -> None:
    axis.set_axisbelow(True)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    axis.tick_params(length=0, labelsize=9)


def save(figure: Any, words: str, path: str | os.PathLike[str]) -> bool:
    """Write a figure as PNG (atomically) with its words inside, and the words beside it; False if nothing changed."""
    path, beside = Path(path), Path(path).with_suffix(".txt")
    before = [file.read_bytes() if file.exists() else None for file in (path, beside)]
    with atomic_file(path) as draft:
        figure.savefig(draft, format="png", dpi=130, metadata={"Software": None, "Description": words})
    write_text(beside, words + "\n")
    return before != [path.read_bytes(), beside.read_bytes()]


def words_in(path: str | os.PathLike[str]) -> str:
    """The words inside a figure's PNG; "" if there are none."""
    from PIL import Image

    with Image.open(path) as picture:
        return str(getattr(picture, "text", {}).get("Description", ""))
