"""The views of a step: labels stay on their pixels, augmentation is what it says, LTR is built from GTR."""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from torchvision.transforms.v2 import functional as v2

from gltr_lib.adain import StyleStats
from gltr_lib.config import MethodConfig
from gltr_lib.views import Geometry, Views, apply_geometry, draw_geometry, gaussian_blur, photometric


class Painter(torch.nn.Module):
    """A stand-in for the stylizer: every picture becomes the one colour of its style."""

    def stylize(self, images, stats, alpha=1.0):
        return stats.mean[:, :, None, None].expand_as(images).clone()


class Bank:
    """Styles that are numbered by the order in which they are drawn."""

    def __init__(self):
        self.drawn = 0

    def __len__(self):
        return 1000

    def sample(self, n, generator=None):
        self.drawn += n
        return StyleStats(torch.rand(n, 3, generator=generator) * 0.5 + 0.5, torch.ones(n, 3))


def gen(seed=0):
    return torch.Generator().manual_seed(seed)


def test_labels_stay_on_their_pixels():
    height, width = 40, 60
    labels = torch.arange(width).expand(4, height, width).to(torch.uint8)  # each column its own label
    images = (labels.float() / 255)[:, None].expand(4, 3, height, width)
    geometry = draw_geometry(4, (height, width), (32, 48), generator=gen(1))
    moved, picked = apply_geometry(images, labels, geometry, (32, 48))
    inside = picked != 255
    assert inside.float().mean() > 0.6
    # A bilinear ramp and a nearest label differ by at most half a column.
    assert ((moved[:, 0] * 255 - picked).abs()[inside] <= 0.5 + 1e-3).all()


def test_no_zoom_and_full_crop_leave_everything_alone_but_for_the_mirror():
    images = torch.randint(0, 256, (6, 3, 8, 12), dtype=torch.uint8, generator=gen())
    labels = torch.randint(0, 19, (6, 8, 12), dtype=torch.uint8, generator=gen())
    geometry = draw_geometry(6, (8, 12), (8, 12), scale=(1, 1), generator=gen(3))
    assert 0 < geometry.mirror.sum() < 6
    moved, picked = apply_geometry(images, labels, geometry, (8, 12))
    for n, mirror in enumerate(geometry.mirror):
        expected = images[n].flip(-1) if mirror else images[n]
        torch.testing.assert_close(moved[n], expected / 255, atol=1e-5, rtol=0)
        assert torch.equal(picked[n], (labels[n].flip(-1) if mirror else labels[n]).long())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_pictures_of_any_precision_stay_on_their_labels(dtype):
    width = 2048  # half precision counts single columns no further than this, in [-1, 1] not even half so far
    labels = torch.randint(0, 2, (1, 4, width), generator=gen(1))
    images = labels[:, None].expand(1, 3, 4, width).to(dtype)
    window = Geometry(torch.zeros(1), torch.tensor([100.0]), torch.ones(1), torch.tensor([True]))
    moved, picked = apply_geometry(images, labels, window, (4, 1500))
    assert moved.dtype == dtype
    assert torch.equal(moved[:, 0].round().long(), picked)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_photometry_of_any_precision_is_that_of_single(dtype):
    images = torch.rand(3, 3, 9, 7, generator=gen())
    expected = photometric(images, blur=1.0, generator=gen(2))
    made = photometric(images.to(dtype), blur=1.0, generator=gen(2))
    assert made.dtype == dtype
    torch.testing.assert_close(made.float(), expected, atol=0.03, rtol=0)


def test_photometry_is_not_halved_by_autocast():
    images = torch.rand(3, 3, 9, 7, generator=gen())
    with torch.autocast("cpu", torch.bfloat16):
        made = photometric(images, generator=gen(2))
    assert torch.equal(made, photometric(images, generator=gen(2)))


