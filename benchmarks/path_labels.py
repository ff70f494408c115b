"""Raw label ids to trainIds: one table look-up, against the loop of 35 passes in published loaders."""

from __future__ import annotations

import numpy as np
from peers import loop_over_ids

from gltr_lib.bench import Case, Made
from gltr_lib.labels import LABEL_ID_TO_TRAIN_ID, map_ids


def cases(small: bool, device: str) -> list[Case]:
    """A frame of GTA5."""
    shape = (64, 64) if small else (1052, 1914)

    def make() -> Made:
        ids = np.random.default_rng(0).integers(0, 35, shape).astype(np.uint8)
        return Made(
            lambda: map_ids(ids, LABEL_ID_TO_TRAIN_ID),
            lambda: loop_over_ids(ids, LABEL_ID_TO_TRAIN_ID),
            lambda mine, other: "" if np.array_equal(mine, other) else "other trainIds",
            bytes=2.0 * ids.size,
        )

    return [Case("label_ids", make, f"loop of 35 passes, {shape[1]}x{shape[0]}", promised=20.0)]
