"""The mini stylizer's network: our own small encoder and decoder, about 0.4 M parameters and 6 GFLOP at 512x512.

Why not VGG: the usual AdaIN networks cost 253 GFLOP a 512x512 picture, too much to stylise online beside a laptop's
training step. Here a space-to-depth stem moves the work to a half, a quarter and an eighth of the resolution.

Two levels of detail share **one** feature tensor: fine features at stride 4 and coarse ones at stride 8, the latter
repeated 2x2 (nearest neighbour). Repeating changes neither mean nor standard deviation, so AdaIN on the one tensor
is exactly AdaIN on both levels, and a style stays two numbers a channel. Nothing of the picture passes around it: the
decoder sees features after AdaIN and, as raw material for texture, noise. A cloudless sky has no variation that a
style could amplify, and a convolution of a constant is a constant. The noise is a fixed tile in the weights, so the
same picture comes back every time, or with a generator drawn anew.

Convolutions pad by replication (zeros would draw a frame around every picture), and there is no normalisation in the
decoder (it would wipe out the style again: Huang and Belongie 2017, section 6).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRIDE = 8  # pictures are padded to a multiple of this
FINE, COARSE = 48, 80  # channels at stride 4 and at stride 8
CHANNELS = FINE + COARSE
NOISE = {"noise8": (4, 64), "noise4": (4, 128), "noise2": (2, 128)}  # channels and side of the tile at each stride


class Conv(nn.Conv2d):
    """A 3x3 convolution behind a replication pad of 1."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(inputs, outputs, 3, stride=stride)

    def forward(self, x: Tensor, more: Tensor | None = None) -> Tensor:
        """``more`` holds further input channels, of each picture or of one for all."""
        if more is None:
            return super().forward(_framed(x))
        # The sum of two convolutions is the convolution of what would have to be joined: joining copies all of it.
        own = x.shape[1]
        result = self._conv_forward(_framed(x), self.weight[:, :own], self.bias)
        return result.add_(self._conv_forward(_framed(more), self.weight[:, own:], None))


def _framed(x: Tensor) -> Tensor:
    return F.pad(x, (1, 1, 1, 1), mode="replicate")


