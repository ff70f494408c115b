"""The memory of a stylising job: what is done, what was refused, and with which settings.

One process writes ``manifest.json``. Of n shards each writes its own ``manifest-00-of-04.json`` and nobody else's, so
they need no lock; whoever finishes last finds all the others complete and merges them into ``manifest.json`` (two that
finish at once write the same bytes). What any manifest of the folder lists as done counts for every later run, so a job
may go on with another number of shards.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gltr_lib._drafts import is_draft, write_text
from gltr_lib._json import KINDS, parse_object
from gltr_lib._typed import brief

MANIFEST = "manifest.json"
# What an older manifest means by leaving it out.
_SINCE = {"copies": 1, "one_style_per_copy": False, "format": "keep", "tile": None, "memory": None}
_REASONS = ("refused", "memory", "refused_paintings", "left_alone")  # parts that map names to words
_LEAST_WAIT, _SHARE = 5.0, 0.02  # seconds between two writings, and the share of the time that they may take


def manifest_name(shard: tuple[int, int]) -> str:
    """File name of a shard's manifest.

    Example:
        >>> manifest_name((0, 4)), manifest_name((0, 1))
        ('manifest-00-of-04.json', 'manifest.json')
    """
    index, count = shard
    wide = max(2, len(str(count)))
    return MANIFEST if count == 1 else f"manifest-{index:0{wide}d}-of-{count:0{wide}d}.json"


class Manifest:
    """One shard's manifest, open for work; :meth:`open` makes it.

    ``done`` maps an output's name to its style and size, ``refused`` a source's name to the reason, ``memory`` a size
    of pictures to what had to be changed to fit them into memory; ``refused_paintings`` and ``left_alone`` map the
    paintings of the bank's folder that could not be read, and what in the source is no picture by its name, to
    reasons; every run looks these up anew.
    """

    def __init__(self, target: Path, settings: dict[str, Any], shard: tuple[int, int]) -> None:
        self.target, self.settings, self.shard = target, settings, shard
        self.path = target / manifest_name(shard)
        self.done: dict[str, dict[str, Any]] = {}
        self.refused: dict[str, str] = {}
        self.memory: dict[str, str] = {}
        self.refused_paintings: dict[str, str] = {}
        self.left_alone: dict[str, str] = {}
        self.before = 0.0
        self.started = self.written = time.monotonic()
        self.wait = _LEAST_WAIT

    @classmethod
    def open(
        cls, target: Path, settings: dict[str, Any], shard: tuple[int, int], outputs: Iterable[str], sources: set[str],
        refused_paintings: dict[str, str], left_alone: dict[str, str],
    ) -> Manifest:  # fmt: skip
        """Take up what earlier runs left for this shard, and lay claim to the folder.

        Args:
            target: the folder of the results.
            settings: of this run; those of every manifest in the folder must be the same.
            shard: (index, count).
            outputs: names that this shard will write.
            sources: names of the pictures that it reads.
            refused_paintings: of the bank's folder, with reasons.
            left_alone: this shard's part of what is no picture, with reasons.

        Raises:
            ValueError: a folder of other settings (the difference is named), of foreign files, or a damaged manifest.
        """
        check_target(target)
        self = cls(target, settings, shard)
        self.refused_paintings, self.left_alone = refused_paintings, left_alone
        known = read_all(target, settings)
        done = {name: entry for state in known.values() for name, entry in state["done"].items()}
        self.done = done if shard[1] == 1 else {name: done[name] for name in outputs if name in done}
        for state in known.values():
            self.refused.update({name: why for name, why in state["refused"].items() if name in sources})
            self.memory.update(state.get("memory", {}))
        self.before = float(known.get(self.path.name, {}).get("seconds", 0.0))
        self.write()  # at once: from now on the folder is known as ours
        read_all(target, settings)  # again: of two that start at once with different settings one notices here
        return self

    def state(self, *, complete: bool = False) -> dict[str, Any]:
        """What is written to the file."""
        return {
            "settings": self.settings,
            "shard": "{}/{}".format(*self.shard),
            "complete": complete,
            "done": dict(sorted(self.done.items())),
            "refused": dict(sorted(self.refused.items())),
            "memory": dict(sorted(self.memory.items())),
            "refused_paintings": dict(sorted(self.refused_paintings.items())),
            "left_alone": dict(sorted(self.left_alone.items())),
            "seconds": round(self.before + time.monotonic() - self.started, 3),
        }

    def write(self, *, complete: bool = False) -> dict[str, Any]:
        """Write it now; returns what was written."""
        began = time.monotonic()
        state = self.state(complete=complete)
        write_json(self.path, state)
        self.written = time.monotonic()
        # The file grows with the job; the longer it takes to write, the more rarely it is written.
        self.wait = max(_LEAST_WAIT, (self.written - began) / _SHARE)
        return state

    def write_now_and_then(self) -> None:
        """Write it if the last time is a while ago."""
        if time.monotonic() - self.written > self.wait:
            self.write()

    def close(self) -> dict[str, Any]:
        """Write it as complete and, if all shards are, merge them; returns this shard's, or the merged one."""
        state = self.write(complete=True)
        return (merge(self.target, self.settings, self.shard[1]) or state) if self.shard[1] > 1 else state


