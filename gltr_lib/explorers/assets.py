"""The pictures, styles and networks that explorers show: the shipped ones, or your own.

``Assets(images={"my street": array}, styles={...}, stylizer=..., bank=...)`` fills in whatever you leave out. Features,
style statistics and stylised pictures are remembered, so that a slider does not compute them again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from gltr_lib.adain import StyleStats
from gltr_lib.viz import as_picture

STREETS = {"street with the game look": 3, "another street": 11, "a third street": 24}
SIZE = (128, 256)


class Assets:
    """What an explorer may show.

    Args:
        images: name -> picture (see viz.as_picture), the contents; embedded streets by default.
        styles: name -> picture, the styles; one procedural painting of each kind by default.
        stylizer: the shipped mini stylizer by default.
        bank: a StyleBank; the shipped one by default.
    """

    def __init__(
        self,
        images: Mapping[str, Any] | None = None,
        styles: Mapping[str, Any] | None = None,
        stylizer: Any = None,
        bank: Any = None,
    ) -> None:
        self._given = {"images": images, "styles": styles, "stylizer": stylizer, "bank": bank}
        self._made: dict[str, Any] = {}
        self._kept: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        self._lock = threading.RLock()  # the worker and a cell may both draw; reentrant, as results build on results

    def _get(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self._made:
            given = self._given[name]
            self._made[name] = make() if given is None else given
        return self._made[name]

    @property
    def images(self) -> dict[str, np.ndarray]:
        """Contents by name, uint8 (H, W, 3)."""
        return self._pictures("images", default_images)

    @property
    def styles(self) -> dict[str, np.ndarray]:
        """Styles by name, uint8 (H, W, 3)."""
        return self._pictures("styles", default_styles)

    def _pictures(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, np.ndarray]:
        def build() -> dict[str, np.ndarray]:
            return {key: as_picture(value) for key, value in (self._given[name] or make()).items()}

        key = f"{name} as arrays"
        if key not in self._made:
            self._made[key] = build()
        return self._made[key]

    @property
    def stylizer(self) -> Any:
        """The network that encodes and decodes."""

        def load() -> Any:
            from gltr_lib.stylizer import Stylizer

            return Stylizer.load("mini")

        return self._get("stylizer", load)

    @property
    def bank(self) -> Any:
        """The styles of many paintings."""

        def load() -> Any:
            from gltr_lib.style_bank import StyleBank

            return StyleBank.load("paintings-mini")

        return self._get("bank", load)

    def with_image(self, name: str, picture: Any) -> Assets:
        """Return assets with one more picture (or another one under a known name); networks and styles are shared.

        Args:
            name: what the lists call it. picture: see :func:`gltr_lib.viz.as_picture`.

        Example:
            >>> few = Assets({"a": np.zeros((2, 3))}, {"s": np.zeros((2, 3))})
            >>> list(few.with_image("b", np.ones((2, 3))).images)
            ['a', 'b']
        """
        with self._lock:
            new = Assets({**self.images, name: as_picture(picture)})
            new._given = {**self._given, "images": new._given["images"]}
            new._made = {key: value for key, value in self._made.items() if not key.startswith("images")}
        return new

    def content(self, name: str) -> torch.Tensor:
        """The content called ``name`` as float (1, 3, H, W)."""
        return to_batch(pick(self.images, name, "image"))

    def features(self, name: str) -> torch.Tensor:
        """Its features (1, C, h, w)."""
        return self.keep(("features", name), lambda: self.stylizer.encode(self.content(name)))

    def stats(self, name: str) -> StyleStats:
        """The statistics of the style called ``name``."""
        return self.keep(("stats", name), lambda: self.stylizer.style_stats(to_batch(pick(self.styles, name, "style"))))

    def keep(self, key: tuple[Any, ...], make: Callable[[], Any], limit: int = 64) -> Any:
        """Return what ``make`` made for ``key`` before, or make it now; the oldest of ``limit`` results goes."""
        with self._lock:
            if key not in self._kept:
                with torch.inference_mode():
                    self._kept[key] = make()
            self._kept.move_to_end(key)
            while len(self._kept) > limit:
                self._kept.popitem(last=False)
            return self._kept[key]


def to_batch(picture: np.ndarray) -> torch.Tensor:
    """Turn uint8 (H, W, 3) into float (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 255


def pick(things: Mapping[str, Any], name: str, what: str) -> Any:
    """Return ``things[name]``; ValueError lists the names there are."""
    if name not in things:
        raise ValueError(f"no {what} is called {name!r}; there are {', '.join(map(repr, things))}")
    return things[name]


def default_images() -> dict[str, np.ndarray]:
    """Streets of the embedded world with the game look."""
    from gltr_lib import streets

    return {name: streets.render(seed, "game", SIZE)[0] for name, seed in STREETS.items()}


def default_styles() -> dict[str, np.ndarray]:
    """One procedural painting of each kind."""
    from gltr_lib import paintings

    return {kind.replace("_", " "): paintings.paint(7, kind, 192) for kind in paintings.KINDS}


@lru_cache(maxsize=1)
def shipped() -> Assets:
    """The shipped assets, made once in a session."""
    return Assets()
