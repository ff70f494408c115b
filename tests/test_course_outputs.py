"""What is read out of a notebook's outputs where the text is not whole."""

import pytest

from gltr_lib.course import outputs

WHOLE = "Exception in thread Thread-3 (<lambda>):\nTraceback (most recent call last):\n  ...\nKeyError: 'planted'\n"


def test_a_threads_exception_is_named():
    (fault,) = outputs.thread_faults(WHOLE, "cell 5")
    assert fault == "cell 5: Exception in thread Thread-3 (<lambda>): KeyError: 'planted'"


@pytest.mark.parametrize(
    "piece", ["Exception in thread ", "Exception in thread Thread-3", WHOLE[: WHOLE.index("\n") + 9]]
)
def test_a_piece_of_a_threads_exception_names_none(piece):
    # A stream may be sent between two writes: "Exception in thread" is then no exception's name.
    (fault,) = outputs.thread_faults(piece, "cell 5")
    assert fault.endswith(": unknown")
