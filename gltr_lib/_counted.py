"""What a network takes, counted and not guessed: operations of a pass, bytes that it keeps; :mod:`.cost` offers it.

*Operations*: torch's own counter walks through the network on the meta device, which has shapes and no numbers.
*Memory*: the bytes that a small forward pass would keep for its backward pass, counted on fake tensors.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from gltr_lib.models import build, parameter_count

_Options = tuple[tuple[str, Any], ...]


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


def _frozen(options: Mapping[str, Any]) -> _Options:
    """Options as a key of a cache: lists, as JSON gives them, become tuples."""
    return tuple(sorted((name, tuple(value) if isinstance(value, list) else value) for name, value in options.items()))
