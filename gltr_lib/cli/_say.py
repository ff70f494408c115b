"""What every command says in the same way: its result, its progress, a wrong name."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gltr_lib._usage import UsageError


def answer(value: Any, as_json: bool, text: str) -> None:
    """Print the result: JSON for programs, a line for people."""
    print(jsonlib.dumps(value, indent=2, ensure_ascii=False) if as_json else text)


def counter(verb: str) -> Callable[[int, int, str], None] | None:
    """Progress on a terminal: one line that rewrites itself."""
    if not sys.stderr.isatty():
        return None

    def show(done: int, total: int, name: str) -> None:
        end = "\n" if done == total else ""
        print(f"\r\033[K{verb} {done}/{total} {name[-50:]}", end=end, file=sys.stderr, flush=True)

    return show


def picture_name(path: Path) -> None:
    """Refuse an output name that is not a picture's."""
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
        raise UsageError(f"{path}: a picture's name ends in .png, .jpg or .webp")
