"""Figures: alternative text is required and arrives, pictures are converted faithfully, charts are coded twice."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from gltr_lib import labels, viz

ALT = "A grey ramp from black at the left to white at the right."


@pytest.fixture
def shown(monkeypatch):
    import IPython.core.getipython
    import IPython.display

    calls = []
    monkeypatch.setattr(IPython.core.getipython, "get_ipython", lambda: object())
    monkeypatch.setattr(IPython.display, "display", lambda *data, **options: calls.append((data, options)))
    return calls


def street():
    rng = np.random.default_rng(0)
    classes = np.full((40, 80), 10, np.uint8)
    classes[20:] = 0
    classes[5:25, :30] = 2
    classes[-3:] = 255
    return rng.integers(0, 256, (40, 80, 3)).astype(np.uint8), classes


def test_show_puts_alternative_text_into_the_metadata(shown):
    assert viz.show(np.tile(np.linspace(0, 1, 50), (20, 1)), alt=ALT) is None
    (data,), options = shown[0]
    assert options["metadata"]["image/png"]["alt"] == ALT
    assert options["raw"] is True
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert picture.size == (50, 20)
    assert ALT in data["text/plain"]


def test_show_takes_figures(shown):
    viz.show(viz.bars({"a": 1.0}, ylabel="IoU (%)"), alt=ALT)
    assert shown[0][1]["metadata"]["image/png"]["width"] == 840


@pytest.mark.parametrize("alt", ["", "   ", "a figure", None, "the/figure/of/gtr.png", 7, "x" * 401])
def test_show_refuses_a_missing_or_empty_description(alt, shown):
    with pytest.raises(ValueError, match="characters"):
        viz.show(np.zeros((4, 4)), alt=alt)
    with pytest.raises(ValueError, match="characters"):
        viz.show(np.zeros((4, 4)))
    assert not shown


def test_show_outside_a_notebook_prints_the_description(capsys):
    viz.show(np.zeros((4, 4)), alt=ALT)
    assert capsys.readouterr().out == f"[figure] {ALT}\n"


def test_as_picture_converts_every_kind():
    uint8 = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    as_float = torch.from_numpy(uint8).permute(2, 0, 1).float() / 255
    assert np.array_equal(viz.as_picture(uint8), uint8)
    assert np.array_equal(viz.as_picture(as_float), uint8)
    assert np.array_equal(viz.as_picture(as_float.numpy()), uint8)
    assert viz.as_picture(torch.ones(2, 3, dtype=torch.bool)).tolist() == [[[255] * 3] * 3] * 2
    strip = viz.as_picture(torch.stack([as_float, as_float]))
    assert strip.shape == (2, 4 + 2 + 4, 3)
    assert np.array_equal(strip[:, -4:], uint8)


@pytest.mark.parametrize(
    "bad", [np.zeros((2, 3, 4, 5, 6)), np.full((4, 4), 200.0), np.full((4, 4), np.nan), np.zeros(5)]
)
def test_as_picture_says_what_is_wrong(bad):
    with pytest.raises(ValueError, match="picture: expected"):
        viz.as_picture(bad)


def test_overlay_keeps_ignored_pixels_and_alpha_0():
    image, classes = street()
    mixed = viz.overlay(image, classes, 0.5)
    assert np.array_equal(mixed[classes == 255], image[classes == 255])
    assert not np.array_equal(mixed[classes == 0], image[classes == 0])
    assert np.array_equal(viz.overlay(image, classes, 0.0), image)
    with pytest.raises(ValueError, match="must agree"):
        viz.overlay(image, classes[:-1])


def test_error_map_has_light_blue_for_right_and_dark_orange_for_wrong():
    _, classes = street()
    guess = classes.copy()
    guess[classes == 2] = 0
    drawn = viz.error_map(guess, classes).astype(int)
    right, wrong = drawn[classes == 0][0], drawn[classes == 2][0]
    assert right[2] > right[0]
    assert wrong[0] > wrong[2]
    assert right.mean() - wrong.mean() > 60
    assert np.ptp(drawn[classes == 255][0]) == 0


def test_grid_places_every_picture_with_its_title():
    image, classes = street()
    figure = viz.grid(
        [image] * 5, ["a", "b", "c", "d", "e"], 3, labels=[None, classes, None, None, None], rows=["x", "y"]
    )
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["a", "b", "c", "d", "e"]
    boxes = [ax.get_position() for ax in figure.axes]
    assert all(0 <= b.x0 < b.x1 <= 1 and 0 <= b.y0 < b.y1 <= 1 for b in boxes)
    assert not np.array_equal(figure.axes[0].images[0].get_array(), figure.axes[1].images[0].get_array())
    with pytest.raises(ValueError, match="at least one"):
        viz.grid([])


def test_label_figure_names_and_numbers_the_classes_present():
    image, classes = street()
    figure = viz.label_figure(classes, image)
    texts = [text.get_text() for ax in figure.axes for text in ax.texts]
    assert {"road", "building", "sky"} <= set(texts)
    assert "car" not in texts
    assert texts.count("0") == 2  # on the street and in the legend
    assert len(viz.label_legend().axes[0].texts) == 2 * len(labels.CLASSES)


def test_number_on_a_region_lies_inside_it():
    _, classes = street()
    figure = viz.label_figure(classes)
    for text in figure.axes[0].texts:
        x, y = text.get_position()
        assert classes[y, x] == int(text.get_text())


def test_curves_differ_in_colour_marker_and_dash():
    figure = viz.curves({name: [1, 2, 3] for name in "abcdefg"}, xlabel="step", ylabel="mIoU-19 (%)")
    lines = figure.axes[0].lines
    assert len({line.get_color() for line in lines}) == 7
    assert len({line.get_marker() for line in lines}) == 7
    assert figure.axes[0].get_ylabel() == "mIoU-19 (%)"


def test_bars_write_their_values_and_leave_gaps_for_nan():
    figure = viz.bars({"a": [10.0, float("nan")], "b": [30.25, 5.0]}, groups=["game", "sun"], ylabel="IoU (%)")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == ["10.0", "", "30.2", "5.0"]
    with pytest.raises(ValueError, match="needs 2 values"):
        viz.bars({"a": [1.0]}, groups=["game", "sun"], ylabel="IoU (%)")


@pytest.mark.parametrize("horizontal", [False, True])
def test_grouped_bars_differ_in_grey_too_and_no_legend_lies_over_them(horizontal):
    figure = viz.bars(
        {name: [90.0, 80.0, 99.0] for name in "abcdefg"}, groups=["x", "y", "z"], ylabel="%", horizontal=horizontal
    )
    (axes,), (legend,) = figure.axes, figure.legends
    assert len({bars[0].get_hatch() for bars in axes.containers}) == 7
    assert [text.get_text() for text in legend.get_texts()] == list("abcdefg")
    figure.draw_without_rendering()
    assert not legend.get_window_extent().overlaps(axes.get_tightbbox())
    assert viz.bars({"a": 1.0, "b": 2.0}, ylabel="%").legends == []


def test_logarithmic_ticks_are_plain_numbers():
    wide = viz.curves({"a": ([1, 200_000], [0.02, 0.3])}, xlabel="x", ylabel="y", log_x=True, log_y=True)
    wide.draw_without_rendering()
    (axes,) = wide.axes
    across = [tick.get_text() for tick in axes.get_xticklabels()]
    assert {"1", "1,000", "100,000"} <= set(across)
    both = [tick.get_text() for which in (False, True) for tick in axes.get_yticklabels(minor=which)]
    assert "0.1" in both
    assert [text for text in both + across if "$" in text or "e" in text] == []
    assert len({text for text in both if text}) >= 3, "an axis of one decade names some ticks between"


def test_figures_leave_pyplot_and_global_style_alone():
    import matplotlib

    before = dict(matplotlib.rcParams)
    for figure in (
        viz.histogram({"a": torch.randn(50), "b": [1.0, 2.0]}, xlabel="value"),
        viz.bars({"a": 1.0}, ylabel="x", horizontal=True, errors={"a": 0.2}),
    ):
        assert viz.to_png(figure).startswith(b"\x89PNG")
    assert dict(matplotlib.rcParams) == before


def test_save_is_whole_or_nothing(tmp_path):
    path = viz.save(np.zeros((4, 4)), tmp_path / "deep" / "a.png")
    assert Image.open(path).size == (4, 4)
    assert [p.name for p in path.parent.iterdir()] == ["a.png"]


def test_table_escapes_aligns_and_marks_missing_values(shown):
    viz.table([["GTR <b>", 12.345, 3], ["none", float("nan"), None]], ["method", "mIoU (%)", "n"], caption="Scores")
    (data,), _ = shown[0]
    page = data["text/html"]
    assert "GTR &lt;b&gt;" in page
    assert '<td style="text-align:right">12.3</td>' in page
    assert page.count("–") == 2
    assert '<th scope="col"' in page
    with pytest.raises(ValueError, match="every row"):
        viz.table([[1]], ["a", "b"])
