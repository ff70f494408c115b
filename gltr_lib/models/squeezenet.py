"""A DeepLab over SqueezeNet 1.0: the one trunk with ImageNet weights that is small enough for two CPU cores.

The trunk is torchvision's, with two changes that leave every weight as it is. Its first convolution gets a padding of
3, so that the map covers the picture to its edges (ImageNet classification had no use for them). Its last max-pool no
longer shrinks the map when ``output_stride`` is 8, and the taps behind it are spread instead: every second position of
the finer map is exactly what the original network computes.

SqueezeNet has no normalisation layers, and these weights expect **BGR from 0 to 255 minus (104, 117, 123)**; both are
inside the network. Pooling rounds up, as in the caffe original.

Source: Iandola et al., "SqueezeNet" (arXiv 1602.07360); Chen et al., DeepLabV3 and V3+, for the dilation and the head.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gltr_lib._validate import check_batch
from gltr_lib.models.account import LoadReport
from gltr_lib.models.mini import ASPP, conv_block
from gltr_lib.models.trunk import enlarge, split_parameters

MEAN = (104.0, 117.0, 123.0)  # blue, green, red on the scale 0..255
_LOW, _LAST_POOL, _LAST_FIRE = 5, 11, 12  # places among the features


class SqueezeTrunk(nn.Module):
    """SqueezeNet 1.0 without its classifier, dilated.

    Args:
        output_stride: 8 or 16: how many times smaller the last map is than the picture.

    Raises:
        ValueError: another stride.

    Example:
        >>> maps = SqueezeTrunk()(torch.rand(1, 3, 64, 40))
        >>> maps["low"].shape, maps["out"].shape
        (torch.Size([1, 256, 16, 10]), torch.Size([1, 512, 8, 5]))
    """

    out_channels, low_channels = 512, 256

    def __init__(self, output_stride: int = 8) -> None:
        super().__init__()
        if output_stride not in (8, 16):
            raise ValueError(f"output_stride: expected 8 or 16, received {output_stride!r}")
        from torchvision.models import squeezenet1_0

        self.features: Any = squeezenet1_0(weights=None).features
        self.features[0].padding = (3, 3)
        if output_stride == 8:
            self.features[_LAST_POOL] = nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=True)
            wide = self.features[_LAST_FIRE].expand3x3
            wide.dilation = wide.padding = (2, 2)
        self.output_stride = output_stride

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        low = self.features[: _LOW + 1](x)
        return {"low": low, "out": self.features[_LOW + 1 :](low)}


class DeepLabSqueezeNet(nn.Module):
    """DeepLab over SqueezeNet 1.0: pyramid at stride 8, decoder at stride 4, heads with GroupNorm.

    Args:
        num_classes: channels of the logits.
        output_stride: 8 or 16.
        rates: dilations of the pyramid at stride 8; halved at 16.

    Example:
        >>> net = DeepLabSqueezeNet(19).eval()
        >>> net(torch.rand(1, 3, 33, 50)).shape
        torch.Size([1, 19, 33, 50])
    """

    mean: Tensor

    def __init__(self, num_classes: int = 19, *, output_stride: int = 8, rates: tuple[int, ...] = (3, 6, 9)) -> None:
        super().__init__()
        self.backbone = SqueezeTrunk(output_stride)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        if output_stride == 16:
            rates = tuple(max(1, rate // 2) for rate in rates)
        self.aspp = ASPP(SqueezeTrunk.out_channels, 32, 64, rates)
        self.skip = conv_block(SqueezeTrunk.low_channels, 32, kernel=1)
        self.decode = conv_block(64 + 32, 64)
        self.classify = nn.Conv2d(64, num_classes, 1)
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        x = (check_batch(images).flip(1) * 255.0 - self.mean).contiguous(memory_format=torch.channels_last)
        maps = self.backbone(x)
        deep = F.interpolate(self.aspp(maps["out"]), maps["low"].shape[-2:], mode="bilinear", align_corners=False)
        return enlarge(self.classify(self.decode(torch.cat([deep, self.skip(maps["low"])], dim=1))), images)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the trainable parameters, each once: SqueezeNet is the "trunk", what follows it the "head"."""
        return split_parameters(self, self.backbone)


def load_squeezenet(model: DeepLabSqueezeNet, given: Mapping[str, Tensor], source: str = "tensors") -> LoadReport:
    """Copy SqueezeNet 1.0's weights into the trunk; all of them or none.

    :func:`gltr_lib.models.load_trunk` calls this for such a network.

    Args:
        model: its trunk is filled, its head stays as it is.
        given: tensors by torchvision's names (``features.0.weight`` ...), or by those of a network of this kind.
        source: what messages call them.

    Returns:
        The account; the classifier is among the unused.

    Raises:
        ValueError: tensors of another network (SqueezeNet 1.1 among them), or not all of the trunk's.

    Example:
        >>> donor, net = DeepLabSqueezeNet(), DeepLabSqueezeNet(5)
        >>> load_squeezenet(net, donor.state_dict()).complete
        True
    """
    wanted = model.backbone.state_dict()
    found = {name.removeprefix("backbone."): value for name, value in given.items()}
    wrong = [
        f"{name} {tuple(found[name].shape) if name in found else 'missing'}, expected {tuple(value.shape)}"
        for name, value in wanted.items()
        if name not in found or found[name].shape != value.shape
    ]
    if wrong:
        more = f", and {len(wrong) - 2} more" if len(wrong) > 2 else ""
        raise ValueError(f"{source}: not the weights of SqueezeNet 1.0: {'; '.join(wrong[:2])}{more}")
    with torch.no_grad():
        for name, value in wanted.items():
            value.copy_(found[name])
    unused = tuple(name for name in given if name.removeprefix("backbone.") not in wanted)
    report = LoadReport(loaded=tuple(wanted), unused=unused, source=source, preprocessing="caffe")
    model.trunk_report = report  # type: ignore[assignment]
    return report
