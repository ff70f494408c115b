"""The teaching guide: plans whose minutes add up and are the lessons' own, quiz with key, rubric, notes, grades."""

import json
import math
import re
import signal
import statistics
from pathlib import Path

import pytest

from gltr_lib.checks import verdict
from gltr_lib.course import answering, build, grade, sitting, teach
from gltr_lib.course.build import lesson_files, read_cells

ROOT = Path(__file__).resolve().parents[1]
GUIDE = (ROOT / "docs" / "teaching.md").read_text(encoding="utf-8")
MINUTES = {
    path.stem[:2]: {section.number: section.minutes for section in teach.sections(read_cells(path))}
    for path in lesson_files(ROOT / "lessons")
}
EXERCISES = {  # lesson -> section -> minutes of its exercises
    path.stem[:2]: {
        int(number): sum(map(int, re.findall(r"\([●○]{3}, (\d+) min\)", body)))
        for number, body in re.findall(
            r"^# ## (\d+)\. .*?\n(.*?)(?=^# ## |\Z)", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        )
    }
    for path in lesson_files(ROOT / "lessons")
}
PART = re.compile(r"(\d\d) §(\d+)(?:–(\d+))?")


def plan(heading):
    """Rows of the first table under a heading, as lists of cells without the header."""
    text = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", GUIDE, re.MULTILINE | re.DOTALL)[1]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.split("\n") if line.startswith("|")]
    return rows[2:]


def sections_of(what):
    """(lesson, section) pairs that a row names."""
    return [(a, n) for a, first, last in PART.findall(what) for n in range(int(first), int(last or first) + 1)]


@pytest.mark.parametrize("heading", ["A lab of 90 minutes", "A day", "Four weeks"])
def test_rows_take_the_minutes_that_the_lessons_plan(heading):
    named = 0
    for _, minutes, what in plan(heading):
        parts = sections_of(what)
        if parts:
            named += len(parts)
            assert int(minutes) == sum(MINUTES[lesson][number] for lesson, number in parts), what
    assert named >= 8


def test_the_express_path_takes_the_marked_lessons_without_their_exercises():
    named = set()
    for _, minutes, what in plan("An hour alone"):
        parts = sections_of(what)
        named |= {lesson for lesson, _ in parts}
        assert int(minutes) == sum(MINUTES[lesson][n] - EXERCISES[lesson].get(n, 0) for lesson, n in parts), what
    marked = {
        p.stem[:2] for p in lesson_files(ROOT / "lessons") if "**Path.** Express" in p.read_text(encoding="utf-8")
    }
    assert named == marked


def test_lesson_00_and_the_guide_have_the_same_express_path():
    text = (ROOT / "lessons" / "00_start_here.py").read_text(encoding="utf-8")
    told = {
        (lesson, int(number))
        for lesson, cell in re.findall(r"^# \| \[(\d\d) [^|]*\|[^|]*\|([^|]*)\|$", text, re.MULTILINE)
        for number in re.findall(r"\d+", cell)
    }
    first = re.search(r"\*\*Express path\*\*, an hour: sections ([\d, and]+) of this lesson", text)[1]
    told |= {("00", int(number)) for number in re.findall(r"\d+", first)}
    assert told == {part for _, _, what in plan("An hour alone") for part in sections_of(what)}


@pytest.mark.parametrize(("heading", "total"), [("An hour alone", 60), ("A lab of 90 minutes", 90), ("A day", 480)])
def test_the_clock_of_a_plan_runs_without_gaps_to_its_end(heading, total):
    now = 0
    for start, minutes, _ in plan(heading):
        hours, rest = map(int, start.split(":"))
        assert 60 * hours + rest == now
        now += int(minutes)
    assert now == total


def test_four_weeks_are_eight_sessions_of_90_minutes_and_every_section_once():
    rows = plan("Four weeks")
    sessions = {}
    for session, minutes, _ in rows:
        sessions[session] = sessions.get(session, 0) + int(minutes)
    sessions.pop("home")
    assert sessions == {str(number): 90 for number in range(1, 9)}
    covered = [part for row in rows for part in sections_of(row[2])]
    assert sorted(covered) == sorted((lesson, number) for lesson, known in MINUTES.items() for number in known)


