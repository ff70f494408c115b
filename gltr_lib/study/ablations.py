"""One factor at a time: the levels of each, around GTR or around GTR + LTR + CGL.

A level is a row of the tier *ablations*; the level that the study uses anyway is the method's own row, so it is not
trained again. What cannot run here is declared as well, with what it needs. Paintings are chosen by their texture's
complexity, which was measured once (``complexity.json``: :func:`gltr_lib.complexity.texture_complexity` of the shipped
bank's 512 paintings at 256 pixels, in the bank's order), so that a choice is the same on every machine.

Source: the factors are the choices that the paper and its code leave open (share, schedule, number of paintings, form
of the consistency), and those that are ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from gltr_lib.config import METHODS, RIVALS
from gltr_lib.study import painters
from gltr_lib.study.names import name_of
from gltr_lib.study.tiers import Row, walk

SIGMA = METHODS["gtr_ltr_cgl"].sigma
TWICE = " 2x steps"  # the ending of a row that trains twice as long
COPIES = 5  # as in the official configuration


@dataclass(frozen=True)
class Level:
    """One value of a factor.

    Attributes:
        label: how the figure and the table name it.
        row: what is trained.
    """

    label: str
    row: Row


@dataclass(frozen=True)
class Factor:
    """What one figure shows.

    Attributes:
        name: short, fit for a file.
        title: the question.
        axis: the axis in words, with its unit.
        around: the method whose other settings stay.
        levels: the values, in order.
    """

    name: str
    title: str
    axis: str
    around: str
    levels: tuple[Level, ...]


@cache
def complexities() -> tuple[float, ...]:
    """Texture complexity of each painting of the shipped bank, in the bank's order."""
    text = Path(__file__).with_name("complexity.json").read_text(encoding="utf-8")
    return tuple(json.loads(text))


def spread(count: int, low: float = 0.0, high: float = 1.0) -> tuple[int, ...]:
    """Places in the bank of some paintings, evenly spread over the ranks of texture complexity.

    The band of ranks is cut into equal parts, and the middle of each is taken: one painting is a usual one, and two are
    no extremes.

    Args:
        count: how many, from 1 to the size of the band.
        low: where the band of ranks begins, as a share.
        high: where it ends.

    Returns:
        Increasing places.

    Raises:
        ValueError: more than the band holds.

    Example:
        >>> len(spread(5)), len(spread(50, 0.75, 1.0))
        (5, 50)
    """
    scores = complexities()
    ranked = sorted(range(len(scores)), key=lambda place: scores[place])
    band = ranked[round(low * len(ranked)) : round(high * len(ranked))]
    if not 1 <= count <= len(band):
        raise ValueError(f"count: expected 1 to {len(band)} paintings of this band, received {count}")
    return tuple(sorted(band[int((part + 0.5) * len(band) / count)] for part in range(count)))


def _level(around: str, setting: str, label: str, **changes: Any) -> Level:
    """A level with other fields of the method; the method's own row if nothing differs."""
    usual = METHODS[around]
    changed = replace(usual, **changes)
    if changed == usual:
        return Level(label, walk(around))
    name = f"{around} {setting}"
    return Level(label, Row(name, replace(changed, name=name)))


def _numbers(around: str, field: str, values: tuple[float, ...]) -> tuple[Level, ...]:
    return tuple(_level(around, f"{field}={v:g}", f"{v:g}", **{field: float(v)}) for v in values)


