"""Claims about the study come from its ledger: helpers of the lessons, and no typed result in a lesson's prose."""

import ast
import json
import re
from pathlib import Path

import pytest

from gltr_lib.course import claims, track
from gltr_lib.course.build import lesson_files, read_cells, solve
from gltr_lib.study.evidence import Evidence
from gltr_lib.study.tables import TEST
from gltr_lib.study.tiers import LTR_ALONE, LTR_ALONE_LARGE, UNWHITENED

ROOT = Path(__file__).resolve().parents[1]
LESSONS = lesson_files(ROOT / "lessons")
WORDS = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
POINTS = re.compile(rf"[^.?!|]*\b(?:{WORDS}|\d+(?:\.\d+)?) points?\b[^.?!|]*", re.IGNORECASE)
# Sentences that speak of made-up examples, of scales or of marks, and not of results.
GENERIC = (
    "One method scores two points more", "A gain of ten points is a lot", "25 points a sigma", "of twelve points",
)  # fmt: skip


def prose(path):
    cells = (cell for cell in read_cells(path) if cell.kind == "markdown")
    return " ".join(" ".join(cell.source.split()) for cell in cells)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_no_result_of_the_study_is_typed_into_prose(path):
    text = prose(path)
    found = [s.strip() for s in POINTS.findall(text) if not any(known in s for known in GENERIC)]
    assert found == []
    assert not re.search(r"(?:mIoU|score)[^.|]{0,40}\b(?:is|was|of|at) \d+(?:\.\d+)? ?%", text)
    assert "zoom" not in text, "the base augmentation is printed from the configuration"


def test_the_scan_would_find_a_typed_result():
    for typed in (
        "GTR lies about three points above both.",
        "It gains +3.4 points.",
        "A point or two; twelve points, say.",
    ):
        assert POINTS.search(typed)


def ledger_of(folder, rows):
    (folder / "results").mkdir()
    base = json.loads((ROOT / "results" / "headline.jsonl").read_text().splitlines()[0])
    lines = [json.dumps(base | {"tier": "headline", "metric": "mIoU-19"} | row) for row in rows]
    (folder / "results" / "headline.jsonl").write_text("\n".join(lines) + "\n")


def test_scores_are_those_of_the_newest_definition(tmp_path):
    config = json.loads((ROOT / "results" / "headline.jsonl").read_text().splitlines()[0])["config"]

    def row(method, seed, value, family):
        return {
            "method": method, "seed": seed, "value": value, "family": family, "data": "streets/sun",
            "config": config | {"seed": seed},
        }  # fmt: skip

    rows = [row("baseline", s, 0.1 + s / 100, "b") for s in range(3)] + [row("gtr", 0, 0.9, "old")]
    rows += [row("gtr", s, 0.3 + s / 50, "new") for s in range(2)]
    ledger_of(tmp_path, rows)
    known = claims.scores(tmp_path)
    assert known["gtr", "streets/sun"] == pytest.approx({0: 30.0, 1: 32.0})
    assert claims.paired(known, "gtr", "baseline", "streets/sun") == pytest.approx([20.0, 21.0])
    assert claims.paired(known, "gtr_ltr", "baseline", "streets/sun") == []
    assert claims.scores(tmp_path / "nowhere") == {}


def test_scores_of_another_tier_are_asked_for_by_name(tmp_path):
    base = json.loads((ROOT / "results" / "headline.jsonl").read_text().splitlines()[0])
    about = {"seed": 0, "data": "camvid/all", "metric": "mIoU-5"}
    rows = [
        base | about | {"tier": tier, "method": method, "value": value, "family": method}
        for tier, method, value in (
            ("headline", "gtr", 0.4), ("real", "gtr [airsim mini]", 0.2), ("real", "baseline [airsim mini]", 0.25),
        )
    ]  # fmt: skip
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "real.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    assert set(claims.scores(tmp_path, "real.jsonl", "mIoU-5")) == {("gtr", "camvid/all")}
    known = claims.scores(tmp_path, "real.jsonl", "mIoU-5", tier="real")
    found = claims.paired(known, "gtr [airsim mini]", "baseline [airsim mini]", "camvid/all")
    assert found == pytest.approx([-5.0])


def test_scores_on_photographs_are_of_the_newest_networks_too(tmp_path):
    """A control that was not trained again since the base changed must not be the best method on photographs."""
    base = json.loads((ROOT / "results" / "headline.jsonl").read_text().splitlines()[0])
    usual = base["config"]

    def row(method, value, family, scale, metric="mIoU-11"):
        config = usual | {"scale": scale}
        about = {"tier": "headline", "seed": 0, "data": "camvid/all", "metric": metric}
        return base | about | {"method": method, "value": value, "family": family, "config": config}

    rows = [row("raw_gtr", 0.9, "old", [0.75, 1.5]), row("baseline", 0.1, "old too", [0.75, 1.5])]
    rows += [row("baseline", 0.2, "new", [1.0, 1.0]), row("gtr", 0.3, "newer", [1.0, 1.0])]
    rows += [row("gtr", 0.5, "newer", [1.0, 1.0], "mIoU-5")]
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "real.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    known = claims.scores(tmp_path, "real.jsonl", "mIoU-11")
    assert known == {("baseline", "camvid/all"): {0: 20.0}, ("gtr", "camvid/all"): {0: 30.0}}


