"""The program of a sweep file: where it lies, and the words that start it, as `wandb agent` would."""

import dataclasses
import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handgrad.config.lookup import Problems, quoted
from handgrad.config.value_types import AnyValue
from handgrad.errors import NOTE, Diagnostic, UsageError
from handgrad.files import read_file
from handgrad.sweeps.space import Distribution
from handgrad.sweeps.sweep_distributions import check_keys, mapping, read_distribution
from handgrad.sweeps.sweep_parameters import EXAMPLE

DEFAULT = ("${env}", "${interpreter}", "${program}", "${args}")
VARIABLE = re.compile(r"\$\{envvar:([A-Za-z0-9_]*)\}")
MACRO = re.compile(r"\$\{(.*)\}")
IN_TRIAL = "$HANDGRAD_TRIAL/"  # begins a metric_file that each trial has in its own folder
OWN = b"handgrad.cli"  # what handgrad's own train.py imports
HANDGRAD, PROGRAM = ENGINES = "handgrad", "program"
STAND_IN = Path(__file__).parent / "stand_in"  # a folder for PYTHONPATH, with a package called wandb


@dataclass(frozen=True)
class Program:
    """What is run in `folder` for each trial; `nested` are the parameters in groups, as W&B nests them.

    With `stand_in`, what it imports as wandb is handgrad's. Its metric may stand in a `metric_file` of JSON lines, or
    in its output, where `metric_regex` finds it. A trial that crashes is run `retries` more times. Where `wandb.agent`
    runs a function of it, `function` is the command line of `handgrad run`.
    """

    path: str
    command: tuple[str, ...] = DEFAULT
    folder: str = "."
    nested: tuple[str, ...] = ()
    stand_in: bool = True
    metric_file: str | None = None
    metric_regex: str | None = None
    retries: int = 0
    function: tuple[str, ...] = ()

    def to_mapping(self) -> dict[str, Any]:
        """The keys of a sweep file; those that only handgrad has are in `handgrad`."""
        own = {name: getattr(self, name) for name, default in _own_defaults().items() if getattr(self, name) != default}
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in own.items()}
        return {"program": self.path, "command": list(self.command), "handgrad": plain}

    @classmethod
    def from_mapping(cls, mapping: dict[str, Any]) -> "Program":
        """What `to_mapping` made, which is taken out of the mapping."""
        own: dict[str, Any] = {name: as_tuple(value) for name, value in mapping.pop("handgrad").items()}
        return cls(mapping.pop("program"), tuple(mapping.pop("command")), **own)

    @property
    def shares_file(self) -> bool:
        """Whether all trials write their metric to one file, which two at a time would mix up."""
        return self.metric_file is not None and not self.metric_file.startswith(IN_TRIAL)

    def parameters(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values by parameter, those of groups in mappings."""
        found: dict[str, Any] = {}
        for name, value in values.items():
            *groups, own = name.split(".") if name in self.nested else [name]
            inside = found
            for group in groups:
                inside = inside.setdefault(group, {})
            inside[own] = value
        return found

    def words(self, parameters: Mapping[str, Any], json_file: str | Path) -> list[str]:
        """The command line, macros filled in; a macro that W&B does not know is left out, as there."""
        macros = _macros(parameters) | {"program": [self.path], "args_json_file": [str(json_file)]}
        found: list[str] = []
        for written in self.command:
            word = VARIABLE.sub(lambda match: os.environ.get(match[1], match[1]), written)
            macro = MACRO.fullmatch(word)
            found += macros.get(macro[1], []) if macro else [word]
        return found

    def notices(self) -> list[Diagnostic]:
        """What of the command is not taken to the letter."""
        macros = {*_macros({}), "program", "args_json_file"}
        matches = [MACRO.fullmatch(VARIABLE.sub("", word)) for word in self.command]
        unknown = [match[1] for match in matches if match and match[1] not in macros]
        found = [Diagnostic(NOTE, f"command: ${{{name}}} is no macro of W&B, and is left out") for name in unknown]
        if shutil.which("python") is None and "${interpreter}" in self.command:
            found.append(Diagnostic(NOTE, f"there is no python in the path: ${{interpreter}} is {sys.executable}"))
        return found


def as_tuple(value: Any) -> Any:
    """A tuple for a list, as a Program has them."""
    return tuple(value) if isinstance(value, list) else value


def _own_defaults() -> dict[str, Any]:
    return {field.name: field.default for field in dataclasses.fields(Program)[2:]}


def _macros(parameters: Mapping[str, Any]) -> dict[str, list[str]]:
    pairs = [f"{name}={value}" for name, value in parameters.items()]
    rest = {name: "" if value is True else f"={value}" for name, value in parameters.items() if value is not False}
    return {
        "env": ["/usr/bin/env"],
        "interpreter": ["python" if shutil.which("python") else sys.executable],
        "args": [f"--{pair}" for pair in pairs],
        "args_no_equals": [word for name, value in parameters.items() for word in (f"--{name}", str(value))],
        "args_no_hyphens": pairs,
        "args_no_boolean_flags": [f"--{name}{value}" for name, value in rest.items()],
        "args_append_hydra": [f"+{pair}" for pair in pairs],
        "args_override_hydra": [f"++{pair}" for pair in pairs],
        "args_json": [json.dumps(parameters)],
    }


def located(content: Mapping[str, Any], beside: Path, engine: str | None) -> tuple[str | None, str]:
    """The folder in which the program of a sweep file is run, None for handgrad's own engine; and why, in a line.

    That is the working folder, if the program lies there, or else the folder of the file, `beside`.

    Raises  UsageError where the program is asked for, and is not there.
    """
    path, rule = content.get("program"), "--engine handgrad reads the file as settings of handgrad's own engine"
    if not isinstance(path, str) or not path.strip():
        if engine == PROGRAM:
            raise UsageError("the sweep file names no program: add program: train.py")
        return None, ""
    folders = [folder for folder in (Path.cwd(), beside.absolute()) if (folder / path).is_file()]
    if engine == HANDGRAD:
        return None, f"--engine handgrad: {path} is not run, and the file is read as settings of handgrad's own engine"
    if not folders:
        if engine == PROGRAM:
            raise UsageError(f"there is no {path}, neither in the working folder nor beside the sweep file")
        return None, f"{path} is not there: the file is read as settings of handgrad's own engine"
    if engine != PROGRAM and OWN in read_file(folders[0] / path):
        return None, f"{path} is handgrad's own: the file is read as settings of its engine"
    where = "in the working folder" if folders[0] == Path.cwd() else f"in {beside}, beside the sweep file"
    return str(folders[0]), f"runs {path} {where}, a process a trial; {rule}"


def own_keys() -> list[str]:
    """The keys of `handgrad` in a sweep file of a program."""
    return [field.name for field in dataclasses.fields(Program)[3:-1]]


def read_program(
    content: Mapping[str, Any], program: Program, notices: list[Diagnostic]
) -> tuple[Program, dict[str, Distribution]]:
    """The program as the file describes it, over it what `program` has set already; its parameters.

    Raises  UsageError for all that is wrong, at once.
    """
    problems = Problems()
    own = {name: as_tuple(value) for name, value in (content.get("handgrad") or {}).items()}
    problems.of(check_keys, own, ["map", "folder", *own_keys()], "handgrad")
    problems.refuse()
    set_already = {
        field.name: getattr(program, field.name)
        for field in dataclasses.fields(Program)
        if getattr(program, field.name) != field.default
    }
    command = content.get("command") or []
    if not isinstance(command, list) or not all(isinstance(word, str | int | float) for word in command):
        raise UsageError(f"command must be a list of words, got {quoted(command)}")
    written = dict(_flat(mapping(content.get("parameters"), "parameters", EXAMPLE)))
    found = {".".join(path): problems.of(_distribution, path, each, notices) for path, each in written.items()}
    problems.refuse()
    nested = tuple(".".join(path) for path in written if len(path) > 1)
    of_file = {name: value for name, value in own.items() if name in own_keys()}
    start = {"command": tuple(map(str, command))} if command else {}
    read = Program(**{"nested": nested, **of_file, **start, **set_already})
    _check_regex(read.metric_regex)
    notices += read.notices()
    return read, {name: each for name, each in found.items() if each is not None}


def _flat(content: Mapping[str, Any], groups: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every parameter by its path, those of W&B's nested parameters below the names of their groups."""
    for name, inner in content.items():
        path = (*groups, str(name))
        if isinstance(inner, Mapping) and isinstance(inner.get("parameters"), Mapping):
            yield from _flat(inner["parameters"], path)
        else:
            yield path, inner


def _distribution(path: tuple[str, ...], content: Any, notices: list[Diagnostic]) -> Distribution:
    return read_distribution(path[-1], content, ".".join(("parameters", *path)), notices, AnyValue())


def _check_regex(pattern: str | None) -> None:
    try:
        re.compile(pattern or "")
    except re.error as error:
        raise UsageError(f"metric_regex {pattern!r} is no regular expression: {error} (--metric_regex)") from error
