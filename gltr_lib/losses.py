"""The losses of a training step: segmentation on both branches, consistency (CGL) between them.

Total loss (design of this course; the paper's own formula for CGL was not available to us):
``CE(f(x_global)) + CE(f(x_local)) + lambda * CGL``. The library's own training step divides all of it by the number of
views, so that methods with one view and with two compare. Shapes: logits (B, C, H, W), labels (B, H, W).

Both are means over pixels. Where a batch is spread over processes, or goes through the network in parts, a mean of
means would weigh a pixel by how many ignored ones happen to lie in its part: there, the losses take the totals of the
whole batch (:func:`class_totals`, summed over the parts), and the parts' losses *add up* to that of the whole.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from gltr_lib._typed import strictly_typed, typed
from gltr_lib._validate import WIDE_UNSIGNED, check_choice, check_labels, describe

Kind = Literal["mse", "kl", "js"]
Detach = Literal["global", "local"] | None


@strictly_typed
def class_totals(labels: Tensor, num_classes: int, *, ignore_index: int = 255) -> Tensor:
    """Count what the mean of a loss is taken over.

    Args:
        labels: integer tensor (B, H, W) of trainIds.
        num_classes: C.
        ignore_index: the label that is not scored.

    Returns:
        int64 tensor (C+1,): pixels of each class, then all pixels, ignored ones included. Totals of parts add up.

    Example:
        >>> class_totals(torch.tensor([[[0, 1, 1, 255]]]), 2).tolist()
        [1, 2, 4]
    """
    if labels.is_floating_point() or labels.is_complex() or labels.layout is not torch.strided:
        raise TypeError(f"labels: expected integer trainIds (B,H,W), received {describe(labels)}")
    if not 1 <= num_classes <= 65_536:
        raise ValueError(f"num_classes: expected 1 to 65,536, received {num_classes}")
    if not labels.is_cuda:  # as below
        check_labels(labels.reshape(1, 1, -1), num_classes, ignore_index=ignore_index)
    if labels.dtype in WIDE_UNSIGNED:
        labels = labels.long()
    if labels.is_cuda:  # bincount reads the largest label there, and so waits for the device at each step
        return _counted_apart(labels, num_classes, ignore_index)
    # Ignored pixels are counted in a bin of their own.
    bins = torch.where(labels == ignore_index, num_classes, labels).flatten()
    counts = torch.bincount(bins, minlength=num_classes + 1)
    counts[num_classes] = labels.numel()
    return counts


def _counted_apart(labels: Tensor, num_classes: int, ignore_index: int) -> Tensor:
    """The totals class by class: nothing is read back, and the largest label decides no shape."""
    each = [(labels == c).sum() if c != ignore_index else labels.new_zeros((), dtype=torch.int64)
            for c in range(num_classes)]  # fmt: skip
    return torch.stack([*each, torch.full_like(each[0], labels.numel())])


@typed
def segmentation_loss(
    logits: Tensor,
    labels: Tensor,
    *,
    class_balance: bool = False,
    ignore_index: int = 255,
    totals: Tensor | None = None,
) -> Tensor:
    """Compute the pixel-wise cross-entropy, mean over the pixels that are not ignored.

    Args:
        logits: float tensor (B, C, H, W).
        labels: integer tensor (B, H, W) of trainIds; ``ignore_index`` is not scored.
        class_balance: weigh class c by ``1 - frequency of c`` in this batch (over all pixels, ignored ones
            included), as the official code's ``weight_loss`` does.
        ignore_index: the label that is not scored.
        totals: (C+1,) from :func:`class_totals`, of the larger batch that these pictures are a part of. The result is
            then this part's share in the loss of the whole; class weights are those of the whole.

    Returns:
        Scalar float32 tensor (float64 for float64 logits); 0 (with a gradient of 0) when every pixel is ignored, where
        PyTorch gives NaN.

    Raises:
        TypeError, ValueError: on shapes that do not fit or labels outside the classes.

    Example:
        >>> logits = torch.zeros(1, 4, 2, 2)
        >>> round(segmentation_loss(logits, torch.zeros(1, 2, 2, dtype=torch.long)).item(), 4)  # log 4
        1.3863
    """
    target, weight, norm = scored_pixels(
        logits, labels, class_balance=class_balance, ignore_index=ignore_index, totals=totals
    )
    # One pixel a row: PyTorch's softmax over rows is about twice as fast on a CPU as over a channel dimension, and the
    # gradient comes back channels-last, as the network's own layers want it.
    rows = _wide(logits).permute(0, 2, 3, 1).flatten(0, 2)
    total = F.cross_entropy(rows, target.flatten(), weight=weight, ignore_index=ignore_index, reduction="sum")
    return total / norm


def scored_pixels(
    logits: Tensor, labels: Tensor, *, class_balance: bool, ignore_index: int, totals: Tensor | None
) -> tuple[Tensor, Tensor | None, Tensor]:
    """Check logits and labels; return labels (int64), class weights (C,) or None, and what the sum is divided by.

    Arguments and errors: :func:`segmentation_loss`.
    """
    _check_logits(logits, "logits")
    if not logits.is_cuda:  # the check reads every label; on a GPU that would wait for the device at each step
        check_labels(labels, logits.shape[1], ignore_index=ignore_index)
    if labels.device != logits.device:
        raise ValueError(f"labels: expected on {logits.device} like the logits, received on {labels.device}; use to()")
    if labels.shape != (logits.shape[0], *logits.shape[2:]):
        raise ValueError(f"labels: expected (B,H,W) of the logits {describe(logits)}, received {describe(labels)}")
    if totals is not None and (totals.shape != (logits.shape[1] + 1,) or totals.layout is not torch.strided):
        raise ValueError(f"totals: expected ({logits.shape[1] + 1},) of class_totals, received {describe(totals)}")
    target = labels.long()
    kind = torch.promote_types(logits.dtype, torch.float32)
    weight = None
    if class_balance and totals is not None:
        weight = 1.0 - totals[:-1].to(kind) / totals[-1].clamp(min=1)
    elif class_balance:
        counts = torch.bincount(target[target != ignore_index].flatten(), minlength=logits.shape[1])
        weight = 1.0 - counts.to(kind) / max(target.numel(), 1)
    if totals is not None:
        norm = (totals[:-1] if weight is None else weight.double() * totals[:-1]).sum().to(kind)
    else:
        scored = target != ignore_index
        norm = scored.sum().to(kind) if weight is None else weight[target.clamp(0, logits.shape[1] - 1)][scored].sum()
    return target, weight, norm.clamp(min=1e-12)


@typed
def consistency_loss(
    logits_global: Tensor,
    logits_local: Tensor,
    *,
    kind: Kind = "mse",
    valid: Tensor | None = None,
    detach: Detach = None,
    total: Tensor | float | None = None,
) -> Tensor:
    """Pull the predictions for the globally and the locally randomised picture together (CGL).

    Both branches show one scene, so both predictions should say the same. The distance is taken between the
    softmax probabilities, summed over classes, mean over valid pixels.

    Args:
        logits_global: float tensor (B, C, H, W), prediction for x_global.
        logits_local: like ``logits_global``, for x_local.
        kind: "mse" squared difference, at most 2; "kl" ``KL(target || other)`` with the detached branch as target
            (global if ``detach`` is None); "js" Jensen-Shannon divergence, symmetric, at most log 2.
        valid: bool tensor (B, H, W) of pixels that count; all by default.
        detach: the branch that is held still as a target ("global" or "local"), or None: gradients to both.
        total: valid pixels of the larger batch that these pictures are a part of; the result is then this part's
            share in the loss of the whole.

    Returns:
        Scalar float32 tensor (float64 for float64 logits) >= 0; 0 for equal logits and when no pixel is valid.

    Raises:
        TypeError, ValueError: on shapes that do not fit or an unknown kind.

    Source:
        Peng et al. 2021 name this loss CGL; its form, weight and gradient are not in the public code. This is ours.

    Example:
        >>> a = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
        >>> consistency_loss(a, a).item()
        0.0
    """
    _check_logits(logits_global, "logits_global")
    _check_logits(logits_local, "logits_local")
    if logits_global.shape != logits_local.shape:
        raise ValueError(
            f"consistency_loss: expected two predictions of one shape, received {describe(logits_global)}"
            f" and {describe(logits_local)}"
        )
    check_choice(kind, ("mse", "kl", "js"), "kind")
    if detach is not None:
        check_choice(detach, ("global", "local"), "detach")
    if logits_local.device != logits_global.device:
        raise ValueError(
            f"logits_local: expected on {logits_global.device} like logits_global, received on {logits_local.device}; "
            f"use to()"
        )
    if isinstance(total, Tensor) and (total.numel() != 1 or total.is_complex() or total.layout is not torch.strided):
        raise ValueError(f"total: expected one number of pixels, received {describe(total)}")
    a, b = _wide(logits_global), _wide(logits_local)
    if valid is not None:
        shape = (len(a), *a.shape[2:])
        if not isinstance(valid, Tensor) or valid.dtype != torch.bool or valid.shape != shape:
            raise ValueError(f"valid: expected a bool tensor {shape}, received {describe(valid)}; use labels != 255")
        if valid.device != a.device:
            raise ValueError(f"valid: expected on {a.device} like the logits, received on {valid.device}; use to()")
        # Before anything is computed: 0 * NaN is NaN, and a gradient would carry it on from a pixel that is left out.
        a, b = (logits.masked_fill(~valid[:, None], 0.0) for logits in (a, b))
    if detach == "global":
        a = a.detach()
    elif detach == "local":
        b = b.detach()
    if kind == "mse":
        per_pixel = (a.softmax(1) - b.softmax(1)).square().sum(1)
    elif kind == "kl":
        target, other = (b, a) if detach == "local" else (a, b)
        per_pixel = _kl(target.log_softmax(1), other.log_softmax(1))
    else:
        log_a, log_b = a.log_softmax(1), b.log_softmax(1)
        # Of two minus infinities (a class that both logits rule out) the sum has no gradient; exp(-1e4) is 0 as well.
        log_mean = torch.logaddexp(log_a.clamp(min=-1e4), log_b.clamp(min=-1e4)) - math.log(2.0)
        per_pixel = (0.5 * (_kl(log_a, log_mean) + _kl(log_b, log_mean))).clamp(min=0)
    # Rounding can leave a divergence of -1e-7 where the truth is 0.
    if valid is None:
        if total is None and per_pixel.numel():  # of no pixel at all the mean would be NaN
            return per_pixel.mean().clamp(min=0)
        return per_pixel.sum().clamp(min=0) / _at_least_one(0 if total is None else total)
    scored = torch.where(valid, per_pixel, 0.0).sum().clamp(min=0)
    return scored / _at_least_one(valid.sum() if total is None else total)


def _wide(logits: Tensor) -> Tensor:
    """Half precision goes up to float32; float64 stays."""
    return logits if logits.dtype == torch.float64 else logits.float()


def _at_least_one(count: Tensor | float) -> Tensor | float:
    return count.clamp(min=1) if isinstance(count, Tensor) else max(count, 1)


def _kl(log_p: Tensor, log_q: Tensor) -> Tensor:
    p = log_p.exp()
    gap = torch.where(p > 0, log_p - log_q, 0.0)  # 0 * log 0 is 0, as in SciPy's rel_entr; a product would give NaN
    return (p * gap).sum(1)


def _check_logits(logits: object, name: str) -> None:
    if not isinstance(logits, Tensor) or not logits.is_floating_point():
        raise TypeError(f"{name}: expected a float tensor (B,C,H,W), received {describe(logits)}")
    if logits.ndim != 4 or logits.layout is not torch.strided:
        raise ValueError(f"{name}: expected shape (B,C,H,W), received {describe(logits)}")
