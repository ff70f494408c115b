"""Pictures with label maps: the embedded streets, any folder of pairs, CamVid. And how a file becomes an array.

A dataset here is a sequence whose item is (image float (3,H,W) in [0,1], label int64 (H,W), 255 = ignore), so that
``torch.utils.data.DataLoader`` takes it as it is. :func:`stack` turns one into two uint8 tensors, which is what
the engine trains from: six hundred street pictures of 128x256 are 59 MB and need no loader process.

Files are read by :func:`read_image` and :func:`read_label` (kept in ``_read.py``, offered here).
"""

from __future__ import annotations

from gltr_lib._read import MAX_PIXELS, read_image, read_label
from gltr_lib.datasets.base import Arrays, PairDataset, stack, to_tensors
from gltr_lib.datasets.camvid import CamVid
from gltr_lib.datasets.folder import IMAGE_SUFFIXES, FolderPairs
from gltr_lib.datasets.streets import EVAL_SEEDS, TRAIN_SEEDS, VAL_SEEDS, StreetsDataset

__all__ = [
    "EVAL_SEEDS", "IMAGE_SUFFIXES", "MAX_PIXELS", "TRAIN_SEEDS", "VAL_SEEDS", "Arrays", "CamVid", "FolderPairs",
    "PairDataset", "StreetsDataset", "read_image", "read_label", "stack", "to_tensors",
]  # fmt: skip
