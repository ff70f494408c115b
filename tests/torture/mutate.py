"""Small damages to bytes, drawn from a seed: what a bad disk, a cut download and a bored person do to a file."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence

import numpy as np

MOST_BYTES = 400_000
#: Numbers that lengths and offsets are set to: ends of ranges, and one beyond them.
EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)
#: Words that parsers of texts stumble over.
WORDS = (
    b"null", b"true", b"NaN", b"Infinity", b"-1", b"1e999", b"9" * 40, b'""', b"[]", b"{}", b"[[[[", b"{{", b'"', b"\\",
    b"\\u0000", b"\xff", b"\xc3\x28", b"\0", b"\n", b"\r\n", b"\t", b"..", b"/", b"../", b"#", b"=", b",", b":",
    b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"1" * 5000, b"a" * 5000,
)  # fmt: skip


def mutated(data: bytes, rng: np.random.Generator, others: Sequence[bytes] = ()) -> bytes:
    """One to four damages, one after the other.

    Args:
        data: the file.
        rng: draws them.
        others: files of the same kind, of which pieces are spliced in.
    """
    for _ in range(int(rng.integers(1, 5))):
        data = KINDS[int(rng.integers(len(KINDS)))](data, rng, others)[:MOST_BYTES]
    return data


def _flip(data: bytes, rng: np.random.Generator, others: Sequence[bytes]) -> bytes:
    out = bytearray(data)
    for _ in range(int(rng.integers(1, 8))):
        if out:
            out[int(rng.integers(len(out)))] ^= 1 << int(rng.integers(8))
    return bytes(out)


def _set(data: bytes, rng: np.random.Generator, others: Sequence[bytes]) -> bytes:
    out = bytearray(data)
    if out:
        out[int(rng.integers(len(out)))] = int(
            rng.choice([0, 1, 0x20, 0x22, 0x2D, 0x30, 0x39, 0x5B, 0x7B, 0x7F, 0x80, 0xFF])
        )
    return bytes(out)


def _truncate(data: bytes, rng: np.random.Generator, others: Sequence[bytes]) -> bytes:
    return data[: int(rng.integers(len(data) + 1))]


def _cut(data: bytes, rng: np.random.Generator, others: Sequence[bytes]) -> bytes:
    start, stop = sorted(int(value) for value in rng.integers(len(data) + 1, size=2))
    return data[:start] + data[min(stop, start + 64) :]


def _insert(data: bytes, rng: np.random.Generator, others: Sequence[bytes]) -> bytes:
    place = int(rng.integers(len(data) + 1))
    return data[:place] + rng.bytes(int(rng.integers(1, 40))) + data[place:]


def _word(data: bytes, rng: np.random.Generator, others: Sequence[bytes]) -> bytes:
    start = int(rng.integers(len(data) + 1))
    stop = start + int(rng.integers(0, 12))
    return data[:start] + WORDS[int(rng.integers(len(WORDS)))] + data[stop:]


def _length(data: bytes, rng: np.random.Generator, others: Sequence[bytes]) -> bytes:
    """Four or eight bytes become a number at the end of a range; most headers lie at the beginning."""
    form = str(rng.choice(["<I", ">I", "<Q", ">Q", "<H", ">H"]))
    size = struct.calcsize(form)
    if len(data) < size:
        return data
    reach = len(data) - size + 1
    place = int(rng.integers(min(reach, 64))) if rng.random() < 0.6 else int(rng.integers(reach))
    value = EDGES[int(rng.integers(len(EDGES)))] & (2 ** (8 * size) - 1)
    return data[:place] + struct.pack(form, value) + data[place + size :]


def _splice(data: bytes, rng: np.random.Generator, others: Sequence[bytes]) -> bytes:
    other = others[int(rng.integers(len(others)))] if others else data
    return data[: int(rng.integers(len(data) + 1))] + other[int(rng.integers(len(other) + 1)) :]


def _repeat(data: bytes, rng: np.random.Generator, others: Sequence[bytes]) -> bytes:
    start = int(rng.integers(len(data) + 1))
    piece = data[start : start + int(rng.integers(1, 64))]
    return data[:start] + piece * int(rng.integers(2, 60)) + data[start:]


def _digits(data: bytes, rng: np.random.Generator, others: Sequence[bytes]) -> bytes:
    """A number in a text becomes another one."""
    places = [index for index, byte in enumerate(data[:4000]) if 0x30 <= byte <= 0x39]
    if not places:
        return data
    place = places[int(rng.integers(len(places)))]
    new = (b"-1", b"0", b"255", b"256", b"99999999999", b"1.5", b"1e9", b"null", b'"x"', b"[1]")
    return data[:place] + new[int(rng.integers(len(new)))] + data[place + 1 :]


def resealed(data: bytes) -> bytes:
    """A PNG whose chunks' checksums are right again, so that what is behind them is reached.

    Example:
        >>> from tests.torture.corpus_pictures import claims
        >>> resealed(claims(3, 4)) == claims(3, 4)
        True
    """
    out, place = bytearray(data), 8
    while place + 12 <= len(out):
        size = int.from_bytes(out[place : place + 4], "big")
        end = place + 8 + size
        if end + 4 > len(out):
            break
        out[end : end + 4] = zlib.crc32(bytes(out[place + 4 : end])).to_bytes(4, "big")
        place = end + 4
    return bytes(out)


KINDS: tuple[Callable[[bytes, np.random.Generator, Sequence[bytes]], bytes], ...] = (
    _flip, _set, _truncate, _cut, _insert, _word, _length, _splice, _repeat, _digits,
)  # fmt: skip
