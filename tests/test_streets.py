"""The street world: classes, determinism, sizes, looks, speed-independent promises."""

from __future__ import annotations

import builtins
import contextlib
import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gltr_lib import streets
from gltr_lib.streets import materials, raster
from gltr_lib.streets.dice import Dice
from gltr_lib.streets.mesh import Camera, project
from gltr_lib.streets.sampled import sampled_look
from tests.test_drafts import gone

SAME_STREETS = ("game", "overcast", "sun", "colour")


def shares(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pixels = np.bincount(labels.ravel(), minlength=256)[:19] / labels.size
    seen = np.array([(labels == c).any((1, 2)).mean() for c in range(19)])
    return pixels, seen


def digest(*arrays: np.ndarray) -> str:
    h = hashlib.sha256()
    for a in arrays:
        h.update(a.tobytes())
    return h.hexdigest()[:16]


def test_pilot_all_classes_occur():
    _, labels = streets.render_many(range(12), size=(64, 128))
    assert set(range(19)) <= set(np.unique(labels).tolist())
    assert labels.max() <= 18  # nothing is left unlabelled


@pytest.mark.slow
@pytest.mark.parametrize("look", ["game", "geometry", "sampled:3"])
def test_every_class_is_common_enough(look):
    _, labels = streets.render_many(range(200), look)
    pixels, seen = shares(labels)
    assert (pixels >= 0.0005).all(), pixels
    assert (seen >= 0.05).all(), seen


@pytest.mark.parametrize("look", [*streets.LOOKS, "sampled:4"])
def test_render_is_deterministic_and_typed(look):
    image, labels = streets.render(3, look, (48, 96))
    again, labels_again = streets.render(3, look, (48, 96))
    assert image.dtype == labels.dtype == np.uint8
    assert image.shape == (48, 96, 3)
    assert labels.shape == (48, 96)
    assert np.array_equal(image, again)
    assert np.array_equal(labels, labels_again)


def test_labels_are_byte_equal_to_the_recorded_ones():
    """Labels are a promise between machines; a new fingerprint means every shipped result must be made anew."""
    _, labels = streets.render_many(range(6), size=(96, 192))
    _, sampled = streets.render_many(range(4), "sampled:1", (96, 192))
    assert (digest(labels), digest(sampled)) == ("e25225bc295e1226", "fe0bd40d5cc7df16")


def test_sampled_family_is_frozen():
    """The test looks were fixed before any network was trained with randomization."""
    text = "".join(repr(sampled_look(n)) for n in range(8))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == "efc6a76dca6f7ad2"


def test_appearance_changes_and_labels_stay():
    images, labels = zip(*(streets.render(5, look, (64, 128)) for look in SAME_STREETS), strict=True)
    for image, label in zip(images[1:], labels[1:], strict=True):
        assert np.array_equal(label, labels[0])
        assert np.abs(image.astype(int) - images[0]).mean() > 8
    for look in ("geometry", "sampled:0"):
        assert not np.array_equal(streets.render(5, look, (64, 128))[1], labels[0])


def test_geometry_keeps_the_appearance_of_the_game():
    """The control's classes have the game's mean colours; the development look's have others."""

    def class_means(look: str) -> np.ndarray:
        images, labels = streets.render_many(range(8), look, (64, 128))
        return np.array([images[labels == c].mean(0) for c in (0, 1, 2, 8, 10, 13)])

    game, geometry, sun = (class_means(look) for look in ("game", "geometry", "sun"))
    assert np.abs(game - geometry).mean() < 12
    assert np.abs(game - sun).mean() > 20


def test_sampled_looks_differ_from_each_other():
    tables = {repr(sampled_look(n)) for n in range(20)}
    assert len(tables) == 20
    a, b = (streets.render(0, f"sampled:{n}", (32, 64))[0] for n in (0, 1))
    assert not np.array_equal(a, b)


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (5, 7), (33, 200), (128, 64)])
def test_any_size(size):
    image, labels = streets.render(1, "sun", size)
    assert image.shape == (*size, 3)
    assert labels.shape == size
    assert labels.max() <= 18


@pytest.mark.slow
@pytest.mark.parametrize("size", [(640, 640), (512, 1024), (1052, 1914)])
def test_large_sizes_show_the_same_street(size):
    _, large = streets.render(2, "overcast", size)
    assert large.shape == size
    if size[1] == 2 * size[0]:
        _, small = streets.render(2, "overcast", (128, 256))
        assert (large[2::4, 2::4] == small).mean() > 0.93


def test_pictures_are_antialiased_and_labels_hard():
    """A rim pixel's colour lies between its neighbours' somewhere; a label never does."""
    big = streets.render(4, "game", (256, 512))[0].astype(float)
    small = streets.render(4, "game", (128, 256))[0].astype(float)
    mean = big.reshape(128, 2, 256, 2, 3).mean((1, 3))
    nearest = big[::2, ::2]
    assert np.abs(small - mean).mean() < np.abs(small - nearest).mean()


def test_many_equals_one_by_one_and_workers_change_nothing():
    images, labels = streets.render_many([4, 9, 2], "sun", (16, 32))
    for i, seed in enumerate([4, 9, 2]):
        image, label = streets.render(seed, "sun", (16, 32))
        assert np.array_equal(images[i], image)
        assert np.array_equal(labels[i], label)
    empty = streets.render_many([], size=(8, 16))
    assert empty[0].shape == (0, 8, 16, 3)


@pytest.mark.slow
def test_workers_give_the_same_streets():
    one = streets.render_many(range(5), "game", (32, 64))
    two = streets.render_many(range(5), "game", (32, 64), workers=2)
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))


