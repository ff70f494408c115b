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
import os
import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout that is not installed

import torch
import torch.nn.functional as F
from _script import Parser, run
from _stylizer_data import draw_batch, make_pools, read_pools
from _stylizer_losses import (
    TEACHER_FILE,
    Features,
    OwnFeatures,
    Teacher,
    content_loss,
    losses,
    standardised_luminance,
    stylise,
)
from PIL import Image
from torch import Tensor, nn

from gltr_lib import _mini_net
from gltr_lib._drafts import atomic_file
from gltr_lib._run import read_checkpoint
from gltr_lib._usage import UsageError, usage
from gltr_lib.adain import channel_stats
from gltr_lib.engine import pick_device
from gltr_lib.streets import parse_look
from gltr_lib.weights import load_safetensors

WEIGHTS = {"style": 2.0, "luminance": 4.0, "content": 1.0, "identity": 1.0, "tv": 0.05, "range": 10.0}


# --- measuring ----------------------------------------------------------------------------------------------------


@torch.no_grad()
def measure(encoder: nn.Module, decoder: nn.Module, features: Features, pools: dict[str, Tensor]) -> dict[str, float]:
    """Identity PSNR and the remaining style distance on pictures that are held out of the training."""
    content = torch.cat([pools["try_photographs"], pools["try_streets"]]).float() / 255.0
    style = pools["try_paintings"].float() / 255.0
    error = (decoder(encoder(content)).clamp(0, 1) - content).square().mean(dim=(1, 2, 3))
    output = stylise(encoder, decoder, content, style).clamp(0, 1)

    def distances(a: Tensor) -> list[float]:
        return [
            torch.linalg.vector_norm((x - y).flatten(1), dim=1).mean().item()
            for p, q in zip(features(standardised_luminance(a)), features(standardised_luminance(style)), strict=True)
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


class Training:
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
        with atomic_file(path) as draft:
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
    device = pick_device(args.device)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True
    teacher = Teacher(args.teacher).to(device) if args.teacher else None
    if args.pool and Path(args.pool).exists():
        pools = read_pools(Path(args.pool))
    else:
        pools = make_pools(args)
        if args.pool:
            with atomic_file(Path(args.pool)) as draft:
                torch.save(pools, draft)
    pools = {name: pool.to(device) for name, pool in pools.items()}
    training = Training(args, device)
    if teacher is not None and device.type == "cuda":
        teacher.to(memory_format=torch.channels_last)  # the layout of bf16 tensor cores
    checkpoint = out / "checkpoint.pt"
    examples = pools["try_photographs"].float() / 255.0
    if checkpoint.exists() and not args.fresh:
        training.restore(checkpoint, examples)
    elif args.init:
        training.start_from(Path(args.init))
    weights = WEIGHTS | {k: float(v) for k, v in (item.split("=") for item in args.weights)}
    budget = args.minutes * 60.0
    # bf16 only for the frozen teacher: the students stay in float32, so the statistics and the result are exact.
    amp = device.type == "cuda" and teacher is not None
    clock = saved = logged = time.perf_counter()
    batch = args.batch
    while training.seconds < budget:
        progress = training.seconds / budget
        warm_up = min(1.0, (training.step + 1) / args.warm_up)
        rate = args.lr * warm_up * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))
        for group in training.optimiser.param_groups:
            group["lr"] = rate
        # A third of the steps see everything at half size, four times as many: laptops train at 128x256.
        small = training.step % 3 == 2
        content, style = draw_batch(pools, batch * (2 if small else 1), args.crop, training.generator)
        if small:
            content = F.avg_pool2d(content, 2)
            if training.step % 2:
                style = F.avg_pool2d(style, 2)
        cast = torch.autocast("cuda", torch.bfloat16) if amp else contextlib.nullcontext()
        if teacher is None and training.own is None and progress > 0.25:
            training.own = OwnFeatures(training.encoder, examples)
        features = teacher or training.own
        if features is None:  # without a teacher, the first quarter of the time trains an autoencoder
            same = style if training.step % 2 else content
            terms = {"identity": 20.0 * F.l1_loss(training.decoder(training.encoder(same), training.generator), same)}
        else:
            networks = training.encoder, training.decoder
            terms = losses(networks, features, content, style, weights, cast=cast, generator=training.generator)
        loss = sum(weights[name] * value for name, value in terms.items())
        training.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(
            [*training.encoder.parameters(), *training.decoder.parameters()], 5.0, error_if_nonfinite=False
        )
        if bool(torch.isfinite(norm)):  # a step whose gradient is not finite is left out, not averaged in
            training.optimiser.step()
            training.follow()
        training.step += 1
        now = time.perf_counter()
        training.seconds += now - clock
        clock = now
        if now - logged > args.log_every or training.step == 1:
            row = {name: round(value.item(), 5) for name, value in terms.items()}
            row |= {"step": training.step, "seconds": round(training.seconds, 1), "lr": round(rate, 6)}
            if features is not None:
                row |= {
                    k: round(v, 4)
                    for k, v in measure(training.average_encoder, training.average_decoder, features, pools).items()
                }
            training.log.append(row)
            print(json.dumps(row), flush=True)
            (out / "log.json").write_text(json.dumps(training.log, indent=1))
            logged = time.perf_counter()
        if now - saved > 60:
            training.save(checkpoint)
            saved = time.perf_counter()
    training.save(checkpoint)
    export(args, training, pools, weights, teacher or training.own, out)


def export(
    args: argparse.Namespace,
    training: Training,
    pools: dict[str, Tensor],
    weights: dict[str, float],
    features: Features | None,
    out: Path,
) -> None:
    """Write ``mini-stylizer.safetensors`` (fp16), its recipe and a contact sheet of held-out pictures."""
    from safetensors.torch import save_file

    state, networks = {}, (training.average_encoder, training.average_decoder)
    for part, module in zip(("encoder", "decoder"), networks, strict=True):
        half = {k: v.detach().half().contiguous().cpu() for k, v in module.state_dict().items()}
        module.load_state_dict({k: v.float() for k, v in half.items()})  # measure what is shipped
        state |= {f"{part}.{k}": v for k, v in half.items()}
    recipe = {
        "architecture": "mini", "seed": args.seed, "minutes": args.minutes, "steps": training.step, "batch": args.batch,
        "crop": args.crop,
        "lr": args.lr, "weights": weights, "teacher": TEACHER_FILE if args.teacher else "own encoder (autoencoder)",
        "device": torch.cuda.get_device_name() if training.device.type == "cuda" else "cpu", "torch": torch.__version__,
        "pool": {name: len(pool) for name, pool in pools.items()}, "looks": args.looks,
        "held_out": {} if features is None else measure(*networks, features, pools),
    }  # fmt: skip
    save_file(state, out / "mini-stylizer.safetensors", metadata={"architecture": "mini", "recipe": json.dumps(recipe)})
    (out / "recipe.json").write_text(json.dumps(recipe, indent=1))
    contact_sheet(*networks, pools, out / "contact_sheet.png")
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
    if args.crop % 16:  # encoder and teacher halve it four times, and their maps are compared place by place
        raise UsageError(f"--crop: expected a multiple of 16, received {args.crop}")
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
    parser.add_argument(
        "--crop", type=int, default=256, help="side of the training crops, a multiple of 16, at most 256"
    )
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
