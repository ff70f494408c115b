"""Probes from question to page: rows, resuming, outdated rows, tables, figures, verdicts, the command line."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from gltr_lib import ledger, streets
from gltr_lib.evaluate import layout_prior
from gltr_lib.labels import CLASSES
from gltr_lib.models import SHIPPED, DeepLabMini
from gltr_lib.probes import expect, figures, plan, run, tables
from gltr_lib.probes.__main__ import main
from gltr_lib.probes.plan import Network, Question
from gltr_lib.study.figures import words_in
from gltr_lib.study.grid import train_streets
from tests.test_drafts import orphan_of

ROOT = Path(__file__).resolve().parents[1]
PAGE, LEDGER = ROOT / "docs" / "probes.md", ROOT / "results" / "probes.jsonl"


class Greens(nn.Module):
    """Vegetation where a pixel is greener than red, building elsewhere; its "features" are its pictures."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Identity()
        self.calls = 0

    def forward(self, images):
        self.calls += 1
        x = self.stem(images)
        logits = torch.zeros(len(x), len(CLASSES), *x.shape[-2:])
        logits[:, CLASSES.index("building")] = x[:, 0]
        logits[:, CLASSES.index("vegetation")] = x[:, 1]
        return logits


def question(kind, **about):
    return Question(kind, tuple(about.items()))


FEW = (
    question("arranged", arrangement="upside down"),
    question("conflict", shape="vegetation", texture="building", mode="material", arrangement="upright"),
    question("conflict", shape="vegetation", texture="building", mode="material", arrangement="mirrored"),
    question("conflict", shape="road", texture="car", mode="colour", arrangement="upright"),
    question("conflict", shape="building", texture="building", mode="colour", arrangement="upright"),
    question("corruption", corruption="none", severity=0),
    question("corruption", corruption="contrast", severity=2),
    question("features", look="game, other scenes", layer="stem"),
    question("features", look="colour", layer="stem"),
)


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(plan, "SIZE", (32, 64))
    monkeypatch.setattr(plan, "LAYERS", ("stem",))
    monkeypatch.setattr(plan, "questions", lambda: FEW)


def network(name="baseline", weights="w0"):
    return Network(name, f"run-{name}", weights, model=Greens())


def silent(text):
    pass


def test_rows_are_complete_and_say_what_they_are(few, tmp_path):
    path = tmp_path / "probes.jsonl"
    assert run.run_probes(path, [network()], scenes=4, say=silent) == len(FEW)
    rows = ledger.read(path)
    for row in rows:
        ledger.validate(row)
        assert row["run"] == row["config"]["network"] == "run-baseline"
        assert row["weights"] == "w0"
        assert row["seed"] == 0
        assert row["config"]["size"] == [32, 64]
    by = {row["data"]: row for row in rows}
    leaves = by["streets/game, vegetation in building material, upright"]
    assert leaves["metric"] == "shape share"
    assert leaves["value"] == 0 == leaves["named_shape"]
    assert leaves["decided"] == 1
    assert leaves["named_texture"] == leaves["scored"] > 50
    assert leaves["interval"] == [0, 0]
    road = by["streets/game, road in car flat colour, upright"]
    assert (road["metric"], road["value"]) == ("decided share", 0.0)  # this network knows neither
    control = by["streets/game, building in building flat colour, upright"]
    assert control["metric"] == "recall"
    assert control["value"] == 1
    clean, faint = by["streets/game, clean"], by["streets/game, contrast 2"]
    assert clean["metric"] == "mIoU-19"
    assert clean["value"] != faint["value"]
    assert clean["recall"]["road"] == 0
    assert by["streets/game, upside down"]["value"] == clean["value"], "a rule of colour does not care for place"
    assert by["streets/colour"]["value"] > 0
    assert set(by["streets/colour"]) >= {"shift", "spread", "kl", "channels", "silent"}


def test_a_stopped_run_goes_on_and_a_finished_one_asks_nobody(few, tmp_path):
    path, first, second = tmp_path / "probes.jsonl", network("baseline", "a"), network("gtr", "b")
    run.run_probes(path, [first], scenes=4, only=["arranged", "conflict"], say=silent)
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join(lines[:2]) + b'\n{"torn')
    with pytest.warns(ledger.LedgerWarning, match="unreadable"):
        assert run.run_probes(path, [first, second], scenes=4, say=silent) == 2 * len(FEW) - 2
    rows, torn = ledger.scan(path)
    assert len(torn) == 1
    assert len({row["definition"] for row in rows}) == len(rows) == 2 * len(FEW)
    before = first.model.calls, second.model.calls
    with pytest.warns(ledger.LedgerWarning):
        assert run.run_probes(path, [first, second], scenes=4, say=silent) == 0
    assert (first.model.calls, second.model.calls) == before
    whole = tmp_path / "whole.jsonl"
    run.run_probes(whole, [first, second], scenes=4, say=silent)
    again = {row["definition"]: row["value"] for row in ledger.read(whole)}
    assert again == {row["definition"]: row["value"] for row in rows}


