"""The VGG-19 stylizer's networks, in the numbering of the published weight files.

``vgg_normalised.pth`` and ``decoder.pth`` (converted from Huang and Belongie's Torch models) are state dicts of two
plain ``nn.Sequential``; their keys are positions in it. We rebuild both from a short plan, so that the files load
unchanged, at two depths: **relu4_1**, the usual AdaIN layer, and **relu3_1**, the pair of Li et al.'s "Universal
Style Transfer via Feature Transforms" (WCT, 2017). Every 3x3 convolution stands behind a reflection pad of 1. The
first layer, a 1x1 convolution, turns RGB in [0, 1] into what the network was trained on: no other normalisation.
"""

from __future__ import annotations

import os
from pathlib import Path

from torch import Tensor, nn

from gltr_lib import weights
from gltr_lib._typed import MissingFile

VGG_ENV = "GLTR_VGG19"  # folder with the two files; default: ~/.cache/gltr
VGG_FILES = {
    "vgg_normalised.pth": "https://github.com/naoto0804/pytorch-AdaIN/releases/download/v0.0.0/vgg_normalised.pth",
    "decoder.pth": "https://github.com/naoto0804/pytorch-AdaIN/releases/download/v0.0.0/decoder.pth",
}
#: Not published by their author; recorded by others from the addresses above.
VGG_SHA256 = {
    "vgg_normalised.pth": "804ca2835ecf7539f0cd2a7ac3c18ce81e6f8468969ae7117ac0c148d286bb4a",
    "decoder.pth": "379ca41d59f3a37eed3599bbbc2560c19da5c458870a5ffd3a9dd41aa88f9472",
}
VGG_SHALLOW_FILES = ("vgg_normalised_conv3_1.pth", "feature_invertor_conv3_1.pth")

# c<in>-<out>: reflection pad + 3x3; r: ReLU; p: max-pool 2; u: nearest x2.
_DOWN_3 = "c3-64 r c64-64 r p c64-128 r c128-128 r p c128-256 r"
_UP_3 = "c128-128 r c128-64 r u c64-64 r c64-3"
ENCODERS = {"relu3_1": _DOWN_3, "relu4_1": _DOWN_3 + " c256-256 r c256-256 r c256-256 r p c256-512 r"}
DECODERS = {
    "relu3_1": "c256-128 r u " + _UP_3,
    "relu4_1": "c512-256 r u c256-256 r c256-256 r c256-256 r c256-128 r u " + _UP_3,
}
STRIDES = {"relu3_1": 4, "relu4_1": 8}
CHANNELS = {"relu3_1": 256, "relu4_1": 512}
#: How far encoder and decoder see, in pixels, rounded up to the stride: the margin of a tile.
HALOS = {"relu3_1": 20, "relu4_1": 48}


def _sequence(plan: str) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for word in plan.split():
        if word == "r":
            layers.append(nn.ReLU())
        elif word == "p":
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        elif word == "u":
            layers.append(nn.Upsample(scale_factor=2, mode="nearest"))
        else:
            inputs, outputs = (int(number) for number in word[1:].split("-"))
            layers += [nn.ReflectionPad2d(1), nn.Conv2d(inputs, outputs, 3)]
    return layers


def build_encoder(depth: str) -> nn.Sequential:
    """Return the untrained VGG-19 encoder up to ``"relu3_1"`` or ``"relu4_1"``.

    Example:
        >>> [name for name, _ in build_encoder("relu3_1").named_children()][-1]
        '17'
    """
    return nn.Sequential(nn.Conv2d(3, 3, 1), *_sequence(ENCODERS[depth]))


def build_decoder(depth: str) -> nn.Sequential:
    """Return the untrained decoder that mirrors :func:`build_encoder`."""
    return nn.Sequential(*_sequence(DECODERS[depth]))


