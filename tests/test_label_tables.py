"""From a dataset's ids to trainIds: held against the official definitions and the published rules, class by class."""

import numpy as np
import pytest
from official_trees import vistas_classes

from gltr_lib import labels
from gltr_lib._label_tables import VISTAS_V12_ROWS, VISTAS_V20_ROWS, scored_as

V12 = {name: n for n, name in enumerate(labels.VISTAS_V12_CLASSES)}
V20 = {name: n for n, name in enumerate(labels.VISTAS_V20_CLASSES)}


def test_synthia_has_every_class_once_and_its_subsets():
    scored = sorted(int(v) for v in labels.SYNTHIA_ID_TO_TRAIN_ID if v != 255)
    assert scored == list(range(19))  # one id each; terrain, truck and train are in the table and not in the pictures
    assert [n for n in range(23) if labels.SYNTHIA_ID_TO_TRAIN_ID[n] == 255] == [0, 13, 14, 22]
    names = {"sky": 1, "building": 2, "road": 3, "sidewalk": 4, "car": 8, "person": 10, "rider": 17, "bus": 19}
    assert all(labels.CLASSES[labels.SYNTHIA_ID_TO_TRAIN_ID[n]] == name for name, n in names.items())
    missing = {labels.CLASSES[n] for n in set(range(19)) - set(labels.SYNTHIA_16)}
    assert missing == {"terrain", "truck", "train"}
    assert {labels.CLASSES[n] for n in set(labels.SYNTHIA_16) - set(labels.SYNTHIA_13)} == {"wall", "fence", "pole"}
    assert (len(labels.SYNTHIA_16), len(labels.SYNTHIA_13)) == (16, 13)
    assert list(labels.SYNTHIA_16) == sorted(labels.SYNTHIA_16)


def test_bdd_is_in_trainids_already():
    assert labels.BDD_TRAIN_IDS[:19].tolist() == list(range(19))
    assert (labels.BDD_TRAIN_IDS[19:] == 255).all()


def test_nobody_can_write_into_a_table():
    for name in (
        "LABEL_ID_TO_TRAIN_ID",
        "SYNTHIA_ID_TO_TRAIN_ID",
        "BDD_TRAIN_IDS",
        "VISTAS_V12_ROBUSTNET",
        "VISTAS_V20",
    ):
        table = getattr(labels, name)
        assert (table.shape, table.dtype) == ((256,), np.uint8)
        with pytest.raises(ValueError, match="read-only"):
            table[0] = 3


def test_the_names_are_those_of_the_configs():
    for version, names in (("v1.2", labels.VISTAS_V12_CLASSES), ("v2.0", labels.VISTAS_V20_CLASSES)):
        assert [row[1] for row in vistas_classes(version)] == list(names)
    assert (len(V12), len(V20)) == (66, 124)


def by_openseg(name: str) -> int:
    """openseg's rule, in our words: the classes' own names, then words in a fixed order."""
    plain = name.lower().replace(" ", "").replace("-", "")
    own = {c.replace(" ", ""): n for n, c in enumerate(labels.CLASSES)}
    words = [
        (("trafficsign", "front", "back"), "trafficsign"), (("onrail",), "train"), (("cyclist", "rider"), "rider"),
        (("pole", "streetlight"), "pole"), (("curb", "pedestrianarea"), "sidewalk"),
        (("crosswalkplain", "parking", "bikelane", "servicelane", "lanemarking"), "road"),
    ]  # fmt: skip
    if plain in own:
        return own[plain]
    return next((own[target] for found, target in words if any(word in plain for word in found)), 255)


def test_openseg_by_its_own_rule():
    for name, n in V12.items():
        assert labels.VISTAS_V12_OPENSEG[n] == by_openseg(name), name


def test_the_two_published_mappings_differ_on_eleven_classes():
    differ = [n for n in range(66) if labels.VISTAS_V12_ROBUSTNET[n] != labels.VISTAS_V12_OPENSEG[n]]
    assert differ == [7, 8, 9, 10, 11, 14, 23, 41, 44, 46, 49]
    assert labels.VISTAS_V12_ROBUSTNET[V12["Manhole"]] == 0  # the only class that RobustNet scores and openseg does not
    assert all(labels.VISTAS_V12_ROBUSTNET[n] == 255 for n in differ if n != V12["Manhole"])


