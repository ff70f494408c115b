"""The instructor edition and the slides: made from the lessons, complete, offline, no solution on a slide."""

import json
import re
import shutil
from pathlib import Path

import pytest

from gltr_lib import checks
from gltr_lib.course import build, formula, grade, slides, slidetext, teach
from gltr_lib.course.build import BEGIN, END, lesson_files, read_cells

ROOT = Path(__file__).resolve().parents[1]
TINY = Path(__file__).with_name("fixtures") / "02_tiny.py"
LESSONS = lesson_files(ROOT / "lessons")
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="


def texts(path, edition):
    return ["".join(cell["source"]) for cell in json.loads(build.build_notebook(path, edition))["cells"]]


def solutions(path):
    """Lines that stand in a lesson's solution regions, as far as they are long enough to be told from chance."""
    found = set()
    for cell in read_cells(path):
        for region in re.findall(rf"{BEGIN}\n(.*?){END}", cell.source, re.DOTALL):
            found |= {line.strip() for line in region.split("\n") if len(line.strip()) > 24}
    return found


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_student_edition_holds_no_solution_and_no_note(path):
    regions = solutions(path)
    assert regions
    cells = json.loads(build.build_notebook(path, "student"))["cells"]
    code = {
        line.strip() for cell in cells if cell["cell_type"] == "code" for line in "".join(cell["source"]).split("\n")
    }
    notes = [cell.source for cell in read_cells(path) if "instructor" in cell.tags]
    assert not regions & code
    for edition in ("student", "solved"):
        text = "\n".join(texts(path, edition))
        assert not any(part in text for part in (*teach.NOTES, teach.EXPECTED, teach.IN_CLASS))
        for note in notes:
            assert note not in text


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_who_works_alone_finds_each_expected_answer_folded_under_its_cell(path):
    cells = read_cells(path)
    expected = [cell for cell in cells if cell.source.startswith(teach.EXPECTED)]
    assert expected
    for edition in ("student", "solved"):
        book = json.loads(build.build_notebook(path, edition))["cells"]
        folded = ["".join(cell["source"]) for cell in book if "What we saw" in "".join(cell["source"]).split("\n")[0]]
        assert folded == [teach.seen(cell.source) for cell in expected]
        assert all("instructor" not in cell["metadata"].get("tags", []) for cell in book)


def test_what_is_said_in_class_stays_there():
    note = "**Expected.** Forty-two,\nsurely.\n\nOr more.\n\n**In class.** Wait.\n\nAnd why?"
    folded = "<details><summary>What we saw</summary>\n\nForty-two,\nsurely.\n\nOr more.\n\n</details>"
    assert teach.seen(note) == folded
    assert teach.seen("**Teaching notes.** Forty-two.") == teach.seen("") == ""


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_instructor_edition_has_solutions_clock_notes_and_what_checks_recognise(path):
    import nbformat

    book = nbformat.reads(build.build_notebook(path, "instructor"), as_version=4)
    nbformat.validate(book)
    cells = [cell.source for cell in book.cells]
    assert len({cell.id for cell in book.cells}) == len(cells)
    whole = "\n".join(cells)
    assert solutions(path) <= {line.strip() for line in whole.split("\n")}
    assert "**The clock.**" in cells[1]
    assert "NotImplementedError" not in whole
    lesson = path.stem[:2]
    for exercise in (e for e in checks.EXERCISES.values() if e.lesson == lesson):
        place = next(i for i, text in enumerate(cells) if f'check("{exercise.id}"' in text)
        assert all(wrong.says in cells[place + 1] for wrong in exercise.misconceptions), exercise.id
    for cell in read_cells(path):
        if "instructor" in cell.tags:
            assert cell.source in whole


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_the_clock_ends_with_the_planned_minutes(path):
    cells = read_cells(path)
    planned = int(re.search(r"\*\*Time\.\*\* (\d+) min", cells[0].source)[1])
    assert sum(section.minutes for section in teach.sections(cells)) == planned
    assert f"| {planned // 60}:{planned % 60:02d} | end |" in teach.clock(cells)
    for section in teach.sections(cells):
        assert sum(minutes for *_, minutes in section.exercises) <= section.minutes, section.title


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_notes_and_grades_have_the_lessons_numbers(path):
    cells, number, found = read_cells(path), "", {}
    for cell in cells:
        if cell.kind == "markdown" and "instructor" not in cell.tags:
            number = next((task[1] for task in teach.EXERCISE.finditer(cell.source)), number)
        elif check := teach.CHECK.search(cell.source):
            found[check[1]] = number
    assert {identity: teach.number_of(identity) for identity in found} == found
    page = teach.notes([path])
    assert re.findall(r"^### (\d+)\. ", page, re.MULTILINE) == [str(part.number) for part in teach.sections(cells)]
    for identity, number in found.items():
        title = checks.EXERCISES[identity].title
        assert f"**Exercise {number} — {title}** (check `{identity}`)\n\n**What the check `{identity}`" in page


