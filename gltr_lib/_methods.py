"""Methods by name: which views of a source image a step trains on, for the paper's walk, its controls and its rivals.

``METHODS`` is the walk of the paper's ablation with the controls that keep it honest; ``RIVALS`` is what somebody might
use instead (:mod:`gltr_lib.baselines` makes their views, :mod:`gltr_lib.models` their layers). A rival's numbers are
those of its own paper until the study's tuning trials say otherwise. Needs no torch.

Source: Peng et al., TIP 2021, for the ablation baseline, +GTR, +GTR+LTR, +GTR+LTR+CGL; the controls are ours:
``gtr_gtr`` (two independent styles, no LTR) asks whether LTR is more than a second view, ``baseline2`` whether two
views alone do anything. ``<rival>_cons`` is a rival with two views and the same consistency loss as CGL.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from gltr_lib._checks import check_choice, check_share
from gltr_lib._fields import pairs
from gltr_lib._typed import check_fields, typed

RIVAL_VIEWS = ("photometric", "policy", "randconv", "fourier", "regions", "pixels")
VIEWS = ("raw", "gtr", "ltr", *RIVAL_VIEWS)
PAINTED_VIEWS = frozenset({"gtr", "ltr", "regions"})  # need the stylizer
STYLED_VIEWS = PAINTED_VIEWS | {"fourier", "pixels"}  # need paintings
CONSISTENCY_KINDS = ("mse", "kl", "js")
DETACH = (None, "global", "local")


@dataclass(frozen=True)
class MethodConfig:
    """Which views of a source image a step trains on, and how they are made.

    Attributes:
        name: what tables call it.
        views: one or more of "raw", "gtr", "ltr" or a rival's view; "ltr" needs a "gtr" before it, a consistency or
            whitening exactly two views.
        raw_share: probability that a "gtr" view stays raw (0 = stylised only, 0.5 = the official 1:1).
        alpha: strength of AdaIN, 0 to 1.
        sigma: range of the blob size, in pixels at a 640-pixel crop.
        share: stylised share of the "ltr" view, a number or a (low, high) range, drawn anew per image.
        consistency: weight of the consistency loss between views 0 and 1; 0 leaves it out.
        consistency_kind: "mse", "kl" or "js".
        detach: branch that the consistency's gradient does not enter: None, "global" or "local".
        schedule: power of the rising share p_t = p_0 + (1 - p_0) (t/T)^power; None keeps the share constant.
        rival: options of the rival's views, as a mapping or as pairs; see :func:`gltr_lib.baselines.make_view`.
        network: options of ``models.build`` that belong to the method, such as ``{"ibn": True}``.
        whitening: weight of instance-selective whitening (a network with ``whiten=True``); 0 leaves it out.
        whitening_again: choose the whitened pairs again and again, not once.
        styles: places in the bank of the styles that "gtr" views draw from; () = all of them.

    Example:
        >>> MethodConfig("mine", views=("gtr", "ltr"), consistency=1.0).views
        ('gtr', 'ltr')
    """

    name: str = "baseline"
    views: tuple[str, ...] = ("raw",)
    raw_share: float = 0.0
    alpha: float = 1.0
    sigma: tuple[float, float] = (4.0, 16.0)
    share: float | tuple[float, float] = 0.5
    consistency: float = 0.0
    consistency_kind: str = "mse"
    detach: str | None = None
    schedule: float | None = None
    rival: tuple[tuple[str, Any], ...] = ()
    network: tuple[tuple[str, Any], ...] = ()
    whitening: float = 0.0
    whitening_again: bool = False
    styles: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("rival", "network"):
            object.__setattr__(self, name, pairs(getattr(self, name), name))
        check_fields(self)
        if not self.views or any(view not in VIEWS for view in self.views):
            raise ValueError(f"views must be taken from {VIEWS}; received {self.views!r}")
        if "ltr" in self.views and "gtr" not in self.views[: self.views.index("ltr")]:
            raise ValueError(f'an "ltr" view needs a "gtr" view before it; received {self.views!r}')
        check_share(self.raw_share, "raw_share")
        check_share(self.alpha, "alpha")
        shares = self.share if isinstance(self.share, tuple) else (self.share,)
        for share in shares:
            check_share(share, "share")
        if list(shares) != sorted(shares):
            raise ValueError(f"share must be a number or (low, high) with low <= high; received {self.share!r}")
        if not 0 < self.sigma[0] <= self.sigma[1]:
            raise ValueError(f"sigma must be (low, high) with 0 < low <= high; received {self.sigma!r}")
        if self.consistency < 0 or (self.consistency > 0 and len(self.views) != 2):
            raise ValueError(
                f"consistency must be >= 0, and above 0 it compares exactly two views; received "
                f"consistency={self.consistency!r} with views={self.views!r}"
            )
        check_choice(self.consistency_kind, CONSISTENCY_KINDS, "consistency_kind")
        if self.detach is not None:
            check_choice(self.detach, DETACH[1:], "detach")
        if self.schedule is not None and self.schedule <= 0:
            raise ValueError(f"schedule must be None or a power above 0; received {self.schedule!r}")
        if self.schedule is not None and isinstance(self.share, tuple):
            raise ValueError(f"a schedule starts from one share, not from a range; received share={self.share!r}")
        if len(set(self.styles)) < len(self.styles) or min(self.styles, default=0) < 0:
            raise ValueError(f"styles must be places in the bank, 0 or more, none twice; received {self.styles!r}")
        if self.whitening < 0 or (self.whitening > 0 and len(self.views) != 2):
            raise ValueError(
                f"whitening must be >= 0, and above 0 it compares exactly two views; received "
                f"whitening={self.whitening!r} with views={self.views!r}"
            )

    @property
    def needs_stylizer(self) -> bool:
        """Whether a view is painted by the stylizer; copies that were painted beforehand take its place."""
        return bool(PAINTED_VIEWS & set(self.views))

    @property
    def needs_paintings(self) -> bool:
        """Whether a view needs a bank of paintings."""
        return bool(STYLED_VIEWS & set(self.views))

    @property
    def shows_paintings(self) -> bool:
        """Whether a view takes pixels of the paintings themselves, whatever was painted beforehand."""
        return bool((STYLED_VIEWS - PAINTED_VIEWS) & set(self.views))


#: The walk of the paper's ablation, and the controls that keep it honest.
METHODS: Mapping[str, MethodConfig] = types.MappingProxyType(
    {
        method.name: method
        for method in (
            MethodConfig("baseline"),
            MethodConfig("gtr", ("gtr",)),
            MethodConfig("gtr_ltr", ("gtr", "ltr")),
            MethodConfig("gtr_ltr_cgl", ("gtr", "ltr"), consistency=1.0),
            MethodConfig("gtr_gtr", ("gtr", "gtr")),
            MethodConfig("gtr_gtr_cons", ("gtr", "gtr"), consistency=1.0),
            MethodConfig("gtr_ltr_cgl10", ("gtr", "ltr"), consistency=10.0),
            MethodConfig("raw_gtr", ("raw", "gtr")),
            MethodConfig("baseline2", ("raw", "raw")),
            MethodConfig("baseline2_cons", ("raw", "raw"), consistency=1.0),
            MethodConfig("oracle"),
        )
    }
)
_RIVALS = (
    MethodConfig("photometric", ("photometric",)),
    MethodConfig("policy", ("policy",)),
    MethodConfig("randconv", ("randconv",)),
    MethodConfig("fourier", ("fourier",)),
    MethodConfig("regions", ("regions",)),
    MethodConfig("pixels", ("pixels",)),
    MethodConfig("mixstyle", network=(("mixstyle", 0.5),)),
    MethodConfig("ibn", network=(("ibn", True),)),
)
# RandConv's own loss, 10 times the sum over its views of KL to their mean, is Jensen-Shannon of this weight for two
# views and a step that divides it by their number; gltr_lib.baselines.randconv derives it.
_RANDCONV_OWN = MethodConfig("randconv_own", 2 * ("randconv",), consistency=40.0, consistency_kind="js")
_ISW = MethodConfig(
    "isw",
    ("raw", "photometric"),
    rival=(("apply", 1.0), ("gray", 0.0), ("hue", 0.3)),  # RobustNet's, which blurs each picture (here half of them)
    network=(("whiten", True),),
    whitening=0.6,
)
#: What somebody might use instead: each alone, and with two views and the consistency loss that GTR + LTR get.
RIVALS: Mapping[str, MethodConfig] = types.MappingProxyType(
    {
        method.name: method
        for method in (
            *_RIVALS,
            _ISW,
            _RANDCONV_OWN,
            *(replace(m, name=f"{m.name}_cons", views=2 * m.views, consistency=1.0) for m in _RIVALS),
            replace(_ISW, name="isw_cons", consistency=1.0),  # it has two views already
        )
    }
)


@typed
def painted_views(views: tuple[str, ...]) -> int:
    """How many of a method's views the stylizer paints anew: "ltr", and "regions" after a "gtr", reuse a picture.

    Args:
        views: names of views.

    Returns:
        Their number.

    Example:
        >>> painted_views(("gtr", "ltr")), painted_views(("regions", "regions")), painted_views(("gtr", "regions"))
        (1, 2, 1)
    """
    first = views.index("gtr") if "gtr" in views else len(views)
    return views.count("gtr") + views[:first].count("regions")


@typed
def method(name: str) -> MethodConfig:
    """A method of METHODS or RIVALS by its name.

    Args:
        name: such as "gtr_ltr".

    Returns:
        Its configuration.

    Raises:
        ValueError: unknown name; the valid ones are listed.

    Example:
        >>> method("gtr_ltr_cgl").consistency
        1.0
    """
    found = METHODS.get(name) or RIVALS.get(name)
    if found is None:
        raise ValueError(f"unknown method {str(name)[:60]!r}; expected one of: {', '.join([*METHODS, *RIVALS])}")
    return found
