"""``python -m gltr_lib.scale``: one process of a full-scale run, for torchrun and ``accelerate launch``.

    torchrun --standalone --nproc_per_node 8 -m gltr_lib.scale gtr_ltr_cgl --recipe gtr_paper \
        --data gta5 --root data/gta5 --set processes=8 --out runs/gta5

``gltr train --processes 8`` does the same with less typing.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from gltr_lib.config import TrainConfig, parse_overrides, recipe
from gltr_lib.scale.data import Data


def parser() -> argparse.ArgumentParser:
    """The arguments of a process."""
    made = argparse.ArgumentParser(
        prog="python -m gltr_lib.scale", description="One process of a full-scale training run."
    )
    made.add_argument("method", nargs="?", help="baseline, gtr, gtr_ltr, gtr_ltr_cgl, ..., or a rival")
    made.add_argument("--recipe", default="laptop", help="named starting point: laptop, gtr_paper, gpu")
    made.add_argument("--config", help="a whole configuration: JSON, or a file of it, such as RUN/config.json")
    made.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="change settings")
    made.add_argument("--data", default="streets", help="streets, folder, gta5, synthia, cityscapes, ...")
    made.add_argument("--root", help="folder of the data set")
    made.add_argument("--split", default="train")
    made.add_argument("--prepared", help="folder of label maps converted to trainIds")
    made.add_argument("--copies", help="folder of offline copies for gtr views")
    made.add_argument("--data-json", help="a whole data description instead")
    made.add_argument("--out", required=True, type=Path, help="run folder")
    made.add_argument("--fresh", action="store_true", help="do not go on from the checkpoint in the run folder")
    made.add_argument("--quiet", action="store_true", help="no progress bar")
    made.add_argument("--profile", action="store_true", help="print where the time went")
    return made


def settings(given: argparse.Namespace) -> tuple[TrainConfig, Data]:
    """Configuration and data of the arguments.

    Raises:
        ValueError: settings that do not exist or do not fit.
    """
    if given.config is None:
        base = recipe(given.recipe)
    else:
        text = given.config if given.config.lstrip().startswith("{") else Path(given.config).read_text(encoding="utf-8")
        base = TrainConfig.from_json(text)
    overrides = [*([f"method={given.method}"] if given.method else []), *given.set]
    config = parse_overrides(overrides, base) if overrides else base
    if given.data_json is not None:
        return config, Data.from_json(given.data_json)
    return config, Data(given.data, given.root, given.split, prepared=given.prepared, copies=given.copies)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train; 0, or 1 with one line on stderr (and in the run folder, for a launcher)."""
    from gltr_lib.scale.start import LAUNCHED, end_with_launcher, note_failure, work

    given = parser().parse_args(arguments)
    if os.environ.get("RANK", "0") != "0":  # the main process says it for all of them
        warnings.simplefilter("ignore", UserWarning)
    warnings.formatwarning = lambda message, *_: f"gltr: note: {' '.join(str(message).split())}\n"  # type: ignore[assignment]
    if os.environ.get(LAUNCHED):
        end_with_launcher()
    try:
        config, data = settings(given)
        work(config, data, given.out, resume=not given.fresh, progress=not given.quiet, profile=given.profile)
    except (ValueError, TypeError, OSError, RuntimeError, ImportError) as error:
        if os.environ.get("GLTR_DEBUG"):
            raise
        if os.environ.get(LAUNCHED):
            note_failure(given.out, error)
        else:
            print("gltr: " + " ".join(str(error).split()), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
