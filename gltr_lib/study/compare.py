"""Tables beyond the headline's: differences with intervals, rivals, trials, ablations, convergence, hours.

Every table is made from rows of the ledger as the study is declared now (:mod:`.evidence`); what has no row reads
"not run", a rival without any is named below its table. Nothing here knows a number.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gltr_lib import ledger
from gltr_lib._json import digest
from gltr_lib.study import ablations, tiers, trials
from gltr_lib.study.evidence import SHIFTED, Evidence, gap_by_look, looks_of
from gltr_lib.study.grid import grid
from gltr_lib.study.groups import groups
from gltr_lib.study.intervals import Difference
from gltr_lib.study.names import COLUMN_NAMES, name_of
from gltr_lib.study.settings import STEPS, Settings
from gltr_lib.study.tables import with_rows
from gltr_lib.study.tiers import PRIOR

#: What a table asks of the walk: the question, the method, and what it is compared with.
QUESTIONS = (
    ("GTR against the baseline", "gtr", "baseline"),
    ("a second painting (GTR′) against GTR", "gtr_gtr", "gtr"),
    ("LTR against its control GTR′", "gtr_ltr", "gtr_gtr"),
    ("CGL against none", "gtr_ltr_cgl", "gtr_ltr"),
    ("GTR + LTR + CGL against GTR", "gtr_ltr_cgl", "gtr"),
    ("GTR + LTR + CGL against the baseline", "gtr_ltr_cgl", "baseline"),
)
LEDGERS = ("headline", "headline_long", "pilots", "tuning", "rivals", "ablations", "real")
TIER_WORDS = {
    "headline": "the walk of the paper's ablation, its controls (3 seeds), a run four times longer (1)",
    "tuning": "the same number of trials for GTR, for GTR + LTR + CGL and for every rival",
    "rivals": "what somebody might use instead, alone, and with two views and the same consistency",
    "ablations": "one factor at a time, around GTR or around GTR + LTR + CGL; two levels need files in `GLTR_DATA`",
    "real": "for photographs: AirSim's frames as a second source, a trunk with ImageNet weights; both in `GLTR_DATA`",
}


def tiers_table(evidence: Evidence) -> str:
    """Every tier as it is declared now, with how much of it is in the ledger."""
    lines = [
        "| tier | what | seeds | steps | networks | in the ledger | command |",
        "|---|---|---:|---:|---:|---:|---|",
    ]
    done = {row["definition"] for row in evidence.everything if "definition" in row and row["method"] != PRIOR}
    for tier in tiers.TIERS:
        runs = {run.definition: run for run in grid(Settings(tier), evidence.tuned)}
        scored = [d for d, run in runs.items() if all(run.score_definition(s, d) in done for s in run.score)]
        option = "" if tier == "headline" else f" --tier {tier}"
        lines.append(
            f"| {tier} | {TIER_WORDS[tier]} | {tiers.SEEDS[tier]} | {STEPS[tier]} | {len(runs)} | "
            f"{len(scored) or 'not run'} | `gltr study{option}` |"
        )
    return "\n".join(lines)


def differences_table(evidence: Evidence) -> str:
    """The walk's questions: paired differences by look, with intervals where there are enough seeds and scenes."""
    heads = ("streets/game", *SHIFTED)
    lines = ["| question | " + " | ".join(COLUMN_NAMES[head] for head in heads) + " |", "|---|" + "---:|" * len(heads)]
    reasons: list[str] = []
    for question, method, against in QUESTIONS:
        found = [evidence.difference("headline", method, against, data) for data in heads]
        reasons += [each.why for each in found if each.why and each.why != "not run"]
        lines.append(f"| {question} | " + " | ".join(map(say_difference, found)) + " |")
    note = "Points of mIoU-19, paired by seed: the mean, then the bootstrap interval of 95 % over seeds and scenes "
    note += "(widened by Student's t, for the few seeds) in square brackets, or each seed in round ones."
    for reason in dict.fromkeys(reasons):
        note += f" {reason[:1].upper()}{reason[1:]}."
    return "\n".join(lines) + f"\n\n{note}"


def say_difference(found: Difference) -> str:
    """A difference as a table's cell.

    Example:
        >>> say_difference(Difference((0.021, 0.019), None, "no interval: 2 seeds, 5 are needed"))
        '+2.0 (+2.1, +1.9)'
    """
    if not found.values:
        return "not run"
    mean = f"{100 * statistics.fmean(found.values):+.1f}"
    if found.interval is None:
        return f"{mean} ({', '.join(f'{100 * value:+.1f}' for value in found.values)})"
    return f"{mean} [{100 * found.interval.low:+.1f}, {100 * found.interval.high:+.1f}]"