def test_outside_the_picture_nothing_is_learned_and_the_image_is_mirrored():
    labels = torch.zeros(1, 4, 4, dtype=torch.uint8)
    images = torch.rand(1, 3, 4, 4)
    half = Geometry(torch.tensor([-2.0]), torch.tensor([-2.0]), torch.ones(1), torch.tensor([False]))
    moved, picked = apply_geometry(images, labels, half, (8, 8))
    assert (picked[0, 2:6, 2:6] == 0).all()
    assert (picked == 0).sum() == 16
    torch.testing.assert_close(moved[0, :, 1, 2:6], images[0, :, 0])


def test_zooms_cover_their_range_and_windows_stay_inside():
    geometry = draw_geometry(500, (64, 128), (64, 128), scale=(0.5, 2.0), generator=gen())
    assert geometry.zoom.min() < 0.52
    assert geometry.zoom.max() > 1.95
    assert abs(geometry.zoom.log().mean()) < 0.1
    near = geometry.zoom >= 1
    assert (geometry.top[near] >= 0).all()
    assert (geometry.top[near] + 64 / geometry.zoom[near] <= 64 + 1e-4).all()
    assert (geometry.top[~near] <= 0).all()
    assert not draw_geometry(50, (8, 8), (8, 8), flip=False, generator=gen()).mirror.any()


def test_blur_is_the_gaussian_it_says():
    images = torch.rand(3, 3, 17, 23, generator=gen())
    radius = torch.tensor([0.0, 0.4, 1.0])
    blurred = gaussian_blur(images, radius)
    assert torch.equal(blurred[0], images[0])
    for n in (1, 2):
        expected = gaussian_filter(
            images[n].numpy(), (0, float(radius[n]), float(radius[n])), radius=(0, 3, 3), mode="nearest"
        )
        np.testing.assert_allclose(blurred[n].numpy(), expected, atol=1e-5)


def test_blur_touches_its_share_of_the_pictures():
    images = torch.rand(200, 3, 4, 4, generator=gen())
    changed = (photometric(images, jitter=0, blur=0.5, generator=gen(1)) != images).flatten(1).any(1)
    assert 75 < changed.sum() < 125
    assert torch.equal(photometric(images, jitter=0, blur=0, generator=gen(1)), images)


def test_jitter_is_brightness_contrast_saturation_as_torchvision_has_them():
    image = torch.rand(1, 3, 12, 12, generator=gen()) * 0.4 + 0.3  # far from 0 and 1, so that nothing is clamped
    draws = torch.rand(5, 1, generator=gen(4))
    b, c, s = (1 + 0.2 * (2 * draws[:3, 0] - 1)).tolist()
    expected = v2.adjust_brightness(v2.adjust_contrast(v2.adjust_saturation(image, s), c), b)
    torch.testing.assert_close(photometric(image, jitter=0.2, blur=0, generator=gen(4)), expected, atol=2e-3, rtol=0)


def test_photometry_stays_in_range_and_differs_between_pictures():
    images = torch.rand(1, 3, 8, 8, generator=gen()).expand(4, 3, 8, 8)
    out = photometric(images, jitter=1.0, blur=1.0, generator=gen(2))
    assert out.min() >= 0
    assert out.max() <= 1
    assert not torch.equal(out[0], out[1])


def make(*views, **options):
    return Views(MethodConfig("x", views, **options), Painter(), Bank())


def test_raw_views_are_the_pictures():
    images = torch.rand(2, 3, 8, 8)
    assert all(view is images for view in Views(MethodConfig("x", ("raw", "raw")))(images))


def test_each_picture_and_each_view_gets_its_own_style():
    first, second = make("gtr", "gtr")(torch.zeros(4, 3, 8, 8), generator=gen())
    colours = {tuple(view[n, :, 0, 0].tolist()) for view in (first, second) for n in range(4)}
    assert len(colours) == 8


