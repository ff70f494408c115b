"""``gltr``: the library from a terminal. Thin on purpose: each command calls the function that lessons call too.

``gltr --help`` imports neither torch nor the parser. What a user did wrong is one line on stderr: exit code 2 for a
wrong command, 1 for bad data, never a traceback. With ``--json`` a command prints one JSON value on stdout and keeps
its progress on stderr.
"""

from __future__ import annotations

import contextlib
import io
import json as jsonlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gltr_lib._usage import UsageError, usage


def doctor(*, json: bool = False) -> int:
    """Look at this machine: versions, device, weights, space; what is amiss, and the command that mends it.

    Args:
        json: print JSON.
    """
    from gltr_lib import doctor as doc

    findings = doc.examine()
    print(doc.to_json(findings) if json else doc.render(findings))
    return doc.worst(findings)


def demo(*, out: Path = Path("gltr_demo.png"), seed: int = 0, json: bool = False) -> int:
    """Write one picture: a street, its globally and its locally randomised forms, and the masks.

    Args:
        out: the picture to write.
        seed: of the street, the styles and the masks.
        json: print JSON.
    """
    _picture_name(out)
    from gltr_lib.offline import demo_picture, save_picture

    sheet = demo_picture(seed)
    save_picture(out, sheet)
    _answer({"picture": str(out), "seed": seed, "size": [sheet.shape[1], sheet.shape[0]]}, json, f"wrote {out}")
    return 0


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
        source, target, network, styles, bank_name=bank, alpha=alpha, seed=seed, on_image=_counter("stylised")
    )
    for name, reason in manifest["refused"].items():
        print(f"refused {name}: {reason}", file=sys.stderr)
    done, refused = len(manifest["done"]), len(manifest["refused"])
    _answer(manifest, json, f"{done} stylised, {refused} refused, see {target / 'manifest.json'}")
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
    styles, refused = build_bank(folder, network, on_image=_counter("read"))
    styles.save(out)
    for name, reason in refused.items():
        print(f"refused {name}: {reason}", file=sys.stderr)
    _answer(
        {"bank": str(out), "styles": len(styles), "stylizer": stylizer, "refused": refused},
        json,
        f"wrote {out}: {len(styles)} styles, {len(refused)} refused",
    )
    return 1 if refused else 0


def train(
    method: str = "gtr_ltr_cgl", /, *, out: Path = Path("runs/train"), steps: int = 1000, seed: int = 0,
    images: Path | None = None, labels: Path | None = None, set: tuple[str, ...] = (), device: str | None = None,
    json: bool = False,
) -> int:  # fmt: skip
    """Train a network on the embedded streets, or on your own pictures; run it again to go on.

    Args:
        method: baseline, gtr, gtr_ltr, gtr_ltr_cgl, ... (an unknown name lists them).
        out: folder for checkpoint and network.
        steps: training steps.
        seed: of everything random.
        images: folder of your pictures, with --labels.
        labels: folder of their label maps (trainIds).
        set: other settings, key=value, such as forward_images=8 or crop=[128,256].
        device: cpu, cuda or mps; the best there is if not given.
        json: print JSON.
    """
    if (images is None) != (labels is None):
        raise UsageError("--images and --labels come together: the folder of pictures and that of their label maps")
    from gltr_lib.config import TrainConfig, parse_overrides

    with usage():
        config = parse_overrides([f"method={method}", *set], TrainConfig(steps=steps, seed=seed, device=device))
    from gltr_lib import engine, models, workflows

    with usage():
        engine.pick_device(device)
    pictures, maps = workflows.training_data(config.crop, images, labels)
    result = engine.train(config, pictures, maps, out=out, progress=not json and sys.stderr.isatty())
    path = models.export(result.model, out / "model.safetensors", {"facts": jsonlib.dumps(workflows.facts(result))})
    last = result.history[-1] if result.history else {}
    _answer(
        {
            "network": str(path),
            "seconds": round(result.seconds, 2),
            "last": last,
            "config": jsonlib.loads(config.to_json()),
        },
        json,
        f"wrote {path} after {result.seconds:.0f} s, loss {last.get('loss', float('nan')):.3f}",
    )
    return 0


