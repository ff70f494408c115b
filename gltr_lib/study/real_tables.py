"""Tables of the real sets, from the ledger alone: what a network learned from, what it stands on, where it was scored.

A row is found by its definition and never by its name, so networks that several tiers declare are counted once, and
networks of an outdated definition not at all. Beside the methods stands the layout prior of the labels that they were
trained on. What was not scored reads "not run"; methods that were scored nowhere are named below their table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gltr_lib import ledger
from gltr_lib._label_sets import LABEL_SETS
from gltr_lib.real_sets import REAL_SETS, label_sets_for
from gltr_lib.study import photos, real_tier, tiers, trials
from gltr_lib.study.grid import Run, grid
from gltr_lib.study.names import METHOD_NAMES, REAL_COLUMNS, TEST, name_of
from gltr_lib.study.settings import Settings
from gltr_lib.study.tables import looks_sentence, over_present, with_rows
from gltr_lib.study.tiers import PRIOR

#: Column -> (set, label set), and how a table heads it.
COLUMNS: dict[tuple[str, str], str] = {
    ("camvid", "camvid11"): "CamVid (11)",
    ("camvid", "common5"): "CamVid (5)",
    ("idd_lite", "common4"): "IDD (4)",
    ("cityscapes", "cityscapes19"): "City. (16 of 19)",
    ("cityscapes", "common5"): "City. (5)",
}
#: Of these, what the README shows: each set in its own classes.
WALK = {
    ("camvid", "camvid11"): "CamVid (11)",
    ("idd_lite", "common4"): "IDD-Lite (4)",
    ("cityscapes", "cityscapes19"): "Cityscapes, 9 samples (16 of 19)",
}
#: How a table heads synthetic frames that were kept from training: somebody else's, and drawn streets.
SOURCES = {
    "airsim/val": "AirSim (5)", "carla/4 frames": "CARLA, 4 frames (5)", "streets/game": "game (19)",
    TEST: "drawn test looks (19)",
}  # fmt: skip
#: CamVid's films, and all of them together.
SEQUENCES = {data.removeprefix("camvid/"): head for data, head in REAL_COLUMNS.items()}
#: The groups in their order: training set and trunk, and how the table heads them.
TITLES = {
    "streets": "Trained on drawn streets, from scratch",
    "streets squeezenet": "Trained on drawn streets, over SqueezeNet with ImageNet weights",
    "airsim mini": "Trained on AirSim's frames, from scratch",
    "airsim squeezenet": "Trained on AirSim's frames, over SqueezeNet with ImageNet weights",
}


def scored(rows: Sequence[ledger.Row], runs: Sequence[Run], sequence: str = "all") -> list[ledger.Row]:
    """The rows of runs on the real sets, and those of the layout priors of what they were trained on.

    Args:
        rows: of ``real.jsonl``.
        runs: as they are declared now.
        sequence: "all", or one of CamVid's sequences.

    Returns:
        Copies of rows, their ``data`` replaced by "<set> <label set>"; ``value`` is over the classes that occur in the
        set, the same ones for all.
    """
    found = {(row["definition"], row["data"]): row for row in rows}
    priors = {(row["trained_on"], row["data"], row["metric"]): row for row in rows if row["method"] == PRIOR}
    out = []
    for run in runs:
        for name in REAL_SETS:
            for label_set in label_sets_for(name, run.config.num_classes):
                data, column = f"{name}/{sequence}", f"{name} {label_set}"
                metric = f"mIoU-{len(LABEL_SETS[label_set].classes)}"
                row = found.get((photos.definition(name, label_set, run), data))
                prior = priors.get((run.train.name, data, metric))
                out += [{**row, "method": run.method, "data": column, "value": over_present(row, prior)}] if row else []
                out += [{**prior, "data": column}] if prior else []
    return out


def on_source(rows: Sequence[ledger.Row], runs: Sequence[Run]) -> list[ledger.Row]:
    """The rows of networks of the tier *real* on synthetic frames that they never saw.

    Args:
        rows: of ``real.jsonl``.
        runs: as they are declared now.

    Returns:
        Copies of rows under the runs' names, and those of the layout prior. Networks from scratch on the drawn streets
        have none: their scores there are in other ledgers.
    """
    found = {(row.get("definition"), row["method"] == PRIOR): row for row in rows}
    held_out = [(run, part) for run in runs for part in run.score if part.name in SOURCES]
    out = []
    for run, part in held_out:
        row, prior = (found.get((run.score_definition(part), kind)) for kind in (False, True))
        out += [{**row, "method": run.method}] if row else []
        out += [dict(prior)] if prior else []
    return out


def group_runs(tuned: Mapping[str, str] | None = None) -> dict[str, tuple[Run, ...]]:
    """The runs of each group of the table: training set and trunk.

    Args:
        tuned: the chosen trials of the rivals; None reads ``results/tuned.json``.

    Returns:
        Title's key -> runs; oracles and the run four times longer are left out, they are scored on no photograph.
    """
    tuned = trials.read() if tuned is None else tuned
    left_out = ("oracle", tiers.CONVERGENCE)
    streets = [*grid(Settings("headline"), tuned), *grid(Settings("rivals"), tuned)]
    if not tuned:  # until a trial is chosen, a tuned row is its method's own row once more
        streets = [run for run in streets if not run.method.endswith("_tuned")]
    usual = {(run.method, run.seed): run for run in reversed(streets) if run.method not in left_out}
    out = {"streets": tuple(usual[key] for key in dict.fromkeys((r.method, r.seed) for r in streets) if key in usual)}
    real = grid(Settings("real"), tuned)
    for source, trunk in real_tier.VARIANTS:
        ending = f"[{source} {trunk}]"
        out[f"{source} {trunk}"] = tuple(run for run in real if run.method.endswith(ending))
    return {key: out[key] for key in TITLES}


def title_of(key: str, runs: Sequence[Run]) -> str:
    """What heads a group's table: training set, trunk, and the steps, which differ from group to group."""
    return f"{TITLES[key]}, {runs[0].config.steps} steps"


