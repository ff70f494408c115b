"""Stylise a folder once and for all: the paper's offline way, as a job that survives being killed.

Every picture keeps its name and its exact size; its style depends on the seed and its name alone, hence not on
order, batch or how often the job was resumed. Pictures that cannot be read are refused by name and listed in
``manifest.json`` beside the good ones. Files are written under a temporary name and renamed; nothing in the source
folder is touched. While one picture is stylised the next is decoded and the last is encoded.

Source: the offline copies of Peng et al. (TIP 2021); the job around it is ours.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from gltr_lib.datasets import IMAGE_SUFFIXES, read_image
from gltr_lib.ledger import write_text

if TYPE_CHECKING:
    from gltr_lib.style_bank import StyleBank
    from gltr_lib.stylizer import Stylizer

MANIFEST = "manifest.json"
_FORMATS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
_AHEAD = 2  # pictures decoded in advance; more only costs memory
_EVERY = 5.0  # seconds between two writings of the manifest


def list_images(folder: str | os.PathLike[str]) -> list[Path]:
    """Pictures below a folder, sorted, as paths relative to it.

    Raises:
        ValueError: no such folder, or no picture in it.
    """
    base = Path(folder)
    if not base.is_dir():
        raise ValueError(f"{base}: no such folder; expected a folder of pictures ({', '.join(IMAGE_SUFFIXES)})")
    found = sorted(p.relative_to(base) for p in base.rglob("*") if p.is_file() and p.suffix.lower() in IMAGE_SUFFIXES)
    if not found:
        raise ValueError(f"{base}: no pictures in it; expected files ending in {', '.join(IMAGE_SUFFIXES)}")
    return found


def style_index(name: str, seed: int, styles: int) -> int:
    """Which style a picture gets: decided by its name and the seed, the same on every machine.

    Example:
        >>> style_index("a/street.png", 0, 500) == style_index("a/street.png", 0, 500)
        True
    """
    if styles < 1:
        raise ValueError(f"style_index: expected at least 1 style, received {styles}")
    mixed = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return int.from_bytes(mixed[:8], "big") % styles


def stylise_folder(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    stylizer: Stylizer,
    bank: StyleBank,
    *,
    bank_name: str = "",
    alpha: float = 1.0,
    seed: int = 0,
    on_image: Callable[[int, int, str], Any] | None = None,
) -> dict[str, Any]:
    """Stylise every picture below ``source`` into ``target``; call again to go on after an interruption.

    Args:
        source: folder of pictures (subfolders included); it is only read.
        target: folder for the result, with the same names; new, empty, or left by an earlier call.
        stylizer: as from ``Stylizer.load``.
        bank: styles made by this stylizer.
        bank_name: printed in the manifest.
        alpha: strength of the style, 0 to 1.
        seed: decides, with a picture's name, its style.
        on_image: called with (done, total, name) after each picture.

    Returns:
        The manifest: ``settings``, ``done`` (name -> style, size), ``refused`` (name -> reason), ``seconds``.

    Raises:
        ValueError: empty source, target inside or equal to the source, target of other settings or of foreign files.
    """
    source, target = Path(source), Path(target)
    names = list_images(source)
    _check_target(source, target)
    settings = {"stylizer": stylizer.name, "bank": bank_name, "styles": len(bank), "alpha": alpha, "seed": seed}
    manifest = _open_manifest(target, settings)
    done, refused = manifest["done"], manifest["refused"]
    todo = [n for n in names if n.as_posix() not in done or not (target / n).exists()]
    started = written = time.monotonic()
    finished = len(names) - len(todo)
    before = float(manifest.get("seconds", 0.0))
    device = next(stylizer.parameters()).device

    with ThreadPoolExecutor(max_workers=2) as pool:
        reading: deque[tuple[Path, Future[Any]]] = deque()
        writing: deque[tuple[Path, Future[Any], dict[str, Any]]] = deque()
        waiting = deque(todo)

        def settle(least: int) -> None:
            nonlocal finished
            while len(writing) > least:
                name, future, entry = writing.popleft()
                future.result()
                done[name.as_posix()] = entry
                refused.pop(name.as_posix(), None)
                finished += 1
                if on_image is not None:
                    on_image(finished, len(names), name.as_posix())

        while waiting or reading:
            while waiting and len(reading) < _AHEAD:
                name = waiting.popleft()
                reading.append((name, pool.submit(_load, source / name)))
            name, future = reading.popleft()
            try:
                picture = future.result()
            except ValueError as error:
                refused[name.as_posix()] = str(error)
                finished += 1
                if on_image is not None:
                    on_image(finished, len(names), name.as_posix())
                continue
            index = style_index(name.as_posix(), seed, len(bank))
            image = torch.from_numpy(picture).permute(2, 0, 1)[None].to(device).float() / 255
            with torch.inference_mode():
                result = stylizer.stylize(image, bank.stats[index : index + 1].to(device), alpha=alpha)
            pixels = (result[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
            entry = {"style": str(bank.names[index]), "size": [int(pixels.shape[1]), int(pixels.shape[0])]}
            writing.append((name, pool.submit(save_picture, target / name, pixels), entry))
            settle(_AHEAD)
            if time.monotonic() - written > _EVERY:
                settle(0)
                manifest["seconds"] = round(before + time.monotonic() - started, 3)
                _write_manifest(target, manifest)
                written = time.monotonic()
        settle(0)
    manifest["seconds"] = round(before + time.monotonic() - started, 3)
    _write_manifest(target, manifest)
    return manifest


def save_picture(path: str | os.PathLike[str], pixels: np.ndarray) -> Path:
    """Write uint8 (H,W,3) in the format of the name, atomically; JPEG and WebP at quality 95, without subsampling."""
    path = Path(path)
    kind = _FORMATS.get(path.suffix.lower(), "PNG")
    options: dict[str, Any] = {"quality": 95} if kind in ("JPEG", "WEBP") else {}
    if kind == "JPEG":
        options["subsampling"] = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        Image.fromarray(pixels).save(temporary, format=kind, **options)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def load_bank(name: str, stylizer: Stylizer) -> StyleBank:
    """A shipped bank by name, a saved one by path, or one made of a folder of paintings.

    Raises:
        ValueError: none of these.
    """
    from gltr_lib.style_bank import StyleBank

    if Path(name).is_dir():
        return build_bank(name, stylizer)[0]
    return StyleBank.load(name, stylizer)


def build_bank(
    folder: str | os.PathLike[str],
    stylizer: Stylizer,
    *,
    longest: int = 512,
    on_image: Callable[[int, int, str], Any] | None = None,
) -> tuple[StyleBank, dict[str, str]]:
    """Make a style bank of a folder of paintings, one style a picture.

    Args:
        folder: pictures (subfolders included).
        stylizer: whose features the statistics describe.
        longest: pictures are shrunk so that their longer side has at most this many pixels.
        on_image: called with (done, total, name) after each picture.

    Returns:
        (bank, refused): the bank, and reasons by name for the pictures that could not be read.

    Raises:
        ValueError: no such folder, or no readable picture in it.
    """
    from gltr_lib.adain import StyleStats
    from gltr_lib.style_bank import StyleBank

    names = list_images(folder)
    means, stds, kept, refused = [], [], [], {}
    device = next(stylizer.parameters()).device
    for number, name in enumerate(names, start=1):
        try:
            picture = Image.fromarray(read_image(Path(folder) / name))
        except ValueError as error:
            refused[name.as_posix()] = str(error)
            continue
        picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        tensor = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].to(device).float() / 255
        stats = stylizer.style_stats(tensor)
        means.append(stats.mean.cpu())
        stds.append(stats.std.cpu())
        kept.append(name.as_posix())
        if on_image is not None:
            on_image(number, len(names), name.as_posix())
    if not kept:
        raise ValueError(
            f"{folder}: none of {len(names)} pictures could be read; first: {next(iter(refused.values()))}"
        )
    stats = StyleStats(torch.cat(means), torch.cat(stds))
    return StyleBank(stats, kept, fingerprint=stylizer.fingerprint, stylizer=stylizer.name), refused


def demo_picture(seed: int = 0, size: tuple[int, int] = (256, 512), styles: int = 3) -> np.ndarray:
    """A street, its mask and its randomised forms in one picture: rows of street, GTR, LTR, mask.

    Args:
        seed: of the street, the styles and the masks.
        size: (height, width) of each tile.
        styles: rows.

    Returns:
        uint8 array (H,W,3).
    """
    from gltr_lib import GlobalTextureRandomization, LocalTextureRandomization, StyleBank, Stylizer, streets
    from gltr_lib.labels import colourize

    image, labels = streets.render(seed, "game", size)
    stylizer = Stylizer.load("mini")
    gtr = GlobalTextureRandomization(stylizer, StyleBank.load("paintings-mini"))
    ltr = LocalTextureRandomization()
    generator = torch.Generator().manual_seed(seed)
    tensor = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
    rows = []
    for row in range(styles):
        stylised = gtr(tensor, generator)
        mixed, mask = ltr(tensor, stylised, generator)
        first = image if row == 0 else colourize(labels) if row == 1 else image
        rows.append([first, _pixels(stylised), _pixels(mixed), _pixels(mask.expand(-1, 3, -1, -1))])
    return tile(rows)


def tile(rows: Sequence[Sequence[np.ndarray]], gap: int = 8) -> np.ndarray:
    """Lay pictures of one size out as a table on white."""
    height, width = rows[0][0].shape[:2]
    columns = max(map(len, rows))
    sheet = np.full((len(rows) * (height + gap) + gap, columns * (width + gap) + gap, 3), 255, np.uint8)
    for i, row in enumerate(rows):
        for j, picture in enumerate(row):
            top, left = gap + i * (height + gap), gap + j * (width + gap)
            sheet[top : top + height, left : left + width] = picture
    return sheet


def _pixels(image: torch.Tensor) -> np.ndarray:
    return (image[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()


def _load(path: Path) -> np.ndarray:
    return read_image(path)


def _check_target(source: Path, target: Path) -> None:
    inside, outside = source.resolve(), target.resolve()
    if inside == outside or inside in outside.parents or outside in inside.parents:
        raise ValueError(f"{target}: the target must lie outside the source folder {source}; choose another folder")
    if target.exists() and not target.is_dir():
        raise ValueError(f"{target}: is a file; expected a folder for the stylised pictures")
    if target.is_dir() and not (target / MANIFEST).exists() and any(target.iterdir()):
        raise ValueError(
            f"{target}: not empty and without {MANIFEST}; nothing of yours is overwritten, choose a new folder"
        )


def _open_manifest(target: Path, settings: dict[str, Any]) -> dict[str, Any]:
    path = target / MANIFEST
    if not path.exists():
        manifest: dict[str, Any] = {"settings": settings, "done": {}, "refused": {}, "seconds": 0.0}
        _write_manifest(target, manifest)  # at once: from now on the folder is known as ours
        return manifest
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        before = manifest["settings"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a manifest of gltr stylize ({error}); choose a new folder") from error
    if before != settings:
        changed = [f"{k}: {before.get(k)!r} before, {v!r} now" for k, v in settings.items() if before.get(k) != v]
        raise ValueError(f"{target}: made with other settings ({'; '.join(changed)}); choose a new folder")
    return manifest


def _write_manifest(target: Path, manifest: dict[str, Any]) -> None:
    ordered = {**manifest, "done": dict(sorted(manifest["done"].items()))}
    write_text(target / MANIFEST, json.dumps(ordered, indent=1, ensure_ascii=False) + "\n")
