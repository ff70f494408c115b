"""``gltr doctor``, ``demo`` and ``bench``: what a newcomer types first."""

from __future__ import annotations

import sys
from pathlib import Path

from gltr_lib._usage import UsageError, at_least
from gltr_lib.cli._say import answer, picture_name, writable


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
    writable("--out", out, False)
    at_least(0, seed=seed)
    from gltr_lib.offline import demo_picture, save_picture

    sheet = demo_picture(seed)
    save_picture(out, sheet)
    answer({"picture": str(out), "seed": seed, "size": [sheet.shape[1], sheet.shape[0]]}, json, f"wrote {out}")
    return 0


def bench(
    *, repeat: int = 5, only: tuple[str, ...] = (), small: bool = False, device: str = "cpu",
    ledger: Path | None = None, json: bool = False,
) -> int:  # fmt: skip
    """Time the hot paths against what people would write otherwise; ratios on this machine.

    Args:
        repeat: timed calls of each.
        only: some hot paths: masks adain labels metrics step loading folder worlds start explorers.
        small: tiny pictures, to see that it runs.
        device: cpu or cuda.
        ledger: append the run to this file as one line.
        json: print JSON.
    """
    if repeat < 1:
        raise UsageError(f"--repeat: expected at least 1, received {repeat}")
    from gltr_lib import bench as timing

    unknown = [name for name in only if name not in timing.PATHS]
    if unknown:
        raise UsageError(f"--only: no hot path {unknown[0]!r}; valid: {', '.join(timing.PATHS)}")
    writable("--ledger", ledger, False)
    if device not in ("cpu", "cuda"):
        raise UsageError(f"--device: expected cpu or cuda, received {device!r}")
    if device == "cuda":
        from gltr_lib.engine import pick_device

        pick_device(device)  # says in one line what is missing

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    result = timing.bench(repeat, small=small, only=only, device=device, say=say)
    if ledger is not None:
        timing.keep(result, ledger)
    answer(result, json, timing.render(result))
    return 0
