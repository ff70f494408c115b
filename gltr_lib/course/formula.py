r"""A formula as a picture of lines: TeX to SVG, without MathJax and without the network.

Slides must show equations on a projector that has no connection. Matplotlib reads enough TeX for this course; its
outlines become one SVG path in the colour of the text around it, with the TeX as alternative text.
"""

from __future__ import annotations

import html
import re
from functools import cache
from typing import Any

SIZE = 100  # units an em in the SVG's own coordinates
_SIZES = re.compile(r"\\[bB]igg?[lr]?(?![a-zA-Z])")
_SHORT_FRACTION = re.compile(r"\\[td]?frac(\d)(\d|[a-z])")
_TEXT_FRACTION = re.compile(r"\\[td]frac(?=\{)")
_SHORT_ROOT = re.compile(r"\\sqrt\s+([A-Za-z0-9])")


class FormulaError(ValueError):
    """A formula that cannot be drawn; the message quotes it."""


def plain_tex(tex: str) -> str:
    r"""TeX in the words that Matplotlib knows: no sizes of brackets, braces around the parts of a fraction.

    Example:
        >>> plain_tex(r"\bigl(\tfrac12 + \sqrt n\bigr)")
        '(\\frac{1}{2} + \\sqrt{n})'
    """
    tex = " ".join(tex.split())
    tex = _SHORT_FRACTION.sub(r"\\frac{\1}{\2}", _SIZES.sub("", tex))
    return _SHORT_ROOT.sub(r"\\sqrt{\1}", _TEXT_FRACTION.sub(r"\\frac", tex))


@cache
def svg(tex: str, display: bool = False) -> str:
    r"""An inline ``<svg>`` of a formula, as high as the text around it asks for.

    Args:
        tex: TeX without its dollar signs.
        display: a formula on a line of its own.

    Returns:
        SVG text; ``role="img"`` with the TeX as its label.

    Raises:
        FormulaError: TeX that Matplotlib does not read.

    Example:
        >>> svg(r"\sigma^2").startswith('<svg class="formula" role="img" aria-label="formula: ')
        True
    """
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    look = FontProperties(size=SIZE, math_fontfamily="stix")
    source = f"${plain_tex(tex)}$"
    try:
        points, codes = TextToPath().get_text_path(look, source, ismath=True)
    except ValueError as error:
        raise FormulaError(f"the formula {tex!r} cannot be drawn: {str(error).strip().splitlines()[-1]}") from error
    left, right, low, high = _extent(points)
    pad = 4.0
    width, height = right - left + 2 * pad, high - low + 2 * pad
    em = 1 / SIZE
    style = f"width:{width * em:.3f}em;height:{height * em:.3f}em;vertical-align:{(low - pad) * em:.3f}em"
    kind = "formula display" if display else "formula"
    label = html.escape("formula: " + " ".join(tex.split()), quote=True)
    return (
        f'<svg class="{kind}" role="img" aria-label="{label}" style="{style}" '
        f'viewBox="{left - pad:.1f} {-high - pad:.1f} {width:.1f} {height:.1f}">'
        f'<path fill="currentColor" d="{_path(points, codes)}"/></svg>'
    )


def _extent(points: Any) -> tuple[float, float, float, float]:
    xs, ys = [float(x) for x, _ in points], [float(y) for _, y in points]
    if not xs:
        return 0.0, 1.0, 0.0, 1.0
    return min(xs), max(xs), min(ys), max(ys)


def _path(points: Any, codes: Any) -> str:
    """Matplotlib's vertices and codes as the ``d`` of an SVG path; y grows downwards there."""
    letters, takes = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}, {1: 1, 2: 1, 3: 2, 4: 3, 79: 1}
    out, place = [], 0
    while place < len(codes):
        code = int(codes[place])
        count = takes[code]
        numbers = " ".join(f"{x:.1f} {-y:.1f}" for x, y in points[place : place + count])
        out.append(letters[code] + ("" if code == 79 else numbers))
        place += count
    return "".join(out)
