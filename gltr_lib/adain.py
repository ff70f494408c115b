"""Adaptive instance normalisation: a style is two numbers a channel.

AdaIN takes the features of a picture, removes each channel's own mean and standard deviation and gives it those of
a style. Positions never mix, so what is where stays; statistics change, so how it looks changes. Source: Huang and
Belongie, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization", ICCV 2017
(arXiv 1703.06868), equation 8. Shapes: features (B, C, H, W), statistics (N, C).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from gltr_lib._typed import typed
from gltr_lib._validate import check_device, check_share, describe, is_traced

_PIECE = 2**20  # numbers that are worked on at once, in channels that lie together


@dataclass(frozen=True, eq=False)
class StyleStats:
    """The style of N pictures: the mean and standard deviation of each feature channel.

    Args:
        mean: float tensor (N, C).
        std: float tensor (N, C), not negative.

    Raises:
        ValueError: shapes differ, are not (N, C), or a value is not finite or a std is negative.

    Example:
        >>> stats = StyleStats(torch.zeros(4, 8), torch.ones(4, 8))
        >>> len(stats), stats[:2].mean.shape
        (4, torch.Size([2, 8]))
    """

    mean: Tensor
    std: Tensor

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            value = getattr(self, name)
            if not isinstance(value, Tensor) or not value.is_floating_point():
                raise TypeError(f"StyleStats.{name}: expected a float tensor (N,C), received {describe(value)}")
        _check_shapes(self.mean, self.std)
        if not (torch.isfinite(self.mean).all() and torch.isfinite(self.std).all()):
            raise ValueError("StyleStats: expected finite values, received NaN or infinity; check the style pictures")
        if (self.std < 0).any():
            raise ValueError(f"StyleStats.std: expected values >= 0, received a negative one ({self.std.min():.4g})")

    def __len__(self) -> int:
        return self.mean.shape[0]

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same numbers; the comparison of a dataclass fails on tensors."""
        if not isinstance(other, StyleStats):
            return NotImplemented
        return all(torch.equal(a, b.to(a.device)) for a, b in ((self.mean, other.mean), (self.std, other.std)))

    __hash__ = None  # type: ignore[assignment]  # tensors may change

    def __getitem__(self, index: int | slice | Tensor | list[int]) -> StyleStats:
        """Return the chosen styles; a single number, of torch or NumPy too, keeps the dimension N = 1."""
        if isinstance(index, int) or getattr(index, "ndim", 1) == 0:
            index = [int(index)]  # type: ignore[arg-type]
        return _of_checked(self.mean[index], self.std[index])

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> StyleStats:
        """Return the statistics on another device or in another dtype."""
        device = None if device is None else check_device(device)
        mean, std = (value.to(device=device, dtype=dtype) for value in (self.mean, self.std))
        return StyleStats(mean, std) if mean.dtype != self.mean.dtype else _of_checked(mean, std)


def _check_shapes(mean: Tensor, std: Tensor) -> None:
    if mean.ndim != 2 or mean.shape != std.shape:
        raise ValueError(
            f"StyleStats: expected mean and std of one shape (N,C), received {describe(mean)} and {describe(std)}"
        )


def _of_checked(mean: Tensor, std: Tensor) -> StyleStats:
    """Statistics of numbers that were checked before: reading them again would make a GPU wait at every step."""
    _check_shapes(mean, std)
    out = object.__new__(StyleStats)
    object.__setattr__(out, "mean", mean)
    object.__setattr__(out, "std", std)
    return out


@typed
def channel_stats(features: Tensor, eps: float = 1e-5) -> tuple[Tensor, Tensor]:
    """Compute the mean and the standard deviation of each channel of each picture.

    The variance is the biased one (divided by H*W, as instance normalisation does), so that a single position has
    variance 0 and not NaN. ``eps`` stands under the root and keeps the later division finite.

    Args:
        features: float tensor (B, C, H, W); half precision is summed up in float32.
        eps: added to the variance, >= 0.

    Returns:
        (mean, std), each (B, C, 1, 1), in float32 (float64 for float64 features).

    Raises:
        TypeError: not a float tensor. ValueError: not (B, C, H, W), no position, or a negative eps.

    Source:
        Huang and Belongie 2017, equations 5 and 6 (there: mu and sigma).

    Example:
        >>> mean, std = channel_stats(torch.tensor([[[[1.0, 3.0]]]]), eps=0.0)
        >>> mean.item(), std.item()
        (2.0, 1.0)
    """
    _check_features(features, "features")
    _check_eps(eps)
    if _in_pieces(features):
        return _piecewise_stats(features, eps)
    mean, variance, _ = _moments(features)
    return mean, (variance + eps).sqrt()


