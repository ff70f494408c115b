"""The race class by class: means over seeds, the order of the rivals, and words that say where the difference lies."""

from __future__ import annotations

import pytest

from gltr_lib.labels import CLASSES
from gltr_lib.study import classes
from gltr_lib.study.names import name_of
from gltr_lib.study.tables import TEST
from gltr_lib.study.tiers import PRIOR


class Rows:
    """Evidence with rows of the test's own."""

    def __init__(self, **methods):
        self._rows = [
            {"method": method, "data": TEST, "per_class": dict(zip(CLASSES, values, strict=True))}
            for method, seeds in methods.items()
            for values in seeds
        ]

    def rows(self, tier):
        assert tier == "rivals"
        return self._rows


def flat(value, **changes):
    return [changes.get(name, value) for name in CLASSES]


@pytest.fixture
def evidence():
    return Rows(
        baseline=[flat(0.1)],
        gtr=[flat(0.2, bus=0.1), flat(0.4, bus=0.3)],
        isw=[flat(0.3)], fourier=[flat(0.5)], randconv=[flat(0.2)],
        photometric=[flat(0.4, bus=0.9, road=0.05, train=None)],
    )  # fmt: skip


def test_seeds_are_averaged_and_a_class_that_did_not_occur_has_no_number(evidence):
    found = classes.by_class(
        [*evidence.rows("rivals"), {"method": "gtr", "data": "elsewhere", "per_class": {"bus": 1}}]
    )
    assert found["gtr"]["bus"] == pytest.approx(0.2)
    assert found["gtr"]["road"] == pytest.approx(0.3)
    assert "train" not in found["photometric"]
    prior = {"method": PRIOR, "data": TEST, "per_class": {"road": 0.9}}
    assert classes.by_class([prior, {"method": "gtr", "data": TEST}]) == {}


def test_rivals_stand_in_the_order_of_their_means_between_ours_and_the_oracle(evidence):
    scores = classes.by_class(evidence.rows("rivals"))
    assert classes.shown(scores) == ["baseline", "gtr", "fourier", "photometric", "isw", "randconv"]
    assert classes.shown(scores, best=1) == ["baseline", "gtr", "fourier"]


def test_the_table_has_a_line_a_class_and_their_mean(evidence):
    lines = classes.classes_table(evidence).splitlines()
    assert lines[0].startswith("| class | baseline | GTR | Fourier")
    assert name_of("randconv") not in lines[0]  # the fourth of the best three
    assert len(lines) == 2 + len(CLASSES) + 1 + 2
    cells = {line.split(" | ")[0].strip("| "): line.strip("| ").split(" | ")[1:] for line in lines[2:-2]}
    assert cells["bus"] == ["10.0", "20.0", "50.0", "90.0", "30.0"]
    assert cells["train"][3] == "–"
    assert cells["mean"][1] == "29.5"
    assert classes.classes_table(Rows()) == "not run"


def test_the_figure_shows_every_number_and_its_words_where_the_best_rival_is_ahead():
    evidence = Rows(gtr=[flat(0.3)], isw=[flat(0.3, bus=0.9, road=0.05, wall=None)])
    figure, words = classes.classes_figure(evidence)
    axis = figure.axes[0]
    numbers = [text.get_text() for text in axis.texts]
    assert len(numbers) == 2 * len(CLASSES) - 1
    assert {"30", "90", "5"} <= set(numbers)
    assert [label.get_text() for label in axis.get_xticklabels()] == list(CLASSES)
    assert "most bus +60" in words
    assert "least road -25" in words
    assert len(words) < 400


def test_without_a_rival_there_is_no_figure():
    assert classes.classes_figure(Rows(baseline=[flat(0.1)], gtr=[flat(0.2)])) is None
