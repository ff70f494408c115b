"""What the tests of gltr_lib.scale train on: pictures whose colours are their labels, a painter, a bank."""

import numpy as np
import torch

from gltr_lib.adain import StyleStats
from gltr_lib.config import TrainConfig
from gltr_lib.style_bank import StyleBank

CLASSES = 4


class Toys:
    """Pictures of several sizes, made of blocks; class c is painted in a colour around 60 c."""

    def __init__(self, count=7, name="toys/train", seed=0, size=(40, 72)):
        rng = np.random.default_rng(seed)
        self.name, self.made = name, []
        for index in range(count):
            rows, columns = size[0] // 8 + index % 2, size[1] // 8
            label = np.kron(rng.integers(0, CLASSES, (rows, columns)), np.ones((8, 8))).astype(np.uint8)
            image = (label[..., None] * 60 + rng.integers(0, 20, (*label.shape, 3))).astype(np.uint8)
            label[:2] = 255
            self.made.append((image, label))

    def __len__(self):
        return len(self.made)

    def pair(self, index):
        return self.made[index]

    def __getitem__(self, index):
        image, label = self.made[index]
        return torch.from_numpy(image).permute(2, 0, 1).float() / 255, torch.from_numpy(label).long()


class Painter(torch.nn.Module):
    def stylize(self, images, stats, alpha=1.0):
        return (images * 0.5 + 0.5 * stats.mean[:, :, None, None]).clamp(0, 1)


def bank(count=5):
    g = torch.Generator().manual_seed(0)
    stats = StyleStats(torch.rand(count, 3, generator=g), torch.ones(count, 3))
    return StyleBank(stats, [str(i) for i in range(count)], fingerprint="", stylizer="toy")


def small(method="gtr_ltr_cgl", **changes):
    usual = {
        "steps": 4, "forward_images": 4, "crop": (32, 64), "num_classes": CLASSES, "device": "cpu", "log_every": 1,
        "checkpoint_every": 2, "model_options": {"widths": (8, 8, 8), "dilations": (1,), "rates": (2,)},
    }  # fmt: skip
    return TrainConfig(method, **{**usual, **changes})


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.values(), b.values(), strict=True))


def weights(folder):
    return torch.load(folder / "checkpoint.pt", weights_only=True)["model"]
