"""The benchmark scripts: what they print, what they write into the ledger, and the table made of it."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from gltr_lib import ledger

ROOT = Path(__file__).parents[1]


def load(name):
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_on_the_scale_page_is_the_ledgers():
    page = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    shown = page.split("<!-- table:scale -->\n", 1)[1].split("\n<!-- /table:scale -->", 1)[0]
    assert shown == load("scale").table(ledger.read(ROOT / "results" / "scale.jsonl"))


def test_a_later_row_replaces_an_earlier_one():
    scale = load("scale")
    config = {"model": "m", "precision": "no", "compile": False, "forward_images": 4}
    row = {"config": config, "device": "d", "data": "x", "method": "gtr", "spread": [1.0, 2.0]}
    figures = {
        "images/s": 1.5, "peak memory (MiB)": 10.0, "share of time in randomisation": 0.25, "TFLOP/s": 0.1
    }  # fmt: skip
    rows = [row | {"metric": name, "value": value} for name, value in figures.items()]
    rows.append(row | {"metric": "images/s", "value": 1.75})
    assert "| m | gtr | no | no | 1.75 (1.00 to 2.00) | 10 | 25 % | 0.100 |" in scale.table(rows)


@pytest.mark.slow
def test_scale_measures_and_says_that_there_is_no_gpu(tmp_path):
    words = [
        "--models", "deeplab_mini", "--methods", "gtr_ltr", "--size", "32", "64", "--images", "2", "--window", "1",
        "--device", "cpu", "--ledger",
    ]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "benchmarks/scale.py", *words, str(tmp_path / "scale.jsonl")], cwd=ROOT, capture_output=True,
        text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [json.loads(line) for line in (tmp_path / "scale.jsonl").read_text().splitlines()]
    for found in rows:
        ledger.validate(found)
    values = {found["metric"]: found["value"] for found in rows}
    assert values["images/s"] > 0
    assert 0 < values["share of time in randomisation"] < 1
    assert values["GPU figures measured"] == 0
