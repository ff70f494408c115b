"""Tuning, with the same number of trials for everybody: GTR, GTR + LTR + CGL, and every rival.

A rival that runs with the numbers of another problem is a weakened rival, and a method of ours that had more trials is
a favoured one. So each gets ``TRIALS`` settings, the first of them its own paper's (ours: the study's, which pilots
with the baseline and GTR had found; docs/study.md tells of them). Each is trained once, on a seed that is compared
nowhere, and scored on validation scenes in the game look and in the two development looks; no test look is rendered.
The choice is a function of the ledger: the best mean over the development looks, the earlier of two equal ones. Until
every trial of a method is there, its own numbers hold.

Source: our own plan. Most settings are those that the papers themselves vary (see :mod:`gltr_lib.baselines`); ours are
MixStyle's probabilities (its authors vary the place), Fourier's beta of 0.5, ISW's weights, and half of IBN-Net's
learning rate, whose norms leave little else to choose.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from gltr_lib import ledger
from gltr_lib._json import parse_object
from gltr_lib.config import METHODS, RIVALS, MethodConfig
from gltr_lib.study.tiers import Row

TRIALS = 4
OWN = "own"
JUDGED_ON = ("streets/overcast (VAL_SEEDS)", "streets/sun (VAL_SEEDS)")
FILE = Path("results/tuned.json")


@dataclass(frozen=True)
class Trial:
    """One setting of a method: its label, the method, and changes of the base configuration."""

    label: str
    method: MethodConfig
    base: tuple[tuple[str, Any], ...] = ()


#: Method -> the settings beside its own numbers; "rival." names options of its view, "base." those of the training.
SETTINGS: Mapping[str, tuple[dict[str, Any], ...]] = {
    "gtr": ({"alpha": 0.75}, {"alpha": 0.5}, {"raw_share": 0.5}),
    "gtr_ltr_cgl": ({"consistency": 0.1}, {"share": 0.75}, {"raw_share": 0.5}),
    # Beside SimCLR's numbers: those by which RobustNet tells channels; half as strong; colour gone more often.
    "photometric": (
        {"rival.hue": 0.3, "rival.apply": 1.0, "rival.gray": 0.0},
        {"rival.brightness": 0.4, "rival.contrast": 0.4, "rival.saturation": 0.4, "rival.hue": 0.1},
        {"rival.gray": 0.5},
    ),
    # torchvision's magnitude 9; the reach of the authors' 9 of 10; AugMix at its strongest.
    "policy": (
        {"rival.kind": "rand"},
        {"rival.kind": "rand", "rival.level": 24},
        {"rival.kind": "augmix", "rival.severity": 10},
    ),
    "randconv": ({"rival.mix": False}, {"rival.original": 0.5}, {"rival.kernels": (1, 3)}),
    "randconv_own": ({"consistency": 10.0}, {"consistency": 20.0}, {"consistency": 80.0}),
    "fourier": ({"rival.beta": 0.01}, {"rival.beta": 0.5}, {"rival.strength": 1.0}),
    "regions": ({"rival.share": 0.5, "rival.place": "inside"}, {"alpha": 0.5}, {"rival.share": (0.5, 1.0)}),
    "pixels": ({"rival.alpha": 0.75}, {"rival.alpha": 0.5}, {"rival.alpha": 0.25}),
    "mixstyle": ({"network": {"mixstyle": 0.25}}, {"network": {"mixstyle": 0.75}}, {"network": {"mixstyle": 1.0}}),
    # Variant b, both, and a again at half of the rate.
    "ibn": ({"network": {"ibn_b": True}}, {"network": {"ibn": True, "ibn_b": True}}, {"base.lr": 0.005}),
    "isw": ({"whitening": 0.2}, {"whitening_again": True}, {"whitening": 2.0, "whitening_again": True}),
}


@cache
def candidates() -> Mapping[str, tuple[Trial, ...]]:
    """Method -> its trials, the own numbers first.

    Example:
        >>> [trial.label for trial in candidates()["gtr"]]
        ['own', 'alpha=0.75', 'alpha=0.5', 'raw_share=0.5']
    """
    known = {**METHODS, **RIVALS}
    return {name: tuple(_trials(known[name], settings)) for name, settings in SETTINGS.items() if name in known}


def _trials(usual: MethodConfig, settings: Iterable[Mapping[str, Any]]) -> Iterator[Trial]:
    yield Trial(OWN, usual)
    for setting in settings:
        label = " ".join(_say(key.split(".")[-1], value) for key, value in setting.items())
        options = {key.removeprefix("rival."): value for key, value in setting.items() if key.startswith("rival.")}
        base = {key.removeprefix("base."): value for key, value in setting.items() if key.startswith("base.")}
        fields = {key: value for key, value in setting.items() if "." not in key}
        if options:
            fields["rival"] = {**dict(usual.rival), **options}
        # Another learning rate is no other method, hence no other name.
        method = replace(usual, name=f"{usual.name} {label}", **fields) if fields else usual
        yield Trial(label, method, tuple(base.items()))


def _say(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(_say(*item) for item in value.items())
    return f"{name}={'-'.join(f'{v:g}' for v in value) if isinstance(value, tuple) else value}"


def find(method: str, label: str = OWN) -> Trial:
    """A trial by method and label; a method without trials has its own numbers alone.

    Raises:
        ValueError: no such label.

    Example:
        >>> find("gtr", "alpha=0.5").method.alpha
        0.5
    """
    known = candidates().get(method) or tuple(_trials({**METHODS, **RIVALS}[method], ()))
    for trial in known:
        if trial.label == label:
            return trial
    raise ValueError(f"tuned: {method} has no trial {label!r}; valid: {', '.join(t.label for t in known)}")


def rows() -> tuple[Row, ...]:
    """The tier's rows: every trial of every method, the own numbers of all first."""
    made = [
        (number, Row(row_name(name, trial), trial.method, base=trial.base))
        for name, trials in candidates().items()
        for number, trial in enumerate(trials)
    ]
    return tuple(row for _, row in sorted(made, key=lambda pair: pair[0]))


