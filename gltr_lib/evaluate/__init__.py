"""Predictions and scores, each under a protocol that its name carries.

The same predictions get different mIoUs when labels are shrunk before scoring, when another class list is used, or when
images are averaged instead of counts. So every score here is a :class:`~gltr_lib.metrics.ConfusionMatrix` summed over
all images, and every protocol has a name that says what was done.

    protocols   sizes, crops and averaged classes: full size, GTR's, RobustNet's, Rein's; 19, 16 or 13 classes
    inference   whole pictures, sliding windows, flip and scales
    passes      the forward passes behind it: windows in bands, averaged views
    scoring     tensors in memory, the layout prior, other label sets
    stream      whole datasets at full resolution, decode beside compute, one process or many
    reading     pairs read ahead by threads, checked and named
    tables      per-class IoU as text, Markdown and JSON
    export      predictions as Cityscapes' server wants them
"""

from __future__ import annotations

from gltr_lib.evaluate.export import CityscapesImages, export_cityscapes
from gltr_lib.evaluate.inference import (
    Inference,
    predict,
    predict_classes,
    predict_whole,
)
from gltr_lib.evaluate.passes import group_probabilities
from gltr_lib.evaluate.protocols import (
    CLASS_SETS,
    FULL_SIZE,
    PROTOCOLS,
    Protocol,
    find_protocol,
    prepare,
    resized_protocol,
)
from gltr_lib.evaluate.reading import Item
from gltr_lib.evaluate.scoring import (
    evaluate,
    layout_prior,
    map_classes,
    merge,
    resize_labels,
    score_prior,
)
from gltr_lib.evaluate.stream import DatasetScore, evaluate_dataset
from gltr_lib.evaluate.tables import iou_table

__all__ = [
    "CLASS_SETS", "FULL_SIZE", "PROTOCOLS", "CityscapesImages", "DatasetScore", "Inference", "Item", "Protocol",
    "evaluate", "evaluate_dataset", "export_cityscapes", "find_protocol", "group_probabilities",
    "iou_table", "layout_prior", "map_classes", "merge", "predict", "predict_classes", "predict_whole", "prepare",
    "resize_labels", "resized_protocol", "score_prior",
]  # fmt: skip
