"""The ResNet under every large DeepLab: strides exchanged for dilation, norms to choose, two ways of preprocessing.

A ResNet shrinks the picture 32 times. DeepLab keeps the last one or two stages from shrinking and spreads their taps
instead (dilation), so that the map has a sixteenth or an eighth of the picture's side. The blocks are torchvision's,
so torchvision's weights fit by name.

``preprocessing="caffe"`` is for the weights that most work on DeepLabV2 starts from: they expect BGR from 0 to 255
minus a mean, *and* a slightly different ResNet (the stride sits in a block's first 1x1 convolution, the first block of
a dilated stage is dilated too, and the max-pool rounds up). The shapes of the weights are the same, so a loader that
minds only shapes would accept them and compute something else; here one switch sets all of it.

Source: Chen et al., "DeepLab" (V2, arXiv 1606.00915); He et al. (arXiv 1512.03385); Wu and He, "Group Normalization".
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from gltr_lib._validate import check_batch, check_choice
from gltr_lib.models.ibn import IBN, InstanceNorm, check_places
from gltr_lib.models.mixstyle import mixer
from gltr_lib.models.whitening import EndedBlock, Whiten

NORMS = ("batch", "frozen", "group", "sync")
PREPROCESSINGS = ("imagenet", "caffe")
DEPTHS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
#: Mean and standard deviation that the input is brought to; caffe's in BGR on the scale 0..255.
_CONSTANTS = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "caffe": ((104.00698793, 116.66876762, 122.67891434), (1.0, 1.0, 1.0)),
}


class Preprocess(nn.Module):
    """Pictures in [0, 1], RGB, to what the trunk's weights were trained on.

    Example:
        >>> Preprocess("caffe")(torch.tensor([1.0, 0.5, 0.0]).view(1, 3, 1, 1)).flatten()  # B, G, R
        tensor([-104.0070,   10.8312,  132.3211])
    """

    mean: Tensor
    std: Tensor

    def __init__(self, kind: str = "imagenet") -> None:
        super().__init__()
        for name in ("mean", "std"):
            self.register_buffer(name, torch.zeros(1, 3, 1, 1), persistent=False)
        self.set(kind)

    def set(self, kind: str) -> None:
        """Switch to "imagenet" or "caffe"."""
        self.kind = check_choice(kind, PREPROCESSINGS, "preprocessing")
        for buffer, numbers in zip((self.mean, self.std), _CONSTANTS[kind], strict=True):
            buffer.copy_(torch.tensor(numbers, dtype=buffer.dtype, device=buffer.device).view(1, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        check_batch(images)
        if self.kind == "caffe":
            return images.flip(1) * 255.0 - self.mean
        return (images - self.mean) / self.std

    def extra_repr(self) -> str:
        return self.kind


class FrozenBatchNorm(nn.BatchNorm2d):
    """BatchNorm that uses the statistics and factors it was loaded with, in training too.

    (torchvision.ops has one as well; it multiplies out in float32 and so doubles the activations under autocast.)
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> FrozenBatchNorm:
        """Stay in evaluation mode, whatever is asked."""
        return super().train(False)


def group_norm(channels: int) -> nn.GroupNorm:
    """GroupNorm in 32 groups, or in as many as divide the channels.

    Example:
        >>> group_norm(48).num_groups
        16
    """
    return nn.GroupNorm(math.gcd(32, channels), channels)


