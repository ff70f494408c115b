"""Hostile values for every argument of the public functions: wrong type, rank, dtype, NaN, negative, empty, huge.

One argument at a time is replaced, the others stay as they should be. The call ends in a result or in one line that
names the argument (or the function, or the class); the words of Python, NumPy or torch about themselves count as lost.
"""

from __future__ import annotations

import copy
import importlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.torture import caught, judge
from tests.torture.tally import Tally, timed

Random = Callable[[], torch.Generator]


MODULES = (
    "adain", "baselines", "complexity", "config", "datasets", "engine", "evaluate", "labels", "ledger", "losses",
    "masks", "metrics", "models", "offline", "paintings", "randomize", "scale", "streets", "viz", "weights",
)  # fmt: skip
#: How complaints of these functions call their arguments otherwise.
ALSO = {
    "labels.map_ids": "ids table", "viz.as_picture": "picture", "viz.overlay": "picture labels", "safe_path": "leads",
    "viz.error_map": "picture labels", "complexity.select_by_complexity": "image", "models.build": "model",
    "baselines.make_view": "option rival", "datasets.read_image": "file pixels",
    "datasets.read_label": "file ids table",
    "datasets.picture_size": "file", "datasets.FolderPairs": "pairs", "models.load_checkpoint": "model",
    "scale.Data.from_json": "data", "config.parse_overrides": "override", "evaluate.evaluate_dataset": "pair",
    "evaluate.group_probabilities": "groups", "offline.merge_banks": "merge file", "convert": "split pictures",
    "models.load_trunk": "tensors", "evaluate.evaluate": "target",
}  # fmt: skip


@dataclass(frozen=True)
class Spec:
    """A function with arguments that suit it.

    Attributes:
        name: as a user writes it.
        function: what is called.
        given: its arguments by name.
        fixed: arguments that are not replaced: they are objects of ours, or their every value is right.
        words: further names that a complaint may use, such as "picture" for an image.
        only: labels of the hostile values that are tried; all of them if empty.
        kinds: errors that its docstring names besides the usual ones.
        short: whether it is tried in a short campaign.
    """

    name: str
    function: Callable[..., Any]
    given: dict[str, Any]
    fixed: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    kinds: tuple[type[BaseException], ...] = judge.USUAL
    short: bool = True


class Odd:
    """An object that is nothing in particular."""

    def __repr__(self) -> str:
        return "Odd\nin two lines"


def hostile() -> dict[str, Any]:
    """Values that suit next to no argument. No number is so large that it would be obeyed at length."""
    nan = float("nan")
    return {
        "None": None, "True": True, "empty text": "", "text": "nonsense", "two lines": "a\nb", "bytes": b"ab",
        "-1": -1, "0": 0, "-0.5": -0.5, "1.5": 1.5, "nan": nan, "inf": float("inf"), "-inf": -float("inf"),
        "2^70": 2**70, "complex": 1j, "list": [], "nested": [[1], [2, 3]], "texts": ["a", "b"], "nans": (nan, nan),
        "backwards": (9.0, 1.0), "three": (1, 2, 3), "negatives": (-1, -1), "dict": {}, "set": {1}, "object": Odd(),
        "class": int, "function": len, "array": np.zeros((2, 2)), "array of none": np.zeros((0,)),
        "array of texts": np.array(["a", "b"]), "array of objects": np.array([None, Odd()], dtype=object),
        "array of nan": np.full((4, 4, 3), np.nan), "array of rank 5": np.zeros((1, 1, 1, 1, 1), np.uint8),
        "scalar tensor": torch.tensor(3), "empty tensor": torch.zeros(0), "empty batch": torch.zeros(0, 3, 4, 4),
        "no pixels": torch.zeros(1, 3, 0, 4), "rank 2": torch.rand(4, 4), "rank 3": torch.rand(3, 4, 4),
        "rank 5": torch.rand(1, 1, 3, 4, 4), "one channel": torch.rand(2, 1, 8, 8), "uint8": torch.zeros(2, 3, 8,
        8).byte(),
        "nan tensor": torch.full((2, 3, 8, 8), nan), "inf tensor": torch.full((2, 3, 8, 8), float("inf")),
        "above one": torch.full((2, 3, 8, 8), 2.0), "below zero": torch.full((2, 3, 8, 8), -0.5),
        "double": torch.rand(2, 3, 8, 8).double(), "half": torch.rand(2, 3, 8, 8).half(), "bools": torch.ones(2, 8,
        8).bool(),
        "complex tensor": torch.zeros(2, 3, 8, 8, dtype=torch.complex64), "labels beyond": torch.full((2, 8, 8), 77),
        "labels below": torch.full((2, 8, 8), -3), "generator of text": "cpu", "path": Path("nowhere"),
        "sparse": torch.zeros(2, 3, 8, 8).to_sparse(), "meta": torch.zeros(2, 3, 8, 8, device="meta"),
    }  # fmt: skip


