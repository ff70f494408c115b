"""Tests share a machine with others: torch gets few threads, and the course's variables start unset."""

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "2")


def pytest_configure(config):
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


@pytest.fixture(autouse=True)
def _course_variables_unset(monkeypatch):
    for name in ("COURSE_MODE", "COURSE_SEED", "COURSE_RUNS", "COURSE_STRICT", "COURSE_FAULTS"):
        monkeypatch.delenv(name, raising=False)