def test_files_and_commands_that_the_guide_names_exist():
    for target in re.findall(r"\]\(([^)#:]+)\)", GUIDE):
        assert (ROOT / "docs" / target).is_file(), target
    makefile = (ROOT / "Makefile").read_text()
    for name in re.findall(r"`make ([a-z]+)`", GUIDE):
        assert re.search(rf"^{name}:", makefile, re.MULTILINE), name
    for module in re.findall(r"python -m gltr_lib\.course\.(\w+)", GUIDE):
        assert (ROOT / "gltr_lib" / "course" / f"{module}.py").is_file(), module


def test_notes_page_is_what_the_lessons_say(capsys):
    assert teach.main(["--check", "--root", str(ROOT)]) == 0, capsys.readouterr().out


def test_an_outdated_notes_page_is_found(tmp_path, capsys):
    (tmp_path / "lessons").mkdir()
    (tmp_path / "lessons" / "02_tiny.py").write_text((ROOT / "tests" / "fixtures" / "02_tiny.py").read_text())
    assert teach.main(["--check", "--root", str(tmp_path)]) == 1
    assert teach.main(["--root", str(tmp_path)]) == 0
    assert teach.main(["--check", "--root", str(tmp_path)]) == 0
    page = tmp_path / teach.PAGE
    assert "**Asked.** What is `double(triple(7))`?\n\n**Expected.** Forty-two." in page.read_text()
    page.write_text(page.read_text() + "\nby hand\n")
    capsys.readouterr()
    assert teach.main(["--check", "--root", str(tmp_path)]) == 1
    assert "is not what the lessons say" in capsys.readouterr().out


# ------------------------------------------------------------------------------------------------ quiz and rubric


def quiz():
    """Half -> question number -> choices by letter."""
    halves = (ROOT / "docs" / "teaching" / "quiz.md").read_text(encoding="utf-8").split("\n## ")[1:]
    found = {}
    for half in halves:
        name, text = half.split("\n", 1)
        questions = re.split(r"^(\d+)\. ", text, flags=re.MULTILINE)[1:]
        pairs = zip(questions[::2], questions[1::2], strict=True)
        found[name.lower()] = {int(n): dict(re.findall(r"- \(([a-d])\) (.+)", body)) for n, body in pairs}
    return found


def key():
    """Question number -> (answer before, answer after, idea, lessons)."""
    text = (ROOT / "docs" / "teaching" / "quiz_key.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| ([a-d]) \| ([a-d]) \| (.+?) \| (.+?) \|$", text, re.MULTILINE)
    return {int(number): rest for number, *rest in rows}


def test_every_question_has_four_choices_and_a_key_that_is_one_of_them():
    halves, answers = quiz(), key()
    assert set(halves) == {"before", "after"}
    for place, half in enumerate(("before", "after")):
        assert sorted(halves[half]) == sorted(answers) == list(range(1, 11))
        for number, choices in halves[half].items():
            assert sorted(choices) == list("abcd"), (half, number)
            assert answers[number][place] in choices
        letters = [answers[number][place] for number in answers]
        assert max(letters.count(letter) for letter in "abcd") <= 5, "a key that one letter would pass"
    assert all(lesson in MINUTES for *_, lessons in answers.values() for lesson in lessons.split(", "))


def test_the_key_is_right_where_it_can_be_computed():
    import torch

    halves, answers = quiz(), key()

    def right(half, number):
        return halves[half][number][answers[number][("before", "after").index(half)]]

    assert right("before", 2) == f"10/{30 + 20 - 10}"
    assert right("after", 2) == f"20/{60 + 30 - 20}"
    assert right("before", 8) == str(1 + 3 * 2)
    x = torch.zeros(1, 1, 25, 25, requires_grad=True)
    y = x
    for _ in range(3):
        y = torch.nn.functional.conv2d(y, torch.ones(1, 1, 3, 3), padding=2, dilation=2)
    y[0, 0, 12, 12].backward()
    assert right("after", 8) == str(int((x.grad != 0).sum()))
    assert right("before", 9) == f"1 in {2**3}"
    d = [0.4, 1.9, 1.0]
    half = 4.303 * statistics.stdev(d) / math.sqrt(3)
    assert right("after", 9) == ("open" if statistics.mean(d) - half < 0 < statistics.mean(d) + half else "helps")


