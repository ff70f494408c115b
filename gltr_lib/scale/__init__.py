"""Training at full scale: data sets of files, GPUs, several processes and machines (Hugging Face Accelerate).

:func:`fit` trains in the processes that call it; :func:`launch` starts them from anywhere (torchrun),
:func:`notebook` from a notebook. :mod:`gltr_lib.engine` is the small sister for pictures that fit in memory.
Names load on first use (PEP 562).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gltr_lib.scale.data import Data
    from gltr_lib.scale.result import FitResult
    from gltr_lib.scale.run import fit
    from gltr_lib.scale.start import launch, notebook

_HOME = {"Data": "data", "FitResult": "result", "fit": "run", "launch": "start", "notebook": "start"}
__all__ = ["Data", "FitResult", "fit", "launch", "notebook"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"gltr_lib.scale.{_HOME[name]}"), name)
    raise AttributeError(f"module 'gltr_lib.scale' has no attribute {name!r}; public names: {', '.join(__all__)}")
