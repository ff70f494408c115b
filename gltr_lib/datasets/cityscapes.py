"""Cityscapes: 5,000 finely labelled street pictures of 2048x1024 from 50 cities; the target that every paper reports.

``leftImg8bit/{split}/{city}/{city}_{sequence}_{frame}_leftImg8bit.png`` and
``gtFine/{split}/{city}/{city}_{sequence}_{frame}_gtFine_labelIds.png``. Where there are only ``_labelTrainIds`` (as
cityscapesScripts' csCreateTrainIdLabelImgs writes them) these are read. The test split's labels are not published:
what the archive holds in their place is ignore everywhere.

Source: Cordts et al., CVPR 2016, arXiv 1604.01685.
"""

from __future__ import annotations

from gltr_lib.datasets.form import Coding, Form
from gltr_lib.datasets.layout import Layout
from gltr_lib.labels import BDD_TRAIN_IDS, IGNORE, LABEL_ID_TO_TRAIN_ID

CITYSCAPES = Layout(
    name="cityscapes",
    title="Cityscapes",
    homepage="https://www.cityscapes-dataset.com/",
    licence="for non-commercial use, no redistribution; read the terms on the homepage",
    login=True,
    splits={"train": 2_975, "val": 500, "test": 1_525},
    sizes=((1024, 2048),),
    forms=(
        Form(
            "leftImg8bit and gtFine",
            "leftImg8bit/{split}/*",
            "gtFine/{split}/*",
            (("_gtFine_labelIds.png", "labelIds"), ("_gtFine_labelTrainIds.png", "labelTrainIds")),
            endings=("_leftImg8bit.png",),
        ),
    ),
    codings={
        "labelIds": Coding(LABEL_ID_TO_TRAIN_ID, frozenset(range(34))),
        "labelTrainIds": Coding(BDD_TRAIN_IDS, frozenset([*range(19), IGNORE])),
    },
)
