"""Measure a stylizer on pictures it never saw: the figures of docs/stylizer_card.md.

Three questions, each answered with the same code for the mini stylizer, for AdaIN on raw pixels and for the VGG-19
stylizer at relu3_1 (both are references):

- **identity**: PSNR of a picture in its own style (what encoder and decoder lose);
- **style**: how far the output's channel means and standard deviations at VGG-19 relu1_1, relu2_1 and relu3_1 are
  from the style's, as a share of the unstylised content's distance (Huang and Belongie 2017, equation 13: Euclidean
  distances, each layer's mean and std as a share of its own content distance, then averaged). First every picture's
  luminance is standardised (mean 0.5, standard deviation 0.2, no colour), so that palette and contrast, which AdaIN on
  pixels moves as well, count for nothing: what remains is texture;
- **contours**: F1 of edge maps. Edges are the 10 % of pixels with the largest gradient of the smoothed luminance
  (Sobel, sigma 1.5); an edge counts as found if the other map has one within 2 pixels.

The committed figures: 144 pairs, three minutes on one core (VGG-19, as a measure and as a reference, takes most).

    python data_scripts/evaluate_stylizer.py --data DATA --count 6 --paintings 8 --longest 384 \
        --out results/stylizer.json
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # runs from a checkout that is not installed

import numpy as np
import torch
import torch.nn.functional as F
from _script import Parser, run
from _stylizer_losses import luminance, standardised_luminance
from PIL import Image
from torch import Tensor, nn

from gltr_lib import _vgg_net, weights
from gltr_lib._drafts import write_text
from gltr_lib._usage import UsageError
from gltr_lib.adain import StyleStats, adain, channel_stats
from gltr_lib.datasets import read_image
from gltr_lib.stylizer import VGG_SHALLOW_FILES, Stylizer

PHOTOGRAPHS = {"camvid": "camvid/train", "idd": "idd_lite/val", "cityscapes": "cityscapes"}
PAINTINGS = "paintings/public_domain"
SUFFIXES = {".png", ".jpg", ".jpeg"}
LAYERS = {"relu1_1": 4, "relu2_1": 11, "relu3_1": 18}  # positions in the numbered encoder, ends of slices


# --- measures -----------------------------------------------------------------------------------------------------


def style_vectors(encoder: nn.Sequential, images: Tensor) -> list[Tensor]:
    """Return means and standard deviations (B, C) at relu1_1, relu2_1 and relu3_1, six tensors."""
    found, start = [], 0
    for end in LAYERS.values():
        images, start = encoder[start:end](images), end
        found += [s.flatten(1) for s in channel_stats(images)]
    return found


def style_left(output: list[Tensor], content: list[Tensor], style: list[Tensor]) -> tuple[float, float]:
    """Return the output's distance to the style as a share of the content's: (Euclidean, squared)."""
    pairs = [
        (torch.linalg.vector_norm(o - s, dim=1).mean().item(), torch.linalg.vector_norm(c - s, dim=1).mean().item())
        for o, c, s in zip(output, content, style, strict=True)
    ]
    squares = [
        ((o - s).square().sum(1).mean().item(), (c - s).square().sum(1).mean().item())
        for o, c, s in zip(output, content, style, strict=True)
    ]
    return float(np.mean([a / b for a, b in pairs])), float(np.mean([a / b for a, b in squares]))


def edges(images: Tensor, share: float = 0.1) -> Tensor:
    """Return bool (B,1,H,W): the ``share`` of pixels with the largest gradient of the smoothed luminance."""
    line = torch.exp(-0.5 * (torch.arange(-4, 5, dtype=torch.float32) / 1.5) ** 2)
    line = line / line.sum()
    grey = F.pad(luminance(images), (5, 5, 5, 5), mode="replicate")
    grey = F.conv2d(F.conv2d(grey, line.view(1, 1, 1, -1)), line.view(1, 1, -1, 1))
    sobel = torch.tensor([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]])[None, None]
    size = F.conv2d(grey, sobel).square() + F.conv2d(grey, sobel.transpose(2, 3)).square()
    limit = torch.quantile(size.flatten(1), 1 - share, dim=1)[:, None, None, None]
    return size > limit


def edge_f1(images: Tensor, others: Tensor, reach: int = 2) -> float:
    """Return the mean F1 of the edges of ``others`` against those of ``images``, within ``reach`` pixels."""
    a, b = edges(images).float(), edges(others).float()
    near_a, near_b = (F.max_pool2d(x, 2 * reach + 1, stride=1, padding=reach) for x in (a, b))
    precision = (b * near_a).sum(dim=(1, 2, 3)) / b.sum(dim=(1, 2, 3)).clamp_min(1)
    recall = (a * near_b).sum(dim=(1, 2, 3)) / a.sum(dim=(1, 2, 3)).clamp_min(1)
    return (2 * precision * recall / (precision + recall).clamp_min(1e-9)).mean().item()


def psnr(images: Tensor, others: Tensor) -> float:
    """Return the mean peak signal-to-noise ratio in dB."""
    return (-10 * torch.log10((images - others).square().mean(dim=(1, 2, 3)).clamp_min(1e-10))).mean().item()


# --- pictures and rivals ------------------------------------------------------------------------------------------


def pictures(folder: Path, count: int, longest: int) -> list[Tensor]:
    """Return up to ``count`` pictures, evenly spread over the sorted files of a folder: (1,3,H,W) each."""
    files = sorted(
        f for f in folder.rglob("*") if f.suffix.lower() in SUFFIXES and "label" not in str(f.parent).lower()
    )
    if not files:
        raise ValueError(
            f"{folder}: no pictures; --data expects the folders {sorted(PHOTOGRAPHS.values())}, {PAINTINGS}"
        )
    chosen = [files[i * len(files) // min(count, len(files))] for i in range(min(count, len(files)))]
    found = []
    for file in chosen:
        picture = Image.fromarray(read_image(file))
        scale = longest / max(picture.size)
        if scale < 1:
            picture = picture.resize([max(1, round(s * scale)) for s in picture.size], Image.Resampling.LANCZOS)
        found.append(torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)[None].float() / 255.0)
    return found


class Pixels:
    """AdaIN on the colours themselves: the reference that moves palette and contrast, and no texture."""

    def style_stats(self, images: Tensor) -> StyleStats:
        mean, std = channel_stats(images)
        return StyleStats(mean.flatten(1), std.flatten(1))

    def stylize(self, images: Tensor, stats: StyleStats) -> Tensor:
        return adain(images, stats.mean, stats.std).clamp(0, 1)


@torch.inference_mode()
def judge(
    rivals: dict[str, Stylizer | Pixels],
    contents: list[Tensor],
    styles: list[Tensor],
    encoder: nn.Sequential,
    each: int,
) -> dict[str, dict]:
    """Measure the stylizers on the same pairs: every picture meets ``each`` of the paintings, the next ones in turn.

    Returns:
        For each rival the means over pictures (identity) and over pairs (the rest), and the least identity PSNR.
    """
    stats = {title: [rival.style_stats(style) for style in styles] for title, rival in rivals.items()}
    targets = [style_vectors(encoder, standardised_luminance(style)) for style in styles]
    found = {
        title: {"identity_psnr": [], "style_left": [], "style_left_squared": [], "edge_f1": []} for title in rivals
    }
    for number, content in enumerate(contents):
        before = style_vectors(encoder, standardised_luminance(content))
        for title, rival in rivals.items():
            rows = found[title]
            rows["identity_psnr"].append(psnr(rival.stylize(content, rival.style_stats(content)), content))
            for index in ((number * each + step) % len(styles) for step in range(each)):
                output = rival.stylize(content, stats[title][index])
                left, squared = style_left(
                    style_vectors(encoder, standardised_luminance(output)), before, targets[index]
                )
                rows["style_left"].append(left)
                rows["style_left_squared"].append(squared)
                rows["edge_f1"].append(edge_f1(content, output))
    return {
        title: {name: float(np.mean(values)) for name, values in rows.items()}
        | {
            "identity_psnr_min": min(rows["identity_psnr"]),
            "style_left_worst": max(rows["style_left"]),
            "edge_f1_min": min(rows["edge_f1"]),
            "pairs": len(rows["style_left"]),
            "pictures": len(contents),
        }
        for title, rows in found.items()
    }


def seconds(run, repeats: int = 10) -> float:
    """Return the least wall time of a call."""
    run()
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times)


@torch.inference_mode()
def costs(stylizer: Stylizer) -> dict[str, float]:
    """Return parameters, GFLOP of one 512x512 picture with cached style, and milliseconds on this machine."""
    from torch.utils.flop_counter import FlopCounterMode

    picture, batch = torch.rand(1, 3, 512, 512), torch.rand(6, 3, 128, 256)
    stats = stylizer.style_stats(picture)
    with FlopCounterMode(display=False) as counter:
        stylizer.stylize(picture, stats)
    row = {
        "parameters": sum(p.numel() for p in stylizer.parameters()),
        "gflop_512": round(counter.get_total_flops() / 1e9, 2),
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else math.nan,
    }
    threads = torch.get_num_threads()
    for count in (1, 2):
        torch.set_num_threads(count)
        row[f"ms_512_threads_{count}"] = round(seconds(lambda: stylizer.stylize(picture, stats)) * 1e3, 1)
        row[f"ms_6x128x256_threads_{count}"] = round(seconds(lambda: stylizer.stylize(batch, stats)) * 1e3, 1)
    torch.set_num_threads(threads)
    return row


def markdown(report: dict) -> str:
    """Return the card's table."""
    lines = ["| pictures | stylizer | identity PSNR (dB) | texture distance left | squared | edge F1 |"]
    lines.append("|---|---|---|---|---|---|")
    for group, rivals in (report["measures"] | {"mean": report["mean_of_sets"]}).items():
        for name, row in rivals.items():
            same = "exact" if row["identity_psnr"] > 80 else f"{row['identity_psnr']:.1f}"
            lines.append(
                f"| {group} | {name} | {same} | {row['style_left']:.1%} | {row['style_left_squared']:.1%}"
                f" | {row['edge_f1']:.3f} |"
            )
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and measure; a mistake is one line."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("GLTR_DATA"), help="folder of real data")
    parser.add_argument("--weights", type=Path, help="a mini-stylizer.safetensors; default: the shipped one")
    parser.add_argument("--count", type=int, default=6, help="photographs of each set")
    parser.add_argument("--paintings", type=int, default=8, help="how many of the paintings each photograph meets")
    parser.add_argument("--longest", type=int, default=384, help="longest side of every picture")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    parser.add_argument("--sets", default=",".join(PHOTOGRAPHS), help="comma separated")
    parser.set_defaults(run=measure)
    return run(parser, argv)