class Residual(nn.Module):
    """``x + conv(relu(conv(x)))``."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = Conv(channels, channels), Conv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x).relu_()).add_(x)


class MiniEncoder(nn.Module):
    """Pictures (B,3,H,W), sides multiples of 8, to features (B,128,H/4,W/4): 48 fine and 80 coarse channels."""

    def __init__(self, widths: tuple[int, int, int, int] = (24, 48, 64, 96)) -> None:
        super().__init__()
        half, quarter, eighth, deep = widths
        self.stem = Conv(12, half)
        self.quarter = Conv(half, quarter, stride=2)
        self.eighth = Conv(quarter, eighth, stride=2)
        self.deep = Conv(eighth, deep)
        # Linear heads: without a ReLU the statistics can be any numbers, and little is lost on the way.
        self.fine = nn.Conv2d(quarter, FINE, 1)
        self.coarse = nn.Conv2d(deep, COARSE, 1)

    def taps(self, x: Tensor) -> list[Tensor]:
        """Return the activations at strides 2, 4 and 8 (used as a loss network when there is no teacher)."""
        # torch pads by replication and convolves channels-last about twice as fast on a CPU.
        x = F.pixel_unshuffle(x - 0.5, 2).contiguous(memory_format=torch.channels_last)
        half = self.stem(x).relu_()
        quarter = self.quarter(half).relu_()
        return [half, quarter, self.deep(self.eighth(quarter).relu_()).relu_()]

    def forward(self, x: Tensor) -> Tensor:
        _, quarter, deep = self.taps(x)
        coarse = F.interpolate(self.coarse(deep), scale_factor=2.0, mode="nearest")
        return torch.cat([self.fine(quarter), coarse], dim=1)


class MiniDecoder(nn.Module):
    """Features (B,128,h,w), h and w even, to pictures (B,3,4h,4w), not clamped."""

    noise8: Tensor
    noise4: Tensor
    noise2: Tensor
    positional = True  # where a crop lies in the picture decides which noise it gets

    def __init__(self, deep: int = 96, quarter: int = 48, half: int = 24) -> None:
        super().__init__()
        self.deep = Conv(COARSE + NOISE["noise8"][0], deep)
        self.deep_more = Residual(deep)
        self.up = nn.Conv2d(deep, quarter, 1)
        self.fine = Conv(FINE + NOISE["noise4"][0], quarter)
        self.fine_more = Conv(quarter, quarter)
        self.narrow = nn.Conv2d(quarter, half, 1)
        self.refine = Conv(half + NOISE["noise2"][0], half)
        self.out = Conv(half, 12)
        for name, (channels, side) in NOISE.items():
            self.register_buffer(name, torch.randn(1, channels, side, side))

    def noise(self, x: Tensor, name: str, generator: torch.Generator | None, origin: tuple[int, int]) -> Tensor:
        """Noise for activations ``x``: the stored tile, repeated from ``origin`` on, or fresh for each picture."""
        batch, _, height, width = x.shape
        tile: Tensor = getattr(self, name)
        if generator is None:
            y, x0 = (place // int(name.removeprefix("noise")) for place in origin)
            rows, columns = (
                torch.arange(start, start + n, device=x.device) % tile.shape[-1]
                for start, n in ((y, height), (x0, width))
            )
            noise = tile[:, :, rows][:, :, :, columns]
        else:
            shape = (batch, tile.shape[1], height, width)
            # The type is named: another default of torch's would draw other numbers.
            noise = torch.randn(shape, generator=generator, device=generator.device, dtype=torch.float32).to(x.device)
        return noise.to(x.dtype).contiguous(memory_format=torch.channels_last)

    def forward(
        self, features: Tensor, generator: torch.Generator | None = None, origin: tuple[int, int] = (0, 0)
    ) -> Tensor:
        """Decode; ``origin`` is the place (y, x) of the features' first pixel in the whole picture."""
        fine, coarse = features.split([FINE, COARSE], dim=1)
        # The inverse of the encoder's repetition; the mean also accepts features that someone mixed in space.
        coarse = F.avg_pool2d(coarse, 2)
        # In place where a convolution has just made the numbers: fresh memory costs as much as the addition.
        deep = self.deep_more(self.deep(coarse, self.noise(coarse, "noise8", generator, origin)).relu_())
        x = self.fine(fine, self.noise(fine, "noise4", generator, origin))
        x = x.add_(F.interpolate(self.up(deep), scale_factor=2.0, mode="nearest")).relu_()
        x = self.fine_more(x).add_(x).relu_()
        x = F.interpolate(self.narrow(x), scale_factor=2.0, mode="nearest")
        x = self.refine(x, self.noise(x, "noise2", generator, origin)).add_(x).relu_()
        return F.pixel_shuffle(self.out(x), 2).add_(0.5)


def build() -> tuple[MiniEncoder, MiniDecoder]:
    """Return a fresh, untrained encoder and decoder.

    Example:
        >>> encoder, decoder = build()
        >>> decoder(encoder(torch.rand(1, 3, 16, 24))).shape
        torch.Size([1, 3, 16, 24])
    """
    encoder, decoder = MiniEncoder(), MiniDecoder()
    for module in [*encoder.modules(), *decoder.modules()]:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for residual in (decoder.deep_more.second, decoder.fine_more, decoder.refine):
        nn.init.zeros_(residual.weight)  # residual branches start as the identity
    # Each 2x2 block of the last layer starts equal (ICNR, Aitken et al. 2017), so no checkerboard is there to unlearn.
    with torch.no_grad():
        decoder.out.weight.copy_(decoder.out.weight[::4].repeat_interleave(4, dim=0) * 0.3)
    return encoder, decoder
