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
from typing import Any

import numpy as np

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
from gltr_lib._picture_figures import grid, label_figure, label_legend
from gltr_lib._pictures import RIGHT, WRONG, as_label_map, as_picture, error_map, overlay
from gltr_lib._qualitative import qualitative_alt, qualitative_grid
from gltr_lib._validate import describe

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