def measure(args: argparse.Namespace) -> int:
    """Measure, print the table and write the JSON.

    Raises:
        UsageError: a wrong argument. ValueError: no pictures, or a broken one.
    """
    for name in ("threads", "count", "paintings", "longest"):
        if getattr(args, name) < (16 if name == "longest" else 1):
            raise UsageError(f"--{name}: expected at least {16 if name == 'longest' else 1}")
    unknown = [name for name in args.sets.split(",") if name not in PHOTOGRAPHS]
    if unknown:
        raise UsageError(f"--sets: unknown {', '.join(map(repr, unknown))}; valid: {', '.join(PHOTOGRAPHS)}")
    torch.set_num_threads(args.threads)
    if args.data is None:
        raise UsageError("--data (or the environment variable GLTR_DATA) names the folder of real data")
    for needed in VGG_SHALLOW_FILES:
        if not (args.data / "weights" / needed).is_file():
            raise UsageError(
                f"{args.data / 'weights' / needed}: no such file; the VGG-19 stylizer's weights belong there"
            )
    encoder_state = weights.load_file(args.data / "weights" / VGG_SHALLOW_FILES[0])
    _, encoder, _ = _vgg_net.load_pair(encoder_state, weights.load_file(args.data / "weights" / VGG_SHALLOW_FILES[1]))
    mini = Stylizer.from_mini(weights.load_file(args.weights)) if args.weights else Stylizer.load("mini")
    vgg = Stylizer.load("vgg19", folder=args.data / "weights")
    rivals: dict[str, Stylizer | Pixels] = {"mini": mini, "vgg19-relu3_1": vgg, "AdaIN on pixels": Pixels()}
    styles = pictures(args.data / PAINTINGS, 10**6, args.longest)
    report: dict = {
        "fingerprint": mini.fingerprint, "paintings": len(styles), "longest": args.longest, "count": args.count,
        "paintings_each": min(args.paintings, len(styles)), "torch": torch.__version__, "threads": args.threads,
        "costs": costs(mini), "measures": {},
    }  # fmt: skip
    print(json.dumps(report["costs"]), flush=True)
    began = time.perf_counter()
    for name in args.sets.split(","):
        contents = pictures(args.data / PHOTOGRAPHS[name], args.count, args.longest)
        report["measures"][name] = judge(rivals, contents, styles, encoder, report["paintings_each"])
        print(json.dumps({name: report["measures"][name]}), f"{time.perf_counter() - began:.0f} s", flush=True)
    paintings = [psnr(mini.stylize(s, mini.style_stats(s)), s) for s in styles]
    report["identity_psnr_paintings"] = float(np.mean(paintings))
    groups = list(report["measures"].values())
    report["mean_of_sets"] = {
        title: {
            name: float(np.mean([group[title][name] for group in groups]))
            for name in ("identity_psnr", "style_left", "style_left_squared", "edge_f1")
        }
        for title in rivals
    }
    report["wall_seconds"] = round(time.perf_counter() - began, 1)
    if not all(math.isfinite(row["style_left"]) for group in report["measures"].values() for row in group.values()):
        raise ValueError("a measure is not finite; nothing was written")
    print(f"{report['wall_seconds']} s, identity on paintings {report['identity_psnr_paintings']:.1f} dB")
    print(markdown(report))
    if args.out:
        write_text(args.out, json.dumps(report, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
