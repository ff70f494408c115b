"""The study on photographs, drawn: the drawn streets' networks set by set, and the walk from other sources and trunks.

Both figures are made from the rows of the tables (:mod:`.real_tables`), found by definition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gltr_lib import ledger
from gltr_lib.study import real_tables, tiers
from gltr_lib.study.figures import GRID, METHOD_STYLE, OURS, RIVAL, few_seeds, new_figure
from gltr_lib.study.names import name_of
from gltr_lib.study.real_tier import METHODS_HERE
from gltr_lib.study.tiers import PRIOR

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Sets in the classes that networks of every source have.
SHARED = {"camvid common5": "CamVid (5)", "idd_lite common4": "IDD-Lite (4)", "cityscapes common5": "Cityscapes (5)"}
#: The methods' own colours and markers, and Okabe and Ito's light blue for strong photometry.
STYLE = {method: {**METHOD_STYLE, "photometric": ("#56b4e9", "^")}[method] for method in METHODS_HERE}
GROUPS = {
    "streets": "drawn streets,\nfrom scratch",
    "streets squeezenet": "drawn streets,\nImageNet trunk",
    "airsim mini": "AirSim,\nfrom scratch",
    "airsim squeezenet": "AirSim,\nImageNet trunk",
}
Cells = Mapping[tuple[Any, ...], ledger.Summary]


def streets_figure(rows: Sequence[ledger.Row], tuned: Mapping[str, str] | None = None) -> tuple[Figure, str] | None:
    """Networks of the drawn streets on every real set, in each set's own classes.

    Args:
        rows: of ``real.jsonl``.
        tuned: see :func:`.real_tables.group_runs`.

    Returns:
        (figure, its words), or None while no rival was scored.
    """
    runs = real_tables.group_runs(tuned)["streets"]
    heads = {" ".join(column): head for column, head in real_tables.WALK.items()}
    cells = ledger.summarise(real_tables.scored(rows, runs))
    alone, consistent = tiers.rival_names()
    methods = [m for m in dict.fromkeys(run.method for run in runs) if any((m, head) in cells for head in heads)]
    if not set(methods) & {*alone, *consistent}:
        return None
    figure, axes = new_figure(10.4, 0.25 * len(methods) + 1.4, ncols=len(heads), sharey=True)
    for axis, (column, head) in zip(axes, heads.items(), strict=True):
        for place, method in enumerate(methods):
            colour, marker = (RIVAL, "o") if method in {*alone, *consistent} else (OURS, "D")
            _marks(axis, cells.get((method, column)), place, colour, marker)
        _lines(axis, cells, column, head)
        axis.set_ylim(len(methods) - 0.5, -0.5)
    counts = {m: max(cells[m, column].n for column in heads if (m, column) in cells) for m in methods}
    axes[0].set_yticks(range(len(methods)), [name_of(m) + few_seeds(counts[m]) for m in methods], fontsize=8.5)
    axes[1].set_xlabel("mIoU (%)")
    note = "diamonds: ours and the baselines; circles: rivals; dashed: layout prior, which sees no picture"
    figure.supxlabel(note, fontsize=9)
    parts = [f"{head} {_told(cells, methods, column)}" for column, head in heads.items()]
    count = f"{len(methods)} methods trained on drawn streets"
    return figure, f"{count}, mIoU in per cent on photographs, the layout prior and the best three: {'; '.join(parts)}."


def trunks_figure(rows: Sequence[ledger.Row], tuned: Mapping[str, str] | None = None) -> tuple[Figure, str] | None:
    """The walk and strong photometry by training set and trunk, in the classes that all have.

    Arguments and result as :func:`streets_figure`; None while no network of the tier *real* was scored.
    """
    runs = real_tables.group_runs(tuned)
    cells = {key: ledger.summarise(_plain_names(real_tables.scored(rows, group))) for key, group in runs.items()}
    there = [key for key in GROUPS if any(("baseline", column) in cells[key] for column in SHARED)]
    if not set(there) - {"streets"}:
        return None
    figure, axes = new_figure(10.4, 0.8 * len(there) + 1.6, ncols=len(SHARED), sharey=True)
    for axis, (column, head) in zip(axes, SHARED.items(), strict=True):
        for place, key in enumerate(there):
            for number, method in enumerate(METHODS_HERE):
                shift = 0.2 * (number - (len(METHODS_HERE) - 1) / 2)
                label = name_of(method) if place == 0 else None
                _marks(axis, cells[key].get((method, column)), place + shift, *STYLE[method], label=label)
            prior = cells[key].get((PRIOR, column))
            if prior is not None:
                axis.plot([100 * prior.mean] * 2, [place - 0.42, place + 0.42], color="#555555", ls="--", lw=1)
        axis.set_title(head, loc="left", fontsize=11)
        axis.grid(axis="x", color=GRID, linewidth=0.6)
        axis.set_ylim(len(there) - 0.5, -0.5)
    names = [f"{GROUPS[key]},\n{runs[key][0].config.steps} steps" for key in there]
    axes[0].set_yticks(range(len(there)), names)
    axes[1].set_xlabel("mIoU (%); small: seeds, dashed: layout prior of the training labels")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    column = next(iter(SHARED))
    parts = []
    for key in there:
        found = [(m, cells[key][m, column]) for m in METHODS_HERE if (m, column) in cells[key]]
        means = ", ".join(f"{name_of(m)} {100 * cell.mean:.0f}" for m, cell in found)
        parts.append(f"{GROUPS[key].replace(chr(10), ' ')}: {means}")
    return (
        figure,
        f"mIoU in per cent on three real sets by training set and trunk. {SHARED[column]}: {'; '.join(parts)}.",
    )


def _plain_names(rows: Sequence[ledger.Row]) -> list[ledger.Row]:
    """Rows whose method has lost the name of its source and trunk: "gtr [airsim mini]" is "gtr"."""
    return [{**row, "method": row["method"].split(" [")[0]} for row in rows]


def _marks(axis: Axes, cell: ledger.Summary | None, place: float, colour: str, marker: str, **label: Any) -> None:
    if cell is not None:
        axis.scatter([100 * v for v in cell.values], [place] * cell.n, color=colour, s=10, alpha=0.5, linewidth=0)
        axis.scatter([100 * cell.mean], [place], color=colour, marker=marker, s=34, **label)


def _lines(axis: Axes, cells: Cells, column: str, head: str) -> None:
    prior = cells.get((PRIOR, column))
    if prior is not None:
        axis.axvline(100 * prior.mean, color="#555555", linestyle="--", linewidth=1)
    axis.set_title(head, loc="left", fontsize=9.5)
    axis.grid(axis="both", color=GRID, linewidth=0.6)


def _told(cells: Cells, methods: Sequence[str], column: str) -> str:
    best = sorted((m for m in methods if (m, column) in cells), key=lambda m: -cells[m, column].mean)[:3]
    named = [(name_of(m), cells[m, column]) for m in best]
    prior = cells.get((PRIOR, column))
    start = [f"{100 * prior.mean:.0f}"] if prior is not None else []
    return ", ".join([*start, *(f"{name} {100 * cell.mean:.0f}" for name, cell in named)])
