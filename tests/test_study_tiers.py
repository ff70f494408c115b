"""The tiers beyond the headline: what is declared, what is shared, what is tuned, and that nothing is trained twice."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

from gltr_lib import StyleBank, Stylizer, ledger
from gltr_lib._drafts import write_text
from gltr_lib._usage import read_shard
from gltr_lib.baselines import NAMES
from gltr_lib.config import METHODS, RIVALS
from gltr_lib.datasets import EVAL_SEEDS, VAL_SEEDS
from gltr_lib.study import ablations, book, compare, data, grid, groups, plan, run, tiers, trials
from gltr_lib.study.__main__ import main
from gltr_lib.study.grid import Settings
from gltr_lib.study.names import name_of
from gltr_lib.study.places import Places
from gltr_lib.views import Views

NONE: dict[str, str] = {}
SMALL = {"steps": 2, "seeds": 1, "scenes": 2, "looks": "sampled:1..2"}
TINY = ("crop=[16,32]", "forward_images=2")


def tiny(tier: str, *only: str, **changes) -> Settings:
    return Settings(tier, **{**SMALL, **changes}, only=only, overrides=TINY)


def place(tmp_path, tier: str) -> Places:
    return Places(tmp_path / f"{tier}-changed.jsonl", tmp_path / "runs")


# --- what is declared -------------------------------------------------------------------------------------------------


def test_every_rival_is_a_row_alone_and_with_our_consistency():
    methods = {r.method for r in grid.grid(Settings("rivals"), NONE)}
    assert set(RIVALS) | set(tiers.COMPARED) <= methods
    for name in RIVALS:
        if name.endswith(tiers.CONSISTENT):
            alone = RIVALS[name.removesuffix(tiers.CONSISTENT)]
            # Selective whitening compares two views by itself.
            assert RIVALS[name].views == (alone.views if alone.whitening else 2 * alone.views)
            assert dataclasses.replace(RIVALS[name], name=alone.name, views=alone.views, consistency=0.0) == alone
            assert RIVALS[name].consistency == METHODS["gtr_ltr_cgl"].consistency


def test_what_isw_sees_is_a_control_without_what_isw_does():
    rows = {r.name: r for group in groups.groups("rivals", {"isw": "whitening_again=True"}) for r in group}
    control, isw = rows[tiers.UNWHITENED].method, rows["isw"].method
    assert (control.views, control.rival) == (isw.views, isw.rival)
    assert (control.whitening, control.network, control.consistency) == (0.0, (), 0.0)
    assert isw.whitening > 0
    assert name_of(tiers.UNWHITENED).startswith("raw + recoloured")


def test_ltr_alone_is_the_second_view_of_gtr_ltr_and_nothing_else():
    images, painted = torch.rand(2, 3, 32, 64), torch.rand(2, 3, 32, 64)
    row = tiers.walk(tiers.LTR_ALONE)
    assert row.method.views == ("regions",)
    assert dataclasses.replace(row.method, name="regions", rival=RIVALS["regions"].rival) == RIVALS["regions"]
    (alone,) = Views(row.method, offline=True)(images, 0.0, torch.Generator().manual_seed(1), [painted])
    _, local = Views(METHODS["gtr_ltr"], offline=True)(images, 0.0, torch.Generator().manual_seed(1), [painted])
    assert torch.equal(alone, local)
    large = tiers.walk(tiers.LTR_ALONE_LARGE).method
    (alone,) = Views(large, offline=True)(images, 0.0, torch.Generator().manual_seed(1), [painted])
    twin = dataclasses.replace(METHODS["gtr_ltr"], sigma=(16.0, 64.0))
    _, local = Views(twin, offline=True)(images, 0.0, torch.Generator().manual_seed(1), [painted])
    assert torch.equal(alone, local), "and with larger blobs, of LTR with larger blobs"
    assert name_of(tiers.LTR_ALONE) == "LTR as the only view"


def test_paint_and_colour_have_a_view_each_beside_two_of_colour():
    tuned = {"photometric": "gray=0.5", "gtr": "alpha=0.5"}
    rows = {r.name: r.method for group in groups.groups("rivals", tuned) for r in group}
    both, twice = rows["gtr_photometric"], rows["photometric2"]
    assert (both.views, twice.views) == (("gtr", "photometric"), ("photometric", "photometric"))
    assert both.rival == twice.rival == rows["photometric"].rival == (("gray", 0.5),)
    assert both.alpha == rows["gtr"].alpha == 1.0  # the study's own GTR, not the tuned one
    assert both.consistency == twice.consistency == 0.0
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    stylizer, bank = Stylizer.load("mini"), StyleBank.load("paintings-mini")
    painted, recoloured = Views(both, stylizer, bank)(images, generator=torch.Generator().manual_seed(1))
    assert not torch.equal(painted, images)
    assert not torch.equal(recoloured, images)
    assert compare._setting("gtr_photometric", tuned) == compare._setting("photometric2", tuned) == "gray=0.5"


def test_rivals_without_chosen_trials_say_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = []
    monkeypatch.setattr(run, "missing", lambda *_: [])
    run.run_study(Settings("rivals", seeds=1, only=("fourier",)), place(tmp_path, "rivals"), ids=[], say=said.append)
    assert any("no trial is chosen" in line for line in said)


def test_every_row_of_the_rivals_costs_the_same_and_one_is_without_jitter():
    runs = grid.grid(Settings("rivals"), NONE)
    assert {(r.config.steps, r.config.forward_images) for r in runs} == {(grid.STEPS["rivals"], grid.FORWARD_IMAGES)}
    bare = {r.method for r in runs if (r.config.jitter, r.config.blur) == (0.0, 0.0)}
    assert bare == {tiers.NO_JITTER}
    assert {r.method for r in runs if r.config.replace(method="baseline", seed=0) != runs[0].config} == bare
    assert {r.seed for r in runs} == {0, 1, 2}


@pytest.mark.parametrize("tier", tiers.TIERS)
def test_names_and_folders_are_told_apart(tier):
    runs = grid.grid(Settings(tier), NONE)
    assert len({r.id for r in runs}) == len(runs)
    assert len({(r.method, r.seed) for r in runs}) == len(runs)
    assert not any("," in r.method for r in runs)  # --only separates names by commas


def test_tiers_share_the_networks_that_both_declare():
    headline = {(r.method, r.seed): r.definition for r in grid.grid(Settings("headline"))}
    for tier in ("rivals", "ablations"):
        same = [r for r in grid.grid(Settings(tier), NONE) if (r.method, r.seed) in headline]
        assert len({r.method for r in same}) >= 6
        assert all(r.definition == headline[r.method, r.seed] for r in same)


def test_two_networks_of_a_tier_are_one_only_where_nothing_was_tuned():
    runs = [r for r in grid.grid(Settings("rivals", seeds=1), NONE) if not r.method.endswith("_tuned")]
    assert len({r.definition for r in runs}) == len(runs)
    runs = grid.grid(Settings("ablations", seeds=1))
    assert len({r.definition for r in runs}) == len(runs)


def test_a_level_differs_from_its_method_in_one_thing():
    plain = {"paintings": {"styles"}, "complexity": {"styles"}, "alpha": {"alpha"}, "raw": {"raw_share"},
             "share": {"share", "schedule"}, "sigma": {"sigma"}, "kind": {"consistency_kind"},
             "weight": {"consistency"}, "detach": {"detach"}, "real": {"styles"}}  # fmt: skip
    seen = set()
    for factor in ablations.factors():
        if factor.name not in plain:
            continue
        usual = dataclasses.asdict(METHODS[factor.around])
        for level in factor.levels:
            method = dataclasses.asdict(level.row.method)
            changed = {key for key, value in method.items() if value != usual[key]} - {"name"}
            assert changed <= plain[factor.name], (factor.name, level.label)
            assert len(changed) <= 1
            seen.add(factor.name)
        assert sum(level.row == tiers.walk(factor.around) for level in factor.levels) <= 1
    assert seen == set(plain)


def test_ablations_hold_what_the_study_promises():
    factors = {factor.name: [level.label for level in factor.levels] for factor in ablations.factors()}
    assert factors["paintings"] == ["1", "2", "5", "15", "50", "512 (all)"]
    assert factors["kind"] == ["mse", "kl", "js"]
    share = next(f for f in ablations.factors() if f.name == "share")
    official = next(level.row.method for level in share.levels if "official comment" in level.label)
    assert (official.share, official.schedule) == (0.5, 0.1)
    twice = [r for r in grid.grid(Settings("ablations", seeds=1)) if r.config.steps == 2 * grid.STEPS["ablations"]]
    assert {r.method for r in twice} == {f"{m} 2x steps" for m in ("gtr", "gtr_gtr", "gtr_ltr", "gtr_ltr_cgl")}


def test_paintings_are_spread_over_their_complexity():
    scores = np.array(ablations.complexities())
    assert len(scores) == 512
    assert len(set(ablations.spread(50))) == 50
    low, middle, high = (scores[list(ablations.spread(50, *b))] for b in ((0, 0.25), (0.375, 0.625), (0.75, 1)))
    assert low.max() < middle.min() <= middle.max() < high.min()
    assert abs((scores < scores[list(ablations.spread(1))]).mean() - 0.5) < 0.01
    with pytest.raises(ValueError, match="count"):
        ablations.spread(129, 0.75, 1.0)


def test_complexities_are_those_of_the_shipped_paintings():
    from gltr_lib.complexity import texture_complexity
    from gltr_lib.paintings import kind_of, paint
    from gltr_lib.style_bank import StyleBank

    names = StyleBank.load("paintings-mini").names
    for seed in (0, 77, 511):
        assert names[seed] == f"{kind_of(seed)}-{seed}"
        # One grey level of the renderer's freedom is a thousandth of the measure.
        assert ablations.complexities()[seed] == pytest.approx(texture_complexity(paint(seed, size=256)), rel=0.02)


# --- trials -----------------------------------------------------------------------------------------------------------


def test_everybody_has_the_same_number_of_trials_and_the_own_numbers_come_first():
    alone, _ = tiers.rival_names()
    assert set(trials.candidates()) == {*alone, *tiers.TUNED_OURS}, "give a new rival its trials in trials.SETTINGS"
    for method, candidates in trials.candidates().items():
        assert len(candidates) == trials.TRIALS
        assert candidates[0].method == {**METHODS, **RIVALS}[method]
        assert len({c.label for c in candidates}) == len({(c.method, c.base) for c in candidates}) == trials.TRIALS


def test_trials_are_settings_that_can_be_run():
    from gltr_lib._step import make_model
    from gltr_lib.baselines import make_view
    from gltr_lib.style_bank import StyleBank
    from gltr_lib.stylizer import Stylizer

    stylizer, bank = Stylizer.load("mini"), StyleBank.load("paintings-mini")
    for candidates in trials.candidates().values():
        for trial in candidates:
            config = grid.BASE.replace(method=trial.method, **dict(trial.base))
            if trial.method.network:
                make_model(config)
            for view in set(trial.method.views) & set(NAMES):
                make_view(view, trial.method.rival, stylizer=stylizer, bank=bank)  # an unknown option would be refused


def test_trials_see_validation_scenes_of_known_looks_alone():
    runs = grid.grid(Settings("tuning"))
    assert {r.seed for r in runs} == {100}
    assert not {r.seed for r in runs} & {r.seed for t in ("headline", "rivals") for r in grid.grid(Settings(t), NONE)}
    looks = {look: seeds for r in runs for streets in r.score for look, seeds in streets.parts}
    assert set(looks) == {"game", "overcast", "sun"}
    assert {seed for seeds in looks.values() for seed in seeds} == set(VAL_SEEDS)
    assert not set(VAL_SEEDS) & set(EVAL_SEEDS)
    with pytest.raises(ValueError, match="final"):
        Settings("tuning", final=True)


def scored(method: str, label: str, *values: float) -> list[ledger.Row]:
    name = trials.row_name(method, trials.find(method, label))
    return [{"method": name, "seed": 100, "data": d, "value": v} for d, v in zip(trials.JUDGED_ON, values, strict=True)]


def test_the_ledger_chooses_the_best_mean_and_the_own_numbers_in_doubt():
    labels = [trial.label for trial in trials.candidates()["gtr"]]
    rows = [row for label in labels for row in scored("gtr", label, 0.3, 0.2)]
    assert trials.choose(rows)["gtr"]["label"] == trials.OWN
    rows += scored("gtr", labels[2], 0.2, 0.4)
    chosen = trials.choose(rows)
    assert chosen["gtr"] == {"label": labels[2], "scores": dict(zip(labels, (0.25, 0.25, 0.3, 0.25), strict=True))}
    assert list(chosen) == ["gtr"]


def test_nothing_is_chosen_before_every_trial_is_there():
    labels = [trial.label for trial in trials.candidates()["gtr"]]
    rows = [row for label in labels[:-1] for row in scored("gtr", label, 0.3, 0.2)]
    rows += scored("gtr", labels[-1], 0.9, 0.9)[:1]
    assert trials.choose(rows) == {}


def test_a_chosen_trial_reaches_the_rival_and_its_twin_with_consistency_and_nobody_else():
    label = trials.candidates()["fourier"][1].label
    usual = {r.method: r for r in grid.grid(Settings("rivals", seeds=1), NONE)}
    tuned = {r.method: r for r in grid.grid(Settings("rivals", seeds=1), {"fourier": label, "ibn": "lr=0.005"})}
    changed = {name for name in usual if usual[name].definition != tuned[name].definition}
    assert changed == {"fourier", "fourier_cons", "ibn", "ibn_cons"}
    assert dict(tuned["fourier_cons"].config.method.rival) == {"beta": 0.01}
    assert tuned["fourier_cons"].config.method.views == ("fourier", "fourier")
    assert tuned["ibn_cons"].config.lr == 0.005
    assert tuned["ibn_cons"].config.method == RIVALS["ibn_cons"]
    with pytest.raises(ValueError, match="no trial"):
        grid.grid(Settings("rivals"), {"gtr": "alpha=9"})


def test_our_tuned_rows_stand_beside_the_untuned_ones():
    runs = {r.method: r for r in grid.grid(Settings("rivals", seeds=1), {"gtr": "alpha=0.5"})}
    assert runs["gtr"].config.method == METHODS["gtr"]
    assert runs["gtr_tuned"].config.method.alpha == 0.5


def test_the_committed_choice_is_read_from_its_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert trials.read() == {}
    write_text(tmp_path / trials.FILE, trials.text({"gtr": {"label": "alpha=0.5", "scores": {}}}))
    assert trials.read() == {"gtr": "alpha=0.5"}
    assert {r.method: r for r in grid.grid(Settings("rivals", seeds=1))}["gtr_tuned"].config.method.alpha == 0.5


# --- running ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_what_one_tier_trained_the_other_does_not_train_again(tmp_path, monkeypatch):
    quiet = {"device": "cpu", "say": lambda _: None}
    assert run.run_study(tiny("headline", "baseline"), place(tmp_path, "headline"), **quiet) == 0
    from gltr_lib import engine

    monkeypatch.setattr(engine, "train", lambda *a, **k: pytest.fail("trained again"))
    rivals = tiny("rivals", "baseline")
    assert run.run_study(rivals, place(tmp_path, "rivals"), **quiet) == 0
    assert not place(tmp_path, "rivals").ledger.exists()
    rows = book.tier_rows(book.read(place(tmp_path, "rivals").ledger), rivals, NONE)
    assert {row["data"] for row in rows} == {s.name for s in grid.score_sets(rivals)}
    assert {row["tier"] for row in rows} == {rivals.title}
    # More sets to score: the other tier's network is found.
    final = dataclasses.replace(rivals, final=True, looks="sampled:1000..1001")
    assert run.run_study(final, place(tmp_path, "rivals"), **quiet) == 0
    (row,) = ledger.find(
        ledger.read(place(tmp_path, "rivals").ledger), data="streets/sampled:1000..1001", method="baseline"
    )
    assert row["run"].startswith("rivals-")


def test_rows_of_another_definition_are_nobodys(tmp_path):
    settings = tiny("rivals", "baseline")
    where = place(tmp_path, "rivals")
    run.run_study(settings, where, device="cpu", say=lambda _: None)
    rows = book.read(where.ledger)
    assert book.tier_rows(rows, settings, NONE)
    assert book.tier_rows(rows, dataclasses.replace(settings, overrides=(*TINY, "lr=0.5")), NONE) == []


def test_shards_share_a_tier_without_overlap(tmp_path, monkeypatch):
    trained = []
    monkeypatch.setattr(run, "_render", lambda *a: None)
    monkeypatch.setattr(run, "run_one", lambda one, *a, **k: trained.append(one.id))
    monkeypatch.setattr(run, "score_layout_prior", lambda *a: None)
    settings = Settings("ablations")
    for part in (1, 2, 3):
        run.run_study(settings, Places(tmp_path / "l.jsonl", tmp_path), shard=(part, 3), say=lambda _: None)
    assert sorted(trained) == sorted(r.id for r in grid.grid(settings) if not r.needs)
    with pytest.raises(ValueError, match="shard"):
        run.run_study(settings, Places(tmp_path / "l.jsonl", tmp_path), shard=(4, 3), say=lambda _: None)


def test_two_rows_that_are_one_network_are_one_run(tmp_path, monkeypatch):
    trained = []
    for name, stand_in in (("_render", lambda *a: None), ("run_one", lambda one, *a, **k: trained.append(one.method)),
                           ("score_layout_prior", lambda *a: None)):  # fmt: skip
        monkeypatch.setattr(run, name, stand_in)
    monkeypatch.chdir(tmp_path)  # no choice of trials there
    only = Settings("rivals", seeds=1, only=("gtr", "gtr_tuned", "gtr_ltr"))
    run.run_study(only, Places(tmp_path / "l.jsonl", tmp_path), say=lambda _: None)
    assert trained == ["gtr", "gtr_ltr"]


@pytest.mark.parametrize("text", ["", "3/2", "0/2", "1", "a/b", "1/", "/4", "-1/4", "1/2/3", "0/0", "1.0/2"])
def test_malformed_shards(text):
    with pytest.raises(ValueError, match="--shard: expected i/n with i from 1 to n"):
        read_shard(text)


def test_what_cannot_run_here_is_told_and_left_alone(tmp_path, monkeypatch):
    lines: list[str] = []
    monkeypatch.delenv("GLTR_DATA", raising=False)
    monkeypatch.setattr(run, "run_one", lambda *a, **k: pytest.fail("it cannot run here"))
    settings = Settings("ablations", only=("gtr vgg19", "gtr real paintings"))
    monkeypatch.setattr(run, "score_layout_prior", lambda *a: None)
    assert run.run_study(settings, Places(tmp_path / "l.jsonl", tmp_path), say=lines.append) == 0
    assert len([line for line in lines if "not run, it needs" in line]) == 2


def test_trials_are_chosen_when_the_tier_has_run(tmp_path):
    where = Places(tmp_path / "tuning.jsonl", tmp_path)
    rows = []
    for one in grid.grid(Settings("tuning", only=tuple(trials.row_name("gtr", t) for t in trials.candidates()["gtr"]))):
        for streets in one.score:
            value = 0.5 if "alpha=0.75" in one.method else 0.4
            rows.append({
                "method": one.method, "seed": one.seed, "commit": "c", "protocol": "p", "metric": "mIoU-19",
                "value": value, "data": streets.name, "config": {}, "device": "cpu", "wall_seconds": 1.0,
                "date": "2026-01-01T00:00:00+00:00", "definition": one.score_definition(streets),
            })  # fmt: skip
    where.ledger.write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines: list[str] = []
    run.choose_trials(where, lines.append)
    assert trials.read(tmp_path / "tuned.json") == {"gtr": "alpha=0.75"}
    assert "1 of " in lines[0]


def test_painted_copies_keep_labels_and_change_pictures(tmp_path):
    streets = grid.train_streets("painted:2", 3)
    images, labels = data.load(streets, (16, 32), tmp_path)
    plain, truth = data.load(grid.train_streets("game", 3), (16, 32), tmp_path)
    assert torch.equal(labels, torch.cat([truth, truth]))
    assert not torch.equal(images[:3], plain)
    assert not torch.equal(images[:3], images[3:])
    for file in tmp_path.glob("*painted*"):
        file.unlink()
    assert torch.equal(data.load(streets, (16, 32), tmp_path)[0], images)


# --- the list ---------------------------------------------------------------------------------------------------------


def test_the_list_names_what_is_not_run_and_why(tmp_path, monkeypatch):
    monkeypatch.delenv("GLTR_DATA", raising=False)
    state = plan.plan(Settings("ablations"), Places(tmp_path / "l.jsonl", tmp_path), device="cpu", timer=lambda *a: 1.8)
    by_method = {entry["method"]: entry for entry in state["runs"]}
    assert by_method["gtr vgg19"]["state"] == plan.NOT_HERE
    assert by_method["gtr vgg19"]["hours"] == 0
    assert "not run: it needs weights/vgg_normalised_conv3_1.pth in GLTR_DATA" in plan.render(state)
    assert by_method["gtr 2x steps"]["hours"] == pytest.approx(2.0)
    runnable = [r for r in grid.grid(Settings("ablations")) if not r.needs]
    assert state["hours_left"] == pytest.approx(sum(r.config.steps for r in runnable) * 1.8 / 3600, rel=1e-3)


def test_a_step_is_timed_once_and_remembered(tmp_path):
    where = Places(tmp_path / "l.jsonl", tmp_path)
    calls = []
    for _ in range(2):
        plan.plan(Settings("ablations"), where, device="cpu", timer=lambda config, d: calls.append(config) or 1.0)
    costs = {(c.method.views, c.method.rival, c.method.consistency > 0, c.stylizer) for c in calls}
    assert len(calls) == len(costs)


def test_a_setting_of_a_timed_method_is_not_timed_again(tmp_path, capsys):
    where = Places(tmp_path / "l.jsonl", tmp_path)
    settings = Settings("tuning", only=("fourier [own]", "fourier [beta=0.5]", "fourier [strength=1.0]", "gtr [own]"))
    painted, first, *others = grid.grid(settings)
    device = ledger.device_name(torch.device("cpu"))
    row = {"metric": "mIoU-19", "method": first.method, "seed": 100, "data": "x", "device": device, "step_seconds": 0.9}
    where.ledger.write_text(json.dumps(row | {"config": dataclasses.asdict(first.config)}) + "\n")
    timed = []
    state = plan.plan(settings, where, device="cpu", timer=lambda config, d: timed.append(config) or 2.0)
    sources = {entry["run"]: (entry["predicted_from"], entry["step_seconds"]) for entry in state["runs"]}
    assert sources.pop(first.id) == ("ledger", 0.9)
    assert len(others) == 2
    assert all(sources[run.id] == ("ledger, other options", 0.9) for run in others)
    assert timed == [painted.config]
    said = capsys.readouterr().err
    assert said.count("timing a few steps of") == len(timed)


def test_a_method_that_cannot_be_timed_does_not_end_the_list(tmp_path):
    def timer(config, device):
        raise ValueError("no such view")

    state = plan.plan(Settings("rivals", seeds=1), Places(tmp_path / "l.jsonl", tmp_path), device="cpu", timer=timer)
    assert "no prediction: no such view" in plan.render(state)


def test_all_tiers_in_one_list_count_a_network_once(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plan.plan, "__kwdefaults__", plan.plan.__kwdefaults__ | {"timer": lambda *a: 1.0})
    assert main(["--tier", "all", "--list", "--json", "--device", "cpu"]) == 0
    states = json.loads(capsys.readouterr().out)
    assert [state["tier"] for state in states] == list(tiers.TIERS)
    rivals = {entry["method"]: entry for entry in states[2]["runs"] if entry["seed"] == 0}
    assert rivals["baseline"]["predicted_from"] == "trained in tier headline"
    assert rivals["baseline"]["hours"] == 0
    assert rivals["baseline2"]["hours"] > 0
    assert main(["--tier", "all", "--only", "gtr"]) == 2


def test_a_row_with_other_threads_predicts_better_than_a_timing_and_another_stylizer_is_another_cost(tmp_path):
    """Runs side by side have one thread each, and who lists them has all: that was never matched, and timed anew."""
    settings = Settings("ablations", only=("gtr alpha=0.5", "gtr vgg19"), seeds=1)
    runs = {one.method: one for one in grid.grid(settings)}
    where = Places(tmp_path / "ablations.jsonl", tmp_path)
    device = ledger.device_name("cpu")
    stem = device.rsplit(", ", 1)[0]

    def plan_with(*devices):
        rows = [
            {"metric": "mIoU-19", "method": "gtr", "seed": 100, "data": "x", "device": name, "step_seconds": seconds,
             "config": dataclasses.asdict(runs["gtr alpha=0.5"].config), "protocol": "p", "value": 0.1}
            for name, seconds in devices
        ]  # fmt: skip
        where.ledger.write_text("".join(json.dumps(row) + "\n" for row in rows))
        state = plan.plan(settings, where, device="cpu", timer=lambda *_: 7.0)
        return {entry["method"]: (entry.get("predicted_from"), entry.get("step_seconds")) for entry in state["runs"]}

    assert plan_with()["gtr alpha=0.5"] == ("measured now", 7.0)
    other = (f"{stem}, 977 threads", 0.5)
    assert plan_with(other)["gtr alpha=0.5"] == ("ledger, other threads", 0.5)
    assert plan_with(other, (device, 0.4))["gtr alpha=0.5"] == ("ledger", 0.4)
    assert plan_with(("cpu: another processor, 2 threads", 0.3))["gtr alpha=0.5"] == ("measured before", 7.0)
    config = dataclasses.asdict(runs["gtr alpha=0.5"].config)
    assert plan._cost(config) != plan._cost(config | {"stylizer": "vgg19"})
