"""What happens to a picture whatever the method: zoom, crop and mirror with its labels, then light and blur.

*Geometry* is the same for every view of a picture, so that labels and the consistency between views stay pixel-exact;
*photometry* is drawn anew for every view. Numbers are drawn on the generator's device (a CPU generator gives the same
augmentation on every machine), pixels are moved on the images' device; :mod:`.views` offers all of this.

Source: the blur (half of the images, radius U(0,1)) is that of the official GTR-LTR code; zoom and jitter are the usual
ones of segmentation training.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gltr_lib._draws import Generators, onto, uniform
from gltr_lib.labels import IGNORE

_LUMA = (0.299, 0.587, 0.114)
_BLUR_REACH = 3  # a Gaussian of radius at most 1 has nothing left beyond three pixels


@dataclass(frozen=True)
class Geometry:
    """Where each crop lies in its picture; float tensors (B,), ``mirror`` bool (B,).

    Attributes:
        top: upper edge of the window, in source pixels; negative when the window is larger than the picture.
        left: left edge of the window.
        zoom: output pixels per source pixel.
        mirror: whether the crop is mirrored left to right.
    """

    top: Tensor
    left: Tensor
    zoom: Tensor
    mirror: Tensor


def draw_geometry(
    batch: int,
    size: tuple[int, int],
    crop: tuple[int, int],
    *,
    scale: tuple[float, float] = (0.75, 1.5),
    flip: bool = True,
    generator: Generators = None,
) -> Geometry:
    """Draw a zoom, a place and a mirroring for each picture of a batch.

    Args:
        batch: number of pictures.
        size: (height, width) of the source pictures.
        crop: (height, width) of the result.
        scale: range of the zoom, log-uniform; (1, 1) crops without zooming, at a place between pixels where the crop
            is smaller than the picture (whose corners are not rounded).
        flip: mirror half of the pictures.
        generator: source of randomness; a sequence holds one for each picture.

    Returns:
        A Geometry on the generator's device.

    Example:
        >>> draw_geometry(2, (8, 16), (8, 16), scale=(1, 1), flip=False).left.tolist()
        [0.0, 0.0]
    """
    u = uniform(batch, generator, rows=4)
    low, high = scale
    zoom = low * (high / low) ** u[0]
    # The window covers crop/zoom source pixels. What is left over (negative for a window that is larger than the
    # picture) is the room in which its corner moves.
    top = u[1] * (size[0] - crop[0] / zoom)
    left = u[2] * (size[1] - crop[1] / zoom)
    mirror = u[3] < (0.5 if flip else 0.0)
    return Geometry(top, left, zoom, mirror)


def apply_geometry(images: Tensor, labels: Tensor, geometry: Geometry, crop: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Cut the windows of a geometry out of pictures and label maps, pixel for pixel alike.

    Outside the picture the image is mirrored, which keeps its channel statistics (AdaIN reads them) those of a street,
    and the label is 255, so that nothing is learned there.

    Args:
        images: uint8 or float tensor (B,3,H,W); uint8 is divided by 255. Floats lie in [0, 1], and are cut to it.
        labels: integer tensor (B,H,W).
        geometry: from :func:`draw_geometry`.
        crop: (height, width) of the result.

    Returns:
        (images float (B,3,h,w), labels int64 (B,h,w)); images bilinear and of the type they had, labels nearest.

    Example:
        >>> still = draw_geometry(1, (4, 6), (4, 6), scale=(1, 1), flip=False)
        >>> image, label = apply_geometry(torch.rand(1, 3, 4, 6), torch.ones(1, 4, 6, dtype=torch.long), still, (4, 6))
        >>> label.unique().tolist()
        [1]
    """
    height, width = labels.shape[-2:]
    device = images.device
    top, left, zoom, mirror = (onto(t, device) for t in (geometry.top, geometry.left, geometry.zoom, geometry.mirror))
    rows = (torch.arange(crop[0], device=device) + 0.5) / zoom[:, None] + top[:, None]
    columns = (torch.arange(crop[1], device=device) + 0.5) / zoom[:, None] + left[:, None]
    columns = torch.where(mirror[:, None], columns.flip(1), columns)

    pixels = images.float() / 255 if images.dtype == torch.uint8 else images
    shape = (len(images), *crop)
    grid = torch.stack(
        [
            (columns * (2 / width) - 1)[:, None, :].expand(shape),
            (rows * (2 / height) - 1)[:, :, None].expand(shape),
        ],
        dim=-1,
    )
    # In single precision at least: half knows no place in a picture of 2000 columns to less than half a pixel, and the
    # labels, which are picked exactly, would not fit.
    wide = torch.promote_types(pixels.dtype, torch.float32)
    moved = F.grid_sample(pixels.to(wide), grid.to(wide), padding_mode="reflection", align_corners=False)

    row, column = rows.floor().long(), columns.floor().long()
    inside = ((row >= 0) & (row < height))[:, :, None] & ((column >= 0) & (column < width))[:, None, :]
    index = torch.arange(len(images), device=device)[:, None, None]
    picked = labels[index, row.clamp(0, height - 1)[:, :, None], column.clamp(0, width - 1)[:, None, :]].long()
    # Rounding may leave 1.0000001 behind; every view downstream promises [0, 1].
    return moved.clamp_(0, 1).to(pixels.dtype), torch.where(inside, picked, IGNORE)


