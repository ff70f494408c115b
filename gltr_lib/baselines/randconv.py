"""RandConv: the picture goes through one convolution with random weights, fresh for every picture.

A kernel of size k mixes colours (k = 1) and smears texture (k = 3, 5, 7), and leaves shapes larger than itself where
they are. Two variants: *RC_img* shows the convolved picture, and the original for a share of the draws; *RC_mix* blends
both, ``a I + (1 - a) conv(I)`` with a ~ U(0,1). Weights are N(0, 1/(3 k^2)): He's rule without the factor for a ReLU.

What is ours: the convolution acts on pictures whose colours have mean 0 and spread 1 (ImageNet's, as networks on
ImageNet trunks get them), and the result goes back to [0, 1] and is cut there, as every view here promises; the paper's
networks see it uncut. Each picture has its own kernel. Zeros surround the picture, that is, its mean colour.

**Its own loss.** The paper forwards three views of each picture and adds ``10 * sum_j KL(y_j || mean of y)`` to the
task loss of one. A step of this library has two views a and b, and adds ``w * JS(a, b) / 2`` to the mean of their task
losses, which has the expectation of one. For two views ``sum_j KL(y_j || mean) = 2 JS(a, b)``, so the paper's formula
asks for ``w / 2 = 10 * 2``, that is w = 40: the method ``randconv_own``. Two differences remain. Three predictions lie
further from their mean than two: for small differences the sum grows as (views - 1), so the paper's three pull twice as
hard as these two. w = 80 has that pull, if somebody wants the pull and not the formula. And the authors' code divides
the sum by its three views before it takes it ten times: so read, the formula asks for w = 20, and the pull for w = 27.

Source: Xu, Liu, Yang, Raffel, Niethammer, "Robust and Generalizable Visual Representation Learning via Random
Convolutions", ICLR 2021 (arXiv 2007.13003), algorithm 1. In the authors' script for digits, 10 goes with RC_mix and 5
with RC_img.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gltr_lib._draws import Generators, device_of, uniform
from gltr_lib.baselines._base import View, each, flag, number

# ImageNet's mean and spread of red, green and blue.
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


class RandConv(View):
    """Random convolutions of several sizes (RC_mix, or RC_img).

    Args:
        kernels: odd sizes to draw from, in pixels whatever the crop (the pictures of the paper have 32 to 224 a side).
        mix: blend with the original (RC_mix); false shows the convolution alone (RC_img).
        original: probability that a picture stays as it is; None means the paper's: 0.5 for RC_img, 0 for RC_mix.

    Raises:
        ValueError: a value out of its range.

    Example:
        >>> view = RandConv(kernels=(3,), mix=False, original=0.0)
        >>> view(torch.rand(2, 3, 1, 5), torch.Generator().manual_seed(0)).shape
        torch.Size([2, 3, 1, 5])
    """

    def __init__(
        self, kernels: tuple[int, ...] = (1, 3, 5, 7), mix: bool = True, original: float | None = None
    ) -> None:
        super().__init__()
        sizes = tuple(kernels) if isinstance(kernels, list | tuple) else (kernels,)
        if not sizes or any(isinstance(k, bool) or not isinstance(k, int) or k < 1 or k % 2 == 0 for k in sizes):
            raise ValueError(f"kernels: expected odd whole numbers such as (1, 3, 5, 7), received {kernels!r}")
        self.kernels = sizes
        self.mix = flag(mix, "mix")
        self.original = (0.0 if mix else 0.5) if original is None else number(original, "original", 0, 1)

    def render(self, images: Tensor, generator: Generators, painted: Tensor | None) -> Tensor:
        draws = uniform(len(images), generator, rows=3).cpu()
        device = device_of(generator)
        mean, std = (images.new_tensor(values)[:, None, None] for values in (_MEAN, _STD))
        out = []
        for image, u, own in zip(images, draws.double().T.tolist(), each(generator, len(images)), strict=True):
            size = self.kernels[min(int(u[1] * len(self.kernels)), len(self.kernels) - 1)]
            if u[0] < self.original:
                out.append(image)
                continue
            noise = torch.randn(3, 3, size, size, generator=own, device=device, dtype=torch.float32)
            weights = noise.to(images) / (3**0.5 * size)
            moved = F.conv2d(((image - mean) / std)[None], weights, padding=size // 2)[0] * std + mean
            out.append(torch.lerp(moved, image, u[2]) if self.mix else moved)
        return torch.stack(out)