def test_the_rubric_is_the_one_of_lesson_09():
    rubric = [[cell.replace("*", "") for cell in row] for row in plan("The final project")]
    lesson = next(path for path in lesson_files(ROOT / "lessons") if path.stem.startswith("09"))
    table = re.findall(r"^# \| \*\*(\w+)\*\* \| (.+?) \| (.+?) \| (.+?) \|$", lesson.read_text(), re.MULTILINE)
    assert rubric == [[cell.replace("*", "") for cell in row] for row in table]
    assert len(rubric) == 6


# ------------------------------------------------------------------------------------------------ grading


@pytest.fixture
def pile(tmp_path):
    lesson = next(path for path in lesson_files(ROOT / "lessons") if path.stem.startswith("02"))
    texts = {edition: build.build_notebook(lesson, edition) for edition in ("student", "solved")}
    texts["wrong"] = texts["solved"].replace("(variance + eps).sqrt()", "variance + eps")
    assert texts["wrong"] != texts["solved"]
    for name, text in texts.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "02.ipynb").write_text(text)
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints" / "02.ipynb").write_text("{}")
    return tmp_path


@pytest.mark.slow
def test_a_pile_of_notebooks_is_judged_by_its_functions(pile, capsys):
    assert grade.main([str(pile), "--json", "--seed", "3"]) == 0
    found = {Path(name).parent.name: said for name, said in json.loads(capsys.readouterr().out).items()}
    assert set(found) == {"student", "solved", "wrong"}
    assert len(found["solved"]) == 5
    assert not any(found["solved"].values())
    assert all("still a stub" in message for message in found["student"].values())
    assert "variance where the standard deviation is meant" in found["wrong"]["02-stats"]
    assert not found["wrong"]["02-adain"], "one mistake does not cost the next exercise"


class Here:
    """A sitting without a process, for what does not depend on one."""

    def __init__(self, seed):
        self.notebook = answering.Notebook()

    def ask(self, seconds, **message):
        return json.loads(json.dumps(self.notebook.reply(message)))

    def close(self):
        pass


@pytest.fixture
def book(tmp_path, monkeypatch):
    """Grades of a notebook with these code cells."""
    monkeypatch.setattr(sitting, "Sitting", Here)

    def judged(*sources, name="homework.ipynb"):
        path = tmp_path / name
        path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": source} for source in sources]}))
        return grade.grade(path)

    return judged


RIGHT = "def same_padding(kernel, dilation):\n    return dilation * (kernel - 1) // 2"
WRONG = "def same_padding(kernel, dilation):\n    return kernel // 2"
CHECK = 'same_padding = check("06-padding", same_padding)'


@pytest.mark.slow
@pytest.mark.parametrize("path", lesson_files(ROOT / "lessons"), ids=lambda path: path.stem[:2])
def test_every_lesson_is_graded_whole(path, tmp_path, book):
    """The solved edition has all points and the student edition none, also under another seed."""
    for edition, solved in (("solved", True), ("student", False)):
        (tmp_path / "one.ipynb").write_text(build.build_notebook(path, edition), encoding="utf-8")
        for seed in (0, 17):
            found = grade.grade(tmp_path / "one.ipynb", seed=seed)
            assert len(found) == sum(key.startswith(path.stem[:2]) for key in build_exercises())
            assert all((said == "") is solved for said in found.values()), found


