"""What torchrun writes on stderr, without what only its authors can read.

A process that is killed leaves a page of torchrun's own Python behind, under which the one line that matters is lost:
which process died, and how. What the processes themselves say (a progress bar, a warning, a traceback of theirs) passes
through unchanged and at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

# torchrun's log: "E1125 04:18:12.578000 19735 .../torch/distributed/elastic/...py:1002] failed (exitcode: -9) ..."
_NOTICE = re.compile(r"[EW]\d{4} .*torch/distributed/")
_BEGINS = re.compile(r"[EW]\d{0,4}($| )")  # what may become such a line
_DIED = re.compile(r"failed \(exitcode: (-?\d+)\) local_rank: (\d+)")


class Hushed:
    """The stderr of torchrun and its processes without torchrun's own: notices, and a page of Python when one died.

    Args:
        write: takes the text that is left: what the processes say, as soon as they say it.

    Example:
        >>> said = Hushed(lambda text: print(text, end=""))
        >>> said.feed("step 1\\nE1125 04:18 torch/distributed/elastic] failed (exitcode: -9) local_rank: 1\\n")
        step 1
        >>> said.died
        'process 1 was killed (signal 9)'
    """

    def __init__(self, write: Callable[[str], Any]) -> None:
        self.write, self.rest, self.over, self.died = write, "", False, ""

    def feed(self, text: str) -> None:
        """Take some text, as it comes."""
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            self._line(line + "\n")
        if self.rest and not self.over and not _BEGINS.match(self.rest):  # such as a progress bar: it has no end
            self.write(self.rest)
            self.rest = ""

    def _line(self, line: str) -> None:
        ours = _NOTICE.match(line) is not None
        if ours and (found := _DIED.search(line)) and not self.died:
            code = int(found[1])
            how = f"was killed (signal {-code})" if code < 0 else f"ended with exit code {code}"
            self.died = f"process {found[2]} {how}"
        self.over = self.over or (ours and (line[0] == "E" or "death signal" in line))  # what follows is its traceback
        if not (ours or self.over):
            self.write(line)
