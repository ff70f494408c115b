"""The study's grid, its resumable runs, its plan and its tables; networks are tiny here, the code is the real one."""

from __future__ import annotations

import dataclasses
import json
import re
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from gltr_lib import ledger, workflows
from gltr_lib.config import METHODS, TrainConfig
from gltr_lib.datasets import looks, rendered
from gltr_lib.evaluate import FULL_SIZE
from gltr_lib.study import book, data, documents, figures, grid, plan, processes, run, tables, tiers
from gltr_lib.study.__main__ import main, parser
from gltr_lib.study.grid import Settings
from gltr_lib.study.places import Places, default_ledger
from gltr_lib.study.tiers import CHECK_METRIC, CONTROL_METHODS, CONVERGENCE, HEADLINE_METHODS

README = Path(__file__).resolve().parents[1] / "README.md"
RESULTS = README.parent / "results"
SMALL = {"steps": 2, "seeds": 1, "scenes": 2, "looks": "sampled:1..2"}
TINY = Settings(**SMALL, only=("baseline",), overrides=("crop=[16,32]", "forward_images=2"))


def places(tmp_path) -> Places:
    return Places(tmp_path / "l.jsonl", tmp_path / "runs")


# --- the grid ---------------------------------------------------------------------------------------------------------


def test_headline_is_six_methods_with_five_seeds_three_controls_with_three_and_one_longer_baseline():
    runs = grid.grid()
    assert len(runs) == 5 * 6 + 3 * 3 + 1
    for method in (*HEADLINE_METHODS, *CONTROL_METHODS):
        mine = [r for r in runs if r.method == method]
        assert (
            [r.seed for r in mine]
            == [r.config.seed for r in mine]
            == list(range(5 if method in HEADLINE_METHODS else 3))
        )
        assert {r.config.method for r in mine} == {METHODS[method]}
    (longer,) = [r for r in runs if r.method == CONVERGENCE]
    usual = next(r for r in runs if r.method == "baseline" and r.seed == 0)
    assert longer.config == usual.config.replace(steps=4 * grid.STEPS["headline"])
    assert (longer.train, longer.score) == (usual.train, usual.score)
    assert len({r.id for r in runs}) == len(runs)


def test_the_longest_run_starts_first_and_the_controls_run_last():
    methods = [r.method for r in grid.grid()]
    assert methods == [CONVERGENCE, *5 * HEADLINE_METHODS, *3 * CONTROL_METHODS]


def test_every_method_has_the_same_budget_and_differs_in_method_and_seed_alone():
    runs = [r for r in grid.grid() if r.method != CONVERGENCE]
    assert {r.config.replace(method="baseline", seed=0) for r in runs} == {
        TrainConfig(steps=grid.STEPS["headline"], forward_images=grid.FORWARD_IMAGES, scale=(1.0, 1.0), amp=False)
    }
    assert all(r.config.source_images * len(r.config.method.views) == grid.FORWARD_IMAGES for r in runs)


def test_the_committed_rows_are_those_of_the_declared_study():
    rows = ledger.read(RESULTS / "headline.jsonl")
    if not rows:
        pytest.skip("the study has not been run yet")
    declared = {r.method: r.family for r in grid.grid()}
    outdated = {
        r["method"] for r in tables.headline_rows(rows) if r["family"] != declared.get(r["method"], r["family"])
    }
    assert not outdated, f"run gltr study again, its definition has changed: {', '.join(sorted(outdated))}"


def test_oracle_sees_the_same_scenes_in_the_development_looks_and_no_more_of_them():
    usual, oracle = grid.train_streets("baseline"), grid.train_streets("oracle")
    assert len(usual) == len(oracle)
    seeds = [seed for _, part in oracle.parts for seed in part]
    assert sorted(seeds) == list(usual.parts[0][1])
    assert {look for look, _ in oracle.parts} == {"overcast", "sun"}


def test_scoring_scenes_are_never_trained_on():
    for streets in grid.score_sets(Settings()):
        for _, seeds in streets.parts:
            assert not set(seeds) & set(grid.train_streets("baseline").parts[0][1])


def test_scored_on_source_development_test_looks_and_controls():
    names = [s.name for s in grid.score_sets(Settings())]
    assert names == [
        "streets/game", "streets/overcast", "streets/sun", "streets/sampled:100..115", "streets/geometry",
        "streets/colour",
    ]  # fmt: skip
    test = grid.score_sets(Settings())[3]
    assert len(test.parts) == 16
    assert len(test) == 64


