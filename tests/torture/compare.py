"""Whether a destination that was tormented equals one that was left in peace.

Pictures, label maps, banks and networks must be equal byte for byte; a checkpoint, tensor for tensor. Manifests,
journals and ledgers must hold the same entries, none lost and none twice; only what tells the time may differ.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

#: Names under which our writers keep what is not finished: ``.NAME.HOST-12-34.tmp``, ``.00001.123.png``, ``x.12.part``.
TEMPORARY = re.compile(r"^\..*\.(tmp|part|\d+\.[a-z0-9]+)$|^.*\.\d+\.part$|^\.[^.]+\.\d+\.[a-z0-9]+$")
#: What tells the time, the machine or the way to a result, and not the result.
VOLATILE = {
    "seconds", "wall_seconds", "step_seconds", "score_seconds", "date", "shard", "shards", "memory", "run_time",
    "images_per_second", "memory_mib", "profile",
}  # fmt: skip
#: What a job needs while it runs and may leave: locks that end with their process, logs, a download's notes.
WORKING = re.compile(r"^(lock|log\.txt|events\.out\.tfevents\..*)$")


def snapshot(folder: Path) -> dict[str, Any]:
    """Every file below a folder by its name: a digest of what in it must be equal.

    Args:
        folder: where a job wrote.

    Returns:
        Relative name -> something that compares; a file that cannot be read gives ``unreadable: ...``.
    """
    return {name: content(path) for name, path in _files(folder)}


def differences(wanted: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """What is amiss in ``found``, in words, a line for each file; empty if nothing is.

    Example:
        >>> differences({"a.png": "1", "b.png": "2"}, {"a.png": "3", ".c.png.host-1-2.tmp": "4"})
        ['a.png: other bytes', 'b.png: lost', '.c.png.host-1-2.tmp: a temporary file was left']
    """
    said = []
    for name in sorted(wanted):
        if name not in found:
            said.append(f"{name}: lost")
        elif found[name] != wanted[name]:
            said.append(f"{name}: {_how(wanted[name], found[name])}")
    for name in sorted(found.keys() - wanted.keys()):
        base = name.rsplit("/", 1)[-1]
        said.append(f"{name}: a temporary file was left" if TEMPORARY.match(base) else f"{name}: nobody asked for it")
    return said


def half_written(wanted: dict[str, Any], folder: Path) -> list[str]:
    """What lies under a final name without being whole, at any moment of a job.

    A picture that is there must be the final one; a manifest, checkpoint or bank must be readable.

    Args:
        wanted: :func:`snapshot` of the finished job.
        folder: of the job that was killed.

    Returns:
        Lines; empty if all is well.
    """
    said = []
    for name, path in _files(folder):
        if TEMPORARY.match(path.name) or path.name.endswith((".part", ".part.json")):
            continue
        found = content(path)
        if isinstance(found, str) and found.startswith("unreadable"):
            said.append(f"{name}: {found}")
        elif isinstance(found, tuple) and any("unreadable" in row for row in found):
            said.append(f"{name}: a torn line")
        elif isinstance(found, str) and found.startswith("bytes ") and wanted.get(name, found) != found:
            said.append(f"{name}: lies there half-written")
    return said


def temporaries(folder: Path) -> list[str]:
    """Unfinished files below a folder, under their temporary names."""
    return [name for name, path in _files(folder) if TEMPORARY.match(path.name)]


def content(path: Path) -> Any:
    """What in a file must be equal: a string, or a sorted tuple of rows for a journal or ledger."""
    if TEMPORARY.match(path.name):
        return "temporary"
    try:
        if path.suffix == ".json":
            value = _steady(json.loads(path.read_text(encoding="utf-8")))
            if path.name == "times.json":  # of a course run: nothing but times
                return "times"
            if path.name == "result.json":  # of a training at scale: the steps of its last sitting
                value.pop("steps", None)
            return "json " + json.dumps(value, sort_keys=True)
        if path.suffix == ".jsonl":
            return tuple(sorted(_rows(path)))
        if path.suffix == ".csv":
            with path.open(encoding="utf-8", newline="") as file:
                return "csv " + json.dumps(_steady(list(csv.DictReader(file))))
        if path.suffix == ".npz":  # grows by an array at a time, whole each time
            with np.load(path, allow_pickle=False) as kept:
                digests = {name: hashlib.sha256(np.ascontiguousarray(kept[name])).hexdigest() for name in kept.files}
                return "arrays " + json.dumps(digests, sort_keys=True)
        if path.suffix == ".safetensors":
            return _safetensors(path.read_bytes())
        if path.suffix == ".pt":
            return _checkpoint(path)
    except Exception as error:  # whatever a torn file does to its reader: it is torn
        return f"unreadable: {type(error).__name__}: {error}"
    if path.suffix == ".ipynb":  # holds times everywhere; its figures are compared
        return "notebook"
    return "bytes " + hashlib.sha256(path.read_bytes()).hexdigest()


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")) if folder.is_dir() else []:
        if path.is_file() and not WORKING.match(path.name):
            yield path.relative_to(folder).as_posix(), path


def _steady(value: Any) -> Any:
    """JSON without what tells the time."""
    if isinstance(value, dict):
        return {key: _steady(part) for key, part in value.items() if key not in VOLATILE}
    return [_steady(part) for part in value] if isinstance(value, list) else value


def _rows(path: Path) -> Iterator[str]:
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.strip():  # a restart may leave an empty line, which no reader counts
            try:
                yield json.dumps(_steady(json.loads(line)), sort_keys=True)
            except ValueError:
                yield f"unreadable: {line[:80]}"


def _safetensors(data: bytes) -> str:
    """The tensors' bytes and the header; of the facts in it, the steady ones."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    about = header.pop("__metadata__", {})
    ends = [entry["data_offsets"][1] for entry in header.values()]
    if len(data) != 8 + length + max(ends, default=0):
        raise ValueError(f"{len(data)} bytes where the header announces {8 + length + max(ends, default=0)}")
    if "facts" in about:
        about["facts"] = json.dumps(_steady(json.loads(about["facts"])), sort_keys=True)
    text = json.dumps([header, about], sort_keys=True)
    return "tensors " + hashlib.sha256(text.encode() + data[8 + length :]).hexdigest()


