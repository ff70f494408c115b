"""The site is built once for all of its tests, from the lessons that an earlier phase has executed.

Without executed lessons, or without a browser, tests are skipped, and the run says so aloud; with ``CI=true`` that is
an error. ``GLTR_SITE_RUNS`` names another folder of executed lessons; ``GLTR_SITE`` a site that stands already, for
whoever works on its looks.
"""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "docs"), str(ROOT / "tests" / "browser")]
CI = os.environ.get("CI") == "true"
SAID = []


def no_tools():
    try:
        import myst_nb  # noqa: F401
        import pydata_sphinx_theme  # noqa: F401
    except ImportError as error:
        return f"{error.name} is not installed (make install-test)"
    return ""


def no_browser():
    from lab_driver import find_browser

    try:
        import axe_playwright_python  # noqa: F401
        import playwright.sync_api  # noqa: F401
    except ImportError as error:
        return f"{error.name} is not installed (make install-test)"
    return "" if find_browser() else "no Chromium (Debian: make install-browser; or name one in GLTR_CHROMIUM)"


def executed_runs():
    """A folder with a clean run of every lesson's code of today, or None."""
    from sitekit import executed

    named = os.environ.get("GLTR_SITE_RUNS")
    folders = [Path(named)] if named else [ROOT / "runs" / "smoke", ROOT / "runs" / "course"]
    return next((folder for folder in folders if not executed.load_all(ROOT, folder)[1]), None)


def refuse(why):
    SAID.append(("FAILED" if CI else "SKIPPED", why))
    if CI:
        pytest.fail(f"CI=true, and {why}")
    pytest.skip(why)


def pytest_terminal_summary(terminalreporter):
    for state, what in SAID:
        if state:
            terminalreporter.section("SITE TESTS", sep="!", red=True)
            terminalreporter.write_line(f"Tests of the built site were {state}: {what}", red=True)
        else:
            terminalreporter.write_line(f"-- site: {what}")


@pytest.fixture
def said():
    """What a test wants to see at the end of the run."""
    return lambda words: SAID.append(("", words))


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The built site's folder."""
    if os.environ.get("GLTR_SITE") and not CI:
        return Path(os.environ["GLTR_SITE"])
    why = no_tools()
    runs = None if why else executed_runs()
    if not why and runs is None:
        why = "no folder holds a clean run of every lesson as it is today (make smoke)"
    if why:
        refuse(why)
    out = tmp_path_factory.mktemp("site") / "site"
    begin = time.perf_counter()
    command = [sys.executable, str(ROOT / "docs" / "make_site.py"), "--no-run", "--runs", str(runs), "--out", str(out)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COURSE_")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
    SAID.append(("", f"built in {time.perf_counter() - begin:.0f} s"))
    return out


@pytest.fixture(scope="module")
def browser():
    """A Chromium, for a module: Playwright keeps an event loop running in this thread, which others must not find."""
    why = no_browser()
    if why:
        refuse(why)
    from lab_driver import chromium

    with chromium() as running:
        yield running.browser


@pytest.fixture
def visit(browser, site):
    """Open a page of the site from the disk, with the network off; whatever goes wrong on it fails the test."""
    faults = []
    with contextlib.ExitStack() as stack:

        def open_page(name, *, width=1280, scheme="light"):
            context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True)
            stack.callback(context.close)
            page = context.new_page()
            page.on(
                "request", lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else faults.append(r.url)
            )
            page.on("requestfailed", lambda r: faults.append(f"failed: {r.url}"))
            page.on("pageerror", lambda error: faults.append(f"exception: {error}"))
            page.on("console", lambda m: faults.append(f"console: {m.text}") if m.type == "error" else None)
            path, _, query = name.partition("?")
            page.goto((site / path).as_uri() + (f"?{query}" if query else ""))
            return page

        yield open_page
    assert not faults, "\n".join(faults)