def rivals_table(evidence: Evidence) -> str:
    """Every rival beside ours at equal cost, with the setting that it ran with."""
    rows = evidence.rows("rivals")
    methods = list(dict.fromkeys(row.name for group in groups("rivals", evidence.tuned) for row in group))
    methods = [name for name in methods if not name.endswith("_tuned") or evidence.tuned]
    settings = {name: _setting(name, evidence.tuned) for name in methods}
    names = {name: f"{name_of(name)}{f' ({settings[name]})' if settings[name] else ''}" for name in methods}
    there, rest = with_rows([row for row in rows if row["data"] in COLUMN_NAMES], names)
    body = ledger.table(
        rows, methods=tuple(there), columns=tuple(COLUMN_NAMES), column_names=COLUMN_NAMES, method_names=there
    )
    if evidence.tuned:
        note = (
            "In brackets: the setting that the trials chose (`results/tuned.json`); *own* are the method's own numbers."
        )
    else:
        note = "No trial has been chosen yet: every rival has its own numbers."
    return "\n\n".join(filter(None, [body if there else "", rest, f"{note} {_cost_line(rows)}".strip()]))


def _setting(name: str, tuned: Mapping[str, str]) -> str:
    """Which trial's setting a row of the rivals has; "" for a row without trials."""
    if name in tiers.WITH_PHOTOMETRY:
        return _setting("photometric", tuned)
    method = name.removesuffix("_tuned") if name.endswith("_tuned") else name.removesuffix(tiers.CONSISTENT)
    if method not in trials.candidates() or (method in tiers.TUNED_OURS and not name.endswith("_tuned")):
        return ""
    return tuned.get(method, trials.OWN) if tuned else ""


def tuning_table(evidence: Evidence) -> str:
    """All trials: the mean over the development looks of validation scenes, the chosen one in bold."""
    cells = ledger.summarise(evidence.rows("tuning"))

    def score(name: str) -> str:
        known = [cell.mean for data in trials.JUDGED_ON if (cell := cells.get((name, data))) is not None]
        return f"{100 * statistics.fmean(known):.1f}" if len(known) == len(trials.JUDGED_ON) else "not run"

    lines = ["| method | " + " | ".join(["own numbers", *(["another setting"] * (trials.TRIALS - 1))]) + " |"]
    lines.append("|---|" + "---|" * trials.TRIALS)
    lines.append(f"| {name_of('baseline')} | {score('baseline')} |" + " – |" * (trials.TRIALS - 1))
    for method, all_ in trials.candidates().items():
        texts = []
        for trial in all_:
            text = score(trials.row_name(method, trial))
            text += "" if trial.label == trials.OWN else f" ({trial.label})"
            texts.append(f"**{text}**" if evidence.tuned.get(method) == trial.label else text)
        lines.append(f"| {name_of(method)} | " + " | ".join(texts) + " |")
    note = (
        "mIoU-19 in per cent, mean of overcast and sun on validation scenes, one seed that is compared nowhere, half "
        "of the rivals' steps; bold: chosen. No trial sees a test look. One seed: a small difference may be chance."
    )
    return "\n".join(lines) + f"\n\n{note} {_cost_line(evidence.rows('tuning'))}".rstrip()


def ablation_table(evidence: Evidence, factor: ablations.Factor) -> str:
    """One factor: a line a level."""
    rows = evidence.rows("ablations")
    methods = [level.row.name for level in factor.levels]
    columns = {data: COLUMN_NAMES[data] for data in ("streets/game", *SHIFTED)}
    body = ledger.table(
        rows, methods=methods, columns=tuple(columns), column_names=columns,
        method_names={level.row.name: level.label for level in factor.levels},
    )  # fmt: skip
    return body.replace("| method |", f"| {factor.axis} |", 1)


def convergence_table(evidence: Evidence) -> str:
    """What longer training gains, on the same seeds: the baseline at four times the steps, randomised rows at twice."""
    heads = ("streets/game", *SHIFTED)
    lines = ["| method | steps | " + " | ".join(COLUMN_NAMES[head] for head in heads) + " |"]
    lines.append("|---|---:|" + "---:|" * len(heads))
    pairs = [("headline", tiers.CONVERGENCE, "baseline")]
    for factor in ablations.factors():
        if factor.name == "steps":
            longer = [level.row.name for level in factor.levels if level.row.name.endswith(ablations.TWICE)]
            pairs += [("ablations", name, name.removesuffix(ablations.TWICE)) for name in longer]
    steps = {
        (tier, run.method): run.config.steps
        for tier in ("headline", "ablations")
        for run in grid(Settings(tier), evidence.tuned)
    }
    for tier, method, usual in pairs:
        found = [say_difference(evidence.difference(tier, method, usual, head)) for head in heads]
        lines.append(f"| {name_of(usual)} | {steps[tier, usual]} → {steps[tier, method]} | {' | '.join(found)} |")
    return "\n".join(lines) + (
        "\n\nWhat the longer run gains: points of mIoU-19, paired by seed, as in the table of differences above. The "
        "means are among the [ablations](#do-two-view-methods-only-lack-steps)."
    )


