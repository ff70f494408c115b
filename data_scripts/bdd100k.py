"""BDD100K's 10K set for segmentation (Yu et al., CVPR 2020): where it is, unpack, verify; old and new layout.

    python data_scripts/bdd100k.py where
    python data_scripts/bdd100k.py unpack --root data/bdd100k bdd100k_images_10k.zip bdd100k_sem_seg_labels_trainval.zip
    python data_scripts/bdd100k.py verify --root data/bdd100k
    python data_scripts/bdd100k.py prepare --root data/bdd100k --out data/bdd100k-trainids

Killed, unpack and prepare go on when called again; ``COMMAND --help`` says more.
"""

from __future__ import annotations

import sys

from _script import Recipe, main

RECIPE = Recipe(
    dataset="bdd100k",
    steps="""
Register at https://bdd-data.berkeley.edu/ , accept the licence, and download with the buttons
  10K Images (1.1 GB)                bdd100k_images_10k.zip
  Semantic Segmentation (419 MB)     bdd100k_sem_seg_labels_trainval.zip
Their MD5 checksums are published in BDD100K's documentation and are held against your files before unpacking. (The 100K
images are another set: the 10K set is not a part of it.)

  python data_scripts/bdd100k.py unpack --root data/bdd100k bdd100k_images_10k.zip bdd100k_sem_seg_labels_trainval.zip

The labels are trainIds already: `prepare` only copies and counts them. The old "seg" release (images/{split},
labels/{split}/*_train_id.png) is read as well. Labels of the test split are not published.
""",
    known={
        "bdd100k_images_10k.zip": "08f26aecceda982568063d3d5873378e",
        "bdd100k_sem_seg_labels_trainval.zip": "9a2968dde3345eeb689cffb1e26f9c78",
    },
)

if __name__ == "__main__":
    sys.exit(main(RECIPE))
