"""What a sweep file holds of somebody's program: its command, its parameters by its own names, how it is run."""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any

from handgrad.config.lookup import Problems, quoted
from handgrad.config.value_types import AnyValue
from handgrad.errors import Diagnostic, UsageError
from handgrad.sweeps.programs.program import Program, as_tuple
from handgrad.sweeps.space import Distribution
from handgrad.sweeps.sweep_distributions import check_keys, mapping, read_distribution
from handgrad.sweeps.sweep_parameters import EXAMPLE


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
