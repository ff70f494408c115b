"""Networks by name: one table of builders, and :func:`build`, which checks what it is asked for."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from gltr_lib._checks import check_share
from gltr_lib._typed import describe, fits, typed
from gltr_lib.models.deeplabv2 import DeepLabV2
from gltr_lib.models.deeplabv3 import DeepLabV3, DeepLabV3Plus
from gltr_lib.models.files import MOST_CLASSES
from gltr_lib.models.loading import load_trunk
from gltr_lib.models.mini import DeepLabMini
from gltr_lib.models.squeezenet import DeepLabSqueezeNet

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
    check_options(name, options)
    if not fits(num_classes, int) or not 1 <= num_classes <= MOST_CLASSES:
        wanted = f"num_classes: expected a whole number from 1 to {MOST_CLASSES}"
        raise ValueError(f"{wanted}, received {num_classes!r:.40}")
    num_classes = int(num_classes)  # JSON cannot write NumPy's integers
    model: Any = MODELS[name](num_classes, **options)
    #: What the network's file will say it is.
    model.built_as = {"model": name, "num_classes": num_classes, "options": dict(options)}
    if pretrained_trunk is not None:
        load_trunk(model, pretrained_trunk, preprocessing=options.get("preprocessing"))
    return model


@typed
def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Check the options of a network before it is built, which takes a second for a large one.

    Args:
        name: one of ``MODELS``.
        options: as for :func:`build`.

    Raises:
        TypeError: an option that the network does not have (those that it has are listed), or a switch that is not
            True or False.
        ValueError: an unknown name, an impossible ``dropout`` or ``output_stride``.

    Example:
        >>> check_options("deeplabv2_resnet50", {"legacy_two_branch": "no"})
        Traceback (most recent call last):
        ...
        TypeError: legacy_two_branch: expected True or False, received str 'no'
    """
    if name not in MODELS:
        raise ValueError(f"unknown model {str(name)[:60]!r}; expected one of: {', '.join(MODELS)}")
    parameters = inspect.signature(MODELS[name]).parameters
    known = [option for option in parameters if option not in ("num_classes", "depth")]  # depth is in the name
    unknown = [option for option in options if option not in known]
    if unknown:
        raise TypeError(f"{name} has no option {', '.join(map(repr, unknown))}; it has {', '.join(known)}")
    for option, value in options.items():
        if isinstance(parameters[option].default, bool) and not isinstance(value, bool):  # "no" would count as yes
            raise TypeError(f"{option}: expected True or False, received {describe(value)}")
        if option == "dropout":
            check_share(value, "dropout")
        if option == "output_stride" and (not fits(value, int) or value not in (8, 16)):
            raise ValueError(f"output_stride: expected 8 or 16, received {value!r:.40}")
