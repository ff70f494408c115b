"""How an answer differs from the reference, in words that its writer can use.

Tensors, arrays and plain numbers, alone or in lists, tuples and dicts: :func:`difference` names the first place where
they part, and says nothing where they agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch


def array(value: Any) -> np.ndarray:
    if isinstance(value, torch.Tensor):
        value = value.detach().to("cpu")
    return np.asarray(value)


def _is_number_like(value: Any) -> bool:
    return isinstance(value, (torch.Tensor, np.ndarray, np.generic, bool, int, float))


def difference(got: Any, want: Any, *, tolerance: float = 1e-4, strict_dtype: bool = False) -> str | None:
    """Say in words how ``got`` differs from ``want``, or None where they agree.

    Tensors, arrays and numbers compare by shape and value (NaN equals NaN); tuples, lists and mappings element by
    element. Where a tensor or an array with axes is wanted, its kind counts too: the cells below an exercise call its
    methods. The dtype matters only with ``strict_dtype``.

    >>> difference(1.0, 1.0) is None
    True
    >>> difference([1, 2], (1, 2)) is None
    True
    """
    options: dict[str, Any] = {"tolerance": tolerance, "strict_dtype": strict_dtype}
    if got is None and want is not None:
        return "it returns None: is the last line a `return`?"
    if isinstance(want, Mapping):
        if not isinstance(got, Mapping) or set(got) != set(want):
            return f"expected a dict with the keys {sorted(want)}, received {brief(got)}"
        parts: list[tuple[str, Any, Any]] = [(f"entry {key!r}: ", got[key], want[key]) for key in want]
    elif isinstance(want, (tuple, list)) and not _is_number_like(want):
        if isinstance(got, (torch.Tensor, np.ndarray)) and len(got if got.ndim else ()) == len(want):
            got = list(got)
        if not isinstance(got, (tuple, list)):
            return f"expected {len(want)} values in a list or tuple, received {brief(got)}"
        if len(got) != len(want):
            return f"expected {len(want)} values, received {len(got)}: {', '.join(map(brief, got))}"
        parts = [(f"value {i + 1}: ", g, w) for i, (g, w) in enumerate(zip(got, want, strict=True))]
    else:
        return _number_difference(got, want, **options)
    for where, g, w in parts:
        found = difference(g, w, **options)
        if found:
            return where + found
    return None


def brief(value: Any) -> str:
    if isinstance(value, (torch.Tensor, np.ndarray)):
        return f"{type(value).__name__} of shape {tuple(value.shape)} and dtype {value.dtype}"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _number_difference(got: Any, want: Any, *, tolerance: float, strict_dtype: bool) -> str | None:
    if not _is_number_like(got) and not isinstance(got, (list, tuple)):
        return f"expected numbers, received {type(got).__name__}"
    for kind, name in ((torch.Tensor, "a tensor"), (np.ndarray, "a NumPy array")):
        if isinstance(want, kind) and want.ndim and not isinstance(got, kind):
            return f"expected {name} of shape {tuple(want.shape)}, received {brief(got)}"
    a, b = array(got), array(want)
    if a.shape != b.shape:
        if not b.ndim:
            return f"expected one number, received {a.size:,} of shape {a.shape}: is an axis left over?"
        return f"expected shape {b.shape}, received {a.shape}"
    if strict_dtype and a.dtype != b.dtype:
        return f"expected dtype {b.dtype}, received {a.dtype}"
    a, b = a.astype(np.float64), b.astype(np.float64)
    close = np.isclose(a, b, rtol=tolerance, atol=tolerance * 0.1, equal_nan=True)
    if close.all():
        return None
    if np.isnan(a).any() and not np.isnan(b).any():
        return "some values are NaN (not a number)"
    if np.isnan(b).any() and not np.isnan(a[np.isnan(b)]).all():
        return "some values should be NaN and are not"
    if a.ndim == 0:
        return f"expected {b:.6g}, received {a:.6g}"
    index = tuple(int(i) for i in np.argwhere(~close)[0])
    wrong = int((~close).sum())
    many = f"{wrong:,} of {a.size:,} values differ{'s' if wrong == 1 else ''}"
    return f"{many}; at {index} expected {b[index]:.6g}, received {a[index]:.6g}"
