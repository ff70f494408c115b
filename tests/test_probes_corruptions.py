"""Corruptions: monotone in severity, repeatable, and the formulas by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gltr_lib import streets
from gltr_lib.probes.corruptions import KINDS, SEVERITIES, corrupt

PICTURE = streets.render(20_003, "game", (64, 128))[0]


@pytest.mark.parametrize("kind", KINDS)
def test_each_severity_is_worse_than_the_one_before(kind):
    far = [np.abs(corrupt(PICTURE, kind, s).astype(float) - PICTURE).mean() for s in SEVERITIES]
    assert 1 < far[0] < far[1] < far[2]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_picture_and_the_input_stays(kind):
    before = PICTURE.copy()
    one, again, other = (corrupt(PICTURE, kind, 2, seed) for seed in (5, 5, 6))
    assert one.dtype == np.uint8
    assert one.shape == PICTURE.shape
    assert (one == again).all()
    assert np.array_equal(PICTURE, before)
    assert (one == other).all() == (kind not in ("noise", "fog"))


def test_severities_share_their_draw():
    grey = np.full((32, 32, 3), 128, np.uint8)
    light, heavy = (corrupt(grey, "noise", s).astype(float) - 128 for s in (1, 2))
    assert np.corrcoef(light.ravel(), heavy.ravel())[0, 1] > 0.98
    assert heavy.std() / light.std() == pytest.approx(0.18 / 0.08, rel=0.05)


def test_contrast_and_brightness_by_hand():
    picture = np.array([[[0, 0, 0], [200, 100, 50]]], np.uint8)
    assert corrupt(picture, "contrast", 1).tolist() == [[[60, 30, 15], [140, 70, 35]]]
    brighter = corrupt(picture, "brightness", 1)[0]
    assert brighter[0].tolist() == [26, 26, 26]  # black has no hue: 0.1 of grey
    assert brighter[1].tolist() == [226, 113, 56]  # hue and saturation stay
    assert corrupt(picture, "brightness", 3)[0, 1].tolist() == [255, 128, 64]  # V is full at 1


def test_blur_takes_detail_and_fog_takes_contrast():
    for kind in ("blur", "fog"):
        assert corrupt(PICTURE, kind, 3).std() < corrupt(PICTURE, kind, 1).std() < PICTURE.std()


@pytest.mark.parametrize("shape", [(1, 1, 3), (2, 5, 3), (7, 3, 3)])
@pytest.mark.parametrize("kind", KINDS)
def test_tiny_and_flat_pictures_work(kind, shape):
    for value in (0, 255):
        assert corrupt(np.full(shape, value, np.uint8), kind, 3).shape == shape


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((PICTURE / 255, "noise", 1), TypeError, "expected a uint8 array, received float64"),
        (([[1]], "noise", 1), TypeError, "received list"),
        ((PICTURE[..., 0], "noise", 1), ValueError, r"expected a picture \(H,W,3\), received shape \(64, 128\)"),
        ((PICTURE[:0], "noise", 1), ValueError, "received shape"),
        ((PICTURE, "snow", 1), ValueError, "expected one of noise, .*'snow'"),
        ((PICTURE, "noise", 4), ValueError, "expected 1, 2 or 3; received 4"),
        ((PICTURE, "noise", 1, -1), ValueError, "non-negative integer; received -1"),
    ],
)
def test_bad_input_is_named(arguments, error, message):
    with pytest.raises(error, match=message):
        corrupt(*arguments)
