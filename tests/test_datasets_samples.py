"""The small third-party sets: layouts, ids, the split by time; real files where GLTR_DATA names them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import small_sets
import torch
from PIL import Image

from gltr_lib.datasets import CityscapesSamples, IDDLite, airsim, carla, samples, stack

REAL = pytest.mark.skipif("GLTR_DATA" not in os.environ, reason="GLTR_DATA names no folder of real data")


def halves(label):
    """The classes of the left and of the right half below the ignored strip."""
    middle = label.shape[1] // 2
    assert set(np.unique(label[:4])) == {255}
    (left,), (right,) = (np.unique(part).tolist() for part in (label[4:, :middle], label[4:, middle:]))
    return left, right


def test_each_set_says_road_and_sky_in_its_classes(tmp_path):
    root = small_sets.make(tmp_path)
    assert halves(IDDLite(root / "idd_lite").pair(0)[1]) == (0, 6)
    assert halves(CityscapesSamples(root / "cityscapes").pair(0)[1]) == (0, 10)
    assert halves(airsim(root / "airsim").pair(0)[1]) == (0, 3)  # Common-5: flat and sky
    assert halves(carla(root / "carla").pair(0)[1]) == (0, 3)


def test_airsim_is_cut_by_time_for_both_cameras_and_leaves_the_black_picture_out(tmp_path):
    root = small_sets.make(tmp_path, "airsim") / "airsim"
    train, val = airsim(root), airsim(root, "val")
    assert train.keys == ["back00000", "back00004", "front00008"]  # front00000 is black in the real set
    assert val.keys == ["back00764", "front00560"]
    assert (train.name, val.name) == ("airsim/train", "airsim/val")
    assert train.images[2].stem == train.labels[2].stem == "front00008"
    numbers = {part: [int(key[-5:]) for key in data.keys] for part, data in (("train", train), ("val", val))}
    assert max(numbers["train"]) + 40 <= min(numbers["val"])


def test_frames_come_at_a_width_with_labels_by_nearest(tmp_path):
    root = small_sets.make(tmp_path)
    image, label = carla(root / "carla", width=16).pair(0)
    assert image.shape == (8, 16, 3)
    assert label.shape == (8, 16)
    assert set(np.unique(label)) == {0, 3, 255}
    images, labels = stack(airsim(root / "airsim", width=32))
    assert images.shape == (3, 3, 18, 32)
    assert labels.dtype == torch.uint8


def test_ids_that_nobody_knows_are_refused_by_file(tmp_path):
    root = small_sets.make(tmp_path)
    for dataset, bad in ((airsim(root / "airsim"), 9), (carla(root / "carla"), 19), (IDDLite(root / "idd_lite"), 7)):
        Image.fromarray(np.full((18, 32), bad, np.uint8)).save(dataset.labels[0])
        with pytest.raises(ValueError, match=rf"{dataset.labels[0].name}.*\[{bad}\]"):
            dataset.pair(0)


def test_airsim_names_what_it_cannot_use(tmp_path):
    root = small_sets.make(tmp_path, "airsim") / "airsim"
    with pytest.raises(ValueError, match="train, val"):
        airsim(root, "test")
    for kind in ("images", "labels"):
        (root / "train" / kind / "back00000.png").rename(root / "train" / kind / "frame-1.png")
    with pytest.raises(ValueError, match="frame-1"):
        airsim(root)
    for path in (root / "train").rglob("*.png"):
        if "0076" not in path.name:
            path.unlink()
    with pytest.raises(ValueError, match="no frame of split 'train' among 1"):
        airsim(root)


@REAL
def test_the_real_sets_open_with_the_sizes_that_are_known():
    root = Path(os.environ["GLTR_DATA"])
    idd, samples_of = IDDLite(root / "idd_lite"), CityscapesSamples(root / "cityscapes")
    assert (len(idd), idd.pair(0)[1].shape) == (204, (227, 320))
    assert (len(samples_of), samples_of.pair(0)[1].shape) == (9, (512, 1024))
    train, val = airsim(root / "airsim"), airsim(root / "airsim", "val")
    assert (len(train), len(val), len(carla(root / "carla"))) == (259, 63, 4)
    assert train.pair(0)[1].shape == (144, 256)
    black = root / "airsim" / "train" / "images" / f"{min(samples.AIRSIM_BLACK)}.jpg"
    with Image.open(black) as picture:
        assert np.asarray(picture).max() == 0  # the reason why it is left out
