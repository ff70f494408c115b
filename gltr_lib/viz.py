"""Figures of the course: one look, colour-safe, described in words.

``show(figure, alt="...")`` puts a picture into the notebook together with its alternative text, which a screen reader
speaks and the built site keeps. Figures are ``matplotlib.figure.Figure`` objects without pyplot: there is no registry
that grows, so the same functions serve widgets and scripts. Colours: the 19 classes in the colour-safe palette with
their numbers written beside them, curves in Okabe and Ito's eight colours with a marker and a dash of their own, errors
in blue and orange of different lightness. Pictures: uint8 (H,W,3), float (3,H,W) in [0,1], labels (H,W).
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gltr_lib import labels as _labels
from gltr_lib._alt import ALT_LENGTH, describes
from gltr_lib._charts import (
    COLOURS,
    DASHES,
    INK,
    LINE,
    MARKERS,
    MUTED,
    PAPER,
    RC,
    WIDTH,
    bars,
    curves,
    histogram,
    look,
    new_figure,
)
from gltr_lib._confusion import confusion_alt, confusion_chart
from gltr_lib._drafts import atomic_file
from gltr_lib._pictures import RIGHT, WRONG, as_label_map, as_picture, error_map, overlay
from gltr_lib._qualitative import qualitative_alt, qualitative_grid
from gltr_lib._typed import typed
from gltr_lib._validate import check_choice, describe

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "COLOURS", "DASHES", "INK", "LINE", "MARKERS", "MUTED", "PAPER", "RC", "RIGHT", "WIDTH", "WRONG", "as_label_map",
    "as_picture", "bars", "confusion_alt", "confusion_chart", "curves", "error_map", "grid",
    "histogram", "label_figure", "label_legend", "look", "new_figure", "overlay", "qualitative_alt",
    "qualitative_grid", "save", "show", "table", "to_png",
]  # fmt: skip


# ------------------------------------------------------------------------------------------- into the notebook


def in_notebook() -> bool:
    """Whether a notebook shows what is displayed; the library works without one, and without IPython."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return False
    return get_ipython() is not None


def show(thing: Any, *, alt: str = "", width: int | None = None) -> None:
    """Display a figure or a picture together with its alternative text.

    Args:
        thing: a matplotlib Figure, or a picture (see :func:`as_picture`).
        alt: what there is to see, in words, 15 to 400 characters; required.
        width: width on the page in CSS pixels; by default 100 an inch (figures) or the picture's own, at least 320.

    Returns:
        None. In a notebook the output's metadata is ``{"image/png": {"alt": alt, ...}}``; elsewhere the alternative
        text is printed.

    Raises:
        ValueError: no proper alternative text, or something that is no picture.
    """
    alt = _check_alt(alt)
    data = to_png(thing)
    if width is None:
        width = round(thing.get_figwidth() * 100) if _is_figure(thing) else max(320, as_picture(thing).shape[1])
    if not in_notebook():
        print(f"[figure] {alt}")
        return
    from IPython.display import display

    bundle = {"image/png": base64.b64encode(data).decode(), "text/plain": f"[figure] {alt}"}
    display(bundle, raw=True, metadata={"image/png": {"alt": alt, "width": int(width)}})


def table(rows: Sequence[Sequence[Any]], columns: Sequence[str], *, caption: str = "", digits: int = 1) -> None:
    """Display a table: numbers right-aligned with ``digits`` decimals, NaN and None as a dash.

    Args:
        rows: one sequence a row, as long as ``columns``.
        columns: headings. caption: a line above the table. digits: decimals of floats.

    Raises:
        ValueError: a row of another length.
    """
    if any(len(row) != len(columns) for row in rows):
        raise ValueError(f"table: every row needs {len(columns)} entries ({', '.join(columns)})")
    cells = [[_cell(value, digits) for value in row] for row in rows]
    widths = [max(len(str(line[i])) for line in [list(columns), *cells]) for i in range(len(columns))]
    lines = ["  ".join(str(v).ljust(w) for v, w in zip(line, widths, strict=True)) for line in [list(columns), *cells]]
    text = "\n".join(filter(None, [caption, *lines]))
    if not in_notebook():
        print(text)
        return
    from IPython.display import display

    numeric = [
        all(isinstance(row[i], int | float | np.number | type(None)) for row in rows) for i in range(len(columns))
    ]
    style = ["text-align:right" if n else "text-align:left" for n in numeric]
    head = "".join(f'<th scope="col" style="{s}">{html.escape(c)}</th>' for c, s in zip(columns, style, strict=True))
    body = "".join(
        "<tr>" + "".join(f'<td style="{s}">{html.escape(v)}</td>' for v, s in zip(row, style, strict=True)) + "</tr>"
        for row in cells
    )
    title = f'<caption style="text-align:left;padding-bottom:4px">{html.escape(caption)}</caption>' if caption else ""
    page = f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    display({"text/html": page, "text/plain": text}, raw=True)


