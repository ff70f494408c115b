"""Stylise a folder once and for all: the paper's offline way, as a job that survives being killed.

Every picture keeps its name and its exact size, so that its labels stay valid. Its styles depend on the seed and its
name alone. Pictures that cannot be read are refused by name and listed in the manifest beside the good ones; nothing
in the source folder is touched. While some pictures are painted the next ones are decoded and the last ones encoded,
in threads: Pillow lets go of the interpreter's lock. On a CPU two small pictures are painted at once.

Source: the offline copies of Peng et al. (TIP 2021); the job around it is ours.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch

from gltr_lib._checks import check_integer
from gltr_lib._drafts import sweep
from gltr_lib._typed import typed
from gltr_lib._usage import UsageError
from gltr_lib._validate import describe
from gltr_lib.datasets import read_image
from gltr_lib.datasets.folder import find_others
from gltr_lib.offline.files import save_picture
from gltr_lib.offline.manifest import Manifest, check_target
from gltr_lib.offline.paint import Painter
from gltr_lib.offline.plan import Recipe, check_names, list_images
from gltr_lib.offline.studio import Studio

if TYPE_CHECKING:
    from gltr_lib.style_bank import StyleBank
    from gltr_lib.stylizer import Stylizer

OnImage = Callable[[int, int, str], Any]
Group = list[tuple[str, np.ndarray]]
Item = TypeVar("Item")
Loaded = TypeVar("Loaded")


@typed
def stylise_folder(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    stylizer: Stylizer,
    bank: StyleBank,
    *,
    only: Collection[str] | None = None,
    bank_name: str = "",
    refused_paintings: Mapping[str, str] | None = None,
    alpha: float = 1.0,
    seed: int = 0,
    copies: int = 1,
    one_style_per_copy: bool = False,
    format: str = "keep",
    tile: int | None = None,
    memory: int | None = None,
    shard: tuple[int, int] = (0, 1),
    batch: int | None = None,
    workers: int | None = None,
    on_image: OnImage | None = None,
) -> dict[str, Any]:
    """Stylise every picture below ``source`` into ``target``; call again to go on after an interruption.

    Args:
        source: folder of pictures (subfolders included); it is only read.
        target: folder for the result; new, empty, or left by earlier calls, also by those of other shards. One copy
            has the names of the source; several lie in ``copy-00``, ``copy-01``, ... with the names of the source.
        stylizer: as from ``Stylizer.load``.
        bank: styles made by this stylizer.
        only: these pictures of the source, by their paths relative to it, with ``/``; all if None.
        bank_name: printed in the manifest.
        refused_paintings: printed there, too: what :func:`load_bank` refused of a folder of paintings.
        alpha: strength of the style, 0 to 1.
        seed: decides, with a picture's name and the copy's number, its style.
        copies: how many of each picture; no two of a picture in one style (while there are that many).
        one_style_per_copy: one painting for a whole copy, the paper's way.
        format: "keep" the source's, or write "png" or "jpg".
        tile: paint in tiles of about this side; None paints whole pictures while they fit into memory.
        memory: about so many MiB may painting take; batch and tile of each size of pictures follow from it.
        shard: (i, n): this call does every n-th picture, from the i-th. Calls may run at the same time anywhere.
            Here i counts from 0, as the ranks of processes do; ``--shard`` of the command counts from 1.
        batch: most pictures of one size in one pass; default 1 on a CPU, 4 elsewhere. On a CPU two passes of one small
            picture each (up to 512 MiB) go side by side, each with half of PyTorch's threads.
        workers: threads that decode and encode; default the number of cores, at most 16.
        on_image: called with (done, total, name) after each copy.

    Returns:
        The manifest: ``settings``, ``done`` (output -> style, size), ``refused`` (source -> reason), ``memory`` (size
        -> what had to be changed to fit), ``refused_paintings``, ``left_alone`` (what in the source is not called like
        a picture -> why), ``seconds``. Of several shards the last to finish returns the merged one, the others their
        own.

    Raises:
        ValueError: an impossible setting, a bank of another encoder, empty source, target inside or equal to the
            source, target of other settings (the difference is named) or of foreign files.
        OSError: a picture cannot be written, for instance because the disk is full; what is done is kept.
        RuntimeError: a picture does not fit into memory even in tiles (ValueError: into the budget).
    """
    source, target = Path(source), Path(target)
    recipe = Recipe(alpha, seed, copies, one_style_per_copy, format, tile, memory)
    index, count = _check_shard(shard)
    names = list_images(source, only)
    check_names(names, recipe)
    _check_apart(source, target)
    check_target(target)
    device = next(stylizer.parameters()).device
    painter = Painter(
        stylizer,
        bank,
        alpha=alpha,
        tile=tile,
        memory=memory,
        copies=copies,
        batch=count_or(batch, "batch", 1 if device.type == "cpu" else 4),
    )
    threads = count_or(workers, "workers", default_workers())
    mine = [name.as_posix() for name in names[index::count]]
    settings = {
        "stylizer": stylizer.name,
        "bank": bank_name,
        "styles": len(bank),
        "bank_digest": bank_digest(bank),
        **recipe.settings(),
    }
    outputs = (out for name in mine for out in recipe.outputs(name))
    rest = find_others(source) if only is None else {}  # of chosen pictures it is plain what is not among them
    others = [(path.relative_to(source).as_posix(), why) for path, why in rest.items()]
    aside = dict(refused_paintings or {}), dict(others[index::count])
    manifest = Manifest.open(target, settings, (index, count), outputs, set(mine), *aside)
    there = sweep(target)
    todo = [name for name in mine if any(o not in manifest.done or o not in there for o in recipe.outputs(name))]
    total = len(mine) * copies
    finished = total - len(todo) * copies

    def report(name: str) -> None:
        nonlocal finished
        finished += 1
        if on_image is not None:
            on_image(finished, total, name)

    def jobs(pool: ThreadPoolExecutor) -> Iterator[tuple[Group, list[np.ndarray], list[list[int]]]]:
        """What there is to paint; pictures that cannot be read are refused on the way."""
        reads = read_ahead(pool, todo, lambda name: read_image(source / name), threads + painter.batch)
        for group in groups(reads, painter.batch):
            if isinstance(group, Refusal):
                manifest.refused[group.name] = group.reason
                for _ in range(copies):
                    report(group.name)
                continue
            yield group, [picture for _, picture in group], [recipe.styles(name, len(bank)) for name, _ in group]

    with Studio(painter) as studio, ThreadPoolExecutor(max_workers=threads, thread_name_prefix="stylise") as pool:
        writing: deque[tuple[str, Future[Any], dict[str, Any]]] = deque()

        def settle(least: int) -> None:
            while len(writing) > least:
                name, future, entry = writing.popleft()
                future.result()
                manifest.done[name] = entry
                report(name)

        try:
            for group, styles, painted in studio.paint(jobs(pool)):
                manifest.memory.update(painter.changes)
                for (name, picture), chosen, results in zip(group, styles, painted, strict=True):
                    manifest.refused.pop(name, None)
                    for out, style, pixels in zip(recipe.outputs(name), chosen, results, strict=True):
                        entry = {"style": str(bank.names[style]), "size": [picture.shape[1], picture.shape[0]]}
                        if copies > 1 or out != name:
                            entry["source"] = name
                        writing.append((out, pool.submit(_save, target / out, pixels), entry))
                settle(2 * threads)
                manifest.write_now_and_then()
            settle(0)
        except OSError as error:
            raise OSError(error.errno, f"{error.strerror or error}; what is done is kept", error.filename) from error
        finally:
            for _, future, _ in writing:
                future.cancel()
            if finished < total:
                _try_to_write(manifest)
    return manifest.close()


def read_ahead(
    pool: ThreadPoolExecutor, items: Iterable[Item], load: Callable[[Item], Loaded], ahead: int
) -> Iterator[tuple[Item, Loaded | ValueError]]:
    """Load items in threads, at most ``ahead`` of them in advance, and give them back in their order.

    A ValueError of ``load`` takes the place of what it would have loaded; other errors are raised.
    """
    waiting: deque[tuple[Item, Future[Loaded]]] = deque()

    def first() -> tuple[Item, Loaded | ValueError]:
        item, future = waiting.popleft()
        try:
            return item, future.result()
        except ValueError as error:
            return item, error

    try:
        for item in items:
            waiting.append((item, pool.submit(load, item)))
            if len(waiting) > ahead:
                yield first()
        while waiting:
            yield first()
    finally:
        for _, future in waiting:
            future.cancel()


class Refusal:
    """A picture that could not be read, and why."""

    def __init__(self, name: str, error: ValueError) -> None:
        self.name, self.reason = name, str(error)


def groups(reads: Iterable[tuple[str, np.ndarray | ValueError]], most: int) -> Iterator[Group | Refusal]:
    """Put neighbours of one size together, at most ``most`` of them; refusals come between, in their order."""
    group: Group = []
    for name, picture in reads:
        if isinstance(picture, ValueError):
            yield Refusal(name, picture)
            continue
        if group and (len(group) == most or group[0][1].shape != picture.shape):
            yield group
            group = []
        group.append((name, picture))
    if group:
        yield group


def default_workers() -> int:
    """Threads for decoding and encoding: the cores that this process may use, at most 16."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
    return min(16, max(2, cores))


