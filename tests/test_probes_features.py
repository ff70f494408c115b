"""Feature statistics: moments against plain arithmetic, distances against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from gltr_lib.models import DeepLabMini
from gltr_lib.probes.features import LEAST, Moments, distance, moments
from gltr_lib.probes.plan import LAYERS


def of(mean, std):
    return Moments(torch.tensor(mean, dtype=torch.float64), torch.tensor(std, dtype=torch.float64))


def test_moments_are_those_of_all_positions_of_all_images():
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    images = torch.rand(5, 3, 9, 7, generator=torch.Generator().manual_seed(0))
    found = moments(net, images, ["0", "1"], batch=2)
    with torch.no_grad():
        one = net[0](images).double().transpose(0, 1).flatten(1)
    assert torch.allclose(found["0"].mean, one.mean(1), atol=1e-9)
    assert torch.allclose(found["0"].std, one.std(1, unbiased=False), atol=1e-9)
    assert torch.allclose(found["1"].mean, one.relu().mean(1), atol=1e-9)


def test_bytes_are_scaled_and_hooks_and_mode_are_as_before():
    net = nn.Sequential(nn.Identity(), nn.Dropout(0.5)).train()
    found = moments(net, torch.full((1, 3, 2, 2), 51, dtype=torch.uint8), ["1"])
    assert found["1"].mean.tolist() == pytest.approx([0.2] * 3)  # nothing dropped: evaluation mode
    assert net.training
    assert not net[1]._forward_hooks


def test_the_layers_of_the_plan_are_in_the_network():
    found = moments(DeepLabMini(), torch.rand(1, 3, 32, 64), LAYERS)
    assert [len(found[name].mean) for name in LAYERS] == [16, 40, 72, 64, 24]


def test_distances_by_hand():
    far = distance(of([0.0, 1.0], [1.0, 2.0]), of([2.0, 1.0], [1.0, 1.0]))
    assert far["shift"] == pytest.approx((2 + 0) / 2)
    assert far["spread"] == pytest.approx((0 + math.log(2)) / 2)
    # KL(N(0,1) || N(2,1)) = 2 both ways; KL(N(1,2) || N(1,1)) = 3/2 - log 2 and back log 2 - 3/8
    assert far["kl"] == pytest.approx((2 + ((1.5 - math.log(2)) + (math.log(2) - 0.375)) / 2) / 2)
    assert far["channels"] == 2
    assert far["silent"] == 0


def test_distance_is_symmetric_zero_on_itself_and_blind_to_scale_and_offset():
    a, b = of([0.0, 1.0, 3.0], [1.0, 2.0, 0.5]), of([0.4, 1.5, 2.0], [1.3, 1.0, 0.7])
    assert distance(a, b) == pytest.approx(distance(b, a))
    assert [distance(a, a)[name] for name in ("shift", "spread", "kl")] == pytest.approx([0, 0, 0])
    scaled = [of((m.mean * 7 + 2).tolist(), (m.std * 7).tolist()) for m in (a, b)]
    assert distance(*scaled) == pytest.approx(distance(a, b))


def test_a_channel_that_never_varies_is_left_out_and_one_that_falls_silent_is_counted():
    alive = distance(of([0.0, 5.0], [1.0, 0.0]), of([1.0, 9.0], [1.0, 0.0]))
    assert alive["channels"] == 1
    assert alive["shift"] == pytest.approx(1)
    fallen = distance(of([0.0, 1.0], [1.0, 1.0]), of([0.0, 0.0], [1.0, 0.0]))
    assert fallen["silent"] == 1
    assert fallen["spread"] == pytest.approx(-math.log(LEAST) / 2)
    assert math.isfinite(fallen["kl"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: distance(of([0.0], [1.0]), of([0.0, 1.0], [1.0, 1.0])), "1 channels against 2"),
        (lambda: distance(of([0.0], [0.0]), of([1.0], [0.0])), "no channel varies"),
        (lambda: moments(DeepLabMini(), torch.rand(1, 3, 8, 8), ["roof"]), "has no roof; it has stem"),
        (lambda: moments(DeepLabMini(), torch.rand(0, 3, 8, 8), ["stem"]), "no images"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
