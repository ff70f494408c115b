"""``gltr evaluate``: scores, protocol beside every number."""

from __future__ import annotations

from pathlib import Path

from gltr_lib._usage import UsageError, usage
from gltr_lib.cli._say import answer


def evaluate(
    network: str = "gtr_ltr_cgl", /, *, look: tuple[str, ...] = ("game", "overcast", "sun"), scenes: int = 64,
    images: Path | None = None, labels: Path | None = None, camvid: Path | None = None, reason: str = "gltr evaluate",
    device: str | None = None, json: bool = False,
) -> int:  # fmt: skip
    """Score a network on the streets' looks, on your own pictures, or on CamVid, protocol beside every number.

    Args:
        network: a shipped one (baseline, gtr, gtr_ltr, gtr_ltr_cgl) or a model.safetensors of gltr train.
        look: looks of the streets.
        scenes: streets for each look, at most 64.
        images: folder of your pictures, with --labels.
        labels: folder of their label maps (trainIds).
        camvid: CamVid's folder; the look at real data is counted in results/real_looks.jsonl.
        reason: why this look at real data is taken.
        device: cpu, cuda or mps; the best there is if not given.
        json: print JSON.
    """
    if (images is None) != (labels is None):
        raise UsageError("--images and --labels come together: the folder of pictures and that of their label maps")
    if not 1 <= scenes <= 64:
        raise UsageError(f"--scenes: expected 1 to 64, received {scenes}")
    from gltr_lib import workflows
    from gltr_lib.engine import pick_device

    with usage():
        where = pick_device(device)
        model = workflows.load_network(network).to(where)
        workflows.check_looks(look)
    if camvid is not None:
        scores = workflows.score_on_camvid(model, camvid, reason=reason, network=network)
    elif images is not None and labels is not None:
        scores = workflows.score_on_folder(model, images, labels)
    else:
        scores = workflows.score_on_looks(model, look, scenes)
    answer({"network": network, "scores": scores}, json, workflows.render_scores(network, scores))
    return 0
