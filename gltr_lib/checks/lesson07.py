"""Exercises of lesson 07 (evaluation): one matrix for all pictures, label sizes, merged classes."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from gltr_lib.checks.registry import Exercises, NotYet, torch_random

EXERCISES = Exercises()
exercise, misconception = EXERCISES.exercise, EXERCISES.misconception


def _confusion(prediction, target, num_classes):
    valid = target != 255
    pair = target[valid] * num_classes + prediction[valid]
    return torch.bincount(pair, minlength=num_classes**2).reshape(num_classes, num_classes)


def _iou(matrix):
    hits = matrix.diagonal().float()
    return hits / (matrix.sum(0) + matrix.sum(1) - hits)


def _sets():
    cases = []
    for seed in range(3):
        generator = torch_random(seed)
        targets, predictions = [], []
        for number in range(4):
            classes = 2 + number  # rare classes sit in few pictures; of 7, class 5 is only claimed, class 6 nowhere
            target = torch.randint(0, min(classes, 5), (6, 8), generator=generator)
            noise = torch.randint(0, 5, (6, 8), generator=generator)
            hit = torch.rand(6, 8, generator=generator) < 0.4 + 0.15 * number
            unlabelled = torch.rand(6, 8, generator=generator) < 0.15
            claimed = torch.where(hit, target, noise)
            if number == 0:
                claimed[0, :3], unlabelled[0, :3] = 5, False
            predictions.append(claimed)
            targets.append(target.masked_fill(unlabelled, 255))
        cases.append((predictions, targets, 7))
    return cases


def _without_255(answer, predictions, targets, num_classes):
    """The score, and a sentence of its own where an answer breaks on pixels without a label alone."""
    try:
        return answer(predictions, targets, num_classes)
    except (RuntimeError, IndexError, ValueError) as error:
        try:
            answer(predictions, [target.masked_fill(target == 255, 0) for target in targets], num_classes)
        except Exception:
            raise error from None
        told = "it breaks where pixels have no label (255), and nowhere else: leave those out of both maps first"
        raise NotYet(told, 2) from error


@exercise(
    "07-miou",
    title="The mIoU of a data set",
    task="`predictions` and `targets` are lists of label maps (H, W), 255 = ignore in the targets. Return the mIoU of "
    "the **data set** as a float: add up one confusion matrix over all pictures, then take the IoU of each class, "
    "then their mean without the classes that appear nowhere, in no prediction and in no label (NaN). You may reuse "
    "what you wrote in lesson 01.",
    hints=(
        "A picture without a bus must not punish or reward the bus. When do you divide: once, or once per picture?",
        "Sum the matrices; `hits / (rows + columns - hits)`; `.nanmean()`.",
    ),
    minutes=8,
    difficulty=2,
    cases=_sets,
    observe=_without_255,
)
def dataset_miou(predictions, targets, num_classes):
    matrix = torch.zeros(num_classes, num_classes, dtype=torch.long)
    for prediction, target in zip(predictions, targets, strict=True):
        valid = target != 255
        pair = target[valid] * num_classes + prediction[valid]
        matrix += torch.bincount(pair, minlength=num_classes**2).reshape(num_classes, num_classes)
    hits = matrix.diagonal().float()
    return (hits / (matrix.sum(0) + matrix.sum(1) - hits)).nanmean().item()


def _total(predictions, targets, num_classes):
    pairs = zip(predictions, targets, strict=True)
    return torch.stack([_confusion(p, t, num_classes) for p, t in pairs]).sum(0)


@misconception("07-miou", "this is the mean of each picture's own mIoU, another number: divide once, at the end")
def _per_image(predictions, targets, num_classes):
    pairs = zip(predictions, targets, strict=True)
    return torch.stack([_iou(_confusion(p, t, num_classes)).nanmean() for p, t in pairs]).mean().item()


@misconception("07-miou", "a class that appears nowhere counts as 0: leave it out of the mean", hint=2)
def _absent_zero(predictions, targets, num_classes):
    return _iou(_total(predictions, targets, num_classes)).nan_to_num(0.0).mean().item()


@misconception(
    "07-miou", "a class that is claimed but in no label is left out: its IoU is 0. Only what neither has is left out", 2
)
def _labelled_classes_only(predictions, targets, num_classes):
    matrix = _total(predictions, targets, num_classes)
    return _iou(matrix)[matrix.sum(1) > 0].mean().item()


@misconception("07-miou", "what is predicted on pixels without a label (255) counts as wrong: drop those pixels first")
def _unlabelled_in_the_union(predictions, targets, num_classes):
    guess, truth = (torch.cat([m.flatten() for m in maps]) for maps in (predictions, targets))
    pairs = [(guess == c, truth == c) for c in range(num_classes)]
    return torch.stack([(p & t).sum() / (p | t).sum() for p, t in pairs]).nanmean().item()


@misconception("07-miou", "pixels without a label (255) are scored, as if they were the last class")
def _ignore_scored(predictions, targets, num_classes):
    return dataset_miou(predictions, [t.clamp(max=num_classes - 1) for t in targets], num_classes)


@misconception("07-miou", "this is pixel accuracy: sky and road decide it alone. Take the IoU of each class first")
def _accuracy(predictions, targets, num_classes):
    matrix = _total(predictions, targets, num_classes)
    return (matrix.diagonal().sum() / matrix.sum()).item()


@misconception("07-miou", "a class that appears nowhere counts as 1: leave it out of the mean", hint=2)
def _absent_one(predictions, targets, num_classes):
    return _iou(_total(predictions, targets, num_classes)).nan_to_num(1.0).mean().item()


@misconception("07-miou", "a class that appears nowhere makes the mean NaN: take `.nanmean()`", hint=2)
def _nan_spreads(predictions, targets, num_classes):
    return _iou(_total(predictions, targets, num_classes)).mean().item()


def _each(predictions, targets, num_classes):
    pairs = zip(predictions, targets, strict=True)
    return torch.stack([_iou(_confusion(p, t, num_classes)) for p, t in pairs])


@misconception(
    "07-miou", "each class is averaged over the pictures that have it: add up first, divide once, at the end"
)
def _class_by_class(predictions, targets, num_classes):
    return _each(predictions, targets, num_classes).nanmean(0).nanmean().item()


@misconception(
    "07-miou", "this is each picture's own mIoU, with absent classes as 0: add up first, divide once at the end"
)
def _per_image_absent_zero(predictions, targets, num_classes):
    return _each(predictions, targets, num_classes).nan_to_num(0.0).mean().item()


@misconception("07-miou", "this is per cent: return a share from 0 to 1")
def _per_cent(predictions, targets, num_classes):
    return 100 * dataset_miou(predictions, targets, num_classes)


@misconception("07-miou", "this is the mean recall: the union also holds what was claimed wrongly", hint=2)
def _recall(predictions, targets, num_classes):
    matrix = _total(predictions, targets, num_classes)
    return (matrix.diagonal() / matrix.sum(1)).nanmean().item()


@misconception("07-miou", "this is the mean precision: the union also holds what was missed", hint=2)
def _precision(predictions, targets, num_classes):
    matrix = _total(predictions, targets, num_classes)
    return (matrix.diagonal() / matrix.sum(0)).nanmean().item()


@misconception("07-miou", "the hits are counted twice in the union: subtract them once", hint=2)
def _hits_twice(predictions, targets, num_classes):
    matrix = _total(predictions, targets, num_classes)
    return (matrix.diagonal() / (matrix.sum(0) + matrix.sum(1))).nanmean().item()


@misconception("07-miou", "this is the Dice score: the IoU is hits / (rows + columns - hits)", hint=2)
def _dice(predictions, targets, num_classes):
    return 2 * _hits_twice(predictions, targets, num_classes)


def _maps():
    cases = []
    for seed, batch, size in ((0, 2, (7, 10)), (1, 2, (5, 16)), (2, 2, (11, 9)), (3, 1, (6, 9))):
        generator = torch_random(seed)
        labels = torch.randint(0, 19, (batch, 13, 21), generator=generator)
        cases.append((labels.masked_fill(torch.rand(batch, 13, 21, generator=generator) < 0.1, 255), size))
    return cases


def _value_and_kind(answer, labels, size):
    """The labels, and whether they are int64: floats are no index, and bytes overflow in a confusion matrix."""
    try:
        small = answer(labels, size)
    except RuntimeError as error:  # NotImplementedError is one
        if "not implemented for" not in str(error):
            raise
        raise NotYet("interpolate takes no integers: `.float()` before it, `.long()` after it", 2) from error
    except ValueError as error:
        if "spatial dimensions" not in str(error):
            raise
        raise NotYet("interpolate wants (B, C, H, W): give the labels a channel, `labels[:, None]`", 2) from error
    return small, isinstance(small, torch.Tensor) and small.dtype == torch.int64


@exercise(
    "07-rescore",
    title="The protocol that shrinks labels",
    task="Some papers shrink the ground truth before they score. Shrink `labels` (B, H, W, integers) to "
    "`size = (height, width)` so that every value is one that was there: nearest neighbour, as "
    "`torch.nn.functional.interpolate(..., mode='nearest')` does it. Return int64 (B, height, width).",
    hints=(
        "Class ids are names, not quantities: half of 'person' and half of 'sky' is nothing.",
        "`F.interpolate(labels[:, None].float(), size=size, mode='nearest')[:, 0].long()`",
    ),
    minutes=5,
    difficulty=2,
    cases=_maps,
    observe=_value_and_kind,
    parts=("the labels", "int64"),
)
def shrink_labels(labels, size):
    return F.interpolate(labels[:, None].float(), size=size, mode="nearest")[:, 0].long()


@misconception("07-rescore", "bilinear interpolation invents classes: between person (11) and car (13) lies rider (12)")
def _bilinear(labels, size):
    return F.interpolate(labels[:, None].float(), size=size, mode="bilinear")[:, 0].round().long()


@misconception("07-rescore", "bilinear interpolation invents classes: between person (11) and car (13) lies rider (12)")
def _bilinear_cut(labels, size):
    return F.interpolate(labels[:, None].float(), size=size, mode="bilinear")[:, 0].long()


@misconception("07-rescore", "averaging invents classes: class ids are names, not quantities")
def _averaged(labels, size):
    return F.adaptive_avg_pool2d(labels[:, None].float(), size)[:, 0].round().long()


@misconception("07-rescore", "averaging invents classes: class ids are names, not quantities")
def _area(labels, size):
    return F.interpolate(labels[:, None].float(), size=size, mode="area")[:, 0].long()


@misconception("07-rescore", "bicubic interpolation invents classes: between person (11) and car (13) lies rider (12)")
def _bicubic(labels, size):
    return F.interpolate(labels[:, None].float(), size=size, mode="bicubic")[:, 0].round().long()


@misconception("07-rescore", "the channel is still there: take `[:, 0]` behind interpolate", hint=2)
def _with_channel(labels, size):
    return shrink_labels(labels, size)[:, None]


@misconception("07-rescore", "`squeeze()` takes the batch away too where it is 1: take `[:, 0]`", hint=2)
def _squeezed(labels, size):
    return shrink_labels(labels, size)[:, None].squeeze()


@misconception("07-rescore", "height and width are exchanged: size is (height, width)", hint=2)
def _exchanged(labels, size):
    return shrink_labels(labels, size[::-1])


@misconception("07-rescore", "this is 'nearest-exact', which looks at the middle of each new pixel; 'nearest' is asked")
def _nearest_exact(labels, size):
    return F.interpolate(labels[:, None].float(), size=size, mode="nearest-exact")[:, 0].long()


@misconception("07-rescore", "the values are right, but they are not int64: class ids end with `.long()`", hint=2)
def _floats(labels, size):
    return shrink_labels(labels, size).float()


@misconception("07-rescore", "the values are right, but they are not int64: class ids end with `.long()`", hint=2)
def _bytes(labels, size):
    return shrink_labels(labels, size).to(torch.uint8)


def _merges():
    generator = torch_random(3)
    labels = torch.randint(0, 8, (2, 6, 7), generator=generator)
    labels = labels.masked_fill(torch.rand(2, 6, 7, generator=generator) < 0.15, 255)
    return [(labels, {0: 1, 1: 2, 2: 0, 5: 3, 6: 3}), (labels.flip(1), {7: 6, 6: 5, 5: 4, 3: 255})]


def _looked_up(answer, labels, mapping):
    """The new labels, and what a missing entry means."""
    try:
        return answer(labels, mapping)
    except (KeyError, IndexError) as error:
        told = "255, or an id without an entry, finds no place: `mapping.get(id, 255)`, or a table of 256 entries"
        raise NotYet(told, 2) from error


@exercise(
    "07-merge",
    title="From 19 classes to 11",
    task="Rename the classes of `labels` (integer tensor) by `mapping`, a dict old id -> new id. Ids that are not in "
    "the mapping, and 255, become 255. The input stays as it was.",
    hints=(
        "Think of {0: 1, 1: 2}: what happens to road if you rename in place, one after the other?",
        "Fill a table: `lut = torch.full((256,), 255)`, `lut[old] = new`, return `lut[labels]`.",
    ),
    minutes=6,
    difficulty=2,
    cases=_merges,
    observe=_looked_up,
)
def merge_classes(labels, mapping):
    lut = torch.full((256,), 255)
    for old, new in mapping.items():
        lut[old] = new
    return lut[labels]


@misconception("07-merge", "classes are renamed twice: what became 1 becomes 2 in the next round. Look all up at once")
def _chain(labels, mapping):
    result = labels.clone()
    for old, new in mapping.items():
        result[result == old] = new
    return torch.where(torch.isin(labels, torch.tensor(list(mapping))), result, 255)


@misconception(
    "07-merge",
    "classes are renamed one after the other: what became 1 becomes 2 in the next round. Look all up at once, and let "
    "what is not in the mapping become 255",
)
def _chain_alone(labels, mapping):
    result = labels.clone()
    for old, new in mapping.items():
        result[result == old] = new
    return result


@misconception("07-merge", "ids without an entry keep their old name: they should become 255", hint=2)
def _kept(labels, mapping):
    lut = torch.arange(256)
    for old, new in mapping.items():
        lut[old] = new
    return lut[labels]


@misconception("07-merge", "ids without an entry become class 0: they should become 255", hint=2)
def _to_zero(labels, mapping):
    lut = torch.zeros(256, dtype=torch.long)
    for old, new in mapping.items():
        lut[old] = new
    return lut[labels]


@misconception("07-merge", "the mapping is read backwards: keys are the old ids, values the new ones")
def _backwards(labels, mapping):
    return merge_classes(labels, {new: old for old, new in mapping.items()})
