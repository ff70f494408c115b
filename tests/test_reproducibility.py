"""docs/reproducibility.md, held: the digests of everything that a seed decides, here, elsewhere and as recorded."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import repro_digests as digests_of
import torch

ROOT = Path(__file__).resolve().parents[1]
RECORDED = json.loads((ROOT / "tests" / "fixtures" / "digests.json").read_text())


@pytest.fixture(scope="module")
def here():
    return digests_of.digests()


@pytest.mark.slow
def test_digests_are_those_that_were_recorded(here):
    assert digests_of.differences(RECORDED, here) == []


@pytest.mark.slow
def test_another_process_makes_the_same_bytes(here):
    # Another hash seed, another working folder's name in the environment, a fresh global random state.
    env = os.environ | {"PYTHONHASHSEED": "12345", "OMP_NUM_THREADS": str(torch.get_num_threads())}
    env |= {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(ROOT / "tests" / "repro_digests.py")]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    there = json.loads(done.stdout)
    assert digests_of.differences(here, there, bitwise=True) == []


def test_a_change_would_be_seen():
    other = json.loads(json.dumps(RECORDED))
    assert digests_of.differences(RECORDED, other) == []
    other["exact"]["streets/game/labels"] = "0" * 16
    other["close"]["masks/sigma 40"][0] += 0.01
    other["close"]["streets/sun/images"][1] *= 1.00001  # rounding
    del other["close"]["training/losses"]
    said = "\n".join(digests_of.differences(RECORDED, other))
    assert "streets/game/labels: other bytes" in said
    assert "masks/sigma 40: mean, spread or places differ" in said
    assert "training/losses: only in one" in said
    assert "sun" not in said
    other = json.loads(json.dumps(RECORDED))
    other["bytes"]["masks/sigma 40"] = "0" * 16
    assert digests_of.differences(RECORDED, other, bitwise=True) == ["masks/sigma 40: other bytes"]


def test_another_place_of_the_same_values_would_be_seen():
    mask = torch.zeros(3, 64, 128)
    mask[:, :, :64] = 1
    one, other = ({"exact": {}, "close": {"masks/a": digests_of.summary(m)}} for m in (mask, mask.flip(-1)))
    assert digests_of.differences(one, other)


def test_every_promise_names_a_test_that_exists():
    page = (ROOT / "docs" / "reproducibility.md").read_text()
    named = set(re.findall(r"`(test_\w+)`", page))
    assert len(named) > 12
    text = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert not {name for name in named if f"def {name}(" not in text}
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| what")]
    assert all("`test_" in line or "not tested here" in line for line in rows), "a promise that nothing holds"
