"""``gltr bench``: how fast the hot paths are against what people would write otherwise, on this machine, in one run.

Ratios travel between machines, milliseconds do not; both are printed. Each pair is timed in turns (ours, theirs, ours,
...) after a warm-up, and the medians are compared, so that a busy machine disturbs both alike.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

PROMISES = {"blob_mask": 20.0, "label_ids": 20.0, "metrics": 3.0}


def compare(ours: Callable[[], Any], theirs: Callable[[], Any], repeat: int = 5) -> tuple[float, float]:
    """Median seconds of two functions, timed in turns after one call of each.

    Args:
        ours: the first.
        theirs: the second.
        repeat: timed calls of each.

    Returns:
        (seconds of ours, seconds of theirs).
    """
    if repeat < 1:
        raise ValueError(f"repeat: expected at least 1, received {repeat}")
    ours(), theirs()
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(repeat):
        for which, function in enumerate((ours, theirs)):
            started = time.perf_counter()
            function()
            times[which].append(time.perf_counter() - started)
    return statistics.median(times[0]), statistics.median(times[1])


def official_mask(height: int, width: int, share: float, generator: np.random.Generator) -> np.ndarray:
    """The released code's formula with SciPy: Gaussian-filtered noise over a threshold (1 = raw there).

    Raises:
        ModuleNotFoundError: SciPy is not installed.
    """
    from scipy.ndimage import gaussian_filter
    from scipy.special import erfinv

    sigma = np.exp(generator.uniform(np.log(4), np.log(16)))
    smooth = gaussian_filter(generator.normal(size=(height, width)), sigma)
    threshold = erfinv(2 * share - 1) * np.sqrt(2) * smooth.std() + smooth.mean()
    return (smooth > threshold).astype(float)


def bench(repeat: int = 5, *, small: bool = False) -> dict[str, Any]:
    """Time the hot paths.

    Args:
        repeat: timed calls of each function.
        small: pictures of 64x64, to see that it runs (the ratios then mean little).

    Returns:
        ``{"device", "threads", "rows": [{"name", "against", "ours_ms", "theirs_ms", "ratio", "promised"}]}``.
    """
    from gltr_lib.ledger import device_name

    rows = [_mask_row(repeat, small), _label_row(repeat, small), _metric_row(repeat, small)]
    return {
        "device": device_name("cpu"),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "small": small,
        "rows": [row for row in rows if row is not None],
    }


def render(result: dict[str, Any]) -> str:
    """The timings for people."""
    lines = [f"{result['device']}, torch {result['torch']}"]
    for row in result["rows"]:
        lines.append(
            f"  {row['name']:<10} {row['ours_ms']:9.2f} ms   {row['against']}: {row['theirs_ms']:9.2f} ms   "
            f"{row['ratio']:>6g}x (promised {row['promised']:g}x)"
        )
    return "\n".join(lines)


def _row(name: str, against: str, ours: float, theirs: float) -> dict[str, Any]:
    return {
        "name": name,
        "against": against,
        "ours_ms": round(1e3 * ours, 3),
        "theirs_ms": round(1e3 * theirs, 3),
        "ratio": float(f"{theirs / ours:.3g}"),  # three significant digits: a small ratio is small, not 0
        "promised": PROMISES[name],
    }


def _mask_row(repeat: int, small: bool) -> dict[str, Any] | None:
    from gltr_lib.masks import blob_mask

    batch, side = 8, 64 if small else 640
    noise, draws = torch.Generator().manual_seed(0), np.random.default_rng(0)
    try:
        official_mask(8, 8, 0.5, draws)
    except ModuleNotFoundError:
        return None
    ours, theirs = compare(
        lambda: blob_mask(batch, side, side, generator=noise), lambda: official_mask(side, side, 0.5, draws), repeat
    )
    return _row("blob_mask", f"official formula with SciPy, one mask of {side}x{side}", ours / batch, theirs)


def _label_row(repeat: int, small: bool) -> dict[str, Any]:
    from gltr_lib.labels import LABEL_ID_TO_TRAIN_ID, map_ids

    shape = (64, 64) if small else (1052, 1914)
    ids = np.random.default_rng(0).integers(0, 35, shape).astype(np.uint8)

    def loop() -> np.ndarray:  # one pass over the picture for each id, as the released loaders do
        out = np.full(ids.shape, 255, np.uint8)
        for value in range(35):
            out[ids == value] = LABEL_ID_TO_TRAIN_ID[value]
        return out

    ours, theirs = compare(lambda: map_ids(ids, LABEL_ID_TO_TRAIN_ID), loop, repeat)
    return _row("label_ids", f"loop of 35 passes, {shape[1]}x{shape[0]}", ours, theirs)


def _metric_row(repeat: int, small: bool) -> dict[str, Any]:
    from gltr_lib.metrics import ConfusionMatrix

    shape = (64, 64) if small else (1024, 2048)
    draws = np.random.default_rng(0)
    truth, guess = (draws.integers(0, 19, shape).astype(np.uint8) for _ in range(2))
    truth_tensor, guess_tensor = torch.from_numpy(truth), torch.from_numpy(guess)
    matrix = ConfusionMatrix(19)

    def reference() -> np.ndarray:  # the usual NumPy snippet
        keep = (truth >= 0) & (truth < 19)
        pairs = 19 * truth[keep].astype(int) + guess[keep]
        return np.bincount(pairs, minlength=361).reshape(19, 19)

    ours, theirs = compare(lambda: matrix.update(guess_tensor, truth_tensor), reference, repeat)
    return _row("metrics", f"NumPy confusion matrix, {shape[1]}x{shape[0]}", ours, theirs)
