"""Style banks of any number of paintings: streamed, resumable, and merged.

Of each painting two numbers a channel stay (4 KiB at relu4_1), so a bank of 80,000 fits where one photograph album
would not; the pictures themselves pass through memory a few at a time. What is measured is kept in small files beside
the bank (``NAME.safetensors.parts``) until the bank is whole, so a killed job goes on and gives the same bank.
"""

from __future__ import annotations

import os
import shutil
import time
import warnings
from collections.abc import Callable, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from gltr_lib._read import read_shrunk, shown
from gltr_lib._typed import typed
from gltr_lib.complexity import MEASURES, measure, select
from gltr_lib.offline.job import count_or, default_workers, read_ahead
from gltr_lib.offline.parts import Parts
from gltr_lib.offline.plan import list_images

if TYPE_CHECKING:
    from gltr_lib.style_bank import StyleBank
    from gltr_lib.stylizer import Stylizer

_EVERY = 20.0  # seconds of work that a kill may cost
OnImage = Callable[[int, int, str], Any]


@typed
def load_bank(name: str, stylizer: Stylizer, *, refused: MutableMapping[str, str] | None = None) -> StyleBank:
    """A shipped bank by name, a saved one by path, or one made of a folder of paintings.

    Args:
        name: of the bank, its file, or the folder.
        stylizer: whose features the statistics describe.
        refused: takes the reasons, by name, for the paintings of a folder that could not be read; without it a warning
            names them, for a bank of fewer styles than there are paintings must not pass for the whole.

    Raises:
        ValueError: none of these.
    """
    from gltr_lib.style_bank import StyleBank

    if not name or not Path(name).is_dir():
        return StyleBank.load(name, stylizer)
    bank, unread = build_bank(name, stylizer)
    if refused is not None:
        refused.update(unread)
    elif unread:
        more = f" (and {len(unread) - 3} more)" if len(unread) > 3 else ""
        warnings.warn(f"{name}: refused {', '.join(list(unread)[:3])}{more}; gltr bank says why", stacklevel=3)
    return bank


@typed
def build_bank(
    folder: str | os.PathLike[str],
    stylizer: Stylizer,
    *,
    longest: int = 512,
    on_image: OnImage | None = None,
    workers: int | None = None,
    parts: str | os.PathLike[str] | None = None,
) -> tuple[StyleBank, dict[str, str]]:
    """Make a style bank of a folder of paintings, one style a picture.

    Args:
        folder: pictures (subfolders included).
        stylizer: whose features the statistics describe.
        longest: pictures are shrunk so that their longer side has at most this many pixels.
        on_image: called with (done, total, name) after each picture.
        workers: threads that decode, shrink and measure texture; default the number of cores, at most 16.
        parts: folder for what is measured so far; a second call with it goes on there. It stays until you remove it.

    Returns:
        (bank, refused): the bank, in the order of the names, with the texture measures of each painting, and reasons
        by name for the pictures that could not be read.

    Raises:
        ValueError: no such folder, no readable picture in it, or parts of another folder, stylizer or size.
    """
    from gltr_lib.style_bank import StyleBank

    if not isinstance(longest, int) or longest < 16:
        raise ValueError(f"longest: expected a whole number of pixels >= 16, received {longest!r}")
    names = unique_names(list_images(folder))
    settings = {"fingerprint": stylizer.fingerprint, "longest": str(longest), "folder": str(Path(folder).resolve())}
    store = Parts(parts, settings)
    todo = [name for name in names if name not in store.done]
    refused: dict[str, str] = {}
    device = next(stylizer.parameters()).device
    saved = time.monotonic()
    threads = count_or(workers, "workers", default_workers())
    finished = len(names) - len(todo)

    def load(name: str) -> tuple[np.ndarray, dict[str, float]]:
        pixels = read_shrunk(Path(folder) / names[name], longest)
        # A line of pixels has no texture to speak of, and no gradient to measure.
        return pixels, measure(pixels) if min(pixels.shape[:2]) > 1 else dict.fromkeys(MEASURES, 0.0)

    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="bank") as pool:
        try:
            for name, loaded in read_ahead(pool, todo, load, 2 * threads):
                finished += 1
                if isinstance(loaded, ValueError):
                    refused[name] = str(loaded)
                else:
                    pixels, measures = loaded
                    tensor = torch.from_numpy(pixels).permute(2, 0, 1)[None].to(device).float() / 255
                    with torch.inference_mode():
                        stats = stylizer.style_stats(tensor)
                    store.add(name, stats.mean[0], stats.std[0], [measures[key] for key in MEASURES])
                if on_image is not None:
                    on_image(finished, len(names), name)
                if time.monotonic() - saved > _EVERY:
                    store.flush()
                    saved = time.monotonic()
        finally:
            store.flush()
    if not store.done:
        raise ValueError(
            f"{folder}: none of {len(names)} pictures could be read; first: {next(iter(refused.values()))}"
        )
    kept, stats, table = store.collect([name for name in names if name in store.done])
    measures_of = {key: table[:, column].clone() for column, key in enumerate(MEASURES)}
    bank = StyleBank(stats, kept, fingerprint=stylizer.fingerprint, stylizer=stylizer.name, measures=measures_of)
    return bank, refused


