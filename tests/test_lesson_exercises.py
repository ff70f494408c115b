"""The exercises as they stand in the lessons: stub, solution and text agree with what the checks know.

``tests/test_checks.py`` proves the checks by themselves. Here the cells of ``lessons/`` are run: the student's stub
fails as a stub, the solution between the markers passes, and title, difficulty, minutes and hints are the check's own.
Other values of COURSE_SEED give other inputs and the same verdicts.
"""

import ast
import re

import pytest

from gltr_lib.checks import EXERCISES, verdict
from gltr_lib.course.build import lesson_files, read_cells, solve, stub
from gltr_lib.course.teach import CHECK, EXERCISE

LESSONS = {path.stem[:2]: path for path in lesson_files()}
HINT = re.compile(r"<details><summary>Hint (\d)</summary>\n\n(.+?)\n\n</details>", re.DOTALL)


def exercises():
    """(id, text of the task, stub cell's source, code cells before it) of every exercise of every lesson."""
    for path in LESSONS.values():
        cells = read_cells(path)
        for place, cell in enumerate(cells):
            found = CHECK.search(cell.source) if cell.kind == "code" else None
            if found:
                text = next(
                    c.source for c in reversed(cells[:place]) if c.kind == "markdown" and EXERCISE.search(c.source)
                )
                before = [c.source for c in cells[: place - 1] if c.kind == "code"]
                yield found[1], text, cells[place - 1].source, before


FOUND = {identity: rest for identity, *rest in exercises()}
DIFFICULTY = {1: "●○○", 2: "●●○", 3: "●●●"}


def namespace(before):
    """What a stub cell may lean on: the imports of other packages, and the solutions above it."""
    made = {}
    for source in map(solve, before):
        for node in ast.parse(source).body:
            module = getattr(node, "module", None) or ""
            if isinstance(node, ast.Import | ast.ImportFrom) and not module.startswith("gltr_lib"):
                exec(compile(ast.Module([node], []), "lesson", "exec"), made)
    for source in before:
        if "# BEGIN SOLUTION" in source:
            exec(compile(solve(source), "lesson", "exec"), made)
    return made


def plain(text):
    """Words alone: a lesson sets formulas between dollars and breaks lines where it likes."""
    return re.sub(r"[\s$`*\\{}\"']+", "", text).lower()


def test_every_exercise_of_the_checks_is_in_a_lesson_and_the_other_way_round():
    assert set(FOUND) == set(EXERCISES)
    assert len(EXERCISES) >= 30
    assert sum(len(ex.misconceptions) for ex in EXERCISES.values()) >= 2 * len(EXERCISES)


@pytest.mark.parametrize("identity", FOUND)
def test_title_difficulty_minutes_and_hints_are_one(identity):
    text, exercise = FOUND[identity][0], EXERCISES[identity]
    number, title, difficulty, minutes = EXERCISE.search(text).groups()
    assert (title, difficulty, int(minutes)) == (exercise.title, DIFFICULTY[exercise.difficulty], exercise.minutes)
    assert int(number.split(".")[0]) == int(identity[:2])
    hints = [hint for _, hint in HINT.findall(text)]
    assert [plain(hint) for hint in hints] == [plain(hint) for hint in exercise.hints]


@pytest.mark.parametrize("identity", FOUND)
def test_the_lessons_stub_fails_and_its_solution_passes(identity):
    _, source, before = FOUND[identity]
    name = EXERCISES[identity].reference.__name__
    made = namespace(before)
    exec(compile(stub(source, "Exercise"), "student", "exec"), made)
    unsolved = verdict(identity, made[name])
    assert not unsolved.passed
    assert "still a stub" in unsolved.message
    exec(compile(solve(source), "solved", "exec"), made)
    assert verdict(identity, made[name]).passed, verdict(identity, made[name]).message


# --------------------------------------------------------------------------------- seeded variants


def first_inputs(identity):
    cases = EXERCISES[identity].cases
    return None if cases is None else repr(cases())


@pytest.mark.parametrize("seed", ["1", "137"])
def test_another_student_has_other_inputs_and_the_same_verdicts(seed, monkeypatch):
    usual = {identity: first_inputs(identity) for identity in EXERCISES}
    monkeypatch.setenv("COURSE_SEED", seed)
    same = [identity for identity, inputs in usual.items() if inputs is not None and inputs == first_inputs(identity)]
    assert same == []
    for identity, exercise in EXERCISES.items():
        assert verdict(identity, exercise.reference).passed, identity
        for wrong in exercise.misconceptions:
            found = verdict(identity, wrong.answer)
            assert not found.passed
            assert found.message.startswith(wrong.says), (identity, wrong.answer.__name__, found.message)


@pytest.mark.parametrize("path", LESSONS.values(), ids=lambda path: path.stem)
def test_every_lesson_draws_its_data_from_the_students_seed(path):
    code = "\n".join(cell.source for cell in read_cells(path) if cell.kind == "code")
    assert code.count("course.seed(") >= 1
    fixed = re.findall(r"manual_seed\(\d+\)", code)
    assert len(fixed) <= 1, fixed


@pytest.mark.parametrize("number", LESSONS)
def test_every_lesson_ends_with_the_sum_of_its_exercises(number):
    code = "\n".join(cell.source for cell in read_cells(LESSONS[number]) if cell.kind == "code")
    assert f'print(summary("{number}"))' in code
