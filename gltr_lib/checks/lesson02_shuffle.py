"""Exercise 02-shuffle: positions in a random new order. Its answers are random, so a judge looks at what they do."""

from __future__ import annotations

import torch

from gltr_lib.checks.registry import Exercises, NotYet, torch_random

EXERCISES = Exercises()
exercise, misconception = EXERCISES.exercise, EXERCISES.misconception


def _judge_shuffle(answer):
    for seed in range(3):
        x = torch.randn(3, 5, 6, 7, generator=torch_random(seed))
        kept = x.clone()
        y = answer(x, torch.Generator().manual_seed(seed))
        if not isinstance(y, torch.Tensor) or y.shape != x.shape:
            raise NotYet(f"expected a tensor of the input's shape {tuple(x.shape)}, received {_shape(y)}")
        if not torch.equal(x, kept):
            raise NotYet("the function changes its input in place: work on a copy")
        if torch.equal(y, x):
            raise NotYet("nothing has moved: the positions should be in a new order")
        per_picture = torch.equal(y.flatten(2).sort(2).values, x.flatten(2).sort(2).values)
        if not per_picture and torch.equal(y.flatten().sort().values, x.flatten().sort().values):
            raise NotYet("values cross from one channel or picture to another: move positions only, (h, w)", 1)
        if not per_picture:
            raise NotYet("some positions appear twice and others never: draw without replacement (`randperm`)", 2)
        columns, before = y.flatten(2).transpose(1, 2), x.flatten(2).transpose(1, 2)
        if not all(torch.equal(_rows_sorted(a), _rows_sorted(b)) for a, b in zip(columns, before, strict=True)):
            raise NotYet("each channel is shuffled on its own: move whole positions, all channels together", 2)
        if not torch.equal(answer(x, torch.Generator().manual_seed(seed)), y):
            raise NotYet("the same seed gives another order: pass `generator=generator` to the draw", 2)
        if torch.equal(answer(x, torch.Generator().manual_seed(seed + 100)), y):
            raise NotYet("every seed gives the same order: draw it with `generator`", 2)
        generator = torch.Generator().manual_seed(seed)
        if torch.equal(answer(x, generator), answer(x, generator)):
            raise NotYet("two draws from one generator give one order: let it draw, `generator=generator`", 2)
        if _neighbours_stay(x[0, -1], y[0, -1]):
            raise NotYet("whole rows or columns move together: every position should get a place of its own", 1)


def _neighbours_stay(before: torch.Tensor, after: torch.Tensor) -> bool:
    """True where each row of ``before`` (H, W), no value twice, is still one row of ``after``, or each column one."""
    place = torch.empty(before.numel(), dtype=torch.long)
    place[before.flatten().argsort()] = after.flatten().argsort()
    rows, columns = (part.view(before.shape) for part in (place // before.shape[1], place % before.shape[1]))
    return bool((rows == rows[:, :1]).all() or (columns == columns[:1]).all())


def _rows_sorted(table: torch.Tensor) -> torch.Tensor:
    return table[table[:, 0].argsort()]


def _shape(value: object) -> str:
    return str(tuple(value.shape)) if isinstance(value, torch.Tensor) else type(value).__name__


@exercise(
    "02-shuffle",
    title="Confetti",
    task="Return a copy of `features` (B, C, H, W) in which the positions (h, w) stand in a random new order, the same "
    "for all channels; draw it with `generator`. (Then compare `channel_stats` before and after.)",
    hints=(
        "Lay the positions out in one row, (B, C, H*W), permute that row, and fold it back.",
        "`order = torch.randperm(h * w, generator=generator)`; `features.flatten(2)[:, :, order].reshape_as(features)`",
    ),
    minutes=5,
    difficulty=2,
    judge=_judge_shuffle,
)
def shuffle_positions(features, generator):
    order = torch.randperm(features.shape[2] * features.shape[3], generator=generator)
    return features.flatten(2)[:, :, order].reshape_as(features)


@misconception("02-shuffle", "values cross from one channel or picture to another")
def _shuffle_channels(features, generator):
    return features[:, torch.randperm(features.shape[1], generator=generator)]


@misconception("02-shuffle", "some positions appear twice and others never")
def _with_replacement(features, generator):
    size = features.shape[2] * features.shape[3]
    return features.flatten(2)[:, :, torch.randint(size, (size,), generator=generator)].reshape_as(features)


@misconception("02-shuffle", "each channel is shuffled on its own")
def _each_channel(features, generator):
    flat = features.flatten(2)
    order = torch.rand(flat.shape, generator=generator).argsort(2)
    return flat.gather(2, order).reshape_as(features)


@misconception("02-shuffle", "the same seed gives another order")
def _shuffle_unseeded(features, generator):
    order = torch.randperm(features.shape[2] * features.shape[3])
    return features.flatten(2)[:, :, order].reshape_as(features)


@misconception("02-shuffle", "two draws from one generator give one order")
def _from_the_seed_alone(features, generator):
    order = torch.randperm(features[0, 0].numel(), generator=torch.Generator().manual_seed(generator.initial_seed()))
    return features.flatten(2)[:, :, order].reshape_as(features)


@misconception("02-shuffle", "every seed gives the same order")
def _turned_round(features, generator):
    return features.flip(2, 3)


@misconception("02-shuffle", "whole rows or columns move together")
def _rows_then_columns(features, generator):
    rows, columns = (torch.randperm(size, generator=generator) for size in features.shape[2:])
    return features[:, :, rows][:, :, :, columns]
