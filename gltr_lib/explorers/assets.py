"""The pictures, styles and networks that explorers show: the shipped ones, or your own.

``Assets(images={"my street": array}, styles={...}, stylizer=..., bank=...)`` fills in whatever you leave out. Shipped
pictures are made when they are first shown; features, style statistics and stylised pictures are remembered, so that a
slider does not compute them again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Any

import numpy as np
import torch

from gltr_lib import paintings, streets
from gltr_lib.adain import StyleStats, adain
from gltr_lib.explorers.uploads import shrink
from gltr_lib.style_bank import StyleBank
from gltr_lib.stylizer import Stylizer
from gltr_lib.viz import as_picture

STREETS = {"street with the game look": 3, "another street": 11, "a third street": 24}
SIZE = (256, 512)  # of the shipped streets, as large as the largest panel shows them
KEPT_BYTES = 32_000_000  # of remembered tensors: hours of exploring must not fill a laptop
SIDE = 256  # the longer side at which networks of this course train, and at which drafts are drawn


class Gallery(Mapping[str, np.ndarray]):
    """Pictures by name, each made when it is first asked for, uint8 (H, W, 3).

    Args:
        makers: name -> picture of any kind, or a function that makes it.

    Example:
        >>> gallery = Gallery({"black": lambda: np.zeros((2, 3)), "white": np.ones((2, 3))})
        >>> list(gallery), gallery["black"].shape
        (['black', 'white'], (2, 3, 3))
    """

    def __init__(self, makers: Mapping[str, Any]) -> None:
        self._makers: dict[str, Any] = dict(makers._makers) if isinstance(makers, Gallery) else dict(makers)
        self._lock = threading.Lock()

    def __getitem__(self, name: str) -> np.ndarray:
        with self._lock:
            maker = self._makers[name]
            if callable(maker):
                self._makers[name] = maker = as_picture(maker())
            return maker if isinstance(maker, np.ndarray) and maker.dtype == np.uint8 else as_picture(maker)

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def adding(self, name: str, picture: Any) -> Gallery:
        """Return a gallery with one more picture; none is made for it."""
        new = Gallery(self)
        new._makers[name] = as_picture(picture)
        return new


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
    def images(self) -> Gallery:
        """Contents by name, uint8 (H, W, 3)."""
        return self._pictures("images", default_images)

    @property
    def styles(self) -> Gallery:
        """Styles by name, uint8 (H, W, 3)."""
        return self._pictures("styles", default_styles)

    def _pictures(self, name: str, make: Callable[[], Gallery]) -> Gallery:
        key = f"{name} as arrays"
        if key not in self._made:
            given = self._given[name]
            if given is not None and not given:
                raise ValueError(f"{name}: expected at least one picture by name, received none")
            checked = make() if given is None else Gallery({k: as_picture(v) for k, v in given.items()})
            self._made[key] = given if isinstance(given, Gallery) else checked
        return self._made[key]

    @property
    def stylizer(self) -> Any:
        """The network that encodes and decodes."""
        return self._get("stylizer", partial(Stylizer.load, "mini"))

    @property
    def bank(self) -> Any:
        """The styles of many paintings."""
        return self._get("bank", partial(StyleBank.load, "paintings-mini"))

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
            new = Assets(self.images.adding(name, picture))
            new._given = {**self._given, "images": new._given["images"]}
            new._made = {key: value for key, value in self._made.items() if not key.startswith("images")}
        return new

    def content(self, name: str, side: int = SIDE) -> torch.Tensor:
        """The content called ``name`` as float (1, 3, H, W), its longer side at most ``side`` pixels."""
        return self.keep(("content", name, side), lambda: to_batch(shrink(pick(self.images, name, "image"), side)))

    def features(self, name: str, side: int = SIDE) -> torch.Tensor:
        """Its features (1, C, h, w)."""
        return self.keep(("features", name, side), lambda: self.stylizer.encode(self.content(name, side)))

    def stylised(self, name: str, style: str, side: int = SIDE) -> torch.Tensor:
        """The content in the style called ``style``, float (1, 3, H, W)."""

        def paint() -> torch.Tensor:
            stats, size = self.stats(style), self.content(name, side).shape[-2:]
            return self.stylizer.decode(adain(self.features(name, side), stats.mean, stats.std), (size[0], size[1]))

        return self.keep(("stylised", name, style, side), paint)

    def stats(self, name: str) -> StyleStats:
        """The statistics of the style called ``name``."""
        return self.keep(("stats", name), lambda: self.stylizer.style_stats(to_batch(pick(self.styles, name, "style"))))

    def keep(self, key: tuple[Any, ...], make: Callable[[], Any], limit: int = 64) -> Any:
        """Return what ``make`` made for ``key`` before, or make it now.

        The oldest results go where there are more than ``limit``, or more than ``KEPT_BYTES`` of tensors.
        """
        with self._lock:
            if key not in self._kept:
                with torch.inference_mode():
                    self._kept[key] = make()
            self._kept.move_to_end(key)
            while len(self._kept) > 1 and (len(self._kept) > limit or self.nbytes > KEPT_BYTES):
                self._kept.popitem(last=False)
            return self._kept[key]

    def remembers(self, key: tuple[Any, ...]) -> bool:
        """Whether :meth:`keep` has a result for ``key``."""
        with self._lock:
            return key in self._kept

    @property
    def nbytes(self) -> int:
        """Bytes of the tensors that are remembered."""
        return sum(thing.nbytes for thing in self._kept.values() if isinstance(thing, torch.Tensor | np.ndarray))


def to_batch(picture: np.ndarray) -> torch.Tensor:
    """Turn uint8 (H, W, 3) into float (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float() / 255


def pick(things: Mapping[str, Any], name: str, what: str) -> Any:
    """Return ``things[name]``; ValueError lists the names there are."""
    if name not in things:
        raise ValueError(f"no {what} is called {name!r}; there are {', '.join(map(repr, things))}")
    return things[name]


def default_images() -> Gallery:
    """Streets of the embedded world with the game look."""

    def street(seed: int) -> np.ndarray:
        return streets.render(seed, "game", SIZE)[0]

    return Gallery({name: partial(street, seed) for name, seed in STREETS.items()})


def default_styles() -> Gallery:
    """One procedural painting of each kind."""
    return Gallery({kind.replace("_", " "): partial(paintings.paint, 7, kind, 192) for kind in paintings.KINDS})


@lru_cache(maxsize=1)
def shipped() -> Assets:
    """The shipped assets, made once in a session."""
    return Assets()