# Stands still when the first streets have come, so that both workers are known to be at work or to wait for some.
STILL = """
import time
from concurrent.futures import ProcessPoolExecutor
from gltr_lib import streets

class Still(ProcessPoolExecutor):
    def map(self, *arguments):
        for one in super().map(*arguments):
            print(*self._processes, flush=True)
            time.sleep(120)
            yield one

if __name__ == "__main__":
    streets.ProcessPoolExecutor = Still
    streets.render_many(range(8), size=(8, 16), workers=2)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
def test_workers_end_with_the_process_that_started_them(tmp_path):
    script = tmp_path / "still.py"
    script.write_text(STILL)
    root = Path(__file__).resolve().parents[1]
    main = subprocess.Popen(
        [sys.executable, str(script)], env={**os.environ, "PYTHONPATH": str(root)}, stdout=subprocess.PIPE, text=True
    )
    workers = [int(number) for number in main.stdout.readline().split()]
    try:
        assert len(workers) == 2
        main.kill()
        main.wait()
        assert all(gone(worker) for worker in workers)
    finally:
        main.kill()
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)


@pytest.mark.parametrize("look", ["", "Game", "sampled", "sampled:", "sampled:-1", "sampled:x", "sampled:1.5", "night"])
def test_unknown_looks_are_refused_with_the_list(look):
    with pytest.raises(ValueError, match="overcast"):
        streets.render(0, look)


def test_bad_arguments():
    with pytest.raises(TypeError, match="look"):
        streets.render(0, 3)
    with pytest.raises(TypeError, match="seed"):
        streets.render(0.5)
    with pytest.raises(ValueError, match="seed"):
        streets.render(-1)
    with pytest.raises(ValueError, match="size"):
        streets.render(0, size=(0, 4))
    with pytest.raises(ValueError, match="size"):
        streets.render(0, size=64)
    with pytest.raises(ValueError, match="seed"):
        streets.render_many([1, -2])
    with pytest.raises(ValueError, match="workers"):
        streets.render_many([1], workers=-1)


def test_rasteriser_agrees_with_a_point_in_polygon_test():
    rng = np.random.default_rng(0)
    polygon = rng.uniform(-3, 23, (7, 2))
    polygon = np.rint(polygon * 16) / 16 + 1 / 64  # off the pixel centres: no ties (and rounds back to the grid)
    painted = raster.paint(polygon, np.array([0]), np.array([7]), np.array([0]), 20, 20) > 0
    snapped = np.rint(polygon * 16) / 16
    for y in range(20):
        for x in range(20):
            inside = False
            for (x0, y0), (x1, y1) in zip(snapped, np.roll(snapped, -1, 0), strict=True):
                crosses = (y0 > y + 0.5) != (y1 > y + 0.5)
                if crosses and x + 0.5 >= x0 + (y + 0.5 - y0) * (x1 - x0) / (y1 - y0):
                    inside = not inside
            assert painted[y, x] == inside


def test_painters_order_and_see_through_polygons():
    square = np.array([[0.0, 0], [4, 0], [4, 4], [0, 4]])
    xy = np.concatenate([square, square, square / 2])
    buffer = raster.paint(xy, np.array([0, 4, 8]), np.full(3, 4), np.array([0, 1 << 14, 0]), 4, 4)
    assert (buffer[:2, :2] == 3).all()  # the nearest, and no flag left under it
    assert ((buffer[2:, 2:] & 0xFFFF) == 1).all()
    assert ((buffer[2:, 2:] >> 16) == 1 << 14).all()


def test_perspective_halves_with_the_distance():
    points = np.array([[1.0, 1.5, 10.0], [1.0, 1.5, 20.0], [0.0, 1.5, 1e6]])
    xy, z = project(points, Camera(height=1.5), 100, 200)
    assert (xy[0, 0] - 100) == pytest.approx(2 * (xy[1, 0] - 100))
    assert xy[2].tolist() == pytest.approx([100, 50])
    assert z.tolist() == [10, 20, 1e6]


def test_dice_streams_are_independent_of_each_other():
    a, b = Dice(1, 1), Dice(1, 2)
    assert [a.u() for _ in range(5)] != [b.u() for _ in range(5)]
    counts = [Dice(2, 1).weighted({"x": 1.0}) for _ in range(3)]
    assert counts == ["x"] * 3
    d = Dice(3, 1)
    assert {d.integer(1, 3) for _ in range(60)} == {1, 2, 3}


@pytest.mark.parametrize("name", sorted(materials.RECIPES))
def test_textures_are_tileable_and_in_range(name):
    pytest.importorskip("skimage") if name.startswith("photo") else None
    flat = materials.pyramid(name)
    assert flat.shape == (materials.PYRAMID,)
    t = flat[: materials.SIZE**2].reshape(materials.SIZE, materials.SIZE).astype(float)
    if name in materials.UNIT_TEXTURES:
        return  # pictures that fill a face once
    seam = np.abs(t[0] - t[-1]).mean()
    inside = np.abs(np.diff(t, axis=0)).mean(1).max()
    assert seam <= inside + 12


def test_without_scikit_image_a_stand_in_serves_and_says_so(monkeypatch):
    real = builtins.__import__

    def blocked(name, *args, **kwargs):
        if name.split(".")[0] == "skimage":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", blocked)
    with pytest.warns(UserWarning, match="scikit-image is missing"):
        t = materials.RECIPES["photo_brick"]()
    assert np.array_equal(t, materials.RECIPES["brick"]())


@pytest.mark.slow
def test_contact_sheets_are_small(tmp_path):
    pytest.importorskip("gltr_lib.labels")
    from gltr_lib.streets import contact_sheet

    contact_sheet.main(str(tmp_path))
    files = sorted(tmp_path.glob("streets_*.png"))
    assert len(files) == 8
    assert all(f.stat().st_size < 400_000 for f in files)
