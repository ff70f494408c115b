"""The tables of the real sets: found by definition, the prior beside, what was not scored said so."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from gltr_lib import ledger
from gltr_lib._label_sets import LABEL_SETS
from gltr_lib.real_sets import REAL_SETS, label_sets_for
from gltr_lib.study import documents, photos, real_tables, real_tier, tables
from gltr_lib.study.tiers import PRIOR
from tests.test_study import RESULTS


@pytest.fixture(scope="module")
def groups():
    return real_tables.group_runs({})


def row_of(run, name, label_set, value, **changes):
    return {
        "method": run.method, "seed": run.seed, "value": value, "data": f"{name}/all", "protocol": "p",
        "metric": f"mIoU-{len(LABEL_SETS[label_set].classes)}", "trained_on": run.train.name,
        "definition": photos.definition(name, label_set, run), **changes,
    }  # fmt: skip


def lines_of(text, title):
    """The cells of each line of a group's table, by its first."""
    body = re.split(rf"\*\*{title}, \d+ steps\*\*", text)[1].split("\n\n")[1]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in body.splitlines() if line[0] == "|"]
    return {row[0]: row[1:] for row in rows}


def not_run(text, title):
    """The methods that the sentence of a group names as not run."""
    part = re.split(rf"\*\*{title}, \d+ steps\*\*", text)[1].split("**")[0]
    sentence = next((line for line in part.splitlines() if line.startswith("Not run: ")), "Not run: .")
    return sentence.removeprefix("Not run: ").removesuffix(".").split("; ")


def test_every_variant_and_the_drawn_streets_have_a_group_without_oracles(groups):
    assert list(groups) == list(real_tables.TITLES)
    assert set(groups) == {"streets", *(" ".join(variant) for variant in real_tier.VARIANTS)}
    methods = {run.method for run in groups["streets"]}
    assert {"baseline", "gtr_ltr_cgl", "randconv", "isw"} <= methods
    assert not {method for method in methods if "oracle" in method or "4x" in method}
    assert len({(run.method, run.seed) for run in groups["streets"]}) == len(groups["streets"])


def test_an_empty_ledger_reads_not_run_everywhere(groups):
    text = real_tables.real_sets_table([], {})
    for key, title in real_tables.TITLES.items():
        assert lines_of(text, title) == {}
        named = not_run(text, title)
        assert {"layout prior (no image)", "baseline", "GTR"} <= set(named)
        assert len(named) == len(set(named)) == 1 + len({run.method for run in groups[key]})
    assert "Looks taken" not in text


def test_rows_are_found_by_definition_with_their_spread_and_the_sources_prior(groups):
    mine = [run for run in groups["airsim squeezenet"] if run.method.startswith("gtr [")]
    rows = [row_of(run, "idd_lite", "common4", 0.5 + 0.1 * run.seed) for run in mine]
    rows.append(row_of(mine[0], "idd_lite", "common4", 0.9, definition="of another day"))
    rows.append(row_of(mine[0], "idd_lite", "common4", 0.25, method=PRIOR, definition="a prior"))
    table = lines_of(real_tables.real_sets_table(rows, {}, looks_taken=7), real_tables.TITLES["airsim squeezenet"])
    assert table["method"] == ["CamVid (5)", "IDD (4)", "City. (5)", "seeds"]
    assert table["GTR"] == ["not run", "60.0 ± 10.0", "not run", "3"]
    assert table["layout prior (no image)"] == ["not run", "25.0", "not run", "1"]
    text = real_tables.real_sets_table(rows, {}, looks_taken=7)
    assert "baseline" not in table
    assert "baseline" in not_run(text, real_tables.TITLES["airsim squeezenet"])
    assert "Looks taken at real sets so far: 7" in text
    # The same frames from scratch have the same prior, and nothing else.
    assert lines_of(text, real_tables.TITLES["airsim mini"])["layout prior (no image)"][1] == "25.0"
    assert "GTR" in not_run(text, real_tables.TITLES["airsim mini"])


