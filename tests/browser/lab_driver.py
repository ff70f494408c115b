"""Drive a real JupyterLab (or Notebook 7) in a real Chromium, and hear everything that goes wrong on the way.

A green cell says little: an exception in a widget's callback, in a thread or inside an Output widget leaves no red
cell, and a broken front end speaks only on its console. ``Notebook.faults()`` collects all of it as sentences.
Every selector of the tests is in this file. Playwright is imported late, so that this module loads without it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gltr_lib.course import outputs
from gltr_lib.course.kernel import kernel_env
from gltr_lib.course.server import Server

BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
FLAGS = (
    "--no-sandbox",  # root has no sandbox to give
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Widgets of cells outside the window must exist too.
SETTINGS = {"@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"}}
PANEL = "window.jupyterapp.shell.currentWidget"
# An exception in a widget's callback travels as an "error" whose parent is no request to execute; Lab shows it nowhere.
LISTEN = f"""() => {{ window.gltrErrors = []; {PANEL}.sessionContext.iopubMessage.connect((_, message) => {{
  if (message.header.msg_type === 'error' && (message.parent_header || {{}}).msg_type !== 'execute_request')
    window.gltrErrors.push(message.content.ename + ': ' + message.content.evalue); }}); }}"""
READY = f"""() => {{ const context = window.jupyterapp && {PANEL} && {PANEL}.sessionContext;
  return !!(context && context.isReady && context.session && context.session.kernel
            && context.session.kernel.status === 'idle'); }}"""
RUN = """() => { window.gltrRun = null; window.jupyterapp.commands.execute('notebook:run-all-cells')
  .then(() => { window.gltrRun = 'done'; }, error => { window.gltrRun = String(error); }); }"""
RED_IN_WIDGET = '.widget-output [data-mime-type$="jupyter.error"], .widget-output [data-mime-type$="jupyter.stderr"]'
ALERT = '.jp-OutputArea [role="alert"]'


def find_browser() -> str | None:
    """The Chromium to drive: ``GLTR_CHROMIUM``, or the first that is on the path; None where there is none."""
    named = os.environ.get("GLTR_CHROMIUM", "")
    return shutil.which(named) if named else next(filter(None, map(shutil.which, BROWSERS)), None)


@contextlib.contextmanager
def serve(folder: Path, app: str = "lab", env: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A server for tests: kernels in smoke mode, guarded from the network, their threads' exceptions kept in a file."""
    extra = {"COURSE_MODE": "smoke", "COURSE_RUNS": str(folder / "runs")} | dict(env or {})
    options = [f"--{'LabApp' if app == 'lab' else 'JupyterNotebookApp'}.expose_app_in_browser=True"]
    kernels = kernel_env(strict=False, faults=folder / "faults.txt", extra=extra)
    with Server(folder, app=app, options=options, env=kernels, settings=SETTINGS) as server:
        yield server


@contextlib.contextmanager
def start_page(browser: Any, folder: Path, names: list[str] | None = None) -> Iterator[Notebook]:
    """The classroom's page as ``make explorers`` opens it: drawn in its kernel before the browser comes."""
    from gltr_lib.course import classroom

    extra = {"COURSE_MODE": "smoke", "COURSE_RUNS": str(folder / "runs")}
    env = kernel_env(strict=False, faults=folder / "faults.txt", extra=extra)
    with classroom.make_server(folder, options=["--LabApp.expose_app_in_browser=True"], env=env) as server:
        failed = classroom.run(server, classroom.page(names))
        if failed:
            raise AssertionError("; ".join(failed))
        with Notebook(browser, server, classroom.PAGE) as page:
            yield page


def put(server: Server, name: str, text: str) -> str:
    """Write a notebook below the served folder and return its path there."""
    path = server.root / "notebooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path.relative_to(server.root).as_posix()


