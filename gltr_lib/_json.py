"""JSON that somebody else wrote, or edited: every way in which it can be wrong is a ValueError. Needs no torch.

``json.loads`` raises RecursionError on a text that is nested too deep, which no ``except ValueError`` catches; and what
comes out of it is anything at all, where nearly every reader of ours wants an object.
"""

from __future__ import annotations

import json
from typing import Any


def parse(text: str | bytes) -> Any:
    """The value of a JSON text.

    Args:
        text: as read from a file; bytes must be UTF-8.

    Returns:
        Whatever JSON can hold.

    Raises:
        ValueError: not JSON, not UTF-8, or nested too deep.

    Example:
        >>> parse("[1, 2]")
        [1, 2]
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("JSON nested too deep") from None


def parse_object(text: str | bytes) -> dict[str, Any]:
    """The JSON object of a text.

    Args:
        text: as for :func:`parse`.

    Raises:
        ValueError: as :func:`parse`, or JSON of another kind.

    Example:
        >>> parse_object("[1, 2]")
        Traceback (most recent call last):
        ...
        ValueError: expected a JSON object, found a list
    """
    value = parse(text)
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, found {KINDS.get(type(value), 'a number')}")
    return value


#: How messages call what JSON holds.
KINDS = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
