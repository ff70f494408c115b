"""Exercises of lesson 09 (limits, your own data): a lookup table, an audit of labels, sigma, a budget of hours."""

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


@exercise(
    "09-sigma",
    title="Blobs for your pictures",
    task="Return the pair (low, high) of the blur's width in pixels for pictures of `height` x `width`, when 4 to 16 "
    "pixels are right at a crop of 640: the blobs keep their size relative to the shorter side.",
    hints=("Same blobs relative to the shorter side.", "Both ends times `min(height, width) / 640`."),
    minutes=2,
    difficulty=1,
    cases=lambda: [(360, 480), (1052, 1914), (1280, 720), (plain_random(2).randint(100, 600), 777), (96, 192)],
)
def own_sigma(height, width):
    scale = min(height, width) / 640
    return 4 * scale, 16 * scale


@misconception("09-sigma", "the longer side scales them: the shorter one decides", hint=2)
def _longer(height, width):
    return 4 * max(height, width) / 640, 16 * max(height, width) / 640


@misconception("09-sigma", "sigma is left at 4 to 16 pixels, whatever the size")
def _fixed(height, width):
    return 4.0, 16.0


@misconception("09-sigma", "only one end is scaled: the blobs' range would change its shape", hint=2)
def _one_end(height, width):
    return 4.0, 16 * min(height, width) / 640


@misconception("09-sigma", "the height scales them: a tall picture has its width as the shorter side", hint=2)
def _height(height, width):
    return 4 * height / 640, 16 * height / 640


@misconception("09-sigma", "the width scales them: a wide picture has its height as the shorter side", hint=2)
def _width(height, width):
    return 4 * width / 640, 16 * width / 640


@misconception("09-sigma", "one end follows the height, the other the width: one factor for both", hint=2)
def _an_end_a_side(height, width):
    return 4 * height / 640, 16 * width / 640


@misconception("09-sigma", "smaller pictures get larger blobs here: turn the fraction round", hint=2)
def _inverse(height, width):
    return 4 * 640 / min(height, width), 16 * 640 / min(height, width)


@misconception("09-sigma", "sigma is made a whole number: it may be a fraction of a pixel")
def _whole(height, width):
    return tuple(int(end) for end in own_sigma(height, width))


@misconception("09-sigma", "sigma is rounded: it may be a fraction of a pixel")
def _rounded(height, width):
    return tuple(round(end) for end in own_sigma(height, width))


@misconception("09-sigma", "pictures larger than 640 keep 4 to 16 here: scale upwards, too")
def _never_larger(height, width):
    scale = min(1.0, min(height, width) / 640)
    return 4 * scale, 16 * scale


