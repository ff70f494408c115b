"""The long jobs that are tormented, small: each writes into a destination of its own and does the same every time."""

from __future__ import annotations

import io
import os
import random
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from tests import official_trees
from tests.torture.kills import Counter, Work, watch_files

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Job:
    """Something long, made short.

    Attributes:
        name: in the tables.
        act: does it in this process, into a destination; returns the exit code.
        disk: MiB that a disk needs for it.
        before: what a child does first.
    """

    name: str
    act: Callable[[Path], int]
    disk: int = 16
    before: Callable[[], None] = field(default_factory=lambda: hurry)

    def work(self, destination: Path, counter: Counter | None = None, last: int = 0) -> Work:
        """For a child: do it, or die just before the ``last``-th operation on a file of the destination."""

        def act() -> int:
            self.before()
            if counter is not None:
                watch_files(destination, counter, last)
            return self.act(destination)

        return act


def warm() -> None:
    """Import here, once, what the children need; nothing computes, so that no thread is there when they are forked."""
    import safetensors.torch
    import torch
    import torch._dynamo  # the optimizer imports it at its first step, which takes a second
    import tyro

    import gltr_lib.complexity
    import gltr_lib.evaluate
    import gltr_lib.explorers
    import gltr_lib.models
    import gltr_lib.offline
    import gltr_lib.paintings
    import gltr_lib.prepare.convert
    import gltr_lib.prepare.crops
    import gltr_lib.prepare.download
    import gltr_lib.prepare.unpack
    import gltr_lib.scale
    import gltr_lib.streets
    import gltr_lib.study.__main__
    import gltr_lib.study.report
    import gltr_lib.stylizer
    import gltr_lib.workflows

    assert all((safetensors.torch, tyro, torch, gltr_lib))  # imported for the children
    Image.init()


def hurry() -> None:
    """In a child: journals that are written every few seconds are written all the time, so that kills meet them."""
    from gltr_lib.offline import banks, manifest

    manifest._LEAST_WAIT, manifest._SHARE, banks._EVERY = 0.0, 1.0, 0.0


def gltr(*arguments: object) -> int:
    """The command line in this process."""
    from gltr_lib.cli import main

    return main([str(argument) for argument in arguments])


def _said(act: Callable[[], int]) -> int:
    """A call of the library as a script makes it: what the user did wrong is one line."""
    try:
        return act()
    except (ValueError, OSError, RuntimeError) as error:
        print(f"gltr: {error}", file=sys.stderr)
        return 1


def stylize(folder: Path, count: int = 8) -> Job:
    """``gltr stylize``, two copies of each picture."""
    source = _pictures(folder / "stylize-source", count)
    return Job("stylize", lambda to: gltr("stylize", source, to, "--copies", 2, "--device", "cpu", "--workers", 2))


def bank(folder: Path, count: int = 8) -> Job:
    """``gltr bank build``."""
    source = _pictures(folder / "bank-source", count)
    return Job(
        "bank build", lambda to: gltr("bank", "build", source, to / "b.safetensors", "--device", "cpu", "--workers", 2)
    )


def prepare(folder: Path, count: int = 12, workers: int = 1) -> Job:
    """``gltr prepare`` of a tiny GTA5."""
    source = folder / "gta5"
    if not source.exists():
        official_trees.gta5(source, count)
    return Job("prepare", lambda to: gltr("prepare", "gta5", source, to, "--workers", workers))


def crops(folder: Path, count: int = 6) -> Job:
    """GTR's crops of a tiny GTA5."""
    source = folder / "gta5-crops"
    official_trees.gta5(source, count)

    def act(to: Path) -> int:
        from gltr_lib.prepare.crops import crop_pairs

        return _said(lambda: 0 if crop_pairs(source, to, size=24, workers=1)["complete"] else 1)

    return Job("crops", act)