def race_table(evidence: Evidence) -> str:
    """Every method of the rivals tier that has a row against GTR, paired; and on how many test looks it is ahead."""
    heads = ("streets/game", *SHIFTED)
    rows = evidence.rows("rivals")
    lines = [
        "| against GTR | " + " | ".join(COLUMN_NAMES[head] for head in heads) + " | test looks ahead |",
        "|---|" + "---:|" * (len(heads) + 1),
    ]
    for method in dict.fromkeys(row["method"] for row in rows if row["method"] not in ("gtr", "baseline", "oracle")):
        found = [evidence.difference("rivals", method, "gtr", data) for data in heads]
        if any(each.values for each in found):
            cells = [name_of(method), *map(say_difference, found), _looks_ahead(evidence, method)]
            lines.append(f"| {' | '.join(cells)} |")
    if len(lines) == 2:
        return "No rival has a seed in common with GTR yet."
    return "\n".join(lines) + (
        "\n\nPoints of mIoU-19, paired by seed, as in the table of differences above; last column: on how many of the "
        "test looks the method is ahead of GTR on the mean over their common seeds."
    )


def _looks_ahead(evidence: Evidence, method: str) -> str:
    """On how many test looks a method is ahead of GTR; "–" where scenes were not kept."""
    mine, gtr = looks_of(evidence, method), looks_of(evidence, "gtr")
    pairs = [(mine[seed], gtr[seed]) for seed in mine if seed in gtr]
    if not pairs or any(len(a) != len(b) or len(a) < 2 for a, b in pairs):
        return "–"
    gains = np.mean([np.subtract(*pair) for pair in pairs], axis=0)
    return f"{int((gains > 0).sum())} of {len(gains)}"


def gap_test_table(evidence: Evidence) -> str:
    """Share of the gap closed on the test looks, by the walk and by what was run of the rivals."""
    found = {**gap_by_look(evidence, "rivals"), **gap_by_look(evidence)}
    alone, _ = tiers.rival_names()
    lines = ["| method | share of the gap closed (by seed) | looks |", "|---|---:|---:|"]
    for method in (*tiers.HEADLINE_METHODS[1:-1], *(name for name in alone if name in found)):
        shares = found.get(method, [])
        by_seed = ", ".join(f"{100 * share:.0f}" for share, _ in shares)
        text = f"{100 * statistics.fmean(share for share, _ in shares):.0f} % ({by_seed})" if shares else "not run"
        looks = "-".join(map(str, sorted({count for _, count in shares}))) or "0"
        lines.append(f"| {name_of(method)} | {text} | {looks} |")
    note = (
        "The oracle was trained on overcast and sun: it has seen none of these looks and is no ceiling here, so the "
        "share says how far a method gets towards a network that has seen two other looks. Only looks count where it "
        "is at least 10 points ahead of the baseline on the mean over seeds, the same looks for every row; a mean over "
        "looks is not what the means of the tables give. Where scenes were not kept, all test looks count as one."
    )
    return "\n".join(lines) + f"\n\n{note}"


def hours_table(results: str | Path) -> str:
    """Hours of training behind the ledgers, each network once."""
    lines = ["| ledger | device | networks | hours |", "|---|---|---:|---:|"]
    total = [0, 0.0]
    for name in LEDGERS:
        runs: dict[str, ledger.Row] = {}
        for row in ledger.read(Path(results) / f"{name}.jsonl"):
            scored_only = name == "real" and not str(row.get("run", "")).startswith("real-")  # trained for another tier
            if row["method"] != PRIOR and not scored_only:
                key = row.get("run") or digest([row["method"], row["seed"], row["config"], row.get("note", "")])
                runs[str(key)] = row
        for device in sorted({row["device"] for row in runs.values()}):
            seconds = [row["wall_seconds"] for row in runs.values() if row["device"] == device]
            lines.append(f"| `{name}.jsonl` | {device} | {len(seconds)} | {math.fsum(seconds) / 3600:.2f} |")
            total = [total[0] + len(seconds), total[1] + math.fsum(seconds) / 3600]
        if not runs:
            lines.append(f"| `{name}.jsonl` | not run | 0 | 0.00 |")
    lines.append(f"| all | | {total[0]} | {total[1]:.2f} |")
    return "\n".join(lines)


def _cost_line(rows: Sequence[ledger.Row]) -> str:
    """On what, how long and from which commits the rows come."""
    if not rows:
        return ""
    runs: dict[str, Any] = {row["run"]: row for row in rows}
    hours = math.fsum(row["wall_seconds"] for row in runs.values()) / 3600
    several = {key: ", ".join(sorted({str(row[key]) for row in rows})) for key in ("protocol", "device", "trained_at")}
    steps = ", ".join(str(s) for s in sorted({row["config"]["steps"] for row in rows}))
    return (
        f"{several['protocol']}; {steps} steps; {several['device']}; {len(runs)} networks, {hours:.1f} h of training; "
        f"commit {several['trained_at']}."
    )
