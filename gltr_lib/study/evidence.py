"""What the ledgers say about the study as it is declared now: rows by tier, differences, the gap by look.

Source: our own plan. The share of the gap is (method - baseline) / (oracle - baseline), seeds paired.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from gltr_lib import ledger
from gltr_lib.study import book, real_tables, tiers, trials
from gltr_lib.study.grid import grid
from gltr_lib.study.intervals import Difference, difference, groups_of, miou
from gltr_lib.study.names import TEST
from gltr_lib.study.scenes import load as load_scenes
from gltr_lib.study.settings import Settings
from gltr_lib.study.tables import share_of_gap
from gltr_lib.study.tiers import PRIOR

SHIFTED = ("streets/overcast", "streets/sun", TEST)


@dataclass(frozen=True)
class Evidence:
    """Everything that the ledgers of a folder say about the study as it is declared now.

    Attributes:
        results: the folder.
    """

    results: Path

    @cached_property
    def everything(self) -> list[ledger.Row]:
        """All rows of all tiers."""
        return book.read(self.results / "headline.jsonl")

    @cached_property
    def tuned(self) -> dict[str, str]:
        """The chosen trials, by method."""
        return trials.read(self.results / trials.FILE.name)

    @cached_property
    def photos(self) -> list[ledger.Row]:
        """Scores on CamVid's photographs of the headline's networks, newest last."""
        families = {run.method: run.family for run in grid(Settings("headline"), self.tuned)}
        rows = ledger.find(ledger.read(self.results / "real.jsonl"), tier="headline", metric="mIoU-11")
        return [row for row in rows if families.get(row["method"]) == row["family"]]

    @cached_property
    def _tiers(self) -> dict[str, list[ledger.Row]]:
        return {tier: book.tier_rows(self.everything, Settings(tier), self.tuned) for tier in tiers.TIERS}

    def rows(self, tier: str) -> list[ledger.Row]:
        """The rows of a tier as it is declared now.

        "photos" has the headline's networks on CamVid; "<tier> photos" a tier's networks on all real sets, with
        ``data`` such as "camvid common5".
        """
        if tier.endswith(" photos"):
            return self._on_photos(tier.removesuffix(" photos"))
        return self.photos if tier == "photos" else self._tiers[tier]

    def _on_photos(self, tier: str) -> list[ledger.Row]:
        rows = book.photo_rows(self.results)
        return [r for r in real_tables.scored(rows, grid(Settings(tier), self.tuned)) if r["method"] != PRIOR]

    def difference(self, tier: str, method: str, against: str, data: str) -> Difference:
        """A paired difference within a tier."""
        return difference(self.rows(tier), method, against, data, str(self.results))


def looks_of(evidence: Evidence, method: str, tier: str = "rivals") -> dict[int, list[float]]:
    """A method's mIoU on each test look, by seed; one number a seed where scenes were not kept."""
    return {row["seed"]: _by_look(evidence, row) for row in ledger.find(evidence.rows(tier), data=TEST, method=method)}


def gap_by_look(evidence: Evidence, tier: str = "headline") -> dict[str, list[tuple[float, int]]]:
    """Share of the gap closed on the test looks, look by look, averaged over those whose gap is at least 10 points.

    Args:
        evidence: the ledgers.
        tier: the tier.

    Returns:
        Method -> for each seed (mean share, number of looks that it averages). The looks are the same for every seed
        and method: those where the gap is large enough on the mean over seeds. Looks need the scenes of all networks;
        without them all test looks count as one.
    """
    rows = ledger.find(evidence.rows(tier), data=TEST)
    left_out = ("baseline", "oracle", PRIOR, tiers.CONVERGENCE)
    sides = {(row["method"], row["seed"]): row for row in rows if row["method"] not in (PRIOR, tiers.CONVERGENCE)}
    seeds = [seed for method, seed in sides if method == "baseline" and ("oracle", seed) in sides]
    if not seeds:
        return {}
    values = {key: _by_look(evidence, row) for key, row in sides.items()}
    if len(set(map(len, values.values()))) > 1:  # scenes were kept of some networks alone
        values = {key: [float(row["value"])] for key, row in sides.items()}
    gaps = np.mean([np.subtract(values["oracle", seed], values["baseline", seed]) for seed in seeds], axis=0)
    wide = gaps >= tiers.LEAST_GAP
    out: dict[str, list[tuple[float, int]]] = {}
    for (method, seed), value in values.items():
        if method not in left_out and seed in seeds and wide.any():
            looks = np.transpose([values["baseline", seed], value, values["oracle", seed]])[wide]
            shares = [share_of_gap(*look) for look in looks.tolist()]
            out.setdefault(method, []).append((statistics.fmean(shares), len(shares)))
    return out


def _by_look(evidence: Evidence, row: ledger.Row) -> list[float]:
    """mIoU of each look of a row's set; of all together where scenes were not kept."""
    terms = load_scenes(evidence.results, row)
    groups = None if terms is None else groups_of(row["data"], len(terms))
    if terms is None or groups is None:
        return [float(row["value"])]
    return [float(miou(terms[[g == look for g in groups]].sum(0))) for look in dict.fromkeys(groups)]
