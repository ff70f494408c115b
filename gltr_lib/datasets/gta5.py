"""GTA5, "Playing for Data": 24,966 frames of a game, labelled with Cityscapes' labelIds.

Images are ``images/NNNNN.png``, label maps ``labels/NNNNN.png``: palette PNGs whose *index* is the labelId (34: licence
plate, ignored). Most are 1914x1052, some a few pixels larger or smaller. GTR trains on two crops of 640x640 of each
training frame, ``NNNNN_00.png`` and ``NNNNN_01.png``, which are read as well; a split's list then means its crops.

Where no ``train.txt`` (``val.txt`` ...) lies beside the data, the authors' own split is used: ``splits`` says more.
Of 15 training frames the label maps are known to be trouble; if theirs is of another size than the picture, that is an
error, and ``lists="robustnet"`` leaves the 15 out.

Source: Richter, Vineet, Roth, Koltun, ECCV 2016, arXiv 1608.02192.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gltr_lib.datasets.form import Coding, Form, Pair
from gltr_lib.datasets.layout import Layout, mismatched
from gltr_lib.datasets.splits import GTA5_LEFT_OUT, LISTS
from gltr_lib.labels import LABEL_ID_TO_TRAIN_ID


def _check(base: Path, form: Form, pairs: Sequence[Pair], chosen: Mapping[str, str]) -> None:
    """Look at the sizes of the 15 pairs that others leave out: better now than in the middle of an epoch."""
    suspects = set(GTA5_LEFT_OUT)
    bad = mismatched(pair for pair in pairs if pair.key in suspects)
    if bad:
        named = "; ".join(f"{p.image.name} is {i[1]}x{i[0]}, its label map {m[1]}x{m[0]}" for p, i, m in bad[:3])
        raise ValueError(
            f"{base}: {len(bad)} of 15 known pairs differ in size ({named}{' ...' if len(bad) > 3 else ''}); "
            f"lists='robustnet' leaves the 15 out (gltr verify, prepare: --lists robustnet; gltr train, evaluate: "
            f"--option lists=robustnet), or give the names that you want in {base / 'train.txt'}"
        )


GTA5 = Layout(
    name="gta5",
    title="GTA5 (Playing for Data)",
    homepage="https://download.visinf.tu-darmstadt.de/data/from_games/",
    licence="for research and education; read the terms on the homepage and those of the game",
    login=False,
    splits={"train": 12_403, "val": 6_382, "test": 6_181, "trainval": 18_785, "all": 24_966},
    sizes=None,
    forms=(
        Form("full frames", "images", "labels", ((".png", "labelIds"),), stem=r"\d{5}"),
        Form("640x640 double crops", "images", "labels", ((".png", "labelIds"),), stem=r"\d{5}_\d{2}"),
    ),
    codings={"labelIds": Coding(LABEL_ID_TO_TRAIN_ID, frozenset(range(35)))},
    options={"lists": LISTS},
    unlabelled=(),
    digits=5,
    check=_check,
)
