"""Two pictures at once: the same results, the order kept, memory and threads minded."""

import threading
import time

import numpy as np
import pytest
import torch

from gltr_lib import StyleBank, Stylizer
from gltr_lib.offline import studio as studio_module
from gltr_lib.offline.paint import Painter
from gltr_lib.offline.studio import Studio


@pytest.fixture(scope="module")
def stylizer():
    return Stylizer.load("mini")


@pytest.fixture(scope="module")
def bank():
    return StyleBank.load("paintings-mini")


@pytest.fixture
def four_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def jobs(count, sizes=((16, 24),)):
    rng = np.random.default_rng(0)
    for number in range(count):
        height, width = sizes[number % len(sizes)]
        yield number, [rng.integers(0, 256, (height, width, 3), np.uint8)], [[number % 3]]


class Watched(Painter):
    """Notes how many paint at once, and with how many threads."""

    def __init__(self, *arguments, seconds=0.02, **options):
        super().__init__(*arguments, **options)
        self.lock, self.now, self.seen, self.seconds = threading.Lock(), 0, [], seconds

    def paint(self, pictures, styles):
        with self.lock:
            self.now += 1
        time.sleep(self.seconds)  # so that a second one would be there
        with self.lock:
            self.seen.append((pictures[0].shape[:2], self.now, torch.get_num_threads()))
        try:
            return super().paint(pictures, styles)
        finally:
            with self.lock:
                self.now -= 1


def test_the_pictures_and_their_order_are_those_of_one_after_the_other(stylizer, bank, four_threads):
    alone = Painter(stylizer, bank)
    expected = [
        (number, alone.paint(pictures, styles)[0][0]) for number, pictures, styles in jobs(7, [(16, 24), (20, 8)])
    ]
    with Studio(Painter(stylizer, bank)) as studio:
        found = [(number, painted[0][0]) for number, _, painted in studio.paint(jobs(7, [(16, 24), (20, 8)]))]
    assert [number for number, _ in found] == list(range(7))
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(found, expected, strict=True))


def test_two_small_pictures_are_painted_at_once_on_half_of_the_threads(stylizer, bank, four_threads):
    painter = Watched(stylizer, bank)
    with Studio(painter) as studio:
        list(studio.paint(jobs(6)))
    assert max(now for _, now, _ in painter.seen) == 2
    assert {threads for _, _, threads in painter.seen} == {2}
    assert torch.get_num_threads() == 4


def test_a_large_picture_is_painted_alone_on_all_threads(stylizer, bank, four_threads, monkeypatch):
    weight = {(16, 24): 1, (32, 24): 3}
    monkeypatch.setattr(studio_module, "peak_bytes", lambda name, size, *_: weight[size])
    monkeypatch.setattr(studio_module, "LIGHT", 2)
    painter = Watched(stylizer, bank)
    with Studio(painter) as studio:
        assert [number for number, *_ in studio.paint(jobs(9, [(16, 24), (16, 24), (32, 24)]))] == list(range(9))
    assert {(now, threads) for size, now, threads in painter.seen if size == (32, 24)} == {(1, 4)}
    assert 2 in {threads for size, _, threads in painter.seen if size == (16, 24)}


@pytest.mark.parametrize("options", [{"batch": 2}, {"memory": 4000}])
def test_who_asked_for_a_batch_or_a_budget_gets_one_at_a_time(stylizer, bank, four_threads, options):
    painter = Watched(stylizer, bank, seconds=0, **options)
    with Studio(painter) as studio:
        list(studio.paint(jobs(3)))
    assert {(now, threads) for _, now, threads in painter.seen} == {(1, 4)}


def test_an_error_comes_out_and_the_threads_are_given_back(stylizer, bank, four_threads):
    class Broken(Painter):
        def paint(self, pictures, styles):
            raise RuntimeError("no paint left")

    with pytest.raises(RuntimeError, match="no paint left"), Studio(Broken(stylizer, bank)) as studio:
        list(studio.paint(jobs(5)))
    assert torch.get_num_threads() == 4
    with Studio(Painter(stylizer, bank)) as studio:
        next(studio.paint(jobs(5)))  # and no more is asked for
    assert torch.get_num_threads() == 4
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("paint")]
