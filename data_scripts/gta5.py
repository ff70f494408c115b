"""GTA5 (Playing for Data, Richter et al., ECCV 2016): fetch, unpack, cut GTR's crops, convert, verify.

    python data_scripts/gta5.py where
    python data_scripts/gta5.py fetch --root data/gta5                 # 20 archives, one after the other; goes on
    python data_scripts/gta5.py fetch --root data/gta5 --only 01_      # a first tenth
    python data_scripts/gta5.py verify --root data/gta5
    python data_scripts/gta5.py prepare --root data/gta5 --out data/gta5-trainids
    python data_scripts/gta5.py crops --root data/gta5 --out data/gta5-640
    python data_scripts/gta5.py verify --root data/gta5-640 --split train
    python data_scripts/gta5.py lists --out data/gta5-lists --name gta5-robustnet

Killed, fetch, unpack, prepare and crops go on when called again; ``COMMAND --help`` says more.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from _script import Recipe, Remote, add_lists, main

from gltr_lib.cli._say import counter, refused
from gltr_lib.prepare.crops import crop_pairs

BASE = "https://download.visinf.tu-darmstadt.de/data/from_games/data"
RECIPE = Recipe(
    dataset="gta5",
    steps=f"""
Read the terms on the page: the pictures are for research and education, and the game is its publisher's.
Twenty archives, no login: {BASE}/NN_images.zip and NN_labels.zip, NN = 01 to 10.
No checksums are published: the SHA-256 of each archive is recorded when it first comes (ROOT/archives/checksums.json).

  python data_scripts/gta5.py fetch --root data/gta5       downloads, unpacks, deletes each archive (--keep keeps it)
  python data_scripts/gta5.py unpack --root data/gta5 ~/Downloads/*_images.zip ~/Downloads/*_labels.zip

Splits: the official one (12,403 / 6,382 / 6,181) is built in; --lists robustnet leaves out 15 named training pictures.
GTR trains on two 640x640 crops of each training frame: the command `crops`. Where the authors cut is not published.
""",
    files=tuple(
        Remote(f"{part:02d}_{kind}.zip", (f"{BASE}/{part:02d}_{kind}.zip",))
        for part in range(1, 11)
        for kind in ("images", "labels")
    ),
)


def crops(args: argparse.Namespace) -> int:
    """Cut GTR's crops."""
    manifest = crop_pairs(
        args.root, args.out, lists=args.lists, size=args.size, count=args.count, seed=args.seed, workers=args.workers,
        on_pair=counter("cropped"),
    )  # fmt: skip
    for note in manifest["notes"]:
        print(f"note: {note}", file=sys.stderr)
    for key, reason in manifest["refused"].items():
        refused(key, reason)
    print(
        f"{len(manifest['done']):,} frames in {args.count} crops of {args.size}x{args.size} each, "
        f"{len(manifest['refused'])} refused; positions are ours (seed {args.seed}), see {args.out / 'crops.json'}; "
        f"verify and prepare them like GTA5, with --split {manifest['settings']['split']}"
    )
    return 0 if manifest["complete"] else 1


def more(commands: Any) -> None:
    """The sub-commands that only GTA5 has."""
    parser = commands.add_parser("crops", help="GTR's training set: two 640x640 crops of each training frame")
    parser.add_argument("--root", type=Path, required=True, help="folder of the full frames; only read")
    parser.add_argument("--out", type=Path, required=True, help="folder for images, labels, train.txt, crops.json")
    parser.add_argument("--size", type=int, default=640)
    parser.add_argument("--count", type=int, default=2, help="crops a frame (default 2)")
    parser.add_argument("--seed", type=int, default=0, help="decides, with a frame's name, where they lie")
    parser.add_argument("--lists", choices=("official", "robustnet"))
    parser.add_argument("--workers", type=int)
    parser.set_defaults(run=crops)
    add_lists(commands, "gta5")


if __name__ == "__main__":
    sys.exit(main(RECIPE, more=more))
