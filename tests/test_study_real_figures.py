"""The figures of the photographs: every method with its seeds, the prior as a line, words that a reader can check."""

from __future__ import annotations

import pytest

from gltr_lib.study import real_figures, real_tables
from gltr_lib.study.tiers import PRIOR
from tests.test_study_real_tables import row_of


@pytest.fixture(scope="module")
def groups():
    return real_tables.group_runs({})


def walk_rows(groups, key, base):
    """A score on every set for each run of a group, better from method to method, and the prior's."""
    rows = []
    for run in groups[key]:
        place = list(real_figures.STYLE).index(run.method.split(" [")[0])
        for name, label_set in (column.split() for column in real_figures.SHARED):
            rows.append(row_of(run, name, label_set, base + 0.05 * place + 0.01 * run.seed))
            if run.seed == 0 and place == 0:
                rows.append(row_of(run, name, label_set, base - 0.05, method=PRIOR, definition=f"prior {key} {name}"))
    return rows


def test_streets_show_methods_that_were_scored_with_their_seeds_and_the_prior(groups):
    runs = {(run.method, run.seed): run for run in groups["streets"]}
    values = {"baseline": 0.2, "gtr": 0.4, "fourier": 0.5, "isw": 0.3}
    rows = [
        row_of(runs[method, seed], "idd_lite", "common4", value + 0.01 * seed)
        for method, value in values.items()
        for seed in range(3)
    ]
    rows.append(row_of(runs["baseline", 0], "idd_lite", "common4", 0.25, method=PRIOR, definition="a prior"))
    rows.remove(next(row for row in rows if row["method"] == "fourier"))
    figure, words = real_figures.streets_figure(rows, {})
    camvid, idd, _ = figure.axes
    assert camvid.get_yticklabels()[2].get_text() == "Fourier amplitudes of paintings, 2 seeds"
    assert [label.get_text() for label in camvid.get_yticklabels()][:2] == ["baseline", "GTR"]
    assert len(camvid.get_yticklabels()) == 4
    assert not camvid.collections
    assert len(idd.collections) == 2 * 4  # the seeds and their mean
    assert sorted(x for x, _ in idd.collections[0].get_offsets()) == pytest.approx([20, 21, 22])
    assert idd.lines[0].get_xdata()[0] == pytest.approx(25)
    assert "IDD-Lite (4) 25, Fourier amplitudes of paintings 52, GTR 41" in words
    assert "baseline" not in words
    assert len(words) <= 400


def test_without_a_rival_on_photographs_there_is_no_figure(groups):
    run = groups["streets"][0]
    assert real_figures.streets_figure([row_of(run, "idd_lite", "common4", 0.2)], {}) is None
    assert real_figures.trunks_figure([row_of(run, "idd_lite", "common4", 0.2)], {}) is None


def test_trunks_show_each_source_with_its_own_prior(groups):
    streets = [run for run in groups["streets"] if run.method == "baseline"]
    rows = [row_of(run, "camvid", "common5", 0.9) for run in streets]
    rows += walk_rows(groups, "airsim mini", 0.2) + walk_rows(groups, "airsim squeezenet", 0.4)
    figure, words = real_figures.trunks_figure(rows, {})
    camvid, idd, cityscapes = figure.axes
    names = [label.get_text().replace("\n", " ") for label in camvid.get_yticklabels()]
    assert names == [
        "drawn streets, from scratch, 2000 steps",
        "AirSim, from scratch, 500 steps",
        "AirSim, ImageNet trunk, 500 steps",
    ]
    assert len(camvid.collections) == 2 * (1 + 4 + 4)
    assert len(idd.collections) == len(cityscapes.collections) == 2 * 8
    # Both groups of AirSim learned from the same labels: one prior, and the newest row of it counts.
    assert [line.get_xdata()[0] for line in camvid.lines] == pytest.approx([35, 35])
    assert "AirSim, from scratch: baseline 21, strong photometry (SimCLR) 26, GTR 31, GTR + LTR + CGL 36" in words
    assert "AirSim, ImageNet trunk: baseline 41" in words
    assert len(words) <= 500