def _checkpoint(path: Path) -> str:
    """A training checkpoint: every tensor bit for bit, every number, no times."""
    import torch

    digest = hashlib.sha256()

    def feed(value: Any) -> None:
        if isinstance(value, torch.Tensor):
            digest.update(f"{value.dtype}{tuple(value.shape)}".encode())
            digest.update(value.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes())
        elif isinstance(value, dict):
            for key in value:
                if key not in VOLATILE:
                    digest.update(repr(key).encode())
                    feed(value[key])
        elif isinstance(value, (list, tuple)):
            for part in value:
                feed(part)
        else:
            digest.update(repr(value).encode())

    feed(torch.load(path, map_location="cpu", weights_only=True))
    return "checkpoint " + digest.hexdigest()


def _how(wanted: Any, found: Any) -> str:
    if isinstance(found, tuple) and isinstance(wanted, tuple):
        twice = sum(found.count(row) - 1 for row in set(found) if found.count(row) > wanted.count(row))
        lost = len(set(wanted) - set(found))
        return f"{len(found)} rows, expected {len(wanted)}; {twice} doubled, {lost} lost"
    if isinstance(found, str) and found.startswith("unreadable"):
        return found
    if isinstance(found, str) and found.startswith("json ") and isinstance(wanted, str):
        before, after = json.loads(wanted[5:]), json.loads(found[5:])
        if isinstance(before, dict) and isinstance(after, dict):
            other = [key for key in {**before, **after} if before.get(key) != after.get(key)]
            return f"other entries under {', '.join(map(str, other))}"
        return "other entries"
    return (
        "other bytes" if isinstance(found, str) and not found.startswith("checkpoint") else "other tensors or numbers"
    )
