"""The classroom's page: what `make explorers` would start, what is on the page, and the server behind it."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from gltr_lib.course import classroom, server
from gltr_lib.explorers import all_explorers

ROOT = Path(__file__).parents[1]


def test_dry_run_says_a_command_that_listens_on_this_machine_behind_a_token(tmp_path):
    command = [sys.executable, "-m", "gltr_lib.course.classroom", "--dry-run", "--folder", str(tmp_path / "made")]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    words = shlex.split(said.split(") ", 1)[1])
    assert words[1:3] == ["-m", "jupyterlab"]
    assert "--ServerApp.ip=127.0.0.1" in words
    assert "--LabApp.news_url=None" in words
    assert said.startswith("JUPYTER_TOKEN=(48 characters")
    assert not any("allow_origin" in word or "disable_check_xsrf" in word for word in words)
    assert not (tmp_path / "made").exists(), "a dry run writes nothing"


def test_make_explorers_is_that_command():
    said = subprocess.run(["make", "-n", "explorers"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "-m gltr_lib.course.classroom" in said


def test_tokens_are_new_each_time_and_no_setting_turns_them_off(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_TOKEN", "")
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", "somewhere/else")
    one, other = (server.Server(tmp_path / name) for name in ("one", "other"))
    assert one.env["JUPYTER_TOKEN"] == one.token != other.token
    assert len(one.token) >= 32
    assert one.env["JUPYTER_CONFIG_DIR"] == str(tmp_path / "one" / "config"), "the user's own configuration is not read"
    assert one.token not in " ".join(one.command), "a command line can be read by every user of the machine"


def test_the_page_has_every_explorer_once_and_no_outputs():
    book = classroom.page()
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert [cell.source.splitlines()[-1] for cell in code] == [f"{kind.__name__}()" for kind in all_explorers()]
    assert not any(cell.outputs for cell in code)
    assert len({cell.id for cell in book.cells}) == len(book.cells)


def test_a_name_that_is_no_explorer_is_refused_with_the_names_there_are(capsys):
    assert classroom.main(["FooExplorer", "--dry-run"]) == 2
    assert "FooExplorer" in (said := capsys.readouterr().err)
    assert "LtrExplorer" in said


def test_an_unknown_app_is_refused():
    with pytest.raises(ValueError, match="'lab' or 'notebook'"):
        server.command(Path("."), app="voila")


def test_a_server_that_cannot_start_says_why(tmp_path, monkeypatch):
    broken = server.Server(tmp_path / "made", options=["--no-such-option-of-jupyter=1"])
    broken.command[2] = "no_such_module_of_ours"
    with pytest.raises(RuntimeError, match="no_such_module_of_ours"):
        broken.__enter__()
    assert broken.process.poll() is not None


@pytest.mark.course
def test_a_server_answers_with_its_token_only_and_runs_a_page(tmp_path):
    import urllib.error
    import urllib.request

    from nbformat import v4

    with server.Server(tmp_path / "made") as running:
        assert running.url.startswith("http://127.0.0.1:")
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(running.url + "api/contents", timeout=20)
        book = v4.new_notebook(metadata=classroom.KERNEL)
        book.cells = [v4.new_code_cell("print('drawn')\n6 * 7", id="a"), v4.new_code_cell("1 / 0", id="b")]
        failed = classroom.run(running, book, "page.ipynb")
        assert failed == ["1 / 0: ZeroDivisionError: division by zero"]
        saved = running.ask("api/contents/page.ipynb")["content"]["cells"]
        assert [output["output_type"] for output in saved[0]["outputs"]] == ["stream", "execute_result"]
        assert saved[0]["outputs"][1]["data"]["text/plain"] == "42"
        assert saved[0]["metadata"]["trusted"], "signed: Lab shows its widgets"
        assert [session["path"] for session in running.ask("api/sessions")] == ["page.ipynb"]
    assert running.process.poll() is not None