def test_a_definition_moves_with_weights_scenes_and_question(few, monkeypatch):
    one = plan.definition(FEW[1], network(), 4)
    assert one == plan.definition(FEW[1], network("other name"), 4)
    others = [
        plan.definition(FEW[1], network(weights="w1"), 4),
        plan.definition(FEW[1], network(), 5),
        plan.definition(FEW[2], network(), 4),
    ]
    monkeypatch.setattr(plan, "VERSION", plan.VERSION + 1)
    others.append(plan.definition(FEW[1], network(), 4))
    assert len({one, *others}) == 5


def test_every_question_is_asked_once_and_each_pair_both_ways():
    asked = plan.questions()
    assert len(set(asked)) == len(asked)
    assert {(b, a) for a, b in plan.SWAPS} == set(plan.SWAPS)
    names = [look for q in asked if q.kind == "features" for look, _ in plan.look_parts(q.options["look"], 64)]
    numbers = {int(name.split(":")[1]) for name in names if name.startswith("sampled:")}
    assert numbers == set(range(100, 116)), "reserved looks stay unseen"
    parts = {look: dict(plan.look_parts(look, 64)) for look in ("game", "game, other scenes", "sun", "painted")}
    assert parts["game"]["game"] == parts["sun"]["sun"] == parts["painted"]["game"]
    assert not set(parts["game"]["game"]) & set(parts["game, other scenes"]["game"])


def test_shipped_networks_carry_the_ids_of_the_studys_ledger():
    known = {row["run"] for row in ledger.read(ROOT / "results" / "headline.jsonl")}
    ours = plan.shipped(load=False)
    assert [n.name for n in ours] == list(SHIPPED)
    assert {n.run for n in ours} <= known
    assert all(len(n.weights) == 12 and n.model is None for n in ours)


def test_the_prior_knows_place_and_nothing_else(few, tmp_path):
    half = torch.zeros(32, 64, dtype=torch.int64)
    half[:16] = CLASSES.index("vegetation")
    half[16:] = CLASSES.index("building")
    prior = Network(plan.PRIOR, "labels", "p", model=plan.Prior(half))
    assert run.run_probes(tmp_path / "p.jsonl", [prior], scenes=4, say=silent) == 3  # of conflict: material alone
    rows = ledger.read(tmp_path / "p.jsonl")
    assert {row["probe"] for row in rows} == {"arranged", "conflict"}
    one, other = (row for row in rows if row["probe"] == "conflict" and row["config"]["shape"] == "vegetation")
    assert one["decided"] == other["decided"] == 1
    assert one["value"] == other["value"] > 0.5, "mirrored, the place keeps its height"
    known = plan.prior(load=False)
    assert known.model is None
    assert len(known.weights) == 12


def test_the_loaded_prior_is_the_studys(monkeypatch, tmp_path):
    monkeypatch.setattr(plan, "SIZE", (16, 32))
    monkeypatch.setattr(plan, "train_streets", lambda kind: train_streets(kind, 4))
    model = plan.prior(cache=str(tmp_path)).model
    labels = np.stack([streets.render(seed, "game", (16, 32))[1] for seed in range(4)])
    expected = layout_prior(torch.from_numpy(labels))
    assert (model(torch.zeros(2, 3, 16, 32)).argmax(1) == expected).all()


def test_answers_are_the_networks_own_in_any_batch():
    net = DeepLabMini().eval()
    pictures = np.random.default_rng(0).integers(0, 256, (3, 32, 48, 3), dtype=np.uint8)
    with torch.no_grad():
        logits = net(torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255)
    assert (run.answers(net, pictures, batch=2) == logits.argmax(1).numpy()).mean() > 0.999


# --- tables, figures, verdicts: from rows that we make up -----------------------------------------------------------


