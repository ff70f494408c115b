"""Everything that a seed decides, made once and condensed: ``python tests/repro_digests.py`` prints it as JSON.

Two kinds of entries, as docs/reproducibility.md promises them. "exact": SHA-256 of bytes that are the same on every
machine and in every process (labels, choices, seeds). "close": a few numbers of a result that is the same in every
process on one machine, and differs by rounding between machines (another vector unit adds in another order).
``python tests/repro_digests.py other.json`` compares with what another machine, Python or set of versions printed.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
import sys
from pathlib import Path

import numpy as np
import torch

from gltr_lib import GlobalTextureRandomization, LocalTextureRandomization, StyleBank, Stylizer, paintings, streets
from gltr_lib._step import make_model, source_indices, step_seed
from gltr_lib.baselines import NAMES, make_view
from gltr_lib.config import TrainConfig
from gltr_lib.engine import train
from gltr_lib.masks import blob_mask

# A rounding error of one machine against another may be larger where it goes through many layers, or into a training.
# Of a mask, a few pixels at its edges may be on the other side.
TOLERANCE = {"masks": 2e-3, "stylise": 2e-3, "training": 5e-2}


def sha(array: np.ndarray | torch.Tensor) -> str:
    """The first 16 digits of the SHA-256 of an array's bytes."""
    values = array.numpy() if isinstance(array, torch.Tensor) else array
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()[:16]


def summary(array: np.ndarray | torch.Tensor) -> list[float]:
    """Mean, standard deviation, a mean with random weights (it tells where the values lie), and three single values."""
    flat = np.asarray(array, dtype=np.float64).ravel()
    weights = np.random.default_rng(0).random(flat.size // 37 + 1).repeat(37)[: flat.size]
    places = np.linspace(0, flat.size - 1, 5).astype(int)[1:4]
    return [round(float(v), 9) for v in (flat.mean(), flat.std(), (flat * weights).mean(), *flat[places])]


def digests() -> dict[str, dict]:
    """Make everything; {"exact": name -> digest, "close": name -> numbers, "bytes": name -> digest on this machine}."""
    exact, close, raw = {}, {}, {}

    def note(name: str, array, same_everywhere: bool = False) -> None:
        if same_everywhere:
            exact[name] = sha(array)
        else:
            close[name], raw[name] = summary(array), sha(array)

    def dice(seed: int) -> torch.Generator:
        return torch.Generator().manual_seed(seed)

    for look in (*streets.LOOKS, "sampled:2"):
        images, labels = streets.render_many([1, 5], look, (64, 128))
        note(f"streets/{look}/labels", labels, True)
        note(f"streets/{look}/images", images)
    for kind in paintings.KINDS:
        note(f"paintings/{kind}", paintings.paint(3, kind, 48))
    note("kinds of paintings", np.frombuffer(" ".join(map(paintings.kind_of, range(40))).encode(), np.uint8), True)
    config = TrainConfig("gtr_ltr_cgl", steps=3, forward_images=2, crop=(64, 128), device="cpu", jitter=0.1)
    note("seeds of steps", np.array([step_seed(s, k, t) for s in (0, 7) for k in range(9) for t in range(4)]), True)
    note("order of pictures", torch.stack([source_indices(k, 5, config) for k in range(8)]), True)
    note("masks/sigma 4 to 16", blob_mask(3, 64, 128, generator=dice(1)))
    note("masks/sigma 40", blob_mask(2, 64, 128, sigma=(40.0, 40.0), share=(0.2, 0.8), generator=dice(2)))

    stylizer, bank = Stylizer.load("mini"), StyleBank.load("paintings-mini")
    pictures = torch.from_numpy(streets.render_many([1, 5], "game", (64, 128))[0]).permute(0, 3, 1, 2).float() / 255
    note("styles drawn", bank.sample(4, dice(3)).mean)
    painted = GlobalTextureRandomization(stylizer, bank)(pictures, dice(4))
    note("stylise/GTR", painted)
    mixed, mask = LocalTextureRandomization(sigma=(4.0, 8.0))(pictures, painted, dice(5))
    note("stylise/LTR", mixed)
    note("stylise/LTR mask", mask)
    for name in NAMES:
        if name not in ("regions", "fourier", "pixels"):  # those take a bank or paint; their parts are above
            note(f"stylise/{name}", make_view(name, {})(pictures, dice(6), None))
    with torch.random.fork_rng():
        note("first weights", torch.cat([p.detach().flatten() for p in make_model(config).parameters()]))
    images, labels = (torch.from_numpy(a) for a in streets.render_many([1, 5, 8], "game", (64, 128)))
    result = train(config, images.permute(0, 3, 1, 2).contiguous(), labels, progress=False)
    note("training/losses", np.array([record["loss"] for record in result.history]))
    note("training/weights", torch.cat([p.detach().flatten() for p in result.model.parameters()]))
    return {"exact": exact, "close": close, "bytes": raw}


def differences(one: dict, other: dict, *, bitwise: bool = False) -> list[str]:
    """What two sets of digests disagree on, in words; ``bitwise`` for two processes of one machine."""
    said = []
    for part in ("exact", "bytes") if bitwise else ("exact", "close"):
        names = {*one[part], *other[part]}
        for name in sorted(names):
            a, b = one[part].get(name), other[part].get(name)
            if a is None or b is None:
                said.append(f"{name}: only in one of them")
            elif part != "close":
                said += [f"{name}: other bytes"] if a != b else []
            else:
                near = TOLERANCE.get(name.split("/")[0], 1e-4)
                scale = max(1e-3, abs(a[1]), abs(a[0]))
                # Single pixels of rendered pictures may be one grey level apart, those of masks flip at an edge.
                worst = max(abs(x - y) for x, y in zip(a[:3], b[:3], strict=True)) / scale
                if not math.isfinite(worst) or worst > near:
                    said.append(
                        f"{name}: mean, spread or places differ by {worst:.1e} of their size, allowed {near:.0e}"
                    )
    return said


def main(arguments: list[str]) -> int:
    """Print the digests, or compare them with a file's."""
    found = digests() | {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
    if not arguments:
        print(json.dumps(found, indent=1, sort_keys=True))
        return 0
    other = json.loads(Path(arguments[0]).read_text())
    said = differences(other, found)
    equal = sum(other["bytes"].get(name) == value for name, value in found["bytes"].items())
    for where, made in (("here", found), ("there", other)):
        print(f"{where}: Python {made['python']}, torch {made['torch']}, numpy {made['numpy']}")
    print(f"{len(found['exact'])} exact, {len(found['close'])} close ({equal} of them bit for bit): {len(said)} differ")
    print("\n".join(said))
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
