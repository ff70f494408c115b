"""``gltr``: the library from a terminal. Thin on purpose: each command calls the function that lessons call too.

``gltr --help`` imports neither torch nor the parser. What a user did wrong is one line on stderr: exit code 2 for a
wrong command, 1 for bad data, never a traceback. With ``--json`` a command prints one JSON value on stdout and keeps
its progress on stderr.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gltr_lib._drafts import is_full
from gltr_lib._usage import UsageError
from gltr_lib.cli._say import in_words
from gltr_lib.cli.data import prepare, verify
from gltr_lib.cli.evidence import study
from gltr_lib.cli.look import bench, demo, doctor
from gltr_lib.cli.scoring import evaluate
from gltr_lib.cli.texture import bank, bank_info, bank_merge, stylize
from gltr_lib.cli.training import train

COMMANDS: dict[str, Callable[..., int]] = {
    "doctor": doctor, "demo": demo, "bank build": bank, "bank info": bank_info, "bank merge": bank_merge,
    "stylize": stylize, "verify": verify, "prepare": prepare, "train": train, "evaluate": evaluate, "study": study,
    "bench": bench, "bank": bank,
}  # fmt: skip


def help_text() -> str:
    """What ``gltr --help`` prints: each command with the first line of its docstring."""
    shown = {name: function for name, function in COMMANDS.items() if name != "bank"}  # "bank" alone means "bank build"
    lines = [f"  {name:<10} {(function.__doc__ or '').strip().splitlines()[0]}" for name, function in shown.items()]
    return (
        "usage: gltr COMMAND [options]\n\nGlobal and local texture randomization, from a terminal.\n\ncommands:\n"
        + "\n".join(lines)
        + "\n\ngltr COMMAND --help says more; --json answers programs; gltr --version."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code.

    Args:
        arguments: as in ``sys.argv[1:]``.

    Returns:
        0, 1 (bad data, or a finding of the doctor), 2 (wrong command), 130 (stopped by the user).
    """
    given = [*(sys.argv[1:] if arguments is None else arguments)]
    if not given or given[0] in ("-h", "--help", "help"):
        return _print(help_text(), 0 if given else 2)
    if given[0] in ("-V", "--version"):
        from gltr_lib import __version__

        return _print(f"gltr {__version__}", 0)
    name, rest = given[0], given[1:]
    if rest and f"{name} {rest[0]}" in COMMANDS:  # two words, such as "bank info"
        name, rest = f"{name} {rest[0]}", rest[1:]
    if name not in COMMANDS:
        return _complain(f"unknown command {name!r}; valid: {', '.join(c for c in COMMANDS if ' ' not in c)}", 2)
    try:
        with _notes():
            return _run(name, rest)
    except UsageError as error:
        return _complain(f"{name}: {error}", 2)
    except BrokenPipeError:
        return _cut_off()
    except (ValueError, TypeError, OSError, RuntimeError) as error:
        if os.environ.get("GLTR_DEBUG"):
            raise
        return _complain(f"{name}: {_full_disk(error) or in_words(error)}", 1)
    except ImportError as error:
        return _complain(f"{name}: {error}; gltr doctor says what to install", 1)
    except KeyboardInterrupt:
        again = ", without --fresh," if "--fresh" in rest else ""
        return _complain(f"{name}: stopped; the same command{again} goes on where it was", 130)


@contextlib.contextmanager
def _notes() -> Iterator[None]:
    """Warnings meant for users as one line each; the place in the source is of no use to them."""
    usual = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, UserWarning):
            print("gltr: note: " + " ".join(str(message).split()), file=sys.stderr)
        else:
            usual(message, category, *place, **more)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _run(name: str, rest: Sequence[str]) -> int:
    import tyro

    wants_help = any(flag in ("-h", "--help") for flag in rest)
    captured = io.StringIO()
    holder: dict[str, Any] = {}
    # tyro parses here and calls later, so that only its own complaints are caught and put on one line.
    function = COMMANDS[name]
    rest = _joined(function, rest)
    try:
        with contextlib.nullcontext() if wants_help else contextlib.redirect_stderr(captured):
            holder["call"] = tyro.cli(_deferred(function), prog=f"gltr {name}", args=list(rest), config=_style())
    except SystemExit as stop:
        if not stop.code:
            return 0
        return _complain(f"{name}: {_one_line(captured.getvalue())} (gltr {name} --help)", 2)
    return holder["call"]()


