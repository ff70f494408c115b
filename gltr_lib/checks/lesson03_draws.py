"""Exercises of lesson 03 that draw: a style for each picture, which pictures stay raw. Judges look at many draws."""

from __future__ import annotations

import torch

from gltr_lib.checks.registry import Exercises, NotYet, torch_random

EXERCISES = Exercises()
exercise, misconception = EXERCISES.exercise, EXERCISES.misconception


def _pair(result, count, wanted):
    """The drawn means and stds, or what is wrong with their shapes."""
    if isinstance(result, torch.Tensor) and result.ndim == 3:  # stacked, it unpacks like a pair
        result = tuple(result)
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        raise NotYet("expected a pair (mean, std)", 2)
    if not all(isinstance(part, torch.Tensor) for part in result):
        raise NotYet("expected two tensors: index with all row numbers at once, `means[rows]`", 2)
    mean, std = result
    if len(mean) == len(std) == count:
        few = f"drawn without replacement, or as many as the bank has: {count} rows came back for {wanted[0]} pictures"
        raise NotYet(f"{few}; draw `count` row numbers, each from all of them", 2)
    if tuple(mean.shape) != wanted or tuple(std.shape) != wanted:
        raise NotYet(f"expected two tensors of shape {wanted}, received {tuple(mean.shape)}, {tuple(std.shape)}")
    return mean, std


def _judge_sample(answer):
    count, channels, pictures, seeds = 6, 4, 8, 200
    generator = torch_random(7)
    means, stds = torch.randn(count, channels, generator=generator), torch.rand(count, channels, generator=generator)
    bank = means.clone(), stds.clone()
    drawn = []
    for seed in range(seeds):
        mean, std = _pair(
            answer(means, stds, pictures, torch.Generator().manual_seed(seed)), count, (pictures, channels)
        )
        if not (torch.equal(means, bank[0]) and torch.equal(stds, bank[1])):
            raise NotYet("the function changes the bank in place: only read its rows")
        rows, others = ((part[:, None] == own).all(2) for part, own in ((mean, means), (std, stds)))
        if not (rows.any(1).all() and others.any(1).all()):
            known = torch.cat([means, stds])
            if (torch.cat([mean, std])[:, None] == known).all(2).any(1).all():
                raise NotYet("mean and std have changed places: the first comes from `means`, the second from `stds`")
            raise NotYet("some rows are no style of the bank: pick whole rows, do not average or mix them")
        if not torch.equal(rows, others):
            raise NotYet("mean and std are drawn apart, so a row is the mean of one painting and the std of another", 2)
        drawn.append(rows.int().argmax(1))
        if seed == 0:
            again = _pair(answer(means, stds, pictures, torch.Generator().manual_seed(0)), count, (pictures, channels))
            if not torch.equal(again[0], mean):
                raise NotYet("the same seed gives other styles: pass `generator=generator` to the draw", 2)
    _judge_draws(torch.stack(drawn), count)
    one = torch.Generator().manual_seed(0)
    steps = [answer(means, stds, pictures, one)[0] for _ in range(4)]
    if all(torch.equal(step, steps[0]) for step in steps):
        told = "two draws from one generator give the same styles, so every step would be painted alike"
        raise NotYet(f"{told}: draw from it, and do not set its seed yourself", 2)


def _judge_draws(rows, count):
    """The drawn rows (draws, pictures): by chance, from all styles alike, one for each picture."""
    if (rows == rows[0]).all():
        raise NotYet("every seed gives the same styles: draw with `generator`, and do not set its seed yourself", 2)
    if (rows == rows[:, :1]).all():
        raise NotYet("one style is drawn for the whole batch: every picture should get its own")
    seen = torch.bincount(rows.flatten(), minlength=count)
    if not seen.all():
        raise NotYet(f"only {int((seen > 0).sum())} of {count} styles ever appear: draw from all of them")
    if seen.min() < 0.7 * rows.numel() / count:
        raise NotYet("some styles come far less often than others: with `randint` all rows are equally likely", 2)
    pairs = {tuple(row[[i, j]].tolist()) for row in rows for i, j in ((0, 1), (6, 7))}
    if len(pairs) < count * count - 3 or torch.equal(rows[:, :4], rows[:, 4:]):
        raise NotYet(
            "the pictures of a batch are not drawn independently: one row number for each, with replacement", 2
        )


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


@misconception("03-sample", "every seed gives the same styles")
def _first_rows(means, stds, count, generator):
    rows = torch.arange(count) % len(means)
    return means[rows], stds[rows]


@misconception("03-sample", "two draws from one generator give the same styles")
def _seed_again(means, stds, count, generator):
    return sample_styles(means, stds, count, torch.Generator().manual_seed(generator.initial_seed()))


@misconception("03-sample", "the pictures of a batch are not drawn independently")
def _from_a_start(means, stds, count, generator):
    rows = (torch.randint(len(means), (1,), generator=generator) + torch.arange(count)) % len(means)
    return means[rows], stds[rows]


@misconception("03-sample", "some styles come far less often than others")
def _rounded(means, stds, count, generator):
    rows = (torch.rand(count, generator=generator) * (len(means) - 1)).round().long()
    return means[rows], stds[rows]