def load_pair(encoder_state: dict[str, Tensor], decoder_state: dict[str, Tensor]) -> tuple[str, nn.Module, nn.Module]:
    """Build the pair of networks that the two state dicts fit; the decoder's first layer tells the depth.

    Args:
        encoder_state: ``vgg_normalised*.pth``; layers beyond the depth are left out.
        decoder_state: ``decoder.pth`` (relu4_1) or ``feature_invertor_conv3_1.pth`` (relu3_1).

    Returns:
        (depth, encoder, decoder).

    Raises:
        ValueError: keys or shapes of neither layout.
    """
    first = decoder_state.get("1.weight")
    inputs = first.shape[1] if first is not None and first.ndim == 4 else None
    depth = next((name for name, channels in CHANNELS.items() if channels == inputs), None)
    if depth is None:
        raise ValueError(
            f"decoder: expected '1.weight' of shape (256,512,3,3) (relu4_1) or (128,256,3,3) (relu3_1), found"
            f" {None if first is None else tuple(first.shape)} among {len(decoder_state)} tensors; is it decoder.pth?"
        )
    encoder, decoder = build_encoder(depth), build_decoder(depth)
    _load(encoder, encoder_state, f"encoder ({depth})")
    _load(decoder, decoder_state, f"decoder ({depth})")
    return depth, encoder, decoder


def _load(network: nn.Module, state: dict[str, Tensor], title: str) -> None:
    wanted = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    wrong = [key for key, shape in wanted.items() if key not in state or tuple(state[key].shape) != shape]
    if wrong:
        found = {key: tuple(state[key].shape) if key in state else "missing" for key in wrong[:3]}
        raise ValueError(
            f"{title}: {len(wrong)} of {len(wanted)} tensors do not fit, first {found};"
            f" expected { ({key: wanted[key] for key in wrong[:3]}) }; give the normalised VGG-19, not torchvision's"
        )
    network.load_state_dict({key: state[key].float() for key in wanted})


def find_pair(
    folder: str | Path | None,
    encoder: str | Path | None = None,
    decoder: str | Path | None = None,
    *,
    download: bool = False,
) -> tuple[Path, Path]:
    """Return where the two files lie; with ``download`` the missing ones of the relu4_1 pair are fetched.

    Args:
        folder: where to look; None: the environment variable GLTR_VGG19, else ``~/.cache/gltr``. Each file may be
            ``.pth`` or, under the same name, ``.safetensors``.
        encoder: the encoder's file itself.
        decoder: the decoder's file itself; both or neither.
        download: fetch what is missing, verified against its checksum.

    Raises:
        ValueError: one of encoder and decoder alone, or together with a folder; a wrong checksum.
        FileNotFoundError: (a ValueError, too) a file is not there; the message says what to put where.
    """
    if (encoder is None) != (decoder is None):
        raise ValueError("encoder and decoder: expected both files or neither; one does not fit another's decoder")
    if encoder is not None and decoder is not None:
        if folder is not None or download:
            raise ValueError("encoder and decoder name the files themselves; leave out folder and download")
        return Path(encoder), Path(decoder)
    where = Path(folder or os.environ.get(VGG_ENV) or Path.home() / ".cache" / "gltr")
    for pair in (tuple(VGG_FILES), VGG_SHALLOW_FILES):
        found = [_either(where / name) for name in pair]
        if found[0] is not None and found[1] is not None:
            return found[0], found[1]
    missing = [name for name in VGG_FILES if _either(where / name) is None]
    if download:
        for name in missing:
            weights.download(VGG_FILES[name], where / name, VGG_SHA256[name])
        return find_pair(where)
    addresses = " and ".join(VGG_FILES[name] for name in missing)
    raise MissingFile(
        f"{where}: no {' and no '.join(missing)} for the vgg19 stylizer. Download {addresses} into that folder"
        f" (python data_scripts/weights.py fetch --out {where} --only adain does it; or name yours in {VGG_ENV}, or"
        ' Stylizer.load("vgg19", folder=...), or let it fetch them with download=True).'
        ' Stylizer.load("mini") needs no download.'
    )


def _either(file: Path) -> Path | None:
    return next((path for path in (file, file.with_suffix(".safetensors")) if path.is_file()), None)
