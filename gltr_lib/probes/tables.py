"""Tables of the probes, made from the ledger's lines and nothing else, and the page that holds them.

``docs/probes.md`` has a place between markers for each (``<!-- probes:conflict -->``); :func:`fill` writes them with
their figures' words, and a test compares.
"""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gltr_lib import ledger
from gltr_lib.datasets.looks import TEST_LOOKS
from gltr_lib.evaluate.tables import percent
from gltr_lib.models import SHIPPED
from gltr_lib.probes import plan
from gltr_lib.probes.conflict import ARRANGEMENTS
from gltr_lib.probes.corruptions import KINDS, SEVERITIES
from gltr_lib.probes.expect import EXPECTATIONS, control, mean_decided, mean_relative, mean_share, miou, relative, shift
from gltr_lib.study.names import METHOD_NAMES
from gltr_lib.study.tiers import PRIOR

Rows = Sequence[ledger.Row]
NAMES = {name: METHOD_NAMES[name] for name in SHIPPED}
WITH_PRIOR = NAMES | {PRIOR: METHOD_NAMES[PRIOR]}  # where place is the question
LOOK_NAMES = {
    "game, other scenes": "game, other streets (the zero)",
    "geometry": "control: geometry",
    "colour": "control: colour",
    "overcast": "overcast",
    "sun": "sun",
    TEST_LOOKS: "test looks",
    "painted": "game, painted by GTR",
}
MODE_NAMES = {
    "material": "the other's material",
    "colour": "the other's flat colour",
    "surface": "the other's material, details kept",
    "pattern": "own colour, the other's bold pattern",
}


def swap_name(shape: str, texture: str) -> str:
    """A swap in words."""
    return f"{shape} in {texture} material"


def table(head: str, lines: Mapping[str, Callable[[str], str]], names: Mapping[str, str] = NAMES) -> str:
    """A Markdown table with one column a network; a line is a function from the network to its cell."""
    out = [f"| {head} | " + " | ".join(names.values()) + " |", "|---|" + "---:|" * len(names)]
    out += [f"| {name} | " + " | ".join(cell(network) for network in names) + " |" for name, cell in lines.items()]
    return "\n".join(out)


def one_swap(rows: Rows, network: str, shape: str, texture: str, mode: str = "material", how: str = "upright") -> dict:
    """The newest row of one swap; empty without one."""
    wanted = {"shape": shape, "texture": texture, "mode": mode, "arrangement": how}
    found = [
        row
        for row in ledger.find(rows, probe="conflict", method=network)
        if all(row["config"][key] == value for key, value in wanted.items())
    ]
    return found[-1] if found else {}


def _column(cell: Callable[..., str], *about: Any) -> Callable[[str], str]:
    """``cell`` of what a line is about, as a function of the network alone."""
    return lambda network: cell(network, *about)


def conflict_table(rows: Rows) -> str:
    """Shape share of every swap, with the share of pixels that were named after either."""

    def cell(network: str, shape: str, texture: str) -> str:
        row = one_swap(rows, network, shape, texture)
        if row.get("metric") == "decided share":
            return "– (0)"
        return f"{percent(row['value'])} ({percent(row['decided'])})" if row else "not run"

    lines = {swap_name(*swap): _column(cell, *swap) for swap in plan.SWAPS}
    lines["**mean of the swaps**"] = lambda n: f"**{percent(mean_share(rows, n))}** ({percent(mean_decided(rows, n))})"
    return table("upright; shape share in % (decided in %)", lines, WITH_PRIOR)


def ways_table(rows: Rows) -> str:
    """Material against flat colour, details kept, and the controls."""

    def share(network: str, mode: str) -> str:
        return f"{percent(mean_share(rows, network, mode))} ({percent(mean_decided(rows, network, mode))})"

    def recall(network: str, mode: str) -> str:
        return percent(control(rows, network, mode))

    lines = {name: _column(share, mode) for mode, name in MODE_NAMES.items()}
    lines["control, recall: its own material, details painted over"] = _column(recall, "material")
    lines["control, recall: its own flat colour, details painted over"] = _column(recall, "colour")
    lines["control, recall: its own colour and pattern, made bold, details painted over"] = _column(recall, "pattern")
    return f"{table('mean of the swaps, upright, % (decided)', lines)}\n\n{pattern_words(rows)}"


def pattern_words(rows: Rows) -> str:
    """How much of a pattern there is to see, in one sentence; nothing without rows."""
    found = [row for row in rows if row["probe"] == "conflict" and "bold_levels" in row]
    if not found:
        return ""
    usual, bold = (statistics.fmean(row[name] for row in found) for name in ("usual_levels", "bold_levels"))
    return (
        f"What there is to see of a pattern (mean difference from its flat colour, repainted pixels): {usual:.1f} of "
        f"255 grey levels in the game's materials at this size, {bold:.1f} made bold."
    )


