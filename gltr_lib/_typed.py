"""Arguments held against their annotations, at the door of a public function. Needs no torch.

What an argument may be stands in its annotation already; :func:`typed` makes the same words a check, so that a text
where a number belongs is one line that names the argument, and not an AttributeError from the middle of a computation.
Ranges, shapes and names are the function's own to check. Tensors and arrays are left to it, too: it knows what to do
about a wrong one.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import itertools
import math
import numbers
import os
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin

P = ParamSpec("P")
R = TypeVar("R")
_TABLES = 20  # of several tables, how many are looked into
_OWN_WORDS = ("Tensor", "ndarray", "StyleStats")  # functions refuse these themselves, and say what to do
_SPELLED = {int: "a whole number", float: "a finite number", str: "a text", bool: "True or False", type(None): "None"}


class BadArgument(TypeError, ValueError):
    """An argument of a wrong kind: whoever catches either of the two catches it."""


class MissingFile(FileNotFoundError, ValueError):
    """A file that is not there: ValueError, as all that a caller got wrong, and what ``open`` would have raised."""


def describe(value: object) -> str:
    """Return a short description of a value for error messages, on one line, such as ``tensor(2, 3, 4, 4) float32``.

    Example:
        >>> describe("a")
        "str 'a'"
    """
    kind = type(value).__name__
    if hasattr(value, "shape") and hasattr(value, "dtype") and not isinstance(value, type):
        name = "tensor" if type(value).__module__.startswith("torch") else kind
        return f"{name}{tuple(value.shape)} {str(value.dtype).removeprefix('torch.')}"
    try:
        shown = repr(value) if not isinstance(value, str | bytes) else repr(value[:120])
    except Exception:  # somebody else's, and broken; a number of too many digits
        shown = "that cannot be shown"
    return f"{kind} {' '.join(shown.split())}"[:120]


def brief(value: object, most: int = 120) -> str:
    """A value as Python writes it, on one line and at a length that somebody reads.

    Example:
        >>> brief("a" * 500, 12)
        "'aaaaaaaaaaa..."
    """
    try:
        text = " ".join(repr(value).split())
    except Exception:  # somebody else's, and broken; a number of too many digits
        text = f"{type(value).__name__} that cannot be shown"
    return text if len(text) <= most else f"{text[:most]}..."


def typed(function: Callable[P, R], own: Sequence[str] = _OWN_WORDS) -> Callable[P, R]:
    """Decorate a function so that its arguments are held against its annotations.

    Args:
        function: any with annotations.
        own: names of annotations that the function checks itself, in words that say what to do about a wrong one.

    Example:
        >>> @typed
        ... def half(number: float) -> float:
        ...     return number / 2
        >>> half("x")
        Traceback (most recent call last):
        ...
        gltr_lib._typed.BadArgument: number: expected a finite number, received str 'x'
    """
    names = [*inspect.signature(function).parameters]
    hints: dict[str, Any] = {}

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if _compiling():
            return function(*args, **kwargs)
        if not hints:
            hints.update(_hints(function))
        for name, value in (*zip(names, args, strict=False), *kwargs.items()):
            if name not in hints or getattr(hints[name], "__name__", "") in own:
                continue
            if not fits(value, hints[name]):
                raise BadArgument(f"{name}: expected {spell(hints[name])}, received {describe(value)}")
        return function(*args, **kwargs)

    return checked


def strictly_typed(function: Callable[P, R]) -> Callable[P, R]:
    """As :func:`typed`, for functions that leave tensors and arrays to it as well."""
    return typed(function, ())


def check_fields(config: Any) -> None:
    """Hold the fields of a dataclass against its annotations, as :func:`typed` does for arguments."""
    hints = _hints(config.__class__)
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if field.name in hints and not fits(value, hints[field.name]):
            raise BadArgument(f"{field.name}: expected {spell(hints[field.name])}, received {describe(value)}")


def _compiling() -> bool:
    """Whether ``torch.compile`` is reading along: it understands tensors, not annotations."""
    compiler = getattr(sys.modules.get("torch"), "compiler", None)  # None too while another thread imports torch
    return compiler is not None and compiler.is_compiling()


@functools.cache
def _hints(thing: Callable[..., Any]) -> dict[str, Any]:
    """Annotations by name; those that name what is imported for type checkers alone are left out."""
    found: dict[str, Any] = {}
    space = vars(inspect.getmodule(thing)) if isinstance(thing, type) else getattr(thing, "__globals__", {})
    for name, text in thing.__annotations__.items():
        holder = types.FunctionType((lambda: None).__code__, space)
        holder.__annotations__ = {name: text}
        try:
            found |= typing.get_type_hints(holder, space)
        except NameError:
            continue
    return found


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is of the kind that an annotation names.

    Example:
        >>> fits((1, 2), tuple[int, int]), fits("ab", Sequence[str]), fits(float("nan"), float)
        (True, False, False)
    """
    origin, inside = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(fits(value, option) for option in inside)
    if origin is Literal:
        return type(value) in {type(option) for option in inside}
    if hint is None or hint is type(None):
        return value is None
    if hint is bool:
        return isinstance(value, bool) or type(value).__name__ in ("bool_", "bool")
    if hint in (int, float):
        return _is_number(value, hint)
    if origin is tuple or hint is tuple:
        return _is_tuple(value, inside)
    if isinstance(origin, type) and origin is not type:
        return _is_many(value, origin, inside)
    if not isinstance(hint, type):
        return True
    try:
        return isinstance(value, hint)
    except TypeError:  # a protocol that cannot be asked
        return True


