"""What the mini stylizer is trained towards: loss networks, and the terms of its loss.

Used by ``train_stylizer.py``, which says what for, and by ``evaluate_stylizer.py``, which measures texture as the
loss does.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gltr_lib import _mini_net, _vgg_net
from gltr_lib.adain import adain, channel_stats
from gltr_lib.weights import load_file

TEACHER_FILE = _vgg_net.VGG_SHALLOW_FILES[0]
#: Pictures in [0, 1] to features of three layers, from fine to coarse.
Features = Callable[[Tensor], list[Tensor]]


class Teacher(nn.Module):
    """Frozen VGG-19 features relu1_1, relu2_1, relu3_1 of pictures in [0, 1] (normalised weights of AdaIN and WCT)."""

    def __init__(self, folder: str | Path) -> None:
        super().__init__()
        path = Path(folder) / TEACHER_FILE
        state, encoder = load_file(path), _vgg_net.build_encoder("relu3_1")
        try:
            encoder.load_state_dict({key: state[key] for key in encoder.state_dict()})
        except (KeyError, RuntimeError):
            raise ValueError(f"{path}: not the VGG-19 encoder up to conv3_1") from None
        self.convs = nn.ModuleList(layer for layer in encoder if isinstance(layer, nn.Conv2d))
        self.requires_grad_(False)
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> list[Tensor]:
        # One reflection at the image instead of one before each layer: no copies of wide maps, and no false borders.
        x = F.pad(images, (8, 8, 8, 8), mode="reflect").contiguous(memory_format=torch.channels_last)
        one = F.relu(self.convs[1](self.convs[0](x)))
        two = F.relu(self.convs[3](F.max_pool2d(F.relu(self.convs[2](one)), 2)))
        return [one, two, F.relu(self.convs[5](F.max_pool2d(F.relu(self.convs[4](two)), 2)))]


class OwnFeatures(nn.Module):
    """A frozen copy of our own encoder as the loss network, its channels scaled to a mean activation of one."""

    def __init__(self, encoder: _mini_net.MiniEncoder, examples: Tensor) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(encoder).requires_grad_(False)
        with torch.no_grad():
            self.scales = [1.0 / t.mean().clamp_min(1e-3) for t in self.encoder.taps(examples)]

    def forward(self, images: Tensor) -> list[Tensor]:
        return [t * s for t, s in zip(self.encoder.taps(images), self.scales, strict=True)]


def luminance(images: Tensor) -> Tensor:
    """Return the luminance (B,1,H,W) with ITU-R BT.601 weights."""
    return (images * images.new_tensor([0.299, 0.587, 0.114])[None, :, None, None]).sum(1, keepdim=True)


def standardised_luminance(images: Tensor) -> Tensor:
    """Return the luminance with mean 0.5 and standard deviation 0.2, in three equal channels: texture, no colour."""
    grey = luminance(images)
    mean, std = channel_stats(grey, 1e-4)
    return ((grey - mean) / std * 0.2 + 0.5).expand(-1, 3, -1, -1)


def style_loss(ours: list[Tensor], theirs: list[Tensor]) -> Tensor:
    """Distances of channel means and standard deviations, relative to the style's size, summed over the layers."""
    total = ours[0].new_zeros((), dtype=torch.float32)
    for a, b in zip(ours, theirs, strict=True):
        for x, y in zip(channel_stats(a), channel_stats(b), strict=True):
            distance = torch.linalg.vector_norm((x - y).flatten(1), dim=1).mean()
            total = total + distance / torch.linalg.vector_norm(y.flatten(1), dim=1).mean()
    return total


def content_loss(ours: list[Tensor], theirs: list[Tensor]) -> Tensor:
    """Squared difference of instance-normalised features at the second and third layer: what is where, not how."""

    def normal(x: Tensor) -> Tensor:
        mean, std = channel_stats(x, 1e-3)
        return (x.float() - mean) / std

    deep, middle = (F.mse_loss(normal(ours[i]), normal(theirs[i])) for i in (2, 1))
    return deep + 0.25 * middle


def feature_loss(ours: list[Tensor], theirs: list[Tensor]) -> Tensor:
    """Mean squared difference of the features, relative to theirs, averaged over the layers."""
    pairs = [(a.float(), b.float()) for a, b in zip(ours, theirs, strict=True)]
    return torch.stack([F.mse_loss(a, b) / b.square().mean() for a, b in pairs]).mean()


def total_variation(images: Tensor) -> Tensor:
    """Mean absolute difference of neighbours."""
    return (images.diff(dim=2)).abs().mean() + (images.diff(dim=3)).abs().mean()


def stylise(encoder: nn.Module, decoder: nn.Module, content: Tensor, style: Tensor) -> Tensor:
    """Encode both, AdaIN, decode; not clamped."""
    return decoder(adain(encoder(content), *channel_stats(encoder(style))))


def losses(
    networks: tuple[_mini_net.MiniEncoder, _mini_net.MiniDecoder],
    features: Features,
    content: Tensor,
    style: Tensor,
    weights: dict[str, float],
    *,
    cast: contextlib.AbstractContextManager[object],
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Return every term of the loss (unweighted) of one batch; a third of it also goes through the identity.

    Args:
        networks: encoder and decoder that are trained.
        features: the loss network.
        content, style: float (B,3,H,W) in [0, 1].
        weights: by name of a term; a luminance of weight 0 is not computed.
        cast: precision of the loss network.
        generator: of the decoder's noise.

    Returns:
        Scalars by name.
    """
    encoder, decoder = networks
    third = max(1, content.shape[0] // 3)
    # The identity sees contents and styles alike: it must hold for any picture.
    as_large = style if style.shape == content.shape else F.avg_pool2d(style, 2)
    same = torch.cat([content[::3][:third], as_large[1::3][:third]])
    output = decoder(adain(encoder(content), *channel_stats(encoder(style))), generator)
    back = decoder(encoder(same), generator)  # AdaIN with its own statistics is the identity
    grey = weights["luminance"] > 0
    with cast:
        with torch.no_grad():
            target, target_style = features(torch.cat([content, same])), features(style)
            target_grey = features(standardised_luminance(style)) if grey else []
        ours = features(torch.cat([output, back]))
        ours_grey = features(standardised_luminance(output)) if grey else []
    n = content.shape[0]
    terms = {
        "style": style_loss([o[:n] for o in ours], target_style),
        "content": content_loss([o[:n] for o in ours], [t[:n] for t in target]),
        "identity": 20.0 * F.l1_loss(back, same)
        + 100.0 * F.mse_loss(back, same)
        + 2.0 * feature_loss([o[n:] for o in ours], [t[n:] for t in target]),
        "tv": total_variation(output),
        "range": (output - output.clamp(0, 1)).square().mean(),
    }
    if grey:
        terms["luminance"] = style_loss(ours_grey, target_grey)
    return terms