def test_odd_notebooks_are_named_and_not_fatal(book, tmp_path, capsys):
    assert "not Python" in book("def same_padding(:\n    pass", CHECK)["06-padding"]
    assert "no function called same_padding" in book("x = 1", CHECK)["06-padding"]
    assert "check cell edited" in book("x = 1", CHECK.replace("06-padding", "06-paddings"))["06-paddings"]
    assert book(f"import os\nos.remove('here')\n\n\n{RIGHT}", CHECK)["06-padding"] == "", "only definitions run"
    for name, text in (("text", b"hello"), ("deep", b"[" * 200_000), ("latin", b'{"cells": "\xe9"}'), ("odd", b"[1]")):
        (tmp_path / f"{name}.ipynb").write_bytes(text)
        assert re.search(rf"{name}\.ipynb is no notebook", grade.grade(tmp_path / f"{name}.ipynb")[""])
    (tmp_path / "link.ipynb").symlink_to(tmp_path / "nowhere")
    assert "is no file" in grade.grade(tmp_path / "link.ipynb")[""]
    (tmp_path / "folder.ipynb").mkdir()
    assert tmp_path / "folder.ipynb" not in grade.collect([tmp_path])
    for wrong_call in (["nowhere"], [".", "--seed", "1000"], [".", "--limit", "nan"]):
        assert grade.main([str(tmp_path / wrong_call[0]), *wrong_call[1:]]) == 2
        assert capsys.readouterr().err.startswith("error: ")


def test_what_a_student_took_out_or_doubled_does_not_count_as_solved(book):
    lesson = [identity for identity in build_exercises() if identity.startswith("06-")]
    one = book(RIGHT, CHECK)
    assert sorted(one) == sorted(lesson), "the other exercises of the lesson are named"
    assert one.pop("06-padding") == ""
    assert set(one.values()) == {grade.GONE}
    assert book(name="06_deeplab.ipynb") == dict.fromkeys(lesson, grade.GONE), "an empty one: the file's name tells"
    assert list(book()) == [""]
    assert book(CHECK)["06-padding"] == "there is no function called same_padding", "a check in the first cell"
    # After a failed check the library's version is lent; a second check of the same exercise must not judge that one.
    assert "dilation is forgotten" in book(WRONG, CHECK, "1", CHECK)["06-padding"]
    assert book(WRONG, CHECK, RIGHT, CHECK)["06-padding"] == "", "a second attempt counts"


def test_a_right_answer_in_an_untidy_notebook_is_solved(book):
    assert book(f"{RIGHT}\n\n\n{CHECK}")["06-padding"] == "", "merged with its check"
    assert book(f"{RIGHT}\n{CHECK}\n\n\n{WRONG}")["06-padding"] == "", "what follows the check is another attempt"
    assert book(RIGHT, "poly_lr = 1", 'check("06-poly", poly_lr)')["06-padding"] == "", "its check cell is gone"
    renamed = RIGHT.replace("same_padding", "mine")
    assert book(renamed, CHECK.replace(", same_padding", ", mine"))["06-padding"] == "", "renamed, and in the check too"
    assert "no function called same_padding" in book(renamed, CHECK)["06-padding"]
    assert book(f"import no_such_module\n\n\n{RIGHT}", CHECK)["06-padding"] == "", "an import that is missing here"
    assert book(RIGHT.replace("//", "\\\n        % 10**6 //"), CHECK)["06-padding"] == "", "a line that begins with %"
    assert book(f"%%time\n{RIGHT}\n!ls", CHECK)["06-padding"] == "", "lines of IPython"
    leaning = RIGHT.replace("- 1", "- ONE")
    for one in ("ONE: int = 1", "ONE = int(1.0)", "TWO = int(2.0)\nONE = TWO // int(2.0)"):
        assert book(f"{one}\n{leaning}", CHECK)["06-padding"] == "", one
    assert book(f"{leaning}\nONE = int(7.0)", "ONE = int(1.0)", CHECK)["06-padding"] == "", "its last value"
    drawn = "order = torch.randperm(features.shape[2] * features.shape[3], generator=generator)[:: int(ONE)]"
    shuffled = f"def shuffle_positions(features, generator):\n    {drawn}\n    return features.flatten(2)[:, :, order]"
    shuffled = f"import torch\n\nONE = float(1)\n\n\n{shuffled}.reshape_as(features)"
    check = 'check("02-shuffle", shuffle_positions)'
    assert book(shuffled, check)["02-shuffle"] == "", "asked a second time, with a generator that is fresh again"
    assert "'ONE' is not defined" in book(leaning, CHECK)["06-padding"]


