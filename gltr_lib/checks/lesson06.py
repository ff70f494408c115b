"""Exercises of lesson 06 (DeepLab): its sizes, ASPP by hand, the poly schedule, the cost.

Source: Chen et al., "DeepLab" (arXiv 1606.00915); the slip in ASPP is that of the official GTR-LTR code, which adds
up two of its four branches because `return` stands inside the loop.
"""

from __future__ import annotations

import torch
from torch import nn

from gltr_lib.checks import lesson06_sizes
from gltr_lib.checks.registry import Exercises, NotYet, plain_random, torch_random

EXERCISES = Exercises(lesson06_sizes.EXERCISES)
exercise, misconception = EXERCISES.exercise, EXERCISES.misconception


def _rate():
    """Base, step, total and power of the student's own variant."""
    draw = plain_random(6)
    total = draw.randint(50, 5000)
    return draw.uniform(0.001, 0.1), draw.randint(1, total - 1), total, draw.uniform(0.3, 0.9)


def _sum_of_branches(answer, features, branches):
    """The sum, and what torch's words mean where the shapes do not fit."""
    try:
        return answer(features, branches)
    except RuntimeError as error:
        if "channels" in str(error):
            raise NotYet(IN_A_ROW) from error
        if "must match the size" in str(error):
            start = "the sum starts with something of the features' shape: start with the first branch's output, or 0"
            raise NotYet(start, 2) from error
        raise


IN_A_ROW = "the branches stand one behind the other: each of them sees `features`, none another's output"


def _branches(seed: int):
    generator = torch_random(seed)
    branches = [nn.Conv2d(3, 4, 3, padding=d, dilation=d) for d in (1, 2, 3, 4)]
    for branch in branches:
        for parameter in branch.parameters():
            parameter.requires_grad_(False).copy_(torch.randn(parameter.shape, generator=generator))
    return torch.randn(2, 3, 9, 9, generator=generator), branches


@exercise(
    "06-aspp",
    title="ASPP by hand",
    task="`branches` are convolutions with different dilations. Return the **sum** of what all of them make of "
    "`features`.",
    hints=(
        "Every branch sees the same features; none sees another's output.",
        "`sum(branch(features) for branch in branches)`; in a loop, mind where `return` stands.",
    ),
    minutes=4,
    difficulty=1,
    cases=lambda: [_branches(seed) for seed in range(2)],
    observe=_sum_of_branches,
    differentiable=True,
    tolerance=1e-3,
)
def aspp(features, branches):
    total = branches[0](features)
    for branch in branches[1:]:
        total = total + branch(features)
    return total


@misconception(
    "06-aspp", "only the first two branches are added: `return` stands inside the loop, as in the official code"
)
def _first_two(features, branches):
    total = branches[0](features)
    for branch in branches[1:]:
        total = total + branch(features)
        return total
    return total


@misconception("06-aspp", "only one branch is used: all of them are added up")
def _only_last(features, branches):
    return branches[-1](features)


@misconception("06-aspp", "only one branch is used: all of them are added up")
def _only_first(features, branches):
    return branches[0](features)


@misconception("06-aspp", "this is the mean of the branches: DeepLabV2 adds them up")
def _mean(features, branches):
    return aspp(features, branches) / len(branches)


@misconception("06-aspp", IN_A_ROW)
def _one_behind_the_other(features, branches):
    for branch in branches:
        features = branch(features)
    return features


@misconception("06-aspp", "the first branch counts twice: go on with `branches[1:]`", hint=2)
def _first_twice(features, branches):
    return branches[0](features) + aspp(features, branches)


@misconception("06-aspp", "the last branch is missing", hint=2)
def _last_missing(features, branches):
    return aspp(features, branches[:-1])


@misconception("06-aspp", "the branches are concatenated, as DeepLabV3 does it: V2 adds them up", hint=2)
def _concatenated(features, branches):
    return torch.cat([branch(features) for branch in branches], 1)


@exercise(
    "06-poly",
    title="A rate that runs out",
    task="Return the learning rate at `step` of `total`: `base` at step 0, 0 at `total`, in between `base` times the "
    "share of the steps that remain, to the `power`.",
    hints=("At step 0 it is `base`, at the end it is 0.", "The power covers the whole bracket (1 - step / total)."),
    minutes=2,
    difficulty=1,
    cases=lambda: [(0.01, 0, 100, 0.9), (0.01, 30, 100, 0.9), (0.002, 99, 100, 0.9), (1.0, 5, 10, 2.0), _rate()],
)
def poly_lr(base, step, total, power=0.9):
    return base * (1 - step / total) ** power


@misconception("06-poly", "the power is not used: this falls in a straight line")
def _linear(base, step, total, power=0.9):
    return base * (1 - step / total)


