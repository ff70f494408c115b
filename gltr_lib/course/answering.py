"""The child of :mod:`gltr_lib.course.sitting`: defines what a student wrote, and says what it does on a check's inputs.

Only imports, functions, classes and plain constants of a notebook are executed, and another variable when a function
asks for it: nothing that trains, draws or writes. Nothing here decides whether an answer is right.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import gltr_lib
from gltr_lib.checks import EXERCISES
from gltr_lib.checks.registry import NotYet, changed_inputs, cuts_gradient, observe, words
from gltr_lib.course.sitting import pack, receive, send, unpack

DEFINES = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
HIDDEN = [name for name in sys.modules if name.startswith("gltr_lib.checks")]


def parse(source: str) -> ast.Module:
    """The cell as Python; lines of IPython (``%time``, ``!ls``) are left out where it is none with them.

    Raises:
        ValueError: it is not Python; the message has the line.
    """
    error: Exception | None = None
    lines = source.split("\n")
    for text in (source, "\n".join("" if line.lstrip().startswith(("%", "!", "?")) else line for line in lines)):
        try:
            return ast.parse(text)
        except SyntaxError as found:
            error = ValueError(f"line {found.lineno} is not Python: {found.msg}")
        except (ValueError, RecursionError, MemoryError) as found:  # a null byte; brackets a thousand deep
            error = ValueError(f"a cell is not Python: {type(found).__name__}")
    raise error or ValueError("a cell is not Python")


class Notebook:
    """What a notebook has defined so far: its names, which of them are only imported, and variables not yet needed."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {"__name__": "__notebook__"}
        self.imported: set[str] = set()
        self.later: dict[str, ast.stmt] = {}

    def define(self, source: str) -> str:
        """Execute what defines in a cell; returns what went wrong, in words."""
        trouble = ""
        try:
            body = parse(source).body
        except ValueError as error:
            return str(error)
        for node in body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gltr_lib.checks"):
                continue  # no answer needs a check, and here there is none
            named = _assigned(node)
            plain = bool(named) and _plain(getattr(node, "value", None))
            if isinstance(node, DEFINES) or plain:
                trouble = self._run(node) or trouble
            for name in [] if plain else named:
                if name in self.names and name in _names(node):  # such as ``f = torch.no_grad()(f)``
                    trouble = self._run(node) or trouble
                else:
                    self.later[name] = node
                    self.names.pop(name, None)  # an old value under this name would be another one
        return trouble

    def _run(self, node: ast.stmt) -> str:
        """Execute a statement; returns what went wrong, in words."""
        try:
            self._execute(node)
        except BaseException as error:  # a class body may also exit
            return words(error)
        return ""

    def _execute(self, node: ast.stmt) -> None:
        before = dict(self.names)
        exec(compile(ast.Module([node], []), "<notebook>", "exec"), self.names)
        new = {name for name, value in self.names.items() if name not in before or before[name] is not value}
        if isinstance(node, ast.Import | ast.ImportFrom):
            self.imported |= new
        else:
            self.imported -= new
        for name in new:
            self.later.pop(name, None)

    def attempt(self, call: Callable[[], Any]) -> Any:
        """Call, and again after each variable of the notebook that it asks for and that was not needed yet.

        Raises:
            NotYet: it failed; the message has the words of its error.
        """
        while True:
            try:
                return call()
            except BaseException as error:
                cause = error.__cause__ if isinstance(error, NotYet) and error.__cause__ else error
                node = self.later.pop(cause.name or "", None) if isinstance(cause, NameError) else None
                if node is None:
                    raise error if isinstance(error, NotYet) else NotYet(words(error)) from error
            self.attempt(partial(self._execute, node))

    def see(self, identity: str, name: str) -> dict[str, Any]:
        """What the function called ``name`` does on the inputs of an exercise."""
        exercise = EXERCISES[identity]
        if name in self.imported:
            return {"not_yet": f"`{name}` is imported, and not written in the notebook"}
        if name not in self.names and name in self.later:
            node = self.later.pop(name)
            try:
                self.attempt(partial(self._execute, node))
            except NotYet as problem:
                return {"not_yet": str(problem)}
        if name not in self.names:
            return {"gone": True}
        answer = self.names[name]
        if answer is exercise.reference:
            return {"lent": True}
        if not callable(answer):
            return {"not_yet": f"`{name}` is no function, but {type(answer).__name__}"}
        if exercise.judge is not None:
            return {"call": True}
        try:
            got = self.attempt(partial(observe, exercise, answer))
            changed, cut = (self.attempt(partial(find, exercise, answer)) for find in (changed_inputs, cuts_gradient))
            return {"got": pack(got), "changed": changed, "cut": cut}
        except NotYet as problem:
            return {"not_yet": str(problem)}

    def call(self, name: str, inputs: Any) -> dict[str, Any]:
        """Call a function; the answer has what it returned, and its inputs afterwards."""

        def once() -> dict[str, Any]:
            given = unpack(inputs)  # fresh ones, where a first attempt has used up some of its generator
            return {"result": pack(self.names[name](*given)), "after": pack(given)}

        try:
            return dict(self.attempt(once))
        except NotYet as problem:
            return {"not_yet": str(problem)}

    def keep(self, identity: str, name: str) -> dict[str, Any]:
        """Leave what the check of a lesson hands back: the student's function ``name``, or the library's for ""."""
        reference = EXERCISES[identity].reference
        self.names[reference.__name__] = self.names[name] if name else reference
        self.imported.discard(reference.__name__)
        return {}

    def reply(self, message: dict[str, Any]) -> dict[str, Any]:
        """The answer to one message of the grader."""
        do = message["do"]
        try:
            if do == "define":
                return {"trouble": self.define(message["source"])}
            if do == "see":
                return self.see(message["exercise"], message["name"])
            if do == "call":
                return self.call(message["name"], message["inputs"])
            return self.keep(message["exercise"], message["name"]) if do == "keep" else {}
        except BaseException as error:  # of a value that fails while it is packed, say
            return {"not_yet": words(error)}


def _assigned(node: ast.stmt) -> list[str]:
    """The names that an assignment gives a value."""
    targets = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        targets = [node.target]
    return [part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)]


def _names(node: ast.stmt) -> set[str]:
    """The names whose values a statement reads."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}


def _plain(value: ast.expr | None) -> bool:
    """Whether an expression is a literal (a number, a text, a tuple of them, ...) or a lambda."""
    if value is None or isinstance(value, ast.Lambda):
        return value is not None
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return False
    return True


def main() -> int:
    """Answer messages until there are none."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):  # what a student prints goes nowhere, above all not among our answers
        os.dup2(nothing, number)
    for name in HIDDEN:  # a function that looks for the checks finds none
        sys.modules[name] = None  # type: ignore[assignment]
    del gltr_lib.checks
    notebook = Notebook()
    while (message := receive(requests)) is not None:
        send(replies, notebook.reply(message))
    return 0


if __name__ == "__main__":
    sys.exit(main())
