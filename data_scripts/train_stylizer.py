"""Train the mini stylizer: streets of the source look, procedural paintings, scikit-image's photographs.

Recipe (docs/stylizer_card.md tells the measured outcome). Encoder, AdaIN and decoder learn together:

- style: the output's channel means and standard deviations at a teacher's relu1_1, relu2_1 and relu3_1 equal the
  style picture's, on the colours and once more on standardised luminance (texture alone; Huang and Belongie 2017,
  equation 13);
- content: the output's instance-normalised relu3_1 and relu2_1 equal the content's, so that contours stay;
- identity: a picture in its own style comes back (L1 and teacher features);
- a little total variation, and a penalty outside [0, 1].

With ``--teacher FOLDER`` the teacher is the VGG-19 encoder up to conv3_1 (``vgg_normalised_conv3_1.pth``). Without,
our own encoder is trained as an autoencoder first, and its frozen copy takes the teacher's place.

The pool is rendered once, in parallel, and kept as uint8 on the device. No test look, no photograph and no painting
from outside the package is ever used. Interrupted runs continue from ``OUT/checkpoint.pt``.

    python data_scripts/train_stylizer.py --minutes 7 --teacher FOLDER --out runs/stylizer
    python data_scripts/train_stylizer.py --minutes 1 --tiny --out runs/try        # does everything work?
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import math
import multiprocessing
import os
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout that is not installed

import numpy as np
import torch
import torch.nn.functional as F
from _script import Parser, run
from PIL import Image
from torch import Tensor, nn

from gltr_lib import _mini_net
from gltr_lib._drafts import whole
from gltr_lib._run import read_checkpoint
from gltr_lib._usage import UsageError, usage
from gltr_lib.adain import adain, channel_stats
from gltr_lib.engine import pick_device
from gltr_lib.streets import parse_look
from gltr_lib.weights import load_file, load_safetensors

PHOTOGRAPHS = (
    "astronaut.png", "motorcycle_left.png", "motorcycle_right.png", "hubble_deep_field.jpg", "retina.jpg", "ihc.png",
    "camera.png", "moon.png", "coins.png", "brick.png", "gravel.png", "grass.png", "page.png", "clock_motion.png",
)  # fmt: skip
HELD_OUT_PHOTOGRAPHS = ("chelsea.png", "coffee.png", "rocket.jpg")  # the training log measures on these
WEIGHTS = {"style": 2.0, "luminance": 4.0, "content": 1.0, "identity": 1.0, "tv": 0.05, "range": 10.0}
TEACHER_FILE = "vgg_normalised_conv3_1.pth"
TEACHER_LAYERS = ((3, 3, 0), (3, 64, 2), (64, 64, 5), (64, 128, 9), (128, 128, 12), (128, 256, 16))


# --- pictures -----------------------------------------------------------------------------------------------------


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


# --- networks and losses ------------------------------------------------------------------------------------------


class Teacher(nn.Module):
    """Frozen VGG-19 features relu1_1, relu2_1, relu3_1 of pictures in [0, 1] (normalised weights of AdaIN and WCT)."""

    def __init__(self, folder: str | Path) -> None:
        super().__init__()
        path = Path(folder) / TEACHER_FILE
        state = load_file(path)
        self.convs = nn.ModuleList()
        for inputs, outputs, key in TEACHER_LAYERS:
            conv = nn.Conv2d(inputs, outputs, 1 if key == 0 else 3)
            try:
                conv.load_state_dict({"weight": state[f"{key}.weight"], "bias": state[f"{key}.bias"]})
            except (KeyError, RuntimeError):
                raise ValueError(f"{path}: not the VGG-19 encoder up to conv3_1 (layer {key})") from None
            self.convs.append(conv)
        self.requires_grad_(False)
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> list[Tensor]:
        # One reflection at the image instead of one before each layer: no copies of wide maps, and no false borders.
        x = F.pad(images, (8, 8, 8, 8), mode="reflect").contiguous(memory_format=torch.channels_last)
        one = F.relu(self.convs[1](self.convs[0](x)))
        two = F.relu(self.convs[3](F.max_pool2d(F.relu(self.convs[2](one)), 2)))
        return [one, two, F.relu(self.convs[5](F.max_pool2d(F.relu(self.convs[4](two)), 2)))]


class OwnFeatures(nn.Module):
    """A frozen copy of our own encoder as the loss network, its channels scaled to a mean activation of one."""

    def __init__(self, encoder: _mini_net.MiniEncoder, examples: Tensor) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(encoder).requires_grad_(False)
        with torch.no_grad():
            self.scales = [1.0 / t.mean().clamp_min(1e-3) for t in self.encoder.taps(examples)]

    def forward(self, images: Tensor) -> list[Tensor]:
        return [t * s for t, s in zip(self.encoder.taps(images), self.scales, strict=True)]


def luminance(images: Tensor) -> Tensor:
    """Return the luminance with mean 0.5 and standard deviation 0.2, three times: texture, no colour."""
    weights = images.new_tensor([0.299, 0.587, 0.114])[None, :, None, None]
    mean, std = channel_stats((images * weights).sum(1, keepdim=True), 1e-4)
    return ((((images * weights).sum(1, keepdim=True) - mean) / std) * 0.2 + 0.5).expand(-1, 3, -1, -1)


def style_loss(ours: list[Tensor], theirs: list[Tensor]) -> Tensor:
    """Distances of channel means and standard deviations, relative to the style's size, summed over the layers."""
    total = ours[0].new_zeros((), dtype=torch.float32)
    for a, b in zip(ours, theirs, strict=True):
        for x, y in zip(channel_stats(a), channel_stats(b), strict=True):
            distance = torch.linalg.vector_norm((x - y).flatten(1), dim=1).mean()
            total = total + distance / torch.linalg.vector_norm(y.flatten(1), dim=1).mean()
    return total