def _is_number(value: Any, kind: type) -> bool:
    if isinstance(value, bool) or type(value).__name__ in ("bool_", "bool"):
        return False
    if kind is int:
        return isinstance(value, numbers.Integral) and -(2**63) <= int(value) < 2**64
    if not isinstance(value, numbers.Real):  # a tensor or an array of one number will do
        if getattr(value, "ndim", None) != 0 or not hasattr(value, "item"):
            return False
        try:
            value = value.item()
        except (RuntimeError, ValueError):
            return False
        if not isinstance(value, numbers.Real) or isinstance(value, bool):
            return False
    try:
        return math.isfinite(value) and not (isinstance(value, int) and abs(value) >= 2**63)
    except OverflowError:
        return False


def _is_tuple(value: Any, inside: Sequence[Any]) -> bool:
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        return False
    if not inside:
        return True
    kinds = [inside[0]] * len(value) if inside[-1] is Ellipsis else list(inside)
    return len(kinds) == len(value) and all(fits(item, kind) for item, kind in zip(value, kinds, strict=True))


def _is_many(value: Any, origin: type, inside: Sequence[Any]) -> bool:
    if origin is os.PathLike or not issubclass(origin, Iterable):
        return isinstance(value, origin) or (origin is Callable and callable(value))
    if isinstance(value, str | bytes) or not isinstance(value, origin):
        return False
    if isinstance(value, Mapping):
        return all(fits(k, inside[0]) and fits(v, inside[1]) for k, v in value.items()) if len(inside) == 2 else True
    # What computes its items, such as a dataset or a generator, is not asked for them twice.
    held = isinstance(value, list | tuple | set | frozenset) or hasattr(value, "dtype")
    if getattr(value, "ndim", 1) == 0:  # an array that cannot be gone through
        return False
    if not held or len(inside) != 1:
        return True
    # Of many tables (rows of a ledger) the first few tell: looking into all of them takes longer than the work itself.
    kind = get_origin(inside[0])
    nested = isinstance(kind, type) and issubclass(kind, Iterable)
    return all(fits(item, inside[0]) for item in (itertools.islice(value, _TABLES) if nested else value))


def spell(hint: Any) -> str:
    """An annotation in words.

    Example:
        >>> spell(tuple[int, int] | None)
        '(a whole number, a whole number) or None'
    """
    origin, inside = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(spell(option) for option in inside))
    if origin is Literal:
        return "one of " + ", ".join(repr(option) for option in inside)
    if origin is tuple:
        if inside[-1] is Ellipsis:
            return f"several of {spell(inside[0])}"
        return f"({', '.join(spell(kind) for kind in inside)})"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "a mapping"
    if isinstance(origin, type) and inside and origin is not os.PathLike:
        return f"a sequence, each {spell(inside[0])}"
    if origin is os.PathLike:
        return "a path"
    return str(_SPELLED.get(hint) or getattr(hint, "__name__", hint))
