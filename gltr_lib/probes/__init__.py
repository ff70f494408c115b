"""What a trained network looks at: cue conflict in the renderer, feature statistics across looks, corruptions.

    conflict      a class in another's material, labels unchanged; shape share; shifted and mirrored scenes
    features      channel moments of early and late layers, and their distance between looks
    corruptions   noise, blur, contrast, fog, JPEG, brightness at three severities
    plan, run     which questions are put to which network; rows of the ledger, resumable
    tables, figures, expect   what the ledger says, and what we expected

``python -m gltr_lib.probes`` measures the shipped networks; ``--report`` renders docs/probes.md from the ledger.
"""

from __future__ import annotations

from gltr_lib.probes.conflict import (
    ARRANGEMENTS,
    MODES,
    SURFACES,
    Scene,
    Swap,
    Tally,
    arrange,
    scored_pixels,
    set_scene,
    swapped,
    tally,
)
from gltr_lib.probes.corruptions import KINDS, SEVERITIES, corrupt
from gltr_lib.probes.features import Moments, distance, moments

__all__ = [
    "ARRANGEMENTS", "KINDS", "MODES", "SEVERITIES", "SURFACES", "Moments", "Scene", "Swap", "Tally", "arrange",
    "corrupt", "distance", "moments", "scored_pixels", "set_scene", "swapped", "tally",
]  # fmt: skip
