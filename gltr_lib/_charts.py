"""Curves, bars, histograms and the confusion matrix in the course's one look; :mod:`gltr_lib.viz` re-exports them.

Every series has a colour (Okabe and Ito's, safe for colour-blind readers), a marker and a dash of its own, so that
the figure also reads in grey; bars have a hatch instead. Axes carry their units. No pyplot: a figure is dropped when
nobody holds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from gltr_lib._typed import typed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

INK, MUTED, LINE, PAPER = "#1f2933", "#5c6975", "#e3e7eb", "#ffffff"
#: Okabe and Ito's colours (the yellow left out: too pale on white), with a marker and a dash for each.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#3b3b3b")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.4)), (0, (6, 2, 1.2, 2)), (0, (3, 1.5)), "-.", ":")
#: White strokes over the bars of each series: in grey, Okabe and Ito's first three colours are nearly one.
HATCHES = ("", "///", "..", "xx", "\\\\\\", "--", "oo")
RC: dict[str, Any] = {
    "font.family": "DejaVu Sans", "font.size": 9, "text.color": INK, "figure.facecolor": PAPER, "figure.dpi": 150,
    "axes.facecolor": PAPER, "axes.edgecolor": MUTED, "axes.linewidth": 0.7, "axes.labelcolor": MUTED,
    "axes.titlesize": 10.5, "axes.titlelocation": "left", "axes.titleweight": "normal", "axes.titlepad": 9,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "axes.axisbelow": True,
    "grid.color": LINE, "grid.linewidth": 0.8, "xtick.color": MUTED, "ytick.color": MUTED, "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5, "xtick.major.size": 0, "ytick.major.size": 0, "legend.frameon": False,
    "legend.fontsize": 8.5, "lines.linewidth": 1.8, "lines.markersize": 5, "svg.hashsalt": "gltr",
}  # fmt: skip
WIDTH = 8.4  # inches of a full figure; 100 CSS pixels an inch in the notebook


@contextmanager
def look() -> Iterator[None]:
    """Apply the course's one style while figures are made: ``with viz.look(): ...``."""
    import matplotlib

    rules: Any = RC
    with matplotlib.rc_context(rules):
        yield


def new_figure(width: float = WIDTH, height: float = 3.2, **subplots: Any) -> tuple[Figure, Any]:
    """Return (figure, axes) in the course's look, without pyplot; ``subplots`` goes to ``Figure.subplots``.

    Use it for a figure of your own, inside ``with viz.look():`` where you set texts and ticks.
    """
    from matplotlib.figure import Figure

    with look():
        figure = Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots(**subplots)


