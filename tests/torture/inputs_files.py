"""The corpus against the functions that read files: each file to every reader of its kind."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.torture import caught, judge
from tests.torture.corpus import EITHER, REFUSE, Case
from tests.torture.tally import Tally, timed

Reader = Callable[[Case], Any]


def run(folder: Path, cases: Sequence[Case], tally: Tally) -> None:
    """Give every case to the readers of its kind and count what came of it."""
    with timed(tally):
        for kind, readers in _readers(folder).items():
            for name, reader in readers.items():
                for case in cases:
                    if case.kind == kind:
                        _one(name, reader, case, tally)


def _one(name: str, reader: Reader, case: Case, tally: Tally) -> None:
    outcome, _ = caught.call(lambda: reader(case), limit=20)
    expect = EITHER if name.endswith("?") else case.expect
    words = (*case.words, case.path.name) if expect != case.expect else case.words
    found = judge.function(outcome, words, expect)
    if found:
        tally.lose(f"{name} on {case.about} ({judge.ascii_name(case.path.name)}): {found}")
    else:
        tally.survive(injected=case.expect == REFUSE, refused=outcome.error is not None)


def _readers(folder: Path) -> dict[str, dict[str, Reader]]:
    """Kind -> name -> reader. A name with a question mark may accept what others refuse: it looks at less."""
    from gltr_lib import ledger, weights
    from gltr_lib.config import TrainConfig
    from gltr_lib.datasets import FolderPairs, open_dataset, picture_size, png16, read_image, read_label, read_list
    from gltr_lib.models import build, load_checkpoint, load_trunk
    from gltr_lib.offline import list_images, merge_banks
    from gltr_lib.offline.manifest import read_all
    from gltr_lib.prepare.convert import convert
    from gltr_lib.prepare.unpack import unpack
    from gltr_lib.prepare.verify import verify
    from gltr_lib.scale import Data
    from gltr_lib.style_bank import StyleBank
    from gltr_lib.stylizer import Stylizer
    from gltr_lib.workflows import load_with_facts
    from tests.torture.corpus_texts import SETTINGS

    stylizer = Stylizer.load("mini")
    squeezenet = build("deeplab_squeezenet")
    other = StyleBank.load("paintings-mini").subset([0, 1]).save(folder / "two-paintings.safetensors")
    pictures: dict[str, Reader] = {
        "read_image": lambda case: read_image(case.path),
        "picture_size?": lambda case: picture_size(case.path),
        "png16.read_red16?": lambda case: png16.read_red16(case.path),
        "read_label?": lambda case: read_label(case.path),
    }

    def all_of(pairs: Any) -> int:
        return sum(pairs.pair(index)[1].size for index in range(len(pairs)))

    def unpacked(case: Case) -> None:
        target = folder / "unpacked" / case.path.name
        try:
            unpack(case.path, target)
        except OSError:
            _only_whole(target)
            raise
        _only_whole(target)

    def converted(case: Case) -> None:
        manifest = convert("cityscapes", case.path, folder / "converted" / case.path.name, splits=["train"], workers=1)
        _all_said(manifest["splits"]["train"]["refused"])

    def verified(case: Case) -> None:
        report = verify("cityscapes", case.path, splits=["train"], workers=1, part=True)
        if not report["ok"]:
            raise ValueError(" ".join(str(report).split())[:1400])

    def every_row(case: Case) -> None:
        rows, problems = ledger.scan(case.path)
        try:
            for row in rows:
                ledger.validate(row)
        except (ValueError, TypeError) as error:  # of a row, which does not know its file
            raise ValueError(f"{case.path.name}: {error}" if "ledger" in str(error) else str(error)) from None
        _all_said(dict(enumerate(problems)))

    return {
        "picture": pictures,
        "named": pictures,
        "large": pictures,
        "label": {"read_label": lambda case: read_label(case.path), "read_image?": lambda case: read_image(case.path),
                  "png16.read_red16?": lambda case: png16.read_red16(case.path)},
        "folder": {"list_images?": lambda case: list_images(case.path)},
        "no-folder": {"list_images": lambda case: list_images(case.path),
                      "FolderPairs": lambda case: FolderPairs(case.path, case.path)},
        "pairs": {
            "FolderPairs": lambda case: all_of(FolderPairs(case.path / "images", case.path / "labels")),
            "open_dataset folder": lambda case: all_of(open_dataset("folder", case.path)),
            "open_dataset cityscapes?": lambda case: open_dataset("cityscapes", case.path, "train"),
        },
        "tree": {
            "open_dataset": lambda case: all_of(open_dataset("cityscapes", case.path, "train")),
            "convert?": converted,
            "verify?": verified,
        },
        "archive": {"unpack": unpacked},
        "weights": {"weights.load_file": lambda case: weights.load_file(case.path),
                    "load_safetensors?": lambda case: weights.load_safetensors(case.path),
                    "load_trunk?": lambda case: load_trunk(squeezenet, case.path)},
        "network": {"load_checkpoint": lambda case: load_checkpoint(case.path),
                    "load_with_facts": lambda case: load_with_facts(str(case.path))},
        "bank": {"StyleBank.load": lambda case: StyleBank.load(case.path if case.path.suffix else str(case.path)),
                 "StyleBank.load of a stylizer?": lambda case: StyleBank.load(case.path, stylizer),
                 "merge_banks?": lambda case: merge_banks([case.path, other], prefix=True)},
        "list": {"read_list": lambda case: read_list(case.path),
                 "read_list of numbers": lambda case: read_list(case.path, digits=5)},
        "ledger": {"ledger.read": lambda case: ledger.read(case.path), "ledger rows?": every_row},
        "manifest": {"manifest.read_all": lambda case: read_all(case.path, SETTINGS)},
        "registry": {"weights.load": lambda case: weights.load("a", assets=case.path),
                     "weights.names?": lambda case: weights.names("style_bank", assets=case.path)},
        "json": {"TrainConfig.from_json?": lambda case: _of_text(case, TrainConfig.from_json),
                 "Data.from_json?": lambda case: _of_text(case, Data.from_json)},
    }  # fmt: skip


def _of_text(case: Case, read: Callable[[str], Any]) -> Any:
    """A text has no file's name to name: the complaint is about the configuration, or the data description."""
    try:
        return read(case.path.read_bytes().decode("utf-8", "replace"))
    except ValueError as error:
        raise type(error)(f"{case.path.name}: {error}") from None


def _only_whole(target: Path) -> None:
    """After a refusal nothing half-written may lie there; a RuntimeError is no error that is allowed."""
    found = judge.left_behind(target, whole=False)
    outside = [p for p in (target.parent / "out.txt", target.parent.parent / "out.txt") if p.exists()]
    if found or outside:
        raise RuntimeError(f"{found or 'written outside its folder'}: {', '.join(map(str, outside))}")


def _all_said(refused: dict[Any, str]) -> None:
    """Reasons as one error, so that the judge reads them."""
    if refused:
        raise ValueError("; ".join(map(str, refused.values()))[:1400] + " " + " ".join(map(str, refused))[:100])


def readable(cases: Iterable[Case]) -> list[Case]:
    """Those whose file is there for nobody in particular."""
    return [case for case in cases if os.path.lexists(case.path)]
