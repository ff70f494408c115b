"""The built site, read from its files: nothing from elsewhere, no dead link, no mute picture, nothing typed."""

import json
import re
from pathlib import Path

import pytest

pytestmark = [pytest.mark.site, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def faults(site):
    from sitekit.audit import audit

    return audit(site)


@pytest.mark.parametrize("kind", ["remote", "dead", "mute"])
def test_audit(faults, kind):
    assert not faults[kind], "\n".join(faults[kind][:40])


def test_the_audit_saw_the_site(site):
    from sitekit.audit import read

    pages = {path.relative_to(site).as_posix(): read(path) for path in site.rglob("*.html")}
    assert len(pages) > 40
    assert pages["lessons/02_adain.html"].images > 5
    assert sum(len(page.links) for page in pages.values()) > 1000


def lesson_names():
    return sorted(path.stem for path in (ROOT / "lessons").glob("[0-9]*.py"))


def test_every_lesson_says_when_how_and_with_what_it_was_executed(site):
    for name in lesson_names():
        text = (site / "lessons" / f"{name}.html").read_text(encoding="utf-8")
        assert re.search(r"Executed on <strong>20\d\d-\d\d-\d\d</strong> in \d+ min \d\d s on \d+ CPU core", text), name
        assert re.search(r"(Smoke|Laptop|Full) mode", text), name
        assert re.search(r"torch \d+\.\d+", text), name
        assert "Show a solution" in text, f"{name}: solutions are folded"
        assert "the notebook to work in" in re.sub(r"<[^>]+>", "", text)


def test_figures_keep_the_words_that_the_lesson_gave_them(site):
    text = (site / "lessons" / "02_adain.html").read_text(encoding="utf-8")
    alts = re.findall(r'<img alt="([^"]+)"', text)
    assert any("painted night sky in broad brush strokes" in alt for alt in alts)
    assert not any(re.fullmatch(r"\S+\.(png|jpe?g|webp)", alt) for alt in alts), "a file's name says nothing"


def test_no_widget_waits_for_a_kernel(site):
    for path in (site / "lessons").glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert "vnd.jupyter.widget" not in text, path.name
        assert "embed-amd" not in text, path.name


def test_both_editions_can_be_taken_away(site):
    found = {path.name for path in (site / "_downloads").rglob("*.ipynb")}
    assert found == {f"{name}.ipynb" for name in lesson_names()}
    texts = [path.read_text(encoding="utf-8") for path in (site / "_downloads").rglob("02_adain.ipynb")]
    assert sorted("your turn" in text for text in texts) == [False, True], "the student edition and the solved one"


def test_tables_are_the_ledgers(site):
    from gltr_lib import ledger
    from gltr_lib.study import documents, tables

    text = re.sub(r"<[^>]+>", " ", (site / "results" / "index.html").read_text(encoding="utf-8"))
    words = " ".join(text.split())
    rows = tables.headline_rows(ledger.read(ROOT / "results" / "headline.jsonl"))
    for (method, data), cell in ledger.summarise(rows).items():
        if method in tables.METHOD_NAMES and data in tables.COLUMN_NAMES and cell.n > 1:
            assert f"{100 * cell.mean:.1f} ± {100 * cell.sd:.1f}" in words, (method, data)
    shown = documents.tables(ROOT / "results")  # the page says "not run" only where one of its own tables does
    assert "not run" not in words or any(
        "not run" in shown[f"table:{n}"]() for n in ("headline", "controls", "gap", "real")
    )


def test_every_public_module_has_its_page_and_every_page_its_names(site):
    from sitekit.pages import LEFT_OUT, api_modules

    import gltr_lib

    named = [name for names in api_modules().values() for name in names]
    assert len(named) == len(set(named))
    assert {name.split(".")[0] for name in named} | LEFT_OUT >= set(gltr_lib._MODULES)
    for module, name in [("adain", "channel_stats"), ("masks", "blob_mask"), ("scale", "fit"), ("datasets", "LAYOUTS")]:
        text = (site / "api" / f"{module}.html").read_text(encoding="utf-8")
        assert f'id="gltr_lib.{module}.{name}"' in text


def test_every_explorer_has_a_twin(site):
    from sitekit import twins

    from gltr_lib import explorers

    assert twins.without() == [], "give it its axes in docs/sitekit/twins.py"
    text = (site / "explorers.html").read_text(encoding="utf-8")
    blocks = re.findall(r'<script type="application/json" class="twin-data">(.*?)</script>', text, re.DOTALL)
    assert len(blocks) == len(explorers.all_explorers())
    for block in blocks:
        data = json.loads(block)
        count = 1
        for axis in data["axes"]:
            count *= len(axis["values"])
        assert len(data["frames"]) == count
        for frame in data["frames"]:
            file = site / data["folder"] / frame["file"]
            assert 1000 < file.stat().st_size < 150_000
            assert len(frame["words"]) > 40
        assert len({frame["words"] for frame in data["frames"]}) > count // 2, "words follow the picture"


def test_it_fits_on_a_stick(site):
    total = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    assert total < 120e6, f"{total / 1e6:.0f} MB"
