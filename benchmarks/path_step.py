"""The training step of the small DeepLab: how far from the machine's matrix rate, and what texture randomization costs.

"Overhead" is the whole step with GTR, LTR and CGL by the same step without them: the same network, as many forward
pictures (both branches counted), the same augmentation. At most 1.25 is promised on a CPU with the mini stylizer.
"""

from __future__ import annotations

import torch

from gltr_lib import _step, cost, engine
from gltr_lib.bench import Case, Made
from gltr_lib.config import METHODS, TrainConfig


def make_step(method: str, images: int, size: tuple[int, int], device: str, data: int = 16) -> tuple[object, float]:
    """(function that takes one training step, operations of the network in it)."""
    config = TrainConfig(METHODS[method], forward_images=images, crop=size, scale=(1.0, 1.0), amp=False, device=device)
    noise = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (data, 3, *size), generator=noise, dtype=torch.uint8).to(device)
    coarse = torch.randint(0, 19, (data, size[0] // 8, size[1] // 8), generator=noise, dtype=torch.uint8)
    labels = coarse.repeat_interleave(8, 1).repeat_interleave(8, 2).to(device)
    views = engine._make_views(config, None, None, torch.device(device))
    with torch.random.fork_rng():
        model = _step.make_model(config).to(device).train()
    optimizer = _step.make_optimizer(model, config)
    count = iter(range(10**9))

    def step() -> None:
        number = next(count)
        seen, target = _step.make_batch(number, pictures, labels, config, views)
        loss, _ = _step.step_loss(model, seen, target, config, step=number)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    return step, 3.0 * images * cost.forward_flops(config.model, size)


def cases(small: bool, device: str) -> list[Case]:
    """Plain, painted whole, and the full method, at the study's size."""
    images, size = (2, (32, 64)) if small else (8, (128, 256))

    def plain() -> Made:
        step, flops = make_step("baseline2", images, size, device)
        return Made(step, flops=flops)

    def overhead(method: str, base: str) -> Case:
        def make() -> Made:
            # "ours" is the plain step, so that the ratio is the whole step by the plain one.
            whole, _ = make_step(method, images, size, device)
            step, flops = make_step(base, images, size, device)
            return Made(step, whole, flops=flops)

        return Case(f"step of {base}, beside {method}", make, f"the step of {method}", at_most=1.25)

    return [
        Case("step of DeepLab mini, two views", plain),
        overhead("gtr", "baseline"),
        overhead("gtr_ltr_cgl", "baseline2"),
    ]


def growth(small: bool, device: str) -> dict[str, list[tuple[float, Case]]]:
    """How a step grows with its pictures, for the baseline."""

    def one(images: int) -> Case:
        def make() -> Made:
            step, flops = make_step("baseline", images, (32, 64) if small else (128, 256), device)
            return Made(step, flops=flops)

        return Case(f"step with {images} pictures", make, repeat=3)

    return {"pictures in a step": [(n, one(n)) for n in ((1, 2) if small else (1, 2, 4, 8, 16))]}
