"""The soak: everything that a long session does, over and over, on small data; nothing may pile up."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests import official_trees
from tests.torture.tally import Tally, timed
from tests.torture.watch import Watch

WARM = 3  # rounds before the first look: imports, caches, the threads of the first backward pass
MEMORY = 48.0  # MiB that may come on top, and as many KiB for each round
KEPT = 4 << 20  # bytes of pictures that the explorers may remember here: so few that the limit is met


def soak(folder: Path, rounds: int, seconds: float, seed: int) -> Tally:
    """Train, stylise, evaluate, convert, explore, keep a ledger, in turns.

    Args:
        folder: for its files.
        rounds: how many at most.
        seconds: time after which no new round begins (three are always done).
        seed: of the small data.

    Returns:
        A tally with a case for each round.
    """
    tally = Tally("load: soak")
    with timed(tally):
        step = _session(folder, seed)
        for number in range(WARM):
            step(number)
        watch, end, done = Watch(1), time.monotonic() + seconds, 0
        while done < rounds and (done < 3 or time.monotonic() < end):
            done += 1
            step(WARM + done)
            watch(done, rounds, "")
        problems = []
        allowed = MEMORY + done * MEMORY / 1024
        if watch.growth("memory") > allowed:
            problems.append(f"memory grew by {watch.growth('memory'):.0f} MiB in {done} rounds, allowed {allowed:.0f}")
        first = watch.looks[0]
        for what in ("descriptors", "threads"):
            last = min(getattr(one, what) for one in watch.looks[-3:])
            if last > getattr(first, what):
                problems.append(f"{what}: {getattr(first, what)} after the first round, {last} at the end")
        if problems:
            tally.lose("; ".join(problems))
        tally.tried += done - bool(problems)
        tally.survived += 0 if problems else done
        tally.measured = {"rounds": done, **watch.summary()}
    shutil.rmtree(folder, ignore_errors=True)
    return tally


def _session(folder: Path, seed: int) -> Callable[[int], None]:
    """What one round does, ready to be called with its number."""
    import torch

    from gltr_lib import StyleBank, Stylizer, engine, evaluate, ledger, models, streets
    from gltr_lib.config import TrainConfig
    from gltr_lib.explorers import LtrExplorer
    from gltr_lib.explorers import adain as adain_page
    from gltr_lib.explorers import assets as assets_page
    from gltr_lib.explorers import gtr as gtr_page
    from gltr_lib.offline import stylise_folder
    from gltr_lib.prepare.convert import convert

    assets_page.KEPT_BYTES = KEPT
    rng = np.random.default_rng(seed)
    stylizer, bank = Stylizer.load("mini"), StyleBank.load("paintings-mini")
    drawn = [streets.render(number, "game", (32, 64)) for number in range(4)]
    images = torch.stack([torch.from_numpy(picture.copy()).permute(2, 0, 1) for picture, _ in drawn])
    labels = torch.stack([torch.from_numpy(ids.copy()) for _, ids in drawn])
    source = folder / "source"
    source.mkdir(parents=True)
    for number in range(3):
        pixels = rng.integers(0, 256, (24, 32, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(source / f"{number}.{('png', 'jpg', 'webp')[number]}")
    official_trees.gta5(folder / "gta5", 4)
    shown = assets_page.Assets(
        {name: picture for name, (picture, _) in zip("abcd", drawn, strict=True)},
        {name: rng.integers(0, 256, (24, 24, 3)).astype(np.uint8) for name in "xyz"},
        stylizer, bank,
    )  # fmt: skip
    page = LtrExplorer(assets=shown)

    def step(number: int) -> None:
        config = TrainConfig(
            method="gtr_ltr_cgl", steps=2, seed=number, forward_images=2, crop=(32, 64), device="cpu",
            checkpoint_every=1,
        )  # fmt: skip
        here = folder / f"round-{number}"
        trained = engine.train(config, images, labels, stylizer=stylizer, bank=bank, out=here / "run", progress=False)
        models.load_checkpoint(models.export(trained.model, here / "net.safetensors"))
        matrix = evaluate.evaluate(trained.model, images, labels)
        stylise_folder(source, here / "stylised", stylizer, bank, seed=number, workers=2)
        convert("gta5", folder / "gta5", here / "prepared", workers=1)
        gtr_page.render(gtr_page.Params(image="a", seed=number, count=2, paintings=False), shown)
        adain_page.render(adain_page.Params(image="b", alpha=(number % 20) / 20), shown)
        page.update(sigma=4.0 + number % 30, share=0.2 + (number % 5) / 10)
        if not page.worker.wait(120):
            raise RuntimeError("the explorer was not drawn within 120 s")
        ledger.append(here / "l.jsonl", _row(number, matrix.miou()))
        if len(ledger.read(here / "l.jsonl")) != 1:
            raise RuntimeError("the ledger does not hold its one row")
        shutil.rmtree(here)

    return step


def _row(number: int, value: float) -> dict[str, Any]:
    from gltr_lib import ledger

    return {
        "method": "gtr_ltr_cgl", "seed": number, "commit": "torture", "protocol": "mIoU-19 @ full size",
        "metric": "mIoU-19", "value": value, "data": "streets/game", "config": {}, "device": "cpu",
        "wall_seconds": 0.0, "date": ledger.now(),
    }  # fmt: skip
