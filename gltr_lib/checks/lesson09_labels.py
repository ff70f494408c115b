"""Exercises of lesson 09 about labels of one's own: a lookup table, an audit, a split by recording."""

from __future__ import annotations

import math

import numpy as np

from gltr_lib.checks.registry import Exercises, NotYet, numpy_random, plain_random

EXERCISES = Exercises()
exercise, misconception = EXERCISES.exercise, EXERCISES.misconception


def _mappings():
    # NumPy hands small blocks of memory out again: after this an `np.empty` of the table's size is not 255.
    used = [np.full(256, 201, np.uint8) for _ in range(16)]
    del used
    return [({7: 0, 8: 1, 11: 2, 26: 13},), ({0: 10, 1: 2, 250: 18},), (_own_ids(),)]


def _own_ids():
    """A mapping of the student's own variant."""
    draw = plain_random(1)
    return {old: draw.randrange(19) for old in draw.sample(range(255), 12)}


@exercise(
    "09-lut",
    title="A table for your labels",
    task="Return a NumPy array `lut` (uint8, 256 entries) so that `lut[your_labels]` are trainIds: `mapping` is a dict "
    "your id -> trainId; every id that is not in it becomes 255 (ignore).",
    hints=(
        "What should an id that you did not think of become? Not road.",
        "`np.full(256, 255, dtype=np.uint8)`, then fill in the entries.",
    ),
    minutes=3,
    difficulty=1,
    cases=_mappings,
    strict_dtype=True,
)
def build_lut(mapping):
    lut = np.full(256, 255, dtype=np.uint8)
    for old, new in mapping.items():
        lut[old] = new
    return lut


@misconception("09-lut", "ids that are not in the mapping become 0, and 0 is road: make them 255")
def _zeros(mapping):
    lut = np.zeros(256, dtype=np.uint8)
    for old, new in mapping.items():
        lut[old] = new
    return lut


@misconception(
    "09-lut", "ids that are not in the mapping keep their number, which means another class here: make them 255"
)
def _identity(mapping):
    lut = np.arange(256, dtype=np.uint8)
    for old, new in mapping.items():
        lut[old] = new
    return lut


@misconception("09-lut", "the table is not uint8: it would blow every label map up eightfold", hint=2)
def _wide(mapping):
    return build_lut(mapping).astype(np.int64)


@misconception("09-lut", "the table is turned round: your ids choose the entry, and the entry is the trainId")
def _turned_round(mapping):
    lut = np.full(256, 255, dtype=np.uint8)
    for old, new in mapping.items():
        lut[new] = old
    return lut


def _audits():
    rng = numpy_random(0)
    labels = rng.choice([0, 3, 7, 9, 200, 255], size=(8, 9)).astype(np.uint8)
    labels[0, :6] = 200, 9, 3, 255, 7, 0  # in no variant in rising order
    labels[5, 4] = 31  # at this pixel alone
    whole = np.where(labels == 255, 40, labels)  # no 255: the largest id counts like the others
    mappings: tuple[dict[int, int], ...] = (
        {0: 0, 7: 1, 9: 2, 26: 13},  # 26 does not occur
        {0: 0, 3: 5, 7: 1, 9: 2, 200: 18, 31: 255},  # 31 is ignored on purpose
        {},
    )
    return [*((labels.copy(), mapping) for mapping in mappings), (whole, {0: 0, 7: 1, 9: 2, 31: 6})]


def _listed(answer, labels, mapping):
    """The answer's ids. An order that is neither rising nor falling, as of a set, is named here: it varies."""
    want, holes = unknown_ids(labels, mapping), 255 in labels
    try:
        got = answer(labels, mapping)
    except (KeyError, ValueError) as error:
        if holes or ("255" not in str(error) and "not in list" not in str(error)):
            raise
        raise NotYet("it stops at a map without any 255: `remove` insists on finding it, `discard` does not") from error
    whole = isinstance(got, (list, tuple)) and all(isinstance(id, (int, np.integer)) for id in got)
    if whole and sorted(got) == want and list(got) not in (want, want[::-1]):
        raise NotYet("the ids are not sorted: smallest first")
    return got


