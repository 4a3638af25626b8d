"""The tables of commands.ini, and the arguments of commands that take no settings of a run."""

import argparse
import hashlib
import importlib
import io
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import platformdirs

from handgrad.errors import HandgradError, UsageError
from handgrad.files import atomic_write, read_tables
from handgrad.plugins import any_installed
from handgrad.run_folder import run_path

ABOVE = ("usage", "summary", "about", "examples", "more", "short")  # what is no row of an option in a section

HELP = re.compile("-+h(elp)?", re.IGNORECASE)

TABLES = read_tables("handgrad.cli", "commands.ini")
# The module in which `run_NAME` is, and the line of `handgrad --help`.
COMMANDS: dict[str, tuple[str, str]] = {
    name: (module, summary)
    for name, text in TABLES["commands"].items()
    for module, _, summary in [text.partition(": ")]
}


def module_of(command: str) -> ModuleType:
    """Where a command's functions are, loaded when first wanted: no command waits for what another one needs."""
    return importlib.import_module(f"handgrad.cli.{COMMANDS[command][0]}")


def short_help_for(command: str, tokens: Sequence[str], program: str) -> str:
    """The help of one screen, where a command has one and it is wanted; nothing for `--help all`."""
    places = [place for place, token in enumerate(tokens) if HELP.fullmatch(token)]
    if not places or tokens[places[0] + 1 : places[0] + 2] == ["all"]:
        return ""
    text = TABLES.get(command, {}).get("short", "").strip()
    return text and text.replace("\n|", "\n  ").replace(f"handgrad {command}", program) + "\n"


def kept_help(command: str, tokens: Sequence[str], run: Callable[[], Any]) -> str:
    """What `run` prints for a plain `--help` or `--help all`: kept for the next time, which loads nothing for it.

    It is made anew when any file of the program, what is installed beside it, or the terminal's width has changed, and
    never kept where plugins have a say.
    """
    if not any(map(HELP.fullmatch, tokens)) or not all(HELP.fullmatch(token) or token == "all" for token in tokens):
        return ""
    root = os.environ.get("HANDGRAD_CACHE_DIR") or platformdirs.user_cache_dir("handgrad")
    file, state, key = Path(os.path.expanduser(root)) / "help.json", _state(), " ".join([command, *tokens])
    kept = dict[str, Any]()
    with suppress(OSError, ValueError, TypeError, AttributeError):
        found = json.loads(file.read_bytes())
        kept = found["texts"] if found.get("state") == state else {}
        if isinstance(kept.get(key), str):
            return str(kept[key])
    with redirect_stdout(io.StringIO()) as printed, suppress(SystemExit):
        run()
    text = printed.getvalue()
    if not any_installed():
        with suppress(OSError, HandgradError):
            file.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(file, json.dumps({"state": state, "texts": {**kept, key: text}}), durable=False)
    return text


def _state() -> list[Any]:
    """All that help texts follow from."""
    package = Path(__file__).parents[1]
    files = [path for path in package.rglob("*.*") if path.suffix != ".pyc"]
    files += [path for place in sys.path for path in Path(place).glob("*-info/entry_points.txt")]
    stats = [(str(path), path.lstat().st_mtime_ns, path.lstat().st_size) for path in sorted(files)]
    return [sys.version, shutil.get_terminal_size().columns, hashlib.sha256(repr(stats).encode()).hexdigest()]


def rows(command: str) -> list[tuple[list[str], str]]:
    """The options of a command: the words in front of the equals sign, and those behind it, on one line."""
    shared = {key.split()[0]: (key, text) for key, text in TABLES["shared"].items()}
    own = [(key, text) for key, text in TABLES[command].items() if key not in ABOVE]
    found = [(key, text) if text else shared[key] for key, text in own]
    return [(key.split(), " ".join(text.split())) for key, text in found]


def usage_of(command: str) -> str:
    """The beginning of a command's line of usage."""
    return f"handgrad {TABLES[command].get('usage', command)}"


def examples_of(command: str) -> list[str]:
    """Lines that show how a command is used."""
    return TABLES[command]["examples"].strip().splitlines()


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number from 0, got {text!r}")
    return int(text)


PYTHON_TYPES = {"path": Path, "run": run_path, "int": int, "count": _count, "text": str}


class Parser(argparse.ArgumentParser):
    """A parser of `handgrad COMMAND` by its section of the file, whose help keeps the line breaks of its examples.

    `choices` are those of arguments that have some; `words` stand in help in the place of their names in braces.
    """

    def __init__(self, command: str, words: Mapping[str, Any] = {}, **choices: Sequence[str]) -> None:
        own, examples = TABLES[command], "\n".join(f"  {line}" for line in examples_of(command))
        more = f"\n\n{own['more']}".replace("\n|", "\n  ") if "more" in own else ""
        super().__init__(
            f"handgrad {command}",
            description=own["about"],
            epilog=f"examples:\n{examples}{more}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        for row, text in rows(command):
            self._add_row(row, text.format_map(words), choices)

    def _add_row(self, words: Sequence[str], text: str, choices: Mapping[str, Sequence[str]]) -> None:
        names = [word for word in words if word.startswith("-")] or [words[0]]
        how: dict[str, Any] = {"help": text}
        for word in words[len(names) :]:
            key, _, value = word.partition(":")
            if key in PYTHON_TYPES:
                how["type"] = PYTHON_TYPES[key]
            elif key == "default":
                how["default"] = value  # argparse gives it the type
            elif key == "append":
                how |= {"action": "append", "default": []}
            else:
                how["nargs" if word in "?*+" else "metavar"] = word
        if (name := names[-1 if names[0] == "-o" else 0].lstrip("-")) in choices:
            how["choices"] = choices[name]
        if len(words) == len(names) and "choices" not in how:
            how["action"] = "store_true"
        self.add_argument(*names, **how)

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print."""
        raise UsageError(f"{message}. `{self.prog} --help` shows the usage")

    def arguments(self, tokens: list[str]) -> Any:
        """Parse; --help prints and leaves with 0 as usual."""
        return self.parse_args(tokens)
