"""Exercises of lesson 04 (local texture randomization): threshold, share, sigma, mixing, schedule, official rule.

In this course a mask is 1 where the picture is stylised. The official code's mask is 1 where it stays raw.
"""

from __future__ import annotations

import math

import torch

from gltr_lib.checks.registry import Exercises, plain_random, torch_random

EXERCISES = Exercises()
exercise, misconception = EXERCISES.exercise, EXERCISES.misconception

DIVISOR = "the std has the divisor H*W - 1, which is torch's default; here it is H*W: `correction=0`"
BY_PIXELS = "H*W divides the sum of the squares, not the std itself: `correction=0`"


def _fields(seed: int, batch: int = 3) -> torch.Tensor:
    generator = torch_random(seed)
    fields = torch.randn(batch, 1, 20, 24, generator=generator)
    fields = torch.nn.functional.avg_pool2d(fields, 5, stride=1, padding=2)  # smoothed: std far from 1
    return fields + torch.randn(batch, 1, 1, 1, generator=generator) * 0.3


def _few(seed: int) -> tuple[torch.Tensor, float]:
    """Twelve values, and a share painted whose cut passes one of them with the divisor H*W and not with H*W - 1."""
    field = torch.randn(1, 1, 3, 4, generator=torch_random(seed))
    highest = (field.max() - field.mean()) / field.std(correction=0)
    return field, 1 - torch.special.ndtr(highest * (11 / 12) ** 0.25).item()


def _level(p: float) -> float:
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
    cases=lambda: [*((_fields(seed), share) for seed, share in ((0, 0.5), (1, 0.2), (2, 0.8))), _few(6)],
    strict_dtype=True,  # the next cell takes the mean of the mask, which torch refuses for True and False
)
def threshold_mask(field, share):
    mean = field.mean((1, 2, 3), keepdim=True)
    std = field.std((1, 2, 3), correction=0, keepdim=True)
    level = math.sqrt(2) * torch.erfinv(torch.tensor(2 * share - 1.0))
    return (field > mean - level * std).float()


@misconception("04-threshold", "the std is missing: blurred noise is much narrower than a standard normal")
def _no_std(field, share):
    return (field > field.mean((1, 2, 3), keepdim=True) - _level(share)).float()


@misconception("04-threshold", DIVISOR, hint=2)
def _torchs_std(field, share):
    return (field > field.mean((1, 2, 3), keepdim=True) - _level(share) * field.std((1, 2, 3), keepdim=True)).float()


@misconception("04-threshold", BY_PIXELS, hint=2)
def _std_by_pixels(field, share):
    std = field.std((1, 2, 3), correction=0, keepdim=True) / field[0].numel()
    return (field > field.mean((1, 2, 3), keepdim=True) - _level(share) * std).float()


@misconception("04-threshold", "the mask is inverted: 1 should be the stylised share, the pixels above the level")
def _inverted(field, share):
    return 1 - threshold_mask(field, share)


@misconception("04-threshold", "the sign of the level is turned round: a larger share needs a lower level")
def _level_sign(field, share):
    return threshold_mask(field, 1 - share)


@misconception("04-threshold", "mean and std run over the batch: every sample has its own noise", hint=2)
def _over_batch(field, share):
    return (field > field.mean() - _level(share) * field.std(correction=0)).float()


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
    cases=lambda: [(_fields(seed), share) for seed, share in ((0, 0.25), (1, 0.7), (2, 0.0), (3, 1.0), (4, 0.333))],
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


@misconception("04-quantile", "the lowest values became 1: take the highest, the mask says where it is stylised")
def _lowest(field, share):
    return exact_mask(-field, share)


@misconception("04-quantile", "this keeps 1 - share of the pixels: the cut lies at the quantile 1 - share")
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


def _range():
    """Numbers of the student's own variant."""
    low = plain_random(1).uniform(0.5, 6.0)
    return torch.rand(5, generator=torch_random(1)), low, low * plain_random(2).uniform(2.0, 9.0)


