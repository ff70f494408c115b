"""``gltr study``: the declared study and its tables."""

from __future__ import annotations

from pathlib import Path


def study(
    *, tier: str = "headline", list: bool = False, report: bool = False, steps: int | None = None,
    seeds: int | None = None, only: str = "", scenes: int = 0, looks: str = "", final: bool = False,
    retrain: bool = False, set: tuple[str, ...] = (), jobs: int = 1, shard: str = "1/1",
    device: str | None = None, real: Path | None = None, reason: str = "",
    ledger: Path | None = None, runs: Path = Path("runs"), json: bool = False,
) -> int:  # fmt: skip
    """Run what is missing of the declared study; every score goes into the ledger, tables come from there.

    Args:
        tier: headline, tuning, rivals, ablations, real, or all (to list, run or report every tier).
        list: only say what is done, what is missing, and predicted hours.
        report: only render every table and figure from the ledger (README, docs, results/*.png).
        steps: other number of steps; the tier is then named short or long, and kept apart.
        seeds: number of seeds.
        only: methods, separated by commas.
        scenes: shorten every set of streets, for a rehearsal.
        looks: other test looks, sampled:<first>..<last>.
        final: score the finished networks on the reserved looks, once.
        retrain: train again what has rows but whose network is not here, and compare; no row changes.
        set: other training settings, key=value.
        jobs: runs side by side.
        shard: i/n, the i-th of n machines that share a tier, i counted from 1.
        device: cpu, cuda or mps; the best there is if not given.
        real: folder with camvid/, idd_lite/, cityscapes/: score the finished networks on their photographs.
        reason: why this look at real data is taken.
        ledger: another ledger file.
        runs: folder for checkpoints, networks, rendered streets.
        json: print JSON.
    """
    from gltr_lib.study.__main__ import command, split_methods

    return command(
        tier=tier, steps=steps, seeds=seeds, only=split_methods(only), scenes=scenes, looks=looks, final=final,
        retrain=retrain, overrides=set, jobs=jobs, shard=shard, device=device, list_only=list, report=report,
        real=str(real) if real is not None else None, reason=reason, ledger_path=str(ledger) if ledger else None,
        runs=str(runs), as_json=json,
    )  # fmt: skip
