"""Blob masks: where local texture randomization (LTR) puts the painted texture.

White noise is blurred with a Gaussian of width sigma and cut at a threshold: smooth, random blobs. The idea is
CowMask (French et al., "Milking CowMask for Semi-Supervised Image Classification", 2020); the official GTR-LTR code
uses the same formula with SciPy. Here a mask says where the picture is *stylised* (1), one mask a sample.

How it is quick: a Gaussian of width sigma passes next to nothing above the frequency 1/sigma, so the noise need not
be drawn at every pixel. It is drawn on a grid of whole pixels, at most sigma/1.25 apart (but never finer than one
pixel), and the blurred field is evaluated at every pixel. Along one axis a block of pixels is reached by a few grid
points, and every block by its own in the same way: one small table of weights, times all windows of grid points at
once. The field's variance ripples by less than 1e-6; its autocorrelation is that of SciPy's filter, as a test shows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from gltr_lib._draws import Generators, check_count, device_of, onto, uniform
from gltr_lib._typed import fits, strictly_typed, typed
from gltr_lib._validate import check_choice, check_device, check_share, describe

Range = float | tuple[float, float] | np.ndarray | Tensor  # a number, or (low, high)

_REACH = 4.0  # a Gaussian is cut at 4 sigma, as SciPy does
_PITCH = 1.25  # grid points a sigma: the ripple of the variance is 2*exp(-(pi*1.25)^2) = 4e-7
_BLOCK = 24  # pixels in one product, about: fewer multiply fewer zeros, more make larger matrices
_SAMPLE = 8  # every so many rows and columns: the pixels that bound the threshold first


@typed
def blob_mask(
    batch: int,
    height: int,
    width: int,
    *,
    sigma: Range = (4.0, 16.0),
    share: Range = 0.5,
    rule: Literal["exact", "official"] = "exact",
    generator: Generators = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Draw blob masks, one a sample: 1 where the picture is to be stylised.

    Args:
        batch: number of masks, >= 1.
        height: rows, in pixels, >= 1.
        width: columns, in pixels, >= 1.
        sigma: width of the Gaussian in pixels; (low, high) draws it log-uniformly for each sample.
        share: stylised share of the pixels in [0, 1]; (low, high) draws it uniformly for each sample.
        rule: "exact" takes the quantile, so each mask meets the share to one pixel (pixels of one very same height go
            together); "official" thresholds at ``mean + sqrt(2) * erfinv(1 - 2 * share) * std``, which single
            masks miss, and the mean of many meets nearly (large blobs are few, and not normally distributed).
        generator: draws the noise on its own device, so that a CPU generator gives one mask everywhere. A sequence
            holds one generator for each sample, whose mask then does not depend on its batch.
        device: where the mask is put; the generator's device (or the CPU) by default.

    Returns:
        float32 tensor (batch, 1, height, width) of {0, 1}.

    Raises:
        TypeError, ValueError: on sizes, sigmas or shares out of range.

    Source:
        Peng et al. 2021 (LTR); the official code's mask (its M is the raw share, so M there is 1 - M here).

    Example:
        >>> mask = blob_mask(2, 64, 64, sigma=4.0, share=0.25, generator=torch.Generator().manual_seed(0))
        >>> mask.shape, mask.mean(dim=(1, 2, 3)).tolist()
        (torch.Size([2, 1, 64, 64]), [0.25, 0.25])
    """
    _check_sizes(batch, height, width)
    check_choice(rule, ("exact", "official"), "rule")
    if isinstance(generator, Sequence):
        check_count(generator, batch)
        options = {"sigma": sigma, "share": share, "rule": rule, "device": device}
        return torch.cat([blob_mask(1, height, width, generator=one, **options) for one in generator])  # type: ignore[arg-type]
    sigmas = draw_sigmas(batch, sigma, generator)
    shares = draw_shares(batch, share, generator)
    target = check_device(device) if device is not None else device_of(generator)
    masks = torch.empty(batch, 1, height, width, dtype=torch.float32, device=target)
    # Each field lies where its mask will: fresh memory costs as much as a product.
    for mask, s, p in zip(masks[:, 0], sigmas, shares, strict=True):
        _cut(_smooth_noise(s, generator, mask), p, rule)
    return masks


