"""A corpus of bad files, made by script: pictures, label maps, folders, archives, weights, banks, texts.

Every case says what it is and what must become of it. Hundreds of them, a few megabytes together, the same for one
seed. The makers stand in ``corpus_pictures``, ``corpus_folders``, ``corpus_archives``, ``corpus_tensors`` and
``corpus_texts``; here is what they share, and the pickles that would run code if anything opened them carelessly.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

ACCEPT, REFUSE, EITHER = "accept", "refuse", "either"


@dataclass(frozen=True)
class Case:
    """One bad (or merely odd) file or folder.

    Attributes:
        kind: such as "picture", "label", "archive"; decides what it is given to.
        path: where it lies.
        expect: "accept", "refuse", or "either" where both are right as long as it is said.
        about: what is odd about it.
        says: words of which one must stand in a refusal; the file's name if empty.
    """

    kind: str
    path: Path
    expect: str
    about: str
    says: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """What a refusal must name: the file as it is called, or as a terminal can show it."""
        name = self.path.name
        return self.says or (name, " ".join(name.split()), printable(name), printable(name)[:40], ascii(name)[1:-1])


class Sentinel:
    """An object whose unpickling writes a file: if the file ever exists, code was run."""

    def __init__(self, path: Path) -> None:
        self.path = os.fspath(path)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str, str]]:
        return open, (self.path, "w")


def pickled(sentinel: Path, protocol: int = 2) -> bytes:
    """A pickle that would create ``sentinel``."""
    return pickle.dumps({"state_dict": Sentinel(sentinel)}, protocol=protocol)


def printable(name: str) -> str:
    """A name with what is not printable escaped, as ``gltr_lib`` shows it."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "backslashreplace").decode("ascii")
        for letter in name
    )


def build(folder: Path, seed: int = 0) -> list[Case]:
    """Write the whole corpus below a folder.

    Args:
        folder: made if missing.
        seed: of everything random in it.

    Returns:
        The cases, in the order in which they were made.
    """
    from tests.torture import corpus_archives, corpus_folders, corpus_pictures, corpus_tensors, corpus_texts

    cases: list[Case] = []
    for number, module in enumerate(
        (corpus_pictures, corpus_folders, corpus_archives, corpus_tensors, corpus_texts), start=1
    ):
        cases += module.make(folder / module.__name__.rpartition("_")[2], seed * 100 + number)
    return cases


def of(cases: Iterable[Case], *kinds: str) -> list[Case]:
    """The cases of some kinds."""
    return [case for case in cases if case.kind in kinds]