def _cell(value: Any, digits: int) -> str:
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return "–"
    return f"{value:.{digits}f}" if isinstance(value, float | np.floating) else str(value)


def _check_alt(alt: object) -> str:
    low, high = ALT_LENGTH
    text = " ".join(alt.split()) if isinstance(alt, str) else ""
    if not describes(text):
        raise ValueError(
            f"alt: expected {low} to {high} characters that say what there is to see, received {describe(alt)}"
            f" ({len(text)} characters); a reader who cannot see the figure gets this text"
        )
    return text


def _is_figure(thing: Any) -> bool:
    return hasattr(thing, "savefig") and hasattr(thing, "get_figwidth")


def to_png(thing: Any) -> bytes:
    """Return a figure or a picture as the bytes of a PNG file."""
    buffer = io.BytesIO()
    if _is_figure(thing):
        with look():
            thing.savefig(buffer, format="png", dpi=RC["figure.dpi"], metadata={"Software": None})
    else:
        from PIL import Image

        Image.fromarray(as_picture(thing)).save(buffer, format="PNG")
    return buffer.getvalue()


def save(thing: Any, path: str | Path) -> Path:
    """Write a figure or a picture as PNG (to a temporary name first, then renamed)."""
    path = Path(path)
    data = to_png(thing)
    with atomic_file(path) as draft:
        draft.write_bytes(data)
    return path