def factors() -> tuple[Factor, ...]:
    """All factors, in the order of their figures.

    Example:
        >>> [level.label for level in factors()[2].levels]
        ['0.25', '0.5', '0.75', '1']
    """
    whole = len(complexities())
    counts = [_level("gtr", f"styles={n}", str(n), styles=spread(n)) for n in (1, 2, 5, 15, 50)]
    bands = {"plainest quarter": (0.0, 0.25), "middle": (0.375, 0.625), "busiest quarter": (0.75, 1.0)}
    walk_and_controls = ("gtr", "gtr_gtr", "gtr_ltr", "gtr_ltr_cgl")
    steps = [
        level
        for name in walk_and_controls
        for level in (
            Level(name_of(name), walk(name)),
            Level(f"{name_of(name)}, twice", Row(name + TWICE, METHODS[name], longer=2)),
        )
    ]
    weights = [_level("gtr_ltr_cgl", f"weight={w:g}", f"{w:g}", consistency=float(w)) for w in (0.1, 1)]
    return (
        Factor("paintings", "How many paintings does GTR need?", "paintings to draw from", "gtr",
               (*counts, Level(f"{whole} (all)", walk("gtr")))),
        Factor("complexity", "Plain or busy paintings?", "which 50 paintings, by texture complexity", "gtr", (
            *(_level("gtr", f"styles=50 {label.split()[0]}", label, styles=spread(50, *band))
              for label, band in bands.items()),
            Level("over the whole range", counts[-1].row),
        )),
        Factor("alpha", "How strongly should GTR paint?", "alpha of AdaIN (0 leaves the picture)", "gtr",
               _numbers("gtr", "alpha", (0.25, 0.5, 0.75, 1.0))),
        Factor("raw", "How many pictures should stay raw?", "share of raw pictures in the GTR view", "gtr",
               _numbers("gtr", "raw_share", (0.0, 0.25, 0.5, 0.75))),
        Factor("share", "Which share of the LTR view should be painted?", "painted share p of the LTR view",
               "gtr_ltr_cgl", (
            *_numbers("gtr_ltr_cgl", "share", (0.25, 0.5, 0.75)),
            _level("gtr_ltr_cgl", "share=1", "1 (the official code as it runs)", share=1.0),
            _level("gtr_ltr_cgl", "schedule even", "0.5 to 1, evenly", schedule=1.0),
            _level("gtr_ltr_cgl", "schedule official", "0.5 to 1, power 0.1 (the official comment)", schedule=0.1),
        )),
        Factor("sigma", "How large should the blobs be?", "blob size, as a multiple of the study's", "gtr_ltr_cgl",
               tuple(_level("gtr_ltr_cgl", f"sigma x{f:g}", f"{f:g}", sigma=(f * SIGMA[0], f * SIGMA[1]))
                     for f in (0.5, 1.0, 2.0, 4.0))),
        Factor("kind", "Which distance should CGL take?", "distance between the two answers", "gtr_ltr_cgl",
               tuple(_level("gtr_ltr_cgl", f"kind={k}", k, consistency_kind=k) for k in ("mse", "kl", "js"))),
        Factor("weight", "How heavy should CGL be?", "weight of the consistency loss", "gtr_ltr_cgl", (
            Level("0 (no CGL)", walk("gtr_ltr")), *weights, Level("10", walk("gtr_ltr_cgl10")),
        )),
        Factor("detach", "Which branch should teach?", "branch that CGL's gradient does not enter", "gtr_ltr_cgl", (
            Level("neither", walk("gtr_ltr_cgl")),
            _level("gtr_ltr_cgl", "detach=global", "global (it teaches)", detach="global"),
            _level("gtr_ltr_cgl", "detach=local", "local (it teaches)", detach="local"),
        )),
        Factor("stylizer", "Which stylizer?", "where AdaIN happens", "gtr", (
            Level("in the mini stylizer's features", walk("gtr")),
            Level("on pixels", Row("pixels", RIVALS["pixels"])),
            Level("in VGG's relu3_1", Row(
                "gtr vgg19", METHODS["gtr"], base=(("stylizer", painters.VGG19), ("bank", painters.PROCEDURAL)),
                needs=painters.lacking(painters.VGG19),
            )),
        )),
        Factor("real", "Real paintings or procedural ones?", "whose paintings", "gtr", (
            Level(f"procedural ({whole})", walk("gtr")),
            _level("gtr", f"styles={painters.FILES}", f"procedural, as few as real ones ({painters.FILES})",
                   styles=spread(painters.FILES)),
            Level(f"real ({painters.FILES})", Row(
                "gtr real paintings", METHODS["gtr"], base=(("bank", painters.REAL),),
                needs=painters.lacking(painters.REAL),
            )),
        )),
        Factor("online", "Paint at every step, or beforehand?", "when the pictures are painted", "gtr", (
            Level("online, anew at every step", walk("gtr")),
            Level(f"{COPIES} copies painted beforehand", Row(
                f"gtr {COPIES} offline copies", replace(METHODS["baseline"], name=f"gtr {COPIES} offline copies"),
                train=f"painted:{COPIES}",
            )),
        )),
        Factor("steps", "Do two-view methods only lack steps?", "method, at the study's steps and at twice",
               "gtr_ltr_cgl", tuple(steps)),
    )  # fmt: skip


def rows() -> tuple[Row, ...]:
    """Every row that the factors name, once, after the baseline and the oracle."""
    return tuple(dict.fromkeys([walk("baseline"), walk("oracle"), *_rows()]))


def _rows() -> Iterator[Row]:
    for factor in factors():
        for level in factor.levels:
            yield level.row
