"""`handgrad derive`, and `export`: a network as equations, and as a file for other programs."""

import logging
import os
import sys
from pathlib import Path

from handgrad.cli.commands import Parser
from handgrad.cli.flags import FLAG, parse_or_help
from handgrad.config.lookup import listed
from handgrad.config.value_types import Name
from handgrad.derivation import FORMATS, derive_config, derive_run
from handgrad.errors import UsageError
from handgrad.exports import export
from handgrad.files import atomic_write
from handgrad.run_folder import run_path
from handgrad.runs import open_run
from handgrad.screen import echo, working

SUFFIXES = {".txt": "text", ".html": "html", ".htm": "html", ".md": "md", ".tex": "tex"}
log = logging.getLogger("handgrad")


def run_derive(tokens: list[str]) -> int:
    """Print or write the equations of a run's network, or of a configuration's; exit code 1 when a check fails."""
    folder, rest = _split(tokens)
    parsed = parse_or_help(rest, "derive", format=Name("format", tuple(FORMATS)))
    if folder is not None and (parsed.stated or parsed.options["config"]):
        raise UsageError(f"{folder} has its own settings: leave out the flags, or leave out the run")
    for note in parsed.notes:
        log.info("note: %s", note)  # beside the equations, not among them
    out, notation = _destination(parsed.options["out"], parsed.options["format"])
    with working("reading the data") as update:
        derivation = derive_run(open_run(folder), update) if folder else derive_config(parsed.config, update)
    _give(FORMATS[notation](derivation), out)
    for failure in derivation.failed:
        print(f"WRONG  {failure}", file=sys.stderr)
    return int(bool(derivation.failed))


def _split(tokens: list[str]) -> tuple[Path | None, list[str]]:
    """The run that is named, and the flags, -o FILE being distinguished from -o OPTIMIZER by the file's ending."""
    rest = list(tokens)
    for place in range(len(rest) - 1):
        if rest[place] == "-o" and Path(rest[place + 1]).suffix in SUFFIXES:
            rest[place] = "--out"
    for place, token in enumerate(rest):
        named = place == 0 and not FLAG.match(token)
        if named or (not FLAG.match(token) and (Path(token) / "config.yaml").is_file()):
            return run_path(rest.pop(place)), rest
    return None, rest


def _destination(out: str | None, notation: str | None) -> tuple[Path | None, str]:
    """The file, if any, and the notation, which the file's ending decides unless it is given."""
    if out is None:
        return None, notation or "text"
    path = Path(os.path.expanduser(out))
    if notation is None and path.suffix not in SUFFIXES:
        raise UsageError(f"unknown format of {path}: the file must end in {listed(SUFFIXES)} (--out)")
    if not path.parent.is_dir():
        raise UsageError(f"out names a folder that does not exist: {path.parent} (--out)")
    return path, notation or SUFFIXES[path.suffix]


def _give(text: str, out: Path | None) -> None:
    if out is None:
        echo(text.rstrip("\n"))
        return
    atomic_write(out, text)
    echo(f"written: {out}")


def run_export(tokens: list[str]) -> int:
    """Write the network for another program, and print what its reader should know."""
    arguments = Parser("export").arguments(tokens)
    network = open_run(arguments.run).load_model()
    with working("writing the network"):
        words = export(network, arguments.file)
    echo(words)
    return 0
