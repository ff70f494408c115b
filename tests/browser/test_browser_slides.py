"""Slides in a real browser, network off: keys turn them, notes open, nothing runs over, nothing complains."""

import re

import pytest

from gltr_lib.course import slides
from gltr_lib.course.build import lesson_files

FULL = """(() => {
  const body = document.querySelector('.slide.now .body');
  return body.scrollHeight - body.clientHeight > 2 || body.scrollWidth - body.clientWidth > 2;
})()"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("decks")
    paths = lesson_files()
    for path in (paths[2], paths[5]):
        deck = slides.deck(path)
        (out / f"{path.stem}.html").write_text(slides.page(deck[0].title, deck))
    return out


@pytest.fixture
def offline(browser):
    browser.set_offline(True)
    yield browser
    browser.set_offline(False)


def at(page, number):
    """Wait until the page stands on a slide: the address follows the key a moment later."""
    page.wait_for_function("number => location.hash === `#${number}`", arg=number, timeout=10_000)


@pytest.mark.browser
def test_slides_turn_by_keyboard_offline(offline, folder):
    for file in sorted(folder.glob("*.html")):
        page, faults = offline.new_page(), []
        page.set_viewport_size({"width": 1280, "height": 720})
        page.on("pageerror", lambda error, faults=faults: faults.append(str(error)))
        page.on("console", lambda said, faults=faults: faults.append(said.text) if said.type == "error" else None)
        page.on("request", lambda sent, faults=faults: faults.append(sent.url) if "file:" not in sent.url else None)
        page.goto(file.as_uri())
        count = page.locator(".slide").count()
        over = []
        for number in range(1, count + 1):
            at(page, number)
            assert page.locator(".slide:visible").count() == 1
            over += [number] if page.evaluate(FULL) else []
            page.keyboard.press("ArrowRight")
        assert over == []
        page.keyboard.press("Home")
        at(page, 1)
        page.keyboard.press("n")
        assert "Where they stumble" in page.locator("aside.notes:visible").inner_text()
        assert re.search(rf"Slide 1 of {count}", page.locator("#said").text_content())
        page.get_by_role("button", name="next slide").click()
        at(page, 2)
        assert faults == []
        page.close()


@pytest.mark.browser
def test_what_is_too_much_is_set_smaller_also_for_the_printer_and_stays_readable(offline, tmp_path):
    lines = {"first": 1, "more than fits": 9, "far too much": 60}
    deck = [slides.Slide("idea", "", title, "<p>words</p>" * count) for title, count in lines.items()]
    (tmp_path / "deck.html").write_text(slides.page("A deck", deck))
    page = offline.new_page()
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto((tmp_path / "deck.html").as_uri())
    page.evaluate("dispatchEvent(new Event('beforeprint'))")  # the last two were never on the screen
    assert page.locator(".slide.now").get_attribute("aria-label") == "first"
    zoom = [
        float(page.evaluate("body => body.style.zoom || 1", body)) for body in page.locator(".body").element_handles()
    ]
    assert zoom[0] == 1
    assert 0.64 < zoom[2] < zoom[1] < 1
    page.keyboard.press("End")
    at(page, 3)
    assert page.evaluate("getComputedStyle(document.querySelector('.slide.now .body')).overflowY") == "auto"
    page.close()
