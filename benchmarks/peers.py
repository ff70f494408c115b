"""What people write instead: the formulas of papers, published loaders and tutorials, written afresh and kept simple.

Nothing is copied from anybody's repository. Each function does what its source describes, in the plain way; packages
that do the same (torchmetrics, cityscapesScripts, torchvision) are called directly in the files of the hot paths.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor


def official_mask(
    height: int, width: int, share: float, generator: np.random.Generator, sigma: float = 0.0, border: int = 0
) -> np.ndarray:
    """The blob mask of GTR-LTR's formula with SciPy: Gaussian-filtered noise over a threshold (1 where it stays raw).

    Args:
        height, width: pixels.
        share: of the picture that is below the threshold.
        generator: of the noise.
        sigma: of the filter in pixels; 0 draws it log-uniformly from 4 to 16.
        border: pixels filtered around the mask and left out; the formula has none, and SciPy reflects at the edge.

    Raises:
        ModuleNotFoundError: SciPy is not installed.
    """
    from scipy.ndimage import gaussian_filter
    from scipy.special import erfinv

    sigma = sigma or float(np.exp(generator.uniform(np.log(4), np.log(16))))
    noise = generator.normal(size=(height + 2 * border, width + 2 * border))
    smooth = gaussian_filter(noise, sigma)[border : border + height, border : border + width]
    threshold = erfinv(2 * share - 1) * np.sqrt(2) * smooth.std() + smooth.mean()
    return (smooth > threshold).astype(float)


def loop_over_ids(ids: np.ndarray, table: dict[int, int] | Any) -> np.ndarray:
    """Label ids to trainIds by one pass over the picture for each of the 35 ids, as published loaders do."""
    out = np.full(ids.shape, 255, np.uint8)
    for value in range(35):
        out[ids == value] = table[value]
    return out


def numpy_confusion(truth: np.ndarray, guess: np.ndarray, classes: int = 19) -> np.ndarray:
    """The usual NumPy snippet: one number for each pair, counted."""
    keep = (truth >= 0) & (truth < classes)
    pairs = classes * truth[keep].astype(int) + guess[keep]
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def plain_stats(features: Tensor, eps: float = 1e-5) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel, each in its own pass over a flattened copy (biased, as ours are)."""
    batch, channels = features.shape[:2]
    flat = features.reshape(batch, channels, -1)
    std = (flat.var(dim=2, correction=0) + eps).sqrt().view(batch, channels, 1, 1)
    return flat.mean(dim=2).view(batch, channels, 1, 1), std


def plain_stylize(encoder: Any, decoder: Any, content: Tensor, style: Tensor, alpha: float = 1.0) -> Tensor:
    """AdaIN as in its paper's loop: encode content *and* painting for every picture, normalise, decode."""
    with torch.no_grad():
        a, b = encoder(content), encoder(style)
        (mean_a, std_a), (mean_b, std_b) = plain_stats(a), plain_stats(b)
        mixed = (a - mean_a) / std_a * std_b + mean_b
        return decoder(alpha * mixed + (1 - alpha) * a).clamp(0, 1)
