"""The house stands on its floors: who may import whom, read from the sources, and what loads without the rest.

A module imports from its own floor or below, and there are no cycles. Imports under ``TYPE_CHECKING`` are no
dependency; those in a module's ``__getattr__`` (PEP 562) are a door to a public name and not a use of it. A package
counts as one module.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import gltr_lib

LIBRARY = Path(gltr_lib.__file__).parent
FLOORS = {
    0: "labels _label_tables adain complexity masks losses metrics weights _validate _version _fields _mini_net"
    " _vgg_net _tiles _drafts _draws _variant _workers _checks _label_sets _json _typed _alt"
    " _fused_loss _png _checkout"
    " _summary _marks _origin _bank_file _tensor_files",
    1: "stylizer style_bank paintings streets models _charts",
    2: "randomize baselines datasets views _read _methods _augment",
    3: "config cost engine scale evaluate ledger study probes real real_sets prepare _run _step _usage _recipes"
    " _train_config _counted",
    4: "cli viz explorers checks doctor course workflows evaluation bench _timing offline __main__ _pictures"
    " _confusion _qualitative _picture_figures",
}
FLOOR = {name: floor for floor, names in FLOORS.items() for name in names.split()}
#: Dotted name -> file of the library.
FILES = {
    ".".join(path.relative_to(LIBRARY.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in LIBRARY.rglob("*.py")
}
ALWAYS_THERE = {"torch", "torchvision", "numpy", "PIL", "safetensors"}


def modules():
    """Name of each module or package on the top level, with its files."""
    found = {path.stem: [path] for path in LIBRARY.glob("*.py") if path.stem != "__init__"}
    for path in LIBRARY.iterdir():
        if (path / "__init__.py").is_file():
            found[path.name] = sorted(path.rglob("*.py"))
    return found


class Imports(ast.NodeVisitor):
    """Collects what a source imports when it runs; ``top`` is what it imports at once.

    ``files`` has the library's own files: the one that is imported, or the one that has the name.
    """

    def __init__(self, package):
        self.package, self.all, self.top, self.files, self.depth = package, set(), set(), set(), 0

    def visit_If(self, node):
        if "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                self.visit(other)
        else:
            self.generic_visit(node)

    def visit_FunctionDef(self, node):
        if node.name == "__getattr__" and self.depth == 0:
            return
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1

    def visit_Lambda(self, node):
        self.visit_FunctionDef(type("Named", (ast.Lambda,), {"name": "lambda"})(node.args, node.body))

    visit_AsyncFunctionDef = visit_FunctionDef

    def add(self, name):
        self.all.add(name)
        if self.depth == 0:
            self.top.add(name)

    def visit_Import(self, node):
        for alias in node.names:
            self.add(alias.name)
            self.files.add(alias.name)

    def visit_ImportFrom(self, node):
        module = node.module or ""
        if node.level:  # a relative import stays in the package, or climbs to gltr_lib
            base = self.package.split(".")[: len(self.package.split(".")) - node.level + 1]
            module = ".".join([*base, *([module] if module else [])])
        for alias in node.names:
            self.add(f"{module}.{alias.name}" if module == "gltr_lib" else module)
            self.files.add(f"{module}.{alias.name}" if f"{module}.{alias.name}" in FILES else module)


def imports_of(path):
    parts = path.relative_to(LIBRARY.parent).with_suffix("").parts
    visitor = Imports(".".join(parts[:-1]))
    visitor.visit(ast.parse(path.read_text(encoding="utf-8")))
    return visitor


def edges():
    """module -> modules of gltr_lib that it imports when it runs, itself left out."""
    graph = {}
    for name, files in modules().items():
        seen = {part for path in files for part in imports_of(path).all if part.startswith("gltr_lib.")}
        graph[name] = {other.split(".")[1] for other in seen} - {name, "__version__"}
    return graph


def test_every_module_has_its_floor():
    homeless = sorted(set(modules()) - set(FLOOR))
    assert not homeless, f"give {', '.join(homeless)} a floor in this file"


def test_a_module_imports_from_its_own_floor_or_below():
    up = [
        f"{name} (floor {FLOOR.get(name, 4)}) imports {other} (floor {FLOOR.get(other, 0)})"
        for name, others in edges().items()
        for other in sorted(others)
        if FLOOR.get(other, 0) > FLOOR.get(name, 4)
    ]
    assert not up, "\n".join(up)


def test_there_are_no_cycles():
    import graphlib

    try:
        tuple(graphlib.TopologicalSorter(edges()).static_order())
    except graphlib.CycleError as error:
        pytest.fail(f"imports in a circle: {' -> '.join(error.args[1])}")


def test_no_file_imports_itself_by_way_of_others():
    """Imports inside a function count: put off, a circle is one all the same. What both need belongs below them.

    That a file of a package runs the package's ``__init__`` first is no use of it; a name of the ``__init__`` is one.
    """
    import graphlib

    graph = {name: imports_of(path).files & set(FILES) - {name} for name, path in FILES.items()}
    try:
        tuple(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        pytest.fail(f"imports in a circle: {' -> '.join(error.args[1])}")


#: Who stands on the study: its door on the command line, the course, which tells what it found, and the probes of its
#: networks. Nobody else: what the library needs as well lives below (``datasets.looks``, ``datasets.rendered``,
#: ``real_sets``, ``_checkout``).
ON_THE_STUDY = {"cli/evidence.py", "course", "probes", "study"}


def test_the_library_does_not_lean_on_the_study():
    found = [
        f"{path.relative_to(LIBRARY)} imports {part}: move what it needs to the library's own floor"
        for name, files in modules().items()
        for path in files
        for part in sorted(imports_of(path).all)
        if f"{part}.".startswith("gltr_lib.study.") and not {name, path.relative_to(LIBRARY).as_posix()} & ON_THE_STUDY
    ]
    assert not found, "\n".join(found)


def test_floors_0_to_3_need_five_packages_at_import():
    allowed = ALWAYS_THERE | set(sys.stdlib_module_names) | {"gltr_lib"}
    found = [
        f"{path.relative_to(LIBRARY)} imports {part} at once; import it where it is used"
        for name, files in modules().items()
        if FLOOR.get(name, 4) <= 3
        for path in files
        for part in sorted(imports_of(path).top)
        if part.split(".")[0] not in allowed
    ]
    assert not found, "\n".join(found)


def test_the_visitor_sees_what_it_should(tmp_path):
    source = (
        "from typing import TYPE_CHECKING\nimport gltr_lib.adain\nfrom gltr_lib import masks, _validate\n"
        "if TYPE_CHECKING:\n    from gltr_lib import viz\n"
        "def f():\n    from gltr_lib.engine import train\n"
        "def __getattr__(name):\n    from gltr_lib.real import x\n"
        "from .tools import y\nfrom ..labels import z\nfrom .. import cli\n"
    )
    visitor = Imports("gltr_lib.streets")
    visitor.visit(ast.parse(source))
    inside = {"gltr_lib.adain", "gltr_lib.masks", "gltr_lib._validate", "gltr_lib.streets.tools", "gltr_lib.labels"}
    assert visitor.top == inside | {"typing", "gltr_lib.cli"}
    assert visitor.all == visitor.top | {"gltr_lib.engine"}
    visitor.files.clear()
    visitor.visit(
        ast.parse("def f():\n    from gltr_lib.streets import render, scene\n    from .. import masks, nobody\n")
    )
    assert visitor.files == {"gltr_lib.streets", "gltr_lib.streets.scene", "gltr_lib.masks", "gltr_lib"}


def python(code):
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, cwd=LIBRARY.parent, timeout=300)


BLOCK = """
import importlib, sys
allowed = set({allowed!r})
ours = {names!r}
class Wall:
    def find_spec(self, name, path=None, target=None):
        head = name.split(".")[0]
        if head in {blocked!r}:
            raise ImportError(f"{{name}} is blocked by this test")
