"""What is painted: small compositions (hills, sea, still life ...) as maps of tone, colour family and direction.

A brush needs a subject. A scene holds no colours: its tone (0 shadow, 1 light) and colour family are looked up in a
palette afterwards, so that one drawing serves thousands of palettes; its angle tells strokes which way to run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gltr_lib.paintings.outdoors import forest, garden, hills, sea, village
from gltr_lib.paintings.palette import Palette
from gltr_lib.paintings.pen import Pen
from gltr_lib.paintings.studio import bouquet, portrait, shapes, still_life
from gltr_lib.paintings.tools import Shape, between, fork, noise


@dataclass
class Scene:
    """tone float32 (H, W) in [0, 1]; family int (H, W); angle float32 (H, W) in radians."""

    tone: np.ndarray
    family: np.ndarray
    angle: np.ndarray

    def colours(self, palette: Palette) -> np.ndarray:
        """Colour the scene, float32 (H, W, 3)."""
        return palette.colour(self.family, self.tone)


MOTIFS: dict[str, Callable[[np.random.Generator, Shape, int], Pen]] = {
    motif.__name__: motif for motif in (hills, sea, still_life, bouquet, forest, village, portrait, garden, shapes)
}


def compose(rng: np.random.Generator, shape: Shape, palette: Palette, motifs: tuple[str, ...] | None = None) -> Scene:
    """Draw a scene; `motifs` restricts the choice. Tones are stirred by noise, directions by slower noise."""
    names = motifs or tuple(MOTIFS)
    pen = MOTIFS[names[rng.integers(len(names))]](fork(rng), shape, len(palette))
    maps = np.asarray(pen.image)
    tone = maps[..., 0].astype(np.float32) / 255 + (noise(rng, shape, 5, 4, 0.6) - 0.5) * between(rng, 0.1, 0.45)
    angle = maps[..., 2].astype(np.float32) * np.float32(np.pi / 256)
    angle = angle + (noise(rng, shape, between(rng, 1.5, 4), 2) - 0.5) * between(rng, 0.5, 4.0)
    return Scene(np.clip(tone, 0, 1), maps[..., 1].astype(np.intp), angle)
