"""The five-line example runs as it is, on anyone's folder, and without its five lines."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SCRIPT = Path(__file__).parents[1] / "examples" / "own_loop.py"
MARK = re.compile(r"# [1-5]/5$")


def run(script: Path, *args: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(SCRIPT.parents[1])}
    return subprocess.run(
        [sys.executable, str(script), *args], capture_output=True, text=True, env=environment, timeout=300
    )


def test_exactly_five_lines_are_marked_in_order():
    marks = [match.group() for line in SCRIPT.read_text().splitlines() if (match := MARK.search(line))]
    assert marks == [f"# {n}/5" for n in range(1, 6)]


@pytest.mark.slow
def test_runs_without_a_folder_and_saves(tmp_path):
    done = run(SCRIPT, "--steps", "2", "--size", "32", "64", "--batch", "2", "--save", str(tmp_path / "net.pt"))
    assert done.returncode == 0, done.stderr
    assert "step 2/2: loss" in done.stdout
    assert (tmp_path / "net.pt").stat().st_size > 100_000


@pytest.mark.slow
def test_runs_on_a_folder_and_is_a_plain_loop_without_its_five_lines(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    for n in range(2):
        Image.fromarray(rng.integers(0, 256, (30, 50, 3), dtype=np.uint8)).save(tmp_path / "images" / f"{n}.jpg")
        Image.fromarray(rng.integers(0, 19, (30, 50), dtype=np.uint8)).save(tmp_path / "labels" / f"{n}.png")
    plain = tmp_path / "plain.py"
    plain.write_text("\n".join(line for line in SCRIPT.read_text().splitlines() if not MARK.search(line)))
    for script in (SCRIPT, plain):
        done = run(script, "--folder", str(tmp_path), "--steps", "2", "--size", "32", "64")
        assert done.returncode == 0, done.stderr
        assert "step 2/2: loss" in done.stdout


@pytest.mark.slow
def test_an_empty_folder_is_named(tmp_path):
    done = run(SCRIPT, "--folder", str(tmp_path), "--steps", "1")
    assert done.returncode == 2
    assert "images: no such folder" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_nothing_to_do_is_an_error():
    done = run(SCRIPT, "--steps", "0")
    assert done.returncode == 2
    assert "expected at least 1" in done.stderr
