"""Explorers: pure pictures, a view that follows its controls, errors that surface, code that recreates the picture."""

import dataclasses
import io
import sys
import threading

import numpy as np
import pytest
import torch
from PIL import Image

from gltr_lib import explorers, paintings
from gltr_lib.adain import StyleStats
from gltr_lib.explorers import AdainExplorer, GtrExplorer, LtrExplorer, _base, adain, gtr, ltr
from gltr_lib.explorers import assets as assets_module
from gltr_lib.explorers._canvas import LIMIT, encode
from gltr_lib.explorers._worker import LatestWins
from gltr_lib.randomize import GlobalTextureRandomization
from gltr_lib.style_bank import StyleBank
from tests.explorer_toys import tiny

ALL = (AdainExplorer, GtrExplorer, LtrExplorer)
SMALL = {"network": "deeplab_mini", "stylizer": "mini", "crop": 128}


def picture_size(explorer):
    return Image.open(io.BytesIO(explorer.image.value)).size


@pytest.fixture(scope="module")
def assets():
    return tiny(32)


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
    assert set(explorer.controls) == {field.name for field in dataclasses.fields(explorer.params)}
    assert picture_size(explorer) <= (960, explorer.height)
    assert explorer.image.layout.height == f"{explorer.height}px"
    assert explorer.reset_button.description == "Reset"
    assert 15 <= len(explorer.words) <= 400


@pytest.mark.parametrize(
    ("kind", "start", "changes"),
    [
        (AdainExplorer, None, {"image": "lane"}),
        (explorers.StyleBankExplorer, None, {"image": "lane", "second_weight": 0.5, "alpha": 0.75}),
        (GtrExplorer, None, {"image": "lane"}),
        (LtrExplorer, None, {"image": "lane"}),
        (
            explorers.AugmentationComposer, None,
            {"scene": 8, "seed": 2, "gtr": False, "share": 0.25, "broken": explorers.composer.BREAKS[1]},
        ),
        (
            explorers.CostExplorer, explorers.cost.Params(**SMALL),
            {"gpu": "L4", "images": 9, "rate": 12.5, "price": 0.7, "steps": 2000},
        ),
        (
            explorers.PredictionExplorer, explorers.prediction.Params(networks=("baseline", "gtr")),
            {"scene": 2, "look": "game", "view": "errors", "only": "13 car"},
        ),
    ],
)  # fmt: skip
def test_code_recreates_exactly_this_picture_and_reset_the_first(kind, start, changes, assets, monkeypatch):
    shown = []
    monkeypatch.setattr("gltr_lib.viz.show", lambda thing, *, alt: shown.append((thing, alt)))
    own = None if kind in (explorers.CostExplorer, explorers.PredictionExplorer) else assets
    explorer = kind(start, assets=own, synchronous=True)
    first = explorer.image.value
    assert 0 < len(first) <= LIMIT
    assert all(control.description for control in explorer.controls.values())
    assert explorer.image.layout.height == f"{explorer.height}px"
    explorer.update(**changes)
    exec(explorer.code, {"assets": assets})
    assert np.array_equal(shown[0][0], explorer.static())
    assert shown[0][1] == explorer.words
    assert explorer.code_box.value == explorer.code
    assert 15 <= len(explorer.words) <= 400
    explorer.reset()
    assert explorer.image.value == first
    assert explorer.params == explorer.start


def test_code_with_the_shipped_assets_needs_nothing_else(assets, monkeypatch):
    for module in (ltr, _base):
        monkeypatch.setattr(module, "shipped", lambda: assets)
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


@pytest.mark.parametrize("where", ["a notebook", "plain Python", "Python without IPython"])
def test_show_displays_in_a_notebook_and_speaks_elsewhere(where, assets, capsys, monkeypatch):
    explorer, displayed = LtrExplorer(assets=assets, synchronous=True), []
    monkeypatch.setattr("IPython.display.display", displayed.append)
    shell = object() if where == "a notebook" else None
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: shell)
    if where == "Python without IPython":
        monkeypatch.setitem(sys.modules, "IPython.core.getipython", None)
        monkeypatch.setitem(sys.modules, "IPython.display", None)
    explorer.show()
    said = "" if where == "a notebook" else f"[{explorer.title}] {explorer.words}\n"
    assert displayed == ([explorer] if where == "a notebook" else [])
    assert capsys.readouterr().out == said


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
    assert "100% closer" in words
    for broken in adain.BREAKS[1:]:
        _, words = adain.render(adain.Params(broken=broken), assets)
        assert "100% closer" not in words
        assert broken in words


RESULT = np.s_[34:330, 336:946]


def test_adain_weights_run_between_the_styles(assets):
    ends = [adain.render(adain.Params(weight1=1 - w, weight2=w), assets)[0] for w in (0.0, 1.0)]
    swapped = adain.render(adain.Params(style="b", second="a"), assets)[0]
    assert np.array_equal(ends[1][RESULT], swapped[RESULT])
    assert not np.array_equal(ends[0][RESULT], ends[1][RESULT])
    one, other = (adain.render(adain.Params(weight1=w, weight2=w, weight3=w), assets)[0] for w in (0.2, 0.9))
    assert np.abs(one[RESULT].astype(int) - other[RESULT]).max() <= 1  # only their proportions count