def kernel_memory(server: Server) -> dict[int, float]:
    """Resident memory in MB of every running kernel, by process id."""
    import psutil

    children = psutil.Process(server.process.pid).children(recursive=True)
    kernels = [child for child in children if any("ipykernel" in word for word in child.cmdline())]
    return {child.pid: child.memory_info().rss / 2**20 for child in kernels}


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """A headless Chromium with a fresh profile; yields Playwright's context, which opens pages."""
    from playwright.sync_api import sync_playwright

    path = find_browser()
    if path is None:
        raise RuntimeError("no Chromium here (Debian: make install-browser, or name one in GLTR_CHROMIUM)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=list(FLAGS))
        try:
            yield browser.new_context(viewport={"width": 1280, "height": 1000})  # one cache for all pages
        finally:
            browser.close()


class Notebook:
    """One notebook in one page: open it, run it, and ask what went wrong.

    Args:
        browser: what :func:`chromium` yields.
        server: a running server.
        path: the notebook below the server's root.
        view: ``"lab"``, ``"doc"`` (Lab with this one document) or ``"notebook"``.
    """

    def __init__(self, browser: Any, server: Server, path: str, view: str = "doc") -> None:
        self.server, self.path = server, path
        self.console: list[str] = []
        self._logs = {path: _size(path) for path in (server.log, server.folder / "faults.txt")}
        self.page = browser.new_page()
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.console.append(f"page error: {error}"))
        self.page.on("request", self._on_request)
        self.page.goto(server.address(path, view), wait_until="commit")
        self.wait_until_idle()
        self.page.evaluate(LISTEN)

    def _on_console(self, message: Any) -> None:
        if message.type == "error":
            self.console.append(f"console error: {message.text} ({message.location.get('url', '')})")

    def _on_request(self, request: Any) -> None:
        where = urlsplit(request.url)
        if where.scheme.startswith(("http", "ws")) and where.hostname != "127.0.0.1":
            self.console.append(f"the page asked another machine: {request.url}")

    def wait_until_idle(self, seconds: float = 120) -> None:
        """Wait for a session that is ready with an idle kernel; Lab's own idle indicator shows too early."""
        self.page.wait_for_function(READY, timeout=1000 * seconds)

    def idle(self) -> bool:
        """Whether the kernel has nothing to do; threads of a widget may still work."""
        return bool(self.page.evaluate(f"({READY})()"))

    def run_all(self, seconds: float = 300) -> None:
        """Run every cell, as the menu does, and wait for the last one or the first red one."""
        self.page.evaluate(RUN)
        self.page.wait_for_function("() => window.gltrRun !== null", timeout=1000 * seconds)
        self.wait_until_idle()
        self.page.wait_for_timeout(300)  # a thread that a cell left behind may still fail

    def cells(self) -> list[dict[str, Any]]:
        """The notebook as the front end holds it now."""
        cells = self.page.evaluate(f"() => {PANEL}.content.model.toJSON().cells")
        return list(cells)

    def faults(self) -> list[str]:
        """Everything that went wrong since the page was opened, one sentence each."""
        found = list(self.console)
        for number, cell in enumerate(self.cells(), 1):
            allowed = "raises-exception" in cell["metadata"].get("tags", [])
            found += outputs.faults(cell.get("outputs", ()), f"cell {number}", allow_errors=allowed)
        found += [f"widget callback: {text}" for text in self.page.evaluate("() => window.gltrErrors")]
        red = self.page.locator(RED_IN_WIDGET).all_inner_texts()
        found += [f"Output widget: {_last_line(text)}" for text in red if "Traceback" in text]
        alerts = [box.inner_text() for box in self.page.locator(ALERT).all() if box.is_visible()]
        found += [f"explorer: {' '.join(text.split())}" for text in alerts]
        log, threads = (_tail(path, start) for path, start in self._logs.items())
        known = "\n".join(found)
        late = outputs.thread_faults(threads, "after its cell")
        found = _without_pieces(found, late)
        found += [fault for fault in late if fault.split(": ", 1)[1] not in known]
        last = [_last_line(block) for block in _TRACEBACK.findall(log)]
        found += [f"server or kernel: {line}" for line in last if line != _SHUT_DOWN]
        return list(dict.fromkeys(found))

    def faults_until(self, enough: Callable[[list[str]], bool], seconds: float = 20) -> list[str]:
        """Ask for the faults until they are enough, or the time is up; returns what there is then."""
        end = time.monotonic() + seconds
        while not enough(found := self.faults()) and time.monotonic() < end:
            self.page.wait_for_timeout(100)
        return found

    def close(self) -> None:
        """End the kernel and the page."""
        with contextlib.suppress(Exception):  # the page or the kernel may be gone: that is what we want
            self.page.evaluate(f"() => {PANEL}.sessionContext.shutdown()")
        self.page.close()

    def __enter__(self) -> Notebook:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _without_pieces(found: list[str], whole: list[str]) -> list[str]:
    """Drop the first piece of a thread's traceback that reached the page in pieces, where the whole is known.

    Example:
        >>> _without_pieces(["cell 5: Exception in thread T: unknown"], ["late: Exception in thread T-3: KeyError"])
        []
    """
    heads = [fault.split(": ", 1)[1] for fault in whole]

    def is_piece(fault: str) -> bool:
        head = fault.removesuffix(": unknown").split(": ", 1)[-1].rstrip()
        return fault.endswith(": unknown") and any(other.startswith(head) for other in heads)

    return [fault for fault in found if not is_piece(fault)]


# What a kernel that is ended while it still starts leaves in the log.
_SHUT_DOWN = "RuntimeError: Event loop is closed"
_TRACEBACK = re.compile(r"Traceback \(most recent call last\):\n(?:[ \t].*\n|\s*\n)*.*")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _tail(path: Path, start: int) -> str:
    if not path.is_file():
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        file.seek(start)
        return file.read()


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