def run(folder: Path, tally: Tally, short: bool) -> None:
    """Replace every argument of every function by every hostile value."""
    values, specs = hostile(), table(folder)
    tally.measured["public functions called"] = len({spec.name for spec in specs})
    tally.measured["public names not called"] = ", ".join(
        f"{module}.{name}"
        for module in MODULES
        for name in uncovered(specs, importlib.import_module(f"gltr_lib.{module}"))
    )
    with timed(tally):
        for spec in specs:
            if short and not spec.short:
                continue
            _, good = _call(spec, {})
            if good:
                tally.lose(f"{spec.name} with arguments that suit it: {good}")
                continue
            for number, (argument, label) in enumerate(replaced(spec, values)):
                if short and number % 3:
                    continue
                outcome, found = _call(spec, {argument: values[label]})
                if found:
                    tally.lose(f"{spec.name}({argument}={label}): {found}")
                else:
                    tally.survive(injected=True, refused=outcome.error is not None)


def replaced(spec: Spec, values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every (argument, label of a hostile value) that is tried."""
    for argument in spec.given:
        if argument not in spec.fixed:
            for label in spec.only or values:
                yield argument, label


def _call(spec: Spec, changes: dict[str, Any]) -> tuple[judge.Outcome, str]:
    given = {name: value() if isinstance(value, Fresh) else copy.copy(value) for name, value in spec.given.items()}
    outcome, _ = caught.call(lambda: spec.function(**{**given, **changes}), limit=15, dump=False)
    if not changes:
        return outcome, "" if outcome.error is None and not outcome.hung else f"{outcome.error!r}"
    argument, value = next(iter(changes.items()))
    if isinstance(outcome.error, judge.USUAL) and isinstance(value, str) and "\n" in value:  # the user's own two lines
        outcome.error = ValueError(str(outcome.error).replace(value, repr(value)))
    words = (*names_of(spec, argument), *shown_as(value), *spec.words, *ALSO.get(spec.name, "").split())
    return outcome, judge.function(outcome, words, kinds=spec.kinds, limit=15)


def names_of(spec: Spec, argument: str) -> tuple[str, ...]:
    """Words of which a complaint must hold one: the argument, the function, or its class."""
    return (argument, argument.replace("_", " "), *[part for part in spec.name.split(".") if part != "gltr_lib"])


def shown_as(value: Any) -> tuple[str, ...]:
    """A value as a complaint may show it: whoever reads it knows which argument is meant."""
    if isinstance(value, str | Path):
        return (str(value) or "''", repr(str(value)), "'.'", ".:") if not str(value) else (str(value), repr(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return (str(value),)
    if isinstance(value, list | tuple) and value and all(isinstance(item, str) for item in value):
        return tuple(repr(item) for item in value)
    return ()


class Fresh:
    """An argument that is made anew for every call, such as a generator."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make

    def __call__(self) -> Any:
        return self.make()


def spec(name: str, function: Any, fixed: str = "", words: str = "", /, *, short: bool = True, **given: Any) -> Spec:
    """A :class:`Spec` whose arguments are given by name; ``fixed`` and ``words`` are separated by spaces."""
    return Spec(name, function, given, tuple(fixed.split()), tuple(words.split()), short=short)


def uncovered(specs: Sequence[Spec], module: Any) -> list[str]:
    """Public functions of a module that no spec calls."""
    names = getattr(module, "__all__", None) or [
        name for name, thing in vars(module).items()
        if inspect.isfunction(thing) and thing.__module__ == module.__name__ and not name.startswith("_")
    ]  # fmt: skip
    called = {spec.name.rpartition(".")[2] for spec in specs} | {
        part for spec in specs for part in spec.name.split(".")
    }
    return [name for name in names if callable(getattr(module, name)) and name not in called]


def table(folder: Path) -> list[Spec]:
    """The functions that are tried."""
    from tests.torture import values_files, values_more, values_tensors

    return [*values_tensors.specs(), *values_files.specs(folder), *values_more.specs(folder)]
