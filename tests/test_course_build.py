"""The notebooks are what the lessons say: two editions, byte for byte, without a solution in the student's."""

import json
import shutil
from pathlib import Path

import pytest

from gltr_lib import course
from gltr_lib.course import build

ROOT = Path(__file__).resolve().parents[1]
TINY = Path(__file__).with_name("fixtures") / "02_tiny.py"


@pytest.fixture
def base(tmp_path):
    (tmp_path / "lessons").mkdir()
    shutil.copy(TINY, tmp_path / "lessons")
    return tmp_path


def code_of(text):
    return "\n".join("".join(c["source"]) for c in json.loads(text)["cells"] if c["cell_type"] == "code")


def test_mode_is_one_variable(monkeypatch):
    assert course.mode() == "laptop"
    monkeypatch.setenv("COURSE_MODE", "smoke")
    assert course.pick(smoke=1, laptop=2, full=3) == 1
    monkeypatch.setenv("COURSE_MODE", "quick")
    with pytest.raises(ValueError, match=r"'quick'; expected one of smoke, laptop, full"):
        course.mode()


def test_mode_is_read_in_one_place():
    readers = [
        path.relative_to(ROOT).as_posix()
        for folder in ("gltr_lib", "lessons", "data_scripts", "examples")
        for path in (ROOT / folder).rglob("*.py")
        if 'environ.get("COURSE_MODE"' in path.read_text() or 'environ["COURSE_MODE"]' in path.read_text()
    ]
    assert readers == ["gltr_lib/course/__init__.py"]


def test_seeded_variants(monkeypatch):
    assert course.seed(7) == 7
    monkeypatch.setenv("COURSE_SEED", "3")
    assert course.seed(7) == 3007
    monkeypatch.setenv("COURSE_SEED", "three")
    with pytest.raises(ValueError, match="whole number from 0 to 999"):
        course.seed()


def test_run_dir_follows_its_variable_and_stays_inside(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path / "here"))
    assert course.run_dir("02") == tmp_path / "here" / "02"
    assert course.run_dir("02").is_dir()
    for name in ("../out", "/elsewhere"):
        with pytest.raises(ValueError, match="sub-folder"):
            course.run_dir(name)