def _joined(function: Callable[..., int], given: Sequence[str]) -> list[str]:
    """The same arguments, with the values of an option that was repeated behind its first mention.

    Of ``--set a=1 --set b=2`` tyro would keep the last alone, without a word.

    Example:
        >>> _joined(evaluate, ["gtr", "--look", "game", "--scenes", "8", "--look=sun"])
        ['gtr', '--look', 'game', 'sun', '--scenes', '8']
    """
    import inspect

    several = {name for name, p in inspect.signature(function).parameters.items() if isinstance(p.default, tuple)}
    current: list[str] = []
    groups = [current]  # an option with what stands behind it
    first: dict[str, list[str]] = {}
    for text in given:
        flag, equals, value = text.partition("=")
        name = flag[2:].replace("-", "_") if flag.startswith("--") else ""
        if name in first:
            current = first[name]  # what follows belongs there
            current += [value] if equals else []
        elif text.startswith("--"):
            current = [flag, value] if name in several and equals else [text]
            groups.append(current)
            first |= {name: current} if name in several else {}
        else:
            current.append(text)
    return [text for group in groups for text in group]


def _deferred(function: Callable[..., int]) -> Callable[..., Callable[[], int]]:
    """The same signature, but calling it only remembers the arguments."""
    import functools
    import inspect
    import typing

    import tyro

    @functools.wraps(function)
    def remember(*args: Any, **kwargs: Any) -> Callable[[], int]:
        return lambda: function(*args, **kwargs)

    signature = inspect.signature(function)
    empty = {k for k, p in signature.parameters.items() if p.default in (None, ())}
    quiet = tyro.conf.arg(help_behavior_hint="")  # "(default: None)" tells a reader nothing
    remember.__annotations__ = {
        k: typing.Annotated[v, quiet] if k in empty else v
        for k, v in typing.get_type_hints(function).items()
        if k != "return"
    }
    del remember.__wrapped__  # type: ignore[attr-defined]  # tyro would read the annotations of that
    remember.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[
            p.replace(annotation=remember.__annotations__.get(k, p.annotation)) for k, p in signature.parameters.items()
        ]
    )
    return remember


def _style() -> tuple[Any, ...]:
    """How tyro writes help: SOURCE TARGET instead of PATH PATH, STR instead of {None}|STR, no --no-json."""
    from tyro import conf

    return conf.PositionalMetavarFromFieldName, conf.FlagCreatePairsOff, conf.DisallowNone


def _full_disk(error: BaseException) -> str:
    """What the system says of a full disk, with a remedy; nothing if the error is another, or says it already."""
    if not is_full(error):
        return ""
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}the disk is full; free some space and call this again"


def _one_line(text: str) -> str:
    """tyro's framed complaint as one plain line, with the option that it takes for the one that was meant."""
    framed = "╭" in text  # where the terminal has no such letters, the title is a line of its own above a rule
    parts: list[list[str]] = [[]]
    for line in text.splitlines():
        plain = line.strip("│╰╯─ ")
        if not plain.strip("-"):
            parts += [[]] if "---" in line or "───" in line else []
        elif not line.startswith("╭"):  # the title says nothing that the line below does not
            parts[-1].append(plain)
    said = " ".join(next((part for part in parts[not framed :] if part), [])) or "wrong arguments"
    meant = next((part[1].split()[0] for part in parts if len(part) > 1 and part[0] == "Perhaps you meant:"), "")
    return f"{said}; perhaps you meant {meant}" if meant else said


def _print(text: str, code: int) -> int:
    try:
        print(text, flush=True)
    except BrokenPipeError:
        return _cut_off()
    return code


def _cut_off() -> int:
    """``gltr ... | head`` has read enough; Python flushes what is left once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 141


def _complain(text: str, code: int) -> int:
    print("gltr: " + " ".join(str(text).split()), file=sys.stderr)
    return code