@exercise(
    "09-budget",
    title="What will it cost?",
    task="A step sees `forward_images` pictures, which are `views` views (1, or 2 for GTR + LTR) of "
    "forward_images // views source pictures. Return (steps, hours) for `epochs` passes over `images` source pictures "
    "at `seconds` a step. The passes follow on without a break: only the last step of all may be a started one, and it "
    "counts as a whole.",
    hints=(
        "How many *source* pictures does a step use up?",
        "`steps = math.ceil(images * epochs / (forward_images // views))`, hours = steps * seconds / 3600.",
    ),
    minutes=4,
    difficulty=2,
    cases=lambda: [
        (600, 20, 12, 2, 0.3),
        (600, 20, 12, 1, 0.3),
        (12403, 3, 8, 2, 0.81),
        (101, 3, 6, 2, 1.0),
        (100, 1, 6, 2, 1.0),
        (101, 1, 7, 2, 1.0),
        (plain_random(3).randint(200, 9000), 7, 8, 2, 0.5),
    ],
)
def plan(images, epochs, forward_images, views, seconds):
    steps = math.ceil(images * epochs / (forward_images // views))
    return steps, steps * seconds / 3600


@misconception("09-budget", "the views are forgotten: two views of a picture use up one source picture")
def _no_views(images, epochs, forward_images, views, seconds):
    return plan(images, epochs, forward_images, 1, seconds)


@misconception("09-budget", "the last, started step is dropped: round up", hint=2)
def _rounded_down(images, epochs, forward_images, views, seconds):
    steps = images * epochs // (forward_images // views)
    return steps, steps * seconds / 3600


@misconception("09-budget", "these are minutes: an hour has 3600 seconds", hint=2)
def _minutes(images, epochs, forward_images, views, seconds):
    steps = plan(images, epochs, forward_images, views, seconds)[0]
    return steps, steps * seconds / 60


@misconception("09-budget", "each epoch is rounded up on its own: pictures can follow on across epochs", hint=2)
def _per_epoch(images, epochs, forward_images, views, seconds):
    steps = epochs * math.ceil(images / (forward_images // views))
    return steps, steps * seconds / 3600


@misconception(
    "09-budget", "a street is cut in half: seven pictures hold three streets with two views each, `//`", hint=2
)
def _half_pictures(images, epochs, forward_images, views, seconds):
    steps = math.ceil(images * epochs / (forward_images / views))
    return steps, steps * seconds / 3600


@misconception(
    "09-budget", "the views are multiplied: with two views a step holds half as many source pictures", hint=2
)
def _more_by_views(images, epochs, forward_images, views, seconds):
    return plan(images, epochs, forward_images * views, 1, seconds)


@misconception("09-budget", "a broken number of steps: a started step counts as a whole, round up", hint=2)
def _broken(images, epochs, forward_images, views, seconds):
    steps = images * epochs / (forward_images // views)
    return steps, steps * seconds / 3600


@misconception("09-budget", "the steps are rounded to the nearest: a started step counts as a whole, round up", hint=2)
def _nearest(images, epochs, forward_images, views, seconds):
    steps = round(images * epochs / (forward_images // views))
    return steps, steps * seconds / 3600


@misconception("09-budget", "the hours leave out the started step: take them from the rounded steps", hint=2)
def _hours_without_the_last(images, epochs, forward_images, views, seconds):
    steps = plan(images, epochs, forward_images, views, seconds)[0]
    return steps, images * epochs / (forward_images // views) * seconds / 3600


@misconception("09-budget", "this is one pass: multiply by the epochs")
def _one_epoch(images, epochs, forward_images, views, seconds):
    return plan(images, 1, forward_images, views, seconds)


@misconception("09-budget", "a step is charged once for each view: `seconds` is the whole step already")
def _seconds_by_views(images, epochs, forward_images, views, seconds):
    return plan(images, epochs, forward_images, views, seconds)[0], plan(
        images, epochs, forward_images, views, seconds * views
    )[1]


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


@misconception("09-sigma", "only one end is scaled: the blobs' range would change its shape", hint=2)
def _other_end(height, width):
    return 4 * min(height, width) / 640, 16.0


@misconception("09-sigma", "the mean of both sides scales them: the shorter one decides", hint=2)
def _mean_side(height, width):
    return 4 * (height + width) / 1280, 16 * (height + width) / 1280


@misconception("09-sigma", "the picture's area scales them: the shorter side decides", hint=2)
def _root_of_area(height, width):
    return 4 * math.sqrt(height * width) / 640, 16 * math.sqrt(height * width) / 640


@misconception("09-sigma", "high comes first here: return (low, high)")
def _high_first(height, width):
    return own_sigma(height, width)[::-1]


@misconception("09-sigma", "pictures smaller than 640 keep 4 to 16 here: scale downwards, too")
def _never_smaller(height, width):
    scale = max(1.0, min(height, width) / 640)
    return 4 * scale, 16 * scale


@misconception("09-sigma", "sigma is kept at one pixel or more: in a small picture it may be less")
def _at_least_a_pixel(height, width):
    return tuple(max(1.0, end) for end in own_sigma(height, width))


@misconception("09-sigma", "the factor is made a whole number: `/`, not `//`")
def _whole_factor(height, width):
    scale = min(height, width) // 640
    return 4 * scale, 16 * scale


@misconception("09-budget", "one step too many where it comes out even: take `math.ceil`, not `// k + 1`", 2)
def _always_one_more(images, epochs, forward_images, views, seconds):
    steps = images * epochs // (forward_images // views) + 1
    return steps, steps * seconds / 3600


@misconception("09-budget", "each epoch drops its started step: pictures follow on, the last started step counts", 2)
def _epochs_cut_off(images, epochs, forward_images, views, seconds):
    steps = epochs * (images // (forward_images // views))
    return steps, steps * seconds / 3600


@misconception("09-budget", "the hours come first here: return (steps, hours)")
def _hours_first(images, epochs, forward_images, views, seconds):
    return plan(images, epochs, forward_images, views, seconds)[::-1]


@misconception("09-budget", "these are seconds: an hour has 3600", hint=2)
def _in_seconds(images, epochs, forward_images, views, seconds):
    steps = plan(images, epochs, forward_images, views, seconds)[0]
    return steps, steps * seconds


@misconception("09-budget", "the hours are rounded: leave them as they are")
def _rounded_hours(images, epochs, forward_images, views, seconds):
    steps, hours = plan(images, epochs, forward_images, views, seconds)
    return steps, round(hours, 2)


@misconception("09-budget", "the epochs are in the steps already: hours are steps times seconds", hint=2)
def _epochs_twice(images, epochs, forward_images, views, seconds):
    steps, hours = plan(images, epochs, forward_images, views, seconds)
    return steps, hours * epochs
