"""Bad input: a corpus of bad files and values against every public function, command and data script.

A case is lost if it ends in anything but success or one line that names the thing: a traceback, a hang, code that ran,
a half-written file, a bad file that nobody mentioned. The parts stand in ``inputs_files``, ``inputs_commands``,
``inputs_words``, ``inputs_scripts`` and ``values``; what counts as lost says ``judge``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from tests.torture import corpus, inputs_commands, inputs_files, inputs_scripts, inputs_words, values
from tests.torture.corpus import Case
from tests.torture.corpus_tensors import SENTINEL
from tests.torture.tally import Tally, timed


def run(folder: Path, short: bool, seed: int) -> list[Tally]:
    """Run the part; see :mod:`tests.torture`."""
    tallies: list[Tally] = []

    def part(name: str) -> tuple[Path, Tally]:
        tallies.append(Tally(f"inputs: {name}"))
        place = folder / name.replace(" ", "-")
        place.mkdir(parents=True, exist_ok=True)
        return place, tallies[-1]

    with _settings(folder):
        cases = corpus.build(folder / "corpus", seed)
        place, tally = part("files")
        tally.measured["cases in the corpus"] = len(cases)
        inputs_files.run(place, cases, tally)
        place, tally = part("functions")
        values.run(place, tally, short)
        place, tally = part("commands on files")
        inputs_commands.on_files(place, cases, tally, short)
        place, tally = part("a folder of everything")
        inputs_commands.whole_folder(place, cases, tally)
        place, tally = part("command lines")
        inputs_words.run(place, cases, tally, short)
        place, tally = part("data scripts")
        inputs_scripts.run(place, cases, tally, short)
        place, tally = part("permissions")
        inputs_commands.forbidden(place, tally)
        place, tally = part("processes of their own")
        inputs_commands.apart(place, cases, tally, short)
        tallies.append(sentinel(folder / "corpus", cases))
    return tallies


def sentinel(folder: Path, cases: list[Case]) -> Tally:
    """Whether any of the files with code was executed: it would have left a file."""
    tally = Tally("inputs: code that must not run")
    armed = [case for case in cases if "code" in case.path.name]
    ran = list(folder.rglob(SENTINEL))
    with timed(tally):
        for case in armed:
            if ran:
                tally.lose(f"code was run: {ran[0].name} exists; perhaps by {case.path.name}", injected=True)
            else:
                tally.survive(injected=True, refused=True)
    return tally


@contextlib.contextmanager
def _settings(folder: Path) -> Iterator[None]:
    """A folder of its own to work in, and none of the user's settings: what is relative lands there."""
    before, kept = Path.cwd(), dict(os.environ)
    here = folder / "here"
    here.mkdir(parents=True, exist_ok=True)
    for name in [
        name for name in os.environ if name.startswith(("GLTR_", "COURSE_")) or name in ("RANK", "WORLD_SIZE")
    ]:
        del os.environ[name]
    os.chdir(here)
    try:
        yield
    finally:
        os.chdir(before)
        os.environ.clear()
        os.environ.update(kept)
