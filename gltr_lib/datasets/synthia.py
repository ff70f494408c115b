"""SYNTHIA RAND_CITYSCAPES: 9,400 rendered pictures of 1280x760 with Cityscapes' classes less terrain, truck and train.

Images are ``RGB/NNNNNNN.png``, label maps ``GT/LABELS/NNNNNNN.png``: PNGs of three 16-bit channels (red = class,
green = instance), which Pillow reads wrongly; ``png16`` reads them. ``splits`` has the two splits that are in use. A
few of the archive's label files may be damaged once unpacked: they are refused by name.

Source: Ros, Sellart, Materzynska, Vazquez, Lopez, CVPR 2016.
"""

from __future__ import annotations

import os

import numpy as np

from gltr_lib.datasets.form import Coding, Form
from gltr_lib.datasets.layout import Layout
from gltr_lib.datasets.png16 import read_red16
from gltr_lib.datasets.splits import LISTS
from gltr_lib.labels import SYNTHIA_13, SYNTHIA_16, SYNTHIA_ID_TO_TRAIN_ID


def read_classes(path: str | os.PathLike[str]) -> np.ndarray:
    """The class ids of a SYNTHIA label file: uint8 (H, W), 0..22.

    Raises:
        ValueError: as :func:`gltr_lib.datasets.png16.read_red16`, or classes beyond 255; the file is named.
    """
    classes = read_red16(path)
    if classes.max(initial=0) > 255:
        raise ValueError(
            f"{path}: expected classes 0..22 in the red channel, found values up to {classes.max()}; are these the "
            f"files of GT/LABELS?"
        )
    return classes.astype(np.uint8)


SYNTHIA = Layout(
    name="synthia",
    title="SYNTHIA RAND_CITYSCAPES",
    homepage="https://synthia-dataset.net",
    licence="for non-commercial use; read the terms on the homepage",
    login=False,
    splits={"train": 9_000, "val": 400, "trainval": 9_400, "all": 9_400},
    sizes=((760, 1280),),
    forms=(Form("RAND_CITYSCAPES", "RGB", "GT/LABELS", ((".png", "classes"),), stem=r"\d{7}"),),
    codings={"classes": Coding(SYNTHIA_ID_TO_TRAIN_ID, frozenset(range(23)), read_classes)},
    class_sets={16: SYNTHIA_16, 13: SYNTHIA_13},
    options={"lists": LISTS},
    unlabelled=(),
    digits=7,
    inside=("RAND_CITYSCAPES",),
)
