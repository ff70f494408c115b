"""The account of pretrained weights: what became of each tensor of a file and of a trunk."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LoadReport:
    """What became of each tensor of a file and of a trunk.

    Attributes:
        loaded: names that were copied.
        missing: names of the trunk that the file does not have; they keep their initial numbers.
        unexpected: names of the file that the trunk does not have.
        mismatched: name, shape in the file, shape in the trunk.
        unused: classifiers of the file (``fc.*``, ``layer5.*``, ``layer6.*``, heads), left out on purpose.
        source: the file's name, or "tensors".
        preprocessing: what the trunk expects from now on.
    """

    loaded: tuple[str, ...]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    mismatched: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...] = ()
    unused: tuple[str, ...] = ()
    source: str = "tensors"
    preprocessing: str = "imagenet"

    @property
    def complete(self) -> bool:
        """Whether every tensor of the trunk was found."""
        return not (self.missing or self.mismatched)

    def __str__(self) -> str:
        total = len(self.loaded) + len(self.missing) + len(self.mismatched)
        lines = [
            f"{self.source}: {len(self.loaded)} of {total} tensors of the trunk loaded ({self.preprocessing} input)"
        ]
        shapes = [f"{name} {found} in the file, {wanted} in the trunk" for name, found, wanted in self.mismatched]
        for title, names in (
            ("not in the file, left as they were", self.missing),
            ("of another shape", shapes),
            ("in the file alone", self.unexpected),
            ("classifier, not wanted", self.unused),
        ):
            if names:
                more = f", ... and {len(names) - 6} more" if len(names) > 6 else ""
                lines.append(f"  {title} ({len(names)}): {', '.join(names[:6])}{more}")
        return "\n".join(lines)
