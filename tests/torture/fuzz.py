"""The parsers that are ours, on files that were changed at random: errors of the promised kinds, in one line, and soon.

A full run takes as long as ``GLTR_FUZZ_SECONDS`` says, ten minutes if it does not; a short one 25 seconds. Time is
shared out evenly among the parsers, in rounds, so that a run that is cut short has seen all of them. The same seed
tries the same files in the same order; a finding is printed with its number, and :func:`case` makes the file again.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import time
from pathlib import Path

import numpy as np

from tests.torture import caught, judge, mutate
from tests.torture.fuzz_parsers import Parser, all_parsers
from tests.torture.tally import Tally

SHORT_SECONDS, FULL_SECONDS = 25.0, 600.0
ROUND = 40  # files of one parser in a row
HANG = 10.0


def run(folder: Path, short: bool, seed: int) -> list[Tally]:
    """Run the part; see :mod:`tests.torture`."""
    seconds = float(os.environ.get("GLTR_FUZZ_SECONDS", SHORT_SECONDS if short else FULL_SECONDS))
    folder.mkdir(parents=True, exist_ok=True)
    parsers = all_parsers(folder)
    tallies = [Tally(f"fuzz: {parser.name}") for parser in parsers]
    began, number = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        for parser, tally in zip(parsers, tallies, strict=True):
            start = time.perf_counter()
            faulthandler.dump_traceback_later(60 * HANG, exit=True, file=sys.__stderr__ or sys.stderr)
            for index in range(number, number + ROUND):
                _one(parser, tally, folder, seed, index)
                if time.perf_counter() - start > seconds / len(parsers) / 2 or tally.lost > 200:
                    break
            faulthandler.cancel_dump_traceback_later()
            tally.seconds += time.perf_counter() - start
            if time.perf_counter() - began > 1.2 * seconds:
                break
        number += ROUND
    return tallies


def case(parser: Parser, seed: int, index: int) -> bytes:
    """The file of a number: the same for the same seed."""
    rng = np.random.default_rng([seed, index, *parser.name.encode()[:8]])
    whole = parser.seeds[int(rng.integers(len(parser.seeds)))]
    changed = mutate.mutated(whole, rng, parser.seeds)
    return parser.seal(changed) if parser.seal is not None and index % 2 else changed


def _one(parser: Parser, tally: Tally, folder: Path, seed: int, index: int) -> None:
    path = folder / f"changed{parser.ending}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(case(parser, seed, index))
    outcome, _ = caught.call(lambda: parser.read(path), limit=HANG, dump=False)
    above = (path.parent.name,) if "/" in parser.ending else ()
    found = judge.function(outcome, (path.name, *above, *parser.words), limit=HANG)
    if found:
        tally.lose(f"file {index} of seed {seed}: {found}", injected=True)
    else:
        tally.survive(injected=True, refused=outcome.error is not None)
