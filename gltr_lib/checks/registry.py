"""Exercises and how an answer is judged: random inputs, a reference, and a catalogue of misconceptions.

Why: a check that only says "wrong" teaches nothing. Every exercise carries the wrong answers that people really
give. An answer that differs from the reference is compared with each of them on the same inputs; where it does the
same, the verdict can name the misconception. The tests prove this for every planted answer (see tests/test_checks.py).
Source: the idea of checks against a reference on random inputs is ARENA's; naming the misconception is ours.
"""

from __future__ import annotations

import inspect
import random
import sysconfig
import textwrap
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from gltr_lib._variant import seed as variant
from gltr_lib.checks.comparing import array, brief, difference

Cases = Callable[[], list[tuple[Any, ...]]]


class NotYet(Exception):
    """An answer is not right yet; carries what to think about and which hint helps."""

    def __init__(self, message: str, hint: int = 1) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Misconception:
    """A plausible wrong answer and the sentence that names what went wrong."""

    answer: Callable[..., Any]
    says: str
    hint: int = 1


@dataclass(frozen=True)
class Exercise:
    """One exercise: what to write, two hints, the reference, inputs, and its misconceptions.

    ``cases`` builds the same fresh inputs at every call. ``observe(answer, *inputs)`` turns a call into what is
    compared (default: the returned value; elsewhere also gradients or the number of calls), and ``parts`` names what it
    sees. With ``differentiable`` a gradient must get through. ``judge(answer)`` replaces the comparison where answers
    are random: it raises NotYet, and misconceptions only feed the tests.
    """

    id: str
    title: str
    task: str
    hints: tuple[str, str]
    minutes: int
    difficulty: int
    reference: Callable[..., Any]
    cases: Cases | None = None
    observe: Callable[..., Any] | None = None
    parts: tuple[str, ...] = ()
    judge: Callable[[Callable[..., Any]], None] | None = None
    strict_dtype: bool = False
    differentiable: bool = False
    tolerance: float = 1e-4
    misconceptions: list[Misconception] = field(default_factory=list)

    @property
    def lesson(self) -> str:
        """Number of the lesson, such as "02"."""
        return self.id.split("-", 1)[0]

    @property
    def signature(self) -> str:
        """First line of the function to write, such as ``def adain(content, style_mean, style_std):``."""
        return f"def {self.reference.__name__}{inspect.signature(self.reference)}:"

    @property
    def source(self) -> str:
        """Source text of the reference solution."""
        text = textwrap.dedent(inspect.getsource(self.reference))
        return text[text.index("\ndef ") + 1 :] if not text.startswith("def ") else text


def torch_random(seed: int) -> torch.Generator:
    """A generator for inputs of a check: other numbers for every ``COURSE_SEED``, the same at every call."""
    return torch.Generator().manual_seed(variant(seed))


def numpy_random(seed: int) -> np.random.Generator:
    """The same for NumPy."""
    return np.random.default_rng(variant(seed))


def plain_random(seed: int) -> random.Random:
    """The same for plain numbers."""
    return random.Random(variant(seed))