def walk_table(
    rows: Sequence[ledger.Row], tuned: Mapping[str, str] | None = None, looks_taken: int | None = None
) -> str:
    """The headline's walk on all real sets, each in its own classes: the README's table.

    Arguments and result as :func:`real_sets_table`.
    """
    runs = [run for run in group_runs(tuned)["streets"] if run.method in tiers.HEADLINE_METHODS]
    text = _table(scored(rows, runs), runs, {" ".join(column): head for column, head in WALK.items()})
    note = (
        "Real photographs, never trained or tuned on; in brackets the number of classes (truck, bus and train do not "
        "occur in the Cityscapes samples, and count for nobody). mIoU in per cent, mean ± "
        "sample standard deviation over seeds, last checkpoint, predicted at width 256 and upsampled. The rows' "
        "protocols and CamVid film by film are in `docs/study.md`."
    )
    return f"{text}\n\n{' '.join([note, *looks_sentence(looks_taken)])}"


def real_sets_table(
    rows: Sequence[ledger.Row], tuned: Mapping[str, str] | None = None, looks_taken: int | None = None
) -> str:
    """All groups, one table each: method by real set, mean ± standard deviation over seeds.

    Args:
        rows: of ``real.jsonl``.
        tuned: see :func:`group_runs`.
        looks_taken: number of looks at real sets so far, printed below.

    Returns:
        Markdown.
    """
    parts = []
    for key, runs in group_runs(tuned).items():
        known = [column for column in COLUMNS if column[1] in label_sets_for(column[0], runs[0].config.num_classes)]
        heads = {" ".join(column): COLUMNS[column] for column in known}
        source = on_source(rows, runs)
        heads = {**{row["data"]: SOURCES[row["data"]] for row in source}, **heads}
        parts += [f"**{title_of(key, runs)}**", _table([*source, *scored(rows, runs)], runs, heads)]
    sizes = "; ".join(f"{real.title}: {real.size}" for real in REAL_SETS.values())
    notes = [
        "mIoU in per cent, mean ± sample standard deviation over seeds, last checkpoint; in brackets the number of "
        f"classes; IDD is IDD-Lite, City. the nine Cityscapes samples, where truck, bus and train do not occur (they "
        f"count for nobody). {sizes}; predicted at the "
        "width of the training pictures and upsampled. Probabilities are summed per group before the largest is taken; "
        "the groups are in the rows' `protocol`. The layout prior is that of the training labels."
    ]
    return "\n\n".join([*parts, " ".join([*notes, *looks_sentence(looks_taken)])])


def sequences_table(rows: Sequence[ledger.Row], tuned: Mapping[str, str] | None = None) -> str:
    """CamVid film by film: frames of one film are nearly the same picture, so three films are three pictures.

    Args:
        rows: of ``real.jsonl``.
        tuned: see :func:`group_runs`.

    Returns:
        Markdown, one table a group: in 11 classes where the networks have 19, else in 5.
    """
    parts = []
    for key, runs in group_runs(tuned).items():
        label_set = label_sets_for("camvid", runs[0].config.num_classes)[0]
        column = f"camvid {label_set}"
        found = [
            {**row, "data": sequence}
            for sequence in SEQUENCES
            for row in scored(rows, runs, sequence)
            if row["data"] == column
        ]
        title = f"**{title_of(key, runs)}** ({len(LABEL_SETS[label_set].classes)} classes)"
        parts += [title, _table(found, runs, SEQUENCES)]
    return "\n\n".join([*parts, "mIoU in per cent on CamVid, mean ± sample standard deviation over seeds."])


def _table(rows: Sequence[ledger.Row], runs: Sequence[Run], heads: Mapping[str, str]) -> str:
    """One group: methods by columns, which may have metrics and protocols of their own."""
    rows = [row for row in rows if row["data"] in heads]
    names = {run.method: name_of(run.method.split(" [")[0]) for run in runs}
    there, rest = with_rows(rows, {PRIOR: METHOD_NAMES[PRIOR], **names})
    return "\n\n".join(filter(None, [ledger.table_lines(rows, there, heads) if there else "", rest]))
