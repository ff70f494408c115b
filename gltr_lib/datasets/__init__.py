"""Pictures with label maps: embedded streets, any folder of pairs, and six real and rendered datasets as published.

A dataset here is a sequence whose item is (image float (3,H,W) in [0,1], label int64 (H,W), 255 = ignore), so that
``torch.utils.data.DataLoader`` takes it as it is. :func:`open_dataset` opens one by its name; :data:`LAYOUTS` says how
each lies on a disk. :func:`stack` turns a small one into two uint8 tensors, which is what the engine of the embedded
world trains from: six hundred street pictures of 128x256 are 59 MB and need no loader process.

Where to look: ``form`` (the words of a layout), ``layout`` (folders, pairs, ids), one file a dataset, ``splits``
(lists), ``png16`` (SYNTHIA's labels), ``opened`` (the door), ``samples`` (small third-party sets), ``pairs`` (checked
bytes), ``looks`` (streets under a name, and which looks are open), ``rendered`` (streets kept on disk); ``base``,
``streets`` and ``folder`` for the rest. Files are read by :func:`read_image` and :func:`read_label` (kept in
``_read.py``, offered here).
"""

from __future__ import annotations

from gltr_lib._read import MAX_PIXELS, picture_size, read_image, read_label
from gltr_lib.datasets.base import Arrays, PairDataset, stack, to_tensors
from gltr_lib.datasets.camvid import CamVid
from gltr_lib.datasets.folder import IMAGE_SUFFIXES, FolderPairs
from gltr_lib.datasets.form import Coding, Form, Pair
from gltr_lib.datasets.layout import Layout, mismatched
from gltr_lib.datasets.opened import LAYOUTS, LayoutDataset, open_dataset
from gltr_lib.datasets.samples import CityscapesSamples, IDDLite, airsim, carla
from gltr_lib.datasets.splits import GTA5_LEFT_OUT, read_list, split_keys
from gltr_lib.datasets.streets import EVAL_SEEDS, TRAIN_SEEDS, VAL_SEEDS, StreetsDataset

__all__ = [
    "EVAL_SEEDS", "GTA5_LEFT_OUT", "IMAGE_SUFFIXES", "LAYOUTS", "MAX_PIXELS", "TRAIN_SEEDS", "VAL_SEEDS", "Arrays",
    "CamVid", "CityscapesSamples", "Coding", "FolderPairs", "Form", "IDDLite", "Layout", "LayoutDataset", "Pair",
    "PairDataset", "StreetsDataset", "airsim", "carla", "mismatched", "open_dataset", "picture_size", "read_image",
    "read_label", "read_list", "split_keys", "stack", "to_tensors",
]  # fmt: skip
