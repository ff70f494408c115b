"""The controls of an explorer, all labelled: numbers, whole numbers, lists, boxes to tick. ipywidgets loads on use.

Each takes 464 pixels with its margins, as Number does, so that two stand side by side and columns line up.
"""

from __future__ import annotations

from typing import Any

NARROW = {"description_width": "110px"}


def slider(description: str, value: float, low: float, high: float, step: float = 0.05, *, hint: str = "") -> Any:
    """A number that can be typed, stepped with the arrow keys, or moved with its slider (see _controls.Number)."""
    from gltr_lib.explorers._controls import Number

    return Number(description, value, low, high, step, hint=hint)


def log_slider(description: str, value: float, low: float, high: float, *, hint: str = "") -> Any:
    """The same, with equal factors at equal distances on the slider, from ``low`` to ``high``."""
    from gltr_lib.explorers._controls import Number

    return Number(description, value, low, high, 0.5, log=True, hint=hint)


def integer_box(description: str, value: int, low: int, high: int, *, hint: str = "") -> Any:
    """A box for a whole number."""
    import ipywidgets as widgets

    return widgets.BoundedIntText(
        value=value, min=low, max=high, description=description, style=NARROW,
        layout={"width": "206px", "margin": "2px 256px 2px 2px"}, tooltip=hint or None,
    )  # fmt: skip


def choice(description: str, value: Any, options: Any, *, hint: str = "") -> Any:
    """A list to choose from."""
    import ipywidgets as widgets

    return widgets.Dropdown(
        value=value, options=options, description=description, style=NARROW,
        layout={"width": "350px", "margin": "2px 112px 2px 2px"}, tooltip=hint or None,
    )  # fmt: skip


def switch(description: str, value: bool, *, hint: str = "") -> Any:
    """A box to tick, with its label beside it."""
    import ipywidgets as widgets

    return widgets.Checkbox(
        value=value,
        description=description,
        indent=True,
        style=NARROW,
        layout={"width": "460px"},
        tooltip=hint or None,
    )
