"""Every solved lesson, opened in JupyterLab and run from its first cell to its last as a learner would.

`make test` opens the lessons that hold an explorer, as only those have a part that lives in the browser; `make
test-all` opens the rest too. (The cells of all lessons run in `make test` anyway, without a browser.)
"""

import pytest
from lab_driver import Notebook, put

from gltr_lib.course import root
from gltr_lib.course.build import build_notebook, lesson_files

EXPLORER = "gltr_lib.explorers"


def lessons():
    """Lessons as parameters; those without an explorer are marked as slow."""
    found = []
    for path in lesson_files(root() / "lessons"):
        mark = pytest.mark.browser if EXPLORER in path.read_text(encoding="utf-8") else pytest.mark.slow_browser
        found.append(pytest.param(path, id=path.stem, marks=[mark, pytest.mark.browser]))
    return found


@pytest.mark.parametrize("path", lessons())
def test_a_lesson_runs_in_the_browser_without_a_fault(path, browser, lab):
    with Notebook(browser, lab, put(lab, f"{path.stem}.ipynb", build_notebook(path, "solved"))) as page:
        page.run_all()
        code = [cell for cell in page.cells() if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]
        assert all(cell["execution_count"] for cell in code), "not every cell has run"
        assert page.faults() == []
        images = page.page.locator(".gltr-explorer img.widget-image")
        if EXPLORER in path.read_text(encoding="utf-8"):
            images.first.wait_for(timeout=30_000)
        for image in images.all():
            image.scroll_into_view_if_needed()
            page.page.wait_for_function("img => img.naturalWidth > 0", arg=image.element_handle(), timeout=30_000)
        assert page.faults() == []
