"""Cityscapes (Cordts et al., CVPR 2016): where it is, unpack, convert, verify.

    python data_scripts/cityscapes.py where
    python data_scripts/cityscapes.py unpack --root data/cityscapes leftImg8bit_trainvaltest.zip gtFine_trainvaltest.zip
    python data_scripts/cityscapes.py verify --root data/cityscapes
    python data_scripts/cityscapes.py prepare --root data/cityscapes --out data/cityscapes-trainids

Killed, unpack and prepare go on when called again; ``COMMAND --help`` says more.
"""

from __future__ import annotations

import sys

from _script import Recipe, main

RECIPE = Recipe(
    dataset="cityscapes",
    steps="""
Register at https://www.cityscapes-dataset.com/ and accept the licence (non-commercial use, no redistribution). Then,
logged in, download from https://www.cityscapes-dataset.com/downloads/
  leftImg8bit_trainvaltest.zip (11 GB)   the pictures
  gtFine_trainvaltest.zip (241 MB)       the fine labels
This script takes no password of yours. On a machine without a browser, the authors' own tool asks for your login:
  pip install cityscapesscripts && csDownload leftImg8bit_trainvaltest.zip gtFine_trainvaltest.zip

  python data_scripts/cityscapes.py unpack --root data/cityscapes leftImg8bit_trainvaltest.zip gtFine_trainvaltest.zip

The labels of the test split are not published: scores on it come from the authors' server (gltr evaluate exports them).
""",
)

if __name__ == "__main__":
    sys.exit(main(RECIPE))
