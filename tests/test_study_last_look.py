"""The table of the last look: the same networks on open and on reserved test looks, each method once."""

from __future__ import annotations

from gltr_lib import ledger
from gltr_lib.study import documents, last_look, plan, tables
from gltr_lib.study.evidence import Evidence
from gltr_lib.study.grid import Settings
from gltr_lib.study.places import Places
from gltr_lib.study.tables import TEST
from tests.test_study_report import made_up

OPEN = {"baseline": 0.10, "gtr": 0.20, "gtr_ltr": 0.15, "fourier": 0.30}


def scored(**values):
    return lambda method, data, seed: values[method] + 0.02 * seed if method in values else None


def lines_of(evidence):
    text = last_look.last_look_table(evidence)
    return {line.split(" | ")[0].removeprefix("| "): line for line in text.splitlines() if line.startswith("| ")}


def test_without_a_last_look_it_reads_not_run(tmp_path):
    evidence = made_up(tmp_path, "headline", scored(**OPEN))
    assert last_look.last_look_table(evidence) == "Not run: `gltr study --final`."


def test_both_columns_average_the_networks_that_were_scored_on_the_reserved_looks(tmp_path):
    made_up(tmp_path, "headline", scored(**OPEN), seeds=3)
    evidence = made_up(tmp_path, "headline", scored(baseline=0.12, gtr=0.25), seeds=2, final=True)
    lines = lines_of(evidence)
    assert lines["baseline"] == "| baseline | 11.0 ± 1.4 | 13.0 ± 1.4 | – | -13.0 (-13.0, -13.0) | – | 0, 1 |"
    assert lines["GTR"] == "| GTR | 21.0 ± 1.4 | 26.0 ± 1.4 | +13.0 (+13.0, +13.0) | – | +13.0 (+13.0, +13.0) | 0, 1 |"
    assert "GTR + LTR" not in lines, "it was not scored there"


def test_a_network_of_two_tiers_has_one_line_and_a_rival_its_own(tmp_path):
    for final in (False, True):
        made_up(tmp_path, "headline", scored(baseline=0.10, gtr=0.20), seeds=1, final=final)
        made_up(tmp_path, "rivals", scored(baseline=0.10, gtr=0.20, fourier=0.30), seeds=1, final=final)
    text = last_look.last_look_table(Evidence(tmp_path))
    assert text.count("| baseline |") == 1
    assert "| Fourier amplitudes of paintings | 30.0 | 30.0 | +20.0 (+20.0) | +10.0 (+10.0) | – | 0 |" in text


def test_the_other_tables_keep_to_the_open_looks(tmp_path):
    evidence = made_up(tmp_path, "headline", scored(**OPEN))
    before = {name: make() for name, make in documents.tables(tmp_path).items() if name != "table:last_look"}
    made_up(tmp_path, "headline", scored(baseline=0.9, gtr=0.9), final=True)
    assert {name: documents.tables(tmp_path)[name]() for name in before} == before
    rows = Evidence(tmp_path).rows("headline")
    assert ledger.find(rows, data=TEST) == ledger.find(evidence.rows("headline"), data=TEST)
    assert not ledger.find(rows, data=tables.FINAL)


def test_the_plan_does_not_call_the_last_look_outdated(tmp_path):
    made_up(tmp_path, "headline", scored(baseline=0.10))
    made_up(tmp_path, "headline", scored(baseline=0.12), final=True)
    for final in (False, True):
        settings = Settings(seeds=1, only=("baseline",), final=final)
        state = plan.plan(settings, Places(tmp_path / "headline.jsonl", tmp_path), device="cpu", timer=lambda *a: 1.0)
        assert [entry["state"] for entry in state["runs"]] == ["done"]
        assert state["rows_outdated"] == 0
