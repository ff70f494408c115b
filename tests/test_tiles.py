"""Painting in tiles equals painting at once: both layouts, awkward sizes, tiles smaller than their margin."""

import pytest
import torch
from test_stylizer import random_vgg

from gltr_lib import StyleBank, _tiles
from gltr_lib._tiles import tile_within
from gltr_lib._timing import peak_mib
from gltr_lib.adain import StyleStats
from gltr_lib.stylizer import Stylizer


def some_style(stylizer):
    generator = torch.Generator().manual_seed(3)
    return StyleStats(
        torch.randn(1, stylizer.channels, generator=generator) * 0.2,
        torch.rand(1, stylizer.channels, generator=generator),
    )


@pytest.mark.parametrize(
    ("size", "tile"), [((203, 331), 96), ((64, 200), 64), ((129, 65), 40), ((40, 40), 8), ((30, 50), 500)]
)
def test_the_mini_stylizer_paints_the_same_in_tiles(size, tile):
    stylizer = Stylizer.load("mini")
    pictures = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    style = some_style(stylizer)
    whole = stylizer.stylize(pictures, style, 0.8)
    parts = stylizer.stylize(pictures, style, 0.8, tile=tile)
    assert parts.shape == pictures.shape
    assert (whole - parts).abs().max() <= 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("depth", ["relu3_1", "relu4_1"])
def test_the_vgg_layout_paints_the_same_in_tiles(depth):
    stylizer = random_vgg(depth)
    picture = torch.rand(1, 3, 170, 211, generator=torch.Generator().manual_seed(1))
    style = stylizer.style_stats(torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(2)))
    whole, parts = stylizer.stylize(picture, style), stylizer.stylize(picture, style, tile=80)
    assert whole.std() > 0.01  # not one clamped colour
    assert (whole - parts).abs().max() <= 1e-4


def test_statistics_are_those_of_the_whole_picture():
    stylizer = Stylizer.load("mini")
    picture = torch.rand(1, 3, 160, 96)
    picture[:, :, :80] *= 0.2  # halves that differ: a tile's own statistics would be others
    whole, parts = stylizer.style_stats(picture), stylizer.style_stats(picture, tile=48)
    torch.testing.assert_close(whole.mean, parts.mean, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(whole.std, parts.std, atol=1e-5, rtol=1e-5)


def test_a_narrow_margin_would_be_seen():
    stylizer = Stylizer.load("mini")
    picture = torch.rand(1, 3, 160, 160, generator=torch.Generator().manual_seed(4))
    style = some_style(stylizer)
    whole = stylizer.stylize(picture, style)
    stylizer.halo = 8
    assert (whole - stylizer.stylize(picture, style, tile=48)).abs().max() > 1e-3


def test_spans_cover_an_axis_once():
    for length, tile, halo in ((10, 4, 1), (7, 7, 3), (5, 9, 2), (64, 8, 48)):
        kept = [place for start, stop, _, _ in _tiles.spans(length, tile, halo) for place in range(start, stop)]
        assert kept == list(range(length))
        assert all(
            0 <= low <= start < stop <= high <= length for start, stop, low, high in _tiles.spans(length, tile, halo)
        )


@pytest.mark.parametrize("tile", [0, -8, 2.5, True, "64"])
def test_a_tile_is_a_number_of_pixels(tile):
    stylizer = Stylizer.load("mini")
    with pytest.raises(ValueError, match="tile: expected a side of 1 pixel or more"):
        stylizer.stylize(torch.rand(1, 3, 16, 16), some_style(stylizer), tile=tile)


@pytest.mark.slow
@pytest.mark.skipif(peak_mib(lambda: None) is None, reason="this system does not tell the memory at the peak")
@pytest.mark.parametrize("budget", [135, 160, 400])
def test_the_tile_for_a_budget_keeps_it_and_shows_no_seam(budget):
    mini = Stylizer.load("mini")
    images = torch.rand(1, 3, 640, 720, generator=torch.Generator().manual_seed(0))
    stats = StyleBank.load("paintings-mini").stats[3]
    tile = tile_within("mini", (640, 720), budget)
    assert (tile is None) == (budget == 400)
    with torch.inference_mode():
        whole = mini.stylize(images, stats)
        parts = mini.stylize(images, stats, tile=tile)
        assert (whole - parts).abs().max() <= 1e-4
        assert peak_mib(lambda: mini.stylize(images, stats, tile=tile)) <= budget


def test_a_budget_too_small_for_any_tile_is_named():
    with pytest.raises(
        ValueError, match=r"memory: vgg19 takes at least \d+ MiB for a picture of 1914x1052, received 90"
    ):
        tile_within("vgg19", (1052, 1914), 90)
    with pytest.raises(ValueError, match="stylizer 'own' takes is not known; give the tile"):
        tile_within("own", (64, 64), 90)
