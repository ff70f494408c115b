"""deeplab_mini: the small DeepLab of the laptop course, under half a million parameters.

It keeps DeepLab's three ideas: a dilated trunk that stops shrinking at stride 8, atrous spatial pyramid pooling (ASPP)
with an image-level branch, and a decoder that borrows fine detail from early layers. It normalises with GroupNorm: no
statistics are shared between the images of a batch, so raw and stylised views cannot leak into one another,
one process equals many, and training mode equals evaluation mode.

Three options put the layers of other methods into its early stages (:func:`add_layers` says where); without them the
network is the same to the last bit.

Source: Chen et al., "Rethinking Atrous Convolution" (DeepLabV3, 2017) and "Encoder-Decoder with Atrous Separable
Convolution" (V3+, 2018) for the design; the widths are ours, chosen by the clock of two CPU cores.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gltr_lib._typed import describe
from gltr_lib._validate import check_batch
from gltr_lib.models.ibn import IBN, InstanceNorm, check_places
from gltr_lib.models.mixstyle import mixer
from gltr_lib.models.trunk import enlarge
from gltr_lib.models.whitening import Whiten


def _norm(channels: int) -> nn.GroupNorm:
    """GroupNorm in eight groups (every width of the network is a multiple of eight)."""
    return nn.GroupNorm(8, channels)


def conv_block(inside: int, outside: int, kernel: int = 3, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Convolution, GroupNorm, ReLU; the padding keeps the size (divided by the stride, rounded up).

    Args:
        inside: channels that come in.
        outside: channels that go out, a multiple of 8.
        kernel: odd kernel size.
        stride: step between outputs.
        dilation: distance between the taps of the kernel.

    Returns:
        The three layers in a row.

    Example:
        >>> conv_block(3, 8, stride=2)(torch.zeros(1, 3, 7, 10)).shape
        torch.Size([1, 8, 4, 5])
    """
    convolution = nn.Conv2d(inside, outside, kernel, stride, dilation * (kernel // 2), dilation, bias=False)
    return nn.Sequential(convolution, _norm(outside), nn.ReLU(inplace=True))


class Residual(nn.Module):
    """Two dilated 3x3 convolutions beside an identity path; the second normalisation starts at zero.

    Starting at zero makes a fresh block the identity, which lets a short training begin at once.
    """

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.first = conv_block(channels, channels, dilation=dilation)
        self.second = nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False)
        self.norm = _norm(channels)
        nn.init.zeros_(self.norm.weight)
        self.after: nn.Module = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.after(x + self.norm(self.second(self.first(x)))))


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling: one map seen at several distances, and once as a whole.

    Args:
        inside: channels of the map.
        branch: channels of each branch.
        outside: channels after the branches are joined.
        rates: dilations of the 3x3 branches; a 1x1 branch and the image's mean always join them.
    """

    def __init__(self, inside: int, branch: int, outside: int, rates: tuple[int, ...]) -> None:
        super().__init__()
        self.point = conv_block(inside, branch, kernel=1)
        self.atrous = nn.ModuleList([conv_block(inside, branch, dilation=rate) for rate in rates])
        # No normalisation on the pooled branch: GroupNorm over one position would erase what it has to say.
        self.pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(inside, branch, 1), nn.ReLU(inplace=True))
        self.join = conv_block(branch * (len(rates) + 2), outside, kernel=1)

    def forward(self, x: Tensor) -> Tensor:
        whole = self.pooled(x).expand(-1, -1, *x.shape[-2:])
        return self.join(torch.cat([self.point(x), *(branch(x) for branch in self.atrous), whole], dim=1))


class DeepLabMini(nn.Module):
    """A DeepLab for two CPU cores: stride-8 dilated trunk, ASPP, and a decoder up to stride 2.

    Args:
        num_classes: channels of the logits.
        widths: channels at stride 2, 4 and 8, multiples of 8.
        dilations: one residual block at stride 8 for each.
        rates: dilations of the ASPP's branches.
        mixstyle: probability of MixStyle after the stem and after the stage of stride 4; 0 leaves it out.
        ibn: IBN as the first norm of the residual blocks, the last one excepted.
        ibn_b: IBN-b, instance norm with factors in the stem and at the end of the first residual block of stride 4 and
            of stride 8.
        whiten: instance norm without factors in these places, where the loss of ISW looks.

    Raises:
        ValueError: a mixstyle outside [0, 1], ibn_b and whiten at once, or widths, dilations or rates that no network
            has.

    Example:
        >>> net = DeepLabMini(19)
        >>> net(torch.rand(1, 3, 33, 50)).shape
        torch.Size([1, 19, 33, 50])
    """

    def __init__(
        self,
        num_classes: int = 19,
        widths: tuple[int, int, int] = (16, 40, 72),
        dilations: tuple[int, ...] = (1, 2, 4),
        rates: tuple[int, ...] = (3, 6, 9),
        *,
        mixstyle: float = 0.0,
        ibn: bool = False,
        ibn_b: bool = False,
        whiten: bool = False,
    ) -> None:
        super().__init__()
        for name, values in (("widths", widths), ("dilations", dilations), ("rates", rates)):
            many = isinstance(values, tuple | list) and all(type(v) is int and 1 <= v <= 65_536 for v in values)
            if not many or (name == "widths" and (len(values) != 3 or any(value % 8 for value in values))):
                what = "three multiples of 8" if name == "widths" else "whole numbers of at least 1"
                raise ValueError(f"{name}: expected {what}, received {describe(values)}")
        fine, middle, deep = widths
        self.stem = conv_block(3, fine, stride=2)
        self.stage4 = nn.Sequential(conv_block(fine, middle, stride=2), Residual(middle, 1))
        self.stage8 = nn.Sequential(conv_block(middle, deep, stride=2), *(Residual(deep, d) for d in dilations))
        self.aspp = ASPP(deep, 32, 64, rates)
        self.skip4 = conv_block(middle, 24, kernel=1)
        self.decode4 = conv_block(64 + 24, 48)
        self.narrow = nn.Conv2d(48, 24, 1)
        self.decode2 = conv_block(24 + fine, 24)
        self.classify = nn.Conv2d(24, num_classes, 1)
        self.mix = mixer(mixstyle)
        add_layers(self, ibn=ibn, ibn_b=ibn_b, whiten=whiten)
        # channels_last is a quarter faster on a CPU here, and what tensor cores like.
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        x = ((check_batch(images) - 0.5) / 0.25).contiguous(memory_format=torch.channels_last)
        at2 = self.mix(self.stem(x))
        at4 = self.mix(self.stage4(at2))
        deep = _resize(self.aspp(self.stage8(at4)), at4)
        deep = self.decode4(torch.cat([deep, self.skip4(at4)], dim=1))
        deep = _resize(self.narrow(deep), at2)
        deep = self.decode2(torch.cat([deep, at2], dim=1))
        return enlarge(self.classify(deep), images)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the trainable parameters, each once: the classifier is the "head", the rest the "trunk"."""
        head = list(self.classify.parameters())
        known = {id(p) for p in head}
        trunk = [p for p in self.parameters() if p.requires_grad and id(p) not in known]
        return {"trunk": trunk, "head": [p for p in head if p.requires_grad]}


