"""``gltr prepare`` and ``verify``: real datasets, converted once and examined before a long run."""

from __future__ import annotations

import sys
from pathlib import Path

from gltr_lib._usage import UsageError, usage
from gltr_lib.cli._say import answer, counter, refused


def prepare(
    dataset: str, root: Path, out: Path, /, *, split: tuple[str, ...] = (), lists: str | None = None,
    version: str | None = None, mapping: str | None = None, workers: int | None = None, json: bool = False,
) -> int:  # fmt: skip
    """Convert a dataset's label maps to trainIds, once; run it again to go on.

    Args:
        dataset: gta5, synthia, cityscapes, bdd100k, vistas or camvid.
        root: the folder into which its archives were unpacked; only read.
        out: folder for the trainId PNGs and manifest.json.
        split: which splits; all with published labels if none is given.
        lists: official or robustnet (gta5, synthia).
        version: v1.2 or v2.0 (vistas).
        mapping: robustnet or openseg (vistas).
        workers: processes; one a core, at most 8, if not given.
        json: print the manifest.
    """
    options = {"lists": lists, "version": version, "mapping": mapping}
    _check(dataset, workers, split, options)
    from gltr_lib.prepare.convert import convert

    manifest = convert(
        dataset, root, out, splits=split, workers=workers, on_label=counter("converted"), **options
    )  # fmt: skip
    for facts in manifest["splits"].values():
        for file, reason in facts["refused"].items():
            refused(file, reason)
        for note in facts["notes"]:
            print(f"note: {note}", file=sys.stderr)
    counts = ", ".join(f"{s}: {facts['done']:,} of {facts['pairs']:,}" for s, facts in manifest["splits"].items())
    answer(manifest, json, f"{counts} label maps converted, see {out / 'manifest.json'}")
    return 0 if manifest["complete"] else 1


def verify(
    dataset: str, root: Path, /, *, split: tuple[str, ...] = (), prepared: Path | None = None, depth: str = "full",
    part: bool = False, lists: str | None = None, version: str | None = None, mapping: str | None = None,
    workers: int | None = None, json: bool = False,
) -> int:  # fmt: skip
    """Examine a dataset: layout, numbers, sizes, label ids, pairs, damaged files.

    Args:
        dataset: gta5, synthia, cityscapes, bdd100k, vistas or camvid.
        root: the folder into which its archives were unpacked.
        split: which splits; all with published labels if none is given.
        prepared: examine the converted label maps of this folder instead of the originals.
        depth: full (decode everything), labels (only label maps) or headers.
        part: a part of the dataset is wanted: official numbers and sizes do not matter.
        lists: official or robustnet (gta5, synthia).
        version: v1.2 or v2.0 (vistas).
        mapping: robustnet or openseg (vistas).
        workers: processes; one a core, at most 8, if not given.
        json: print the whole report.
    """
    options = {"lists": lists, "version": version, "mapping": mapping}
    _check(dataset, workers, split, options)
    if depth not in ("full", "labels", "headers"):
        raise UsageError(f"--depth: unknown {depth!r}; valid: full, labels, headers")
    from gltr_lib.prepare.verify import render
    from gltr_lib.prepare.verify import verify as examine

    report = examine(
        dataset, root, splits=split, prepared=prepared, depth=depth, part=part, workers=workers,
        on_pair=counter("examined"), **options,
    )  # fmt: skip
    answer(report, json, render(report))
    return 0 if report["ok"] else 1


def _check(dataset: str, workers: int | None, splits: tuple[str, ...], options: dict[str, str | None]) -> None:
    from gltr_lib.datasets import LAYOUTS

    if dataset not in LAYOUTS:
        raise UsageError(f"unknown dataset {dataset!r}; valid: {', '.join(LAYOUTS)}")
    if workers is not None and workers < 1:
        raise UsageError(f"--workers: expected at least 1, received {workers}")
    layout = LAYOUTS[dataset]
    with usage():
        for split in splits or layout.splits:
            layout.expected(split, **options)