def bank_digest(bank: StyleBank) -> str:
    """Sixteen hexadecimal digits of a bank's numbers: a bank built anew under its old name is another one."""
    digest = hashlib.sha256(bank.fingerprint.encode())
    for part in (bank.stats.mean, bank.stats.std):
        digest.update(part.detach().cpu().float().contiguous().numpy().data)
    return digest.hexdigest()[:16]


def _save(path: Path, pixels: torch.Tensor) -> None:
    save_picture(path, pixels.cpu().numpy())  # here, so that a GPU goes on while this thread waits for it


def _try_to_write(manifest: Manifest) -> None:
    """Keep what is done when the job ends early; on a full disk the older manifest has to do."""
    with suppress(OSError):
        manifest.write()


def _check_apart(source: Path, target: Path) -> None:
    inside, outside = source.resolve(), target.resolve()
    if inside == outside or inside in outside.parents or outside in inside.parents:
        raise UsageError(f"{target}: the target must lie outside the source folder {source}; choose another folder")


def _check_shard(shard: tuple[int, int]) -> tuple[int, int]:
    try:
        index, count = (int(part) for part in shard)
    except (TypeError, ValueError):
        raise TypeError(f"shard: expected (i, n), received {describe(shard)}") from None
    if not 0 <= index < count:
        raise ValueError(f"shard: expected i from 0 to n-1, received {index}/{count}")
    return index, count


def count_or(value: int | None, name: str, default: int) -> int:
    """A number of something, at least 1; ``default`` if it was not given."""
    return default if value is None else check_integer(value, name, 1)