def content_loss(ours: list[Tensor], theirs: list[Tensor]) -> Tensor:
    """Squared difference of instance-normalised features at the second and third layer: what is where, not how."""

    def normal(x: Tensor) -> Tensor:
        mean, std = channel_stats(x, 1e-3)
        return (x.float() - mean) / std

    deep, middle = (F.mse_loss(normal(ours[i]), normal(theirs[i])) for i in (2, 1))
    return deep + 0.25 * middle


def feature_loss(ours: list[Tensor], theirs: list[Tensor]) -> Tensor:
    """Mean squared difference of the features, relative to theirs, averaged over the layers."""
    pairs = [(a.float(), b.float()) for a, b in zip(ours, theirs, strict=True)]
    return torch.stack([F.mse_loss(a, b) / b.square().mean() for a, b in pairs]).mean()


def total_variation(images: Tensor) -> Tensor:
    """Mean absolute difference of neighbours."""
    return (images.diff(dim=2)).abs().mean() + (images.diff(dim=3)).abs().mean()


def stylise(encoder: nn.Module, decoder: nn.Module, content: Tensor, style: Tensor) -> Tensor:
    """Encode both, AdaIN, decode; not clamped."""
    return decoder(adain(encoder(content), *channel_stats(encoder(style))))


def losses(run: Run, features, cast, content: Tensor, style: Tensor, weights: dict[str, float]) -> dict[str, Tensor]:
    """Return every term of the loss (unweighted) of one batch; a third of it also goes through the identity."""
    third = max(1, content.shape[0] // 3)
    # The identity sees contents and styles alike: it must hold for any picture.
    as_large = style if style.shape == content.shape else F.avg_pool2d(style, 2)
    same = torch.cat([content[::3][:third], as_large[1::3][:third]])
    output = run.decoder(adain(run.encoder(content), *channel_stats(run.encoder(style))), run.generator)
    back = run.decoder(run.encoder(same), run.generator)  # AdaIN with its own statistics is the identity
    grey = weights["luminance"] > 0
    with cast:
        with torch.no_grad():
            target, target_style = features(torch.cat([content, same])), features(style)
            target_grey = features(luminance(style)) if grey else []
        ours = features(torch.cat([output, back]))
        ours_grey = features(luminance(output)) if grey else []
    n = content.shape[0]
    terms = {
        "style": style_loss([o[:n] for o in ours], target_style),
        "content": content_loss([o[:n] for o in ours], [t[:n] for t in target]),
        "identity": 20.0 * F.l1_loss(back, same)
        + 100.0 * F.mse_loss(back, same)
        + 2.0 * feature_loss([o[n:] for o in ours], [t[n:] for t in target]),
        "tv": total_variation(output),
        "range": (output - output.clamp(0, 1)).square().mean(),
    }
    if grey:
        terms["luminance"] = style_loss(ours_grey, target_grey)
    return terms


# --- measuring ----------------------------------------------------------------------------------------------------


@torch.no_grad()
def measure(encoder: nn.Module, decoder: nn.Module, features, pools: dict[str, Tensor]) -> dict[str, float]:
    """Identity PSNR and the remaining style distance on pictures that are held out of the training."""
    content = torch.cat([pools["try_photographs"], pools["try_streets"]]).float() / 255.0
    style = pools["try_paintings"].float() / 255.0
    error = (decoder(encoder(content)).clamp(0, 1) - content).square().mean(dim=(1, 2, 3))
    output = stylise(encoder, decoder, content, style).clamp(0, 1)

    def distances(a: Tensor) -> list[float]:
        return [
            torch.linalg.vector_norm((x - y).flatten(1), dim=1).mean().item()
            for p, q in zip(features(luminance(a)), features(luminance(style)), strict=True)
            for x, y in zip(channel_stats(p), channel_stats(q), strict=True)
        ]

    left = [a / b for a, b in zip(distances(output), distances(content), strict=True)]
    return {
        "psnr": (-10 * torch.log10(error)).mean().item(),
        "psnr_min": (-10 * torch.log10(error)).min().item(),
        "style_left": sum(left) / len(left),
        "content_lost": content_loss(features(output), features(content)).item(),
    }


@torch.no_grad()
def contact_sheet(encoder: nn.Module, decoder: nn.Module, pools: dict[str, Tensor], path: Path) -> None:
    """Save a sheet: styles in the first row; content, identity and its stylisations in each following one."""
    content = torch.cat([pools["try_photographs"], pools["try_streets"]]).float() / 255.0
    styles = pools["try_paintings"].float() / 255.0
    blank = torch.ones_like(content[0])
    rows = [torch.cat([blank, blank, *[F.pad(s, (128, 128), value=1.0) for s in styles]], dim=2)]
    for picture in content:
        line = [picture, decoder(encoder(picture[None]))[0]]
        line += list(stylise(encoder, decoder, picture[None].expand(len(styles), -1, -1, -1), styles))
        rows.append(torch.cat(line, dim=2))
    sheet = (torch.cat(rows, dim=1).clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    Image.fromarray(sheet).resize((sheet.shape[1] // 2, sheet.shape[0] // 2), Image.Resampling.LANCZOS).save(path)


# --- training -----------------------------------------------------------------------------------------------------


class Run:
    """The state of a training: networks, their average, optimiser, clock. Saved and restored as one file."""

    def __init__(self, args: argparse.Namespace, device: torch.device) -> None:
        self.args, self.device = args, device
        torch.manual_seed(args.seed)
        self.encoder, self.decoder = (part.to(device) for part in _mini_net.build())
        parameters = [*self.encoder.parameters(), *self.decoder.parameters()]
        self.optimiser = torch.optim.Adam(parameters, lr=args.lr, betas=(0.9, 0.99))
        self.average_encoder, self.average_decoder = copy.deepcopy(self.encoder), copy.deepcopy(self.decoder)
        self.generator = torch.Generator(device=device).manual_seed(args.seed)
        self.own: OwnFeatures | None = None
        self.step, self.seconds, self.log = 0, 0.0, []

    def modules(self) -> dict[str, nn.Module]:
        return {
            "encoder": self.encoder, "decoder": self.decoder,
            "average_encoder": self.average_encoder, "average_decoder": self.average_decoder,
        }  # fmt: skip

    def save(self, path: Path) -> None:
        state = {name: module.state_dict() for name, module in self.modules().items()}
        state |= {"optimiser": self.optimiser.state_dict(), "generator": self.generator.get_state().cpu()}
        state |= {"step": self.step, "seconds": self.seconds, "log": self.log}
        state |= {"own": self.own.encoder.state_dict() if self.own else None}
        with whole(path) as draft:
            torch.save(state, draft)

    def start_from(self, path: Path) -> None:
        """Take the networks of an earlier export; the optimiser and the schedule start anew."""
        state, _ = load_safetensors(path)
        for part in ("encoder", "decoder"):
            own = {k.removeprefix(part + "."): v.float() for k, v in state.items() if k.startswith(part + ".")}
            for name in (part, f"average_{part}"):
                try:
                    getattr(self, name).load_state_dict(own)
                except RuntimeError:
                    raise ValueError(f"{path}: not the networks of a mini stylizer ({part})") from None
        print(f"starts from {path.name}", flush=True)

    def restore(self, path: Path, examples: Tensor) -> None:
        state = read_checkpoint(path, self.device)
        try:
            for name, module in self.modules().items():
                module.load_state_dict(state[name])
            self.optimiser.load_state_dict(state["optimiser"])
            self.generator.set_state(state["generator"].cpu())
            self.step, self.seconds, self.log = state["step"], state["seconds"], state["log"]
        except (KeyError, RuntimeError, ValueError, TypeError, AttributeError):
            raise ValueError(f"{path}: a checkpoint of another training; delete it, or give --fresh") from None
        if state.get("own") is not None:
            copied = copy.deepcopy(self.encoder)
            copied.load_state_dict(state["own"])
            self.own = OwnFeatures(copied, examples)
        print(f"continues at step {self.step}, {self.seconds:.0f} s", flush=True)

    @torch.no_grad()
    def follow(self) -> None:
        """Move the average towards the networks; quickly at first, so that it is never far behind."""
        keep = min(self.args.average, (1 + self.step) / (10 + self.step))
        for target, source in ((self.average_encoder, self.encoder), (self.average_decoder, self.decoder)):
            torch._foreach_lerp_(list(target.parameters()), list(source.parameters()), 1 - keep)


def train(args: argparse.Namespace) -> None:
    """Run the training until the clock says ``--minutes``, then export."""
    check(args)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    device = torch.device(args.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    teacher = Teacher(args.teacher).to(device) if args.teacher else None
    if args.pool and Path(args.pool).exists():
        pools = read_pools(Path(args.pool))
    else:
        pools = make_pools(args)
        if args.pool:
            with whole(Path(args.pool)) as draft:
                torch.save(pools, draft)
    pools = {name: pool.to(device) for name, pool in pools.items()}
    run = Run(args, device)
    if teacher is not None and device.type == "cuda":
        teacher.to(memory_format=torch.channels_last)  # the layout of bf16 tensor cores
    checkpoint = out / "checkpoint.pt"
    examples = pools["try_photographs"].float() / 255.0
    if checkpoint.exists() and not args.fresh:
        run.restore(checkpoint, examples)
    elif args.init:
        run.start_from(Path(args.init))
    weights = WEIGHTS | {k: float(v) for k, v in (item.split("=") for item in args.weights)}
    budget = args.minutes * 60.0
    # bf16 only for the frozen teacher: the students stay in float32, so the statistics and the result are exact.
    amp = device.type == "cuda" and teacher is not None
    clock = saved = logged = time.perf_counter()
    batch = args.batch
    while run.seconds < budget:
        progress = run.seconds / budget
        warm_up = min(1.0, (run.step + 1) / args.warm_up)
        rate = args.lr * warm_up * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))
        for group in run.optimiser.param_groups:
            group["lr"] = rate
        # A third of the steps see everything at half size, four times as many: laptops train at 128x256.
        small = run.step % 3 == 2
        content, style = draw_batch(pools, batch * (2 if small else 1), args.crop, run.generator)
        if small:
            content = F.avg_pool2d(content, 2)
            if run.step % 2:
                style = F.avg_pool2d(style, 2)
        cast = torch.autocast("cuda", torch.bfloat16) if amp else contextlib.nullcontext()
        if teacher is None and run.own is None and progress > 0.25:
            run.own = OwnFeatures(run.encoder, examples)
        features = teacher or run.own
        if features is None:  # without a teacher, the first quarter of the time trains an autoencoder
            same = style if run.step % 2 else content
            terms = {"identity": 20.0 * F.l1_loss(run.decoder(run.encoder(same), run.generator), same)}
        else:
            terms = losses(run, features, cast, content, style, weights)
        loss = sum(weights[name] * value for name, value in terms.items())
        run.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(
            [*run.encoder.parameters(), *run.decoder.parameters()], 5.0, error_if_nonfinite=False
        )
        if bool(torch.isfinite(norm)):  # a step whose gradient is not finite is left out, not averaged in
            run.optimiser.step()
            run.follow()
        run.step += 1
        now = time.perf_counter()
        run.seconds += now - clock
        clock = now
        if now - logged > args.log_every or run.step == 1:
            row = {name: round(value.item(), 5) for name, value in terms.items()}
            row |= {"step": run.step, "seconds": round(run.seconds, 1), "lr": round(rate, 6)}
            if features is not None:
                row |= {
                    k: round(v, 4)
                    for k, v in measure(run.average_encoder, run.average_decoder, features, pools).items()
                }
            run.log.append(row)
            print(json.dumps(row), flush=True)
            (out / "log.json").write_text(json.dumps(run.log, indent=1))
            logged = time.perf_counter()
        if now - saved > 60:
            run.save(checkpoint)
            saved = time.perf_counter()
    run.save(checkpoint)
    export(args, run, pools, weights, teacher or run.own, out)


def export(args, run: Run, pools: dict[str, Tensor], weights: dict[str, float], features, out: Path) -> None:
    """Write ``mini-stylizer.safetensors`` (fp16), its recipe and a contact sheet of held-out pictures."""
    from safetensors.torch import save_file

    state = {}
    for part, module in (("encoder", run.average_encoder), ("decoder", run.average_decoder)):
        half = {k: v.detach().half().contiguous().cpu() for k, v in module.state_dict().items()}
        module.load_state_dict({k: v.float() for k, v in half.items()})  # measure what is shipped
        state |= {f"{part}.{k}": v for k, v in half.items()}
    recipe = {
        "architecture": "mini", "seed": args.seed, "minutes": args.minutes, "steps": run.step, "batch": args.batch,
        "crop": args.crop,
        "lr": args.lr, "weights": weights, "teacher": TEACHER_FILE if args.teacher else "own encoder (autoencoder)",
        "device": torch.cuda.get_device_name() if run.device.type == "cuda" else "cpu", "torch": torch.__version__,
        "pool": {name: len(pool) for name, pool in pools.items()}, "looks": args.looks,
        "held_out": {} if features is None else measure(run.average_encoder, run.average_decoder, features, pools),
    }  # fmt: skip
    save_file(state, out / "mini-stylizer.safetensors", metadata={"architecture": "mini", "recipe": json.dumps(recipe)})
    (out / "recipe.json").write_text(json.dumps(recipe, indent=1))
    contact_sheet(run.average_encoder, run.average_decoder, pools, out / "contact_sheet.png")
    print(json.dumps(recipe), flush=True)


def check(args: argparse.Namespace) -> None:
    """Refuse what cannot be trained before anything is rendered.

    Raises:
        UsageError: a number out of its range, an unknown look, weight or device. OSError: a file that is not there.
    """
    for name, low, high in (
        ("minutes", 0, 1e6), ("batch", 3, 4096), ("crop", 16, 256), ("warm_up", 1, 1e9), ("lr", 1e-9, 10),
        ("average", 0, 1), ("seed", 0, 2**62), ("streets", 1, 1e6), ("paintings", 1, 1e6), ("photographs", 1, 1e6),
        ("workers", 1, 1024), ("log_every", 0, 1e9),
    ):  # fmt: skip
        if not low <= getattr(args, name) <= high:
            flag = name.replace("_", "-")
            raise UsageError(f"--{flag}: expected {low:g} to {high:g}, received {getattr(args, name)}")
    for item in args.weights:
        name, _, value = item.partition("=")
        if name not in WEIGHTS or not re.fullmatch(r"[0-9]+(\.[0-9]*)?(e-?[0-9]{1,2})?", value):
            raise UsageError(f"--weights: expected NAME=VALUE with a name of {', '.join(WEIGHTS)}, received {item!r}")
    if any("sampled" in look for look in args.looks.split(",")):
        raise UsageError("--looks: sampled looks are the test set; train on the others")
    with usage():
        for look in args.looks.split(","):
            parse_look(look)
        pick_device(args.device)
    wanted = [args.init, Path(args.teacher) / TEACHER_FILE if args.teacher else None]
    for file in wanted:
        if file is not None and not Path(file).is_file():
            raise FileNotFoundError(f"{file}: no such file")


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and train; a mistake is one line."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, help="folder for checkpoint, log, weights and contact sheet")
    parser.add_argument("--minutes", type=float, default=60.0, help="training time, without rendering the pool")
    parser.add_argument("--teacher", help=f"folder with {TEACHER_FILE}; without it the own encoder is the teacher")
    parser.add_argument("--device", help="cuda, mps or cpu; default: the best there is")
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--crop", type=int, default=256, help="side of the training crops, at most 256")
    parser.add_argument("--warm-up", type=int, default=200, help="steps until the full learning rate")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--average", type=float, default=0.999, help="decay of the weights' moving average")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--streets", type=int, default=1500)
    parser.add_argument("--paintings", type=int, default=3000)
    parser.add_argument("--photographs", type=int, default=700)
    parser.add_argument(
        "--looks", default="game", help="street looks, comma separated; the default is the source alone"
    )
    parser.add_argument("--weights", nargs="*", default=[], metavar="NAME=VALUE", help=f"of {sorted(WEIGHTS)}")
    parser.add_argument("--pool", help="file that keeps the rendered pool, for further runs")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that render the pool")
    parser.add_argument("--log-every", type=float, default=20.0, help="seconds between lines of the log")
    parser.add_argument("--tiny", action="store_true", help="a pool of 16 pictures each, to try the script")
    parser.add_argument("--init", metavar="FILE", help="start from the networks of an exported safetensors file")
    parser.add_argument("--fresh", action="store_true", help="ignore an existing checkpoint")
    parser.set_defaults(run=train)
    return run(parser, argv)


if __name__ == "__main__":
    sys.exit(main())
