"""What all explorers share: controls, one picture that stays, a sentence, an error panel, reset, copy as code.

An explorer is a thin view on a pure function ``render(params, assets) -> (picture, words)``. Changing a control makes
new ``params`` and hands them to a worker in which the latest request wins; the worker only sets values of widgets.
While the hand moves, a draft answers (:meth:`Explorer.preview` where there is a quicker one, encoded quickly); when it
rests, the full picture takes its place, with its sentence. Under ``COURSE_STRICT=1`` everything runs in the caller's
thread and errors are raised again, so that no broken callback passes a test; they are also kept in ``FAILURES``.
"""

from __future__ import annotations

import dataclasses
import html
import io
import os
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gltr_lib._alt import ALT_LENGTH
from gltr_lib.explorers import uploads
from gltr_lib.explorers._canvas import encode
from gltr_lib.explorers._fields import NARROW
from gltr_lib.explorers._worker import LatestWins
from gltr_lib.explorers.assets import shipped
from gltr_lib.viz import in_notebook

FAILURES: list[str] = []
WIDTH = 960  # of the view in CSS pixels
DRAWN, THEN = "This picture could not be drawn.", "Change a control, or press Reset."  # said beside an error
SLOW = 400  # milliseconds after which a picture is announced before it is drawn


class Explorer:
    """Base of the explorers; a subclass names its module, params, title and controls.

    Args:
        params: where to start; every field may be changed by its control.
        assets: pictures, stylizer and bank to use instead of the shipped ones; "copy as code" then names them.
        synchronous: compute in the caller's thread (always so under COURSE_STRICT=1).
    """

    module = ""  # the public module of render and Params, for "copy as code"
    title = ""
    height = 480  # pixels that the picture takes on a page of WIDTH, fixed so that the page does not jump
    upload_to = ""  # the field that names a picture in assets.images, where learners may bring their own

    def __init__(self, params: Any = None, *, assets: Any = None, synchronous: bool = False) -> None:
        self.assets = self.gather(assets)
        self._own_assets = assets is not None and self.assets is not None
        self.start = self.params = self.begin(params, self.assets)
        self._uploaded: dict[str, str] = {}  # name of an own picture -> what is said about it
        self.strict = os.environ.get("COURSE_STRICT") == "1"
        self.worker = LatestWins(
            self._draft, self._fail, synchronous=synchronous or self.strict, finish=self._finish_draft
        )
        self._quiet = False
        self._hands = threading.RLock()  # newer kernels may deliver two controls' messages on two threads
        self._drawn: tuple[Any, np.ndarray, str] | None = None
        self.words = ""
        self.latency: dict[str, float] = {}  # milliseconds of the last "preview" and the last "full" picture
        self._build()
        # The first picture is drawn at once: the view never appears empty, and a broken explorer fails in its cell.
        try:
            self._full(self.params)
        except Exception as error:
            self._fail(error)
            if self.worker.synchronous:
                raise

    # ------------------------------------------------------------------------------- for subclasses

    def gather(self, assets: Any) -> Any:
        """Return what to work with: the pictures and networks given, or the shipped ones."""
        return assets or shipped()

    def begin(self, params: Any, assets: Any) -> Any:
        """Return the params to start with, every name filled in; ``params`` is None for the explorer's own."""
        return params

    def render(self, params: Any) -> tuple[np.ndarray, str]:
        """Return the picture and its description; the subclass calls its module's pure function."""
        raise NotImplementedError(f"{type(self).__name__} has no render()")

    def preview(self, params: Any) -> tuple[np.ndarray, str]:
        """Return a draft of the picture, quick enough for a moving hand; by default the picture itself."""
        return self.render(params)

    def make_controls(self) -> Mapping[str, Any]:
        """Return one widget for each field of the params that can be changed."""
        raise NotImplementedError(f"{type(self).__name__} has no make_controls()")

    # ------------------------------------------------------------------------------------- the view

    def _build(self) -> None:
        import ipywidgets as widgets

        self.controls = dict(self.make_controls())
        for name, control in self.controls.items():
            control.observe(self._changed, names="value")
            control.add_class(f"gltr-control-{name}")
        self.image = widgets.Image(layout=widgets.Layout(width="100%", max_width=f"{WIDTH}px", object_fit="contain"))
        self.image.layout.height = f"{self.height}px"
        self.image.layout.object_position = "left top"
        self.status = widgets.HTML(layout=widgets.Layout(min_height="44px", max_width=f"{WIDTH}px"))
        self.clock = widgets.HTML(layout=widgets.Layout(min_height="22px"))
        self.error = widgets.HTML(layout=widgets.Layout(display="none", max_width=f"{WIDTH}px"))
        self.reset_button = widgets.Button(
            description="Reset", tooltip="Back to the values at the start", layout=widgets.Layout(width="110px")
        )
        self.reset_button.on_click(lambda _: self.reset())
        self.code_box = widgets.Textarea(
            description="As code", rows=7, layout=widgets.Layout(width="100%", max_width=f"{WIDTH}px"), style=NARROW
        )
        self.code_box.add_class("gltr-code")
        self.code_box.layout.display = "none"
        # A button that opens and closes: the headers of an Accordion answer the mouse alone.
        self.code_button = widgets.ToggleButton(
            description="Copy as code", tooltip="Show Python that makes exactly this picture", layout={"width": "150px"}
        )
        self.code_button.observe(self._show_code, names="value")
        # In a narrow window the picture shrinks; a fixed height would leave a hole, and none a page that jumps.
        shape = f"height:auto!important;aspect-ratio:{WIDTH}/{self.height}"
        heading = widgets.HTML(
            f"<style>.gltr-{self.module}>img.widget-image{{{shape}}}</style>"
            f"<h4 style='margin:2px 0 6px 0'>{html.escape(self.title)}</h4>"
        )
        buttons = [self.reset_button]
        if self.upload_to:
            self.upload_button = uploads.button()
            self.upload_button.observe(lambda change: self.attempt(self._take, change["new"]), names="value")
            buttons.insert(0, self.upload_button)
        rows = widgets.Layout(flex_flow="row wrap", max_width=f"{WIDTH}px")
        panel = widgets.HBox([*self.controls.values()], layout=rows)
        actions = widgets.HBox(buttons, layout=rows)  # a row of their own: at the same place in every explorer
        self.widget = widgets.VBox(
            [heading, panel, actions, self.status, self.error, self.image, self.clock, self.code_button, self.code_box]
        )
        self.widget.add_class("gltr-explorer")
        self.widget.add_class(f"gltr-{self.module}")

    def _show_code(self, change: Any) -> None:
        self.code_box.layout.display = "" if change["new"] else "none"

    def _changed(self, change: Any) -> None:
        if not self._quiet:
            self.update()

    def update(self, **values: Any) -> None:
        """Read the controls (after setting those named in ``values``) and ask for the picture."""
        with self._hands:
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

    # ------------------------------------------------------------------------------ drawing, by the worker

    def _draft(self, params: Any) -> None:
        begin = time.perf_counter()
        if self.latency.get("preview", 0.0) > SLOW:
            self._say("drawing …")
        picture, words = self.preview(params)
        if type(self).preview is Explorer.preview:  # the draft is the picture itself: do not draw it twice
            self._drawn = (params, picture, words)
        self._put(picture, quick=True)
        self._time("preview", begin)

    def _finish_draft(self, params: Any) -> None:
        drawn, self._drawn = self._drawn, None
        if drawn is None and self.latency.get("full", 0.0) > SLOW:
            self._say("preview shown, all the details are on their way …")
        self._full(params, drawn[1:] if drawn is not None and drawn[0] is params else None)

    def _full(self, params: Any, ready: tuple[np.ndarray, str] | None = None) -> None:
        begin = time.perf_counter()
        picture, words = ready or self.render(params)
        self._put(picture, quick=False)
        self.words = words
        # ipywidgets exchanges this element for a new one at each update: a screen reader finds it at its place, and
        # not every one speaks it unasked. The widget itself takes no role from Python.
        self.status.value = f"<div role='status' aria-live='polite' style='line-height:1.45'>{html.escape(words)}</div>"
        self.code_box.value = self.code_for(params)
        self.error.layout.display = "none"
        self.error.value = ""
        self._time("full", begin)

    def _put(self, picture: np.ndarray, *, quick: bool) -> None:
        data, kind = encode(picture, quick=quick, best=80 if quick else 88)
        with self.image.hold_sync():  # one message: bytes and their format belong together
            self.image.format = kind
            self.image.value = data

    def _time(self, stage: str, begin: float) -> None:
        self.latency[stage] = spent = 1000 * (time.perf_counter() - begin)
        note = self._uploaded.get(getattr(self.params, self.upload_to or " ", ""), "")
        took = f"{spent:.0f} ms" if spent < 1000 else f"{spent / 1000:.1f} s"
        self._say({"preview": "preview", "full": "full picture"}[stage] + f" drawn in {took}. {note}")

    def _say(self, words: str) -> None:
        # Decoration for the eye: a screen reader that read out every millisecond would help nobody.
        self.clock.value = f"<div aria-hidden='true' style='opacity:.75;font-size:12px'>{html.escape(words)}</div>"

    def attempt(self, action: Callable[..., Any], *arguments: Any) -> None:
        """Call ``action`` with a file; an error goes to the panel (and is raised again under COURSE_STRICT=1)."""
        try:
            action(*arguments)
        except Exception as error:
            self._fail(error, "This file was not taken.", "Choose another one; the picture below is as it was.")
            if self.strict:
                raise

    def _fail(self, error: BaseException, what: str = DRAWN, then: str = THEN) -> None:
        FAILURES.append(f"{type(self).__name__}: " + "".join(traceback.format_exception(error)))
        del FAILURES[:-50]  # a list that a broken control could fill for hours
        # What a person did wrong is said in its own words; a slip of ours keeps the name by which it is reported.
        said = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        self.error.value = (
            "<div role='alert' style='border-left:4px solid #c8500a;padding:6px 10px;line-height:1.45'>"
            f"{what} {html.escape(said)}<br>{then}</div>"
        )
        self.error.layout.display = ""
        self._say("the picture shown is the last one that could be drawn")

    # --------------------------------------------------------------------------------- own pictures

    def _take(self, value: Any) -> None:
        try:
            upload = uploads.newest(value)
        finally:
            if value:
                self.upload_button.value = ()  # the file is not kept, and the same one may be brought again, mended
        if upload is not None:
            self.add_picture(upload.name, upload.picture, upload.words)

    def add_picture(self, name: str, picture: np.ndarray, note: str = "") -> None:
        """Offer one more picture under ``name`` and show it; for explorers with ``upload_to``.

        Args:
            name: as in the list of pictures; in "copy as code" also the file's name.
            picture: uint8 (H, W, 3). note: what is said about it below the picture.
        """
        control = self._control(self.upload_to)
        with self._hands:
            self.assets = self.assets.with_image(name, picture)
            self._uploaded = {**self._uploaded, name: note}
            self._quiet = True
            try:
                control.options = list(self.assets.images)
                control.value = name
            finally:
                self._quiet = False
        self.update()

    # ------------------------------------------------------------------------------------ ways out

    def static(self) -> np.ndarray:
        """Return the present picture as uint8 (H, W, 3), for pages without a kernel."""
        return self.render(self.params)[0]

    @property
    def code(self) -> str:
        """Python that recreates exactly the present picture."""
        return self.code_for(self.params)

    def code_for(self, params: Any) -> str:
        """Python that recreates exactly the (full) picture of ``params``."""
        changed = ", ".join(f"{f.name}={getattr(params, f.name)!r}" for f in dataclasses.fields(params))
        shown = getattr(params, self.upload_to, None) if self.upload_to else None
        brought = shown in self._uploaded
        names = f"{self.module}, shipped, uploads" if brought and not self._own_assets else self.module
        names = f"{self.module}, uploads" if brought and self._own_assets else names
        lines = ["from gltr_lib import viz", f"from gltr_lib.explorers import {names}"]
        if self._own_assets:
            lines.append(f"# assets: what you gave to {type(self).__name__}(assets=...)")
        if brought:
            known = "assets" if self._own_assets else "shipped()"
            lines.append(f"assets = {known}.with_image({shown!r}, uploads.from_file({shown!r}))  # your file, beside")
        assets = ", assets" if self._own_assets or brought else ""
        lines.append(f"picture, words = {self.module}.render({self.module}.Params({changed}){assets})")
        most = ALT_LENGTH[1]  # own pictures may have names that make the sentence longer than an alternative text
        alt = "words" if len(self.words) <= most else f"words[:{most}]"
        return "\n".join([*lines, f"viz.show(picture, alt={alt})"])

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
        if not in_notebook():
            print(f"[{self.title}] {self.words}")
            return
        from IPython.display import display

        display(self)
