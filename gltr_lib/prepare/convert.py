"""Labels to trainIds, once: ``OUT/<split>/<key>.png``, beside a manifest that counts every pixel.

A loader that maps ids and decodes SYNTHIA's 48-bit PNGs anew in every epoch does the same work a hundred times. Here
each label map goes once through its lookup table, in as many processes as there are cores. The manifest holds pixels
and pictures of each class (what class-uniform sampling needs), the ids that were found, the sizes, the digest of the
table, and by name each file that was refused. ``open_dataset(..., prepared=OUT)`` reads the result.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gltr_lib._drafts import alone, atomic_file, write_text
from gltr_lib._json import parse_object
from gltr_lib._read import MAX_PIXELS, picture_size
from gltr_lib._typed import typed
from gltr_lib._validate import check_choice
from gltr_lib.datasets import LAYOUTS
from gltr_lib.datasets.form import Pair
from gltr_lib.datasets.layout import Layout
from gltr_lib.datasets.nearby import whose
from gltr_lib.labels import IGNORE
from gltr_lib.prepare import _job

PathLike = str | os.PathLike[str]
MANIFEST = "manifest.json"


@typed
def convert(
    name: str,
    root: PathLike,
    out: PathLike,
    *,
    splits: Sequence[str] = (),
    workers: int | None = None,
    on_label: _job.OnItem | None = None,
    **options: str | None,
) -> dict[str, Any]:
    """Convert a dataset's label maps to trainIds; call again to go on after an interruption.

    Args:
        name: a name in ``gltr_lib.datasets.LAYOUTS``.
        root: the folder into which its archives were unpacked; it is only read.
        out: folder for the result: new, empty, or left by an earlier call with the same settings.
        splits: which; none for all that have published labels (see :func:`default_splits`).
        workers: processes; None for one a core, at most 8.
        on_label: called with (finished, all, "split/key").
        options: as for ``Layout.pairs``: lists (gta5, synthia), version and mapping (vistas).

    Returns:
        The manifest: ``settings``, ``complete`` and for each split ``pairs``, ``expected``, ``pixels`` and ``pictures``
        by class, ``ids`` and ``sizes`` with their counts, ``refused`` (file -> reason), ``notes``.

    Raises:
        ValueError: no such dataset, split or option there, lone pictures, another job's folder.
        OSError: the disk is full. RuntimeError: a worker was killed.

    Files that cannot be read, hold ids outside the table, or differ in size from their picture are refused by name: the
    others are converted, and ``complete`` is False.
    """
    layout = LAYOUTS[check_choice(name, LAYOUTS, "dataset")]
    out = Path(out)
    chosen = {key: value for key, value in options.items() if value is not None}
    found = {split: labelled_pairs(layout, root, split, chosen) for split in splits or default_splits(layout)}
    settings = {
        "job": "labels to trainIds",
        "dataset": name,
        "form": layout.find(root, **chosen),
        "options": {key: chosen.get(key, choices[0]) for key, choices in layout.options.items()},
        "tables": {coding: table_digest(layout, coding) for coding in sorted(_codings(found))},
    }
    with alone(out), _job.room(out):
        _job.claim(out, MANIFEST, settings)
        started = time.monotonic()
        manifest: dict[str, Any] = {"settings": settings, "complete": True, "splits": _earlier(out, found)}
        for split, (pairs, notes) in found.items():
            by_key = {f"{split}/{pair.key}": pair for pair in pairs}
            outcome = _job.run(
                partial(_convert_one, name, out),
                by_key,
                out / f"{split}.jsonl",
                is_there=partial(_is_there, name, out),
                workers=workers,
                on_item=on_label,
            )
            facts = _summary(layout, by_key, outcome)
            manifest["splits"][split] = {"expected": layout.expected(split, **chosen), **facts, "notes": notes}
        manifest["complete"] = not any(facts["refused"] for facts in manifest["splits"].values())
        manifest["seconds"] = round(time.monotonic() - started, 1)
        text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
        write_text(out / MANIFEST, text, swept=True)
    return manifest


def default_splits(layout: Layout) -> tuple[str, ...]:
    """The splits whose labels are published and whose number is known; unions of splits are left out.

    Example:
        >>> default_splits(LAYOUTS["gta5"]), default_splits(LAYOUTS["cityscapes"])
        (('train', 'val', 'test'), ('train', 'val'))
    """
    whole = ("trainval", "all")
    return tuple(s for s, count in layout.splits.items() if count and s not in layout.unlabelled and s not in whole)


def table_digest(layout: Layout, coding: str) -> str:
    """SHA-256 of a coding's table and its legal ids: two folders with one digest were converted alike."""
    facts = layout.codings[coding]
    return hashlib.sha256(facts.table.tobytes() + bytes(sorted(facts.known))).hexdigest()


