"""Telling a mistyped command from bad data: the command line answers the first with exit code 2, the second with 1."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class UsageError(ValueError):
    """The command itself is wrong: an unknown name, an impossible value, flags that do not go together."""


@contextmanager
def usage() -> Iterator[None]:
    """Turn ValueError and TypeError of argument checks into UsageError.

    Example:
        >>> with usage():
        ...     int("x")
        Traceback (most recent call last):
        ...
        gltr_lib._usage.UsageError: invalid literal for int() with base 10: 'x'
    """
    try:
        yield
    except UsageError:
        raise
    except (ValueError, TypeError) as error:
        raise UsageError(str(error)) from error
