"""Hypotheses and their judge; every table and figure from the ledger alone, fresh, and built without rows as well."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil

import pytest

from gltr_lib import ledger
from gltr_lib._drafts import write_text
from gltr_lib.study import (
    ablations,
    compare,
    documents,
    figures,
    grid,
    hypotheses,
    painters,
    real_tables,
    report,
    tables,
    tiers,
    trials,
)
from gltr_lib.study.evidence import SHIFTED, Evidence
from gltr_lib.study.grid import Settings
from gltr_lib.study.hypotheses import Judgement, judge, verdict
from gltr_lib.study.intervals import Interval
from gltr_lib.study.names import name_of
from gltr_lib.study.tables import TEST
from tests.test_drafts import orphan_of
from tests.test_study import README, RESULTS

DOCS = README.parent / "docs"


def made_up(folder, tier, scores, seeds=3, tuned=None, final=False):
    """Rows of a tier as it is declared, with (method, data) -> score; a callable gets the seed."""
    lines = []
    for one in grid.grid(Settings(tier, seeds=seeds, final=final), tuned or {}):
        for streets in one.score:
            value = scores(one.method, streets.name, one.seed)
            if value is None:
                continue
            lines.append(json.dumps({
                "method": one.method, "seed": one.seed, "commit": "abc", "protocol": "mIoU-19 @ full size",
                "metric": "mIoU-19", "value": round(value, 6), "data": streets.name,
                "config": dataclasses.asdict(one.config), "device": "cpu", "wall_seconds": 60.0,
                "date": "2026-01-01T00:00:00+00:00", "tier": tier, "run": one.id, "family": one.family,
                "definition": one.score_definition(streets), "trained_on": one.train.name, "trained_at": "abc",
                "size": "256x128", "per_class": {},
            }))  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{tier}.jsonl").open("a", encoding="utf-8") as file:
        file.write("".join(line + "\n" for line in lines))
    return Evidence(folder)


def only(**values):
    """Scores of some methods by name, on every set; a tuple holds one value a seed."""
    names = {name.replace("__", " "): value for name, value in values.items()}

    def score(method, data, seed):
        value = names.get(method)
        return value[seed] if isinstance(value, tuple) else value

    return score


# --- hypotheses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "bounds", "expected"),
    [
        ([1.0, 2.0, 3.0], {"at_least": 1}, "confirmed"),
        ([0.9, 2.0, 3.0], {"at_least": 1}, "undecided"),
        ([0.9, 0.0, -3.0], {"at_least": 1}, "refuted"),
        ([0.5, -0.5], {"at_least": -1, "at_most": 1}, "confirmed"),
        ([1.5, -0.5], {"at_least": -1, "at_most": 1}, "undecided"),
        ([1.5, 2.5], {"at_least": -1, "at_most": 1}, "refuted"),
        ([], {"at_least": 0}, "undecided"),
        ([5.0], {"at_least": 0}, "undecided"),  # one seed decides nothing
        ([5.0], {"at_least": 0, "seeds": 1}, "confirmed"),
    ],
)
def test_verdicts_from_points(values, bounds, expected):
    assert verdict(values, bounds) == expected


@pytest.mark.parametrize(
    ("interval", "expected"),
    [((2.0, 1.1, 2.9), "confirmed"), ((2.0, 0.9, 2.9), "undecided"), ((0.5, 0.1, 0.9), "refuted")],
)
def test_an_interval_decides_alone(interval, expected):
    assert verdict([9.0, -9.0], {"at_least": 1}, Interval(*interval)) == expected


def test_a_difference_is_judged_in_points_and_by_seed(tmp_path):
    evidence = made_up(tmp_path, "headline", only(gtr=(0.25, 0.26, 0.24), baseline=(0.12, 0.13, 0.11), gtr_gtr=0.25))
    test = {"kind": "difference", "tier": "headline", "method": "gtr", "against": "baseline", "data": "test"}
    assert judge(test | {"at_least": 12}, evidence) == Judgement("confirmed", "+13.0 (+13.0, +13.0, +13.0)")
    assert judge(test | {"at_least": 14}, evidence).verdict == "refuted"
    assert judge(test | {"against": "gtr_gtr", "at_least": 0}, evidence).verdict == "undecided"
    assert judge(test | {"against": "oracle", "at_least": 0}, evidence) == Judgement("undecided", "not run")


def test_parts_about_several_methods_are_named(tmp_path):
    evidence = made_up(tmp_path, "headline", only(gtr=0.25, gtr_ltr=0.20, baseline=0.10), seeds=2)
    part = {"kind": "difference", "tier": "headline", "against": "baseline", "data": "test", "at_least": 0}
    tests = [part | {"method": method} for method in ("gtr", "gtr_ltr", "oracle")]
    found = judge({"kind": "all", "tests": tests}, evidence).found
    oracle = name_of("oracle")
    against = "against baseline"
    assert found == (
        f"GTR {against}: +15.0 (+15.0, +15.0); GTR + LTR {against}: +10.0 (+10.0, +10.0); {oracle} {against}: not run"
    )
    alone = judge({"kind": "all", "tests": [tests[0], tests[0] | {"data": "streets/sun"}]}, evidence)
    assert alone.found == "test looks: +15.0 (+15.0, +15.0); sun: +15.0 (+15.0, +15.0)", "one pair, two sets"
    same = judge({"kind": "all", "tests": [tests[0], tests[0]]}, evidence)
    assert same.found == "+15.0 (+15.0, +15.0)", "nothing to tell apart, and the same words stand once"


def test_no_verdict_of_the_page_names_a_method_by_its_key():
    entries, evidence = hypotheses.read(RESULTS), Evidence(RESULTS)
    found = " ".join(judge(entry["test"], evidence).found for entry in entries)
    assert not re.search(r"[a-z]_[a-z]|\w=\w|\[[a-z]|\dx ", found), found


def test_every_rival_means_every_one(tmp_path):
    alone, consistent = tiers.rival_names()
    test = {
        "kind": "difference", "tier": "rivals", "method": "gtr", "against": "every rival", "data": "test",
        "at_least": 0,
    }  # fmt: skip
    assert judge(test, Evidence(tmp_path / "none")) == Judgement("undecided", "not run")
    evidence = made_up(tmp_path / "some", "rivals", only(gtr=0.3, randconv=0.2))
    found = judge(test, evidence)
    assert found.verdict == "undecided"  # one of them was run, and GTR is ahead of it
    declared = f"({len(alone) + len(consistent)} declared; one seed confirms nothing)"
    assert found.found.startswith(
        f"confirmed against 1 of the 1 that were run {declared}; least ahead: RandConv, +10.0"
    )
    scores = {**dict.fromkeys((*alone, *consistent), 0.2), "gtr": 0.3}
    assert judge(test, made_up(tmp_path / "all", "rivals", only(**scores))).verdict == "confirmed"
    scores["ibn_cons"] = 0.31
    found = judge(test, made_up(tmp_path / "one", "rivals", only(**scores)))
    assert found.verdict == "refuted"
    assert f"; furthest behind: {name_of('ibn_cons')}, -1.0" in found.found


def test_all_parts_must_hold(tmp_path):
    evidence = made_up(tmp_path, "headline", only(gtr=0.3, baseline=0.2, gtr_gtr=0.35))
    good = {
        "kind": "difference", "tier": "headline", "method": "gtr", "against": "baseline", "data": "test", "at_least": 5,
    }  # fmt: skip
    bad = good | {"against": "gtr_gtr", "at_least": 0}
    unknown = good | {"against": "oracle"}
    for parts, expected in (([good, good], "confirmed"), ([good, unknown], "undecided"), ([bad, unknown], "refuted")):
        assert judge({"kind": "all", "tests": parts}, evidence).verdict == expected


def test_the_gap_is_judged_in_per_cent(tmp_path):
    evidence = made_up(tmp_path, "headline", only(gtr_ltr_cgl=0.3, baseline=0.2, oracle=0.4))
    test = {"kind": "gap", "method": "gtr_ltr_cgl"}
    assert judge(test | {"at_least": 40}, evidence) == Judgement("confirmed", "50 % of the gap (50, 50, 50)")
    assert judge(test | {"at_least": 60}, evidence).verdict == "refuted"


def flat(test):
    return [leaf for part in test["tests"] for leaf in flat(part)] if test["kind"] == "all" else [test]


def test_the_committed_hypotheses_can_be_judged():
    entries = hypotheses.read(RESULTS)
    assert len(entries) >= 12
    assert len({entry["id"] for entry in entries}) == len(entries)
    names = {tier: {r.method for r in grid.grid(Settings(tier), {})} for tier in ("headline", "rivals", "ablations")}
    names["photos"] = names["headline"]
    names["real photos"] = {r.method for r in grid.grid(Settings("real"), {})}
    sets = {s.name for s in grid.score_sets(Settings())} | {"camvid/all", "test"}
    sets |= {" ".join(column) for column in real_tables.COLUMNS}
    for entry in entries:
        for test in flat(entry["test"]):
            tier = names[test.get("tier", "headline")]
            assert test["method"] in tier, entry["id"]
            assert test.get("against", test["method"]) in tier | {hypotheses.EVERY_RIVAL}, entry["id"]
            assert test.get("data", "test") in sets, entry["id"]


def test_a_malformed_hypothesis_is_named(tmp_path):
    assert hypotheses.read(tmp_path) == []
    assert "No hypothesis" in hypotheses.table(tmp_path)
    good = {"id": "H1", "sentence": "s", "known": "k", "test": {"kind": "gap", "method": "gtr", "at_least": 1}}
    for change, words in (({"known": ""}, "lacks known"), ({"test": {"kind": "x"}}, "kind"),
                          ({"test": {"kind": "gap", "method": "gtr"}}, "at_least or at_most")):  # fmt: skip
        (tmp_path / hypotheses.FILE).write_text(json.dumps([good | change]))
        with pytest.raises(ValueError, match=words):
            hypotheses.read(tmp_path)


# --- tables -----------------------------------------------------------------------------------------------------------


def test_rivals_have_their_setting_and_what_is_missing_reads_so(tmp_path):
    evidence = made_up(tmp_path, "rivals", only(gtr=0.3, randconv=(0.2, 0.21, 0.22)))
    text = compare.rivals_table(evidence)
    assert "| RandConv | 21.0 ± 1.0 |" in text
    assert f"| {name_of('mixstyle')}" not in text  # a line of "not run" for each would bury the others
    assert f"; {name_of('mixstyle')}; " in text.split("Not run: ")[1].split("\n")[0]
    assert "every rival has its own numbers" in text
    assert "tuned" not in text
    assert "2 methods" not in text
    assert "6 networks, 0.1 h of training" in text
    label = trials.candidates()["randconv"][1].label
    write_text(tmp_path / "tuned.json", trials.text({"randconv": {"label": label, "scores": {}}}))
    text = compare.rivals_table(Evidence(tmp_path))
    rest = text.split("Not run: ")[1].split("\n")[0].split("; ")
    assert f"RandConv ({label})" in rest  # the row above had its own numbers
    assert "| GTR, tuned (own) |" in text  # the same networks as GTR


def test_trials_table_marks_the_chosen_one(tmp_path):
    name = {trials.row_name("gtr", trial): 0.2 + 0.01 * n for n, trial in enumerate(trials.candidates()["gtr"])}
    name["baseline"] = 0.125
    made_up(tmp_path, "tuning", lambda method, data, seed: name.get(method), seeds=1)
    assert report.write(tmp_path, tmp_path) == ["tuned.json"]
    text = compare.tuning_table(Evidence(tmp_path))
    assert "| baseline | 12.5 | – | – | – |" in text
    assert "| GTR | 20.0 | 21.0 (alpha=0.75) | 22.0 (alpha=0.5) | **23.0 (raw_share=0.5)** |" in text
    assert "| MixStyle | not run | not run (mixstyle=0.25) |" in text


def test_convergence_shows_both_lengths(tmp_path):
    made_up(tmp_path, "headline", only(**{"baseline": 0.6, tiers.CONVERGENCE: 0.65}))
    made_up(tmp_path, "ablations", only(**{"gtr": 0.5, "gtr 2x steps": 0.7}), seeds=2)
    lines = compare.convergence_table(Evidence(tmp_path)).splitlines()
    steps = grid.STEPS["headline"]
    assert f"| baseline | {steps} → {4 * steps} | +5.0 (+5.0) |" in lines[2], "on the seed that both have"
    assert f"| GTR | {steps} → {2 * steps} | +20.0 (+20.0, +20.0) |" in lines[3]
    assert lines[6] == f"| GTR + LTR + CGL | {steps} → {2 * steps} | not run | not run | not run | not run |"


def test_tiers_tell_what_is_in_the_ledger(tmp_path):
    made_up(tmp_path, "headline", only(gtr=0.3, baseline=0.2))
    half = made_up(tmp_path, "ablations", lambda m, d, s: 0.3 if m == "gtr alpha=0.5" and d == TEST else None, seeds=2)
    lines = {line.split(" | ")[0]: line for line in compare.tiers_table(half).splitlines()}
    assert set(compare.TIER_WORDS) == set(tiers.TIERS)
    assert f"| {len(grid.grid())} | 6 | `gltr study` |" in lines["| headline"]
    assert " | 6 | `gltr study --tier rivals` |" in lines["| rivals"]  # the same networks
    assert " | 4 | `gltr study --tier ablations` |" in lines["| ablations"]  # two seeds; one set alone does not count
    assert " | not run | `gltr study --tier tuning` |" in lines["| tuning"]


def test_hours_count_each_network_once(tmp_path):
    made_up(tmp_path, "headline", only(gtr=0.3))
    made_up(tmp_path, "ablations", only(**{"gtr alpha=0.5": 0.3}), seeds=2)
    text = compare.hours_table(tmp_path)
    assert "| `headline.jsonl` | cpu | 3 | 0.05 |" in text
    assert "| `rivals.jsonl` | not run | 0 | 0.00 |" in text
    assert "| all | | 5 | 0.08 |" in text
    # Photographs are scored with the headline's networks: no hours of their own.
    rows = ledger.read(tmp_path / "headline.jsonl")
    (tmp_path / "real.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert "| all | | 5 | 0.08 |" in compare.hours_table(tmp_path)


def test_an_ablations_table_is_the_same_with_and_without_the_files_that_a_level_needs(tmp_path, monkeypatch):
    def text():
        factor = next(f for f in ablations.factors() if f.name == "stylizer")
        return compare.ablation_table(evidence, factor)

    evidence = made_up(tmp_path, "ablations", only(**{"gtr vgg19": 0.3}), seeds=2)
    monkeypatch.delenv("GLTR_DATA", raising=False)
    bare = text()
    assert "| in VGG's relu3_1 | 30.0 ± 0.0 |" in bare
    assert "| on pixels | not run |" in bare
    monkeypatch.setattr(painters, "lacking", lambda name: "")
    assert text() == bare


# --- everything -------------------------------------------------------------------------------------------------------


def test_pages_build_without_a_single_row(tmp_path):
    for document in report.DOCUMENTS:
        target = tmp_path / document
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(README.parent / document, target)
    (tmp_path / "results").mkdir()
    assert report.write(tmp_path, tmp_path / "results")
    assert report.stale(tmp_path, tmp_path / "results") == []
    assert list((tmp_path / "results").iterdir()) == []
    page = (tmp_path / "docs/study.md").read_text(encoding="utf-8")
    assert page.lower().count("not run") > 100
    assert compare.rivals_table(Evidence(tmp_path / "results")).startswith("Not run: baseline; ")
    assert "](../results/" not in page  # no figure of rows that are not there


@pytest.mark.slow
def test_everything_is_rebuilt_from_the_ledger_and_stays(tmp_path, monkeypatch):
    some = tuple(factor for factor in ablations.factors() if factor.name in ("alpha", "stylizer", "real"))
    monkeypatch.setattr(ablations, "factors", lambda: some)  # drawing all of them takes long
    results = tmp_path / "results"
    alone, consistent = tiers.rival_names()
    value = {name: 0.2 + 0.005 * n for n, name in enumerate((*alone, *consistent))}
    made_up(results, "rivals", lambda m, d, s: value.get(m, 0.3) + 0.01 * s)
    made_up(results, "ablations", lambda m, d, s: 0.2 + 0.01 * len(m) + 0.02 * s, seeds=2)
    (tmp_path / "docs").mkdir()
    shutil.copyfile(DOCS / "study.md", tmp_path / "docs/study.md")
    changed = report.write(tmp_path, results)
    made = {"ablation_alpha.png", "ablation_stylizer.png", "ablation_real.png", "rivals.png"}
    assert made <= set(changed)
    assert report.write(tmp_path, results) == []
    page = (tmp_path / "docs/study.md").read_text(encoding="utf-8")
    for name in made:
        words = (results / name).with_suffix(".txt").read_text(encoding="utf-8").strip()
        assert figures.words_in(results / name) == words
        assert f"![{words}](../results/{name})" in page
        assert "[" not in words
    first = {name: (results / name).read_bytes() for name in made}
    for name in made:
        (results / name).unlink()
    report.write(tmp_path, results)
    assert {name: (results / name).read_bytes() for name in made} == first
    # A picture that shows other rows is found out; one without rows goes away.
    shutil.copyfile(results / "rivals.png", results / "ablation_alpha.png")
    assert report.stale(tmp_path, results) == ["ablation_alpha.png"]
    for tier in ("rivals", "ablations"):
        (results / f"{tier}.jsonl").unlink()
    assert "rivals.png" in report.stale(tmp_path, results)
    report.write(tmp_path, results)
    assert sorted(path.name for path in results.iterdir()) == []


def test_the_draft_of_a_killed_report_goes_when_the_figure_is_drawn_again(tmp_path):
    evidence = made_up(tmp_path, "ablations", only(**{"gtr": 0.3, "gtr alpha=0.5": 0.25}), seeds=2)
    figure, words = figures.ablation_figure(evidence, next(f for f in ablations.factors() if f.name == "alpha"))
    place = tmp_path / "made" / "alpha.png"
    place.parent.mkdir()
    left = orphan_of(place)
    assert figures.save(figure, words, place)
    assert sorted(path.name for path in place.parent.iterdir()) == ["alpha.png", "alpha.txt"]
    assert not left.exists()
    assert figures.words_in(place) == words


def test_figures_wait_for_two_levels(tmp_path):
    evidence = made_up(tmp_path, "ablations", only(gtr=0.3), seeds=2)
    assert all(figures.ablation_figure(evidence, factor) is None for factor in ablations.factors())
    assert figures.rivals_figure(evidence) is None


def test_the_words_of_an_ablation_tell_how_many_seeds_its_levels_have(tmp_path):
    factor = next(f for f in ablations.factors() if f.name == "alpha")
    full = made_up(tmp_path / "full", "ablations", only(**{"gtr": 0.3, "gtr alpha=0.5": 0.25}), seeds=2)
    assert "means of 2 seeds" in figures.ablation_figure(full, factor)[1]
    part = made_up(
        tmp_path / "part", "ablations", lambda m, d, s: 0.3 if m == "gtr" or (m == "gtr alpha=0.5" and not s) else None,
        seeds=2,
    )  # fmt: skip
    assert "means of 1 to 2 seeds" in figures.ablation_figure(part, factor)[1]


def test_a_rival_with_one_seed_is_marked_as_such(tmp_path):
    def scores(method, data, seed):
        return {"gtr": 0.3, "baseline": 0.2, "isw": 0.4, "randconv": None if seed else 0.35}.get(method)

    figure, _ = figures.rivals_figure(made_up(tmp_path, "rivals", scores))
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == [name_of("isw"), "RandConv, 1 seed", "GTR", "baseline"]


def test_a_rival_with_two_views_and_consistency_is_hollow_in_its_own_row(tmp_path):
    figure, words = figures.rivals_figure(
        made_up(tmp_path, "rivals", only(gtr=0.3, baseline=0.2, isw=0.4, isw_cons=0.38))
    )
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == [name_of("isw"), "GTR", "baseline"]
    hollow = [c for c in figure.axes[0].collections if not len(c.get_facecolor())]
    assert [c.get_offsets().tolist()[0] for c in hollow] == [pytest.approx([38.0, 0.0])]
    assert f"{name_of('isw')} 40.0 (38.0)" in words


def test_a_hollow_mark_is_the_difference_on_the_seeds_that_both_have(tmp_path):
    """With the mean of other seeds beside it, a loss would look like a gain."""

    def scores(method, data, seed):
        alone = {"gtr": 0.3, "baseline": 0.2, "isw": 0.3 + 0.1 * seed}
        return alone.get(method, 0.38 if method == "isw_cons" and seed == 1 else None)

    figure, words = figures.rivals_figure(made_up(tmp_path, "rivals", scores))
    hollow = [c for c in figure.axes[0].collections if not len(c.get_facecolor())]
    assert [c.get_offsets().tolist()[0] for c in hollow] == [pytest.approx([40.0 - 2.0, 0.0])]
    assert f"{name_of('isw')} 40.0 (38.0)" in words
    assert "on the same seeds (1)" in figure.get_supxlabel()


def test_the_words_of_a_figure_name_every_level_and_look(tmp_path):
    evidence = made_up(tmp_path, "ablations", only(**{"gtr": 0.3, "gtr alpha=0.5": 0.25}), seeds=2)
    factor = next(f for f in ablations.factors() if f.name == "alpha")
    figure, words = figures.ablation_figure(evidence, factor)
    assert words.count("0.5 25.0; 1 30.0") == 1 + len(SHIFTED)
    assert len(figure.axes) == 1 + len(SHIFTED)
    marks = [[line for line in axis.lines if line.get_marker() != "None"] for axis in figure.axes]
    assert all([tuple(line.get_xdata()) for line in panel] == [(25.0,), (30.0,)] for panel in marks)
    assert len({panel[0].get_marker() for panel in marks}) == len({panel[0].get_color() for panel in marks}) == 4
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["0.5", "1"]
    spans = [axis.get_xlim() for axis in figure.axes]
    assert len({round(high - low, 6) for low, high in spans}) == 1, "a point is as long in every panel"
    near = made_up(tmp_path / "near", "ablations", only(**{"gtr": 0.3, "gtr alpha=0.5": 0.299}), seeds=2)
    low, high = figures.ablation_figure(near, factor)[0].axes[0].get_xlim()
    assert high - low == pytest.approx(6.0), "a tenth of a point is no more than that"
    assert figure.get_supxlabel().startswith("mIoU-19 (%)")
    assert factor.axis in figure.get_suptitle()


def test_committed_tables_and_figures_are_fresh():
    assert report.stale(README.parent, RESULTS) == [], "run: make results"


def test_every_table_has_a_place():
    pages = (*report.DOCUMENTS, "docs/site/results_index.md")
    there = "".join((README.parent / name).read_text(encoding="utf-8") for name in pages)
    assert [marker for marker in documents.tables(RESULTS) if f"<!-- {marker} -->" not in there] == []
    assert TEST in tables.COLUMN_NAMES
