"""A Jupyter server of our own: this machine only, a token, no news, and settings that touch nobody's home folder.

``make explorers`` and the browser's tests start one of these and end it again. Configuration, data and records of
running kernels lie in one folder that can be thrown away, so a user's own Jupyter neither changes nor is changed.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gltr_lib._drafts import write_text

VIEWS = {"lab": "lab/tree", "doc": "doc/tree", "notebook": "notebooks"}  # Lab, Lab with one document, Notebook 7
QUIET = {"@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False}}


def command(root: Path, *, app: str = "lab", port: int = 0, options: Sequence[str] = ()) -> list[str]:
    """The command line of a server that listens on 127.0.0.1 alone; its token travels in the environment.

    Args:
        root: the folder it serves.
        app: ``"lab"`` or ``"notebook"`` (Notebook 7, where that is installed).
        port: 0 takes a free one.
        options: more of Jupyter's options.

    Raises:
        ValueError: an unknown app.

    Example:
        >>> "--ServerApp.ip=127.0.0.1" in command(Path("."))
        True
    """
    if app not in ("lab", "notebook"):
        raise ValueError(f"app: expected 'lab' or 'notebook', received {app!r}")
    line = [sys.executable, "-m", {"lab": "jupyterlab"}.get(app, app), "--no-browser", "--ServerApp.ip=127.0.0.1"]
    line += [f"--ServerApp.port={port}", f"--ServerApp.root_dir={root}", "--LabApp.news_url=None"]
    line += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate", *options]
    return line + (["--allow-root"] if getattr(os, "geteuid", lambda: 1)() == 0 else [])


class Server:
    """A running server: ``with Server(folder) as server: server.url``.

    Args:
        folder: what the server writes for itself; ``folder/root`` is what it serves.
        app, port, options: see :func:`command`.
        env: the environment of the server and its kernels; this process's by default.
        settings: JupyterLab's settings by plug-in, beside those that keep it quiet.
        style: CSS for the page (with the option ``--LabApp.custom_css=True``).

    Raises:
        RuntimeError: on entering, when the server does not answer within 90 seconds; the message holds its log.
    """

    def __init__(
        self,
        folder: Path,
        *,
        app: str = "lab",
        port: int = 0,
        options: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        settings: Mapping[str, Any] | None = None,
        style: str = "",
    ) -> None:
        self.folder, self.token, self.url = folder.resolve(), secrets.token_hex(24), ""
        self.root, self.log = self.folder / "root", self.folder / "server.log"
        self.command = command(self.root, app=app, port=port, options=options)
        self.files = {
            self.folder / "settings" / f"{name}.jupyterlab-settings": json.dumps(values)
            for name, values in (QUIET | dict(settings or {})).items()
        }
        if style:
            self.files[self.folder / "config" / "custom" / "custom.css"] = style
        own = {f"JUPYTER_{name.upper()}_DIR": str(self.folder / name) for name in ("config", "data", "runtime")}
        own |= {f"JUPYTERLAB_{name.upper()}_DIR": str(self.folder / name) for name in ("settings", "workspaces")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        self.env = dict(os.environ if env is None else env) | own | {"JUPYTER_TOKEN": self.token, "PATH": path}

    def __enter__(self) -> Server:
        self.root.mkdir(parents=True, exist_ok=True)
        for path, text in self.files.items():
            write_text(path, text)
        with open(self.log, "w", encoding="utf-8") as log:
            # A session of its own: Ctrl-C reaches us, and we end the server; it would ask back on a terminal.
            self.process = subprocess.Popen(
                self.command, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.root,
                start_new_session=True,
            )  # fmt: skip
        try:
            self.url = self._wait_for_url()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server and its kernels."""
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(15)

    def address(self, path: str, view: str = "doc") -> str:
        """Where a browser finds a file of the served folder; the token is in it.

        Args:
            path: the file below the root, with slashes.
            view: ``"lab"``, ``"doc"`` (Lab with this document alone) or ``"notebook"``.
        """
        return f"{self.url}{VIEWS[view]}/{path}?token={self.token}"

    def ask(self, path: str, body: Any = None) -> Any:
        """Call the server's REST interface: GET, or POST where there is a body; returns the decoded answer."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data, headers), timeout=60) as answer:
            return json.loads(answer.read())

    def _wait_for_url(self, seconds: float = 90.0) -> str:
        record = self.folder / "runtime" / f"jpserver-{self.process.pid}.json"
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError, ValueError):  # not written yet, half written, or not listening yet
                self.url = str(json.loads(record.read_text(encoding="utf-8"))["url"])
                self.ask("api")
                return self.url
            time.sleep(0.1)
        log = self.log.read_text(encoding="utf-8", errors="replace")
        raise RuntimeError(f"the Jupyter server did not start; the end of its log:\n{log[-3000:]}")
