"""Painters and paintings that the course does not ship: VGG-19 up to relu3_1, and 27 real paintings.

Two ablations need them: is it the small stylizer that holds GTR back, or the procedural paintings? Both lie
below ``GLTR_DATA``, with checksums: another file there would be another ablation, so it is refused, and its owner is
told how to run GTR with a bank of it. Their banks are measured when they are first needed and kept with the streets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from gltr_lib.study import real_tier

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from gltr_lib.style_bank import StyleBank
    from gltr_lib.stylizer import Stylizer

VGG19 = "vgg19"
VGG19_SHA256 = {
    "weights/vgg_normalised_conv3_1.pth": "ff8506173d3a17e7b0fbfbff242c00b6827cfbcd7c21852b46806ae6a3fd7b09",
    "weights/feature_invertor_conv3_1.pth": "f32bc7bd366ff027936b3d90a98bc3f8667ba3f2762df916261a0586c5e30ab5",
}
#: The shipped bank's 512 procedural paintings, measured by VGG-19.
PROCEDURAL = "paintings-vgg19"
COUNT, SIDE = 512, 256
#: Real paintings of painters dead 70 years or more, and what tells them from others: see :func:`folder_digest`.
REAL = "paintings-real"
FOLDER, FILES, LONGEST = "paintings/public_domain", 27, 512
FOLDER_SHA256 = "6e2391b4045c0f6dcc8efbdd6e7453c9821f2e50112dd993822acb90e65e5830"
#: What a definition holds in place of a shipped file's checksum.
CONTENT = {
    VGG19: "".join(VGG19_SHA256.values()),
    PROCEDURAL: f"{COUNT} procedural paintings at {SIDE} pixels",
    REAL: FOLDER_SHA256,
}


def lacking(name: str) -> str:
    """What a painter or a bank needs that is not here; "" if all is, and for what is shipped.

    Args:
        name: of a stylizer or a bank.

    Returns:
        A few words for the list of what is not run.

    Example:
        >>> lacking("mini"), lacking("paintings-mini")
        ('', '')
    """
    if name == VGG19:
        wrong = [real_tier.lacking_file(path, digest) for path, digest in VGG19_SHA256.items()]
        return " and ".join(filter(None, wrong))
    if name == REAL:
        root = real_tier.data_root()
        folder = root / FOLDER if root else None
        if folder is None or not folder.is_dir():
            return f"{FOLDER} in GLTR_DATA"
        if folder_digest(folder) != FOLDER_SHA256:
            remedy = "for GTR with a bank of them, --only gtr --set bank=FILE"
            return f"the {FILES} paintings of {FOLDER} (others lie there: {remedy})"
    return ""


def folder_digest(folder: Path) -> str:
    """SHA-256 over names and bytes of the files of a folder, in the order of their names.

    Args:
        folder: without subfolders.

    Returns:
        64 hexadecimal digits.
    """
    return _digest(tuple((file, file.stat().st_size, file.stat().st_mtime_ns) for file in _files(folder)))


@lru_cache(maxsize=4)
def _digest(files: tuple[tuple[Path, int, int], ...]) -> str:
    whole = hashlib.sha256()
    for file, size, _ in files:
        whole.update(f"{file.name}\n{size}\n".encode() + file.read_bytes())
    return whole.hexdigest()


def stylizer(name: str, device: torch.device | str | None = None) -> Stylizer:
    """A stylizer by its name in a configuration; VGG-19 comes from ``GLTR_DATA`` where the study's files lie there.

    Args:
        name: "mini" or "vgg19".
        device: where to put it.
    """
    from gltr_lib.stylizer import Stylizer

    root = real_tier.data_root()
    if name == VGG19 and root and not lacking(VGG19):
        return Stylizer.load(name, device=device, folder=root / "weights")
    return Stylizer.load(name, device=device)


def bank(name: str, painter: Stylizer | None, cache: Path) -> StyleBank:
    """A bank by its name in a configuration: shipped, a file, or measured now and kept.

    Args:
        name: "paintings-mini", a file's path, "paintings-vgg19" or "paintings-real".
        painter: the stylizer whose features the two last ones are measured in.
        cache: folder that keeps them.

    Returns:
        The bank.

    Raises:
        ValueError: the real paintings are not here or one cannot be read, or a bank must be measured and there is no
            painter.
    """
    from gltr_lib.style_bank import StyleBank

    if name not in (PROCEDURAL, REAL):
        return StyleBank.load(name)
    if painter is None:
        raise ValueError(f"bank {name}: expected a stylizer that measures it")
    if lacking(name):
        raise ValueError(f"bank {name}: it needs {lacking(name)}")
    content = hashlib.sha256(f"{CONTENT[name]} {painter.fingerprint}".encode()).hexdigest()[:12]
    file = cache / f"{name}-{content}.safetensors"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        measured = _measure(name, painter)
        measured.save(file, half=True)  # as the shipped one
    return StyleBank.load(file, painter)


def _measure(name: str, painter: Stylizer) -> StyleBank:
    from gltr_lib.paintings.bank import procedural_bank
    from gltr_lib.style_bank import StyleBank

    if name == PROCEDURAL:
        return procedural_bank(painter, COUNT, SIDE)
    files = _files((real_tier.data_root() or Path()) / FOLDER)
    return StyleBank.from_images(painter, _opened(files), [file.stem for file in files])


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.is_file())


def _opened(files: list[Path]) -> Iterator[Tensor]:
    """Pictures of files, shrunk as ``gltr bank build`` shrinks them."""
    import torch

    from gltr_lib._read import read_shrunk

    for file in files:
        yield torch.from_numpy(read_shrunk(file, LONGEST)).permute(2, 0, 1).float() / 255.0