def test_the_local_view_mixes_the_picture_with_the_first_global_view():
    images = torch.rand(3, 3, 64, 64, generator=gen()) * 0.4
    for kinds in (("gtr", "ltr"), ("gtr", "gtr", "ltr")):
        views = make(*kinds, share=0.25)(images, generator=gen())
        painted = (views[-1] == views[0]).all(1)
        assert (painted | (views[-1] == images).all(1)).all()
        assert painted.float().mean().item() == pytest.approx(0.25, abs=1e-3)


def test_raw_share_leaves_pictures_raw_and_paints_only_the_others():
    images = torch.rand(200, 3, 4, 4, generator=gen()) * 0.4
    views = make("gtr", raw_share=0.5)
    (view,) = views(images, generator=gen())
    raw = (view == images).flatten(1).all(1)
    assert 75 < raw.sum() < 125
    assert views.gtr.bank.drawn == 200 - raw.sum()
    assert torch.equal(make("gtr", raw_share=1.0)(images, generator=gen())[0], images)


def test_the_local_view_is_painted_even_where_the_global_one_stays_raw():
    images = torch.rand(8, 3, 32, 32, generator=gen()) * 0.4
    whole, local = make("gtr", "ltr", raw_share=1.0)(images, generator=gen())
    assert torch.equal(whole, images)
    assert (local != images).any(1).float().mean().item() == pytest.approx(0.5, abs=1e-3)


def test_the_scheduled_share_rises():
    views = make("gtr", "ltr", share=0.2, schedule=1.0)
    images = torch.zeros(2, 3, 32, 32)
    shares = [(views(images, t, gen())[1] > 0).float().mean().item() for t in (0.0, 0.5, 1.0)]
    assert shares == pytest.approx([0.2, 0.6, 1.0], abs=2e-3)


def test_the_scheduled_share_follows_its_formula_in_a_long_run():
    views = make("gtr", "ltr", share=0.5, schedule=0.1)
    for step in (0, 5, 7, 199_999):  # between two ten-thousandths of 200,000 steps too
        views(torch.zeros(1, 3, 2, 2), step / 200_000, gen())
        assert views.ltr.share == pytest.approx(0.5 + 0.5 * (step / 200_000) ** 0.1, rel=1e-9)


def test_gtr_without_a_stylizer_says_what_to_do():
    with pytest.raises(ValueError, match=r'needs a stylizer and a bank.*Stylizer\.load\("mini"\)'):
        Views(MethodConfig("x", ("gtr",)))


def test_a_picture_file_of_one_colour_survives_the_chain(tmp_path):
    Image.new("RGB", (16, 8), (10, 20, 30)).save(tmp_path / "x.png")
    image = torch.from_numpy(np.array(Image.open(tmp_path / "x.png"))).permute(2, 0, 1)[None]
    geometry = draw_geometry(1, (8, 16), (8, 16), generator=gen())
    moved, _ = apply_geometry(image, torch.zeros(1, 8, 16, dtype=torch.uint8), geometry, (8, 16))
    out = photometric(moved, jitter=0, blur=1.0, generator=gen())
    torch.testing.assert_close(out * 255, torch.tensor([10.0, 20, 30]).view(1, 3, 1, 1).expand_as(out))


def test_only_the_named_styles_are_drawn():
    from gltr_lib.style_bank import StyleBank

    shades = torch.arange(10.0)[:, None].expand(10, 3) / 10
    bank = StyleBank(StyleStats(shades, torch.ones(10, 3)), list("abcdefghij"), fingerprint="", stylizer="none")
    images = torch.rand(64, 3, 2, 2, generator=gen())

    def drawn(method):
        (view,) = Views(method, Painter(), bank)(images, generator=gen(1))
        return {round(10 * value) for value in view.flatten().tolist()}

    assert drawn(MethodConfig("some", ("gtr",), styles=(2, 7))) == {2, 7}
    assert drawn(MethodConfig("all", ("gtr",))) == set(range(10))


@pytest.mark.parametrize("styles", [(1, 1), (-1, 2)])
def test_styles_are_places_in_the_bank(styles):
    with pytest.raises(ValueError, match="styles"):
        MethodConfig("some", ("gtr",), styles=styles)
