"""Assets so small that an explorer's picture takes milliseconds."""

from __future__ import annotations

import numpy as np
import torch

from gltr_lib.explorers import Assets
from gltr_lib.style_bank import StyleBank
from gltr_lib.stylizer import Stylizer


def tiny(side: int = 16) -> Assets:
    """Two streets of ``side`` x 2 ``side`` pixels, four styles a to d, a bank of them, an untrained stylizer."""
    rng = np.random.default_rng(0)
    stylizer = Stylizer.untrained()
    images = {name: rng.integers(0, 256, (side, 2 * side, 3)).astype(np.uint8) for name in ("street", "lane")}
    styles = {name: rng.integers(50 * i, 50 * i + 90, (24, 24, 3)).astype(np.uint8) for i, name in enumerate("abcd")}
    batch = torch.stack([torch.from_numpy(p).permute(2, 0, 1).float() / 255 for p in styles.values()])
    return Assets(images, styles, stylizer, StyleBank.from_images(stylizer, batch, list(styles)))