def made_up():
    """A row for every question and network: the baseline reads materials, the others shapes."""
    rows = []
    for net in plan.everyone(load=False):
        for asked in plan.questions():
            if not plan.applies(asked, net):
                continue
            o, good = asked.options, net.name != "baseline"
            row = {"value": 0.75 if good else 0.25, "metric": "mIoU-19"}
            if asked.kind == "conflict":
                row["metric"] = "recall" if o["shape"] == o["texture"] else "shape share"
                row |= {"bold_levels": 12.0, "usual_levels": 1.5} if o["mode"] == "pattern" else {}
                row |= {"decided": 0.5, "interval": [row["value"] - 0.1, row["value"] + 0.1]}
            if asked.kind == "features":
                row |= {"metric": "feature shift", "shift": 0.5 if good else 2.0, "kl": 1.25, "spread": 0.1}
            if asked.kind == "corruption" and not o["severity"]:
                row["value"] = 0.9
            definition = plan.definition(asked, net, 64)
            row |= {"method": net.name, "run": net.run, "seed": 0, "probe": asked.kind, "config": o, "data": asked.data}
            row |= {"definition": definition, "device": "d", "commit": "c", "world": "w", "torch": "t"}
            rows.append(row | {"wall_seconds": 3.0, "date": "2026-01-01T00:00:00+00:00"})
    return rows


def test_outdated_rows_are_left_out_and_the_newest_counts():
    rows = made_up()
    old = {**rows[0], "definition": "0" * 12}
    newer = {**rows[1], "value": 0.123}
    today = list(run.rows_of_today([old, *rows, newer]))
    assert len(today) == len(rows)
    assert [row["value"] for row in today if row["definition"] == newer["definition"]] == [0.123]


def test_tables_by_hand():
    rows = made_up()
    assert "| road in building material | 25 (50) | 75 (50) | 75 (50) | 75 (50) | 75 (50) |" in tables.conflict_table(
        rows
    )
    assert "| **mean of the swaps** | **25** (50) | **75** (50) |" in tables.conflict_table(rows)
    assert "| JPEG | 28 / 28 / 28 | 83 / 83 / 83 |" in tables.corruption_table(rows)
    assert "| late (`aspp`): test looks | 2.00 (1.25) | 0.50 (1.25) |" in tables.features_table(rows)
    assert "| shape share, upside down | 25 (50) | 75 (50) |" in tables.place_table(rows)
    assert "| the other's flat colour | 25 (50) | 75 (50) |" in tables.ways_table(rows)
    assert "1.5 of 255 grey levels in the game's materials at this size, 12.0 made bold" in tables.ways_table(rows)
    undecided = next(r for r in rows if r["probe"] == "conflict" and r["config"]["shape"] == "road")
    undecided |= {"metric": "decided share", "value": 0.0, "decided": 0.0}
    assert "| road in building material | – (0) | 75 (50) |" in tables.conflict_table(rows)
    assert expect.mean_share(rows, "baseline") == 0.25, "a share of nothing is in no mean"
    assert expect.mean_decided(rows, "baseline") == 0.5 * 7 / 8
    gone = [r for r in rows if r is not undecided]
    assert "| road in building material | not run |" in tables.conflict_table(gone)
    assert math.isnan(expect.mean_share(gone, "baseline")), "a mean of some swaps is not the mean"


def test_every_table_names_the_one_seed_through_the_facts():
    said = tables.facts(made_up())
    assert "One network each, seed 0" in said
    assert all(net.run in said for net in plan.shipped(load=False))


def test_verdicts_follow_the_numbers():
    rows = made_up()
    found = {one.name: (one.value(rows), one.verdict(rows)) for one in expect.EXPECTATIONS}
    assert found["E1"] == (0.25, "confirmed")
    assert found["E2"] == (0.5, "confirmed")
    assert found["E6"] == (0.0, "refuted")
    assert found["E12"] == (0.25, "confirmed")
    assert found["E13"] == (0.25, "refuted")
    assert found["E15"] == (pytest.approx(0.5 / 0.9), "confirmed")
    assert {one.verdict([]) for one in expect.EXPECTATIONS} == {"not run"}
    assert all(one.low < one.high for one in expect.EXPECTATIONS)


@pytest.mark.parametrize("name", ["conflict", "features", "corruptions"])
def test_what_the_axes_count_stands_above_the_legend_and_not_in_it(name):
    figure = figures.FIGURES[name][0](made_up())
    figure.draw_without_rendering()
    (legend,) = figure.legends
    box = legend.get_title().get_window_extent()
    assert box.width > 0
    assert not any(box.overlaps(entry.get_window_extent()) for entry in legend.get_texts())
    assert not any(box.overlaps(panel.get_tightbbox()) for panel in figure.axes)
    assert abs((box.x0 + box.x1) / 2 - figure.bbox.width / 2) < 20  # for all panels: in their middle


