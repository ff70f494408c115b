"""Explorers in a real JupyterLab: sliders by keyboard, the picture's meaning, its code, memory. One page for all.

The page is the classroom's (``make explorers``): its cells ran before the browser opened it, and nobody presses "Run".
"""

import importlib
import re

import numpy as np
import pytest
from explorer_page import ExplorerPage, difference
from lab_driver import Notebook, kernel_memory, put, start_page
from PIL import Image

from gltr_lib.explorers import adain, all_explorers, ltr, shipped
from gltr_lib.explorers._base import WIDTH

pytestmark = pytest.mark.browser
MODULES = [kind.module for kind in all_explorers()]
DECODED = (336, 34, 610, 305)  # of the AdaIN explorer's picture
BEFORE = {("bank", "weight"): ("second_weight", "0.5")}  # the weight of one style alone changes nothing
BOXES = {"prediction": ("scene", "1", "street 1")}  # no slider: a number box, and what the words say then
LEVELS = 6.0  # mean grey levels by which a compressed picture may differ from the drawn one


@pytest.fixture(scope="module")
def classroom(browser, tmp_path_factory):
    with start_page(browser, tmp_path_factory.mktemp("classroom")) as page:
        yield page


@pytest.fixture(autouse=True)
def _no_fault(classroom):
    yield
    assert classroom.faults() == []


def panel(picture, box):
    """What lies in a panel (x, y, width, height) of an explorer's picture, its border left out."""
    x, y, width, height = box
    return picture[y + 2 : y + height - 2, x + 2 : x + width - 2]


def edges(mask):
    """How much of a black and white picture lies on a border."""
    return (np.abs(np.diff(mask.mean(2), axis=1)) > 100).mean()


def colour_distance(one, other):
    """How far mean and standard deviation of the three colours are apart, in grey levels."""
    moments = [np.concatenate([p.mean((0, 1)), p.std((0, 1))]) for p in (one, other)]
    return float(np.abs(moments[0] - moments[1]).mean())


def closer(words):
    """By how many per cent AdaIN brought the statistics closer, as the sentence says."""
    return int(re.search(r"(-?\d+)% closer", words)[1])