@typed
def grid(
    images: Sequence[Any],
    titles: Sequence[str] | None = None,
    columns: int | None = None,
    *,
    labels: Sequence[Any] | None = None,
    alpha: float = 0.55,
    rows: Sequence[str] | None = None,
    title: str = "",
    width: float = WIDTH,
    palette: str = "safe",
) -> Figure:
    """Lay pictures out in a grid, each under its title.

    Args:
        images: pictures of any kind. titles: one a picture (or only for the first row). columns: at most 4 by default.
        labels: label maps to lay over the pictures (None entries leave a picture bare). alpha: see :func:`overlay`.
        rows: a name for each row, written at its left. title: a line above all. width: inches.

    Returns:
        matplotlib Figure.
    """
    pictures = [as_picture(image) for image in images]
    if not pictures:
        raise ValueError("grid: expected at least one picture, received none")
    if labels is not None:
        pairs = zip(pictures, labels, strict=True)
        pictures = [p if m is None else overlay(p, m, alpha, palette) for p, m in pairs]
    if columns is not None and columns < 1:
        raise ValueError(f"columns: expected at least 1, received {columns}")
    columns = columns or min(4, len(pictures))
    count = -(-len(pictures) // columns)
    names = list(titles or [])
    left = 0.16 + 0.072 * max(len(name) for name in rows) if rows else 0.02
    gap, head = 0.10, 0.30 if title else 0.02
    cell = (width - left - 0.02 - gap * (columns - 1)) / columns
    heights, tops, y = [], [], head
    for r in range(count):
        line = pictures[r * columns : (r + 1) * columns]
        heights.append(cell * max(p.shape[0] / p.shape[1] for p in line))
        y += 0.24 if any(names[r * columns : (r + 1) * columns]) else 0.03
        tops.append(y)
        y += heights[-1] + gap * 0.7
    from matplotlib.figure import Figure

    with look():
        figure = Figure(figsize=(width, y))
        if title:
            figure.text(0.02 / width, 1 - 0.06 / y, title, fontsize=10.5, va="top")
        for i, picture in enumerate(pictures):
            r, c = divmod(i, columns)
            tall = cell * picture.shape[0] / picture.shape[1]
            x = left + c * (cell + gap)
            ax = figure.add_axes((x / width, 1 - (tops[r] + tall) / y, cell / width, tall / y))
            _draw(ax, picture)
            if i < len(names) and names[i]:
                ax.set_title(names[i], fontsize=8.5, color=INK, pad=3.5, fontweight="normal")
            if rows and c == 0 and r < len(rows):
                centre = 1 - (tops[r] + heights[r] / 2) / y
                figure.text((left - 0.09) / width, centre, rows[r], fontsize=8.5, ha="right", va="center", color=INK)
    return figure


def _draw(ax: Axes, picture: np.ndarray) -> None:
    smooth = "nearest" if picture.shape[1] < 64 else "antialiased"
    ax.imshow(picture, interpolation=smooth, aspect="auto")
    ax.set_axis_off()


def label_figure(
    labels: Any, image: Any | None = None, *, title: str = "", palette: str = "safe", width: float = WIDTH
) -> Figure:
    """Draw a label map (beside its picture, if given) with class numbers on it and a legend of the classes present."""
    classes = as_label_map(labels)
    drawn = _labels.colourize(classes, palette)
    present = [c for c in range(_labels.NUM_CLASSES) if (classes == c).any()]
    lines = -(-len(present) // _per_line(width))
    both = [drawn] if image is None else [as_picture(image), drawn]
    cell = (width - 0.04 - 0.10 * (len(both) - 1)) / len(both)
    tall = cell * drawn.shape[0] / drawn.shape[1]
    top = 0.28 if title else 0.03
    height = top + tall + 0.14 + 0.25 * lines
    from matplotlib.figure import Figure

    with look():
        figure = Figure(figsize=(width, height))
        if title:
            figure.text(0.02 / width, 1 - 0.06 / height, title, fontsize=10.5, va="top")
        for i, picture in enumerate(both):
            x = 0.02 + i * (cell + 0.10)
            ax = figure.add_axes((x / width, 1 - (top + tall) / height, cell / width, tall / height))
            _draw(ax, picture)
        for c in present:
            spot = densest(classes == c)
            if spot is not None:
                ink = ink_on(_labels.PALETTES[palette][c])
                ax.text(*spot, str(c), fontsize=7.5, ha="center", va="center", color=ink)
        _legend(figure, present, palette, 0.0, width, height, lines)
    return figure


def label_legend(classes: Sequence[int] | None = None, *, palette: str = "safe", width: float = WIDTH) -> Figure:
    """Draw the legend alone: number and name of each class on its colour (all 19 by default)."""
    check_choice(palette, _labels.PALETTES, "palette")
    chosen = list(range(_labels.NUM_CLASSES)) if classes is None else [int(c) for c in classes]
    lines = -(-len(chosen) // _per_line(width))
    from matplotlib.figure import Figure

    with look():
        figure = Figure(figsize=(width, 0.25 * lines + 0.04))
        _legend(figure, chosen, palette, 0.02, width, 0.25 * lines + 0.04, lines)
    return figure


def _per_line(width: float) -> int:
    return max(1, int(width / 1.19))


def _legend(
    figure: Figure, classes: list[int], palette: str, bottom: float, width: float, height: float, lines: int
) -> None:
    from matplotlib.patches import FancyBboxPatch

    per_line = _per_line(width)
    ax = figure.add_axes((0, bottom / height, 1, 0.25 * lines / height), xlim=(0, width), ylim=(0.25 * lines, 0))
    ax.set_axis_off()
    for i, c in enumerate(classes):
        line, column = divmod(i, per_line)
        x, y = 0.02 + column * (width - 0.04) / per_line, 0.25 * line + 0.04
        colour = _labels.PALETTES[palette][c]
        style = "round,pad=0,rounding_size=0.03"
        ax.add_patch(FancyBboxPatch((x, y), 0.24, 0.16, boxstyle=style, fc=colour / 255, ec="none"))
        ax.text(x + 0.12, y + 0.085, str(c), fontsize=7, ha="center", va="center", color=ink_on(colour))
        ax.text(x + 0.30, y + 0.085, _labels.CLASSES[c], fontsize=8, va="center")


def ink_on(colour: np.ndarray) -> str:
    """Black or white, whichever reads better on ``colour`` (relative luminance of WCAG)."""
    linear = np.where(colour / 255 <= 0.04045, colour / 255 / 12.92, ((colour / 255 + 0.055) / 1.055) ** 2.4)
    return "white" if float(linear @ (0.2126, 0.7152, 0.0722)) < 0.18 else "#111111"


def densest(mask: np.ndarray) -> tuple[int, int] | None:
    """Return (x, y) in the thick of a region, or None where it is too thin for a number."""
    total = np.pad(mask.astype(np.int64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    for part in (3, 5, 8, 14):  # the largest square that fits, from a third of the height down to what a number needs
        size = max(3, mask.shape[0] // part) | 1
        full = total[size:, size:] - total[:-size, size:] - total[size:, :-size] + total[:-size, :-size]
        spots = np.argwhere(full >= 0.95 * size * size)
        if len(spots):
            y, x = spots[np.abs(spots - np.median(spots, axis=0)).sum(1).argmin()]
            return int(x) + size // 2, int(y) + size // 2
    return None
