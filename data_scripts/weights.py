"""Pretrained weights by others: ImageNet trunks, the official code's DeepLab initialisation, AdaIN's VGG and decoder.

    python data_scripts/weights.py where
    python data_scripts/weights.py fetch --out weights                       # all of them; goes on
    python data_scripts/weights.py fetch --out weights --only adain resnet50
    python data_scripts/weights.py verify --out weights

Every file is opened with ``weights_only=True``: tensors are built, code in it is not run.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from _script import RECORD, Parser, Remote, fetch_all, run

from gltr_lib._usage import UsageError
from gltr_lib.prepare.download import DownloadError, digest

TORCH = "https://download.pytorch.org/models"
ADAIN = "https://github.com/naoto0804/pytorch-AdaIN/releases/download/v0.0.0"
#: The digits in PyTorch's file names are the first of the SHA-256; torch.hub verifies them in the same way.
FILES: dict[str, Remote] = {
    "resnet50": Remote(
        "resnet50-0676ba61.pth", (f"{TORCH}/resnet50-0676ba61.pth",), sha256="0676ba61",
        about="torchvision ResNet-50, IMAGENET1K_V1",
    ),
    "resnet50-v2": Remote(
        "resnet50-11ad3fa6.pth", (f"{TORCH}/resnet50-11ad3fa6.pth",), sha256="11ad3fa6",
        about="torchvision ResNet-50, IMAGENET1K_V2",
    ),
    "resnet101": Remote(
        "resnet101-63fe2227.pth", (f"{TORCH}/resnet101-63fe2227.pth",), sha256="63fe2227",
        about="torchvision ResNet-101, IMAGENET1K_V1",
    ),
    "resnet101-v2": Remote(
        "resnet101-cd907fc2.pth", (f"{TORCH}/resnet101-cd907fc2.pth",), sha256="cd907fc2",
        about="torchvision ResNet-101, IMAGENET1K_V2",
    ),
    "deeplab": Remote(
        "DeepLab_resnet_pretrained_init-f81d91e8.pth",
        ("http://vllab.ucmerced.edu/ytsai/CVPR18/DeepLab_resnet_pretrained_init-f81d91e8.pth",), sha256="f81d91e8",
        about="DeepLabv2 ResNet-101 as the official code starts from it (plain http, guarded by those 8 digits only)",
    ),
    "adain-vgg": Remote(
        "vgg_normalised.pth", (f"{ADAIN}/vgg_normalised.pth",),
        sha256="804ca2835ecf7539f0cd2a7ac3c18ce81e6f8468969ae7117ac0c148d286bb4a",
        about="VGG-19 encoder of AdaIN (naoto0804/pytorch-AdaIN)",
    ),
    "adain-decoder": Remote(
        "decoder.pth", (f"{ADAIN}/decoder.pth",),
        sha256="379ca41d59f3a37eed3599bbbc2560c19da5c458870a5ffd3a9dd41aa88f9472",
        about="decoder of AdaIN (naoto0804/pytorch-AdaIN)",
    ),
}  # fmt: skip
NOTES = """
No login. ImageNet weights come with torchvision's terms (https://github.com/pytorch/vision#pre-trained-model-license:
ImageNet itself is for non-commercial research). pytorch-AdaIN is under the MIT licence; its weights derive from VGG-19
and WikiArt. The DeepLab initialisation was published by the authors of AdaptSegNet, without a licence of its own.
The checksums of AdaIN's two files are not published by their author; they were recorded by others from his release.
"""


def chosen(only: list[str]) -> list[Remote]:
    """The files of these names; a word that is no name stands for all names that begin with it.

    Raises:
        UsageError: a word that begins no name.
    """
    unknown = [word for word in only if not any(name.startswith(word) for name in FILES)]
    if unknown:
        raise UsageError(f"--only: unknown {', '.join(unknown)}; valid: {', '.join(FILES)}")
    wanted = {name for word in only for name in FILES if name == word or (word not in FILES and name.startswith(word))}
    return [file for name, file in FILES.items() if not only or name in wanted]


def where(args: argparse.Namespace) -> int:
    """Print names, addresses and terms."""
    for name, file in FILES.items():
        print(f"{name:14} {file.about}\n{'':14} {file.urls[0]}")
    print(NOTES.rstrip())
    return 0


def fetch(args: argparse.Namespace) -> int:
    """Download and open."""
    for path in fetch_all(chosen(args.only), args.out):
        print(f"  {describe(path)}")
    return 0


def verify(args: argparse.Namespace) -> int:
    """Hold what is there to its checksums, and open it."""
    there = [file for file in chosen(args.only) if (args.out / file.name).exists()]
    if not there:
        raise DownloadError(f"{args.out}: none of the files is there; fetch them first")
    bad = 0
    for file in there:
        path = args.out / file.name
        try:
            if not digest(path).startswith(file.sha256):
                raise DownloadError(f"{path}: sha256 {digest(path)[:16]}..., expected {file.sha256[:16]}...; delete it")
            print(f"{path}: {describe(path)}")
        except (ValueError, OSError) as error:
            bad += 1
            print(f"error: {error}", file=sys.stderr)
    return 1 if bad else 0


def describe(path: Path) -> str:
    """How many tensors and numbers a file holds.

    Raises:
        ValueError: not a file of tensors.
    """
    from gltr_lib.weights import load_file

    state = load_file(path)
    return f"{len(state)} tensors, {sum(tensor.numel() for tensor in state.values()):,} numbers"


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    commands.add_parser("where", help="what there is, from where, under which terms").set_defaults(run=where)
    for name, function in (("fetch", fetch), ("verify", verify)):
        sub = commands.add_parser(name, help=(function.__doc__ or "").lower().rstrip("."))
        sub.add_argument("--out", type=Path, required=True, help=f"folder; checksums are recorded in its {RECORD}")
        sub.add_argument("--only", nargs="+", default=[], metavar="NAME", help=", ".join(FILES))
        sub.set_defaults(run=function)
    return run(parser, argv)


if __name__ == "__main__":
    sys.exit(main())
