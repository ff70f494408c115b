"""Exercises of lesson 04 (local texture randomization): its masks, sigma, mixing, the official rule, the schedule.

In this course a mask is 1 where the picture is stylised. The official code's mask is 1 where it stays raw.
"""

from __future__ import annotations

import math

import torch

from gltr_lib.checks import lesson04_masks
from gltr_lib.checks.lesson04_masks import BY_PIXELS, DIVISOR, ROOT_OF_TWO, few, fields, level_of
from gltr_lib.checks.registry import Exercises, plain_random, torch_random

EXERCISES = Exercises(lesson04_masks.EXERCISES)
exercise, misconception = EXERCISES.exercise, EXERCISES.misconception


def _range():
    """Numbers of the student's own variant."""
    low = plain_random(1).uniform(0.5, 6.0)
    return torch.rand(5, generator=torch_random(1)), low, low * plain_random(2).uniform(2.0, 9.0)


@exercise(
    "04-loguniform",
    title="A size of blob, drawn fairly",
    task="Turn `u`, uniform in [0, 1], into a sigma that is log-uniform between `low` and `high`: equal factors are "
    "equally likely, so 4 to 8 comes as often as 8 to 16. `u = 0` gives low, `u = 1` gives high.",
    hints=(
        "`u` is the draw: stretch it evenly over log(low) ... log(high) (`math.log`), then go back.",
        "`low * (high / low) ** u`",
    ),
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


def _spiked(seed: int) -> torch.Tensor:
    """A field with one pixel so high that only an infinite level clears it."""
    field = fields(seed, 1)
    field[0, 0, 3, 4] = 100.0
    return field


@exercise(
    "04-official",
    title="The official rule",
    task="`field` (1, 1, H, W) is blurred noise. In the official code a pixel stays raw where `field > t` with "
    "`t = mean + sqrt(2) * erfinv(2 * p - 1) * std` over the whole field (the std with divisor H*W, not H*W - 1: "
    "`correction=0`). Return the **raw share** that this rule leaves for a given `p`, as a float. The shipped default "
    "is p = 1.",
    hints=(
        "What is erfinv(1)? And how many pixels lie above that?",
        "Do not clamp: `torch.erfinv(torch.tensor(1.0))` is inf, and nothing is greater than inf.",
    ),
    minutes=6,
    difficulty=2,
    cases=lambda: [
        *((fields(seed, 1), p) for seed, p in ((0, 1.0), (1, 0.5), (2, 0.8), (3, 0.2), (4, 0.0))),
        (_spiked(5), 1.0),
        (few(6)[0], 1 - few(6)[1]),
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


@misconception(
    "04-official",
    "this is the sign of exercise 4.1: here what lies above stays raw, and t = mean + level * std",
    hint=2,
)
def _sign_of_the_threshold(field, p):
    return (field > field.mean() - level_of(p) * field.std(correction=0)).float().mean().item()


@misconception("04-official", ROOT_OF_TWO, hint=2)
def _official_no_root(field, p):
    return (field > field.mean() + level_of(p) / math.sqrt(2) * field.std(correction=0)).float().mean().item()


@misconception("04-official", "this is in per cent: a share lies between 0 and 1", hint=2)
def _per_cent(field, p):
    return 100 * official_raw_share(field, p)


@misconception("04-official", DIVISOR, hint=2)
def _official_torchs_std(field, p):
    return (field > field.mean() + level_of(p) * field.std()).float().mean().item()


@misconception("04-official", BY_PIXELS, hint=2)
def _official_by_pixels(field, p):
    return (field > field.mean() + level_of(p) * field.std(correction=0) / field.numel()).float().mean().item()


@misconception("04-official", "the std is missing: the field is much narrower than a standard normal")
def _official_no_std(field, p):
    return (field > field.mean() + level_of(p)).float().mean().item()


@misconception("04-official", "1 - p holds only about: measure the field that you are given")
def _expectation(field, p):
    return 1 - p


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
