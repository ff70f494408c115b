"""Exercises of lesson 00 (start here): labels, colours and the shapes of pictures, in NumPy.

Pictures are uint8 (H, W, 3) as Pillow gives them; labels are uint8 (H, W) of the 19 Cityscapes trainIds, 255 = ignore.
"""

from __future__ import annotations

import numpy as np
import torch

from gltr_lib.checks.registry import Exercises, numpy_random

EXERCISES = Exercises()
exercise, misconception = EXERCISES.exercise, EXERCISES.misconception


def _labels(seed: int, height: int = 9, width: int = 14, classes: int = 19) -> np.ndarray:
    rng = numpy_random(seed)
    labels = rng.integers(0, classes, (height, width)).astype(np.uint8)
    labels[rng.random((height, width)) < 0.2] = 255
    return labels


def _palette(seed: int) -> np.ndarray:
    return numpy_random(seed).integers(20, 236, (19, 3)).astype(np.uint8)


@exercise(
    "00-labels",
    title="The share of a class",
    task="Return the share (0 to 1) of the *labelled* pixels of `labels` (uint8, HxW) that have the class `class_id`. "
    "Pixels with the value 255 carry no label and count neither above nor below the fraction line.",
    hints=(
        "Two counts and one division. Which pixels may the lower count contain?",
        "`valid = labels != 255`; then compare `(labels == class_id).sum()` with `valid.sum()`.",
    ),
    minutes=3,
    difficulty=1,
    cases=lambda: [
        (_labels(seed, classes=classes), class_id)
        for seed, classes, class_id in ((0, 4, 0), (1, 4, 3), (2, 19, 18), (3, 4, 11))
    ],
)
def class_share(labels, class_id):
    valid = labels != 255
    return float((labels == class_id).sum() / valid.sum())


@misconception("00-labels", "the pixels without a label (255) are counted below the fraction line: leave them out")
def _counts_ignored(labels, class_id):
    return float((labels == class_id).mean())


@misconception("00-labels", "this is the number of pixels; divide it by the number of labelled pixels")
def _a_count(labels, class_id):
    return int((labels == class_id).sum())


@misconception("00-labels", "this is in percent: a share lies between 0 and 1")
def _percent(labels, class_id):
    return 100.0 * class_share(labels, class_id)


@misconception(
    "00-labels", "`len(labels)` is the number of rows only: count the labelled pixels, `valid.sum()`", hint=2
)
def _by_rows(labels, class_id):
    return float((labels == class_id).sum() / len(labels))


@misconception("00-labels", "this is one number a pixel: first count the pixels of the class, with `.sum()`", hint=2)
def _not_counted(labels, class_id):
    return (labels == class_id) / (labels != 255).sum()


