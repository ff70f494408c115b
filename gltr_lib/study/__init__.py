"""The study: every published number of the embedded world, declared, resumable, from ledger to table.

``tiers`` names the rows and ``grid`` makes runs of them, ``run`` trains and scores what is missing, ``plan`` says what
is left and for how long, ``photos`` scores the networks on real photographs. ``evidence`` reads the ledgers,
``intervals`` draws seeds and scenes anew, ``hypotheses`` judges what was expected, ``report`` rebuilds every table and
figure. Use it as ``gltr study`` or, with torch and its few companions alone, ``python -m gltr_lib.study``.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "Run": "grid", "Settings": "grid", "Streets": "grid",
    "Places": "places", "run_study": "run", "load_network": "run", "Evidence": "evidence", "bootstrap": "intervals",
    "score_real": "photos",
    "headline_figure": "figures", "headline_table": "tables", "real_table": "tables", "write_tables": "tables",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    # Lazy, so that `gltr study --help` and the tables need no torch.
    if name in _HOME:
        return getattr(importlib.import_module(f"gltr_lib.study.{_HOME[name]}"), name)
    raise AttributeError(f"module 'gltr_lib.study' has no attribute {name!r}; names: {', '.join(_HOME)}")