@typed
def curves(
    series: Mapping[str, Any],
    *,
    xlabel: str,
    ylabel: str,
    title: str = "",
    log_x: bool = False,
    log_y: bool = False,
    width: float = 6.4,
    height: float = 3.3,
) -> Figure:
    """Draw curves, each with a colour, marker and dash of its own.

    Args:
        series: name -> y values, or (x values, y values). xlabel, ylabel: with their unit.
    """
    figure, ax = new_figure(width, height)
    with look():
        for i, (name, values) in enumerate(series.items()):
            x, y = values if isinstance(values, tuple) else (np.arange(len(values)), values)
            every = max(1, len(y) // 10)
            style = {"color": COLOURS[i % 7], "marker": MARKERS[i % 7], "ls": DASHES[i % 7], "markevery": every}
            ax.plot(np.asarray(x, float), np.asarray(y, float), label=name, mec="white", mew=0.7, **style)
        _finish(ax, xlabel, ylabel, title, len(series) > 1)
        if log_x:
            ax.set_xscale("log")
            plain_log(ax.xaxis)
        if log_y:
            ax.set_yscale("log")
            plain_log(ax.yaxis)
    return figure


def plain_log(axis: Axis) -> None:
    """Write the ticks of a logarithmic axis as plain numbers: 0.02 and 10,000, not 2 x 10^-2 and 10^4."""
    from matplotlib.ticker import LogFormatter

    class Plain(LogFormatter):
        def __call__(self, x: float, pos: int | None = None) -> str:
            return f"{x:,.10g}" if super().__call__(x, pos) else ""  # it knows which of the small ticks have room

    axis.set_major_formatter(Plain())
    axis.set_minor_formatter(Plain())


@typed
def bars(
    values: Mapping[str, Any],
    *,
    ylabel: str,
    title: str = "",
    groups: Sequence[str] | None = None,
    errors: Mapping[str, Any] | None = None,
    horizontal: bool = False,
    digits: int = 1,
    width: float = WIDTH,
    height: float | None = None,
) -> Figure:
    """Draw bars with their values written on them; several series differ in colour and hatch, named below the axes.

    Args:
        values: name -> number, one bar each; with ``groups``: series name -> one number a group (NaN: no bar).
        ylabel: what is measured, with its unit. errors: like ``values``, half lengths of error lines.
        horizontal: names at the left, good for many or long ones. digits: decimals of the written values.
    """
    if not 0 <= digits <= 20:
        raise ValueError(f"digits: expected 0 to 20, received {digits}")
    single = groups is None
    names = list(values) if groups is None else list(groups)
    series = {"": [values[name] for name in names]} if single else {k: list(v) for k, v in values.items()}
    lines = {"": [errors[name] for name in names]} if single and errors else (errors or {})
    if any(len(v) != len(names) for v in series.values()):
        raise ValueError(f"bars: every series needs {len(names)} values, one for each of {', '.join(names)}")
    spots, thick = np.arange(len(names)), 0.8 / len(series)
    if height is None:
        height = 0.6 + max(1.4, 0.2 * len(names) * max(1, len(series) * 0.75)) if horizontal else 3.2
    figure, ax = new_figure(width, height)
    with look():
        for i, (name, numbers) in enumerate(series.items()):
            y = np.asarray(numbers, float)
            at = spots + (i - (len(series) - 1) / 2) * thick
            error = np.asarray(lines[name], float) if name in lines else None
            style: dict[str, Any] = {"color": COLOURS[i % 7], "label": name, "ecolor": INK}
            style |= {"hatch": HATCHES[i % 7], "edgecolor": "white", "linewidth": 0}
            if horizontal:
                drawn = ax.barh(at, y, thick * 0.92, xerr=error, **style)
            else:
                drawn = ax.bar(at, y, thick * 0.92, yerr=error, **style)
            if len(names) * len(series) <= 40:
                texts = ["" if np.isnan(v) else f"{v:.{digits}f}" for v in y]
                ax.bar_label(drawn, texts, fontsize=7, color=INK, padding=2)
        if horizontal:
            ax.set_yticks(spots, names)
            ax.margins(y=0.01)
            ax.invert_yaxis()
            ax.grid(False, axis="y")
            _finish(ax, ylabel, "", title, False)
        else:
            ax.set_xticks(spots, names)
            ax.grid(False, axis="x")
            _finish(ax, "", ylabel, title, False)
        if not single:  # outside: among bars there is seldom a free corner
            figure.legend(loc="outside lower center", ncols=min(4, len(series)), handlelength=2.2, handleheight=1.1)
    return figure


@typed
def histogram(series: Mapping[str, Any], *, xlabel: str, title: str = "", bins: int = 40, width: float = 6.4) -> Figure:
    """Draw the distributions of several sets of numbers as outlines over one common range."""
    if not series or not 1 <= bins <= 10_000:
        raise ValueError(
            f"histogram: expected a series or more and 1 to 10,000 bins, received {len(series)} and {bins}"
        )
    figure, ax = new_figure(width, 3.0)
    arrays = {k: np.asarray(v.detach().cpu() if hasattr(v, "detach") else v, float).ravel() for k, v in series.items()}
    everything = np.concatenate(list(arrays.values()))
    edges = np.linspace(everything.min(), everything.max() + 1e-12, bins + 1)
    with look():
        for i, (name, array) in enumerate(arrays.items()):
            share = 100 * np.histogram(array, edges)[0] / max(1, array.size)
            ax.stairs(share, edges, color=COLOURS[i % 7], ls=DASHES[i % 7], lw=1.8, label=name)
            ax.stairs(share, edges, color=COLOURS[i % 7], alpha=0.12, fill=True)
        _finish(ax, xlabel, "share (%)", title, len(arrays) > 1)
    return figure


def _finish(ax: Axes, xlabel: str, ylabel: str, title: str, legend: bool) -> None:
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    if title:
        ax.set_title(title)
    if legend:
        ax.legend(loc="best", handlelength=2.6)
