"""BDD100K's 10K set: 7,000 + 1,000 labelled pictures of 1280x720 from drives in the United States. Labels are trainIds.

Today's release: ``images/10k/{split}/*.jpg`` and ``labels/sem_seg/masks/{split}/*.png``. The old one, called "seg":
``images/{split}/*.jpg`` and ``labels/{split}/*_train_id.png``. The 10K set is not a part of the 100K set. Labels of the
test split are not published.

Source: Yu et al., CVPR 2020, arXiv 1805.04687.
"""

from __future__ import annotations

from gltr_lib.datasets.form import Coding, Form
from gltr_lib.datasets.layout import Layout
from gltr_lib.labels import BDD_TRAIN_IDS, IGNORE

BDD100K = Layout(
    name="bdd100k",
    title="BDD100K (10K set)",
    homepage="https://doc.bdd100k.com",
    licence="read the terms on the homepage",
    login=True,
    splits={"train": 7_000, "val": 1_000, "test": 0},
    sizes=((720, 1280),),
    forms=(
        Form(
            "images/10k and sem_seg/masks",
            "images/10k/{split}",
            "labels/sem_seg/masks/{split}",
            ((".png", "trainIds"),),
            endings=(".jpg",),
        ),
        Form(
            "old seg release",
            "images/{split}",
            "labels/{split}",
            (("_train_id.png", "trainIds"),),
            endings=(".jpg",),
        ),
    ),
    codings={"trainIds": Coding(BDD_TRAIN_IDS, frozenset([*range(19), IGNORE]))},
    inside=("bdd100k", "seg", "bdd100k/seg"),
)
