"""How fast the full-scale path trains here: images a second, memory, and the share of texture randomization.

    python benchmarks/scale.py                          # what fits this machine: full size on a GPU, reduced on a CPU
    python benchmarks/scale.py --size 640 640 --precision no bf16 --compile no yes --ledger results/scale.jsonl

Each case is one process (so that its peak memory is its own) that trains on streets rendered at the crop's size and
read from PNG files, as a data set would be. The first window of steps warms up and is not counted; the speed is the
median of the windows after it. With ``--ledger`` every figure becomes a row with the device's name. On a machine
without a GPU one more row says that no GPU figure exists, so that nobody takes a CPU's row for one.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

MODELS = ("deeplabv2_resnet50", "deeplabv3plus_resnet50")
METHODS = ("baseline", "gtr", "gtr_ltr", "gtr_ltr_cgl")
WINDOWS = 4  # the first one warms up
PROTOCOL = "training speed, streets from PNG files, median of windows after warm-up"


def cases(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Every combination that was asked for."""
    names = ("model", "method", "precision", "compile")
    grid = itertools.product(args.models, args.methods, args.precision, [word == "yes" for word in args.compile])
    taken = ("size", "images", "window", "stylizer", "workers", "seed", "device")
    common = {name: getattr(args, name) for name in taken} | {"streets": str(args.streets)}
    return [dict(zip(names, values, strict=True)) | common for values in grid]


