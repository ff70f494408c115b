"""What the tests of the rivals use: a painter that is quick and visible, and a bank of a few procedural paintings."""

import torch

from gltr_lib.adain import StyleStats
from gltr_lib.style_bank import StyleBank

NAMES = ("mosaic-1", "batik-2", "sumi-3", "neoplastic-4", "watercolour-5", "impasto-6")
SMALL = {"size": 16}  # of a painting: quick


class Painter(torch.nn.Module):
    def stylize(self, images, stats, alpha=1.0):
        return torch.lerp(images, stats.mean[:, :, None, None].to(images), 0.5 * alpha).clamp(0, 1)


def bank(names=NAMES):
    mean = torch.rand(len(names), 3, generator=torch.Generator().manual_seed(0))
    return StyleBank(StyleStats(mean, torch.ones(len(names), 3)), names, fingerprint="", stylizer="toy")


def gen(seed):
    return torch.Generator().manual_seed(seed)


def gens(*seeds):
    return [gen(seed) for seed in seeds]


def pictures(batch=1, height=24, width=40, seed=0):
    return torch.rand(batch, 3, height, width, generator=gen(seed))
