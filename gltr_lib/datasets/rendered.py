"""Rendered streets, kept on disk once: several runs and several processes read the same file.

One array holds images and labels together (N,H,W,4: red, green, blue, class), so that a file is either whole or not
there: it is written under a temporary name and renamed. The name holds a digest of the renderer's source, hence a
changed renderer never meets pictures of its past.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gltr_lib._checkout import default_cache
from gltr_lib._drafts import atomic_file
from gltr_lib._json import digest
from gltr_lib._workers import end_with_parent
from gltr_lib.datasets.looks import Part, Streets, check_open

#: Words of the renderer's source that say how its processes end, and nothing of what they draw. They came after the
#: study's rows, which stay comparable.
_NO_PICTURE = (b"from gltr_lib._workers import end_with_parent\n", b", initializer=end_with_parent")


def load(
    streets: Streets,
    size: tuple[int, int],
    folder: str | os.PathLike[str] | None = None,
    *,
    final: bool = False,
    read: Callable[..., np.ndarray] | None = None,
) -> tuple[Tensor, Tensor]:
    """Images and labels of some streets, rendered or read from the cache.

    Args:
        streets: which looks and scenes.
        size: (height, width).
        folder: where rendered streets are kept; None = as :func:`~gltr_lib._checkout.default_cache` says.
        final: reserved looks (sampled:1000 and on) are rendered only with True.
        read: reads or makes one part, as :func:`load_part` does, which None stands for.

    Returns:
        (images uint8 (N,3,H,W), labels uint8 (N,H,W)).

    Raises:
        ValueError: a reserved look without ``final``.
    """
    folder = default_cache() if folder is None else folder
    read = read or load_part
    both = torch.from_numpy(np.concatenate([read(part, size, folder, final=final) for part in streets.parts]))
    return both[..., :3].permute(0, 3, 1, 2).contiguous(), both[..., 3].contiguous()


def load_part(part: Part, size: tuple[int, int], folder: str | os.PathLike[str], *, final: bool = False) -> np.ndarray:
    """One look's scenes as uint8 (N,H,W,4), rendered or read from the cache."""
    look, seeds = part
    check_open(look, final=final)
    cores = os.cpu_count() or 1
    workers = min(8, cores) if cores > 2 and len(seeds) > 32 else 0  # a few streets are not worth a process
    return kept(part, size, folder, lambda: _render(list(seeds), look, size, workers))


def kept(
    part: Part, size: tuple[int, int], folder: str | os.PathLike[str], make: Callable[[], np.ndarray]
) -> np.ndarray:
    """What the cache holds of a part, or what is made now and kept.

    Args:
        part: a look and its scenes.
        size: (height, width).
        folder: of the cache.
        make: makes the array where there is no file of it, or a damaged one.

    Returns:
        uint8 (N,H,W,4).
    """
    path = cache_path(part, size, folder)
    if path.exists():
        try:
            return np.load(path, allow_pickle=False)
        except (OSError, ValueError):  # damaged from outside: render again
            path.unlink(missing_ok=True)
    both = make()
    with atomic_file(path) as draft, draft.open("wb") as file:
        np.save(file, both, allow_pickle=False)
    return both


def _render(seeds: Sequence[int], look: str, size: tuple[int, int], workers: int = 0) -> np.ndarray:
    """Streets as uint8 (N,H,W,4); the workers end with this process, which a kill may end at any moment."""
    if workers < 2:
        from gltr_lib import streets as world

        images, labels = world.render_many(seeds, look, size)
        return np.concatenate([images, labels[..., None]], axis=-1)
    step = max(1, -(-len(seeds) // (4 * workers)))
    parts = [seeds[first : first + step] for first in range(0, len(seeds), step)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=end_with_parent) as pool:
        return np.concatenate(list(pool.map(_render, parts, repeat(look), repeat(size))))


def cache_path(part: Part, size: tuple[int, int], folder: str | os.PathLike[str]) -> Path:
    """Where one look's scenes are kept."""
    look, seeds = part
    key = digest([look, list(seeds), list(size), world_digest()])
    name = look.replace(":", "-")
    return Path(folder) / f"streets-{name}-{len(seeds)}x{size[0]}x{size[1]}-{key}.npy"


@cache
def world_digest() -> str:
    """Twelve digits of the renderer's source code; the ledger's rows carry them."""
    from gltr_lib import streets as world

    if world.__file__ is None:
        return "unknown"
    source = Path(world.__file__).resolve()
    files = sorted(source.parent.glob("*.py")) if source.name == "__init__.py" else [source]
    mixed = hashlib.sha256()
    for file in files:
        source_text = file.read_bytes()
        for words in _NO_PICTURE:
            source_text = source_text.replace(words, b"")
        mixed.update(source_text)
    return mixed.hexdigest()[:12]
