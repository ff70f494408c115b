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

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from gltr_lib._methods import painted_views
from gltr_lib.models import build, parameter_count

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


def forward_flops(network: nn.Module | str, size: tuple[int, int], channels: int = 3) -> int:
    """Operations (a multiplication and an addition count as two) of one forward pass over one picture.

    Args:
        network: a name of ``models.MODELS``, or any module; it is only walked through on the meta device.
        size: (height, width).
        channels: of the input.

    Returns:
        Operations of convolutions and matrix products; the rest is small beside them.

    Example:
        >>> forward_flops(nn.Conv2d(3, 8, 3, padding=1, bias=False), (10, 10))  # 2 x 100 pixels x 27 taps x 8
        43200
    """
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        # A module that somebody owns is copied: moving it would wipe out its numbers.
        model = build(network) if isinstance(network, str) else copy.deepcopy(network)
        model = model.to("meta").eval()
        counter = FlopCounterMode(display=False)
        with counter, torch.no_grad():
            model(torch.empty(1, channels, *size))
    return int(counter.get_total_flops())


def stylize_flops(name: str, size: tuple[int, int]) -> int:
    """Operations of painting one picture: encoder and decoder once; the style comes from the bank for nothing.

    Args:
        name: "mini" or "vgg19".
        size: (height, width).

    Raises:
        ValueError: another name.
    """
    return _paint_once(name, (size[0], size[1]))


@lru_cache(maxsize=64)
def _paint_once(name: str, size: tuple[int, int]) -> int:
    """Operations of painting one picture, counted once for each question."""
    if name == "mini":
        from gltr_lib import _mini_net

        encoder, decoder = _mini_net.build()
        height, width = (-(-side // _mini_net.STRIDE) * _mini_net.STRIDE for side in size)
        middle, stride = _mini_net.CHANNELS, 4
    elif name == "vgg19":
        from gltr_lib import _vgg_net

        encoder, decoder = _vgg_net.build_encoder("relu4_1"), _vgg_net.build_decoder("relu4_1")  # type: ignore[assignment]
        height, width = (-(-side // 8) * 8 for side in size)
        middle, stride = 512, 8
    else:
        raise ValueError(f"stylizer: unknown {name!r}; valid: mini, vgg19")
    return forward_flops(encoder, (height, width)) + forward_flops(
        decoder, (height // stride, width // stride), channels=middle
    )


def kept_bytes(model: nn.Module, size: tuple[int, int], *, precision: str = "fp32") -> int:
    """Bytes that one picture's forward pass and its loss keep until the backward pass, weights not counted.

    Nothing is computed: fake tensors have a shape, a type and a place, and no numbers. (Real bfloat16 takes minutes on
    a CPU without bfloat16 units.)

    Args:
        model: a network on any device, the meta device too; it is left as it is.
        size: (height, width) of the picture.
        precision: "fp32", or "bf16"/"fp16" for autocast (counted in bfloat16; both have two bytes).

    Returns:
        Bytes; every storage once, however many layers keep it.
    """
    # What two pictures more keep: whatever does not grow with the pictures (autocast's copies of weights) drops out.
    was = model.training
    try:
        model.train()
        both = [_kept(model, count, size, precision != "fp32") for count in (4, 2)]
    finally:
        model.train(was)
    return (both[0] - both[1]) // 2


def _kept(model: nn.Module, count: int, size: tuple[int, int], half: bool) -> int:
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.autograd.graph import saved_tensors_hooks

    class OnCpu(FakeTensorMode):
        # True registers a pretended CUDA device for good: autograd starts threads for it, and no process that is
        # forked later (notebook_launcher) may call backward.
        avoid_device_init = False

    kept: dict[int, Tensor] = {}
    with OnCpu():
        state = {
            name: torch.empty_strided(t.shape, t.stride(), dtype=t.dtype).requires_grad_(t.requires_grad)
            for name, t in [*model.named_parameters(), *model.named_buffers()]
        }
        weights = {t.untyped_storage()._cdata for t in state.values()}

        def remember(tensor: Tensor) -> Tensor:
            place = tensor.untyped_storage()._cdata
            if place not in weights:
                kept[place] = tensor  # holding it keeps its place from being given to another
            return tensor

        picture, labels = torch.rand(count, 3, *size), torch.zeros(count, *size, dtype=torch.long)
        with saved_tensors_hooks(remember, lambda tensor: tensor):
            with torch.autocast("cpu", torch.bfloat16, enabled=half):
                logits = torch.func.functional_call(model, state, (picture,))
            loss = nn.functional.cross_entropy(logits.float(), labels)  # in float32, as in a training step
        del loss
        return sum(tensor.untyped_storage().nbytes() for tensor in kept.values())


_Options = tuple[tuple[str, Any], ...]


@lru_cache(maxsize=64)
def _forward(model: str, num_classes: int, options: _Options, crop: tuple[int, int]) -> tuple[int, int]:
    """(operations of a forward pass over one picture, parameters), counted once for each question."""
    with torch.device("meta"):
        network = build(model, num_classes, **dict(options))
    return forward_flops(network, crop), parameter_count(network)


@lru_cache(maxsize=64)
def _kept_once(model: str, num_classes: int, options: _Options, size: tuple[int, int], precision: str) -> int:
    """Bytes that one picture keeps, counted once for each question."""
    with torch.device("meta"):
        network = build(model, num_classes, **dict(options))
    return kept_bytes(network, size, precision=precision)


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


def _frozen(options: Mapping[str, Any]) -> _Options:
    """Options as a key of a cache: lists, as JSON gives them, become tuples."""
    return tuple(sorted((name, tuple(value) if isinstance(value, list) else value) for name, value in options.items()))


def _card(gpu: Gpu | str) -> Gpu:
    if isinstance(gpu, Gpu):
        return gpu
    if gpu not in GPUS:
        raise ValueError(f"gpu: unknown {gpu!r}; valid: {', '.join(GPUS)}, or a Gpu(...) of your own")
    return GPUS[gpu]
