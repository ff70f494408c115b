"""Labels: the tables equal cityscapesScripts', lookups equal the slow loop, bad ids are named."""

import numpy as np
import pytest

from gltr_lib import labels


def test_classes_ids_and_colours_equal_cityscapes_scripts():
    official = pytest.importorskip("cityscapesscripts.helpers.labels").labels
    by_train_id = {lab.trainId: lab for lab in official if 0 <= lab.trainId < 19}
    assert tuple(by_train_id[i].name for i in range(19)) == labels.CLASSES
    assert tuple(by_train_id[i].id for i in range(19)) == labels.LABEL_IDS
    assert [tuple(c) for c in labels.PALETTES["cityscapes"].tolist()] == [by_train_id[i].color for i in range(19)]
    for lab in official:
        if lab.id >= 0:
            assert labels.LABEL_ID_TO_TRAIN_ID[lab.id] == lab.trainId


def test_map_ids_equals_the_loop_over_classes():
    ids = np.random.default_rng(0).integers(0, 34, (37, 53), dtype=np.uint8)
    expected = np.full_like(ids, 255)
    for train_id, label_id in enumerate(labels.LABEL_IDS):
        expected[ids == label_id] = train_id
    np.testing.assert_array_equal(labels.map_ids(ids, labels.LABEL_ID_TO_TRAIN_ID), expected)


def test_map_ids_lists_unknown_ids():
    with pytest.raises(ValueError, match=r"\[77\] outside the table; legal: 0-33$"):
        labels.map_ids(np.array([[7, 77]], np.uint8), labels.LABEL_ID_TO_TRAIN_ID, known=np.arange(34))


@pytest.mark.parametrize("bad", [np.zeros((2, 2), np.int64), [[1, 2]], np.zeros((2, 2), np.float32)])
def test_map_ids_wants_uint8(bad):
    with pytest.raises(TypeError, match="uint8"):
        labels.map_ids(bad, labels.LABEL_ID_TO_TRAIN_ID)


def test_lookup_table_refuses_ids_that_do_not_fit():
    with pytest.raises(ValueError, match="300"):
        labels.lookup_table({300: 1})


@pytest.mark.parametrize("palette", ["safe", "cityscapes"])
def test_palettes_have_19_distinct_colours_and_colourize_uses_them(palette):
    assert len({tuple(c) for c in labels.PALETTES[palette].tolist()}) == 19
    picture = labels.colourize(np.arange(19)[None], palette)
    np.testing.assert_array_equal(picture[0], labels.PALETTES[palette])


def test_colourize_names_bad_ids_and_palettes():
    with pytest.raises(ValueError, match=r"\[19\]"):
        labels.colourize(np.array([[19]]))
    with pytest.raises(ValueError, match="cityscapes, safe"):
        labels.colourize(np.array([[1]]), "pretty")
    with pytest.raises(TypeError, match="integer"):
        labels.colourize(np.array([[0.5]]))


def test_mappings_to_smaller_label_sets_name_existing_classes():
    assert len(labels.TRAIN_ID_TO_CAMVID11) == len(labels.TRAIN_ID_TO_COMMON5) == 19
    name = dict(zip(labels.CLASSES, labels.TRAIN_ID_TO_CAMVID11, strict=True))
    assert labels.CAMVID11[name["terrain"]] == "tree"
    assert labels.CAMVID11[name["wall"]] == "building"
    assert labels.CAMVID11[name["motorcycle"]] == "bicyclist"
    assert labels.CAMVID11[name["train"]] == "car"
    assert labels.CAMVID11[name["sidewalk"]] == "pavement"
    for camvid_id, common in enumerate(labels.CAMVID_TO_COMMON5[:11]):
        if common != 255:  # the two routes to Common-5 agree
            routes = {
                labels.TRAIN_ID_TO_COMMON5[t]
                for t, c in enumerate(labels.TRAIN_ID_TO_CAMVID11)
                if c == camvid_id and labels.TRAIN_ID_TO_COMMON5[t] != 255
            }
            assert routes == {common}


def test_every_set_reaches_the_common_classes_as_its_own_names_say():
    # By name, in one line a set: the mappings are facts about the sets, and each is written out once more here.
    said = {
        "trainIds": (
            labels.CLASSES,
            [None if c == 255 else labels.COMMON5[c] for c in labels.TRAIN_ID_TO_COMMON5],
            {"road": "flat", "sidewalk": "flat", "building": "building", "vegetation": "vegetation",
             "terrain": "vegetation", "sky": "sky", "car": "vehicle", "truck": "vehicle", "bus": "vehicle"},
        ),
        "camvid": (
            (*labels.CAMVID11, "unlabelled"),
            [None if c == 255 else labels.COMMON5[c] for c in labels.CAMVID_TO_COMMON5],
            {"road": "flat", "pavement": "flat", "building": "building", "tree": "vegetation", "sky": "sky",
             "car": "vehicle"},
        ),
        "airsim": (
            ("sky", "building", "road", "paved", "terrain", "vegetation", "car", "pole", "fence"),
            [None if c == 255 else labels.COMMON5[c] for c in labels.AIRSIM_TO_COMMON5],
            {"road": "flat", "paved": "flat", "building": "building", "terrain": "vegetation",
             "vegetation": "vegetation", "sky": "sky", "car": "vehicle"},
        ),
        "idd_lite": (
            labels.IDD_LITE,
            [None if c == 255 else labels.COMMON4[c] for c in labels.IDD_LITE_TO_COMMON4],
            {"drivable": "flat", "non-drivable": "flat", "far objects": "building or vegetation", "sky": "sky",
             "vehicles": "vehicle"},
        ),
    }  # fmt: skip
    for name, (classes, table, expected) in said.items():
        assert dict(zip(classes, table, strict=True)) == {c: expected.get(c) for c in classes}, name


def test_common4_is_common5_with_building_and_vegetation_as_one():
    merged = dict(zip(labels.COMMON5, (labels.COMMON4[c] for c in labels.COMMON5_TO_COMMON4), strict=True))
    both = "building or vegetation"
    assert merged == {"flat": "flat", "building": both, "vegetation": both, "sky": "sky", "vehicle": "vehicle"}
    for five, four in zip(labels.TRAIN_ID_TO_COMMON5, labels.TRAIN_ID_TO_COMMON4, strict=True):
        assert (five == 255) == (four == 255)
        assert five == 255 or labels.COMMON5_TO_COMMON4[five] == four
