"""The mesh: a flat list of polygons in street coordinates, and the pinhole that projects them.

Street coordinates in metres: x to the right, y up from the road, z ahead. The camera stands at x = 0, z = 0, at
``Camera.height``, and looks along z; pitch and yaw are shifts of the principal point (a shift lens), so verticals stay
vertical and a depth z is one division. A street bends and climbs by moving every vertex by ``curve * z**2`` and
``slope * z**2``: one line here, and no builder has to know about it.

Every polygon carries what its pixels need: a material *slot*, a trainId *label*, a painter's *key* (far is painted
first), a *variant* in [0, 1) that picks a colour from the slot's palette, and how its texture lies on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gltr_lib.streets.materials import SLOT

UP, RIGHT, LEFT, FRONT, DARK, GLOW = range(6)  # where a face looks; GLOW is lit by itself
GROUND, SIDE, FACING, UNIT = range(4)  # texture axes: (x, z), (z, y), (x, y), or the quad's own [0, 1]^2
NEAR = 1.0  # metres; nothing is built closer than this
FENCE_FLAG, BICYCLE_FLAG = 1 << 14, 1 << 13  # see-through faces: they label what is behind them, and do not paint it
Point = tuple[float, float, float]


@dataclass(frozen=True)
class Camera:
    """A pinhole: focal length and principal point in units of the picture's height (or half width, if larger)."""

    focal: float = 1.2
    height: float = 1.5
    shift_x: float = 0.0
    shift_y: float = 0.0
    roll: float = 0.0  # tangent of the roll angle
    curve: float = 0.0
    slope: float = 0.0


class Mesh:
    """Collects polygons; see the module's text for what a polygon carries."""

    def __init__(self, camera: Camera) -> None:
        self.camera = camera
        self.points: list[Point] = []
        self.faces: list[tuple] = []
        self.contacts: list[tuple[float, float, float, float]] = []  # x0, x1, z0, z1 of soft shadows under things

    def face(
        self,
        points: list[Point],
        slot: str,
        label: int,
        key: float,
        normal: int = FRONT,
        axes: int = FACING,
        variant: float = 0.0,
        shade: float = 1.0,
        cast: bool = False,
        flag: int = 0,
    ) -> None:
        """Add one polygon (three or more points, any outline; painted by the even-odd rule)."""
        self.points.extend(points)
        self.faces.append((key, len(points), SLOT[slot], label, variant, shade, normal, axes, cast, flag))

    def ground(self, x0: float, x1: float, z0: float, z1: float, y: float, slot: str, label: int, key: float, **kw):
        """Add a horizontal rectangle."""
        self.face([(x0, y, z0), (x1, y, z0), (x1, y, z1), (x0, y, z1)], slot, label, key, UP, GROUND, **kw)

    def side(self, x: float, z0: float, z1: float, y0: float, y1: float, slot: str, label: int, key: float, **kw):
        """Add an upright rectangle along the street, seen from the street's middle."""
        kw.setdefault("normal", LEFT if x > 0 else RIGHT)
        kw.setdefault("axes", SIDE)
        self.face([(x, y0, z0), (x, y0, z1), (x, y1, z1), (x, y1, z0)], slot, label, key, **kw)

    def front(self, x0: float, x1: float, y0: float, y1: float, z: float, slot: str, label: int, key: float, **kw):
        """Add an upright rectangle that faces the camera."""
        self.face([(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)], slot, label, key, **kw)

    def contact(self, x0: float, x1: float, z0: float, z1: float) -> None:
        """Note a patch of ground from which a thing hides the sky."""
        self.contacts.append((x0, x1, max(z0, NEAR), max(z1, NEAR)))


@dataclass
class Projected:
    """A mesh in the picture: polygons sorted far to near, in supersampled pixels."""

    xy: np.ndarray  # (V, 2) float64
    world: np.ndarray  # (V, 3) float64, before bending
    z: np.ndarray  # (V,) float64
    start: np.ndarray  # (F,) int64, first vertex
    count: np.ndarray  # (F,) int64, vertices
    slot: np.ndarray
    label: np.ndarray
    variant: np.ndarray
    shade: np.ndarray
    normal: np.ndarray
    axes: np.ndarray
    cast: np.ndarray
    flag: np.ndarray


def focal_pixels(camera: Camera, height: int, width: int) -> float:
    """Return the focal length in pixels: the field of view follows the larger of height and half width."""
    return camera.focal * max(height, width / 2)


def project(points: np.ndarray, camera: Camera, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Project street coordinates to pixels.

    Args:
        points: (V, 3) float64, metres, z >= NEAR after clamping here.
        camera: the pinhole.
        height: picture height in pixels (supersampled).
        width: picture width in pixels.

    Returns:
        (V, 2) pixel coordinates (x, y) and (V,) depths.
    """
    z = np.maximum(points[:, 2], NEAR)
    zz = z * z
    f = focal_pixels(camera, height, width)
    unit = f / camera.focal
    dx = f * (points[:, 0] + camera.curve * zz) / z + camera.shift_x * unit
    dy = f * (camera.height - points[:, 1] - camera.slope * zz) / z - camera.shift_y * unit
    x = width / 2 + dx - camera.roll * dy
    y = height / 2 + dy + camera.roll * dx
    return np.stack([x, y], 1), z


def place(mesh: Mesh, height: int, width: int) -> Projected:
    """Sort a mesh far to near and project it into a picture of height x width pixels."""
    world = np.array(mesh.points, dtype=np.float64)
    key, count, slot, label, variant, shade, normal, axes, cast, flag = (
        np.array(column) for column in zip(*mesh.faces, strict=True)
    )
    order = np.argsort(-key, kind="stable")
    start = np.cumsum(count) - count
    xy, z = project(world, mesh.camera, height, width)
    columns = [c[order] for c in (start, count, slot, label, variant, shade, normal, axes, cast, flag)]
    return Projected(xy, world, z, *columns)
