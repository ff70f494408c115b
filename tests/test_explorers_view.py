"""The view of the explorers: drafts and full pictures, code for any settings, memory, own pictures, static twins."""

import datetime
import gc
import io
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from gltr_lib import explorers
from gltr_lib.explorers import AdainExplorer, Assets, GtrExplorer, LtrExplorer, _base, adain, gtr, ltr
from gltr_lib.explorers._canvas import encode
from gltr_lib.explorers._controls import Number
from gltr_lib.explorers._worker import LatestWins
from gltr_lib.explorers.assets import KEPT_BYTES, Gallery
from gltr_lib.explorers.twin import MOST, twin_of
from tests.explorer_toys import tiny

ALL = (AdainExplorer, GtrExplorer, LtrExplorer)


@pytest.fixture(scope="module")
def assets():
    return tiny()


# ------------------------------------------------------------------------------------------------ code

SHARE = st.floats(0, 1).map(lambda x: round(x, 6))
IMAGES, STYLES = st.sampled_from(["street", "lane", ""]), st.sampled_from(["a", "b", "c", "d", ""])
PARAMS = {
    adain: st.builds(
        adain.Params, image=IMAGES, style=STYLES, second=STYLES, weight1=st.floats(0.05, 1), weight2=SHARE,
        weight3=SHARE, weight4=SHARE, alpha=SHARE, keep_colours=st.booleans(), broken=st.sampled_from(adain.BREAKS),
    ),
    gtr: st.builds(gtr.Params, image=IMAGES, seed=st.integers(0, 9999), alpha=SHARE, count=st.sampled_from([2, 5, 8])),
    ltr: st.builds(
        ltr.Params, image=IMAGES, style=STYLES, sigma=st.floats(2, 64), share=SHARE, position=SHARE,
        power=st.floats(0.1, 2), seed=st.integers(0, 9999), rule=st.sampled_from(["exact", "official"]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", ALL)
@given(data=st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_code_recreates_the_full_picture_for_any_settings(kind, assets, data):
    module = {k.module: m for k, m in zip(ALL, (adain, gtr, ltr), strict=True)}[kind.module]
    params = data.draw(PARAMS[module])
    explorer = kind(params, assets=assets, synchronous=True)
    space = {"assets": assets}
    exec(explorer.code_box.value.replace("viz.show(picture, alt=words)", ""), space)
    assert np.array_equal(space["picture"], explorer.static())
    assert space["words"] == explorer.words
    assert bytes(explorer.image.value) == encode(space["picture"])[0]  # on the page is that picture, not a draft
    assert 15 <= len(explorer.words) <= 400


def test_code_carries_every_control_as_it_stands(assets):
    explorer = AdainExplorer(assets=assets, synchronous=True)
    for name, value in {"weight2": 0.35, "keep_colours": True, "alpha": 0.15, "broken": adain.BREAKS[2]}.items():
        explorer.controls[name].value = value
    for name, control in explorer.controls.items():
        assert f"{name}={control.value!r}" in explorer.code


# -------------------------------------------------------------------------------------- drafts at hand, full at rest


def watch(explorer):
    """Formats of the pictures in the order in which they appear."""
    seen = []
    explorer.image.observe(lambda change: seen.append(explorer.image.format), names="value")
    return seen


@pytest.mark.parametrize("kind", [AdainExplorer, GtrExplorer])
def test_a_draft_answers_first_and_the_full_picture_takes_its_place(kind, assets):
    explorer = kind(assets=assets)
    drawn = []
    preview, render = explorer.preview, explorer.render
    explorer.preview = lambda params: (drawn.append("draft"), preview(params))[1]
    explorer.render = lambda params: (drawn.append("full"), render(params))[1]
    seen = watch(explorer)
    words = explorer.status.value
    explorer.controls["alpha"].value = 0.4
    assert explorer.worker.wait()
    assert seen == ["jpeg", "webp"]
    assert drawn == ["draft", "full"]
    assert explorer.status.value != words
    assert "full picture" in explorer.clock.value
    assert bytes(explorer.image.value) == encode(explorer.static())[0]


def test_without_a_preview_of_its_own_a_picture_is_drawn_once(assets, monkeypatch):
    explorer = LtrExplorer(assets=assets)
    calls = []
    render = ltr.render
    monkeypatch.setattr(ltr, "render", lambda *given: (calls.append(given), render(*given))[1])
    seen = watch(explorer)
    explorer.controls["share"].value = 0.4
    assert explorer.worker.wait()
    assert len(calls) == 1
    assert seen == ["jpeg", "webp"]


def test_the_sentence_waits_for_the_hand_to_rest(assets):
    """Whoever listens hears one sentence after a drag, not fifty."""
    explorer = LtrExplorer(assets=assets)
    explorer.worker._rest = 1.0  # so that a busy machine that stumbles does not count as a hand that rests
    said, pictures = [], watch(explorer)
    explorer.status.observe(lambda change: said.append(change["new"]), names="value")
    for i in range(30):
        explorer.controls["share"].value = round(0.01 * (i + 1), 2)
        time.sleep(0.01)
    assert explorer.worker.wait()
    assert (len(said), pictures[-1]) == (1, "webp")
    assert pictures.count("jpeg") == explorer.worker.done > 1
    assert "measured 30." in said[-1]
    assert explorer.params.share == 0.3
    assert explorer.worker.skipped + explorer.worker.done == 30


def test_a_new_request_interrupts_the_rest():
    order = []

    def finish(job):
        order.append(("full", job))

    worker = LatestWins(lambda job: order.append(("draft", job)), order.append, finish=finish, rest=0.6)
    for job in range(4):
        worker.submit(job)
        time.sleep(0.05)
    assert worker.wait(10)
    assert order == [("draft", 0), ("draft", 1), ("draft", 2), ("draft", 3), ("full", 3)]


def test_a_broken_finish_is_reported_and_the_worker_goes_on():
    failures, done = [], []

    def finish(job):
        if job == "bad":
            raise RuntimeError(job)
        done.append(job)

    worker = LatestWins(lambda job: None, failures.append, finish=finish, rest=0.01)
    for job in ("bad", "good"):
        worker.submit(job)
        assert worker.wait(10)
    assert [str(error) for error in failures] == ["bad"]
    assert done == ["good"]
    strict = LatestWins(lambda job: None, failures.append, finish=finish, synchronous=True)
    with pytest.raises(RuntimeError, match="bad"):
        strict.submit("bad")


def test_a_broken_preview_does_not_pass_a_strict_run(assets, monkeypatch):
    monkeypatch.setenv("COURSE_STRICT", "1")
    explorer = GtrExplorer(assets=assets)
    explorer.preview = lambda params: 1 / 0
    with pytest.raises(ZeroDivisionError):
        explorer.controls["alpha"].value = 0.5


# ------------------------------------------------------------------------------------------- people without a mouse


@pytest.mark.parametrize("kind", ALL)
def test_whatever_a_slider_does_a_labelled_box_does_too(kind, assets):
    import ipywidgets as widgets

    explorer = kind(assets=assets, synchronous=True)
    numbers = [c for c in explorer.controls.values() if isinstance(c, Number)]
    assert numbers
    for number in numbers:
        assert number.box.description == number.description
        assert not number.slider.readout  # the box is the readout, and has a label
    flat = [w for c in explorer.controls.values() for w in (c.children if isinstance(c, Number) else [c])]
    bare = [w for w in flat if isinstance(w, widgets.FloatSlider | widgets.IntSlider)]
    assert all(any(w in n.children for n in numbers) for w in bare), "no slider stands alone"
    assert not any(isinstance(w, widgets.Accordion) for w in explorer.widget.children)  # its headers need a mouse


@pytest.mark.parametrize("kind", explorers.all_explorers())
def test_columns_line_up_and_the_buttons_have_a_row_of_their_own(kind, assets):
    explorer = kind(assets=None if kind.module in ("bank", "composer", "cost") else assets, synchronous=True)
    for name, control in explorer.controls.items():
        width = int(control.layout.width.removesuffix("px"))
        sides = [int(side.removesuffix("px")) for side in (control.layout.margin or "2px 2px 2px 2px").split()]
        margins = 0 if isinstance(control, Number) else sides[1] + sides[3]  # a box around others has none
        assert width + margins == 464, name
    panel, actions = explorer.widget.children[1:3]
    assert list(panel.children) == list(explorer.controls.values())
    assert explorer.reset_button in actions.children


def test_long_waits_are_told_in_seconds(assets):
    explorer = LtrExplorer(assets=assets, synchronous=True)
    explorer._time("full", time.perf_counter() - 45.32)
    assert "drawn in 45.3 s." in explorer.clock.value
    explorer._time("full", time.perf_counter())
    assert " ms." in explorer.clock.value


def test_box_and_slider_agree_and_typing_asks_for_one_picture(assets):
    explorer = LtrExplorer(assets=assets, synchronous=True)
    number, before = explorer.controls["share"], explorer.worker.done
    number.box.value = 0.37
    assert number.value == number.slider.value == explorer.params.share == 0.37
    assert explorer.worker.done == before + 1
    number.slider.value = 0.1 + 0.2
    assert number.box.value == number.value == 0.3
    assert "share=0.3," in explorer.code
    number.box.value = 7.0  # the box keeps to its range
    assert number.value == number.slider.value == 1.0
    sigma = explorer.controls["sigma"]
    sigma.box.value = 64.0
    assert sigma.slider.value == pytest.approx(64.0)
    assert explorer.params.sigma == 64.0
    with pytest.raises(ValueError, match=r"between 0\.0 and 1\.0"):
        Number("Share", 2.0, 0.0, 1.0)


def test_the_code_opens_with_a_button(assets):
    explorer = LtrExplorer(assets=assets, synchronous=True)
    assert explorer.code_box.layout.display == "none"
    explorer.code_button.value = True
    assert explorer.code_box.layout.display == ""
    assert explorer.code_box.value == explorer.code


def test_what_is_said_is_escaped(assets):
    wild = "<b>&street"
    explorer = LtrExplorer(assets=assets.with_image(wild, np.zeros((16, 32))), synchronous=True)
    explorer.update(image=wild)
    assert "&lt;b&gt;&amp;street" in explorer.status.value
    assert "<b>" not in explorer.status.value


# ----------------------------------------------------------------------------------------------------- own pictures


def upload_of(name, data):
    """The value of the upload button as the browser sets it."""
    now = datetime.datetime.now(datetime.UTC)
    return ({"name": name, "type": "image/png", "size": len(data), "content": memoryview(data), "last_modified": now},)


def png(picture):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ALL)
def test_an_own_picture_is_shown_and_its_code_reads_the_file(kind, assets, tmp_path, monkeypatch):
    explorer = kind(assets=assets, synchronous=True)
    data = png(np.random.default_rng(1).integers(0, 256, (600, 900, 3)).astype(np.uint8))
    before = bytes(explorer.image.value)
    explorer.upload_button.value = upload_of("my street.png", data)
    assert explorer.params.image == explorer.controls["image"].value == "my street.png"
    assert bytes(explorer.image.value) != before
    assert "900 x 600 pixels, made smaller to 512 x 341" in explorer.clock.value
    assert not explorer.upload_button.value  # nothing is kept
    assert "my street.png" not in assets.images  # the assets that were given stay as they are
    (tmp_path / "my street.png").write_bytes(data)
    monkeypatch.chdir(tmp_path)
    space = {"assets": assets}
    exec(explorer.code.replace("viz.show(picture, alt=words)", ""), space)
    assert np.array_equal(space["picture"], explorer.static())
    explorer.reset()
    assert explorer.params.image == "street"
    assert "uploads" not in explorer.code


def test_code_for_an_own_picture_with_shipped_assets(assets, tmp_path, monkeypatch):
    for module in (ltr, _base, explorers):
        monkeypatch.setattr(module, "shipped", lambda: assets)
    explorer = LtrExplorer(synchronous=True)
    data = png(np.full((20, 30, 3), 90, np.uint8))
    explorer.upload_button.value = upload_of("me.png", data)
    (tmp_path / "me.png").write_bytes(data)
    monkeypatch.chdir(tmp_path)
    space = {}
    exec(explorer.code.replace("viz.show(picture, alt=words)", ""), space)
    assert np.array_equal(space["picture"], explorer.static())


def test_code_for_pictures_with_long_names_keeps_to_the_length_of_an_alternative_text(assets):
    where = "a street that I photographed on the way from the station to the old town hall"
    wall = "as it hangs on the left wall of the second room in the city's museum"
    long = {f"{name}, {where}": picture for name, picture in assets.images.items()}
    styles = {f"{name}, {wall}": picture for name, picture in assets.styles.items()}
    own = Assets(long, styles, assets.stylizer, assets.bank)
    explorer = AdainExplorer(assets=own, synchronous=True)
    explorer.update(weight2=1.0, weight3=1.0, weight4=1.0)
    assert len(explorer.words) > 400
    space = {"assets": own}
    exec(explorer.code_box.value, space)  # with its last line, viz.show
    assert np.array_equal(space["picture"], explorer.static())
    explorer.update(weight2=0.0, weight3=0.0, weight4=0.0)
    assert explorer.code.endswith("viz.show(picture, alt=words)")


def test_a_bad_upload_goes_to_the_panel_by_name(assets, monkeypatch):
    explorer = LtrExplorer(assets=assets, synchronous=True)
    before = bytes(explorer.image.value)
    bad = upload_of("notes.txt", b"no picture")
    explorer.upload_button.value = bad
    assert "This file was not taken. notes.txt: not an image" in explorer.error.value
    assert "ValueError" not in explorer.error.value
    assert not explorer.upload_button.value  # the same file, mended, may be brought again
    assert explorer.error.layout.display == ""
    assert bytes(explorer.image.value) == before
    explorer.controls["share"].value = 0.9
    assert explorer.error.layout.display == "none"
    monkeypatch.setenv("COURSE_STRICT", "1")
    strict = LtrExplorer(assets=assets)
    with pytest.raises(ValueError, match=r"notes\.txt"):
        strict.upload_button.value = bad


# ---------------------------------------------------------------------------------------------------- memory


def resident():
    """Resident memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's /proc")
@pytest.mark.parametrize("kind", ALL)
def test_two_hundred_updates_keep_within_fifty_megabytes(kind, assets):
    explorer = kind(assets=assets)
    name = "share" if "share" in explorer.controls else "alpha"

    def drag(count):
        """So many drafts, each of them drawn, and a full picture at every tenth."""
        for i in range(count):
            due = explorer.worker.done + 1
            explorer.worker._rest = 0.0 if i % 10 == 9 else 60.0
            explorer.controls[name].value = round(0.05 + (explorer.controls[name].value + 0.05) % 0.9, 3)
            end = time.monotonic() + 30
            while explorer.worker.done < due:
                assert time.monotonic() < end, "no draft within 30 s"
                time.sleep(0.002)
            if i % 10 == 9:
                assert explorer.worker.wait()
            elif i % 10 == 5 and "seed" in explorer.controls:
                explorer.controls["seed"].value = i

    drag(20)
    gc.collect()
    before, finished = resident(), explorer.worker.finished
    drag(200)
    gc.collect()
    grown = resident() - before
    assert explorer.worker.finished - finished >= 20  # on a busy machine a change of seed may add one
    assert grown < 50, f"{grown:.0f} MB"
    assert threading.active_count() < 20


def test_remembered_tensors_keep_to_their_budget():
    assets = tiny()
    for i in range(30):
        assets.keep(("big", i), lambda: torch.zeros(1_000_000))
    assert assets.nbytes <= KEPT_BYTES
    assert assets.remembers(("big", 29))
    assert not assets.remembers(("big", 0))
    huge = assets.keep(("huge",), lambda: torch.zeros(KEPT_BYTES))
    assert huge.numel() == KEPT_BYTES  # what is asked for is always given


def test_pictures_are_made_when_they_are_first_shown():
    made = []

    def maker(name):
        return lambda: (made.append(name), np.zeros((4, 6)))[1]

    gallery = Gallery({name: maker(name) for name in "abc"})
    more = gallery.adding("d", np.ones((2, 2)))
    assert (list(more), len(gallery), made) == (["a", "b", "c", "d"], 3, [])
    assert gallery["b"].shape == (4, 6, 3)
    gallery["b"], more["d"]
    assert made == ["b"]
    with pytest.raises(KeyError):
        gallery["z"]
    with pytest.raises(ValueError, match="at least one picture"):
        Assets({}).images


# ---------------------------------------------------------------------------------------------------- static twins


def test_a_twin_holds_the_explorers_own_pictures_and_words(assets):
    axes = {"alpha": [0.0, 0.5, 1.0], "style": ["a", "b"]}
    twin = twin_of(AdainExplorer, axes, assets=assets)
    assert (twin.name, twin.title) == ("adain", AdainExplorer.title)
    assert [tuple(f.values.values()) for f in twin.frames] == [(a, s) for a in axes["alpha"] for s in axes["style"]]
    assert twin.labels == {"alpha": "Alpha", "style": "Style"}
    assert twin.start == {"alpha": 1.0, "style": "a"}
    for frame in twin.frames:
        picture, words = adain.render(adain.Params(**frame.values), assets)
        shown = Image.open(io.BytesIO(frame.picture))
        assert shown.size == twin.size == (picture.shape[1], picture.shape[0])
        assert np.abs(np.asarray(shown.convert("RGB")).astype(int) - picture).mean() < 8
        assert frame.words == words
        assert frame.mime == f"image/{shown.format.lower()}"
    assert len({frame.picture for frame in twin.frames}) == 6
    assert twin.nbytes == sum(len(frame.picture) for frame in twin.frames)
    assert twin.frame(alpha=0.5, style="b") is twin.frames[3]
    with pytest.raises(ValueError, match="no frame"):
        twin.frame(alpha=0.3, style="b")


def test_a_twin_starts_nearest_to_where_its_explorer_starts(assets):
    twin = twin_of(LtrExplorer, {"sigma": [4.0, 14.0, 64.0]}, params=ltr.Params(share=0.25), assets=assets)
    assert twin.start == {"sigma": 14.0}
    assert all("measured 25" in frame.words for frame in twin.frames)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({}, "one or two"),
        ({"share": [0.1], "sigma": [4.0], "seed": [0]}, "one or two"),
        ({"shares": [0.1]}, "no control"),
        ({"share": []}, "at least one"),
        ({"share": [0.5, 0.5]}, "different"),
        ({"share": [i / 200 for i in range(MOST + 1)]}, f"at most {MOST}"),
        ({"share": [1.5]}, "share"),
    ],
)
def test_a_twin_refuses_axes_that_mean_nothing(axes, message, assets):
    with pytest.raises(ValueError, match=message):
        twin_of(LtrExplorer, axes, assets=assets)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ALL)
def test_frames_of_the_shipped_twins_are_small(kind):
    axes = {"share": [0.25, 0.75]} if kind is LtrExplorer else {"alpha": [0.5, 1.0]}
    for frame in twin_of(kind, axes).frames:
        assert len(frame.picture) <= 100_000
