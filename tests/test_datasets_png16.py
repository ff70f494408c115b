"""SYNTHIA's three-channel 16-bit label files: read rightly whatever the filters, refused by name when damaged."""

import struct
import zlib
from pathlib import Path

import numpy as np
import official_trees as trees
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gltr_lib.datasets.png16 import SIGNATURE, read_red16
from gltr_lib.datasets.synthia import read_classes

NOISE = np.random.default_rng(0).integers(0, 1 << 16, (12, 9, 3), dtype=np.uint16)

# torchvision's decoder is an oracle here; that it is on its way out is no concern of ours.
pytestmark = pytest.mark.filterwarnings("ignore:The image decoding and encoding:DeprecationWarning")


def decoded_by_libpng(path: Path) -> np.ndarray:
    io = pytest.importorskip("torchvision.io")
    if not hasattr(io, "decode_png"):
        pytest.skip("this torchvision decodes no pictures any more")
    data = torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8)
    return io.decode_png(data, io.ImageReadMode.UNCHANGED)[0].numpy()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def file_of(path: Path, raw: bytes, width=3, height=2, depth=16, colour=2, interlaced=0) -> Path:
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    path.write_bytes(
        SIGNATURE + chunk(b"IHDR", head) + chunk(b"tEXt", b"Comment\0x") + chunk(b"IDAT", raw) + chunk(b"IEND", b"")
    )
    return path


@pytest.mark.parametrize("first_filter", range(5))
def test_each_filter_gives_the_written_values_and_those_of_libpng(tmp_path, first_filter):
    path = tmp_path / "x.png"
    path.write_bytes(trees.png16(NOISE, first_filter))
    assert np.array_equal(read_red16(path), NOISE[..., 0])
    assert np.array_equal(read_red16(path), decoded_by_libpng(path))


@pytest.mark.parametrize("kind", range(5))
def test_a_file_of_one_filter_only(tmp_path, kind):
    rows = np.array([[[7, 1, 0]] * 4, [[8, 2, 0]] * 4, [[22, 65535, 9]] * 4], np.uint16)
    path = tmp_path / "x.png"
    path.write_bytes(_one_filter(rows, kind))
    assert read_red16(path)[:, 0].tolist() == [7, 8, 22]
    assert np.array_equal(read_red16(path), decoded_by_libpng(path))


def _one_filter(pixels: np.ndarray, kind: int) -> bytes:
    """Rows one by one as files of one row would have them, so that each begins with the filter wanted."""
    height, width, _ = pixels.shape
    out = b""
    for y in range(height):
        above = pixels[y - 1 : y] if y else np.zeros_like(pixels[:1])
        pair = np.concatenate([above, pixels[y : y + 1]])
        encoded = trees.png16(pair, (kind - 1) % 5)  # its second row has the filter number `kind`
        place = encoded.index(b"IDAT")
        size = struct.unpack(">I", encoded[place - 4 : place])[0]
        out += zlib.decompress(encoded[place + 4 : place + 4 + size])[1 + 6 * width :]
    head = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    return SIGNATURE + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(out)) + chunk(b"IEND", b"")


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 4), st.booleans(), st.integers(0, 999))
def test_any_size_any_filter(tmp_path_factory, height, width, first_filter, small, seed):
    pixels = np.random.default_rng(seed).integers(0, 23 if small else 1 << 16, (height, width, 3), dtype=np.uint16)
    path = tmp_path_factory.mktemp("png") / "x.png"
    path.write_bytes(trees.png16(pixels, first_filter))
    assert np.array_equal(read_red16(path), pixels[..., 0])


def test_pixels_in_several_chunks(tmp_path):
    whole = trees.png16(NOISE)
    place = whole.index(b"IDAT")
    size = struct.unpack(">I", whole[place - 4 : place])[0]
    body = whole[place + 4 : place + 4 + size]
    parts = chunk(b"IDAT", body[:7]) + chunk(b"IDAT", b"") + chunk(b"IDAT", body[7:])
    (tmp_path / "x.png").write_bytes(whole[: place - 4] + parts + whole[place + 8 + size :])
    assert np.array_equal(read_red16(tmp_path / "x.png"), NOISE[..., 0])


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.99])
def test_a_cut_file_is_refused_by_name(tmp_path, share):
    whole = trees.png16(NOISE)
    (tmp_path / "cut.png").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"cut\.png: (damaged|expected a PNG)"):
        read_red16(tmp_path / "cut.png")


