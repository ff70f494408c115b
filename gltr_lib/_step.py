"""One training step in pieces: its learning rate, its random streams, its pictures, its views, its loss.

Everything random in step k is a function of (seed, k), so a step can be made again at any time: for a resume, for a
picture of what the network saw, or in somebody else's loop. Source: DeepLab's poly schedule (Chen et al., 2017);
the loss of Peng et al., TIP 2021, divided by the number of views.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gltr_lib.config import TrainConfig
from gltr_lib.labels import IGNORE
from gltr_lib.losses import consistency_loss, segmentation_loss
from gltr_lib.views import Views, apply_geometry, draw_geometry, photometric

# Streams of random numbers, apart from each other so that methods with one seed see the same crops.
ORDER, GEOMETRY, TEXTURE, PHOTOMETRY, GLOBAL = range(5)


def learning_rate(step: int, config: TrainConfig) -> float:
    """The rate of a step: linear warm-up, then DeepLab's poly decay.

    Args:
        step: 0 to steps - 1.
        config: gives lr, warmup, power and steps.

    Returns:
        The learning rate.

    Example:
        >>> config = TrainConfig(steps=100, lr=1.0, warmup=0.1, power=1.0)
        >>> learning_rate(0, config), learning_rate(50, config)
        (0.1, 0.5)
    """
    rate = config.lr * (1 - step / config.steps) ** config.power
    warm = round(config.warmup * config.steps)
    return rate if step >= warm else config.lr * (step + 1) / warm


def step_seed(seed: int, step: int, stream: int) -> int:
    """A well-mixed seed for one stream of one step (splitmix64).

    Args:
        seed: of the run.
        step: number of the step.
        stream: number of the stream.

    Returns:
        A whole number of 63 bits.

    Example:
        >>> step_seed(0, 0, 0) != step_seed(0, 1, 0) != step_seed(0, 0, 1)
        True
    """
    mask = (1 << 64) - 1
    value = (seed * 0x9E3779B97F4A7C15 + step * 0xD1B54A32D192ED03 + stream * 0x8CB92BA72F3D8DD7 + 1) & mask
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & mask
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & mask
    return (value ^ (value >> 31)) >> 1


def _generator(seed: int, step: int, stream: int) -> torch.Generator:
    return torch.Generator().manual_seed(step_seed(seed, step, stream))


def source_indices(step: int, count: int, config: TrainConfig) -> Tensor:
    """Which source pictures a step reads: a fresh shuffle of all of them in every epoch.

    Args:
        step: number of the step.
        count: number of source pictures.
        config: gives the seed and the pictures a step.

    Returns:
        int64 tensor (source_images,).

    Example:
        >>> config = TrainConfig(forward_images=3)
        >>> sorted(torch.cat([source_indices(step, 6, config) for step in range(2)]).tolist())
        [0, 1, 2, 3, 4, 5]
    """
    places = range(step * config.source_images, (step + 1) * config.source_images)
    orders: dict[int, Tensor] = {}
    for epoch in {place // count for place in places}:
        orders[epoch] = torch.randperm(count, generator=_generator(config.seed, epoch, ORDER))
    return torch.stack([orders[place // count][place % count] for place in places])


def make_batch(
    step: int, images: Tensor, labels: Tensor, config: TrainConfig, views: Views
) -> tuple[list[Tensor], Tensor]:
    """The views of a step and their common labels.

    Args:
        step: number of the step; with the seed it decides everything random.
        images: uint8 tensor (N,3,H,W).
        labels: uint8 tensor (N,H,W).
        config: the run.
        views: maker of the method's views.

    Returns:
        (views, labels): for each view a float tensor (B,3,h,w), and int64 (B,h,w).
    """
    index = source_indices(step, len(images), config).to(images.device)
    height, width = labels.shape[-2:]
    with torch.no_grad():
        geometry = draw_geometry(
            len(index),
            (height, width),
            config.crop,
            scale=config.scale,
            flip=config.flip,
            generator=_generator(config.seed, step, GEOMETRY),
        )
        pictures, target = apply_geometry(images[index], labels[index], geometry, config.crop)
        seen = views(pictures, step / config.steps, _generator(config.seed, step, TEXTURE))
        shake = _generator(config.seed, step, PHOTOMETRY)
        seen = [photometric(view, jitter=config.jitter, blur=config.blur, generator=shake) for view in seen]
    return seen, target


def step_loss(model: nn.Module, views: list[Tensor], labels: Tensor, config: TrainConfig) -> tuple[Tensor, Tensor]:
    """The loss of one step, from one forward pass over all views.

    Args:
        model: the network.
        views: tensors (B,3,H,W), all showing the same scenes.
        labels: int64 (B,H,W).
        config: gives the weight and kind of the consistency.

    Returns:
        (loss, parts): a scalar with gradient, and detached (2,): mean cross-entropy of the views, consistency.
    """
    logits = model(torch.cat(views))
    # Every view has the same labelled pixels, so the mean over all of them is the mean of the views' losses.
    ce = segmentation_loss(logits, labels.repeat(len(views), 1, 1), class_balance=config.class_balance)
    method = config.method
    if not method.consistency:
        return ce, torch.stack([ce.detach(), torch.zeros_like(ce.detach())])
    first, second = logits.chunk(2)
    agreement = consistency_loss(
        first,
        second,
        kind=method.consistency_kind,  # type: ignore[arg-type]
        valid=labels != IGNORE,
        detach=method.detach,  # type: ignore[arg-type]
    )
    loss = ce + method.consistency * agreement / len(views)
    return loss, torch.stack([ce.detach(), agreement.detach()])
