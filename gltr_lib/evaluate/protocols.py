"""Protocols: what happens to picture and label before they meet, and the name under which the score is published.

Two papers that both print "mIoU on Mapillary" may have shrunk the labels, cut a square out of the middle, or tested at
a quarter of the size, and their numbers do not compare. A protocol here is data: which sizes, which crop, which classes
are averaged; :func:`prepare` carries it out, and its name is in every result.

Sources: full size, Cityscapes' own benchmark (Cordts et al., 2016); ``gtr``, the official GTR code (pictures and labels
at 1024x512, ``_val_sync_transform``); ``robustnet-vistas``, RobustNet (height 1536, then the middle 1536x1536; its own
padding of narrow pictures is off-centre and filled with "road", ours is centred and ignored); ``rein``, ``rein-bdd``,
``rein-vistas``, Rein's configurations (pictures shrunk to fit 1024x512 or 1280x720, predictions brought back to the
label's size; of Vistas both are halved first; that its halved pictures are JPEGs once more is not repeated). SYNTHIA's
16 and 13 classes: Chen et al., MaxSquareLoss, 2019.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from gltr_lib._typed import describe, strictly_typed, typed
from gltr_lib._validate import check_choice
from gltr_lib.labels import IGNORE, NUM_CLASSES, SYNTHIA_13, SYNTHIA_16

#: Number of averaged classes -> their trainIds. Predictions are over all 19 unless the protocol says "argmax among".
CLASS_SETS: Mapping[int, tuple[int, ...]] = {
    19: tuple(range(NUM_CLASSES)),
    16: tuple(SYNTHIA_16),
    13: tuple(SYNTHIA_13),
}


@dataclass(frozen=True)
class Protocol:
    """How predictions meet labels.

    Attributes:
        name: what a table prints beside the score.
        size: (height, width) to which picture and label are brought first; None = their own size.
        height: instead of ``size``: both are brought to this height, aspect kept.
        halve: instead of ``size``: both are halved.
        crop: (height, width) cut out of the middle afterwards; what is missing is black and ignored.
        fit: (long, short) sides into which the picture alone is fitted, aspect kept, before the network sees it;
            predictions are then brought back to the label's size.
        classes: trainIds whose IoUs are averaged; None = all.
        among: True: predictions are chosen among ``classes`` only, and pixels of other classes are ignored.
    """

    name: str
    size: tuple[int, int] | None = None
    height: int | None = None
    halve: bool = False
    crop: tuple[int, int] | None = None
    fit: tuple[int, int] | None = None
    classes: tuple[int, ...] | None = None
    among: bool = False

    def with_classes(self, count: int, *, among: bool = False) -> Protocol:
        """The same protocol averaged over SYNTHIA's 16 or 13 classes (or all 19).

        Args:
            count: 19, 16 or 13.
            among: False: the network still answers with 19 classes and every label counts, so a truck called car is a
                mistake of "car"; only the mean leaves the missing classes out (the usual rule). True: predictions are
                chosen among ``count`` classes, and labels of the others are ignored.

        Raises:
            ValueError: another count, or a protocol that already has its classes.

        Example:
            >>> FULL_SIZE.with_classes(16).name
            'mIoU-16 @ full size'
            >>> FULL_SIZE.with_classes(13, among=True).name
            'mIoU-13 (argmax among the 13, other labels ignored) @ full size'
        """
        if count not in CLASS_SETS:
            raise ValueError(f"classes: expected one of {', '.join(map(str, CLASS_SETS))}, received {count}")
        if count == NUM_CLASSES:
            return self
        if not self.name.startswith("mIoU-19 ") or self.classes is not None:
            raise ValueError(f"with_classes: {self.name!r} is no score of 19 classes")
        how = f" (argmax among the {count}, other labels ignored)" if among else ""
        name = f"mIoU-{count}{how} {self.name.removeprefix('mIoU-19 ')}"
        return replace(self, name=name, classes=CLASS_SETS[count], among=among)

    def fitted(self, long: int, short: int) -> Protocol:
        """The same protocol, with pictures fitted into (long, short) sides for the network; scored as before.

        For a network that was trained on small pictures, as this course's are. The name says it.

        Raises:
            ValueError: impossible sides, or a protocol that already fits its pictures.

        Example:
            >>> FULL_SIZE.fitted(256, 128).name
            'mIoU-19 @ full size, tested within 256x128'
        """
        if short < 1 or long < short:
            raise ValueError(f"fitted: expected long >= short >= 1, received {long} and {short}")
        if self.fit is not None:
            raise ValueError(f"fitted: {self.name!r} already fits its pictures")
        return replace(self, name=f"{self.name}, tested within {long}x{short}", fit=(long, short))


@typed
def resized_protocol(height: int, width: int, classes: int = NUM_CLASSES) -> Protocol:
    """The official GTR protocol, generalised: predictions and labels shrunk (nearest) before they are compared.

    Example:
        >>> resized_protocol(512, 1024).name
        'mIoU-19 @ 1024x512 labels resized (GTR protocol)'
    """
    if height < 1 or width < 1:
        raise ValueError(f"resized_protocol: expected a size of at least 1x1, received {width}x{height}")
    found = Protocol(f"mIoU-19 @ {width}x{height} labels resized (GTR protocol)", (height, width))
    return found.with_classes(classes)


FULL_SIZE = Protocol("mIoU-19 @ full size")
PROTOCOLS: dict[str, Protocol] = {
    "full": FULL_SIZE,
    "gtr": resized_protocol(512, 1024),
    "robustnet-vistas": Protocol(
        "mIoU-19 @ height 1536, centre crop or pad 1536x1536 (RobustNet's Mapillary protocol)",
        height=1536,
        crop=(1536, 1536),
    ),
    "rein": Protocol("mIoU-19 @ full size, tested within 1024x512 (Rein protocol)", fit=(1024, 512)),
    "rein-bdd": Protocol("mIoU-19 @ full size, tested within 1280x720 (Rein's BDD protocol)", fit=(1280, 720)),
    "rein-vistas": Protocol(
        "mIoU-19 @ half size, tested within 1024x512 (Rein's Mapillary protocol)", halve=True, fit=(1024, 512)
    ),
}


@typed
def find_protocol(protocol: str | Protocol, classes: int = NUM_CLASSES, *, among: bool = False) -> Protocol:
    """A protocol by its short name (``PROTOCOLS``), averaged over 19, 16 or 13 classes.

    Raises:
        ValueError: an unknown name (the valid ones are listed) or class count.

    Example:
        >>> find_protocol("gtr", 16).name
        'mIoU-16 @ 1024x512 labels resized (GTR protocol)'
    """
    if isinstance(protocol, str):
        protocol = PROTOCOLS[check_choice(protocol, PROTOCOLS, "protocol")]
    return protocol.with_classes(classes, among=among)


@strictly_typed
def prepare(protocol: Protocol, image: np.ndarray, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bring a picture and its label to the sizes of a protocol.

    Args:
        protocol: see :class:`Protocol`.
        image: uint8 (H,W,3).
        label: uint8 (H,W) of trainIds, 255 = ignore.

    Returns:
        (picture uint8 (h,w,3) that the network sees, label uint8 (H',W') that is scored). Pictures are resized
        bicubically, to ``fit`` bilinearly without antialiasing (as OpenCV does in Rein's pipeline); labels by nearest.

    Example:
        >>> image, label = np.zeros((8, 16, 3), np.uint8), np.zeros((8, 16), np.uint8)
        >>> [part.shape[:2] for part in prepare(Protocol("x", fit=(8, 8)), image, label)]
        [(4, 8), (8, 16)]
    """
    if image.ndim != 3 or label.ndim != 2:
        raise ValueError(
            f"prepare: expected image (H,W,3) and label (H,W), received {describe(image)} and {describe(label)}"
        )
    height, width = label.shape
    if protocol.size is not None:
        image, label = _resize(image, protocol.size), _resize(label, protocol.size)
    elif protocol.height is not None:
        size = (protocol.height, max(1, int(width / height * protocol.height)))
        image, label = _resize(image, size), _resize(label, size)
    elif protocol.halve:
        size = (max(1, height // 2), max(1, width // 2))
        image, label = _resize(image, size), _resize(label, size)
    if protocol.among and protocol.classes is not None:
        table = np.full(256, IGNORE, np.uint8)
        table[list(protocol.classes)] = protocol.classes
        label = table[label]
    if protocol.crop is not None:
        image, label = _centre(image, protocol.crop, 0), _centre(label, protocol.crop, IGNORE)
    if protocol.fit is not None:
        image = _fit(image, *protocol.fit)
    return image, label


def _resize(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if array.shape[:2] == tuple(size):
        return array
    how = Image.Resampling.NEAREST if array.ndim == 2 else Image.Resampling.BICUBIC
    return np.array(Image.fromarray(array).resize((size[1], size[0]), how))


def _centre(array: np.ndarray, size: tuple[int, int], fill: int) -> np.ndarray:
    """The middle of an array; where the array is too small, it lies in the middle of ``fill``."""
    out = np.full((*size, *array.shape[2:]), fill, array.dtype)
    there, here = [], []
    for have, want in zip(array.shape[:2], size, strict=True):
        # Half pixels are rounded as Python's round does, which is what the published crop used.
        start = round((have - want) / 2)
        there.append(slice(max(0, -start), max(0, -start) + min(have, want)))
        here.append(slice(max(0, start), max(0, start) + min(have, want)))
    out[tuple(there)] = array[tuple(here)]
    return out


def _fit(image: np.ndarray, long: int, short: int) -> np.ndarray:
    height, width = image.shape[:2]
    scale = min(long / max(height, width), short / min(height, width))
    size = (max(1, int(height * scale + 0.5)), max(1, int(width * scale + 0.5)))
    if size == (height, width):
        return image
    planes = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float()
    resized = F.interpolate(planes, size, mode="bilinear", align_corners=False)
    return resized[0].round().to(torch.uint8).permute(1, 2, 0).numpy()