def place_table(rows: Rows) -> str:
    """Shape share and mIoU in every arrangement."""

    def share(network: str, how: str, mode: str) -> str:
        return f"{percent(mean_share(rows, network, mode, how))} ({percent(mean_decided(rows, network, mode, how))})"

    def score(network: str, how: str) -> str:
        return percent(miou(rows, network, how), 1)

    lines = {f"shape share, {how}": _column(share, how, "material") for how in ARRANGEMENTS}
    for how in ("upright", "upside down"):
        lines[f"shape share with flat colour, {how}"] = _column(share, how, "colour")
    lines |= {f"mIoU-19 without a swap, {how}": _column(score, how) for how in ARRANGEMENTS}
    return table("% (decided)", lines, WITH_PRIOR)


def features_table(rows: Rows) -> str:
    """Feature shift of an early and a late layer on every look."""

    def cell(network: str, layer: str, look: str) -> str:
        far, nats = (shift(rows, network, layer, look, measure) for measure in ("shift", "kl"))
        return "not run" if math.isnan(far) else f"{far:.2f} ({nats:.2f})"

    lines = {
        f"{what} (`{layer}`): {name}": _column(cell, layer, look)
        for layer, what in (("stem", "early"), ("aspp", "late"))
        for look, name in LOOK_NAMES.items()
    }
    return table("shift in standard deviations (symmetric KL in nats)", lines)


def corruption_table(rows: Rows) -> str:
    """mIoU under each corruption relative to the clean one, at three severities."""

    def cell(network: str, kind: str) -> str:
        return " / ".join(percent(relative(rows, network, kind, severity)) for severity in SEVERITIES)

    lines = {kind: _column(cell, kind) for kind in KINDS}
    lines["**mean of all**"] = lambda network: f"**{percent(mean_relative(rows, network))}**"
    lines["clean mIoU-19 (%)"] = lambda network: percent(miou(rows, network), 1)
    return table("mIoU as a share of the clean one, %, severity 1 / 2 / 3", lines)


def expectation_table(rows: Rows) -> str:
    """What we expected, what came, and a verdict in one word."""
    lines = ["| | we expected | range | came | verdict |", "|---|---|---:|---:|---|"]
    for one in EXPECTATIONS:
        value = one.value(rows)
        came = "–" if math.isnan(value) else f"{round(value, 2) + 0.0:.2f}"  # never -0.00
        lines.append(f"| {one.name} | {one.words} | {one.low:.2f} to {one.high:.2f} | {came} | {one.verdict(rows)} |")
    return "\n".join(lines)


def facts(rows: Rows) -> str:
    """What all numbers of the page rest on, in one paragraph."""
    if not rows:
        return "Nothing has been measured yet: `python -m gltr_lib.probes`."
    networks = {row["method"]: row["run"] for row in rows}
    ids = ", ".join(f"{NAMES[name].strip()}: `{networks[name]}`" for name in NAMES if name in networks)
    kinds = {name: sorted({str(row[name]) for row in rows}) for name in ("device", "commit", "world", "torch")}
    seconds = sum(row["wall_seconds"] for row in rows)
    dates = sorted(row["date"][:10] for row in rows)
    seeds = ", ".join(sorted({str(row["seed"]) for row in rows}))
    one = {name: ", ".join(values) for name, values in kinds.items()}
    return (
        f"**One network each, seed {seeds}**: an order of networks on this page is that of these four files, not of "
        f"the methods. Their runs in the study's ledger: {ids}. {len(rows)} rows in `results/probes.jsonl`; the "
        f"study's 64 evaluation streets at 256x128, renderer `{one['world']}`; {one['device']}; torch {one['torch']}; "
        f"{seconds / 60:.1f} min of forward passes; commit {one['commit']}; "
        f"{dates[0]}{'' if dates[0] == dates[-1] else ' to ' + dates[-1]}."
    )


TABLES: dict[str, Callable[[Rows], str]] = {
    "probes:facts": facts,
    "probes:expectations": expectation_table,
    "probes:conflict": conflict_table,
    "probes:ways": ways_table,
    "probes:place": place_table,
    "probes:features": features_table,
    "probes:corruptions": corruption_table,
}


def fill(page: str | os.PathLike[str], rows: Rows, texts: Mapping[str, str] | None = None) -> list[str]:
    """Write every table into its place in a page.

    Args:
        page: a Markdown file with all markers. rows: today's rows, see ``run.rows_of_today``.
        texts: further markers and what stands there (figures).

    Returns:
        The markers whose text changed.

    Raises:
        ValueError: a marker is missing.
    """
    made = {name: render(rows) for name, render in TABLES.items()} | dict(texts or {})
    return [name for name, text in made.items() if ledger.replace_between(page, name, text)]


def stale(page: str | os.PathLike[str], rows: Rows, texts: Mapping[str, str] | None = None) -> list[str]:
    """Markers of a page whose text is not what the ledger says."""
    made = {name: render(rows) for name, render in TABLES.items()} | dict(texts or {})
    return [name for name, text in made.items() if ledger.between(Path(page), name) != text.strip("\n")]
