"""Pictures and label maps: every mode and format that people have, and every way in which a file can be broken."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from tests.torture.corpus import ACCEPT, EITHER, REFUSE, Case

SIGNATURE = b"\x89PNG\r\n\x1a\n"
FORMATS = {"png": "PNG", "jpg": "JPEG", "bmp": "BMP", "tif": "TIFF", "webp": "WEBP", "gif": "GIF", "ppm": "PPM"}
MODES = {
    "png": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "jpg": ("L", "RGB", "CMYK"),
    "bmp": ("1", "L", "P", "RGB", "RGBA"),
    "tif": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "F"),
    "webp": ("RGB", "RGBA"),
    "gif": ("1", "L", "P", "RGB"),
    "ppm": ("1", "L", "RGB"),
}


def make(folder: Path, seed: int) -> list[Case]:
    """Write them; see :func:`tests.torture.corpus.build`."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (13, 17, 3), dtype=np.uint8)
    cases: list[Case] = []

    def put(name: str, data: bytes, expect: str, about: str, kind: str = "picture") -> None:
        path = folder / kind / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        cases.append(Case(kind, path, expect, about))

    for ending, modes in MODES.items():
        for mode in modes:
            data = encoded(in_mode(pixels, mode), FORMATS[ending])
            put(f"mode-{mode.replace(';', '')}.{ending}", data, ACCEPT, f"{mode} as {ending}")
        whole = encoded(Image.fromarray(pixels), FORMATS[ending])
        for share in (0.02, 0.3, 0.6, 0.9):
            cut = whole[: max(1, int(share * len(whole)))]
            # The last tenth of some formats is decoration: Pillow may well read the picture without it.
            expect = EITHER if share > 0.5 else REFUSE
            put(f"cut-{int(100 * share):02d}.{ending}", cut, expect, f"{ending} cut at {share:.0%}")
        put(f"empty.{ending}", b"", REFUSE, f"{ending} of 0 bytes")
        put(f"noise.{ending}", rng.bytes(500), REFUSE, f"random bytes called {ending}")
        put(f"tail.{ending}", whole + rng.bytes(200), EITHER, f"{ending} with bytes after its end")
        hurt = bytearray(whole)
        for place in rng.integers(len(whole) // 3, len(whole), 6):
            hurt[place] ^= 0xFF
        put(f"hurt.{ending}", bytes(hurt), EITHER, f"{ending} with six bytes turned")
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = encoded(Image.fromarray(pixels), "JPEG", exif=exif)
        put(f"exif-{orientation}.jpg", data, ACCEPT, f"EXIF orientation {orientation}")
    put("exif-bad.jpg", _bad_exif(encoded(Image.fromarray(pixels), "JPEG", exif=_exif())), EITHER, "EXIF of noise")
    put("exif-9.jpg", encoded(Image.fromarray(pixels), "JPEG", exif=_exif(9)), ACCEPT, "EXIF orientation 9")
    for name, text in {"text.png": b"hello", "page.jpg": b"<html><body>404</body></html>", "pdf.jpg": b"%PDF-1.4\n",
                       "svg.png": b"<svg xmlns='x'/>", "zip.png": b"PK\x03\x04" + rng.bytes(60),
                       "exe.webp": b"RIFF\xff\xff\xff\xffWEBPVP8 ", "json.bmp": b'{"a": 1}'}.items():  # fmt: skip
        put(name, text, REFUSE, f"{name.partition('.')[0]} under a picture's ending")
    put("png-called.jpg", encoded(Image.fromarray(pixels), "PNG"), ACCEPT, "a PNG called .jpg")
    put("rgb16.png", rgb16(pixels), ACCEPT, "three 16-bit channels")
    put("key.png", encoded(Image.fromarray(pixels), "PNG", transparency=(1, 2, 3)), ACCEPT, "a transparent colour")
    palette = Image.fromarray(pixels[..., 0]).convert("P")
    put("p-alpha.png", encoded(palette, "PNG", transparency=bytes(range(256))), ACCEPT, "palette with transparency")
    frames = [Image.fromarray(np.roll(pixels, n, 1)) for n in range(3)]
    for ending in ("gif", "webp", "png", "tif"):
        data = encoded(frames[0], FORMATS[ending], save_all=True, append_images=frames[1:])
        put(f"frames.{ending}", data, ACCEPT, f"{ending} of three frames")
    for size in ((1, 1), (1, 40), (40, 1), (2, 3)):
        put(f"small-{size[0]}x{size[1]}.png", encoded(Image.new("RGB", size, 7), "PNG"), ACCEPT, f"{size} pixels")
    put("wide.png", encoded(Image.new("RGB", (20_000, 2), 9), "PNG"), ACCEPT, "20,000 pixels wide", "large")
    put("tall.jpg", encoded(Image.new("RGB", (2, 20_000), 9), "JPEG"), ACCEPT, "20,000 pixels high", "large")
    for claim in ((50_000, 50_000), (2**31 - 1, 1), (0, 5), (5, 0), (10_001, 10_000), (2**32 - 1, 2**32 - 1)):
        put(f"claims-{claim[0]}x{claim[1]}.png", claims(*claim), REFUSE, f"a PNG that claims {claim}")
    put("bomb-few.png", claims(9_000, 9_000, zlib.compress(b"\0" * 1000)), REFUSE, "81 megapixels with 1000 bytes")
    put("bomb-text.png", text_bomb(pixels), EITHER, "a comment that inflates to 64 MiB")
    put("bomb.gif", _gif_claim(encoded(Image.fromarray(pixels), "GIF")), EITHER, "a GIF that claims 65535x65535")
    put("bomb.bmp", _bmp_claim(encoded(Image.fromarray(pixels), "BMP")), REFUSE, "a BMP that claims 60000x60000")
    put("nan.tif", _float_tiff(np.full((5, 6), np.nan, np.float32)), REFUSE, "NaN pixels")
    put("inf.tif", _float_tiff(np.full((5, 6), np.inf, np.float32)), REFUSE, "infinite pixels")
    put("negative.tif", _float_tiff(np.full((5, 6), -3.0, np.float32)), REFUSE, "negative pixels")
    put("huge.tif", _float_tiff(np.full((5, 6), 1e9, np.float32)), REFUSE, "pixels of 1e9")
    put("crc.png", _bad_crc(encoded(Image.fromarray(pixels), "PNG")), REFUSE, "a wrong checksum of a chunk")
    for name in ("ümlaut ñ 街道.png", "spaces  two.png", "q'uo\"te.png", "%41$HOME.png", "-rf.png", "😀.png",
                 "new\nline.png", "tab\tbell\a.png", "esc\x1b[31m.png", "x" * 240 + ".png", "UPPER.PNG"):  # fmt: skip
        put(name, encoded(Image.fromarray(pixels), "PNG"), ACCEPT, "an odd name", "named")
        put("bad " + name[-200:], b"broken", REFUSE, "an odd name on a broken file", "named")
    raw = os.fsdecode(b"latin-\xe9.png")
    put(raw, encoded(Image.fromarray(pixels), "PNG"), ACCEPT, "a name that is not UTF-8", "named")
    put("bad " + raw, b"broken", REFUSE, "a name that is not UTF-8, broken", "named")
    cases += _labels(folder, rng)
    return cases


def _labels(folder: Path, rng: np.random.Generator) -> list[Case]:
    """Label maps: read with ``read_label`` and 19 classes."""
    ids = rng.integers(0, 19, (13, 17), dtype=np.uint8)
    ids[0, 0] = 255
    cases = []

    def put(name: str, data: bytes, expect: str, about: str) -> None:
        path = folder / "label" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        cases.append(Case("label", path, expect, about))

    put("plain.png", encoded(Image.fromarray(ids), "PNG"), ACCEPT, "trainIds")
    palette = Image.fromarray(ids)
    palette.putpalette(list(range(256)) * 3)
    put("palette.png", encoded(palette, "PNG"), ACCEPT, "trainIds with a palette")
    put("palette.gif", encoded(Image.fromarray(ids), "GIF"), EITHER, "trainIds in a GIF, which may renumber them")
    put("one-bit.png", encoded(Image.fromarray(ids > 9), "PNG"), ACCEPT, "two classes in one bit")
    put("wide.png", encoded(Image.fromarray(ids.astype(np.uint16)), "PNG"), ACCEPT, "16 bits that fit in 8")
    put("wider.png", encoded(Image.fromarray(ids.astype(np.uint16) + 26_000), "PNG"), REFUSE, "instance ids")
    put("int32.tif", encoded(Image.fromarray(ids.astype(np.int32)), "TIFF"), ACCEPT, "32 bits that fit in 8")
    put("below.tif", encoded(Image.fromarray(ids.astype(np.int32) - 3), "TIFF"), REFUSE, "negative ids")
    put("float.tif", _float_tiff(ids.astype(np.float32)), REFUSE, "ids as floats")
    put("rgb.png", encoded(Image.fromarray(np.stack([ids] * 3, -1)), "PNG"), REFUSE, "a colour picture")
    put("la.png", encoded(Image.fromarray(ids).convert("LA"), "PNG"), REFUSE, "ids with transparency")
    put("jpeg.jpg", encoded(Image.fromarray(ids * 10), "JPEG"), REFUSE, "ids blurred by JPEG")
    for wrong in (19, 100, 254):
        bad = ids.copy()
        bad[3:5] = wrong
        put(f"id-{wrong}.png", encoded(Image.fromarray(bad), "PNG"), REFUSE, f"id {wrong} outside the classes")
    put("empty.png", b"", REFUSE, "0 bytes")
    put("cut.png", encoded(Image.fromarray(ids), "PNG")[:90], REFUSE, "cut short")
    put("rgb16.png", rgb16(np.stack([ids] * 3, -1)), REFUSE, "SYNTHIA's format, which another reader takes")
    return cases


# --- bytes ----------------------------------------------------------------------------------------------------------


def in_mode(pixels: np.ndarray, mode: str) -> Image.Image:
    """uint8 (H,W,3) as a picture of a mode."""
    grey = pixels[..., 0]
    if mode == "I;16":
        return Image.fromarray(grey.astype(np.uint16) * 257)
    if mode == "I":
        return Image.fromarray(grey.astype(np.int32) * 257)
    if mode == "F":
        return Image.fromarray(grey.astype(np.float32) / 255)
    return Image.fromarray(pixels).convert(mode)


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    """A picture's file."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(body, zlib.crc32(kind)))


def png(width: int, height: int, depth: int, colour: int, packed: bytes) -> bytes:
    """A PNG of these numbers, whatever they are."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return SIGNATURE + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def claims(width: int, height: int, packed: bytes = b"") -> bytes:
    """A PNG that claims a size."""
    return png(width, height, 8, 2, packed or zlib.compress(b"\0" * 100))


def rgb16(pixels: np.ndarray) -> bytes:
    """A PNG of three 16-bit channels, the values as they are."""
    height, width, _ = pixels.shape
    wide = pixels.astype(">u2").tobytes()
    rows = b"".join(b"\0" + wide[6 * width * row : 6 * width * (row + 1)] for row in range(height))
    return png(width, height, 16, 2, zlib.compress(rows))


def text_bomb(pixels: np.ndarray) -> bytes:
    """A PNG with a compressed comment of 64 MiB."""
    info = PngImagePlugin.PngInfo()
    info.add(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(64 << 20), 9))
    return encoded(Image.fromarray(pixels), "PNG", pnginfo=info)


def _exif(orientation: int = 6) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "maker" * 20
    return exif


def _bad_exif(data: bytes) -> bytes:
    place = data.index(b"Exif\0\0") + 14
    return data[:place] + b"\xff" * 24 + data[place + 24 :]


def _gif_claim(data: bytes) -> bytes:
    return data[:6] + b"\xff\xff\xff\xff" + data[10:]


def _bmp_claim(data: bytes) -> bytes:
    return data[:18] + struct.pack("<II", 60_000, 60_000) + data[26:]


def _float_tiff(values: np.ndarray) -> bytes:
    return encoded(Image.fromarray(values), "TIFF")


def _bad_crc(data: bytes) -> bytes:
    place = data.index(b"IDAT") - 5  # the last byte of IHDR's checksum
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