def test_a_score_in_five_classes_is_not_one_in_eleven(groups):
    run = groups["streets"][0]
    rows = [row_of(run, "camvid", "camvid11", 0.1), row_of(run, "camvid", "common5", 0.4)]
    table = lines_of(real_tables.real_sets_table(rows, {}), real_tables.TITLES["streets"])
    assert table["baseline"][:2] == ["10.0", "40.0"]


def test_sequences_are_kept_apart(groups):
    run = groups["streets"][0]
    rows = [row_of(run, "camvid", "camvid11", 0.1), row_of(run, "camvid", "camvid11", 0.3, data="camvid/0001TP")]
    assert [row["value"] for row in real_tables.scored(rows, [run], "0001TP")] == [0.3]
    assert [row["value"] for row in real_tables.scored(rows, [run])] == [0.1]
    text = real_tables.sequences_table(rows, {})
    steps = {key: runs[0].config.steps for key, runs in groups.items()}
    assert set(steps.values()) == {2000, 1000, 500}, "the groups are trained for unequal times, and say so"
    titles = [
        f"{title}, {steps[key]} steps** ({5 if 'AirSim' in title else 11} classes)"
        for key, title in real_tables.TITLES.items()
    ]
    assert all(title in text for title in titles)
    body = text.split(f"**{titles[0]}")[1].split("\n\n")[1].splitlines()
    assert body[0] == "| method | 0001TP | 0006R0 | 0016E5 | all three | seeds |"
    assert "| baseline | 30.0 | not run | not run | 10.0 | 1 |" in body


def test_tuned_rows_stand_there_only_once_a_trial_is_chosen(groups):
    assert not {run.method for run in groups["streets"] if run.method.endswith("_tuned")}
    chosen = real_tables.group_runs({"gtr": "alpha=0.5"})["streets"]
    assert {"gtr_tuned", "gtr_ltr_cgl_tuned"} <= {run.method for run in chosen}


def test_the_readmes_table_is_the_walk_on_every_set_in_its_own_classes(groups):
    runs = groups["streets"]
    mine = next(run for run in runs if run.method == "gtr")
    other = next(run for run in runs if run.method == "randconv")
    rows = [
        row_of(mine, "camvid", "camvid11", 0.1), row_of(mine, "camvid", "common5", 0.2),
        row_of(mine, "idd_lite", "common4", 0.3), row_of(mine, "cityscapes", "cityscapes19", 0.4),
        row_of(other, "camvid", "camvid11", 0.9),
    ]  # fmt: skip
    text = real_tables.walk_table(rows, {}, looks_taken=3)
    body = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.split("\n\n")[0].splitlines()]
    assert ["GTR", "10.0", "30.0", "40.0", "1"] in body
    assert "90.0" not in text
    assert "oracle" not in text
    assert text.endswith("Looks taken at real sets so far: 3 (`results/real_looks.jsonl`).")


def test_a_class_that_does_not_occur_counts_for_nobody(groups):
    mine = [run for run in groups["streets"] if run.method == "baseline"]
    classes = {"road": 0.6, "car": 0.2, "train": 0.0}
    rows = [row_of(run, "cityscapes", "cityscapes19", 0.8 / 3, per_class=classes) for run in mine]
    blind = row_of(mine[0], "cityscapes", "cityscapes19", 0.25, method=PRIOR, definition="a prior")
    text = real_tables.real_sets_table([*rows, {**blind, "per_class": {"road": 0.5, "car": 0.0, "train": None}}], {})
    table = lines_of(text, real_tables.TITLES["streets"])
    assert table["baseline"][3].startswith("40.0")
    assert table["layout prior (no image)"][3] == "25.0"
    text = real_tables.real_sets_table([*rows, {**blind, "per_class": {"road": 0.5, "car": 0.0, "train": 0.0}}], {})
    assert lines_of(text, real_tables.TITLES["streets"])["baseline"][3].startswith("26.7"), "all classes occur"


def test_the_samples_of_cityscapes_hold_as_many_classes_as_the_column_says():
    priors = ledger.find(ledger.read(RESULTS / "real.jsonl"), method=PRIOR, data="cityscapes/all", metric="mIoU-19")
    seen = {sum(value is not None for value in row["per_class"].values()) for row in priors}
    assert seen <= {16}
    for heads in (real_tables.COLUMNS, real_tables.WALK):
        assert "(16 of 19)" in heads["cityscapes", "cityscapes19"]