def copies_colours(picture):
    """Mean colour of each copy on the GTR explorer's picture, (8, 3); the right halves, where no painting lies."""
    corners = [(36 + 187 * (i // 3), 14 + 314 * (i % 3)) for i in range(1, 9)]
    return np.array([picture[y + 4 : y + 144, x + 154 : x + 294].mean((0, 1)) for y, x in corners])


def params(page):
    """The params that "Copy as code" names."""
    module = importlib.import_module(f"gltr_lib.explorers.{page.module}")
    return eval(re.search(r"Params\(.*\)(?=(, assets)?\)$)", page.code(), re.MULTILINE)[0], vars(module))


def top(handle):
    """The end of a slider."""
    return float(handle.get_attribute("aria-valuemax"))


def explorer(classroom, module):
    """The explorer, back at its start."""
    page = ExplorerPage(classroom, module)
    page.box.get_by_role("button", name="Reset").click()
    page.eventually(page.settled, "rest")
    return page


@pytest.mark.parametrize("module", MODULES)
def test_every_slider_moves_by_keyboard_and_the_picture_follows(module, classroom):
    page = explorer(classroom, module)
    fields = page.fields()
    if module in BOXES:
        page.moved(lambda: page.type(*BOXES[module][:2]), says=BOXES[module][2])
    assert fields or module in BOXES, "an explorer without a slider names its number box here"
    for field in fields:
        if (module, field) in BEFORE:
            page.moved(lambda field=field: page.type(*BEFORE[module, field]))
        start = page.shown(field)
        highest = float(page.handle(field).get_attribute("aria-valuetext")) == top(page.handle(field))
        key = "ArrowLeft" if highest else "ArrowRight"
        before = page.picture()
        after = page.moved(lambda field=field, key=key: page.press(field, key))
        assert page.shown(field) != start
        assert difference(before, after) > 0
    assert classroom.page.locator(f".gltr-{module} img.widget-image").count() == 1, "one picture that stays"


@pytest.mark.parametrize("module", MODULES)
def test_copied_code_recreates_what_the_browser_shows(module, classroom, monkeypatch):
    page = explorer(classroom, module)
    page.eventually(page.settled, "rest")
    shown = []
    monkeypatch.setattr("gltr_lib.viz.show", lambda thing, *, alt: shown.append((thing, alt)))
    exec(page.code(), {})
    assert difference(page.picture(), shown[0][0]) < LEVELS
    assert " ".join(shown[0][1].split()) == page.words()


def test_in_a_narrow_window_the_picture_shrinks_and_leaves_no_hole_below(classroom):
    wide = classroom.page.viewport_size
    classroom.page.set_viewport_size({"width": 600, "height": wide["height"]})
    try:
        for kind in all_explorers():
            page = ExplorerPage(classroom, kind.module)
            page.eventually(lambda page=page: page.image.evaluate("i => i.clientWidth") < 600, "a narrow picture")
            width, height = page.image.evaluate("i => [i.clientWidth, i.clientHeight]")
            assert height == pytest.approx(width * kind.height / WIDTH, abs=2), kind.module
    finally:
        classroom.page.set_viewport_size(wide)


def test_ltr_share_on_the_screen_follows_its_slider(classroom):
    page = explorer(classroom, "ltr")
    for key, times in (("ArrowRight", 6), ("ArrowLeft", 11)):
        page.moved(lambda key=key, times=times: page.press("share", key, times))
        wanted = page.shown("share")
        page.eventually(lambda wanted=wanted: f"measured {wanted:.1%}" in page.words(), f"share {wanted:.1%}")
        white = panel(page.picture(), ltr.PANELS["mask"]).mean() / 255
        assert white == pytest.approx(wanted, abs=0.03), "white pixels of the mask that is on the screen"


def test_ltr_mask_gets_coarser_with_sigma(classroom):
    page = explorer(classroom, "ltr")
    fine = panel(page.picture(), ltr.PANELS["mask"])
    moved = page.moved(lambda: page.type("sigma", "40"), says=r"sigma (39|40)\.\d px at")
    coarse = panel(moved, ltr.PANELS["mask"])
    assert edges(coarse) < 0.7 * edges(fine)


def test_adain_moves_the_colours_towards_the_style(classroom):
    page = explorer(classroom, "adain")
    page.moved(lambda: page.press("alpha", "Home"), says=r"alpha 0\.00")
    style = shipped().styles[params(page).style]
    assert closer(page.words()) == 0
    distances = [colour_distance(panel(page.picture(), DECODED), style)]
    for alpha in ("0.5", "1"):
        picture = page.moved(lambda alpha=alpha: page.type("alpha", alpha), says=f"alpha {float(alpha):.2f}")
        distances.append(colour_distance(panel(picture, DECODED), style))
    assert distances[0] > distances[1] > distances[2]
    assert closer(page.words()) > 95


def test_adain_at_alpha_zero_is_the_plain_reconstruction(classroom):
    page = explorer(classroom, "adain")
    shown = panel(page.moved(lambda: page.press("alpha", "Home"), says=r"alpha 0\.00"), DECODED)
    name, assets = params(page).image, shipped()
    size = assets.content(name, adain.FULL).shape[-2:]
    plain = assets.stylizer.decode(assets.features(name, adain.FULL), size)[0]
    plain = Image.fromarray((plain.detach().permute(1, 2, 0).clamp(0, 1).numpy() * 255).astype(np.uint8))
    again = np.asarray(plain.resize(DECODED[2:], Image.Resampling.BICUBIC))[2:-2, 2:-2]
    assert difference(shown, again) < LEVELS


def test_gtr_seed_brings_other_colours_and_the_same_seed_the_same(classroom):
    page = explorer(classroom, "gtr")
    zero = page.picture()
    one = page.moved(lambda: page.type("seed", "1"), says="seed 1")
    again = page.moved(lambda: page.type("seed", "0"), says="seed 0")
    moments = [copies_colours(picture) for picture in (zero, one, again)]
    assert np.abs(moments[0] - moments[1]).max() > 10, "the mean colour of some copy changes by more than 10 levels"
    np.testing.assert_allclose(moments[0], moments[2], atol=0.5)


def test_a_key_is_answered_and_its_time_is_told(classroom):
    told = explorer(classroom, "ltr").latencies("share", 4)
    assert told["n"] == 4
    assert 0 < told["median_ms"] <= told["p95_ms"] <= told["max_ms"]
    assert told["settled_ms"] >= told["median_ms"]


def test_two_hundred_updates_leave_no_memory_behind(classroom):
    page = explorer(classroom, "ltr")
    for i in range(20):  # caches fill, and the allocator takes what it needs
        page.follow("share", "ArrowLeft" if i % 2 else "ArrowRight")
    (before,) = kernel_memory(classroom.server).values()
    for i in range(200):
        page.follow("share", "ArrowLeft" if i // 10 % 2 else "ArrowRight")
    page.eventually(page.settled, "rest")
    (after,) = kernel_memory(classroom.server).values()
    assert after - before <= 50, f"200 updates took {after - before:.0f} MB"


def test_without_its_kernel_a_page_shows_still_pictures_with_their_words(classroom, browser):
    server = classroom.server
    text = (server.root / classroom.path).read_text(encoding="utf-8")
    still = put(server, "still.ipynb", text.replace("Texture randomization, by hand", "Sent by a colleague"))
    with Notebook(browser, server, still) as page:  # not signed here: Lab trusts no widget in it
        pictures = page.page.locator(".jp-RenderedImage img")
        pictures.nth(len(MODULES) - 1).wait_for(state="attached", timeout=30_000)
        assert pictures.count() == len(MODULES)
        # Lab leaves a picture's words in the file: it gives no alt to any <img>. nbconvert and our site do.
        told = [out["metadata"]["image/jpeg"]["alt"] for cell in page.cells() for out in cell.get("outputs", [])]
        assert len(told) == len(MODULES)
        assert all(len(words) >= 15 for words in told)
        assert all(picture.evaluate("img => img.naturalWidth") > 600 for picture in pictures.all())
        assert page.page.locator(".gltr-explorer").count() == 0
