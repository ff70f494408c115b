"""Plain values into frozen dataclasses: names and types checked, errors that list what is valid. Needs no torch.

JSON knows no tuples and writes 1.0 as 1; a command line knows only text. Both are fitted to the annotations of the
dataclass here, so that :mod:`gltr_lib.config` only has to declare its fields.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from gltr_lib._json import parse
from gltr_lib._typed import brief, describe

T = TypeVar("T")


def from_dict(kind: type[T], values: Any, where: str = "") -> T:
    """Build a configuration dataclass from plain JSON values, checking names and types.

    Args:
        kind: MethodConfig or TrainConfig.
        values: a mapping of field names to values.
        where: prefix for names in error messages.

    Returns:
        An instance of ``kind``.

    Raises:
        ValueError: unknown fields or values of a wrong type.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"{where or kind.__name__} must be a mapping of field names to values; received {values!r}")
    hints = get_type_hints(kind)
    refuse_unknown([f"{where}{key}" for key in values if key not in hints], [f"{where}{key}" for key in hints])
    return kind(**{key: _coerce(value, hints[key], f"{where}{key}") for key, value in values.items()})


def _coerce(value: Any, hint: Any, where: str) -> Any:
    """Fit a JSON value to a field's annotation: lists become tuples, whole numbers may stand for floats."""
    origin = get_origin(hint)
    if hint is Any:
        return _frozen(value)
    if origin in (Union, types.UnionType):
        for option in get_args(hint):
            try:
                return _coerce(value, option, where)
            except ValueError:
                continue
    elif dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return value if isinstance(value, hint) else from_dict(hint, value, f"{where}.")
    elif origin is tuple:
        inside = get_args(hint)
        if isinstance(value, Mapping):
            value = tuple(value.items())
        if isinstance(value, list | tuple):
            kinds = (inside[0],) * len(value) if inside[-1] is Ellipsis else inside
            if len(kinds) == len(value):
                return tuple(_coerce(item, kind, where) for item, kind in zip(value, kinds, strict=True))
    elif hint is type(None):
        if value is None:
            return None
    elif hint is float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    elif hint is int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    elif isinstance(value, hint):
        return value
    raise ValueError(f"{where} expects {_spell(hint)}; received {brief(value)}")


def pairs(value: Any, name: str) -> tuple[tuple[str, Any], ...]:
    """Options as sorted pairs, which can be compared, hashed and written as JSON.

    Args:
        value: a mapping, or pairs of a name and a value.
        name: of the field, for error messages.

    Returns:
        The pairs in the order of their names; lists inside become tuples.

    Raises:
        ValueError: neither, or a name twice.

    Example:
        >>> pairs({"norm": "group", "dilations": [1, 2]}, "model_options")
        (('dilations', (1, 2)), ('norm', 'group'))
    """
    items = list(value.items()) if isinstance(value, Mapping) else value
    if not isinstance(items, list | tuple) or not all(
        isinstance(item, list | tuple) and len(item) == 2 and isinstance(item[0], str) for item in items
    ):
        raise ValueError(f"{name} must be a mapping of names to values, or such pairs; received {describe(value)}")
    if len({item[0] for item in items}) < len(items):
        raise ValueError(f"{name} names an option twice; received {brief(value)}")
    return tuple(sorted(((key, _frozen(item)) for key, item in items), key=lambda item: item[0]))


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value


def _spell(hint: Any) -> str:
    return str(hint).replace("typing.", "") if typing.get_args(hint) else getattr(hint, "__name__", str(hint))


def parse_value(text: str) -> Any:
    try:
        return parse(text)
    except ValueError:
        if text.startswith("(") and text.endswith(")"):
            return parse_value(f"[{text[1:-1].strip().rstrip(',')}]")
        return {"none": None, "None": None, "True": True, "False": False}.get(text, text)


def refuse_unknown(unknown: list[str], valid: Iterable[str]) -> None:
    if unknown:
        each = [brief(key, 60) if not key.isprintable() or len(key) > 60 else key for key in dict.fromkeys(unknown)]
        more = f" and {len(each) - 8} more" if len(each) > 8 else ""
        raise ValueError(f"unknown configuration keys: {', '.join(each[:8])}{more}; valid keys: {', '.join(valid)}")
