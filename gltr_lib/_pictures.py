"""Pictures as uint8 arrays: any picture, class colours over it, right and wrong pixels; see :mod:`gltr_lib.viz`."""

from __future__ import annotations

from typing import Any

import numpy as np

from gltr_lib import labels as _labels
from gltr_lib._typed import typed
from gltr_lib._validate import check_share, describe

RIGHT, WRONG = "#b9d7ec", "#c8500a"  # error maps: light blue, dark orange


def as_picture(thing: Any) -> np.ndarray:
    """Return any picture as uint8 (H, W, 3).

    Args:
        thing: uint8 or float in [0,1], NumPy or torch: (H,W), (H,W,3), (H,W,1), (3,H,W), (1,H,W); a batch
            (B,3,H,W) or (B,1,H,W) becomes one strip; bool is drawn black and white.

    Raises:
        ValueError: another shape, or float values outside [0,1].

    Example:
        >>> as_picture(np.zeros((2, 3))).shape
        (2, 3, 3)
    """
    array = _array(thing, "picture")
    if array.ndim == 4 and array.shape[0] > 0:
        strip = [as_picture(item) for item in array]
        gap = np.full((strip[0].shape[0], max(2, strip[0].shape[1] // 40), 3), 255, dtype=np.uint8)
        return np.concatenate([part for item in strip for part in (item, gap)][:-1], axis=1)
    if array.ndim == 3 and array.shape[2] not in (1, 3) and array.shape[0] in (1, 3):
        array = array.transpose(1, 2, 0)
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3) or 0 in array.shape:
        raise ValueError(f"picture: expected (H,W), (H,W,3), (3,H,W) or (B,3,H,W), received {describe(thing)}")
    if array.dtype.kind not in "buif":
        raise ValueError(f"picture: expected numbers, received {describe(thing)}")
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    elif array.dtype != np.uint8:
        if not np.isfinite(array).all() or array.min() < -1e-3 or array.max() > 1 + 1e-3:
            raise ValueError(
                f"picture: expected uint8, or floats in [0,1], received {describe(thing)} with values from"
                f" {array.min():.3g} to {array.max():.3g}; scale it first"
            )
        array = (array.astype(np.float64).clip(0, 1) * 255 + 0.5).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(array, 3, axis=2) if array.shape[2] == 1 else array)


def _array(thing: Any, name: str) -> np.ndarray:
    try:
        return np.asarray(thing.detach().to("cpu") if hasattr(thing, "detach") else thing)
    except (TypeError, ValueError, RuntimeError, NotImplementedError):
        raise TypeError(f"{name}: expected an array, received {describe(thing)}") from None


def as_label_map(thing: Any) -> np.ndarray:
    array = _array(thing, "labels")
    if array.ndim == 3 and array.shape[0] == 1:
        array = array[0]
    if array.ndim != 2 or array.dtype.kind not in "iu":
        raise ValueError(f"labels: expected integers (H,W), received {describe(thing)}")
    return array.astype(np.uint8)


@typed
def overlay(image: Any, labels: Any, alpha: float = 0.55, palette: str = "safe") -> np.ndarray:
    """Lay class colours over a picture, with a thin dark line where classes meet; ignored pixels stay as they are.

    Args:
        image: any picture. labels: integers (H,W) of trainIds. alpha: 0 picture only, 1 colours only.
        palette: "safe" or "cityscapes".

    Returns:
        uint8 array (H, W, 3).
    """
    picture, classes, alpha = as_picture(image), as_label_map(labels), check_share(alpha, "alpha")
    if picture.shape[:2] != classes.shape:
        raise ValueError(f"overlay: image is {picture.shape[:2]}, labels are {classes.shape}; they must agree")
    mixed = (1 - alpha) * picture + alpha * _labels.colourize(classes, palette)
    edge = np.zeros(classes.shape, dtype=bool)
    edge[:, 1:] |= classes[:, 1:] != classes[:, :-1]
    edge[1:] |= classes[1:] != classes[:-1]
    mixed[edge] *= 1 - 0.45 * alpha
    keep = (classes == _labels.IGNORE) | (alpha == 0)
    return np.where(keep[:, :, None], picture, (mixed + 0.5).astype(np.uint8))


def error_map(prediction: Any, target: Any, image: Any | None = None) -> np.ndarray:
    """Colour each pixel: right light blue, wrong dark orange, without a label grey; over the picture's grey if given.

    Args:
        prediction, target: integers (H,W); 255 in the target is not scored. image: any picture, optional.

    Returns:
        uint8 array (H, W, 3).
    """
    guess, truth = as_label_map(prediction), as_label_map(target)
    if guess.shape != truth.shape:
        raise ValueError(f"error_map: prediction is {guess.shape}, target is {truth.shape}; they must agree")
    hexes = {name: np.array(list(bytes.fromhex(c[1:])), float) for name, c in (("r", RIGHT), ("w", WRONG))}
    colour = np.where((guess == truth)[:, :, None], hexes["r"], hexes["w"])
    colour[truth == _labels.IGNORE] = 225
    if image is not None:
        picture = as_picture(image)
        if picture.shape[:2] != truth.shape:
            raise ValueError(f"error_map: image is {picture.shape[:2]}, target is {truth.shape}; they must agree")
        grey = picture.mean(2, keepdims=True) / 255
        colour = colour * (0.62 + 0.38 * grey)
    return (colour + 0.5).astype(np.uint8)