@exercise(
    "09-audit",
    title="Ids that nobody expected",
    task="Return a sorted list of the ids that occur in `labels` (uint8, HxW) but are neither in `mapping` (dict) nor "
    "255: what you would lose in silence.",
    hints=("Which ids occur at all? Then strike out the known ones.", "`np.unique(labels)` and a comprehension."),
    minutes=4,
    difficulty=1,
    cases=_audits,
    observe=_listed,
)
def unknown_ids(labels, mapping):
    return [int(i) for i in np.unique(labels) if i != 255 and int(i) not in mapping]


@misconception("09-audit", "255 means 'no label' and is no surprise: leave it out")
def _with_ignore(labels, mapping):
    return [int(i) for i in np.unique(labels) if int(i) not in mapping]


@misconception(
    "09-audit", "this lists ids of the mapping that do not occur; the ids that occur unannounced are asked for"
)
def _missing(labels, mapping):
    return sorted(set(mapping) - set(np.unique(labels).tolist()))


@misconception("09-audit", "ids are compared with the new numbers: the keys of the mapping are your ids", hint=2)
def _against_values(labels, mapping):
    return [int(i) for i in np.unique(labels) if i != 255 and int(i) not in mapping.values()]


@misconception("09-audit", "the ids are not sorted: smallest first")
def _as_they_come(labels, mapping):
    return [i for i in dict.fromkeys(labels.ravel().tolist()) if i != 255 and i not in mapping]


@misconception("09-audit", "the largest id comes first: sort upwards")
def _downwards(labels, mapping):
    return unknown_ids(labels, mapping)[::-1]


@misconception("09-audit", "an id stands there once for every pixel: name each once", hint=2)
def _every_pixel(labels, mapping):
    return sorted(i for i in labels.ravel().tolist() if i != 255 and i not in mapping)


@misconception("09-audit", "these are the ids that are known: the others are asked for")
def _known(labels, mapping):
    return [int(i) for i in np.unique(labels) if int(i) in mapping]


@misconception("09-lut", "trainId 0 is road, and `or` and `if` take it for nothing: ask whether the id is in `mapping`")
def _road_is_false(mapping):
    return np.array([mapping.get(id) or 255 for id in range(256)], dtype=np.uint8)


@misconception("09-lut", "`np.empty` holds whatever stood in memory, not 255: take `np.full`", hint=2)
def _empty_table(mapping):
    return np.array([mapping.get(id, 201) for id in range(256)], dtype=np.uint8)


@misconception("09-lut", "only the first entry is filled in: `return` stands inside the loop")
def _first_entry(mapping):
    return build_lut(dict(list(mapping.items())[:1]))


@misconception("09-lut", "the table ends before 255: ids run from 0 to 255, that is 256 entries", hint=2)
def _too_short(mapping):
    return build_lut(mapping)[:255]


@misconception("09-audit", "an id that the mapping sends to 255 is known: ask whether it is in the mapping", hint=2)
def _ignored_on_purpose(labels, mapping):
    return [int(i) for i in np.unique(labels) if i != 255 and mapping.get(int(i), 255) == 255]


@misconception("09-audit", "trainId 0 is road, and `not mapping.get(i)` takes it for unknown: `i not in mapping`", 2)
def _road_is_unknown(labels, mapping):
    return [int(i) for i in np.unique(labels) if i != 255 and not mapping.get(int(i))]


@misconception("09-audit", "the largest id is struck out, whichever it is: only 255 means 'no label'", hint=2)
def _without_the_largest(labels, mapping):
    return [int(i) for i in np.unique(labels)[:-1] if int(i) not in mapping]


@misconception("09-audit", "ids of the mapping that do not occur are listed, too: only those that occur are asked for")
def _either_way(labels, mapping):
    return sorted(({*labels.ravel().tolist()} ^ {*mapping}) - {255})