def test_the_list_of_grades_names_exercises_by_their_numbers(tmp_path, monkeypatch, capsys):
    (tmp_path / "anna.ipynb").write_text("{}")
    told = {"02-stats": "", "02-mix": "not yet", "02-mux": "no exercise is called so"}
    monkeypatch.setattr(grade, "grade", lambda *about: told)
    assert grade.main([str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "1 of 3 solved\n    2.4 (02-mix): not yet\n    02-mux: no exercise is called so\n" in said


@pytest.fixture
def base(tmp_path):
    """A course of the tiny lesson alone."""
    (tmp_path / "lessons").mkdir()
    shutil.copy(TINY, tmp_path / "lessons")
    return tmp_path


def test_the_command_writes_the_instructor_edition_apart(base, capsys):
    assert build.main(["--instructor", "--root", str(base)]) == 0
    assert (base / "build" / "instructor" / "02_tiny.ipynb").is_file()
    assert not (base / "notebooks").exists()
    assert "1 notebooks" in capsys.readouterr().out


# ------------------------------------------------------------------------------------------------ slides


@pytest.fixture(scope="module")
def decks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slides")
    return folder, slides.build(ROOT, folder / "no-runs", folder)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_deck_holds_what_a_class_looks_at_and_no_solution(path, decks):
    folder, made = decks
    deck, page = made[path.stem], (folder / f"{path.stem}.html").read_text()
    source = path.read_text()
    kinds = [slide.kind for slide in deck]
    assert kinds[:2] == ["title", "goals"]
    assert kinds[-2:] == ["recap", "next"]
    assert kinds.count("predict") == source.count(teach.PREDICT)
    assert kinds.count("exercise") == len(re.findall(r"^# ### Exercise", source, re.MULTILINE))
    assert kinds.count("section") == len(teach.sections(read_cells(path)))
    displayed = sum(cell.source.count("$$") // 2 for cell in read_cells(path) if cell.kind == "markdown")
    assert page.count('class="formula display"') >= displayed
    assert not [line for line in solutions(path) if line in page]
    assert "Hint 1" not in page
    told = [slide.notes for slide in deck if slide.kind == "exercise"]
    assert all("recognises" in notes[0] for notes in told)


def test_a_deck_needs_nothing_from_elsewhere(decks):
    folder, made = decks
    assert len(made) == len(LESSONS)
    for file in folder.glob("*.html"):
        page = file.read_text()
        loaded = re.findall(r"""(?:src|srcset|data)=["']([^"']+)|url\(([^)]+)\)|@import|<link\b""", page)
        assert [found for found in loaded if not found[0].startswith("data:image/png")] == []
        for target in re.findall(r'href="([^"#:]+)"', page):
            assert (folder / target).is_file(), f"{file.name}: {target}"
        assert page.count("<h1") == 1
        for image in re.findall(r"<(?:img|svg)\b[^>]*>", page):
            assert re.search(r'(alt|aria-label)="[^"]{5,}"', image)


def executed():
    """The tiny lesson as if it had run: (the notebook, its cell with a picture)."""
    import nbformat

    book = nbformat.reads(build.build_notebook(TINY, "solved"), as_version=4)
    picture = nbformat.v4.new_output("display_data", {"image/png": PNG}, metadata={"image/png": {"alt": "a black dot"}})
    asked = next(cell for cell in book.cells if cell.source == "course.mode()")
    asked.outputs = [picture]
    return book, asked


def test_figures_come_from_the_executed_cell_only_while_it_is_the_lessons(tmp_path):
    import nbformat

    book, asked = executed()
    path = tmp_path / "02_tiny.ipynb"
    nbformat.write(book, path)
    results = [slide for slide in slides.deck(TINY, path) if slide.kind == "result"]
    assert len(results) == 1
    assert 'alt="a black dot"' in results[0].body
    assert slides.left_out(TINY, path) == 0
    asked.source = "course.mode()  # edited since"
    nbformat.write(book, path)
    assert [slide for slide in slides.deck(TINY, path) if slide.kind == "result"] == []
    assert slides.left_out(TINY, path) == 1
    assert slides.left_out(TINY, tmp_path / "none.ipynb") == 0


def ran(tmp_path, outputs):
    """The tiny lesson's slides after a run with these outputs, by the beginning of a cell."""
    import nbformat

    book = nbformat.reads(build.build_notebook(TINY, "solved"), as_version=4)
    for begins, made in outputs.items():
        next(cell for cell in book.cells if cell.source.startswith(begins)).outputs = made
    nbformat.write(book, tmp_path / "02_tiny.ipynb")
    return slides.deck(TINY, tmp_path / "02_tiny.ipynb")


def output(kinds):
    import nbformat

    metadata = {kind: {"alt": "a black dot"} for kind in kinds}
    return nbformat.v4.new_output("display_data", kinds, metadata=metadata)


def printed(text):
    import nbformat

    return nbformat.v4.new_output("stream", name="stdout", text=text)


def test_every_figure_and_table_has_its_slide_also_behind_an_exercise(tmp_path, monkeypatch):
    monkeypatch.setattr(slides, "recognised", lambda text: "a wrong answer" if "check(" in text else "")
    picture, table = output({"image/png": PNG}), output({"text/html": "<table><tr></tr></table>"})
    deck = ran(tmp_path, {"def double": [picture, picture, table]})
    shown = [slide for slide in deck if slide.kind == "shown"]
    assert [(slide.body.count("<img"), slide.body.count("<table")) for slide in shown] == [(1, 0), (1, 0), (0, 1)]
    assert {slide.title for slide in shown} == {"First"}
    first = next(slide for slide in deck if slide.kind == "exercise")
    assert first.notes == ["a wrong answer"], "what a check recognises stays with its exercise, figures or not"


def test_markdown_tables_explorers_and_printed_answers_are_shown(tmp_path):
    told = output({"text/markdown": ["| a |\n", "|---|\n", "| *b* |"]})
    explorer = output({"application/vnd.jupyter.widget-view+json": {}, "image/jpeg": "/9j/"})
    out = [explorer, printed("3 < 4\n\n✓ 02-double: right\n"), told]
    figure, table = (s.body for s in ran(tmp_path, {"course.mode()": out}) if s.kind == "result")
    assert figure == (
        '<figure><img alt="a black dot" src="data:image/jpeg;base64,/9j/"></figure><p class="printed">3 &lt; 4</p>'
    )
    assert "<td><em>b</em></td>" in table
    kinds = [slides.page("", [slides.Slide("result", "", "", body)]) for body in (figure, table)]
    assert ['class="slide result picture"' in page for page in kinds] == [True, False], "a figure has the whole width"
    long = [printed("line\n" * (slides.PRINTED[0] + 1)), printed("x" * (slides.PRINTED[1] + 1)), printed("\r 50%\n")]
    assert [slide for slide in ran(tmp_path, {"course.mode()": long}) if slide.kind == "result"] == []


def test_a_printed_line_alone_makes_no_slide_and_is_not_missed(tmp_path):
    import nbformat

    deck = ran(tmp_path, {"double = check": [printed("42\n")]})
    assert [slide for slide in deck if slide.kind == "shown"] == []
    path = tmp_path / "02_tiny.ipynb"
    book = nbformat.read(path, as_version=4)
    book.cells.append(nbformat.v4.new_code_cell("of_last_week()", outputs=[printed("42\n")]))
    nbformat.write(book, path)
    assert slides.left_out(TINY, path) == 0


def test_the_expected_answer_lies_under_the_result_and_not_under_the_question(tmp_path):
    note = "**Expected.** The one that the variable names."
    deck = ran(tmp_path, {"course.mode()": [output({"image/png": PNG})] * 2})
    assert [slide.kind for slide in deck if note in slide.notes] == ["result"]
    kinds = [slide.kind for slide in deck]
    assert note in deck[kinds.index("result")].notes, "the first of the two results"
    assert [slide.kind for slide in slides.deck(TINY) if note in slide.notes] == ["predict"]


def test_a_figure_has_its_slide_to_itself_and_two_short_tables_share_one():
    figure, legend = '<figure><img alt="a curve"></figure>', '<figure class="legend"><img alt="Legend"></figure>'
    table = "<table><tr></tr></table>"
    made = slides._results([figure, legend, figure, table, table, table], "a section")
    assert [slide.body for slide in made] == [figure + legend, figure, table * 2, table]


def test_a_list_a_table_and_code_stand_on_a_slide_with_the_sentence_that_announces_them():
    for block in ("- one\n- two", "| a |\n|---|\n| b |", "```python\nfirst()\n\nsecond()\n```"):
        (page,) = slidetext.ideas(
            f"## 1. Title (3 min)\nFirst words.\n\nDropped.\n\nEqual are:\n\n{block}\n\nAnd more."
        )
        assert page == slides.to_html(f"First words.\n\nEqual are:\n\n{block}")
        assert slidetext.ideas(f"Dropped.\n\nEqual are\n\n{block}", section=False) == [
            slides.to_html(f"Equal are\n\n{block}")
        ]
    (told,) = slidetext.ideas("The rule: put it at\n\n$$t = m ,$$\n\nkeep what lies above.\n\nAnother thing.", False)
    assert "keep what lies above" in told, "a sentence that goes on behind its equation is shown whole"
    assert "Another thing" not in told
    assert slidetext.ideas("### A heading\nProse alone.\n\nAnd more of it.", section=False) == []


def test_the_matrix_of_lesson_01_is_shown_and_its_symbol_explained():
    path = next(path for path in LESSONS if path.stem.startswith("01"))
    first = [slide.body for slide in slides.deck(path) if "section 1," in slide.kicker or " · 1. " in slide.kicker]
    assert any("<strong>true 0</strong>" in body for body in first)
    place = next(i for i, body in enumerate(first) if "formula: C_{tp}" in body)
    assert "counts the pixels" in first[place]


def rows(count, text="a cell"):
    row = f"<tr><td>{text}</td></tr>"
    return f"<table><caption>c</caption><thead><tr><th>head</th></tr></thead><tbody>{row * count}</tbody></table>"


def test_a_long_table_goes_on_over_several_slides_each_with_the_header():
    assert [slide.body for slide in slides._results([rows(10)], "")] == [rows(10)]
    assert [slide.body for slide in slides._results([rows(22)], "")] == [rows(11), rows(11)]
    wordy = "a word " * 40  # three lines a cell
    assert [slide.body for slide in slides._results([rows(6, wordy)], "")] == [rows(3, wordy)] * 2
    note = slidetext.split("<p>before</p>" + rows(14) + "<p>after</p>")
    assert [page.count("before") for page in note] == [1, 0]
    assert [page.count("after") for page in note] == [0, 1]
    two = "<table><tbody><tr></tr></tbody></table><table><tbody><tr></tr></tbody></table>"
    assert slidetext.split(two) == [two]


def test_too_much_text_goes_on_on_the_next_slide_and_what_belongs_together_stays_so():
    long, equation = "many words " * 75, "$$\\frac{a}{b}$$"
    pages = slidetext.ideas(f"## 1. T (1 min)\n{long}\n\nThe rule is\n\n{equation}")
    assert len(pages) == 2
    assert "The rule is" not in pages[0]
    assert all(slidetext.height(page) <= slidetext.FULL for page in pages)


def test_a_prediction_does_not_repeat_the_slide_before_it():
    part = "The network has seen no sun.\n\n**Predict, then run.** Does it fail?"
    lead = '<div class="lead"><p>The network has seen no sun.</p></div>'
    assert slidetext.asked(part, "<p>Another thing.</p>") == lead + "<p>Does it fail?</p>"
    assert slidetext.asked(part, "<p>One.</p>\n<p>The network has seen no sun.</p>") == "<p>Does it fail?</p>"


def test_notes_lie_under_the_slide_that_they_belong_to():
    deck = slides.deck(TINY)
    noted = [slide for slide in deck if slide.notes]
    assert noted
    assert "Ask the room first." in "\n".join(note for slide in noted for note in slide.notes)
    assert all("Ask the room first." not in slide.body for slide in deck)


def test_formulas_are_drawn_or_refused_by_name():
    assert 'aria-label="formula: \\frac1n \\sum_s d_s"' in formula.svg(r"\frac1n \sum_s d_s")
    tall, flat = (re.search(r"height:([\d.]+)em", formula.svg(tex))[1] for tex in (r"\frac{a}{b}", "a"))
    assert float(tall) > 1.5 * float(flat)
    with pytest.raises(formula.FormulaError, match=r"'\\\\nonsense x' cannot be drawn"):
        formula.svg(r"\nonsense x")


def test_the_slides_command_says_where_figures_come_from(base, capsys):
    out = base / "decks"
    assert slides.main(["--root", str(base), "--runs", str(base / "none"), "--out", str(out)]) == 0
    assert "run `make course` first" in capsys.readouterr().out
    assert (out / "index.html").is_file()


def test_the_slides_command_names_the_lessons_whose_figures_are_outdated(base, capsys):
    import nbformat

    (base / "runs" / "notebooks").mkdir(parents=True)
    book, asked = executed()
    book.cells.append(nbformat.v4.new_code_cell("of_last_week()", outputs=asked.outputs))
    nbformat.write(book, base / "runs" / "notebooks" / "02_tiny.ipynb")
    call = ["--root", str(base), "--runs", str(base / "runs"), "--out", str(base / "decks")]
    assert slides.main(call) == 0
    assert "changed since they ran: 02 (1); run `make course` again" in capsys.readouterr().out
    del book.cells[-1]
    nbformat.write(book, base / "runs" / "notebooks" / "02_tiny.ipynb")
    assert slides.main(call) == 0
    assert "Left out" not in capsys.readouterr().out


def test_the_slides_command_warns_of_figures_from_smoke_mode(base, capsys):
    import nbformat

    (base / "runs" / "notebooks").mkdir(parents=True)
    call = ["--root", str(base), "--runs", str(base / "runs"), "--out", str(base / "decks")]
    for mode in ("smoke", "laptop"):
        book, _ = executed()
        book.metadata["gltr"] = {"mode": mode}
        nbformat.write(book, base / "runs" / "notebooks" / "02_tiny.ipynb")
        assert slides.main(call) == 0
        warned = "These figures are from smoke mode: run `make course` before you teach." in capsys.readouterr().out
        assert warned == (mode == "smoke")
