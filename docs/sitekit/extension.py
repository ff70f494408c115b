"""The Sphinx side of the site: alt texts of figures, names of types, docstrings one entry a line.

- myst-nb takes a figure's alternative text from the metadata of its cell only. ``viz.show`` writes it where nbconvert
  reads it, in the output's metadata (one cell may show several figures), so we read it there.
- Annotations name the module in which a class was written; pages document it where users import it. A missing reference
  is resolved to the one documented object of that name, if it is the same object.
"""

from __future__ import annotations

import importlib
import re
from typing import Any

from docutils import nodes
from myst_nb.core.render import NbElementRenderer
from sphinx.application import Sphinx
from sphinx.util.nodes import make_refnode

import gltr_lib

COLON = "\ue000"  # stands for a colon while Napoleon reads
GIVEN = r"\*{0,2}[a-z_]\w*(?:, \*{0,2}\w+)*: "
RAISED = r"[A-Z]\w+(?:, [A-Z]\w+)*: "


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("builder-inited", materialise)
    app.connect("missing-reference", resolve)
    app.connect("autodoc-process-docstring", before_napoleon, priority=400)
    app.connect("autodoc-process-docstring", after_napoleon, priority=600)
    _keep_alt()
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _keep_alt() -> None:
    original = NbElementRenderer.render_image
    if getattr(original, "keeps_alt", False):
        return

    def render_image(self: NbElementRenderer, data: Any) -> list[nodes.Element]:
        found = original(self, data)
        alt = str(data.output_metadata.get(data.mime_type, {}).get("alt", "")).strip()
        for node in found:
            if alt and isinstance(node, nodes.image):
                node["alt"] = alt
        return found

    render_image.keeps_alt = True  # type: ignore[attr-defined]
    NbElementRenderer.render_image = render_image  # type: ignore[method-assign]


def _object(name: str) -> Any:
    """The object behind a dotted name, or None."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:cut]))
            for part in parts[cut:]:
                found = getattr(found, part)
        except (ImportError, AttributeError):
            continue
        return found
    return None


def materialise(app: Sphinx) -> None:
    """Load what modules load only when asked for (PEP 562): autodoc looks at what is there."""
    for name in gltr_lib._MODULES:
        module = importlib.import_module(f"gltr_lib.{name}")
        for promised in getattr(module, "__all__", ()):
            vars(module).setdefault(promised, getattr(module, promised))


def resolve(app: Sphinx, env: Any, node: Any, contnode: Any) -> Any:
    """Where a Python name is documented under another module than the one it was written in."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"].lstrip("~.")
    last = target.rsplit(".", 1)[-1]
    objects = env.get_domain("py").objects
    homes = [name for name in objects if name.rsplit(".", 1)[-1] == last and not objects[name].aliased]
    wanted = _object(target if "." in target else f"{node.get('py:module', 'gltr_lib')}.{target}")
    if wanted is not None:
        homes = [name for name in homes if _object(name) is wanted]
    elif target != last:
        homes = [name for name in homes if name.endswith(f".{target}")]
    if len(homes) != 1:
        return None
    entry = objects[homes[0]]
    return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, contnode, homes[0])


def before_napoleon(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Docstrings as Napoleon reads them: one entry a line, and no type before the colon of a property's sentence."""
    lines[:] = unroll(lines)
    if what in ("attribute", "data", "property"):
        lines[:] = [line.replace(":", COLON) for line in lines]


def after_napoleon(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Give back the colons that Napoleon should not see."""
    lines[:] = [line.replace(COLON, ":") for line in lines]


def unroll(lines: list[str]) -> list[str]:
    """Entries of a section, of which our docstrings write several in a row, each on a line of its own.

    Example:
        >>> unroll(["Args:", "    a: one. b, c: two", "    words.", "", "Rest."])
        ['Args:', '    a: one.', '    b, c: two words.', '', 'Rest.']
    """
    done: list[str] = []
    place = 0
    while place < len(lines):
        head = re.match(r"^(\s*)(Args|Attributes|Raises):\s*$", lines[place])
        done.append(lines[place])
        place += 1
        if not head:
            continue
        entry = RAISED if head[2] == "Raises" else GIVEN
        entries: list[str] = []
        while place < len(lines) and lines[place].startswith(f"{head[1]} ") and lines[place].strip():
            line = lines[place].strip()
            if entries and not re.match(entry, line):
                entries[-1] += f" {line}"
            else:
                entries.append(line)
            place += 1
        for text in entries:
            done += [f"{head[1]}    {part}" for part in re.split(rf"(?<=[.;)]) (?={entry})", text)]
    return done