@misconception("06-poly", "the power sits on step / total: it belongs to the whole bracket", hint=2)
def _power_inside(base, step, total, power=0.9):
    return base * (1 - (step / total) ** power)


@misconception("06-poly", "the rate grows: it should start at `base` and run out")
def _grows(base, step, total, power=0.9):
    return base * (step / total) ** power


@misconception("06-poly", "`power` is not used: 0.9 is only what it is if nobody says otherwise")
def _always_09(base, step, total, power=0.9):
    return poly_lr(base, step, total)


@misconception("06-poly", "the power covers `base` as well: it belongs to the bracket alone", hint=2)
def _power_over_all(base, step, total, power=0.9):
    return (base * (1 - step / total)) ** power


@misconception("06-poly", "this is one step ahead: at step 0 it is `base` itself")
def _one_ahead(base, step, total, power=0.9):
    return base * (1 - (step + 1) / total) ** power


@misconception("06-poly", "this reaches 0 one step early: divide by `total`")
def _ends_early(base, step, total, power=0.9):
    return base * (1 - step / (total - 1)) ** power


@exercise(
    "06-cost",
    title="Hours, before you pay for them",
    task="Return the hours of a run. `forward`: TFLOP of one picture's forward pass; `style`: TFLOP of painting one "
    "picture; `images`: forward images a step, all views together; `views`: such as ('gtr', 'ltr'); `steps`; `rate`: "
    "TFLOP/s. A training step costs three forward passes; each 'gtr' view is painted once, 'ltr' reuses its paint.",
    hints=(
        "Two sums make a step: the network (forward and backward, all images) and the painting (some images, no "
        "gradient).",
        "`painted = images * views.count('gtr') / len(views)`; a step is `3 * images * forward + painted * style`.",
    ),
    minutes=4,
    difficulty=2,
    cases=lambda: [
        (0.5, 0.2, 4, ("gtr", "ltr"), 7200, 30.0),
        (0.3, 0.1, 8, ("raw",), 9000, 5.0),
        (0.25, 0.4, 6, ("gtr",), 3600, 12.0),
        (0.1, 0.3, 4, ("gtr", "gtr"), 5400, 2.0),
        (_rate()[0], 0.7, 6, ("gtr", "ltr"), _rate()[2], 3.0),
    ],
)
def run_hours(forward, style, images, views, steps, rate):
    painted = images * views.count("gtr") / len(views)
    step = 3 * images * forward + painted * style
    return steps * step / rate / 3600


@misconception("06-cost", "the backward pass is forgotten: a training step costs about three forward passes")
def _forward_only(forward, style, images, views, steps, rate):
    return run_hours(forward / 3, style, images, views, steps, rate)


@misconception("06-cost", "every view is painted: the local view is cut from the global view's painting", hint=2)
def _all_painted(forward, style, images, views, steps, rate):
    painted = images if "gtr" in views else 0
    return steps * (3 * images * forward + painted * style) / rate / 3600


@misconception("06-cost", "raw views are painted as well: only 'gtr' views are", hint=2)
def _raw_painted(forward, style, images, views, steps, rate):
    return steps * (3 * images * forward + images * style) / rate / 3600


@misconception("06-cost", "the views are counted twice: `images` holds the pictures of all views already")
def _views_twice(forward, style, images, views, steps, rate):
    return run_hours(forward, style, images * len(views), views, steps, rate)


@misconception("06-cost", "the painting is counted three times: no gradient goes back through the stylizer")
def _paint_backward(forward, style, images, views, steps, rate):
    return run_hours(forward, 3 * style, images, views, steps, rate)


@misconception("06-cost", "the painting is forgotten: each 'gtr' view costs one pass through the stylizer", hint=2)
def _no_paint(forward, style, images, views, steps, rate):
    return run_hours(forward, 0.0, images, views, steps, rate)


@misconception("06-cost", "these are seconds: 3600 of them make an hour", hint=2)
def _seconds(forward, style, images, views, steps, rate):
    return 3600 * run_hours(forward, style, images, views, steps, rate)


@misconception("06-cost", "two forward passes are counted: backward costs about two more, which makes three")
def _two_passes(forward, style, images, views, steps, rate):
    return run_hours(forward * 2 / 3, style, images, views, steps, rate)


@misconception(
    "06-cost", "`images` counts all views together: each 'gtr' view paints `images / len(views)` pictures", 2
)
def _undivided(forward, style, images, views, steps, rate):
    return run_hours(forward, style * len(views), images, views, steps, rate)


@misconception("06-cost", "one picture a 'gtr' view is painted: a step paints `images / len(views)` of them", hint=2)
def _one_painted(forward, style, images, views, steps, rate):
    return steps * (3 * images * forward + views.count("gtr") * style) / rate / 3600
