"""Streets under a name, and the sampled looks: which of them are open and which only the final run may render.

Source: our own plan; the looks themselves are :mod:`gltr_lib.streets`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TEST_LOOKS = "sampled:100..115"
FINAL_LOOKS = "sampled:1000..1015"
RESERVED = 1000  # sampled looks from here on are rendered by the final run alone
_FORM = "sampled:<first>..<last>, such as sampled:100..115, or sampled:<n>"

Part = tuple[str, tuple[int, ...]]  # a look and its scenes


@dataclass(frozen=True)
class Streets:
    """Some streets under one name in the ledger.

    Attributes:
        name: the ledger's ``data``, such as "streets/overcast".
        parts: looks with the seeds of their scenes; scores sum over all of them.
    """

    name: str
    parts: tuple[Part, ...]

    def __len__(self) -> int:
        return sum(len(seeds) for _, seeds in self.parts)


def sampled_looks(text: str, *, final: bool = False) -> tuple[str, ...]:
    """The looks of "sampled:<first>..<last>"; reserved ones only for the final run.

    Args:
        text: for instance "sampled:100..115", both ends included, or "sampled:100".
        final: True for the study's final run, which alone renders looks from 1000 on.

    Returns:
        The looks' names.

    Raises:
        ValueError: another form; reserved looks without ``final``; open looks with it.

    Example:
        >>> sampled_looks("sampled:7..9")
        ('sampled:7', 'sampled:8', 'sampled:9')
    """
    if not (numbers := span(text)):
        raise ValueError(f"looks: expected {_FORM}, received {text!r}")
    first, last = numbers
    if last < first:
        raise ValueError(f"looks: expected first <= last, received {text!r}")
    check_open(text, final=final)
    if final and first < RESERVED:
        raise ValueError(f"looks: the final run scores looks from {RESERVED} on, received {text!r}")
    return tuple(f"sampled:{n}" for n in range(first, last + 1))


def span(text: str) -> tuple[int, int] | None:
    """The first and the last number of sampled looks; None for any other text.

    Example:
        >>> span("sampled:7..9"), span("sampled:7"), span("sun")
        ((7, 9), (7, 7), None)
    """
    match = re.fullmatch(r"sampled:([0-9]{1,12})(?:\.\.([0-9]{1,12}))?", text)
    return (int(match[1]), int(match[2] or match[1])) if match else None


def check_open(look: str, *, final: bool = False) -> None:
    """Refuse what the final run alone renders; everybody who renders a look or reads its name from a user asks here.

    Args:
        look: a look, or several as :func:`sampled_looks` reads them.
        final: True for the study's final run.

    Raises:
        ValueError: a reserved look without ``final``; a sampled one whose number nobody can read.
    """
    if look.startswith("sampled:") and span(look) is None:
        raise ValueError(f"look: expected {_FORM}, received {look!r}")
    if is_reserved(look) and not final:
        raise ValueError(
            f"look {look}: reserved for the study's final run, which renders it once; choose looks below "
            f"sampled:{RESERVED}, or score the finished study with gltr study --final"
        )


def is_reserved(data: str) -> bool:
    """Whether a look, or a ledger's ``data``, is what the final run alone renders.

    Example:
        >>> [is_reserved(f"streets/{look}") for look in ("sampled:1000..1015", "sampled:100..115", "sun")]
        [True, False, False]
    """
    numbers = span(data.removeprefix("streets/"))
    return numbers is not None and numbers[1] >= RESERVED