@misconception("00-labels", "this is cut to a whole number, 0: divide with `/`, not `//`, and do not round", hint=2)
def _whole_division(labels, class_id):
    return int((labels == class_id).sum() // (labels != 255).sum())


@misconception(
    "00-labels", "class 18 is left out of the lower count: all but 255 are labelled, `labels != 255`", hint=2
)
def _last_class_unlabelled(labels, class_id):
    return (labels == class_id).sum() / (labels < 18).sum()


@misconception("00-labels", "class 0 (road) is left out of the lower count: 0 is a class, only 255 is no label", hint=2)
def _road_unlabelled(labels, class_id):
    return (labels == class_id).sum() / np.count_nonzero(labels)


@misconception("00-labels", "pixels without a label are counted as road, class 0: leave them out", hint=2)
def _ignored_as_road(labels, class_id):
    return (np.where(labels == 255, 0, labels) == class_id).mean()


@misconception("00-labels", "the ids themselves are added up: count pixels, `(labels == class_id).sum()`", hint=2)
def _ids_added(labels, class_id):
    return labels[labels == class_id].sum() / (labels != 255).sum()


@misconception("00-labels", "below the line the ids are added up: count pixels, `(labels != 255).sum()`", hint=2)
def _ids_added_below(labels, class_id):
    return (labels == class_id).sum() / labels[labels != 255].sum()


@misconception("00-labels", "below the line stand the pixels *without* a label: `!= 255`, not `== 255`", hint=2)
def _by_unlabelled(labels, class_id):
    return (labels == class_id).sum() / (labels == 255).sum()


@misconception("00-labels", "this is rounded to two decimals: leave it as it is")
def _two_decimals(labels, class_id):
    return round(class_share(labels, class_id), 2)


@misconception("00-labels", "this is one number a column: without an axis `.sum()` counts all pixels", hint=2)
def _by_column(labels, class_id):
    return (labels == class_id).sum(0) / (labels != 255).sum(0)


def _pictures():
    # NumPy hands small blocks of memory out again: after this an `np.empty` of a table's size is not black.
    used = [np.full((256, 3), 201, np.uint8) for _ in range(16)]
    del used
    return [(_labels(seed), _palette(seed)) for seed in range(3)]


@exercise(
    "00-colour",
    title="Colouring labels by lookup",
    task="Turn `labels` (uint8, HxW) into a picture (uint8, HxWx3): every class gets its row of `palette` "
    "(uint8, 19x3), every pixel with the value 255 becomes black. No Python loop over pixels.",
    hints=(
        "`palette[labels]` looks up all pixels at once, but 255 lies outside the 19 rows.",
        "Make a table with 256 rows of zeros, copy the palette into its first 19 rows, and index the table.",
    ),
    minutes=6,
    difficulty=2,
    cases=_pictures,
    strict_dtype=True,
)
def colourise(labels, palette):
    table = np.zeros((256, 3), dtype=np.uint8)
    table[: len(palette)] = palette
    return table[labels]


@misconception("00-colour", "pixels without a label get the colour of the last class: they should be black", hint=2)
def _ignore_as_last(labels, palette):
    return palette[np.minimum(labels, len(palette) - 1)]


@misconception("00-colour", "pixels without a label wrap around to some class: they should be black", hint=2)
def _ignore_wraps(labels, palette):
    return palette[labels % len(palette)]


@misconception("00-colour", "pixels without a label are coloured as road, class 0: they should be black", hint=2)
def _ignore_as_first(labels, palette):
    return palette[np.where(labels == 255, 0, labels)]


@misconception(
    "00-colour", "pixels without a label are white: they should be black, so fill the table with zeros", hint=2
)
def _ignore_white(labels, palette):
    return np.where((labels == 255)[..., None], np.uint8(255), colourise(labels, palette))


@misconception("00-colour", "the colours come first, (3, H, W); a picture for Pillow is (H, W, 3)")
def _channels_first(labels, palette):
    return colourise(labels, palette).transpose(2, 0, 1)


OTHER_DTYPE = "the colours are right but no longer uint8: give the table `dtype=np.uint8`"


@misconception("00-colour", OTHER_DTYPE, hint=2)
def _float_colours(labels, palette):
    return colourise(labels, palette).astype(np.float64)


@misconception("00-colour", OTHER_DTYPE, hint=2)
def _single_colours(labels, palette):
    return colourise(labels, palette).astype(np.float32)


@misconception("00-colour", OTHER_DTYPE, hint=2)
def _whole_colours(labels, palette):
    return colourise(labels, palette).astype(np.int64)


@misconception("00-colour", "the last class is black: the table takes all 19 rows, `table[:19] = palette`", hint=2)
def _last_class_black(labels, palette):
    return colourise(labels, np.vstack([palette[:18], np.zeros((1, 3), np.uint8)]))


@misconception("00-colour", "class 0 (road) is black: only 255 is no label", hint=2)
def _road_black(labels, palette):
    return colourise(labels, np.vstack([np.zeros((1, 3), np.uint8), palette[1:]]))


@misconception("00-colour", "each class has its neighbour's colour: row 0 of the palette belongs to class 0", hint=2)
def _one_row_late(labels, palette):
    return colourise(labels, np.vstack([np.zeros((1, 3), np.uint8), palette]))


@misconception("00-colour", "red and blue are exchanged (BGR): keep the palette's order")
def _bgr(labels, palette):
    return colourise(labels, palette)[..., ::-1]


@misconception("00-colour", "rows and columns are exchanged: index with `labels` as it is, (H, W)")
def _transposed(labels, palette):
    return colourise(labels.T, palette)


@misconception("00-colour", "these are the ids as grey levels: each id should be looked up in the palette", hint=1)
def _ids_as_grey(labels, palette):
    return np.stack([labels] * 3, -1)


@misconception("00-colour", "`np.empty` holds whatever stood in memory, not black: take `np.zeros`", hint=2)
def _empty_table(labels, palette):
    return np.where((labels == 255)[..., None], np.uint8(201), colourise(labels, palette))


@exercise(
    "00-normalise",
    title="From picture to tensor",
    task="Turn `picture` (NumPy, uint8, HxWx3, values 0..255) into a float32 tensor of shape (3, H, W) with values "
    "in [0, 1], where 255 becomes exactly 1.",
    hints=(
        "Three steps: to a tensor, axes in a new order, values scaled.",
        "`torch.from_numpy(picture).permute(2, 0, 1)`, then to float and divided by 255.",
    ),
    minutes=4,
    difficulty=1,
    cases=lambda: [
        (numpy_random(seed).integers(10, 200 + 20 * seed, (6, 10, 3)).astype(np.uint8),) for seed in range(3)
    ],
    strict_dtype=True,
)
def to_tensor(picture):
    return torch.from_numpy(picture).permute(2, 0, 1).float() / 255


@misconception("00-normalise", "`reshape` only cuts the same row of numbers elsewhere; the axes must be permuted")
def _reshaped(picture):
    return torch.from_numpy(picture).reshape(3, *picture.shape[:2]).float() / 255


@misconception("00-normalise", "the values still run to 255: divide, so that they lie in [0, 1]", hint=2)
def _unscaled(picture):
    return torch.from_numpy(picture).permute(2, 0, 1).float()


@misconception("00-normalise", "white becomes 255/256: divide by 255, so that 255 becomes exactly 1", hint=2)
def _by_256(picture):
    return torch.from_numpy(picture).permute(2, 0, 1).float() / 256


@misconception("00-normalise", "each picture is divided by its own maximum, so a dark picture becomes a bright one")
def _by_maximum(picture):
    tensor = torch.from_numpy(picture).permute(2, 0, 1).float()
    return tensor / tensor.max()


@misconception("00-normalise", "the axes are still (H, W, 3): PyTorch wants the channels first")
def _channels_last(picture):
    return torch.from_numpy(picture).float() / 255


@misconception(
    "00-normalise", "height and width are exchanged: (H, W, 3) becomes (3, H, W) with `permute(2, 0, 1)`", hint=2
)
def _turned(picture):
    return to_tensor(picture).transpose(1, 2)


@misconception(
    "00-normalise", "`//` cuts off what stands behind the point, and nearly all becomes 0: divide with `/`", hint=2
)
def _whole_division_of_values(picture):
    return (torch.from_numpy(picture).permute(2, 0, 1) // 255).float()


@misconception("00-normalise", "the values are right but in double precision, as NumPy divides: add `.float()`", hint=2)
def _double(picture):
    return to_tensor(picture).double()


@misconception("00-normalise", "the values still run to 255: divide, so that they lie in [0, 1]", hint=2)
def _still_bytes(picture):
    return torch.from_numpy(picture).permute(2, 0, 1)


@misconception("00-normalise", "as uint8 nearly all becomes 0: keep the quotient as float32", hint=2)
def _quotient_as_bytes(picture):
    return torch.from_numpy((picture / 255).astype(np.uint8)).permute(2, 0, 1)


@misconception("00-normalise", "red and blue are exchanged (BGR): Pillow's order is RGB, keep it")
def _blue_first(picture):
    return to_tensor(picture).flip(0)


@misconception("00-normalise", "this runs from -1 to 1: only divide by 255")
def _from_minus_one(picture):
    return to_tensor(picture) * 2 - 1


@misconception("00-normalise", "each picture is stretched by its own darkest and brightest value: divide by 255")
def _stretched(picture):
    tensor = to_tensor(picture)
    return (tensor - tensor.min()) / (tensor.max() - tensor.min())


@misconception("00-normalise", "each picture is standardised by its own mean and std: divide by 255")
def _standardised(picture):
    tensor = to_tensor(picture)
    return (tensor - tensor.mean()) / tensor.std()


@misconception("00-normalise", "`clamp` makes nearly all values 1: divide by 255", hint=2)
def _clamped(picture):
    return torch.from_numpy(picture).permute(2, 0, 1).float().clamp(0, 1)


@misconception("00-normalise", "an axis for the batch is there already: the answer is one picture, (3, H, W)")
def _batch_of_one(picture):
    return to_tensor(picture)[None]


OTHER_ORDER = "the axes stand in another order: (H, W, 3) becomes (3, H, W) with `permute(2, 0, 1)`"


@misconception("00-normalise", OTHER_ORDER, hint=2)
def _width_first(picture):
    return torch.from_numpy(picture).permute(1, 2, 0) / 255


@misconception("00-normalise", OTHER_ORDER, hint=2)
def _height_first(picture):
    return torch.from_numpy(picture).permute(0, 2, 1) / 255


@misconception("00-normalise", "this is divided by 255 twice", hint=2)
def _twice(picture):
    return to_tensor(picture) / 255