@misconception("09-audit", "your ids are not trainIds: what counts is the mapping, not whether an id is above 18")
def _above_18(labels, mapping):
    return [int(i) for i in np.unique(labels) if 18 < i < 255]


def _recordings():
    drawn = plain_random(4)
    mixed = [drawn.choice(("tram", "rain", "alley", "night")) for _ in range(23)]
    return [
        (["b"] * 3 + ["a"] * 2 + ["c"] * 3, 0.25),  # two of eight: reached exactly
        (["monday"] * 5 + ["friday"] * 9 + ["sunday"] * 6, 0.3),
        (["z", "y", "z", "x", "y", "z", "x", "w"], 0.3),  # frames of one recording do not stand together
        (mixed, 0.4),
        (["a"] * 6 + ["b"] * 2 + ["c"] * 2, 0.5),  # half of the frames are not half of the recordings
        (["c"] * 3 + ["a"] * 2 + ["b"] * 3, 0.3),  # two frames are not 2.4
        (["only"] * 4, 0.5),
    ]


def _indices(answer, recordings, share):
    """The two sides. Sets and names in them would be compared as numbers, and nobody would understand why."""
    sides = answer(recordings, share)
    parts = sides if isinstance(sides, (tuple, list)) else ()
    if isinstance(sides, dict) or any(isinstance(side, (set, frozenset)) for side in parts):
        raise NotYet("return two lists, (train, val): no dict, and no sets, which have no order")
    if any(isinstance(i, str) for side in parts if isinstance(side, (tuple, list)) for i in side):
        raise NotYet("these are names: return the indices of the frames")
    return sides


@exercise(
    "09-split",
    title="Split by recording",
    task="`recordings` is a list: for each of N frames the name of its recording. Return (train, val), two rising "
    "lists of frame indices. In alphabetical order, whole recordings go to val until val holds at least `share` of all "
    "frames; the rest is train.",
    hints=(
        "First choose names, then sort the indices by them. When is val full?",
        "Go over `sorted(set(recordings))`; stop as soon as the count is at least `share * len(recordings)`.",
    ),
    minutes=5,
    difficulty=2,
    cases=_recordings,
    parts=("train", "val"),
    observe=_indices,
)
def split_by_recording(recordings, share):
    held_out, count = set(), 0
    for name in sorted(set(recordings)):
        if count >= share * len(recordings):
            break
        held_out.add(name)
        count += recordings.count(name)
    return _sides(recordings, held_out)


def _sides(recordings, held_out):
    train = [i for i, name in enumerate(recordings) if name not in held_out]
    return train, [i for i, name in enumerate(recordings) if name in held_out]


def _until(names, recordings, full):
    """The split that takes names until ``full(frames so far, recordings so far)``."""
    held_out: list[str] = []
    for name in names:
        if full(sum(recordings.count(n) for n in held_out), len(held_out)):
            break
        held_out.append(name)
    return _sides(recordings, held_out)


@misconception("09-split", "a recording is cut in two, and neighbours stand on both sides: take whole recordings")
def _first_frames(recordings, share):
    count = math.ceil(share * len(recordings))
    return list(range(count, len(recordings))), list(range(count))


@misconception("09-split", "a recording is cut in two, and neighbours stand on both sides: take whole recordings")
def _last_frames(recordings, share):
    count = math.ceil(share * len(recordings))
    return list(range(len(recordings) - count)), list(range(len(recordings) - count, len(recordings)))


@misconception("09-split", "every so many frames go to val: each of them has its neighbours in train")
def _every_nth(recordings, share):
    step = max(1, round(1 / share))
    val = list(range(0, len(recordings), step))
    return [i for i in range(len(recordings)) if i not in val], val


@misconception("09-split", "the frames are sorted by recording, and then one recording is cut: take it whole", 2)
def _sorted_and_cut(recordings, share):
    order = sorted(range(len(recordings)), key=lambda i: recordings[i])
    count = math.ceil(share * len(recordings))
    return sorted(order[count:]), sorted(order[:count])


