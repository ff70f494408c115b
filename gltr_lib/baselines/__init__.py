"""What somebody might use instead of texture randomization: rival views of a picture, behind one interface.

- ``photometric``: strong colour jitter, hue, grayscale, blur (SimCLR's, Chen et al. 2020)
- ``policy``: colour operations drawn by an automatic policy (Müller and Hutter 2021; Cubuk et al. 2020)
- ``randconv``: a convolution with random weights (RandConv, Xu et al. 2021)
- ``fourier``: a painting's low-frequency amplitudes (FDA, Yang and Soatto 2020; Xu et al. 2021)
- ``regions``: a rectangle painted as GTR paints, the rest raw (CutMix, Yun et al. 2019)
- ``pixels``: a painting's mean and spread of colour (Reinhard et al. 2001)

Every view takes ``(images, generator=None)`` and moves no pixel, so labels stay bit-identical. Each module names its
paper in full, and says where it departs from it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from gltr_lib._methods import RIVAL_VIEWS
from gltr_lib._typed import typed
from gltr_lib.baselines._base import View
from gltr_lib.baselines.fourier import Fourier
from gltr_lib.baselines.photometric import Photometric
from gltr_lib.baselines.pixels import Pixels
from gltr_lib.baselines.policy import Policy
from gltr_lib.baselines.randconv import RandConv
from gltr_lib.baselines.regions import Regions

if TYPE_CHECKING:
    from gltr_lib.style_bank import StyleBank
    from gltr_lib.stylizer import Stylizer

__all__ = ["NAMES", "View", "make_view", "make_views", "options_of"]

#: The rivals' views.
NAMES = RIVAL_VIEWS
_CLASSES: dict[str, type[View]] = {
    "photometric": Photometric, "policy": Policy, "randconv": RandConv, "fourier": Fourier, "regions": Regions,
    "pixels": Pixels,
}  # fmt: skip
_TOOLS = ("stylizer", "bank")  # arguments that are no options


@typed
def make_view(
    name: str,
    options: Mapping[str, Any] | Iterable[tuple[str, Any]] = (),
    *,
    stylizer: Stylizer | None = None,
    bank: StyleBank | None = None,
) -> View:
    """Make a rival's view by its name.

    Args:
        name: one of ``NAMES``.
        options: of this view, as a mapping or as pairs; :func:`options_of` lists them with their usual values.
        stylizer: paints for "regions"; the others do not need it.
        bank: the styles of "regions", and the paintings of "fourier" and "pixels".

    Returns:
        A module: ``view(images, generator=None)`` takes float (B,3,H,W) in [0,1] and gives a tensor like it.

    Raises:
        ValueError: an unknown name or option, a bad value, or a tool that is missing; what is valid is listed.

    Example:
        >>> import torch
        >>> view = make_view("randconv", {"mix": False})
        >>> view(torch.rand(2, 3, 8, 8), torch.Generator().manual_seed(0)).shape
        torch.Size([2, 3, 8, 8])
    """
    return make_views([name], options, stylizer=stylizer, bank=bank)[name]


@typed
def make_views(
    names: Iterable[str],
    options: Mapping[str, Any] | Iterable[tuple[str, Any]] = (),
    *,
    stylizer: Stylizer | None = None,
    bank: StyleBank | None = None,
) -> dict[str, View]:
    """Make several rivals' views; an option goes to every view that knows it.

    Args:
        names, options, stylizer, bank: as for :func:`make_view`.

    Returns:
        The views by name.

    Raises:
        ValueError: as :func:`make_view`; an option that none of the views knows.
    """
    values = dict(options)
    wanted = list(dict.fromkeys(names))
    known = {name: options_of(name) for name in wanted}
    unknown = sorted(set(values) - {option for each in known.values() for option in each})
    if unknown:
        valid = "; ".join(f"{name} has {', '.join(each)}" for name, each in known.items()) or "there is no rival's view"
        raise ValueError(f"rival: unknown option{'s'[: len(unknown) > 1]} {', '.join(map(str, unknown))}; {valid}")
    tools = {"stylizer": stylizer, "bank": bank}
    made = {}
    for name in wanted:
        build = _class_of(name)
        needs = {tool: tools[tool] for tool in _TOOLS if tool in inspect.signature(build).parameters}
        made[name] = build(**{key: values[key] for key in known[name] if key in values}, **needs)
    return made


@typed
def options_of(name: str) -> dict[str, Any]:
    """The options of a rival's view with their usual values.

    Args:
        name: one of ``NAMES``.

    Returns:
        Values by name, in the order of the class's arguments.

    Raises:
        ValueError: unknown name; the valid ones are listed.

    Example:
        >>> options_of("randconv")["kernels"]
        (1, 3, 5, 7)
    """
    parameters = inspect.signature(_class_of(name)).parameters.values()
    return {each.name: each.default for each in parameters if each.name not in _TOOLS}


def _class_of(name: str) -> type[View]:
    if name not in NAMES:
        raise ValueError(f"unknown view {str(name)[:60]!r}; expected one of: {', '.join(NAMES)}")
    return _CLASSES[name]