def merge(target: Path, settings: dict[str, Any], count: int) -> dict[str, Any] | None:
    """Merge the manifests of ``count`` shards into ``manifest.json``; None if one of them is still at work."""
    known = read_all(target, settings)
    states = [known.get(manifest_name((index, count))) for index in range(count)]
    parts = [state for state in states if state is not None and state.get("complete")]
    if len(parts) < count:
        return None
    whole: dict[str, Any] = {"settings": settings, "shard": "0/1", "shards": count, "complete": True}
    for key in ("done", *_REASONS):
        whole[key] = dict(sorted((name, value) for part in parts for name, value in part[key].items()))
    whole["seconds"] = round(sum(part["seconds"] for part in parts), 3)
    write_json(target / MANIFEST, whole)
    return whole


def read_all(target: Path, settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every manifest of the folder, by file name; each must have these settings.

    Raises:
        ValueError: one has others (each difference is named), or is none.
    """
    found = {}
    for path in sorted(target.glob("manifest*.json")) if target.is_dir() else []:
        if path.name != MANIFEST and not path.name.startswith("manifest-"):
            continue
        try:
            state = _checked(parse_object(path.read_bytes()))
        except ValueError as error:
            raise ValueError(f"{path}: not a manifest of gltr stylize ({error}); choose a new folder") from error
        before = {**_SINCE, **state["settings"]}
        changed = [
            f"{key}: {brief(before[key])} before, {brief(value)} now"
            for key, value in settings.items()
            if key in before and before[key] != value
        ]
        if changed:
            raise ValueError(f"{target}: made with other settings ({'; '.join(changed)}); choose a new folder")
        found[path.name] = state
    return found


def _checked(state: dict[str, Any]) -> dict[str, Any]:
    """What a manifest holds, its parts of the kinds that are written; an older one lacks some of them."""
    state = {"memory": {}, "refused_paintings": {}, "left_alone": {}, "seconds": 0.0, **state}
    kinds = {"done": dict, **dict.fromkeys(_REASONS, str)}
    for key in ("settings", *kinds):
        part = state.get(key)
        if not isinstance(part, dict):
            raise ValueError(f"its {key!r} is {KINDS.get(type(part), 'a number')}, expected an object")
        odd = next((name for name, value in part.items() if not isinstance(value, kinds.get(key, object))), None)
        if odd is not None:
            raise ValueError(f"in its {key!r} the entry of {odd!r} is of another kind")
    if isinstance(state["seconds"], bool) or not isinstance(state["seconds"], int | float):
        raise ValueError(f"its 'seconds' is {KINDS.get(type(state['seconds']), 'no number')}, expected a number")
    return state


def check_target(target: Path) -> None:
    """Refuse a file, and a folder of files that are not ours."""
    if target.exists() and not target.is_dir():
        raise ValueError(f"{target}: is a file; expected a folder for the stylised pictures")
    if not target.is_dir() or any(target.glob("manifest*.json")):
        return
    # Another process may be writing its first manifest at this moment.
    if any(not is_draft(entry.name) for entry in target.iterdir()) and not any(target.glob("manifest*.json")):
        raise ValueError(
            f"{target}: not empty and without {MANIFEST}; nothing of yours is overwritten, choose a new folder"
        )


def write_json(path: Path, state: dict[str, Any]) -> None:
    """Write JSON as people read it; names that are no valid text are escaped."""
    text = json.dumps(state, indent=1, ensure_ascii=False) + "\n"
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = json.dumps(state, indent=1) + "\n"
    write_text(path, text, swept=True)
