"""The page of what was not reproduced: each figure has its source, the tables are the data's, the words fit them."""

from __future__ import annotations

import copy
import re
import sys
from pathlib import Path

import pytest

from gltr_lib import ledger

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "not_reproduced.md"
TEXT = PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def published():
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        import make_published

        return make_published
    finally:
        sys.path.remove(str(ROOT / "docs"))


@pytest.fixture(scope="module")
def content(published):
    return published.read()


def pairs(content):
    """(plain, with GTR-LTR) of each network of the table on large pretrained networks."""
    rows = [row for row in content["rows"] if row["table"] == "vireo"]
    return list(zip(rows[0::2], rows[1::2], strict=True))


def test_the_tables_are_those_of_the_data(published, content):
    for name in published.TABLES:
        assert ledger.between(PAGE, f"published:{name}") == published.render(content, name), (
            "python docs/make_published.py"
        )


def test_every_figure_has_a_source_and_a_place_in_it(content):
    for row in content["rows"]:
        assert row["source"] in content["sources"]
    for text in content["sources"].values():
        assert re.search(r"Table \d|README|page|\.txt", text), f"{text}: where in it?"
    assert {row["source"] for row in content["rows"]} == set(content["sources"]), "a source that no row uses"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": ""}, "source '' is not among"),
        ({"source": "memory"}, "source 'memory' is not among"),
        ({"table": "other"}, "table 'other'"),
        ({"average_is": ""}, "printed or computed"),
        ({"average_is": "computed", "average": 40.0}, "is not 40.0"),
    ],
)
def test_a_figure_without_its_source_is_an_error(published, content, tmp_path, change, message):
    import json

    broken = copy.deepcopy(content)
    broken["rows"][0].update(change)
    path = tmp_path / "published.json"
    path.write_text(json.dumps(broken), encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(message)):
        published.read(path)


def test_no_figure_of_the_prose_is_missing_from_the_data(content):
    prose = re.sub(r"<!-- published:(\w+) -->.*?<!-- /published:\1 -->", "", TEXT, flags=re.S)
    known = {row[key] for row in content["rows"] for key in ("C", "B", "M", "average")}
    figures = {float(found) for found in re.findall(r"\b\d\d\.\d{1,2}\b", prose)}
    assert figures <= known


def test_what_the_page_says_of_the_pretrained_networks_is_what_the_table_says(content):
    lower = [round(plain["average"] - added["average"], 1) for plain, added in pairs(content)]
    assert len(lower) == 4
    assert min(lower) == 0.1  # "in one case by a tenth of a point"
    gains = {
        (plain["network"], target): round(added[target] - plain[target], 1)
        for plain, added in pairs(content)
        for target in ("C", "B", "M")
        if added[target] > plain[target]
    }
    assert gains == {
        ("EVA02-L, all of it trained", "B"): 1.2,
        ("DINOv2-L, frozen", "B"): 1.6,
        ("DINOv2-L, all of it trained", "M"): 0.3,
    }
    for gain in gains.values():
        assert f"(+{gain})" in TEXT


def test_the_lesson_prints_the_same_rows(content):
    lesson = next((ROOT / "lessons").glob("08_*.py")).read_text(encoding="utf-8")
    printed = re.findall(
        r"^# \| (?:EVA02|DINOv2)-L \|.*\| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", lesson, re.M
    )
    rows = [row for pair in pairs(content) for row in pair]
    assert [tuple(map(float, cells)) for cells in printed] == [(r["C"], r["B"], r["M"], r["average"]) for r in rows]


def test_every_remark_on_the_code_says_where():
    table = TEXT.split("## What the official code lacks")[1].split("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(lines) >= 10
    for line in lines:
        assert re.search(r"l\. \d+|not there at all", line), line
    assert "c0ef035" in table


def test_the_page_is_reached_from_the_readme_and_the_site():
    assert "docs/not_reproduced.md" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "not_reproduced" in (ROOT / "docs" / "site" / "guides_index.md").read_text(encoding="utf-8")
