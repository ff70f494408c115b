"""Cue conflict: what a swap changes and what it leaves alone, and the scores of networks whose rule we know."""

from __future__ import annotations

import numpy as np
import pytest

from gltr_lib import streets
from gltr_lib.labels import CLASSES
from gltr_lib.probes import conflict
from gltr_lib.probes.conflict import (
    ARRANGEMENTS,
    MODES,
    SURFACES,
    Swap,
    arrange,
    scored_pixels,
    set_scene,
    swapped,
    tally,
)
from gltr_lib.probes.plan import SWAPS
from gltr_lib.streets.materials import SIZE as SIDE
from gltr_lib.streets.materials import SLOT, pyramid
from gltr_lib.streets.mesh import GLOW, UNIT

SIZE = (64, 128)
SCENES = [set_scene(seed, SIZE) for seed in (20_045, 20_037)]
ID = {name: number for number, name in enumerate(CLASSES)}


def classes_of_polygons(scene, placed):
    """Class of each of the four samples of a pixel, without see-through things."""
    return np.append(ID["sky"], placed.label)[scene.ids].reshape(SIZE[0], 2, SIZE[1], 2)


@pytest.mark.parametrize("look", ["game", "overcast", "sampled:101"])
def test_without_a_swap_the_picture_is_the_renderers(look):
    scene = set_scene(20_003, SIZE, look)
    picture, share = swapped(scene, None)
    expected, labels = streets.render(20_003, look, SIZE)
    assert (picture == expected).all()
    assert (scene.picture == expected).all()
    assert (scene.labels == labels).all()
    assert not share.any()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("shape", "texture"), SWAPS)
def test_a_swap_changes_its_class_and_nothing_else(shape, texture, mode):
    for scene in SCENES:
        picture, share = swapped(scene, Swap(shape, texture, mode))
        changed = (picture != scene.picture).any(-1)
        assert not (changed & (share == 0)).any()
        samples = classes_of_polygons(scene, scene.placed) == ID[shape]
        touched = samples.any((1, 3))
        assert not (changed & ~touched).any()  # at most the antialiased edge of the class
        if mode != "surface":
            assert (share == samples.mean((1, 3))).all()
            whole = samples.all((1, 3))
            assert changed[whole].mean() > 0.9  # a pixel may by chance keep its colour


@pytest.mark.parametrize("swap", [Swap("road", "building"), Swap("car", "vegetation", "colour")])
def test_labels_and_layout_are_those_of_the_street(swap, monkeypatch):
    scene, seen = SCENES[0], []
    before = [array.copy() for array in (scene.labels, scene.ids, scene.placed.label, scene.placed.slot, scene.picture)]
    shade = conflict.shade
    monkeypatch.setattr(conflict, "shade", lambda mesh, p, *rest: seen.append(p) or shade(mesh, p, *rest))
    swapped(scene, swap)
    (painted,) = seen
    assert (painted.label == scene.placed.label).all()
    assert painted.xy is scene.placed.xy
    after = (scene.labels, scene.ids, scene.placed.label, scene.placed.slot, scene.picture)
    assert all((a == b).all() for a, b in zip(before, after, strict=True))
    assert (scene.labels == streets.render(scene.seed, "game", SIZE)[1]).all()


def test_details_stay_in_surface_mode_and_go_otherwise(monkeypatch):
    scene, seen = SCENES[0], []
    shade = conflict.shade
    monkeypatch.setattr(conflict, "shade", lambda mesh, p, *rest: seen.append(p.slot) or shade(mesh, p, *rest))
    for mode in MODES:
        swapped(scene, Swap("building", "road", mode))
    material, colour, surface, pattern = seen
    building = scene.placed.label == ID["building"]
    assert (material[building] == SLOT["road"]).all()
    assert len(set(colour[building])) == len(set(pattern[building])) == 1
    kept = building & (scene.placed.slot == SLOT["glass"])
    assert kept.any()
    assert (surface[kept] == SLOT["glass"]).all()
    assert (surface[building & (scene.placed.slot == SLOT["facade"])] == SLOT["road"]).all()


