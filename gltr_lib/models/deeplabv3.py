"""DeepLabV3 and V3+: atrous spatial pyramid pooling over a dilated ResNet, and V3+'s decoder.

V3 is torchvision's network by name and number: its weights fit, and with equal weights it gives equal logits. V3+ adds
what V3 lacks at object borders: the map at a quarter of the picture's side, narrowed to 48 channels, joins the
pyramid's answer before two more convolutions.

Source: Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation" (V3, arXiv 1706.05587) and
"Encoder-Decoder with Atrous Separable Convolution" (V3+, arXiv 1802.02611).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gltr_lib._validate import check_batch
from gltr_lib.models.trunk import Preprocess, Segmenter, Trunk, enlarge, set_norm

#: Dilations of the pyramid at each output stride: the same reach in the picture.
RATES = {8: (12, 24, 36), 16: (6, 12, 18)}


class TorchvisionSegmenter(Segmenter):
    """A torchvision segmentation network as this library speaks: [0, 1] in, logits alone out.

    Args:
        network: a module that answers ``{"out": logits}`` to ImageNet-normalised images.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.preprocess = Preprocess()
        self.network = network

    @property
    def backbone(self) -> Trunk:  # type: ignore[override]
        """The network's trunk."""
        return self.network.backbone  # type: ignore[return-value]

    def forward(self, images: Tensor) -> Tensor:
        return self.network(self.preprocess(images))["out"]


class DeepLabV3(TorchvisionSegmenter):
    """DeepLabV3 over a ResNet, torchvision's network.

    Args:
        num_classes: channels of the logits.
        depth: 50 or 101.
        output_stride: 8 or 16.
        norm: see :func:`gltr_lib.models.trunk.set_norm`. With "batch" a training batch has two pictures or more.
        separable: depthwise and pointwise instead of full 3x3 convolutions in the head.
        dropout: of the pyramid's answer.
        preprocessing: ``"imagenet"`` or ``"caffe"``.
        checkpoint_trunk: less memory in training for about a third more time.
        mixstyle, ibn, ibn_b, whiten: layers of other methods, see ``Trunk.add_layers``.
    """

    def __init__(
        self,
        num_classes: int = 19,
        *,
        depth: int = 50,
        output_stride: int = 8,
        norm: str = "batch",
        separable: bool = False,
        dropout: float = 0.5,
        preprocessing: str = "imagenet",
        checkpoint_trunk: bool = False,
        mixstyle: float = 0.0,
        ibn: bool = False,
        ibn_b: bool = False,
        whiten: bool = False,
    ) -> None:
        from torchvision.models.segmentation import deeplabv3 as theirs

        trunk = Trunk(depth, _check_stride(output_stride), checkpoint=checkpoint_trunk)
        head = theirs.DeepLabHead(Trunk.out_channels, num_classes, RATES[output_stride])
        super().__init__(theirs.DeepLabV3(trunk, head))
        self.norm = norm
        _finish(trunk, head, norm, separable, dropout, pyramid=head[0])
        trunk.add_layers(mixstyle=mixstyle, ibn=ibn, ibn_b=ibn_b, whiten=whiten)
        self.set_preprocessing(preprocessing)

    def forward(self, images: Tensor) -> Tensor:
        _check_pooled(self, images)
        network: Any = self.network
        logits = network.classifier(self.backbone(self.preprocess(images))["out"])
        return enlarge(logits, images)  # as torchvision's network does, but in single precision


