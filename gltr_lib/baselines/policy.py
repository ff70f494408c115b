"""Colours by an automatic policy: TrivialAugment, RandAugment or AugMix, their colour operations alone.

These policies also shear, shift and rotate; a segmentation network would need its labels moved along, so those
operations are left out here and labels stay bit-identical. Operations are torchvision's own functions and the ranges
are those of its ``v2.TrivialAugmentWide``, ``v2.RandAugment`` and ``v2.AugMix`` (a test compares them); only the draws
are made here, from an explicit generator, because torchvision draws from the global one.

The same number is a weaker operation in torchvision than in the authors' code. RandAugment's magnitude 9 counts to 10
there (brightness, colour and contrast times 1.72, always up) and to 30 here (times 0.73 or 1.27): ``level=24`` has that
reach. AugMix at severity 3 draws such factors from 0.12 to 0.64 there, where it uses them at all, and from 0.8 to 1.2
here.

Sources: Müller and Hutter, "TrivialAugment", ICCV 2021 (arXiv 2103.10158); Cubuk, Zoph, Shlens, Le, "RandAugment",
CVPR Workshops 2020 (arXiv 1909.13719); Hendrycks et al., "AugMix", ICLR 2020 (arXiv 1912.02781).
"""

from __future__ import annotations

import torch
from torch import Tensor

from gltr_lib._checks import check_choice, check_integer
from gltr_lib._draws import Generators, device_of, uniform
from gltr_lib.baselines._base import View, each

KINDS = ("trivial", "rand", "augmix")
SIGNED = ("Brightness", "Color", "Contrast", "Sharpness")
OPERATIONS = (*SIGNED, "Posterize", "Solarize", "AutoContrast", "Equalize")
_BITS = {"RandAugment": (8, 4), "TrivialAugment": (8, 6), "AugMix": (4, 4)}  # the most bits, and how many go
_FACTOR = {"RandAugment": 0.9, "TrivialAugment": 0.99, "AugMix": 0.9}


class Policy(View):
    """One of three automatic policies, drawn anew for every picture.

    Pictures are rounded to 256 levels on the way, as the policies work on bytes.

    Args:
        kind: "trivial" (TrivialAugmentWide: one operation of a random strength), "rand" (RandAugment) or "augmix".
        count: operations of RandAugment, one after the other.
        level: strength of RandAugment, 0 to 30.
        severity: strength of AugMix, 1 to 10.

    Raises:
        ValueError: a value out of its range.

    Example:
        >>> Policy("rand", level=5)(torch.rand(2, 3, 4, 6), torch.Generator().manual_seed(0)).shape
        torch.Size([2, 3, 4, 6])
    """

    def __init__(self, kind: str = "trivial", count: int = 2, level: int = 9, severity: int = 3) -> None:
        super().__init__()
        self.kind = check_choice(kind, KINDS, "kind")
        self.count = check_integer(count, "count", 0)
        self.level = check_integer(level, "level", 0, 30)
        self.severity = check_integer(severity, "severity", 1, 10)

    def render(self, images: Tensor, generator: Generators, painted: Tensor | None) -> Tensor:
        bytes_ = (images * 255).round().to(torch.uint8)
        out = [self._operate(image, own) for image, own in zip(bytes_, each(generator, len(images)), strict=True)]
        return torch.stack(out).to(images.dtype) / 255

    def _operate(self, image: Tensor, generator: torch.Generator | None) -> Tensor:
        if self.kind == "trivial":
            return trivial_augment(image, generator)
        if self.kind == "rand":
            return rand_augment(image, generator, count=self.count, level=self.level)
        return aug_mix(image, generator, severity=self.severity)