@exercise(
    "04-loguniform",
    title="A size of blob, drawn fairly",
    task="Turn `u`, uniform in [0, 1], into a sigma that is log-uniform between `low` and `high`: equal factors are "
    "equally likely, so 4 to 8 comes as often as 8 to 16. `u = 0` gives low, `u = 1` gives high.",
    hints=("Draw evenly between log(low) and log(high), then go back.", "`low * (high / low) ** u`"),
    minutes=4,
    difficulty=2,
    cases=lambda: [(torch.linspace(0, 1, 7), 4.0, 16.0), (torch.tensor([0.3, 0.9]), 1.0, 100.0), _range()],
)
def draw_sigma(u, low, high):
    return low * (high / low) ** u


@misconception("04-loguniform", "this is uniform, not log-uniform: small blobs come too rarely")
def _uniform(u, low, high):
    return low + (high - low) * u


@misconception("04-loguniform", "these are the logarithms: raise e to them at the end", hint=2)
def _still_logs(u, low, high):
    return math.log(low) + (math.log(high) - math.log(low)) * u


@misconception("04-loguniform", "low and high are exchanged: u = 0 should give low")
def _exchanged(u, low, high):
    return low * (high / low) ** (1 - u)


def _crop():
    draw = plain_random(3)
    return draw.uniform(2.0, 20.0), draw.randint(100, 500), draw.randint(501, 2000)


@exercise(
    "04-sigma",
    title="Blobs that fit the picture",
    task="`sigma_640` is the width of the blur in pixels at a crop of 640 x 640. Return the width that gives blobs of "
    "the same size relative to a picture of `height` x `width`: scale by the shorter side.",
    hints=("At half the crop a blob should have half as many pixels across.", "`sigma_640 * min(height, width) / 640`"),
    minutes=3,
    difficulty=1,
    cases=lambda: [(4.0, 128, 256), (16.0, 640, 640), (10.0, 1052, 1914), (8.0, 300, 200), _crop()],
)
def sigma_at(sigma_640, height, width):
    return sigma_640 * min(height, width) / 640


@misconception("04-sigma", "sigma is not scaled: at 128 x 256 a blob of the 640 crop would cover half the street")
def _unscaled(sigma_640, height, width):
    return sigma_640


@misconception("04-sigma", "the height scales it: the shorter side decides, and that may be the width", hint=2)
def _by_height(sigma_640, height, width):
    return sigma_640 * height / 640


@misconception("04-sigma", "the longer side scales it: the shorter one decides", hint=2)
def _longer_side(sigma_640, height, width):
    return sigma_640 * max(height, width) / 640


@misconception("04-sigma", "the ratio is upside down: a smaller picture needs smaller blobs")
def _upside_down(sigma_640, height, width):
    return sigma_640 * 640 / min(height, width)


@misconception("04-sigma", "the area scales it: sigma is a length, so it goes with a side")
def _by_area(sigma_640, height, width):
    return sigma_640 * height * width / 640**2


def _mixture(seed: int):
    generator = torch_random(seed)
    images, stylised = torch.rand(2, 2, 3, 5, 6, generator=generator)
    return images, stylised, (torch.rand(2, 1, 5, 6, generator=generator) < 0.3).float()


@exercise(
    "04-mix",
    title="Two textures, one scene",
    task="Return the locally randomised picture: `stylised` where `mask` (B, 1, H, W) is 1, `images` where it is 0.",
    hints=(
        "Every pixel comes from exactly one of the two pictures.",
        "`mask * stylised + (1 - mask) * images`, or `torch.where(mask.bool(), stylised, images)`",
    ),
    minutes=2,
    difficulty=1,
    cases=lambda: [_mixture(seed) for seed in range(3)],
)
def mix(images, stylised, mask):
    return torch.where(mask.bool(), stylised, images)


@misconception("04-mix", "the mask is inverted: 1 means stylised (the official code has it the other way round)")
def _mask_inverted(images, stylised, mask):
    return mix(stylised, images, mask)


@misconception("04-mix", "the raw picture stays under the blobs: multiply it by 1 - mask", hint=2)
def _on_top(images, stylised, mask):
    return images + mask * stylised


@misconception("04-mix", "the rest is black: outside the mask the raw picture should show", hint=2)
def _black_rest(images, stylised, mask):
    return mask * stylised