def to_train_ids(
    ids: np.ndarray, table: np.ndarray, known: frozenset[int], layout: Layout | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Map a label picture and count its ids on the way.

    Args:
        ids: uint8 (H, W).
        table: uint8 (256,).
        known: legal ids.
        layout: the dataset, from whose other codings an error may guess where the ids come from.

    Returns:
        (trainIds uint8 (H, W), pixels of each id int64 (256,)).

    Raises:
        ValueError: ids that are not legal; they are listed with their pixels.

    Example:
        >>> table = np.arange(256, dtype=np.uint8)
        >>> labels, counts = to_train_ids(np.array([[7, 7, 0]], np.uint8), table, frozenset({0, 7}))
        >>> labels.tolist(), int(counts[7])
        ([[7, 7, 0]], 2)
    """
    counts = np.bincount(ids.ravel(), minlength=256)
    unknown = [int(number) for number in np.flatnonzero(counts) if number not in known]
    if unknown:
        hint = whose(layout.name, set(np.flatnonzero(counts).tolist()), known) if layout is not None else ""
        raise ValueError(f"found ids outside the table: {unknown_ids({n: counts[n] for n in unknown}, known, hint)}")
    return table[ids], counts


def unknown_ids(pixels: Mapping[int, int], known: frozenset[int], hint: str = "", most: int = 8) -> str:
    """Ids that must not occur, with their pixels, beside those that may.

    Example:
        >>> unknown_ids({7: 1, 9: 12}, frozenset({0, 1}), most=1)
        '7 (1 pixel) and 1 more; legal: 0-1'
    """
    listed = [f"{n} ({count:,} pixel{'' if count == 1 else 's'})" for n, count in list(pixels.items())[:most]]
    more = f" and {len(pixels) - most} more" if len(pixels) > most else ""
    return f"{', '.join(listed)}{more}; legal: {spans(sorted(known))}{hint and '; '}{hint}"


def _convert_one(name: str, out: Path, key: str, pair: Pair) -> _job.Entry:
    """Runs in a worker: one label map, checked against its picture, written whole."""
    layout = LAYOUTS[name]
    ids = layout.read_ids(pair)
    size = picture_size(pair.image)
    if size != ids.shape:
        raise ValueError(
            f"{pair.label}: the label map is {ids.shape[1]}x{ids.shape[0]} but its picture is {size[1]}x{size[0]}; "
            f"a pair must have one size: unpack both again, or {_without(layout, key)}"
        )
    coding = layout.codings[pair.coding]
    try:
        labels, counts = to_train_ids(ids, coding.table, coding.known, layout)
    except ValueError as error:
        raise ValueError(f"{pair.label}: {error}") from None
    with atomic_file(out / f"{key}.png", swept=True) as draft:
        Image.fromarray(labels).save(draft, format="PNG")
    found = {str(number): int(counts[number]) for number in np.flatnonzero(counts)}
    return {"size": [ids.shape[1], ids.shape[0]], "ids": found, "coding": pair.coding, "bytes": _bytes(pair)}


def _without(layout: Layout, key: str) -> str:
    """How a pair is left out: lists beside the data are read of two datasets only."""
    if "lists" in layout.options:
        return f"leave it out: the names that you want in {key.split('/')[0]}.txt beside the data's folders"
    return "move both files away"


def _is_there(name: str, out: Path, key: str, pair: Pair, entry: _job.Entry) -> bool:
    """A finished label map counts as long as it lies there and its source has not been replaced."""
    same = entry.get("bytes") == _bytes(pair) and entry.get("coding") == pair.coding
    return same and _whole(LAYOUTS[name], entry) and (out / f"{key}.png").is_file()


def _whole(layout: Layout, entry: _job.Entry) -> bool:
    """Whether a line of a journal, which anybody can edit, says all that is counted from it."""
    size, ids, coding = entry.get("size"), entry.get("ids"), entry.get("coding")
    if not isinstance(size, list) or len(size) != 2 or not isinstance(ids, dict) or not isinstance(coding, str):
        return False
    numbers = all(type(number) is int and 0 <= number <= MAX_PIXELS for number in (*size, *ids.values()))
    return numbers and coding in layout.codings and all(key.isdecimal() and int(key) < 256 for key in ids)


def _summary(layout: Layout, pairs: Mapping[str, Pair], outcome: _job.Outcome) -> dict[str, Any]:
    """Counts over a split, from the entries alone: no picture is read again."""
    ids: Counter[int] = Counter()
    sizes: Counter[str] = Counter()
    pixels: Counter[int] = Counter()
    pictures: Counter[int] = Counter()
    for entry in outcome.done.values():
        sizes["{}x{}".format(*entry["size"])] += 1
        table = layout.codings[entry["coding"]].table
        here: Counter[int] = Counter()
        for number, count in entry["ids"].items():
            ids[int(number)] += count
            here[int(table[int(number)])] += count
        pixels.update(here)
        pictures.update(here.keys())
    named = {**dict(enumerate(layout.class_names)), IGNORE: "ignored"}
    return {
        "pairs": len(pairs),
        "done": len(outcome.done),
        "pixels": {label: pixels[number] for number, label in named.items()},
        "pictures": {label: pictures[number] for number, label in named.items()},
        "ids": {str(number): ids[number] for number in sorted(ids)},
        "sizes": dict(sizes.most_common()),
        "refused": {str(pairs[key].label): reason for key, reason in sorted(outcome.refused.items())},
    }


def labelled_pairs(
    layout: Layout, root: PathLike, split: str, options: Mapping[str, str | None]
) -> tuple[list[Pair], list[str]]:
    """The pairs of a split with label maps, and what the layout warned of.

    Raises:
        ValueError: what ``Layout.pairs`` raises; labels that are not published.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pairs = layout.pairs(root, split, **options)
    without = [pair for pair in pairs if pair.label is None]
    if without:
        raise ValueError(f"{without[0].image}: the labels of {layout.title}'s split {split!r} are not published")
    return pairs, [str(warning.message) for warning in caught]


def _codings(found: Mapping[str, tuple[list[Pair], list[str]]]) -> set[str]:
    return {pair.coding for pairs, _ in found.values() for pair in pairs}


def _earlier(out: Path, found: Mapping[str, Any]) -> dict[str, Any]:
    """Splits that an earlier call converted and that this one was not asked for stay in the manifest."""
    splits = parse_object((out / MANIFEST).read_bytes()).get("splits", {})
    if not isinstance(splits, dict) or not all(
        isinstance(facts, dict) and isinstance(facts.get("refused"), dict) and isinstance(facts.get("notes"), list)
        for facts in splits.values()
    ):
        raise ValueError(f"{out / MANIFEST}: its splits are not those of gltr prepare; choose a new folder")
    return {split: facts for split, facts in splits.items() if split not in found}


def _bytes(pair: Pair) -> int:
    return pair.label.stat().st_size if pair.label is not None else 0


def spans(numbers: Sequence[int]) -> str:
    """Numbers as people write them.

    Example:
        >>> spans([0, 1, 2, 5])
        '0-2, 5'
    """
    found: list[list[int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ", ".join(f"{a}-{b}" if a < b else f"{a}" for a, b in found)
