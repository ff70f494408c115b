"""Real sets on tiny made-up files of the same layouts: folders, groupings by hand, several label sets in one pass."""

from __future__ import annotations

import pytest
import small_sets
import torch
from torch import nn

from gltr_lib import real_sets
from gltr_lib._label_sets import LABEL_SETS, groups_of
from gltr_lib.labels import COMMON4, COMMON5
from gltr_lib.real_sets import REAL_SETS, find_sets, label_sets_for, protocol_of, score_frames, source_prior


class Says(nn.Module):
    """Answers every pixel with the same probabilities, and counts its forward passes."""

    def __init__(self, shares):
        super().__init__()
        self.register_buffer("shares", torch.tensor(shares))
        self.shapes = []

    def forward(self, images):
        self.shapes.append(tuple(images.shape))
        return self.shares.log().view(1, -1, 1, 1).expand(len(images), -1, *images.shape[-2:])


class Brightness(nn.Module):
    """Class ``on`` where the picture is bright, class 0 elsewhere."""

    def __init__(self, classes, on):
        super().__init__()
        self.classes, self.on = classes, on

    def forward(self, images):
        logits = torch.zeros(len(images), self.classes, *images.shape[-2:])
        logits[:, 0] = 8 * (0.5 - images.mean(1))
        logits[:, self.on] = 8 * (images.mean(1) - 0.5)
        return logits


def frames_of(root, name):
    return REAL_SETS[name].frames(find_sets(root)[name])


def test_sets_are_found_below_a_root_or_camvid_alone(tmp_path):
    root = small_sets.make(tmp_path)
    assert find_sets(root) == {name: root / name for name in ("camvid", "idd_lite", "cityscapes")}
    assert find_sets(root / "camvid") == {"camvid": root / "camvid" / "."}
    assert find_sets(tmp_path / "none") == {}


@pytest.mark.parametrize("name", list(REAL_SETS))
@pytest.mark.parametrize(("classes", "sky"), [(19, 10), (5, 3)])
def test_a_network_that_sees_the_halves_is_right_on_every_set_in_every_label_set(tmp_path, name, classes, sky):
    root = small_sets.make(tmp_path, name)
    tables = {label_set: REAL_SETS[name].tables[label_set] for label_set in label_sets_for(name, classes)}
    scores = score_frames(Brightness(classes, sky), frames_of(root, name), tables, width=32, batch=1)
    assert list(scores) == list(tables)
    for matrices in scores.values():
        assert matrices["all"].miou() > 0.85
        parts = [m.counts for sequence, m in matrices.items() if sequence != "all"] or [matrices["all"].counts]
        assert torch.equal(matrices["all"].counts, sum(parts))


def test_camvid_is_kept_apart_by_sequence_and_the_others_are_whole(tmp_path):
    root = small_sets.make(tmp_path)
    assert {k: len(v) for k, v in frames_of(root, "camvid").items()} == {"0001TP": 1, "0016E5": 2}
    assert {k: len(v) for k, v in frames_of(root, "idd_lite").items()} == {"all": 2}
    assert {k: len(v) for k, v in frames_of(root, "cityscapes").items()} == {"all": 1}


def test_building_and_vegetation_are_added_before_the_largest_is_taken(tmp_path):
    # By hand: sky 0.4 is the largest of five, but building 0.3 and vegetation 0.3 together are more.
    five = [0.0, 0.3, 0.3, 0.4, 0.0]
    nineteen = [0.0] * 19
    nineteen[2], nineteen[8], nineteen[9], nineteen[10] = 0.3, 0.2, 0.1, 0.4
    root = small_sets.make(tmp_path, "idd_lite", "camvid")
    for shares in (five, nineteen):
        model = Says(shares)
        idd = score_frames(model, frames_of(root, "idd_lite"), {"common4": REAL_SETS["idd_lite"].tables["common4"]})
        said = idd["common4"]["all"].counts.sum(0)  # columns: predictions
        assert said.nonzero().flatten().tolist() == [COMMON4.index("building or vegetation")]
        camvid = score_frames(model, frames_of(root, "camvid"), {"common5": REAL_SETS["camvid"].tables["common5"]})
        said = camvid["common5"]["all"].counts.sum(0)
        assert said.nonzero().flatten().tolist() == [COMMON5.index("sky")]