def replace_norms(module: nn.Module, make: Callable[[int], nn.Module]) -> None:
    """Put ``make(channels)`` in the place of every BatchNorm2d inside a module."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, make(child.num_features))
        else:
            replace_norms(child, make)


def set_norm(trunk: nn.Module, head: nn.Module, norm: str) -> None:
    """Give trunk and head the norm that was asked for; both arrive with BatchNorm.

    Args:
        trunk: the ResNet.
        head: what follows it.
        norm: ``"batch"``; ``"sync"`` (statistics over all processes, CUDA only); ``"group"`` (none are shared between
            pictures: trains from scratch, and several processes equal one); ``"frozen"`` (the trunk's BatchNorm keeps
            what it was loaded with; the head, which nobody pretrained, gets GroupNorm).

    Raises:
        ValueError: another norm.
    """
    check_choice(norm, NORMS, "norm")
    if norm == "sync":
        replace_norms(trunk, nn.SyncBatchNorm)
        replace_norms(head, nn.SyncBatchNorm)
    elif norm in ("group", "frozen"):
        replace_norms(trunk, group_norm if norm == "group" else FrozenBatchNorm)
        replace_norms(head, group_norm)


class Trunk(nn.Module):
    """A dilated ResNet without its classifier.

    Args:
        depth: 50 or 101.
        output_stride: 8, 16 or 32: how many times smaller the last map is than the picture.
        checkpoint: compute the blocks again in the backward pass instead of keeping their activations.

    Raises:
        ValueError: another depth or stride.

    Example:
        >>> maps = Trunk(50, output_stride=8)(torch.rand(1, 3, 65, 33))
        >>> maps["low"].shape, maps["out"].shape
        (torch.Size([1, 256, 17, 9]), torch.Size([1, 2048, 9, 5]))
    """

    out_channels, low_channels = 2048, 256

    def __init__(self, depth: int, output_stride: int = 8, *, checkpoint: bool = False) -> None:
        super().__init__()
        if depth not in DEPTHS:
            raise ValueError(f"depth: expected one of {', '.join(map(str, DEPTHS))}, received {depth!r}")
        if output_stride not in (8, 16, 32):
            raise ValueError(f"output_stride: expected 8, 16 or 32, received {output_stride!r}")
        from torchvision.models import resnet

        dilate = [False, output_stride <= 8, output_stride <= 16]
        whole = getattr(resnet, f"resnet{depth}")(weights=None, replace_stride_with_dilation=dilate)
        for name in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"):
            self.add_module(name, getattr(whole, name))
        self.depth, self.output_stride, self.checkpoint = depth, output_stride, checkpoint
        self.mix: nn.Module = nn.Identity()

    def add_layers(
        self, *, mixstyle: float = 0.0, ibn: bool = False, ibn_b: bool = False, whiten: bool = False
    ) -> None:
        """Put the layers of other methods where their papers have them; after :func:`set_norm`, before any weights.

        Args:
            mixstyle: probability of MixStyle after layer1 and layer2; 0 leaves it out.
            ibn: IBN-a, as the first norm of every block of layer1 to layer3.
            ibn_b: IBN-b, instance norm with factors in the stem and at the end of layer1 and layer2; names as in the
                authors' weights.
            whiten: instance norm without factors in these places, for the loss of ISW.

        Raises:
            ValueError: a mixstyle outside [0, 1], or ibn_b and whiten at once.
        """
        check_places(ibn_b, whiten)
        self.mix = mixer(mixstyle)
        if ibn:
            blocks: list[Any] = [block for n in (1, 2, 3) for block in self.get_submodule(f"layer{n}").children()]
            for block in blocks:
                block.bn1 = IBN(block.bn1)
        if whiten or ibn_b:
            name, layer = ("whiten", Whiten) if whiten else ("IN", InstanceNorm)
            self.bn1 = layer(64)
            self.relu = nn.ReLU()  # not in place: the loss of ISW looks at what goes into it
            for at in ("layer1", "layer2"):
                stage: Any = self.get_submodule(at)
                stage[-1] = EndedBlock(stage[-1], name, layer)

    def set_geometry(self, kind: str) -> None:
        """Place strides and dilations as torchvision does ("imagenet") or as the caffe weights expect ("caffe")."""
        caffe = check_choice(kind, PREPROCESSINGS, "preprocessing") == "caffe"
        self.get_submodule("maxpool").ceil_mode = caffe  # type: ignore[assignment]
        reached, dilation = 4, 1
        for name in ("layer2", "layer3", "layer4"):
            stride, before = (2, dilation) if reached < self.output_stride else (1, dilation)
            reached, dilation = (reached * 2, dilation) if stride == 2 else (reached, dilation * 2)
            first: Any = self.get_submodule(f"{name}.0")
            taps = dilation if caffe else before
            first.conv1.stride = (stride, stride) if caffe else (1, 1)
            first.conv2.stride = (1, 1) if caffe else (stride, stride)
            first.conv2.dilation = first.conv2.padding = (taps, taps)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        for name in ("conv1", "bn1", "relu", "maxpool"):
            x = self.get_submodule(name)(x)
        low = self.mix(self._stage("layer1", x))
        x = self._stage("layer3", self.mix(self._stage("layer2", low)))
        return {"low": low, "out": self._stage("layer4", x)}

    def _stage(self, name: str, x: Tensor) -> Tensor:
        stage: Any = self.get_submodule(name)
        if not (self.checkpoint and self.training and torch.is_grad_enabled()):
            return stage(x)
        from torch.utils.checkpoint import checkpoint

        for block in stage:
            contexts = _contexts_of(block)
            x = checkpoint(block, x, use_reentrant=False, preserve_rng_state=False, context_fn=contexts)
        return x


def _contexts_of(block: nn.Module) -> Callable[[], tuple[Any, Any]]:
    return lambda: (contextlib.nullcontext(), _statistics_at_rest(block))


@contextlib.contextmanager
def _statistics_at_rest(block: nn.Module) -> Iterator[None]:
    """While a block is computed again its BatchNorm must not count the same pictures a second time."""
    norms: list[Any] = [m for m in block.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.training]
    kept = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm, (_, counter) in zip(norms, kept, strict=True):
        # The statistics stay where they are; without them the kernel would save other tensors than the first time. The
        # counter that moves is a copy: SyncBatchNorm does not do without one.
        norm.momentum, norm.num_batches_tracked = 0.0, None if counter is None else counter.clone()
    try:
        yield
    finally:
        for norm, (momentum, counter) in zip(norms, kept, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, counter


def enlarge(logits: Tensor, images: Tensor, align_corners: bool = False) -> Tensor:
    """Bring logits to the size of the pictures, at least in single precision.

    In the 8 bits of bfloat16, many a pixel where two classes meet would be a tie, which the lower class wins.

    Example:
        >>> enlarge(torch.zeros(1, 2, 3, 3, dtype=torch.bfloat16), torch.rand(1, 3, 8, 9)).dtype
        torch.float32
    """
    wide = logits if logits.dtype == torch.float64 else logits.float()
    return nn.functional.interpolate(wide, images.shape[-2:], mode="bilinear", align_corners=align_corners)


class Segmenter(nn.Module):
    """What the large networks share: preprocessing inside, and the two groups of an optimizer.

    A subclass has ``preprocess`` and ``backbone`` (a :class:`Trunk`); every other parameter belongs to the head.
    """

    preprocess: Preprocess
    backbone: Trunk

    def set_preprocessing(self, kind: str) -> None:
        """Switch input and trunk to "imagenet" or "caffe"; the weights stay as they are."""
        self.preprocess.set(kind)
        self.backbone.set_geometry(kind)
        built_as = getattr(self, "built_as", None)
        if built_as is not None:
            built_as["options"]["preprocessing"] = kind

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """Return the trainable parameters, each exactly once.

        Returns:
            ``{"trunk": [...], "head": [...]}``; DeepLab trains the head at ten times the trunk's rate.
        """
        return split_parameters(self, self.backbone)


def split_parameters(model: nn.Module, trunk: nn.Module) -> dict[str, list[nn.Parameter]]:
    """Return the trainable parameters of a trunk, and the remaining ones of the model.

    The official code walks ``modules()`` and asks each for its ``parameters()``, which come recursively: most tensors
    come three or four times, and SGD then takes that many steps with them. Here a tensor comes once.

    Example:
        >>> model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
        >>> {name: len(group) for name, group in split_parameters(model, model[0]).items()}
        {'trunk': 2, 'head': 2}
    """
    inside = {id(p) for p in trunk.parameters()}
    groups: dict[str, list[nn.Parameter]] = {"trunk": [], "head": []}
    for parameter in model.parameters():  # torch leaves out repetitions here
        if parameter.requires_grad:
            groups["trunk" if id(parameter) in inside else "head"].append(parameter)
    return groups