def measure(case: dict[str, Any]) -> dict[str, Any]:
    """Train one case and say what it took."""
    import torch

    from gltr_lib import cost, ledger, scale
    from gltr_lib.config import TrainConfig
    from gltr_lib.datasets import open_dataset

    config = TrainConfig(
        case["method"], model=case["model"], steps=WINDOWS * case["window"], forward_images=case["images"],
        crop=tuple(case["size"]), scale=(1.0, 1.0), optimizer="sgd", lr=1e-3, head_lr_factor=10.0,
        precision=case["precision"], compile=case["compile"], channels_last=True, stylizer=case["stylizer"],
        workers=case["workers"], log_every=case["window"], checkpoint_every=10**6, seed=case["seed"],
        device=case["device"],
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as out:
        result = scale.fit(config, open_dataset("folder", case["streets"]), out=out, progress=False)
    speeds = [row["images_per_second"] for row in result.history[1:]]
    speed = statistics.median(speeds)
    painted = sum(view == "gtr" for view in config.method.views) / len(config.method.views)
    flops = 3 * cost.forward_flops(config.model, config.crop)
    flops += painted * cost.stylize_flops(config.stylizer, config.crop) if painted else 0
    whole = sum(result.profile.values())
    return {
        "images_per_second": speed, "spread": [min(speeds), max(speeds)], "memory_mib": result.memory_mib,
        "share_randomise": result.profile.get("randomise", 0.0) / whole,
        "share_data": result.profile.get("data", 0.0) / whole, "tflops": speed * flops / 1e12,
        "device": ledger.device_name(result.device), "wall_seconds": result.seconds, "torch": torch.__version__,
        "config": json.loads(config.to_json()),
    }  # fmt: skip


def rows(case: dict[str, Any], found: dict[str, Any]) -> list[dict[str, Any]]:
    """One ledger row a figure."""
    from gltr_lib import ledger

    height, width = case["size"]
    common = {
        "method": case["method"], "seed": case["seed"], "commit": ledger.git_commit(), "protocol": PROTOCOL,
        "data": f"streets/game {width}x{height}", "config": found["config"], "device": found["device"],
        "wall_seconds": round(found["wall_seconds"], 2), "date": ledger.now(), "tier": "scale",
        "torch": found["torch"], "spread": found["spread"],
    }  # fmt: skip
    figures = {
        "images/s": found["images_per_second"],
        "peak memory (MiB)": found["memory_mib"],
        "share of time in randomisation": found["share_randomise"],
        "share of time waiting for data": found["share_data"],
        "TFLOP/s": found["tflops"],
    }
    return [common | {"metric": name, "value": float(f"{value:.4g}")} for name, value in figures.items()]


def no_gpu_row(device: str) -> dict[str, Any]:
    """The row that says what is missing."""
    from gltr_lib import ledger

    return {
        "method": "none", "seed": 0, "commit": ledger.git_commit(), "protocol": PROTOCOL,
        "metric": "GPU figures measured", "value": 0, "data": "none", "config": {}, "device": device, "wall_seconds": 0,
        "date": ledger.now(), "tier": "scale",
        "note": "no GPU could be had: the sizes of the other rows are reduced, and no full-size figure exists yet",
    }  # fmt: skip


HEAD = "| network | method | precision | compile | images/s (range of windows) | MiB | painting | TFLOP/s |"


def table(ledger_rows: list[dict[str, Any]]) -> str:
    """The newest figures of each case as a Markdown table, device and size above it."""
    newest: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in ledger_rows:
        config = row["config"]
        if config:
            where = f"{row['device']}; {row['data']}, {config['forward_images']} images a step:"
            case = (config["model"], row["method"], config["precision"], "yes" if config["compile"] else "no")
            newest.setdefault((where, *case), {}).update({row["metric"]: row["value"], "spread": row["spread"]})
    lines: list[str] = []
    shown = ""
    for (where, *case), found in newest.items():
        if where != shown:
            lines += ["", where, "", HEAD, "|---|---|---|---|---:|---:|---:|---:|"]
            shown = where
        low, high = found["spread"]
        speed = f"{found['images/s']:.2f} ({low:.2f} to {high:.2f})"
        rest = f"{found['peak memory (MiB)']:.0f} | {100 * found['share of time in randomisation']:.0f} %"
        lines.append(f"| {' | '.join(case)} | {speed} | {rest} | {found['TFLOP/s']:.3f} |")
    return "\n".join(lines).strip()


def render_streets(folder: Path, size: tuple[int, int], count: int = 16) -> Path:
    """Streets as PNG files in ``images`` and ``labels``."""
    from PIL import Image

    from gltr_lib import streets

    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for seed in range(count):
        image, label = streets.render(seed, "game", size)
        Image.fromarray(image).save(folder / "images" / f"{seed:03d}.png")
        Image.fromarray(label).save(folder / "labels" / f"{seed:03d}.png")
    return folder


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line; what is not given depends on the device."""
    import torch

    gpu = torch.cuda.is_available()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument(
        "--size", nargs=2, type=int, default=(640, 640) if gpu else (96, 96), metavar=("HEIGHT", "WIDTH")
    )
    parser.add_argument("--images", type=int, default=8 if gpu else 4, help="forward images a step")
    parser.add_argument("--window", type=int, default=15 if gpu else 2, help="steps in a window; there are four")
    parser.add_argument("--precision", nargs="+", default=["no", "bf16"] if gpu else ["no"])
    parser.add_argument("--compile", nargs="+", default=["no"], choices=["no", "yes"])
    parser.add_argument("--stylizer", default="mini")
    parser.add_argument("--workers", type=int, default=min(8, os.cpu_count() or 1) if gpu else 0)
    parser.add_argument("--device", default="cuda" if gpu else "cpu")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ledger", type=Path, help="append the figures to this file")
    parser.add_argument("--table", type=Path, metavar="FILE", help="only print the table of a ledger file")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main() -> int:
    """Run every case in a process of its own; a case that fails is named and the others go on."""
    args = parse()
    if args.case:
        print(json.dumps(measure(json.loads(args.case))))
        return 0
    from gltr_lib import ledger

    if args.table:
        print(table(ledger.read(args.table)))
        return 0
    failed = 0
    print(
        f"{'model':24}{'method':14}{'precision':>10}{'compile':>9}{'images/s':>10}{'MiB':>8}{'paint':>7}{'TFLOP/s':>9}"
    )
    with tempfile.TemporaryDirectory() as folder:
        args.streets = render_streets(Path(folder) / "streets", tuple(args.size))
        for case in cases(args):
            done = subprocess.run(
                [sys.executable, __file__, "--case", json.dumps(case)], capture_output=True, text=True, check=False
            )
            label = f"{case['model']:24}{case['method']:14}{case['precision']:>10}{case['compile']!s:>9}"
            if done.returncode:
                failed += 1
                print(f"{label}  failed: {(done.stderr.strip().splitlines() or ['no message'])[-1][:160]}", flush=True)
                continue
            found = json.loads(done.stdout.strip().splitlines()[-1])
            print(
                f"{label}{found['images_per_second']:>10.2f}{found['memory_mib']:>8.0f}"
                f"{found['share_randomise']:>7.0%}{found['tflops']:>9.3f}",
                flush=True,
            )
            if args.ledger:
                for row in rows(case, found):
                    ledger.append(args.ledger, row)
    if args.ledger and args.device == "cpu":
        ledger.append(args.ledger, no_gpu_row(ledger.device_name("cpu")))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