@pytest.mark.parametrize("text", ["sampled:1000", "sampled:999..1001", "sampled:5000..5003"])
def test_reserved_looks_are_refused_before_the_final_run(text):
    with pytest.raises(ValueError, match="--final"):
        Settings(looks=text)


def test_every_door_to_a_reserved_look_says_the_same(tmp_path):
    doors = (
        looks.sampled_looks, looks.check_open, lambda look: workflows.check_looks([look]),
        lambda look: data.load_part((look, (1,)), (16, 32), tmp_path),
        lambda look: rendered.load_part((look, (1,)), (16, 32), tmp_path),
    )  # fmt: skip
    said = set()
    for door in doors:
        with pytest.raises(ValueError, match="reserved for the study's final run") as refused:
            door("sampled:01000")
        said.add(str(refused.value))
    assert len(said) == 1
    assert looks.is_reserved("streets/sampled:999..1001")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", ["\u00b2", "\uff11\uff10\uff10\uff10", "9" * 5000, ""])
def test_no_door_lets_a_number_pass_that_it_cannot_read(tmp_path, number):
    for door in (looks.sampled_looks, lambda look: data.load_part((look, (1,)), (16, 32), tmp_path)):
        with pytest.raises(ValueError, match=r"looks?: expected sampled:<first>\.\.<last>"):
            door(f"sampled:{number}")
    assert not list(tmp_path.iterdir())


def test_lessons_find_the_looks_under_the_study_name():
    from gltr_lib.study import looks as door

    assert all(getattr(door, name) is getattr(looks, name) for name in door.__all__)


def test_final_scores_reserved_looks_only():
    (streets,) = grid.score_sets(Settings(final=True))
    assert streets.name == f"streets/{looks.FINAL_LOOKS}"
    with pytest.raises(ValueError, match="1000"):
        Settings(final=True, looks="sampled:1..2")


@pytest.mark.parametrize("text", ["game", "sampled:", "sampled:9..3", "sampled:-1", "sampled:1-3"])
def test_malformed_looks(text):
    with pytest.raises(ValueError, match="looks"):
        looks.sampled_looks(text)


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({}, "headline"),
        ({"steps": 50}, "headline (short: 50 steps)"),
        ({"steps": 9000}, "headline (long: 9000 steps)"),
        ({"scenes": 2}, "headline (short: 2 scenes)"),
        ({"overrides": ("alpha=1",)}, "headline (changed: alpha=1)"),
        ({"seeds": 5}, "headline"),
    ],
)
def test_a_changed_tier_is_named_so(changes, title):
    assert Settings(**changes).title == title


def test_a_changed_tier_stays_out_of_the_committed_ledger():
    assert default_ledger(Settings()) == Path("results/headline.jsonl")
    assert default_ledger(Settings(steps=50)) == Path("runs/headline-changed.jsonl")


