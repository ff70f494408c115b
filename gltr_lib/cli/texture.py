"""``gltr stylize`` and ``bank``: styles out of paintings, paintings over pictures."""

from __future__ import annotations

import sys
from pathlib import Path

from gltr_lib._usage import UsageError, usage
from gltr_lib.cli._say import answer, counter


def stylize(
    source: Path, target: Path, /, *, bank: str = "paintings-mini", stylizer: str = "mini", alpha: float = 1.0,
    seed: int = 0, device: str | None = None, json: bool = False,
) -> int:  # fmt: skip
    """Stylise every picture of a folder into another folder, names and sizes kept; run it again to go on.

    Args:
        source: folder of pictures; only read.
        target: folder for the result, outside the source.
        bank: a shipped bank, a saved one, or a folder of paintings.
        stylizer: "mini" or "vgg19".
        alpha: strength of the style, 0 to 1.
        seed: decides, with a picture's name, its style.
        device: cpu, cuda or mps; the best there is if not given.
        json: print the manifest.
    """
    if not 0 <= alpha <= 1:
        raise UsageError(f"--alpha: expected a number in [0,1], received {alpha}")
    from gltr_lib.engine import pick_device
    from gltr_lib.offline import list_images, load_bank, stylise_folder
    from gltr_lib.stylizer import Stylizer

    list_images(source)  # before anything is loaded: the commonest mistake is the wrong folder
    with usage():
        network = Stylizer.load(stylizer, device=pick_device(device))
        styles = load_bank(bank, network)
    manifest = stylise_folder(
        source, target, network, styles, bank_name=bank, alpha=alpha, seed=seed, on_image=counter("stylised")
    )
    for name, reason in manifest["refused"].items():
        print(f"refused {name}: {reason}", file=sys.stderr)
    done, refused = len(manifest["done"]), len(manifest["refused"])
    answer(manifest, json, f"{done} stylised, {refused} refused, see {target / 'manifest.json'}")
    return 1 if refused else 0


def bank(folder: Path, out: Path, /, *, stylizer: str = "mini", device: str | None = None, json: bool = False) -> int:
    """Build a style bank from a folder of paintings: two numbers a channel for each of them.

    Args:
        folder: the paintings.
        out: the bank to write, ending in .safetensors.
        stylizer: "mini" or "vgg19".
        device: cpu, cuda or mps; the best there is if not given.
        json: print JSON.
    """
    if out.suffix != ".safetensors":
        raise UsageError(f"{out}: a bank's name ends in .safetensors")
    from gltr_lib.engine import pick_device
    from gltr_lib.offline import build_bank, list_images
    from gltr_lib.stylizer import Stylizer

    list_images(folder)
    with usage():
        network = Stylizer.load(stylizer, device=pick_device(device))
    styles, refused = build_bank(folder, network, on_image=counter("read"))
    styles.save(out)
    for name, reason in refused.items():
        print(f"refused {name}: {reason}", file=sys.stderr)
    answer(
        {"bank": str(out), "styles": len(styles), "stylizer": stylizer, "refused": refused},
        json,
        f"wrote {out}: {len(styles)} styles, {len(refused)} refused",
    )
    return 1 if refused else 0
