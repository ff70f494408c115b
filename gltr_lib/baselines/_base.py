"""What all rival views share: the door at which pictures are checked, and checks of their options."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gltr_lib._draws import Generators, check_count
from gltr_lib._validate import check_images
from gltr_lib.randomize import as_typed


class View(nn.Module):
    """A view of a picture that moves no pixel: labels fit it as they are.

    A subclass makes it in :meth:`render`; everything random there comes from the generator.
    """

    @torch.no_grad()
    def forward(self, images: Tensor, generator: Generators = None, painted: Tensor | None = None) -> Tensor:
        """Make the view of each picture of a batch.

        Args:
            images: float tensor (B, 3, H, W) in [0, 1]; H, W >= 1.
            generator: source of randomness; a sequence holds one for each picture, whose view then does not depend on
                its batch.
            painted: the pictures as GTR painted them, like ``images``, if that was done already; "regions" uses it.

        Returns:
            Tensor like ``images`` (a ``tv_tensors.Image`` stays one), in [0, 1].

        Raises:
            TypeError, ValueError: not such a batch, or another number of generators than of pictures.
        """
        plain = check_images(images).as_subclass(Tensor)
        if isinstance(generator, Sequence):
            check_count(generator, len(plain))
        wide = plain if plain.dtype == torch.float64 else plain.float()
        made = self.render(wide, generator, painted)
        return as_typed(made.clamp(0, 1).to(plain.dtype), images)

    def render(self, images: Tensor, generator: Generators, painted: Tensor | None) -> Tensor:
        """The views of plain float32 or float64 pictures; values beyond [0, 1] are cut by the caller."""
        raise NotImplementedError


def each(generator: Generators, batch: int) -> list[torch.Generator | None]:
    """The generator of each picture; a single one serves them all, one after the other."""
    return list(generator) if isinstance(generator, Sequence) else [generator] * batch


def number(value: Any, name: str, low: float, high: float = math.inf) -> float:
    """An option that is a number from ``low`` to ``high``.

    Raises:
        ValueError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        valid = f"in [{low:g}, {high:g}]" if math.isfinite(high) else f">= {low:g}"
        raise ValueError(f"{name}: expected a number {valid}, received {value!r}")
    return float(value)


def span(value: Any, name: str, low: float, high: float = math.inf) -> tuple[float, float]:
    """An option that is a number, or (lowest, highest) of a range to draw from.

    Raises:
        ValueError: it is neither, or leaves [low, high].
    """
    pair = tuple(value) if isinstance(value, list | tuple) else (value, value)
    if len(pair) != 2:
        raise ValueError(f"{name}: expected a number or (low, high), received {value!r}")
    first, last = (number(item, name, low, high) for item in pair)
    if first > last:
        raise ValueError(f"{name}: expected low <= high, received {value!r}")
    return first, last


def flag(value: Any, name: str) -> bool:
    """An option that is True or False.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name}: expected true or false, received {value!r}")
    return value
