"""Exercises of lesson 03 (global texture randomization): choosing paintings, drawing styles, keeping raw pictures."""

from __future__ import annotations

import torch

from gltr_lib.checks.registry import Exercises, NotYet, torch_random

EXERCISES = Exercises()
exercise, misconception = EXERCISES.exercise, EXERCISES.misconception


def _greys():
    cases = []
    for seed in range(3):
        generator = torch_random(seed)
        grey = torch.rand(8, 11, generator=generator) * 0.3 + torch.linspace(0, 0.2 * seed + 0.1, 11)
        cases.append((grey,))
    return cases


@exercise(
    "03-roughness",
    title="A number for texture",
    task="`grey` (H, W) is a grey picture in [0, 1]. Return its roughness: the mean absolute difference between "
    "horizontal neighbours and the mean absolute difference between vertical neighbours, averaged (half and half).",
    hints=(
        "Neighbours are the picture and itself moved by one: `grey[:, 1:]` and `grey[:, :-1]`.",
        "`0.5 * (abs of the horizontal differences).mean() + 0.5 * (abs of the vertical ones).mean()`",
    ),
    minutes=5,
    difficulty=1,
    cases=_greys,
)
def roughness(grey):
    across = (grey[:, 1:] - grey[:, :-1]).abs().mean()
    down = (grey[1:] - grey[:-1]).abs().mean()
    return float(0.5 * across + 0.5 * down)


@misconception(
    "03-roughness", "the std of all pixels is contrast, not texture: a smooth ramp has much, and hardly any roughness"
)
def _contrast(grey):
    return float(grey.std())


@misconception(
    "03-roughness", "the std of all pixels is contrast, not texture: a smooth ramp has much, and hardly any roughness"
)
def _contrast_biased(grey):
    return float(grey.std(correction=0))


@misconception("03-roughness", "rises and falls cancel each other: take the absolute value before the mean", hint=2)
def _signed(grey):
    return float(0.5 * (grey[:, 1:] - grey[:, :-1]).mean() + 0.5 * (grey[1:] - grey[:-1]).mean())


@misconception("03-roughness", "only horizontal neighbours are compared: horizontal stripes would count as smooth")
def _only_across(grey):
    return float((grey[:, 1:] - grey[:, :-1]).abs().mean())


def _scores():
    cases = []
    for seed, (low, high) in enumerate(((0.25, 0.75), (0.5, 0.9), (0.1, 0.6))):
        generator = torch_random(seed)
        cases.append((torch.rand(40, generator=generator) ** 3, low, high))  # skewed, as real scores are
    cases.append((torch.rand(41, generator=torch_random(3)) ** 3, 0.25, 0.75))  # both quantiles are scores themselves
    return cases


@exercise(
    "03-band",
    title="Neither bland nor noise",
    task="`scores` (N) is the complexity of N paintings. Return the indices, in rising order, of those whose score "
    "lies between the quantiles `low` and `high` of all scores (both ends included).",
    hints=(
        "`low` and `high` are ranks, not values: half of the paintings lie below the 0.5 quantile, whatever their "
        "scores.",
        "`torch.quantile(scores, low)` and `(scores, high)` give the two levels; then compare and `.nonzero()`.",
    ),
    minutes=5,
    difficulty=2,
    cases=_scores,
)
def choose_band(scores, low, high):
    keep = (scores >= torch.quantile(scores, low)) & (scores <= torch.quantile(scores, high))
    return keep.nonzero().flatten()


@misconception(
    "03-band", "low and high are taken as parts of the range of values; they are quantiles, parts of the ranks"
)
def _range_parts(scores, low, high):
    span = scores.max() - scores.min()
    keep = (scores >= scores.min() + low * span) & (scores <= scores.min() + high * span)
    return keep.nonzero().flatten()


@misconception(
    "03-band", "low and high are compared with the scores themselves; they are quantiles, parts of the ranks"
)
def _raw_values(scores, low, high):
    return ((scores >= low) & (scores <= high)).nonzero().flatten()


