"""Tables of the study, made from the ledger's lines and nothing else.

The README's are ``headline``, ``controls``, ``gap`` and ``real``; :mod:`.documents` puts them where they stand.
Rows of an outdated definition are left out: a table mixes neither two definitions of a method nor two base
configurations. What was not run again since the base changed reads "not run".
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from fractions import Fraction

from gltr_lib import ledger
from gltr_lib.study.grid import shared_digest
from gltr_lib.study.names import COLUMN_NAMES, CONTROL_NAMES, FINAL, METHOD_NAMES, REAL_COLUMNS, TEST
from gltr_lib.study.tiers import (
    CHECK_METRIC,
    CONTROL_METHODS,
    CONVERGENCE,
    HEADLINE_METHODS,
    LEAST_GAP,
    MOST_GAINED,
    PRIOR,
)


def headline_rows(rows: Sequence[ledger.Row], tier: str = "headline", metric: str = "mIoU-19") -> list[ledger.Row]:
    """The rows of a tier that belong to each method's newest definition, on the newest baseline's configuration."""
    chosen = ledger.find(rows, tier=tier, metric=metric)
    newest: dict[str, str] = {}
    for row in chosen:
        newest[row["method"]] = row["family"]
    chosen = [row for row in chosen if newest[row["method"]] == row["family"]]
    base = next((base_of(row) for row in reversed(chosen) if row["method"] == "baseline"), None)
    return [row for row in chosen if base in (None, base_of(row))]


def base_of(row: ledger.Row) -> str:
    """Hash of what all methods of one study share: the configuration without method and seed.

    The run four times longer belongs to the study that it checks, so its steps count as a quarter.
    """
    longer = row["method"] == CONVERGENCE
    config = {**row["config"], "steps": row["config"]["steps"] // (4 if longer else 1)}
    return shared_digest(config)


def headline_table(rows: Sequence[ledger.Row], tier: str = "headline") -> str:
    """The headline table with what it was measured on below it."""
    return _with_facts(headline_rows(rows, tier), (PRIOR, *HEADLINE_METHODS), METHOD_NAMES)


def controls_table(rows: Sequence[ledger.Row], tier: str = "headline") -> str:
    """The three controls that explain the walk, with what they were measured on below them."""
    return _with_facts(headline_rows(rows, tier), CONTROL_METHODS, CONTROL_NAMES)


def _with_facts(rows: Sequence[ledger.Row], methods: Sequence[str], names: Mapping[str, str]) -> str:
    body = ledger.table(rows, methods=methods, columns=columns_of(rows), method_names=names, column_names=COLUMN_NAMES)
    facts = _facts([row for row in rows if row["method"] in methods and row["method"] != PRIOR])
    return f"{body}\n\n{facts}" if facts else body


def with_rows(rows: Sequence[ledger.Row], names: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """Long tables: the methods that have a row, and the others in one sentence instead of a line each.

    Args:
        rows: of a table's columns.
        names: method -> how the table calls it.

    Returns:
        (the names of methods with rows, "Not run: ..." or "").

    Example:
        >>> with_rows([{"method": "gtr"}], {"gtr": "GTR", "isw": "ISW", "ibn": "IBN"})
        ({'gtr': 'GTR'}, 'Not run: ISW; IBN.')
    """
    seen = {row["method"] for row in rows}
    rest = [name for method, name in names.items() if method not in seen]
    return {m: name for m, name in names.items() if m in seen}, f"Not run: {'; '.join(rest)}." if rest else ""


def columns_of(rows: Sequence[ledger.Row]) -> tuple[str, ...]:
    """The table's columns: the declared ones; a rehearsal's own test looks stand in for the study's."""
    found = {row["data"] for row in rows}
    others = sorted(d for d in found if d.startswith("streets/sampled:") and d not in (*COLUMN_NAMES, FINAL))
    test = [TEST] if TEST in found or not others else []
    return tuple(name for column in COLUMN_NAMES for name in ([*test, *others] if column == TEST else [column]))


def convergence_line(rows: Sequence[ledger.Row], tier: str = "headline") -> str:
    """What a run four times longer gains on the source, in one sentence."""
    found = ledger.find(rows, tier=tier, metric=CHECK_METRIC)
    if not found:
        return "Convergence check (baseline with 4x the steps): not run."
    gain, most = found[-1]["value"], f"{100 * MOST_GAINED:.0f} points"
    if gain > MOST_GAINED:
        verdict = f"more than {most}, so the runs above are undertrained"
    else:
        verdict = f"within {most}" if gain >= 0 else "no gain: the runs above are long enough"
    change = f"gains {100 * gain:+.1f}" if gain >= 0 else f"loses {-100 * gain:.1f}"
    return f"Convergence check: a baseline with 4x the steps {change} points of source mIoU ({verdict})."


def share_of_gap(low: float, value: float, high: float) -> float:
    """Which part of the way from the baseline to the oracle a method goes; NaN where there is no way to go.

    Example:
        >>> share_of_gap(10.0, 15.0, 20.0)
        0.5
    """
    return (value - low) / (high - low) if high != low else math.nan


