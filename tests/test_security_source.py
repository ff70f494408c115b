"""What SECURITY.md promises about the code, held against the code: nothing unpickles, nothing runs a shell."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("gltr_lib", "data_scripts", "lessons", "examples", "benchmarks", "docs", "tests/torture")
# A module whose loading runs what the file says.
UNSAFE_MODULES = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "imp"}
UNSAFE_CALLS = {
    "eval": "runs text", "exec": "runs text", "os.system": "runs a shell", "os.popen": "runs a shell",
    "subprocess.getoutput": "runs a shell", "subprocess.getstatusoutput": "runs a shell",
    "tempfile.mktemp": "leaves a gap in which somebody else makes the file",
    "torch.hub.load": "downloads code and runs it",
    "torch.hub.load_state_dict_from_url": "downloads without our checksum", "yaml.load": "can make any object",
    "pandas.read_pickle": "unpickles", "ssl._create_unverified_context": "trusts every server",
}  # fmt: skip
UNSAFE_METHODS = {"extractall": "trusts the names in an archive", "load_state_dict_from_url": "has no checksum of ours"}
# Each exception is one call, with its reason.
ALLOWED = {
    (
        "gltr_lib/course/answering.py",
        "exec",
    ): "runs the learner's own exercises, in a process of their own, as Jupyter does",
    # The campaign makes hostile files; it opens none of them this way.
    ("tests/torture/corpus.py", "import pickle"): "writes a pickle with code, to see it refused",
}


def dotted(node):
    """``a.b.c`` of an expression; "?" stands for whatever is no name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return "?"


def constant(call, name):
    for keyword in call.keywords:
        if keyword.arg == name:
            return getattr(keyword.value, "value", "not a constant")
    return None


def findings(text):
    """(line, what, why) for each unsafe thing in a file of Python."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [
                (node.lineno, f"import {a.name}", "unpickles")
                for a in node.names
                if a.name.split(".")[0] in UNSAFE_MODULES
            ]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in UNSAFE_MODULES:
            found.append((node.lineno, f"import {node.module}", "unpickles"))
        elif isinstance(node, ast.Call):
            name = dotted(node.func)
            last = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            if name in UNSAFE_CALLS:
                found.append((node.lineno, name, UNSAFE_CALLS[name]))
            elif last in UNSAFE_METHODS:
                found.append((node.lineno, last, UNSAFE_METHODS[last]))
            elif name == "torch.load" and constant(node, "weights_only") is not True:
                found.append((node.lineno, name, "without weights_only=True it runs code from the file"))
            elif name in ("np.load", "numpy.load") and constant(node, "allow_pickle") is not False:
                found.append((node.lineno, name, "say allow_pickle=False"))
            if constant(node, "shell") not in (None, False):
                found.append((node.lineno, f"{name}(shell=…)", "runs a shell"))
            if constant(node, "verify") is False or constant(node, "filter") == "fully_trusted":
                found.append((node.lineno, name, "a check is switched off"))
    return found


def sources():
    for folder in FOLDERS:
        yield from sorted((ROOT / folder).rglob("*.py"))


def test_no_source_file_unpickles_runs_a_shell_or_unpacks_unseen():
    said, used = [], set()
    for path in sources():
        name = path.relative_to(ROOT).as_posix()
        for line, what, why in findings(path.read_text(encoding="utf-8")):
            if (name, what) in ALLOWED:
                used.add((name, what))
            else:
                said.append(f"{name}:{line}: {what}: {why}")
    assert not said, "\n".join(said)
    stale = {key for key in ALLOWED if (ROOT / key[0]).exists()} - used
    assert not stale, f"exceptions that nothing needs any more: {stale}"


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from joblib import load",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "eval(text)",
        "os.system('ls ' + name)",
        "subprocess.run(command, shell=True)",
        "subprocess.Popen(command, shell=flag)",
        "zipfile.ZipFile(path).extractall(folder)",
        "archive.extractall(folder)",
        "torch.hub.load('a/b', 'c')",
        "yaml.load(text)",
    ],
)
def test_the_search_finds_each_of_them(line):
    assert findings(line), line


@pytest.mark.parametrize(
    "line",
    [
        "torch.load(path, weights_only=True)",
        "np.load(path, allow_pickle=False)",
        "model.eval()",
        "model.to(device).eval()",
        "yaml.safe_load(text)",
        "subprocess.run([program, name])",
        "subprocess.run(command, shell=False)",
    ],
)
def test_and_leaves_the_safe_ones_alone(line):
    assert not findings(line), line


def test_notebooks_and_lessons_hold_no_secret_and_no_machine():
    # The words are put together here, so that this file does not find itself.
    secret = re.compile(
        r"AKIA[0-9A-Z]{16}|ghp_[A-Za-z0-9]{30}|hf_[A-Za-z0-9]{30}|-----BEGIN [A-Z ]*PRIVATE" + r" KEY|xox[bap]-\w{10}"
        r"|[?&]token=[0-9a-f]{16}|(?:password|passwd|api_key|secret)\s*=\s*['\"][^'\"{}$]{6}"
    )
    paths = [*(ROOT / "notebooks").rglob("*.ipynb"), *(ROOT / "lessons").glob("*.py"), *(ROOT / "docs").rglob("*.md")]
    assert len(paths) > 30
    for path in paths:
        hit = secret.search(path.read_text(encoding="utf-8"))
        assert not hit, f"{path.name}: {hit[0]}"
    assert secret.search('api_key = "0123456789"')
    assert secret.search("lab?token=" + "0123456789abcdef")