@typed
def build_bank_file(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str],
    stylizer: Stylizer,
    *,
    longest: int = 512,
    choose: dict[str, Any] | None = None,
    half: bool = False,
    workers: int | None = None,
    on_image: OnImage | None = None,
) -> tuple[StyleBank, dict[str, str]]:
    """Build a bank and save it; call again to go on after an interruption.

    Args:
        folder: pictures (subfolders included).
        out: file to write, ending in ``.safetensors``.
        stylizer: whose features the statistics describe.
        longest: longer side that pictures are shrunk to.
        choose: keywords of :meth:`StyleBank.select`, to keep some of the paintings by their texture.
        half: store float16.
        workers: threads that decode.
        on_image: called with (done, total, name) after each picture.

    Returns:
        (bank, refused): as saved.

    Raises:
        ValueError: as :func:`build_bank`; another ending; an impossible choice.
    """
    out = Path(out)
    if out.suffix != ".safetensors":
        raise ValueError(f"{out}: a bank's name ends in .safetensors")
    if choose:  # an impossible choice is refused before hours of measuring
        select(np.arange(float(len(list_images(folder)))), **{k: v for k, v in choose.items() if k != "measure"})
    parts = out.with_name(out.name + ".parts")
    bank, refused = build_bank(folder, stylizer, longest=longest, workers=workers, on_image=on_image, parts=parts)
    bank = bank.select(**choose) if choose else bank
    bank.save(out, half=half)
    shutil.rmtree(parts, ignore_errors=True)
    return bank, refused


@typed
def merge_banks(paths: Sequence[str | os.PathLike[str]], *, prefix: bool = False) -> StyleBank:
    """Put several banks of one stylizer into one.

    Args:
        paths: bank files.
        prefix: put each file's name before the names of its styles, ``monet/1.jpg``.

    Raises:
        ValueError: fewer than two, made by different encoders, or a name in two of them.
    """
    from gltr_lib.style_bank import StyleBank

    files = [Path(path) for path in paths]
    if len(files) < 2:
        raise ValueError(f"merge: expected at least two banks, received {len(files)}")
    banks = [StyleBank.load(file) for file in files]
    for file, bank in zip(files, banks, strict=True):
        own, its = ((b.fingerprint, b.stats.mean.shape[1]) for b in (banks[0], bank))
        if own != its:
            raise ValueError(
                f"{file}: made by {bank.stylizer} {its[0]} ({its[1]} channels), but {files[0]} by {banks[0].stylizer} "
                f"{own[0]} ({own[1]} channels); build them again with one stylizer"
            )
    return StyleBank.merge(banks, prefixes=[file.stem for file in files] if prefix else None)


def unique_names(paths: Sequence[Path]) -> dict[str, Path]:
    """Paths by :func:`safe_name`; of two that would be called the same the later one gets a number."""
    named: dict[str, Path] = {}
    for path in paths:
        name, number = safe_name(path), 2
        while name in named:
            name, number = f"{safe_name(path)}~{number}", number + 1
        named[name] = path
    return named


def safe_name(path: Path) -> str:
    """A painting's name as text that any file, terminal and JSON reader takes, with ``/``.

    Example:
        >>> safe_name(Path("van gogh") / "iris\\n1.jpg")
        'van gogh/iris\\\\n1.jpg'
    """
    return shown(path.as_posix())
