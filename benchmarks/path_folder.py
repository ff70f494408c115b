"""A folder of pictures, end to end: stylised by the offline job, and turned into a style bank.

The promise: stylising a folder takes at most 1.15 times its own computing, because files are decoded and encoded beside
it. "Ours" is the computing alone (the same pictures, already in memory), so that the ratio is wall time by computing.
Computing fills both cores of a small machine. There, "beside" is not free: a file costs what its coding costs, and the
quicker the stylizer, the more that weighs.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from path_adain import network
from PIL import Image

from gltr_lib import StyleBank, Stylizer, paintings, streets
from gltr_lib.bench import Case, Made
from gltr_lib.offline import build_bank, stylise_folder


def cases(small: bool, device: str) -> list[Case]:
    """Streets in PNG and JPEG with both stylizers; thirty-two paintings."""
    size = (32, 64) if small else (512, 1024)

    def stylise(name: str, ending: str, count: int) -> Case:
        def make() -> Made:
            place = Path(tempfile.mkdtemp(prefix="gltr-bench-"))
            (place / "in").mkdir()
            images, _ = streets.render_many(range(2), "game", size)
            for number in range(count):
                picture = np.roll(images[number % 2], 11 * number, 1)
                Image.fromarray(picture).save(place / "in" / f"{number:02}{ending}")
            stylizer = network(name, device)
            sample = (paintings.paint(number, None, 64) for number in range(4))
            painted = (torch.from_numpy(p).permute(2, 0, 1).float().div(255).to(device) for p in sample)
            bank = StyleBank.from_images(stylizer, painted)
            batch = torch.from_numpy(images).permute(0, 3, 1, 2).float().div(255).to(device)
            styles = bank.to(device).sample(2, torch.Generator().manual_seed(0))
            calls = iter(range(10**6))

            def compute() -> int:
                with torch.no_grad():
                    for number in range(count):
                        style = styles[number % 2 : number % 2 + 1]
                        stylizer.stylize(batch[number % 2 : number % 2 + 1], style).cpu()
                return count

            def whole() -> int:
                target = place / f"out-{next(calls)}"
                made = stylise_folder(place / "in", target, stylizer, bank)
                shutil.rmtree(target)
                return len(made["done"])

            return Made(
                compute, whole, lambda mine, other: "" if mine == other else "pictures are missing",
                units=count, peer_units=count, close=lambda: shutil.rmtree(place),
            )  # fmt: skip

        title = f"{name} on {count} {ending[1:].upper()} of {size[1]}x{size[0]}: computing alone"
        return Case(title, make, "the whole job, files included", at_most=1.15, repeat=3)

    def bank() -> Made:
        place = Path(tempfile.mkdtemp(prefix="gltr-bench-"))
        many, side = (3, 48) if small else (32, 512)
        for number in range(many):
            Image.fromarray(paintings.paint(number, None, side)).save(place / f"{number:02}.png")
        stylizer = Stylizer.load("mini", device)

        def plain() -> StyleBank:
            pictures = []
            for file in sorted(place.glob("*.png")):
                array = np.array(Image.open(file).convert("RGB"))
                pictures.append(torch.from_numpy(array).permute(2, 0, 1)[None].float().div(255).to(device))
            return StyleBank.from_images(stylizer, iter(pictures), [f.stem for f in sorted(place.glob("*.png"))])

        def check(mine: StyleBank, other: StyleBank) -> str:
            worst = float((mine.stats.mean.cpu() - other.stats.mean.cpu()).abs().max())
            return "" if worst < 1e-4 else f"statistics {worst:.1e} apart"

        return Made(
            lambda: build_bank(place, stylizer)[0], plain, check, units=many, peer_units=many,
            close=lambda: shutil.rmtree(place),
        )  # fmt: skip

    return [
        stylise("mini", ".png", 3 if small else 16),
        stylise("mini", ".jpg", 3 if small else 16),
        stylise("vgg19", ".png", 2 if small else 4),
        Case("bank of paintings, with their texture measures", bank, "one after the other, no measures", repeat=3),
    ]
