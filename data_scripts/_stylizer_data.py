"""The pictures that the mini stylizer is trained on: pools of streets, paintings and photographs, and batches of them.

Used by ``train_stylizer.py``, which says what for.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from gltr_lib.weights import load_file

PHOTOGRAPHS = (
    "astronaut.png", "motorcycle_left.png", "motorcycle_right.png", "hubble_deep_field.jpg", "retina.jpg", "ihc.png",
    "camera.png", "moon.png", "coins.png", "brick.png", "gravel.png", "grass.png", "page.png", "clock_motion.png",
)  # fmt: skip
HELD_OUT_PHOTOGRAPHS = ("chelsea.png", "coffee.png", "rocket.jpg")  # the training log measures on these


def _street(job: tuple[int, str]) -> np.ndarray:
    from gltr_lib.streets import render

    return render(job[0], look=job[1], size=(256, 512))[0]


def _painting(job: tuple[int, str]) -> np.ndarray:
    from gltr_lib.paintings import paint

    return paint(job[0], size=256)


def _photograph(job: tuple[int, str]) -> np.ndarray:
    """Return a random 256x512 crop of a photograph at a random scale."""
    import skimage

    seed, name = job
    rng = np.random.default_rng(seed)
    with Image.open(Path(skimage.__file__).parent / "data" / name) as file:
        picture = file.convert("RGB")
    cover = max(512 / picture.width, 256 / picture.height)
    scale = max(cover, min(1.0, cover * rng.uniform(1.0, 2.5)))
    wide, high = max(512, round(picture.width * scale)), max(256, round(picture.height * scale))
    picture = picture.resize((wide, high), Image.Resampling.LANCZOS)
    x, y = int(rng.integers(0, wide - 511)), int(rng.integers(0, high - 255))
    return np.asarray(picture.crop((x, y, x + 512, y + 256)))


def _quiet_worker() -> None:
    torch.set_num_threads(1)


def make_pools(args: argparse.Namespace) -> dict[str, Tensor]:
    """Render the training pools and the held-out ``try_*`` ones in parallel; uint8 (N, 3, H, W) each."""
    looks = args.looks.split(",")
    counts = {"streets": args.streets, "paintings": args.paintings, "photographs": args.photographs}
    if args.tiny:
        counts = dict.fromkeys(counts, 16)
    jobs = {
        "streets": [(100_000 + i, looks[i % len(looks)]) for i in range(counts["streets"])],
        "paintings": [(100_000 + i, "") for i in range(counts["paintings"])],
        "photographs": [(i, PHOTOGRAPHS[i % len(PHOTOGRAPHS)]) for i in range(counts["photographs"])],
        "try_photographs": [(7, name) for name in HELD_OUT_PHOTOGRAPHS],
        "try_streets": [(90_000 + i, looks[0]) for i in range(3)],
        "try_paintings": [(90_000 + i, "") for i in range(6)],
    }
    tasks = {"streets": _street, "paintings": _painting, "photographs": _photograph}
    pools = {}
    with contextlib.ExitStack() as stack:
        compute = map
        if args.workers > 1:
            context = multiprocessing.get_context("spawn")
            compute = stack.enter_context(context.Pool(args.workers, initializer=_quiet_worker)).map
        for name, work in jobs.items():
            began = time.perf_counter()
            pictures = np.stack(list(compute(tasks[name.removeprefix("try_")], work)))
            pools[name] = torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous()
            print(f"pool: {len(work)} {name} in {time.perf_counter() - began:.1f} s", flush=True)
    return pools


def read_pools(path: Path) -> dict[str, Tensor]:
    """The pools that an earlier run kept.

    Raises:
        ValueError: a file of something else.
    """
    pools = load_file(path)
    names = [f"{kind}{name}" for kind in ("", "try_") for name in ("streets", "paintings", "photographs")]
    whole = [pools[name] for name in names if name in pools]
    if len(whole) < len(names) or any(p.dtype != torch.uint8 or p.ndim != 4 or p.shape[1] != 3 for p in whole):
        raise ValueError(f"{path}: not a pool of pictures ({', '.join(names)}); delete it, and it is rendered anew")
    return pools


def crops(pool: Tensor, count: int, side: int, generator: torch.Generator) -> Tensor:
    """Return ``count`` random square crops, flipped at random: float (count, 3, side, side) in [0, 1]."""
    device = pool.device
    number, _, height, width = pool.shape

    def draw(high: int) -> Tensor:
        return torch.randint(high, (count,), generator=generator, device=device)

    which, flip = draw(number), draw(2).bool()
    x = draw(width - side + 1)[:, None] + torch.arange(side, device=device)
    x = torch.where(flip[:, None], x.flip(1), x)[:, None, None, :]
    y = draw(height - side + 1)[:, None] + torch.arange(side, device=device)
    channel = torch.arange(3, device=device)[None, :, None, None]
    return pool[which[:, None, None, None], channel, y[:, None, :, None], x].float() / 255.0


def zoom(images: Tensor, generator: torch.Generator) -> Tensor:
    """Enlarge each picture around a random point by up to 2, and swap height and width of half of the batch."""
    count, device = images.shape[0], images.device
    factor = 2.0 ** -torch.rand(count, generator=generator, device=device)
    centre = (torch.rand(count, 2, generator=generator, device=device) * 2 - 1) * (1 - factor)[:, None]
    theta = torch.zeros(count, 2, 3, device=device)
    theta[:, 0, 0] = theta[:, 1, 1] = factor
    theta[:, :, 2] = centre
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False).clamp(0, 1).transpose(2, 3)


def recolour(images: Tensor, generator: torch.Generator) -> Tensor:
    """Permute the colour channels, invert or change the gamma of each picture: one painting, many palettes."""
    count, device = images.shape[0], images.device
    order = torch.rand(count, 3, generator=generator, device=device).argsort(dim=1)
    images = images.gather(1, order[:, :, None, None].expand_as(images))
    gamma = 2.0 ** (torch.rand(count, 3, 1, 1, generator=generator, device=device) * 2 - 1)
    images = images.clamp(1e-3, 1.0) ** gamma
    invert = (torch.rand(count, 1, 1, 1, generator=generator, device=device) < 0.25).float()
    return invert * (1 - images) + (1 - invert) * images


def draw_batch(pools: dict[str, Tensor], size: int, side: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw content and style pictures: half the contents are streets, most styles paintings."""
    streets, photographs = size // 2, size // 3
    content = torch.cat(
        [
            crops(pools["streets"], streets, side, generator),
            crops(pools["photographs"], photographs, side, generator),
            crops(pools["paintings"], size - streets - photographs, side, generator),
        ]
    )
    plain, coloured, photos = size // 2, size // 3, size - size // 2 - size // 3
    style = torch.cat(
        [
            crops(pools["paintings"], plain, side, generator),
            recolour(zoom(crops(pools["paintings"], coloured, side, generator), generator), generator),
            recolour(crops(pools["photographs"], photos, side, generator), generator),
        ]
    )
    return content, style[torch.randperm(size, generator=generator, device=style.device)]
