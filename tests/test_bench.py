"""The bench: what it refuses to time, what it counts, its cases at tiny sizes, and the page made of its ledger."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from gltr_lib import bench

ROOT = Path(__file__).resolve().parents[1]
RATES = {"bytes/s": 1e9, "flop/s": 1e10}


def load(name):
    spec = importlib.util.spec_from_file_location(f"bench_{name}", ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def made(**changes):
    usual = {"ours": lambda: 1, "theirs": lambda: 1, "check": lambda a, b: "" if a == b else f"{a} is not {b}"}
    return bench.Made(**usual | changes)


def test_another_result_is_never_timed():
    calls = []
    case = bench.Case("sum", lambda: made(theirs=lambda: calls.append(1) or 2), "the plain loop")
    with pytest.raises(RuntimeError, match="sum: ours and the plain loop do not compute the same: 1 is not 2"):
        bench.run_case(case, 5, RATES)
    assert len(calls) == 1


def test_a_peer_that_is_not_installed_is_said():
    def absent():
        raise ModuleNotFoundError("no", name="kornia")

    row = bench.run_case(bench.Case("blur", absent, "kornia"), 1, RATES)
    assert row == {"name": "blur", "against": "kornia", "missing": "kornia is not installed"}
    assert bench.line(row) == "  blur: not measured, kornia is not installed"


def test_functions_take_turns_and_what_a_case_holds_is_released():
    order = []
    case = bench.Case(
        "turns",
        lambda: made(ours=lambda: order.append("a"), theirs=lambda: order.append("b"), close=lambda: order.append(".")),
    )
    bench.run_case(case, 3, RATES)
    assert "".join(order).endswith("ababab.")


def test_ratio_units_promise_and_limit(monkeypatch):
    from gltr_lib import bench as module

    monkeypatch.setattr(module, "turns", lambda functions, repeat: [[0.004] * 4, [0.010] * 4][: len(functions)])
    two = lambda: made(units=2, peer_units=1, bytes=1e6, flops=1e6)  # noqa: E731
    row = bench.run_case(bench.Case("x", two, "y", promised=4.0), 4, RATES)
    assert (row["ours_ms"], row["theirs_ms"], row["ratio"], row["kept"]) == (2.0, 10.0, 5.0, True)
    assert (row["limit_ms"], row["times_limit"]) == (0.5, 4.0)  # a megabyte at 1 GB/s, for two units
    assert bench.run_case(bench.Case("x", two, "y", promised=6.0), 4, RATES)["kept"] is False
    assert bench.run_case(bench.Case("x", two, "y", at_most=5.5), 4, RATES)["kept"] is True
    assert bench.run_case(bench.Case("x", two, "y", at_most=4.5), 4, RATES)["kept"] is False
    assert bench.run_case(bench.Case("x", two, "y"), 4, RATES)["kept"] is None


def test_peak_memory_sees_what_a_call_takes_for_a_moment():
    held = bench.peak_mib(lambda: torch.ones(2**24).sum())
    if held is None:
        pytest.skip("this system does not tell")
    assert 48 < held < 200  # 64 MiB


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in bench.PATHS if name not in ("start", "folder")])
def test_every_hot_path_runs_and_agrees_with_its_peer(name):
    result = bench.bench(1, small=True, only=[name])
    assert result["rows"], name
    for row in result["rows"]:
        assert "missing" not in row, row
        assert row["ours_ms"] > 0
        assert row["kept"] is None, "promises are about real sizes"
    assert "promises measured: 0, all kept" in bench.render(result)


@pytest.mark.slow
def test_folders_are_stylised_and_the_temporary_ones_are_gone(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    result = bench.bench(1, small=True, only=["folder"])
    assert [row["ratio"] > 0 for row in result["rows"]] == [True] * 4
    assert list(tmp_path.iterdir()) == []


def test_help_needs_no_torch():
    assert bench.load_path("start").no_torch_behind_help() == ""


def test_paths_and_files_are_the_same():
    files = {path.stem.removeprefix("path_") for path in (ROOT / "benchmarks").glob("path_*.py")}
    assert files == set(bench.PATHS)
    with pytest.raises(ValueError, match="unknown 'speed'; valid: masks"):
        bench.load_path("speed")


def test_without_a_checkout_it_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(bench, "FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError, match="needs the project's checkout"):
        bench.load_path("masks")


def test_a_tiny_run_is_not_kept_and_a_real_one_is(tmp_path):
    result = {"small": True, "rows": []}
    with pytest.raises(ValueError, match="measures nothing"):
        bench.keep(result, tmp_path / "bench.jsonl")
    bench.keep(result | {"small": False}, tmp_path / "bench.jsonl")
    assert set(json.loads((tmp_path / "bench.jsonl").read_text())) >= {"date", "commit", "rows"}
    with (tmp_path / "bench.jsonl").open("a") as file:
        file.write('{"date": "20')  # a writer was killed here
    bench.keep(result | {"small": False}, tmp_path / "bench.jsonl")
    first, torn, last = (tmp_path / "bench.jsonl").read_text().splitlines()
    assert (json.loads(first)["rows"], torn, json.loads(last)["rows"]) == ([], '{"date": "20', [])


def test_official_mask_keeps_its_share():
    peers = load("peers")
    masks = [peers.official_mask(64, 64, 0.25, np.random.default_rng(seed)) for seed in range(40)]
    assert np.mean(masks) == pytest.approx(0.75, abs=0.05)  # the formula's mask is 1 where the picture stays raw


def test_the_page_is_the_ledgers():
    page, tables = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8"), load("tables")
    for marker, text in tables.tables(tables.read()).items():
        assert f"<!-- table:{marker} -->\n{text}\n<!-- /table:{marker} -->" in page, "run python benchmarks/tables.py"


def test_the_page_shows_three_runs_newest_first_and_what_was_lost(tmp_path):
    tables = load("tables")
    row = {
        "name": "mask", "against": "SciPy", "ours_ms": 1.0, "ours_spread": [0.9, 1.1], "theirs_ms": 20.0,
        "promised": 20.0,
    }  # fmt: skip
    about = {"commit": "abc", "device": "cpu", "threads": 2, "load": 0.1, "rates": RATES}
    runs = [
        about | {"date": f"2027-01-0{day}T00:00:00", "rows": [row | {"ratio": ratio, "kept": ratio >= 20}]}
        for day, ratio in ((1, 25.0), (2, 21.0), (3, 19.0), (4, 22.0))
    ]
    (tmp_path / "bench.jsonl").write_text("".join(json.dumps(run) + "\n" for run in runs))
    shown = tables.tables(tables.read(tmp_path / "bench.jsonl"))
    assert "| 22, 19, 21 | ≥ 20 kept |" in shown["bench"]
    assert shown["bench runs"].splitlines()[3].endswith("| mask |")
    assert shown["bench runs"].splitlines()[2].endswith("| all kept |")


@pytest.mark.slow
def test_growth_is_measured_drawn_and_said(tmp_path):
    growth = load("growth")
    assert growth.main(["--small", "--repeat", "1", "--out", str(tmp_path)]) == 0
    points = json.loads((tmp_path / "bench_growth.json").read_text())["points"]
    assert set(points) == set(growth.PATHS)
    said = (tmp_path / "bench_growth.txt").read_text()
    assert "masks, by batch: from" in said
    assert (tmp_path / "bench_growth.png").stat().st_size > 10_000
    sys.modules.pop("bench_growth", None)