def train(folder: Path, steps: int = 8) -> Job:
    """``gltr train``, with a checkpoint every other step."""
    images, labels = _set(folder / "train-set", 4)
    return Job("train", lambda to: gltr(
        "train", "gtr_ltr_cgl", "--steps", steps, "--images", images, "--labels", labels, "--out", to,
        "--device", "cpu", "--set", "forward_images=2", "crop=[32,64]", "checkpoint_every=2",
    ), disk=64)  # fmt: skip


def train_at_scale(folder: Path, steps: int = 8) -> Job:
    """``gltr train --data folder``: the full-scale loop, one process."""
    images, _ = _set(folder / "scale" / "set", 4)
    return Job("train at scale", lambda to: gltr(
        "train", "gtr_ltr_cgl", "--data", "folder", "--root", images.parent, "--steps", steps, "--out", to,
        "--device", "cpu", "--set", "forward_images=2", "crop=[32,64]", "checkpoint_every=2", "workers=0",
    ), disk=64)  # fmt: skip


def study(folder: Path) -> Job:
    """``gltr study``: one method, one seed, few steps, few scenes; ledger, networks and rendered streets."""
    return Job("study", lambda to: gltr(
        "study", "--only", "baseline", "--seeds", 1, "--steps", 4, "--scenes", 2, "--looks", "sampled:1..2",
        "--device", "cpu", "--ledger", to / "l.jsonl", "--runs", to / "runs",
        "--set", "crop=[16,32]", "forward_images=2", "checkpoint_every=1",
    ), disk=64)  # fmt: skip


def download(url: str, sha256: str, folder: Path) -> Job:
    """A download from a slow server, and its unpacking."""

    def act(to: Path) -> int:
        from gltr_lib.prepare.download import download as get
        from gltr_lib.prepare.unpack import unpack

        def both() -> int:
            unpack(get(url, to / "archive.zip", sha256=sha256, timeout=10.0), to / "unpacked")
            return 0

        return _said(both)

    return Job("download and unpack", act)


def course(folder: Path, lesson: str = "") -> Job:
    """The runner of lessons on one of them, in smoke mode; the tiny lesson of the tests without a name."""
    base = ROOT
    if not lesson:
        base, lesson = folder / "tiny-course", "02"
        (base / "lessons").mkdir(parents=True)
        (base / "lessons" / "02_tiny.py").write_bytes((ROOT / "tests" / "fixtures" / "02_tiny.py").read_bytes())

    def act(to: Path) -> int:
        to.mkdir(parents=True, exist_ok=True)
        places = {"COURSE_MODE": "smoke", "COURSE_RUNS": str(to / "runs"), "TMPDIR": str(to.parent)}
        command = [sys.executable, "-m", "gltr_lib.course.run", "--only", lesson, "--root", str(base)]
        os.execve(sys.executable, command, {**os.environ, **places})

    return Job(f"course run {lesson}", act)


def archive(count: int = 6, size: int = 60_000, seed: int = 0) -> tuple[bytes, dict[str, bytes]]:
    """A zip of random files, and what is in it."""
    chance = random.Random(seed)
    files = {f"set/images/{n:03d}.bin": chance.randbytes(size) for n in range(count)}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        for name, data in files.items():
            opened.writestr(name, data)
    return packed.getvalue(), files


def _pictures(folder: Path, count: int, kinds: Sequence[str] = ("png", "jpg", "webp", "bmp", "tif")) -> Path:
    """Small pictures of several sizes and formats."""
    rng = np.random.default_rng(len(folder.name))
    for number in range(count):
        height, width = 16 + 4 * (number % 3), 24 + 8 * (number % 2)
        path = folder / f"{'ab'[number % 2]}" / f"{number:03d}.{kinds[number % len(kinds)]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (height, width, 3)).astype(np.uint8)).save(path)
    return folder


def _set(folder: Path, count: int, size: tuple[int, int] = (32, 64)) -> tuple[Path, Path]:
    """Streets and their label maps as files."""
    from gltr_lib import streets

    images, labels = folder / "images", folder / "labels"
    for number in range(count):
        picture, ids = streets.render(number, "game", size)
        for place, pixels in ((images, picture), (labels, ids)):
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(place / f"{number:03d}.png")
    return images, labels