sys.meta_path.insert(0, Wall())
for name in ours:
    importlib.import_module(f"gltr_lib.{{name}}")
print("ok")
"""


def own_dependencies():
    """Import names of what pyproject asks for beyond the five: all of them are missing in the test below."""
    return {
        "accelerate", "pooch", "tqdm", "tyro", "matplotlib", "skimage", "scipy", "ipywidgets", "IPython", "ipykernel",
        "jupyterlab", "jupytext", "nbclient", "nbformat", "jupyter_client", "pytest", "hypothesis", "torchmetrics",
        "cityscapesscripts", "yaml", "requests", "pandas", "cv2", "imageio",
    }  # fmt: skip


@pytest.mark.slow
def test_floors_0_to_3_load_without_everything_else():
    names = sorted(name for name in modules() if FLOOR.get(name, 4) <= 3)
    done = python(BLOCK.format(allowed=sorted(ALWAYS_THERE), names=names, blocked=own_dependencies()))
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
def test_the_wall_holds():
    done = python(BLOCK.format(allowed=[], names=["labels"], blocked={"numpy"}))
    assert done.returncode != 0
    assert "numpy is blocked by this test" in done.stderr


@pytest.mark.parametrize("statement", ["import gltr_lib", "import gltr_lib.config", "import gltr_lib.course.run"])
def test_what_must_not_load_torch(statement):
    done = python(f"{statement}, sys; loaded = {{'torch', 'torchvision'}} & set(sys.modules); print(sorted(loaded))")
    assert done.stdout.strip() == "[]", done.stderr


def test_public_names_are_listed_and_a_wrong_one_says_so():
    assert {name for name in modules() if not name.startswith("_")} == set(dir(gltr_lib)) - set(gltr_lib.__all__)
    assert gltr_lib.bench.bench
    with pytest.raises(AttributeError, match="'nothing'; public names: GlobalTextureRandomization"):
        gltr_lib.nothing
