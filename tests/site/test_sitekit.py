"""The site's tools, without building a site: each finds what is planted."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "tests" / "fixtures" / "02_tiny.py"

audit = pytest.importorskip("sitekit.audit")
colab = pytest.importorskip("colab")


# ------------------------------------------------------------------------------------------ the audit


@pytest.fixture
def planted(tmp_path):
    (tmp_path / "a.css").write_text('@import "//cdn.example/font.css"; b { background: url(gone.png) }')
    (tmp_path / "a.js").write_text('fetch("https://cdn.example/data.json"); // see https://example.org')
    (tmp_path / "index.html").write_text(
        '<h1 id="top">x</h1><script src="https://cdn.example/x.js"></script><link rel="stylesheet" href="a.css">'
        '<link rel="canonical" href="https://example.org/"><a href="https://example.org">a person may follow it</a>'
        '<a href="#top">ok</a><a href="other.html#nowhere">dead</a><a href="gone.html">dead</a><img src="a.css">'
        '<img src="a.css" alt="words"><style>@font-face { src: url(https://fonts.example/f.woff2) }</style>'
    )
    (tmp_path / "other.html").write_text('<p id="here">x</p><a href="index.html#top">ok</a>')
    return tmp_path


def test_the_audit_finds_what_is_planted_and_nothing_else(planted):
    faults = audit.audit(planted)
    assert sorted(faults["remote"]) == [
        "a.css: //cdn.example/font.css",
        "a.js: https://cdn.example/data.json",
        "index.html: https://cdn.example/x.js",
        "index.html: https://fonts.example/f.woff2",
    ]
    assert sorted(faults["dead"]) == ["a.css: gone.png", "index.html: gone.html", "index.html: other.html#nowhere"]
    assert faults["mute"] == ["index.html: a.css"]
    assert audit.main([str(planted)]) == 1


def test_the_audit_wants_a_site(tmp_path):
    with pytest.raises(ValueError, match=r"no index\.html; run make site"):
        audit.audit(tmp_path)


# ------------------------------------------------------------------------------------------ executed notebooks


def executed_base(tmp_path, **stamp):
    """A repository with one lesson and a run of it."""
    from gltr_lib.course.build import build_notebook

    (tmp_path / "lessons").mkdir()
    lesson = Path(shutil.copy(TINY, tmp_path / "lessons"))
    book = nbformat.reads(build_notebook(lesson, "solved"), as_version=4)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    code[0].outputs = [nbformat.v4.new_output("stream", name="stdout", text="it ran")]
    book.metadata["gltr"] = {"clean": True, "mode": "smoke"} | stamp
    (tmp_path / "runs" / "notebooks").mkdir(parents=True)
    nbformat.write(book, tmp_path / "runs" / "notebooks" / "02_tiny.ipynb")
    return lesson


def test_a_run_serves_as_long_as_the_code_is_the_same(tmp_path):
    from sitekit import executed

    lesson = executed_base(tmp_path)
    lesson.write_text(lesson.read_text().replace("**Question.**", "**Question.** Mended."))
    found, missing = executed.load_all(tmp_path, tmp_path / "runs")
    assert not missing
    assert "Mended." in found[0].notebook.cells[0].source, "prose is today's"
    assert "it ran" in json.dumps(found[0].notebook), "outputs are the run's"
    lesson.write_text(lesson.read_text().replace("return 3 * number", "return number * 3"))
    assert executed.load_all(tmp_path, tmp_path / "runs") == ([], [lesson])


def test_an_unclean_run_does_not_serve(tmp_path):
    from sitekit import executed

    lesson = executed_base(tmp_path, clean=False)
    assert executed.load(lesson, tmp_path / "runs", tmp_path) is None


def test_where_runs_are_looked_for(tmp_path, monkeypatch):
    from sitekit import executed

    assert executed.runs_folder(tmp_path) == tmp_path / "runs" / "course"
    monkeypatch.setenv("COURSE_MODE", "smoke")
    assert executed.runs_folder(tmp_path) == tmp_path / "runs" / "smoke"
    monkeypatch.setenv("COURSE_RUNS", "elsewhere")
    assert executed.runs_folder(tmp_path) == Path("elsewhere")


def test_remains_of_a_kernel_go(monkeypatch):
    from sitekit import lessons, twins

    bar = nbformat.v4.new_output("stream", name="stderr", text="100%|####|")
    assert lessons.clean(bar) == []
    kept = nbformat.v4.new_output("stream", name="stdout", text="a number")
    assert lessons.clean(kept) == [kept]
    button = nbformat.v4.new_output("display_data", {lessons.WIDGET: {}, "text/plain": "FileUpload(value=())"})
    (said,) = lessons.clean(button)
    assert "(FileUpload); it needs a kernel" in said.data["text/html"]
    picture = nbformat.v4.new_output("display_data", {lessons.WIDGET: {}, "image/png": "x", "text/plain": "y"})
    assert set(lessons.clean(picture)[0].data) == {"image/png", "text/plain"}
    monkeypatch.setattr(twins, "embed", lambda twin, place, prefix: f"twin of {twin.name} as {place} at {prefix}")
    explorer = nbformat.v4.new_output("display_data", {lessons.WIDGET: {}, "text/plain": "[AdaIN] words"})
    (shown,) = lessons.clean(explorer, [SimpleNamespace(name="adain", title="AdaIN")], "7-0")
    assert shown.data["text/html"] == "twin of adain as 7-0 at ../"


# ------------------------------------------------------------------------------------------ sheets and README


def lesson_files():
    return sorted((ROOT / "lessons").glob("[0-9]*.py"))


def test_every_lesson_has_a_sheet_of_less_than_100_kb_with_words():
    from PIL import Image

    words = json.loads((ROOT / "docs" / "figures" / "lessons" / "sheets.json").read_text())
    assert set(words) == {path.stem for path in lesson_files()}
    for path in lesson_files():
        file = ROOT / "docs" / "figures" / "lessons" / f"{path.stem[:2]}.jpg"
        assert 5_000 < file.stat().st_size < 100_000
        assert Image.open(file).size == (800, 450)
        assert 40 < len(words[path.stem]) <= 640


def test_the_readmes_lesson_table_is_what_lessons_and_promises_say():
    import make_thumbnails

    from gltr_lib.ledger import between

    assert between(ROOT / "README.md", "lessons") == make_thumbnails.table(ROOT), "run make sheets ARGS=--table"


def test_a_sheet_shows_its_figures_whole(tmp_path):
    from PIL import Image
    from sitekit import sheets

    colours = ["#c00000", "#00a000", "#0000c0", "#c0a000"]
    tiles = [sheets.Tile(i, Image.new("RGB", (200 + 90 * i, 150), c), f"picture {i}") for i, c in enumerate(colours)]
    chosen, rows = sheets.choose(tiles)
    assert 3 <= len(chosen) == sum(rows)
    assert [tile.place for tile in chosen] == sorted(tile.place for tile in chosen), "in the lesson's order"
    page = sheets.sheet(chosen, rows)
    assert page.size == (800, 450)
    seen = {page.getpixel((x, y)) for x in range(0, 800, 5) for y in range(0, 450, 5)}
    assert {tile.image.getpixel((0, 0)) for tile in chosen} <= seen
    assert page.getpixel((2, 2)) == (255, 255, 255)
    assert len(sheets.encode(page)) < 100_000
    with pytest.raises(ValueError, match="does not fit into 10 bytes"):
        sheets.encode(page, limit=10)
    with pytest.raises(ValueError, match="without figures"):
        sheets.choose([])


# ------------------------------------------------------------------------------------------ pages, twins


def test_links_of_documents_lead_somewhere_on_the_site(tmp_path):
    from sitekit import pages

    text = (
        "[scale](docs/scale.md#measured) [two](notebooks/02_adain.ipynb) [`gltr_lib/adain.py`](gltr_lib/adain.py) "
        "[web](https://example.org) ![cover](docs/figures/cover.png)"
    )
    said = pages.relink(text, "README.md", "guides/real_data.md", ROOT, tmp_path)
    assert "[scale](../guides/scale.md#measured)" in said
    assert "[two](../lessons/02_adain.ipynb)" in said
    assert "`gltr_lib/adain.py`" in said
    assert "](gltr_lib/adain.py)" not in said
    assert "[web](https://example.org)" in said
    assert "![cover](../docs/figures/cover.png)" in said
    assert (tmp_path / "docs" / "figures" / "cover.png").is_file()


def test_a_section_ends_at_the_next_heading_and_not_at_a_comment_in_its_code():
    from sitekit import pages

    code = "```bash\n# 1. Get it.\nmake it\n\n## twice\n```"
    text = f"# a\n\n## b\n\nword\n\n{code}\n\n### below\n\nlast\n\n## c\n\nother\n"
    assert pages.section(text, "## b") == f"word\n\n{code}\n\n### below\n\nlast"
    assert pages.section(text, "## c") == "other"
    with pytest.raises(ValueError, match="no heading '## twice'"):
        pages.section(text, "## twice")


def test_the_sites_walk_to_a_table_holds_every_command_of_the_readme():
    from sitekit import pages

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    walk = pages.section(readme, "## Real data: from an empty disk to a table")
    assert walk.count("```") == 2, "the block of commands is whole"
    assert "gltr evaluate runs/baseline" in walk
    assert "## What is where" not in walk


def test_the_page_of_the_own_loop_is_the_readmes_section_and_then_the_document(tmp_path):
    import make_site

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    text = make_site.guide("own_loop", "## Five lines in your own training loop", readme, tmp_path)
    assert text.startswith("```python\nfrom gltr_lib import GlobalTextureRandomization")
    assert (
        text.index("x_local, mask = ltr") < text.index("## Installing the library alone") < text.index("## The knobs")
    )
    assert "[at full scale](../guides/scale.md#the-arithmetic-of-a-step)" in text
    assert "](../README.md" not in text
    walk = make_site.guide("real_data", "## Real data: from an empty disk to a table", readme, tmp_path)
    assert "## " not in walk.replace("### ", ""), "the README's section alone"


def test_a_table_that_no_page_places_is_shown_all_the_same(tmp_path, monkeypatch):
    from sitekit import pages

    monkeypatch.setattr(
        pages.documents,
        "tables",
        lambda results, document=None: {"table:one": lambda: "ONE", "table:rivals": lambda: "TWO"},
    )
    page = tmp_path / "page.md"
    page.write_text("<!-- table:one -->\n<!-- /table:one -->\n")
    rest = pages.fill_tables(page, tmp_path)
    assert "ONE" in page.read_text()
    assert pages.more_tables(rest, tmp_path) == "## Rivals\n\nTWO"


def test_scores_by_class_are_means_over_seeds(monkeypatch):
    from sitekit import pages

    per_class = dict.fromkeys(pages.CLASSES)
    rows = [
        {"method": "gtr", "data": "streets/sun", "seed": seed, "per_class": per_class | {"road": value}}
        for seed, value in enumerate([0.5, 0.7])
    ]
    monkeypatch.setattr(pages.tables, "headline_rows", lambda rows: rows)
    lines = pages.class_table(rows, "streets/sun").splitlines()
    assert lines[2] == "| 0 road | 60.0 |"
    assert lines[3] == "| 1 sidewalk | – |"


def test_a_twin_escapes_what_it_shows():
    from sitekit import twins

    from gltr_lib.explorers.twin import Frame, Twin

    frames = [Frame({"alpha": a}, b"x", "image/webp", f'</script>"{a}"') for a in (0.0, 0.5, 1.0)]
    twin = Twin("adain", "A & B", {"alpha": [0.0, 0.5, 1.0]}, {"alpha": "Alpha"}, {"alpha": 0.5}, (90, 60), frames)
    said = twins.embed(twin, "7-0", prefix="../")
    assert said == twins.embed(twin, "7-0", prefix="../"), "the same place, the same block, whatever was drawn before"
    assert said.count("</script>") == 1, "a word must not end the data"
    data = json.loads(re.search(r'class="twin-data">(.*)</script>', said, re.DOTALL)[1].replace("<\\/", "</"))
    assert [frame["file"] for frame in data["frames"]] == ["000.webp", "001.webp", "002.webp"]
    assert data["frames"][1]["words"] == '</script>"0.5"'
    assert 'src="../_static/twins/adain/001.webp" width="90" height="60"' in said
    assert 'value="1" aria-valuetext="0.5"' in said
    identity = re.search(r'<label for="([\w-]+)">Alpha</label>', said)[1]
    assert f'<input type="range" id="{identity}"' in said
    assert "A &amp; B" in said
    assert twins.behind("[A & B] words", [twin]) is twin
    assert twins.behind("FileUpload()", [twin]) is None


# ------------------------------------------------------------------------------------------ Colab and the container


def test_colab_installs_what_is_missing_and_names_none_of_the_three(monkeypatch, capsys):
    there = {"torch": "2.14.0+cu126", "torchvision": "0.29.0", "numpy": "2.4.0", "pillow": "12.0", "tqdm": "4.67"}
    called, constraints = [], []

    def pip(command, **_):
        called.append(command)
        if "--constraint" in command:
            constraints.append(Path(command[command.index("--constraint") + 1]).read_text())
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(colab, "installed", lambda: dict(there))
    monkeypatch.setattr(colab.subprocess, "run", pip)
    assert colab.main([]) == 0
    first, last = called
    assert "tyro>=0.9" in first
    assert "safetensors>=0.4.5" in first
    assert not [word for word in first if re.match(r"(torch|torchvision|numpy|pillow|tqdm|jupyterlab)\b", word)]
    assert "torch==2.14.0+cu126\n" in constraints[0]
    assert "numpy==2.4.0\n" in constraints[0]
    assert last[-3:] == ["--no-deps", "--editable", str(ROOT)]
    assert not [word for word in (*first, *last) if word in ("-U", "--upgrade", "--force-reinstall")]
    called.clear()
    assert colab.main(["--dry-run"]) == 0
    assert not called


def test_colab_says_if_something_moved_or_is_absent(monkeypatch, capsys):
    states = [{"torch": "1", "torchvision": "1", "numpy": "1.26"}, {"torch": "2", "torchvision": "1", "numpy": "1.26"}]
    monkeypatch.setattr(colab, "installed", lambda: states.pop(0))
    monkeypatch.setattr(colab.subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0))
    assert colab.main([]) == 1
    said = capsys.readouterr().out
    assert "torch 1 -> 2" in said
    assert "note: torch 1 is older than the course asks for" in said
    monkeypatch.setattr(colab, "installed", lambda: {"numpy": "2.0"})
    assert colab.main([]) == 1
    assert "torch, torchvision not installed here" in capsys.readouterr().out


def test_the_colab_page_shows_the_helper():
    text = (ROOT / "docs" / "site" / "colab.md").read_text()
    assert "!python gltr/docs/colab.py" in text
    assert "has not been run on Colab" in text
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "colab.py"), "--dry-run"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "untouched: torch " in done.stdout


def test_the_container_does_what_the_makefile_offers():
    about = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
    version = re.match(r"python:3\.(\d+)", about["image"])
    assert version
    assert int(version[1]) >= 11
    target = re.fullmatch(r"make ([a-z-]+)", about["postCreateCommand"])[1]
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert about["forwardPorts"] == [8888], "JupyterLab's own port, which make lab leaves as it is"
    assert "--port" not in (ROOT / "Makefile").read_text().split("\nlab:")[1].split("\n\n")[0]
