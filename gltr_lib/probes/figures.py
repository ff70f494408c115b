"""The page's figures, drawn from the ledger alone, and its two sheets of example pictures.

Each figure comes with its alternative text, and its file carries a digest of the rows it was drawn from, so that a test
sees a stale one. Each network has the colour, marker and dash that it has everywhere in the course. matplotlib loads on
use.
"""

from __future__ import annotations

import io
import os
import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gltr_lib._charts import COLOURS, DASHES, INK, LINE, MARKERS, MUTED
from gltr_lib._drafts import atomic_file
from gltr_lib._json import digest
from gltr_lib.datasets.looks import TEST_LOOKS
from gltr_lib.evaluate.tables import percent
from gltr_lib.labels import colourize
from gltr_lib.probes import plan
from gltr_lib.probes.conflict import ARRANGEMENTS, MODES, Swap, set_scene, swapped
from gltr_lib.probes.corruptions import KINDS, SEVERITIES, corrupt
from gltr_lib.probes.expect import RANDOMIZED, mean_relative, mean_share, miou, relative, shift
from gltr_lib.probes.tables import LOOK_NAMES, MODE_NAMES, NAMES, WITH_PRIOR, Rows, fill, one_swap
from gltr_lib.study.tiers import PRIOR

RC: dict[str, Any] = {
    "font.family": "DejaVu Sans", "font.size": 9, "text.color": INK, "axes.edgecolor": MUTED, "axes.linewidth": 0.7,
    "axes.labelcolor": MUTED, "axes.titlesize": 9.5, "axes.titlelocation": "left", "axes.spines.top": False,
    "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True, "grid.color": LINE, "xtick.color": MUTED,
    "ytick.color": INK, "xtick.major.size": 0, "ytick.major.size": 0, "legend.frameon": False, "lines.markersize": 5,
}  # fmt: skip
EXAMPLE = 20_045  # the street of the sheets


@contextmanager
def _panels(rows: int, columns: int, width: float, height: float) -> Iterator[tuple[Any, Any]]:
    import matplotlib
    from matplotlib.figure import Figure

    rules: Any = RC
    with matplotlib.rc_context(rules):
        figure = Figure(figsize=(width, height), layout="constrained", dpi=130)
        yield figure, figure.subplots(rows, columns, squeeze=False, sharey=True)


def _legend(figure: Any, panel: Any, below: str = "") -> None:
    """The legend, under one label for the axes of all panels: as its title, so that the two never overlap."""
    handles, names = panel.get_legend_handles_labels()
    title = {"title": below, "title_fontsize": 9} if below else {}
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), **title).get_title().set_color(MUTED)


def _dots(panel: Any, lines: Sequence[str], value: Callable[[str, int], tuple[float, Any]]) -> None:
    """Four dots and the layout prior's cross for each line; ``value(network, line)``: a share, its interval or None."""
    for number, (network, name) in enumerate(NAMES.items()):
        at = np.arange(len(lines)) + (number - 1.5) * 0.17
        found = [value(network, i) for i in range(len(lines))]
        for y, (_, interval) in zip(at, found, strict=True):
            if interval and None not in interval:
                panel.plot([100 * v for v in interval], [y, y], color=COLOURS[number], lw=1.2, alpha=0.55)
        x = [100 * v for v, _ in found]
        panel.plot(x, at, MARKERS[number], color=COLOURS[number], mec="white", mew=0.6, label=name)
    known = [value(PRIOR, i)[0] for i in range(len(lines))]
    if not np.isnan(known).all():
        panel.plot(100 * np.array(known), range(len(lines)), "x", color=MUTED, mew=1.4, label=WITH_PRIOR[PRIOR])
    panel.set_yticks(range(len(lines)), lines)
    panel.set_ylim(len(lines) - 0.5, -0.5)
    panel.grid(False, axis="y")
    for edge in range(1, len(lines)):
        panel.axhline(edge - 0.5, color=LINE, lw=0.8)


def conflict_figure(rows: Rows) -> Any:
    """Shape share of every swap, in three ways of swapping; lines are intervals over scenes."""
    lines = [f"{shape}\nagainst {texture}" for shape, texture in plan.SWAPS]
    with _panels(1, len(MODES), 11.4, 5.4) as (figure, panels):
        for panel, mode in zip(panels[0], MODES, strict=True):

            def value(network: str, i: int, mode: str = mode) -> tuple[float, Any]:
                row = one_swap(rows, network, *plan.SWAPS[i], mode)
                return (row["value"], row.get("interval")) if row.get("metric") == "shape share" else (np.nan, None)

            _dots(panel, lines, value)
            panel.set_xlim(-3, 103)
            panel.set_title(MODE_NAMES[mode])
        _legend(figure, panels[0][0], "shape share (%): 0 = all named after the material, 100 = all after the shape")
    return figure


