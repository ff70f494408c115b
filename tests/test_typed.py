"""Arguments held against their annotations, and JSON that is anything at all: one line that names what was wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pytest
import torch

from gltr_lib._json import parse, parse_object
from gltr_lib._typed import BadArgument, check_fields, describe, fits, spell, strictly_typed, typed


@typed
def area(height: int, width: int = 2, *, scale: float = 1.0, name: str | None = None) -> float:
    """A function as they are written here."""
    return height * width * scale


def test_what_fits_goes_through_unchanged():
    assert area(3) == 6
    assert area(np.int64(3), np.uint8(4), scale=np.float32(0.5), name="x") == 6
    assert area(3, scale=torch.tensor(2.0)) == 12
    assert area.__name__ == "area"
    assert area.__doc__ == "A function as they are written here."


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"height": "3"}, "^height: expected a whole number, received str '3'"),
        ({"height": True}, "height: expected a whole number, received bool True"),
        ({"height": 3.0}, "height: expected a whole number, received float 3.0"),
        ({"height": 2**70}, "height: expected a whole number, received int"),
        ({"height": 1, "width": None}, "width: expected a whole number, received NoneType None"),
        ({"height": 1, "scale": float("nan")}, "scale: expected a finite number, received float nan"),
        ({"height": 1, "scale": float("inf")}, "scale: expected a finite number"),
        ({"height": 1, "scale": torch.ones(2)}, r"scale: expected a finite number, received tensor\(2,\) float32"),
        ({"height": 1, "name": b"x"}, "name: expected a text or None, received bytes b'x'"),
    ],
)
def test_what_does_not_fit_is_named_in_one_line(given, words):
    with pytest.raises(BadArgument, match=words) as caught:
        area(**given)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("value", "hint", "wanted"),
    [
        ((1, 2), tuple[int, int], True), ([1, 2], tuple[int, int], True), ((1, 2, 3), tuple[int, int], False),
        ((1, 2, 3), tuple[int, ...], True), (np.ones(2), tuple[float, float], False), ("ab", tuple[str, ...], False),
        (["a"], Sequence[str], True), ("ab", Sequence[str], False), ([1], Sequence[str], False), ({1}, Iterable[str],
        False),
        (torch.ones(2, 2), Iterable[str], False), (torch.tensor(1), Iterable[str], False), (iter("ab"),
        Iterable[int], True),
        ({"a": 1}, Mapping[str, int], True), ({"a": "b"}, Mapping[str, int], False), ([("a", 1)], Mapping[str, int],
        False),
        ("kl", Literal["mse", "kl"], True), ("else", Literal["mse", "kl"], True), (5, Literal["mse", "kl"], False),
        (5, Any, True), (None, int | None, True), (torch.Generator(), torch.Generator | None, True),
        ("cpu", torch.Generator | None, False), (np.bool_(True), bool, True), (1, bool, False),
    ],
)  # fmt: skip
def test_kinds(value, hint, wanted):
    assert fits(value, hint) is wanted
    assert spell(hint)


def test_names_that_only_type_checkers_know_are_left_out():
    @typed
    def odd(thing: Nowhere, number: int) -> None:  # noqa: F821
        """``Nowhere`` stands for an import under TYPE_CHECKING."""

    odd(object(), 1)
    with pytest.raises(BadArgument, match="number"):
        odd(object(), "x")


def test_tensors_are_the_function_s_own_unless_it_says_otherwise():
    def same(image: torch.Tensor) -> torch.Tensor:
        return image

    assert typed(same)("no tensor") == "no tensor"
    with pytest.raises(BadArgument, match="image: expected Tensor, received str"):
        strictly_typed(same)("no tensor")


def test_fields_of_a_configuration():
    @dataclasses.dataclass
    class Settings:
        size: tuple[int, int] = (1, 2)
        share: float = 0.5

    Settings.__module__ = __name__
    check_fields(Settings())
    with pytest.raises(BadArgument, match="share: expected a finite number, received float nan"):
        check_fields(Settings(share=float("nan")))
    with pytest.raises(BadArgument, match=r"size: expected \(a whole number, a whole number\)"):
        check_fields(Settings(size=(1, 2, 3)))


def test_descriptions_have_one_line():
    class Odd:
        def __repr__(self):
            return "in\ntwo lines"

    class Broken:
        def __repr__(self):
            raise RuntimeError

    for value in (Odd(), Broken(), torch.rand(3, 4), np.zeros((2, 2)), "a\nb", 10**5000, [Odd()] * 100, torch.Tensor):
        assert "\n" not in describe(value)
        assert len(describe(value)) <= 120


@pytest.mark.parametrize(
    "text", ["", "[" * 100_000, '{"a":' * 100_000, "nonsense", b"\xff\xfe\x00", "9" * 6000, b"\0" * 20]
)
def test_whatever_is_no_json_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        parse(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("[]", "a list"), ("5", "a number"), ('"x"', "a text"), ("null", "null"), ("true", "true or false")],
)
def test_an_object_is_an_object(text, kind):
    with pytest.raises(ValueError, match=f"expected a JSON object, found {kind}"):
        parse_object(text)
    assert parse_object('{"a": 1}') == {"a": 1}


def test_of_many_tables_the_first_are_looked_into_and_of_plain_items_all():
    rows = [{"a": 1.0}] * 1000
    assert fits(rows, Sequence[dict[str, float]])
    assert not fits([{"a": "x"}, *rows], Sequence[dict[str, float]])
    assert not fits([1.0] * 1000 + ["x"], Sequence[float])
    assert not fits([1.0] * 1000 + ["x"], Sequence[float | None])
    looked = []

    class Row(dict):
        def items(self):
            looked.append(1)
            return super().items()

    assert fits([Row(a=1.0)] * 1000, Sequence[dict[str, float]])
    assert len(looked) <= 20
