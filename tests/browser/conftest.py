"""One server and one browser for all browser tests; without a Chromium they are skipped, and the run says so aloud.

With ``CI=true`` a missing browser is an error: there nobody would notice that nothing was tested.
"""

import os
import time

import pytest
from lab_driver import chromium, find_browser, serve

SPENT = {}


def missing():
    """Why there can be no browser test, or the empty string."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "Playwright is not installed (make install-test)"
    return "" if find_browser() else "no Chromium (Debian: make install-browser; or name one in GLTR_CHROMIUM)"


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("browser") and missing() and os.environ.get("CI") != "true":
            item.add_marker(pytest.mark.skip(reason=missing()))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    begin = time.perf_counter()
    yield
    if item.get_closest_marker("browser"):
        SPENT[item.nodeid] = time.perf_counter() - begin


def pytest_terminal_summary(terminalreporter):
    if not SPENT:
        return
    if missing():
        terminalreporter.section("BROWSER TESTS", sep="!", red=True)
        state = "FAILED" if os.environ.get("CI") == "true" else "SKIPPED"
        terminalreporter.write_line(f"All {len(SPENT)} browser tests were {state}: {missing()}", red=True)
        terminalreporter.write_line("Nothing has been tried in a real JupyterLab.", red=True)
    else:
        terminalreporter.write_line(f"-- browser: {len(SPENT)} tests, {sum(SPENT.values()):.0f} s")


# Playwright keeps an event loop running in this thread, which later tests (those of the site) must not find:
# a module's end is sure to stop it (a folder without __init__.py is no package, and its fixtures live on).
@pytest.fixture(scope="module")
def browser():
    if missing():
        pytest.fail(f"CI=true, and {missing()}")
    with chromium() as running:
        yield running


@pytest.fixture(scope="package")
def lab(tmp_path_factory):
    with serve(tmp_path_factory.mktemp("lab")) as server:
        yield server