@pytest.mark.parametrize("changes", [{"tier": "x"}, {"only": ("x",)}, {"steps": 0}, {"seeds": 0}, {"scenes": -1}])
def test_impossible_settings(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        Settings(**changes)


def first(**changes) -> grid.Run:
    return grid.grid(dataclasses.replace(Settings(only=("gtr",), seeds=1), **changes))[0]


def test_definition_changes_with_what_decides_the_network_and_with_nothing_else():
    base = first()
    assert first().definition == base.definition
    assert first(overrides=("device=cpu",)).definition == base.definition
    for text in ("lr=0.001", "method.alpha=0.5", "steps=7"):
        assert first(overrides=(text,)).definition != base.definition


def test_definition_knows_version_seed_and_shipped_weights(monkeypatch):
    base, family = first().definition, first().family
    other = grid.grid(Settings(only=("gtr",), seeds=2))[1]
    assert other.definition != base
    assert other.family == family
    monkeypatch.setattr(grid, "STUDY_VERSION", -1)
    assert first().definition != base
    monkeypatch.undo()
    assert first().definition == base
    monkeypatch.setattr(grid, "asset_digest", lambda name: "other weights")
    assert first().definition != base


def test_a_definition_knows_what_is_in_a_bank_of_ones_own(tmp_path):
    def definition(content):
        (tmp_path / "mine.safetensors").write_bytes(content)
        grid.asset_digest.cache_clear()
        settings = Settings(only=("gtr",), seeds=1, overrides=(f"bank={tmp_path / 'mine.safetensors'}",))
        return grid.grid(settings)[0].definition

    assert definition(b"one") == definition(b"one") != definition(b"other")


def test_shipped_weights_do_not_matter_to_a_baseline(monkeypatch):
    baseline = grid.grid(Settings(only=("baseline",), seeds=1))[0].definition
    monkeypatch.setattr(grid, "asset_digest", lambda name: "other weights")
    assert grid.grid(Settings(only=("baseline",), seeds=1))[0].definition == baseline


def test_a_field_that_came_later_counts_only_when_used(monkeypatch):
    defaults = {"lr": 1.0, "new": 0}
    monkeypatch.setattr(grid, "LATER_FIELDS", frozenset({"new"}))
    assert grid._without_defaults({"lr": 1.0, "new": 0}, defaults) == {"lr": 1.0}
    assert grid._without_defaults({"lr": 1.0, "new": 2}, defaults) == {"lr": 1.0, "new": 2}


def test_overrides_of_a_method_reach_every_method():
    runs = grid.grid(Settings(seeds=1, overrides=("method.raw_share=0.5",)))
    assert {r.config.method.raw_share for r in runs} == {0.5}
    assert {r.config.method.name for r in runs} == {*HEADLINE_METHODS, *CONTROL_METHODS}


@pytest.mark.parametrize(
    ("tier", "only", "text", "words"),
    [
        ("headline", "gtr", "method=baseline", "--set method: .*--only chooses"),
        ("headline", "gtr", "seed=7", "--set seed: .*--seeds"),
        ("rivals", "baseline_nojitter", "jitter=0.5", "--set jitter: the row 'baseline_nojitter' decides this itself"),
        ("real", "gtr [streets squeezenet]", " lr =0.5", "--set lr: .*leave it out with --only"),
        ("ablations", "gtr 5 offline copies", "bank=mine.safetensors", "--set bank: .*leave it out with --only"),
        ("ablations", "gtr real paintings", "bank=mine.safetensors", "--set bank: .*leave it out with --only"),
    ],
)
def test_an_override_that_a_row_would_ignore_is_refused(tier, only, text, words):
    """The title would say that it was changed, and the run would be the unchanged one."""
    with pytest.raises(ValueError, match=words):
        grid.grid(Settings(tier, only=(only,), overrides=(text,)))
    with pytest.raises(ValueError, match=words):
        grid.grid(Settings(tier, overrides=("weight_decay=0", text)))


def test_an_override_that_other_rows_would_ignore_reaches_the_row_that_takes_it(tmp_path):
    """Also where a plan counts outdated rows, and after the runs: both look at rows that are not asked for."""
    settings = Settings("rivals", only=("gtr",), overrides=("jitter=0.25",), scenes=1, seeds=1)
    assert grid.grid(settings)[0].config.jitter == 0.25
    assert "baseline_nojitter" not in grid.rows_for(settings)
    made = plan.plan(settings, places(tmp_path), device="cpu", timer=lambda *_: 1.0)
    assert [one["method"] for one in made["runs"]] == ["gtr"]
    run.convergence_row(settings, places(tmp_path))


# --- running ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_run_trains_scores_and_is_then_skipped(tmp_path, monkeypatch):
    lines: list[str] = []
    assert run.run_study(TINY, places(tmp_path), device="cpu", say=lines.append) == 0
    rows = ledger.read(tmp_path / "l.jsonl")
    mine = ledger.find(rows, method="baseline")
    assert [r["data"] for r in mine] == [s.name for s in grid.score_sets(TINY)]
    assert {r["protocol"] for r in mine} == {FULL_SIZE.name}
    assert all(len(r["per_class"]) == 19 for r in mine)
    assert {r["tier"] for r in mine} == {TINY.title}
    assert len(ledger.find(rows, method=tiers.PRIOR)) == 6

    from gltr_lib import engine

    monkeypatch.setattr(engine, "train", lambda *a, **k: pytest.fail("trained again"))
    run.run_study(TINY, places(tmp_path), device="cpu", say=lines.append)
    assert ledger.read(tmp_path / "l.jsonl") == rows
    assert any("done, skipped" in line for line in lines)


def test_lost_rows_are_scored_again_without_training(tmp_path, monkeypatch):
    where = places(tmp_path)
    run.run_study(TINY, where, device="cpu", say=lambda _: None)
    before = ledger.read(where.ledger)
    kept = [r for r in before if r["data"] != "streets/sun"]
    where.ledger.write_text("".join(json.dumps(r) + "\n" for r in kept))

    from gltr_lib import engine

    monkeypatch.setattr(engine, "train", lambda *a, **k: pytest.fail("trained again"))
    run.run_study(TINY, where, device="cpu", say=lambda _: None)
    again = ledger.find(ledger.read(where.ledger), method="baseline", data="streets/sun")
    assert [r["value"] for r in again] == [
        r["value"] for r in ledger.find(before, method="baseline", data="streets/sun")
    ]


@pytest.mark.slow
def test_a_changed_definition_runs_again_and_the_old_rows_count_no_more(tmp_path):
    where = places(tmp_path)
    run.run_study(TINY, where, device="cpu", say=lambda _: None)
    changed = dataclasses.replace(TINY, overrides=(*TINY.overrides, "lr=0.001"))
    assert book.missing(grid.grid(changed)[0], ledger.read(where.ledger))
    run.run_study(changed, where, device="cpu", say=lambda _: None)
    rows = ledger.read(where.ledger)
    for row in rows:
        row["tier"] = "headline"  # as if the declared tier itself had changed
    families = {r["family"] for r in tables.headline_rows(rows) if r["method"] == "baseline"}
    assert families == {grid.grid(changed)[0].family}


def test_what_is_scored_is_the_network_as_saved(tmp_path):
    where = places(tmp_path)
    run.run_study(TINY, where, device="cpu", say=lambda _: None)
    (one,) = grid.grid(TINY)
    model, facts = run.load_network(one, where)
    assert facts["definition"] == one.definition
    for value in model.state_dict().values():
        if value.is_floating_point():
            assert torch.equal(value, value.half().float())
    images, labels = data.load(one.score[0], one.config.crop, where.cache)
    from gltr_lib.evaluate import evaluate

    row = ledger.find(ledger.read(where.ledger), method="baseline", data="streets/game")[0]
    assert evaluate(model, images, labels).miou() == pytest.approx(row["value"], abs=1e-6)


def test_one_failed_run_does_not_cost_the_others(tmp_path, monkeypatch):
    from gltr_lib import engine

    real_train = engine.train

    def train(config, *args, **kwargs):
        if config.seed == 0:
            raise RuntimeError("loss is no longer a number")
        return real_train(config, *args, **kwargs)

    monkeypatch.setattr(engine, "train", train)
    two = dataclasses.replace(TINY, seeds=2)
    assert run.run_study(two, places(tmp_path), device="cpu", say=lambda _: None) == 1
    rows = ledger.find(ledger.read(tmp_path / "l.jsonl"), method="baseline")
    assert {r["seed"] for r in rows} == {1}


def test_a_run_in_other_hands_is_left_alone(tmp_path):
    where = places(tmp_path)
    (one,) = grid.grid(TINY)
    with run._lock(where.folder(one) / "lock") as ours:
        assert ours
        run.run_one(one, where, device="cpu", say=lambda _: None)
    assert not where.network(one).exists()


@pytest.mark.slow
def test_final_needs_finished_networks_and_scores_them_once(tmp_path):
    where = places(tmp_path)
    final = dataclasses.replace(TINY, final=True, looks="sampled:1000..1001")
    with pytest.raises(ValueError, match="not trained"):
        run.run_study(final, where, device="cpu", say=lambda _: None)
    run.run_study(TINY, where, device="cpu", say=lambda _: None)
    for _ in range(2):
        run.run_study(final, where, device="cpu", say=lambda _: None)
    rows = ledger.find(ledger.read(where.ledger), data="streets/sampled:1000..1001", method="baseline")
    assert len(rows) == 1


def test_a_lost_network_is_trained_again_only_when_asked_and_its_rows_stay(tmp_path):
    where, lines = places(tmp_path), []
    run.run_study(TINY, where, device="cpu", say=lambda _: None)
    before = where.ledger.read_text()
    (one,) = grid.grid(TINY)
    where.network(one).unlink()
    run.run_study(TINY, where, device="cpu", say=lines.append)
    assert not where.network(one).exists()
    run.run_study(dataclasses.replace(TINY, retrain=True), where, device="cpu", say=lines.append)
    assert where.network(one).exists()
    assert where.ledger.read_text() == before
    (line,) = [line for line in lines if "trained again" in line]
    score, recorded = (float(text) for text in re.findall(r"\d+\.\d+", line))
    assert score == recorded == pytest.approx(100 * json.loads(before.splitlines()[0])["value"], abs=0.006)


def test_the_final_look_trains_nothing():
    with pytest.raises(ValueError, match="retrain"):
        Settings(final=True, retrain=True)


@pytest.mark.slow
def test_two_processes_do_what_one_does(tmp_path):
    two = dataclasses.replace(TINY, seeds=2)
    assert run.run_study(two, places(tmp_path / "a"), device="cpu", say=lambda _: None) == 0
    before = signal.getsignal(signal.SIGTERM)
    assert run.run_study(two, places(tmp_path / "b"), jobs=2, device="cpu", say=lambda _: None) == 0
    assert signal.getsignal(signal.SIGTERM) is before
    one, many = (
        {(r["method"], r["seed"], r["data"]): r["value"] for r in ledger.read(tmp_path / x / "l.jsonl")} for x in "ab"
    )
    assert one.keys() == many.keys()
    assert len(many) == 2 * 6 + 6


@pytest.mark.parametrize(
    ("longer", "passed", "words"),
    [
        (0.615, True, "4x the steps gains +1.5 points of source mIoU (within 2 points)."),
        (0.63, False, "gains +3.0 points of source mIoU (more than 2 points, so the runs above are undertrained)."),
        (0.57, True, "loses 3.0 points of source mIoU (no gain: the runs above are long enough)."),
    ],
)
def test_convergence_is_a_row_that_fails_where_the_longer_run_gains(tmp_path, longer, passed, words):
    where, lines = places(tmp_path), []
    runs = {r.method: r for r in grid.grid(Settings(seeds=1))}
    for method, value in (("baseline", 0.60), (CONVERGENCE, longer)):
        one = runs[method]
        ledger.append(where.ledger, fake(method, 0, "streets/game", value) | {"run": one.id, "definition": method})
    for _ in range(2):
        run.convergence_row(Settings(), where, say=lines.append)
    (row,) = ledger.find(ledger.read(where.ledger), metric=CHECK_METRIC)
    assert row["value"] == pytest.approx(longer - 0.60)
    assert row["passed"] is passed
    assert tables.convergence_line(ledger.read(where.ledger)) == lines[0]
    assert lines[0].endswith(words)


# --- rendered streets -------------------------------------------------------------------------------------------------


def test_streets_are_kept_in_the_checkout_and_elsewhere_in_the_users_cache(tmp_path, monkeypatch):
    ours, project = tmp_path / "ours", tmp_path / "project"
    for folder in (ours / "lessons", ours / "gltr_lib" / "study", ours / "notebooks", project / "lessons"):
        folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    streets = looks.Streets("streets/one", (("game", (1,)),))
    for here, kept in (
        (ours, ours / "runs" / "cache"),
        (ours / "notebooks", ours / "runs" / "cache"),
        (project, tmp_path / "home" / ".cache" / "gltr" / "streets"),
    ):
        monkeypatch.chdir(here)
        rendered.load(streets, (16, 32))
        assert len(list(kept.glob("*.npy"))) == 1
    assert [path.name for path in project.iterdir()] == ["lessons"]


def test_rendered_streets_are_kept_and_read_again(tmp_path, monkeypatch):
    streets = looks.Streets("streets/two", (("game", (1, 2)), ("sun", (3,))))
    images, labels = rendered.load(streets, (16, 32), tmp_path)
    assert images.shape == (3, 3, 16, 32)
    assert labels.shape == (3, 16, 32)
    from gltr_lib import streets as world

    picture, ids = world.render(3, "sun", (16, 32))
    assert torch.equal(images[2], torch.from_numpy(picture).permute(2, 0, 1))
    assert torch.equal(labels[2], torch.from_numpy(ids))
    monkeypatch.setattr(world, "render_many", lambda *a, **k: pytest.fail("rendered again"))
    again, _ = rendered.load(streets, (16, 32), tmp_path)
    assert torch.equal(images, again)


def test_a_damaged_cache_is_rendered_again(tmp_path):
    part = ("game", (1,))
    good = rendered.load_part(part, (16, 32), tmp_path)
    rendered.cache_path(part, (16, 32), tmp_path).write_bytes(b"torn")
    assert (rendered.load_part(part, (16, 32), tmp_path) == good).all()


# --- plan -------------------------------------------------------------------------------------------------------------


def test_plan_predicts_from_a_step_and_counts_what_is_done(tmp_path):
    where = places(tmp_path)
    run.run_study(TINY, where, device="cpu", say=lambda _: None)
    two = dataclasses.replace(TINY, seeds=2)
    where.ledger.write_text(where.ledger.read_text().replace('"step_seconds"', '"other"'))
    state = plan.plan(two, where, device="cpu", timer=lambda config, device: 1800.0)
    assert [entry["state"] for entry in state["runs"]] == ["done", "not run"]
    assert state["hours_left"] == pytest.approx(1.0)
    assert "1 of 2 done" in plan.render(state)
    assert json.loads(json.dumps(state)) == state


def test_plan_prefers_what_the_ledger_measured_here(tmp_path):
    where = places(tmp_path)
    run.run_study(TINY, where, device="cpu", say=lambda _: None)
    two = dataclasses.replace(TINY, seeds=2)
    state = plan.plan(two, where, device="cpu", timer=lambda *a: pytest.fail("measured again"))
    assert state["runs"][1]["predicted_from"] == "ledger"


# --- tables -----------------------------------------------------------------------------------------------------------


def fake(method: str, seed: int, name: str, value: float) -> ledger.Row:
    config = dataclasses.asdict(TrainConfig(METHODS.get(method, METHODS["baseline"]), steps=1000))
    return {
        "method": method, "seed": seed, "commit": "abc", "protocol": FULL_SIZE.name, "metric": "mIoU-19",
        "value": value, "data": name, "config": config, "device": "cpu",
        "wall_seconds": 60.0, "date": "2026-01-01T00:00:00+00:00", "tier": "headline", "run": f"{method}-{seed}",
        "definition": "d", "family": method, "trained_on": "streets/game", "trained_at": "abc", "size": "256x128",
        "per_class": {},
    }  # fmt: skip


def made_up() -> list[ledger.Row]:
    rows = []
    for seed in range(3):
        for name in tables.COLUMN_NAMES:
            for k, method in enumerate((*HEADLINE_METHODS, *CONTROL_METHODS)):
                rows.append(fake(method, seed, name, 0.1 * k + 0.1 + 0.01 * seed))
    return rows


def test_a_table_does_not_mix_two_base_configurations():
    rows = made_up()
    changed = {"steps": 500}
    again = [
        {**row, "family": f"new {row['method']}", "config": {**row["config"], **changed}}
        for row in made_up()
        if row["method"] in ("baseline", "gtr")
    ]
    longer = fake("baseline", 0, "streets/game", 0.9)
    again.append({**longer, "method": CONVERGENCE, "config": {**longer["config"], "steps": 4 * 500}})
    shown = tables.headline_rows(rows + again)
    assert {row["method"] for row in shown} == {"baseline", "gtr", CONVERGENCE}
    text = tables.headline_table(rows + again)
    assert text.count("not run") >= 6
    assert "500 steps" in text
    assert "1000 steps" not in text


def test_headline_table_has_every_method_and_look():
    text = tables.headline_table(made_up())
    for name in tables.METHOD_NAMES.values():
        assert f"| {name} |" in text
    assert "11.0 ± 1.0" in text
    assert "0.3 h of training" in text
    assert "1000 steps of 12 forward images" in text
    assert "raw:stylised 0:1 in GTR views" in text
    assert "reserved" not in text


def test_the_line_below_a_table_says_how_raw_and_stylised_were_mixed():
    rows = made_up()
    for row in rows:
        row["config"]["method"]["raw_share"] = 0.5
    assert "raw:stylised 1:1 in GTR views" in tables.headline_table(rows)
    assert "raw:stylised" not in tables.headline_table([r for r in rows if r["method"] == "baseline"])


def test_controls_have_a_table_of_their_own():
    rows = made_up()
    text = tables.controls_table(rows)
    assert list(tables.CONTROL_NAMES) == list(CONTROL_METHODS)
    body = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    assert body == ["method", *tables.CONTROL_NAMES.values()]
    assert "71.0 ± 1.0" in text  # the seventh method of the made-up rows
    assert "0.1 h of training" in text  # three methods, three seeds, a minute each
    assert not any(f"| {name} |" in tables.headline_table(rows) for name in tables.CONTROL_NAMES.values())
    assert "| not run |" in tables.controls_table([r for r in rows if r["method"] != CONTROL_METHODS[0]])


def test_gap_closed_pairs_seeds_and_wants_a_gap_on_their_mean():
    """As for the test looks: which seeds count does not hang on how a seed fell out."""

    def rows_of(*seeds):
        return [
            fake(method, seed, "streets/sun", value)
            for seed, values in enumerate(seeds)
            for method, value in zip(("baseline", "gtr", "oracle"), values, strict=True)
        ]

    wide, narrow = (0.1, 0.2, 0.3), (0.2, 0.25, 0.25)
    assert tables.gap_closed(rows_of(wide, narrow))["gtr", "streets/sun"] == pytest.approx([0.5, 1.0])
    assert tables.gap_closed(rows_of(wide, narrow, narrow, narrow)) == {}


@pytest.mark.slow
def test_figure_has_a_panel_for_each_look_and_words_for_all():
    figure, alt = figures.headline_figure(made_up())
    assert [axis.get_title() for axis in figure.axes] == list(tables.COLUMN_NAMES.values())
    assert "overcast: baseline 11" in alt
    # Wider than this, a README's page shrinks the letters until nobody can read them.
    assert figure.get_figwidth() <= 10


def test_the_lowest_panel_of_each_column_of_the_headline_carries_the_numbers():
    four = list(tables.COLUMN_NAMES)[:4]
    figure, _ = figures.headline_figure([row for row in made_up() if row["data"] in four])
    figure.draw_without_rendering()
    numbered = [axis for axis in figure.axes if axis.xaxis.get_major_ticks()[0].label1.get_visible()]
    assert [axis.get_title() for axis in numbered if axis.get_title()] == [
        tables.COLUMN_NAMES[column] for column in four[1:]
    ]


def test_every_method_of_the_headline_has_the_colour_and_the_mark_that_it_has_elsewhere():
    from gltr_lib.probes import figures as probed

    assert set(figures.METHOD_STYLE) == set(tiers.HEADLINE_METHODS)
    assert len({colour for colour, _ in figures.METHOD_STYLE.values()}) == len(figures.METHOD_STYLE)
    assert len({mark for _, mark in figures.METHOD_STYLE.values()}) == len(figures.METHOD_STYLE)
    for method, style in zip(probed.NAMES, zip(probed.COLOURS, probed.MARKERS, strict=True), strict=False):
        assert figures.METHOD_STYLE[method] == style


def test_figure_without_rows_is_an_error():
    with pytest.raises(ValueError, match="gltr study"):
        figures.headline_figure([])


def test_written_tables_are_not_stale_until_the_ledger_changes(tmp_path):
    results = tmp_path / "results"
    for row in made_up():
        ledger.append(results / "headline.jsonl", row)
    document = tmp_path / "README.md"
    names = ["table:headline", "table:controls", "table:gap", "table:real", "table:real_walk"]
    document.write_text("a\n" + "\n".join(f"<!-- {name} -->\n<!-- /{name} -->\nb" for name in names) + "\n")
    assert documents.stale_tables(document, results) == names
    assert documents.write_tables(document, results) == names
    assert documents.stale_tables(document, results) == []
    assert documents.write_tables(document, results) == []
    ledger.append(results / "headline.jsonl", fake("gtr", 0, "streets/sun", 0.9))
    assert documents.stale_tables(document, results) == ["table:headline", "table:gap"]
    ledger.append(results / "headline.jsonl", fake(CONTROL_METHODS[0], 0, "streets/sun", 0.9))
    assert documents.stale_tables(document, results) == ["table:headline", "table:controls", "table:gap"]


def test_readme_tables_equal_the_ledger():
    text = README.read_text(encoding="utf-8") if README.exists() else ""
    opened = re.findall(r"<!-- (table:[a-z_]+) -->", text)
    assert set(opened) <= set(documents.tables(RESULTS))
    if opened:
        assert documents.stale_tables(README, RESULTS) == [], "run: gltr study --report"


def test_committed_ledgers_are_whole():
    for path in RESULTS.glob("*.jsonl"):
        rows, bad = ledger.scan(path)
        assert bad == []
        for row in rows:
            ledger.validate(row)


def test_shipping_registers_seed_zero_with_its_ledger_name(tmp_path):
    from gltr_lib import weights
    from gltr_lib.study.ship import ship

    where = places(tmp_path)
    run.run_study(TINY, where, device="cpu", say=lambda _: None)
    assert ship(TINY, where, assets=tmp_path / "assets") == ["mini-baseline"]
    state, facts = weights.load("mini-baseline", assets=tmp_path / "assets")
    assert facts["ledger_id"] == grid.grid(TINY)[0].id
    assert state["classify.weight"].shape[0] == 19


# --- real photographs -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_real_scores_count_the_look_and_leave_the_oracle_out(tmp_path):
    from gltr_lib.study import photos
    from tests.test_evaluate import make_camvid

    camvid = make_camvid(tmp_path / "data" / "camvid").parent
    where = places(tmp_path)
    both = dataclasses.replace(TINY, only=("baseline", "oracle"))
    run.run_study(both, where, device="cpu", say=lambda _: None)
    with pytest.raises(ValueError, match="reason"):
        photos.score_real(both, where, camvid, reason=" ", results=tmp_path)
    assert not (tmp_path / "real_looks.jsonl").exists()
    for _ in range(2):
        photos.score_real(both, where, camvid, reason="test", results=tmp_path, device="cpu", say=lambda _: None)
    (look,) = ledger.read(tmp_path / "real_looks.jsonl")
    assert look["reason"] == "test"
    assert look["commit"]
    rows = ledger.read(tmp_path / "real.jsonl")
    assert {r["method"] for r in rows} == {"baseline", tiers.PRIOR}
    assert {r["data"] for r in rows} == {"camvid/0001TP", "camvid/0016E5", "camvid/all"}
    assert {r["metric"] for r in rows} == {"mIoU-11", "mIoU-5"}
    assert "Looks taken at real sets so far: 1 " in tables.real_table(rows, TINY.title, 1)


def test_the_real_table_averages_the_newest_networks_alone():
    def row(seed, value, family):
        known = {"method": "gtr", "tier": "headline", "metric": "mIoU-11", "protocol": "11", "data": "camvid/all"}
        return known | {"seed": seed, "value": value, "family": family}

    (line,) = [
        line for line in tables.real_table([row(2, 0.9, "old"), row(0, 0.2, "new"), row(1, 0.4, "new")]).splitlines()
        if line.startswith("| + GTR |")
    ]  # fmt: skip
    assert "30.0 ± 14.1" in line


def test_real_data_must_be_there(tmp_path):
    from gltr_lib.study import photos

    with pytest.raises(ValueError, match="GLTR_DATA"):
        photos.sets_below(tmp_path)


# --- the bare command line --------------------------------------------------------------------------------------------


def test_command_line_without_tyro_lists_the_plan(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plan, "measure_step", lambda *a: 1.0)
    monkeypatch.setattr(plan.plan, "__kwdefaults__", {"device": None, "timer": lambda *a: 1.0})
    assert main(["--list", "--json", "--only", "baseline,convergence", "--seeds", "1", "--device", "cpu"]) == 0
    state = json.loads(capsys.readouterr().out)
    assert [entry["method"] for entry in state["runs"]] == [CONVERGENCE, "baseline"]
    assert state["runs"][0]["hours"] == pytest.approx(4 * state["runs"][1]["hours"], rel=1e-3)


@pytest.mark.parametrize(
    "flags", [["--only", "x"], ["--tier", "x"], ["--looks", "sampled:1000"], ["--jobs", "0"], ["--set", "nothing=1"]]
)
def test_wrong_flags_are_one_line_and_exit_code_2(flags, capsys):
    assert main(flags) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_processes_are_told_the_same_settings(tmp_path):
    settings = dataclasses.replace(TINY, only=(), retrain=True)
    values = vars(parser().parse_args(processes.flags_of(settings, places(tmp_path), "cpu")))
    again = Settings(
        values["tier"], values["steps"], values["seeds"], (), values["scenes"], values["looks"], values["final"],
        values["retrain"], tuple(values["overrides"]),
    )  # fmt: skip
    assert again == settings
    assert values["device"] == "cpu"


def test_a_network_of_another_shape_is_not_loaded(tmp_path):
    where = places(tmp_path)
    (one,) = grid.grid(TINY)
    from gltr_lib.models import export

    export(nn.Linear(2, 2), where.network(one))
    with pytest.raises(RuntimeError):
        run.load_network(one, where)


def test_what_is_written_once_a_tier_is_written_by_one_process_at_a_time(tmp_path, monkeypatch):
    where, held = places(tmp_path), []

    def prior(settings, own):
        with run._lock(own.runs / "study" / "lock") as free:
            held.append(not free)

    monkeypatch.setattr(run, "missing", lambda *a: [])
    monkeypatch.setattr(run, "score_layout_prior", prior)
    run.run_study(TINY, where, device="cpu", say=lambda _: None)
    assert held == [True]
    order: list[str] = []

    def wait():
        with run._lock(where.runs / "study" / "lock", wait=True) as ours:
            order.append(f"second {ours}")

    with run._lock(where.runs / "study" / "lock"):
        second = threading.Thread(target=wait)
        second.start()
        second.join(0.2)
        order.append("first")
    second.join(30)
    assert order == ["first", "second True"]


@pytest.mark.slow
def test_streets_rendered_by_several_processes_are_the_same():
    assert np.array_equal(rendered._render([0, 1, 2], "game", (8, 16), 2), rendered._render([0, 1, 2], "game", (8, 16)))