@misconception("03-band", "the most complex paintings are taken too: they are noise to the network, stop at `high`")
def _no_upper_end(scores, low, high):
    return (scores >= torch.quantile(scores, low)).nonzero().flatten()


@misconception("03-band", "a score that equals a quantile is left out: both ends belong to the band", hint=2)
def _open_ends(scores, low, high):
    return ((scores > torch.quantile(scores, low)) & (scores < torch.quantile(scores, high))).nonzero().flatten()


@misconception("03-band", "this is a mask of True and False: return the indices", hint=2)
def _mask(scores, low, high):
    return (scores >= torch.quantile(scores, low)) & (scores <= torch.quantile(scores, high))


def _judge_sample(answer):
    count, channels = 6, 4
    generator = torch_random(7)
    means, stds = torch.randn(count, channels, generator=generator), torch.rand(count, channels, generator=generator)
    seen: set[int] = set()
    together = True
    for seed in range(12):
        result = answer(means, stds, 8, torch.Generator().manual_seed(seed))
        if not isinstance(result, (tuple, list)) or len(result) != 2:
            raise NotYet("expected a pair (mean, std)", 2)
        mean, std = result
        if len(mean) == len(std) == count:
            raise NotYet(
                f"drawn without replacement, {count} styles are too few for 8 pictures: a style may come twice", 2
            )
        if tuple(mean.shape) != (8, channels) or tuple(std.shape) != (8, channels):
            raise NotYet(
                f"expected two tensors of shape (8, {channels}), received {tuple(mean.shape)}, {tuple(std.shape)}"
            )
        rows = [[i for i in range(count) if torch.equal(row, means[i])] for row in mean]
        others = [[i for i in range(count) if torch.equal(row, stds[i])] for row in std]
        if not all(rows) or not all(others):
            raise NotYet("some rows are no style of the bank: pick whole rows, do not average them")
        if rows != others:
            raise NotYet("mean and std are drawn apart, so a row is the mean of one painting and the std of another", 2)
        together = together and len({row[0] for row in rows}) == 1
        seen.update(row[0] for row in rows)
        again = answer(means, stds, 8, torch.Generator().manual_seed(seed))
        if not torch.equal(again[0], mean):
            raise NotYet("the same seed gives other styles: pass `generator=generator` to the draw", 2)
    if together:
        raise NotYet("one style is drawn for the whole batch: every picture should get its own")
    if seen != set(range(count)):
        raise NotYet(f"only {len(seen)} of {count} styles ever appear: draw from all of them")


@exercise(
    "03-sample",
    title="A fresh style for every picture",
    task="`means` and `stds` (N, C) are a style bank. Draw `count` styles at random (with replacement), one for each "
    "picture of a batch, with `generator`; return (mean, std), both (count, C). A mean and its std stay together.",
    hints=(
        "Draw row numbers, then use the same numbers twice.",
        "`torch.randint(len(means), (count,), generator=generator)`",
    ),
    minutes=4,
    difficulty=1,
    judge=_judge_sample,
)
def sample_styles(means, stds, count, generator):
    rows = torch.randint(len(means), (count,), generator=generator)
    return means[rows], stds[rows]


@misconception("03-sample", "drawn without replacement")
def _each_style_once(means, stds, count, generator):
    rows = torch.randperm(len(means), generator=generator)[:count]
    return means[rows], stds[rows]


@misconception("03-sample", "one style is drawn for the whole batch")
def _one_for_all(means, stds, count, generator):
    row = torch.randint(len(means), (1,), generator=generator)
    return means[row].expand(count, -1), stds[row].expand(count, -1)


@misconception("03-sample", "mean and std are drawn apart")
def _apart(means, stds, count, generator):
    draw = lambda: torch.randint(len(means), (count,), generator=generator)  # noqa: E731
    return means[draw()], stds[draw()]


@misconception("03-sample", "the same seed gives other styles")
def _no_generator(means, stds, count, generator):
    rows = torch.randint(len(means), (count,))
    return means[rows], stds[rows]


