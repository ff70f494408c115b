"""Explorers: pure pictures, a view that follows its controls, errors that surface, code that recreates the picture."""

import threading

import numpy as np
import pytest
import torch

from gltr_lib import explorers
from gltr_lib.explorers import AdainExplorer, Assets, GtrExplorer, LtrExplorer, adain, gtr, ltr
from gltr_lib.explorers import assets as assets_module
from gltr_lib.explorers._canvas import LIMIT, encode
from gltr_lib.explorers._worker import LatestWins
from gltr_lib.style_bank import StyleBank
from gltr_lib.stylizer import Stylizer

ALL = (AdainExplorer, GtrExplorer, LtrExplorer)


@pytest.fixture(scope="module")
def assets():
    rng = np.random.default_rng(0)
    stylizer = Stylizer.untrained()
    images = {name: rng.integers(0, 256, (32, 64, 3)).astype(np.uint8) for name in ("street", "lane")}
    styles = {name: rng.integers(60 * i, 60 * i + 90, (24, 24, 3)).astype(np.uint8) for i, name in enumerate("abc")}
    batch = torch.stack([torch.from_numpy(p).permute(2, 0, 1).float() / 255 for p in styles.values()])
    return Assets(images, styles, stylizer, StyleBank.from_images(stylizer, batch, list(styles)))


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    monkeypatch.delenv("COURSE_STRICT", raising=False)
    explorers.FAILURES.clear()


@pytest.mark.parametrize("kind", ALL)
def test_view_follows_its_controls_in_one_image(kind, assets):
    explorer = kind(assets=assets, synchronous=True)
    image, first = explorer.image, explorer.image.value
    assert 0 < len(first) <= LIMIT
    name = "share" if "share" in explorer.controls else "alpha"
    explorer.controls[name].value = 0.25
    assert explorer.image is image
    assert explorer.image.value != first
    assert getattr(explorer.params, name) == 0.25
    assert explorer.words[:20] in explorer.status.value
    explorer.reset()
    assert explorer.image.value == first
    assert explorer.controls[name].value == getattr(explorer.start, name)


@pytest.mark.parametrize("kind", ALL)
def test_every_control_has_a_description_and_the_page_a_fixed_height(kind, assets):
    explorer = kind(assets=assets, synchronous=True)
    assert all(control.description for control in explorer.controls.values())
    assert explorer.image.layout.height == f"{explorer.height}px"
    assert explorer.reset_button.description == "Reset"
    assert 15 <= len(explorer.words) <= 400


@pytest.mark.parametrize("kind", ALL)
def test_code_recreates_exactly_this_picture(kind, assets, monkeypatch):
    shown = []
    monkeypatch.setattr("gltr_lib.viz.show", lambda thing, *, alt: shown.append((thing, alt)))
    explorer = kind(assets=assets, synchronous=True)
    explorer.update(image="lane")
    exec(explorer.code, {"assets": assets})
    assert np.array_equal(shown[0][0], explorer.static())
    assert shown[0][1] == explorer.words
    assert explorer.code_box.value == explorer.code


def test_code_with_the_shipped_assets_needs_nothing_else(assets, monkeypatch):
    monkeypatch.setattr(ltr, "shipped", lambda: assets)
    explorer = LtrExplorer(synchronous=True)
    explorer.update(share=0.3, seed=5)
    space = {}
    exec(explorer.code.replace("viz.show(picture, alt=words)", ""), space)
    assert np.array_equal(space["picture"], explorer.static())
    assert "assets" not in explorer.code


@pytest.mark.parametrize("kind", ALL)
def test_display_has_a_static_twin_with_words(kind, assets):
    data, metadata = kind(assets=assets, synchronous=True)._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    assert data["image/jpeg"]
    assert len(metadata["image/jpeg"]["alt"]) >= 15


def test_errors_show_in_the_panel_and_go_when_it_works_again(assets):
    explorer = LtrExplorer(assets=assets)
    before = explorer.image.value
    explorer.worker.submit(ltr.Params(image="no such street"))
    assert explorer.worker.wait()
    assert "no such street" in explorer.error.value
    assert explorer.error.layout.display == ""
    assert explorer.image.value == before
    assert len(explorers.FAILURES) == 1
    explorer.reset()
    assert explorer.worker.wait()
    assert explorer.error.layout.display == "none"


