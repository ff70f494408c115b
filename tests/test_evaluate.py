"""Predictions, protocols, the layout prior, and the grouping of 19 classes into CamVid's 11."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from gltr_lib import evaluate as ev
from gltr_lib import real
from gltr_lib.labels import CAMVID11, TRAIN_ID_TO_CAMVID11, TRAIN_ID_TO_COMMON5
from gltr_lib.probes.features import moments
from gltr_lib.probes.run import answers
from gltr_lib.real_sets import score_frames


class Brightness(nn.Module):
    """Class 1 where the picture is bright, else class 0 (of ``classes``)."""

    def __init__(self, classes: int = 3, on: int = 1) -> None:
        super().__init__()
        self.classes, self.on = classes, on
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, images):
        self.shapes.append(tuple(images.shape))
        logits = images.new_zeros(len(images), self.classes, *images.shape[-2:])
        logits[:, self.on] = 10 * (images.mean(1) - 0.5)
        logits[:, 0] = -logits[:, self.on]
        return logits


def halves(n: int = 5) -> torch.Tensor:
    images = torch.zeros(n, 3, 4, 6, dtype=torch.uint8)
    images[..., 3:] = 255
    return images


def test_predict_runs_in_batches_and_keeps_the_order():
    model = Brightness()
    images = halves()
    images[4] = 255
    out = ev.predict(model, images, batch=2)
    assert [shape[0] for shape in model.shapes] == [2, 2, 1]
    assert out.dtype == torch.int64
    assert out[0, :, 3:].eq(1).all()
    assert out[0, :, :3].eq(0).all()
    assert out[4].eq(1).all()


def test_predict_takes_floats_and_answers_at_another_size():
    out = ev.predict(Brightness(), halves(1).float() / 255, size=(8, 12))
    assert out.shape == (1, 8, 12)
    assert out[0, :, 8:].eq(1).all()


def test_predict_leaves_the_model_in_its_mode_without_gradients():
    model = nn.Sequential(nn.Dropout(0.9), nn.Conv2d(3, 2, 1)).train()
    first, second = (ev.predict(model, halves(2)) for _ in range(2))
    assert torch.equal(first, second)
    assert model.training


@pytest.mark.parametrize(
    ("images", "error"),
    [
        (torch.zeros(3, 4, 4, dtype=torch.uint8), ValueError),
        (torch.zeros(1, 4, 4, 4), ValueError),
        (torch.zeros(1, 3, 4, 4, dtype=torch.int64), TypeError),
        (np.zeros((1, 3, 4, 4)), TypeError),
    ],
)
def test_predict_refuses_other_pictures(images, error):
    with pytest.raises(error, match="images"):
        ev.predict(Brightness(), images)


def test_evaluate_sums_over_images_and_ignores_255():
    labels = torch.zeros(5, 4, 6, dtype=torch.uint8)
    labels[..., 3:] = 1
    labels[0] = 2
    labels[1] = 255
    matrix = ev.evaluate(Brightness(), halves(), labels, batch=2)
    assert int(matrix.counts.sum()) == 4 * 24
    assert matrix.iou().tolist() == pytest.approx([36 / 48, 36 / 48, 0.0])


class Coarse(nn.Module):
    """Answers at a quarter of the size, as a network at its own stride does."""

    def __init__(self, dtype=torch.float32):
        super().__init__()
        self.body = nn.Conv2d(3, 19, 4, stride=4).to(dtype)

    def forward(self, images):
        return self.body(images)


def test_every_way_to_predict_is_one_forward_pass():
    """At the pictures' size where the network answers at its own stride, and in the network's precision."""
    images, labels = torch.randint(0, 256, (3, 3, 16, 24), dtype=torch.uint8), torch.randint(0, 19, (3, 16, 24))
    frames = {"all": [(Frames(images, labels), i) for i in range(3)]}
    for dtype in (torch.float32, torch.float64):
        model = Coarse(dtype)
        guess = ev.predict_classes(model, images).long()
        assert torch.equal(ev.predict(model, images), guess)
        counts = ev.evaluate(model, images, labels).counts
        assert torch.equal(ev.evaluate_dataset(model, frames["all"][0][0]).matrix.counts, counts)
        scored = score_frames(model, frames, {"cityscapes19": range(19)}, width=24)["cityscapes19"]["all"]
        assert torch.equal(scored.counts, counts)
        assert torch.equal(torch.from_numpy(answers(model, images.permute(0, 2, 3, 1).numpy())).long(), guess)
        assert moments(model, images, ["body"])["body"].mean.shape == (19,)


class Frames:
    def __init__(self, images, labels):
        self.images_, self.labels_ = images, labels

    def __len__(self):
        return len(self.images_)

    def pair(self, index):
        return self.images_[index].permute(1, 2, 0).numpy(), self.labels_[index].to(torch.uint8).numpy()

    def __getitem__(self, index):
        return self.images_[index].float() / 255, self.labels_[index]


def test_evaluate_wants_pairs():
    with pytest.raises(ValueError, match="pairs"):
        ev.evaluate(Brightness(), halves(3), torch.zeros(2, 4, 6, dtype=torch.uint8))
    with pytest.raises(ValueError, match="no images"):
        ev.evaluate(Brightness(), halves(0), torch.zeros(0, 4, 6, dtype=torch.uint8))


def test_layout_prior_is_the_most_frequent_class_and_never_ignore():
    labels = torch.tensor([[[0, 255, 255]], [[0, 2, 255]], [[1, 2, 255]]])
    assert ev.layout_prior(labels, 3).tolist() == [[0, 2, 0]]
    with pytest.raises(ValueError, match="ignored"):
        ev.layout_prior(torch.full((2, 1, 1), 255), 3)


def test_prior_is_resized_to_the_labels():
    prior = torch.tensor([[0, 1]])
    labels = torch.tensor([[[0, 0, 1, 1], [0, 0, 1, 0]]])
    assert ev.score_prior(prior, labels, 2).iou().tolist() == pytest.approx([4 / 5, 3 / 4])


def test_official_protocol_keeps_its_name():
    assert ev.PROTOCOLS["gtr"].name == "mIoU-19 @ 1024x512 labels resized (GTR protocol)"
    assert ev.PROTOCOLS["gtr"].size == (512, 1024)


def test_resizing_labels_blends_no_classes():
    labels = torch.tensor([[[0, 255, 18, 7]]])
    assert set(ev.resize_labels(labels, (3, 9)).unique().tolist()) <= {0, 7, 18, 255}


def test_probabilities_are_summed_per_group_before_the_largest_is_taken():
    # Neither vegetation nor terrain is the largest, but together they are: tree.
    probabilities = torch.zeros(1, 19, 1, 1)
    probabilities[0, [8, 9, 10]] = torch.tensor([0.3, 0.3, 0.4]).view(3, 1, 1)
    assert CAMVID11[int(ev.group_probabilities(probabilities, TRAIN_ID_TO_CAMVID11).argmax(1))] == "tree"


def test_camvid_mapping_is_the_stated_one():
    stated = {
        "sky": [10], "building": [2, 3], "pole": [5], "road": [0], "pavement": [1], "tree": [8, 9],
        "sign symbol": [6, 7], "fence": [4], "car": [13, 14, 15, 16], "pedestrian": [11], "bicyclist": [12, 17, 18],
    }  # fmt: skip
    for name, ids in stated.items():
        assert [i for i, g in enumerate(TRAIN_ID_TO_CAMVID11) if CAMVID11[g] == name] == ids
        assert f"{name}←{','.join(map(str, ids))}" in real.CAMVID11_NOTE


def test_the_words_of_a_score_are_those_of_the_published_rows():
    """They are made of the tables: a table that changes is another label set and needs another name."""
    from gltr_lib._label_sets import LABEL_SETS

    assert LABEL_SETS["camvid11"].notes[19] == (
        "CamVid-11 from 19 (sky←10 building←2,3 pole←5 road←0 pavement←1 tree←8,9 sign symbol←6,7 fence←4 "
        "car←13,14,15,16 pedestrian←11 bicyclist←12,17,18; probabilities summed per group)"
    )
    assert LABEL_SETS["common5"].notes[19] == (
        "Common-5 from 19 (flat←0,1 building←2 vegetation←8,9 sky←10 vehicle←13,14,15; probabilities summed per group, "
        "argmax among the five, other labels ignored)"
    )
    assert LABEL_SETS["common4"].notes[19] == (
        "Common-4 from 19 (flat←0,1 building or vegetation←2,8,9 sky←10 vehicle←13,14,15; probabilities summed per "
        "group, argmax among the four, other labels ignored)"
    )


def test_dropped_classes_get_no_probability():
    probabilities = torch.zeros(1, 19, 1, 1)
    probabilities[0, 5] = 0.9  # a pole is in none of the five
    probabilities[0, 10] = 0.1
    grouped = ev.group_probabilities(probabilities, TRAIN_ID_TO_COMMON5)
    assert grouped.shape == (1, 5, 1, 1)
    assert grouped.flatten().tolist() == pytest.approx([0, 0, 0, 0.1, 0])


def test_grouping_wants_a_group_for_every_class():
    with pytest.raises(ValueError, match="19 classes"):
        ev.group_probabilities(torch.zeros(1, 19, 1, 1), [0, 1])


def make_camvid(root):
    for split, frames in {"train": ["0001TP_1", "0016E5_1"], "val": ["0016E5_2"]}.items():
        for kind in ("images", "labels"):
            (root / split / kind).mkdir(parents=True)
        for frame in frames:
            pixels = np.zeros((36, 48, 3), np.uint8)
            pixels[:, 24:] = 255
            Image.fromarray(pixels).save(root / split / "images" / f"{frame}.png")
            ids = np.full((36, 48), 3, np.uint8)  # road
            ids[:, 24:] = 0  # sky
            ids[:4] = 11  # unlabelled
            Image.fromarray(ids).save(root / split / "labels" / f"{frame}.png")
    return root


def test_camvid_is_scored_by_sequence_at_full_size(tmp_path):
    model = Brightness(19, on=10)  # bright: sky, else class 0, road
    scores = real.score_camvid(model, make_camvid(tmp_path), width=24)
    assert list(scores) == ["0001TP", "0016E5", "all"]
    assert model.shapes[0] == (1, 3, 18, 24)
    assert int(scores["all"].counts.sum()) == 3 * 32 * 48
    assert scores["all"].miou() > 0.9
    assert torch.equal(scores["all"].counts, scores["0001TP"].counts + scores["0016E5"].counts)


def test_camvid_prior_comes_from_grouped_source_labels(tmp_path):
    source = torch.tensor([[[0, 10]], [[0, 10]]])
    scores = real.score_camvid(None, make_camvid(tmp_path), prior=real.source_prior(source))
    assert scores["all"].miou() == pytest.approx(1.0)
    common = real.score_camvid(None, tmp_path, prior=real.source_prior(source, "common5"), label_set="common5")
    assert common["all"].miou() == pytest.approx(1.0)


def test_camvid_needs_its_folders(tmp_path):
    with pytest.raises(ValueError, match="train"):
        real.score_camvid(Brightness(19), tmp_path)
    with pytest.raises(ValueError, match="label_set"):
        real.score_camvid(Brightness(19), make_camvid(tmp_path), label_set="camvid12")


def test_camvid_protocol_says_how():
    text = real.camvid_protocol("camvid11", 256)
    assert "width 256" in text
    assert "CamVid-11 from 19" in text


@pytest.mark.parametrize(
    "score",
    [
        lambda net, images: ev.evaluate(net, images, torch.zeros(1, 4, 6, dtype=torch.uint8)),
        lambda net, images: ev.predict(net, images),
        lambda net, images: ev.predict_whole(net, images),
        lambda net, images: ev.predict_classes(net, images),
    ],
)
def test_pictures_of_another_range_are_refused(score):
    with pytest.raises(ValueError, match=r"images: expected finite values in \[0,1\].*divide by 255 first"):
        score(Brightness(), torch.full((1, 3, 4, 6), 50.0))


@pytest.mark.parametrize("size", [None, (4, 6), (2, 3)])
@pytest.mark.parametrize("bad", [slice(None), slice(0, 1), slice(2, 3)])
def test_a_network_that_answers_nan_gets_no_score(size, bad):
    """The first NaN would be the largest score, so class 0 would come out, and often be right."""

    class Diverged(Brightness):
        def forward(self, images):
            logits = super().forward(images)
            logits[:, bad, 1, 2] = torch.nan
            return logits

    with pytest.raises(ValueError, match="logits: expected numbers, received NaN"):
        ev.predict(Diverged(), halves(2), size=size)
