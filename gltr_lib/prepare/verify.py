"""What lies on the disk, and is it what the authors published: layout, counts, sizes, ids, pairs, damage.

A training run that dies in its third night of one truncated PNG has cost more than this report. Nothing is written;
every problem names its file, and ``ok`` is True only if there is none.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from gltr_lib._read import no_folder, picture_size, read_image
from gltr_lib._typed import typed
from gltr_lib._validate import check_choice
from gltr_lib.datasets import LAYOUTS
from gltr_lib.datasets.form import Pair
from gltr_lib.datasets.layout import PREPARED, Layout
from gltr_lib.datasets.nearby import whose
from gltr_lib.labels import IGNORE
from gltr_lib.prepare import _job
from gltr_lib.prepare.convert import default_splits, spans, unknown_ids

PathLike = str | os.PathLike[str]
DEPTHS = ("full", "labels", "headers")
KINDS = ("unreadable", "mismatched", "unknown ids", "unexpected size")


@typed
def verify(
    name: str,
    root: PathLike,
    *,
    splits: Sequence[str] = (),
    prepared: PathLike | None = None,
    depth: str = "full",
    part: bool = False,
    workers: int | None = None,
    on_pair: _job.OnItem | None = None,
    **options: str | None,
) -> dict[str, Any]:
    """Examine a dataset where it lies.

    Args:
        name: a name in ``gltr_lib.datasets.LAYOUTS``.
        root: the folder into which its archives were unpacked; only read.
        splits: which; none for all with published labels.
        prepared: folder of converted label maps that is to be examined instead of the originals.
        depth: "full" decodes every picture and label map, "labels" only the label maps, "headers" reads first bytes.
        part: a part of the dataset, or pictures made smaller, are what is wanted: numbers and sizes that are not the
            official ones are no problem.
        workers: processes; None for one a core, at most 8.
        on_pair: called with (done, all, "split/key").
        options: as for ``Layout.pairs``.

    Returns:
        ``dataset``, ``title``, ``form`` (which of its layouts was found), ``splits`` (for each: ``expected`` and
        ``found`` numbers, ``frames`` (as ``found``, but crops of one picture count once), ``sizes``, ``ids`` with
        pixels, ``problems`` by kind and file, ``notes``), ``problems`` (what concerns a split as a whole), ``ok``.

    Raises:
        ValueError: no such dataset, depth or option; no such folder.
    """
    layout = LAYOUTS[check_choice(name, LAYOUTS, "dataset")]
    check_choice(depth, DEPTHS, "depth")
    if not Path(root).is_dir():
        raise ValueError(f"{root}: {no_folder(root)}; expected {layout.title} there")
    chosen = {key: value for key, value in options.items() if value is not None}
    report: dict[str, Any] = {"dataset": name, "title": layout.title, "form": None, "splits": {}, "problems": []}
    wanted = {split: layout.expected(split, **chosen) for split in splits or default_splits(layout)}  # checks names
    try:
        report["form"] = _form(layout, root, prepared, chosen)
    except ValueError as error:
        report["problems"].append(str(error))
    for split, expected in wanted.items() if report["form"] is not None else ():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                pairs = layout.pairs(root, split, prepared=prepared, **chosen)
            except ValueError as error:
                report["problems"].append(f"{split}: {error}")
                continue
        facts = _examine(layout, split, pairs, depth, part, workers, on_pair)
        frames = len({pair.key.split("_")[0] for pair in pairs}) if "lists" in layout.options else len(pairs)
        if expected and not part and frames != expected:
            report["problems"].append(f"{split}: {frames:,} pictures, expected {expected:,}")
        notes = [str(warning.message) for warning in caught]
        counts = {"expected": expected, "found": len(pairs), "frames": frames}
        report["splits"][split] = {**counts, **facts, "notes": notes}
    bad = any(files for facts in report["splits"].values() for files in facts["problems"].values())
    report["ok"] = not report["problems"] and not bad
    return report


def render(report: Mapping[str, Any], most: int = 10) -> str:
    """The report for people: a line a fact, the first ``most`` files of each kind of problem."""
    lines = [f"{report['title']}: {report['form'] or 'not found'}"]
    for split, facts in report["splits"].items():
        expected = f" of {facts['expected']:,}" if facts["expected"] else ""
        crops = f" in {facts['found']:,} crops" if facts["found"] != facts["frames"] else ""
        sizes = ", ".join(f"{size} ({count:,})" for size, count in list(facts["sizes"].items())[:4])
        more = f" and {len(facts['sizes']) - 4} more sizes" if len(facts["sizes"]) > 4 else ""
        lines.append(f"  {split}: {facts['frames']:,}{expected} pictures{crops}; {sizes}{more}")
        if facts["ids"]:
            lines.append(f"    ids found: {spans([int(number) for number in facts['ids']])}")
        for kind, files in facts["problems"].items():
            for file, reason in list(files.items())[:most]:
                lines.append(f"    {kind}: {reason if file in reason else f'{file}: {reason}'}")
            if len(files) > most:
                lines.append(f"    {kind}: {len(files) - most:,} more (--json lists them all)")
        lines += [f"    note: {text}" for text in facts["notes"]]
    lines += [f"  problem: {text}" for text in report["problems"]]
    part = any(facts["problems"].get("unexpected size") for facts in report["splits"].values()) or any(
        " pictures, expected " in text for text in report["problems"]
    )
    hint = " (--part if a part of the dataset, or a smaller copy, is what you want)" if part else ""
    lines.append("  ok" if report["ok"] else f"  NOT ok{hint}")
    return "\n".join(lines)


def _form(layout: Layout, root: PathLike, prepared: PathLike | None, chosen: Mapping[str, str]) -> str:
    return layout.find(root, **chosen) if prepared is None else f"prepared label maps in {prepared}"


def _examine(
    layout: Layout,
    split: str,
    pairs: Sequence[Pair],
    depth: str,
    part: bool,
    workers: int | None,
    on_pair: _job.OnItem | None,
) -> dict[str, Any]:
    """Look at every pair; nothing is kept, so the journal lies in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        outcome = _job.run(
            partial(_look, layout.name, depth, part),
            {f"{split}/{pair.key}": pair for pair in pairs},
            Path(folder) / "journal.jsonl",
            is_there=lambda *_: True,
            workers=workers,
            on_item=on_pair,
        )
    sizes: Counter[str] = Counter()
    ids: Counter[int] = Counter()
    problems: dict[str, dict[str, str]] = {kind: {} for kind in KINDS}
    for entry in outcome.done.values():
        if entry["size"]:
            sizes["{}x{}".format(*entry["size"])] += 1
        ids.update({int(number): count for number, count in entry["ids"].items()})
        for kind, file, reason in entry["problems"]:
            problems[kind][file] = reason
    return {
        "sizes": dict(sizes.most_common()),
        "ids": {str(number): ids[number] for number in sorted(ids)},
        "problems": {kind: dict(sorted(files.items())) for kind, files in problems.items() if files},
    }