def row_name(method: str, trial: Trial) -> str:
    """What the ledger calls a trial.

    Example:
        >>> row_name("gtr", find("gtr", "alpha=0.5"))
        'gtr [alpha=0.5]'
    """
    return f"{method} [{trial.label}]"


def choose(rows: Sequence[ledger.Row]) -> dict[str, dict[str, Any]]:
    """The chosen trial of each method whose trials are all there.

    Args:
        rows: rows of the tier as it is declared now (:func:`gltr_lib.study.book.tier_rows`).

    Returns:
        Method -> {"label", "scores"}: the mean mIoU over the development looks of every trial, by label.
    """
    cells = ledger.summarise(ledger.find(rows, data=JUDGED_ON))
    out = {}
    for method, trials in candidates().items():
        scores: dict[str, float] = {}
        for trial in trials:
            found = [cells.get((row_name(method, trial), data)) for data in JUDGED_ON]
            if None not in found:
                scores[trial.label] = round(statistics.fmean(cell.mean for cell in found if cell is not None), 6)
        if len(scores) == len(trials):
            best: str = max(scores, key=scores.__getitem__)  # the first of equal ones: the own numbers, if need be
            out[method] = {"label": best, "scores": scores}
    return out


def read(path: str | Path = FILE) -> dict[str, str]:
    """The labels that ``results/tuned.json`` names; empty without the file (each method's own numbers)."""
    try:
        content = parse_object(Path(path).read_bytes())
        return {method: str(entry["label"]) for method, entry in content.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError) as error:
        why = "an entry without label" if isinstance(error, KeyError | TypeError) else error
        raise ValueError(f"{path}: not the tuning's choices ({why}); gltr study --tier tuning writes it") from None


def text(chosen: Mapping[str, Mapping[str, Any]]) -> str:
    """What stands in ``results/tuned.json`` after a choice."""
    return json.dumps(chosen, indent=1) + "\n"