def evaluate(
    network: str = "gtr_ltr_cgl", /, *, look: tuple[str, ...] = ("game", "overcast", "sun"), scenes: int = 64,
    images: Path | None = None, labels: Path | None = None, camvid: Path | None = None, reason: str = "gltr evaluate",
    device: str | None = None, json: bool = False,
) -> int:  # fmt: skip
    """Score a network on the streets' looks, on your own pictures, or on CamVid, protocol beside every number.

    Args:
        network: a shipped one (baseline, gtr, gtr_ltr, gtr_ltr_cgl) or a model.safetensors of gltr train.
        look: looks of the streets.
        scenes: streets for each look, at most 64.
        images: folder of your pictures, with --labels.
        labels: folder of their label maps (trainIds).
        camvid: CamVid's folder; the look at real data is counted in results/real_looks.jsonl.
        reason: why this look at real data is taken.
        device: cpu, cuda or mps; the best there is if not given.
        json: print JSON.
    """
    if (images is None) != (labels is None):
        raise UsageError("--images and --labels come together: the folder of pictures and that of their label maps")
    if not 1 <= scenes <= 64:
        raise UsageError(f"--scenes: expected 1 to 64, received {scenes}")
    from gltr_lib import workflows
    from gltr_lib.engine import pick_device

    with usage():
        where = pick_device(device)
        model = workflows.load_network(network).to(where)
        workflows.check_looks(look)
    if camvid is not None:
        scores = workflows.score_on_camvid(model, camvid, reason=reason, network=network)
    elif images is not None and labels is not None:
        scores = workflows.score_on_folder(model, images, labels)
    else:
        scores = workflows.score_on_looks(model, look, scenes)
    _answer({"network": network, "scores": scores}, json, workflows.render_scores(network, scores))
    return 0


def study(
    *, tier: str = "headline", list: bool = False, report: bool = False, steps: int | None = None,
    seeds: int | None = None, only: str = "", scenes: int = 0, looks: str = "", final: bool = False,
    set: tuple[str, ...] = (), jobs: int = 1, device: str | None = None, real: Path | None = None, reason: str = "",
    ledger: Path | None = None, runs: Path = Path("runs"), json: bool = False,
) -> int:  # fmt: skip
    """Run what is missing of the declared study; every score goes into the ledger, tables come from there.

    Args:
        tier: headline.
        list: only say what is done, what is missing, and predicted hours.
        report: only render the README's tables and the figure from the ledger.
        steps: other number of steps; the tier is then named short or long, and kept apart.
        seeds: number of seeds.
        only: methods, separated by commas.
        scenes: shorten every set of streets, for a rehearsal.
        looks: other test looks, sampled:<first>..<last>.
        final: score the finished networks on the reserved looks, once.
        set: other training settings, key=value.
        jobs: runs side by side.
        device: cpu, cuda or mps; the best there is if not given.
        real: folder with camvid/: score the finished networks on its photographs.
        reason: why this look at real data is taken.
        ledger: another ledger file.
        runs: folder for checkpoints, networks, rendered streets.
        json: print JSON.
    """
    from gltr_lib.study.__main__ import command, split_methods

    return command(
        tier=tier, steps=steps, seeds=seeds, only=split_methods(only), scenes=scenes, looks=looks, final=final,
        overrides=set, jobs=jobs, device=device, list_only=list, report=report,
        real=str(real) if real is not None else None, reason=reason, ledger_path=str(ledger) if ledger else None,
        runs=str(runs), as_json=json,
    )  # fmt: skip


def bench(*, repeat: int = 5, small: bool = False, json: bool = False) -> int:
    """Time the hot paths against what people would write otherwise; ratios on this machine.

    Args:
        repeat: timed calls of each.
        small: tiny pictures, to see that it runs.
        json: print JSON.
    """
    if repeat < 1:
        raise UsageError(f"--repeat: expected at least 1, received {repeat}")
    from gltr_lib import bench as timing

    result = timing.bench(repeat, small=small)
    _answer(result, json, timing.render(result))
    return 0


