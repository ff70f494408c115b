"""Cross-entropy and squared consistency of a step, with their gradient, in runs of pixels that stay in the cache.

:mod:`gltr_lib.losses` says what is computed; this is how a CPU computes it in half the time. As formulas, the two
losses make a dozen tensors as large as the logits, and most of the time goes to memory. Here every run of pixels is
finished, gradient included, before the next is begun. With p = softmax(z), one-hot labels y, pixel weights w and
d = p_global - p_local:

    d CE / dz         = w (p - y)
    d |d|^2 / dz_global = 2 (p d - p sum(p d)), and likewise with -d for z_local
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gltr_lib.labels import IGNORE
from gltr_lib.losses import Detach, scored_pixels

RUN = 8192  # pixels; times 19 classes and 4 bytes: 0.6 MB a tensor
_STILL = {None: None, "global": 0, "local": 1}


def two_view_loss(
    logits: Tensor,
    labels: Tensor,
    factor: float,
    *,
    class_balance: bool = False,
    detach: Detach = None,
    totals: Tensor | None = None,
    total: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """``segmentation_loss(logits) + factor * consistency_loss(first half, second half)`` on a CPU.

    Args:
        logits: float (2B, C, H, W): the global views, then the local ones of the same scenes.
        labels: integer (B, H, W) of trainIds; ignored pixels count in neither loss.
        factor: weight of the consistency.
        class_balance, totals: as in :func:`gltr_lib.losses.segmentation_loss`, of both views together.
        detach, total: as in :func:`gltr_lib.losses.consistency_loss`.

    Returns:
        (loss, parts): a scalar with gradient, and detached (2,): cross-entropy, consistency.

    Raises:
        TypeError, ValueError: as the two losses do.

    Example:
        >>> logits = torch.zeros(2, 4, 2, 2)
        >>> loss, parts = two_view_loss(logits, torch.zeros(1, 2, 2, dtype=torch.long), 1.0)
        >>> [round(value, 4) for value in parts.tolist()]  # log 4; two equal views
        [1.3863, 0.0]
    """
    target, weight, norm = scored_pixels(
        logits, labels.repeat(2, 1, 1), class_balance=class_balance, ignore_index=IGNORE, totals=totals
    )
    scored = target != IGNORE
    target = torch.where(scored, target, 0)
    weights = (scored if weight is None else weight[target] * scored).float() / norm
    pairs = scored[: len(labels)].float()
    pairs /= (pairs.sum() if total is None else total).clamp(min=1)
    rows = logits.float().permute(0, 2, 3, 1).flatten(0, 2)  # one pixel a row, no copy for channels-last logits
    return _TwoViewLoss.apply(  # type: ignore[no-untyped-call, no-any-return]
        rows, target.flatten(), weights.flatten(), pairs.flatten(), factor, _STILL[detach]
    )


class _TwoViewLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, rows: Tensor, target: Tensor, weights: Tensor, pairs: Tensor, factor: float, still: int | None
    ) -> tuple[Tensor, Tensor]:
        gradient = torch.empty_like(rows) if ctx.needs_input_grad[0] else None
        # In float64: many partial sums are added up one after the other.
        entropy, distance = (torch.zeros((), dtype=torch.float64) for _ in range(2))
        for start in range(0, len(pairs), RUN):
            run = slice(start, min(start + RUN, len(pairs)))
            halves = (run, slice(run.start + len(pairs), run.stop + len(pairs)))
            probabilities = []
            for half in halves:
                logs = rows[half].log_softmax(1)
                entropy -= torch.dot(logs.gather(1, target[half, None])[:, 0], weights[half])
                probabilities.append(logs.exp_())
            apart = probabilities[0] - probabilities[1]
            distance += torch.dot(apart.square().sum(1), pairs[run])
            if gradient is None:
                continue
            apart *= (2 * factor * pairs[run])[:, None]
            for number, (half, p) in enumerate(zip(halves, probabilities, strict=True)):
                out, scale = gradient[half], weights[half, None]
                if number == still:
                    torch.mul(p, scale, out=out)
                else:
                    pull = p * (apart if number == 0 else -apart)
                    torch.addcmul(pull, p, scale - pull.sum(1, keepdim=True), out=out)
                out.scatter_add_(1, target[half, None], -weights[half, None])
        ctx.save_for_backward(gradient)
        parts = torch.stack([entropy, distance]).float()
        ctx.mark_non_differentiable(parts)
        return (entropy + factor * distance).float(), parts

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, upstream: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        # The loss of a step comes with a factor of 1: no copy then.
        return (gradient if upstream.item() == 1 else gradient * upstream), None, None, None, None, None
