"""Streets under a name, and the sampled looks: which of them are open and which only the final run may render.

Source: our own plan; the looks themselves are :mod:`gltr_lib.streets`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TEST_LOOKS = "sampled:100..115"
FINAL_LOOKS = "sampled:1000..1015"
RESERVED = 1000  # sampled looks from here on are rendered by the final run alone

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
    match = re.fullmatch(r"sampled:(\d+)(?:\.\.(\d+))?", text)
    if not match:
        raise ValueError(f"looks: expected sampled:<first>..<last>, such as sampled:100..115, received {text!r}")
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first:
        raise ValueError(f"looks: expected first <= last, received {text!r}")
    if last >= RESERVED and not final:
        raise ValueError(
            f"looks: sampled looks from {RESERVED} on are rendered by the final run alone, once; received {text!r}; "
            f"choose looks below {RESERVED}, or score the finished study with --final"
        )
    if final and first < RESERVED:
        raise ValueError(f"looks: the final run scores looks from {RESERVED} on, received {text!r}")
    return tuple(f"sampled:{n}" for n in range(first, last + 1))


def is_reserved(data: str) -> bool:
    """Whether a ledger's ``data`` names looks that the final run alone renders.

    Example:
        >>> [is_reserved(f"streets/{look}") for look in ("sampled:1000..1015", "sampled:100..115", "sun")]
        [True, False, False]
    """
    match = re.fullmatch(r"streets/sampled:(\d+)(?:\.\.\d+)?", data)
    return match is not None and int(match[1]) >= RESERVED