def magnitude(policy: str, name: str, level: int, bins: int) -> float:
    """How strongly a policy applies an operation at a level, 0 to bins - 1; 0.0 where it has no strength.

    Example:
        >>> magnitude("RandAugment", "Posterize", 30, 31), round(magnitude("AugMix", "Solarize", 9, 10), 3)
        (4.0, 0.0)
    """
    # By torchvision's own steps in single precision: a threshold that is off by 1e-8 turns a whole grey level.
    if name in SIGNED:
        return float(torch.linspace(0.0, _FACTOR[policy], bins, dtype=torch.float32)[level])
    if name == "Posterize":
        most, gone = _BITS[policy]
        return float(round(most - gone * level / (bins - 1)))
    return float(torch.linspace(1.0, 0.0, bins, dtype=torch.float32)[level]) if name == "Solarize" else 0.0


def operate(image: Tensor, name: str, strength: float) -> Tensor:
    """Apply one operation of torchvision's policies.

    Args:
        image: uint8 (..., 3, H, W). name: one of OPERATIONS, or "Identity". strength: as :func:`magnitude` gives it.

    Returns:
        Like ``image``.

    Raises:
        ValueError: unknown name.
    """
    from torchvision.transforms.v2 import functional as tv

    if name == "Identity":
        return image
    if name == "Posterize":
        return tv.posterize(image, bits=int(strength))
    if name == "Solarize":
        return tv.solarize(image, threshold=255 * strength)
    plain = {"AutoContrast": tv.autocontrast, "Equalize": tv.equalize}
    if name in plain:
        return plain[name](image)
    scaled = {
        "Brightness": tv.adjust_brightness,
        "Color": tv.adjust_saturation,
        "Contrast": tv.adjust_contrast,
        "Sharpness": tv.adjust_sharpness,
    }
    if name not in scaled:
        raise ValueError(f"operation: unknown {name!r}; there are Identity, {', '.join(OPERATIONS)}")
    return scaled[name](image, 1.0 + strength)


def _drawn(
    policy: str, names: tuple[str, ...], level: int, bins: int, generator: torch.Generator | None
) -> tuple[str, float]:
    name = names[int(torch.randint(len(names), (), generator=generator, device=device_of(generator)))]
    strength = magnitude(policy, name, level, bins)
    if name in SIGNED and float(uniform(1, generator)) <= 0.5:
        strength = -strength
    return name, strength


def rand_augment(image: Tensor, generator: torch.Generator | None, *, count: int = 2, level: int = 9) -> Tensor:
    """RandAugment: ``count`` operations, one after the other, all at the same level of 31.

    Args:
        image: uint8 (3, H, W). generator: draws the operations and their signs.

    Returns:
        uint8 (3, H, W).

    Example:
        >>> rand_augment(torch.zeros(3, 4, 4, dtype=torch.uint8), torch.Generator().manual_seed(0)).shape
        torch.Size([3, 4, 4])
    """
    for _ in range(count):
        image = operate(image, *_drawn("RandAugment", ("Identity", *OPERATIONS), level, 31, generator))
    return image


def trivial_augment(image: Tensor, generator: torch.Generator | None) -> Tensor:
    """TrivialAugment: one operation at a random level of 31; arguments and result as :func:`rand_augment`."""
    level = int(torch.randint(31, (), generator=generator, device=device_of(generator)))
    return operate(image, *_drawn("TrivialAugment", ("Identity", *OPERATIONS), level, 31, generator))


def aug_mix(image: Tensor, generator: torch.Generator | None, *, width: int = 3, severity: int = 3) -> Tensor:
    """AugMix: ``width`` chains of one to three operations, mixed with each other and with the picture.

    Arguments and result as :func:`rand_augment`; the consistency loss that goes with it is not part of it.
    """
    # A uniform draw on a simplex (Dirichlet with all ones) from exponential numbers.
    parts = -uniform(width, generator).clamp(min=1e-9).log()
    kept = float(uniform(1, generator))
    mixed = kept * image.float()
    for part in ((1 - kept) * parts / parts.sum()).tolist():
        chain = image
        for _ in range(int(torch.randint(1, 4, (), generator=generator, device=device_of(generator)))):
            level = int(torch.randint(severity, (), generator=generator, device=device_of(generator)))
            chain = operate(chain, *_drawn("AugMix", OPERATIONS, level, 10, generator))
        mixed += part * chain.float()
    return mixed.round().clamp(0, 255).to(torch.uint8)
