"""DeepLabV2: a ResNet at output stride 8, and four dilated classifiers whose answers are added.

The network of the GTR paper's code and of much work on synthetic to real. It has no decoder: the sum is enlarged
eight times, bilinearly, with the corners of both maps on top of each other (``align_corners=True``).

``legacy_two_branch=True`` reproduces a slip of that public code: a ``return`` inside the loop, so that only the
dilations 6 and 12 are ever added. Published numbers of that line rest on it; mending it changes the baseline, so both
are here, and a table should say which one it used. The code's second head on stage 3 (its "multi" variant) is left out:
with its published settings nothing trains or reads it.

Source: Chen et al., "DeepLab: Semantic Image Segmentation with Deep Convolutional Nets, Atrous Convolution, and Fully
Connected CRFs" (arXiv 1606.00915), section 3.2 (ASPP-L: rates 6, 12, 18, 24).
"""

from __future__ import annotations

from torch import Tensor, nn

from gltr_lib.models.trunk import Preprocess, Segmenter, Trunk, enlarge, set_norm

RATES = (6, 12, 18, 24)


class SummedBranches(nn.Module):
    """3x3 classifiers at several dilations, added.

    Args:
        inside: channels of the map.
        num_classes: channels of the answer.
        rates: dilation of each branch.
        used: how many of them are added, from the first; the others are kept out of the training.
    """

    def __init__(self, inside: int, num_classes: int, rates: tuple[int, ...] = RATES, used: int | None = None) -> None:
        super().__init__()
        self.used = len(rates) if used is None else used
        branches = [nn.Conv2d(inside, num_classes, 3, padding=rate, dilation=rate) for rate in rates]
        self.branches = nn.ModuleList(branches)
        for i, branch in enumerate(branches):
            nn.init.normal_(branch.weight, std=0.01)
            nn.init.constant_(branch.bias, 0.0)  # type: ignore[arg-type]
            branch.requires_grad_(i < self.used)

    def forward(self, x: Tensor) -> Tensor:
        first, *others = self.branches[: self.used]
        out = first(x)
        for branch in others:
            out = out + branch(x)
        return out


class DeepLabV2(Segmenter):
    """DeepLabV2 over a ResNet.

    Args:
        num_classes: channels of the logits.
        depth: 50 or 101.
        legacy_two_branch: add only the dilations 6 and 12, as the public code does.
        norm: see :func:`gltr_lib.models.trunk.set_norm`. The head has none.
        preprocessing: ``"imagenet"`` or ``"caffe"``; :func:`gltr_lib.models.load_trunk` sets it by the file.
        checkpoint_trunk: less memory in training for about a third more time.
        mixstyle, ibn, ibn_b, whiten: layers of other methods, see ``Trunk.add_layers``.

    Example:
        >>> import torch
        >>> net = DeepLabV2(19, depth=50).eval()
        >>> net(torch.rand(1, 3, 33, 50)).shape
        torch.Size([1, 19, 33, 50])
    """

    def __init__(
        self,
        num_classes: int = 19,
        *,
        depth: int = 101,
        legacy_two_branch: bool = False,
        norm: str = "batch",
        preprocessing: str = "imagenet",
        checkpoint_trunk: bool = False,
        mixstyle: float = 0.0,
        ibn: bool = False,
        ibn_b: bool = False,
        whiten: bool = False,
    ) -> None:
        super().__init__()
        self.preprocess = Preprocess()
        self.backbone = Trunk(depth, output_stride=8, checkpoint=checkpoint_trunk)
        self.head = SummedBranches(Trunk.out_channels, num_classes, used=2 if legacy_two_branch else None)
        set_norm(self.backbone, self.head, norm)
        self.backbone.add_layers(mixstyle=mixstyle, ibn=ibn, ibn_b=ibn_b, whiten=whiten)
        self.set_preprocessing(preprocessing)

    def forward(self, images: Tensor) -> Tensor:
        logits = self.head(self.backbone(self.preprocess(images))["out"])
        return enlarge(logits, images, align_corners=True)