def photometric(images: Tensor, *, jitter: float = 0.2, blur: float = 0.5, generator: Generators = None) -> Tensor:
    """Change brightness, contrast, saturation and sharpness of each picture a little, each by its own draw.

    Brightness, contrast and saturation are affine in the colours, so all three are one 3x3 matrix and one offset for
    each picture: a single pass over the pixels.

    Args:
        images: float tensor (B,3,H,W) in [0, 1].
        jitter: factors are drawn from [1-jitter, 1+jitter]; 0 leaves colours alone.
        blur: probability of a Gaussian blur of radius U(0,1).
        generator: source of randomness; a sequence holds one for each picture.

    Returns:
        Tensor like ``images``, in [0, 1].

    Example:
        >>> photometric(torch.full((1, 3, 8, 8), 0.5), jitter=0.0, blur=0.0).unique().tolist()
        [0.5]
    """
    batch, device = len(images), images.device
    draws = uniform(batch, generator, rows=5)
    out = images
    if jitter > 0:
        brightness, contrast, saturation = onto(1 + jitter * (2 * draws[:3] - 1), device).to(images.dtype).unbind(0)
        luma, eye = images.new_tensor(_LUMA), torch.eye(3, device=device, dtype=images.dtype)
        with torch.autocast(device.type, enabled=False):  # it would make the product, and with it the view, half
            gray = images.mean(dim=(2, 3)) @ luma
            colour = saturation[:, None, None] * eye + (1 - saturation)[:, None, None] * luma.expand(3, 3)
            matrix = (brightness * contrast)[:, None, None] * colour
            offset = (brightness * (1 - contrast) * gray)[:, None, None].expand(batch, 3, 1)
            out = torch.baddbmm(offset, matrix, images.flatten(2)).view_as(images).clamp_(0, 1)
    chosen = draws[3] < blur
    if blur > 0 and bool(chosen.any()):
        # Only the chosen pictures are touched. The choice lies on the generator's device: no wait for a GPU.
        where = onto(chosen.nonzero()[:, 0], device)
        blurred = gaussian_blur(out[where], onto(draws[4][chosen], device))
        out = out.index_copy(0, where, blurred)
    return out


def gaussian_blur(images: Tensor, radius: Tensor) -> Tensor:
    """Blur each picture with a Gaussian of its own radius (standard deviation, at most 1 pixel).

    Args:
        images: float tensor (B,C,H,W).
        radius: float tensor (B,) in [0, 1].

    Returns:
        Tensor like ``images``; edges repeat the border pixel.

    Example:
        >>> gaussian_blur(torch.ones(1, 3, 5, 5), torch.ones(1)).allclose(torch.ones(1, 3, 5, 5))
        True
    """
    steps = torch.arange(-_BLUR_REACH, _BLUR_REACH + 1, device=images.device, dtype=images.dtype)
    weights = torch.exp(-0.5 * (steps / radius.to(images.dtype).clamp(min=1e-3)[:, None]) ** 2)
    weights = (weights / weights.sum(1, keepdim=True))[:, :, None, None, None]
    height, width = images.shape[-2:]
    # Seven shifted sums a direction: on a CPU several times faster than a depthwise convolution.
    padded = F.pad(images, (_BLUR_REACH, _BLUR_REACH, 0, 0), mode="replicate")
    across = weights[:, 0] * padded[..., :width]
    for k in range(1, 2 * _BLUR_REACH + 1):
        across = torch.addcmul(across, weights[:, k], padded[..., k : k + width])
    padded = F.pad(across, (0, 0, _BLUR_REACH, _BLUR_REACH), mode="replicate")
    down = weights[:, 0] * padded[..., :height, :]
    for k in range(1, 2 * _BLUR_REACH + 1):
        down = torch.addcmul(down, weights[:, k], padded[..., k : k + height, :])
    return down
