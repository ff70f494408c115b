"""The confusion matrix as a chart with each class's IoU beside it, and in words; :mod:`gltr_lib.viz` re-exports it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gltr_lib import labels as _labels
from gltr_lib._charts import COLOURS, INK, LINE, MUTED, look
from gltr_lib._validate import describe

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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
                n / 2 - 0.5, float(r), "no labelled pixel", fontsize=6.6, color=MUTED, ha="center", va="center",
                zorder=3,
            )  # fmt: skip
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


def _counts(matrix: Any, classes: Sequence[str] | None) -> tuple[np.ndarray, list[str]]:
    counts = getattr(matrix, "counts", matrix)
    try:
        array = np.asarray(counts.detach().cpu() if hasattr(counts, "detach") else counts, float)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"confusion: expected a square matrix of counts, received {describe(counts)}") from None
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
