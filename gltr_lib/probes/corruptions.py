"""Corruptions in the style of ImageNet-C: does randomized texture buy robustness to noise, blur and weather?

Six kinds at three severities, written from the formulas of the paper's appendix with NumPy and Pillow alone. The
constants of noise, contrast, brightness and JPEG are ImageNet-C's severities 1, 3 and 5; blur and fog are scaled to
pictures 128 pixels high, so no number here compares with one measured on ImageNet-C.
Source: Hendrycks & Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations" (ICLR
2019).
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

SEVERITIES = (1, 2, 3)


def _noise(x: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    return x + (0.08, 0.18, 0.38)[severity - 1] * rng.standard_normal(x.shape)


def _blur(x: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    picture = Image.fromarray(_bytes(x)).filter(ImageFilter.GaussianBlur((0.6, 1.2, 2.4)[severity - 1]))
    return np.asarray(picture) / 255


def _contrast(x: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    mean = x.mean((0, 1), keepdims=True)
    return mean + (x - mean) * (0.4, 0.2, 0.05)[severity - 1]


def _fog(x: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    # Clouds of amplitude 1/frequency**1.5 for the paper's midpoint displacement; the street's depth is not used.
    height, width = x.shape[:2]
    f = np.hypot(np.fft.fftfreq(height)[:, None] * height, np.fft.rfftfreq(width)[None] * height)
    waves = np.fft.rfft2(rng.standard_normal((height, width))) / np.maximum(f, 1) ** 1.5
    waves[0, 0] = 0
    clouds = np.fft.irfft2(waves, s=(height, width))
    clouds = (clouds - clouds.min()) / max(float(np.ptp(clouds)), 1e-9)
    thick, peak = (0.8, 1.5, 2.5)[severity - 1], max(float(x.max()), 1e-9)
    return (x + thick * clouds[..., None]) * peak / (peak + thick)


def _jpeg(x: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(_bytes(x)).save(buffer, format="JPEG", quality=(25, 15, 7)[severity - 1])
    return np.asarray(Image.open(buffer).convert("RGB")) / 255


def _brightness(x: np.ndarray, severity: int, rng: np.random.Generator) -> np.ndarray:
    # Adding to V of HSV keeps hue and saturation: the pixel is scaled; black, without a hue, becomes grey.
    value = x.max(-1, keepdims=True)
    brighter = np.clip(value + (0.1, 0.3, 0.5)[severity - 1], 0, 1)
    return np.where(value > 0, x * brighter / np.maximum(value, 1e-9), brighter)


KINDS: dict[str, Callable[[np.ndarray, int, np.random.Generator], np.ndarray]] = {
    "noise": _noise, "blur": _blur, "contrast": _contrast, "fog": _fog, "JPEG": _jpeg, "brightness": _brightness,
}  # fmt: skip


def _bytes(x: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(x, 0, 1) * 255).astype(np.uint8)


def corrupt(picture: np.ndarray, kind: str, severity: int, seed: int = 0) -> np.ndarray:
    """Corrupt one picture; its size and its labels stay.

    Args:
        picture: uint8 (H,W,3).
        kind: one of ``KINDS``.
        severity: 1, 2 or 3.
        seed: non-negative integer; noise and fog are drawn from it and from the kind alone, so that severities compare.

    Returns:
        uint8 (H,W,3).

    Raises:
        TypeError: not a uint8 array. ValueError: wrong shape, unknown kind or severity, negative seed.

    Source: Hendrycks & Dietterich 2019.

    Example:
        >>> corrupt(np.zeros((4, 4, 3), np.uint8), "brightness", 2)[0, 0].tolist()
        [76, 76, 76]
    """
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8:
        raise TypeError(
            f"corrupt: expected a uint8 array, received {getattr(picture, 'dtype', type(picture).__name__)}"
        )
    if picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        raise ValueError(f"corrupt: expected a picture (H,W,3), received shape {picture.shape}")
    if kind not in KINDS:
        raise ValueError(f"corrupt: kind: expected one of {', '.join(KINDS)}; received {kind!r}")
    if severity not in SEVERITIES:
        raise ValueError(f"corrupt: severity: expected 1, 2 or 3; received {severity!r}")
    if seed < 0:
        raise ValueError(f"corrupt: seed: expected a non-negative integer; received {seed}")
    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
    return _bytes(KINDS[kind](picture / 255, severity, rng))
