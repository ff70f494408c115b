"""The study: every published number of the embedded world, declared, resumable, from ledger to table.

``grid`` declares the runs, ``run`` trains and scores what is missing, ``plan`` says what is left and for how long,
``photos`` scores the networks on real photographs, ``tables`` renders the README's tables and the figure. Use it as
``gltr study`` or, where only torch and its few companions are installed, ``python -m gltr_lib.study``.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "Run": "grid", "Settings": "grid", "Streets": "grid",
    "Places": "run", "run_study": "run", "load_network": "run",
    "score_real": "photos",
    "headline_figure": "tables", "headline_table": "tables", "real_table": "tables", "save_figure": "tables",
    "write_tables": "tables",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    # Lazy, so that `gltr study --help` and the tables need no torch.
    if name in _HOME:
        return getattr(importlib.import_module(f"gltr_lib.study.{_HOME[name]}"), name)
    raise AttributeError(f"module 'gltr_lib.study' has no attribute {name!r}; names: {', '.join(_HOME)}")
