"""GTR, LTR and CGL in your own training loop: five lines, marked 1/5 to 5/5. Without them this is a plain PyTorch loop.

    python examples/own_loop.py --folder my_streets --steps 500

``my_streets/images`` holds pictures, ``my_streets/labels`` label maps of the same names (one channel, trainIds 0..18,
255 = ignore). Without ``--folder`` a few streets are rendered into a temporary folder, so that it runs as it is.
``docs/own_loop.md`` answers what comes up next: normalisation, paintings of your own, workers, several processes.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch
from PIL import Image
from torch.utils.data import DataLoader

from gltr_lib import GlobalTextureRandomization, LocalTextureRandomization, StyleBank, Stylizer, streets
from gltr_lib.datasets import FolderPairs
from gltr_lib.losses import consistency_loss
from gltr_lib.models import build


def main() -> None:
    """Read the command line, train, save the network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="folder with images/ and labels/ (default: a few rendered streets)")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--batch", type=int, default=6)
    parser.add_argument("--size", type=int, nargs=2, default=(128, 256), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--classes", type=int, default=19)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=Path, help="file for the trained weights")
    args = parser.parse_args()
    if min(args.steps, args.batch, args.classes, *args.size) < 1:
        parser.error("--steps, --batch, --size and --classes: expected at least 1")
    if args.save and (args.save.is_dir() or not args.save.absolute().parent.is_dir()):  # before hours of training
        parser.error(f"--save {args.save}: expected the name of a file in a folder that exists")
    torch.manual_seed(args.seed)
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or write_streets(Path(temporary), tuple(args.size))
        try:
            data = FolderPairs(folder / "images", folder / "labels", num_classes=args.classes, size=tuple(args.size))
            model = train(data, args)
        except ValueError as error:  # a folder or a file that does not fit; the message names it
            raise SystemExit(f"error: {error}") from None
    if args.save:
        draft = args.save.with_name(f"{args.save.name}.part")  # what lay there stays whole until the new file is
        torch.save(model.state_dict(), draft)
        draft.replace(args.save)
        print(f"saved {args.save}")


def train(data: FolderPairs, args: argparse.Namespace) -> torch.nn.Module:
    """A training loop as you may have one already."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    loader = DataLoader(data, batch_size=min(args.batch, len(data)), shuffle=True, drop_last=True)
    model = build("deeplab_mini", args.classes).to(device)  # or any network from images to logits of the same size
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr)
    criterion = torch.nn.CrossEntropyLoss(ignore_index=255)
    gtr = GlobalTextureRandomization(Stylizer.load("mini", device=device), StyleBank.load("paintings-mini"))  # 1/5
    ltr = LocalTextureRandomization(sigma=(4, 16), share=0.5)  # 2/5

    step = 0
    while step < args.steps:
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)
            painted = gtr(images)  # 3/5
            images, labels = torch.cat([painted, ltr(images, painted)[0]]), torch.cat([labels, labels])  # 4/5
            logits = model(images)
            loss = criterion(logits, labels)  # the mean of both views, so half the consistency, too
            loss = loss + 0.5 * consistency_loss(*logits.chunk(2), valid=labels.chunk(2)[0] != 255)  # 5/5
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            if step % max(1, args.steps // 10) == 0 or step == args.steps:
                print(f"step {step}/{args.steps}: loss {loss.item():.3f}", flush=True)
            if step == args.steps:
                break
    return model


def write_streets(folder: Path, size: tuple[int, int]) -> Path:
    """Render eight streets into folder/images and folder/labels."""
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for seed in range(8):
        image, label = streets.render(seed, "game", size)
        Image.fromarray(image).save(folder / "images" / f"street_{seed}.png")
        Image.fromarray(label).save(folder / "labels" / f"street_{seed}.png")
    return folder


if __name__ == "__main__":
    main()
