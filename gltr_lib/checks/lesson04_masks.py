"""Exercises of lesson 04 that cut a mask out of noise: a threshold for a share, and the share met exactly."""

from __future__ import annotations

import math

import torch

from gltr_lib.checks.registry import Exercises, torch_random

EXERCISES = Exercises()
exercise, misconception = EXERCISES.exercise, EXERCISES.misconception

DIVISOR = "the std has the divisor H*W - 1, which is torch's default; here it is H*W: `correction=0`"
BY_PIXELS = "H*W divides the sum of the squares, not the std itself: `correction=0`"
ROOT_OF_TWO = "the factor sqrt(2) of the formula is forgotten"


def fields(seed: int, batch: int = 3) -> torch.Tensor:
    generator = torch_random(seed)
    fields = torch.randn(batch, 1, 20, 24, generator=generator)
    fields = torch.nn.functional.avg_pool2d(fields, 5, stride=1, padding=2)  # smoothed: std far from 1
    return fields + torch.randn(batch, 1, 1, 1, generator=generator) * 0.3


def few(seed: int) -> tuple[torch.Tensor, float]:
    """Twelve values, and a share painted whose cut passes one of them with the divisor H*W and not with H*W - 1."""
    field = torch.randn(1, 1, 3, 4, generator=torch_random(seed))
    highest = (field.max() - field.mean()) / field.std(correction=0)
    return field, 1 - torch.special.ndtr(highest * (11 / 12) ** 0.25).item()


def level_of(p: float) -> float:
    return math.sqrt(2.0) * torch.erfinv(torch.tensor(2.0 * p - 1.0, dtype=torch.float64)).item()


@exercise(
    "04-threshold",
    title="Cutting the noise",
    task="`field` (B, 1, H, W) is blurred noise, about normally distributed. Return a float mask that is 1 where "
    "the field lies above `mean - sqrt(2) * erfinv(2 * share - 1) * std`, with the mean and the std of each sample "
    "(the std with divisor H*W, not H*W - 1: `correction=0`), and 0 elsewhere. About `share` of the pixels become 1.",
    hints=(
        "Blurring shrinks the noise: its std is far below 1, so a level for a standard normal does not fit.",
        "`field.mean((1, 2, 3), keepdim=True)` and `field.std((1, 2, 3), correction=0, keepdim=True)`; "
        "`torch.erfinv` needs a tensor.",
    ),
    minutes=8,
    difficulty=3,
    cases=lambda: [*((fields(seed), share) for seed, share in ((0, 0.5), (1, 0.2), (2, 0.8))), few(6)],
    strict_dtype=True,  # the next cell takes the mean of the mask, which torch refuses for True and False
)
def threshold_mask(field, share):
    mean = field.mean((1, 2, 3), keepdim=True)
    std = field.std((1, 2, 3), correction=0, keepdim=True)
    level = math.sqrt(2) * torch.erfinv(torch.tensor(2 * share - 1.0))
    return (field > mean - level * std).float()


def _moments(field):
    return field.mean((1, 2, 3), keepdim=True), field.std((1, 2, 3), correction=0, keepdim=True)


@misconception("04-threshold", "the std is missing: blurred noise is much narrower than a standard normal")
def _no_std(field, share):
    return (field > field.mean((1, 2, 3), keepdim=True) - level_of(share)).float()


@misconception("04-threshold", DIVISOR, hint=2)
def _torchs_std(field, share):
    return (field > field.mean((1, 2, 3), keepdim=True) - level_of(share) * field.std((1, 2, 3), keepdim=True)).float()


@misconception("04-threshold", BY_PIXELS, hint=2)
def _std_by_pixels(field, share):
    std = field.std((1, 2, 3), correction=0, keepdim=True) / field[0].numel()
    return (field > field.mean((1, 2, 3), keepdim=True) - level_of(share) * std).float()


@misconception("04-threshold", "the mask is inverted: 1 should be the stylised share, the pixels above the level")
def _inverted(field, share):
    return 1 - threshold_mask(field, share)


@misconception("04-threshold", "the sign of the level is turned round: a larger share needs a lower level")
def _level_sign(field, share):
    return threshold_mask(field, 1 - share)


@misconception("04-threshold", "mean and std run over the batch: every sample has its own noise", hint=2)
def _over_batch(field, share):
    return (field > field.mean() - level_of(share) * field.std(correction=0)).float()


@misconception("04-threshold", "mean and std run over the batch: every sample has its own noise", hint=2)
def _over_batch_torchs(field, share):
    return (field > field.mean() - level_of(share) * field.std()).float()


@misconception("04-threshold", ROOT_OF_TWO, hint=2)
def _no_root_of_two(field, share):
    mean, std = _moments(field)
    return (field > mean - level_of(share) / math.sqrt(2) * std).float()


@misconception("04-threshold", "this multiplies by the variance: the standard deviation is meant", hint=2)
def _variance(field, share):
    mean, std = _moments(field)
    return (field > mean - level_of(share) * std**2).float()


@misconception("04-threshold", "the mean is missing: the field need not lie around 0", hint=2)
def _no_mean(field, share):
    return (field > -level_of(share) * _moments(field)[1]).float()


