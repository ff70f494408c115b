"""The rows of each tier, put together: walk, trials, rivals with what their trials chose, ablations, photographs.

What a row is, and the names of all of them, stand in :mod:`.tiers`; rows of one kind in :mod:`.trials`,
:mod:`.ablations` and :mod:`.real_tier`. The grid makes runs of what is here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gltr_lib.config import METHODS, RIVALS
from gltr_lib.study import ablations, real_tier, trials
from gltr_lib.study.tiers import (
    COMPARED,
    CONSISTENT,
    CONTROL_METHODS,
    CONVERGENCE,
    HEADLINE_METHODS,
    TIERS,
    TUNED_OURS,
    WITH_PHOTOMETRY,
    Row,
    rival_names,
    walk,
)


def groups(tier: str, tuned: Mapping[str, str] | None = None) -> tuple[tuple[Row, ...], ...]:
    """The rows of a tier in groups: a group runs with all its seeds before the next one begins.

    Args:
        tier: one of ``TIERS``.
        tuned: the label of the chosen trial of each tuned method, as ``results/tuned.json`` has them.

    Returns:
        Groups of rows.

    Example:
        >>> [len(group) for group in groups("headline")]
        [1, 6, 3]
    """
    if tier == "headline":
        # The check that training is long enough: one baseline with four times the steps, scored as the others. It is
        # the longest run, so it starts first.
        longer = Row(CONVERGENCE, METHODS["baseline"], longer=4, seeds=1)
        controls = tuple(replace(walk(name), seeds=3) for name in CONTROL_METHODS)
        return (longer,), tuple(map(walk, HEADLINE_METHODS)), controls
    if tier == "tuning":
        return ((walk("baseline"), *trials.rows()),)
    if tier == "rivals":
        ours = (*map(walk, COMPARED), *(_tuned(name, f"{name}_tuned", tuned or {}) for name in TUNED_OURS))
        alone, consistent = rival_names()
        rivals = tuple(_tuned(name, name, tuned or {}) for name in alone)
        colours = (_with_photometry(name, tuned or {}) for name in WITH_PHOTOMETRY)
        return (*ours, *colours, walk("oracle")), rivals, tuple(_consistent(name, tuned or {}) for name in consistent)
    if tier == "ablations":
        return (ablations.rows(),)
    if tier == "real":
        return real_tier.groups()
    raise ValueError(f"tier: unknown {tier!r}; valid: {', '.join(TIERS)}")


def _tuned(method: str, name: str, tuned: Mapping[str, str]) -> Row:
    chosen = trials.find(method, tuned.get(method, trials.OWN))
    return Row(name, chosen.method, base=chosen.base)


def _with_photometry(name: str, tuned: Mapping[str, str]) -> Row:
    chosen = _tuned("photometric", "photometric", tuned)
    return Row(name, replace(chosen.method, name=name, views=WITH_PHOTOMETRY[name]), base=chosen.base)


def _consistent(name: str, tuned: Mapping[str, str]) -> Row:
    """A rival with two views and our consistency, with the options that its trials alone have chosen."""
    rival = name.removesuffix(CONSISTENT)
    chosen = _tuned(rival, rival, tuned)
    if chosen.method == RIVALS[rival]:
        return Row(name, RIVALS[name], base=chosen.base)
    twice = replace(
        chosen.method, name=f"{name} {chosen.method.name}", views=RIVALS[name].views,
        consistency=RIVALS[name].consistency,
    )  # fmt: skip
    return Row(name, twice, base=chosen.base)