def test_every_class_of_cityscapes_is_found_in_vistas():
    for table in (
        labels.VISTAS_V12_ROBUSTNET, labels.VISTAS_V12_OPENSEG, labels.VISTAS_V20, labels.VISTAS_V20_OPENSEG,
    ):  # fmt: skip
        assert set(table.tolist()) == {*range(19), 255}
    for version in (labels.VISTAS_V12_ROBUSTNET, labels.VISTAS_V12_OPENSEG):
        for name in ("Road", "Sidewalk", "Building", "Wall", "Fence", "Pole", "Traffic Light", "Vegetation", "Terrain",
                     "Sky", "Person", "Car", "Truck", "Bus", "Motorcycle", "Bicycle"):  # fmt: skip
            assert labels.CLASSES[version[V12[name]]] == name.lower()


@pytest.mark.parametrize(
    ("old", "new"), [("VISTAS_V12_ROBUSTNET", "VISTAS_V20"), ("VISTAS_V12_OPENSEG", "VISTAS_V20_OPENSEG")]
)
def test_v20_agrees_with_v12_wherever_the_names_coincide(old, new):
    before, after = getattr(labels, old), getattr(labels, new)
    shared = V12.keys() & V20.keys()
    # The three that v2.0 has no more: it has divided them.
    assert V12.keys() - shared == {"Lane Marking - General", "Billboard", "Traffic Light"}
    for name in shared:
        assert before[V12[name]] == after[V20[name]], name


def test_what_v20_has_divided_keeps_the_meaning_of_the_whole():
    """The machine names hold the history: v2.0's ``object--traffic-light--x`` was v1.2's ``object--traffic-light``."""
    old = {row[2]: row[0] for row in vistas_classes("v1.2")}
    checked = 0
    for n, readable, machine, _ in vistas_classes("v2.0"):
        stem = machine.rsplit("--", 1)[0]
        if machine not in old and stem in old:
            assert labels.VISTAS_V20[n] == labels.VISTAS_V12_ROBUSTNET[old[stem]], readable
            checked += 1
    assert checked >= 6
    lights = [n for name, n in V20.items() if name.startswith("Traffic Light")]
    assert lights == [90, 91, 92, 93, 94, 95]
    assert {int(labels.VISTAS_V20[n]) for n in lights} == {int(labels.VISTAS_V20_OPENSEG[n]) for n in lights} == {6}


def test_decisions_that_are_ours():
    ours = {
        "Parking Meter": 255, "Person Group": 11, "Pole Group": 5, "Vehicle Group": 255,
        "Traffic Sign - Ambiguous": 255, "Signage - Back": 255, "Lane Marking - Crosswalk": 255,
        "Lane Marking (only) - Crosswalk": 255,
        "Lane Marking - Stop Line": 0, "Traffic Sign - Direction (Back)": 255, "Traffic Sign - Direction (Front)": 7,
        "Driveway": 255, "Garage": 255, "Road Shoulder": 255, "Traffic Cone": 255, "Manhole": 0,
    }  # fmt: skip
    assert {name: int(labels.VISTAS_V20[V20[name]]) for name in ours} == ours


def test_the_corrected_openseg_differs_from_the_rule_only_where_the_rule_errs():
    differ = {name for name, n in V20.items() if labels.VISTAS_V20_OPENSEG[n] != by_openseg(name)}
    lights = {name for name in V20 if name.startswith("Traffic Light")}
    assert differ == lights | {"Parking Meter", "Signage - Back", "Person Group"}


def test_ancestors_are_classes_of_v12_and_disagreement_is_ignored():
    assert all(name in VISTAS_V12_ROWS for ancestors in VISTAS_V20_ROWS.values() for name in ancestors)
    assert scored_as((), 0) == 255
    assert scored_as(("Road", "Sidewalk"), 0) == 255
    assert scored_as(("Pole", "Utility Pole"), 0) == 5