def _look(name: str, depth: str, part: bool, key: str, pair: Pair) -> _job.Entry:
    """Runs in a worker: everything that is wrong with one pair."""
    layout = LAYOUTS[name]
    problems: list[tuple[str, str, str]] = []
    size = label_size = None
    counts: dict[str, int] = {}
    try:
        size = picture_size(pair.image)
        if depth == "full":
            read_image(pair.image)
    except ValueError as error:
        problems.append(("unreadable", str(pair.image), str(error)))
    if pair.label is not None:
        try:
            if depth == "headers":
                label_size = picture_size(pair.label)
            else:
                ids = layout.read_ids(pair)
                label_size = ids.shape
                counted = np.bincount(ids.ravel(), minlength=256)
                counts = {str(number): int(counted[number]) for number in np.flatnonzero(counted)}
        except ValueError as error:
            problems.append(("unreadable", str(pair.label), str(error)))
    unknown = [int(number) for number in counts if int(number) not in _known(layout, pair)]
    if unknown:
        pixels = {number: counts[str(number)] for number in unknown}
        known = _known(layout, pair)
        found = {int(number) for number in counts}
        again = "prepare them again" if layout.is_prepared(pair) else whose(layout.name, found, known)
        words = unknown_ids(pixels, known, again)
        problems.append(("unknown ids", str(pair.label), words))
    if size and label_size and size != tuple(label_size):
        text = f"{size[1]}x{size[0]}, but its label map {pair.label} is {label_size[1]}x{label_size[0]}"
        problems.append(("mismatched", str(pair.image), text))
    if size and not part and layout.sizes is not None and size not in layout.sizes:
        wanted = " or ".join(f"{width}x{height}" for height, width in layout.sizes)
        problems.append(("unexpected size", str(pair.image), f"{size[1]}x{size[0]}, expected {wanted}"))
    return {"size": [size[1], size[0]] if size else None, "ids": counts, "problems": problems}


def _known(layout: Layout, pair: Pair) -> frozenset[int]:
    if pair.coding == PREPARED:
        return frozenset([*range(layout.num_classes), IGNORE])
    return layout.codings[pair.coding].known