def test_a_notebook_cannot_write_its_own_grade(book):
    assert "dilation is forgotten" in book("def check(id, f):\n    return f", WRONG, CHECK)["06-padding"]
    assert "dilation is forgotten" in book("class EXERCISES(dict):\n    pass", WRONG, CHECK)["06-padding"]
    assert "is no function" in book('same_padding = "right"', CHECK)["06-padding"]
    assert "SystemExit" in book("def same_padding(kernel, dilation):\n    raise SystemExit", CHECK)["06-padding"]
    said = book('def same_padding(k, d):\n    raise ValueError("\\x1b[1A 6 of 6 solved \\ud800")', CHECK)["06-padding"]
    assert said.isprintable()
    assert "ValueError" in said
    equal = (
        "class Equal:\n    def __eq__(self, other):\n        return True\n    __float__ = __index__ = lambda self: 1"
    )
    assert book(f"{equal}\n\n\ndef same_padding(kernel, dilation):\n    return Equal()", CHECK)["06-padding"]


def test_an_answer_may_lean_on_imports_and_literals_but_not_be_imported(book):
    leaning = "def same_padding(kernel, dilation):\n    return dilation * (kernel - ONE[0]) // len(CLASSES[:2])"
    assert book("from gltr_lib.labels import CLASSES", "ONE = (1, -1)", leaning, CHECK)["06-padding"] == ""
    assert book("same_padding = lambda kernel, dilation: dilation * (kernel - 1) // 2", CHECK)["06-padding"] == ""
    taken = "from gltr_lib.checks.lesson06 import same_padding"
    assert "no function called same_padding" in book(taken, CHECK)["06-padding"]
    stats = 'check("02-stats", channel_stats)'
    for line in ("from gltr_lib.adain import channel_stats", "from gltr_lib.adain import *"):
        assert book(line, stats)["02-stats"] == "`channel_stats` is imported, and not written in the notebook"
    under = book("from gltr_lib.adain import channel_stats as cs", stats.replace(", channel_stats", ", cs"))
    assert "`cs` is imported" in under["02-stats"]


def test_gradients_and_generators_are_judged_in_the_students_process_too(book):
    stats = "def channel_stats(features, eps=1e-5):\n    {}\n"
    stats += "    variance = features.var((2, 3), correction=0, keepdim=True)\n"
    stats += "    return features.mean((2, 3), keepdim=True), (variance + eps).sqrt()"
    for line, says in (("features = features.detach()", "no gradient gets through"), ("pass", "")):
        assert says in (found := book(stats.format(line), 'check("02-stats", channel_stats)')["02-stats"])
        assert bool(found) == bool(says)
    for value in ("None", "(features.mean((2, 3), keepdim=True).numpy(),) * 2", "1.0"):
        source = f"def channel_stats(features, eps=1e-5):\n    return {value}"
        local: dict = {}
        exec(source, local)
        assert (
            book(source, 'check("02-stats", channel_stats)')["02-stats"]
            == verdict("02-stats", local["channel_stats"]).message
        )
    shuffle = (ROOT / "gltr_lib" / "checks" / "lesson02_shuffle.py").read_text(encoding="utf-8")
    shuffle = re.search(r"^def shuffle_positions.*?\n\n", shuffle, re.MULTILINE | re.DOTALL)[0]
    drawn = "torch.randperm(features.shape[2] * features.shape[3], generator=generator)"
    seeded = "torch.randperm(features[0, 0].numel(), generator=torch.Generator().manual_seed(generator.initial_seed()))"
    assert book("import torch", shuffle, 'check("02-shuffle", shuffle_positions)')["02-shuffle"] == ""
    found = book("import torch", shuffle.replace(drawn, seeded), 'check("02-shuffle", shuffle_positions)')["02-shuffle"]
    assert "two draws from one generator" in found


