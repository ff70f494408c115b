"""Tiny made-up files in the layouts of the third-party sets: CamVid, IDD-Lite, Cityscapes' samples, AirSim, CARLA."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

# Left half and right half of every picture: bright over dark, and the ids of sky and road in each set's own numbers.
_SKY_AND_ROAD = {"camvid": (0, 3), "idd_lite": (6, 0), "cityscapes": (10, 0), "airsim": (0, 2), "carla": (10, 0)}
_OTHER = {"camvid": 11, "idd_lite": 255, "cityscapes": 255, "airsim": 255, "carla": 255}
_SIZES = {
    "camvid": (36, 48), "idd_lite": (22, 32), "cityscapes": (32, 64), "airsim": (18, 32), "carla": (32, 64),
}  # fmt: skip
_FRAMES = {
    "camvid": {"train": ["0001TP_1", "0016E5_1"], "val": ["0016E5_2"]},
    "idd_lite": {"val": ["119_1", "132_2"]},
    "cityscapes": {"": ["aachen_000000_000019"]},
    "airsim": {"train": ["back00000", "back00004", "front00000", "front00008", "back00540", "front00560", "back00764"]},
    "carla": {"": ["Town10HD_1", "Town10HD_2"]},
}


def make(root: Path, *names: str) -> Path:
    """Write the named sets (all of them without a name) below ``root``, as they lie in the folder of real data."""
    for name in names or _FRAMES:
        height, width = _SIZES[name]
        sky, road = _SKY_AND_ROAD[name]
        pixels = np.zeros((height, width, 3), np.uint8)
        pixels[:, width // 2 :] = 255
        ids = np.full((height, width), road, np.uint8)
        ids[:, width // 2 :] = sky
        ids[:4] = _OTHER[name]
        for split, frames in _FRAMES[name].items():
            for kind, picture, ending in (("images", pixels, "png"), ("labels", ids, "png")):
                folder = root / name / split / kind
                folder.mkdir(parents=True, exist_ok=True)
                for frame in frames:
                    Image.fromarray(picture).save(folder / f"{frame}.{ending}")
    return root