def test_adain_mixes_statistics_as_the_bank_does(assets):
    params = adain.complete(adain.Params(weight1=0.5, weight2=0.25, weight3=0.25), assets)
    mean, std = adain.goal(params, assets)
    stats = [assets.stats(name) for name in "abc"]
    bank = StyleBank(
        StyleStats(torch.cat([s.mean for s in stats]), torch.cat([s.std for s in stats])), list("abc"), fingerprint="",
        stylizer="untrained",
    )  # fmt: skip
    mixed = bank.mix([0.5, 0.25, 0.25])
    torch.testing.assert_close(mean, mixed.mean[0])
    torch.testing.assert_close(std, mixed.std[0])


@pytest.mark.parametrize("weights", [(0, 0, 0, 0), (1, -0.5, 0, 0), (float("nan"), 1, 0, 0)])
def test_adain_refuses_weights_that_mean_nothing(weights, assets):
    with pytest.raises(ValueError, match="weights: expected numbers >= 0"):
        adain.render(adain.Params(**{f"weight{i + 1}": w for i, w in enumerate(weights)}), assets)


def test_adain_keeps_the_chroma_of_the_content():
    rng = torch.Generator().manual_seed(0)
    content = 0.3 + 0.4 * torch.rand(1, 3, 16, 16, generator=rng)
    painted = (content + 0.2 * torch.rand(1, 3, 16, 16, generator=rng) - 0.1).clamp(0.2, 0.8)
    kept = adain.keep_colours(content, painted)
    # The matrix of ITU-R BT.601, written out: luma is the painted picture's, both chroma channels the content's.
    matrix = torch.tensor([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
    ycc = {name: torch.einsum("ij,bjhw->bihw", matrix, x) for name, x in (("c", content), ("p", painted), ("k", kept))}
    torch.testing.assert_close(ycc["k"][:, 0], ycc["p"][:, 0], atol=1e-5, rtol=0)
    torch.testing.assert_close(ycc["k"][:, 1:], ycc["c"][:, 1:], atol=1e-5, rtol=0)
    assert (adain.keep_colours(torch.ones(1, 3, 1, 1), torch.ones(1, 3, 1, 1)) == 1).all()


def test_adain_colours_are_kept_on_the_picture_and_in_the_words(assets):
    plain, _ = adain.render(adain.Params(), assets)
    kept, words = adain.render(adain.Params(keep_colours=True), assets)
    assert not np.array_equal(plain[RESULT], kept[RESULT])
    assert "colours are kept" in words


def test_gtr_draws_what_the_library_draws(assets):
    a, words = gtr.render(gtr.Params(seed=3), assets)
    b, _ = gtr.render(gtr.Params(seed=3), assets)
    c, _ = gtr.render(gtr.Params(seed=4), assets)
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)
    assert "seed 3" in words
    with pytest.raises(ValueError, match="count"):
        gtr.render(gtr.Params(count=0), assets)


def test_gtr_copies_are_those_of_the_library(assets):
    params = gtr.complete(gtr.Params(seed=5, count=4, alpha=0.7), assets)
    drawn = gtr.draw_styles(assets.bank, 4, 5)
    mine = gtr.paint(assets, params, drawn, 256)
    raw = assets.content(params.image).expand(4, -1, -1, -1)
    generator = torch.Generator().manual_seed(5)
    library = GlobalTextureRandomization(assets.stylizer, assets.bank, 0.7)(raw, generator=generator)
    torch.testing.assert_close(mine, library, atol=1e-5, rtol=0)
    assert len({assets.bank.names[i] for i in drawn}) > 1  # else the order would not be tested


def test_gtr_shows_the_painting_that_the_bank_names(assets):
    found = gtr.painting(assets, "woodcut-10")
    assert np.array_equal(found, paintings.paint(10, "woodcut", found.shape[0]))
    assert gtr.painting(assets, "monet") is None
    assert gtr.painting(assets, "woodcut-11", only_remembered=True) is None
    assert gtr.painting(assets, "woodcut-10", only_remembered=True) is found


def test_ltr_share_follows_the_schedule(assets):
    _, words = ltr.render(ltr.Params(share=0.2, position=0.5, power=1.0), assets)
    assert "Asked for 60.0%, measured 60.0%" in words
    assert "grown from 20%" in words
    _, words = ltr.render(ltr.Params(share=0.2, position=0.0, power=0.1), assets)
    assert "Asked for 20.0%" in words
    for bad in ({"position": 1.5}, {"power": 0.0}, {"share": -0.1}, {"sigma": 0.0}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            ltr.render(ltr.Params(**bad), assets)


def test_ltr_panels_hold_what_their_captions_say(assets):
    picture, _ = ltr.render(ltr.Params(share=0.3, sigma=20.0), assets)
    cut = {name: picture[y + 2 : y + h - 2, x + 2 : x + w - 2] for name, (x, y, w, h) in ltr.PANELS.items()}
    mask, blurred = cut["mask"].mean(2) / 255, cut["blurred"].mean(2)
    assert mask.mean() == pytest.approx(0.3, abs=0.02)
    # The brightest places are painted (pictures this small are enlarged, so borders are soft: 5 % may overlap).
    assert np.percentile(blurred[mask > 0.5], 10) > np.percentile(blurred[mask < 0.5], 90)
    mixed, raw, painted = (
        np.asarray(Image.fromarray(cut[n]).resize((220, 110))).astype(int) for n in ("mixed", "raw", "painted")
    )
    where = np.asarray(Image.fromarray((255 * mask).astype(np.uint8)).resize((220, 110)))
    inside, outside = where > 254, where < 1
    assert np.abs(mixed - painted)[inside].mean() < np.abs(mixed - raw)[inside].mean()
    assert np.abs(mixed - raw)[outside].mean() < np.abs(mixed - painted)[outside].mean()


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