def test_dropped_classes_cannot_win(tmp_path):
    nineteen = [0.0] * 19
    nineteen[11], nineteen[0] = 0.9, 0.1  # a person, and a little road
    root = small_sets.make(tmp_path, "cityscapes")
    tables = REAL_SETS["cityscapes"].tables
    scores = score_frames(Says(nineteen), frames_of(root, "cityscapes"), tables)
    assert scores["common5"]["all"].counts.sum(0).nonzero().flatten().tolist() == [0]
    assert scores["cityscapes19"]["all"].counts.sum(0).nonzero().flatten().tolist() == [11]


def test_several_label_sets_share_one_forward_pass_at_the_stated_width(tmp_path):
    root = small_sets.make(tmp_path, "camvid")
    model = Says([1 / 19] * 19)
    tables = REAL_SETS["camvid"].tables
    score_frames(model, frames_of(root, "camvid"), tables, width=24, batch=2)
    assert model.shapes == [(1, 3, 18, 24), (2, 3, 18, 24)]


def test_the_source_prior_is_scored_in_every_label_set(tmp_path):
    root = small_sets.make(tmp_path, "cityscapes")
    labels = torch.tensor([[[0, 10]]])  # road left, sky right: as in the made-up pictures
    tables = REAL_SETS["cityscapes"].tables
    priors = {name: source_prior(labels, name) for name in tables}
    scores = score_frames(None, frames_of(root, "cityscapes"), tables, priors=priors)
    assert [matrices["all"].miou() for matrices in scores.values()] == [1.0, 1.0]
    assert source_prior(torch.tensor([[[1, 2, 3]]]), "common4", 5).tolist() == [[1, 1, 2]]
    with pytest.raises(ValueError, match="priors="):
        score_frames(None, frames_of(root, "cityscapes"), tables, priors={"common5": priors["common5"]})


def test_a_network_of_other_classes_is_refused(tmp_path):
    root = small_sets.make(tmp_path, "camvid")
    with pytest.raises(ValueError, match="camvid11: expected a network of 19 classes, received one of 5"):
        score_frames(Says([0.2] * 5), frames_of(root, "camvid"), REAL_SETS["camvid"].tables)
    with pytest.raises(ValueError, match="19, or 5"):
        label_sets_for("camvid", 7)
    with pytest.raises(ValueError, match="idd_lite"):
        label_sets_for("gta5")
    with pytest.raises(ValueError, match="camvid11"):
        groups_of("camvid12")


def test_each_score_carries_its_grouping_and_its_sizes():
    for name, real in REAL_SETS.items():
        for label_set, table in real.tables.items():
            legal = {*range(len(LABEL_SETS[label_set].classes)), 255}
            assert set(table) <= legal
            for classes in LABEL_SETS[label_set].groups:
                text = protocol_of(name, label_set, 256, classes)
                assert real.size in text
                assert "predicted at width 256" in text
                assert LABEL_SETS[label_set].notes[classes] in text
    assert "two-wheelers" in protocol_of("idd_lite", "common4")
    assert "building or vegetation←2,8,9" in protocol_of("idd_lite", "common4")
    assert "half of Cityscapes' full size" in protocol_of("cityscapes", "cityscapes19")


def test_the_old_door_gives_the_same_scores(tmp_path):
    from gltr_lib import real

    root = small_sets.make(tmp_path, "camvid") / "camvid"
    model = Brightness(19, 10)
    old = real.score_camvid(model, root, label_set="common5", width=32)
    tables = {"common5": REAL_SETS["camvid"].tables["common5"]}
    new = score_frames(model, real_sets.camvid_sequences(root), tables, width=32)["common5"]
    assert {k: m.counts.tolist() for k, m in old.items()} == {k: m.counts.tolist() for k, m in new.items()}
