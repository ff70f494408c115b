"""Figures of scores: the confusion matrix with each class's IoU, and predictions side by side as in the paper.

Both come with a function that says in words what there is to see, for :func:`gltr_lib.viz.show` and for the text that
lies beside a file. Unlabelled pixels are striped, which no class is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from gltr_lib import labels as _labels
from gltr_lib._charts import COLOURS, INK, LINE, MUTED, look
from gltr_lib._pictures import as_label_map, as_picture
from gltr_lib._validate import check_choice, describe

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STRIPES = ((255, 255, 255), (196, 203, 210))
CELL = 640  # pixels of a picture's longer side in a grid; more cannot be seen


def confusion_chart(
    matrix: Any, classes: Sequence[str] | None = None, *, averaged: Sequence[int] | None = None, title: str = ""
) -> Figure:
    """Draw a confusion matrix in per cent of each true class, with the classes' colours, and their IoUs beside it.

    Args:
        matrix: a ConfusionMatrix, or counts (C,C) whose rows are the truth.
        classes: names of the C classes; Cityscapes' by default.
        averaged: classes in the mean (the others' bars are pale); None = all.
        title: a line above; say which data and protocol.

    Returns:
        matplotlib Figure. A class without a labelled pixel has an empty row; without a predicted one either, no IoU.

    Raises:
        ValueError: no square matrix, or not one name a class.
    """
    counts, names = _counts(matrix, classes)
    share, iou = _shares(counts), _ious(counts)
    n = len(counts)
    side, left, right, top, bottom = 0.30 * n, 1.35, 1.75, 0.62 if title else 0.28, 1.22
    width, height = left + side + right, top + side + bottom
    from matplotlib.figure import Figure

    with look():
        figure = Figure(figsize=(width, height))
        ax = figure.add_axes((left / width, bottom / height, side / width, side / height))
        # The square root lifts the rare mistakes, which are the ones to look for, out of the white.
        ax.imshow(np.sqrt(np.nan_to_num(share) / 100), cmap="Blues", vmin=0, vmax=1.08, aspect="auto")
        for r, c in np.argwhere(np.nan_to_num(share) >= 0.5):
            dark = share[r, c] > 38
            weight = "bold" if r == c else "normal"
            style: dict[str, Any] = {"fontsize": 6.6, "fontweight": weight, "color": "white" if dark else INK}
            ax.text(float(c), float(r), f"{share[r, c]:.0f}", ha="center", va="center", **style)
        for r in np.flatnonzero(counts.sum(1) == 0):
            ax.axhspan(r - 0.5, r + 0.5, color="#f4f5f7", zorder=2)
            ax.text(
                n / 2 - 0.5,
                float(r),
                "no labelled pixel",
                fontsize=6.6,
                color=MUTED,
                ha="center",
                va="center",
                zorder=3,
            )
        ax.set_xticks(np.arange(n), names, rotation=90, fontsize=7.8, color=INK)
        ax.set_yticks(np.arange(n), names, fontsize=7.8, color=INK)
        ax.tick_params(axis="x", pad=11)
        ax.tick_params(axis="y", pad=13)
        _grid_lines(ax, n)
        ax.set_xlabel("predicted class", labelpad=6)
        ax.set_ylabel("true class (each row: 100 %)", labelpad=6)
        _chips(ax, n)
        place = ((left + side + 0.18) / width, bottom / height, (right - 0.36) / width, side / height)
        _iou_bars(figure, place, iou, range(n) if averaged is None else averaged)
        if title:
            figure.text(0.10 / width, 1 - 0.10 / height, title, fontsize=10, va="top", color=INK)
    return figure


def confusion_alt(matrix: Any, classes: Sequence[str] | None = None, *, averaged: Sequence[int] | None = None) -> str:
    """Say in at most 400 characters what a confusion chart shows: the mean, the best and worst classes, the mistakes.

    Example:
        >>> confusion_alt(np.array([[90, 10], [5, 5]]), ["road", "car"])
        'Confusion matrix of 2 classes, mean IoU 55.4 %. Highest IoU: road 86 %, car 25 %. Most frequent mistakes: 50 %
        of car taken for road, 10 % of road taken for car.'
    """
    counts, names = _counts(matrix, classes)
    share, iou = _shares(counts), _ious(counts)
    mean = _mean(iou if averaged is None else iou[list(averaged)])
    seen = [int(c) for c in np.argsort(-np.nan_to_num(iou, nan=-1), kind="stable") if not np.isnan(iou[c])]
    if not seen:
        return f"Confusion matrix of {len(names)} classes without a single counted pixel."
    text = f"Confusion matrix of {len(names)} classes, mean IoU {100 * mean:.1f} %."
    text += " Highest IoU: " + ", ".join(f"{names[c]} {100 * iou[c]:.0f} %" for c in seen[:3]) + "."
    if len(seen) > 3:
        text += (
            " Lowest: " + ", ".join(f"{names[c]} {100 * iou[c]:.0f} %" for c in seen[-min(3, len(seen) - 3) :]) + "."
        )
    wrong = np.where(np.eye(len(names), dtype=bool), 0, np.nan_to_num(share))
    worst = [divmod(int(i), len(names)) for i in np.argsort(-wrong, axis=None, kind="stable")[:3]]
    said = [f"{wrong[r, c]:.0f} % of {names[r]} taken for {names[c]}" for r, c in worst if wrong[r, c] >= 0.5]
    return text + (f" Most frequent mistakes: {', '.join(said)}." if said else "")


def qualitative_grid(
    images: Sequence[Any],
    predictions: Mapping[str, Sequence[Any]],
    labels: Sequence[Any] | None = None,
    *,
    rows: Sequence[str] | None = None,
    title: str = "",
    palette: str = "safe",
    width: float | None = None,
) -> Figure:
    """Lay predictions side by side as in the paper: image, each network's answer, ground truth; a legend below.

    Args:
        images: pictures of any kind and size, one a row.
        predictions: column title -> one map of trainIds (H,W) a picture, in the order of the columns, for instance
            "baseline", "+GTR", "+GTR+LTR", "+GTR+LTR+CGL".
        labels: ground truth, one a picture; its unlabelled pixels are striped. None leaves the column out.
        rows: a name for each picture, written at its left.
        title: a line above all.
        palette: "safe" (for colour-blind readers) or "cityscapes" (as in papers).
        width: inches; by default 1.9 a column, at least 8.4.

    Returns:
        matplotlib Figure. Words for it: :func:`qualitative_alt`.

    Raises:
        ValueError: no pictures, a column that is not as long as the pictures, maps of another shape than their picture.
    """
    check_choice(palette, _labels.PALETTES, "palette")
    table, columns = _columns(images, predictions, labels, palette)
    present = sorted({int(c) for maps in [*predictions.values(), labels or []] for m in maps for c in _present(m)})
    striped = any(bool((as_label_map(m) == _labels.IGNORE).any()) for m in labels or [])
    width = width or max(8.4, 1.9 * len(columns))
    names = [_wrapped(name) for name in rows or []]
    left = 0.20 + 0.062 * max(len(part) for name in names for part in name.split("\n")) if names else 0.06
    gap, apart = 0.06, 0.08
    extra = (len(columns) > 1) * apart + (labels is not None) * apart  # a wider gap sets image and ground truth apart
    cell = (width - left - 0.06 - gap * (len(columns) - 1) - extra) / len(columns)
    heights = [max(p.shape[0] / p.shape[1] for p in line) * cell for line in table]
    per_line = max(1, int(width / 1.22))
    lines = -(-(len(present) + striped) // per_line)
    head = 0.34 if title else 0.06
    height = head + 0.22 + sum(heights) + gap * (len(heights) - 1) + 0.16 + 0.24 * lines
    from matplotlib.figure import Figure

    with look():
        figure = Figure(figsize=(width, height))
        if title:
            figure.text(left / width, 1 - 0.08 / height, title, fontsize=10.5, va="top", color=INK)
        y = head + 0.22
        for r, line in enumerate(table):
            for c, picture in enumerate(line):
                last = labels is not None and c == len(line) - 1
                x = left + c * (cell + gap) + (c > 0) * apart + last * apart
                tall = cell * picture.shape[0] / picture.shape[1]
                ax = figure.add_axes((x / width, 1 - (y + tall) / height, cell / width, tall / height))
                ax.imshow(picture, interpolation="nearest" if picture.shape[1] < 200 else "antialiased", aspect="auto")
                ax.set_axis_off()
                if r == 0:
                    ax.set_title(columns[c], fontsize=9, color=INK, pad=4)
            if names:
                centre = 1 - (y + heights[r] / 2) / height
                figure.text((left - 0.08) / width, centre, names[r], fontsize=7.5, ha="right", va="center", color=MUTED)
            y += heights[r] + gap
        _class_legend(figure, present, striped, palette, left, width, height, per_line, lines)
    return figure


def qualitative_alt(predictions: Mapping[str, Sequence[Any]], labels: Sequence[Any] | None = None) -> str:
    """Say what a qualitative grid shows: its columns, and the share of labelled pixels that each gets right.

    Example:
        >>> qualitative_alt({"baseline": [np.array([[0, 1]])]}, [np.array([[0, 0]])])
        '1 street picture and the classes found in it. Columns: image, baseline, ground truth. Pixels right: baseline
        50 %.'
    """
    count = len(next(iter(predictions.values()), []))
    what = "1 street picture and the classes found in it" if count == 1 else f"{count} street pictures, one a row"
    columns = ["image", *predictions, *(["ground truth"] if labels is not None else [])]
    text = f"{what}. Columns: {', '.join(columns)}."
    if labels is None:
        return text
    shares = []
    for name, maps in predictions.items():
        pairs = [(as_label_map(m), as_label_map(t)) for m, t in zip(maps, labels, strict=True)]
        right = sum(int(((m == t) & (t != _labels.IGNORE)).sum()) for m, t in pairs)
        total = sum(int((t != _labels.IGNORE).sum()) for _, t in pairs)
        shares.append(f"{name} {100 * right / max(1, total):.0f} %")
    return f"{text} Pixels right: {', '.join(shares)}."


def _wrapped(name: str, width: int = 14) -> str:
    """A long name in several lines, broken behind its underscores."""
    lines = [""]
    for part in name.replace("_", "_\0").split("\0"):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _counts(matrix: Any, classes: Sequence[str] | None) -> tuple[np.ndarray, list[str]]:
    counts = getattr(matrix, "counts", matrix)
    array = np.asarray(counts.detach().cpu() if hasattr(counts, "detach") else counts, float)
    if array.ndim != 2 or array.shape[0] != array.shape[1] or not array.size:
        raise ValueError(f"confusion: expected a square matrix of counts, received {describe(counts)}")
    names = list(classes or _labels.CLASSES[: len(array)])
    if len(names) != len(array):
        raise ValueError(f"confusion: {len(array)} classes but {len(names)} names; give one name a class")
    return array, names


def _shares(counts: np.ndarray) -> np.ndarray:
    total = counts.sum(1, keepdims=True)
    return 100 * counts / np.where(total > 0, total, np.nan)


def _ious(counts: np.ndarray) -> np.ndarray:
    union = counts.sum(0) + counts.sum(1) - counts.diagonal()
    return counts.diagonal() / np.where(union > 0, union, np.nan)


def _mean(values: np.ndarray) -> float:
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if kept.size else float("nan")


def _grid_lines(ax: Axes, n: int) -> None:
    ax.grid(False)
    ax.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    ax.grid(True, which="minor", color="white", linewidth=0.8)
    ax.tick_params(which="minor", length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _chips(ax: Axes, n: int) -> None:
    """The class's colour beside its name, for 19 classes."""
    if n != _labels.NUM_CLASSES:
        return
    from matplotlib.patches import Rectangle

    for c in range(n):
        colour = _labels.PALETTES["safe"][c] / 255
        for x, y in ((-0.98, c - 0.17), (c - 0.17, n - 0.5 + 0.14)):
            ax.add_patch(Rectangle((x, y), 0.34, 0.34, fc=colour, ec="none", clip_on=False))


def _iou_bars(
    figure: Figure, place: tuple[float, float, float, float], iou: np.ndarray, averaged: Sequence[int]
) -> None:
    ax = figure.add_axes(place)
    values, mean = 100 * np.nan_to_num(iou), 100 * _mean(iou[list(averaged)])
    colours = [COLOURS[0] if c in averaged else "#b7c4ce" for c in range(len(iou))]
    ax.barh(np.arange(len(iou)), values, 0.62, color=colours)
    for c, value in enumerate(values):
        text = "–" if np.isnan(iou[c]) else f"{value:.1f}"
        inside = value > 62
        ax.text(
            value - 3 if inside else value + 3, c, text, fontsize=6.8, va="center",
            ha="right" if inside else "left", color="white" if inside else INK,
        )  # fmt: skip
    ax.set_ylim(len(iou) - 0.5, -0.5)
    ax.set_xlim(0, 100)
    ax.set_yticks([])
    ax.set_xticks([0, 50, 100], ["0", "50", "100"], fontsize=7.5)
    ax.grid(True, axis="x", color=LINE)
    ax.spines["left"].set_visible(False)
    ax.spines["bottom"].set_visible(False)
    ax.set_title("IoU (%)" if np.isnan(mean) else f"IoU (%), mean {mean:.1f}", fontsize=8.5)


def _columns(
    images: Sequence[Any], predictions: Mapping[str, Sequence[Any]], labels: Sequence[Any] | None, palette: str
) -> tuple[list[list[np.ndarray]], list[str]]:
    """The pictures of each row, brought to what a grid can show, and the columns' titles."""
    if not len(images):
        raise ValueError("qualitative_grid: expected at least one picture, received none")
    maps = {**predictions, **({"ground truth": labels} if labels is not None else {})}
    for name, column in maps.items():
        if len(column) != len(images):
            raise ValueError(f"qualitative_grid: {len(images)} pictures but {len(column)} maps in {name!r}")
    table = []
    for r, image in enumerate(images):
        picture = as_picture(image)
        line = [_small(picture, Image.Resampling.BOX)]
        for name, column in maps.items():
            classes = as_label_map(column[r])
            if classes.shape != picture.shape[:2]:
                raise ValueError(
                    f"qualitative_grid: {name!r} of picture {r} is {classes.shape}, the picture {picture.shape[:2]}"
                )
            line.append(_painted(_small(classes, Image.Resampling.NEAREST), palette))
        table.append(line)
    return table, ["image", *maps]


def _small(array: np.ndarray, how: Image.Resampling) -> np.ndarray:
    scale = CELL / max(array.shape[:2])
    if scale >= 1:
        return array
    size = (max(1, round(array.shape[1] * scale)), max(1, round(array.shape[0] * scale)))
    return np.asarray(Image.fromarray(array).resize(size, how))


def _painted(classes: np.ndarray, palette: str) -> np.ndarray:
    """Class colours, unlabelled pixels in diagonal stripes."""
    colours = _labels.colourize(classes, palette)
    y, x = np.indices(classes.shape)
    wide = max(1, max(classes.shape) // 90)
    stripes = np.array(STRIPES, np.uint8)[((x + y) // wide) % 2]
    return np.where((classes == _labels.IGNORE)[:, :, None], stripes, colours)


def _present(classes: Any) -> np.ndarray:
    found = np.unique(as_label_map(classes))
    return found[found != _labels.IGNORE]


def _class_legend(
    figure: Figure, classes: Sequence[int], striped: bool, palette: str, left: float, width: float, height: float,
    per_line: int, lines: int,
) -> None:  # fmt: skip
    from matplotlib.patches import Rectangle

    tall = 0.24 * lines
    ax = figure.add_axes((0, 0.02 / height, 1, tall / height), xlim=(0, width), ylim=(tall, 0))
    ax.set_axis_off()
    entries: list[tuple[Any, str]] = [(_labels.PALETTES[palette][c] / 255, _labels.CLASSES[c]) for c in classes]
    entries += [(None, "unlabelled")] if striped else []
    for i, (colour, name) in enumerate(entries):
        line, column = divmod(i, per_line)
        x, y = left + column * (width - left - 0.06) / per_line, 0.24 * line + 0.04
        if colour is None:
            patch = np.indices((14, 22)).sum(0) // 3 % 2
            ax.imshow(np.array(STRIPES, np.uint8)[patch], extent=(x, x + 0.22, y + 0.14, y), aspect="auto")
            ax.set(xlim=(0, width), ylim=(tall, 0))
        ax.add_patch(Rectangle((x, y), 0.22, 0.14, fc=colour if colour is not None else "none", ec=LINE, lw=0.6))
        ax.text(x + 0.28, y + 0.075, name, fontsize=8, va="center", color=INK)
