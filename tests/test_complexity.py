"""Texture complexity of paintings: what it does not feel, how it grows, and choosing by it."""

import numpy as np
import pytest
from PIL import Image

from gltr_lib import paintings
from gltr_lib.complexity import MEASURES, measure, select, select_by_complexity, texture_complexity


def noise(seed=0, size=64):
    return np.random.default_rng(seed).random((size, size, 3))


def blobs(scale, size=256):
    """Noise of one scale: small blobs are busier than large ones."""
    small = Image.fromarray((noise(1, max(2, size // scale)) * 255).astype(np.uint8))
    return np.asarray(small.resize((size, size), Image.Resampling.BICUBIC))


@pytest.mark.parametrize("value", [0, 17, 255])
def test_a_constant_picture_is_exactly_zero_in_both_forms(value):
    assert measure(np.full((40, 50, 3), value, np.uint8)) == dict.fromkeys(MEASURES, 0.0)


def test_brightness_changes_neither_form():
    picture = 0.4 * noise()
    for name, value in measure(picture).items():
        assert measure(picture + 0.5)[name] == pytest.approx(value, rel=1e-5)


def test_contrast_changes_only_the_form_that_keeps_it():
    picture = noise()
    full, faint = measure(picture), measure(0.35 + 0.2 * picture)
    assert full["complexity"] == pytest.approx(5 * faint["complexity"], rel=1e-4)
    assert full["standardised"] == pytest.approx(faint["standardised"], rel=1e-4)
    assert texture_complexity(picture, standardise=True) == full["standardised"]
    assert texture_complexity(picture) == full["complexity"]


def test_rounding_noise_is_not_raised_to_texture():
    flat = np.full((64, 64, 3), 128, np.uint8)
    flat[::7, ::5] += 1
    real = measure((noise() * 255).astype(np.uint8))
    assert measure(flat)["standardised"] < 0.1 * real["standardised"]


def test_at_the_usual_contrast_both_forms_agree():
    picture = noise()
    scaled = 0.5 + (picture - picture.mean((0, 1))) * 0.2 / np.sqrt(picture.var((0, 1)).mean())
    values = measure(scaled.clip(0, 1))
    assert values["standardised"] == pytest.approx(values["complexity"], rel=1e-3)


def test_a_grey_of_one_brightness_with_two_colours_is_textured():
    board = (np.indices((64, 64)).sum(0) // 2 % 2).astype(float)
    picture = np.stack([board, 1 - board, 0.5 + 0 * board], -1)
    assert texture_complexity(picture, standardise=True) > 3


def test_finer_and_wider_textures_score_higher():
    scales = [texture_complexity(blobs(scale), standardise=True) for scale in (64, 32, 16, 8, 4)]
    assert scales == sorted(scales)
    shares = []
    for columns in (32, 64, 128, 256):
        picture = np.full((256, 256, 3), 128, np.uint8)
        picture[:, :columns] = blobs(4)[:, :columns]
        shares.append(texture_complexity(picture))
    assert shares == sorted(shares)


def test_kinds_of_paintings_come_in_the_order_that_eyes_give_them():
    def middle(kind):
        return np.median([texture_complexity(paintings.paint(seed, kind, 96)) for seed in range(5)])

    assert middle("colour_field") < middle("sumi") < middle("mosaic")


def test_a_band_keeps_both_its_ends():
    scores = [5.0, 1.0, 3.0, 2.0, 4.0]
    assert select(scores).tolist() == [0, 1, 2, 3, 4]
    assert select(scores, low=0.25, high=0.75).tolist() == [2, 3, 4]
    assert select(scores, low=0.75).tolist() == [0, 4]


def test_a_number_is_spread_over_the_ranks_of_the_band():
    scores = np.random.default_rng(0).permutation(101).astype(float)
    assert sorted(scores[select(scores, number=5)]) == [0, 25, 50, 75, 100]
    assert sorted(scores[select(scores, low=0.2, high=0.8, number=3)]) == [20, 50, 80]
    assert scores[select(scores, number=1)].tolist() == [50]
    assert len(select(scores, share=0.1)) == 10
    assert sorted(scores[select(scores, top=3)]) == [98, 99, 100]
    assert len(select(np.zeros(9), top=4)) == 4
    assert len(select(np.zeros(9), number=4)) == 4  # ties: still that many, still distinct
    assert len(set(select(np.zeros(9), number=4).tolist())) == 4


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"low": 0.5, "high": 0.5}, "low < high"),
        ({"low": -0.1}, "low < high"),
        ({"number": 0}, "number: expected 1 to 3"),
        ({"number": 4}, "number: expected 1 to 3"),
        ({"share": 0.0}, "share: expected"),
        ({"share": 0.5, "number": 1}, "one of number, share and top"),
        ({"top": 4}, "top: expected 1 to 3"),
    ],
)
def test_an_impossible_choice_is_refused(options, match):
    with pytest.raises(ValueError, match=match):
        select([1.0, 2.0, 3.0], **options)


def test_scores_must_be_finite_and_there():
    with pytest.raises(ValueError, match="at least one"):
        select([])
    with pytest.raises(ValueError, match="finite"):
        select([1.0, float("nan")])


def test_the_names_under_paintings_are_these_functions():
    assert paintings.texture_complexity is texture_complexity
    assert paintings.select_by_complexity is select_by_complexity
