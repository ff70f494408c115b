"""Build the style bank of procedural paintings that the package ships, or one like it.

    python data_scripts/build_style_bank.py --register                       # the shipped "paintings-mini"
    gltr bank build FOLDER my-bank.safetensors                               # a bank of your own pictures

The shipped bank holds the first 512 seeds of gltr_lib.paintings at 256x256, float16.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout that is not installed

from _script import Parser, run

from gltr_lib import weights
from gltr_lib._usage import UsageError, usage
from gltr_lib.paintings.bank import procedural_bank
from gltr_lib.stylizer import Stylizer


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and build; a mistake is one line."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stylizer", default="mini", help="mini or vgg19")
    parser.add_argument("--count", type=int, default=512, help="how many paintings (default 512)")
    parser.add_argument("--size", type=int, default=256, help="side of a painting in pixels (default 256)")
    parser.add_argument("--out", type=Path, help="file to write, .safetensors")
    parser.add_argument("--register", action="store_true", help="enter it among the package's assets")
    parser.set_defaults(run=build)
    return run(parser, argv)


def build(args: argparse.Namespace) -> int:
    """Build, save, and register if asked.

    Raises:
        UsageError: nowhere to put it, an unknown stylizer, or a number out of its range.
    """
    if not args.out and not args.register:
        raise UsageError("name a file with --out, or give --register")
    if args.out and args.out.suffix != ".safetensors":
        raise UsageError(f"--out {args.out}: a bank's name ends in .safetensors")
    if not 1 <= args.count <= 1_000_000 or not 16 <= args.size <= 4096:
        raise UsageError(f"--count, --size: expected 1 to 1,000,000 and 16 to 4096, received {args.count}, {args.size}")
    with usage():
        stylizer = Stylizer.load(args.stylizer)
    bank = procedural_bank(stylizer, args.count, args.size)
    with tempfile.TemporaryDirectory() as folder:
        out = args.out or Path(folder) / "bank.safetensors"
        bank.save(out, half=True)
        if args.register:
            painter = "" if args.stylizer == "mini" else f"--stylizer {args.stylizer} "
            command = f"python data_scripts/build_style_bank.py {painter}--count {args.count} --size {args.size}"
            name = f"paintings-{args.stylizer}"
            out = weights.register(name, out, kind="style_bank", recipe=f"{command} --register")
        print(f"{out}: {bank}, {out.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