def conflict_alt(rows: Rows) -> str:
    """The figure in words."""
    means = "; ".join(
        f"{name} {', '.join(percent(mean_share(rows, n, mode)) for n in NAMES)}" for mode, name in MODE_NAMES.items()
    )
    return f"Dots: shape share of eight swaps. Means in per cent, from baseline to + GTR + LTR + CGL: {means}."


def place_figure(rows: Rows) -> Any:
    """Shape share and mIoU when the street is mirrored, turned or shifted."""
    with _panels(1, 2, 8.4, 3.4) as (figure, panels):
        _dots(panels[0][0], ARRANGEMENTS, lambda n, i: (mean_share(rows, n, how=ARRANGEMENTS[i]), None))
        _dots(panels[0][1], ARRANGEMENTS, lambda n, i: (miou(rows, n, ARRANGEMENTS[i]), None))
        for panel, title in zip(panels[0], ("mean shape share (%)", "mIoU-19 without a swap (%)"), strict=True):
            panel.set_title(title)
            panel.set_xlim(-3, 103)
        _legend(figure, panels[0][0])
    return figure


def place_alt(rows: Rows) -> str:
    """The figure in words."""
    said = "; ".join(
        f"{how}: "
        + ", ".join(f"{percent(mean_share(rows, n, how=how))} and {percent(miou(rows, n, how))}" for n in NAMES)
        for how in ("upright", "upside down", "halves exchanged")
    )
    return f"Dots. Shape share and mIoU in per cent, from baseline to + GTR + LTR + CGL. {said}."


def features_figure(rows: Rows) -> Any:
    """Feature shift layer by layer, one panel a look."""
    with _panels(2, 4, 10.4, 5.0) as (figure, panels):
        for panel, (look, title) in zip(panels.flat, LOOK_NAMES.items(), strict=False):
            for number, (network, name) in enumerate(NAMES.items()):
                y = [shift(rows, network, layer, look) for layer in plan.LAYERS]
                panel.plot(y, color=COLOURS[number], marker=MARKERS[number], ls=DASHES[number], mec="white", label=name)
            panel.set_title(title)
            panel.set_xticks(range(len(plan.LAYERS)), plan.LAYERS, fontsize=7.5)
        far = [shift(rows, n, layer, look) for n in NAMES for layer in plan.LAYERS for look in LOOK_NAMES]
        panels.flat[0].set_ylim(0, 1.05 * max(far))  # shared by all
        panels.flat[-1].set_axis_off()
        figure.supylabel("shift of channel means against game (standard deviations)", fontsize=9, color=MUTED)
        _legend(figure, panels.flat[0], "layer of the network, from the first to the last")
    return figure


def features_alt(rows: Rows) -> str:
    """The figure in words."""
    said = ", ".join(
        f"{NAMES[n]} {shift(rows, n, 'stem', TEST_LOOKS):.2f} and {shift(rows, n, 'aspp', TEST_LOOKS):.2f}"
        for n in NAMES
    )
    return f"Curves over five layers, one panel a look. On the test looks, shift of stem and aspp: {said}."


def corruption_figure(rows: Rows) -> Any:
    """mIoU under each corruption relative to the clean one."""
    with _panels(2, 3, 8.4, 5.0) as (figure, panels):
        for panel, kind in zip(panels.flat, KINDS, strict=True):
            for number, (network, name) in enumerate(NAMES.items()):
                y = [100.0, *(100 * relative(rows, network, kind, s) for s in SEVERITIES)]
                panel.plot(y, color=COLOURS[number], marker=MARKERS[number], ls=DASHES[number], mec="white", label=name)
            panel.set_title(kind)
            panel.set_xticks(range(4), ["clean", *map(str, SEVERITIES)])
        best = [100 * relative(rows, n, kind, s) for n in NAMES for kind in KINDS for s in SEVERITIES]
        panels.flat[0].set_ylim(0, 1.05 * max(100.0, *best))  # shared by all
        figure.supylabel("mIoU as a share of the clean one (%)", fontsize=9, color=MUTED)
        _legend(figure, panels.flat[0], "severity")
    return figure


def corruption_alt(rows: Rows) -> str:
    """The figure in words."""
    gains = {
        k: statistics.fmean(mean_relative(rows, n, (k,)) for n in RANDOMIZED) - mean_relative(rows, "baseline", (k,))
        for k in KINDS
    }
    said = ", ".join(f"{kind} {100 * gain:+.0f}" for kind, gain in gains.items())
    means = ", ".join(f"{NAMES[n]} {percent(mean_relative(rows, n))}" for n in NAMES)
    return f"Curves over three severities, a panel a corruption. Mean share kept in per cent: {means}. " + (
        f"Randomised networks minus baseline, in points: {said}."
    )


