"""Exercises of lesson 09 (limits, your own data): those of the labels, the blobs' sigma, a budget of hours."""

from __future__ import annotations

import math

from gltr_lib.checks import lesson09_labels
from gltr_lib.checks.registry import Exercises, plain_random

EXERCISES = Exercises(lesson09_labels.EXERCISES)
exercise, misconception = EXERCISES.exercise, EXERCISES.misconception


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
    "at `seconds` a step. The passes follow on without a break: only the very last step may be incomplete, and it "
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
