"""Fourier mixing: the picture keeps its phases (where things are) and takes a painting's low-frequency amplitudes.

Of both pictures the Fourier transform is taken, channel by channel. Inside the window of the 2b + 1 lowest frequencies
in each direction, ``b = floor(beta * min(H, W))``, the amplitude becomes ``(1 - m) A + m A_painting``; phases stay.
FDA swaps (``strength=1``) with beta 0.01, 0.05 or 0.09 and target pictures. Amplitude mixing takes *all* frequencies
(``beta=1``) of another source picture and draws m ~ U(0, eta), eta up to 1. Here the other picture is a painting, as
GTR has it, the window is FDA's and the draw that of amplitude mixing. A window with hard edges rings, the more the
larger beta is.

Source: Yang, Soatto, "FDA: Fourier Domain Adaptation for Semantic Segmentation", CVPR 2020 (arXiv 2004.05498),
section 3.1; Xu, Zhang, Zhang, Wang, Tian, "A Fourier-based Framework for Domain Generalization", CVPR 2021
(arXiv 2105.11120), amplitude mix.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from gltr_lib._draws import Generators, uniform
from gltr_lib.baselines import _base
from gltr_lib.baselines.gallery import NUMBER, SIZE, Gallery

if TYPE_CHECKING:
    from gltr_lib.style_bank import StyleBank


class Fourier(_base.View):
    """A painting's low-frequency amplitudes under the picture's phases.

    Args:
        beta: half width of the window by the shorter side, 0 to 1; 0 changes the mean colour alone, 1 takes every
            frequency.
        strength: m, a number or (low, high) to draw from uniformly, 0 to 1.
        paintings, number, size, bank: which paintings; see :class:`gltr_lib.baselines.gallery.Gallery`.

    Raises:
        ValueError: a value out of its range, or paintings that cannot be had.

    Example:
        >>> from gltr_lib.style_bank import StyleBank
        >>> view = Fourier(number=8, bank=StyleBank.load("paintings-mini"))
        >>> view(torch.rand(2, 3, 7, 5), torch.Generator().manual_seed(0)).shape
        torch.Size([2, 3, 7, 5])
    """

    def __init__(
        self,
        beta: float = 0.09,
        strength: float | tuple[float, float] = (0.0, 1.0),
        paintings: str | None = None,
        number: int = NUMBER,
        size: int = SIZE,
        bank: StyleBank | None = None,
    ) -> None:
        super().__init__()
        self.beta = _base.number(beta, "beta", 0, 1)
        self.strength = _base.span(strength, "strength", 0, 1)
        self.gallery = Gallery(bank, paintings=paintings, number=number, size=size, user="fourier")

    def render(self, images: Tensor, generator: Generators, painted: Tensor | None) -> Tensor:
        u = uniform(len(images), generator, rows=2)
        low, high = self.strength
        pictures = torch.stack([self.gallery.picture(index) for index in self.gallery.draw(u[0])])
        style = pictures.to(images.device).to(images.dtype) / 255
        # FDA brings the other picture to the size of the source, whatever its shape.
        style = F.interpolate(style, images.shape[-2:], mode="bilinear", antialias=True, align_corners=False)
        return mix_amplitudes(images, style, (low + (high - low) * u[1]).to(images), self.beta)


def mix_amplitudes(images: Tensor, others: Tensor, strength: Tensor, beta: float) -> Tensor:
    """Mix the amplitudes of the low frequencies of two batches, with the phases of the first.

    Args:
        images: float tensor (B, C, H, W).
        others: like ``images``.
        strength: float tensor (B,) in [0, 1]; 0 leaves the picture.
        beta: the window reaches ``floor(beta * min(H, W))`` frequencies to either side; 1 means all of them.

    Returns:
        Tensor like ``images``, not cut to [0, 1].

    Example:
        >>> dark, bright = torch.full((1, 3, 4, 4), 0.25), torch.full((1, 3, 4, 4), 0.75)
        >>> mix_amplitudes(dark, bright, torch.tensor([0.5]), 0.0).unique().tolist()
        [0.5]
    """
    height, width = images.shape[-2:]
    reach = math.floor(beta * min(height, width)) if beta < 1 else max(height, width)
    spectrum, other = torch.fft.rfft2(images), torch.fft.rfft2(others)
    # Rows run 0, 1, ..., -2, -1; columns hold 0 and up (the rest mirrors them). Only the window is touched.
    rows = torch.tensor([r for r in range(height) if min(r, height - r) <= reach], device=images.device)
    columns = slice(0, reach + 1)
    window, theirs = spectrum[..., rows, columns], other[..., rows, columns]
    amplitude = torch.lerp(window.abs(), theirs.abs(), strength[:, None, None, None])
    spectrum[..., rows, columns] = torch.polar(amplitude, window.angle())
    return torch.fft.irfft2(spectrum, s=(height, width))
