"""One training step in pieces: its learning rate, its random streams, its pictures, its views, its loss.

Everything random in step k is a function of (seed, k), so a step can be made again at any time: for a resume, for a
picture of what the network saw, or in somebody else's loop. Source: DeepLab's poly schedule (Chen et al., 2017);
the loss of Peng et al., TIP 2021, divided by the number of views; for instance-selective whitening, Choi et al., 2021.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from gltr_lib._draws import seed_global
from gltr_lib._fused_loss import two_view_loss
from gltr_lib._typed import typed
from gltr_lib.config import TrainConfig
from gltr_lib.labels import IGNORE
from gltr_lib.losses import consistency_loss, segmentation_loss
from gltr_lib.models import Whiten, build, selective_whitening, set_views, watched
from gltr_lib.views import Views, apply_geometry, draw_geometry, photometric

# Streams of random numbers, apart from each other so that methods with one seed and as many views see the same crops.
ORDER, GEOMETRY, TEXTURE, PHOTOMETRY, GLOBAL = range(5)


@typed
def learning_rate(step: int, config: TrainConfig) -> float:
    """The rate of a step: linear warm-up to ``lr``, then DeepLab's poly decay.

    The decay counts from step 0, as DeepLab's does, so where the two meet the rate falls to ``(1 - warmup) ** power``
    of ``lr`` (by 4.5 % with the usual warmup of 0.05).

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


