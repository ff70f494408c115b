"""Explorers: pictures that answer the hand. ``AdainExplorer().show()`` in a notebook cell.

Each is a pure function ``render(params, assets) -> (picture, words)`` in its own module with a thin view of ipywidgets
around it. The picture stays in place while its bytes change, a sentence says in words what it shows, errors appear in
a panel, and "Copy as code" holds the lines that recreate exactly this picture.
"""

from __future__ import annotations

from gltr_lib.explorers._all import all_explorers
from gltr_lib.explorers._base import FAILURES, Explorer
from gltr_lib.explorers.adain import AdainExplorer
from gltr_lib.explorers.assets import Assets, shipped
from gltr_lib.explorers.bank import StyleBankExplorer
from gltr_lib.explorers.composer import AugmentationComposer
from gltr_lib.explorers.cost import CostExplorer
from gltr_lib.explorers.gtr import GtrExplorer
from gltr_lib.explorers.ltr import LtrExplorer
from gltr_lib.explorers.prediction import PredictionExplorer

__all__ = [
    "FAILURES", "AdainExplorer", "Assets", "AugmentationComposer", "CostExplorer", "Explorer", "GtrExplorer",
    "LtrExplorer", "PredictionExplorer", "StyleBankExplorer", "all_explorers", "shipped",
]  # fmt: skip
