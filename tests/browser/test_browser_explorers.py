"""Explorers in a real JupyterLab: sliders by keyboard, the picture's meaning, its code, memory. One page for all.

The page is the classroom's (``make explorers``): its cells ran before the browser opened it, and nobody presses "Run".
"""

import re

import numpy as np
import pytest
from explorer_page import ExplorerPage, difference
from lab_driver import kernel_memory, start_page

pytestmark = pytest.mark.browser
LEVELS = 6.0  # mean grey levels by which a compressed picture may differ from the drawn one


@pytest.fixture(scope="module")
def classroom(browser, tmp_path_factory):
    with start_page(browser, tmp_path_factory.mktemp("classroom")) as page:
        yield page


@pytest.fixture(autouse=True)
def _no_fault(classroom):
    yield
    assert classroom.faults() == []


def mask_panel(picture):
    """The mask on the LTR explorer's picture, one channel."""
    return picture[38:184, 644:940].mean(2)


def edges(mask):
    """How much of a black and white picture lies on a border."""
    return (np.abs(np.diff(mask, axis=1)) > 100).mean()


def style_panel(picture):
    """The painting on the AdaIN explorer's picture."""
    return picture[224:354, 16:146]


def result_panel(picture):
    """The decoded street on the AdaIN explorer's picture: 610 pixels wide, two to one."""
    return picture[34:339, 336:946]


def colour_distance(one, other):
    """How far mean and standard deviation of the three colours are apart, in grey levels."""
    moments = [np.concatenate([p.mean((0, 1)), p.std((0, 1))]) for p in (one, other)]
    return float(np.abs(moments[0] - moments[1]).mean())


def closer(words):
    """By how many per cent AdaIN brought the statistics closer, as the sentence says."""
    return int(re.search(r"(-?\d+) % closer", words)[1])


def copies_colours(picture):
    """Mean colour of each copy on the GTR explorer's picture, (5, 3)."""
    corners = [(36 + 186 * (i // 3), 14 + 314 * (i % 3)) for i in range(1, 6)]
    return np.array([picture[y + 4 : y + 144, x + 4 : x + 294].mean((0, 1)) for y, x in corners])


def top(handle):
    """The end of a slider."""
    return float(handle.get_attribute("aria-valuemax"))


def explorer(classroom, module):
    """The explorer, back at its start."""
    page = ExplorerPage(classroom, module)
    page.box.get_by_role("button", name="Reset").click()
    page.eventually(page.settled, "rest")
    return page


def modules():
    """Modules of all explorers on the page."""
    from gltr_lib.explorers import all_explorers

    return [kind.module for kind in all_explorers()]


@pytest.mark.parametrize("module", modules())
def test_every_slider_moves_by_keyboard_and_the_picture_follows(module, classroom):
    page = explorer(classroom, module)
    fields = page.fields()
    for field in fields:
        start = page.shown(field)
        highest = float(page.handle(field).get_attribute("aria-valuetext")) == top(page.handle(field))
        key = "ArrowLeft" if highest else "ArrowRight"
        before = page.picture()
        after = page.moved(lambda field=field, key=key: page.press(field, key))
        assert page.shown(field) != start
        assert difference(before, after) > 0
    assert classroom.page.locator(f".gltr-{module} img.widget-image").count() == 1, "one picture that stays"


@pytest.mark.parametrize("module", modules())
def test_copied_code_recreates_what_the_browser_shows(module, classroom, monkeypatch):
    page = explorer(classroom, module)
    shown = []
    monkeypatch.setattr("gltr_lib.viz.show", lambda thing, *, alt: shown.append((thing, alt)))
    exec(page.code(), {})
    assert difference(page.picture(), shown[0][0]) < LEVELS
    assert " ".join(shown[0][1].split()) == page.words()


def test_ltr_share_on_the_screen_follows_its_slider(classroom):
    page = explorer(classroom, "ltr")
    for key, times in (("ArrowRight", 6), ("ArrowLeft", 11)):
        page.moved(lambda key=key, times=times: page.press("share", key, times))
        wanted = page.shown("share")
        page.eventually(lambda wanted=wanted: f"measured {wanted:.1%}" in page.words(), f"share {wanted:.1%}")
        white = mask_panel(page.picture()).mean() / 255
        assert white == pytest.approx(wanted, abs=0.03), "white pixels of the mask that is on the screen"


def test_ltr_mask_gets_coarser_with_sigma(classroom):
    page = explorer(classroom, "ltr")
    fine = mask_panel(page.picture())
    coarse = mask_panel(page.moved(lambda: page.press("sigma", "ArrowRight", 20)))
    assert edges(coarse) < 0.7 * edges(fine)


def test_adain_moves_the_colours_towards_the_style(classroom):
    page = explorer(classroom, "adain")
    page.moved(lambda: page.press("alpha", "Home"), says=r"alpha 0\.00")
    style, away = style_panel(page.picture()), result_panel(page.picture())
    assert closer(page.words()) == 0
    distances = [colour_distance(away, style)]
    for alpha in ("0.5", "1"):
        picture = page.moved(lambda alpha=alpha: page.type("alpha", alpha), says=f"alpha {float(alpha):.2f}")
        distances.append(colour_distance(result_panel(picture), style))
    assert distances[0] > distances[1] > distances[2]
    assert closer(page.words()) > 95


def test_adain_at_alpha_zero_is_the_plain_reconstruction(classroom):
    from PIL import Image

    from gltr_lib.explorers import shipped

    page = explorer(classroom, "adain")
    page.moved(lambda: page.press("alpha", "Home"), says=r"alpha 0\.00")
    assets = shipped()
    name = next(iter(assets.images))
    plain = assets.stylizer.decode(assets.features(name), assets.content(name).shape[-2:])[0]
    plain = (plain.detach().permute(1, 2, 0).clamp(0, 1).numpy() * 255).astype(np.uint8)
    panel = result_panel(page.picture())
    again = np.asarray(Image.fromarray(plain).resize(panel.shape[1::-1], Image.Resampling.BICUBIC))
    assert difference(panel, again) < LEVELS


def test_gtr_seed_brings_other_colours_and_the_same_seed_the_same(classroom):
    page = explorer(classroom, "gtr")
    zero = page.picture()
    one = page.moved(lambda: page.type("seed", "1"), says="seed 1")
    again = page.moved(lambda: page.type("seed", "0"), says="seed 0")
    moments = [copies_colours(picture) for picture in (zero, one, again)]
    assert np.abs(moments[0] - moments[1]).max() > 10, "the mean colour of some copy changes by more than 10 levels"
    np.testing.assert_allclose(moments[0], moments[2], atol=0.5)


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
