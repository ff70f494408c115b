"""``gltr train``: a network from the embedded streets, from your own pictures, or at full scale from the data sets."""

from __future__ import annotations

import json as jsonlib
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gltr_lib._usage import UsageError, usage
from gltr_lib.cli._say import answer, writable

if TYPE_CHECKING:
    from gltr_lib.config import TrainConfig
    from gltr_lib.scale import Data


def train(
    method: str = "gtr_ltr_cgl", /, *, out: Path = Path("runs/train"), steps: int | None = None,
    seed: int | None = None, images: Path | None = None, labels: Path | None = None, set: tuple[str, ...] = (),
    device: str | None = None, data: str = "streets", root: Path | None = None, split: str = "train",
    prepared: Path | None = None, copies: Path | None = None, option: tuple[str, ...] = (), recipe: str | None = None,
    processes: int | None = None, nnodes: int = 1, node_rank: int = 0, master: str | None = None, fresh: bool = False,
    profile: bool = False, json: bool = False,
) -> int:  # fmt: skip
    """Train a network on the embedded streets, your own pictures or a data set; run it again to go on.

    Args:
        method: baseline, gtr, gtr_ltr, gtr_ltr_cgl, ..., or a rival such as randconv (an unknown name lists them).
        out: folder for checkpoint, network and logs.
        steps: training steps; 1000, or those of the recipe.
        seed: of everything random; 0, or that of the recipe.
        images: folder of your pictures, with --labels.
        labels: folder of their label maps (trainIds).
        set: other settings, key=value, such as forward_images=8 or crop=[128,256].
        device: cpu, cuda or mps; the best there is if not given.
        data: streets, folder, gta5, synthia, cityscapes, ... (another name lists them); validation, where val_every
            asks for it, is on this source's own val split.
        root: folder of the data set.
        split: of the data set that is trained on.
        prepared: folder of label maps that were converted to trainIds beforehand.
        copies: folder of offline copies (gltr stylize --copies) that gtr views show instead of painting online.
        option: of the data set, key=value, such as lists=robustnet.
        recipe: named starting point: laptop, gpu or gtr_paper.
        processes: processes on this machine that share each step.
        nnodes: machines; run the same command on each, with its --node-rank and one --master.
        node_rank: number of this machine, from 0.
        master: host:port of machine 0.
        fresh: do not go on from the checkpoint in --out.
        profile: print where the time of a step goes.
        json: print JSON.
    """
    if (images is None) != (labels is None):
        raise UsageError("--images and --labels come together: the folder of pictures and that of their label maps")
    writable("--out", out, True)
    from gltr_lib.config import TrainConfig, parse_overrides
    from gltr_lib.config import recipe as named

    with usage():
        if processes is not None and processes < 1:
            raise ValueError(f"--processes: expected at least 1, received {processes}")
        if not 0 <= node_rank < nnodes:
            raise ValueError(f"--nnodes, --node-rank: expected 0 <= rank < nodes, received {node_rank} and {nnodes}")
        base = named(recipe) if recipe else TrainConfig()
        changed = {"steps": steps, "seed": seed, "device": device}
        base = base.replace(**{name: value for name, value in changed.items() if value is not None})
        config = parse_overrides([f"method={method}", *set], base)
        if nnodes > 1 and not (master or "").rpartition(":")[0]:
            raise ValueError(f"--nnodes: machines meet at --master HOST:PORT of machine 0; received {master!r}")
        local = processes or (config.processes if nnodes == 1 else 1)
        if config.processes not in (base.processes, local * nnodes):
            raise ValueError(
                f"--set processes={config.processes} is another number than --processes and --nnodes make "
                f"({local} x {nnodes}); leave it out"
            )
        config = config.replace(processes=local * nnodes)
    from gltr_lib import engine, models
    from gltr_lib._validate import check_choice
    from gltr_lib.style_bank import StyleBank
    from gltr_lib.stylizer import NAMES

    with usage():
        engine.pick_device(device)
        check_choice(config.model, models.MODELS, "model")
        models.check_options(config.model, dict(config.model_options))
        check_choice(config.stylizer, NAMES, "stylizer")
    if config.method.needs_paintings:  # before the pictures are rendered or read
        with nullcontext() if Path(config.bank).exists() else usage():  # a damaged file is no mistyped name
            StyleBank.load(config.bank)
    given = {
        "--root": root, "--split": split if split != "train" else None, "--prepared": prepared, "--copies": copies,
        "--recipe": recipe, "--profile": profile or None, "--option": option or None,
    }  # fmt: skip
    asked = [name for name, value in given.items() if value is not None]
    if data == "streets" and not asked and not engine.settings_at_scale(config):
        return _in_memory(config, out, images, labels, not fresh, json)
    if images is not None:
        raise UsageError(
            f"--images and --labels train in memory, without {', '.join(asked or engine.settings_at_scale(config))}; "
            f"at full scale, --data folder --root DIR reads DIR/images and DIR/labels"
        )
    from gltr_lib.scale import Data

    with usage():
        source = Data(
            data, None if root is None else str(root), split, prepared=None if prepared is None else str(prepared),
            copies=None if copies is None else str(copies), options=_options(option),
        )  # fmt: skip
    started = {"processes": local, "nnodes": nnodes, "node_rank": node_rank, "master": master}
    return _at_scale(config, source, out, started, not fresh, profile, json)


