"""Stylise a dataset: painted copies of a split's pictures, which keep their names, their sizes and so their labels.

    python data_scripts/stylise_dataset.py gta5 --root data/gta5 --out data/gta5-painted --copies 5 --format jpg
    gltr train gtr --data gta5 --root data/gta5 --copies data/gta5-painted   # shows them instead of painting online

Killed, it goes on when called again. Several machines: --shard 1/4 to 4/4 on four of them. Of any other folder of
pictures, ``gltr stylize FOLDER OUT`` does the same.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout that is not installed

from _script import Parser, run

from gltr_lib._usage import usage
from gltr_lib.cli.texture import stylize_pictures
from gltr_lib.datasets import LAYOUTS
from gltr_lib.offline import FORMATS

OPTIONS = ("lists", "version", "mapping")  # by which datasets differ; each layout says which it takes


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and stylise; a mistake is one line."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=tuple(LAYOUTS))
    parser.add_argument("--root", type=Path, required=True, help="folder of the dataset; only read")
    parser.add_argument("--out", type=Path, required=True, help="folder for the copies and manifest.json")
    parser.add_argument("--split", default="train", help="whose pictures (default train)")
    parser.add_argument("--prepared", type=Path, help="label maps that pair with the pictures, made by gltr prepare")
    for name in OPTIONS:
        kinds = sorted({choice for layout in LAYOUTS.values() for choice in layout.options.get(name, ())})
        takers = [layout.name for layout in LAYOUTS.values() if name in layout.options]
        parser.add_argument(f"--{name}", help=f"{', '.join(kinds)} (of {', '.join(takers)})")
    parser.add_argument("--bank", default="paintings-mini", help="a shipped bank, a saved one, a folder of paintings")
    parser.add_argument("--stylizer", default="mini", help="mini or vgg19")
    parser.add_argument("--alpha", type=float, default=1.0, help="strength of the style, 0 to 1 (default 1)")
    parser.add_argument("--seed", type=int, default=0, help="decides, with names and copies, the styles (default 0)")
    parser.add_argument("--copies", type=int, default=1, help="how many of each picture (default 1)")
    parser.add_argument("--one-style-per-copy", action="store_true", help="one painting for a whole copy")
    parser.add_argument("--format", choices=FORMATS, default="keep", help="default: keep the source's")
    parser.add_argument("--tile", type=int, help="paint in tiles of about this side; else only where memory runs out")
    parser.add_argument("--memory", type=int, metavar="MIB", help="about so much may painting take")
    parser.add_argument("--shard", metavar="i/n", help="the i-th of n machines, i counted from 1")
    parser.add_argument("--processes", type=int, default=1, help="so many shards on this machine (default 1)")
    parser.add_argument("--batch", type=int, help="most pictures of one size at once")
    parser.add_argument("--workers", type=int, help="threads that decode and encode")
    parser.add_argument("--device", help="cpu, cuda or mps; the best there is if not given")
    parser.add_argument("--json", action="store_true", help="print the manifest")
    parser.set_defaults(run=stylise)
    return run(parser, argv)


def stylise(args: argparse.Namespace) -> int:
    """Find the split's pictures and stylise them; 1 if some could not be read.

    Raises:
        UsageError: an unknown split, an option of another dataset, a number out of its range.
        ValueError: no such dataset under the root.
    """
    layout, options = LAYOUTS[args.dataset], {name: getattr(args, name) for name in OPTIONS}
    with usage():
        layout.expected(args.split, **options)  # refuses a mistyped split or option
    pictures = [pair.image for pair in layout.pairs(args.root, args.split, prepared=args.prepared, **options)]
    source = Path(os.path.commonpath([picture.parent for picture in pictures]))
    only = [picture.relative_to(source).as_posix() for picture in pictures]  # other splits may lie beside them
    taken = {"dataset", "root", "out", "split", "prepared", "run", *OPTIONS}
    return stylize_pictures(source, args.out, only=only, **{k: v for k, v in vars(args).items() if k not in taken})


if __name__ == "__main__":
    sys.exit(main())
