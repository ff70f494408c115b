"""The built site in a headless Chromium, opened from the disk with the network off."""

import pytest

pytestmark = [pytest.mark.site, pytest.mark.slow]
MAIN = ["index.html", "lessons/index.html", "lessons/02_adain.html", "explorers.html", "results/index.html",
        "api/index.html", "api/adain.html", "guides/colab.html", "teaching/index.html"]  # fmt: skip
GRAVE = {"serious", "critical"}


@pytest.mark.parametrize("name", MAIN)
def test_a_page_opens_without_a_network(visit, name):
    page = visit(name)
    assert page.locator("h1").first.is_visible()
    broken = page.evaluate(
        """async () => { for (const i of document.images) { i.loading = 'eager'; await i.decode().catch(() => 0); }
           return [...document.images].filter(i => !i.naturalWidth).map(i => i.src); }"""
    )
    assert not broken, broken


def test_formulas_are_set_without_a_network(visit):
    page = visit("lessons/02_adain.html")
    page.wait_for_selector("mjx-container", timeout=30_000)
    assert page.locator("mjx-container").count() > 3
    assert page.locator("mjx-merror").count() == 0


def test_search_answers_from_the_disk(visit):
    page = visit("search.html?q=consistency")
    page.wait_for_selector("ul.search li a", timeout=30_000)
    assert any("onsistency" in text for text in page.locator("ul.search li a").all_inner_texts())


def test_a_twin_moved_by_keyboard_changes_picture_and_words(visit):
    page = visit("explorers.html")
    twins = page.locator(".twin")
    assert twins.count() >= 3
    for number in range(twins.count()):
        twin = twins.nth(number)
        slider = twin.locator("input[type=range]").first
        if not slider.count():
            slider = twin.locator("select").first
        name = slider.evaluate("control => control.labels[0].textContent")
        assert name.strip(), "the control has a visible label that belongs to it"
        before = state(twin)
        slider.focus()
        at_end = slider.evaluate(
            "c => Number(c.value) === (c.tagName === 'SELECT' ? c.options.length - 1 : Number(c.max))"
        )
        page.keyboard.press("ArrowUp" if at_end and slider.evaluate("c => c.tagName") == "SELECT" else
                            "ArrowLeft" if at_end else
                            "ArrowDown" if slider.evaluate("c => c.tagName") == "SELECT" else "ArrowRight")  # fmt: skip
        page.wait_for_function("([t, old]) => t.dataset.frame !== old", arg=[twin.element_handle(), before["frame"]])
        after = state(twin)
        assert after["source"] != before["source"], name
        assert after["words"] != before["words"], name
        assert after["alt"] == after["words"], "picture and sentence say the same"
        assert after["width"] > 300, "the new picture is there"
        twin.locator(".twin-reset").focus()
        page.keyboard.press("Enter")
        page.wait_for_function("([t, old]) => t.dataset.frame === old", arg=[twin.element_handle(), before["frame"]])
        assert state(twin)["words"] == before["words"]


def state(twin):
    picture = twin.locator(".twin-picture")
    return {
        "frame": twin.get_attribute("data-frame"),
        "source": picture.get_attribute("src"),
        "alt": picture.get_attribute("alt"),
        "words": twin.locator(".twin-words").inner_text(),
        "width": picture.evaluate("i => i.naturalWidth"),
    }


def test_sliders_say_their_value_in_words(visit):
    page = visit("explorers.html")
    slider = page.locator(".twin[data-module=adain] input[type=range]")
    slider.focus()
    page.keyboard.press("Home")
    assert slider.get_attribute("aria-valuetext") == "0"
    assert page.locator(".twin[data-module=adain] output").inner_text() == "0"
    assert page.locator(".twin[data-module=adain] .twin-words").get_attribute("aria-live") == "polite"


def test_a_lesson_shows_the_twin_where_the_notebook_has_the_explorer(visit):
    page = visit("lessons/02_adain.html")
    assert page.locator(".twin[data-module=adain]").count() == 1


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", MAIN)
def test_no_page_is_wider_than_its_screen(visit, name, width):
    page = visit(name, width=width)
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 1


def test_tables_of_a_lesson_leave_room_scroll_on_a_phone_and_are_dark_in_the_dark(visit):
    page = visit("lessons/08_rivals_and_ablations.html", width=390, scheme="dark")
    wide = page.locator("div.cell_output .text_html:has(> table)").first
    assert wide.evaluate("e => e.scrollWidth > e.clientWidth && getComputedStyle(e).overflowX") == "auto"
    assert wide.evaluate("e => getComputedStyle(e).backgroundColor") == "rgba(0, 0, 0, 0)"
    assert page.locator("div.cell_output td").first.evaluate("e => parseFloat(getComputedStyle(e).paddingRight)") >= 8


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", MAIN)
def test_axe_finds_nothing_serious(visit, said, name, scheme):
    from axe_playwright_python.sync_playwright import Axe

    page = visit(name, scheme=scheme)
    page.wait_for_timeout(300)
    # preload: axe would fetch style sheets anew, which a browser refuses for files on a disk
    found = Axe().run(page, options={"preload": False}).response["violations"]
    milder = sum(v["impact"] not in GRAVE for v in found)
    said(f"axe {name} ({scheme}): {len(found) - milder} serious or critical, {milder} milder kinds")
    grave = [
        f"{v['impact']} {v['id']}: {v['help']}: {len(v['nodes'])} x, first {v['nodes'][0]['html'][:160]}"
        for v in found
        if v["impact"] in GRAVE
    ]
    assert not grave, "\n".join(grave)
