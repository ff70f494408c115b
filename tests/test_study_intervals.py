"""Scores scene by scene, intervals over seeds and scenes (with what they cover), and the gap look by look."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from gltr_lib import ledger
from gltr_lib.evaluate import evaluate
from gltr_lib.metrics import ConfusionMatrix
from gltr_lib.study import compare, intervals, scenes, student
from gltr_lib.study.evidence import Evidence, gap_by_look
from gltr_lib.study.intervals import bootstrap, difference, groups_of, miou
from gltr_lib.study.tables import TEST


def draw(random, seeds=5, count=40, offset=0.0, spread=0.05, size=400, shared=None):
    """Terms (S,N,2,1) of one class: unions of one size, intersections about a share that seeds and scenes move."""
    share = 0.5 + offset + spread * random.randn(seeds, 1)
    share = share + (0.1 * random.randn(1, count) if shared is None else shared)
    hits = random.binomial(size, np.clip(share, 0, 1))
    return np.stack([hits, np.full_like(hits, size)], axis=2)[..., None]


# --- terms ------------------------------------------------------------------------------------------------------------


def test_miou_from_terms_is_that_of_the_confusion_matrix():
    generator = torch.Generator().manual_seed(0)
    matrix = ConfusionMatrix(19)
    for _ in range(3):
        truth = torch.randint(0, 15, (40, 60), generator=generator)  # four classes are in no label
        matrix.update(torch.randint(0, 17, (40, 60), generator=generator), truth)
    terms = scenes.terms(matrix)
    assert miou(terms) == pytest.approx(matrix.miou(), abs=1e-12)
    iou = matrix.iou().numpy()
    np.testing.assert_allclose(terms[0][terms[1] > 0] / terms[1][terms[1] > 0], iou[~np.isnan(iou)])
    assert np.isnan(miou(np.zeros((2, 19), int)))


def test_scene_by_scene_adds_up_to_the_whole_score(tmp_path):
    torch.manual_seed(0)
    model = nn.Conv2d(3, 19, 3, padding=1)
    images = torch.randint(0, 256, (7, 3, 12, 20), dtype=torch.uint8)
    labels = torch.randint(0, 19, (7, 12, 20), dtype=torch.uint8)
    labels[0, :3] = 255
    labels[3] = 255  # a scene without a label
    matrix, counts = scenes.evaluate_scenes(model, images, labels, batch=3)
    assert torch.equal(matrix.counts, evaluate(model, images, labels, batch=3).counts)
    assert counts.shape == (7, 2, 19)
    np.testing.assert_array_equal(counts.sum(0), scenes.terms(matrix))
    assert counts[3].sum() == 0
    alone, _ = scenes.evaluate_scenes(model, images[1:2], labels[1:2])
    np.testing.assert_array_equal(counts[1], scenes.terms(alone))
    with pytest.raises(ValueError, match="as many labels"):
        scenes.evaluate_scenes(model, images, labels[:2])


def test_terms_are_kept_beside_the_ledger_and_small(tmp_path):
    random = np.random.RandomState(0)
    sets = {f"set{n}": random.randint(0, 400, (64, 2, 19)) for n in range(6)}
    for definition, counts in sets.items():
        name = scenes.save(tmp_path, "run", definition, counts)
    assert name == "scenes/run.npz"
    for definition, counts in sets.items():
        kept = scenes.load(tmp_path, {"scenes": name, "definition": definition})
        np.testing.assert_array_equal(kept, counts)
        assert kept.dtype == np.int64
    assert (tmp_path / name).stat().st_size < 30_000
    assert [p.name for p in (tmp_path / "scenes").iterdir()] == ["run.npz"]  # nothing half-written
    scenes.save(tmp_path, "run", "large", np.full((1, 2, 19), 70_000))
    assert scenes.load(tmp_path, {"scenes": name, "definition": "large"}).max() == 70_000


def test_rows_without_scenes_have_none(tmp_path):
    assert scenes.load(tmp_path, {"definition": "x"}) is None
    assert scenes.load(tmp_path, {"definition": "x", "scenes": "scenes/gone.npz"}) is None


# --- the bootstrap ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_interval_covers_the_truth_about_as_often_as_it_says(monkeypatch):
    random = np.random.RandomState(1)
    covered = []
    plain = []
    for trial in range(120):
        scene = 0.1 * random.randn(1, 40)
        first, second = (draw(random, offset=o, shared=scene) for o in (0.06, 0.0))
        found = bootstrap(first, second, draws=300, seed=trial)
        covered.append(found.low <= 0.06 <= found.high)
        monkeypatch.setattr(intervals, "stretched", lambda by_seed, level: by_seed)
        found = bootstrap(first, second, draws=300, seed=trial)
        plain.append(found.low <= 0.06 <= found.high)
        monkeypatch.undo()
    assert 0.91 <= np.mean(covered) <= 0.99
    assert np.mean(plain) <= 0.88, "without the stretching five seeds promise more than they keep"


@pytest.mark.parametrize("seeds", [2, 3, 5, 6, 20, 51])
def test_students_t_is_that_of_every_table(seeds):
    stats = pytest.importorskip("scipy.stats")
    for level in (0.5, 0.9, 0.95, 0.999):
        assert student.quantile(seeds, level) == pytest.approx(stats.t.ppf((1 + level) / 2, seeds - 1), rel=1e-9)
    assert student.inside(1.3, seeds - 1) == pytest.approx(1 - 2 * stats.t.sf(1.3, seeds - 1), abs=1e-12)


@pytest.mark.parametrize(("seeds", "level"), [(1, 0.95), (5, 0.0), (5, 1.0)])
def test_students_t_needs_two_values_and_a_level(seeds, level):
    with pytest.raises(ValueError, match="two seeds"):
        student.quantile(seeds, level)


def test_an_interval_is_of_the_difference_and_paired():
    random = np.random.RandomState(2)
    scene = 0.1 * random.randn(1, 40)
    first = draw(random, spread=0.0, shared=scene)
    found = bootstrap(first, first - np.array([20, 0])[:, None])
    # The same scenes with 20 of 400 pixels less: the difference is 0.05, whichever scenes are drawn.
    assert found == pytest.approx((0.05, 0.05, 0.05))
    alone = bootstrap(first)
    assert alone.high - alone.low > 0.01
    assert alone.low < alone.mean < alone.high


def test_scenes_of_one_look_are_drawn_together():
    random = np.random.RandomState(3)
    look = np.repeat(0.2 * random.randn(1, 8), 8, axis=1)  # eight looks of eight scenes
    first, second = draw(random, count=64, spread=0.0, shared=look), draw(random, count=64, spread=0.0, shared=0 * look)
    groups = [number // 8 for number in range(64)]
    loose, tight = bootstrap(first, second, groups=groups), bootstrap(first, second)
    assert loose.mean == tight.mean
    assert loose.high - loose.low > 1.5 * (tight.high - tight.low)
    assert bootstrap(first, second, groups=["one"] * 64) == tight


def test_the_same_seed_gives_the_same_interval():
    random = np.random.RandomState(4)
    first, second = draw(random), draw(random)
    assert bootstrap(first, second) == bootstrap(first, second)
    assert bootstrap(first, second) != bootstrap(first, second, seed=1)


def test_what_the_bootstrap_refuses():
    counts = draw(np.random.RandomState(5))
    with pytest.raises(ValueError, match="at least 5 seeds"):
        bootstrap(counts[:3], counts[:3])
    with pytest.raises(ValueError, match="one shape"):
        bootstrap(counts, counts[:, :3])
    with pytest.raises(ValueError, match="group"):
        bootstrap(counts, counts, groups=["a"])


def test_the_looks_of_the_test_scenes():
    from gltr_lib.study.grid import Settings, score_sets

    streets = next(s for s in score_sets(Settings()) if s.name == TEST)
    assert groups_of(TEST, len(streets)) == [look for look, seeds in streets.parts for _ in seeds]
    assert groups_of("streets/sampled:1000..1001", 4) == ["sampled:1000"] * 2 + ["sampled:1001"] * 2
    assert groups_of("streets/sun", 64) is None


# --- differences in the ledger ----------------------------------------------------------------------------------------


def rows_of(results, method, terms, data="streets/sun", keep=True):
    out = []
    for seed, counts in enumerate(terms):
        row = {"method": method, "seed": seed, "data": data, "value": float(miou(counts.sum(0))),
               "definition": f"{method}{seed}{data}"}  # fmt: skip
        if keep:
            row["scenes"] = scenes.save(results, f"{method}-{seed}", row["definition"], counts)
        out.append(row)
    return out


def test_a_difference_has_points_and_an_interval_where_it_may(tmp_path):
    random = np.random.RandomState(6)
    better, worse = draw(random, offset=0.1), draw(random)
    rows = rows_of(tmp_path, "gtr", better) + rows_of(tmp_path, "baseline", worse)
    found = difference(rows, "gtr", "baseline", "streets/sun", str(tmp_path))
    assert found.why == ""
    pairs = zip(better, worse, strict=True)
    assert found.values == pytest.approx([float(miou(a.sum(0)) - miou(b.sum(0))) for a, b in pairs])
    assert found.interval == bootstrap(better, worse)
    assert "[" in compare.say_difference(found)


def test_a_difference_without_an_interval_says_why(tmp_path):
    random = np.random.RandomState(7)
    rows = rows_of(tmp_path, "gtr", draw(random), keep=False) + rows_of(tmp_path, "baseline", draw(random))
    found = difference(rows, "gtr", "baseline", "streets/sun", str(tmp_path))
    assert (found.interval, found.why) == (None, "no interval: scenes not kept")
    assert len(found.values) == 5
    few = difference([r for r in rows if r["seed"] < 3], "gtr", "baseline", "streets/sun", str(tmp_path))
    assert few.why == "no interval: 3 seeds, 5 are needed"
    assert difference(rows, "gtr", "oracle", "streets/sun", str(tmp_path)) == ((), None, "not run")


class Known(Evidence):
    """Evidence whose rows are handed over."""

    def rows(self, tier):
        return self.known


def known(tmp_path, rows):
    evidence = Known(tmp_path)
    object.__setattr__(evidence, "known", rows)
    return evidence


def by_look(shares, scenes_each=4):
    """Terms (1,16*4,2,1) with one share a look."""
    hits = np.repeat(np.round(400 * np.asarray(shares)).astype(int), scenes_each)
    return np.stack([hits, np.full_like(hits, 400)], axis=1)[None, ..., None]


def test_the_gap_is_closed_look_by_look_where_there_is_one(tmp_path):
    gap = [0.2] * 8 + [0.05] * 8  # half of the looks have a gap of 20 points, the others of 5
    base = np.full(16, 0.3)
    rows = (
        rows_of(tmp_path, "baseline", by_look(base), TEST)
        + rows_of(tmp_path, "oracle", by_look(base + gap), TEST)
        + rows_of(tmp_path, "gtr", by_look(base + np.r_[[0.1] * 4, [0.2] * 4, [9e-3] * 8]), TEST)
    )
    (found,) = gap_by_look(known(tmp_path, rows))["gtr"]
    assert found == (pytest.approx(0.75), 8)
    assert "75 % (75) | 8 |" in compare.gap_test_table(known(tmp_path, rows))


def test_the_looks_that_count_are_the_same_for_every_seed(tmp_path):
    base, gtr = np.full(16, 0.3), np.full(16, 0.4)
    gaps = [np.r_[[0.2] * 8, [0.05] * 8], np.r_[[0.2] * 7, 0.08, 0.12, [0.05] * 7]]  # on the mean the first eight
    rows = rows_of(tmp_path, "baseline", np.concatenate([by_look(base)] * 2), TEST)
    rows += rows_of(tmp_path, "oracle", np.concatenate([by_look(base + gap) for gap in gaps]), TEST)
    rows += rows_of(tmp_path, "gtr", np.concatenate([by_look(gtr)] * 2), TEST)
    first, second = gap_by_look(known(tmp_path, rows))["gtr"]
    assert first == (pytest.approx(0.5), 8)
    assert second == (pytest.approx((7 * 0.5 + 0.1 / 0.08) / 8), 8)


def test_the_race_is_told_against_gtr_pair_by_pair(tmp_path):
    gtr = np.full(16, 0.3)
    rows = rows_of(tmp_path, "gtr", np.concatenate([by_look(gtr)] * 2), TEST)
    rows += rows_of(tmp_path, "isw", by_look(gtr + np.r_[[0.1] * 10, [-0.05] * 6]), TEST)
    rows += rows_of(tmp_path, "fourier", by_look(gtr), TEST, keep=False)
    text = compare.race_table(known(tmp_path, rows))
    assert "| instance-selective whitening (ISW) | not run | not run | not run | +4.4 (+4.4) | 10 of 16 |" in text
    assert "| Fourier amplitudes of paintings | not run | not run | not run | +0.0 (+0.0) | – |" in text
    assert compare.race_table(known(tmp_path, rows[:2])) == "No rival has a seed in common with GTR yet."


def test_without_scenes_all_test_looks_are_one(tmp_path):
    values = {"baseline": 0.2, "oracle": 0.4, "gtr": 0.3}
    rows = [{"method": m, "seed": 0, "data": TEST, "value": v, "definition": m} for m, v in values.items()]
    assert gap_by_look(known(tmp_path, rows)) == {"gtr": [(pytest.approx(0.5), 1)]}
    # Kept of one of the three alone: still one number, not a mixture.
    rows[2] |= {"scenes": scenes.save(tmp_path, "g", "gtr", by_look([0.3] * 16)[0])}
    assert gap_by_look(known(tmp_path, rows)) == {"gtr": [(pytest.approx(0.5), 1)]}
    rows[1]["value"] = 0.29
    assert gap_by_look(known(tmp_path, rows)) == {}


@pytest.mark.slow
def test_a_scored_run_keeps_its_scenes(tmp_path):
    from gltr_lib.study import run
    from gltr_lib.study.places import Places
    from tests.test_study import TINY

    where = Places(tmp_path / "l.jsonl", tmp_path / "runs")
    run.run_study(TINY, where, device="cpu", say=lambda _: None)
    rows = ledger.find(ledger.read(where.ledger), method="baseline")
    assert len(rows) == 6
    for row in rows:
        counts = scenes.load(tmp_path, row)
        assert len(counts) == row["images"]
        assert float(miou(counts.sum(0))) == pytest.approx(row["value"], abs=1e-6)


def test_committed_rows_that_name_scenes_have_them():
    from tests.test_study import RESULTS

    for path in RESULTS.glob("*.jsonl"):
        for row in ledger.read(path):
            if row.get("scenes"):
                counts = scenes.load(RESULTS, row)
                assert counts is not None, f"{path.name}: {row['run']} lost its scenes"
                assert float(miou(counts.sum(0))) == pytest.approx(row["value"], abs=2e-6)


def test_the_draws_do_not_depend_on_the_machine():
    first, second = (np.arange(1, 5 * 6 * 2 * 2 + 1).reshape(5, 6, 2, 2) * k % 89 for k in (1, 7))
    first, second = (np.sort(each, axis=2) for each in (first, second))
    found = bootstrap(first, second, draws=50)
    # What was drawn where this was written: tables with intervals must read the same with every version of NumPy.
    assert [round(value, 6) for value in found] == [0.341507, 0.127821, 0.548744]
