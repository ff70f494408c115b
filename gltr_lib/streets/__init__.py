"""The street world: a driver's view of a procedural street, with pixel-exact labels of the 19 Cityscapes classes.

Why: to see texture randomization work one needs a labelled source, and targets that differ from it in appearance and
not in what there is to see. Here a seed fixes the street, and a *look* fixes what it is made of. Under ``game``,
``overcast``, ``sun`` and ``colour`` the same seed has the same labels, byte for byte; ``geometry`` and
``sampled:<n>`` see other streets through other cameras. How it works, file by file: ``scene`` throws the dice for a
layout (``mix`` says what is likely); ``houses``, ``people``, ``props`` and ``vehicles`` build polygons, ``mesh``
projects them, ``raster`` paints polygon numbers far to near at twice the resolution, ``shade`` lays textures, light
and air on them, ``looks`` and ``sampled`` say which.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context

import numpy as np

from gltr_lib._workers import end_with_parent
from gltr_lib.streets.looks import NAMED, Look
from gltr_lib.streets.mesh import BICYCLE_FLAG, FENCE_FLAG, place
from gltr_lib.streets.raster import paint
from gltr_lib.streets.sampled import sampled_look
from gltr_lib.streets.scene import build
from gltr_lib.streets.shade import Materials, develop, shade

LOOKS = tuple(NAMED)
SKY, FENCE, BICYCLE = 10, 4, 18
__all__ = ["LOOKS", "parse_look", "render", "render_many"]


def parse_look(look: str) -> Look:
    """Return the description of a look by its name.

    Args:
        look: one of ``LOOKS``, or ``"sampled:<n>"`` with a non-negative integer n.

    Returns:
        The frozen description.

    Raises:
        TypeError: if look is not a string.
        ValueError: if there is no such look.

    Example:
        >>> parse_look("sun").name
        'sun'
    """
    if not isinstance(look, str):
        raise TypeError(
            f"look: expected a name, got {type(look).__name__}; choose one of {', '.join(LOOKS)}, sampled:<n>"
        )
    if look in NAMED:
        return NAMED[look]
    kind, _, number = look.partition(":")
    if kind == "sampled" and number.isascii() and number.isdigit():
        return sampled_look(int(number))
    raise ValueError(
        f"look: unknown name {look!r}; choose one of {', '.join(LOOKS)}, or sampled:<n> with n = 0, 1, 2, ..."
    )


@lru_cache(maxsize=8)
def _materials(look: str) -> tuple[Look, Materials]:
    described = parse_look(look)
    return described, Materials(described)


def _check(seed: int, size: tuple[int, int]) -> tuple[int, int, int]:
    try:
        seed = operator.index(seed)
    except TypeError:
        raise TypeError(f"seed: expected a non-negative integer, got {seed!r}") from None
    if seed < 0:
        raise ValueError(f"seed: expected a non-negative integer, got {seed}")
    try:
        height, width = (operator.index(s) for s in size)
    except (TypeError, ValueError):
        raise ValueError(f"size: expected (height, width) in whole pixels, got {size!r}") from None
    if height < 1 or width < 1:
        raise ValueError(f"size: expected at least 1 x 1 pixel, got {height} x {width}")
    return seed, height, width


def _vote(ids: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """One label a pixel from its 2 x 2 samples: the class with most of them; in a tie, the nearer thing's.

    ``ids`` are polygon numbers, larger = painted later = nearer.
    """
    quads = [
        np.ascontiguousarray(a) for a in (labels[::2, ::2], labels[::2, 1::2], labels[1::2, ::2], labels[1::2, 1::2])
    ]
    a, b, c, d = quads
    result = a.copy()
    todo = (a != b) | (a != c) | (a != d)
    if todo.any():
        lab = np.stack([q[todo] for q in quads], 1)
        near = np.stack([ids[i::2, j::2][todo] for i in (0, 1) for j in (0, 1)], 1).astype(np.int64)
        votes = (lab[:, :, None] == lab[:, None, :]).sum(2)
        result[todo] = lab[np.arange(len(lab)), np.argmax(votes * (1 << 20) + near, 1)]
    return result


def render(seed: int, look: str = "game", size: tuple[int, int] = (128, 256)) -> tuple[np.ndarray, np.ndarray]:
    """Render one street.

    Args:
        seed: non-negative integer: the street.
        look: one of ``LOOKS``, or ``"sampled:<n>"``.
        size: (height, width) in pixels, at least (1, 1).

    Returns:
        The picture, uint8 (height, width, 3), RGB, antialiased, and its labels, uint8 (height, width), Cityscapes
        trainIds. Labels are byte-equal on every machine, pictures within one grey level.

    Raises:
        ValueError: for an unknown look, a negative seed or an empty size.
        TypeError: for a seed or look of another type.

    Example:
        >>> image, labels = render(7, size=(32, 64))
        >>> image.shape, labels.shape, str(labels.dtype)
        ((32, 64, 3), (32, 64), 'uint8')
    """
    seed, height, width = _check(seed, size)
    described, mats = _materials(look)
    mesh = build(seed, described.mix)
    p = place(mesh, 2 * height, 2 * width)
    painted = paint(p.xy, p.start, p.count, p.flag, 2 * height, 2 * width)
    flags, ids = painted >> 16, painted & 0xFFFF
    labels = np.concatenate([[SKY], p.label]).astype(np.uint8)[ids]
    labels[(flags & FENCE_FLAG) > 0] = FENCE
    labels[(flags & BICYCLE_FLAG) > 0] = BICYCLE
    light = shade(mesh, p, ids, described, mats, seed)
    light = light.reshape(3, height, 2, width, 2).mean((2, 4))
    return develop(light, described.lens, seed), _vote(ids, labels)


def _chunk(job: tuple[list[int], str, tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    seeds, look, size = job
    pictures = np.empty((len(seeds), *size, 3), np.uint8)
    labels = np.empty((len(seeds), *size), np.uint8)
    for i, seed in enumerate(seeds):
        pictures[i], labels[i] = render(seed, look, size)
    return pictures, labels


def render_many(
    seeds: Iterable[int], look: str = "game", size: tuple[int, int] = (128, 256), workers: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Render several streets.

    Args:
        seeds: non-negative integers.
        look: as in ``render``.
        size: (height, width).
        workers: processes; 0 or 1 renders here. The result is the same.

    Returns:
        Pictures, uint8 (N, height, width, 3), and labels, uint8 (N, height, width).

    Raises:
        ValueError: as in ``render``, and for a negative number of workers.

    Example:
        >>> render_many(range(2), size=(8, 16))[0].shape
        (2, 8, 16, 3)
    """
    seeds = list(seeds)
    _, height, width = _check(0, size)
    for seed in seeds:
        _check(seed, size)
    parse_look(look)
    if workers < 0:
        raise ValueError(f"workers: expected 0 or more processes, got {workers}")
    if workers < 2 or len(seeds) < 2:
        return _chunk((seeds, look, (height, width)))
    step = max(1, -(-len(seeds) // (4 * workers)))
    jobs = [(seeds[i : i + step], look, (height, width)) for i in range(0, len(seeds), step)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=end_with_parent) as pool:
        parts = list(pool.map(_chunk, jobs))
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])
