"""Paintings: deterministic, of any size, diverse; texture complexity: ordered, scaled, selective."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from gltr_lib.paintings import KINDS, contact_sheet, kind_of, paint, select_by_complexity, texture_complexity
from gltr_lib.paintings.palette import oklch_to_rgb, sample_palette
from gltr_lib.paintings.tools import cells


def test_there_are_many_kinds_with_plain_names():
    assert len(KINDS) >= 14
    assert len(set(KINDS)) == len(KINDS)
    assert all(kind.isidentifier() for kind in KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_repeats_itself_for_a_seed_and_changes_with_it(kind):
    first = paint(3, kind, size=96)
    assert first.shape == (96, 96, 3)
    assert first.dtype == np.uint8
    assert first.flags["C_CONTIGUOUS"]
    assert np.array_equal(first, paint(3, kind, size=96))
    assert np.abs(first.astype(int) - paint(4, kind, size=96)).mean() > 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(64, 100), (131, 65)])
def test_each_kind_paints_any_format(kind, size):
    picture = paint(11, kind, size=size)
    assert picture.shape == (*size, 3)
    assert picture.std() > 3  # paint on it, not an empty sheet


@pytest.mark.parametrize("size", [1, 7, (1, 9), (300, 2)])
def test_tiny_and_narrow_sizes_are_exact(size):
    height, width = (size, size) if isinstance(size, int) else size
    assert paint(0, "impasto", size).shape == (height, width, 3)


def run_elsewhere(out, **environment):
    """Paint 22 pictures in a fresh process and return them."""
    code = (
        "import sys, numpy as np; from gltr_lib.paintings import paint; "
        "np.save(sys.argv[1], [paint(seed, size=96) for seed in range(22)])"
    )
    subprocess.run([sys.executable, "-c", code, str(out)], check=True, env={**os.environ, **environment})
    return np.load(out).astype(int)


@pytest.mark.slow
def test_another_process_and_another_processor_paint_the_same(tmp_path):
    """Bit for bit in a fresh process; within one grey level where numpy may not use its vector instructions."""
    here = np.stack([paint(seed, size=96) for seed in range(22)]).astype(int)
    assert np.array_equal(here, run_elsewhere(tmp_path / "same.npy"))
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    other = run_elsewhere(tmp_path / "plain.npy", NPY_DISABLE_CPU_FEATURES=" ".join(found))
    assert np.abs(here - other).max() <= 1


def test_global_random_state_is_neither_read_nor_changed():
    np.random.seed(1)  # noqa: NPY002
    before = paint(5, size=64)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    np.random.seed(2)  # noqa: NPY002
    assert np.array_equal(before, paint(5, size=64))
    np.random.seed(1)  # noqa: NPY002
    paint(6, size=64)
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_the_seeds_own_kind_is_the_kind_that_is_painted():
    assert np.array_equal(paint(17, size=64), paint(17, kind_of(17), size=64))
    assert kind_of(np.int64(17)) == kind_of(17)


def test_every_run_of_seeds_holds_every_kind_in_another_order():
    runs = [[kind_of(seed) for seed in range(k * len(KINDS), (k + 1) * len(KINDS))] for k in range(3)]
    assert all(sorted(run) == sorted(KINDS) for run in runs)
    assert runs[0] != runs[1] != runs[2]


def test_the_composition_survives_a_change_of_size():
    """Halved to 64, the 256 and the 128 painting of a seed are closer than paintings of two seeds."""

    def small(seed, size):
        return np.asarray(
            Image.fromarray(paint(seed, "mosaic", size)).resize((16, 16), Image.Resampling.BOX), dtype=float
        )

    same = np.mean([np.abs(small(s, 256) - small(s, 128)).mean() for s in range(6)])
    other = np.mean([np.abs(small(s, 256) - small(s + 1, 128)).mean() for s in range(6)])
    assert same < 0.5 * other


@pytest.mark.slow
def test_styles_are_diverse_in_colour_contrast_and_texture():
    """What AdaIN sees must vary: dark and light, grey and colourful, calm and busy, each by a wide margin."""
    pictures = [paint(seed, size=96).astype(np.float64) / 255 for seed in range(5 * len(KINDS))]
    brightness = np.array([p.mean() for p in pictures])
    contrast = np.array([p.std() for p in pictures])
    saturation = np.array([(p.max(-1) - p.min(-1)).mean() for p in pictures])
    warmth = np.array([p[..., 0].mean() - p[..., 2].mean() for p in pictures])
    busy = np.array([texture_complexity(p) for p in pictures])
    assert brightness.min() < 0.25
    assert brightness.max() > 0.75
    assert contrast.min() < 0.09
    assert contrast.max() > 0.3
    assert saturation.min() < 0.1
    assert saturation.max() > 0.4
    assert warmth.min() < -0.15
    assert warmth.max() > 0.15
    assert busy.max() > 4 * busy.min()


@pytest.mark.slow
def test_texture_orientation_varies():
    """The direction of the strongest gradients of hatching and pencil drawings covers the half circle."""
    angles = []
    for seed in range(16):
        grey = paint(seed, "pencil" if seed % 2 else "hatching", size=128).mean(-1)
        gy, gx = np.gradient(grey)
        angles.append(0.5 * np.arctan2(2 * (gx * gy).mean(), (gx * gx - gy * gy).mean()))
    assert np.std(angles) > 0.3


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((-1,), ValueError, "seed: expected a whole number >= 0, received -1"),
        ((1.5,), TypeError, "seed: expected a whole number >= 0, received float 1.5"),
        (("x",), TypeError, "seed: expected a whole number >= 0, received str 'x'"),
        ((True,), TypeError, "seed: .* received bool True"),
        ((0, "fresco"), ValueError, "unknown kind 'fresco'; expected one of impasto"),
        ((0, None, 0), ValueError, "size: expected 1 to 4096 pixels as one number or .*, received int 0"),
        ((0, None, (64, 5000)), ValueError, "size: expected 1 to 4096 pixels"),
        ((0, None, (1, 2, 3)), ValueError, "height, width"),
        ((0, None, 64.0), TypeError, "size: expected .*, received float 64.0"),
        ((0, None, True), TypeError, "size: expected .*, received bool True"),
        ((0, None, (64, True)), TypeError, "size: expected .*, received tuple"),
    ],
)
def test_bad_arguments_are_named(arguments, error, words):
    with pytest.raises(error, match=words):
        paint(*arguments)


# ---- palettes and tools ------------------------------------------------------------------------------------------


def test_oklch_keeps_lightness_and_hue_and_gives_up_chroma():
    assert oklch_to_rgb(np.array(0.0), np.array(0.0), np.array(0.0)).tolist() == [0, 0, 0]
    red = oklch_to_rgb(
        np.array(0.62796), np.array(0.25768), np.array(29.234)
    )  # sRGB red, from the published definition
    assert np.abs(red - [1, 0, 0]).max() < 0.01
    impossible = oklch_to_rgb(np.array(0.7), np.array(0.9), np.array(140.0))
    assert impossible.min() >= 0
    assert impossible.max() <= 1
    assert impossible[1] == impossible.max()  # still a green


def test_palettes_differ_and_run_from_dark_to_light():
    seen = set()
    for seed in range(300):
        palette = sample_palette(np.random.default_rng(seed))
        grey = palette.ramps.mean(-1)
        assert (grey[:, -1] > grey[:, 0]).all()
        assert palette.ramps.min() >= 0
        assert palette.ramps.max() <= 1
        seen.add(tuple((palette.ramps[:3, ::21] * 7).astype(int).ravel()))
    assert len(seen) > 250


def test_cells_equal_a_brute_force_search():
    rng = np.random.default_rng(4)
    y, x = np.mgrid[0:24, 0:24].astype(np.float32) / 24 + 0.5 / 24
    first, second, cx, cy, _ = cells(rng, x, y, 5, 0.9)
    sites = np.unique(np.stack([cx.ravel(), cy.ravel()], 1).round(5), axis=0)
    distance = np.sqrt(((np.stack([x, y], -1)[:, :, None] - sites) ** 2).sum(-1)) * 5
    assert np.abs(distance.min(-1) - first).max() < 1e-3
    assert (second >= first).all()


# ---- texture complexity ------------------------------------------------------------------------------------------


def grey(field):
    return np.repeat(np.asarray(field, dtype=np.float64)[..., None], 3, -1)


def test_complexity_has_the_documented_scale():
    board = np.indices((64, 64)).sum(0) % 2
    assert texture_complexity(grey(board)) == pytest.approx(25.0)
    ramp = np.tile(np.linspace(0, 1, 256), (256, 1))
    assert texture_complexity(grey(ramp)) == pytest.approx(1.04, abs=0.02)


def test_one_strong_edge_is_not_texture():
    edge = np.zeros((128, 128))
    edge[:, 64:] = 1
    faint = 0.5 + 0.1 * (np.random.default_rng(2).random((128, 128)) - 0.5)
    assert texture_complexity(grey(edge)) < texture_complexity(grey(faint))


def test_complexity_ignores_a_change_of_resolution_above_the_working_side():
    small = np.random.default_rng(3).random((256, 256))
    large = np.kron(small, np.ones((2, 2)))
    assert texture_complexity(grey(large)) == pytest.approx(texture_complexity(grey(small)), rel=1e-3)


def test_uint8_and_float_agree():
    picture = paint(2, size=64)
    assert texture_complexity(picture) == pytest.approx(texture_complexity(picture / 255.0), rel=1e-5)


@pytest.mark.parametrize(
    ("image", "error"),
    [
        ([[0]], TypeError),
        (np.zeros((4, 4, 3), np.int32), TypeError),
        (np.zeros((4, 4)), ValueError),
        (np.zeros((1, 4, 3)), ValueError),
        (np.full((4, 4, 3), 255.0), ValueError),
        (np.full((4, 4, 3), np.nan), ValueError),
    ],
)
def test_complexity_refuses_what_it_cannot_measure(image, error):
    with pytest.raises(error):
        texture_complexity(image)


def test_selection_takes_the_band_in_the_order_of_the_input():
    noise = np.random.default_rng(5).random((32, 32)) - 0.5
    contrast = [0.9, 0.1, 0.5, 0.3, 0.7]
    images = [grey(0.5 + c * noise) for c in contrast]
    assert select_by_complexity(images, 0.25, 0.75).tolist() == [2, 3, 4]
    assert select_by_complexity(images, 0.0, 1.0).tolist() == [0, 1, 2, 3, 4]
    assert select_by_complexity(iter(images), 0.9, 1.0).tolist() == [0]
    assert select_by_complexity(images, 0.0, 1.0).dtype == np.int64


@pytest.mark.parametrize("band", [(-0.1, 0.5), (0.5, 0.5), (0.7, 0.2), (0.0, 1.1), (float("nan"), 1.0)])
def test_selection_refuses_a_band_that_is_none(band):
    with pytest.raises(ValueError, match=r"low < high|low: expected a finite number"):
        select_by_complexity([np.zeros((8, 8, 3))], *band)


# ---- contact sheet -----------------------------------------------------------------------------------------------


def test_contact_sheet_command_writes_one_row_a_kind(tmp_path, capsys):
    out = tmp_path / "deep" / "sheet.png"
    contact_sheet.main([str(out), "--kinds", "kilim", "mosaic", "--count", "3", "--side", "20", "--paint-size", "64"])
    with Image.open(out) as sheet:
        assert sheet.size == (4 + 3 * 24, 4 + 2 * 24)
    assert [path.name for path in out.parent.iterdir()] == ["sheet.png"]
    assert "76x52" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["sheet.nonsense", "sheet"])
def test_contact_sheet_of_no_known_ending_is_refused_before_anything_is_painted(tmp_path, capsys, monkeypatch, name):
    monkeypatch.setattr(contact_sheet, "contact_sheet", lambda *_: pytest.fail("painted"))
    with pytest.raises(SystemExit) as stop:
        contact_sheet.main([str(tmp_path / name)])
    assert stop.value.code == 2
    assert f"ending such as .png or .jpg, received {str(tmp_path / name)!r}" in capsys.readouterr().err
