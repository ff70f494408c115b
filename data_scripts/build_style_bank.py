"""Build a style bank: the shipped one of procedural paintings, or one of your own folder of pictures.

    python data_scripts/build_style_bank.py --register                       # the shipped "paintings-mini"
    python data_scripts/build_style_bank.py --folder PAINTINGS --out my-bank.safetensors --stylizer vgg19

The shipped bank holds the first 512 seeds of gltr_lib.paintings at 256x256, float16.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout that is not installed

import numpy as np
import torch
from _script import Parser, run
from torch import Tensor

from gltr_lib import weights
from gltr_lib._usage import UsageError, usage
from gltr_lib.offline import list_images
from gltr_lib.paintings import kind_of, paint
from gltr_lib.style_bank import StyleBank
from gltr_lib.stylizer import Stylizer


def painted(seeds: range, size: int) -> Iterator[Tensor]:
    """Yield procedural paintings as (3, H, W) in [0, 1]."""
    for seed in seeds:
        yield torch.from_numpy(paint(seed, size=size)).permute(2, 0, 1).float() / 255.0


def opened(files: list[Path], longest: int) -> Iterator[Tensor]:
    """Yield the pictures of files, made smaller where their longest side exceeds ``longest``."""
    from PIL import Image

    from gltr_lib.datasets import read_image

    for file in files:
        picture = read_image(file)
        scale = longest / max(picture.shape[:2])
        if scale < 1:
            wide, high = (max(1, round(side * scale)) for side in (picture.shape[1], picture.shape[0]))
            picture = np.asarray(Image.fromarray(picture).resize((wide, high), Image.Resampling.LANCZOS))
        yield torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1).float() / 255.0


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and build; a mistake is one line."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stylizer", default="mini", help="mini or vgg19")
    parser.add_argument("--folder", type=Path, help="pictures to measure; default: procedural paintings")
    parser.add_argument("--count", type=int, default=512, help="how many procedural paintings")
    parser.add_argument("--size", type=int, default=256, help="side of a painting; longest side of a file's picture")
    parser.add_argument("--out", type=Path, help="file to write, .safetensors")
    parser.add_argument("--register", action="store_true", help="enter it among the package's assets")
    parser.set_defaults(run=build)
    return run(parser, argv)


def build(args: argparse.Namespace) -> int:
    """Build, save, and register if asked.

    Raises:
        UsageError: nowhere to put it, or a number out of its range. ValueError: no pictures, or a broken one.
    """
    if not args.out and not args.register:
        raise UsageError("name a file with --out, or give --register")
    if args.out and args.out.suffix != ".safetensors":
        raise UsageError(f"--out {args.out}: a bank's name ends in .safetensors")
    if not 1 <= args.count <= 1_000_000 or not 16 <= args.size <= 4096:
        raise UsageError(f"--count, --size: expected 1 to 1,000,000 and 16 to 4096, received {args.count}, {args.size}")
    with usage():
        stylizer = Stylizer.load(args.stylizer)
    if args.folder:
        files = [args.folder / name for name in list_images(args.folder)]
        bank = StyleBank.from_images(stylizer, opened(files, args.size), [file.stem for file in files])
    else:
        seeds = range(args.count)
        names = [f"{kind_of(seed)}-{seed}" for seed in seeds]
        bank = StyleBank.from_images(stylizer, painted(seeds, args.size), names)
    with tempfile.TemporaryDirectory() as folder:
        out = args.out or Path(folder) / "bank.safetensors"
        bank.save(out, half=True)
        if args.register:
            command = f"python data_scripts/build_style_bank.py --count {args.count} --size {args.size} --register"
            out = weights.register(f"paintings-{args.stylizer}", out, kind="style_bank", recipe=command)
        print(f"{out}: {bank}, {out.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
