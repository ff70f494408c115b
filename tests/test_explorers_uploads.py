"""Uploads: an honest picture arrives upright in RGB, a dishonest one is refused in a sentence that names it."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from gltr_lib.explorers import uploads


def photo(height=90, width=120, mode="RGB"):
    """A picture whose left half is red and whose right half is blue."""
    array = np.zeros((height, width, 3), np.uint8)
    array[:, : width // 2, 0] = 220
    array[:, width // 2 :, 2] = 220
    return Image.fromarray(array).convert(mode)


def file_of(picture, kind, **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("RGB", "JPEG"), ("RGB", "PNG"), ("RGB", "WEBP"), ("CMYK", "JPEG"), ("P", "GIF"), ("RGBA", "PNG")],
)
def test_any_mode_becomes_rgb_with_its_colours(mode, kind):
    upload = uploads.decode(file_of(photo(mode=mode), kind), "a.picture")
    assert upload.picture.dtype == np.uint8
    assert upload.picture.shape == (90, 120, 3)
    left, right = upload.picture[20:70, 10:50].mean((0, 1)), upload.picture[20:70, 70:110].mean((0, 1))
    assert left[0] > 170 and left[2] < 60, left  # noqa: PT018 - one statement about one colour
    assert right[2] > 150 and right[0] < 60, right  # noqa: PT018


def test_sixteen_bits_and_black_and_white_keep_their_tones():
    ramp = np.linspace(0, 65535, 40).astype(np.uint16)[None].repeat(20, 0)
    got = uploads.decode(file_of(Image.fromarray(ramp), "PNG")).picture
    assert got[0, 0, 0] == 0
    assert got[0, -1, 0] == 255
    assert abs(int(got[0, 20, 1]) - round(ramp[0, 20] / 257)) <= 1
    bits = uploads.decode(file_of(photo().convert("1"), "PNG")).picture
    assert set(np.unique(bits)) <= {0, 255}


def test_a_photograph_taken_on_its_side_stands_up():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees to see it upright
    upload = uploads.decode(file_of(photo(), "JPEG", exif=exif, quality=95), "turned.jpg")
    assert upload.picture.shape == (120, 90, 3)
    assert upload.original == (120, 90)
    assert upload.picture[20, 45, 0] > 170  # what was left is now above


def test_large_pictures_are_made_smaller_in_their_proportions_and_say_so():
    upload = uploads.decode(file_of(photo(1000, 2000), "JPEG"), "wide.jpg")
    assert upload.picture.shape == (256, 512, 3)
    assert upload.words == "wide.jpg: 2000 x 1000 pixels, made smaller to 512 x 256 for this explorer."
    small = uploads.decode(file_of(photo(9, 7), "PNG"), "small.png")
    assert small.picture.shape == (9, 7, 3)
    assert small.words == "small.png: 7 x 9 pixels."
    line = uploads.decode(file_of(Image.new("L", (3000, 1), 9), "PNG"))
    assert line.picture.shape == (1, 512, 3)


def bomb(width=60_000, height=60_000):
    """A PNG of a few bytes that claims 3.6 thousand million pixels."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not an image"),
        (b"just some text, no picture at all", "not an image"),
        (bomb(), "too large"),
        (bomb(9_000, 9_000), "too large"),
        (file_of(photo(), "JPEG")[:700], "truncated"),
        (file_of(photo(400, 400, "L"), "PNG")[:-60], "truncated"),
        (b"x" * (uploads.MAX_BYTES + 1), "at most 8 MB"),
    ],
    ids=["empty", "svg", "text", "bomb", "small bomb", "cut jpeg", "cut png", "heavy"],
)
def test_what_is_no_proper_picture_is_refused_by_name(data, message):
    with pytest.raises(ValueError, match=message) as caught:
        uploads.decode(data, "holiday.jpg")
    assert str(caught.value).startswith("holiday.jpg: ")
    assert "gltr-upload" not in str(caught.value)  # no word of where it lay


def test_names_of_files_cannot_reach_the_page_or_the_code():
    nasty = "../../etc/<img src=x onerror='alert(1)'>\"\n.png"
    upload = uploads.decode(file_of(photo(), "PNG"), nasty)
    assert not set(upload.name) & set("<>\"'&\n/\\")
    assert uploads.decode(file_of(photo(), "PNG"), "C:\\photos\\me.png").name == "me.png"
    assert uploads.decode(file_of(photo(), "PNG"), "'\"").name == "your picture"


def test_a_file_gives_exactly_what_its_upload_gave(tmp_path):
    data = file_of(photo(700, 900), "JPEG")
    (tmp_path / "me.jpg").write_bytes(data)
    assert np.array_equal(uploads.from_file(tmp_path / "me.jpg"), uploads.decode(data, "me.jpg").picture)
    with pytest.raises(ValueError, match="no such file"):
        uploads.from_file(tmp_path / "you.jpg")
    with pytest.raises(ValueError, match="at most 0 MB"):
        uploads.from_file(tmp_path / "me.jpg", max_bytes=100)


def test_a_file_is_found_by_the_plain_name_that_the_copied_code_has(tmp_path):
    data = file_of(photo(), "PNG")
    for name in ("anna's street.png", f"{'a very long name ' * 5}of a street.png"):
        (tmp_path / name).write_bytes(data)
        plain = uploads.decode(data, name).name
        assert plain != name
        assert np.array_equal(uploads.from_file(tmp_path / plain), uploads.decode(data, name).picture)
    (tmp_path / 'anna"s street.png').write_bytes(data)  # now two files have this plain name: none is guessed
    with pytest.raises(ValueError, match="no such file"):
        uploads.from_file(tmp_path / "annas street.png")


def test_the_value_of_the_button_is_understood():
    button = uploads.button()
    assert button.accept == "image/*"
    assert "8 MB" in button.tooltip
    assert uploads.newest(button.value) is None
    value = ({"name": "a.png", "type": "image/png", "size": 3, "content": memoryview(file_of(photo(), "PNG"))},)
    assert uploads.newest(value).name == "a.png"
    with pytest.raises(TypeError, match="FileUpload"):
        uploads.newest(({"name": "a.png"},))
    with pytest.raises(TypeError, match="bytes"):
        uploads.decode("a.png")