def _moments(features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and variance of each channel, and the features without their mean; float32, or float64 as they came.

    On a CPU ``torch.var_mean`` adds up position by position (Welford), five times slower than these two passes, which
    are as exact: the mean is taken off before anything is squared.
    """
    wide = features if features.dtype == torch.float64 else features.float()
    if wide.device.type != "cpu":
        variance, mean = torch.var_mean(wide, dim=(-2, -1), correction=0, keepdim=True)
        return mean, variance, wide - mean
    mean = wide.mean((-2, -1), keepdim=True)
    centred = wide - mean
    return mean, centred.square().mean((-2, -1), keepdim=True), centred


def _in_pieces(*tensors: Tensor) -> bool:
    """Whether the work may go piece by piece: on a CPU, and where no derivative, map or graph is asked for."""
    if any(tensor.device.type != "cpu" or is_traced(tensor) for tensor in tensors):
        return False
    return not (torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors))


def _pieces(features: Tensor) -> Iterator[tuple[int, slice]]:
    """(picture, channels) of pieces small enough for the processor's cache: most of the time would go to memory.

    Channels-last features, whose channels do not lie together, come picture by picture.
    """
    batch, channels, height, width = features.shape
    together = channels if features.stride(1) == 1 else max(1, _PIECE // (height * width))
    for picture in range(batch):
        for start in range(0, channels, together):
            yield picture, slice(start, start + together)


def _piecewise_stats(features: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    kind = torch.promote_types(features.dtype, torch.float32)
    mean, std = (torch.empty(*features.shape[:2], 1, 1, dtype=kind) for _ in range(2))
    for piece in _pieces(features):
        mean[piece], variance, _ = _moments(features[piece])
        std[piece] = (variance + eps).sqrt()
    return mean, std


@typed
def adain(content: Tensor, style_mean: Tensor, style_std: Tensor, alpha: float = 1.0, eps: float = 1e-5) -> Tensor:
    """Give content features the channel statistics of a style.

    ``AdaIN(x, s) = std(s) * (x - mean(x)) / std(x) + mean(s)``; ``alpha`` blends the result with x.

    Args:
        content: float tensor (B, C, H, W).
        style_mean: (C), (N, C) or (N, C, 1, 1) with N = 1 or N = B.
        style_std: like ``style_mean``; its N may be another.
        alpha: 0 returns the content, 1 the full style; in [0, 1].
        eps: as in :func:`channel_stats`.

    Returns:
        Tensor like ``content`` (shape, dtype, device).

    Raises:
        TypeError, ValueError: on shapes that do not fit, alpha outside [0, 1], a negative eps, NaN or infinity in a
            style's statistics, or a negative style_std (these on a CPU; elsewhere reading them would make the device
            wait). Content is not read twice: NaN in a channel makes the channel NaN.

    Source:
        Huang and Belongie 2017, equations 8 (AdaIN) and 14 (alpha).

    Example:
        >>> x = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
        >>> y = adain(x, torch.full((2, 4), 3.0), torch.full((2, 4), 0.5))
        >>> mean, std = channel_stats(y)
        >>> torch.allclose(mean, torch.tensor(3.0)) and torch.allclose(std, torch.tensor(0.5), atol=1e-3)
        True
    """
    _check_features(content, "content")
    alpha = check_share(alpha, "alpha")
    _check_eps(eps)
    new_mean = _per_channel(style_mean, content, "style_mean")
    new_std = _per_channel(style_std, content, "style_std")
    _check_values(style_mean, "style_mean")
    _check_values(style_std, "style_std", least=0.0)
    if alpha == 0.0:
        return content.clone()
    if not _in_pieces(content, new_mean, new_std):
        return _restyled(content, new_mean, new_std, alpha, eps).to(content.dtype)
    result = torch.empty_like(content)
    new_mean, new_std = (values.expand(len(content), -1, -1, -1) for values in (new_mean, new_std))
    for piece in _pieces(content):
        _restyled(content[piece], new_mean[piece], new_std[piece], alpha, eps, result[piece])
    return result


def _restyled(
    content: Tensor, new_mean: Tensor, new_std: Tensor, alpha: float, eps: float, out: Tensor | None = None
) -> Tensor:
    """AdaIN in float32 of (..., C, H, W) and statistics (..., C, 1, 1)."""
    mean, variance, centred = _moments(content)
    std = (variance + eps).sqrt()
    # Alpha folds into one scale and one shift a channel. The mean is taken off first: with scale * x - scale * mean a
    # nearly constant channel (std 0.003) would multiply the rounding error of its mean by 300.
    scale = torch.lerp(torch.ones_like(std), new_std / std, alpha)
    shift = torch.lerp(mean, new_mean, alpha)
    return torch.addcmul(shift, centred, scale, out=out)


def _check_features(features: object, name: str) -> None:
    if not isinstance(features, Tensor) or not features.is_floating_point():
        raise TypeError(f"{name}: expected a float tensor (B,C,H,W), received {describe(features)}")
    if features.ndim != 4 or 0 in features.shape or features.layout is not torch.strided:
        raise ValueError(f"{name}: expected shape (B,C,H,W) with at least one position, received {describe(features)}")


def _check_eps(eps: float) -> None:
    if eps < 0:
        raise ValueError(f"eps: expected a number >= 0, received {eps:g}")


def _check_values(values: Tensor, name: str, least: float = -math.inf) -> None:
    if values.device.type != "cpu" or is_traced(values):  # reading the values would make a GPU wait
        return
    low, high = (end.item() for end in torch.aminmax(values.detach()))  # NaN makes both ends NaN
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"{name}: expected finite values, received NaN or infinity")
    if low < least:
        raise ValueError(f"{name}: expected values >= {least:g}, received a negative one ({low:.4g})")


def _per_channel(values: Tensor, content: Tensor, name: str) -> Tensor:
    batch, channels = content.shape[:2]
    if not isinstance(values, Tensor) or not values.is_floating_point():
        raise TypeError(f"{name}: expected a float tensor (N,{channels}), received {describe(values)}")
    flat = values[None] if values.ndim == 1 else values
    if flat.ndim == 4 and flat.shape[2:] == (1, 1):
        flat = flat[:, :, 0, 0]
    if flat.ndim != 2 or flat.shape[1] != channels or flat.shape[0] not in (1, batch):
        raise ValueError(
            f"{name}: expected ({channels},), (1,{channels}) or ({batch},{channels}) for content"
            f" {describe(content)}, received {describe(values)}; was the style made by another encoder?"
        )
    dtype = torch.float64 if content.dtype == torch.float64 else torch.float32
    return flat.to(device=content.device, dtype=dtype)[:, :, None, None]
