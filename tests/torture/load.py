"""Load: many pictures, many draws, a long run; memory, file descriptors, threads and processor time are watched.

What must be flat is held hard: memory within a stated growth, file descriptors and threads without any. Time on the
clock depends on what else the machine does and is only measured; linearity is held on processor time, loosely enough
for a busy machine and too tightly for a quadratic (whose last fifth costs three times the second).
"""

from __future__ import annotations

import io
import random
import shutil
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.torture.apart import run_apart, serve
from tests.torture.soak import soak
from tests.torture.tally import Tally, timed
from tests.torture.watch import Watch

PICTURES = (500, 20_000)
DRAWS = (30_000, 1_000_000)
#: The soak: rounds, one a minute in the eight hours that it stands for, and seconds after which it stops anyway.
ROUNDS = ((6, 6.0), (480, 1800.0))
LIMIT = (1800.0, 7200.0)  # seconds after which the whole part is given up, however busy the machine
PER_PICTURE = 3 * 1024  # bytes that a picture may leave behind: its entry in the manifest, as text and as objects
SLACK = 48.0  # MiB that allocators may move
QUADRATIC = 2.5  # processor time an item, last fifth over second: 1 if all of it is linear, 3 if quadratic
SIGMAS = 6.0  # by so many standard errors may a tenth of the draws stray: once in 500 million


def run(folder: Path, short: bool, seed: int) -> list[Tally]:
    """Run this part of the campaign in a fresh process.

    Args:
        folder: for its files; removed by the caller.
        short: a cut of everything, about half a minute.
        seed: of the pictures and draws.

    Returns:
        A tally each for stylise, bank, masks and soak.
    """
    return run_apart(__name__, folder, short, seed, LIMIT[0 if short else 1])


def work(folder: Path, short: bool, seed: int) -> Iterator[Tally]:
    """The part itself, a tally at a time."""
    import torch

    torch.set_num_threads(1)
    which = 0 if short else 1
    source = pictures(folder / "source", PICTURES[which], seed)
    yield many_stylised(source, folder / "stylised", PICTURES[which], seed)
    yield many_measured(source, folder / "bank", PICTURES[which], seed)
    shutil.rmtree(source, ignore_errors=True)
    yield many_masks(DRAWS[which], seed)
    rounds, seconds = ROUNDS[which]
    yield soak(folder / "soak", rounds, seconds, seed)


def pictures(folder: Path, count: int, seed: int, kinds: int = 97) -> Path:
    """Many small pictures of 16 to 32 pixels, a thousand in a folder; written as bytes, so quickly."""
    rng = np.random.default_rng(seed)
    encoded = []
    for _ in range(kinds):
        height, width = rng.integers(16, 33, 2)
        buffer = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (height, width, 3)).astype(np.uint8)).save(buffer, "PNG", compress_level=1)
        encoded.append(buffer.getvalue())
    for number in range(count):
        path = folder / f"{number // 1000:02d}" / f"{number:06d}.png"
        if number % 1000 == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded[number % kinds])
    return folder


def many_stylised(source: Path, target: Path, count: int, seed: int) -> Tally:
    """Stylise a folder of many small pictures: every one there, memory flat, time linear."""
    from gltr_lib import StyleBank, Stylizer
    from gltr_lib.datasets import picture_size
    from gltr_lib.offline import stylise_folder

    tally = Tally("load: stylise")
    with timed(tally):
        watch = Watch(count)
        manifest = stylise_folder(
            source, target, Stylizer.load("mini"), StyleBank.load("paintings-mini"), on_image=watch, workers=2
        )
        names = [path.relative_to(source).as_posix() for path in sorted(source.rglob("*.png"))]
        problems = [] if sorted(manifest["done"]) == names else [f"{len(manifest['done'])} of {count} in the manifest"]
        problems += [f"refused: {len(manifest['refused'])}"] if manifest["refused"] else []
        there = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
        extra = there - {"manifest.json"} - set(names)
        problems += [f"{len(set(names) - there)} lost, {len(extra)} too many"] if extra or set(names) - there else []
        for name in random.Random(seed).sample(names, min(50, count)):
            if picture_size(target / name) != picture_size(source / name):
                problems.append(f"{name}: another size")
        judge(tally, count, problems + grown(watch, count) + bent(watch), watch)
    shutil.rmtree(target, ignore_errors=True)
    return tally


def many_measured(source: Path, folder: Path, count: int, seed: int) -> Tally:
    """A style bank of many small paintings: every one in it, with its own statistics; memory flat, time linear."""
    import torch

    from gltr_lib import Stylizer
    from gltr_lib.datasets import read_image
    from gltr_lib.offline import build_bank_file

    tally = Tally("load: bank")
    with timed(tally):
        watch, stylizer = Watch(count), Stylizer.load("mini")
        bank, refused = build_bank_file(source, folder / "b.safetensors", stylizer, on_image=watch, workers=2)
        names = [path.relative_to(source).as_posix() for path in sorted(source.rglob("*.png"))]
        problems = [] if list(bank.names) == names else [f"{len(bank)} styles of {count}, or in another order"]
        problems += [f"refused: {len(refused)}"] if refused else []
        left = sorted(path.name for path in folder.iterdir())
        problems += [] if left == ["b.safetensors"] else [f"left: {', '.join(left)[:200]}"]
        for row in random.Random(seed).sample(range(len(bank)), min(20, len(bank))):
            pixels = torch.from_numpy(read_image(source / names[row])).permute(2, 0, 1)[None].float() / 255
            with torch.inference_mode():
                stats = stylizer.style_stats(pixels)
            if not torch.equal(stats.mean[0], bank.stats.mean[row]):
                problems.append(f"{names[row]}: another picture's statistics")
        judge(tally, count, problems + grown(watch, count) + bent(watch), watch)
    shutil.rmtree(folder, ignore_errors=True)
    return tally


