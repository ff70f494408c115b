"""Procedural paintings as a style bank: how the shipped ``paintings-mini`` was made, and the study's for VGG-19."""

from __future__ import annotations

import torch

from gltr_lib.paintings import kind_of, paint
from gltr_lib.style_bank import StyleBank
from gltr_lib.stylizer import Stylizer


def procedural_bank(stylizer: Stylizer, count: int = 512, size: int = 256) -> StyleBank:
    """Measure the paintings of the first seeds; a style's name says how to paint it again ("sumi-0": kind and seed).

    Args:
        stylizer: whose features the statistics describe.
        count: how many paintings, at least 1.
        size: side of a painting in pixels.

    Returns:
        The bank.

    Raises:
        ValueError: no painting, or a size out of its range.

    Example:
        >>> procedural_bank(Stylizer.load("mini"), count=2, size=64).names
        ('sumi-0', 'batik-1')
    """
    seeds = range(count)
    pictures = (torch.from_numpy(paint(seed, size=size)).permute(2, 0, 1).float() / 255.0 for seed in seeds)
    return StyleBank.from_images(stylizer, pictures, [f"{kind_of(seed)}-{seed}" for seed in seeds])