def test_a_flipped_bit_anywhere_in_the_pixels_is_noticed(tmp_path):
    whole = bytearray(trees.png16(NOISE))
    for place in range(whole.index(b"IDAT") + 4, len(whole) - 12, 97):
        spoilt = bytearray(whole)
        spoilt[place] ^= 16
        (tmp_path / "x.png").write_bytes(spoilt)
        with pytest.raises(ValueError, match=r"x\.png: damaged PNG"):
            read_red16(tmp_path / "x.png")


def test_what_a_checksum_does_not_show(tmp_path):
    line = b"\0" + b"\0\7" * 9
    with pytest.raises(ValueError, match=r"short\.png: damaged PNG \(19 bytes of pixels where 3x2 needs 38\)"):
        read_red16(file_of(tmp_path / "short.png", zlib.compress(line)))
    with pytest.raises(ValueError, match=r"long\.png: damaged PNG"):
        read_red16(file_of(tmp_path / "long.png", zlib.compress(line * 3)))
    with pytest.raises(ValueError, match=r"filter\.png: damaged PNG \(row filter 5\)"):
        read_red16(file_of(tmp_path / "filter.png", zlib.compress(line + b"\5" + line[1:])))
    with pytest.raises(ValueError, match=r"zip\.png: damaged PNG"):
        read_red16(file_of(tmp_path / "zip.png", b"no zlib stream"))
    with pytest.raises(ValueError, match=r"open\.png: damaged PNG"):
        read_red16(file_of(tmp_path / "open.png", zlib.compress(line * 2)[:-4]))
    bomb = zlib.compress(b"\0" * 50_000_000)
    with pytest.raises(ValueError, match=r"bomb\.png: damaged PNG \(39 bytes"):
        read_red16(file_of(tmp_path / "bomb.png", bomb))
    with pytest.raises(ValueError, match=r"huge\.png: claims 60000x60000"):
        read_red16(file_of(tmp_path / "huge.png", zlib.compress(line), 60_000, 60_000))
    with pytest.raises(ValueError, match=r"lace\.png: interlaced"):
        read_red16(file_of(tmp_path / "lace.png", zlib.compress(line * 2), interlaced=1))
    (tmp_path / "no.png").write_bytes(SIGNATURE + chunk(b"IEND", b""))
    with pytest.raises(ValueError, match=r"no\.png: damaged PNG \(no header\)"):
        read_red16(tmp_path / "no.png")
    with pytest.raises(ValueError, match=r"none\.png: no such file"):
        read_red16(tmp_path / "none.png")


@pytest.mark.parametrize(("mode", "kind"), [("RGB", "8-bit RGB"), ("L", "8-bit grayscale"), ("P", r"\d-bit palette")])
def test_a_file_saved_by_another_program_is_refused(tmp_path, mode, kind):
    Image.new(mode, (4, 3)).save(tmp_path / "x.png")
    with pytest.raises(ValueError, match=rf"x\.png: expected three 16-bit channels .*found {kind}"):
        read_red16(tmp_path / "x.png")


def test_classes_are_small_numbers(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(trees.png16(NOISE))
    with pytest.raises(ValueError, match=r"x\.png: expected classes 0\.\.22 in the red channel, found values up to 6"):
        read_classes(path)
    path.write_bytes(trees.png16(NOISE % 23))
    assert np.array_equal(read_classes(path), NOISE[..., 0] % 23)
    assert read_classes(path).dtype == np.uint8


def test_opencv_agrees_where_it_is_installed(tmp_path):
    cv2 = pytest.importorskip("cv2")
    path = tmp_path / "x.png"
    path.write_bytes(trees.png16(NOISE))
    assert np.array_equal(read_red16(path), cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., -1])


def test_a_picture_without_rows_is_damaged(tmp_path):
    for width, height in ((3, 0), (0, 3)):
        path = file_of(tmp_path / "flat.png", zlib.compress(b""), width, height)
        with pytest.raises(ValueError, match=rf"flat\.png: damaged PNG \(of {width}x{height} pixels\)"):
            read_red16(path)
