"""Folders: links that loop, things that are no files, pairs that do not fit, trees of datasets with one thing wrong."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image

from tests.torture.corpus import ACCEPT, EITHER, REFUSE, Case


def make(folder: Path, seed: int) -> list[Case]:
    """Write them; see :func:`tests.torture.corpus.build`."""
    rng = np.random.default_rng(seed)
    return [*_pictures(folder / "pictures", rng), *_pairs(folder / "pairs", rng), *_trees(folder / "trees", rng)]


def save(path: Path, pixels: np.ndarray) -> Path:
    """Write a picture, its folders included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def _photo(rng: np.random.Generator, size: tuple[int, int] = (12, 16)) -> np.ndarray:
    return rng.integers(0, 256, (*size, 3), dtype=np.uint8)


def _marks(rng: np.random.Generator, size: tuple[int, int] = (12, 16)) -> np.ndarray:
    return rng.integers(0, 19, size, dtype=np.uint8)


def _pictures(base: Path, rng: np.random.Generator) -> list[Case]:
    """Folders that a job goes through: a good picture ``good.png`` in each, and something else beside it."""
    cases: list[Case] = []

    def begin(name: str, expect: str, about: str, says: tuple[str, ...] = ()) -> Path:
        here = base / name
        save(here / "good.png", _photo(rng))
        cases.append(Case("folder", here, expect, about, says))
        return here

    here = begin("dangling", REFUSE, "a link to nothing", ("lost.png",))
    (here / "lost.png").symlink_to(here / "nowhere.png")
    here = begin("loop", REFUSE, "a link to itself", ("me.png",))
    (here / "me.png").symlink_to(here / "me.png")
    here = begin("ring", ACCEPT, "a folder that holds a link to itself")
    (here / "again").symlink_to(here, target_is_directory=True)
    here = begin("linked", ACCEPT, "a link to a folder of pictures elsewhere")
    save(base / "elsewhere" / "far.png", _photo(rng))
    (here / "more").symlink_to(base / "elsewhere", target_is_directory=True)
    if hasattr(os, "mkfifo"):
        here = begin("pipe", REFUSE, "a named pipe under a picture's name", ("pipe.png",))
        os.mkfifo(here / "pipe.png")
    here = begin("inner", ACCEPT, "a folder under a picture's name")
    save(here / "folder.png" / "in.png", _photo(rng))
    here = begin("hidden", EITHER, "a file that begins with a dot")
    save(here / ".hidden.png", _photo(rng))
    here = begin("broken", REFUSE, "one broken picture", ("broken.png",))
    (here / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    here = begin("mac", EITHER, "what macOS leaves", ("._good.png",))
    (here / "._good.png").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X")
    here = begin("many", ACCEPT, "forty folders deep")
    save(here.joinpath(*["d"] * 40) / "deep.png", _photo(rng))
    nothing = base / "nothing"
    nothing.mkdir(parents=True)
    cases.append(Case("no-folder", nothing, REFUSE, "an empty folder", ("nothing",)))
    words = base / "words"
    words.mkdir()
    (words / "readme.txt").write_text("no picture here")
    cases.append(Case("no-folder", words, REFUSE, "a folder of texts", ("words",)))
    cases.append(Case("no-folder", base / "missing", REFUSE, "no such folder", ("missing",)))
    cases.append(Case("no-folder", base / "words" / "readme.txt", REFUSE, "a file", ("readme.txt",)))
    return cases


def _pairs(base: Path, rng: np.random.Generator) -> list[Case]:
    """``images`` and ``labels`` side by side."""
    cases: list[Case] = []

    def begin(name: str, expect: str, about: str, says: tuple[str, ...] = ()) -> Path:
        here = base / name
        for key in ("a", "b"):
            save(here / "images" / f"{key}.png", _photo(rng))
            save(here / "labels" / f"{key}.png", _marks(rng))
        cases.append(Case("pairs", here, expect, about, says))
        return here

    begin("good", ACCEPT, "two pairs")
    save(begin("lonely", REFUSE, "a picture without label map", ("c.png",)) / "images" / "c.png", _photo(rng))
    save(begin("widow", REFUSE, "a label map without picture", ("d.png",)) / "labels" / "d.png", _marks(rng))
    save(begin("sizes", REFUSE, "a pair of two sizes", ("a.png",)) / "labels" / "a.png", _marks(rng, (12, 15)))
    here = begin("twice", REFUSE, "two pictures of one name", ("a.png", "a.bmp"))
    Image.fromarray(_photo(rng)).save(here / "images" / "a.bmp")
    here = begin("ids", REFUSE, "ids outside the classes", ("b.png",))
    save(here / "labels" / "b.png", np.full((12, 16), 77, np.uint8))
    save(begin("colour", REFUSE, "a colour label map", ("b.png",)) / "labels" / "b.png", _photo(rng))
    (begin("cut", REFUSE, "a broken picture", ("a.png",)) / "images" / "a.png").write_bytes(b"\x89PNG\r\n")
    (begin("zero", REFUSE, "an empty label map", ("a.png",)) / "labels" / "a.png").write_bytes(b"")
    here = begin("link", REFUSE, "a label map that is a link to nothing", ("a.png",))
    (here / "labels" / "a.png").unlink()
    (here / "labels" / "a.png").symlink_to("gone.png")
    here = begin("no-labels", REFUSE, "no folder of labels", ("labels",))
    for file in (here / "labels").iterdir():
        file.unlink()
    (here / "labels").rmdir()
    save(begin("tiny", EITHER, "a pair of one pixel") / "images" / "b.png", _photo(rng, (1, 1)))
    save(base / "tiny" / "labels" / "b.png", _marks(rng, (1, 1)))
    here = begin("ignored", ACCEPT, "label maps that are all void")
    for key in ("a", "b"):
        save(here / "labels" / f"{key}.png", np.full((12, 16), 255, np.uint8))
    return cases


def _trees(base: Path, rng: np.random.Generator) -> list[Case]:
    """Small Cityscapes trees (one city, trainable ids 7 = road), each with one thing wrong; and other roots."""
    cases: list[Case] = []

    def begin(name: str, expect: str, about: str, says: tuple[str, ...] = ()) -> tuple[Path, Path]:
        here = base / name
        for key in ("000000", "000001"):
            stem = f"aachen_{key}_000019"
            save(here / "leftImg8bit" / "train" / "aachen" / f"{stem}_leftImg8bit.png", _photo(rng))
            ids = np.full((12, 16), 7, np.uint8)
            save(here / "gtFine" / "train" / "aachen" / f"{stem}_gtFine_labelIds.png", ids)
        cases.append(Case("tree", here, expect, about, says))
        stem = "aachen_000000_000019"
        return (
            here / "leftImg8bit" / "train" / "aachen" / f"{stem}_leftImg8bit.png",
            here / "gtFine" / "train" / "aachen" / f"{stem}_gtFine_labelIds.png",
        )

    begin("good", ACCEPT, "a small Cityscapes")
    begin("lonely", REFUSE, "a picture without label map", ("aachen_000000_000019",))[1].unlink()
    begin("widow", REFUSE, "a label map without picture", ("aachen_000000_000019",))[0].unlink()
    begin("cut", REFUSE, "a broken label map", ("aachen_000000_000019",))[1].write_bytes(b"\x89PNG")
    begin("empty", REFUSE, "an empty label map", ("aachen_000000_000019",))[1].write_bytes(b"")
    save(begin("ids", REFUSE, "ids outside the table", ("aachen_000000_000019",))[1], np.full((12, 16), 99, np.uint8))
    save(begin("size", REFUSE, "a pair of two sizes", ("aachen_000000_000019",))[1], np.full((12, 9), 7, np.uint8))
    label = begin("dangling", REFUSE, "a label map that is a link to nothing", ("aachen_000000_000019",))[1]
    label.unlink()
    label.symlink_to("gone.png")
    label = begin("folder", REFUSE, "a folder under a label map's name", ("aachen_000000_000019",))[1]
    label.unlink()
    label.mkdir()
    picture, _ = begin("not-a-picture", EITHER, "a text under a picture's name", ("aachen_000000_000019",))
    picture.write_bytes(b"hello")
    save(base / "other" / "pictures" / "a.png", _photo(rng))
    cases.append(Case("tree", base / "other", REFUSE, "no dataset that is known", ("other",)))
    cases.append(Case("tree", base / "missing", REFUSE, "no such folder", ("missing",)))
    return cases
