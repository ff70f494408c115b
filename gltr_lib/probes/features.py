"""Feature statistics across looks: do a network's channels see the same street in another light as another street?

If a look moves the mean and the spread of a channel, every layer after it meets numbers that it was not trained on.
We measure both for each channel of an early and a late feature map, over all positions and scenes, and compare looks:

* **shift**: ``|m1 - m2| / sqrt((s1^2 + s2^2) / 2)``, means' difference in standard deviations, mean over channels;
* **spread**: ``|log(s1 / s2)|``, mean over channels;
* **kl**: the symmetric Kullback-Leibler divergence of two Gaussians with these moments, mean over channels, in nats.

All three are blind to the scale of a channel, so that networks compare. A channel that is constant in both looks says
nothing and is left out. Looks with other layouts differ in content as well: the same look on other scenes is the zero
that a distance is read against. Source: channel statistics as the style of a picture, Huang & Belongie 2017 (AdaIN);
their distance between domains, as in Li et al. 2018 (AdaBN); the three measures are textbook.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gltr_lib.evaluate.passes import evaluation_mode, pictures_for

LEAST = 1e-3  # a channel's deviation below this share of its layer's largest counts as none


@dataclass(frozen=True)
class Moments:
    """Mean and biased standard deviation of each channel, float64 (C,)."""

    mean: Tensor
    std: Tensor


@contextmanager
def _listening(model: nn.Module, layers: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    known, heard = dict(model.named_modules()), {}
    missing = [name for name in layers if name not in known]
    if missing:
        raise ValueError(f"layers: the network has no {', '.join(missing)}; it has {', '.join(filter(None, known))}")

    def note(name: str) -> object:
        def hook(module: nn.Module, inputs: object, output: Tensor) -> None:
            heard[name] = output

        return known[name].register_forward_hook(hook)

    handles: list[object] = [note(name) for name in layers]
    try:
        yield heard
    finally:
        for handle in handles:
            handle.remove()  # type: ignore[attr-defined]


def moments(model: nn.Module, images: Tensor, layers: Sequence[str], batch: int = 8) -> dict[str, Moments]:
    """Mean and deviation of each channel of some layers, over all positions of all images.

    Args:
        model: images in [0,1] -> anything; run in evaluation mode.
        images: (N,3,H,W) uint8 or float in [0,1].
        layers: names of submodules whose output is (B,C,h,w).
        batch: images in one forward pass.

    Returns:
        Layer -> its moments.

    Raises:
        ValueError: no images, or a layer that the network does not have.

    Example:
        >>> net = nn.Sequential(nn.Identity())
        >>> moments(net, torch.full((1, 3, 2, 2), 0.5), ["0"])["0"].mean.tolist()
        [0.5, 0.5, 0.5]
    """
    if not len(images):
        raise ValueError("moments: no images to look at")
    sums: dict[str, tuple[int, Tensor, Tensor]] = {}
    with torch.inference_mode(), evaluation_mode(model), _listening(model, layers) as heard:
        for start in range(0, len(images), batch):
            model(pictures_for(model, images[start : start + batch]))
            for name in layers:
                x = heard[name].double().transpose(0, 1).flatten(1).cpu()
                n, total, squares = sums.get(name, (0, torch.zeros(len(x)), torch.zeros(len(x))))
                sums[name] = n + x.shape[1], total + x.sum(1), squares + (x * x).sum(1)
    out = {}
    for name, (n, total, squares) in sums.items():
        mean = total / n
        out[name] = Moments(mean, (squares / n - mean * mean).clamp(min=0).sqrt())
    return out


def distance(one: Moments, other: Moments) -> dict[str, float]:
    """How far apart two looks are in one layer; 0 = the same moments, symmetric.

    Args:
        one, other: moments of the same layer.

    Returns:
        ``shift``, ``spread``, ``kl`` (means over the channels that vary in at least one look), ``channels`` (how many
        these are) and ``silent``: how many vary in one look and not in the other; their deviation counts as the least.

    Raises:
        ValueError: different numbers of channels, or no channel that varies.

    Example:
        >>> a, b = Moments(torch.tensor([0.0]), torch.tensor([1.0])), Moments(torch.tensor([2.0]), torch.tensor([1.0]))
        >>> distance(a, b)["shift"], distance(a, b)["kl"]
        (2.0, 2.0)
    """
    if one.mean.shape != other.mean.shape:
        raise ValueError(f"distance: {len(one.mean)} channels against {len(other.mean)}; compare one layer with itself")
    least = LEAST * float(torch.maximum(one.std, other.std).max())
    alive = torch.maximum(one.std, other.std) > least
    if not alive.any():
        raise ValueError("distance: no channel varies; the layer is constant on these images")
    m1, m2 = one.mean[alive].double(), other.mean[alive].double()
    silent = int(((one.std[alive] <= least) | (other.std[alive] <= least)).sum())
    s1, s2 = one.std[alive].double().clamp(min=least), other.std[alive].double().clamp(min=least)
    gap = (m1 - m2) ** 2
    shift = (gap / ((s1**2 + s2**2) / 2)).sqrt()
    kl = ((s1**2 + gap) / s2**2 + (s2**2 + gap) / s1**2) / 4 - 0.5
    found = {"shift": shift, "spread": (s1 / s2).log().abs(), "kl": kl}
    numbers = {name: float(values.mean()) for name, values in found.items()}
    return {**numbers, "channels": float(alive.sum()), "silent": float(silent)}
