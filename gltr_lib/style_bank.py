"""The style bank: hundreds of paintings in a file smaller than one photograph.

AdaIN needs two numbers a channel, so a painting is a kilobyte. A bank holds the statistics of many, made once by one
encoder; drawing, mixing and carrying them costs nothing beside the stylisation. A bank remembers which encoder made
it (the fingerprint of its weights), because the statistics of one network mean nothing to another.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gltr_lib import _bank_file
from gltr_lib._typed import typed
from gltr_lib._validate import check_images, describe
from gltr_lib.adain import StyleStats
from gltr_lib.complexity import select as choose

if TYPE_CHECKING:
    from gltr_lib.stylizer import Stylizer


class StyleBank:
    """Styles by name, all made by one encoder.

    Args:
        stats: mean and std (N, C), N >= 1.
        names: N names.
        fingerprint: :attr:`gltr_lib.stylizer.Stylizer.fingerprint` of the stylizer that made them.
        stylizer: that stylizer's name.
        measures: numbers about the paintings themselves, (N) under a name, such as "complexity" (see
            :mod:`gltr_lib.complexity`); :meth:`select` chooses by them. None or empty where nobody measured.

    Raises:
        TypeError, ValueError: not statistics, none at all, not as many names as styles, or measures of another length.

    Example:
        >>> from gltr_lib.stylizer import Stylizer
        >>> bank = StyleBank.from_images(Stylizer.untrained(), torch.rand(3, 3, 16, 16), ["a", "b", "c"])
        >>> len(bank), bank.names, bank.sample(5, torch.Generator().manual_seed(0)).mean.shape
        (3, ('a', 'b', 'c'), torch.Size([5, 128]))
    """

    @typed
    def __init__(
        self,
        stats: StyleStats,
        names: Sequence[str],
        *,
        fingerprint: str,
        stylizer: str,
        measures: Mapping[str, Tensor] | None = None,
    ) -> None:
        if not isinstance(stats, StyleStats):
            raise TypeError(f"stats: expected StyleStats, received {describe(stats)}")
        if len(stats) == 0 or stats.mean.shape[1] == 0:
            raise ValueError(f"stats: expected at least one style of one channel, received {describe(stats.mean)}")
        if isinstance(names, str) or len(names) != len(stats):
            raise ValueError(f"names: expected {len(stats)}, one for each style, received {describe(names)}")
        for key, values in (measures or {}).items():
            if not isinstance(values, Tensor) or values.shape != (len(stats),):
                raise ValueError(f"measures[{key!r}]: expected a tensor ({len(stats)},), received {describe(values)}")
        self.stats = stats
        self.names = tuple(str(name) for name in names)
        self.fingerprint = fingerprint
        self.stylizer = stylizer
        self.measures = {key: values.detach().to("cpu", torch.float32) for key, values in (measures or {}).items()}

    @classmethod
    @typed
    def from_images(
        cls,
        stylizer: Stylizer,
        images: Tensor | Iterable[Tensor],
        names: Sequence[str | int | os.PathLike[str]] | None = None,
        *,
        batch: int = 16,
    ) -> StyleBank:
        """Measure the styles of pictures; for a folder of files, :func:`gltr_lib.offline.build_bank` does the reading.

        Args:
            stylizer: its encoder measures them.
            images: float (N, 3, H, W) in [0, 1], or any iterable of (3, H, W) or (1, 3, H, W) of differing sizes,
                such as a generator that opens one file after the other.
            names: one for each picture, kept as text; default "style-0", "style-1", ...
            batch: how many of a tensor's pictures go through the encoder at once.

        Raises:
            TypeError, ValueError: no picture, or one that is not such a tensor (its number is named).
        """
        _check_stylizer(stylizer)
        if batch < 1:
            raise ValueError(f"batch: expected at least 1, received {batch}")
        device = next(stylizer.parameters()).device
        if isinstance(images, Tensor):
            pieces: Iterable[Tensor] = check_images(images).split(batch)
        else:
            pieces = images
        found: list[StyleStats] = []
        with torch.no_grad():
            for number, piece in enumerate(pieces):
                picture = piece[None] if isinstance(piece, Tensor) and piece.ndim == 3 else piece
                check_images(picture, name=f"images[{number}]")
                found.append(stylizer.style_stats(picture.to(device)).to("cpu"))
        if not found:
            raise ValueError("images: expected at least one picture, received none")
        stats = StyleStats(torch.cat([s.mean for s in found]), torch.cat([s.std for s in found]))
        chosen = [f"style-{i}" for i in range(len(stats))] if names is None else [str(name) for name in names]
        return cls(stats, chosen, fingerprint=stylizer.fingerprint, stylizer=stylizer.name)

    def __len__(self) -> int:
        return len(self.stats)

    def __repr__(self) -> str:
        return f"StyleBank({len(self)} styles of {self.stats.mean.shape[1]} channels, made by {self.stylizer})"

    @typed
    def sample(self, n: int, generator: torch.Generator | None = None) -> StyleStats:
        """Draw styles at random, with repetition.

        Args:
            n: how many, >= 1.
            generator: draws on its own device, so that a CPU generator picks the same styles everywhere.

        Returns:
            StyleStats (n, C) on the bank's device.

        Raises:
            ValueError: n < 1.

        Example:
            >>> bank = StyleBank(StyleStats(torch.zeros(9, 2), torch.ones(9, 2)), list("abcdefghi"),
            ...                  fingerprint="", stylizer="none")
            >>> len(bank.sample(4, torch.Generator().manual_seed(1)))
            4
        """
        if n < 1:
            raise ValueError(f"n: expected a whole number >= 1, received {describe(n)}")
        device = generator.device if generator is not None else None
        chosen = torch.randint(len(self), (n,), generator=generator, device=device)
        return self.stats[chosen.to(self.stats.mean.device)]

    def mix(self, weights: Tensor | Sequence[float]) -> StyleStats:
        """Blend styles: the weighted mean of their statistics.

        Args:
            weights: (N) for one blend or (M, N) for M of them, >= 0; divided by their sum.

        Returns:
            StyleStats (1, C) or (M, C).

        Raises:
            TypeError, ValueError: wrong shape, negative, not finite, or all zero.

        Source:
            Huang and Belongie 2017, equation 15 (interpolating between styles), on statistics instead of features;
            AdaIN is linear in them, so both are the same picture.
        """
        try:
            table = torch.as_tensor(weights, dtype=self.stats.mean.dtype, device=self.stats.mean.device)
        except (TypeError, ValueError, RuntimeError, OverflowError) as error:
            raise TypeError(f"weights: expected {len(self)} numbers, received {describe(weights)}") from error
        rows = table[None] if table.ndim == 1 else table
        if rows.ndim != 2 or rows.shape[1] != len(self):
            raise ValueError(f"weights: expected ({len(self)},) or (M,{len(self)}), received {tuple(table.shape)}")
        total = rows.sum(dim=1, keepdim=True)
        if not bool(torch.isfinite(total).all()) or bool((rows < 0).any()) or bool((total <= 0).any()):
            low, high = (float(value) for value in torch.aminmax(rows))
            raise ValueError(
                f"weights: expected finite numbers >= 0 that are not all zero, received {low:.4g} to {high:.4g}"
            )
        rows = rows / total
        return StyleStats(rows @ self.stats.mean, rows @ self.stats.std)

    def to(self, device: torch.device | str) -> StyleBank:
        """Return the bank on another device."""
        return self._like(self.stats.to(device), self.names, self.measures)

    def subset(self, indices: Tensor | Sequence[int]) -> StyleBank:
        """Return a bank of some of the styles, in the order given.

        Args:
            indices: (M) whole numbers from 0 to N-1, M >= 1.

        Raises:
            ValueError: none, or outside the bank.
        """
        try:
            rows = torch.as_tensor(indices)
        except (TypeError, ValueError, RuntimeError, OverflowError):
            raise TypeError(f"indices: expected whole numbers, received {describe(indices)}") from None
        if rows.numel() and (rows.is_floating_point() or rows.is_complex() or rows.dtype == torch.bool):
            raise ValueError(f"indices: expected whole numbers, received {describe(indices)}")
        rows = rows.long()
        if rows.ndim != 1 or not len(rows) or int(rows.min()) < 0 or int(rows.max()) >= len(self):
            raise ValueError(f"indices: expected numbers from 0 to {len(self) - 1}, received {describe(indices)}")
        measures = {key: values[rows] for key, values in self.measures.items()}
        names = [self.names[row] for row in rows.tolist()]
        return self._like(self.stats[rows.to(self.stats.mean.device)], names, measures)

    @typed
    def select(
        self,
        measure: str = "complexity",
        *,
        low: float = 0.0,
        high: float = 1.0,
        number: int | None = None,
        share: float | None = None,
        top: int | None = None,
    ) -> StyleBank:
        """Return the bank of the paintings whose texture lies in a band of quantiles.

        Args:
            measure: which of ``measures``.
            low, high: the band; number, share, top: how much of it; all as for :func:`gltr_lib.complexity.select`.

        Raises:
            ValueError: a bank without this measure, or an impossible choice.

        Source:
            The idea of TCPS in the abstract of Peng et al. 2021; the measure and the band are ours.

        Example:
            >>> stats = StyleStats(torch.zeros(4, 2), torch.ones(4, 2))
            >>> bank = StyleBank(stats, "a b c d".split(), fingerprint="", stylizer="none",
            ...                  measures={"complexity": torch.tensor([3.0, 9.0, 1.0, 5.0])})
            >>> bank.select(low=0.5).names
            ('b', 'd')
        """
        if measure not in self.measures:
            known = ", ".join(self.measures) or "none: this bank holds statistics only"
            raise ValueError(f"measure: unknown {measure!r}; in this bank: {known}; gltr bank build measures paintings")
        rows = choose(self.measures[measure].numpy(), low=low, high=high, number=number, share=share, top=top)
        return self.subset(torch.from_numpy(rows))

    @classmethod
    @typed
    def merge(cls, banks: Sequence[StyleBank], *, prefixes: Sequence[str] | None = None) -> StyleBank:
        """Put banks of one encoder together, one after the other.

        Args:
            banks: at least one.
            prefixes: one for each; put before the names of its styles with a ``/``.

        Returns:
            A bank with the measures that all of them have.

        Raises:
            ValueError: made by different encoders, a name twice, or another number of prefixes than of banks.
        """
        if not banks:
            raise ValueError("banks: expected at least one, received none")
        if prefixes is not None and len(prefixes) != len(banks):
            raise ValueError(f"prefixes: expected {len(banks)}, one for each bank, received {len(prefixes)}")
        first = banks[0]
        for bank in banks:
            if bank.fingerprint != first.fingerprint:
                raise ValueError(
                    f"banks: made by different encoders, {first.stylizer} {first.fingerprint} and {bank.stylizer}"
                    f" {bank.fingerprint}; build them again with one stylizer"
                )
            if bank.stats.mean.shape[1] != first.stats.mean.shape[1]:
                raise ValueError(
                    f"banks: styles of {first.stats.mean.shape[1]} and of {bank.stats.mean.shape[1]} channels;"
                    " build them again with one stylizer"
                )
        heads = ["" if prefixes is None else f"{prefixes[i]}/" for i in range(len(banks))]
        names = [head + name for head, bank in zip(heads, banks, strict=True) for name in bank.names]
        seen: set[str] = set()
        twice = next((name for name in names if name in seen or seen.add(name)), None)  # type: ignore[func-returns-value]
        if twice is not None:
            raise ValueError(f"banks: the name {twice!r} occurs twice; give each bank a prefix (--prefix)")
        stats = StyleStats(
            torch.cat([bank.stats.mean.cpu() for bank in banks]), torch.cat([bank.stats.std.cpu() for bank in banks])
        )
        common = [key for key in first.measures if all(key in bank.measures for bank in banks)]
        return first._like(stats, names, {key: torch.cat([bank.measures[key] for bank in banks]) for key in common})

    def _like(self, stats: StyleStats, names: Sequence[str], measures: Mapping[str, Tensor]) -> StyleBank:
        return StyleBank(stats, names, fingerprint=self.fingerprint, stylizer=self.stylizer, measures=measures)

    @typed
    def check(self, stylizer: Stylizer) -> StyleBank:
        """Return the bank if this stylizer made it, else raise.

        Raises:
            ValueError: made by another encoder; statistics of one network mean nothing to another.
        """
        _check_stylizer(stylizer)
        if stylizer.channels != self.stats.mean.shape[1]:
            raise ValueError(
                f"style bank: styles of {self.stats.mean.shape[1]} channels, but {stylizer.name} has"
                f" {stylizer.channels}; {_again(stylizer)}"
            )
        if stylizer.fingerprint != self.fingerprint:
            raise ValueError(
                f"style bank: made by {self.stylizer} with encoder {self.fingerprint}, but this stylizer is"
                f" {stylizer.name} with encoder {stylizer.fingerprint}; {_again(stylizer)}"
            )
        return self

    @typed
    def save(self, path: str | Path, *, half: bool = False) -> Path:
        """Write the bank as safetensors, to a temporary name first.

        Args:
            path: a file name; ``.safetensors`` is its usual ending.
            half: store float16, half the size and four digits; loaded banks are float32 either way.

        Returns:
            The path.

        Raises:
            ValueError: a folder instead of a file's name, or numbers too large for float16.
        """
        parts = _bank_file.Parts(self.stats, self.names, self.fingerprint, self.stylizer, self.measures)
        return _bank_file.write(parts, Path(path), half=half)

    @classmethod
    @typed
    def load(cls, path: str | Path, stylizer: Stylizer | None = None) -> StyleBank:
        """Load a bank from a file, or a shipped one by its name.

        Args:
            path: a file that :meth:`save` wrote, or a name such as ``"paintings-mini"`` (512 procedural paintings).
            stylizer: if given, the bank must be its own (see :meth:`check`).

        Raises:
            FileNotFoundError: no such file (a ValueError, too).
            ValueError: not a bank, an unknown name (the valid ones are listed), a folder (how to make a bank of it is
                said), or a bank of another encoder.

        Example:
            >>> StyleBank.load("paintings-mini")
            StyleBank(512 styles of 128 channels, made by mini)
        """
        opened = _bank_file.open_bank(path)
        try:
            bank = cls(**_bank_file.read_parts(*opened)._asdict())
        except KeyError as error:
            raise ValueError(f"{path}: damaged style bank (no {error} in its header); build it again") from error
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: damaged style bank ({error}); build it again") from error
        if stylizer is None:
            return bank
        try:
            return bank.check(stylizer)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None


def _again(stylizer: Stylizer) -> str:
    return (
        "build the bank again with this stylizer (gltr bank build FOLDER BANK.safetensors --stylizer"
        f" {stylizer.name.split('-')[0]}, or StyleBank.from_images), or choose the one that made it"
    )


def _check_stylizer(stylizer: object) -> None:
    if not all(hasattr(stylizer, name) for name in ("style_stats", "fingerprint", "channels", "parameters")):
        raise TypeError(f"stylizer: expected a Stylizer, such as Stylizer.load('mini'), received {describe(stylizer)}")