@misconception("03-sample", "some rows are no style of the bank")
def _averages(means, stds, count, generator):
    weights = torch.rand(count, len(means), generator=generator).softmax(1)
    return weights @ means, weights @ stds


def _judge_raw(answer):
    shape, kept, together, total = (16, 3, 4, 5), 0, True, 0
    counts: set[int] = set()
    for seed in range(20):
        images, stylised = torch.zeros(shape), torch.ones(shape)
        result = answer(images, stylised, 0.25, torch.Generator().manual_seed(seed))
        if not isinstance(result, torch.Tensor) or tuple(result.shape) != shape:
            raise NotYet(f"expected a tensor of the batch's shape {shape}")
        if images.any() or not stylised.all():
            raise NotYet("the function changes its input in place: build a new tensor, with `torch.where`")
        if ((result != 0) & (result != 1)).any():
            raise NotYet("raw and stylised are blended in every pixel: choose one of them for each picture", 1)
        flat = result.flatten(1)
        if (flat != flat[:, :1]).any():
            raise NotYet("the coin is tossed for parts of a picture: toss it once for each whole picture", 2)
        again = answer(images, stylised, 0.25, torch.Generator().manual_seed(seed))
        if not torch.equal(again, result):
            raise NotYet("the same seed gives another choice: pass `generator=generator` to the draw", 2)
        raw = flat[:, 0] == 0
        kept, total = kept + int(raw.sum()), total + len(raw)
        counts.add(int(raw.sum()))
        together = together and bool(raw.all() or (~raw).all())
    if together:
        raise NotYet("one coin decides for the whole batch: toss one for each picture", 2)
    if abs(kept / total - 0.75) < 0.08:
        raise NotYet("the share is inverted: `raw_share` is the part that stays raw", 1)
    if abs(kept / total - 0.25) > 0.08:
        raise NotYet(f"with raw_share=0.25, {kept / total:.0%} of {total} pictures stayed raw")
    if len(counts) == 1:
        raise NotYet("every batch keeps the same number of raw pictures: toss a coin for each picture", 2)
    none, every = (answer(torch.zeros(shape), torch.ones(shape), s, torch.Generator()) for s in (0.0, 1.0))
    if not none.all() or every.any():
        raise NotYet("raw_share=0 should leave no picture raw and raw_share=1 every one")


@exercise(
    "03-ratio",
    title="Some pictures stay raw",
    task="From `images` and `stylised` (both (B, 3, H, W)) build a batch in which each picture is the raw one with "
    "probability `raw_share` and the stylised one otherwise. One coin for each picture, drawn with `generator`.",
    hints=(
        "How many coins? As many as pictures, and each decides for all pixels of its picture.",
        "`coin = torch.rand(len(images), generator=generator) < raw_share`; then `torch.where` with the coin as "
        "(B, 1, 1, 1).",
    ),
    minutes=5,
    difficulty=2,
    judge=_judge_raw,
)
def mix_raw(images, stylised, raw_share, generator):
    coin = torch.rand(len(images), generator=generator) < raw_share
    return torch.where(coin[:, None, None, None], images, stylised)


@misconception("03-ratio", "raw and stylised are blended in every pixel")
def _lerp(images, stylised, raw_share, generator):
    return raw_share * images + (1 - raw_share) * stylised


@misconception("03-ratio", "the coin is tossed for parts of a picture")
def _pixel_coins(images, stylised, raw_share, generator):
    return torch.where(torch.rand(images.shape, generator=generator) < raw_share, images, stylised)


@misconception("03-ratio", "one coin decides for the whole batch")
def _one_coin(images, stylised, raw_share, generator):
    return images.clone() if torch.rand((), generator=generator) < raw_share else stylised.clone()


@misconception("03-ratio", "the share is inverted")
def _inverted(images, stylised, raw_share, generator):
    return mix_raw(stylised, images, raw_share, generator)


@misconception("03-ratio", "every batch keeps the same number of raw pictures")
def _same_number(images, stylised, raw_share, generator):
    raw = torch.randperm(len(images), generator=generator) < round(raw_share * len(images))
    return torch.where(raw[:, None, None, None], images, stylised)
