"""Checks for the exercises of the lessons: a friendly verdict, and a way on when the answer is not right yet.

``adain = check("02-adain", adain)`` prints what it thinks of the learner's function and returns that function when
it is right, else the library's reference, so that the cells below always run. With ``COURSE_STRICT=1`` (the solved
edition in continuous integration) a wrong answer raises CheckFailed instead.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gltr_lib.checks import (
    lesson00,
    lesson01,
    lesson02,
    lesson03,
    lesson04,
    lesson05,
    lesson06,
    lesson07,
    lesson08,
    lesson09,
)
from gltr_lib.checks.registry import Exercise, Misconception, NotYet, judge

__all__ = [
    "EXERCISES", "CheckFailed", "Exercise", "Misconception", "Verdict", "check", "get", "hint", "solution", "summary",
    "verdict",
]  # fmt: skip

_LESSONS = (lesson00, lesson01, lesson02, lesson03, lesson04, lesson05, lesson06, lesson07, lesson08, lesson09)
EXERCISES: dict[str, Exercise] = {id: ex for lesson in _LESSONS for id, ex in lesson.EXERCISES.items()}
RESULTS: dict[str, Verdict] = {}  # of this session, which summary() tells at a lesson's end


class CheckFailed(AssertionError):
    """Raised by check() under COURSE_STRICT=1 when an answer is not right."""


@dataclass(frozen=True)
class Verdict:
    """What a check found: ``passed``, the sentence for the learner, and the hint that helps (0 for none)."""

    exercise: str
    passed: bool
    message: str
    hint: int = 0

    def __str__(self) -> str:
        if self.passed:
            return f"✓ {self.exercise}: {self.message}"
        see = f" Hint {self.hint} may help." if self.hint else ""
        return f"not yet ({self.exercise}): {self.message.rstrip('.')}.{see}"


def get(id: str) -> Exercise:
    """Return the exercise called ``id``; ValueError names the nearest ones otherwise."""
    if id not in EXERCISES:
        lesson = str(id).split("-", 1)[0]
        near = [name for name in EXERCISES if name.startswith(lesson + "-")] or list(EXERCISES)
        raise ValueError(f"no exercise is called {id!r}; there are {', '.join(near)}")
    return EXERCISES[id]


def verdict(exercise_id: str, answer: Any) -> Verdict:
    """Judge an answer without printing.

    Args:
        exercise_id: such as "02-adain"; ``EXERCISES`` lists them all.
        answer: the learner's function.

    Returns:
        A Verdict; no exception of the learner's function gets out.

    Raises:
        ValueError: for an exercise that does not exist.

    Example:
        >>> verdict("06-padding", lambda kernel, dilation: dilation * (kernel - 1) // 2).passed
        True
        >>> print(verdict("06-padding", lambda kernel, dilation: kernel // 2))
        not yet (06-padding): the dilation is forgotten: ... Hint 1 may help.
    """
    ex = get(exercise_id)
    try:
        judge(ex, answer)
    except NotYet as problem:
        return Verdict(ex.id, False, str(problem), problem.hint)
    return Verdict(ex.id, True, "right, also on inputs that it has never seen.")


def check(exercise_id: str, answer: Any) -> Callable[..., Any]:
    """Print a verdict on ``answer``; return it if it is right, else the library's reference.

    Args:
        exercise_id: such as "02-adain".
        answer: the learner's function (the function itself, not its result).

    Returns:
        A right function in any case, so that later cells go on.

    Raises:
        CheckFailed: under COURSE_STRICT=1, where the answer is not right.
        ValueError: for an exercise that does not exist.
    """
    result = verdict(exercise_id, answer)
    RESULTS[exercise_id] = result
    if result.passed:
        print(result)
        return answer
    if os.environ.get("COURSE_STRICT") == "1":
        raise CheckFailed(str(result))
    print(f"{result}\nUntil then the cells below use the library's version.")
    return get(exercise_id).reference


def hint(exercise_id: str, number: int = 1) -> None:
    """Print hint 1 (a nudge) or hint 2 (nearly the line) of an exercise."""
    if number not in (1, 2):
        raise ValueError(f"an exercise has hints 1 and 2; received {number!r}")
    print(f"hint {number} of {exercise_id}: {get(exercise_id).hints[number - 1]}")


def solution(exercise_id: str) -> None:
    """Print the reference solution of an exercise."""
    print(get(exercise_id).source)


def summary(lesson: str) -> str:
    """One line for the end of a lesson: which of its exercises have passed in this session.

    >>> summary("99")
    'lesson 99 has no exercises'
    """
    ids = [name for name, ex in EXERCISES.items() if ex.lesson == lesson]
    if not ids:
        return f"lesson {lesson} has no exercises"
    marks = [f"{'✓' if name in RESULTS and RESULTS[name].passed else '·'} {name}" for name in ids]
    done = sum(mark.startswith("✓") for mark in marks)
    return f"{done} of {len(ids)} exercises passed: " + "  ".join(marks)