COMMANDS: dict[str, Callable[..., int]] = {
    "doctor": doctor, "demo": demo, "stylize": stylize, "bank": bank, "train": train, "evaluate": evaluate,
    "study": study, "bench": bench,
}  # fmt: skip


def help_text() -> str:
    """What ``gltr --help`` prints: each command with the first line of its docstring."""
    lines = [f"  {name:<9} {(function.__doc__ or '').strip().splitlines()[0]}" for name, function in COMMANDS.items()]
    return (
        "usage: gltr COMMAND [options]\n\nGlobal and local texture randomization, from a terminal.\n\ncommands:\n"
        + "\n".join(lines)
        + "\n\ngltr COMMAND --help says more; --json answers programs; gltr --version."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code.

    Args:
        arguments: as in ``sys.argv[1:]``.

    Returns:
        0, 1 (bad data, or a finding of the doctor), 2 (wrong command), 130 (stopped by the user).
    """
    given = [*(sys.argv[1:] if arguments is None else arguments)]
    if not given or given[0] in ("-h", "--help", "help"):
        print(help_text())
        return 0 if given else 2
    if given[0] in ("-V", "--version"):
        from gltr_lib import __version__

        print(f"gltr {__version__}")
        return 0
    name, rest = given[0], given[1:]
    if name not in COMMANDS:
        return _complain(f"unknown command {name!r}; valid: {', '.join(COMMANDS)}", 2)
    try:
        return _run(name, rest)
    except UsageError as error:
        return _complain(f"{name}: {error}", 2)
    except (ValueError, TypeError, OSError, RuntimeError) as error:
        if os.environ.get("GLTR_DEBUG"):
            raise
        return _complain(f"{name}: {error}", 1)
    except ImportError as error:
        return _complain(f"{name}: {error}; gltr doctor says what to install", 1)
    except KeyboardInterrupt:
        return _complain(f"{name}: stopped; the same command goes on where it was", 130)


def _run(name: str, rest: Sequence[str]) -> int:
    import tyro

    wants_help = any(flag in ("-h", "--help") for flag in rest)
    captured = io.StringIO()
    holder: dict[str, Any] = {}
    # tyro parses here and calls later, so that only its own complaints are caught and put on one line.
    function = COMMANDS[name]
    try:
        with contextlib.nullcontext() if wants_help else contextlib.redirect_stderr(captured):
            holder["call"] = tyro.cli(_deferred(function), prog=f"gltr {name}", args=list(rest))
    except SystemExit as stop:
        if not stop.code:
            return 0
        return _complain(f"{name}: {_one_line(captured.getvalue())} (gltr {name} --help)", 2)
    return holder["call"]()


def _deferred(function: Callable[..., int]) -> Callable[..., Callable[[], int]]:
    """The same signature, but calling it only remembers the arguments."""
    import functools
    import typing

    @functools.wraps(function)
    def remember(*args: Any, **kwargs: Any) -> Callable[[], int]:
        return lambda: function(*args, **kwargs)

    remember.__annotations__ = {k: v for k, v in typing.get_type_hints(function).items() if k != "return"}
    return remember


def _one_line(text: str) -> str:
    """tyro's framed complaint as one plain line."""
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("╭"):  # the frame's title says nothing that the line below does not
            continue
        if lines and "───" in line:
            break
        plain = line.strip("│╰╯─ ")
        if plain:
            lines.append(plain)
    return " ".join(lines) or "wrong arguments"


def _complain(text: str, code: int) -> int:
    print("gltr: " + " ".join(str(text).split()), file=sys.stderr)
    return code


def _answer(value: Any, as_json: bool, text: str) -> None:
    print(jsonlib.dumps(value, indent=2, ensure_ascii=False) if as_json else text)


def _counter(verb: str) -> Callable[[int, int, str], None] | None:
    """Progress on a terminal: one line that rewrites itself."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, total: int, name: str) -> None:
        end = "\n" if done == total else ""
        print(f"\r\033[K{verb} {done}/{total} {name[-50:]}", end=end, file=sys.stderr, flush=True)

    return show


def _picture_name(path: Path) -> None:
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
        raise UsageError(f"{path}: a picture's name ends in .png, .jpg or .webp")


if __name__ == "__main__":
    sys.exit(main())
