"""What a user hands us, checked once at the door.

Every public function that takes images or labels calls these, so that the same mistake gets the same sentence:
what was received, what was expected and what to do about it (ValueError or TypeError, never ``assert``).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from gltr_lib._checks import check_choice, check_share
from gltr_lib._typed import describe

__all__ = [
    "check_batch", "check_choice", "check_device", "check_images", "check_labels", "check_range", "check_share",
    "describe", "is_traced",
]  # fmt: skip

#: Integers that torch stores, but can hardly compute with.
WIDE_UNSIGNED = (torch.uint16, torch.uint32, torch.uint64)


def check_images(images: Any, name: str = "images") -> Tensor:
    """Check a batch of images and return it.

    Args:
        images: float tensor (B, 3, H, W) in [0, 1], RGB; H, W >= 1.
        name: the argument's name in the message.

    Raises:
        TypeError: not a floating-point tensor.
        ValueError: wrong rank or channels, an empty dimension; on the CPU also NaN, infinity or values outside [0, 1].

    Example:
        >>> check_images(torch.rand(2, 3, 4, 4)).shape
        torch.Size([2, 3, 4, 4])
    """
    check_batch(images, name)
    if 0 in images.shape:
        raise ValueError(f"{name}: expected at least one image and one pixel, received {describe(images)}")
    if images.is_meta or images.layout is not torch.strided:
        raise ValueError(f"{name}: expected pixels, received a sparse or meta {describe(images)}; use to_dense() first")
    check_range(images, name)
    return images


def check_range(images: Tensor, name: str = "images") -> None:
    """Check that floats lie in [0, 1], where looking does not make a GPU wait.

    Args:
        images: floating-point tensor with at least one value.
        name: the argument's name in the message.

    Raises:
        ValueError: on the CPU, NaN, infinity or values outside [0, 1].

    Example:
        >>> check_range(torch.tensor([0.0, 200.0]))
        Traceback (most recent call last):
        ...
        ValueError: images: expected finite values in [0,1], received [0, 200]; divide by 255 first
    """
    if images.is_cuda or is_traced(images):
        return  # reading the values would make a training loop wait for the GPU at every call
    # One pass for both ends: NaN makes aminmax NaN, and every comparison with NaN is false.
    low, high = (v.item() for v in torch.aminmax(images.detach()))
    if not (low >= 0.0 and high <= 1.0):
        raise ValueError(f"{name}: expected finite values in [0,1], received {_range_and_remedy(low, high)}")


def check_batch(images: Any, name: str = "images") -> Tensor:
    """Check that something is a batch of pictures, without reading a pixel, and return it: what networks can afford.

    Raises:
        TypeError: not a floating-point tensor. ValueError: wrong rank or channels, or pictures without a pixel.

    Example:
        >>> check_batch(torch.rand(3, 4, 4))
        Traceback (most recent call last):
        ...
        ValueError: images: expected shape (B,3,H,W), received tensor(3, 4, 4) float32; add the batch dimension with ...
    """
    if not isinstance(images, Tensor):
        raise TypeError(
            f"{name}: expected a float tensor (B,3,H,W) in [0,1], received {describe(images)};"
            " for a picture from NumPy use torch.from_numpy(picture).permute(2,0,1)[None].float()/255"
        )
    if not images.is_floating_point():
        raise TypeError(f"{name}: expected floats in [0,1], received {describe(images)}; divide uint8 by 255 first")
    if images.ndim != 4 or images.shape[1] != 3:
        hint = "; add the batch dimension with images[None]" if images.ndim == 3 else ""
        raise ValueError(f"{name}: expected shape (B,3,H,W), received {describe(images)}{hint}")
    if 0 in images.shape[2:]:
        raise ValueError(f"{name}: expected at least one pixel, received {describe(images)}")
    return images


def _range_and_remedy(low: float, high: float) -> str:
    """What was found instead of [0, 1], and the likeliest way back: each of these mistakes has its own look."""
    if not (abs(low) < 1e30 and abs(high) < 1e30):
        return "NaN or infinite values; check how the pictures were read or computed"
    digits = 8 if 1 < high < 1.001 else 4  # where rounding went over the edge, four would say 1
    found = f"[{low:.{digits}g}, {high:.{digits}g}]"
    if low < -0.1:  # resizing with a bicubic filter overshoots by less
        return f"{found}; call this before normalising with a mean and std, not after"
    return f"{found}; divide by 255 first" if high > 2 else f"{found}; clamp to [0,1] first"


def check_labels(labels: Any, num_classes: int, *, ignore_index: int = 255) -> Tensor:
    """Check a batch of label maps and return it.

    Args:
        labels: integer tensor (B, H, W) with trainIds in [0, num_classes) or ``ignore_index``.
        num_classes: number of classes.
        ignore_index: the label that is not scored.

    Raises:
        TypeError: not an integer tensor.
        ValueError: wrong rank, or ids outside the table (they are listed).

    Example:
        >>> check_labels(torch.tensor([[[0, 18, 255]]]), 19).shape
        torch.Size([1, 1, 3])
    """
    if not isinstance(labels, Tensor):
        raise TypeError(f"labels: expected an integer tensor (B,H,W), received {describe(labels)}")
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise TypeError(f"labels: expected integer trainIds, received {describe(labels)}; use labels.long()")
    if labels.ndim != 3:
        raise ValueError(f"labels: expected shape (B,H,W), received {describe(labels)}")
    if labels.numel() and not is_traced(labels):
        values = labels if _compares(labels.dtype, num_classes, ignore_index) else labels.long()
        bad = (values != ignore_index) & ((values < 0) | (values >= num_classes))
        if bool(bad.any()):
            ids = torch.unique(values[bad])[:10].tolist()
            raise ValueError(
                f"labels: expected trainIds 0..{num_classes - 1} or {ignore_index} (ignore), found {ids};"
                " map dataset ids with gltr_lib.labels.map_ids first"
            )
    return labels


def _compares(kind: torch.dtype, *limits: int) -> bool:
    """Whether a tensor of integers can be compared with these: one of 8 bits takes 255 for -1, uint16 compares not."""
    whole = torch.iinfo(kind)
    return kind not in WIDE_UNSIGNED and all(whole.min <= limit <= whole.max for limit in limits)


def is_traced(tensor: Tensor) -> bool:
    """Whether ``torch.func``, forward differentiation or ``torch.compile`` is looking on.

    A value cannot be asked for then, and nothing may be written into memory that was made beforehand.

    Example:
        >>> is_traced(torch.ones(2)), bool(torch.func.vmap(lambda x: x + is_traced(x))(torch.zeros(2)).all())
        (False, True)
    """
    # The level is -1 outside of dual_level(); unpack_dual() would say the same, after loading torch.jit.
    return (
        torch.compiler.is_compiling()
        or torch.func.debug_unwrap(tensor) is not tensor
        or getattr(forward_ad, "_current_level", -1) >= 0
    )


def check_device(device: Any) -> torch.device:
    """Return a device of this machine, or raise a ValueError that names it.

    Example:
        >>> check_device("cpu")
        device(type='cpu')
    """
    try:
        chosen = torch.device(device)
    except (RuntimeError, TypeError, ValueError, OverflowError):
        shown = repr(device[:40]) if isinstance(device, str) else describe(device)
        raise ValueError(f'unknown device {shown}; expected "cpu", "cuda", "cuda:<n>" or "mps"') from None
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device {device!r} is not on this machine ({torch.cuda.device_count()} CUDA devices found)")
    if chosen.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError('device "mps" is not on this machine; use "cpu"')
    return chosen
