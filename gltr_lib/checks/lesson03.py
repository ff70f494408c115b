"""Exercises of lesson 03 (global texture randomization): choosing paintings, drawing styles, keeping raw pictures."""

from __future__ import annotations

import torch

from gltr_lib.checks import lesson03_draws
from gltr_lib.checks.registry import Exercises, torch_random

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


@misconception("03-roughness", "only vertical neighbours are compared: vertical stripes would count as smooth")
def _only_down(grey):
    return (grey[1:] - grey[:-1]).abs().mean()


def _steps(grey):
    """All differences between neighbours, horizontal and vertical."""
    return grey[:, 1:] - grey[:, :-1], grey[1:] - grey[:-1]


@misconception("03-roughness", "the two means are added: average them, half and half", hint=2)
def _added(grey):
    return 2 * roughness(grey)


@misconception("03-roughness", "these are sums, which grow with the picture: take means", hint=2)
def _sums(grey):
    return sum(0.5 * step.abs().sum() for step in _steps(grey))


@misconception("03-roughness", "rises and falls cancel each other: take the absolute value before the mean", hint=2)
def _signed_means(grey):
    return sum(0.5 * step.mean().abs() for step in _steps(grey))


@misconception("03-roughness", "divided by the number of pixels: W pixels have W - 1 pairs, so take `.mean()`", hint=2)
def _by_pixels(grey):
    return _sums(grey) / grey.numel()


@misconception(
    "03-roughness", "all pairs go into one mean, where the longer side counts for more: half and half", hint=2
)
def _one_mean(grey):
    return torch.cat([step.abs().flatten() for step in _steps(grey)]).mean()


SQUARES = "squared differences let a few hard edges count most: absolute differences are asked for"


@misconception("03-roughness", SQUARES)
def _squares(grey):
    return sum(0.5 * step.square().mean() for step in _steps(grey))


@misconception("03-roughness", SQUARES)
def _roots_of_squares(grey):
    return sum(0.5 * step.square().mean().sqrt() for step in _steps(grey))


@misconception("03-roughness", "`roll` makes the last column a neighbour of the first: slice instead", hint=1)
def _rolled(grey):
    return sum(0.5 * (grey - grey.roll(1, axis)).abs().mean() for axis in (0, 1))


@misconception("03-roughness", "these are diagonal neighbours: move by one in one direction at a time", hint=1)
def _diagonal(grey):
    return (grey[1:, 1:] - grey[:-1, :-1]).abs().mean()


@misconception("03-roughness", "two steps apart are no neighbours: `1:` and `:-1`, not `2:` and `:-2`", hint=1)
def _two_apart(grey):
    return 0.5 * (grey[:, 2:] - grey[:, :-2]).abs().mean() + 0.5 * (grey[2:] - grey[:-2]).abs().mean()


@misconception("03-roughness", "`torch.gradient` compares pixels two apart: subtract neighbours", hint=1)
def _gradient(grey):
    return sum(0.5 * slope.abs().mean() for slope in torch.gradient(grey))


@misconception(
    "03-roughness", "a row and a column are cut off to make both differences fit: take each mean alone", hint=2
)
def _cropped(grey):
    across, down = _steps(grey)
    return 0.5 * (across[1:].abs() + down[:, 1:].abs()).mean()


@misconception("03-roughness", "the variance of all pixels is contrast, not texture: compare neighbours")
def _variance(grey):
    return grey.var()


@misconception("03-roughness", "this is one number a pair of neighbours: take the mean", hint=2)
def _not_averaged(grey):
    return _steps(grey)[0].abs()


@misconception("03-roughness", "these are the two means: return one number, their average", hint=2)
def _two_numbers(grey):
    return torch.stack([step.abs().mean() for step in _steps(grey)])


def _scores():
    cases = []
    for seed, (low, high) in enumerate(((0.25, 0.75), (0.5, 0.9), (0.1, 0.6))):
        generator = torch_random(seed)
        cases.append((torch.rand(40, generator=generator) ** 3, low, high))  # skewed, as real scores are
    cases.append((torch.rand(41, generator=torch_random(3)) ** 3, 0.25, 0.75))  # both quantiles are scores themselves
    cases.append((torch.rand(42, generator=torch_random(4)) ** 3, 0.3, 0.75))  # neither is, and N * low is no number
    return cases


