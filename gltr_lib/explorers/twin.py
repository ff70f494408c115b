"""Static twins: an explorer's pictures for a few settings, as plain data for a page where no kernel runs.

A page of the built site has no Python behind it. So the pictures for, say, nine values of alpha and four styles are
drawn beforehand, each with its sentence; range inputs then choose among them. This file makes the data and knows
nothing of HTML. The first axis may be the slider and the second the list, or as the page likes.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gltr_lib.explorers._canvas import LIMIT, encode

PREFERRED = 40_000  # bytes of a frame that we try to keep to
MOST = 100  # frames of one twin


@dataclass(frozen=True)
class Frame:
    """One picture: the ``values`` of the axes, the encoded ``picture``, its ``mime`` type, and what it shows."""

    values: dict[str, Any]
    picture: bytes
    mime: str
    words: str


@dataclass(frozen=True)
class Twin:
    """The frames of one explorer over one or two of its controls.

    Args:
        name: of the explorer's module. title: its heading.
        axes: name of a control -> its values, in order. labels: name of a control -> what stands beside it.
        start: the values to show first, each one of its axis.
        size: (width, height) of every frame in pixels.
        frames: in the order of ``itertools.product`` over the axes.
    """

    name: str
    title: str
    axes: dict[str, list[Any]]
    labels: dict[str, str]
    start: dict[str, Any]
    size: tuple[int, int]
    frames: list[Frame]

    def frame(self, **values: Any) -> Frame:
        """Return the frame of these values; ValueError lists what there is."""
        for found in self.frames:
            if found.values == values:
                return found
        raise ValueError(f"twin of {self.name}: no frame for {values!r}; the axes are {self.axes!r}")

    @property
    def nbytes(self) -> int:
        """Bytes of all pictures together."""
        return sum(len(frame.picture) for frame in self.frames)


def twin_of(
    explorer_class: type,
    axes: Mapping[str, Sequence[Any]],
    *,
    params: Any = None,
    assets: Any = None,
) -> Twin:
    """Draw an explorer's static twin.

    Args:
        explorer_class: such as ``AdainExplorer``.
        axes: one or two of its controls, each with the values to draw; their product is at most 100 frames.
        params: the other controls; where the explorer starts by default. assets: the shipped ones by default.

    Returns:
        Twin; its frames are WebP (JPEG where Pillow has no WebP), of about 40 kB as long as their text stays legible,
        and never of more than 150 kB.

    Raises:
        ValueError: unknown controls, no value, too many frames, or values that the explorer refuses.

    Example:
        >>> import numpy as np
        >>> from gltr_lib import Stylizer
        >>> from gltr_lib.explorers import Assets, LtrExplorer
        >>> few = Assets({"a": np.zeros((16, 32))}, {"s": np.ones((16, 16))}, Stylizer.untrained())
        >>> twin = twin_of(LtrExplorer, {"share": [0.25, 0.5, 0.75]}, assets=few)
        >>> len(twin.frames), twin.labels, twin.frame(share=0.25).mime
        (3, {'share': 'Share'}, 'image/webp')
    """
    explorer = explorer_class(params, assets=assets, synchronous=True)
    chosen = {name: list(values) for name, values in axes.items()}
    unknown = [name for name in chosen if name not in explorer.controls]
    if unknown:
        raise ValueError(
            f"axes: {explorer_class.__name__} has no control {unknown}; there are {list(explorer.controls)}"
        )
    count = 1
    for name, points in chosen.items():
        if not points or len(set(map(repr, points))) != len(points):
            raise ValueError(f"axes[{name!r}]: expected different values, at least one, received {points!r}")
        count *= len(points)
    if not 1 <= len(chosen) <= 2 or count > MOST:
        raise ValueError(f"axes: expected one or two with at most {MOST} frames, received {len(chosen)} with {count}")
    frames, sizes = [], set()
    for combination in itertools.product(*chosen.values()):
        values = dict(zip(chosen, combination, strict=True))
        picture, words = explorer.render(dataclasses.replace(explorer.start, **values))
        for best in (78, 66, 50):  # down to a quality at which captions still read well, and no further
            data, kind = encode(picture, LIMIT, best=best)
            if len(data) <= PREFERRED:
                break
        frames.append(Frame(values, data, f"image/{kind}", words))
        sizes.add((picture.shape[1], picture.shape[0]))
    start = {name: _nearest(getattr(explorer.start, name), points) for name, points in chosen.items()}
    labels = {name: explorer.controls[name].description for name in chosen}
    size = (max(w for w, _ in sizes), max(h for _, h in sizes))
    return Twin(explorer.module, explorer.title, chosen, labels, start, size, frames)


def _nearest(value: Any, values: list[Any]) -> Any:
    """The value itself where it is drawn, else the nearest number, else the first."""
    if value in values:
        return value
    numbers = [v for v in values if isinstance(v, int | float)]
    return min(numbers, key=lambda v: abs(v - value)) if numbers and isinstance(value, int | float) else values[0]
