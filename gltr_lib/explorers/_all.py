"""All explorers in the order in which the course meets them; each module loads when it is asked for."""

from __future__ import annotations

from importlib import import_module

from gltr_lib.explorers._base import Explorer

# Module and class; the lesson that shows it stands beside it.
ORDER = (
    ("adain", "AdainExplorer"),  # 02
    ("bank", "StyleBankExplorer"),  # 03
    ("gtr", "GtrExplorer"),  # 03
    ("ltr", "LtrExplorer"),  # 04
    ("composer", "AugmentationComposer"),  # 05
    ("cost", "CostExplorer"),  # 06
    ("prediction", "PredictionExplorer"),  # 07
)


def all_explorers() -> tuple[type[Explorer], ...]:
    """Return the explorers' classes in teaching order.

    Example:
        >>> [kind.module for kind in all_explorers()][0]
        'adain'
    """
    return tuple(getattr(import_module(f"gltr_lib.explorers.{module}"), name) for module, name in ORDER)
