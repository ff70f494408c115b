"""Files of every kind become arrays or are refused by name; pairs stay pairs."""

import io
import os
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gltr_lib import datasets
from gltr_lib.datasets import CamVid, FolderPairs, StreetsDataset, png16, read_image, read_label, stack
from gltr_lib.datasets.folder import find_pictures

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (6, 9, 3), dtype=np.uint8)


def save(path: Path, array: np.ndarray, mode: str | None = None, **options) -> Path:
    picture = Image.fromarray(array)
    (picture.convert(mode) if mode else picture).save(path, **options)
    return path


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "LA", "1"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    image = read_image(save(tmp_path / "x.png", PICTURE, mode))
    assert image.shape == (6, 9, 3)
    assert image.dtype == np.uint8
    if mode in ("RGB", "RGBA"):
        assert np.array_equal(image, PICTURE)
    if mode in ("L", "LA"):
        assert np.array_equal(image[..., 0], np.asarray(Image.fromarray(PICTURE).convert("L")))


def test_cmyk_keeps_its_colours(tmp_path):
    red = np.full((8, 8, 3), (250, 10, 10), np.uint8)
    image = read_image(save(tmp_path / "x.jpg", red, "CMYK", quality=95))
    assert abs(image.astype(int) - red).max() < 12


def test_sixteen_bits_are_scaled_not_cut(tmp_path):
    deep = np.array([[0, 257 * 128, 65535]], np.uint16)
    assert read_image(save(tmp_path / "x.png", deep))[0, :, 0].tolist() == [0, 128, 255]


def test_float_tiff(tmp_path):
    assert read_image(save(tmp_path / "x.tif", np.array([[0.0, 0.5, 1.0]], np.float32)))[0, :, 0].tolist() == [
        0,
        128,
        255,
    ]


def test_transparency_lies_on_white(tmp_path):
    clear = np.zeros((4, 4, 4), np.uint8)
    assert read_image(save(tmp_path / "x.png", clear)).min() == 255
    palette = Image.fromarray(np.zeros((4, 4), np.uint8), "P")
    palette.putpalette([200, 0, 0] + [0] * 765)
    palette.save(tmp_path / "p.png", transparency=0)
    assert read_image(tmp_path / "p.png").min() == 255


