"""The style bank: hundreds of paintings in a file smaller than one photograph.

AdaIN needs two numbers a channel, so a painting is a kilobyte. A bank holds the statistics of many, made once by one
encoder; drawing, mixing and carrying them costs nothing beside the stylisation. A bank remembers which encoder made
it (the fingerprint of its weights), because the statistics of one network mean nothing to another.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file
from torch import Tensor

from gltr_lib import weights
from gltr_lib._validate import check_images, describe
from gltr_lib.adain import StyleStats

if TYPE_CHECKING:
    from gltr_lib.stylizer import Stylizer

FORMAT = "gltr-style-bank-1"


class StyleBank:
    """Styles by name, all made by one encoder.

    Args:
        stats: mean and std (N, C), N >= 1.
        names: N names.
        fingerprint: :attr:`gltr_lib.stylizer.Stylizer.fingerprint` of the stylizer that made them.
        stylizer: that stylizer's name.

    Raises:
        TypeError, ValueError: not statistics, none at all, not finite, a negative std, or as many names as styles.

    Example:
        >>> from gltr_lib.stylizer import Stylizer
        >>> bank = StyleBank.from_images(Stylizer.untrained(), torch.rand(3, 3, 16, 16), ["a", "b", "c"])
        >>> len(bank), bank.names, bank.sample(5, torch.Generator().manual_seed(0)).mean.shape
        (3, ('a', 'b', 'c'), torch.Size([5, 128]))
    """

    def __init__(self, stats: StyleStats, names: Sequence[str], *, fingerprint: str, stylizer: str) -> None:
        if not isinstance(stats, StyleStats):
            raise TypeError(f"stats: expected StyleStats, received {describe(stats)}")
        if len(stats) == 0:
            raise ValueError("stats: expected at least one style, received none")
        if not (bool(torch.isfinite(stats.mean).all()) and bool(torch.isfinite(stats.std).all())):
            raise ValueError("stats: expected finite numbers, received NaN or infinite ones")
        if bool((stats.std < 0).any()):
            raise ValueError("stats: expected standard deviations >= 0, received negative ones")
        if isinstance(names, str) or len(names) != len(stats):
            raise ValueError(f"names: expected {len(stats)}, one for each style, received {describe(names)}")
        self.stats = stats
        self.names = tuple(str(name) for name in names)
        self.fingerprint = fingerprint
        self.stylizer = stylizer

    @classmethod
    def from_images(
        cls,
        stylizer: Stylizer,
        images: Tensor | Iterable[Tensor],
        names: Sequence[str] | None = None,
        *,
        batch: int = 16,
    ) -> StyleBank:
        """Measure the styles of pictures.

        Args:
            stylizer: its encoder measures them.
            images: float (N, 3, H, W) in [0, 1], or any iterable of (3, H, W) or (1, 3, H, W) of differing sizes,
                such as a generator that opens one file after the other.
            names: one for each picture; default "style-0", "style-1", ...
            batch: how many of a tensor's pictures go through the encoder at once.

        Raises:
            TypeError, ValueError: no picture, or one that is not such a tensor (its number is named).
        """
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
        chosen = [f"style-{i}" for i in range(len(stats))] if names is None else names
        return cls(stats, chosen, fingerprint=stylizer.fingerprint, stylizer=stylizer.name)

    def __len__(self) -> int:
        return len(self.stats)

    def __repr__(self) -> str:
        return f"StyleBank({len(self)} styles of {self.stats.mean.shape[1]} channels, made by {self.stylizer})"

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
            >>> bank = StyleBank(StyleStats(torch.zeros(9, 2), torch.ones(9, 2)), "abcdefghi".split("x") * 9,
            ...                  fingerprint="", stylizer="none")
            >>> len(bank.sample(4, torch.Generator().manual_seed(1)))
            4
        """
        if not isinstance(n, int) or isinstance(n, bool) or n < 1:
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
        except (TypeError, ValueError) as error:
            raise TypeError(f"weights: expected {len(self)} numbers, received {describe(weights)}") from error
        rows = table[None] if table.ndim == 1 else table
        if rows.ndim != 2 or rows.shape[1] != len(self):
            raise ValueError(f"weights: expected ({len(self)},) or (M,{len(self)}), received {tuple(table.shape)}")
        total = rows.sum(dim=1, keepdim=True)
        if not bool(torch.isfinite(rows).all()) or bool((rows < 0).any()) or bool((total <= 0).any()):
            raise ValueError("weights: expected finite numbers >= 0 that are not all zero")
        rows = rows / total
        return StyleStats(rows @ self.stats.mean, rows @ self.stats.std)

    def to(self, device: torch.device | str) -> StyleBank:
        """Return the bank on another device."""
        return StyleBank(self.stats.to(device), self.names, fingerprint=self.fingerprint, stylizer=self.stylizer)

    def check(self, stylizer: Stylizer) -> StyleBank:
        """Return the bank if this stylizer made it, else raise.

        Raises:
            ValueError: made by another encoder; statistics of one network mean nothing to another.
        """
        if stylizer.fingerprint != self.fingerprint:
            raise ValueError(
                f"style bank: made by {self.stylizer} with encoder {self.fingerprint}, but this stylizer is"
                f" {stylizer.name} with encoder {stylizer.fingerprint}; build the bank again with"
                " StyleBank.from_images(stylizer, images)"
            )
        return self

    def save(self, path: str | Path, *, half: bool = False) -> Path:
        """Write the bank as safetensors, to a temporary name first.

        Args:
            path: a file name that ends in ``.safetensors``.
            half: store float16, half the size and four digits; loaded banks are float32 either way.

        Returns:
            The path.

        Raises:
            ValueError: another suffix, or numbers too large for float16.
        """
        where = Path(path)
        if where.suffix != ".safetensors":
            raise ValueError(f"path: expected a name that ends in .safetensors, received {where}")
        dtype = torch.float16 if half else torch.float32
        tensors = {
            "mean": self.stats.mean.to("cpu", dtype).contiguous(),
            "std": self.stats.std.to("cpu", dtype).contiguous(),
        }
        if not all(bool(torch.isfinite(t).all()) for t in tensors.values()):
            raise ValueError(f"{where}: the statistics are too large for float16; save with half=False")
        header = {
            "format": FORMAT,
            "stylizer": self.stylizer,
            "fingerprint": self.fingerprint,
            "names": json.dumps(self.names, ensure_ascii=False),
        }
        where.parent.mkdir(parents=True, exist_ok=True)
        temporary = where.with_suffix(".tmp")
        save_file(tensors, temporary, metadata=header)
        temporary.replace(where)
        return where

    @classmethod
    def load(cls, path: str | Path, stylizer: Stylizer | None = None) -> StyleBank:
        """Load a bank from a file, or a shipped one by its name.

        Args:
            path: a ``.safetensors`` file, or a name such as ``"paintings-mini"`` (512 procedural paintings).
            stylizer: if given, the bank must be its own (see :meth:`check`).

        Raises:
            FileNotFoundError: no such file. ValueError: not a bank, an unknown name (the valid ones are listed), or
            a bank of another encoder.
        """
        where = Path(path)
        if isinstance(path, str) and where.suffix != ".safetensors":
            valid = weights.names("style_bank")
            if path not in valid:
                raise ValueError(
                    f"style bank: unknown {path!r}; shipped: {', '.join(valid) or '(none)'}; a file's name ends in"
                    " .safetensors"
                )
            state, header = weights.load(path)
        else:
            state, header = weights.load_safetensors(where)
        if header.get("format") != FORMAT or not {"mean", "std"} <= state.keys():
            raise ValueError(f"{path}: not a style bank (format {header.get('format')!r}, expected {FORMAT!r})")
        try:
            names = json.loads(header["names"])
            stats = StyleStats(state["mean"].float(), state["std"].float())
            bank = cls(stats, names, fingerprint=header["fingerprint"], stylizer=header["stylizer"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path}: damaged style bank ({error}); build it again") from error
        return bank if stylizer is None else bank.check(stylizer)