def test_networks_of_anothers_frames_show_their_own_source(groups):
    mine = [run for run in groups["airsim mini"] if run.method.startswith("gtr [")]
    (held_out, *_) = mine[0].score
    rows = [
        row_of(run, "camvid", "common5", 0.6 + 0.1 * run.seed, data=held_out.name,
               definition=run.score_definition(held_out))
        for run in mine
    ]  # fmt: skip
    text = real_tables.real_sets_table([*rows, {**rows[0], "method": PRIOR, "value": 0.2}], {})
    table = lines_of(text, real_tables.TITLES["airsim mini"])
    assert table["method"][0] == "AirSim (5)"
    assert table["GTR"][0] == "70.0 ± 10.0"
    assert table["layout prior (no image)"][0] == "20.0"


def test_networks_over_a_trunk_show_the_drawn_looks_beside_the_photographs(groups):
    (run, *_) = (run for run in groups["streets squeezenet"] if run.method.startswith("gtr ["))
    parts = {part.name: part for part in run.score}
    rows = [
        row_of(run, "camvid", "common5", value, data=name, definition=run.score_definition(parts[name]))
        for name, value in (("streets/game", 0.7), (tables.TEST, 0.3), ("streets/sun", 0.5))
    ]
    text = real_tables.real_sets_table(rows, {})
    table = lines_of(text, real_tables.TITLES["streets squeezenet"])
    assert table["method"][:3] == ["game (19)", "drawn test looks (19)", "CamVid (11)"]
    assert table["GTR"][:3] == ["70.0", "30.0", "not run"]


def test_columns_are_all_that_the_real_sets_have():
    declared = {(name, label_set) for name in REAL_SETS for label_set in label_sets_for(name, 19)}
    assert set(real_tables.COLUMNS) == declared


def test_it_stands_among_the_studys_tables(tmp_path):
    assert "Not run: " in documents.tables(tmp_path)["table:real_sets"]()


def test_networks_of_a_changed_definition_are_not_counted(groups):
    run = groups["streets"][0]
    changed = dataclasses.replace(run, config=run.config.replace(lr=0.5))
    text = real_tables.real_sets_table([row_of(changed, "camvid", "camvid11", 0.9)], {})
    assert "90.0" not in text
    assert "baseline" in not_run(text, real_tables.TITLES["streets"])


def test_hypotheses_can_ask_for_a_tiers_photographs(groups, tmp_path):
    from gltr_lib.study.evidence import Evidence
    from gltr_lib.study.hypotheses import judge

    mine = [run for run in groups["airsim mini"] if run.method.split(" [")[0] in ("baseline", "gtr_ltr_cgl")]
    for run in mine:
        value = 0.3 + 0.05 * run.method.startswith("gtr") + 0.01 * run.seed
        for name, label_set in (("idd_lite", "common4"), ("camvid", "common5")):
            ledger.append(tmp_path / "real.jsonl", row_of(run, name, label_set, value), check=False)
    test = {
        "kind": "difference", "tier": "real photos", "method": "gtr_ltr_cgl [airsim mini]",
        "against": "baseline [airsim mini]", "data": "idd_lite common4", "at_least": 3,
    }  # fmt: skip
    found = judge(test, Evidence(tmp_path))
    assert found.verdict == "confirmed"
    assert "+5.0" in found.found
    assert judge(test | {"data": "camvid camvid11"}, Evidence(tmp_path)).verdict == "undecided"


def test_photographs_stand_in_the_ledger_of_their_tier_and_are_read_together():
    from gltr_lib import ledger
    from gltr_lib.study import book

    results = Path(__file__).parents[1] / "results"
    rows = book.photo_rows(results)
    assert {row["tier"] for row in rows} >= {"headline", "rivals", "real"}
    for name in ("real.jsonl", "real_rivals.jsonl"):
        assert {book.photo_ledger(results, r["tier"]).name for r in ledger.read(results / name)} == {name}
