"""Named starting points for training; ``gltr train --recipe`` and ``config.recipe`` read them. Needs no torch.

Where each number comes from is said here, because a recipe is copied more often than it is read:

``gtr_paper`` follows the published training code of GTR-LTR (leolyj/GTR-LTR at c0ef035, ``TR_BR.py``). *Read there*:
DeepLabV2 on ResNet-101 at output stride 8, SGD with momentum 0.9 and weight decay 5e-4, head at ten times the trunk's
rate, poly decay of power 0.9, 200,000 steps, pictures of 640x640 without change of scale, mirroring, a blur of half
the pictures with radius U(0,1), cross-entropy weighed by 1 - frequency of the class, two source pictures a step.
*Inferred*: the rate of 5e-4. The code's default, 1.5e-5, belongs to a run that was taken up again; 5e-4 is what the
authors' next repository (SAN-SAW) logs for the same network, batch, crop and steps; their parent code (MaxSquareLoss)
has 2.5e-4 for a batch of one. *Ours*: both views of a picture in one forward pass (hence four images), no weight decay
for norms and biases, all BatchNorm layers trained (there: all but the stem's), pictures cut anew at every step instead
of two fixed cuts a picture. The official ratio of raw to stylised pictures is 1:1: add ``method.raw_share=0.5``.

``gpu`` is ours: DeepLabV3+ on ResNet-50 with the rate (0.01) and the number of steps (40,000) that the RobustNet line
of work uses for that network, at 640x640, with what makes a GPU quick. ``laptop`` is the course's small network.
"""

from __future__ import annotations

import types
from collections.abc import Mapping

from gltr_lib._train_config import TrainConfig

_DEEPLAB = TrainConfig(
    forward_images=4, crop=(640, 640), optimizer="sgd", momentum=0.9, weight_decay=5e-4, head_lr_factor=10.0,
    power=0.9, warmup=0.0, grad_clip=0.0, blur=0.5, flip=True, checkpoint_every=1000, log_every=50, workers=4,
)  # fmt: skip

#: Name -> TrainConfig; the method in it is a place-holder.
RECIPES: Mapping[str, TrainConfig] = types.MappingProxyType(
    {
        "laptop": TrainConfig(),
        "gtr_paper": _DEEPLAB.replace(
            model="deeplabv2_resnet101", lr=5e-4, steps=200_000, scale=(1.0, 1.0), jitter=0.0, class_balance=True
        ),
        "gpu": _DEEPLAB.replace(
            model="deeplabv3plus_resnet50", lr=1e-2, steps=40_000, forward_images=8, scale=(0.5, 2.0), jitter=0.2,
            precision="bf16", channels_last=True, workers=8,
        ),
    }
)  # fmt: skip


def recipe(name: str) -> TrainConfig:
    """A recipe by its name.

    Args:
        name: one of ``RECIPES``.

    Returns:
        Its configuration; give it a method with ``.replace(method="gtr_ltr_cgl")``.

    Raises:
        ValueError: unknown name; the valid ones are listed.

    Example:
        >>> recipe("gtr_paper").replace(method="gtr").head_lr_factor
        10.0
    """
    if name not in RECIPES:
        raise ValueError(f"unknown recipe {str(name)[:60]!r}; expected one of: {', '.join(RECIPES)}")
    return RECIPES[name]
