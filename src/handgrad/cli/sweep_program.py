"""`handgrad sweep FILE` where the file names a program that is not handgrad's."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from handgrad.cli.flags import ParsedFlags
from handgrad.errors import Diagnostic, UsageError
from handgrad.screen import echo
from handgrad.sweeps import BUNDLED, SweepDefinition, read_sweep
from handgrad.sweeps.programs.program import Program, located
from handgrad.sweeps.sweep_file import content_of

USED = ("seed", "time_limit")  # settings of a run that a sweep of any program has, too
NETRC = Path("~/.netrc")


def program_of(file: str, options: dict[str, Any]) -> tuple[Program | None, str]:
    """The program that a sweep file names, where that is to be run; and the rule by which it is or is not, in a line.

    Raises  UsageError, FileSystemError.
    """
    _, content, path = content_of(file)
    if file in BUNDLED and path == BUNDLED[file]:
        return None, ""
    folder, rule = located(content, path.parent if path else Path(), options["engine"])
    if folder is None:
        return None, rule
    own = {name: options[name] for name in ("metric_file", "metric_regex", "retries") if options[name] is not None}
    return Program(str(content["program"]), folder=folder, stand_in=stands_in(options["stand_in"]), **own), rule


def stands_in(wanted: bool | None) -> bool:
    """Whether handgrad's stand-in for wandb is put on the program's path: where it is wanted, or there is no login."""
    if wanted is not None:
        return wanted
    if os.environ.get("WANDB_API_KEY"):
        return False
    netrc = Path(os.environ.get("NETRC", NETRC.expanduser()))
    return not (netrc.is_file() and "wandb" in netrc.read_text(errors="replace"))


def how_logged(program: Program, choice: str = " (--no_stand_in: your own)") -> str:
    """Whose wandb the program imports, and where that sends what is logged."""
    if program.stand_in:
        return f"wandb is handgrad's stand-in{choice}: what is logged stays in the trials' folders"
    if (mode := os.environ.get("WANDB_MODE", "offline")) != "offline":
        return f"wandb is your own, with WANDB_MODE={mode} (--stand_in: handgrad's, which sends nothing)"
    return "wandb is your own, offline, as long as WANDB_MODE says nothing else (--stand_in: handgrad's)"


def read_program(file: str, program: Program, parsed: ParsedFlags) -> SweepDefinition:
    """The sweep of a program.  Raises  UsageError for a setting of handgrad's own engine among the flags."""
    foreign = [name for name in parsed.stated if name not in USED]
    if foreign:
        what = f"--{foreign[0]} is a setting of handgrad's own engine, and {program.path} is run"
        raise UsageError(f"{what}: write it into the sweep file, or give --engine handgrad")
    return read_sweep(file, parsed.config, program=program)


def announce(rule: str, program: Program | None, notices: Sequence[Diagnostic] = ()) -> None:
    """Print what is run, how it logs, and what of the file was not taken to the letter."""
    if rule:
        echo(rule)
    if program:
        echo(how_logged(program))
        for notice in notices:
            echo(f"note: {notice}")
