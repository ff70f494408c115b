"""Segmentation networks: the small DeepLab of the laptop course, and DeepLab over ResNets for larger machines.

Every network takes images in [0, 1] and answers with logits at the size of its input; the normalisation lives
inside, so that no caller can forget it or do it twice. ``build`` makes one by name, ``export`` writes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from gltr_lib.models.deeplabv3 import TorchvisionSegmenter, deeplabv3
from gltr_lib.models.files import export
from gltr_lib.models.mini import ASPP, DeepLabMini, Residual, conv_block

__all__ = [
    "ASPP", "MODELS", "SHIPPED", "DeepLabMini", "Residual", "TorchvisionSegmenter", "build", "conv_block", "export",
    "load_shipped", "parameter_count",
]  # fmt: skip

#: Networks of the walk that come with the package; ``load_shipped`` reads them.
SHIPPED = ("baseline", "gtr", "gtr_ltr", "gtr_ltr_cgl")

#: Name -> builder. ``build`` reads it; ``tuple(MODELS)`` lists the names.
MODELS: dict[str, Callable[..., nn.Module]] = {
    "deeplab_mini": DeepLabMini,
    "deeplabv3_resnet50": deeplabv3(50),
    "deeplabv3_resnet101": deeplabv3(101),
}


def build(name: str, num_classes: int = 19, **options: Any) -> nn.Module:
    """Build an untrained segmentation network; nothing is downloaded.

    Args:
        name: one of ``MODELS``.
        num_classes: channels of the logits, at least 1.
        **options: passed on to the network (``deeplab_mini``: widths, dilations, rates).

    Returns:
        A module from images (B,3,H,W) in [0, 1] to logits (B,num_classes,H,W) at the same size.

    Raises:
        ValueError: unknown name (the valid ones are listed) or impossible number of classes.
        TypeError: an option that the network does not have.

    Example:
        >>> sum(p.numel() for p in build("deeplab_mini").parameters()) <= 500_000
        True
    """
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}; expected one of: {', '.join(MODELS)}")
    if isinstance(num_classes, bool) or not isinstance(num_classes, int) or num_classes < 1:
        raise ValueError(f"num_classes must be a whole number of at least 1; received {num_classes!r}")
    return MODELS[name](num_classes, **options)


def parameter_count(model: nn.Module) -> int:
    """Number of trainable scalars of a network.

    Args:
        model: any module.

    Returns:
        The count.

    Example:
        >>> parameter_count(nn.Linear(2, 3))
        9
    """
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def load_shipped(name: str, device: torch.device | str | None = None) -> nn.Module:
    """Load one of the four networks of the walk that come with the package.

    Args:
        name: "baseline", "gtr", "gtr_ltr" or "gtr_ltr_cgl".
        device: where to put it; None leaves it on the CPU.

    Returns:
        The network in evaluation mode, in single precision.

    Raises:
        ValueError: unknown name (the valid ones are listed).
        OSError: the shipped file is missing or damaged.
    """
    if name not in SHIPPED:
        raise ValueError(f"unknown shipped network {name!r}; expected one of: {', '.join(SHIPPED)}")
    from gltr_lib import weights

    tensors, _ = weights.load(f"mini-{name}")
    model = build("deeplab_mini", num_classes=tensors["classify.weight"].shape[0])
    model.load_state_dict(
        {key: value.float() if value.is_floating_point() else value for key, value in tensors.items()}
    )
    return model.to(device).eval()