def _moment():
    draw = plain_random(4)
    total = draw.randint(50, 500)
    return draw.randint(1, total - 1), total, draw.uniform(0.1, 0.8), draw.uniform(0.2, 0.9)


@exercise(
    "04-schedule",
    title="From half to all",
    task="Return the stylised share at `step` of `total` steps: it starts at `start`, ends at 1, and follows "
    "`start + (1 - start) * (step / total) ** power`.",
    hints=(
        "What is the formula at step 0, and at the last step?",
        "The power belongs to the progress `step / total` alone.",
    ),
    minutes=3,
    difficulty=1,
    cases=lambda: [
        (0, 100, 0.5, 0.1),
        (1, 100, 0.5, 0.1),
        (40, 100, 0.25, 1.0),
        (7, 9, 0.3, 2.0),
        (9, 9, 0.3, 2.0),
        _moment(),
    ],
)
def share_at(step, total, start, power):
    return start + (1 - start) * (step / total) ** power


@misconception("04-schedule", "`start` is forgotten: the share begins at 0")
def _from_zero(step, total, start, power):
    return (step / total) ** power


@misconception("04-schedule", "the power covers the whole sum: it belongs to step / total alone", hint=2)
def _power_outside(step, total, start, power):
    return (start + (1 - start) * (step / total)) ** power


@misconception("04-schedule", "the share falls: it should grow from `start` to 1")
def _falls(step, total, start, power):
    return start + (1 - start) * (1 - step / total) ** power


@misconception(
    "04-schedule", "this adds (1/total)^power at each step, as the official code does: it saturates in a few steps"
)
def _official(step, total, start, power):
    share = start
    for _ in range(step):
        share = share + (1 - share) * (1 / total) ** power
    return share


def _spiked(seed: int) -> torch.Tensor:
    """A field with one pixel so high that only an infinite level clears it."""
    field = _fields(seed, 1)[0, 0]
    field[3, 4] = 100.0
    return field


@exercise(
    "04-official",
    title="Why the official default does nothing",
    task="In the official code a pixel stays raw where `field > t` with `t = mean + sqrt(2) * erfinv(2 * p - 1) * std` "
    "over the whole field (the std with divisor H*W, not H*W - 1: `correction=0`). Return the **raw share** that this "
    "rule leaves for a given `p`, as a float. The shipped default is p = 1.",
    hints=(
        "What is erfinv(1)? And how many pixels lie above that?",
        "Do not clamp: `torch.erfinv(torch.tensor(1.0))` is inf, and nothing is greater than inf.",
    ),
    minutes=6,
    difficulty=2,
    cases=lambda: [
        *((_fields(seed, 1)[0, 0], p) for seed, p in ((0, 1.0), (1, 0.5), (2, 0.8), (3, 0.2), (4, 0.0))),
        (_spiked(5), 1.0),
        (_few(6)[0][0, 0], 1 - _few(6)[1]),
    ],
)
def official_raw_share(field, p):
    level = math.sqrt(2) * torch.erfinv(torch.tensor(2 * p - 1.0))
    threshold = field.mean() + level * field.std(correction=0)
    return (field > threshold).float().mean().item()


@misconception("04-official", "this returns the stylised share: the official mask marks the pixels that stay raw")
def _stylised_share(field, p):
    return 1 - official_raw_share(field, p)


@misconception(
    "04-official", "p is clamped below 1, so some pixels survive: at p = 1 the level is +inf, and that is the point", 2
)
def _clamped(field, p):
    return official_raw_share(field, min(max(p, 0.02), 0.98))


@misconception("04-official", DIVISOR, hint=2)
def _official_torchs_std(field, p):
    return (field > field.mean() + _level(p) * field.std()).float().mean().item()


@misconception("04-official", BY_PIXELS, hint=2)
def _official_by_pixels(field, p):
    return (field > field.mean() + _level(p) * field.std(correction=0) / field.numel()).float().mean().item()


@misconception("04-official", "the std is missing: the field is much narrower than a standard normal")
def _official_no_std(field, p):
    return (field > field.mean() + _level(p)).float().mean().item()


@misconception("04-official", "1 - p holds only about: measure the field that you are given")
def _expectation(field, p):
    return 1 - p
