"""What `handgrad sweep WORD NAME` does with a sweep that there is: a row for each word."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from handgrad.cli.console import say_notes
from handgrad.cli.flags import FLAG, ParsedFlags, parse
from handgrad.cli.help_text import short_help
from handgrad.cli.options import Option
from handgrad.errors import FileSystemError, UsageError
from handgrad.sweeps.folder import Sweep, open_sweep
from handgrad.text import suggestion


class Subcommand(NamedTuple):
    """One row: `summary` is its line in `handgrad sweep --help`, `about` what its own help says above the flags.

    `settings` are the fields of a run's configuration that it takes; all of them where it is None.
    """

    summary: str
    run: Callable[[Sweep, ParsedFlags], int]
    options: tuple[Option, ...]
    examples: tuple[str, ...]
    about: str = ""
    settings: tuple[str, ...] | None = ()


def run_subcommand(word: str, row: Subcommand, tokens: list[str]) -> int:
    """Find the sweep that the first token names, read the flags, and do it.

    Raises  UsageError, FileSystemError; whatever the subcommand raises.
    """
    named = bool(tokens) and not FLAG.match(tokens[0])
    parsed = parse(tokens[1:] if named else tokens, row.options)
    if parsed.options["help"]:
        print(short_help(f"handgrad sweep {word} NAME", row.about or row.summary, row.options, row.examples), end="")
        return 0
    if not named:
        raise UsageError(f"handgrad sweep {word}: which one? Give its name or its folder")
    odd = [name for name in parsed.given if row.settings is not None and name not in row.settings]
    if odd:
        raise UsageError(f"the settings are those that the sweep began with: leave --{odd[0]} out")
    say_notes(parsed.notes)
    return row.run(find_sweep(tokens[0], Path(parsed.options["sweeps_dir"])), parsed)


def find_sweep(name: str, folder: Path) -> Sweep:
    """The sweep in the folder `name`, or the one of that name in `folder`.

    Raises  FileSystemError with the nearest name where there is none; UsageError, CorruptDataError.
    """
    path = Path(name) if (Path(name) / "sweep.json").exists() else folder / name
    if not path.is_dir():
        known = sorted(each.parent.name for each in folder.glob("*/sweep.json"))
        others = f" There {'is' if len(known) == 1 else 'are'}: {', '.join(known)}" if known else ""
        raise FileSystemError(f"no sweep in {path}{suggestion(name, known)}{others}")
    return open_sweep(path)
