"""Tests share a machine with others: torch gets few threads. Each begins without old variables and old failures."""

import os
import sys

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "2")


def pytest_configure(config):
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


@pytest.fixture(autouse=True)
def _afresh(monkeypatch):
    for name in ("COURSE_MODE", "COURSE_SEED", "COURSE_RUNS", "COURSE_STRICT", "COURSE_FAULTS"):
        monkeypatch.delenv(name, raising=False)
    base = sys.modules.get("gltr_lib.explorers._base")
    if base is not None:
        base.FAILURES.clear()
