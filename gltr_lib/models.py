"""Segmentation networks: the small DeepLab of the laptop course, and torchvision's DeepLabV3 for larger machines.

Every network takes images in [0, 1] and answers with logits at the size of its input; the normalisation lives
inside, so that no caller can forget it or do it twice. ``deeplab_mini`` keeps DeepLab's three ideas in under half a
million parameters: a dilated trunk that stops shrinking at stride 8, atrous spatial pyramid pooling (ASPP) with an
image-level branch, and a decoder that borrows fine detail from early layers. It normalises with GroupNorm: no
statistics are shared between the images of a batch, so raw and stylised views cannot leak into one another,
one process equals many, and training mode equals evaluation mode.

Source: Chen et al., "Rethinking Atrous Convolution" (DeepLabV3, 2017) and "Encoder-Decoder with Atrous Separable
Convolution" (V3+, 2018) for the design; the widths are ours, chosen by the clock of two CPU cores.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Networks of the walk that come with the package; ``load_shipped`` reads them.
SHIPPED = ("baseline", "gtr", "gtr_ltr", "gtr_ltr_cgl")
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


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

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.norm(self.second(self.first(x))))


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
    ) -> None:
        super().__init__()
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
        # channels_last is a quarter faster on a CPU here, and what tensor cores like.
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        x = ((images - 0.5) / 0.25).contiguous(memory_format=torch.channels_last)
        at2 = self.stem(x)
        at4 = self.stage4(at2)
        deep = _resize(self.aspp(self.stage8(at4)), at4)
        deep = self.decode4(torch.cat([deep, self.skip4(at4)], dim=1))
        deep = _resize(self.narrow(deep), at2)
        deep = self.decode2(torch.cat([deep, at2], dim=1))
        return _resize(self.classify(deep), images)


def _resize(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)


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


def _deeplabv3(depth: int) -> Callable[..., nn.Module]:
    def make(num_classes: int, **options: Any) -> nn.Module:
        from torchvision.models import segmentation

        maker = getattr(segmentation, f"deeplabv3_resnet{depth}")
        network = maker(weights=None, weights_backbone=None, num_classes=num_classes, aux_loss=False, **options)
        return TorchvisionSegmenter(network)

    return make


#: Name -> builder. ``build`` reads it; ``tuple(MODELS)`` lists the names.
MODELS: dict[str, Callable[..., nn.Module]] = {
    "deeplab_mini": DeepLabMini,
    "deeplabv3_resnet50": _deeplabv3(50),
    "deeplabv3_resnet101": _deeplabv3(101),
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


def export(model: nn.Module, path: str | Path, metadata: dict[str, str] | None = None) -> Path:
    """Write a network as safetensors in half precision, the form in which the course ships its networks.

    Args:
        model: the trained network.
        path: file to write; it appears whole or not at all.
        metadata: text that travels in the file's header.

    Returns:
        The path written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     export(build("deeplab_mini"), Path(folder) / "net.safetensors").stat().st_size < 1_200_000
        True
    """
    from safetensors.torch import save_file

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: (value.half() if value.is_floating_point() else value).detach().cpu().contiguous()
        for name, value in model.state_dict().items()
    }
    part = path.with_name(path.name + ".part")
    save_file(tensors, part, metadata=dict(metadata or {}))
    part.replace(path)
    return path


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