#: Name -> (drawing, its alternative text).
FIGURES: dict[str, tuple[Callable[[Rows], Any], Callable[[Rows], str]]] = {
    "conflict": (conflict_figure, conflict_alt),
    "place": (place_figure, place_alt),
    "features": (features_figure, features_alt),
    "corruptions": (corruption_figure, corruption_alt),
}
SHEETS = {
    "swaps": "Eight rows of one street: a class in another's material, in its flat colour, with details kept, and in "
    "its own colour under the other's bold pattern; then what the baseline and the network with GTR, LTR and CGL call "
    "the first of the four. Roads of sandy brick, grey houses, green pavements, blue trees.",
    "corrupted": "Six rows of one street: clean, and under noise, blur, contrast, fog, JPEG and brightness at three "
    "severities. The last column is hard to read for people, too.",
}


def texts(rows: Rows) -> dict[str, str]:
    """Marker -> the line that shows a figure or sheet with its alternative text."""
    out = {f"probes:sheet-{name}": f"![{alt}](figures/probes_{name}.png)" for name, alt in SHEETS.items()}
    for name, (_, words) in FIGURES.items():
        out[f"probes:figure-{name}"] = f"![{words(rows)}](figures/probes_{name}.png)" if rows else "Not run."
    return out


def rows_digest(rows: Rows) -> str:
    """Twelve digits of what a figure is drawn from; its file carries them."""
    return digest(sorted([row["definition"], row["metric"], row["value"], row.get("shift")] for row in rows))


def report(page: str | os.PathLike[str], rows: Rows) -> list[str]:
    """Fill the page's tables and draw its figures beside it; returns the markers that changed."""
    folder = Path(page).parent / "figures"
    if rows:
        for name, (draw, _) in FIGURES.items():
            with atomic_file(folder / f"probes_{name}.png") as draft:
                draw(rows).savefig(draft, format="png", metadata={"Software": None, "Description": rows_digest(rows)})
    return fill(page, rows, texts(rows))


def _sheet(cells: Sequence[Sequence[np.ndarray]], heads: Sequence[str], names: Sequence[str]) -> Any:
    """Pictures in rows under headings, each row with its name."""
    wide = 10.4 / len(heads)
    with _panels(len(cells), len(heads), 10.4, 0.3 + len(cells) * wide * 0.475) as (figure, panels):
        for line, name, pictures in zip(panels, names, cells, strict=True):
            for panel, picture in zip(line, pictures, strict=True):
                panel.imshow(picture, interpolation="antialiased")
                panel.set(xticks=[], yticks=[])
                panel.spines[:].set_visible(False)
            line[0].set_ylabel(name, fontsize=8, color=INK)
        for panel, head in zip(panels[0], heads, strict=True):
            panel.set_title(head, fontsize=7.8)
        figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    return figure


def save_sheets(folder: str | os.PathLike[str]) -> dict[Path, str]:
    """Render the two sheets of examples; returns each file with its alternative text."""
    from gltr_lib.probes.run import answers

    networks = {n.name: n.model for n in plan.shipped()}
    scene = set_scene(EXAMPLE, plan.SIZE)
    cells = []
    for shape, texture in plan.SWAPS:
        pictures = [swapped(scene, Swap(shape, texture, mode))[0] for mode in MODES]
        said = [answers(networks[n], pictures[0][None])[0] for n in ("baseline", "gtr_ltr_cgl")]  # type: ignore[arg-type]
        cells.append([*pictures, *(colourize(one) for one in said)])
    heads = [
        "other's material", "other's flat colour", "details kept", "other's bold pattern", "baseline",
        "+ GTR + LTR + CGL",
    ]  # fmt: skip
    made = {"swaps": _sheet(cells, heads, [f"{shape}\nin {texture}" for shape, texture in plan.SWAPS])}
    picture = scene.picture
    cells = [[picture, *(corrupt(picture, kind, severity) for severity in SEVERITIES)] for kind in KINDS]
    made["corrupted"] = _sheet(cells, ["clean", *(f"severity {severity}" for severity in SEVERITIES)], list(KINDS))
    out = {}
    for name, drawn in made.items():
        target = Path(folder) / f"probes_{name}.png"
        buffer = io.BytesIO()
        drawn.savefig(buffer, metadata={"Software": None})
        with Image.open(buffer) as image, atomic_file(target) as draft:
            few = image.convert("RGB").quantize(256, kmeans=1, dither=Image.Dither.FLOYDSTEINBERG)
            few.save(draft, format="PNG", optimize=True)
        out[target] = SHEETS[name]
    return out
