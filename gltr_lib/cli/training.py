"""``gltr train``: a network from the embedded streets or from your own pictures."""

from __future__ import annotations

import json as jsonlib
import sys
from pathlib import Path

from gltr_lib._usage import UsageError, usage
from gltr_lib.cli._say import answer


def train(
    method: str = "gtr_ltr_cgl", /, *, out: Path = Path("runs/train"), steps: int = 1000, seed: int = 0,
    images: Path | None = None, labels: Path | None = None, set: tuple[str, ...] = (), device: str | None = None,
    json: bool = False,
) -> int:  # fmt: skip
    """Train a network on the embedded streets, or on your own pictures; run it again to go on.

    Args:
        method: baseline, gtr, gtr_ltr, gtr_ltr_cgl, ... (an unknown name lists them).
        out: folder for checkpoint and network.
        steps: training steps.
        seed: of everything random.
        images: folder of your pictures, with --labels.
        labels: folder of their label maps (trainIds).
        set: other settings, key=value, such as forward_images=8 or crop=[128,256].
        device: cpu, cuda or mps; the best there is if not given.
        json: print JSON.
    """
    if (images is None) != (labels is None):
        raise UsageError("--images and --labels come together: the folder of pictures and that of their label maps")
    from gltr_lib.config import TrainConfig, parse_overrides

    with usage():
        config = parse_overrides([f"method={method}", *set], TrainConfig(steps=steps, seed=seed, device=device))
    from gltr_lib import engine, models, workflows

    with usage():
        engine.pick_device(device)
    pictures, maps = workflows.training_data(config.crop, images, labels)
    result = engine.train(config, pictures, maps, out=out, progress=not json and sys.stderr.isatty())
    path = models.export(result.model, out / "model.safetensors", {"facts": jsonlib.dumps(workflows.facts(result))})
    last = result.history[-1] if result.history else {}
    answer(
        {
            "network": str(path),
            "seconds": round(result.seconds, 2),
            "last": last,
            "config": jsonlib.loads(config.to_json()),
        },
        json,
        f"wrote {path} after {result.seconds:.0f} s, loss {last.get('loss', float('nan')):.3f}",
    )
    return 0
