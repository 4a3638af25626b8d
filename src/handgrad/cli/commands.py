"""The tables of commands.ini: what each command takes, and what its help says."""

import importlib
import re
from collections.abc import Sequence
from types import ModuleType

from handgrad.files import read_tables

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
