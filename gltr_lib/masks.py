"""Blob masks: where local texture randomization (LTR) puts the painted texture.

White noise is blurred with a Gaussian of width sigma and cut at a threshold: smooth, random blobs. The idea is
CowMask (French et al., "Milking CowMask for Semi-Supervised Image Classification", 2020); the official GTR-LTR code
uses the same formula with SciPy. Here a mask says where the picture is *stylised* (1), one mask a sample.

How it is quick: a Gaussian of width sigma passes next to nothing above the frequency 1/sigma, so the noise need not
be drawn at every pixel. It is drawn on a grid of pitch sigma/1.25 (never finer than a pixel) and the blurred field
is evaluated at every pixel by two small matrix products, ``A_rows @ noise @ A_columns^T``, in blocks, since a pixel is
reached by a few grid points only. The field's variance ripples by less than 1e-6, and its autocorrelation is the
Gaussian's: a test compares it with SciPy's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from gltr_lib._draws import Generators, check_count
from gltr_lib._typed import strictly_typed, typed
from gltr_lib._validate import check_choice, check_device, check_share, describe

_REACH = 4.0  # a Gaussian is cut at 4 sigma, as SciPy does
_PITCH = 1.25  # grid points a sigma: the ripple of the variance is 2*exp(-(pi*1.25)^2) = 4e-7
_BLOCK = 256  # pixels in one product: fewer multiply fewer zeros, more make fewer calls


@typed
def blob_mask(
    batch: int,
    height: int,
    width: int,
    *,
    sigma: float | tuple[float, float] = (4.0, 16.0),
    share: float | tuple[float, float] = 0.5,
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
        rule: "exact" takes the quantile, so each mask meets the share to one pixel; "official" thresholds at
            ``mean + sqrt(2) * erfinv(1 - 2 * share) * std``, which meets it in expectation only.
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
    target = check_device(device) if device is not None else _device_of(generator)
    masks = torch.empty(batch, 1, height, width, device=target)
    # Each field lies where its mask will: fresh memory costs as much as a product.
    for mask, s, p in zip(masks[:, 0], sigmas, shares, strict=True):
        _threshold(_smooth_noise(s, generator, mask), p, rule, mask)
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
    target = check_device(device) if device is not None else _device_of(generator)
    return _smooth_noise(sigma, generator, torch.empty(height, width, device=target))


def _smooth_noise(sigma: float, generator: torch.Generator | None, out: Tensor) -> Tensor:
    height, width = out.shape
    pitch = max(1.0, sigma / _PITCH)
    margin = math.ceil(_REACH * sigma / pitch)
    rows, columns = (math.ceil((n - 1) / pitch) + 1 + 2 * margin for n in (height, width))
    noise = torch.randn(rows, columns, generator=generator, device=_device_of(generator)).to(out.device)
    if sigma == 0:
        return out.copy_(noise)
    across = _gaussian_basis(width, columns, margin, pitch, sigma, out.device)
    down = (
        across
        if (height, rows) == (width, columns)
        else _gaussian_basis(height, rows, margin, pitch, sigma, out.device)
    )
    half = torch.empty(rows, width, device=out.device)
    for pixels, points in _blocks(width, margin, pitch):
        torch.mm(noise[:, points], across[pixels, points].T, out=half[:, pixels])
    for pixels, points in _blocks(height, margin, pitch):
        torch.mm(down[pixels, points], half[points], out=out[pixels])
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
    return _threshold(field.detach(), share, rule, torch.empty(field.shape, device=field.device))


def _threshold(field: Tensor, share: float, rule: str, out: Tensor) -> Tensor:
    if rule == "official":
        # erfinv(+-1) is infinite: a share of 0 or 1 then gives an all-0 or all-1 mask, as it should.
        level = math.sqrt(2.0) * torch.erfinv(torch.tensor(1.0 - 2.0 * share, dtype=torch.float64)).item()
        return torch.gt(field, field.mean() + level * field.std(correction=0), out=out)
    count = round(share * field.numel())
    if count == 0:
        return out.zero_()
    return torch.ge(field, _smallest(field.flatten(), field.numel() - count), out=out)


def _smallest(values: Tensor, rank: int) -> Tensor:
    """The value with ``rank`` smaller ones, exactly. On a CPU NumPy finds it ten times faster than kthvalue."""
    if values.is_cuda:
        return torch.kthvalue(values, rank + 1).values
    if values.dtype != torch.float32:
        return torch.from_numpy(np.partition(values.numpy(), rank))[rank]
    # The bits as integers, twice as fast again: their order is that of the numbers, but turned round below zero.
    bits = values.numpy().view(np.int32)
    below = np.count_nonzero(bits < 0)
    place = rank if rank >= below else below - 1 - rank
    return torch.from_numpy(np.partition(bits, place)[place : place + 1].view(np.float32))[0]


@typed
def draw_sigmas(
    batch: int, sigma: float | tuple[float, float], generator: torch.Generator | None = None
) -> list[float]:
    """Draw one sigma a sample, log-uniformly in (low, high).

    Example:
        >>> draw_sigmas(2, 4.0)
        [4.0, 4.0]
    """
    _check_sizes(batch, 1, 1)
    low, high = _pair(sigma, "sigma")
    if not (0 < low <= high and math.isfinite(high)):
        raise ValueError(f"sigma: expected 0 < low <= high in pixels, received {sigma!r}")
    u = torch.rand(batch, generator=generator, device=_device_of(generator)).double().cpu()
    return [low if low == high else float(low * (high / low) ** x) for x in u.tolist()]


@typed
def draw_shares(
    batch: int, share: float | tuple[float, float], generator: torch.Generator | None = None
) -> list[float]:
    """Draw one stylised share a sample, uniformly in (low, high).

    Example:
        >>> draw_shares(2, 0.5)
        [0.5, 0.5]
    """
    _check_sizes(batch, 1, 1)
    low, high = (check_share(v) for v in _pair(share, "share"))
    if low > high:
        raise ValueError(f"share: expected low <= high, received {share!r}")
    u = torch.rand(batch, generator=generator, device=_device_of(generator)).double().cpu()
    return [float(low + (high - low) * x) for x in u.tolist()]


def _gaussian_basis(size: int, points: int, margin: int, pitch: float, sigma: float, device: torch.device) -> Tensor:
    """Return (size, points): the weight of each grid point at each pixel, scaled to unit variance of the result."""
    # Each pixel is reached by the few grid points within 4 sigma: only their weights are computed, the rest is 0.
    nearest = _nearest(np.arange(size), pitch)
    distance = (np.arange(size) - nearest * pitch)[:, None] - np.arange(-margin, margin + 1) * pitch
    weights = np.exp(-0.5 * (distance / sigma) ** 2)
    weights /= np.sqrt(np.square(weights).sum(axis=1, keepdims=True))
    basis = np.zeros((size, points), np.float32)
    np.put_along_axis(basis, nearest[:, None] + np.arange(2 * margin + 1), weights.astype(np.float32), axis=1)
    return torch.from_numpy(basis).to(device)


def _nearest(pixels: np.ndarray, pitch: float) -> np.ndarray:
    """The grid point nearest to each pixel, counted from the first inside the picture."""
    return np.rint(pixels / pitch).astype(np.int64)


def _blocks(size: int, margin: int, pitch: float) -> Iterator[tuple[slice, slice]]:
    """Runs of pixels, each with the grid points that reach it."""
    for start in range(0, size, _BLOCK):
        stop = min(start + _BLOCK, size)
        first, last = _nearest(np.array([start, stop - 1]), pitch).tolist()
        yield slice(start, stop), slice(first, last + 2 * margin + 1)


def _pair(value: float | tuple[float, float], name: str) -> tuple[float, float]:
    try:
        low, high = (value, value) if isinstance(value, int | float) else value
        return float(low), float(high)
    except (TypeError, ValueError):
        raise TypeError(f"{name}: expected a number or a pair (low, high), received {describe(value)}") from None


def _check_sizes(batch: int, height: int, width: int) -> None:
    for name, value in (("batch", batch), ("height", height), ("width", width)):
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{name}: expected an integer >= 1, received {describe(value)}")
        if not 1 <= value < 2**31:
            raise ValueError(f"{name}: expected an integer >= 1, received {value}")


def _device_of(generator: torch.Generator | None) -> torch.device:
    return generator.device if generator is not None else torch.device("cpu")