def test_a_method_with_one_seed_has_no_spread_to_show():
    known = {
        ("a", "sun"): {0: 1.0, 1: 2.0}, ("a", "fog"): {0: 1.0, 1: 2.0}, ("b", "sun"): {0: 1.0, 1: 2.0},
        ("b", "fog"): {0: 1.0},
    }  # fmt: skip
    assert claims.repeated(known, ("b", "c", "a"), ("sun", "fog")) == ["a"], "b has one seed on a look, c none"
    assert claims.repeated(known, ("b", "a"), ("sun",)) == ["b", "a"], "in the order asked for"


def test_verdicts_are_students_interval_and_not_the_habit_of_two():
    assert claims.verdict([1.0, 1.1, 0.9]) == "helps"
    assert claims.verdict([-1.0, -1.1, -0.9]) == "harms"
    assert claims.verdict([0.4, 1.9, 1.0]) == "open", "all seeds better, and 1.96 would have said helps"
    assert claims.verdict([]) == claims.sentence([]) == "not run"
    low, high = claims.interval([1.0, 2.0, 3.0])
    assert (low + high) / 2 == pytest.approx(2.0)
    assert high - low == pytest.approx(2 * 4.3027 / 3**0.5, rel=1e-4)


def test_what_was_run_is_never_said_not_to_be():
    assert claims.sentence([2.0]) == "+2.0 points (+2.0): one seed"
    assert claims.verdict([2.0, 2.1, 1.9] * 3) == "helps", "nine seeds that agree"
    assert claims.verdict([-1.0, 1.0] * 10) == "open"


def test_a_bar_appears_for_long_work_alone(monkeypatch, capsys):
    monkeypatch.setattr("gltr_lib.course.BAR_AFTER", 0.05)
    import time

    assert list(track(range(3), "short")) == [0, 1, 2]
    assert capsys.readouterr().err == ""
    for _ in track(range(6), "long"):
        time.sleep(0.12)
    assert re.search(r"long: +\d+%\|.*\d/6 \[", capsys.readouterr().err)


def verdicts(pairs, data, **about):
    known = claims.scores(**about)
    return [claims.verdict(claims.paired(known, new, old, data)) for old, new in pairs]


def test_what_notes_for_teachers_say_of_the_verdicts_is_what_the_ledger_says():
    """Lessons ask the ledger when they run; these notes are read before, so they are held here."""
    texts = {path.stem[:2]: prose(path) for path in LESSONS}
    told = "three lines have an answer on the test looks: GTR *helps*, *GTR+LTR against GTR* *harms*, ten times the CGL"
    assert f"{told} *harms*. The other five are open" in texts["08"]
    questions = re.search(r"^QUESTIONS = (\{.*?^\})", LESSONS[8].read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)[
        1
    ]
    found = dict(zip(asked := ast.literal_eval(questions), verdicts(asked.values(), TEST), strict=True))
    answered = {"does GTR help?": "helps", "GTR+LTR against GTR": "harms", "ten times the CGL": "harms"}
    assert found == dict.fromkeys(asked, "open") | answered

    assert "Fourier mixing, strong photometry, ISW, RandConv and stylised CutMix are ahead of it" in texts["08"]
    evidence = Evidence(ROOT / "results")
    for rival in ("fourier", "photometric", "isw", "randconv", "regions"):
        assert min(evidence.difference("rivals", rival, "gtr", TEST).values) > 0, rival
    for behind in ("pixels", UNWHITENED):  # "in the race"; the views of ISW without whitening
        assert max(evidence.difference("rivals", behind, "gtr", TEST).values) < 0, behind
    assert "the figure accuses the size" in texts["08"]
    assert min(evidence.difference("rivals", LTR_ALONE_LARGE, LTR_ALONE, TEST).values) > 0

    assert (
        "one of three sets has a verdict from scratch (the Cityscapes samples: *helps*), and none over" in texts["09"]
    )
    assert "all six lines of this table say *helps*" in texts["09"]
    sets = {"camvid/all": "mIoU-5", "idd_lite/all": "mIoU-4", "cityscapes/all": "mIoU-5"}
    for source, methods, expected in (
        ("airsim mini", ["gtr"], ["open", "open", "helps"]),
        ("airsim squeezenet", ["gtr"], ["open"] * 3),
        ("streets squeezenet", ["gtr", "photometric"], ["helps"] * 6),
    ):
        pairs = [(f"baseline [{source}]", f"{method} [{source}]") for method in methods]
        about = {"file": "real.jsonl", "tier": "real"}
        found = [word for data, metric in sets.items() for word in verdicts(pairs, data, metric=metric, **about)]
        assert sorted(found) == sorted(expected), source
        if "airsim" in source:
            lost = claims.paired(claims.scores(metric="mIoU-5", **about), *reversed(pairs[0]), "camvid/all")
            assert max(lost) < 0, "on CamVid all seeds lose, with both kinds"


@pytest.mark.parametrize("number", ["01", "06", "08"])
def test_a_lessons_own_runs_are_augmented_as_the_studys(number):
    """Scores of one table are compared, so what their networks saw may differ in the method alone."""
    from gltr_lib.study.grid import BASE

    path = next(path for path in LESSONS if path.stem.startswith(number))
    trees = [ast.parse(solve(cell.source)) for cell in read_cells(path) if cell.kind == "code"]
    calls = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Call)]
    runs = [
        {key.arg: key.value for key in call.keywords} for call in calls if getattr(call.func, "id", "") == "TrainConfig"
    ]
    runs = [given for given in runs if "steps" in given]  # the others only look a method up
    assert runs
    for given in runs:
        assert ast.literal_eval(given["scale"]) == BASE.scale
        assert not {"flip", "jitter", "blur"} & set(given)