@pytest.mark.slow
def test_the_page_is_filled_drawn_and_found_stale(tmp_path):
    page = tmp_path / "probes.md"
    page.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    rows = made_up()
    (tmp_path / "figures").mkdir()
    left = orphan_of(tmp_path / "figures" / "probes_place.png")
    assert figures.report(page, rows)
    assert not left.exists()
    assert tables.stale(page, rows, figures.texts(rows)) == []
    for name in figures.FIGURES:
        assert words_in(tmp_path / "figures" / f"probes_{name}.png") == figures.rows_digest(rows)
    rows[5]["value"] = 0.5
    assert tables.stale(page, rows, figures.texts(rows))
    assert words_in(tmp_path / "figures" / "probes_conflict.png") != figures.rows_digest(rows)
    alts = [line[2 : line.index("](")] for line in page.read_text().splitlines() if line.startswith("![")]
    assert len(alts) == len(figures.FIGURES) + len(figures.SHEETS)
    assert all(60 <= len(alt) <= 400 and "nan" not in alt and "[" not in alt for alt in alts), list(map(len, alts))


@pytest.mark.slow
def test_the_sheets_are_pictures_of_few_colours_and_drafts_of_the_killed_go(tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "SWAPS", plan.SWAPS[:1])  # all of them take long
    monkeypatch.setattr(figures, "KINDS", {"fog": figures.KINDS["fog"]})
    left = orphan_of(tmp_path / "probes_swaps.png")
    made = figures.save_sheets(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted(made)
    assert not left.exists()
    for path in made:
        with Image.open(path) as picture:
            assert (picture.format, picture.mode) == ("PNG", "P")


def test_the_committed_page_is_what_the_ledger_says():
    rows = list(run.rows_of_today(ledger.read(LEDGER)))
    assert tables.stale(PAGE, rows, figures.texts(rows)) == []
    for name in figures.FIGURES if rows else ():
        assert words_in(PAGE.parent / "figures" / f"probes_{name}.png") == figures.rows_digest(rows), (
            f"--report: {name}"
        )
    for name in figures.SHEETS:
        assert (PAGE.parent / "figures" / f"probes_{name}.png").stat().st_size < 500_000


def test_the_committed_rows_answer_every_question_or_the_page_says_not_run():
    rows = list(run.rows_of_today(ledger.read(LEDGER)))
    for row in rows:
        ledger.validate(row)
        assert row["torch"]
        assert row["images"] >= 32
    study = ledger.find(ledger.read(ROOT / "results" / "headline.jsonl"), data="streets/game", metric="mIoU-19")
    for row in rows:  # the same streets and networks as in the study, scored there on a GPU
        if row["data"] in ("streets/game, upright", "streets/game, clean"):
            prior = {"method": plan.PRIOR} if row["method"] == plan.PRIOR else {"run": row["run"]}
            scored = ledger.find(study, **prior)[-1]
            assert row["value"] == pytest.approx(scored["value"], abs=5e-4), row["data"]
    text = PAGE.read_text(encoding="utf-8")
    expected = sum(plan.applies(q, n) for q in plan.questions() for n in plan.everyone(load=False))
    assert ("not run" in text) == (len(rows) < expected)


# --- the command line -----------------------------------------------------------------------------------------------


def test_the_command_measures_and_reports(few, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(plan, "everyone", lambda load=True: (network(),))
    path = tmp_path / "l.jsonl"
    assert main(["--scenes", "4", "--only", "corruption", "--ledger", str(path)]) == 0
    said = capsys.readouterr().out
    assert "2 of 2 rows to measure" in said
    assert "corruption: contrast 2" in said
    assert [json.loads(line)["probe"] for line in path.read_text().splitlines()] == ["corruption"] * 2
    assert main(["--scenes", "4", "--only", "corruption", "--ledger", str(path)]) == 0
    assert "0 of 2 rows to measure" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--scenes", "1"], 2, "scenes: expected 2 to 64, received 1"),
        (["--scenes", "65"], 2, "received 65"),
        (["--only", "conflict,touch"], 2, "unknown kinds touch; expected some of arranged, conflict"),
        (["--report", "--page", "nowhere/x.md"], 1, "nowhere/x.md"),
    ],
)
def test_bad_flags_are_one_line(flags, code, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(flags) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir()), "nothing half-written"


def test_a_class_that_is_in_no_scene_is_said(few):
    asked = question("conflict", shape="terrain", texture="road", mode="material", arrangement="upright")
    with pytest.raises(ValueError, match="no pixel of terrain in these scenes; take more scenes"):
        run._conflict(asked, np.zeros((1, 4, 4), np.uint8), np.zeros((1, 4, 4), bool))
    with pytest.raises(ValueError, match="has not been loaded"):
        run.answer(FEW[0], Network("x", "r", "w"), run.Studio(2))
    with pytest.raises(ValueError, match="at least 2"):
        plan.look_parts("sun", 1)
