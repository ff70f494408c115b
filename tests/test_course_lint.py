"""The linter accepts a lesson in form, and names each thing that breaks it."""

import re
from pathlib import Path

import pytest

from gltr_lib.course import lint
from gltr_lib.course.build import lesson_files

ROOT = Path(__file__).resolve().parents[1]
TINY = Path(__file__).with_name("fixtures") / "02_tiny.py"
CODE = "\n# %%\ncourse.mode()\n"

# (what is replaced, by what, a piece of the sentence that must come)
BROKEN = [
    ("# # 02 · A tiny lesson", "# # A tiny lesson", "front matter lacks the line '# NN · Title'"),
    ("# # 02 · A", "# # 03 · A", "title says 03, the file's name 02"),
    ("lesson hold?", "lesson hold.", "lacks the line '**Question.** ...?'"),
    ("# - break it on purpose\n", "", "1 objectives; at least 2"),
    ("# **Before you start.** Nothing.\n", "", "lacks the line '**Before you start.** ...'"),
    ("{{run_time}}", "", "lacks the line '**Time.**"),
    ("# **Path.** Express and full.", "# **Path.** Somehow.", "lacks the line '**Path.**"),
    ("10 min planned", "11 min planned", "11 minutes are planned, the sections add up to 10"),
    ("## 1. First (6 min)", "## First", "is not '## n. Title (m min)'"),
    ("## 2. Second", "## 3. Second", "section 3 stands where section 2 is due"),
    ("### Exercise 2.3", "##### Exercise 2.3", "jumps from level 2 to 5"),
    ("**Predict, then run.** Which", "Which", "1 prompts '**Predict, then run.**'; at least 2"),
    (CODE, "", "after '**Predict, then run.**' comes the code cell"),
    ("### Exercise 2.3 — Half (●●●, 2 min)", "Half", "2 exercises; at least 3"),
    ("### Exercise 2.2", "### Exercise 2.4", "exercise 2.4 stands where 2.2 is due"),
    ("(●●●, 2 min)", "(hard)", "is not '### Exercise 2.3 — Title (●●○, m min)'"),
    ("<summary>Hint 2</summary>", "<summary>Help</summary>", "two hints"),
    ("Hint 1</summary>\n#\n# Divide.", "Hint 1</summary>\n# Divide.", "two hints"),
    ("    # BEGIN SOLUTION\n    return number / 2\n    # END SOLUTION", "    return 1", "holds '# BEGIN SOLUTION'"),
    (
        "def half(number):",
        "print(double(1))\n\n\ndef half(number):",
        "the stub cell only defines; move 'print(double(1))'",
    ),
    ('half = check("02-half", half)', 'check("02-half", half)', "name = check("),
    ('"02-half"', '"02-double"', "used once"),
    ('"02-half"', '"03-half"', "begins with 02-"),
    ('half = check("02-half", half)', 'other = check("02-half", other)', "other is not defined in the stub cell"),
    (", alt=f", ", text=f", "without alt="),
    ('alt=f"The number {double(triple(7))}, in black on white."', 'alt="42"', "a sentence of 15 to 400 characters"),
    (CODE, CODE + "\n" * 25 + "course.mode()\n", "27 lines of code; at most 25"),
    (CODE, CODE + 'open("/mnt/pictures/x")\n', "an absolute path"),
    (CODE, CODE + 'open("../data/x")\n', "a path with '..'"),
    (CODE, CODE + "# %matplotlib inline\n", "a magic"),
    (CODE, CODE + "# pip install torch\n", "an installation"),
    (CODE, CODE + 'page = "https://example.org"\n', "the network"),
    (CODE, CODE + "import os\nos.environ\n", "the environment"),
    (CODE, CODE + "import matplotlib.pyplot as plt\n", "pyplot"),
    (CODE, CODE + "def (\n", "is not Python"),
    (CODE, '\n# %% tags=["hidden"]\ncourse.mode()\n', "tags hidden"),
    (CODE, '\n# %% jupyter={"source_hidden": true}\ncourse.mode()\n', "metadata"),
    ("# - Ask the room first.", "# <details>", "do not pair up"),
    ("# **Teaching notes.**\n", "", "the second cell is tagged instructor and holds **Teaching notes.**"),
    ("# **On the board.**\n", "", "the second cell is tagged instructor"),
    ("# **Expected.** Forty-two.", "# Forty-two.", "a prediction without '**Expected.**'"),
    ("# **Expected.** The one", "# The one", "a prediction without '**Expected.**'"),
    ("### Exercise 2.3 — Half (●●●, 2 min)", "### Exercise 2.3 — Half (●●●, 5 min)", "section 2 plans 4 min, its"),
    ("# - It held.", "# $$x = 1$$", "an equation without code beside it"),
    (CODE, CODE + "for n in range(2):\n    print(n)\n", "print in a loop; collect rows"),
    ("# - It held.", "# ![A long and fitting description](https://example.org/x.png)", "only relative ones"),
    ("# - It held.", "# ![x](x.png)", "alt text of 15 to 400"),
    ("02_tiny.ipynb", "03_gone.ipynb", "there is no such lesson"),
    ("# ## Recap\n", "", "a lesson closes with ## Recap, ## References, ## Next"),
    ("[arXiv:1703.06868](https://arxiv.org/abs/1703.06868)", "2017.", "without a DOI or arXiv link"),
    ("[02 The same again](02_tiny.ipynb)", "The end", "'Next' links to the next lesson"),
]


def test_a_lesson_in_form_has_no_faults():
    assert lint.lint(TINY) == []


@pytest.mark.parametrize(("old", "new", "sentence"), BROKEN, ids=[re.sub(r"\W+", "-", b[2])[:40] for b in BROKEN])
def test_each_break_is_named(tmp_path, old, new, sentence):
    source = TINY.read_text()
    assert old in source
    path = tmp_path / TINY.name
    path.write_text(source.replace(old, new))
    faults = lint.lint(path)
    assert any(sentence in fault for fault in faults), faults
    assert all(fault.startswith("02_tiny.py, cell ") for fault in faults)


def test_command_line(tmp_path, capsys):
    (tmp_path / "lessons").mkdir()
    path = tmp_path / "lessons" / TINY.name
    path.write_text(TINY.read_text())
    assert lint.main(["--root", str(tmp_path)]) == 0
    assert "1 lessons, 0 faults" in capsys.readouterr().out
    path.write_text(TINY.read_text().replace("**Question.** ", ""))
    assert lint.main(["02", "--root", str(tmp_path)]) == 1
    assert "**Question.**" in capsys.readouterr().out


@pytest.mark.parametrize("path", lesson_files(ROOT / "lessons"), ids=lambda path: path.stem)
def test_every_lesson_has_its_spine(path):
    faults = lint.lint(path)
    assert not faults, "\n".join(faults)