def test_exif_orientation_is_followed(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    save(tmp_path / "x.png", PICTURE, exif=exif)
    assert np.array_equal(read_image(tmp_path / "x.png"), np.rot90(PICTURE, -1))


def _bomb(path: Path, side: int) -> Path:
    """A PNG of a few bytes that claims side x side pixels."""
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = b""
    for kind, body in ((b"IHDR", head), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")):
        chunks += struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    return path


@pytest.mark.parametrize("side", [11_000, 60_000])
def test_decompression_bombs_are_refused_before_decoding(tmp_path, side):
    with pytest.raises(ValueError, match=r"bomb\.png.*too large"):
        read_image(_bomb(tmp_path / "bomb.png", side))


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif"])
def test_truncated_files_are_refused_by_name(tmp_path, suffix):
    whole = io.BytesIO()
    big = RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(big).save(whole, {"jpg": "jpeg"}.get(suffix, suffix))
    (tmp_path / f"cut.{suffix}").write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    with pytest.raises(ValueError, match=rf"cut\.{suffix}"):
        read_image(tmp_path / f"cut.{suffix}")


def test_empty_missing_and_foreign_files(tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("not a picture")
    for name, words in {"empty.png": "0 bytes", "text.png": "not an image", "none.png": "no such file"}.items():
        with pytest.raises(ValueError, match=rf"{name}.*{words}"):
            read_image(tmp_path / name)


def test_labels_are_indices_of_a_palette_and_go_through_the_table(tmp_path):
    ids = np.array([[7, 8], [7, 0]], np.uint8)
    path = tmp_path / "x.png"
    picture = Image.fromarray(ids, "P")
    picture.putpalette([9] * 768)
    picture.save(path)
    assert read_label(path, {7: 0, 8: 1, 0: 255}).tolist() == [[0, 1], [0, 255]]
    from gltr_lib.labels import LABEL_ID_TO_TRAIN_ID

    assert read_label(path, LABEL_ID_TO_TRAIN_ID).tolist() == [[0, 1], [0, 255]]


def test_ids_outside_the_table_are_listed(tmp_path):
    path = save(tmp_path / "x.png", np.array([[7, 40, 41]], np.uint8))
    with pytest.raises(ValueError, match=r"x\.png.*\[40, 41\]"):
        read_label(path, {7: 0})
    with pytest.raises(ValueError, match=r"x\.png.*\[40, 41\]"):
        read_label(path)
    with pytest.raises(ValueError, match=r"x\.png.*\[30\]"):
        read_label(path, {7: 0, 40: 30, 41: 255})


def test_colour_and_wide_labels_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"x\.png.*one channel.*RGB"):
        read_label(save(tmp_path / "x.png", PICTURE))
    with pytest.raises(ValueError, match=r"y\.png.*26001"):
        read_label(save(tmp_path / "y.png", np.array([[26001]], np.uint16)))
    assert read_label(save(tmp_path / "z.png", np.array([[18]], np.uint16))).tolist() == [[18]]


def folders(
    tmp_path: Path, images: dict[str, tuple[int, int]], labels: dict[str, tuple[int, int]]
) -> tuple[Path, Path]:
    for folder, files in (("images", images), ("labels", labels)):
        for name, (height, width) in files.items():
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            save(path, np.zeros((height, width, 3) if folder == "images" else (height, width), np.uint8))
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    return tmp_path / "images", tmp_path / "labels"


def test_pairs_match_across_the_usual_names_and_subfolders(tmp_path):
    pairs = FolderPairs(
        *folders(
            tmp_path,
            {"aachen/a_1_leftImg8bit.png": (4, 6), "b.jpg": (4, 6)},
            {"aachen/a_1_gtFine_labelIds.png": (4, 6), "b_mask.png": (4, 6)},
        )
    )
    image, label = pairs[1]
    assert len(pairs) == 2
    assert (image.shape, image.dtype, label.shape, label.dtype) == ((3, 4, 6), torch.float32, (4, 6), torch.int64)
    assert len(list(pairs)) == 2
    with pytest.raises(IndexError):
        pairs[2]


def test_lonely_files_empty_folders_and_sizes_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"b\.png has no label map.*c\.png has no picture"):
        FolderPairs(*folders(tmp_path / "1", {"a.png": (2, 2), "b.png": (2, 2)}, {"a.png": (2, 2), "c.png": (2, 2)}))
    with pytest.raises(ValueError, match="images: the folder holds no pictures"):
        FolderPairs(*folders(tmp_path / "2", {}, {"a.png": (2, 2)}))
    with pytest.raises(ValueError, match="no such folder"):
        FolderPairs(tmp_path / "nowhere", tmp_path)
    with pytest.raises(ValueError, match=r"a\.png is 3x2 but its label map .*a\.png is 4x2"):
        FolderPairs(*folders(tmp_path / "3", {"a.png": (2, 3)}, {"a.png": (2, 4)}))[0]
    with pytest.raises(ValueError, match="would both be"):
        FolderPairs(*folders(tmp_path / "4", {"a.png": (2, 2), "a.jpg": (2, 2)}, {"a.png": (2, 2)}))


def test_stack_needs_one_size_and_size_gives_it(tmp_path):
    places = folders(tmp_path, {"a.png": (4, 6), "b.png": (8, 6)}, {"a.png": (4, 6), "b.png": (8, 6)})
    with pytest.raises(ValueError, match=r"size=\(height, width\)"):
        stack(FolderPairs(*places))
    images, labels = stack(FolderPairs(*places, size=(2, 3)))
    assert (images.shape, labels.shape, images.dtype, labels.dtype) == (
        (2, 3, 2, 3),
        (2, 2, 3),
        torch.uint8,
        torch.uint8,
    )
    with pytest.raises(ValueError, match="empty"):
        stack([])


def test_stack_returns_the_very_pixels(tmp_path):
    (tmp_path / "i").mkdir()
    (tmp_path / "l").mkdir()
    label = RNG.integers(0, 19, (6, 9), dtype=np.uint8)
    save(tmp_path / "i" / "a.png", PICTURE)
    save(tmp_path / "l" / "a.png", label)
    images, labels = stack(FolderPairs(tmp_path / "i", tmp_path / "l"))
    assert np.array_equal(images[0].permute(1, 2, 0).numpy(), PICTURE)
    assert np.array_equal(labels[0].numpy(), label)


@pytest.mark.parametrize("layout", [("val/images", "val/labels"), ("val", "valannot")])
def test_camvid_layouts_ids_and_sequences(tmp_path, layout):
    for folder in layout:
        (tmp_path / folder).mkdir(parents=True)
    save(tmp_path / layout[0] / "0016E5_07959.png", np.zeros((2, 3, 3), np.uint8))
    save(tmp_path / layout[1] / "0016E5_07959.png", np.array([[0, 10, 11], [1, 2, 3]], np.uint8))
    camvid = CamVid(tmp_path, "val")
    assert camvid.sequences == ["0016E5"]
    assert camvid[0][1].tolist() == [[0, 10, 255], [1, 2, 3]]
    with pytest.raises(ValueError, match=r"split 'train' not found.*splits found: val"):
        CamVid(tmp_path, "train")


def test_the_splits_share_no_street():
    splits = [set(datasets.TRAIN_SEEDS), set(datasets.VAL_SEEDS), set(datasets.EVAL_SEEDS)]
    assert sum(map(len, splits)) == len(set.union(*splits)) == 728


def test_streets_stack_as_they_are_rendered():
    streets = StreetsDataset([3, 4], size=(32, 64))
    images, labels = stack(streets)
    assert (images.shape, labels.shape) == ((2, 3, 32, 64), (2, 32, 64))
    for n, (image, label) in enumerate(streets):
        assert torch.equal((image * 255).round().to(torch.uint8), images[n])
        assert torch.equal(label.to(torch.uint8), labels[n])
    with pytest.raises(ValueError, match="at least one street"):
        StreetsDataset([])


@pytest.mark.skipif("GLTR_DATA" not in os.environ, reason="GLTR_DATA names no folder of real data")
def test_the_real_camvid_opens():
    train, val = (CamVid(Path(os.environ["GLTR_DATA"]) / "camvid", split) for split in ("train", "val"))
    assert (len(train), len(val)) == (367, 101)
    assert set(train.sequences) == {"0001TP", "0006R0", "0016E5"}
    assert int(val[0][1][val[0][1] != 255].max()) <= 10


def test_links_pipes_and_unreadable_folders_are_not_left_out_in_silence(tmp_path):
    home = tmp_path / "pictures"
    home.mkdir()
    (tmp_path / "elsewhere").mkdir()
    save(home / "a.png", RNG.integers(0, 256, (4, 5, 3), dtype=np.uint8))
    save(tmp_path / "elsewhere" / "far.png", RNG.integers(0, 256, (4, 5, 3), dtype=np.uint8))
    (home / "lost.png").symlink_to("nowhere.png")
    (home / "me.png").symlink_to("me.png")
    (home / "ring").symlink_to(home, target_is_directory=True)
    (home / "up").symlink_to(tmp_path, target_is_directory=True)
    (home / "more").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (home / "again").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    os.mkfifo(home / "pipe.png")
    found = [path.relative_to(home).as_posix() for path in find_pictures(home)]
    assert found == ["a.png", "again/far.png", "lost.png", "me.png", "pipe.png"]
    for name, words in (("lost.png", "leads nowhere"), ("me.png", "leads nowhere"), ("pipe.png", "no file of its own")):
        with pytest.raises(ValueError, match=rf"{name}: .*{words}"):
            read_image(home / name)


def test_a_name_of_two_lines_is_shown_on_one(tmp_path):
    (tmp_path / "a\nb.png").write_bytes(b"x")
    for reader in (read_image, read_label, datasets.picture_size, png16.read_red16):
        with pytest.raises(ValueError, match=r"a\\nb\.png") as caught:
            reader(tmp_path / "a\nb.png")
        assert "\n" not in str(caught.value)


def test_the_limit_is_ours_and_not_pillow_s_warning(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png", RNG.integers(0, 256, (11, 11, 3), dtype=np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # Pillow warns from here on, and refuses from twice as many
    assert read_image(path).shape == (11, 11, 3)


def test_whatever_a_decoder_raises_is_a_refusal_by_name(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png", RNG.integers(0, 256, (4, 5, 3), dtype=np.uint8))
    for error in (KeyError("x"), ZeroDivisionError(), AttributeError("y"), MemoryError(), PermissionError(13, "no")):

        def fail(*_, error=error):
            raise error

        monkeypatch.setattr(Image.Image, "convert", fail)
        with pytest.raises(ValueError, match=r"a\.png: "):
            read_image(path)
        monkeypatch.undo()
        monkeypatch.setattr(Image, "open", fail)
        with pytest.raises(ValueError, match=r"a\.png: "):
            read_image(path)
        monkeypatch.undo()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"lut": np.zeros(5)}, r"lut: expected a uint8 table \(256,\)"),
        ({"lut": [1, 2]}, "lut: expected"),
        ({"num_classes": 0}, "num_classes: expected 1 to 255"),
        ({"num_classes": 300}, "num_classes: expected 1 to 255"),
    ],
)
def test_tables_of_labels_that_are_none(tmp_path, given, words):
    with pytest.raises(ValueError, match=words):
        read_label(save(tmp_path / "a.png", np.zeros((4, 5), np.uint8)), **given)


def test_what_is_no_dataset_is_no_stack():
    for thing, words in ((None, "dataset: expected pairs"), ([1], "item 0 is int 1"), (torch.tensor(1), "dataset: ")):
        with pytest.raises(TypeError, match=words):
            stack(thing)


def test_many_threads_leave_the_filters_of_warnings_as_they_were(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png", RNG.integers(0, 256, (11, 11, 3), dtype=np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = list(warnings.filters)
        with ThreadPoolExecutor(8) as pool:
            assert all(picture.shape == (11, 11, 3) for picture in pool.map(read_image, [path] * 400))
        assert warnings.filters == before