def test_tiles_lie_as_on_walls_and_painted_lamps_do_not_shine(monkeypatch):
    scene, seen = SCENES[0], []
    shade = conflict.shade
    monkeypatch.setattr(conflict, "shade", lambda mesh, p, *rest: seen.append(p) or shade(mesh, p, *rest))
    swapped(scene, Swap("car", "building"))
    (painted,), car = seen, scene.placed.label == ID["car"]
    assert (scene.placed.axes[car] == UNIT).any()
    assert (scene.placed.normal[car] == GLOW).any()
    assert not (painted.axes[car] == UNIT).any()
    assert not (painted.normal[car] == GLOW).any()
    assert (painted.axes[~car] == scene.placed.axes[~car]).all()
    assert (painted.normal[~car] == scene.placed.normal[~car]).all()


def test_a_look_alone_could_not_do_it_because_slots_are_shared():
    placed = SCENES[0].placed
    found = {int(label) for scene in SCENES for label in scene.placed.label[scene.placed.slot == SLOT["wall"]]}
    assert found == {ID["building"], ID["wall"]}, "chimneys and garden walls wear one slot"
    assert placed.slot.max() < len(SLOT)


def test_the_flat_colour_is_the_materials_mean_and_has_no_pattern():
    scene = SCENES[0]
    material, share = swapped(scene, Swap("road", "sidewalk"))
    flat, _ = swapped(scene, Swap("road", "sidewalk", "colour"))
    near = (share == 1) & (np.arange(SIZE[0]) > SIZE[0] - 10)[:, None]  # near ground: no haze, few shadows
    assert near.sum() > 200
    assert np.abs(material[near].mean(0) - flat[near].mean(0)).max() < 4
    lit = flat[near].astype(int)
    assert np.median(np.abs(lit - np.median(lit, 0))) == 0
    assert material[near].std(0).max() > 2 * flat[near].std(0).max()


def test_every_palette_entry_of_a_material_has_its_flat_twin():
    look, wardrobe = conflict._dressed("game")
    for name, (slot, *_) in SURFACES.items():
        number = wardrobe.flat[name]
        assert wardrobe.count[number] == len(look.palettes[slot])
        pairs = wardrobe.colours[wardrobe.first[number] : wardrobe.first[number] + wardrobe.count[number]]
        assert (pairs[:, 0] == pairs[:, 1]).all()
        texture, _, strength = look.textures[slot]
        tile = pyramid(texture)[: SIDE * SIDE, None] / 255
        for (a, b), (flat, _) in zip(np.array(look.palettes[slot]), pairs, strict=True):
            middle = (a + b) / 2
            low, high = middle + (a - middle) * strength, middle + (b - middle) * strength
            assert np.allclose(flat, (low + (high - low) * tile).mean(0))


def test_a_bold_pattern_keeps_the_colour_and_shows_the_others_pattern():
    scene, spread = SCENES[0], {}
    for texture in ("road", "building"):
        bold, share = swapped(scene, Swap("road", texture, "pattern"))
        flat, _ = swapped(scene, Swap("road", "road", "colour"))
        near = (share == 1) & (np.arange(SIZE[0]) > SIZE[0] - 10)[:, None]
        assert np.abs(bold[near].mean(0) - flat[near].mean(0)).max() < 4
        spread[texture] = bold[near].std(0)
        faint, _ = swapped(scene, Swap("road", texture, "material"))
        assert spread[texture].min() > faint[near].std(0).max()
        assert np.ptp(bold[near].astype(int) - flat[near], axis=-1).max() < 25  # grey: hardly a hue of its own
    assert (swapped(scene, Swap("road", "road", "pattern"))[0] != bold).any()


def by_colour(pictures):
    """A network that goes by colour alone: what is greener than red is vegetation, the rest is building."""
    green = pictures[..., 1].astype(int) > pictures[..., 0]
    return np.where(green, ID["vegetation"], ID["building"]).astype(np.uint8)


