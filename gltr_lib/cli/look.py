"""``gltr doctor``, ``demo`` and ``bench``: what a newcomer types first."""

from __future__ import annotations

from pathlib import Path

from gltr_lib._usage import UsageError
from gltr_lib.cli._say import answer, picture_name


def doctor(*, json: bool = False) -> int:
    """Look at this machine: versions, device, weights, space; what is amiss, and the command that mends it.

    Args:
        json: print JSON.
    """
    from gltr_lib import doctor as doc

    findings = doc.examine()
    print(doc.to_json(findings) if json else doc.render(findings))
    return doc.worst(findings)


def demo(*, out: Path = Path("gltr_demo.png"), seed: int = 0, json: bool = False) -> int:
    """Write one picture: a street, its globally and its locally randomised forms, and the masks.

    Args:
        out: the picture to write.
        seed: of the street, the styles and the masks.
        json: print JSON.
    """
    picture_name(out)
    from gltr_lib.offline import demo_picture, save_picture

    sheet = demo_picture(seed)
    save_picture(out, sheet)
    answer({"picture": str(out), "seed": seed, "size": [sheet.shape[1], sheet.shape[0]]}, json, f"wrote {out}")
    return 0


def bench(*, repeat: int = 5, small: bool = False, json: bool = False) -> int:
    """Time the hot paths against what people would write otherwise; ratios on this machine.

    Args:
        repeat: timed calls of each.
        small: tiny pictures, to see that it runs.
        json: print JSON.
    """
    if repeat < 1:
        raise UsageError(f"--repeat: expected at least 1, received {repeat}")
    from gltr_lib import bench as timing

    result = timing.bench(repeat, small=small)
    answer(result, json, timing.render(result))
    return 0
