"""SYNTHIA RAND_CITYSCAPES (Ros et al., CVPR 2016): where it is, convert its 16-bit labels, verify.

    python data_scripts/synthia.py where
    python data_scripts/synthia.py verify --root data/synthia/RAND_CITYSCAPES
    python data_scripts/synthia.py prepare --root data/synthia/RAND_CITYSCAPES --out data/synthia-trainids
    python data_scripts/synthia.py lists --out data/synthia-lists --name synthia-robustnet

Killed, prepare goes on when called again; ``COMMAND --help`` says more.
"""

from __future__ import annotations

import sys
from typing import Any

from _script import Recipe, add_lists, main

RECIPE = Recipe(
    dataset="synthia",
    steps="""
Read the terms on the page, then download SYNTHIA-RAND-CITYSCAPES (CVPR16) from it: http://synthia-dataset.net/download/808/
This script does not download it: its archive is served by plain http, and we know of no published checksum to guard it.
The archive is a .rar, which Python cannot unpack; unrar, 7z or bsdtar can (into data/synthia/RAND_CITYSCAPES):

  unrar x SYNTHIA_RAND_CITYSCAPES.rar data/synthia/        or: bsdtar -xf SYNTHIA_RAND_CITYSCAPES.rar -C data/synthia

Others report that about seven label files come out of it damaged. `verify` names them; unpack those again.
Labels are PNGs of three 16-bit channels (class, instance, nothing); Pillow reads zeros there, this library does not.
Splits: 9,000 / 400 as in GTR's code, or --lists robustnet (6,580 / 2,820). Scores are on 16 or 13 classes.
""",
)


def more(commands: Any) -> None:
    """The sub-command that the dataset has beside the common ones."""
    add_lists(commands, "synthia")


if __name__ == "__main__":
    sys.exit(main(RECIPE, more=more))