@pytest.mark.parametrize("how", ARRANGEMENTS)
@pytest.mark.parametrize("mode", ["material", "colour"])
@pytest.mark.parametrize(("shape", "texture"), [("vegetation", "building"), ("building", "vegetation")])
def test_a_network_of_colour_scores_0_and_one_of_labels_scores_1(shape, texture, mode, how):
    swap, pictures, where = Swap(shape, texture, mode), [], []
    for scene in SCENES:
        picture, share = swapped(scene, swap)
        pictures.append(picture)
        where.append(scored_pixels(scene, swap, share))
    pictures, where = arrange(np.stack(pictures), how), arrange(np.stack(where), how)
    labels = arrange(np.stack([scene.labels for scene in SCENES]), how)
    colour, truth = tally(by_colour(pictures), where, swap), tally(labels, where, swap)
    assert colour.shape_share == 0
    assert colour.decided == 1
    assert truth.shape_share == 1
    assert truth.decided == 1
    assert sum(truth.scored) == where.sum() > 100


def test_by_hand():
    said = np.array([[[0, 0, 2, 10]], [[2, 2, 2, 0]]])
    where = np.array([[[1, 1, 1, 1]], [[1, 0, 0, 0]]], bool)
    count = tally(said, where, Swap("road", "building"))
    assert (count.shape, count.texture, count.scored) == ((2, 0), (1, 1), (4, 1))
    assert count.shape_share == 2 / 4
    assert count.decided == 4 / 5
    low, high = count.interval()
    assert (low, high) == (0, pytest.approx(2 / 3))  # twice the second scene, twice the first
    control = tally(said, where, Swap("road", "road"))
    assert control.texture == (0, 0)
    nobody = tally(np.full_like(said, 5), where, Swap("road", "building"))
    assert np.isnan(nobody.shape_share)
    assert np.isnan(nobody.interval()[0])
    assert nobody.decided == 0


def test_only_whole_pixels_of_the_class_are_judged():
    scene, swap = SCENES[0], Swap("building", "road")
    _, share = swapped(scene, swap)
    judged = scored_pixels(scene, swap, share)
    assert ((share > 0) & (share < 1)).any()
    assert (share[judged] == 1).all()
    assert (scene.labels[judged] == ID["building"]).all()


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("upright", [[1, 2, 3, 4], [5, 6, 7, 8]]),
        ("mirrored", [[4, 3, 2, 1], [8, 7, 6, 5]]),
        ("upside down", [[5, 6, 7, 8], [1, 2, 3, 4]]),
        ("columns shifted", [[3, 4, 1, 2], [7, 8, 5, 6]]),
        ("halves exchanged", [[5, 6, 7, 8], [1, 2, 3, 4]]),
    ],
)
def test_arrangements_move_pictures_and_labels_alike(how, expected):
    labels = np.array([[1, 2, 3, 4], [5, 6, 7, 8]], np.uint8)
    assert arrange(labels, how).tolist() == expected
    picture = np.stack([labels] * 3, -1)
    assert (arrange(picture[None], how)[0, ..., 0] == expected).all()
    assert (arrange(labels[None] > 4, how)[0] == (np.array(expected) > 4)).all()


def test_halves_exchanged_keeps_things_upright():
    column = np.arange(6, dtype=np.uint8)[:, None]
    assert arrange(column, "halves exchanged").ravel().tolist() == [3, 4, 5, 0, 1, 2]
    assert arrange(column, "upside down").ravel().tolist() == [5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Swap("sky", "road"), "shape: expected one of road, .*received 'sky'"),
        (lambda: Swap("road", "pole"), "texture: .*received 'pole'"),
        (lambda: Swap("road", "building", "paint"), "mode: expected one of material, colour, surface"),
        (lambda: arrange(np.zeros((2, 2)), "sideways"), "expected one of upright, .*'sideways'"),
        (lambda: tally(np.zeros((1, 2, 2)), np.zeros((1, 2, 3), bool), Swap("road", "car")), "of one shape"),
        (lambda: set_scene(-1), "non-negative"),
        (lambda: set_scene(0, look="noir"), "unknown name 'noir'"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
