"""AdaIN: channel statistics, and stylising with the VGG-19 layout and with our small network.

The peer is the plain loop of the AdaIN tutorials, on the same weights: it encodes the painting again for every picture.
A bank has the painting's two numbers a channel already, which is where most of our gain comes from; the rest is memory
layout. The VGG networks have random weights here (their files are not ours to ship): that changes no operation.
"""

from __future__ import annotations

from functools import cache

import torch
from peers import plain_stats, plain_stylize

from gltr_lib import Stylizer, _vgg_net
from gltr_lib.adain import channel_stats
from gltr_lib.bench import Case, Made
from gltr_lib.cost import stylize_flops


@cache
def network(name: str, device: str) -> Stylizer:
    """A stylizer of either layout; VGG with small random weights."""
    if name == "mini":
        return Stylizer.load("mini").to(device)
    torch.manual_seed(0)
    encoder, decoder = _vgg_net.build_encoder("relu4_1"), _vgg_net.build_decoder("relu4_1")
    return Stylizer.from_vgg(encoder.state_dict(), decoder.state_dict()).to(device)


def distance(mine: torch.Tensor, other: torch.Tensor) -> float:
    """The largest difference."""
    return float((mine.float() - other.float()).abs().max())


def statistics_case(name: str, shape: tuple[int, ...], kind: torch.dtype, device: str) -> Case:
    """Mean and standard deviation of a feature map."""

    def make() -> Made:
        features = torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(device, kind)
        if kind == torch.float32:
            features = features.contiguous(memory_format=torch.channels_last)

        def check(mine: tuple[torch.Tensor, torch.Tensor], other: tuple[torch.Tensor, torch.Tensor]) -> str:
            worst = max(distance(a, b) for a, b in zip(mine, other, strict=True))
            return "" if worst < (1e-5 if kind == torch.float32 else 2e-2) else f"{worst:.1e} apart"

        size = features.element_size() * features.numel()
        return Made(lambda: channel_stats(features), lambda: plain_stats(features), check, bytes=float(size))

    return Case(name, make, "mean and variance, each in a pass of its own")


def stylize_case(
    name: str, layout: str, size: tuple[int, int], batch: int, device: str, *, promised: float | None = None,
    half: bool = False, repeat: int | None = None,
) -> Case:  # fmt: skip
    """A batch of pictures in a style from the bank, against the plain loop."""

    def make() -> Made:
        stylizer = network(layout, device)
        noise = torch.Generator().manual_seed(0)
        # Sides that the plain loop can take too: it knows no pad.
        picture = torch.rand((batch, 3, *size), generator=noise).to(device)
        painting = torch.rand((1, 3, 512, 512) if size[0] > 128 else (1, 3, 64, 64), generator=noise).to(device)
        kind = torch.device(device).type

        def ours() -> torch.Tensor:
            with torch.no_grad(), torch.autocast(kind, torch.bfloat16, enabled=half):
                return stylizer.stylize(picture, style)

        with torch.no_grad():
            style = stylizer.style_stats(painting)

        def theirs() -> torch.Tensor:
            with torch.autocast(kind, torch.bfloat16, enabled=half):
                many = painting.expand(batch, -1, -1, -1)
                return plain_stylize(stylizer.encoder, stylizer.decoder, picture, many)[..., : size[0], : size[1]]

        def check(mine: torch.Tensor, other: torch.Tensor) -> str:
            worst = distance(mine, other)
            return "" if worst < (5e-2 if half else 1e-4) else f"{worst:.1e} apart"

        flops = batch * stylize_flops("mini" if layout == "mini" else "vgg19", size)
        return Made(ours, theirs, check, units=batch, peer_units=batch, flops=float(flops))

    return Case(name, make, "plain loop that encodes the painting again", promised=promised, repeat=repeat)


def mini_against_vgg(size: tuple[int, int], device: str, repeat: int | None) -> Case:
    """The two layouts on one picture. They paint differently, so only shape and range are compared."""

    def make() -> Made:
        picture = torch.rand((1, 3, *size), generator=torch.Generator().manual_seed(0)).to(device)
        small, large = network("mini", device), network("vgg19", device)
        with torch.no_grad():
            styles = [net.style_stats(picture) for net in (small, large)]

        def check(mine: torch.Tensor, other: torch.Tensor) -> str:
            fine = mine.shape == other.shape and float(mine.min()) >= 0 and float(mine.max()) <= 1
            return "" if fine else "another size or range"

        return Made(
            lambda: small.stylize(picture, styles[0]),
            lambda: large.stylize(picture, styles[1]),
            check,
            flops=float(stylize_flops("mini", size)),
        )

    return Case(f"mini, {size[1]}x{size[0]}", make, "VGG-19 layout", promised=15.0, repeat=repeat)


def cases(small: bool, device: str) -> list[Case]:
    """fp32 and bf16, batch 1 and 8, from 256 to a whole frame of GTA5."""
    if small:
        return [
            statistics_case("channel_stats", (2, 32, 16, 16), torch.float32, device),
            stylize_case("stylize vgg19, 32x32", "vgg19", (32, 32), 1, device),
            stylize_case("stylize mini, 64x64", "mini", (64, 64), 2, device),
            mini_against_vgg((64, 64), device, None),
        ]
    shape, whole = (8, 512, 64, 64), (1056, 1920)  # 1914x1052, up to the stride
    square = [(side, side) for side in (256, 512, 640)]
    return [
        statistics_case("channel_stats, fp32", shape, torch.float32, device),
        statistics_case("channel_stats, bf16", shape, torch.bfloat16, device),
        *(stylize_case(f"stylize mini, {s}x{t}", "mini", (s, t), 1, device) for s, t in square),
        stylize_case("stylize mini, batch 8, 256x256", "mini", (256, 256), 8, device),
        stylize_case("stylize mini, 1920x1056", "mini", whole, 1, device),
        stylize_case("stylize mini, bf16, 512x512", "mini", (512, 512), 1, device, half=True),
        stylize_case("stylize vgg19, 256x256", "vgg19", (256, 256), 1, device, repeat=3),
        stylize_case("stylize vgg19, 512x512", "vgg19", (512, 512), 1, device, promised=1.4, repeat=3),
        stylize_case("stylize vgg19, bf16, 512x512", "vgg19", (512, 512), 1, device, half=True, repeat=3),
        stylize_case("stylize vgg19, 1920x1056", "vgg19", whole, 1, device, repeat=1),
        mini_against_vgg((512, 512), device, 3),
    ]


def growth(small: bool, device: str) -> dict[str, list[tuple[float, Case]]]:
    """How the cost of painting one picture grows with its side and with the batch."""
    sides, batches = ((32, 64), (1, 2)) if small else ((128, 256, 512, 1024), (1, 2, 4, 8, 16))

    def alone(layout: str, size: int, batch: int) -> Case:
        whole = stylize_case(f"{layout} {size} x{batch}", layout, (size, size), batch, device)

        def make() -> Made:
            made = whole.make()
            made.theirs = None
            return made

        return Case(whole.name, make, repeat=3)

    return {
        "side of the picture (px), mini": [(side, alone("mini", side, 1)) for side in sides],
        "batch of 128x128, mini": [(n, alone("mini", 128 if not small else 32, n)) for n in batches],
    }
