"""Telling a mistyped command from bad data: the command line answers the first with exit code 2, the second with 1.

A name that the library does not know is mistyped. A file that is not there is data, as is a folder, and as is a
damaged file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gltr_lib._typed import MissingFile


class UsageError(ValueError):
    """The command itself is wrong: an unknown name, an impossible value, flags that do not go together."""


@contextmanager
def usage() -> Iterator[None]:
    """Turn ValueError and TypeError of argument checks into UsageError, but for files that are not there.

    Example:
        >>> with usage():
        ...     int("x")
        Traceback (most recent call last):
        ...
        gltr_lib._usage.UsageError: invalid literal for int() with base 10: 'x'
    """
    try:
        yield
    except (UsageError, MissingFile):
        raise
    except (ValueError, TypeError) as error:
        raise UsageError(str(error)) from error


def at_least(least: int, **given: int | None) -> None:
    """Refuse numbers of a command that are too small; None was not given.

    Example:
        >>> at_least(1, batch=0)
        Traceback (most recent call last):
        ...
        gltr_lib._usage.UsageError: --batch: expected a whole number >= 1, received 0
    """
    for name, value in given.items():
        if value is not None and value < least:
            raise UsageError(f"--{name}: expected a whole number >= {least}, received {value}")


def read_shard(text: str) -> tuple[int, int]:
    """(i, n) from "i/n", the i-th of n machines that share a command's work; i counts from 1.

    Raises:
        ValueError: another form, or not 1 <= i <= n.

    Example:
        >>> read_shard("2/4")
        (2, 4)
    """
    first, slash, last = text.partition("/")
    numbers = all(part.isdecimal() and len(part) <= 9 for part in (first, last))
    if not slash or not numbers or not 1 <= int(first) <= int(last):
        raise ValueError(f"--shard: expected i/n with i from 1 to n, such as 2/4, received {text[:60]!r}")
    return int(first), int(last)
