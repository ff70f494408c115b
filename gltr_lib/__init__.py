"""Global and Local Texture Randomization (GTR, LTR) and their consistency (CGL) for semantic segmentation.

After Peng et al., "Global and Local Texture Randomization for Synthetic-to-Real Semantic Segmentation",
IEEE TIP 2021. Names load on first use (PEP 562), so ``import gltr_lib`` and ``gltr --help`` stay quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gltr_lib._version import __version__

if TYPE_CHECKING:
    from gltr_lib.randomize import GlobalTextureRandomization, LocalTextureRandomization
    from gltr_lib.style_bank import StyleBank
    from gltr_lib.stylizer import Stylizer

_HOME = {
    "Stylizer": "stylizer",
    "StyleBank": "style_bank",
    "GlobalTextureRandomization": "randomize",
    "LocalTextureRandomization": "randomize",
}
_MODULES = (
    "adain", "baselines", "bench", "checks", "cli", "complexity", "config", "cost", "course", "datasets", "doctor",
    "engine", "evaluate", "evaluation", "explorers", "labels", "ledger", "losses", "masks", "metrics", "models",
    "offline", "paintings", "prepare", "probes", "randomize", "real", "real_sets", "scale", "streets", "study",
    "style_bank", "stylizer", "views", "viz", "weights", "workflows",
)  # fmt: skip
__all__ = ["GlobalTextureRandomization", "LocalTextureRandomization", "StyleBank", "Stylizer", "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"gltr_lib.{_HOME[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"gltr_lib.{name}")
    raise AttributeError(f"module 'gltr_lib' has no attribute {name!r}; public names: {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_MODULES])