@misconception(
    "04-threshold", "this counts pixels, which exercise 4.2 asks for: here the level comes from mean and std"
)
def _counted(field, share):
    return exact_mask(field, share)


@misconception("04-threshold", "the share itself is used as level: it is a share of pixels, not a value of the field")
def _share_as_level(field, share):
    return (field > share).float()


@misconception("04-threshold", "this is a mask of True and False: turn it into 0 and 1 with `.float()`", hint=2)
def _true_and_false(field, share):
    return threshold_mask(field, share).bool()


@exercise(
    "04-quantile",
    title="Meeting the share exactly",
    task="Return a float mask of 0 and 1 like `field` (B, 1, H, W) in which, in **each** sample, exactly "
    "`round(share * H * W)` pixels are 1: those with the highest values. A share of 0 gives no pixel, 1 gives all.",
    hints=(
        "Rank the pixels of each sample; the share only says how far down the ranking you go.",
        "`rank = flat.argsort(1).argsort(1)` numbers the pixels of `flat = field.flatten(1)` from 0 (lowest); keep "
        "`rank >= pixels - count`.",
    ),
    minutes=8,
    difficulty=3,
    cases=lambda: [
        (fields(seed), share) for seed, share in ((0, 0.25), (1, 0.7), (2, 0.0), (3, 1.0), (4, 0.333), (5, 0.334))
    ],
    strict_dtype=True,
)
def exact_mask(field, share):
    flat = field.flatten(1)
    count = round(share * flat.shape[1])
    rank = flat.argsort(1).argsort(1)
    return (rank >= flat.shape[1] - count).float().reshape(field.shape)


@misconception("04-quantile", "one `argsort` gives the order of the pixels, not their ranks: sort that order once more")
def _order_for_ranks(field, share):
    flat = field.flatten(1)
    return (flat.argsort(1) >= flat.shape[1] - round(share * flat.shape[1])).float().reshape(field.shape)


@misconception(
    "04-quantile", "with a share of 1 one pixel is missing (`>` drops the minimum itself): count the pixels", 2
)
def _one_dropped(field, share):
    flat = field.flatten(1)
    return (flat > torch.quantile(flat, 1 - share, dim=1, keepdim=True)).float().reshape(field.shape)


@misconception(
    "04-quantile", "this is the threshold of exercise 4.1, which meets the share only about: rank the pixels"
)
def _only_about(field, share):
    return threshold_mask(field, share)


@misconception("04-quantile", "the quantile is taken over the whole batch: each sample must meet the share")
def _global_quantile(field, share):
    count = round(share * field[0].numel()) * len(field)
    rank = field.flatten().argsort().argsort()
    return (rank >= field.numel() - count).float().reshape(field.shape)


WHOLE_BATCH = "the quantile is taken over the whole batch: each sample must meet the share, and exactly"


@misconception("04-quantile", WHOLE_BATCH)
def _batch_above(field, share):
    return (field > torch.quantile(field, 1 - share)).float()


@misconception("04-quantile", WHOLE_BATCH)
def _batch_from(field, share):
    return (field >= torch.quantile(field, 1 - share)).float()


CUT = "this keeps 1 - share of the pixels: the cut lies at the quantile 1 - share"


@misconception("04-quantile", CUT)
def _above_share(field, share):
    flat = field.flatten(1)
    return (flat > torch.quantile(flat, share, dim=1, keepdim=True)).float().reshape(field.shape)


@misconception("04-quantile", CUT)
def _from_share(field, share):
    flat = field.flatten(1)
    return (flat >= torch.quantile(flat, share, dim=1, keepdim=True)).float().reshape(field.shape)


@misconception("04-quantile", "with a share of 0 all pixels are taken: `[-0:]` is the whole, and so is index -1")
def _minus_zero(field, share):
    return exact_mask(field, share or 1.0)


@misconception("04-quantile", "the number of pixels is rounded up: `round(share * H * W)`", hint=2)
def _rounded_up(field, share):
    pixels = field[0].numel()
    return exact_mask(field, math.ceil(share * pixels) / pixels)


@misconception("04-quantile", "the lowest values became 1: take the highest, the mask says where it is stylised")
def _lowest(field, share):
    return exact_mask(-field, share)


@misconception("04-quantile", CUT)
def _wrong_share(field, share):
    return exact_mask(field, 1 - share)


@misconception(
    "04-quantile", "with a share of 0 one pixel survives (`>=` keeps the maximum itself): count the pixels", 2
)
def _one_survives(field, share):
    flat = field.flatten(1)
    cut = torch.quantile(flat, 1 - share, dim=1, keepdim=True)
    return (flat >= cut).float().reshape(field.shape)


@misconception("04-quantile", "this is a mask of True and False: turn it into 0 and 1 with `.float()`", hint=2)
def _exact_true_and_false(field, share):
    return exact_mask(field, share).bool()


@misconception("04-quantile", "the number of pixels is cut off and not rounded: `round(share * H * W)`", hint=2)
def _cut_off(field, share):
    pixels = field[0].numel()
    return exact_mask(field, math.floor(share * pixels) / pixels)
