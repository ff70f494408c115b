"""DeepLabV3 as torchvision builds it, speaking this library's language."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class TorchvisionSegmenter(nn.Module):
    """A torchvision segmentation network as this library speaks: [0, 1] in, logits alone out.

    Args:
        network: a module that answers ``{"out": logits}`` to ImageNet-normalised images.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(_IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        return self.network((images - self.mean) / self.std)["out"]


def deeplabv3(depth: int) -> Callable[..., nn.Module]:
    def make(num_classes: int, **options: Any) -> nn.Module:
        from torchvision.models import segmentation

        maker = getattr(segmentation, f"deeplabv3_resnet{depth}")
        network = maker(weights=None, weights_backbone=None, num_classes=num_classes, aux_loss=False, **options)
        return TorchvisionSegmenter(network)

    return make
