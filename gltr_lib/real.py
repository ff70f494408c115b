"""Scores on CamVid's real photographs, by sequence, in the classes that 19-class predictions can answer for.

The door for lessons and for your own networks; all real sets, and the rules under which they are scored, are in
:mod:`gltr_lib.real_sets`.

Source: CamVid (Brostow et al., 2009) in the 11 classes of SegNet (Badrinarayanan et al., 2017); the groupings are ours.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from gltr_lib import real_sets
from gltr_lib._label_sets import CAMVID11_NOTE, COMMON5_NOTE, LABEL_SETS, LabelSet
from gltr_lib._validate import check_choice
from gltr_lib.metrics import ConfusionMatrix
from gltr_lib.real_sets import REAL_SETS, camvid_sequences, fit_width, protocol_of, score_frames, source_prior

__all__ = [
    "CAMVID11_NOTE", "COMMON5_NOTE", "LABEL_SETS", "LabelSet", "camvid_protocol", "camvid_root", "camvid_sequences",
    "fit_width", "score_camvid", "source_prior",
]  # fmt: skip


def camvid_root(root: str | os.PathLike[str] | None = None) -> Path | None:
    """The CamVid folder of a data root (or the root itself), if it is there.

    Args:
        root: data root; None asks the environment variable GLTR_DATA.

    Returns:
        The folder that holds ``train`` and ``val``, or None.

    Example:
        >>> camvid_root("no/such/folder") is None
        True
    """
    given = root or os.environ.get("GLTR_DATA", "").strip()
    return real_sets.find_sets(Path(given)).get("camvid") if given else None


def camvid_protocol(label_set: str = "camvid11", width: int = 256) -> str:
    """The name of a CamVid score of a 19-class network: sizes, grouping and how predictions got there."""
    return protocol_of("camvid", label_set, width)


def score_camvid(
    model: nn.Module | None,
    root: str | Path,
    splits: Sequence[str] = ("train", "val"),
    *,
    width: int = 256,
    label_set: str = "camvid11",
    prior: Tensor | None = None,
) -> dict[str, ConfusionMatrix]:
    """Score a network on CamVid's real photographs, sequence by sequence.

    Args:
        model: images in [0,1] -> logits (B,19,H,W); None scores ``prior`` instead.
        root: folder with ``train`` and ``val``.
        splits: which to read.
        width: width of the picture that the network sees; see :func:`gltr_lib.real_sets.score_frames`.
        label_set: "camvid11" or "common5"; the grouping is in ``LABEL_SETS[...].notes``.
        prior: for ``model=None``, the source's layout prior in the classes of ``label_set``; see ``source_prior``.

    Returns:
        A confusion matrix for each sequence, and their sum under "all".

    Raises:
        ValueError: the folder is not as described.
    """
    tables = REAL_SETS["camvid"].tables
    table = {label_set: tables[check_choice(label_set, tables, "label_set")]}
    priors = None if prior is None else {label_set: prior}
    return score_frames(model, camvid_sequences(root, splits), table, width=width, priors=priors)[label_set]
