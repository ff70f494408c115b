"""AdaIN: the output carries the style's statistics, alpha blends, one position is no NaN."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gltr_lib import adain as module
from gltr_lib import losses
from gltr_lib.adain import StyleStats, adain, channel_stats


def features(*shape, seed=0, scale=3.0, shift=1.5):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * scale + shift


def test_channel_stats_are_numpys_biased_ones():
    x = features(2, 3, 5, 7)
    mean, std = channel_stats(x, eps=0.0)
    np.testing.assert_allclose(mean.numpy()[..., 0, 0], x.numpy().mean((2, 3)), rtol=1e-5)
    np.testing.assert_allclose(std.numpy()[..., 0, 0], x.numpy().std((2, 3), ddof=0), rtol=1e-5)
    assert not np.allclose(std.numpy()[..., 0, 0], x.numpy().std((2, 3), ddof=1), rtol=1e-4)


def test_eps_stands_under_the_root():
    _, std = channel_stats(torch.zeros(1, 1, 4, 4), eps=0.04)
    assert std.item() == pytest.approx(0.2)


def test_one_position_is_not_nan():
    mean, std = channel_stats(features(2, 4, 1, 1))
    assert torch.isfinite(mean).all()
    assert torch.isfinite(std).all()
    out = adain(features(2, 4, 1, 1), torch.ones(2, 4), torch.ones(2, 4))
    assert torch.allclose(out, torch.ones_like(out))


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 3), st.integers(1, 5), st.integers(3, 9), st.integers(3, 9), st.integers(0, 99))
def test_output_statistics_equal_the_styles(batch, channels, height, width, seed):
    x = features(batch, channels, height, width, seed=seed)
    g = torch.Generator().manual_seed(seed + 1)
    mean, std = torch.randn(batch, channels, generator=g), torch.rand(batch, channels, generator=g) + 0.1
    out = adain(x, mean, std)
    new_mean, new_std = channel_stats(out, eps=0.0)
    torch.testing.assert_close(new_mean[..., 0, 0], mean, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(new_std[..., 0, 0], std, atol=1e-3, rtol=1e-3)


def test_it_is_the_written_formula():
    x, s = features(2, 3, 6, 5), features(2, 3, 4, 4, seed=9)
    (mx, sx), (ms, ss) = channel_stats(x), channel_stats(s)
    for alpha in (0.25, 1.0):
        expected = alpha * (ss * (x - mx) / sx + ms) + (1 - alpha) * x
        torch.testing.assert_close(adain(x, ms, ss, alpha), expected, atol=1e-5, rtol=1e-5)


def test_alpha_zero_returns_the_content_bit_for_bit():
    x = features(2, 3, 6, 5)
    assert torch.equal(adain(x, torch.ones(3), torch.ones(3), 0.0), x)


def test_own_statistics_are_the_identity():
    x = features(2, 3, 6, 5)
    torch.testing.assert_close(adain(x, *channel_stats(x)), x, atol=1e-5, rtol=1e-5)


def test_shuffled_positions_of_the_style_change_nothing():
    x, s = features(1, 3, 6, 5), features(1, 3, 8, 8, seed=4)
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    shuffled = s.flatten(2)[:, :, order].view_as(s)
    torch.testing.assert_close(adain(x, *channel_stats(s)), adain(x, *channel_stats(shuffled)), atol=1e-5, rtol=1e-5)


def test_half_precision_is_summed_in_float32():
    x = torch.full((1, 1, 256, 256), 6.0, dtype=torch.float16)
    mean, _ = channel_stats(x)
    assert mean.dtype == torch.float32
    assert mean.item() == 6.0
    assert adain(x, torch.ones(1), torch.ones(1)).dtype == torch.float16


def test_gradients_reach_content_and_style():
    x = features(1, 2, 4, 4).double().requires_grad_()
    m = torch.randn(1, 2, dtype=torch.float64).requires_grad_()
    s = (torch.rand(1, 2, dtype=torch.float64) + 0.5).requires_grad_()
    assert torch.autograd.gradcheck(adain, (x, m, s))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: channel_stats(torch.zeros(3, 4, 4)), ValueError, r"\(B,C,H,W\)"),
        (lambda: channel_stats(torch.zeros(1, 3, 0, 4)), ValueError, "at least one position"),
        (lambda: channel_stats(torch.zeros(1, 3, 4, 4, dtype=torch.uint8)), TypeError, "float"),
        (lambda: channel_stats([1.0]), TypeError, "received list"),
        (lambda: channel_stats(torch.zeros(1, 3, 4, 4), eps=-1.0), ValueError, "eps: expected a number >= 0"),
        (lambda: adain(torch.rand(2, 3, 4, 4), torch.ones(3), torch.ones(3), eps=-1.0), ValueError, "eps"),
        (lambda: adain(torch.rand(2, 3, 4, 4), torch.ones(5), torch.ones(5)), ValueError, "another encoder"),
        (lambda: adain(torch.rand(2, 3, 4, 4), torch.ones(3, 3), torch.ones(3, 3)), ValueError, r"\(2,3\)"),
        (lambda: adain(torch.rand(2, 3, 4, 4), torch.ones(3), torch.ones(3), 1.5), ValueError, "alpha"),
        (lambda: adain(torch.rand(2, 3, 4, 4), torch.ones(3), torch.ones(3), "x"), TypeError, "alpha"),
        (
            lambda: adain(torch.rand(2, 3, 4, 4), torch.ones(3), torch.tensor([1.0, -0.5, 1.0])),
            ValueError,
            r"style_std: expected values >= 0, received a negative one \(-0\.5\)",
        ),
        (lambda: adain(torch.rand(2, 3, 4, 4), torch.full((3,), torch.nan), torch.ones(3)), ValueError, "style_mean"),
        (lambda: adain(torch.rand(2, 3, 4, 4), torch.ones(3), torch.full((3,), torch.nan)), ValueError, "style_std"),
        (lambda: adain(torch.rand(2, 3, 4, 4), torch.ones(3), torch.full((3,), torch.inf)), ValueError, "finite"),
        (lambda: StyleStats(torch.zeros(2, 3), torch.zeros(3, 3)), ValueError, "one shape"),
        (lambda: StyleStats([1], [2]), TypeError, "mean"),
        (lambda: StyleStats(torch.full((1, 2), torch.nan), torch.ones(1, 2)), ValueError, "finite"),
        (lambda: StyleStats(torch.zeros(1, 2), -torch.ones(1, 2)), ValueError, "negative"),
    ],
)
def test_bad_input_says_what_was_expected(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_style_stats_index_keeps_the_dimension():
    stats = StyleStats(torch.arange(6.0).view(3, 2), torch.ones(3, 2))
    assert len(stats) == 3
    assert stats[1].mean.tolist() == [[2.0, 3.0]]
    assert len(stats[1:]) == 2
    for number in (np.int64(1), torch.tensor(1)):
        assert stats[number] == stats[1]
    assert stats.to(dtype=torch.float64).std.dtype == torch.float64


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("styles", [(1, 1), (3, 3), (1, 3), (3, 1)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_piece_by_piece_is_all_at_once(layout, styles, dtype, monkeypatch):
    monkeypatch.setattr(module, "_PIECE", 100)  # two channels of 6x8 at once, the last piece one channel
    x = features(3, 7, 6, 8).to(dtype).to(memory_format=layout)
    new_mean, new_std = features(styles[0], 7, seed=1), features(styles[1], 7, seed=2).abs()
    pieces, ours = adain(x, new_mean, new_std, 0.7), channel_stats(x)
    monkeypatch.setattr(module, "_in_pieces", lambda *_: False)
    whole = adain(x, new_mean, new_std, 0.7)
    assert (pieces.dtype, pieces.stride()) == (dtype, x.stride())
    torch.testing.assert_close(pieces, whole)
    each = [adain(x[i : i + 1], new_mean[i % styles[0]], new_std[i % styles[1]], 0.7) for i in range(3)]
    torch.testing.assert_close(pieces, torch.cat(each))
    for a, b in zip(ours, channel_stats(x), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("which", ["content", "style"])
def test_a_gradient_passes_to_whoever_asks(which):
    x, mean, std = features(2, 3, 4, 5), features(2, 3), features(2, 3, seed=3).abs()
    asked = x if which == "content" else std
    asked.requires_grad_()
    adain(x, mean, std).square().sum().backward()
    assert asked.grad.abs().max() > 0


def test_style_stats_are_equal_when_their_numbers_are():
    stats = StyleStats(torch.arange(6.0).view(3, 2), torch.ones(3, 2))
    assert stats == StyleStats(stats.mean.clone(), stats.std.clone())
    assert stats != StyleStats(stats.mean, stats.std * 2)
    assert stats != stats[:2]
    assert stats != "stats"


# --- torch.func, forward differentiation, torch.compile: pieces written into fresh memory would stop them ----------


def formula(content, mean, std):
    """AdaIN as the paper writes it, of one picture (C,H,W) or of many."""
    own_std = (content.var((-2, -1), correction=0, keepdim=True) + 1e-5).sqrt()
    return std[..., None, None] * (content - content.mean((-2, -1), keepdim=True)) / own_std + mean[..., None, None]


def a_case(*batch):
    return features(*batch, 2, 4, 3, 3), features(*batch, 2, 4, seed=1), features(*batch, 2, 4, seed=2).abs()


@pytest.mark.parametrize("grad_mode", [True, False])
@pytest.mark.parametrize("shared", [None, 0, 1, 2])
def test_vmap_maps_it(grad_mode, shared):
    x, mean, std = (part[0] if number == shared else part for number, part in enumerate(a_case(3)))
    places = tuple(None if number == shared else 0 for number in range(3))
    with torch.set_grad_enabled(grad_mode):
        mapped = torch.func.vmap(adain, in_dims=places)(x, mean, std)
        torch.testing.assert_close(mapped, formula(x, mean, std), atol=1e-5, rtol=1e-5)
        means, _ = torch.func.vmap(channel_stats)(a_case(3)[0])
    torch.testing.assert_close(means, a_case(3)[0].mean((-2, -1), keepdim=True))


@pytest.mark.parametrize("place", [0, 1, 2])
def test_derivatives_go_forwards_and_backwards(place):
    case = [part.double() for part in a_case()]

    def ours(part):
        return adain(*[part if number == place else other for number, other in enumerate(case)])

    def paper(part):
        return formula(*[part if number == place else other for number, other in enumerate(case)])

    part, way = case[place], torch.ones_like(case[place]).tril()
    torch.testing.assert_close(torch.func.jvp(ours, (part,), (way,)), torch.func.jvp(paper, (part,), (way,)))
    torch.testing.assert_close(torch.func.jacrev(ours)(part), torch.func.jacfwd(paper)(part))
    torch.testing.assert_close(torch.func.jacfwd(ours)(part), torch.func.jacfwd(paper)(part))
    with torch.autograd.forward_ad.dual_level():
        dual = ours(torch.autograd.forward_ad.make_dual(part, way))
        tangent = torch.autograd.forward_ad.unpack_dual(dual).tangent
    torch.testing.assert_close(tangent, torch.func.jvp(paper, (part,), (way,))[1])


def test_one_gradient_for_each_sample():
    x, mean, std = a_case(3)
    each = torch.func.vmap(torch.func.grad(lambda *case: adain(*case).pow(3).sum()))(x, mean, std)
    z = x.clone().requires_grad_()
    formula(z, mean, std).pow(3).sum().backward()
    torch.testing.assert_close(each, z.grad, atol=1e-2, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the compiler about itself
def test_it_and_the_losses_compile_without_a_break():
    x, mean, std = a_case()
    logits, labels = features(2, 4, 3, 3), torch.tensor([[[0, 1, 255]] * 3] * 2)

    def step(x, mean, std, logits, labels):
        painted = adain(x, mean, std)
        agreement = losses.consistency_loss(logits, painted, valid=labels != 255)
        return losses.segmentation_loss(logits, labels, class_balance=False) + agreement + channel_stats(x)[1].mean()

    whole = torch.compile(step, fullgraph=True, backend="eager")
    torch.testing.assert_close(whole(x, mean, std, logits, labels), step(x, mean, std, logits, labels))


def test_statistics_that_move_are_not_read_again():
    """Reading them would make a GPU wait at every step; a device without numbers shows it."""
    stats = StyleStats(torch.zeros(4, 8), torch.ones(4, 8))
    assert stats.to("meta").mean.is_meta
    assert stats[[1, 2]].std.tolist() == torch.ones(2, 8).tolist()
    with pytest.raises(ValueError, match="one shape"):
        stats[None]
    with pytest.raises(ValueError, match="finite"):  # what a narrower type cannot hold is looked at
        StyleStats(torch.full((1, 2), 1e30), torch.ones(1, 2)).to(dtype=torch.float16)
