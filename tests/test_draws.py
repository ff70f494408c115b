"""One generator for each sample: a sample's draws do not depend on its batch; wrong numbers of generators are named."""

import pytest
import torch

from gltr_lib._draws import uniform
from gltr_lib._mini_net import MiniDecoder
from gltr_lib.adain import StyleStats
from gltr_lib.baselines import make_view
from gltr_lib.config import METHODS, MethodConfig
from gltr_lib.masks import blob_mask
from gltr_lib.style_bank import StyleBank
from gltr_lib.views import Views, apply_geometry, draw_geometry, photometric


class Painter(torch.nn.Module):
    def stylize(self, images, stats, alpha=1.0):
        return (0.5 * images + 0.5 * stats.mean[:, :, None, None]).clamp(0, 1)


BANK = StyleBank(
    StyleStats(torch.rand(50, 3), torch.ones(50, 3)), [str(i) for i in range(50)], fingerprint="", stylizer=""
)


def gens(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def make(method, images, seeds):
    """Geometry, views and photometry of some samples, each from its own generator."""
    generators = gens(*seeds)
    labels = torch.zeros(len(images), 24, 40, dtype=torch.uint8)
    geometry = draw_geometry(len(images), (24, 40), (20, 24), generator=generators)
    cut, _ = apply_geometry(images, labels, geometry, (20, 24))
    views = Views(method, Painter(), BANK)(cut, 0.5, generators)
    return [photometric(view, generator=generators) for view in views]


MIXED = MethodConfig("mixed", ("gtr", "ltr"), raw_share=0.5, share=(0.2, 0.8))


@pytest.mark.parametrize("method", [*METHODS.values(), MIXED, MethodConfig("half", ("gtr",), raw_share=0.5)])
def test_a_sample_does_not_depend_on_its_batch(method):
    images = torch.rand(4, 3, 24, 40, generator=torch.Generator().manual_seed(0))
    whole = make(method, images, (1, 2, 3, 4))
    parts = [make(method, images[i : i + 1], (i + 1,)) for i in range(4)]
    for number, view in enumerate(whole):
        torch.testing.assert_close(view, torch.cat([part[number] for part in parts]), atol=1e-6, rtol=0)
    assert not torch.equal(whole[0], make(method, images, (1, 2, 3, 5))[0])


@pytest.mark.parametrize(
    "draw",
    [
        lambda: uniform(3, gens(5)[0], rows=2),
        lambda: make_view("randconv", {"kernels": 3})(torch.full((2, 3, 4, 4), 0.4).float(), gens(5)[0]),
        lambda: make_view("policy", {"kind": "augmix"})(torch.full((2, 3, 4, 4), 0.4).float(), gens(5)[0]),
        lambda: MiniDecoder().noise(torch.zeros(1, 1, 3, 3).float(), "noise8", gens(5)[0], (0, 0)),
    ],
    ids=["uniform", "randconv", "augmix", "the decoder's noise"],
)
def test_draws_are_the_same_whatever_type_torch_takes_by_default(draw):
    expected = draw()
    torch.set_default_dtype(torch.float64)
    try:
        found = draw()
    finally:
        torch.set_default_dtype(torch.float32)
    assert found.dtype == expected.dtype == torch.float32
    assert torch.equal(found, expected)


def test_each_mask_is_that_of_its_generator_alone():
    masks = blob_mask(3, 32, 48, sigma=(2, 4), share=(0.2, 0.8), generator=gens(1, 2, 3))
    alone = blob_mask(1, 32, 48, sigma=(2, 4), share=(0.2, 0.8), generator=gens(2)[0])
    assert masks.shape == (3, 1, 32, 48)
    assert torch.equal(masks[1:2], alone)


@pytest.mark.parametrize(
    "call",
    [
        lambda g: uniform(3, g),
        lambda g: blob_mask(3, 8, 8, generator=g),
        lambda g: Views(METHODS["gtr"], Painter(), BANK)(torch.rand(3, 3, 8, 8), generator=g),
    ],
)
def test_a_wrong_number_of_generators_is_named(call):
    with pytest.raises(ValueError, match="one for each of 3 samples; received 2"):
        call(gens(1, 2))


def test_offline_copies_take_the_place_of_the_painter():
    raw, copy, other = torch.zeros(2, 3, 16, 16), torch.full((2, 3, 16, 16), 0.5), torch.ones(2, 3, 16, 16)
    first, second = Views(METHODS["gtr_gtr"], offline=True)(raw, 0.0, gens(1, 2), [copy, other])
    assert torch.equal(first, copy)
    assert torch.equal(second, other)
    painted, mixed = Views(METHODS["gtr_ltr"], offline=True)(raw, 0.0, gens(1, 2), [copy])
    assert torch.equal(painted, copy)
    assert mixed.unique().tolist() == [0.0, 0.5]
    assert mixed.mean().item() == pytest.approx(0.25, abs=0.01)
    with pytest.raises(ValueError, match="needs a painted copy"):
        Views(METHODS["gtr_gtr"], offline=True)(raw, 0.0, gens(1, 2), [copy])
