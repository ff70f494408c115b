"""One explorer in the browser: its controls by keyboard, its picture as an array, its words, its code.

The classes ``gltr-<module>`` and ``gltr-control-<field>`` that explorers carry are the only hooks; roles do the rest.
"""

from __future__ import annotations

import base64
import io
import re
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from lab_driver import Notebook

# Reads the picture that is on the screen, not what the kernel believes it sent.
READ = "async img => { const data = new Uint8Array(await (await fetch(img.src)).arrayBuffer()); let text = '';"
READ += " for (const byte of data) text += String.fromCharCode(byte); return btoa(text); }"
# From the key to the first changed picture that is decoded and ready to paint.
WATCH = """([img, target]) => { window.gltrTimes = []; window.gltrPressed = null;
  if (img.gltrWatched) return; img.gltrWatched = true;
  target.addEventListener('keydown', () => { window.gltrPressed = performance.now(); }, true);
  img.addEventListener('load', () => { if (window.gltrPressed === null) return;
    window.gltrTimes.push(performance.now() - window.gltrPressed); window.gltrPressed = null; }); }"""


class ExplorerPage:
    """An explorer on an opened notebook.

    Args:
        notebook: the page it is on; its cell has run.
        module: the explorer's module, such as ``"ltr"``.
    """

    def __init__(self, notebook: Notebook, module: str) -> None:
        self.notebook, self.page, self.module = notebook, notebook.page, module
        self.box = self.page.locator(f".jp-OutputArea .gltr-explorer.gltr-{module}").first
        self.box.wait_for(state="visible", timeout=60_000)
        self.image = self.box.locator("img.widget-image").first

    def control(self, field: str) -> Any:
        """The control of one field of the params."""
        return self.box.locator(f".gltr-control-{field}").first

    def fields(self) -> list[str]:
        """The fields that have a slider."""
        found = self.box.locator('[class*="gltr-control-"]:has([role="slider"])').evaluate_all(
            "a => a.map(e => e.className)"
        )
        return [re.findall(r"gltr-control-(\w+)", name)[0] for name in found if "gltr-control-" in name]

    def handle(self, field: str) -> Any:
        """The slider's handle."""
        return self.control(field).get_by_role("slider").first

    def press(self, field: str, key: str, times: int = 1) -> None:
        """Focus the slider and press a key, as somebody without a mouse does."""
        handle = self.handle(field)
        handle.scroll_into_view_if_needed()
        handle.focus()
        for _ in range(times):
            self.page.keyboard.press(key)

    def type(self, field: str, text: str) -> None:
        """Type into the control's box and leave it."""
        box = self.control(field).locator("input").first
        box.fill(text)
        box.press("Tab")

    def choose(self, field: str, label: str) -> None:
        """Choose from the control's list."""
        self.control(field).locator("select").first.select_option(label)

    def shown(self, field: str) -> float:
        """The number in the box beside the slider (the slider itself announces one decimal only)."""
        return float(self.control(field).locator("input").first.input_value())

    def words(self) -> str:
        """The sentence."""
        return " ".join(self.box.get_by_role("status").first.inner_text().split())

    def source(self) -> str:
        """The address of the picture's bytes; it changes with them."""
        return self.image.get_attribute("src") or ""

    def picture(self) -> np.ndarray:
        """The picture on the screen, decoded, uint8 (H, W, 3)."""
        from PIL import Image

        data = base64.b64decode(self.image.evaluate(READ))
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))

    def code(self) -> str:
        """What "Copy as code" holds."""
        return str(self.box.locator(".gltr-code textarea").first.input_value())

    def clock(self) -> str:
        """What was drawn last and how long it took, as the line below the picture says."""
        found = re.search(r"(preview|full picture) drawn in [\d.]+ m?s", self.box.inner_text())
        return found[0] if found else ""

    def settled(self, since: str = "") -> bool:
        """Whether the full picture has taken the draft's place and nothing is on its way.

        Args:
            since: what the clock said before a control was moved; where it says the same still, it may be late.
        """
        before = self.source()
        if "full picture" not in self.clock() or not self.notebook.idle():
            return False
        # The draft's picture comes a moment before the clock says so; on a busy machine the moment is long.
        self.page.wait_for_timeout(2000 if self.clock() == since else 250)
        return self.source() == before and "full picture" in self.clock()

    def follow(self, field: str, key: str, seconds: float = 40) -> None:
        """Press a key and wait for the next picture, be it a draft."""
        before = self.source()
        self.press(field, key)
        changed = "([img, old]) => img.src !== old"
        self.page.wait_for_function(changed, arg=[self.image.element_handle(), before], timeout=1000 * seconds)

    def eventually(self, check: Callable[[], Any], what: str, seconds: float = 40) -> Any:
        """Ask again until the answer is true; AssertionError with the present words where it never is."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            answer = check()
            if answer:
                return answer
            self.page.wait_for_timeout(50)
        raise AssertionError(f"{self.module}: {what} did not come within {seconds:.0f} s; it says: {self.words()!r}")

    def moved(self, act: Callable[[], Any], says: str = "") -> np.ndarray:
        """Do something, wait until the picture has changed and come to rest; returns the new picture.

        Args:
            act: what changes a control.
            says: a pattern that the words must fit afterwards; where empty, that they rest is enough.
        """
        before, since = self.source(), self.clock()
        act()
        self.eventually(lambda: self.source() != before, "another picture")
        self.eventually(
            lambda: self.settled(since) and re.search(says, self.words()), f"rest, with words like {says!r},"
        )
        return self.picture()

    def latencies(self, field: str, presses: int) -> dict[str, float]:
        """Milliseconds from a key to the next decoded picture, and until the full one: so many single presses.

        Args:
            field: a control with a slider, or one with a number box.
            presses: how many; they go up and down by one step.

        Returns:
            n, median_ms, p95_ms and max_ms of the first picture; settled_ms, the median until the full one.
        """
        if self.handle(field).count():
            target, keys = self.handle(field), ("ArrowLeft", "ArrowRight")
        else:
            target, keys = self.control(field).locator("input").first, ("ArrowUp", "ArrowDown")
        target.scroll_into_view_if_needed()
        self.eventually(self.settled, "rest")
        self.page.evaluate(WATCH, [self.image.element_handle(), target.element_handle()])
        rests = []
        for i in range(presses):
            target.focus()
            begin = time.perf_counter()
            self.page.keyboard.press(keys[i % 2])
            self.eventually(lambda due=i + 1: self.page.evaluate("() => window.gltrTimes.length") >= due, "a picture")
            self.eventually(self.settled, "rest")
            rests.append(1000 * (time.perf_counter() - begin) - 250)  # settled() looks for that long
        times = sorted(self.page.evaluate("() => window.gltrTimes"))
        p95 = times[round(0.95 * (len(times) - 1))]
        first = {"n": len(times), "median_ms": statistics.median(times), "p95_ms": p95, "max_ms": times[-1]}
        return first | {"settled_ms": statistics.median(rests)}


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Mean absolute difference of two pictures in grey levels; the smaller one is cut out of the larger."""
    height, width = (min(a, b) for a, b in zip(one.shape[:2], other.shape[:2], strict=True))
    return float(np.abs(one[:height, :width].astype(float) - other[:height, :width]).mean())
