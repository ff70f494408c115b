"""The stylizer: encode a picture, give its features the statistics of a style (AdaIN), decode.

One class for both networks: **mini**, our own, shipped with the package, quick enough to stylise beside a training
step, and **vgg19**, the VGG-19 encoder and decoder of Huang and Belongie 2017 (arXiv 1703.06868), whose files you
bring yourself. Labels must keep fitting the pixels, so whatever the size, the answer has exactly the size of the
question: pictures are continued at their edge up to the network's stride, and the result is cut back.

A picture that is too large for the memory is painted in tiles (``tile=``). The style's statistics are those of the
whole picture: all tiles are encoded first, then the features (small beside the activations on the way to them) get
their new statistics, then they are decoded, each tile with a margin as wide as the networks see.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gltr_lib import _mini_net, _tiles, _vgg_net, weights
from gltr_lib._typed import typed
from gltr_lib._validate import check_device, check_images, check_share, describe
from gltr_lib._vgg_net import VGG_ENV, VGG_FILES, VGG_SHALLOW_FILES
from gltr_lib.adain import StyleStats, adain, channel_stats

__all__ = ["NAMES", "VGG_ENV", "VGG_FILES", "VGG_SHALLOW_FILES", "Stylizer"]

NAMES = ("mini", "vgg19")


class Stylizer(nn.Module):
    """Encoder, AdaIN and decoder; make one with :meth:`load` or :meth:`from_vgg`.

    Args:
        name: what it calls itself, for example in a style bank.
        encoder: pictures (B,3,H,W) to features (B,C,h,w), for sides that are multiples of ``stride``.
        decoder: features back to pictures.
        channels: C, the length of a style.
        stride: what both sides of the picture must be multiples of.
        least: the least side that the networks take (reflection pads need two positions).
        cell: pixels between two positions of the features; None: the stride.
        halo: how far encoder and decoder see, in pixels, a multiple of the stride: the margin of a tile.

    Example:
        >>> stylizer = Stylizer.untrained()
        >>> pictures = torch.rand(2, 3, 7, 5)
        >>> stylizer.stylize(pictures, stylizer.style_stats(torch.rand(1, 3, 20, 20))).shape
        torch.Size([2, 3, 7, 5])
    """

    def __init__(
        self,
        name: str,
        encoder: nn.Module,
        decoder: nn.Module,
        *,
        channels: int,
        stride: int,
        least: int,
        cell: int | None = None,
        halo: int = 64,
    ) -> None:
        super().__init__()
        self.name = name
        self.channels = channels
        self.stride = stride
        self.least = least
        self.cell = cell or stride
        self.halo = halo
        self.encoder = encoder
        self.decoder = decoder
        self._fingerprint: str | None = None
        self.requires_grad_(False)
        self.eval()
        # Channels-last convolutions are up to twice as fast on CPUs and on tensor cores.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    # --- making one ---------------------------------------------------------------------------------------------

    @classmethod
    @typed
    def load(
        cls,
        name: str = "mini",
        device: torch.device | str | None = None,
        *,
        folder: str | Path | None = None,
        encoder: str | Path | None = None,
        decoder: str | Path | None = None,
        download: bool = False,
    ) -> Stylizer:
        """Load a trained stylizer.

        Args:
            name: ``"mini"`` (shipped) or ``"vgg19"`` (you bring the files, see ``folder``).
            device: where to put it; None leaves it on the CPU.
            folder: for "vgg19", the folder with ``vgg_normalised.pth`` and ``decoder.pth`` (relu4_1), or with
                ``vgg_normalised_conv3_1.pth`` and ``feature_invertor_conv3_1.pth`` (relu3_1), or ``.safetensors``
                under the same names. Default: the environment variable GLTR_VGG19, else ``~/.cache/gltr``.
            encoder: instead of a folder, the encoder's file.
            decoder: and the decoder's.
            download: fetch the relu4_1 pair into the folder if it is not there; checksums are verified.

        Raises:
            ValueError: unknown name (the valid ones are listed), files of another network, files that would run code,
                or arguments that do not go together.
            FileNotFoundError: (a ValueError, too) the VGG files are not there; the message says what to put where.

        Example:
            >>> Stylizer.load("mini").channels
            128
        """
        if name == "mini":
            state, _ = weights.load("mini-stylizer")
            stylizer = cls.from_mini(state)
        elif name == "vgg19":
            files = _vgg_net.find_pair(folder, encoder, decoder, download=download)
            try:
                stylizer = cls.from_vgg(*(weights.load_file(file) for file in files))
            except ValueError as error:
                if any(str(file) in str(error) for file in files):
                    raise
                raise ValueError(f"{files[0]} and {files[1].name}: {error}") from error
        else:
            raise ValueError(f"stylizer: unknown {str(name)[:60]!r}; valid: {', '.join(NAMES)}")
        _ = stylizer.fingerprint  # now: rounded to half precision, the weights would get another name
        return stylizer.to(check_device(device)) if device is not None else stylizer

    @classmethod
    @typed
    def untrained(cls, seed: int = 0) -> Stylizer:
        """Return a mini stylizer with random weights: the blank page of lesson 02, and quick in tests.

        Args:
            seed: of the initialisation; the global random state is left as it was.

        Example:
            >>> sum(p.numel() for p in Stylizer.untrained().parameters()) < 450_000
            True
        """
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)  # torch.manual_seed would seed the GPUs, too
            encoder, decoder = _mini_net.build()
        return cls._mini(encoder, decoder)

    @classmethod
    @typed
    def from_mini(cls, state: dict[str, Tensor]) -> Stylizer:
        """Build a mini stylizer from tensors named ``encoder.*`` and ``decoder.*`` (float16 or float32).

        Args:
            state: as data_scripts/train_stylizer.py exports it.

        Raises:
            ValueError: keys or shapes of another network.
        """
        stylizer = cls.untrained()
        try:
            stylizer.load_state_dict({key: value.float() for key, value in state.items()})
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise ValueError(f"mini stylizer: the weights are of another network ({reason})") from error
        return stylizer

    @classmethod
    def _mini(cls, encoder: nn.Module, decoder: nn.Module) -> Stylizer:
        return cls(
            "mini", encoder, decoder, channels=_mini_net.CHANNELS, stride=_mini_net.STRIDE, least=8, cell=4, halo=48
        )

    @classmethod
    @typed
    def from_vgg(cls, encoder_state: dict[str, Tensor], decoder_state: dict[str, Tensor]) -> Stylizer:
        """Build the VGG-19 stylizer from two state dicts numbered like the published files.

        Args:
            encoder_state: ``vgg_normalised.pth``; layers beyond the decoder's depth are left out.
            decoder_state: ``decoder.pth`` for relu4_1, or ``feature_invertor_conv3_1.pth`` for relu3_1.

        Raises:
            ValueError: keys or shapes of neither layout.
        """
        depth, encoder, decoder = _vgg_net.load_pair(encoder_state, decoder_state)
        stride = _vgg_net.STRIDES[depth]
        return cls(
            f"vgg19-{depth}",
            encoder,
            decoder,
            channels=_vgg_net.CHANNELS[depth],
            stride=stride,
            least=2 * stride,
            halo=_vgg_net.HALOS[depth],
        )

    # --- using it -----------------------------------------------------------------------------------------------

    def encode(self, images: Tensor, *, tile: int | None = None) -> Tensor:
        """Return the features in which a style is a mean and a standard deviation for each channel.

        Args:
            images: float (B, 3, H, W) in [0, 1], any H, W >= 1.
            tile: side of the tiles in which it is done, in pixels; None does all at once.

        Returns:
            Features (B, C, h, w) of the picture, continued at its right and lower edge up to the stride.

        Raises:
            TypeError, ValueError: on anything else than such a batch.
        """
        return self._encode(check_images(images), self._tile(tile))

    def _encode(self, images: Tensor, tile: int | None) -> Tensor:
        weight = next(self.encoder.parameters())
        if images.device != weight.device:
            raise ValueError(
                f"images: expected on {weight.device} like the {self.name} stylizer, received on {images.device};"
                " move one of them with to()"
            )
        images = images.to(weight.dtype)  # the pictures' own comes back in stylize
        height, width = images.shape[-2:]
        high, wide = (max(self.least, -(-side // self.stride) * self.stride) for side in (height, width))
        if (high, wide) != (height, width):
            images = F.pad(images, (0, wide - width, 0, high - height), mode="replicate")
        if tile is None or tile >= max(high, wide):
            return self.encoder(images)
        return _tiles.shrink(self.encoder, images, tile, self.halo, self.cell)

    def _tile(self, tile: int | None) -> int | None:
        if tile is None:
            return None
        if isinstance(tile, bool) or not isinstance(tile, int) or tile < 1:
            raise ValueError(f"tile: expected a side of 1 pixel or more, or None, received {describe(tile)}")
        return -(-tile // self.stride) * self.stride

    @typed
    def decode(self, features: Tensor, size: tuple[int, int] | None = None, *, tile: int | None = None) -> Tensor:
        """Return the pictures that features describe.

        Args:
            features: float (B, C, h, w) as :meth:`encode` returns them.
            size: (H, W) to cut to; None keeps all.
            tile: as in :meth:`encode`.

        Returns:
            Float (B, 3, H, W), clamped to [0, 1].

        Raises:
            ValueError: features of another encoder, or a size that they do not cover.
        """
        if not isinstance(features, Tensor) or features.ndim != 4 or features.shape[1] != self.channels:
            raise ValueError(
                f"features: expected (B,{self.channels},h,w) of the {self.name} encoder, received {describe(features)}"
            )
        step = self.stride // self.cell
        if not features.is_floating_point() or 0 in features.shape or any(n % step for n in features.shape[-2:]):
            raise ValueError(
                f"features: expected floats (B,{self.channels},h,w), h and w multiples of {step},"
                f" received {describe(features)}"
            )
        features = features.to(next(self.decoder.parameters()).dtype)
        tile = self._tile(tile)
        if tile is None or tile >= max(features.shape[-2:]) * self.cell:
            pictures = self.decoder(features).float()
        else:
            pictures = _tiles.enlarge(self._decode_at, features, tile, self.halo, self.cell)
        high, wide = pictures.shape[-2:]
        height, width = size or (high, wide)
        if not (1 <= height <= high and 1 <= width <= wide):
            raise ValueError(f"size: the features cover {high}x{wide}, received {height}x{width}")
        return pictures[..., :height, :width].clamp(0.0, 1.0).contiguous()

    def _decode_at(self, features: Tensor, origin: tuple[int, int]) -> Tensor:
        if getattr(self.decoder, "positional", False):
            return self.decoder(features, origin=origin)
        return self.decoder(features)

    def style_stats(self, images: Tensor, *, tile: int | None = None) -> StyleStats:
        """Return each picture's style: the mean and standard deviation of every feature channel.

        Args:
            images: float (N, 3, H, W) in [0, 1], any size.
            tile: as in :meth:`encode`; the statistics are those of the whole.

        Returns:
            StyleStats with mean and std (N, C), float32.

        Raises:
            TypeError, ValueError: on anything else than such a batch.

        Source:
            Huang and Belongie 2017, section 5.
        """
        mean, std = channel_stats(self.encode(images, tile=tile).float())
        return StyleStats(mean.flatten(1), std.flatten(1))

    def stylize(self, images: Tensor, stats: StyleStats, alpha: float = 1.0, *, tile: int | None = None) -> Tensor:
        """Repaint pictures in given styles.

        Args:
            images: float (B, 3, H, W) in [0, 1].
            stats: one style for all, or one for each picture.
            alpha: strength in [0, 1]: 0 is the decoder's copy of the picture, 1 the full style.
            tile: side in pixels of the tiles in which large pictures are painted, to save memory; the result is the
                same within 1e-4. None paints all at once.

        Returns:
            Float (B, 3, H, W), exactly the size of ``images``, in [0, 1].

        Raises:
            TypeError, ValueError: on anything else, also a style of another encoder.

        Source:
            Huang and Belongie 2017, equations 8 and 14.
        """
        check_images(images)
        alpha = check_share(alpha, "alpha")
        if not isinstance(stats, StyleStats):
            raise TypeError(f"stats: expected StyleStats (see Stylizer.style_stats), received {describe(stats)}")
        if stats.mean.shape[1] != self.channels:
            raise ValueError(
                f"stats: expected {self.channels} channels for the {self.name} stylizer, received"
                f" {stats.mean.shape[1]}; make the styles with the same stylizer"
            )
        if len(stats) not in (1, images.shape[0]):
            raise ValueError(
                f"stats: expected 1 style or one for each of {images.shape[0]} images, received {len(stats)}"
            )
        # Statistics of a large map do not fit half precision, whatever autocast is on outside.
        features = self._encode(images, self._tile(tile)).float()
        features = adain(features, stats.mean, stats.std, alpha)
        return self.decode(features, (images.shape[2], images.shape[3]), tile=tile).to(images.dtype)

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        self._fingerprint = None  # other weights, another name
        super()._load_from_state_dict(*args, **kwargs)

    @property
    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that name the encoder's weights; a style bank remembers them."""
        if self._fingerprint is None:
            digest = hashlib.sha256(self.name.encode())
            for key, value in sorted(self.encoder.state_dict().items()):
                digest.update(key.encode())
                digest.update(value.detach().cpu().float().contiguous().numpy().tobytes())
            self._fingerprint = digest.hexdigest()[:16]
        return self._fingerprint

    def extra_repr(self) -> str:
        return f"name={self.name!r}, channels={self.channels}, stride={self.stride}"
