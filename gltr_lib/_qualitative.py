"""Predictions side by side as in the paper, with a legend, and the same in words; :mod:`gltr_lib.viz` re-exports them.

Unlabelled pixels are striped, which no class is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from gltr_lib import labels as _labels
from gltr_lib._charts import INK, LINE, MUTED, look
from gltr_lib._pictures import as_label_map, as_picture
from gltr_lib._validate import check_choice

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STRIPES = ((255, 255, 255), (196, 203, 210))
CELL = 640  # pixels of a picture's longer side in a grid; more cannot be seen


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
