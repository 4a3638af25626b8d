"""The tables of commands.ini: what each command takes, and what its help says."""

from configparser import ConfigParser, SectionProxy
from importlib.resources import files

ABOVE = ("usage", "summary", "about", "examples", "more")  # what is no row of an option in a section

_file = ConfigParser(delimiters=("=",), comment_prefixes=("#",), allow_no_value=True, interpolation=None)
_file.optionxform = str  # type: ignore[assignment, method-assign]
_file.read_string((files("handgrad.cli") / "commands.ini").read_text(encoding="utf-8"))

# The module in which `run_NAME` is, and the line of `handgrad --help`.
COMMANDS: dict[str, tuple[str, str]] = {
    name: (module, summary) for name, text in _file["commands"].items() for module, _, summary in [text.partition(": ")]
}


def section(command: str) -> SectionProxy:
    """What the file says of a command."""
    return _file[command]


def rows(command: str) -> list[tuple[list[str], str]]:
    """The options of a command: the words in front of the equals sign, and those behind it, on one line."""
    shared = {key.split()[0]: (key, text) for key, text in _file["shared"].items()}
    own = [(key, text) for key, text in _file[command].items() if key not in ABOVE]
    found = [(key, text) if text else shared[key] for key, text in own]
    return [(key.split(), " ".join(text.split())) for key, text in found]


def usage_of(command: str) -> str:
    """The beginning of a command's line of usage."""
    return f"handgrad {_file[command].get('usage', command)}"


def examples_of(command: str) -> list[str]:
    """Lines that show how a command is used."""
    return _file[command]["examples"].strip().splitlines()