@typed
def step_seed(seed: int, step: int, stream: int) -> int:
    """A well-mixed seed for one stream of one step (splitmix64).

    Args:
        seed: of the run.
        step: number of the step.
        stream: number of the stream.

    Returns:
        A whole number of 63 bits; torch's CPU generator reads the lower 32 of them.

    Example:
        >>> len({step_seed(0, 0, 0), step_seed(0, 1, 0), step_seed(0, 0, 1)})
        3
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
    return torch.stack([_order(config.seed, place // count, count)[place % count] for place in places])


@lru_cache(maxsize=4)  # neighbouring steps read one epoch; drawing 25,000 places anew at each takes a millisecond
def _order(seed: int, epoch: int, count: int) -> Tensor:
    return torch.randperm(count, generator=_generator(seed, epoch, ORDER))


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


def step_loss(
    model: nn.Module,
    views: list[Tensor],
    labels: Tensor,
    config: TrainConfig,
    whole: Tensor | None = None,
    *,
    step: int | None = None,
) -> tuple[Tensor, Tensor]:
    """The loss of one step, from one forward pass over all views.

    ``(sum of CE over views + lambda * consistency) / views``. Whitening has a term for each view, as CE has; their sum
    divided by the views is their mean, so its weight means what it means in its paper.

    Args:
        model: the network.
        views: tensors (B,3,H,W), all showing the same scenes.
        labels: int64 (B,H,W).
        config: gives the weight and kind of the consistency, and the weight of whitening.
        whole: ``losses.class_totals`` of all pictures of the step, if these are only some of them. The losses of the
            parts then add up to that of the step.
        step: number of the step; whitening, and nothing else, needs it.

    Returns:
        (loss, parts): a scalar with gradient, and detached (2,): mean cross-entropy of the views, consistency.

    Raises:
        ValueError: whitening without a step, or with a network that has no layers for it.
    """
    method = config.method
    if method.whitening:
        # Every part of a step has as many pictures, and a term for each.
        parts = 1 if whole is None else config.accumulate * config.processes
        logits, whitening = _whitened(model, views, config, step)
        extra = method.whitening * whitening / parts
    else:
        logits, extra = model(torch.cat(views)), None
    # Every view has the same labelled pixels, so the mean over all of them is the mean of the views' losses.
    totals = None if whole is None else whole * len(views)
    pixels = None if whole is None else whole[:-1].sum()
    strength, balance = method.consistency / len(views), config.class_balance
    kind: Any = method.consistency_kind
    detach: Any = method.detach
    if strength and kind == "mse" and logits.device.type == "cpu":
        loss, both = two_view_loss(
            logits, labels, strength, class_balance=balance, totals=totals, detach=detach, total=pixels
        )
        return (loss if extra is None else loss + extra), both
    target = labels.repeat(len(views), 1, 1)
    ce = segmentation_loss(logits, target, class_balance=balance, totals=totals)
    loss = ce if extra is None else ce + extra
    if not strength:
        return loss, torch.stack([ce.detach(), torch.zeros_like(ce.detach())])
    first, second = logits.chunk(2)
    agreement = consistency_loss(first, second, kind=kind, valid=labels != IGNORE, detach=detach, total=pixels)
    return loss + strength * agreement, torch.stack([ce.detach(), agreement.detach()])


def _whitened(model: nn.Module, views: list[Tensor], config: TrainConfig, step: int | None) -> tuple[Tensor, Tensor]:
    if step is None:
        raise ValueError(
            f"step_loss: the method {config.method.name!r} whitens in acts, each a share of the run; give step="
        )
    with watched(model) as layers:
        logits = model(torch.cat(views))
        return logits, selective_whitening(layers, step, config.steps, again=config.method.whitening_again)


def network_options(config: TrainConfig) -> dict[str, Any]:
    """The options of a run's network: those of the run and those of its method; whoever rebuilds it needs both.

    Args:
        config: gives model_options and method.network.

    Returns:
        Keyword arguments of :func:`gltr_lib.models.build`.

    Raises:
        ValueError: run and method give one option different values.

    Example:
        >>> network_options(TrainConfig("ibn", model_options={"rates": (2, 4)}))
        {'rates': (2, 4), 'ibn': True}
    """
    run, method = dict(config.model_options), dict(config.method.network)
    clash = [name for name in run if name in method and run[name] != method[name]]
    if clash:
        raise ValueError(
            "; ".join(f"model_options.{name}={run[name]!r}, method.network.{name}={method[name]!r}" for name in clash)
            + f": leave to the method {config.method.name!r} what belongs to it"
        )
    return run | method


def make_model(config: TrainConfig) -> nn.Module:
    """The network of a run, untrained or with the trunk that ``config.init`` names; the seed decides its weights.

    Args:
        config: gives model, num_classes, the options (see :func:`network_options`), init and channels_last.

    Returns:
        The network on the CPU. The CPU's global generator is seeded and used: fork it around the call.

    Raises:
        ValueError, TypeError: an unknown network or option, or whitening for a network without layers for it.
        OSError: no such weights.
    """
    seed_global(step_seed(config.seed, 0, GLOBAL), torch.device("cpu"))
    model = build(config.model, config.num_classes, **network_options(config))
    set_views(model, len(config.method.views))
    if config.method.whitening and not any(isinstance(module, Whiten) for module in model.modules()):
        raise ValueError(
            f"the method {config.method.name!r} has whitening={config.method.whitening:g} and needs a network with"
            f' whiten=True (method.network={{"whiten": true}}); received {config.model} with {network_options(config)}'
        )
    if config.init is not None:
        from gltr_lib.models import load_trunk

        path = os.path.expandvars(config.init)  # $GLTR_DATA/weights/... is one run on every machine
        load_trunk(model, path, preprocessing=network_options(config).get("preprocessing"))
    return model.to(memory_format=torch.channels_last) if config.channels_last else model


def make_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW or SGD with decay for kernels only (pulling norms and biases to zero helps nobody) and a rate for the head.

    Args:
        model: with ``parameter_groups()`` -> {"trunk": [...], "head": [...]} where the head has its own rate.
        config: gives optimizer, lr, weight_decay, momentum and head_lr_factor.

    Returns:
        The optimizer; a group's ``factor`` is its rate by that of the trunk.

    Raises:
        ValueError: a rate of its own for the head of a network that does not say which parameters those are.
    """
    parts: list[tuple[float, list[nn.Parameter]]] = [(1.0, [p for p in model.parameters() if p.requires_grad])]
    if config.head_lr_factor != 1:
        named = getattr(model, "parameter_groups", None)
        if named is None:
            raise ValueError(
                f"head_lr_factor={config.head_lr_factor:g} needs a network that names its head (parameter_groups()); "
                f"{config.model} does not; use head_lr_factor=1"
            )
        found = named()
        parts = [(1.0, list(found["trunk"])), (config.head_lr_factor, list(found["head"]))]
    groups: list[dict[str, Any]] = []
    for factor, parameters in parts:
        extra = {"factor": factor} if factor != 1 else {}
        kernels = [p for p in parameters if p.ndim > 1]
        others = [p for p in parameters if p.ndim <= 1]
        groups += [
            {"params": kernels, "weight_decay": config.weight_decay, **extra},
            {"params": others, "weight_decay": 0.0, **extra},
        ]
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=config.lr, momentum=config.momentum)
    return torch.optim.AdamW(groups, lr=config.lr)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every group its rate: that of the trunk times the group's factor."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("factor", 1.0)


@torch.no_grad()
def update_average(average: dict[str, Tensor], model: nn.Module, step: int, decay: float) -> None:
    """Move the running mean of the weights towards them; an empty mean stays empty."""
    if not average:
        return
    now = min(decay, (1 + step) / (10 + step))  # forget the untrained beginning quickly
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            average[name].lerp_(value, 1 - now)
        else:
            average[name].copy_(value)


def autocast_type(config: TrainConfig, device: torch.device) -> torch.dtype | None:
    """The half precision in which the network runs on a device, or None.

    Raises:
        ValueError: fp16 without CUDA.
    """
    if config.precision == "fp16" and device.type != "cuda":
        raise ValueError(f'precision="fp16" needs CUDA, and this run is on {device.type}; use bf16 or no')
    if config.precision == "auto":
        return torch.bfloat16 if config.amp and device.type == "cuda" else None
    return {"no": None, "bf16": torch.bfloat16, "fp16": torch.float16}[config.precision]
