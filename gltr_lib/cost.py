"""What a training run will cost before it is started: operations, memory, hours, money.

Three things are counted, none is guessed. *Operations*: torch's own counter walks through the networks on the meta
device, which has shapes and no numbers. *Memory*: the bytes that a small forward pass would keep for its backward
pass, counted on fake tensors and scaled to the area of the crop. *Hours*: operations divided by a rate. The rate is
the one number that cannot be counted: give ``rate=`` from a measured step (:func:`measure_rate`), or a share of the
card's peak, and the answer says which of the two it rests on.

Source: peak rates and memory sizes as printed in the makers' data sheets (dense, without sparsity). A training step is
counted as three forward passes (forward, gradients of the activations, gradients of the weights), the usual estimate.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from gltr_lib._counted import _forward, _frozen, _kept_once, forward_flops, kept_bytes, stylize_flops
from gltr_lib._methods import painted_views
from gltr_lib.models import build

__all__ = [
    "ASSUMED_SHARE", "GPUS", "PRECISIONS", "Estimate", "Gpu", "estimate", "forward_flops", "kept_bytes", "measure_rate",
    "render", "stylize_flops", "weight_gb",
]  # fmt: skip

PRECISIONS = ("fp32", "bf16", "fp16")
#: Bytes a trainable weight takes beside itself: its gradient, and what the optimizer remembers.
_OPTIMIZER_BYTES = {"sgd": 4, "adamw": 8}
# Our guess, not a measurement: residual networks with batches of a few crops stay far below the peak.
ASSUMED_SHARE = 0.15


@dataclass(frozen=True)
class Gpu:
    """A card as its data sheet describes it.

    Attributes:
        name: what tables call it.
        memory_gb: gigabytes (1e9 bytes).
        half_tflops: peak of dense 16-bit matrix products, 1e12 operations a second.
        single_tflops: peak in plain float32.
        bfloat16: whether it has bfloat16 matrix units.
    """

    name: str
    memory_gb: float
    half_tflops: float
    single_tflops: float
    bfloat16: bool = True


GPUS: dict[str, Gpu] = {
    card.name: card
    for card in (
        Gpu("T4", 16, 65, 8.1, bfloat16=False),
        Gpu("V100", 32, 125, 15.7, bfloat16=False),
        Gpu("L4", 24, 121, 30.3),
        Gpu("A10", 24, 125, 31.2),
        Gpu("A100", 80, 312, 19.5),
        Gpu("H100", 80, 989, 67),
    )
}


@dataclass(frozen=True)
class Estimate:
    """What :func:`estimate` found out.

    Attributes:
        train_flops: operations of one step in the segmentation network, forward and backward.
        style_flops: operations of one step in the stylizer.
        memory_gb: gigabytes on one card: weights, gradients, optimizer, kept activations. Work space of the
            libraries and fragmentation come on top.
        seconds_per_step: on the cards given.
        hours: for all steps.
        money: hours x cards x price; None without a price.
        rate_tflops: the rate a card was taken to reach.
        basis: "measured" or "assumed: 15 % of the peak".
        fits: whether the memory is below nine tenths of the card's.
    """

    train_flops: float
    style_flops: float
    memory_gb: float
    seconds_per_step: float
    hours: float
    money: float | None
    rate_tflops: float
    basis: str
    fits: bool


def weight_gb(model: str, num_classes: int = 19, **options: Any) -> float:
    """Gigabytes of a network's trainable weights in single precision; gradients and momentum take as much each.

    Example:
        >>> weight_gb("deeplab_mini") < 0.002
        True
    """
    return 4 * _forward(model, num_classes, _frozen(options), (64, 64))[1] / 1e9


def estimate(
    model: str,
    crop: tuple[int, int] = (640, 640),
    *,
    images: int = 4,
    views: Sequence[str] = ("gtr", "ltr"),
    stylizer: str = "vgg19",
    steps: int = 200_000,
    precision: str = "bf16",
    optimizer: str = "sgd",
    gpu: Gpu | str = "A100",
    gpus: int = 1,
    rate: float | None = None,
    share: float = ASSUMED_SHARE,
    price: float | None = None,
    num_classes: int = 19,
    **options: Any,
) -> Estimate:
    """Predict operations, memory, hours and money of a run.

    Args:
        model: a name of ``models.MODELS``.
        crop: (height, width) of a training crop.
        images: forward images in a step and on one card, all views counted.
        views: the method's views; each "gtr" paints its pictures once ("ltr" reuses them), and so does "regions".
        stylizer: "mini" or "vgg19".
        steps: training steps.
        precision: "fp32", "bf16" or "fp16".
        optimizer: "sgd" (with momentum) or "adamw".
        gpu: a name of ``GPUS`` or a Gpu of your own.
        gpus: cards; each computes ``images`` a step.
        rate: operations a second (1e12) that a card was measured to reach; None assumes ``share`` of the peak.
        share: share of the peak that is assumed.
        price: of one card and hour, in any currency.
        num_classes: channels of the logits.
        **options: passed on to ``models.build``.

    Returns:
        An Estimate.

    Raises:
        ValueError: an unknown card, precision or optimizer; bfloat16 on a card without it; a number out of its range.

    Example:
        >>> plan = estimate("deeplab_mini", (128, 256), stylizer="mini", steps=2000, gpu="T4", precision="fp16")
        >>> plan.fits, plan.hours < 1, plan.basis
        (True, True, 'assumed: 15 % of the peak')
    """
    card = _card(gpu)
    if precision not in PRECISIONS:
        raise ValueError(f"precision: unknown {precision!r}; valid: {', '.join(PRECISIONS)}")
    if optimizer not in _OPTIMIZER_BYTES:
        raise ValueError(f"optimizer: unknown {optimizer!r}; valid: {', '.join(_OPTIMIZER_BYTES)}")
    if precision == "bf16" and not card.bfloat16:
        raise ValueError(f'{card.name} has no bfloat16 matrix units; use precision="fp16"')
    if min(images, steps, gpus, *crop) < 1:
        raise ValueError(f"expected at least 1 of each, received images={images}, steps={steps}, gpus={gpus}, {crop}")
    for name, value in (("rate", rate), ("share", share)):
        if value is not None and not value > 0:
            raise ValueError(f"{name}: expected a number above 0, received {value:g}")
    asked = (model, num_classes, _frozen(options))
    forward, parameters = _forward(*asked, (crop[0], crop[1]))
    # A small picture stands for the crop: what is kept grows with the area.
    small = (min(crop[0], 128), min(crop[1], 128))
    kept = _kept_once(*asked, small, "fp32" if precision == "fp32" else "bf16")
    kept_there = kept * (crop[0] * crop[1]) / (small[0] * small[1])
    train = 3.0 * images * forward
    painted = images * painted_views(tuple(views)) / max(len(views), 1)
    style = painted * stylize_flops(stylizer, crop) if painted else 0.0
    memory = (parameters * (4 + 4 + _OPTIMIZER_BYTES[optimizer]) + kept_there * images) / 1e9

    peak = card.single_tflops if precision == "fp32" else card.half_tflops
    reached = share * peak if rate is None else rate
    seconds = (train + style) / (reached * 1e12)
    hours = seconds * steps / 3600
    basis = f"assumed: {share:.0%} of the peak".replace("%", " %") if rate is None else "measured"
    money = None if price is None else hours * gpus * price
    return Estimate(train, style, memory, seconds, hours, money, reached, basis, memory < 0.9 * card.memory_gb)


def measure_rate(model: str, crop: tuple[int, int], *, images: int = 2, device: str = "cpu", repeat: int = 3) -> float:
    """Operations a second (1e12) that this machine reaches in a training step of a network, measured.

    Args:
        model: a name of ``models.MODELS``.
        crop: (height, width).
        images: in one step, at least 2.
        device: "cpu", "cuda", ...
        repeat: steps that are timed after one to warm up; the median counts.

    Returns:
        1e12 operations a second.
    """
    where = torch.device(device)
    network = build(model).to(where).train()
    picture = torch.rand(max(images, 2), 3, *crop, device=where)
    seconds = []
    for _ in range(repeat + 1):
        if where.type == "cuda":
            torch.cuda.synchronize(where)
        start = time.perf_counter()
        network.zero_grad(set_to_none=True)
        network(picture).float().square().mean().backward()
        if where.type == "cuda":
            torch.cuda.synchronize(where)
        seconds.append(time.perf_counter() - start)
    return 3.0 * len(picture) * forward_flops(model, crop) / sorted(seconds[1:])[repeat // 2] / 1e12


def render(plan: Estimate) -> str:
    """An estimate in words, one line a quantity.

    Example:
        >>> print(render(Estimate(2e12, 1e12, 9.5, 0.1, 5.0, 10.0, 30.0, "measured", True)).splitlines()[0])
        a step: 2.00 TFLOP in the network, 1.00 in the stylizer (33 % of both)
    """
    total = plan.train_flops + plan.style_flops
    lines = [
        f"a step: {plan.train_flops / 1e12:.2f} TFLOP in the network, {plan.style_flops / 1e12:.2f} in the stylizer "
        f"({plan.style_flops / total:.0%} of both)".replace("%", " %"),
        f"memory: {plan.memory_gb:.1f} GB on a card before work space: {'fits' if plan.fits else 'does NOT fit'}",
        f"time: {1000 * plan.seconds_per_step:.0f} ms a step at {plan.rate_tflops:.1f} TFLOP/s ({plan.basis}), "
        f"{plan.hours:.1f} hours in all",
    ]
    if plan.money is not None:
        lines.append(f"money: {plan.money:.2f} at the price given")
    return "\n".join(lines)


def _card(gpu: Gpu | str) -> Gpu:
    if isinstance(gpu, Gpu):
        return gpu
    if gpu not in GPUS:
        raise ValueError(f"gpu: unknown {gpu!r}; valid: {', '.join(GPUS)}, or a Gpu(...) of your own")
    return GPUS[gpu]
