"""Blob masks: the share is met, the blobs are SciPy's blobs, a seed gives one mask, bad input is named."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gltr_lib import masks
from gltr_lib.masks import blob_mask, draw_sigmas, smooth_noise, threshold_field


def gen(seed=0):
    return torch.Generator().manual_seed(seed)


def official_mask(rng, size, sigma, share):
    """The official formula, written afresh with SciPy; 1 = stylised."""
    from scipy.ndimage import gaussian_filter
    from scipy.special import erfinv

    field = gaussian_filter(rng.standard_normal((size, size)), sigma)
    raw_threshold = erfinv(2 * share - 1) * np.sqrt(2) * field.std() + field.mean()
    return 1.0 - (field > raw_threshold)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_every_mask_meets_the_share_to_one_pixel(share):
    mask = blob_mask(8, 60, 80, sigma=(2.0, 8.0), share=share, generator=gen())
    assert set(mask.unique().tolist()) <= {0.0, 1.0}
    assert (mask.sum((1, 2, 3)) - share * 4800).abs().max() <= 1


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_official_rule_meets_the_share_over_many_draws(share):
    mask = blob_mask(200, 64, 64, sigma=2.0, share=share, rule="official", generator=gen())
    assert mask.mean().item() == pytest.approx(share, abs=0.02)
    if 0 < share < 1:  # in expectation only: single masks miss it
        assert mask.mean((1, 2, 3)).std() > 1e-3


def test_a_drawn_share_is_one_a_sample_and_uniform():
    means = blob_mask(200, 32, 32, sigma=2.0, share=(0.2, 0.6), generator=gen()).mean((1, 2, 3))
    assert means.min() >= 0.2 - 1 / 1024
    assert means.max() <= 0.6 + 1 / 1024
    assert means.mean().item() == pytest.approx(0.4, abs=0.03)
    assert means.std().item() == pytest.approx(0.4 / 12**0.5, rel=0.2)


def test_masks_of_one_batch_differ():
    a, b = blob_mask(2, 64, 64, generator=gen())
    assert not torch.equal(a, b)


def test_sigma_is_drawn_log_uniformly():
    logs = np.log2(draw_sigmas(4000, (4.0, 16.0), gen()))
    assert logs.min() >= 2
    assert logs.max() <= 4
    assert logs.mean() == pytest.approx(3.0, abs=0.05)


def autocorrelation(field, lags):
    field = (field - field.mean()) / field.std()
    return np.array([(field[:, lag:] * field[:, : field.shape[1] - lag]).mean() for lag in lags])


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [0.8, 1.1, 2.0, 4.0, 9.0, 16.0])
def test_smooth_noise_has_scipys_autocorrelation(sigma):
    from scipy.ndimage import gaussian_filter

    lags = np.unique(np.round(np.array([0.5, 1, 1.5, 2, 3]) * sigma).astype(int).clip(1))
    size, draws = 256, 24
    g, rng = gen(1), np.random.default_rng(1)
    ours = np.mean(
        [autocorrelation(smooth_noise(size, size, sigma, generator=g).numpy(), lags) for _ in range(draws)], 0
    )
    scipys = np.mean(
        [
            autocorrelation(gaussian_filter(rng.standard_normal((size, size)), sigma, mode="wrap"), lags)
            for _ in range(draws)
        ],
        0,
    )
    np.testing.assert_allclose(ours, scipys, atol=0.05)
    theory = np.exp(-(lags**2) / (4 * sigma**2))
    if sigma >= 2:
        np.testing.assert_allclose(ours, theory, atol=0.05)


@pytest.mark.parametrize("sigma", [0.0, 0.6, 1.0, 3.3, 12.0])
def test_smooth_noise_has_unit_variance_everywhere(sigma):
    g = gen(2)
    fields = torch.stack([smooth_noise(24, 40, sigma, generator=g) for _ in range(1500)])
    assert fields.mean().abs() < 0.1
    assert fields.var(0).mean().item() == pytest.approx(1.0, abs=0.1)
    assert fields.var(0)[0].mean().item() == pytest.approx(1.0, abs=0.15)  # borders are no exception


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [2.0, 6.0])
def test_contour_length_equals_the_official_formulas(sigma):
    rng, g = np.random.default_rng(0), gen(3)

    def contour(mask):
        return np.abs(np.diff(mask, axis=0)).mean() + np.abs(np.diff(mask, axis=1)).mean()

    ours = np.mean(
        [contour(blob_mask(1, 160, 160, sigma=sigma, share=0.4, generator=g)[0, 0].numpy()) for _ in range(30)]
    )
    theirs = np.mean([contour(official_mask(rng, 160, sigma, 0.4)) for _ in range(30)])
    assert ours == pytest.approx(theirs, rel=0.05)


def test_the_official_default_is_inert():
    # With its default beta = 1 the threshold is +infinity, so its M (1 = raw) is all zero: nothing is mixed.
    assert official_mask(np.random.default_rng(0), 32, 4.0, 1.0).min() == 1.0


def test_a_seed_gives_one_mask_and_the_global_state_is_left_alone():
    state = torch.random.get_rng_state()
    a = blob_mask(3, 40, 50, generator=gen(7))
    assert torch.equal(a, blob_mask(3, 40, 50, generator=gen(7)))
    assert not torch.equal(a, blob_mask(3, 40, 50, generator=gen(8)))
    assert torch.equal(state, torch.random.get_rng_state())


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 3), st.integers(1, 40), st.integers(1, 40), st.floats(0.05, 60.0), st.floats(0, 1))
def test_any_size_sigma_and_share(batch, height, width, sigma, share):
    mask = blob_mask(batch, height, width, sigma=sigma, share=share, generator=gen())
    assert mask.shape == (batch, 1, height, width)
    assert mask.dtype == torch.float32
    # Half a pixel of rounding, and pixels of exactly the same height, which a field much smoother than wide has.
    assert (mask.sum((1, 2, 3)) - share * height * width).abs().max() <= 3


def test_threshold_takes_the_highest_pixels():
    field = torch.arange(12.0).view(3, 4)
    assert torch.equal(threshold_field(field, 0.25).flatten(), (torch.arange(12) >= 9).float())


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"batch": 0}, ValueError, "batch"),
        ({"height": 2.5}, TypeError, "height"),
        ({"width": -1}, ValueError, "width"),
        ({"sigma": 0.0}, ValueError, "sigma"),
        ({"sigma": (8.0, 4.0)}, ValueError, "sigma"),
        ({"sigma": "big"}, TypeError, "sigma"),
        ({"sigma": float("nan")}, ValueError, "sigma"),
        ({"share": 1.2}, ValueError, "share"),
        ({"share": (0.6, 0.2)}, ValueError, "share"),
        ({"share": float("nan")}, ValueError, "share"),
        ({"rule": "best"}, ValueError, "exact, official"),
    ],
)
def test_bad_arguments_are_named(change, error, text):
    arguments = {"batch": 1, "height": 8, "width": 8} | change
    sizes = [arguments.pop(k) for k in ("batch", "height", "width")]
    with pytest.raises(error, match=text):
        blob_mask(*sizes, **arguments)


@pytest.mark.parametrize("shape", [(13, 50), (33, 33), (1, 7)])
@pytest.mark.parametrize("sigma", [0.6, 3.0, 9.0, 40.0])
def test_the_product_in_blocks_is_the_sum_over_all_grid_points(shape, sigma, monkeypatch):
    monkeypatch.setattr(masks, "_BLOCK", 16)  # several blocks, the last one shorter
    ours = smooth_noise(*shape, sigma, generator=gen(4)).double().numpy()
    pitch = max(1, int(sigma / 1.25))
    margin = int(np.ceil(4 * sigma / pitch))
    in_a_block = max(1, 16 // pitch)
    points = [int(np.ceil(side / (in_a_block * pitch))) * in_a_block + 1 + 2 * margin for side in shape]
    noise = torch.randn(*points[::-1], generator=gen(4)).double().numpy().T

    def weights(side, count):
        grid = (np.arange(count) - margin) * pitch
        distance = np.arange(side)[:, None] - grid
        wide = np.exp(-0.5 * (distance / sigma) ** 2) * (abs(distance) <= 4 * sigma)
        return wide / np.sqrt((wide**2).sum(1, keepdims=True))

    whole = weights(shape[0], points[0]) @ noise @ weights(shape[1], points[1]).T
    np.testing.assert_allclose(ours, whole, atol=1e-5)


@pytest.mark.parametrize("size", [(7, 3), (50, 23)])
@pytest.mark.parametrize("sigma", [1e5, 1e200])
def test_a_huge_sigma_takes_no_more_memory_than_the_picture(size, sigma, monkeypatch):
    shapes = []
    weights = masks._weights
    monkeypatch.setattr(masks, "_weights", lambda *a: shapes.append(found := weights(*a)) or found)
    assert smooth_noise(*size, sigma, generator=gen(2)).isfinite().all()
    assert len(shapes[0]) == max(size)


def official_rule(field, share):
    """The official threshold in float64."""
    exact = field.double().numpy()
    level = np.sqrt(2) * torch.erfinv(torch.tensor(1 - 2 * share, dtype=torch.float64)).item()
    return exact > exact.mean() + level * exact.std()


@pytest.mark.parametrize(("factor", "offset"), [(0.5, 100.0), (1e20, 0.0), (1e-25, 0.0)])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_the_official_threshold_of_a_field_of_any_height(dtype, factor, offset):
    field = (torch.randn(60, 70, generator=gen(3)).double() * factor + offset).to(dtype)
    assert np.array_equal(threshold_field(field, 0.3, "official").numpy(), official_rule(field, 0.3))


def test_the_official_threshold_of_a_large_field_keeps_its_digits(monkeypatch):
    fields = []
    smooth = masks._smooth_noise
    monkeypatch.setattr(
        masks, "_smooth_noise", lambda *a: fields.append(smooth(*a).clone()) or smooth(*a).copy_(fields[-1])
    )
    mask = blob_mask(1, 1024, 2048, sigma=2.0, share=0.05, rule="official", generator=gen(9))[0, 0].numpy()
    assert (mask != official_rule(fields[0], 0.05)).sum() <= 2


def test_the_official_threshold_of_fields_without_a_deviation():
    for share, expected in ((0.0, 0.0), (0.3, 0.0), (1.0, 1.0)):
        assert threshold_field(torch.ones(1, 1), share, "official").item() == expected
        assert (threshold_field(torch.full((3, 5), 0.1), share, "official") == expected).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_value_with_so_many_smaller_ones_is_exact(dtype):
    values = torch.cat([torch.randn(200, generator=gen(5)), torch.tensor([0.0, -0.0, 1.0, 1.0, -2.0, -2.0])]).to(dtype)
    for shifted in (values, values - 100, values + 100):
        expected = shifted.sort().values
        field = shifted.view(2, -1)
        assert [masks._smallest(field, rank).item() for rank in range(len(values))] == expected.tolist()


def _misleading() -> torch.Tensor:
    """A field whose sampled pixels are all among its largest."""
    field = torch.randn(96, 128, generator=gen(8))
    field[:: masks._SAMPLE, :: masks._SAMPLE] += 100
    return field


@pytest.mark.parametrize(
    "field",
    [
        smooth_noise(96, 128, 3.0, generator=gen(5)),
        smooth_noise(128, 96, 3.0, generator=gen(5)).T.contiguous(),
        torch.randn(96, 128, generator=gen(6)).round(),
        torch.zeros(96, 128),
        torch.randn(96, 128, generator=gen(7))
        .reciprocal()
        .clamp(-2, 2)
        .where(torch.rand(96, 128, generator=gen(9)) < 0.9, torch.inf),
        torch.arange(96 * 128.0).view(96, 128),
        _misleading(),
    ],
    ids=["smooth", "turned", "ties", "constant", "infinite", "ramp", "misleading"],
)
def test_a_sample_bounds_the_threshold_and_never_decides_it(field):
    before = field.clone()
    ordered = field.flatten().sort().values
    for rank in (0, 1, 700, 3000, 6143, 6144, 9000, 12286, 12287):
        assert masks._smallest(field, rank) == ordered[rank]
    assert torch.equal(field, before)


@pytest.mark.parametrize("kind", [np.float32, np.float64, torch.tensor])
def test_a_number_of_numpy_or_torch_is_a_number(kind):
    from gltr_lib.randomize import LocalTextureRandomization

    plain = blob_mask(2, 12, 16, sigma=4.0, share=0.25, generator=gen(1))
    assert torch.equal(blob_mask(2, 12, 16, sigma=kind(4.0), share=kind(0.25), generator=gen(1)), plain)
    assert torch.equal(blob_mask(2, 12, 16, sigma=(kind(4.0), 4.0), share=0.25, generator=gen(1)), plain)
    assert LocalTextureRandomization(sigma=kind(4.0), share=kind(0.25)).sigma_at(320, 640) == (2.0, 2.0)


@pytest.mark.parametrize("kind", [np.array, torch.tensor])
def test_a_range_may_be_an_array_of_two(kind):
    from gltr_lib.randomize import LocalTextureRandomization

    plain = blob_mask(2, 12, 16, sigma=(4, 8), share=(0.2, 0.8), generator=gen(1))
    assert torch.equal(blob_mask(2, 12, 16, sigma=kind([4, 8]), share=kind([0.2, 0.8]), generator=gen(1)), plain)
    assert LocalTextureRandomization(sigma=kind([4, 8])).sigma_at(320, 640) == (2.0, 4.0)
    for wrong in ([[4, 8]], [4, 5, 6], [], [True, True], True, [1j, 2j], [4.0, float("nan")], [8, 4]):
        for name in ("sigma", "share"):
            with pytest.raises((TypeError, ValueError), match=f"{name}: expected .*, received"):
                blob_mask(1, 8, 8, **{name: kind(wrong)})


def test_a_threshold_leaves_its_field_alone():
    field = torch.randn(9, 9, generator=gen(6))
    before = field.clone()
    threshold_field(field, 0.3)
    assert torch.equal(field, before)


def test_a_sigma_of_torch_or_numpy_is_a_number():
    expected = smooth_noise(9, 12, 1.5, generator=gen(7))
    for sigma in (torch.tensor(1.5), np.float32(1.5)):
        assert torch.equal(smooth_noise(9, 12, sigma, generator=gen(7)), expected)


def test_a_field_with_nan_is_refused():
    with pytest.raises(ValueError, match=r"field: expected numbers, received NaN in tensor\(3, 4\) float32"):
        threshold_field(torch.full((3, 4), torch.inf) - torch.inf, 0.5)


def test_masks_are_float32_whatever_the_default(monkeypatch):
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float64)
        assert blob_mask(1, 8, 9, generator=gen()).dtype == torch.float32
        assert threshold_field(torch.randn(4, 4, dtype=torch.float32), 0.5).dtype == torch.float32
        drawn = blob_mask(2, 8, 9, sigma=(1, 2), share=(0.2, 0.8), generator=gen())
    finally:
        torch.set_default_dtype(before)
    assert torch.equal(drawn, blob_mask(2, 8, 9, sigma=(1, 2), share=(0.2, 0.8), generator=gen()))


@pytest.mark.filterwarnings("error")
def test_a_tiny_sigma_leaves_white_noise():
    assert smooth_noise(4, 5, 1e-200, generator=gen(8)).std() > 0.3


def test_numpys_integers_are_sizes():
    sizes = np.array([2, 5, 6])
    assert torch.equal(blob_mask(*sizes, generator=gen(1)), blob_mask(2, 5, 6, generator=gen(1)))
