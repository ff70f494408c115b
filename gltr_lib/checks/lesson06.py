"""Exercises of lesson 06 (DeepLab): sizes, dilation, receptive field, ASPP by hand, the poly schedule, the cost.

Source: Chen et al., "DeepLab" (arXiv 1606.00915); the slip in ASPP is that of the official GTR-LTR code, which adds
up two of its four branches because `return` stands inside the loop.
"""

from __future__ import annotations

from numbers import Integral

import torch
from torch import nn

from gltr_lib.checks.registry import Exercises, plain_random, torch_random

EXERCISES = Exercises()
exercise, misconception = EXERCISES.exercise, EXERCISES.misconception


def _layer(number=1):
    """Size, kernel, stride, padding and dilation of the student's own variant."""
    draw = plain_random(number)
    kernel, dilation = draw.choice([3, 5, 7]), draw.randint(1, 5)
    return draw.randint(60, 300), kernel, draw.randint(1, 3), draw.randint(0, 4), dilation


def _rate():
    """Base, step, total and power of the student's own variant."""
    draw = plain_random(6)
    total = draw.randint(50, 5000)
    return draw.uniform(0.001, 0.1), draw.randint(1, total - 1), total, draw.uniform(0.3, 0.9)


@exercise(
    "06-size",
    title="How large is the output?",
    task="Return the output size of a convolution along one side: input `size`, `kernel`, `stride`, `padding` (on each "
    "side), `dilation`. An incomplete last step is left out.",
    hints=(
        "A dilated kernel reaches over dilation * (kernel - 1) + 1 pixels. How often can it be shifted by the stride?",
        "`(size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1`",
    ),
    minutes=5,
    difficulty=2,
    cases=lambda: [(128, 3, 2, 1, 1), (65, 3, 1, 6, 6), (50, 7, 2, 3, 1), (33, 3, 1, 1, 4), (30, 1, 4, 0, 1), _layer()],
)
def conv_size(size, kernel, stride, padding, dilation):
    reach = dilation * (kernel - 1) + 1
    return (size + 2 * padding - reach) // stride + 1


@misconception("06-size", "the dilation is forgotten: a dilated kernel reaches further")
def _no_dilation(size, kernel, stride, padding, dilation):
    return conv_size(size, kernel, stride, padding, 1)


@misconception("06-size", "the padding is added on one side only", hint=2)
def _padding_once(size, kernel, stride, padding, dilation):
    return (size + padding - dilation * (kernel - 1) - 1) // stride + 1


@misconception("06-size", "the first position is missing: add 1 at the end", hint=2)
def _one_short(size, kernel, stride, padding, dilation):
    return conv_size(size, kernel, stride, padding, dilation) - 1


@misconception("06-size", "there is no half a pixel: an incomplete last step is left out, so divide with `//`", hint=2)
def _not_whole(size, kernel, stride, padding, dilation):
    return (size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1


@misconception("06-size", "it is rounded up: a last, incomplete step is left out", hint=2)
def _rounded_up(size, kernel, stride, padding, dilation):
    return -(-(size + 2 * padding - dilation * (kernel - 1) - 1) // stride) + 1


def _whole_number(answer, kernel, dilation):
    """The padding, and its kind: 0 for an int, which every convolution takes, 1 for a tensor, 2 otherwise."""
    padding = answer(kernel, dilation)
    return padding, 0 if isinstance(padding, Integral) else 1 if isinstance(padding, torch.Tensor) else 2


@exercise(
    "06-padding",
    title="Padding that keeps the size",
    task="Return the padding (each side) that makes a convolution of stride 1 with an odd `kernel` and a `dilation` "
    "keep the size of its input: a whole number.",
    hints=(
        "Set the output size equal to the input size in exercise 6.1. Where does the dilation enter?",
        "Half of what the kernel reaches over its centre: `dilation * (kernel - 1) // 2`.",
    ),
    minutes=3,
    difficulty=1,
    cases=lambda: [(3, 1), (3, 6), (5, 2), (7, 3), (1, 4), (_layer()[1], _layer()[4])],
    observe=_whole_number,
    parts=("the padding", "the kind of number"),
)
def same_padding(kernel, dilation):
    return dilation * (kernel - 1) // 2


@misconception("06-padding", "the dilation is forgotten: a kernel of 3 with dilation 6 reaches 6 pixels to each side")
def _kernel_half(kernel, dilation):
    return kernel // 2


@misconception("06-padding", "the kernel has kernel - 1 gaps, not kernel: the dilation stretches the gaps", hint=2)
def _whole_kernel(kernel, dilation):
    return dilation * kernel // 2


@misconception("06-padding", "this is the sum of both sides: halve it", hint=2)
def _both_sides(kernel, dilation):
    return dilation * (kernel - 1)


@misconception("06-padding", "the value is right, but it is a tensor, not an int: end with `int(...)`", hint=2)
def _as_tensor(kernel, dilation):
    return torch.tensor(dilation * (kernel - 1) // 2)


@misconception(
    "06-padding", "the value is right, but it is a float, which no convolution takes: divide with `//`", hint=2
)
def _true_division(kernel, dilation):
    return dilation * (kernel - 1) / 2


@exercise(
    "06-field",
    title="How far does a pixel look?",
    task="`layers` is a list of (kernel, stride, dilation) from the input on. Return the receptive field of one output "
    "pixel, in input pixels along one side.",
    hints=(
        "Each layer adds its reach, counted in steps of the strides *before* it.",
        "Start with `field, jump = 1, 1`; for each layer `field += dilation * (kernel - 1) * jump`, then "
        "`jump *= stride`.",
    ),
    minutes=8,
    difficulty=3,
    cases=lambda: [
        ([(3, 2, 1), (3, 1, 1)],),
        ([(3, 2, 1), (3, 2, 1), (3, 1, 2), (3, 1, 4)],),
        ([(7, 2, 1), (3, 2, 1), (3, 1, 6)],),
        ([_layer(place)[1:3] + _layer(place)[4:] for place in range(1, 5)],),
    ],
)
def receptive_field(layers):
    field, jump = 1, 1
    for kernel, stride, dilation in layers:
        field += dilation * (kernel - 1) * jump
        jump *= stride
    return field


@misconception("06-field", "the strides are forgotten: after stride 2, one step is two input pixels")
def _no_stride(layers):
    return 1 + sum(dilation * (kernel - 1) for kernel, _, dilation in layers)


@misconception("06-field", "the dilation is forgotten: it stretches the kernel")
def _undilated(layers):
    return receptive_field([(kernel, stride, 1) for kernel, stride, _ in layers])


@misconception("06-field", "a layer's own stride is applied too early: it counts for the layers after it", hint=2)
def _stride_too_early(layers):
    field, jump = 1, 1
    for kernel, stride, dilation in layers:
        jump *= stride
        field += dilation * (kernel - 1) * jump
    return field


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


@exercise(
    "06-poly",
    title="A rate that runs out",
    task="Return the learning rate at `step` of `total`: `base * (1 - step / total) ** power`.",
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