def test_strict_mode_raises_from_a_control(assets, monkeypatch):
    monkeypatch.setenv("COURSE_STRICT", "1")
    explorer = LtrExplorer(assets=assets)
    monkeypatch.setattr(ltr, "render", lambda params, assets: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        explorer.controls["share"].value = 0.75
    assert "ZeroDivisionError" in explorers.FAILURES[-1]


def test_worker_keeps_only_the_newest_job():
    gate, started, seen = threading.Event(), threading.Event(), []

    def work(job):
        started.set()
        gate.wait(10)
        seen.append(job)

    worker = LatestWins(work, lambda error: None)
    worker.submit(0)
    assert started.wait(10)
    for job in range(1, 50):
        worker.submit(job)
    gate.set()
    assert worker.wait(10)
    assert seen == [0, 49]
    assert worker.skipped == 48
    worker.submit(50)  # the thread has ended; a new one takes over
    assert worker.wait(10)
    assert seen[-1] == 50


def test_worker_goes_on_after_an_error():
    failures, seen = [], []

    def work(job):
        if job == "bad":
            raise ValueError(job)
        seen.append(job)

    worker = LatestWins(work, failures.append)
    worker.submit("bad")
    assert worker.wait(10)
    worker.submit("good")
    assert worker.wait(10)
    assert (len(failures), seen) == (1, ["good"])


def test_adain_statistics_meet_the_style_unless_broken(assets):
    _, words = adain.render(adain.Params(), assets)
    assert "100 % closer" in words
    for broken in adain.BREAKS[1:]:
        _, words = adain.render(adain.Params(broken=broken), assets)
        assert "100 % closer" not in words
        assert broken in words


def test_adain_mix_runs_between_the_two_styles(assets):
    ends = [adain.render(adain.Params(mix=mix), assets)[0] for mix in (0.0, 1.0)]
    swapped = adain.render(adain.Params(style="b", second="a", mix=0.0), assets)[0]
    result = np.s_[34:330, 336:946]
    assert np.array_equal(ends[1][result], swapped[result])
    assert not np.array_equal(ends[0][result], ends[1][result])
    with pytest.raises(ValueError, match="mix"):
        adain.render(adain.Params(mix=1.5), assets)


def test_gtr_draws_what_the_library_draws(assets):
    a, words = gtr.render(gtr.Params(seed=3), assets)
    b, _ = gtr.render(gtr.Params(seed=3), assets)
    c, _ = gtr.render(gtr.Params(seed=4), assets)
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)
    assert "seed 3" in words
    with pytest.raises(ValueError, match="count"):
        gtr.render(gtr.Params(count=0), assets)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_ltr_says_the_share_it_measured(share, assets):
    _, words = ltr.render(ltr.Params(share=share), assets)
    assert f"measured {share:.1%}" in words


def test_ltr_noise_is_blurred_as_scipy_does():
    scipy_ndimage = pytest.importorskip("scipy.ndimage")
    noise, field = ltr.blurred_noise(80, 90, 2.0, torch.Generator().manual_seed(0))
    other = scipy_ndimage.gaussian_filter(noise.numpy(), 2.0)
    inside = np.s_[10:-10, 10:-10]  # SciPy mirrors at the border, we drew beyond it
    np.testing.assert_allclose(field.numpy()[inside], other[inside], atol=1e-5)


def test_unknown_names_are_answered_with_the_valid_ones(assets):
    with pytest.raises(ValueError, match="'street', 'lane'"):
        ltr.render(ltr.Params(image="boulevard"), assets)
    with pytest.raises(ValueError, match="share"):
        LtrExplorer(assets=assets, synchronous=True).update(shares=0.2)


def test_encode_keeps_to_its_limit():
    noise = np.random.default_rng(0).integers(0, 256, (700, 900, 3)).astype(np.uint8)
    data, _ = encode(noise, 100_000)
    assert len(data) <= 100_000


def test_assets_remember_only_so_much(assets):
    for i in range(20):
        assets.keep(("test", i), lambda: object(), limit=8)
    assert len(assets._kept) <= 8


@pytest.mark.slow
def test_default_pictures_are_the_embedded_world():
    images, styles = assets_module.default_images(), assets_module.default_styles()
    assert all(p.shape == (*assets_module.SIZE, 3) for p in images.values())
    assert len(styles) >= 12