@misconception("03-sample", "mean and std have changed places")
def _std_first(means, stds, count, generator):
    return sample_styles(stds, means, count, generator)


def _judge_raw(answer):
    shape, share = (16, 3, 4, 5), 0.25
    random = torch_random(5)
    images, stylised = torch.rand(shape, generator=random), torch.rand(shape, generator=random)
    kept = images.clone(), stylised.clone()
    choices = []
    for seed in range(20):
        result = answer(images, stylised, share, torch.Generator().manual_seed(seed))
        if not isinstance(result, torch.Tensor) or tuple(result.shape) != shape:
            raise NotYet(f"expected a tensor of the batch's shape {shape}")
        if not (torch.equal(images, kept[0]) and torch.equal(stylised, kept[1])):
            raise NotYet("the function changes its input in place: build a new tensor, with `torch.where`")
        if not result.is_floating_point():
            raise NotYet(f"the pictures come back as {result.dtype}: values in [0, 1] must stay floats")
        raw, painted = result == images, result == stylised
        if not (raw | painted).all():
            both = torch.cat([images, stylised])
            if all((both == picture).flatten(1).all(1).any() for picture in result):
                moved = "pictures change their places, so their labels no longer fit: picture i stays at place i"
                raise NotYet(moved, 2)
            raise NotYet("raw and stylised are blended in every pixel: choose one of them for each picture", 1)
        raw = raw.flatten(1)
        if (raw != raw[:, :1]).any():
            raise NotYet("the coin is tossed for parts of a picture: toss it once for each whole picture", 2)
        if not torch.equal(answer(images, stylised, share, torch.Generator().manual_seed(seed)), result):
            raise NotYet("the same seed gives another choice: pass `generator=generator` to the draw", 2)
        choices.append(raw[:, 0])
    _judge_coins(torch.stack(choices), share)
    one = torch.Generator().manual_seed(0)
    steps = [answer(images, stylised, share, one) for _ in range(4)]
    if all(torch.equal(step, steps[0]) for step in steps):
        raise NotYet("two draws from one generator give the same choice: draw from it, do not set its seed again", 2)
    none, every = (answer(images, stylised, s, torch.Generator()) for s in (0.0, 1.0))
    if not torch.equal(none, stylised) or not torch.equal(every, images):
        raise NotYet("raw_share=0 should leave no picture raw and raw_share=1 every one")
    small = images[:2, :, :2, :3].clone(), stylised[:2, :, :2, :3].clone()
    try:
        fits = answer(*small, 0.5, torch.Generator()).shape == small[0].shape
    except (RuntimeError, IndexError):
        fits = False
    if not fits:
        raise NotYet("it works for one size of batch only: take it from `images`, `len(images)`", 2)


def _judge_coins(raw, share):
    """Which pictures stayed raw (batches, pictures): a coin for each, with the right chance."""
    part = raw.float().mean().item()
    if (raw == raw[:, :1]).all():
        raise NotYet("one coin decides for the whole batch: toss one for each picture", 2)
    if abs(part - (1 - share)) < 0.08:
        raise NotYet("the share is inverted: `raw_share` is the part that stays raw", 1)
    if (raw == raw[0]).all():
        raise NotYet(
            "every seed keeps the same pictures raw: draw with `generator`, and do not set its seed yourself", 2
        )
    if abs(part - 0.60) < 0.06:
        raise NotYet("`torch.randn` draws from a bell curve around 0; a coin needs `torch.rand`, evenly from 0 to 1", 2)
    if abs(part - share) > 0.08:
        raise NotYet(f"with raw_share={share}, {part:.0%} of {raw.numel()} pictures stayed raw")
    if len(set(raw.sum(1).tolist())) == 1:
        raise NotYet("every batch keeps the same number of raw pictures: toss a coin for each picture", 2)
    if raw.float().mean(0).max() > 0.7:
        raise NotYet("always the first pictures of the batch stay raw: toss a coin for each picture", 2)


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


@misconception("03-ratio", "pictures change their places")
def _raw_first(images, stylised, raw_share, generator):
    coin = torch.rand(len(images), generator=generator) < raw_share
    return torch.cat([images[coin], stylised[~coin]])


@misconception("03-ratio", "two draws from one generator give the same choice")
def _coins_of_the_seed(images, stylised, raw_share, generator):
    return mix_raw(images, stylised, raw_share, torch.Generator().manual_seed(generator.initial_seed()))


@misconception("03-ratio", "always the first pictures of the batch stay raw")
def _always_the_first(images, stylised, raw_share, generator):
    raw = (torch.rand(len(images), generator=generator) < raw_share).sum()
    return torch.where((torch.arange(len(images)) < raw)[:, None, None, None], images, stylised)


@misconception("03-ratio", "`torch.randn` draws from a bell curve")
def _bell_curve(images, stylised, raw_share, generator):
    coin = torch.randn(len(images), generator=generator) < raw_share
    return torch.where(coin[:, None, None, None], images, stylised)


@misconception("03-ratio", "the pictures come back as torch.int32")
def _whole_numbers(images, stylised, raw_share, generator):
    return mix_raw(images, stylised, raw_share, generator).int()
