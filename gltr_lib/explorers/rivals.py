"""What others do instead: three automatic policies, their colour operations alone, so that labels stay where they are.

RandAugment, TrivialAugment and AugMix also shear, shift and rotate; a segmentation network would need its labels moved
along, so those operations are left out here. Operations are torchvision's own functions and the ranges are those of its
``v2.RandAugment``, ``v2.TrivialAugmentWide`` and ``v2.AugMix`` (a test compares them); only the draws are made here,
from an explicit generator, because torchvision draws from the global one.

Sources: Cubuk et al. 2020 (arXiv 1909.13719), Müller and Hutter 2021 (arXiv 2103.10158), Hendrycks et al. 2020
(arXiv 1912.02781).
"""

from __future__ import annotations

import torch
from torch import Tensor

SIGNED = ("Brightness", "Color", "Contrast", "Sharpness")
OPERATIONS = (*SIGNED, "Posterize", "Solarize", "AutoContrast", "Equalize")
_BITS = {"RandAugment": (8, 4), "TrivialAugment": (8, 6), "AugMix": (4, 4)}  # the most bits, and how many go
_FACTOR = {"RandAugment": 0.9, "TrivialAugment": 0.99, "AugMix": 0.9}


def magnitude(policy: str, name: str, level: int, bins: int) -> float:
    """How strongly a policy applies an operation at a level, 0 to bins - 1; 0.0 where it has no strength.

    Example:
        >>> magnitude("RandAugment", "Posterize", 30, 31), round(magnitude("AugMix", "Solarize", 9, 10), 3)
        (4.0, 0.0)
    """
    share = level / (bins - 1)
    if name in SIGNED:
        return _FACTOR[policy] * share
    if name == "Posterize":
        most, gone = _BITS[policy]
        return float(round(most - gone * share))
    return 1.0 - share if name == "Solarize" else 0.0


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


def _drawn(policy: str, names: tuple[str, ...], level: int, bins: int, generator: torch.Generator) -> tuple[str, float]:
    name = names[int(torch.randint(len(names), (), generator=generator))]
    strength = magnitude(policy, name, level, bins)
    if name in SIGNED and float(torch.rand((), generator=generator)) <= 0.5:
        strength = -strength
    return name, strength


def rand_augment(image: Tensor, generator: torch.Generator, *, count: int = 2, level: int = 9) -> Tensor:
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


def trivial_augment(image: Tensor, generator: torch.Generator) -> Tensor:
    """TrivialAugment: one operation at a random level of 31; arguments and result as :func:`rand_augment`."""
    level = int(torch.randint(31, (), generator=generator))
    return operate(image, *_drawn("TrivialAugment", ("Identity", *OPERATIONS), level, 31, generator))


def aug_mix(image: Tensor, generator: torch.Generator, *, width: int = 3, severity: int = 3) -> Tensor:
    """AugMix: ``width`` chains of one to three operations, mixed with each other and with the picture.

    Arguments and result as :func:`rand_augment`; the consistency loss that goes with it is not part of it.
    """
    # A uniform draw on a simplex (Dirichlet with all ones) from exponential numbers.
    parts = -torch.rand(width, generator=generator).clamp(min=1e-9).log()
    kept = float(torch.rand((), generator=generator))
    mixed = kept * image.float()
    for part in (1 - kept) * parts / parts.sum():
        chain = image
        for _ in range(int(torch.randint(1, 4, (), generator=generator))):
            level = int(torch.randint(severity, (), generator=generator))
            chain = operate(chain, *_drawn("AugMix", OPERATIONS, level, 10, generator))
        mixed += part * chain.float()
    return mixed.round().clamp(0, 255).to(torch.uint8)
