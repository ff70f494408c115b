"""Controls with a name that everyone gets: on the screen, by the keyboard, and from a screen reader.

The sliders of ipywidgets 8 answer the arrow keys, but their handles carry no accessible name, and nothing in Python can
give them one. Number boxes, lists, check boxes and buttons do (their label is tied to the field). So :class:`Number`
pairs the two: a labelled box in which a number is typed or stepped with the arrow keys, and a slider beside it for the
hand. Whoever does not see the slider loses nothing; what remains is that its handle is announced without a name.
"""

from __future__ import annotations

import math
from typing import Any

import ipywidgets as widgets
import traitlets

STYLE = {"description_width": "110px"}
WIDTH = "464px"  # with its margins of none; lists and boxes come to the same, so that columns line up


class Number(widgets.HBox):
    """A number in [low, high]: a labelled box and a slider that always agree; ``value`` is the number.

    Args:
        description: its label. value: where it starts. low, high: its range. step: of the arrow keys.
        log: equal factors at equal distances on the slider.
        hint: a tooltip in words.

    Example:
        >>> number = Number("Alpha", 1.0, 0.0, 1.0)
        >>> number.slider.value = 0.5
        >>> number.value, number.box.value, number.description
        (0.5, 0.5, 'Alpha')
    """

    value = traitlets.Float()

    def __init__(
        self,
        description: str,
        value: float,
        low: float,
        high: float,
        step: float = 0.05,
        *,
        log: bool = False,
        hint: str = "",
    ) -> None:
        if not low <= value <= high:
            raise ValueError(f"{description}: expected a start between {low} and {high}, received {value!r}")
        self.description, self.low, self.high = description, low, high
        self.box = widgets.BoundedFloatText(
            value=value, min=low, max=high, step=step, description=description, style=STYLE,
            layout=widgets.Layout(width="206px"), tooltip=hint or None,
        )  # fmt: skip
        bare = {"readout": False, "layout": widgets.Layout(width="230px"), "tooltip": hint or description}
        if log:
            self.slider = widgets.FloatLogSlider(
                value=value, base=2, min=math.log2(low), max=math.log2(high), step=0.1, **bare
            )
        else:
            self.slider = widgets.FloatSlider(value=value, min=low, max=high, step=step, **bare)
        super().__init__([self.box, self.slider], layout=widgets.Layout(width=WIDTH))
        self.add_class("gltr-number")
        self.value = value
        for part in (self.box, self.slider):
            part.observe(self._moved, names="value")
        self.observe(self._set, names="value")

    def _moved(self, change: Any) -> None:
        self.value = _tidy(change["new"])

    def _set(self, change: Any) -> None:
        # Only what differs is set: the part that the hand is on must not be moved under it.
        value = min(max(change["new"], self.low), self.high)
        for part in (self.box, self.slider):
            if not math.isclose(part.value, value, rel_tol=1e-9, abs_tol=1e-12):
                part.value = value
        if value != change["new"]:
            self.value = value


def _tidy(value: float) -> float:
    """Drop the dust of binary steps (0.30000000000000004), so that copied code reads well."""
    return float(f"{value:.6g}")
