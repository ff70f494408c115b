"""Palettes by colour theory: hue harmonies, keys and chromas sampled in OKLCH.

AdaIN reads a style as the mean and the standard deviation of feature channels, and colour is the loudest part of both.
So the paintings need not one lovely palette but thousands of different ones: light and dark, loud and muted, one hue
or six. OKLCH makes that easy, because equal steps in its lightness, chroma and hue look about equally large.

Source: B. Ottosson, "A perceptual color space for image processing" (2020), for the two matrices of OKLab.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

STEPS: Final = 64
"""Tones in one ramp of a palette."""

# Hue offsets in degrees of each harmony; a painting uses a harmony's hues as its colour families.
HARMONIES: Final[dict[str, tuple[float, ...]]] = {
    "mono": (0, 8, -8),
    "analogous": (0, 28, -28, 52),
    "complementary": (0, 180, 15, 195),
    "split": (0, 150, 210, 20),
    "triad": (0, 120, 240),
    "square": (0, 90, 180, 270),
    "warm-cool": (0, 35, 200, 235, 15),
    "accented": (0, 12, -12, 175),
    "rainbow": (0, 60, 120, 180, 240, 300),
}
# Lightness of the darkest and of the lightest tone: the painters' "key".
KEYS: Final = ((0.14, 0.97), (0.14, 0.97), (0.22, 0.92), (0.48, 0.98), (0.05, 0.62), (0.32, 0.82), (0.06, 0.80))
# Peak chroma, from almost grey to poster paint.
CHROMAS: Final = ((0.015, 0.045), (0.05, 0.09), (0.08, 0.13), (0.12, 0.19), (0.18, 0.27))

_LAB_TO_LMS = np.array(
    [[1.0, 0.3963377774, 0.2158037573], [1.0, -0.1055613458, -0.0638541728], [1.0, -0.0894841775, -1.2914855480]]
)
_LMS_TO_RGB = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


def oklch_to_rgb(lightness: np.ndarray, chroma: np.ndarray, hue: np.ndarray) -> np.ndarray:
    """Convert OKLCH to sRGB, giving up chroma (never hue or lightness) where a colour does not exist on a screen.

    Args:
        lightness: any shape, float in [0, 1].
        chroma: same shape, float >= 0; 0.3 is about the most that sRGB has.
        hue: same shape, degrees.

    Returns:
        float32 array of that shape + (3,), sRGB in [0, 1].

    Example:
        >>> oklch_to_rgb(np.array([1.0]), np.array([0.0]), np.array([0.0])).round(3).tolist()
        [[1.0, 1.0, 1.0]]
    """
    radians = np.deg2rad(hue)
    a, b = chroma * np.cos(radians), chroma * np.sin(radians)
    low, high = np.zeros_like(a), np.ones_like(a)
    for _ in range(9):  # bisection on the share of chroma that stays inside the gamut
        middle = (low + high) / 2
        rgb = _linear(lightness, a * middle, b * middle)
        inside = ((rgb > -1e-4) & (rgb < 1 + 1e-4)).all(-1)
        low, high = np.where(inside, middle, low), np.where(inside, high, middle)
    linear = np.clip(_linear(lightness, a * low, b * low), 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return encoded.astype(np.float32)


def _linear(lightness: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    lms = np.stack([lightness, a, b], -1) @ _LAB_TO_LMS.T
    return (lms**3) @ _LMS_TO_RGB.T


@dataclass(frozen=True)
class Palette:
    """Colour families, each a ramp of 64 tones from shadow to light.

    Attributes:
        ramps: float32 (families, 64, 3), sRGB in [0, 1].
        harmony: name of the hue harmony.
        dark: whether the palette is in a low key (its lightest tone is no lighter than mid-grey plus a little).
    """

    ramps: np.ndarray
    harmony: str
    dark: bool

    def __len__(self) -> int:
        return len(self.ramps)

    def colour(self, family: np.ndarray | int, tone: np.ndarray | float) -> np.ndarray:
        """Look up colours: family index (wrapped) and tone in [0, 1] (clipped) give float32 (..., 3)."""
        index = (np.clip(tone, 0, 1) * (STEPS - 1) + 0.5).astype(np.intp) if isinstance(tone, np.ndarray) else None
        if index is None:
            index = np.intp(min(max(float(tone), 0.0), 1.0) * (STEPS - 1) + 0.5)
        return self.ramps[np.asarray(family, dtype=np.intp) % len(self.ramps), index]

    def pick(self, rng: np.random.Generator, count: int, low: float = 0.0, high: float = 1.0) -> np.ndarray:
        """Draw `count` colours of any family with tones in [low, high], float32 (count, 3)."""
        return self.colour(rng.integers(0, len(self.ramps), count), low + (high - low) * rng.random(count))


def sample_palette(rng: np.random.Generator, *, chroma: int | None = None, key: int | None = None) -> Palette:
    """Draw a palette.

    Args:
        rng: numpy Generator.
        chroma: index into CHROMAS (0 muted ... 4 vivid), or None for any.
        key: index into KEYS, or None for any.

    Returns:
        A Palette of 3 to 6 families.

    Example:
        >>> palette = sample_palette(np.random.default_rng(0))
        >>> palette.ramps.shape[1:]
        (64, 3)
    """
    harmony = list(HARMONIES)[rng.integers(len(HARMONIES))]
    # Every other picture starts from an earth or a gold: painters own more ochre than turquoise.
    first = 20 + 90 * rng.random() if rng.random() < 0.45 else 360 * rng.random()
    hues = first + np.array(HARMONIES[harmony]) + 16 * (rng.random(len(HARMONIES[harmony])) - 0.5)
    drawn_key, drawn_chroma = int(rng.integers(len(KEYS))), int(rng.integers(len(CHROMAS)))
    dark, light = KEYS[drawn_key if key is None else key]
    dark, light = dark + 0.06 * rng.random(), light - 0.06 * rng.random()
    weak, strong = CHROMAS[drawn_chroma if chroma is None else chroma]
    peak = weak + (strong - weak) * rng.random()
    tone = np.linspace(0, 1, STEPS)[None]
    lightness = dark + (light - dark) * tone
    families = len(hues)
    strength = peak * (0.55 + 0.65 * rng.random((families, 1)))
    if harmony == "accented":  # three quiet families and one loud one
        strength[:-1] *= 0.35
        strength[-1] = max(peak, 0.16)
    # Pigments are purest in the middle tones; light and shadow drift in hue, as warm light leaves cool shadows.
    chromas = strength * (0.4 + 0.6 * np.sin(np.pi * np.clip(tone * 0.9 + 0.08, 0, 1)))
    drift = (rng.random() - 0.5) * 70
    turned = hues[:, None] + drift * (tone - 0.5)
    ramps = oklch_to_rgb(np.broadcast_to(lightness, chromas.shape), chromas, turned)
    return Palette(ramps, harmony, bool(light < 0.66))


def paper(rng: np.random.Generator, toned: float = 0.3) -> np.ndarray:
    """Draw the colour of a sheet: mostly white to cream, with probability `toned` kraft, blue, rose or grey."""
    if rng.random() < toned:
        lightness, chroma, hue = 0.55 + 0.3 * rng.random(), 0.02 + 0.06 * rng.random(), 360 * rng.random()
    else:
        lightness, chroma, hue = 0.90 + 0.08 * rng.random(), 0.005 + 0.035 * rng.random(), 60 + 50 * rng.random()
    return oklch_to_rgb(np.array(lightness), np.array(chroma), np.array(hue))
