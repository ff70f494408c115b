"""Exercises of lesson 06 about sizes: how large an output is, which padding keeps it, how far a pixel looks."""

from __future__ import annotations

from numbers import Integral

import torch

from gltr_lib.checks.registry import Exercises, plain_random

EXERCISES = Exercises()
exercise, misconception = EXERCISES.exercise, EXERCISES.misconception


def _layer(number=1):
    """Size, kernel, stride, padding and dilation of the student's own variant."""
    draw = plain_random(number)
    kernel, dilation = draw.choice([3, 5, 7]), draw.randint(1, 5)
    return draw.randint(60, 300), kernel, draw.randint(1, 3), draw.randint(0, 4), dilation


@exercise(
    "06-size",
    title="How large is the output?",
    task="Return the output size of a convolution along one side: input `size`, `kernel`, `stride`, `padding` (on each "
    "side), `dilation`. An incomplete last step is left out.",
    hints=(
        "How many pixels does the kernel reach over, its gaps included? How often can it be shifted by the stride?",
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


@misconception("06-size", "the padding is forgotten: it is added on both sides", hint=2)
def _no_padding(size, kernel, stride, padding, dilation):
    return conv_size(size, kernel, stride, 0, dilation)


@misconception(
    "06-size", "a kernel has kernel - 1 gaps, not kernel: it reaches over dilation * (kernel - 1) + 1", hint=2
)
def _gaps_counted_wrong(size, kernel, stride, padding, dilation):
    return (size + 2 * padding - dilation * kernel) // stride + 1


@misconception("06-size", "the reach is dilation * (kernel - 1) + 1, and its 1 is subtracted too", hint=2)
def _reach_one_short(size, kernel, stride, padding, dilation):
    return (size + 2 * padding - dilation * (kernel - 1)) // stride + 1


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
        "Each layer adds the steps from its first tap to its last, in steps of the strides *before* it.",
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


def _field(
    layers, start=1, gaps=lambda kernel, dilation: dilation * (kernel - 1), strides=lambda jump, stride: jump * stride
):
    field, jump = start, 1
    for kernel, stride, dilation in layers:
        field += gaps(kernel, dilation) * jump
        jump = strides(jump, stride)
    return field


ONE_TOO_MANY = "each layer adds one step too many: from its first tap to its last a kernel has kernel - 1 gaps"


@misconception("06-field", ONE_TOO_MANY, hint=2)
def _whole_kernels(layers):
    return _field(layers, gaps=lambda kernel, dilation: dilation * kernel)


@misconception("06-field", ONE_TOO_MANY, hint=2)
def _whole_reaches(layers):
    return _field(layers, gaps=lambda kernel, dilation: dilation * (kernel - 1) + 1)


@misconception("06-field", "the pixel itself is missing: start with a field of 1", hint=2)
def _from_nothing(layers):
    return _field(layers, start=0)


@misconception("06-field", "only the last stride counts here: strides multiply", hint=2)
def _last_stride(layers):
    return _field(layers, strides=lambda jump, stride: stride)


@misconception("06-field", "the strides are added up: they multiply", hint=2)
def _strides_added(layers):
    return _field(layers, strides=lambda jump, stride: jump + stride)


@misconception("06-field", "the layers are read from the output: `layers` begins at the input", hint=1)
def _from_the_output(layers):
    return receptive_field(layers[::-1])


@misconception("06-field", "a layer is (kernel, stride, dilation), in this order", hint=2)
def _other_order(layers):
    return receptive_field([(kernel, dilation, stride) for kernel, stride, dilation in layers])


@misconception("06-field", "only the first layer counts: mind where `return` stands", hint=2)
def _first_layer(layers):
    return receptive_field(layers[:1])