@exercise(
    "03-band",
    title="Neither bland nor noise",
    task="`scores` (N) is the complexity of N paintings. Return the indices, in rising order, of those whose score "
    "lies between the quantiles `low` and `high` of all scores (both ends included).",
    hints=(
        "`low` and `high` are parts of the ranking, not scores: half of the paintings lie below the 0.5 quantile, "
        "whatever their scores.",
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


@misconception("03-band", "the upper end is open: stop at `high`")
def _no_upper_end(scores, low, high):
    return (scores >= torch.quantile(scores, low)).nonzero().flatten()


@misconception("03-band", "a score that equals a quantile is left out: both ends belong to the band", hint=2)
def _open_ends(scores, low, high):
    return ((scores > torch.quantile(scores, low)) & (scores < torch.quantile(scores, high))).nonzero().flatten()


@misconception("03-band", "this is a mask of True and False: return the indices", hint=2)
def _mask(scores, low, high):
    return (scores >= torch.quantile(scores, low)) & (scores <= torch.quantile(scores, high))


def _levels(scores, low, high):
    return torch.quantile(scores, low), torch.quantile(scores, high)


OPEN_END = "a score that equals a quantile is left out: both ends belong to the band"


@misconception("03-band", OPEN_END, hint=2)
def _open_above(scores, low, high):
    first, last = _levels(scores, low, high)
    return ((scores >= first) & (scores < last)).nonzero().flatten()


@misconception("03-band", OPEN_END, hint=2)
def _open_below(scores, low, high):
    first, last = _levels(scores, low, high)
    return ((scores > first) & (scores <= last)).nonzero().flatten()


@misconception("03-band", "the blandest paintings are taken too: start at `low`")
def _no_lower_end(scores, low, high):
    return (scores <= torch.quantile(scores, high)).nonzero().flatten()


@misconception("03-band", "every score passes one of the two tests; it must pass both: `&`, not `|`", hint=2)
def _either(scores, low, high):
    return torch.arange(len(scores))


@misconception("03-band", "these are the paintings *outside* the band")
def _outside(scores, low, high):
    first, last = _levels(scores, low, high)
    return ((scores < first) | (scores > last)).nonzero().flatten()


@misconception("03-band", "these are the scores: return their indices", hint=2)
def _scores_themselves(scores, low, high):
    return scores[choose_band(scores, low, high)]


@misconception("03-band", "`nonzero` gives one row for each index, (n, 1): flatten it", hint=2)
def _not_flat(scores, low, high):
    return choose_band(scores, low, high)[:, None]


@misconception("03-band", "these are the right paintings in the order of their scores: return them in rising order")
def _by_score(scores, low, high):
    chosen = choose_band(scores, low, high)
    return chosen[scores[chosen].argsort()]


@misconception("03-band", "places in the *sorted* scores are no indices of paintings: compare `scores` itself", hint=2)
def _places_in_order(scores, low, high):
    return choose_band(scores.sort().values, low, high)


@misconception("03-band", "`argsort` says which painting stands at a place, not the place of a painting", hint=2)
def _order_for_ranks(scores, low, high):
    order, last = scores.argsort(), len(scores) - 1
    return ((order >= low * last) & (order <= high * last)).nonzero().flatten()


SLICED = "cut out of the ranking, a painting is missing or too many at an end: let `torch.quantile` set the levels"


@misconception("03-band", SLICED, hint=2)
def _slice(scores, low, high):
    return scores.argsort()[int(low * len(scores)) : int(high * len(scores))].sort().values


@misconception("03-band", SLICED, hint=2)
def _slice_in_order(scores, low, high):
    return scores.argsort()[int(low * len(scores)) : int(high * len(scores))]


@misconception("03-band", SLICED, hint=2)
def _longer_slice(scores, low, high):
    return scores.argsort()[int(low * len(scores)) : int(high * len(scores)) + 1].sort().values


@misconception("03-band", SLICED, hint=2)
def _rounded_slice(scores, low, high):
    return scores.argsort()[round(low * len(scores)) : round(high * len(scores))].sort().values


EXERCISES.update(lesson03_draws.EXERCISES)
