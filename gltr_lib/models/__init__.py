"""Segmentation networks: the small DeepLab of the laptop course, and DeepLab over ResNets for larger machines.

Every network takes images in [0, 1] and answers with logits at the size of its input; the normalisation lives
inside, so that no caller can forget it or do it twice. :func:`build` makes one by name, :func:`load_trunk` starts it
from pretrained weights, :func:`export` and :func:`load_checkpoint` write and read it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gltr_lib._typed import describe, fits, typed
from gltr_lib._validate import check_device
from gltr_lib.models.deeplabv2 import DeepLabV2
from gltr_lib.models.deeplabv3 import DeepLabV3, DeepLabV3Plus, TorchvisionSegmenter
from gltr_lib.models.files import MOST_CLASSES, export, load_checkpoint, unwrap
from gltr_lib.models.ibn import IBN
from gltr_lib.models.loading import LoadReport, load_trunk
from gltr_lib.models.mini import ASPP, DeepLabMini, Residual, conv_block
from gltr_lib.models.mixstyle import MixStyle, set_views
from gltr_lib.models.squeezenet import DeepLabSqueezeNet
from gltr_lib.models.trunk import Segmenter
from gltr_lib.models.whitening import Whiten, selective_whitening, watched

__all__ = [
    "ASPP", "IBN", "MODELS", "SHIPPED", "DeepLabMini", "DeepLabSqueezeNet", "DeepLabV2", "DeepLabV3", "DeepLabV3Plus",
    "LoadReport", "MixStyle", "Residual", "Segmenter", "TorchvisionSegmenter", "Whiten", "build", "conv_block",
    "export", "load_checkpoint", "load_shipped", "load_trunk", "parameter_count", "selective_whitening", "set_views",
    "unwrap", "watched",
]  # fmt: skip

#: Networks of the walk that come with the package; ``load_shipped`` reads them.
SHIPPED = ("baseline", "gtr", "gtr_ltr", "gtr_ltr_cgl")

#: Name -> builder. ``build`` reads it; ``tuple(MODELS)`` lists the names.
MODELS: dict[str, Callable[..., nn.Module]] = {
    "deeplab_mini": DeepLabMini,
    "deeplab_squeezenet": DeepLabSqueezeNet,
    "deeplabv2_resnet50": partial(DeepLabV2, depth=50),
    "deeplabv2_resnet101": partial(DeepLabV2, depth=101),
    "deeplabv3_resnet50": partial(DeepLabV3, depth=50),
    "deeplabv3_resnet101": partial(DeepLabV3, depth=101),
    "deeplabv3plus_resnet50": partial(DeepLabV3Plus, depth=50),
    "deeplabv3plus_resnet101": partial(DeepLabV3Plus, depth=101),
}


@typed
def build(
    name: str,
    num_classes: int = 19,
    *,
    pretrained_trunk: str | Path | dict[str, Tensor] | None = None,
    **options: Any,
) -> nn.Module:
    """Build a segmentation network; nothing is downloaded.

    Args:
        name: one of ``MODELS``.
        num_classes: channels of the logits, at least 1.
        pretrained_trunk: weights for the ResNet or SqueezeNet, see :func:`load_trunk`; the network then carries the
            account of it as ``trunk_report``. None starts from random numbers.
        **options: passed on to the network: ``norm``, ``output_stride``, ``legacy_two_branch``, ``separable``,
            ``dropout``, ``preprocessing``, ``checkpoint_trunk`` (``deeplab_mini``: widths, dilations, rates;
            ``deeplab_squeezenet``: output_stride, rates). All but the latter have the layers of other methods, off by
            default: ``mixstyle`` (a probability), ``ibn``, ``ibn_b`` and ``whiten``.

    Returns:
        A module from images (B,3,H,W) in [0, 1] to logits (B,num_classes,H,W) at the same size. Its
        ``parameter_groups()`` are the trainable parameters of ``"trunk"`` and ``"head"``, each once.

    Raises:
        ValueError: unknown name (the valid ones are listed), impossible number of classes or value of an option, or
            a trunk's weights that do not fit.
        TypeError: an option that the network does not have (those that it has are listed), or a switch that is not
            True or False.

    Example:
        >>> sum(p.numel() for p in build("deeplab_mini").parameters()) <= 500_000
        True
    """
    if name not in MODELS:
        raise ValueError(f"unknown model {str(name)[:60]!r}; expected one of: {', '.join(MODELS)}")
    if not fits(num_classes, int) or not 1 <= num_classes <= MOST_CLASSES:
        wanted = f"num_classes: expected a whole number from 1 to {MOST_CLASSES}"
        raise ValueError(f"{wanted}, received {num_classes!r:.40}")
    num_classes = int(num_classes)  # JSON cannot write NumPy's integers
    known = [option for option in inspect.signature(MODELS[name]).parameters if option != "num_classes"]
    unknown = [option for option in options if option not in known]
    if unknown:
        raise TypeError(f"{name} has no option {', '.join(map(repr, unknown))}; it has {', '.join(known)}")
    for switch in ("ibn", "ibn_b", "whiten"):
        if not isinstance(options.get(switch, False), bool):
            raise TypeError(f"{switch}: expected True or False, received {describe(options[switch])}")
    model: Any = MODELS[name](num_classes, **options)
    #: What the network's file will say it is.
    model.built_as = {"model": name, "num_classes": num_classes, "options": dict(options)}
    if pretrained_trunk is not None:
        load_trunk(model, pretrained_trunk, preprocessing=options.get("preprocessing"))
    return model


@typed
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


@typed
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
        raise ValueError(f"unknown shipped network {str(name)[:60]!r}; expected one of: {', '.join(SHIPPED)}")
    from gltr_lib import weights

    tensors, _ = weights.load(f"mini-{name}")
    with torch.random.fork_rng(devices=()):  # the weights to begin with are drawn, and thrown away
        model = build("deeplab_mini", num_classes=tensors["classify.weight"].shape[0])
    model.load_state_dict(
        {key: value.float() if value.is_floating_point() else value for key, value in tensors.items()}
    )
    return model.to(check_device(device) if device is not None else None).eval()
