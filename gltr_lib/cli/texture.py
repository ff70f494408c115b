"""``gltr stylize`` and ``gltr bank``: styles out of paintings, paintings over pictures."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

from gltr_lib._usage import UsageError, at_least, read_shard, usage
from gltr_lib.cli._say import answer, counter, writable
from gltr_lib.cli._say import left_alone as say_left_alone
from gltr_lib.cli._say import refused as say_refused


def stylize(
    source: Path, target: Path, /, *, bank: str = "paintings-mini", stylizer: str = "mini", alpha: float = 1.0,
    seed: int = 0, copies: int = 1, one_style_per_copy: bool = False, format: Literal["keep", "png", "jpg"] = "keep",
    tile: int | None = None, memory: int | None = None, shard: str | None = None, processes: int = 1,
    batch: int | None = None, workers: int | None = None, device: str | None = None, json: bool = False,
) -> int:  # fmt: skip
    """Stylise every picture of a folder into another folder, names and sizes kept; run it again to go on.

    Several machines: --shard 1/4 to 4/4 on four of them, or torchrun and accelerate launch, which say it themselves.

    Args:
        source: folder of pictures; only read.
        target: folder for the result, outside the source.
        bank: a shipped bank, a saved one, or a folder of paintings.
        stylizer: "mini" or "vgg19".
        alpha: strength of the style, 0 to 1.
        seed: decides, with a picture's name and the copy's number, its style.
        copies: how many of each picture; more than one lie in copy-00, copy-01, ... with the source's names.
        one_style_per_copy: one painting for a whole copy, as in the paper's released code.
        format: keep the source's format, or write png (without loss) or jpg (far quicker).
        tile: paint in tiles of about this side; without it, only where memory runs out.
        memory: about so many MiB may painting take (each process); batch and tile of each size follow from it.
        shard: i/n, the i-th of n machines, i counted from 1; it does every n-th picture.
        processes: so many shards on this machine at once, each with its GPU.
        batch: most pictures of one size at once; 4 on a GPU if not given.
        workers: threads that decode and encode; the number of cores if not given.
        device: cpu, cuda or mps; the best there is if not given.
        json: print the manifest.
    """
    return stylize_pictures(**locals(), only=None)


def stylize_pictures(
    source: Path, target: Path, *, only: Sequence[str] | None, bank: str, stylizer: str, alpha: float, seed: int,
    copies: int, one_style_per_copy: bool, format: str, tile: int | None, memory: int | None, shard: str | None,
    processes: int, batch: int | None, workers: int | None, device: str | None, json: bool,
) -> int:  # fmt: skip
    """What :func:`stylize` does, for all pictures of a folder or ``only`` some of them; the exit code."""
    if not 0 <= alpha <= 1:
        raise UsageError(f"--alpha: expected a number in [0,1], received {alpha}")
    at_least(0, seed=seed)
    at_least(1, batch=batch, workers=workers, processes=processes)
    from gltr_lib.offline import Recipe, launched_shard, list_images, load_bank, stylise_folder, stylise_in_processes
    from gltr_lib.offline.manifest import manifest_name
    from gltr_lib.offline.processes import shard_device
    from gltr_lib.stylizer import Stylizer

    with usage():
        Recipe(alpha, seed, copies, one_style_per_copy, format, tile, memory)
        launched = launched_shard()
        if (shard is not None) + (processes != 1) + (launched is not None) > 1:
            raise UsageError("choose one of --shard, --processes, and a launcher such as torchrun (WORLD_SIZE is set)")
        rank, count = launched[:2] if launched else (0, 1)
        if shard is not None:
            rank, count = read_shard(shard)
            rank -= 1  # the command counts machines, the job ranks
    list_images(source, only)  # before anything is loaded: the commonest mistake is the wrong folder
    if only is None:
        say_left_alone(source)
    options: dict[str, Any] = {
        "bank_name": bank, "alpha": alpha, "seed": seed, "copies": copies, "one_style_per_copy": one_style_per_copy,
        "format": format, "tile": tile, "memory": memory, "batch": batch, "workers": workers,
        "only": only, "on_image": counter("stylised"),
    }  # fmt: skip
    if processes != 1:
        manifest = stylise_in_processes(
            source, target, processes=processes, stylizer=stylizer, bank=bank, device=device, **options
        )
    else:
        with usage():
            network = Stylizer.load(stylizer, device=shard_device(device, launched[2] if launched else 0))
        unread: dict[str, str] = {}
        with nullcontext() if Path(bank).exists() else usage():  # a damaged file is no mistyped name
            styles = load_bank(bank, network, refused=unread)
        options["refused_paintings"] = unread
        manifest = stylise_folder(source, target, network, styles, shard=(rank, count), **options)
    paintings = {f"{bank}/{name}": reason for name, reason in manifest["refused_paintings"].items()}
    for name, reason in [*paintings.items(), *manifest["refused"].items()]:
        say_refused(name, reason, twice=True)
    for size, change in manifest["memory"].items():
        print(f"memory ran out at {size}; went on with {change}", file=sys.stderr)
    done, refused = len(manifest["done"]), len(manifest["refused"])
    alone = count > 1 and "shards" not in manifest  # others are still at work: manifest.json comes with the last
    part = f"shard {rank + 1}/{count}: " if alone else ""
    file = target / manifest_name((rank, count) if alone else (0, 1))
    of_bank = f" (and {len(paintings)} of the bank's paintings)" if paintings else ""
    answer(manifest, json, f"{part}{done} stylised, {refused} refused{of_bank}, see {file}")
    return 1 if refused or paintings else 0


def bank(
    folder: Path, out: Path, /, *, stylizer: str = "mini", longest: int = 512, select: str | None = None,
    top: int | None = None, half: bool = False, skip_refused: bool = False, workers: int | None = None,
    device: str | None = None, json: bool = False,
) -> int:  # fmt: skip
    """Build a style bank from a folder of paintings: two numbers a channel for each of them. Also: bank info, merge.

    Run it again after an interruption and it goes on. Each painting's texture complexity is measured too (our own
    definition) and kept in the bank.

    Args:
        folder: the paintings, any number of them.
        out: the bank to write, ending in .safetensors.
        stylizer: "mini" or "vgg19".
        longest: paintings are shrunk so that their longer side has at most this many pixels.
        select: keep a band of quantiles by texture, "complexity:0.2..0.9" or "standardised:0.2..0.9".
        top: keep only this many with the most texture.
        half: store float16, half the size.
        skip_refused: pictures that cannot be read are listed as always, but are no failure.
        workers: threads that decode; the number of cores if not given.
        device: cpu, cuda or mps; the best there is if not given.
        json: print JSON.
    """
    if out.suffix != ".safetensors":
        raise UsageError(f"{out}: a bank's name ends in .safetensors")
    writable("OUT", out, False)
    if longest < 16:
        raise UsageError(f"--longest: expected a whole number of pixels >= 16, received {longest}")
    at_least(1, workers=workers)
    choose = _choice(select, top)
    from gltr_lib.engine import pick_device
    from gltr_lib.offline import build_bank_file, list_images
    from gltr_lib.stylizer import Stylizer

    list_images(folder)
    say_left_alone(folder)
    with usage():
        network = Stylizer.load(stylizer, device=pick_device(device))
    styles, refused = build_bank_file(
        folder, out, network, longest=longest, choose=choose, half=half, workers=workers, on_image=counter("read")
    )
    for name, reason in refused.items():
        say_refused(name, reason, twice=True)
    answer(
        {"bank": str(out), "styles": len(styles), "stylizer": stylizer, "refused": refused},
        json,
        f"wrote {out}: {len(styles)} styles, {len(refused)} refused",
    )
    return 1 if refused and not skip_refused else 0


def bank_info(file: str, /, *, json: bool = False) -> int:
    """Say what a style bank holds.

    Args:
        file: a shipped bank or a saved one.
        json: print JSON.
    """
    import numpy as np

    from gltr_lib.style_bank import StyleBank

    with nullcontext() if Path(file).exists() else usage():  # a damaged file is no mistyped name
        styles = StyleBank.load(file)
    spread = {
        name: [round(float(value), 3) for value in np.quantile(values.numpy(), [0, 0.25, 0.5, 0.75, 1])]
        for name, values in styles.measures.items()
    }
    path = Path(file)
    facts = {
        "bank": file, "styles": len(styles), "channels": styles.stats.mean.shape[1], "stylizer": styles.stylizer,
        "fingerprint": styles.fingerprint, "bytes": path.stat().st_size if path.is_file() else None,
        "quartiles": spread, "first": list(styles.names[:5]),
    }  # fmt: skip
    lines = [f"{key}: {value}" for key, value in facts.items() if key != "quartiles" and value is not None]
    lines += [f"{name} (least, quartiles, most): {values}" for name, values in spread.items()]
    answer(facts, json, "\n".join(lines))
    return 0


def bank_merge(out: Path, files: tuple[Path, ...], /, *, prefix: bool = False, json: bool = False) -> int:
    """Put several style banks of one stylizer into one file.

    Args:
        out: the bank to write, ending in .safetensors.
        files: the banks, two or more.
        prefix: put each file's name before the names of its styles.
        json: print JSON.
    """
    if out.suffix != ".safetensors":
        raise UsageError(f"{out}: a bank's name ends in .safetensors")
    writable("OUT", out, False)
    if len(files) < 2:
        raise UsageError(f"expected two banks or more to merge, received {len(files)}")
    from gltr_lib.offline import merge_banks

    styles = merge_banks(files, prefix=prefix)
    styles.save(out)
    answer({"bank": str(out), "styles": len(styles)}, json, f"wrote {out}: {len(styles)} styles")
    return 0


def _choice(select: str | None, top: int | None) -> dict[str, Any] | None:
    """What --select and --top ask for, as keywords of ``StyleBank.select``."""
    if select is None and top is None:
        return None
    if select is not None and top is not None:
        raise UsageError("choose one of --select and --top")
    if top is not None:
        if top < 1:
            raise UsageError(f"--top: expected a whole number >= 1, received {top}")
        return {"top": top}
    found = re.fullmatch(r"(complexity|standardised):([0-9.]+)\.\.([0-9.]+)", select or "")
    try:
        low, high = (float(found[2]), float(found[3])) if found else (1.0, 0.0)
    except ValueError:
        low, high = 1.0, 0.0
    if found is None or not 0 <= low < high <= 1:
        raise UsageError(f'--select: expected "complexity:LOW..HIGH" with 0 <= LOW < HIGH <= 1, received {select!r}')
    return {"measure": found[1], "low": low, "high": high}
