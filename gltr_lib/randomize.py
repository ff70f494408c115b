"""Texture randomization as two batch transforms: GTR paints whole pictures, LTR parts of them.

- GTR (global): every picture gets a style drawn anew from the bank, on the device, at every step.
- LTR (local): ``x_local = M * x_global + (1 - M) * x`` with a blob mask M of stylised share p.

Both take a whole batch, like torchvision's CutMix: call them in the training loop or in a collate function, after the
transforms that turn each sample into tensors in [0, 1] and *before* any normalisation by mean and std. Unlike CutMix
they take pictures alone: shapes stay where they are, so the labels still fit. ``docs/own_loop.md`` shows both places.
In the workers of a DataLoader leave ``generator`` out: torch gives each worker its own seed, and a new one every epoch,
whereas a generator of yours would be copied into every worker, and all of them would draw the same styles.
Source: Peng et al., IEEE TIP 2021 (GTR, LTR).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from gltr_lib._draws import Generators, check_count
from gltr_lib._typed import BadArgument, typed
from gltr_lib._validate import check_images, check_share, describe
from gltr_lib.adain import StyleStats
from gltr_lib.masks import Range, as_range, blob_mask

if TYPE_CHECKING:
    from gltr_lib.style_bank import StyleBank
    from gltr_lib.stylizer import Stylizer

REFERENCE_CROP = 640  # pixels; LTR's sigma is given at this crop


class GlobalTextureRandomization(nn.Module):
    """Give each picture of a batch a fresh style from a bank (GTR).

    ``gtr.to(device)`` moves the stylizer; styles drawn from the bank follow each batch to its device.

    Args:
        stylizer: encoder, AdaIN and decoder.
        bank: styles made by the same stylizer.
        alpha: strength of the style in [0, 1]; 0 gives the decoder's copy of the picture.

    Raises:
        TypeError: no stylizer, or no bank. ValueError: a bank of another stylizer, or alpha outside [0, 1].

    Example:
        >>> from gltr_lib import Stylizer, StyleBank
        >>> stylizer = Stylizer.load("mini")
        >>> gtr = GlobalTextureRandomization(stylizer, StyleBank.load("paintings-mini"))
        >>> gtr(torch.rand(2, 3, 32, 48), generator=torch.Generator().manual_seed(0)).shape
        torch.Size([2, 3, 32, 48])
    """

    @typed
    def __init__(self, stylizer: Stylizer, bank: StyleBank, alpha: float = 1.0) -> None:
        super().__init__()
        if not hasattr(stylizer, "stylize"):
            raise TypeError(
                f'stylizer: expected a Stylizer, such as Stylizer.load("mini"), received {describe(stylizer)}'
            )
        if not hasattr(bank, "sample"):
            raise TypeError(
                f'bank: expected a StyleBank, such as StyleBank.load("paintings-mini"), received {describe(bank)}'
            )
        if getattr(bank, "fingerprint", "") and getattr(stylizer, "fingerprint", ""):  # a bank made by hand has none
            bank.check(stylizer)
        self.stylizer = stylizer
        self.bank = bank
        self.alpha = check_share(alpha, "alpha")

    @torch.no_grad()
    def forward(self, images: Tensor, generator: Generators = None) -> Tensor:
        """Stylise a batch, one style drawn for each picture.

        Args:
            images: float tensor (B, 3, H, W) in [0, 1], before any normalisation by mean and std. On a GPU the range is
                not checked, because reading the values would make the loop wait.
            generator: draws the styles on its own device; a sequence holds one for each picture.

        Returns:
            Tensor like ``images`` (a ``tv_tensors.Image`` stays one), in [0, 1].

        Raises:
            TypeError, ValueError: on anything else than such a batch.
        """
        plain = check_images(images).as_subclass(Tensor)
        _check_generator(generator)
        stats = self._draw(plain.shape[0], generator).to(plain.device)
        return as_typed(self.stylizer.stylize(plain, stats, alpha=self.alpha), images)

    def _draw(self, batch: int, generator: Generators) -> StyleStats:
        if not isinstance(generator, Sequence):
            return self.bank.sample(batch, generator)
        check_count(generator, batch)
        drawn = [self.bank.sample(1, one) for one in generator]
        return StyleStats(torch.cat([s.mean for s in drawn]), torch.cat([s.std for s in drawn]))

    def extra_repr(self) -> str:
        return f"styles={len(self.bank)}, alpha={self.alpha:g}"


class LocalTextureRandomization(nn.Module):
    """Stylise random blobs of each picture and leave the rest as it is (LTR).

    Args:
        sigma: width of the blobs in pixels **at a 640-pixel crop**; (low, high) is drawn log-uniformly. At other
            sizes it is scaled by ``min(H, W) / 640``.
        share: stylised share in [0, 1]; (low, high) is drawn uniformly for each picture. To let it grow, assign
            ``ltr.share = share_schedule(step, steps)`` between steps.
        rule: "exact" or "official", see :func:`gltr_lib.masks.blob_mask`.

    Example:
        >>> ltr = LocalTextureRandomization(share=0.25)
        >>> raw, painted = torch.zeros(1, 3, 64, 64), torch.ones(1, 3, 64, 64)
        >>> mixed, mask = ltr(raw, painted, generator=torch.Generator().manual_seed(0))
        >>> mixed.mean().item(), mask.shape
        (0.25, torch.Size([1, 1, 64, 64]))
    """

    @typed
    def __init__(
        self,
        sigma: Range = (4.0, 16.0),
        share: Range = 0.5,
        rule: Literal["exact", "official"] = "exact",
    ) -> None:
        super().__init__()
        # A draw on one pixel checks all three arguments where the mistake was made, not at the first step.
        blob_mask(1, 1, 1, sigma=sigma, share=share, rule=rule, generator=torch.Generator())
        self.sigma = sigma
        self.share = share
        self.rule: Literal["exact", "official"] = rule

    @typed
    def sigma_at(self, height: int, width: int) -> tuple[float, float]:
        """Return (low, high) of sigma in pixels for a picture of this size."""
        low, high = as_range(self.sigma, "sigma")
        scale = min(height, width) / REFERENCE_CROP
        return low * scale, high * scale

    @torch.no_grad()
    @typed
    def forward(self, images: Tensor, stylised: Tensor, generator: Generators = None) -> tuple[Tensor, Tensor]:
        """Mix each picture with its stylised twin.

        Args:
            images: float tensor (B, 3, H, W) in [0, 1], the raw pictures.
            stylised: like ``images``, the same scenes after GTR.
            generator: draws the masks on its own device; a sequence holds one for each picture.

        Returns:
            (mixed, mask): mixed like ``images``, with pixels outside the mask bit-identical to them; mask float
            (B, 1, H, W) of {0, 1}, 1 = stylised.

        Raises:
            TypeError, ValueError: on anything else than two such batches of one shape.
        """
        check_images(images)
        check_images(stylised, "stylised")
        if images.shape != stylised.shape:
            raise ValueError(
                f"LocalTextureRandomization: expected images and stylised of one shape, received {describe(images)}"
                f" and {describe(stylised)}"
            )
        batch, _, height, width = images.shape
        mask = blob_mask(
            batch,
            height,
            width,
            sigma=self.sigma_at(height, width),
            share=self.share,
            rule=self.rule,
            generator=generator,
            device=images.device,
        )
        mixed = torch.where(mask.bool(), stylised.as_subclass(Tensor).to(images.dtype), images.as_subclass(Tensor))
        last = images.is_contiguous(memory_format=torch.channels_last)
        mixed = mixed.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
        return as_typed(mixed, images), mask

    def extra_repr(self) -> str:
        return f"sigma={self.sigma} at {REFERENCE_CROP} px, share={self.share}, rule={self.rule!r}"


@typed
def share_schedule(step: float, steps: float, *, start: float = 0.5, power: float = 0.1) -> float:
    """Return the stylised share p at a step: it grows from ``start`` to 1.

    ``p_t = p_0 + (1 - p_0) * (t / T)^power``, as the official code's comment intends (its running code differs).

    Args:
        step: t in [0, steps]; between two steps too.
        steps: T >= 1.
        start: p_0 in [0, 1].
        power: > 0; 0.1 rises at once, 1 evenly.

    Returns:
        The share in [0, 1].

    Raises:
        ValueError: a step outside [0, steps], or a power that is not positive.

    Example:
        >>> [share_schedule(t, 100, start=0.5, power=1.0) for t in (0, 50, 100)]
        [0.5, 0.75, 1.0]
    """
    start = check_share(start, "start")
    if steps < 1 or not 0 <= step <= steps:
        raise ValueError(f"share_schedule: expected 0 <= step <= steps and steps >= 1, received {step} of {steps}")
    if not (power > 0 and math.isfinite(power)):
        raise ValueError(f"share_schedule: expected a power > 0, received {power!r}")
    return start + (1.0 - start) * (step / steps) ** power


def _check_generator(generator: object) -> None:
    """Refuse what draws no styles; labels land here when GTR is called as CutMix is, or put into ``v2.Compose``."""
    several = isinstance(generator, Sequence) and all(isinstance(one, torch.Generator) for one in generator)
    if not (generator is None or isinstance(generator, torch.Generator) or several):
        hint = "; GTR takes pictures alone, so call gtr(images): labels stay as they are"
        raise BadArgument(
            "generator: expected a torch.Generator, a sequence with one for each picture, or None, received"
            f" {describe(generator)}{hint if isinstance(generator, Tensor) else ''}"
        )


def as_typed(result: Tensor, images: Tensor) -> Tensor:
    """Give a result the type of its input, so that a ``tv_tensors.Image`` stays typed (duck-typed: no import)."""
    if type(images) is Tensor:
        return result
    from torchvision import tv_tensors

    return tv_tensors.wrap(result, like=images) if isinstance(images, tv_tensors.TVTensor) else result
