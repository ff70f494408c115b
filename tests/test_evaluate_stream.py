"""Whole datasets at full resolution: equal to torchmetrics and to plain references, in one process and in two."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
import time

import numpy as np
import pytest
import torch
from torch import nn

from gltr_lib import evaluate as ev
from gltr_lib.config import TrainConfig
from gltr_lib.evaluate.reading import Reader
from gltr_lib.evaluate.tables import score_as_json
from gltr_lib.labels import CLASSES
from gltr_lib.metrics import ConfusionMatrix

SIZES = [(20, 31), (20, 31), (17, 9), (33, 40), (33, 40), (33, 40), (1, 5)]


class Pairs:
    """Pictures of several sizes with 19 classes, some ignored pixels, and class 16 nowhere."""

    name = "made up"

    def __init__(self, sizes=SIZES):
        self.sizes, self.keys = sizes, [f"town/{n:03d}" for n in range(len(sizes))]
        self.threads: set[str] = set()

    def __len__(self):
        return len(self.sizes)

    def __getitem__(self, index):
        self.threads.add(threading.current_thread().name)
        rng = np.random.default_rng(index)
        image = torch.from_numpy(rng.integers(0, 256, (3, *self.sizes[index]), dtype=np.uint8)).float() / 255
        label = rng.choice([c for c in range(19) if c != 16] + [255] * 4, self.sizes[index])
        return image, torch.from_numpy(label)


class Network(nn.Module):
    def __init__(self, classes=19):
        super().__init__()
        torch.manual_seed(1)
        self.body = nn.Conv2d(3, classes, 3, padding=1)
        if classes > 16:
            nn.init.constant_(self.body.bias[16], -100)  # never predicted, never labelled: no IoU
        self.shapes = []

    def forward(self, images):
        self.shapes.append(tuple(images.shape))
        return 3 * self.body(images)


def plain_counts(model, dataset, subset=None):
    """The definition, pixel by pixel over the classes."""
    counts = np.zeros((19, 19), np.int64)
    for image, label in (dataset[i] for i in range(len(dataset))):
        with torch.no_grad():
            logits = model(image[None])[0].numpy()
        truth = label.numpy()
        if subset is not None:
            logits = np.where(np.isin(np.arange(19), subset)[:, None, None], logits, -np.inf)
            truth = np.where(np.isin(truth, subset), truth, 255)
        guess = logits.argmax(0)
        for t in range(19):
            for p in range(19):
                counts[t, p] += ((truth == t) & (guess == p)).sum()
    return counts


def plain_iou(counts):
    out = []
    for c in range(19):
        union = counts[c].sum() + counts[:, c].sum() - counts[c, c]
        out.append(counts[c, c] / union if union else np.nan)
    return np.array(out)


@pytest.mark.parametrize(("batch", "workers"), [(1, 0), (1, 2), (4, 2), (4, 0)])
def test_mixed_sizes_are_counted_once_each(batch, workers):
    model, dataset = Network().eval(), Pairs()
    score = ev.evaluate_dataset(model, dataset, "full", batch=batch, workers=workers)
    assert score.matrix.counts.tolist() == plain_counts(model, dataset).tolist()
    assert (score.data, score.images, score.protocol) == ("made up", 7, "mIoU-19 @ full size")
    assert score.inference == "whole picture"
    assert np.isnan(score.per_class["train"]) == (score.matrix.counts[:, 16].sum() == 0)


def test_neighbours_of_one_size_share_a_forward_pass():
    model = Network()
    ev.evaluate_dataset(model, Pairs(), "full", batch=3)
    assert [shape[0] for shape in model.shapes] == [2, 1, 3, 1]


def test_pictures_are_read_by_threads_ahead_of_the_network():
    dataset = Pairs()
    ev.evaluate_dataset(Network(), dataset, workers=2)
    assert all(name.startswith("decode") for name in dataset.threads)


def test_reading_ahead_is_bounded():
    dataset, model = Pairs([(4, 4)] * 40), Network()
    read, ahead = [], []
    original = dataset.__getitem__
    dataset.pair = lambda i: (read.append(i), _arrays(*original(i)))[1]
    ev.evaluate_dataset(
        model, dataset, workers=2, on_item=lambda item: (time.sleep(0.002), ahead.append(len(read) - item.position))
    )
    assert max(ahead) <= 2 * 2 + 1
    assert sorted(read) == list(range(40))


def _arrays(image, label):
    return (image * 255).round().to(torch.uint8).permute(1, 2, 0).numpy(), label.to(torch.uint8).numpy()


@pytest.mark.slow
def test_it_equals_torchmetrics():
    jaccard = pytest.importorskip("torchmetrics").classification.MulticlassJaccardIndex
    model, dataset = Network().eval(), Pairs()
    theirs = jaccard(num_classes=19, ignore_index=255, average=None)
    for image, label in (dataset[i] for i in range(len(dataset))):
        with torch.no_grad():
            theirs.update(model(image[None]).argmax(1), label[None])
    score = ev.evaluate_dataset(model, dataset)
    present = ~score.matrix.iou().isnan()
    assert not present.all()
    torch.testing.assert_close(score.matrix.iou()[present], theirs.compute().double()[present], atol=1e-6, rtol=1e-6)
    assert score.miou == pytest.approx(float(theirs.compute()[present].mean()), abs=1e-6)


@pytest.mark.parametrize("count", [16, 13])
def test_fewer_classes_in_both_readings_equal_the_plain_reference(count):
    model, dataset = Network().eval(), Pairs()
    subset = ev.CLASS_SETS[count]
    usual = ev.evaluate_dataset(model, dataset, ev.find_protocol("full", count))
    iou = plain_iou(plain_counts(model, dataset))
    assert usual.miou == pytest.approx(np.nanmean(iou[list(subset)]))
    assert list(usual.per_class) == [CLASSES[c] for c in subset]
    among = ev.evaluate_dataset(model, dataset, ev.find_protocol("full", count, among=True))
    counts = plain_counts(model, dataset, subset)
    assert among.matrix.counts.tolist() == counts.tolist()
    assert among.miou == pytest.approx(np.nanmean(plain_iou(counts)[list(subset)]))
    assert among.miou != pytest.approx(usual.miou, abs=1e-4)
    assert usual.protocol == f"mIoU-{count} @ full size"
    assert "argmax among" in among.protocol


def test_a_protocol_with_another_picture_size_scores_at_the_labels_size():
    model, dataset = Network().eval(), Pairs([(40, 80), (30, 50)])
    plan = ev.Protocol("mIoU-19 @ full size, tested within 20x10", fit=(20, 10))
    items = []
    score = ev.evaluate_dataset(model, dataset, plan, on_item=items.append)
    assert [item.picture.shape[:2] for item in items] == [(10, 20), (10, 17)]
    assert [item.prediction.shape for item in items] == [(40, 80), (30, 50)]
    valid = sum(int((dataset[i][1] != 255).sum()) for i in range(2))
    assert int(score.matrix.counts.sum()) == valid


def test_windows_and_augmentation_are_part_of_what_is_recorded():
    model, dataset = Network().eval(), Pairs()
    slid = ev.evaluate_dataset(model, dataset, inference=ev.Inference((8, 16), 0.5))
    assert slid.inference == "sliding windows 16x8, overlap 1/2"
    assert slid.protocol == "mIoU-19 @ full size"
    covered = ev.evaluate_dataset(model, dataset, inference=ev.Inference((99, 99)))
    assert torch.equal(covered.matrix.counts, ev.evaluate_dataset(model, dataset).matrix.counts)
    averaged = ev.evaluate_dataset(model, dataset, inference=ev.Inference(flip=True, scales=(0.5, 1)), amp="bf16")
    assert averaged.protocol == "mIoU-19 @ full size, with scales 0.5, 1 and its mirror image"
    assert averaged.inference.endswith("bf16")


def test_on_item_comes_in_order_with_what_was_scored():
    items = []
    score = ev.evaluate_dataset(Network(), Pairs(), batch=2, workers=3, on_item=items.append)
    assert [item.key for item in items] == Pairs().keys
    again = ev.merge([_counted(item) for item in items])
    assert torch.equal(again.counts, score.matrix.counts)


def test_what_is_read_holds_no_prediction_that_could_be_taken_for_the_networks():
    read = Reader(Pairs(), ev.FULL_SIZE, 19)(0)
    assert read._fields == ("position", "key", "picture", "label")


def _counted(item):

    matrix = ConfusionMatrix(19)
    matrix.update(item.prediction, item.label)
    return matrix


class Broken(Pairs):
    def __init__(self, kind, at=2):
        super().__init__()
        self.kind, self.at = kind, at

    def __getitem__(self, index):
        image, label = super().__getitem__(index)
        if index == self.at:
            if self.kind == "size":
                label = label[:-1]
            elif self.kind == "ids":
                label = label.clone()
                label[0, 0] = 33
            elif self.kind == "unreadable":
                raise ValueError("damaged or truncated image; copy or download it again")
            elif self.kind == "normalised":
                image = (image - 0.45) / 0.225
            elif self.kind == "channels":
                image = image[:2]
        return image, label


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("size", "one size"),
        ("ids", r"\[33\]"),
        ("unreadable", "damaged"),
        ("channels", "expected a picture"),
        ("normalised", r"in \[0,1\]"),
    ],
)
def test_bad_pairs_are_refused_by_name(kind, text, workers):
    with pytest.raises(ValueError, match=f"town/002: .*{text}"):
        ev.evaluate_dataset(Network(), Broken(kind), workers=workers)
    assert not [t for t in threading.enumerate() if t.name.startswith("decode")]


def test_a_network_of_other_classes_is_refused():
    with pytest.raises(ValueError, match=r"answers with 11 classes.*needs 19"):
        ev.evaluate_dataset(Network(11), Pairs())
    assert ev.evaluate_dataset(Network(21), Pairs(), num_classes=21).classes[20] == "class 20"


def test_labels_of_another_class_list_are_refused(tmp_path):
    from gltr_lib.datasets import open_dataset
    from tests import official_trees

    official_trees.camvid(tmp_path)
    with pytest.raises(ValueError, match=r"camvid/val: its labels are 11 classes.*score_camvid"):
        ev.evaluate_dataset(Network(), open_dataset("camvid", tmp_path, "val"))


def test_photographs_with_classes_of_their_own_are_refused_by_whatever_reader(tmp_path):
    from gltr_lib.datasets import CamVid
    from gltr_lib.scale.guard import check_classes
    from tests import official_trees

    official_trees.camvid(tmp_path)
    dataset = CamVid(tmp_path, "val")
    with pytest.raises(ValueError, match=r"camvid: its labels are 11 classes.*score_camvid"):
        ev.evaluate_dataset(Network(), dataset)
    with pytest.raises(ValueError, match=r"hold 11 classes of its own \(sky, building"):
        check_classes(TrainConfig(), dataset)


def test_a_score_is_named_after_the_classes_that_it_averages():
    assert ev.evaluate_dataset(Network(21), Pairs(), num_classes=21).protocol == "mIoU-21 @ full size"
    with pytest.raises(ValueError, match="averages some of the 19 trainIds, the network has 21"):
        ev.evaluate_dataset(Network(21), Pairs(), ev.FULL_SIZE.with_classes(16), num_classes=21)
    sixteen = ev.resized_protocol(4, 6, 16)
    assert sixteen.name.startswith("mIoU-16 @ 6x4")
    assert sixteen.classes == ev.FULL_SIZE.with_classes(16).classes


def test_what_cannot_be_scored_is_an_error():
    with pytest.raises(ValueError, match="empty"):
        ev.evaluate_dataset(Network(), Pairs([]))
    ignored = [(torch.rand(3, 4, 4), torch.full((4, 4), 255))]
    with pytest.raises(ValueError, match="no pixel has a label"):
        ev.evaluate_dataset(Network(), ignored)
    for wrong in ({"batch": 0}, {"workers": -1}, {"amp": "fp8"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            ev.evaluate_dataset(Network(), Pairs(), **wrong)


def test_a_network_that_answers_nan_gets_no_score():
    model = Network()
    with torch.no_grad():
        model.body.weight[3] = torch.nan
    with pytest.raises(ValueError, match="town/000: the network answers NaN"):
        ev.evaluate_dataset(model, Pairs())


def test_the_hook_is_taken_off_again():
    model = Network()
    ev.evaluate_dataset(model, Pairs())
    assert not model._forward_hooks


# --- several processes ------------------------------------------------------------------------------------------------


def _work(rank, world, port, answers):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), OMP_NUM_THREADS="1")
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", rank=rank, world_size=world)
    score = ev.evaluate_dataset(Network().eval(), Pairs(), batch=2)
    again = ConfusionMatrix(2).update(torch.tensor([rank]), torch.tensor([0])).reduce()
    again = again.update(torch.tensor([rank]), torch.tensor([1])).reduce().reduce()
    try:
        ev.evaluate_dataset(Network().eval(), Broken("size", 1))
    except (ValueError, RuntimeError) as error:
        answers.put((rank, score.matrix.counts.tolist(), str(error), again.counts.tolist()))
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_give_the_counts_of_one_and_fail_together():
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    port = 20_000 + os.getpid() % 20_000
    workers = [context.Process(target=_work, args=(rank, 2, port, answers)) for rank in range(2)]
    for worker in workers:
        worker.start()
    out = {rank: rest for rank, *rest in (answers.get(timeout=120) for _ in workers)}
    for worker in workers:
        worker.join(timeout=60)
    counts = ev.evaluate_dataset(Network().eval(), Pairs()).matrix.counts.tolist()
    assert out[0][0] == out[1][0] == counts
    assert "town/001" in out[1][1]  # the second process reads pairs 1, 3, 5
    assert "another process failed" in out[0][1]
    assert out[0][2] == out[1][2] == [[1, 1], [1, 1]], "what reduce() has summed is not summed again"


# --- tables -----------------------------------------------------------------------------------------------------------


def test_tables_and_json_say_the_same():
    model, dataset = Network().eval(), Pairs()
    score = ev.evaluate_dataset(model, dataset)
    text, page = ev.iou_table({"a": score, "b": score}, "text"), ev.iou_table({"a": score, "b": score})
    assert score.protocol in text
    assert "| class | a | b |" in page
    mean = f"{100 * score.miou:.1f}"
    assert page.splitlines()[-1] == f"| **mean** | **{mean}** | **{mean}** |"
    assert "–" in next(line for line in text.splitlines() if line.startswith("train"))
    value = json.loads(json.dumps(score_as_json(score), allow_nan=False))
    assert value["per_class"]["train"] is None
    assert value["miou"] == pytest.approx(score.miou, abs=1e-6)
    assert value["confusion"]["counts"] == score.matrix.counts.tolist()
    assert value["confusion"]["classes"][0] == "road"


def test_one_table_has_one_protocol():
    model, dataset = Network().eval(), Pairs()
    full, small = (ev.evaluate_dataset(model, dataset, p) for p in ("full", ev.resized_protocol(8, 16)))
    with pytest.raises(ValueError, match="one table, one protocol"):
        ev.iou_table({"a": full, "b": small})
    with pytest.raises(ValueError, match="at least one"):
        ev.iou_table({})
