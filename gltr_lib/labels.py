"""The 19 classes, their colours, and the tables from a dataset's own ids to trainIds.

A trainId is a class number 0..18 that networks predict and metrics score; 255 is ignored. Datasets store their own
ids, so every loader maps once through a table of 256 entries. Sources: Cityscapes (Cordts et al., CVPR 2016,
arXiv 1604.01685) for classes, ids and official colours; the colour-safe palette was optimised so that the smallest
CIEDE2000 difference between two classes is 12.4 under normal, protan, deutan and tritan vision (official: 2.6).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from gltr_lib._label_tables import VISTAS_V12_ROWS, VISTAS_V20_ROWS, scored_as
from gltr_lib._typed import typed
from gltr_lib._validate import check_choice, describe

CLASSES: tuple[str, ...] = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation", "terrain",
    "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
)  # fmt: skip
NUM_CLASSES = len(CLASSES)
IGNORE = 255


def _colours(text: str) -> np.ndarray:
    palette = np.array([list(bytes.fromhex(c)) for c in text.split()], dtype=np.uint8)
    palette.setflags(write=False)
    return palette


PALETTES: Mapping[str, np.ndarray] = {
    "cityscapes": _colours(
        "804080 f423e8 464646 66669c be9999 999999 faaa1e dcdc00 6b8e23 98fb98"
        " 4682b4 dc143c ff0000 00008e 000046 003c64 005064 0000e6 770b20"
    ),
    "safe": _colours(
        "864991 f07cff 665e52 8361e3 d0b2b5 8c8a87 eea409 fbfa1d 3c9450 99f8a4"
        " 7687a3 af0a1d ef3415 000096 01003e 132734 26535a 2000fa 70001e"
    ),
}

# Cityscapes labelId of each trainId; GTA5 uses the same ids.
LABEL_IDS: tuple[int, ...] = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)

#: The trainIds on which networks trained on SYNTHIA are scored: 16 classes, and the 13 of older papers.
SYNTHIA_16: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 15, 17, 18)
SYNTHIA_13: tuple[int, ...] = (0, 1, 2, 6, 7, 8, 10, 11, 12, 13, 15, 17, 18)

#: CamVid's 11 classes in the order of their ids; id 11 is unlabelled.
CAMVID11: tuple[str, ...] = (
    "sky", "building", "pole", "road", "pavement", "tree", "sign symbol", "fence", "car", "pedestrian", "bicyclist",
)  # fmt: skip
#: For each of the 19 trainIds the CamVid-11 class it is scored as ("CamVid-11 from 19").
TRAIN_ID_TO_CAMVID11: tuple[int, ...] = (3, 4, 1, 1, 7, 2, 6, 6, 5, 5, 0, 9, 10, 8, 8, 8, 8, 10, 10)

#: Five classes that most street datasets share.
COMMON5: tuple[str, ...] = ("flat", "building", "vegetation", "sky", "vehicle")
TRAIN_ID_TO_COMMON5: tuple[int, ...] = (
    0, 0, 1, 255, 255, 255, 255, 255, 2, 2, 3, 255, 255, 4, 4, 4, 255, 255, 255,
)  # fmt: skip
CAMVID_TO_COMMON5: tuple[int, ...] = (3, 1, 255, 0, 0, 2, 255, 255, 4, 255, 255, 255)
#: The same where building and vegetation are one class (IDD-Lite calls both "far objects").
COMMON4: tuple[str, ...] = ("flat", "building or vegetation", "sky", "vehicle")
COMMON5_TO_COMMON4: tuple[int, ...] = (0, 1, 1, 2, 3)
TRAIN_ID_TO_COMMON4: tuple[int, ...] = tuple(
    common if common == IGNORE else COMMON5_TO_COMMON4[common] for common in TRAIN_ID_TO_COMMON5
)

#: IDD-Lite's seven classes in the order of their ids; 255 is unlabelled.
IDD_LITE: tuple[str, ...] = (
    "drivable", "non-drivable", "living things", "vehicles", "roadside objects", "far objects", "sky",
)  # fmt: skip
#: "vehicles" holds two-wheelers too, which Common-4 otherwise ignores: this set cannot tell them apart.
IDD_LITE_TO_COMMON4: tuple[int, ...] = (0, 0, 255, 3, 255, 1, 2)

#: AirSim's classes (meshes grouped by hand): sky, building, road, paved, terrain, vegetation, car, pole, fence.
AIRSIM_TO_COMMON5: tuple[int, ...] = (3, 1, 0, 0, 2, 2, 4, 255, 255)


@typed
def lookup_table(mapping: Mapping[int, int], *, default: int = IGNORE) -> np.ndarray:
    """Build the 256-entry table that maps every uint8 id.

    Args:
        mapping: dataset id -> trainId, both in 0..255.
        default: the entry of ids that are not in the mapping.

    Returns:
        uint8 array (256,).

    Raises:
        ValueError: an id or a target outside 0..255.

    Example:
        >>> lookup_table({7: 0, 8: 1})[[7, 8, 9]].tolist()
        [0, 1, 255]
    """
    if not 0 <= default <= 255:
        raise ValueError(f"default: expected a trainId in 0..255, received {default}")
    table = np.full(256, default, dtype=np.uint8)
    for source, target in mapping.items():
        if not (0 <= source <= 255 and 0 <= target <= 255):
            raise ValueError(f"lookup_table: expected ids in 0..255, received {source} -> {target}")
        table[source] = target
    return table


def _fixed(targets: Mapping[int, int] | Iterable[int]) -> np.ndarray:
    """A read-only lookup table, of a mapping or of the trainIds of ids 0, 1, 2 ..."""
    table = lookup_table(targets if isinstance(targets, Mapping) else dict(enumerate(targets)))
    table.setflags(write=False)
    return table


# Tables uint8 (256,) from a dataset's own ids to trainIds, 255 = ignore. ``datasets.LAYOUTS`` says which ids are legal.

#: Cityscapes' labelIds, which GTA5's palette PNGs use too.
LABEL_ID_TO_TRAIN_ID: np.ndarray = _fixed({label_id: i for i, label_id in enumerate(LABEL_IDS)})
#: SYNTHIA RAND_CITYSCAPES (RobustNet's datasets/synthia.py and MaxSquareLoss agree); it has no terrain, truck or train.
#: Ignored: 0 void, 13 parking slot, 14 road work, 22 lane marking.
SYNTHIA_ID_TO_TRAIN_ID: np.ndarray = _fixed(
    {1: 10, 2: 2, 3: 0, 4: 1, 5: 4, 6: 8, 7: 5, 8: 13, 9: 7, 10: 11, 11: 18, 12: 17, 15: 6, 16: 9, 17: 12, 18: 14,
     19: 15, 20: 16, 21: 3}
)  # fmt: skip
#: BDD100K's sem_seg masks hold trainIds already.
BDD_TRAIN_IDS: np.ndarray = _fixed(range(NUM_CLASSES))
#: Mapillary Vistas; ``_label_tables`` tells the two published mappings and how v2.0 follows from v1.2.
VISTAS_V12_CLASSES: tuple[str, ...] = tuple(VISTAS_V12_ROWS)
VISTAS_V20_CLASSES: tuple[str, ...] = tuple(VISTAS_V20_ROWS)
VISTAS_V12_ROBUSTNET: np.ndarray = _fixed(robustnet for robustnet, _ in VISTAS_V12_ROWS.values())
VISTAS_V12_OPENSEG: np.ndarray = _fixed(openseg for _, openseg in VISTAS_V12_ROWS.values())
VISTAS_V20: np.ndarray = _fixed(scored_as(ancestors, 0) for ancestors in VISTAS_V20_ROWS.values())
VISTAS_V20_OPENSEG: np.ndarray = _fixed(scored_as(ancestors, 1) for ancestors in VISTAS_V20_ROWS.values())


def map_ids(ids: np.ndarray, table: np.ndarray | Mapping[int, int], *, known: np.ndarray | None = None) -> np.ndarray:
    """Map a label picture through a table, in one pass over its bytes.

    Args:
        ids: uint8 array (H, W) of dataset ids.
        table: uint8 array (256,) or a mapping id -> trainId.
        known: optional array of legal ids; others raise instead of becoming ignore.

    Returns:
        uint8 array (H, W).

    Raises:
        TypeError: ids are not uint8. ValueError: ids that are not in ``known`` (they are listed).

    Example:
        >>> map_ids(np.array([[7, 0]], dtype=np.uint8), LABEL_ID_TO_TRAIN_ID).tolist()
        [[0, 255]]
    """
    if not isinstance(ids, np.ndarray) or ids.dtype != np.uint8:
        raise TypeError(f"map_ids: expected a uint8 array (H,W), received {describe(ids)}")
    lut = lookup_table(table) if isinstance(table, Mapping) else table
    if not isinstance(lut, np.ndarray) or lut.shape != (256,) or lut.dtype != np.uint8:
        raise ValueError(f"map_ids: expected a uint8 table (256,), received {describe(lut)}")
    if known is not None:
        legal_ids = _array(known, "known")
        legal_ids = legal_ids if legal_ids.size else legal_ids.astype(np.uint8)
        if legal_ids.dtype.kind not in "iu" or (legal_ids.size and not 0 <= legal_ids.min() <= legal_ids.max() <= 255):
            raise ValueError(f"known: expected ids in 0..255, received {describe(known)}")
        strange = np.ones(256, dtype=np.uint8)
        strange[legal_ids] = 0
        if _translate(ids, strange).any():
            unknown = np.setdiff1d(ids, known)
            legal = sorted({int(number) for number in np.asarray(known).ravel()})
            ends = [(n, n - 1 not in legal, n + 1 not in legal) for n in legal]  # a run's first, its last
            spans = "".join(f"{'-' if not first else ', '}{n}" for n, first, last in ends if first or last)[2:]
            raise ValueError(f"found ids {unknown[:10].tolist()} outside the table; legal: {spans}")
    return _translate(ids, lut)


def _array(values: object, name: str) -> np.ndarray:
    try:
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"{name}: expected whole numbers, received {describe(values)}") from None


def _translate(ids: np.ndarray, table: np.ndarray) -> np.ndarray:
    """``table[ids]`` for bytes: ``bytearray.translate`` needs no index array of eight times the size."""
    return np.frombuffer(bytearray(np.ascontiguousarray(ids)).translate(table.tobytes()), np.uint8).reshape(ids.shape)


def colourize(labels: np.ndarray, palette: str = "safe") -> np.ndarray:
    """Paint a label map: one colour a class, ignored pixels black.

    Args:
        labels: integer array (H, W) of trainIds; 255 = ignore.
        palette: "safe" (for colour-blind readers) or "cityscapes" (as in papers).

    Returns:
        uint8 array (H, W, 3).

    Raises:
        TypeError: not integers. ValueError: unknown palette, wrong rank, ids outside 0..18 and 255.

    Example:
        >>> colourize(np.array([[0, 255]])).tolist()
        [[[134, 73, 145], [0, 0, 0]]]
    """
    check_choice(palette, PALETTES, "palette")
    array = _array(labels, "labels")
    if array.dtype.kind not in "iu":
        raise TypeError(f"colourize: expected integer trainIds (H,W), received {describe(labels)}")
    if array.ndim != 2:
        raise ValueError(f"colourize: expected one label map (H,W), received {describe(array)}")
    bad = (array != IGNORE) & ((array < 0) | (array >= NUM_CLASSES))
    if bad.any():
        raise ValueError(
            f"colourize: expected trainIds 0..{NUM_CLASSES - 1} or {IGNORE}, "
            f"found {np.unique(array[bad])[:10].tolist()}"
        )
    table = np.zeros((256, 3), dtype=np.uint8)
    table[:NUM_CLASSES] = PALETTES[palette]
    return table[array]
