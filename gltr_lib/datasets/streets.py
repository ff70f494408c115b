"""The embedded streets as a dataset: pictures that are rendered when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gltr_lib._typed import typed
from gltr_lib.datasets.base import Arrays

#: Seeds of the embedded streets. The three ranges share no seed, so no picture is in two splits.
TRAIN_SEEDS = range(600)
VAL_SEEDS = range(10_000, 10_064)
EVAL_SEEDS = range(20_000, 20_064)


class StreetsDataset(Arrays):
    """The embedded streets, rendered when they are asked for.

    Args:
        seeds: one street each; ``TRAIN_SEEDS``, ``VAL_SEEDS`` and ``EVAL_SEEDS`` are the course's splits.
        look: a name of ``gltr_lib.streets.LOOKS``, or "sampled:<n>".
        size: (height, width).

    Example:
        >>> image, label = StreetsDataset([0], size=(32, 64))[0]
        >>> image.shape, label.shape
        (torch.Size([3, 32, 64]), torch.Size([32, 64]))
    """

    @typed
    def __init__(
        self, seeds: Sequence[int] = TRAIN_SEEDS, look: str = "game", size: tuple[int, int] = (128, 256)
    ) -> None:
        if len(seeds) == 0:
            raise ValueError("seeds must name at least one street; received none")
        self.seeds, self.look, self.size = seeds, look, size

    @property
    def name(self) -> str:  # type: ignore[override]
        """ "streets/" and the look."""
        return f"streets/{self.look}"

    @property
    def keys(self) -> list[str]:
        """The name of each street: its seed."""
        return [f"{seed:06d}" for seed in self.seeds]

    def __len__(self) -> int:
        return len(self.seeds)

    def pair(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        from gltr_lib import streets

        return streets.render(self.seeds[index], self.look, self.size)

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """All streets at once: uint8 (N,H,W,3) and (N,H,W)."""
        from gltr_lib import streets

        return streets.render_many(list(self.seeds), self.look, self.size)
