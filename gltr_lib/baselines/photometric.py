"""Strong photometry: brightness, contrast, saturation, hue, now and then no colour at all, now and then a blur.

What contrastive learning and domain generalisation use where nobody paints. The usual values are those of SimCLR at
strength 1: factors from [0.2, 1.8], hue turned by up to 0.2 of the circle, the four in random order, all this for 80 %
of the pictures; 20 % lose their colour; half are blurred with sigma U(0.1, 2) pixels at a 224-pixel crop (scaled with
the picture here). RobustNet finds the channels that answer to light with ``hue=0.3, apply=1.0, gray=0.0`` (the rest as
here, each picture blurred); the jitter that its networks train on is milder: 0.4, 0.4, 0.4 and hue 0.1, for every
second picture.

A training step adds the library's own mild jitter to *every* method's views afterwards (:mod:`gltr_lib.views`).

Source: Chen, Kornblith, Norouzi, Hinton, "A Simple Framework for Contrastive Learning of Visual Representations",
ICML 2020 (arXiv 2002.05709), appendix A; Choi et al., "RobustNet", CVPR 2021 (arXiv 2103.15597). The operations are
torchvision's; the draws are made here, because torchvision draws from the global generator.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from gltr_lib._draws import Generators, uniform
from gltr_lib.baselines._base import View, number, span

REFERENCE_CROP = 224  # pixels; the blur is given at this crop
_REACH = 3.0  # a Gaussian is cut at three sigma


class Photometric(View):
    """Strong colour jitter, grayscale and blur (SimCLR's numbers).

    Args:
        brightness, contrast, saturation: factors are drawn from [max(0, 1 - x), 1 + x].
        hue: the hue turns by up to this share of the circle, 0 to 0.5.
        apply: probability of the jitter.
        gray: probability that the colour goes.
        blur: probability of a Gaussian blur.
        sigma: of the blur, in pixels at a 224-pixel crop; a number or (low, high).

    Raises:
        ValueError: a value out of its range.

    Example:
        >>> view = Photometric(apply=0.0, gray=1.0, blur=0.0)
        >>> red, green, blue = view(torch.rand(1, 3, 4, 4))[0]
        >>> torch.equal(red, green) and torch.equal(green, blue)
        True
    """

    def __init__(
        self,
        brightness: float = 0.8,
        contrast: float = 0.8,
        saturation: float = 0.8,
        hue: float = 0.2,
        apply: float = 0.8,
        gray: float = 0.2,
        blur: float = 0.5,
        sigma: float | tuple[float, float] = (0.1, 2.0),
    ) -> None:
        super().__init__()
        self.brightness = number(brightness, "brightness", 0)
        self.contrast = number(contrast, "contrast", 0)
        self.saturation = number(saturation, "saturation", 0)
        self.hue = number(hue, "hue", 0, 0.5)
        self.chance = number(apply, "apply", 0, 1)
        self.gray = number(gray, "gray", 0, 1)
        self.blur = number(blur, "blur", 0, 1)
        self.sigma = span(sigma, "sigma", 0)

    def render(self, images: Tensor, generator: Generators, painted: Tensor | None) -> Tensor:
        from torchvision.transforms.v2 import functional as tv

        draws = uniform(len(images), generator, rows=12).cpu()
        operations = (tv.adjust_brightness, tv.adjust_contrast, tv.adjust_saturation, tv.adjust_hue)
        out = []
        for image, u in zip(images, draws.double().T.tolist(), strict=True):
            if u[0] < self.chance:
                for place in sorted(range(4), key=lambda k: u[1 + k]):  # a random order
                    strength = self._strength(place, u[5 + place])
                    if strength is not None:
                        image = operations[place](image, strength)
            if u[9] < self.gray:
                image = tv.rgb_to_grayscale(image, num_output_channels=3)
            if u[10] < self.blur:
                low, high = self.sigma
                scale = min(image.shape[-2:]) / REFERENCE_CROP
                image = gaussian(image, (low + (high - low) * u[11]) * scale)
            out.append(image)
        return torch.stack(out)

    def _strength(self, place: int, u: float) -> float | None:
        """A factor, or the turn of the hue; None where the operation is switched off."""
        if place == 3:
            return self.hue * (2 * u - 1) if self.hue else None
        reach = (self.brightness, self.contrast, self.saturation)[place]
        low, high = max(0.0, 1 - reach), 1 + reach
        return low + (high - low) * u if reach else None


def gaussian(image: Tensor, sigma: float) -> Tensor:
    """Blur one picture with a Gaussian; the border pixel goes on beyond the edge.

    Args:
        image: float tensor (3, H, W).
        sigma: standard deviation in pixels, >= 0.

    Returns:
        Tensor like ``image``.

    Example:
        >>> gaussian(torch.ones(3, 1, 5), 1.5).allclose(torch.ones(3, 1, 5))
        True
    """
    reach = math.ceil(_REACH * sigma)
    if reach == 0:
        return image
    steps = torch.arange(-reach, reach + 1, dtype=image.dtype, device=image.device)
    weights = torch.exp(-0.5 * (steps / max(sigma, 1e-3)) ** 2)
    weights = weights / weights.sum()
    padded = F.pad(image[:, None], (reach, reach, reach, reach), mode="replicate")
    return F.conv2d(F.conv2d(padded, weights.view(1, 1, 1, -1)), weights.view(1, 1, -1, 1))[:, 0]