def gap_closed(
    rows: Sequence[ledger.Row], tier: str = "headline", data: Sequence[str] = ("streets/overcast", "streets/sun")
) -> dict[tuple[str, str], list[float]]:
    """Share of the gap closed, (method - baseline) / (oracle - baseline), seeds paired.

    Args:
        rows: the ledger.
        tier: the tier's name.
        data: the looks; only those that the oracle has seen have a gap that it closes.

    Returns:
        For each (method, look) the shares by seed; nothing for a look on which the oracle is less than 10 points ahead
        on the mean over seeds, as in ``evidence.gap_by_look``.
    """
    kept = headline_rows(rows, tier)
    out: dict[tuple[str, str], list[float]] = {}
    for look in data:
        scores = {(row["method"], row["seed"]): row["value"] for row in kept if row["data"] == look}
        seeds = [seed for method, seed in scores if method == "baseline" and ("oracle", seed) in scores]
        if not seeds or statistics.fmean(scores["oracle", s] - scores["baseline", s] for s in seeds) < LEAST_GAP:
            continue
        for (method, seed), value in sorted(scores.items()):
            if seed in seeds and method not in ("baseline", "oracle", PRIOR, CONVERGENCE):
                share = share_of_gap(scores["baseline", seed], value, scores["oracle", seed])
                out.setdefault((method, look), []).append(share)
    return out


def gap_table(rows: Sequence[ledger.Row], tier: str = "headline") -> str:
    """Share of the gap closed on the development looks, seed by seed."""
    looks = ("streets/overcast", "streets/sun")
    shares = gap_closed(rows, tier, looks)
    lines = ["| method | " + " | ".join(f"{COLUMN_NAMES[look]} (by seed)" for look in looks) + " |", "|---|---|---|"]
    for method in HEADLINE_METHODS[1:-1]:
        cells = []
        for look in looks:
            values = shares.get((method, look), [])
            by_seed = ", ".join(f"{100 * v:.0f}" for v in values)
            cells.append(f"{100 * statistics.fmean(values):.0f} % ({by_seed})" if values else "not run")
        lines.append(f"| {METHOD_NAMES[method]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def real_table(rows: Sequence[ledger.Row], tier: str = "headline", looks_taken: int | None = None) -> str:
    """Scores on CamVid's photographs by sequence, newest networks of each method, with the number of looks taken."""
    chosen = ledger.find(rows, tier=tier, metric="mIoU-11")
    newest = {row["method"]: row["family"] for row in chosen}
    chosen = [row for row in chosen if row["family"] == newest[row["method"]]]
    methods = tuple(m for m in (PRIOR, *HEADLINE_METHODS) if m != "oracle")
    body = ledger.table(
        chosen, methods=methods, columns=tuple(REAL_COLUMNS), method_names=METHOD_NAMES, column_names=REAL_COLUMNS
    )
    notes = [f"CamVid, real photographs; {chosen[-1]['protocol']}."] if chosen else []
    notes += looks_sentence(looks_taken)
    return "\n\n".join([body, " ".join(notes)]) if notes else body


def over_present(row: ledger.Row, prior: ledger.Row | None) -> float:
    """A row's mean IoU over the classes that the layout prior's row has a number for.

    A class that does not occur in a small set has no IoU for the prior, which does not predict it, and 0 for a network
    that puts one pixel there. One mean would then be over fewer classes than the other.

    Args:
        row: a row of a network.
        prior: the layout prior's row on the same set and classes; None leaves the row's own mean.

    Returns:
        A fraction.

    Example:
        >>> row = {"value": 0.3, "per_class": {"road": 0.8, "car": 0.1, "train": 0.0}}
        >>> over_present(row, {"per_class": {"road": 0.5, "car": 0.0, "train": None}})
        0.45
    """
    seen = (prior or {}).get("per_class") or {}
    absent = [name for name, value in seen.items() if value is None]
    if not absent:
        return float(row["value"])
    return statistics.fmean(row["per_class"][name] or 0.0 for name in seen if name not in absent)


def looks_sentence(taken: int | None) -> list[str]:
    """How often the real sets have been looked at, as a sentence; nothing where nobody counted."""
    return [] if taken is None else [f"Looks taken at real sets so far: {taken} (`results/real_looks.jsonl`)."]


def _facts(rows: Sequence[ledger.Row]) -> str:
    """One line under a table: protocol, size, steps, machine, hours, commits."""
    if not rows:
        return ""
    runs = {row["run"]: row for row in rows}
    hours = math.fsum(row["wall_seconds"] for row in runs.values()) / 3600
    unique = {name: sorted({str(row[name]) for row in rows}) for name in ("protocol", "device", "trained_at", "size")}
    steps = sorted({row["config"]["steps"] for row in rows})
    images = sorted({row["config"]["forward_images"] for row in rows})
    methods = [row["config"]["method"] for row in rows]
    shares = {Fraction(m["raw_share"]).limit_denominator(100) for m in methods if "gtr" in m["views"]}
    ratios = ", ".join(f"{share.numerator}:{share.denominator - share.numerator}" for share in sorted(shares))
    mixed = f" raw:stylised {ratios} in GTR views;" if ratios else ""
    return (
        f"{', '.join(unique['protocol'])}, per cent, mean ± sample standard deviation over seeds; streets at "
        f"{', '.join(unique['size'])}; {', '.join(map(str, steps))} steps of {', '.join(map(str, images))} forward "
        f"images, last checkpoint;{mixed} {', '.join(unique['device'])}; {hours:.1f} h of "
        f"training; commit {', '.join(unique['trained_at'])}."
    )