@misconception("09-split", "the share is taken of the recordings: they are of unequal length, count frames", hint=2)
def _share_of_recordings(recordings, share):
    names = sorted(set(recordings))
    return _until(names, recordings, lambda frames, taken: taken >= share * len(names))


@misconception("09-split", "recordings are taken as they come: alphabetical order is asked for", hint=2)
def _in_order_of_appearance(recordings, share):
    names = dict.fromkeys(recordings)
    return _until(names, recordings, lambda frames, taken: frames >= share * len(recordings))


@misconception("09-split", "the alphabet is gone through backwards: begin with its first name")
def _backwards(recordings, share):
    names = sorted(set(recordings), reverse=True)
    return _until(names, recordings, lambda frames, taken: frames >= share * len(recordings))


@misconception("09-split", "one recording too many where the share is reached exactly: stop at `>=`", hint=2)
def _one_too_many(recordings, share):
    names = sorted(set(recordings))
    return _until(names, recordings, lambda frames, taken: frames > share * len(recordings))


@misconception("09-split", "val stays below the share: take recordings until it is reached", hint=2)
def _too_few(recordings, share):
    held_out: list[str] = []
    for name in sorted(set(recordings)):
        if sum(recordings.count(n) for n in [*held_out, name]) > share * len(recordings):
            break
        held_out.append(name)
    return _sides(recordings, held_out)


@misconception("09-split", "a long recording is skipped for a later one: take them as the alphabet has them", 2)
def _what_fits(recordings, share):
    held_out: list[str] = []
    for name in sorted(set(recordings)):
        if sum(recordings.count(n) for n in [*held_out, name]) <= math.ceil(share * len(recordings)):
            held_out.append(name)
    return _sides(recordings, held_out)


@misconception("09-split", "one recording is held out, however short it is: go on until the share is reached", hint=2)
def _one_recording(recordings, share):
    return _sides(recordings, sorted(set(recordings))[:1])


@misconception("09-split", "val comes first here: return (train, val)")
def _val_first(recordings, share):
    return split_by_recording(recordings, share)[::-1]


@misconception("09-split", "these are names: return the indices of the frames")
def _names(recordings, share):
    return tuple([recordings[i] for i in side] for side in split_by_recording(recordings, share))


@misconception("09-split", "the indices stand by recording: both lists rise")
def _by_recording(recordings, share):
    sides = split_by_recording(recordings, share)
    return tuple(sorted(side, key=lambda i: (recordings[i], i)) for side in sides)


@misconception("09-split", "the indices of val stand by recording: both lists rise")
def _val_by_recording(recordings, share):
    train, val = split_by_recording(recordings, share)
    return train, sorted(val, key=lambda i: (recordings[i], i))


@misconception("09-split", "the longest recordings come first here: alphabetical order is asked for", hint=2)
def _longest_first(recordings, share):
    names = sorted(set(recordings), key=lambda name: (-recordings.count(name), name))
    return _until(names, recordings, lambda frames, taken: frames >= share * len(recordings))


@misconception("09-split", "the share is made a whole number of frames downwards: 2 of 8 are less than 0.3", hint=2)
def _rounded_share(recordings, share):
    names = sorted(set(recordings))
    return _until(names, recordings, lambda frames, taken: frames >= int(share * len(recordings)))


@misconception("09-split", "only the first stretch of a recording is taken: its frames need not stand together", hint=2)
def _first_stretch(recordings, share):
    _, val = split_by_recording(recordings, share)
    kept: list[int] = []
    for i in val:
        start = recordings.index(recordings[i])
        if recordings[start : i + 1] == [recordings[i]] * (i + 1 - start):
            kept.append(i)
    return [i for i in range(len(recordings)) if i not in kept], kept


@misconception("09-split", "the share goes to train here: val holds it")
def _share_of_train(recordings, share):
    names = sorted(set(recordings))
    return _until(names, recordings, lambda frames, taken: frames >= (1 - share) * len(recordings))