def _in_memory(
    config: TrainConfig, out: Path, images: Path | None, labels: Path | None, resume: bool, json: bool
) -> int:
    """The engine that holds its pictures in memory: no Accelerator, no loader, bit for bit what the course shows."""
    from gltr_lib import engine, models, workflows

    pictures, maps = workflows.training_data(config.crop, images, labels, config.num_classes)
    if not resume:  # a network of the run before would be taken for that of one that was stopped
        (out / "model.safetensors").unlink(missing_ok=True)
    result = engine.train(config, pictures, maps, out=out, resume=resume, progress=not json and sys.stderr.isatty())
    path = models.export(result.model, out / "model.safetensors", {"facts": jsonlib.dumps(workflows.facts(result))})
    last = result.history[-1] if result.history else {}
    _say(path, result.seconds, last, config, {}, json)
    return 0


def _at_scale(
    config: TrainConfig, data: Data, out: Path, started: dict[str, Any], resume: bool, profile: bool, json: bool
) -> int:
    """The full-scale loop, here for one process and through torchrun for several."""
    from gltr_lib import scale
    from gltr_lib._validate import check_choice
    from gltr_lib.scale.start import work

    with usage():
        if data.name == "streets":
            check_choice(data.split, ("train", "val"), "streets: split")
        elif data.name != "folder":
            from gltr_lib.datasets import LAYOUTS

            check_choice(data.name, ("streets", "folder", *LAYOUTS), "--data")
            LAYOUTS[data.name].expected(data.split, **dict(data.options))  # refuses a mistyped split or option
        if data.name != "streets" and data.root is None:
            raise ValueError(f"--data {data.name}: --root is missing; give the folder into which it was unpacked")
        for name in ("root", "prepared", "copies"):
            taken = getattr(data, name)
            if taken is not None and Path(taken).resolve() == out.resolve():
                raise ValueError(f"--out {out}: is --{name} too, which is only read; choose another folder for the run")
    progress = not json and sys.stderr.isatty()
    options: dict[str, Any] = {"resume": resume, "progress": progress, "profile": profile and not json}
    result = (
        work(config, data, out, **options)
        if config.processes == 1
        else scale.launch(config, data, out, **started, **options)
    )
    if result is None:
        rank, master = started["node_rank"], started["master"]
        text = f"machine {rank} has done its part; machine 0 ({master}) wrote the network and the logs"
        answer({"network": None, "node_rank": rank}, json, text)
        return 0
    more = result.summary() | {"validation": result.validation[-1:]}
    _say(out / "model.safetensors", result.seconds, result.history[-1] if result.history else {}, config, more, json)
    return 0


def _say(
    path: Path, seconds: float, last: dict[str, Any], config: TrainConfig, more: dict[str, Any], json: bool
) -> None:
    answer(
        {"network": str(path), "seconds": round(seconds, 2), "last": last, "config": jsonlib.loads(config.to_json())}
        | {name: value for name, value in more.items() if name != "seconds"},
        json,
        f"wrote {path} after {seconds:.0f} s, loss {last.get('loss', float('nan')):.3f}",
    )


def _options(texts: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """``key=value`` texts as pairs."""
    found = []
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise ValueError(f"--option reads key=value, such as lists=robustnet; received {text[:60]!r}")
        found.append((key, value))
    return tuple(found)