def test_values_come_back_from_the_student_as_they_were():
    import numpy as np
    import torch

    kept = {"a": (1, [2.5, None, "x"]), 3: True}
    assert sitting.unpack(json.loads(json.dumps(sitting.pack(kept)))) == kept
    for value in (torch.arange(6).view(2, 3), np.float32([[1, np.nan]]), torch.tensor(2.0, requires_grad=True)):
        back = sitting.unpack(sitting.pack(value))
        assert type(back) is type(value)
        assert back.shape == value.shape
        assert back.dtype == value.dtype
    drawn = [torch.rand(3, generator=g) for g in (torch.Generator().manual_seed(5), torch.Generator().manual_seed(5))]
    other = sitting.unpack(sitting.pack(torch.Generator().manual_seed(5)))
    assert torch.equal(torch.rand(3, generator=other), drawn[0])
    assert sitting.unpack(sitting.pack([True, signal.SIGINT, np.float64(0.5)])) == [True, 2, 0.5]
    assert type(sitting.unpack(sitting.pack({1}))).__name__ == "set", "for the check's sentence"
    assert repr(sitting.unpack(sitting.pack(print))) == "builtin_function_or_method"
    with pytest.raises(ValueError, match="far more than any exercise"):
        sitting.pack(torch.zeros(1).expand(10**9))


def build_exercises():
    from gltr_lib.checks import EXERCISES

    return EXERCISES


@pytest.mark.slow
def test_what_cannot_be_judged_is_said_in_one_line(tmp_path, capsys):
    (tmp_path / "nothing.ipynb").write_text("")
    assert grade.main([str(tmp_path)]) == 0
    said = capsys.readouterr().out.strip()
    assert said.count("\n") == 0
    assert re.search(r"nothing\.ipynb: not judged: .*is no notebook \(JSONDecodeError\)", said)
    assert "ValueError:" not in said


@pytest.mark.slow
def test_one_bad_exercise_costs_no_other_and_forged_grades_none(tmp_path):
    """Endless, ended, forged: each is told, the exercises behind it are judged, and nothing is believed."""
    shuffled = (ROOT / "gltr_lib" / "checks" / "lesson02_shuffle.py").read_text(encoding="utf-8")
    shuffled = re.search(r"^def shuffle_positions.*?\n\n", shuffled, re.MULTILINE | re.DOTALL)[0]
    forged = (
        "def adain(content, style_mean, style_std):\n"
        "    import os, sys\n"
        "    for number in range(3, 20):\n"
        "        try:\n"
        '            os.write(number, b\'{"02-adain": ""}\')\n'
        "        except OSError:\n"
        "            pass\n"
        '    print(\'{"02-adain": ""}\', flush=True)\n'
        "    os._exit(0)"
    )
    patched = (
        "def mix_styles(means, stds, weights):\n"
        "    import gltr_lib.checks.registry as registry\n"
        "    registry._agrees = lambda *inputs: True"
    )
    blind = (
        "def stylise(*inputs):\n"
        "    import numpy\n"
        "    numpy.isclose = lambda *a, **k: numpy.array(True)\n"
        "    return inputs[0]"
    )
    cells = [
        "import torch", "def channel_stats(features, eps=1e-5):\n    while True:\n        pass",
        'channel_stats = check("02-stats", channel_stats)', forged, 'adain = check("02-adain", adain)',
        blind, 'stylise = check("02-alpha", stylise)', patched, 'mix_styles = check("02-mix", mix_styles)',
        shuffled, 'shuffle_positions = check("02-shuffle", shuffle_positions)',
    ]  # fmt: skip
    path = tmp_path / "02_bad.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": source} for source in cells]}))
    found = grade.grade(path, limit=15)
    assert found["02-stats"] == "it was not finished after 15 s"
    assert "ended the process" in found["02-adain"]
    assert found["02-alpha"]
    assert "ModuleNotFoundError" in found["02-mix"]
    assert found["02-shuffle"] == "", "also through the pipe, call by call"