class Exercises(dict[str, Exercise]):
    """The exercises of one lesson's file, which its decorators fill from top to bottom."""

    def exercise(self, id: str, **about: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Take the decorated function as the reference solution of an exercise."""

        def keep(reference: Callable[..., Any]) -> Callable[..., Any]:
            if id in self:
                raise ValueError(f"exercise {id!r} is there twice")
            self[id] = Exercise(id=id, reference=reference, **about)
            return reference

        return keep

    def misconception(self, id: str, says: str, hint: int = 1) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Take the decorated function as a wrong answer to exercise ``id`` that deserves the sentence ``says``."""

        def keep(answer: Callable[..., Any]) -> Callable[..., Any]:
            self[id].misconceptions.append(Misconception(answer, says, hint))
            return answer

        return keep


# ------------------------------------------------------------------------------------------------ judging


@dataclass(frozen=True)
class Recorded:
    """What an answer did on every case, in another process (a grader's), whether it wrote into its inputs, and whether
    it lets no gradient through.

    It stands in for the answer in :func:`judge`, of an exercise that has ``cases``.
    """

    got: list[Any]
    changed: bool = False
    cut: bool = False

    def __call__(self, *inputs: Any) -> Any:
        """There is no function here to call."""
        raise TypeError("only what the answer did is known here, and not the answer")


def observe(ex: Exercise, answer: Callable[..., Any]) -> list[Any]:
    """What ``answer`` does on every case, on fresh inputs; an exception of the answer passes through."""
    if isinstance(answer, Recorded):
        return answer.got
    build = ex.cases or (list)
    see = ex.observe or (lambda function, *inputs: function(*inputs))
    return [see(answer, *inputs) for inputs in build()]


def _agrees(ex: Exercise, got: Sequence[Any], want: Sequence[Any]) -> bool:
    options: dict[str, Any] = {"tolerance": ex.tolerance, "strict_dtype": ex.strict_dtype}
    return all(difference(g, w, **options) is None for g, w in zip(got, want, strict=True))


def changed_inputs(ex: Exercise, answer: Callable[..., Any]) -> bool:
    """True where ``answer`` writes into the tensors, arrays, dicts or lists that it is given."""
    if isinstance(answer, Recorded):
        return answer.changed
    if ex.cases is None:
        return False
    see = ex.observe or (lambda function, *inputs: function(*inputs))
    used, fresh = ex.cases(), ex.cases()
    for inputs in used:
        see(answer, *inputs)
    return _wrote(used, fresh)


def _wrote(used: Any, fresh: Any) -> bool:
    if isinstance(fresh, (list, tuple)):
        return len(used) != len(fresh) or any(map(_wrote, used, fresh))
    if isinstance(fresh, (int, float, str)):
        return used is not fresh and used != fresh
    kinds = (torch.Tensor, np.ndarray, dict)
    return isinstance(fresh, kinds) and difference(used, fresh, tolerance=1e-9) is not None


def cuts_gradient(ex: Exercise, answer: Callable[..., Any]) -> bool:
    """True where ``answer`` lets no gradient through, and the cells below the exercise train through it."""
    if isinstance(answer, Recorded):
        return answer.cut
    if not ex.differentiable:
        return False
    inputs = [v.requires_grad_() if isinstance(v, torch.Tensor) else v for v in (ex.cases or list)()[0]]
    try:
        got = answer(*inputs)
    except RuntimeError:  # NumPy refuses tensors that carry a gradient
        return True
    return not all(getattr(part, "requires_grad", False) for part in (got if isinstance(got, (tuple, list)) else [got]))


def _floats_for_integers(got: Any, want: Any) -> bool:
    """True where whole numbers are wanted in a tensor or array and floats came: no index, and inexact beyond 2**24."""
    if isinstance(want, (torch.Tensor, np.ndarray)) and want.ndim:
        return array(want).dtype.kind in "iu" and array(got).dtype.kind == "f"
    return isinstance(want, (tuple, list)) and any(map(_floats_for_integers, got, want))


def judge(ex: Exercise, answer: Any) -> None:
    """Return quietly where ``answer`` is right; raise NotYet with the most helpful sentence otherwise.

    Exceptions of the answer itself become NotYet too, with the line on which they happened.
    """
    if not callable(answer):
        name = ex.reference.__name__
        raise NotYet(f"the check needs the function itself, `check({ex.id!r}, {name})`, not {brief(answer)}")
    try:
        if ex.judge is not None:
            ex.judge(answer)
            return
        got = observe(ex, answer)
        want = observe(ex, ex.reference)
        if _agrees(ex, got, want):
            if changed_inputs(ex, answer):
                raise NotYet("the values are right, but the function changes its inputs in place: work on a copy")
            if cuts_gradient(ex, answer):
                cure = "leave out NumPy, `detach` and `no_grad`: cells below train through this function"
                raise NotYet(f"the values are right, but no gradient gets through: {cure}")
            if _floats_for_integers(got, want):
                raise NotYet("the values are right, but they are floats: ids and counts are integers")
            return
    except NotYet:
        raise
    except Exception as error:
        raise NotYet(words(error)) from error
    for wrong in ex.misconceptions:
        try:
            same = _agrees(ex, got, observe(ex, wrong.answer))
        except Exception:  # a planted answer may itself fail on some case; then it explains nothing here
            same = False
        if same:
            raise NotYet(wrong.says, wrong.hint)
    raise NotYet(_first_difference(ex, got, want))


def _first_difference(ex: Exercise, got: Sequence[Any], want: Sequence[Any]) -> str:
    """The first difference in words: in which named part, and for which inputs where these fit on a line."""
    options: dict[str, Any] = {"tolerance": ex.tolerance, "strict_dtype": ex.strict_dtype}
    for inputs, g, w in zip((ex.cases or list)(), got, want, strict=True):
        parted = isinstance(g, (tuple, list)) and len(g) == len(ex.parts)  # anything else has no parts to name
        names = [f"{name}: " for name in ex.parts] if parted else [""]
        pairs = zip(g, w, strict=True) if parted else [(g, w)]
        for name, (a, b) in zip(names, pairs, strict=True):
            found = difference(a, b, **options)
            if found:
                return name + found + ("" if a is None else _for_inputs(ex, inputs))
    raise ValueError("the answers agree")


def _for_inputs(ex: Exercise, inputs: Sequence[Any]) -> str:
    """`` for size=65, kernel=3``; of inputs with tensors the plain numbers alone; nothing where long lists went in."""
    plain = all(isinstance(value, (int, float, str, tuple, list, dict)) for value in inputs)
    named = zip(inspect.signature(ex.reference).parameters, inputs, strict=False)
    shown = {name: value for name, value in named if plain or isinstance(value, (int, float))}
    text = ", ".join(f"{n}={round(v, 4) if isinstance(v, float) else v!r}" for n, v in shown.items())
    return f" for {text}" if 0 < len(text) <= 120 else ""


def words(error: BaseException) -> str:
    """What an exception of an answer means to its writer, in one sentence."""
    if isinstance(error, NotImplementedError) and (not str(error) or str(error).startswith("Exercise")):
        return "still a stub: replace `raise NotImplementedError` with your lines"
    frames = traceback.extract_tb(error.__traceback__)
    others = ("gltr_lib", "site-packages", sysconfig.get_path("stdlib"), "<frozen")
    mine = [frame for frame in frames if not any(other in frame.filename for other in others)]
    where = f" (at `{mine[-1].line}`)" if mine and mine[-1].line else ""
    words = str(error).strip().splitlines()
    advice = next((f"; {told}" for piece, told in _ADVICE if piece in str(error)), "")
    return f"it raised {type(error).__name__}: {words[0] if words else 'no message'}{where}{advice}"


#: A piece of an error's words, and what its writer can do.
_ADVICE = (
    (
        "Boolean value of Tensor",
        "there is a True or False for each element: `(a) & (b)` joins them, `torch.where` chooses",
    ),
    ("bitwise_and", "put brackets round each comparison: `(a >= b) & (a <= c)`"),
    (
        "'numpy.ndarray' object has no attribute",
        "this is a NumPy array (`.astype`, `.transpose`); `torch.from_numpy` makes a tensor of it",
    ),
    ("Cannot interpret '", "a shape is one tuple: `np.zeros((256, 3))`"),
    ("index 255 is out of bounds", "255 is no row of the table: it needs 256 rows, 0 to 255"),
    ("Class values must be smaller", "255 is no class: give these pixels a row of their own, and leave it out"),
    ("ZeroDivisionError", "whole numbers have no 0/0, and `//` cuts the fraction off: take `/`"),
    ("division by zero", "plain Python stops there; in a float tensor 0/0 is NaN"),
)