def test_record_replaces_the_same_method_and_look(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_RUNS", str(tmp_path))
    course.record(method="baseline", look="game", miou=0.5, steps=10)
    course.record(method="baseline", look="sun", miou=0.1, steps=10)
    course.record(method="baseline", look="game", miou=0.6, steps=20)
    assert [(row["look"], row["miou"]) for row in course.live()] == [("sun", 0.1), ("game", 0.6)]
    with pytest.raises(ValueError, match="fraction from 0 to 1"):
        course.record(method="baseline", look="game", miou=60.0, steps=20)


def test_student_edition_has_stubs_and_no_solution():
    student, solved = (build.build_notebook(TINY, edition) for edition in build.COMMITTED)
    assert "secret" in code_of(solved)
    assert "secret" not in student
    assert 'raise NotImplementedError("Exercise 2.1: your turn")' in code_of(student)
    assert 'raise NotImplementedError("Exercise 2.3: your turn")' in code_of(student)
    for text in (student, solved):
        assert "SOLUTION" not in text
        assert "Ask the room first" not in text
        assert "{{run_time}}" not in text
    assert "only_for_teachers" in solved
    assert "only_for_teachers" not in student
    compile(code_of(student), "student", "exec")


def test_notebooks_are_valid_bare_and_share_stable_ids():
    import nbformat

    student, solved = (build.build_notebook(TINY, edition) for edition in build.COMMITTED)
    for text in (student, solved):
        book = nbformat.reads(text, as_version=4)
        nbformat.validate(book)
        assert set(book.metadata) == {"kernelspec", "language_info"}
        assert all(not cell.get("outputs") for cell in book.cells)
    ids = [{cell["id"] for cell in json.loads(text)["cells"]} for text in (student, solved)]
    assert len(ids[1]) == len(json.loads(solved)["cells"])
    assert ids[0] < ids[1]


def test_an_id_survives_an_edit_of_its_cell(base):
    path = base / "lessons" / TINY.name
    before = json.loads(build.build_notebook(path, "solved"))
    path.write_text(path.read_text().replace("Thrice.", "Three times."))
    after = json.loads(build.build_notebook(path, "solved"))
    assert [c["id"] for c in before["cells"]] == [c["id"] for c in after["cells"]]
    assert before != after


def test_check_tells_current_from_stale(base, capsys):
    arguments = ["--root", str(base)]
    assert build.main(["--check", *arguments]) == 1
    assert build.main(arguments) == 0
    assert build.main(["--check", *arguments]) == 0
    path = base / "notebooks" / "02_tiny.ipynb"
    first = path.read_bytes()
    path.write_text(path.read_text().replace("Does the form", "Did the form"))
    capsys.readouterr()
    assert build.main(["--check", *arguments]) == 1
    assert '-    "**Question.** Did the form' in capsys.readouterr().out
    assert build.main(arguments) == 0
    assert path.read_bytes() == first


def test_check_names_the_notebook_of_a_renamed_lesson_but_not_a_learners_own(base, capsys):
    arguments = ["--root", str(base)]
    build.main(arguments)
    (base / "notebooks" / "My notes.ipynb").write_text("{}")
    assert build.main(["--check", *arguments]) == 0
    (base / "notebooks" / "03_gone.ipynb").write_text("{}")
    assert build.main(["--check", *arguments]) == 1
    assert "03_gone.ipynb: no lesson gives this notebook" in capsys.readouterr().out


def test_build_does_not_write_over_a_learners_work(base, capsys):
    arguments = ["--root", str(base)]
    build.main(arguments)
    path = base / "notebooks" / "02_tiny.ipynb"
    book = json.loads(path.read_text())
    next(c for c in book["cells"] if c["cell_type"] == "code")["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": "mine"}
    ]
    path.write_text(json.dumps(book))
    assert build.main(arguments) == 1
    assert "somebody has worked in notebooks/02_tiny.ipynb" in capsys.readouterr().out
    assert "mine" in path.read_text()
    assert build.main([*arguments, "--force"]) == 0
    assert "mine" not in path.read_text()


def test_measured_times_are_rendered(base):
    (base / "results").mkdir()
    entry = {"seconds": 12, "device": "2 CPU cores", "date": "2026-01-02"}
    (base / "results" / "course_times.json").write_text(json.dumps({"02_tiny": {"smoke": entry}}))
    text = build.expected(base)[base / "notebooks" / "02_tiny.ipynb"]
    assert "Run time: 12 s in smoke mode (2 CPU cores, measured 2026-01-02)." in text
    assert "not measured yet" in build.build_notebook(TINY, "student", {})


@pytest.mark.parametrize(
    ("source", "trouble"),
    [
        ("def f():\n    # BEGIN SOLUTION\n    return 1", "without '# END SOLUTION'"),
        ("def f():\n    return 1\n    # END SOLUTION", "without '# BEGIN SOLUTION'"),
        ("# BEGIN SOLUTION\nx = 1\n# END SOLUTION", "outside a function"),
        ("def f():\n    # BEGIN SOLUTION\n    # BEGIN SOLUTION\n    # END SOLUTION", "opens twice"),
    ],
)
def test_broken_regions_are_refused(source, trouble):
    with pytest.raises(build.LessonError, match=trouble):
        build.stub(source, "Exercise 1.1")


def test_names_are_held_to_their_form(tmp_path):
    (tmp_path / "2_short.py").touch()
    with pytest.raises(build.LessonError, match=r"2_short\.py: a lesson is called NN_slug\.py"):
        build.lesson_files(tmp_path)
    (tmp_path / "2_short.py").unlink()
    for name in ("02_one.py", "02_two.py"):
        (tmp_path / name).touch()
    with pytest.raises(build.LessonError, match=r"02_two\.py: number 02 is taken by 02_one\.py"):
        build.lesson_files(tmp_path)


def test_the_committed_notebooks_are_current(capsys):
    """The gate: regenerate both editions from lessons/ and find no difference."""
    assert build.main(["--check", "--root", str(ROOT)]) == 0, capsys.readouterr().out
