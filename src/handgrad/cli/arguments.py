"""What commands take that take no settings of a run: argparse, with the errors of handgrad."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from handgrad.cli.commands import TABLES, examples_of, rows
from handgrad.errors import UsageError
from handgrad.run_folder import run_path


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
