"""Classes in which photographs are scored, and how a network's own classes are grouped into them.

The tables themselves stand in :mod:`gltr_lib.labels`; here each gets its name, its classes and the words that a score
must carry. A network has the 19 classes of Cityscapes or the five of Common-5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gltr_lib._validate import check_choice
from gltr_lib.labels import (
    CAMVID11,
    CLASSES,
    COMMON4,
    COMMON5,
    COMMON5_TO_COMMON4,
    TRAIN_ID_TO_CAMVID11,
    TRAIN_ID_TO_COMMON4,
    TRAIN_ID_TO_COMMON5,
)


def _members(classes: Sequence[str], groups: Sequence[int]) -> str:
    """Each class with the network's classes that make it up."""
    own = (",".join(str(i) for i, group in enumerate(groups) if group == number) for number in range(len(classes)))
    return " ".join(f"{name}←{ids}" for name, ids in zip(classes, own, strict=True))


# What a score on another label set must say about itself.
CAMVID11_NOTE = f"CamVid-11 from 19 ({_members(CAMVID11, TRAIN_ID_TO_CAMVID11)}; probabilities summed per group)"
COMMON5_NOTE = (
    f"Common-5 from 19 ({_members(COMMON5, TRAIN_ID_TO_COMMON5)}; probabilities summed per group, argmax among the "
    "five, other labels ignored)"
)
COMMON4_NOTE = (
    f"Common-4 from 19 ({_members(COMMON4, TRAIN_ID_TO_COMMON4)}; probabilities summed per group, argmax among the "
    "four, other labels ignored)"
)


@dataclass(frozen=True)
class LabelSet:
    """Classes in which a score is taken, and how a network's own classes are grouped into them.

    Attributes:
        classes: their names.
        groups: number of the network's classes -> for each of these its group, 255 to drop it.
        notes: number of the network's classes -> the grouping in words.
    """

    classes: tuple[str, ...]
    groups: Mapping[int, tuple[int, ...]]
    notes: Mapping[int, str]


LABEL_SETS: dict[str, LabelSet] = {
    "camvid11": LabelSet(CAMVID11, {19: TRAIN_ID_TO_CAMVID11}, {19: CAMVID11_NOTE}),
    "common5": LabelSet(
        COMMON5,
        {19: TRAIN_ID_TO_COMMON5, 5: tuple(range(5))},
        {19: COMMON5_NOTE, 5: "Common-5 (the network's own five classes, other labels ignored)"},
    ),
    "common4": LabelSet(
        COMMON4,
        {19: TRAIN_ID_TO_COMMON4, 5: COMMON5_TO_COMMON4},
        {
            19: COMMON4_NOTE,
            5: "Common-4 from 5 (probabilities of building and vegetation summed, other labels ignored)",
        },
    ),
    "cityscapes19": LabelSet(CLASSES, {19: tuple(range(19))}, {19: "Cityscapes' 19 classes"}),
}


def groups_of(label_set: str, num_classes: int = 19) -> tuple[int, ...]:
    """For each class of a network its group in a label set, 255 to drop it.

    Args:
        label_set: a name of ``LABEL_SETS``.
        num_classes: of the network, 19 or 5.

    Returns:
        One number for each of the network's classes.

    Raises:
        ValueError: unknown label set, or classes that it cannot group.

    Example:
        >>> groups_of("common4", 5)
        (0, 1, 1, 2, 3)
    """
    groups = LABEL_SETS[check_choice(label_set, LABEL_SETS, "label_set")].groups
    if num_classes not in groups:
        known = " or ".join(map(str, groups))
        raise ValueError(f"{label_set}: expected a network of {known} classes, received one of {num_classes}")
    return groups[num_classes]
