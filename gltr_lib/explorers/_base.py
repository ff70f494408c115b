"""What all explorers share: controls, one picture that stays, a sentence, an error panel, reset, copy as code.

An explorer is a thin view on a pure function ``render(params, assets) -> (picture, words)``. Changing a control makes
new ``params`` and hands them to a worker in which the latest request wins; the worker only sets values of widgets.
Under ``COURSE_STRICT=1`` everything runs in the caller's thread and errors are raised again, so that no broken
callback passes a test; they are also kept in ``FAILURES``.
"""

from __future__ import annotations

import dataclasses
import html
import io
import os
import time
import traceback
from collections.abc import Mapping
from typing import Any

import numpy as np

from gltr_lib.explorers._canvas import encode
from gltr_lib.explorers._worker import LatestWins

FAILURES: list[str] = []
_WIDE = {"width": "340px"}
_NARROW = {"description_width": "110px"}


class Explorer:
    """Base of the explorers; a subclass names its module, params, title and controls.

    Args:
        params: where to start; every field may be changed by its control.
        assets: pictures, stylizer and bank to use instead of the shipped ones.
        synchronous: compute in the caller's thread (always so under COURSE_STRICT=1).
    """

    module = ""  # the public module of render and Params, for "copy as code"
    title = ""
    height = 480  # pixels that the picture takes on the page, fixed so that the page does not jump

    def __init__(self, params: Any, assets: Any, *, own_assets: bool, synchronous: bool = False) -> None:
        self.start = params
        self.params = params
        self.assets = assets
        self._own_assets = own_assets
        strict = os.environ.get("COURSE_STRICT") == "1"
        self.worker = LatestWins(self._draw, self._fail, synchronous=synchronous or strict)
        self._quiet = False
        self.words = ""
        self._build()
        # The first picture is drawn at once: the view never appears empty, and a broken explorer fails in its cell.
        try:
            self._draw(self.params)
        except Exception as error:
            self._fail(error)
            if self.worker.synchronous:
                raise

    # ------------------------------------------------------------------------------- for subclasses

    def render(self, params: Any) -> tuple[np.ndarray, str]:
        """Return the picture and its description; the subclass calls its module's pure function."""
        raise NotImplementedError(f"{type(self).__name__} has no render()")

    def make_controls(self) -> Mapping[str, Any]:
        """Return one widget for each field of the params that can be changed."""
        raise NotImplementedError(f"{type(self).__name__} has no make_controls()")

    # ------------------------------------------------------------------------------------- the view

    def _build(self) -> None:
        import ipywidgets as widgets

        self.controls = dict(self.make_controls())
        for control in self.controls.values():
            control.observe(self._changed, names="value")
        self.image = widgets.Image(layout=widgets.Layout(width="100%", max_width="960px", object_fit="contain"))
        self.image.layout.height = f"{self.height}px"
        self.image.layout.object_position = "left top"
        self.status = widgets.HTML(layout=widgets.Layout(min_height="44px"))
        self.error = widgets.HTML(layout=widgets.Layout(display="none"))
        self.reset_button = widgets.Button(
            description="Reset", tooltip="Back to the values at the start", layout=widgets.Layout(width="110px")
        )
        self.reset_button.on_click(lambda _: self.reset())
        self.code_box = widgets.Textarea(
            description="As code", rows=5, layout=widgets.Layout(width="100%", max_width="960px"), style=_NARROW
        )
        self.code_box.add_class("gltr-code")
        heading = widgets.HTML(f"<h4 style='margin:2px 0 6px 0'>{html.escape(self.title)}</h4>")
        panel = widgets.HBox(
            [*self.controls.values(), self.reset_button], layout=widgets.Layout(flex_flow="row wrap", max_width="960px")
        )
        fold = widgets.Accordion([self.code_box], titles=("Copy as code",), selected_index=None)
        self.widget = widgets.VBox([heading, panel, self.status, self.error, self.image, fold])

    def _changed(self, change: Any) -> None:
        if not self._quiet:
            self.update()

    def update(self, **values: Any) -> None:
        """Read the controls (after setting those named in ``values``) and ask for the picture."""
        self._quiet = True
        try:
            for name, value in values.items():
                self._control(name).value = value
        finally:
            self._quiet = False
        self.params = dataclasses.replace(self.params, **{n: c.value for n, c in self.controls.items()})
        self.worker.submit(self.params)

    def _control(self, name: str) -> Any:
        if name not in self.controls:
            raise ValueError(f"{type(self).__name__} has no control {name!r}; there are {', '.join(self.controls)}")
        return self.controls[name]

    def reset(self) -> None:
        """Set all controls back to where they started."""
        self.update(**{name: getattr(self.start, name) for name in self.controls})

    def _draw(self, params: Any) -> None:
        begin = time.perf_counter()
        picture, words = self.render(params)
        data, kind = encode(picture)
        spent = 1000 * (time.perf_counter() - begin)
        self.words = words
        self.image.format = kind
        self.image.value = data
        note = f"<span style='color:#5c6975'> ({spent:.0f} ms)</span>"
        self.status.value = f"<div role='status' aria-live='polite'>{html.escape(words)}{note}</div>"
        self.code_box.value = self.code_for(params)
        self.error.layout.display = "none"
        self.error.value = ""

    def _fail(self, error: BaseException) -> None:
        FAILURES.append(f"{type(self).__name__}: " + "".join(traceback.format_exception(error)))
        text = html.escape(f"{type(error).__name__}: {error}")
        self.error.value = (
            "<div role='alert' style='border-left:4px solid #c8500a;padding:6px 10px'>"
            f"This picture could not be drawn. {text}<br>Change a control, or press Reset.</div>"
        )
        self.error.layout.display = ""

    # ------------------------------------------------------------------------------------ ways out

    def static(self) -> np.ndarray:
        """Return the present picture as uint8 (H, W, 3), for pages without a kernel."""
        return self.render(self.params)[0]

    @property
    def code(self) -> str:
        """Python that recreates exactly the present picture."""
        return self.code_for(self.params)

    def code_for(self, params: Any) -> str:
        """Python that recreates exactly the picture of ``params``."""
        changed = ", ".join(f"{f.name}={getattr(params, f.name)!r}" for f in dataclasses.fields(params))
        assets = ", assets" if self._own_assets else ""
        note = f"# assets: what you gave to {type(self).__name__}(assets=...)\n" if self._own_assets else ""
        return (
            f"from gltr_lib import viz\nfrom gltr_lib.explorers import {self.module}\n{note}"
            f"picture, words = {self.module}.render({self.module}.Params({changed}){assets})\n"
            "viz.show(picture, alt=words)"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        from base64 import b64encode

        from PIL import Image

        view = self.widget._repr_mimebundle_()
        data = dict(view[0] if isinstance(view, tuple) else view)
        buffer = io.BytesIO()
        Image.fromarray(self.static()).save(buffer, format="JPEG", quality=82)
        data["image/jpeg"] = b64encode(buffer.getvalue()).decode()  # shown where there are no widgets
        data["text/plain"] = f"[{self.title}] {self.words}"
        return data, {"image/jpeg": {"alt": self.words}}

    def show(self) -> None:
        """Display the explorer; where no widgets work, its picture and description appear instead."""
        from IPython.core.getipython import get_ipython
        from IPython.display import display

        if get_ipython() is None:
            print(f"[{self.title}] {self.words}")
            return
        display(self)


# ---------------------------------------------------------------------------------- controls, all with a description


def slider(description: str, value: float, low: float, high: float, step: float = 0.05, *, form: str = ".2f") -> Any:
    """A slider that reports while it moves (the worker keeps up) and takes typed numbers and arrow keys."""
    import ipywidgets as widgets

    return widgets.FloatSlider(
        value=value,
        min=low,
        max=high,
        step=step,
        description=description,
        readout_format=form,
        style=_NARROW,
        layout=_WIDE,
    )


def log_slider(description: str, value: float, low: float, high: float) -> Any:
    """A slider with equal factors at equal distances, from ``low`` to ``high``."""
    import ipywidgets as widgets

    return widgets.FloatLogSlider(
        value=value,
        base=2,
        min=float(np.log2(low)),
        max=float(np.log2(high)),
        step=0.1,
        description=description,
        readout_format=".1f",
        style=_NARROW,
        layout=_WIDE,
    )


def whole(description: str, value: int, low: int, high: int) -> Any:
    """A box for a whole number."""
    import ipywidgets as widgets

    return widgets.BoundedIntText(
        value=value, min=low, max=high, description=description, style=_NARROW, layout={"width": "220px"}
    )


def choice(description: str, value: Any, options: Any) -> Any:
    """A list to choose from."""
    import ipywidgets as widgets

    return widgets.Dropdown(value=value, options=options, description=description, style=_NARROW, layout=_WIDE)