def add_layers(net: DeepLabMini, *, ibn: bool, ibn_b: bool, whiten: bool) -> None:
    """Put the layers of IBN-Net and of instance-selective whitening into a network; its kernels stay as they are.

    The papers' ResNets have four stages: IBN-a is in the blocks of the first three; IBN-b and whitening are in the stem
    and at the end of the first two. Here the stage of stride 4 has one block and that of stride 8 three, so both end
    before the last.

    Args:
        net: the network, with its own norms everywhere.
        ibn: split the first norm of every residual block but the last.
        ibn_b: instance norm in the stem and behind the addition of the first block of both stages.
        whiten: the same without factors.
    """
    check_places(ibn_b, whiten)
    blocks = [block for stage in (net.stage4, net.stage8) for block in stage if isinstance(block, Residual)]
    if ibn:
        for block in blocks[:-1]:
            block.first[1] = IBN(block.first[1])
    if whiten or ibn_b:
        layer = Whiten if whiten else InstanceNorm
        stem: Any = net.stem[0]
        # Not in place: the loss of ISW looks at what goes into the ReLU.
        net.stem = nn.Sequential(stem, layer(stem.out_channels), nn.ReLU())
        for block in blocks[:2]:
            block.after = layer(block.norm.num_channels)


def _resize(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)