@typed
def smooth_noise(
    height: int,
    width: int,
    sigma: float,
    *,
    generator: torch.Generator | None = None,
    device: torch.device | str | None = None,
) -> Tensor:
    """Draw Gaussian-smoothed white noise of unit variance.

    Args:
        height: rows in pixels. width: columns in pixels.
        sigma: width of the Gaussian in pixels, >= 0; 0 leaves white noise.
        generator: draws the noise on its own device.
        device: where the field is put.

    Returns:
        float32 tensor (height, width), mean 0 and variance 1 over many draws.

    Example:
        >>> smooth_noise(8, 16, 2.0, generator=torch.Generator().manual_seed(0)).shape
        torch.Size([8, 16])
    """
    _check_sizes(1, height, width)
    if not (math.isfinite(sigma) and sigma >= 0):
        raise ValueError(f"sigma: expected a finite number of pixels >= 0, received {sigma!r:.60}")
    target = check_device(device) if device is not None else device_of(generator)
    return _smooth_noise(float(sigma), generator, torch.empty(height, width, dtype=torch.float32, device=target))


def _smooth_noise(sigma: float, generator: torch.Generator | None, out: Tensor) -> Tensor:
    height, width = out.shape
    drawn_on = device_of(generator)
    if sigma == 0:
        return out.copy_(torch.randn(height, width, generator=generator, device=drawn_on, dtype=torch.float32))
    pitch = max(1, int(sigma / _PITCH))  # of the grid, in pixels
    margin = math.ceil(_REACH / pitch * sigma)  # grid points that reach into the picture from outside
    group = max(1, _BLOCK // pitch)  # grid points in a block
    weights = onto(_weights(min(group * pitch, max(height, width)), group, margin, pitch, sigma), out.device)
    rows, columns = (math.ceil(n / (group * pitch)) * group + 2 * margin + 1 for n in (height, width))
    noise = onto(torch.randn(columns, rows, generator=generator, device=drawn_on, dtype=torch.float32), out.device)
    across = _blur(noise, weights, group, torch.empty(width, rows, dtype=torch.float32, device=out.device))
    return _blur(across.T, weights, group, out)


def _weights(pixels: int, group: int, margin: int, pitch: int, sigma: float) -> Tensor:
    """Return (pixels, points): how much of each grid point each pixel of a block takes, for a result of variance 1."""
    with np.errstate(over="ignore"):  # of a tiny sigma, or of points far beyond: a weight of 0, as it should be
        points = np.arange(-margin, group + margin + 1) * float(pitch)
        distance = np.arange(pixels)[:, None] - points
        weights = np.exp(-0.5 * (distance / sigma) ** 2)
    weights[abs(distance) > _REACH * sigma] = 0  # which also spares the products numbers near 1e-40, which are slow
    weights /= np.sqrt(np.square(weights).sum(axis=1, keepdims=True))
    return torch.from_numpy(weights.astype(np.float32))


def _blur(points: Tensor, weights: Tensor, group: int, out: Tensor) -> Tensor:
    """Take grid points (n, m) to pixels (size, m) along the first axis, block by block with the same weights."""
    size, width = out.shape
    pixels, reach = weights.shape
    whole = size // pixels
    if whole:
        windows = points.unfold(0, reach, group).mT[:whole]  # no copy: they overlap
        torch.bmm(weights.expand(whole, -1, -1), windows, out=out[: whole * pixels].view(whole, pixels, width))
    rest = size - whole * pixels
    if rest:
        torch.mm(weights[:rest], points[whole * group :][:reach], out=out[whole * pixels :])
    return out


@strictly_typed
def threshold_field(field: Tensor, share: float, rule: str = "exact") -> Tensor:
    """Cut a field so that ``share`` of its pixels, the highest ones, become 1.

    Args:
        field: float tensor (H, W).
        share: stylised share in [0, 1].
        rule: "exact" (quantile of this field) or "official" (mean, std and erfinv).

    Returns:
        float32 tensor (H, W) of {0, 1}.

    Example:
        >>> threshold_field(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), 0.5)
        tensor([[0., 0.],
                [1., 1.]])
    """
    share = check_share(share)
    if not field.is_floating_point() or field.ndim != 2 or 0 in field.shape or field.layout is not torch.strided:
        raise ValueError(f"field: expected floats (H,W), received {describe(field)}")
    check_choice(rule, ("exact", "official"), "rule")
    if field.isnan().any():
        raise ValueError(f"field: expected numbers, received NaN in {describe(field)}")
    # Anybody's field may be of any height: its deviation is taken in float64.
    precision = torch.float64 if rule == "official" else torch.promote_types(field.dtype, torch.float32)
    own = field.detach().to(precision, copy=True, memory_format=torch.contiguous_format)
    return _cut(own, share, rule).float()


def _cut(field: Tensor, share: float, rule: str) -> Tensor:
    """Make a field its mask, in place: a comparison into other memory takes four times as long."""
    if share in (0.0, 1.0):
        return field.fill_(share)
    if rule == "official":
        level = math.sqrt(2.0) * torch.erfinv(torch.tensor(1.0 - 2.0 * share, dtype=torch.float64)).item()
        field -= field.mean()
        # Its norm, not torch.std, which is five times slower on a CPU; row by row, or float32 loses digits on the way.
        norm = torch.linalg.vector_norm(torch.linalg.vector_norm(field, dim=1))
        return field.gt_(level * norm / math.sqrt(field.numel()))
    count = round(share * field.numel())
    if count == 0:
        return field.zero_()
    return field.ge_(_smallest(field, field.numel() - count))


def _smallest(field: Tensor, rank: int) -> Tensor:
    """The number of a field (H, W) with ``rank`` smaller ones, exactly; none is NaN.

    On a CPU a sample says between which two numbers it lies, and only those between them are sorted out: kthvalue takes
    fifty times as long, and np.partition of all numbers up to ten times (its wide vectors are slow on some chips).
    """
    if field.device.type != "cpu":
        return torch.kthvalue(field.flatten(), rank + 1).values
    numbers = field.numpy()
    sample = numbers[::_SAMPLE, ::_SAMPLE].flatten()
    place, slack = rank * sample.size // numbers.size, math.isqrt(sample.size) + 4  # two deviations of a random sample
    low, high = place - slack, place + slack
    if low >= 0 and high < sample.size:
        sample.partition((low, high))
        inside = numbers >= sample[low]
        below = numbers.size - np.count_nonzero(inside)
        inside &= numbers <= sample[high]
        between = np.compress(inside.ravel(), numbers.ravel())
        if 0 <= rank - below < between.size:
            between.partition(rank - below)
            return torch.from_numpy(between)[rank - below]
    return torch.from_numpy(np.partition(numbers, rank, axis=None))[rank]  # few numbers, or a sample that misled


@typed
def draw_sigmas(batch: int, sigma: Range, generator: torch.Generator | None = None) -> list[float]:
    """Draw one sigma a sample, log-uniformly in (low, high).

    Example:
        >>> draw_sigmas(2, 4.0)
        [4.0, 4.0]
    """
    _check_sizes(batch, 1, 1)
    low, high = as_range(sigma, "sigma")
    if not (0 < low <= high and math.isfinite(high)):
        raise ValueError(f"sigma: expected 0 < low <= high in pixels, received {sigma!r}")
    u = uniform(batch, generator).double()
    return [low if low == high else float(low * (high / low) ** x) for x in u.tolist()]


@typed
def draw_shares(batch: int, share: Range, generator: torch.Generator | None = None) -> list[float]:
    """Draw one stylised share a sample, uniformly in (low, high).

    Example:
        >>> draw_shares(2, 0.5)
        [0.5, 0.5]
    """
    _check_sizes(batch, 1, 1)
    low, high = (check_share(v) for v in as_range(share, "share"))
    if low > high:
        raise ValueError(f"share: expected low <= high, received {share!r}")
    u = uniform(batch, generator).double()
    return [float(low + (high - low) * x) for x in u.tolist()]


def as_range(value: Range, name: str) -> tuple[float, float]:
    """A number as (number, number), a pair as it is; both of plain floats."""
    try:
        plain: Any = value.tolist() if isinstance(value, np.ndarray | Tensor) else value
        one = isinstance(plain, int | float) or getattr(plain, "ndim", None) == 0  # a number, of NumPy too
        low, high = (plain, plain) if one else plain
        if isinstance(low, bool) or isinstance(high, bool):  # float() would take True for 1
            raise TypeError
        return float(low), float(high)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise TypeError(f"{name}: expected a number or a pair (low, high), received {describe(value)}") from None


def _check_sizes(batch: int, height: int, width: int) -> None:
    for name, value in (("batch", batch), ("height", height), ("width", width)):
        if not fits(value, int):
            raise TypeError(f"{name}: expected an integer >= 1, received {describe(value)}")
        if not 1 <= value < 2**31:
            raise ValueError(f"{name}: expected an integer >= 1, received {value}")
