"""JSON that somebody else wrote, or edited: every way in which it can be wrong is a ValueError; and a value's digest.

``json.loads`` raises RecursionError on a text that is nested too deep, which no ``except ValueError`` catches; and what
comes out of it is anything at all, where nearly every reader of ours wants an object. Needs no torch.
"""

from __future__ import annotations

import hashlib
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


def digest(content: Any) -> str:
    """Twelve hexadecimal digits of a JSON value's SHA-256.

    Example:
        >>> digest({"b": 1, "a": [2]}) == digest({"a": (2,), "b": 1}), len(digest(None))
        (True, 12)
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


#: How messages call what JSON holds.
KINDS = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