def many_masks(count: int, seed: int, batch: int = 500) -> Tally:
    """Draw masks from one generator: no tenth of them strays from the share that was asked for, memory flat."""
    import torch

    from gltr_lib.masks import blob_mask

    tally = Tally("load: masks")
    cases: tuple[tuple[str, float, dict[str, Any]], ...] = (
        ("exact", 0.4, {"share": 0.3}),
        ("range", 0.3, {"share": (0.2, 0.8)}),
        ("official", 0.3, {"share": 0.3, "rule": "official"}),
    )
    with timed(tally):
        for name, part, options in cases:
            draws = max(10, round(part * count / batch))
            generator = torch.Generator().manual_seed(seed)
            watch, shares, problems = Watch(draws), [], []
            for number in range(draws):
                masks = blob_mask(batch, 16, 16, sigma=(1.0, 4.0), generator=generator, **options)
                if not bool(((masks == 0) | (masks == 1)).all()):
                    problems.append("a mask with other values than 0 and 1")
                    break
                shares.append(masks.mean(dim=(1, 2, 3)))
                watch(number + 1, draws, "")
            drawn = torch.cat(shares).double()
            if name == "exact":
                problems += inexact((drawn * 256).round().long().tolist(), 77)
                tally.measured["exact, masks with a tie at the cut"] = int((drawn != 77 / 256).sum())
            else:
                problems += strayed(drawn.tolist(), 0.5 if name == "range" else None)
            problems += grown(watch, draws * batch, each=16.0)  # the shares themselves are kept here
            judge(tally, draws * batch, [f"{name}: {line}" for line in problems], watch, f"{name}, ", batch)
            tally.measured[f"{name}, mean share"] = round(float(drawn.mean()), 5)
    return tally


def inexact(counts: Sequence[int], wanted: int) -> list[str]:
    """What is amiss with numbers of pixels that were to be exact: a tie at the cut, which is rare, gives one more.

    Of 400,000 masks of 256 pixels one had two equal numbers at the cut.

    Example:
        >>> inexact([77] * 99_999 + [78], 77), len(inexact([77, 78], 77)), len(inexact([76] + [77] * 99_999, 77))
        ([], 1, 1)
    """
    odd = [count for count in counts if count != wanted]
    if any(count != wanted + 1 for count in odd) or len(odd) > len(counts) / 10_000:
        return [f"{len(odd):,} masks with {min(odd)} to {max(odd)} pixels, asked for {wanted}"]
    return []


def strayed(values: Sequence[float], wanted: float | None, sigmas: float = SIGMAS) -> list[str]:
    """Tenths of a sequence of draws whose mean strays, from what is wanted or else from the mean of all.

    Example:
        >>> strayed([0.0, 1.0] * 500, 0.5), len(strayed([0.0, 1.0] * 450 + [1.0] * 100, 0.5))
        ([], 1)
    """
    mean = statistics.fmean(values) if wanted is None else wanted
    size = len(values) // 10
    error = statistics.pstdev(values) / size**0.5
    tenths = [statistics.fmean(values[n * size : (n + 1) * size]) for n in range(10)]
    return [
        f"tenth {n + 1} has mean {found:.5f}, {abs(found - mean) / error:.1f} standard errors from {mean:.5f}"
        for n, found in enumerate(tenths)
        if abs(found - mean) > sigmas * error
    ]


def grown(watch: Watch, items: int, each: float = PER_PICTURE, slack: float = SLACK) -> list[str]:
    """Whether memory, file descriptors or threads grew between the second fifth of a job and its last."""
    problems = []
    allowed = slack + each * items / 2**20
    growth = watch.growth("memory")
    if growth > allowed:
        problems.append(f"memory grew by {growth:.0f} MiB, allowed are {allowed:.0f} MiB over {items:,}")
    for what in ("descriptors", "threads"):
        if watch.growth(what) > 0.5:
            problems.append(f"{what} grew by {watch.growth(what):.0f}")
    return problems


def bent(watch: Watch, bound: float = QUADRATIC) -> list[str]:
    """Whether an item took far more processor time towards the end than in the beginning."""
    ratio = watch.bend()
    return [f"an item of the last fifth took {ratio:.2f} times the processor time of before"] if ratio > bound else []


def judge(tally: Tally, items: int, problems: Sequence[str], watch: Watch, prefix: str = "", each: int = 1) -> None:
    """Count all items of a job as survived, or as lost with the reasons, and keep what was measured."""
    if problems:
        tally.lose("; ".join(problems))
    tally.tried += items - bool(problems)
    tally.survived += 0 if problems else items
    tally.measured |= {f"{prefix}{key}": value for key, value in watch.summary(each).items()}


if __name__ == "__main__":
    sys.exit(serve(work, sys.argv[1:]))
