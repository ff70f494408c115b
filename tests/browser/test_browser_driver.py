"""The driver hears what goes wrong: one planted failure for each way in which a notebook fails unseen."""

import json

import pytest
from lab_driver import Notebook, put

from gltr_lib.course.build import KERNEL

pytestmark = pytest.mark.browser

CALM = "import ipywidgets as widgets\nslider = widgets.IntSlider(description='Calm')\nslider"
RED_CELL = "1 / 0"
CONSOLE = "from IPython.display import Javascript\nJavascript('console.error(\"planted in the console\")')"
PAGE = "from IPython.display import Javascript\nJavascript('setTimeout(() => { throw new Error(\"planted later\"); })')"
ELSEWHERE = (
    'from IPython.display import HTML\nHTML(\'<img alt="not of this machine" src="http://192.0.2.1/picture.png">\')'
)
THREAD = "import threading\nthread = threading.Thread(target=lambda: {}['planted in a thread'])\nthread.start()"
CALLBACK = """import ipywidgets as widgets
def broken(change):
    raise ValueError("planted in a callback")
slider = widgets.IntSlider(description="Boom")
slider.observe(broken, names="value")
slider"""
SWALLOWED = """import ipywidgets as widgets
out = widgets.Output()
@out.capture()
def broken(change):
    raise KeyError("planted in an Output widget")
slider = widgets.IntSlider(description="Boom")
slider.observe(broken, names="value")
widgets.VBox([slider, out])"""
PANEL = """import os
from gltr_lib.explorers import Explorer
os.environ.pop("COURSE_STRICT", None)
import dataclasses, numpy
@dataclasses.dataclass(frozen=True)
class Params:
    level: float = 0.0
class Broken(Explorer):
    module, title = "broken", "An explorer that breaks"
    def gather(self, assets):
        return None
    def render(self, params):
        if params.level:
            raise RuntimeError("planted in an explorer")
        return numpy.zeros((40, 60, 3), numpy.uint8), "A black picture that is well so far."
    def make_controls(self):
        import ipywidgets
        return {"level": ipywidgets.IntSlider(description="Level")}
Broken(Params())"""
QUIET_PICTURE = """import base64, io
from IPython.display import Image, display
from PIL import Image as Pillow
buffer = io.BytesIO()
Pillow.new("RGB", (4, 4)).save(buffer, "PNG")
display(Image(buffer.getvalue()))"""


PLANTED = {
    "console": (CONSOLE, "console error: planted in the console"),
    "page": (PAGE, "page error: planted later"),
    "elsewhere": (ELSEWHERE, "the page asked another machine: http://192.0.2.1/"),
    "thread": (THREAD, "planted in a thread"),
    "callback": (CALLBACK, "widget callback: ValueError: planted in a callback"),
    "output-widget": (SWALLOWED, "Output widget: KeyError: 'planted in an Output widget'"),
    "explorer": (PANEL, "explorer: This picture could not be drawn. RuntimeError: planted in an explorer"),
    "no-alt": (QUIET_PICTURE, "image/png with alt text of 0 characters"),
    "red-cell": (RED_CELL, "ZeroDivisionError"),  # the last: it ends the run
}


def notebook(*sources):
    base = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    cells = [base | {"id": f"planted-{i}", "source": source} for i, source in enumerate(sources)]
    return json.dumps({"cells": cells, "metadata": KERNEL, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture(scope="module")
def heard(browser, lab):
    """What is heard of one page with every fault on it; the sliders with broken callbacks are moved too."""
    sources = [CALM, *(source for source, _ in PLANTED.values())]
    with Notebook(browser, lab, put(lab, "planted.ipynb", notebook(*sources))) as page:
        page.run_all()
        handles = page.page.get_by_role("slider")
        handles.nth(3).wait_for(timeout=30_000)
        before = page.faults()
        for i in range(4):
            handles.nth(i).focus()
            page.page.keyboard.press("ArrowRight")
        wanted = [sentence for _, sentence in PLANTED.values()]
        after = page.faults_until(lambda found: all(any(w in fault for fault in found) for w in wanted))
    return before, after


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_failure_is_heard(name, heard):
    before, after = heard
    found = [fault for fault in after if PLANTED[name][1] in fault]
    assert len(found) == 1, after
    if name in ("callback", "output-widget", "explorer"):
        assert not any(PLANTED[name][1] in fault for fault in before), "heard before its slider moved"


def test_nothing_else_is_heard(heard):
    # An exception in an Output widget is heard on two ways, and a refused address is also an error on the console.
    known = ["planted", "192.0.2.1", "alt text", "ZeroDivisionError"]
    assert [fault for fault in heard[1] if not any(word in fault for word in known)] == []