class Decoder(nn.Module):
    """V3+'s decoder: fine features, narrowed, beside the pyramid's answer; two convolutions; the classifier."""

    def __init__(self, inside: int, low: int, num_classes: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.narrow = _block(low, 48, 1)
        self.join = nn.Sequential(_block(inside + 48, 256, 3), _block(256, 256, 3), nn.Dropout(dropout))
        self.classify = nn.Conv2d(256, num_classes, 1)

    def forward(self, deep: Tensor, low: Tensor) -> Tensor:
        deep = F.interpolate(deep, low.shape[-2:], mode="bilinear", align_corners=False)
        return self.classify(self.join(torch.cat([deep, self.narrow(low)], dim=1)))


class DeepLabV3Plus(Segmenter):
    """DeepLabV3+ over a ResNet.

    Args:
        num_classes: channels of the logits.
        depth: 50 or 101.
        output_stride: 8 or 16.
        norm, separable, preprocessing, checkpoint_trunk, mixstyle, ibn, ibn_b, whiten: as in :class:`DeepLabV3`.
        dropout: of the pyramid's answer.

    Example:
        >>> net = DeepLabV3Plus(19, depth=50).eval()
        >>> net(torch.rand(1, 3, 33, 50)).shape
        torch.Size([1, 19, 33, 50])
    """

    def __init__(
        self,
        num_classes: int = 19,
        *,
        depth: int = 50,
        output_stride: int = 16,
        norm: str = "batch",
        separable: bool = False,
        dropout: float = 0.5,
        preprocessing: str = "imagenet",
        checkpoint_trunk: bool = False,
        mixstyle: float = 0.0,
        ibn: bool = False,
        ibn_b: bool = False,
        whiten: bool = False,
    ) -> None:
        super().__init__()
        from torchvision.models.segmentation.deeplabv3 import ASPP

        self.norm = norm
        self.preprocess = Preprocess()
        self.backbone = Trunk(depth, _check_stride(output_stride), checkpoint=checkpoint_trunk)
        self.head = nn.ModuleDict(
            {
                "pyramid": ASPP(Trunk.out_channels, RATES[output_stride]),
                "decoder": Decoder(256, Trunk.low_channels, num_classes),
            }
        )
        _finish(self.backbone, self.head, norm, separable, dropout, pyramid=self.head["pyramid"])
        self.backbone.add_layers(mixstyle=mixstyle, ibn=ibn, ibn_b=ibn_b, whiten=whiten)
        self.set_preprocessing(preprocessing)

    def forward(self, images: Tensor) -> Tensor:
        _check_pooled(self, images)
        maps = self.backbone(self.preprocess(images))
        logits = self.head["decoder"](self.head["pyramid"](maps["out"]), maps["low"])
        return enlarge(logits, images)


def _block(inside: int, outside: int, kernel: int) -> nn.Sequential:
    convolution = nn.Conv2d(inside, outside, kernel, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outside), nn.ReLU())


def _check_stride(output_stride: int) -> int:
    if output_stride not in RATES:
        raise ValueError(f"output_stride: expected 8 or 16, received {output_stride!r}")
    return output_stride


def _check_pooled(model: Any, images: Tensor) -> None:
    check_batch(images)
    # The pyramid's pooled branch has one value a channel and picture; BatchNorm over a single value is undefined.
    if model.training and model.norm == "batch" and images.shape[0] == 1:
        raise ValueError(
            "images: DeepLabV3 with BatchNorm trains on batches of two pictures or more, received 1;"
            ' take a larger batch, or norm="group" or "frozen"'
        )


def _finish(trunk: nn.Module, head: nn.Module, norm: str, separable: bool, dropout: float, pyramid: Any) -> None:
    """Turn the head as torchvision builds it into the variant that was asked for."""
    pyramid.project[-1].p = dropout
    if separable:
        _separate(head)
    set_norm(trunk, head, norm)
    if norm in ("group", "frozen"):
        # One position is left on the pooled branch: GroupNorm would erase what the branch has to say. A bias it gets.
        pooled = pyramid.convs[-1]
        pooled[1] = nn.Conv2d(pooled[1].in_channels, pooled[1].out_channels, 1)
        pooled[2] = nn.Identity()


def _separate(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d) and child.kernel_size == (3, 3):
            inside, outside, taps = child.in_channels, child.out_channels, child.dilation[0]
            depthwise = nn.Conv2d(inside, inside, 3, padding=taps, dilation=taps, groups=inside, bias=False)
            setattr(module, name, nn.Sequential(depthwise, nn.Conv2d(inside, outside, 1, bias=False)))
        else:
            _separate(child)
