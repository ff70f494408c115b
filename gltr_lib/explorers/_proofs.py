"""Do the labels still fit the picture? Two measurements and two drawings, for the augmentation composer.

Neither is told how the picture was made: :func:`contradictions` moves the classes by another way than the labels went,
and :func:`fit_curve` looks at edges and contours alone.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gltr_lib.explorers._canvas import Box, Canvas
from gltr_lib.labels import IGNORE
from gltr_lib.views import Geometry, apply_geometry
from gltr_lib.viz import COLOURS, LINE, MUTED, PAPER

SHIFTS = tuple(range(-10, 11))


def contradictions(labels: Tensor, moved: Tensor, geometry: Geometry) -> int:
    """Count labels that disagree with how the picture was moved, by a way of its own.

    Each class is moved as a *picture*: a map of 0 and 1, bilinear. The nearest pixel has at least a quarter of the
    bilinear weight, so wherever a label says c, the picture of c must be at least 1/4.

    Args:
        labels: (1, H, W) before. moved: (1, h, w) after. geometry: what moved them.

    Returns:
        Number of contradicting pixels; 0 where labels and picture went the same way.
    """
    size = (int(moved.shape[-2]), int(moved.shape[-1]))
    classes = [c for c in moved.unique().tolist() if c != IGNORE]
    if not classes:
        return 0
    pictures = torch.stack([labels == c for c in classes], dim=1).float()
    weights, _ = apply_geometry(pictures, labels, geometry, size)
    said = torch.stack([moved == c for c in classes], dim=1)
    return int((said & (weights < 0.25 - 1e-3)).sum())


def fit_curve(picture: Tensor, labels: Tensor) -> np.ndarray:
    """How much stronger edges are under the labels' contours than elsewhere, for every shift of the labels.

    Args:
        picture: float (3, H, W). labels: (H, W).

    Returns:
        float (len(SHIFTS),): mean change across contours by the mean change elsewhere; 1 = no relation.
    """
    margin = SHIFTS[-1]
    edge = (picture[:, :, 1:] - picture[:, :, :-1]).abs().mean(dim=0)
    contour = labels[:, 1:] != labels[:, :-1]
    known = (labels[:, 1:] != IGNORE) & (labels[:, :-1] != IGNORE)
    inside = edge[:, margin:-margin]
    out = []
    for shift in SHIFTS:
        at, valid = (t.roll(shift, 1)[:, margin:-margin] for t in (contour, known))
        across, elsewhere = inside[at & valid], inside[~at & valid]
        both = len(across) > 0 and len(elsewhere) > 0
        out.append((across.mean() / elsewhere.mean().clamp(min=1e-6)).item() if both else 1.0)
    return np.array(out)


def contours(picture: Tensor, labels: Tensor) -> np.ndarray:
    """The picture, twice as large, with the borders between classes in white beside black.

    Args:
        picture: float (3, H, W). labels: (H, W).

    Returns:
        uint8 (2H, 2W, 3).
    """
    large = F.interpolate(picture[None], scale_factor=2, mode="bilinear", align_corners=False)[0].clamp(0, 1)
    drawn = (large.permute(1, 2, 0).numpy() * 255 + 0.5).astype(np.uint8)
    classes = labels.numpy().repeat(2, axis=0).repeat(2, axis=1)
    for rows, columns, colour in ((0, 0, 255), (1, 1, 0)):
        right, below = classes[:, 1:] != classes[:, :-1], classes[1:] != classes[:-1]
        drawn[:, columns : classes.shape[1] - 1 + columns][right] = colour
        drawn[rows : classes.shape[0] - 1 + rows][below] = colour
    return drawn


def fit_chart(canvas: Canvas, box: Box, curves: Mapping[str, np.ndarray]) -> None:
    """Draw :func:`fit_curve` of one or two pictures, a dot at each one's peak."""
    x, y, wide, high = box
    canvas.text(x, y - 23, "Do labels and picture fit? Edges under")
    canvas.text(x, y - 7, "contours, by edges elsewhere")
    top = max(2.0, *(float(values.max()) for values in curves.values())) * 1.7  # room for the legend above the peak
    left, room = x + 22, wide - 30
    for tick in range(0, int(top) + 1, max(1, int(top) // 3)):
        level = y + high * (1 - tick / top)
        canvas.draw.line((left, level, left + room, level), fill=MUTED if tick == 0 else LINE)
        canvas.text(left - 5, level, str(tick), size=11, colour=MUTED, anchor="rm")
    for (name, values), colour, shape in zip(curves.items(), ("#7d8790", COLOURS[0]), ("line", "dot"), strict=True):
        points = [
            (left + room * i / (len(SHIFTS) - 1), y + high * (1 - float(value) / top)) for i, value in enumerate(values)
        ]
        canvas.draw.line([c for point in points for c in point], fill=colour, width=2, joint="curve")
        px, py = points[int(values.argmax())]
        r = 5
        canvas.draw.ellipse((px - r, py - r, px + r, py + r), fill=colour, outline=PAPER)
        words = f"{name}: best at {SHIFTS[int(values.argmax())]:+d} px".replace("-", "−").replace("+0", "0")
        row = 0 if shape == "line" else 1
        canvas.draw.rectangle((left + 4, y + 4 + 15 * row, left + 14, y + 10 + 15 * row), fill=colour)
        canvas.text(left + 19, y + 12 + 15 * row, words, size=11, colour=MUTED)
    for i in (0, len(SHIFTS) // 2, len(SHIFTS) - 1):
        at = left + room * i / (len(SHIFTS) - 1)
        canvas.text(at, y + high + 14, str(SHIFTS[i]).replace("-", "−"), size=11, colour=MUTED, anchor="ms")
    canvas.text(left + room / 4, y + high + 14, "shift (px)", size=11, colour=MUTED, anchor="ms")
