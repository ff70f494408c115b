"""All explorers on one page, for the screen of a classroom: ``make explorers``.

    python -m gltr_lib.course.classroom             # opens your browser; Ctrl-C ends it
    python -m gltr_lib.course.classroom --dry-run   # prints what it would start, and starts nothing

JupyterLab opens the page with this one document, without code cells and side bars. The cells have run when it opens:
we run them in the page's own kernel beforehand, so the sliders move at once and nobody has to press "Run all". The page
listens on this machine only, behind a token. Where no kernel runs, each explorer shows a still picture with its words.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import time
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gltr_lib._drafts import write_text
from gltr_lib.course import outputs as found
from gltr_lib.course import root
from gltr_lib.course.build import KERNEL
from gltr_lib.course.server import Server

PAGE = "explorers.ipynb"
INTRODUCTION = """\
# Texture randomization, by hand

Move a slider: with the mouse, with the arrow keys, or by typing a number. The sentence above each picture says what it
shows. *Copy as code* below it holds the lines that make exactly this picture. *Reset* goes back to the start.
"""
# Only what a reader of the page does not need is taken away; the menu stays, for restarting the kernel.
STYLE = """\
.jp-SideBar, #jp-bottom-panel, .jp-InputPrompt, .jp-OutputPrompt, .jp-OutputArea-promptOverlay, .jp-Collapser,
.jp-Placeholder, .jp-cell-toolbar,
.jp-CodeCell .jp-Cell-inputWrapper, .jp-Notebook-footer { display: none !important; }
.jp-Notebook .jp-Cell { max-width: 1040px; margin: 0 auto 18px auto; }
"""


def page(names: list[str] | None = None) -> Any:
    """The page as a notebook without outputs: an introduction, then one cell an explorer.

    Args:
        names: classes of ``gltr_lib.explorers``; all explorers there are by default.

    Raises:
        ValueError: a name that is no explorer.

    Example:
        >>> [cell.cell_type for cell in page(["LtrExplorer"]).cells]
        ['markdown', 'code']
    """
    from nbformat import v4

    known: dict[str, str] = {}
    if names != []:
        from gltr_lib.explorers import all_explorers

        known = {kind.__name__: kind.__module__ for kind in all_explorers()}
    unknown = [name for name in names or () if name not in known]
    if unknown:
        raise ValueError(f"no explorer is called {unknown[0]!r}; there are {', '.join(known)}")
    book = v4.new_notebook(metadata=KERNEL)
    book.cells = [v4.new_markdown_cell(INTRODUCTION, id="introduction")]
    for name in known if names is None else names:
        source = f"from {known[name]} import {name}\n\n{name}()"
        book.cells.append(v4.new_code_cell(source, id=name.lower(), metadata={"jupyter": {"source_hidden": True}}))
    return book


def make_server(
    folder: Path, *, port: int = 0, options: Sequence[str] = (), env: Mapping[str, str] | None = None
) -> Server:
    """The page's server, not started yet: JupyterLab with our style, every widget of a long page kept alive.

    Args:
        folder: what it may write to. port: 0 takes a free one. options, env: see Server.
    """
    settings = {"@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"}}
    options = ["--LabApp.custom_css=True", *options]
    return Server(folder, port=port, options=options, env=env, settings=settings, style=STYLE)


def run(server: Server, book: Any, name: str = PAGE, *, timeout: float = 300.0) -> list[str]:
    """Run a notebook in a kernel that stays, and save it where the server finds both.

    A browser that opens the file afterwards is given the same kernel, and with it living widgets.

    Args:
        server: a running server.
        book: the notebook; its outputs are filled in.
        name: the file below the server's root.
        timeout: seconds that one cell may take.

    Returns:
        One sentence for each cell that failed.
    """
    import nbformat
    from jupyter_client.blocking.client import BlockingKernelClient
    from nbformat.sign import NotebookNotary

    path = server.root / name
    write_text(path, nbformat.writes(book))
    wanted = {"path": name, "name": name, "type": "notebook", "kernel": {"name": "python3"}}
    kernel = server.ask("api/sessions", wanted)["kernel"]["id"]
    client = BlockingKernelClient(connection_file=str(server.folder / "runtime" / f"kernel-{kernel}.json"))
    client.load_connection_file()
    client.start_channels(hb=False)  # a kernel that is slow to start misses beats, and would be taken for dead
    failed = []
    try:
        client.wait_for_ready(timeout=120)
        for number, cell in enumerate((c for c in book.cells if c.cell_type == "code"), 1):
            outputs: list[Any] = []
            reply = client.execute_interactive(
                cell.source, timeout=timeout, output_hook=lambda message, kept=outputs: _keep(message, kept)
            )
            cell.outputs, cell.execution_count = outputs, reply["content"].get("execution_count", number)
            last = cell.source.splitlines()[-1]
            faults = [fault for fault in found.faults(outputs, last) if "alt text" not in fault]
            unsaid = reply["content"]["status"] != "ok" and not faults
            failed += [*faults, *([f"{last}: the kernel answered {reply['content']['status']}"] if unsaid else [])]
    finally:
        client.stop_channels()
    with NotebookNotary(data_dir=str(server.folder / "data")) as notary:
        notary.sign(book)  # Lab shows widgets of a file only where it trusts it
    write_text(path, nbformat.writes(book))
    return failed


def _keep(message: Any, kept: list[Any]) -> None:
    from nbformat import v4

    if message["msg_type"] in ("stream", "display_data", "execute_result", "error"):
        kept.append(v4.output_from_msg(message))


def main(argv: list[str] | None = None) -> int:
    """Command line; returns 0 when the page was closed with Ctrl-C, 1 where an explorer failed."""
    parser = argparse.ArgumentParser(prog="make explorers", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="some explorers only, such as LtrExplorer")
    parser.add_argument("--port", type=int, default=0, help="a fixed port instead of a free one")
    parser.add_argument("--no-browser", action="store_true", help="print the address and open nothing")
    parser.add_argument("--dry-run", action="store_true", help="print the command and start nothing")
    parser.add_argument("--folder", type=Path, default=root() / "runs" / "explorers", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    server = make_server(args.folder, port=args.port)
    try:
        book = page([] if args.dry_run and not args.names else args.names or None)  # [] loads no explorer
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if args.dry_run:
        print(f"JUPYTER_TOKEN=({len(server.token)} characters, new each time) {shlex.join(server.command)}")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # so that the server ends with us
    begin = time.perf_counter()
    print("Starting JupyterLab and drawing the explorers ...", flush=True)
    with server:
        failed = run(server, book)
        for problem in failed:
            print(f"error: {problem}", file=sys.stderr)
        address = server.address(PAGE)
        print(f"{len(book.cells) - 1} explorers after {time.perf_counter() - begin:.0f} s: {address}")
        print("This machine only. Ctrl-C ends it.", flush=True)
        if not args.no_browser:
            webbrowser.open(address)
        try:
            server.process.wait()
        except KeyboardInterrupt:
            print()
    return 1 if failed else 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.exit(main())
