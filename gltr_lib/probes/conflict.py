"""Cue conflict in the renderer: a road of facade, a facade of asphalt, and whom the network believes.

A network that reads textures names a surface after what it is made of; one that reads shapes, after what it is. Here
the two disagree by construction: every surface of one class wears the material of another, in perspective, with its
own light and shadow, and the labels stay. Nothing is stylised, so no stylizer can leak what a network was trained on.

How: a street is a list of polygons, each with a class and a material slot (:mod:`gltr_lib.streets.mesh`). A swap gives
the polygons of one class the slot of another, and shades again. (A change of the ``Look`` alone would not do: slots
are shared, chimneys and garden walls wear the same stone.) Four ways to swap:

* ``material``: all surfaces of the class, details (windows, kerbs, markings) included, wear the other's material;
* ``colour``: the same with that material's pattern ironed flat, colour by colour;
* ``surface``: only the class's main surfaces change, and the details stay;
* ``pattern``: the class keeps its colours, flat, and wears the other's pattern on them, made bold. For at this size the
  game's patterns are faint, and ``material`` against ``colour`` would say little about networks.

Score: of the pixels that are named after shape or texture, the share named after the shape. Source: Geirhos et al.,
"ImageNet-trained CNNs are biased towards texture" (ICLR 2019), for whole photographs; per pixel it is ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from gltr_lib import streets
from gltr_lib.labels import CLASSES
from gltr_lib.streets.looks import Look
from gltr_lib.streets.materials import SIZE, SLOT, pyramid
from gltr_lib.streets.mesh import FACING, FRONT, GLOW, GROUND, LEFT, RIGHT, SIDE, UNIT, UP, Mesh, Projected, place
from gltr_lib.streets.raster import paint
from gltr_lib.streets.scene import build
from gltr_lib.streets.shade import Materials, develop, shade

#: Class -> slots of its main surfaces; the first is the material that others wear.
SURFACES: dict[str, tuple[str, ...]] = {
    "road": ("road",),
    "sidewalk": ("walk",),
    "building": ("facade", "block"),
    "vegetation": ("leaf", "hedge", "hill"),
    "terrain": ("terrain", "ground"),
    "car": ("car",),
}
MODES = ("material", "colour", "surface", "pattern")
BOLD = 0.1  # standard deviation of a bold pattern in its texture, of 1 = white
ARRANGEMENTS = ("upright", "mirrored", "upside down", "columns shifted", "halves exchanged")


@dataclass(frozen=True)
class Swap:
    """Paint class ``shape`` with the material of class ``texture``; equal classes are the control."""

    shape: str
    texture: str
    mode: str = "material"

    def __post_init__(self) -> None:
        for name, value, known in (
            ("shape", self.shape, SURFACES), ("texture", self.texture, SURFACES), ("mode", self.mode, MODES),
        ):  # fmt: skip
            if value not in known:
                raise ValueError(f"Swap: {name}: expected one of {', '.join(known)}; received {value!r}")


@dataclass(frozen=True)
class Scene:
    """One street before it is coloured; ``ids`` are polygon numbers at twice the size, 0 = sky."""

    seed: int
    look: str
    mesh: Mesh
    placed: Projected
    ids: np.ndarray
    picture: np.ndarray
    labels: np.ndarray


class Wardrobe(Materials):
    """A look's materials, and after them what no slot has: flat colours, and colours under another's bold pattern.

    Attributes:
        flat: class -> number of its main material with the pattern ironed flat.
        bold: (class, class) -> number of the first one's flat colours under the second one's pattern.
    """

    def __init__(self, look: Look) -> None:
        super().__init__(look)
        plain = self.base[SLOT["lamp"]]  # a slot without a texture
        means, patterns = {}, {}
        for name, (slot, *_) in SURFACES.items():
            number, texture = SLOT[slot], look.textures.get(slot, ("plain", 1.0, 1.0))[0]
            pairs = self.colours[self.first[number] : self.first[number] + self.count[number]]
            patterns[name] = number, pyramid(texture)[: SIZE * SIZE] / 255
            middle = patterns[name][1].mean() - 0.5
            means[name] = pairs.mean(1) + middle * self.strength[number] * (pairs[:, 1] - pairs[:, 0])
        self.flat = {name: self._add(mean, mean, plain, False, 1.0) for name, mean in means.items()}
        self.bold: dict[tuple[str, str], int] = {}
        for name, mean in means.items():
            for other, (number, pattern) in patterns.items():
                span = BOLD / max(float(pattern.std()), 1e-3)
                low = mean - span * pattern.mean()  # so that the mean stays
                self.bold[name, other] = self._add(
                    low, low + span, self.base[number], self.unit[number], self.metres[number]
                )

    def _add(self, first: np.ndarray, second: np.ndarray, base: int, unit: bool, metres: float) -> int:
        """Append a material of pairs of colours (P,3) and return its number."""
        for name, value in (
            ("base", base), ("unit", unit), ("metres", metres), ("strength", 1.0), ("count", len(first)),
            ("first", len(self.colours)),
        ):  # fmt: skip
            old = getattr(self, name)
            setattr(self, name, np.append(old, old.dtype.type(value)))
        self.colours = np.concatenate([self.colours, np.stack([first, second], 1)])
        return len(self.base) - 1


@lru_cache(maxsize=8)
def _dressed(look: str) -> tuple[Look, Wardrobe]:
    described = streets.parse_look(look)
    return described, Wardrobe(described)


def set_scene(seed: int, size: tuple[int, int] = (128, 256), look: str = "game") -> Scene:
    """Build one street, ready to be painted with and without swaps.

    Args:
        seed: non-negative integer: the street.
        size: (height, width) in pixels.
        look: one of ``gltr_lib.streets.LOOKS`` or "sampled:<n>".

    Returns:
        The scene; its picture and labels are those of ``gltr_lib.streets.render``.

    Raises:
        TypeError, ValueError: as ``gltr_lib.streets.render``.

    Example:
        >>> set_scene(3, (16, 32)).labels.shape
        (16, 32)
    """
    picture, labels = streets.render(seed, look, size)
    mesh = build(seed, _dressed(look)[0].mix)
    height, width = 2 * labels.shape[0], 2 * labels.shape[1]
    placed = place(mesh, height, width)
    ids = paint(placed.xy, placed.start, placed.count, placed.flag, height, width) & 0xFFFF
    return Scene(seed, look, mesh, placed, ids, picture, labels)


def swapped(scene: Scene, swap: Swap | None) -> tuple[np.ndarray, np.ndarray]:
    """Paint a scene with one class in another's material.

    Args:
        scene: from :func:`set_scene`.
        swap: who wears what; None paints the scene as it is.

    Returns:
        The picture, uint8 (H,W,3), and how much of each pixel was repainted, float32 (H,W) in [0,1]. A pixel with 0
        is as it was (in looks without automatic exposure, blur and noise, such as ``game``).

    Example:
        >>> scene = set_scene(3, (16, 32))
        >>> bool((swapped(scene, None)[0] == scene.picture).all())
        True
    """
    look, wardrobe = _dressed(scene.look)
    p = scene.placed
    chosen = np.zeros(len(p.slot), bool)
    if swap is not None:
        chosen = p.label == CLASSES.index(swap.shape)
        if swap.mode == "surface":
            chosen &= np.isin(p.slot, [SLOT[name] for name in SURFACES[swap.shape]])
        slot = SLOT[SURFACES[swap.texture][0]]
        if swap.mode in ("colour", "pattern"):
            slot = wardrobe.flat[swap.texture] if swap.mode == "colour" else wardrobe.bold[swap.shape, swap.texture]
        normal = np.where(chosen & (p.normal == GLOW), FRONT, p.normal)  # a lamp that is painted over does not shine
        # What fills one face (a window pane, a bonnet) would stretch a tile over it: lay the tiles as on walls.
        laid = np.select([normal == UP, (normal == LEFT) | (normal == RIGHT)], [GROUND, SIDE], FACING)
        axes = np.where(chosen & (p.axes == UNIT), laid, p.axes)
        p = replace(p, slot=np.where(chosen, slot, p.slot), axes=axes, normal=normal)
    light = shade(scene.mesh, p, scene.ids, look, wardrobe, scene.seed)
    height, width = scene.labels.shape
    light = light.reshape(3, height, 2, width, 2).mean((2, 4))
    share = np.append(False, chosen)[scene.ids].reshape(height, 2, width, 2).mean((1, 3), dtype=np.float32)
    return develop(light, look.lens, scene.seed), share


def scored_pixels(scene: Scene, swap: Swap, share: np.ndarray) -> np.ndarray:
    """Where a swap is judged: pixels of the shape's class that were repainted whole (no edges, nothing behind a fence).

    Args:
        scene: the street. swap: who wears what. share: from :func:`swapped`.

    Returns:
        bool (H,W).
    """
    return (scene.labels == CLASSES.index(swap.shape)) & (share == 1)


def arrange(array: np.ndarray, how: str) -> np.ndarray:
    """Move a picture's or label map's pixels: what a class looks like stays, where it is found changes.

    Args:
        array: (..., H, W), or (..., H, W, 3) of uint8 pictures.
        how: "upright" (as it is), "mirrored" (left for right), "upside down", "columns shifted" (by half the width),
            "halves exchanged" (the lower half above the upper one; things stand upright, in the wrong half).

    Returns:
        The array, rearranged, contiguous.

    Raises:
        ValueError: unknown arrangement.

    Example:
        >>> arrange(np.array([[1, 2], [3, 4]]), "upside down").tolist()
        [[3, 4], [1, 2]]
    """
    if how not in ARRANGEMENTS:
        raise ValueError(f"arrange: expected one of {', '.join(ARRANGEMENTS)}; received {how!r}")
    rows, columns = (-3, -2) if array.ndim >= 3 and array.shape[-1] == 3 and array.dtype == np.uint8 else (-2, -1)
    if how == "mirrored":
        array = np.flip(array, columns)
    elif how == "upside down":
        array = np.flip(array, rows)
    elif how == "columns shifted":
        array = np.roll(array, array.shape[columns] // 2, columns)
    elif how == "halves exchanged":
        array = np.roll(array, array.shape[rows] // 2, rows)
    return np.ascontiguousarray(array)


@dataclass(frozen=True)
class Tally:
    """How pixels were named: after the shape, after the texture, or otherwise; one entry a scene."""

    shape: tuple[int, ...]
    texture: tuple[int, ...]
    scored: tuple[int, ...]

    @property
    def shape_share(self) -> float:
        """shape / (shape + texture) over all scenes; NaN if no pixel was named after either."""
        both = sum(self.shape) + sum(self.texture)
        return sum(self.shape) / both if both else float("nan")

    @property
    def decided(self) -> float:
        """Share of the scored pixels that were named after shape or texture; NaN without any."""
        return (sum(self.shape) + sum(self.texture)) / sum(self.scored) if sum(self.scored) else float("nan")

    def interval(self, draws: int = 1000, seed: int = 0) -> tuple[float, float]:
        """The middle 95 % of the shape share when scenes are drawn anew; it says nothing about other networks."""
        numbers = np.array([self.shape, self.texture], dtype=np.float64)
        count = numbers.shape[1]
        picks = np.random.default_rng(seed).integers(0, count, (draws, count))
        shape, texture = numbers[:, picks].sum(2)
        both = shape + texture
        if not (both > 0).any():
            return float("nan"), float("nan")
        low, high = np.quantile(shape[both > 0] / both[both > 0], [0.025, 0.975])
        return float(low), float(high)


def tally(predictions: np.ndarray, where: np.ndarray, swap: Swap) -> Tally:
    """Count how the judged pixels were named.

    Args:
        predictions: integer (N,H,W), predicted trainIds. where: bool (N,H,W), from :func:`scored_pixels`.
        swap: who wears what. In the control (shape and texture equal) nothing counts as texture.

    Returns:
        The counts, scene by scene.

    Raises:
        ValueError: arrays of different shapes.

    Example:
        >>> said = np.array([[[0, 0, 2, 10]]])
        >>> tally(said, np.ones_like(said, bool), Swap("road", "building")).shape_share
        0.6666666666666666
    """
    predictions, where = np.asarray(predictions), np.asarray(where)
    if predictions.shape != where.shape or predictions.ndim != 3:
        raise ValueError(
            f"tally: expected two arrays (N,H,W) of one shape; received {predictions.shape}, {where.shape}"
        )
    named = [((predictions == CLASSES.index(name)) & where).sum((1, 2)) for name in (swap.shape, swap.texture)]
    if swap.shape == swap.texture:
        named[1] = np.zeros_like(named[1])
    as_shape, as_texture = (tuple(int(n) for n in one) for one in named)
    return Tally(as_shape, as_texture, tuple(int(n) for n in where.sum((1, 2))))
