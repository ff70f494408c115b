"""A dataset that was not found: the usual reasons, each answered with its own remedy, in one line."""

import shutil
from dataclasses import replace

import official_trees as trees
import pytest
from PIL import Image

from gltr_lib import labels
from gltr_lib.datasets import LAYOUTS
from gltr_lib.datasets.folder import find_pictures
from gltr_lib.datasets.layout import PREPARED
from gltr_lib.datasets.nearby import whose
from gltr_lib.prepare.convert import unknown_ids


def refusal(name, root, **options):
    with pytest.raises(ValueError, match="found there") as caught:
        LAYOUTS[name].find(root, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_folder_above_or_below_is_named(tmp_path):
    tree = trees.gta5(tmp_path / "data" / "gta5" / "gta5")
    assert f"it lies in {tree.root}: give that folder" in refusal("gta5", tmp_path / "data")
    assert f"it lies in {tree.root}: give that folder" in refusal("gta5", tree.root / "images")
    city = trees.cityscapes(tmp_path / "city")
    assert f"it lies in {city.root}: give that folder" in refusal("cityscapes", city.root / "leftImg8bit")


def test_archives_that_were_unpacked_into_a_folder_each_are_to_be_brought_together(tmp_path):
    tree = trees.cityscapes(tmp_path / "there")
    for half in ("leftImg8bit", "gtFine"):
        shutil.move(tree.root / half, tmp_path / "city" / f"{half}_trainvaltest" / half)
    root = tmp_path / "city"
    moved = f"{root}/leftImg8bit_trainvaltest/leftImg8bit and {root}/gtFine_trainvaltest/gtFine together into {root}"
    assert f"move {moved}" in refusal("cityscapes", root)


def test_the_half_that_is_missing_is_named(tmp_path):
    tree = trees.cityscapes(tmp_path / "a")
    shutil.rmtree(tree.root / "gtFine")
    assert "gtFine/{split}/* is missing: unpack its archive" in refusal("cityscapes", tree.root)
    tree = trees.bdd100k(tmp_path / "b")
    (tree.root / "images" / "10k").rename(tree.root / "images" / "100k")
    assert "images/10k/{split} is missing: unpack its archive" in refusal("bdd100k", tree.root)


def test_pictures_of_another_name_or_format_are_named_beside_the_one_expected(tmp_path):
    tree = trees.gta5(tmp_path)
    for path in (tree.root / "images").iterdir():
        Image.open(path).save(path.with_suffix(".jpg"))
        path.unlink()
    words = refusal("gta5", tree.root)
    assert "its pictures should be called like NNNNN.png, found 0" in words
    assert words.endswith(".jpg")


def test_of_a_foreign_folder_the_way_to_the_archives_is_told(tmp_path):
    tree = trees.cityscapes(tmp_path / "city")
    assert refusal("gta5", tree.root).endswith("unpack its archives there (python data_scripts/gta5.py where)")
    words = refusal("vistas", tree.root, version="v2.0")
    assert "v2.0 labels" in words
    assert "v1.2" not in words.split("; found there")[0].split("expected")[1].split("(")[0]
    file = next(path for path in tree.root.rglob("*.png"))
    with pytest.raises(ValueError, match=r"\.png: is a file, not a folder; expected GTA5"):
        LAYOUTS["gta5"].find(file)


def test_ids_that_must_not_occur_are_listed_with_what_they_seem_to_be():
    assert (
        unknown_ids({66: 1, 70: 2000}, frozenset(range(66)), "why", most=1)
        == "66 (1 pixel) and 1 more; legal: 0-65; why"
    )
    assert whose("vistas", {3, 90}).startswith("these seem to be labels of v2.0")
    assert whose("gta5", {0, 18, labels.IGNORE}) == "these seem to be trainIds: unpack the original again"
    assert whose("gta5", {7, 77}) == "unpack the file again"
    train_ids = {*range(19), labels.IGNORE}
    assert whose("cityscapes", {7, 26}, train_ids).endswith(
        "labelIds, not trainIds: name the file ..._gtFine_labelIds.png"
    )
    assert whose("cityscapes", {7, 77}, train_ids) == "unpack the file again"


@pytest.mark.filterwarnings("ignore:.*pictures of")
def test_reading_an_id_that_must_not_occur_tells_what_to_do(tmp_path):
    tree = trees.gta5(tmp_path)
    layout, damaged = LAYOUTS["gta5"], tree.root / "labels" / "00001.png"
    for value, remedy in ((77, "unpack the file again"), (255, "these seem to be trainIds: unpack the original again")):
        Image.new("L", (96, 53), value).save(damaged)
        with pytest.raises(ValueError, match="outside the table") as caught:
            layout.read_label(layout.pairs(tree.root, "train")[0])
        assert str(caught.value).endswith(f"; {remedy}; gltr verify gta5 FOLDER lists every such file")
    prepared = trees.gta5(tmp_path / "again")
    pair = layout.pairs(prepared.root, "train")[0]
    Image.new("L", (96, 53), 77).save(tmp_path / "00001.png")
    with pytest.raises(ValueError, match=r"255; prepare them again; gltr verify gta5 FOLDER --prepared PREPARED lists"):
        layout.read_label(replace(pair, label=tmp_path / "00001.png", coding=PREPARED))


def test_prepared_labels_of_bdd100k_are_told_from_its_own(tmp_path):
    """Both hold trainIds; what to do about a bad one differs."""
    tree, layout = trees.bdd100k(tmp_path / "bdd", count=1), LAYOUTS["bdd100k"]
    (own,) = layout.pairs(tree.root, "train")
    folder = tmp_path / "prepared" / "train"
    folder.mkdir(parents=True)
    Image.new("L", (96, 54), 77).save(folder / f"{own.key}.png")
    (made,) = layout.pairs(tree.root, "train", prepared=tmp_path / "prepared")
    assert (layout.is_prepared(own), layout.is_prepared(made)) == (False, True)
    with pytest.raises(ValueError, match=r"prepare them again; gltr verify bdd100k FOLDER --prepared PREPARED lists"):
        layout.read_label(made)


def test_hidden_files_are_no_pictures(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "._a.png").write_bytes(b"\0\5\x16\7 of macOS")
    assert find_pictures(tmp_path) == [tmp_path / "a.png"]
