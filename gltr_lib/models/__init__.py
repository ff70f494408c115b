"""Segmentation networks: the small DeepLab of the laptop course, and DeepLab over ResNets for larger machines.

Every network takes images in [0, 1] and answers with logits at the size of its input; the normalisation lives
inside, so that no caller can forget it or do it twice. :func:`build` makes one by name, :func:`load_trunk` starts it
from pretrained weights, :func:`export` and :func:`load_checkpoint` write and read it.
"""

from __future__ import annotations

from torch import nn

from gltr_lib._typed import typed
from gltr_lib.models.account import LoadReport
from gltr_lib.models.building import MODELS, build, check_options
from gltr_lib.models.deeplabv2 import DeepLabV2
from gltr_lib.models.deeplabv3 import DeepLabV3, DeepLabV3Plus, TorchvisionSegmenter
from gltr_lib.models.files import export, unwrap
from gltr_lib.models.ibn import IBN
from gltr_lib.models.loading import load_trunk
from gltr_lib.models.mini import ASPP, DeepLabMini, Residual, conv_block
from gltr_lib.models.mixstyle import MixStyle, set_views
from gltr_lib.models.rebuilding import SHIPPED, load_checkpoint, load_shipped
from gltr_lib.models.squeezenet import DeepLabSqueezeNet
from gltr_lib.models.trunk import Segmenter
from gltr_lib.models.whitening import Whiten, selective_whitening, watched

__all__ = [
    "ASPP", "IBN", "MODELS", "SHIPPED", "DeepLabMini", "DeepLabSqueezeNet", "DeepLabV2", "DeepLabV3", "DeepLabV3Plus",
    "LoadReport", "MixStyle", "Residual", "Segmenter", "TorchvisionSegmenter", "Whiten", "build", "check_options",
    "conv_block", "export", "load_checkpoint", "load_shipped", "load_trunk", "parameter_count", "selective_whitening",
    "set_views", "unwrap", "watched",
]  # fmt: skip


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
