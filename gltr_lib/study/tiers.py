"""The tiers' rows: which methods are compared, in which order, and on what each of them trains.

*headline* is the walk of the paper's ablation with its controls; *tuning* gives GTR and every rival the same number of
trials (:mod:`.trials`); *rivals* is what somebody might use instead, each alone and with GTR's second view and
consistency; *ablations* changes one factor at a time (:mod:`.ablations`); *real* is for photographs, from a second
source and over a pretrained trunk (:mod:`.real_tier`). A row says what differs from the base configuration, which
stands in :mod:`.grid`, and nothing else; :mod:`.groups` puts the tiers together. Two tiers may name the same row: it is
trained once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from gltr_lib.config import METHODS, RIVALS, MethodConfig

TIERS = ("headline", "tuning", "rivals", "ablations", "real")
SEEDS = {"headline": 5, "tuning": 1, "rivals": 3, "ablations": 2, "real": 3}
FIRST_SEED = {"tuning": 100}  # a choice must not rest on a seed that is then compared

HEADLINE_METHODS = ("baseline", "gtr", "gtr_gtr", "gtr_ltr", "gtr_ltr_cgl", "oracle")
# Controls that explain the walk; they run last. Whole pictures raw beside painted ones instead of mixed ones; the
# consistency without LTR; a ten times stronger consistency.
CONTROL_METHODS = ("raw_gtr", "gtr_gtr_cons", "gtr_ltr_cgl10")
CONVERGENCE = "baseline (4x steps)"
PRIOR = "layout prior"
#: A run four times longer than the baseline's: what its row measures, and what it may gain for the baseline to count as
#: trained long enough. H18 wrote it down beforehand.
CHECK_METRIC, MOST_GAINED = "source mIoU gained by a run 4x longer", 0.02
LEAST_GAP = 0.10  # of the oracle over the baseline, on the mean over seeds, for a share of it to mean anything
NO_JITTER = "baseline_nojitter"
UNWHITENED = "isw_unwhitened"  # what ISW sees and nothing that ISW does: how much of it is the recoloured view?
# One view, painted in LTR's blobs: what LTR does where no second view is paid for. And blobs four times as large: is it
# their size that a painted rectangle has ahead of them?
LTR_ALONE, LTR_ALONE_LARGE, LARGER = "ltr_alone", "ltr_alone_large", 4
CONSISTENT = "_cons"  # the ending of a rival with two views and the consistency loss
# What stands beside the rivals: the base, its controls, and ours; then ours with the choice of its own trials.
COMPARED = (
    "baseline", "baseline2", "baseline2_cons", NO_JITTER, UNWHITENED, "gtr", "gtr_gtr", "gtr_gtr_cons", "raw_gtr",
    "gtr_ltr", "gtr_ltr_cgl", LTR_ALONE, LTR_ALONE_LARGE,
)  # fmt: skip
TUNED_OURS = ("gtr", "gtr_ltr_cgl")
# Do paint and strong colours add up? A view of each, and two strongly recoloured views; both with photometry's chosen
# setting.
WITH_PHOTOMETRY = {"photometric2": ("photometric", "photometric"), "gtr_photometric": ("gtr", "photometric")}


@dataclass(frozen=True)
class Row:
    """One line of a tier: a method and what else differs from the base configuration.

    Attributes:
        name: the ledger's ``method``.
        method: the views and their making.
        base: fields of the training configuration with other values than the base's.
        longer: factor on the tier's steps.
        train: what it trains on: "game"; "oracle", the development looks; "painted:<n>", n copies painted beforehand;
            "airsim", frames of somebody else's.
        seeds: how many seeds at most; None = the tier's.
        needs: why it cannot run here; "" if it can.
    """

    name: str
    method: MethodConfig
    base: tuple[tuple[str, Any], ...] = ()
    longer: int = 1
    train: str = "game"
    seeds: int | None = None
    needs: str = ""


def walk(name: str) -> Row:
    """The row of a method of METHODS, the baseline without jitter, the views of ISW without whitening, or LTR alone.

    Example:
        >>> walk("baseline_nojitter").base
        (('jitter', 0.0), ('blur', 0.0))
    """
    if name == NO_JITTER:
        return Row(name, METHODS["baseline"], base=(("jitter", 0.0), ("blur", 0.0)))
    if name == UNWHITENED:
        return Row(name, replace(RIVALS["isw"], name=name, network=(), whitening=0.0))
    if name in (LTR_ALONE, LTR_ALONE_LARGE):
        blobs: tuple[tuple[str, Any], ...] = (("place", "blobs"), ("share", METHODS["gtr_ltr"].share))
        if name == LTR_ALONE_LARGE:
            blobs += (("sigma", tuple(LARGER * end for end in METHODS["gtr_ltr"].sigma)),)
        return Row(name, replace(RIVALS["regions"], name=name, rival=blobs))
    return Row(name, METHODS[name], train="oracle" if name == "oracle" else "game")


def rival_names() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the rivals as they are (ISW among them), and of those with two views and our consistency."""
    twice = tuple(name for name in RIVALS if name.endswith(CONSISTENT))
    return tuple(name for name in RIVALS if name not in twice), twice
