"""The text of --help, made from the configuration's own descriptions."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from handgrad.cli.options import TRAIN, Option
from handgrad.config import RunConfig, value_type_of
from handgrad.config.aliases import FIELDS
from handgrad.config.lookup import listed
from handgrad.config.presets import BEST, CHOICES, PRESETS, defaults_of, fields_of
from handgrad.config.value_types import Name, Switch, ValueType

WIDTH, COLUMN = 80, 28
SHORT = 4  # letters of an alias that is shown beside the name


def help_text(
    program: str,
    examples: Sequence[str] = (),
    options: Sequence[Option] = TRAIN,
    subcommands: Mapping[str, str] | None = None,
    preset: str = BEST,
) -> str:
    """Every flag by groups with its short form, choices and default, at most 80 columns wide, examples at the end.

    `subcommands` have a line each, above all flags; defaults are those of `preset`.
    """
    parts = [f"usage: {program} [--flag value ...]"]
    parts += [_subcommands(program, subcommands)] if subcommands else []
    parts += [_section("options", (_option(option) for option in options))]
    fields, start = RunConfig.model_fields.items(), {**PRESETS[preset], "preset": preset}
    for group, members in groupby(fields, lambda item: _extra(item[1])["group"]):
        parts.append(_section(group, (_field(name, info, start.get(name, info.default)) for name, info in members)))
    parts.append("Any unambiguous spelling works: --learning-rate, -lr=0.1, ReLU.")
    return "\n\n".join([*parts, *_examples(examples)]) + "\n"


def short_help(program: str, about: str, options: Sequence[Option], examples: Sequence[str]) -> str:
    """The help of a command that takes few settings of a run or none: what it does, its options, examples."""
    parts = [f"usage: {program} [--flag value ...]", *(textwrap.fill(line, WIDTH) for line in about.split("\n"))]
    parts.append(_section("options", (_option(option) for option in options)))
    return "\n\n".join([*parts, *_examples(examples)]) + "\n"


def _extra(info: Any) -> dict[str, Any]:
    return dict(info.json_schema_extra)


def _examples(examples: Sequence[str]) -> list[str]:
    return [_section("examples", (f"  {example}" for example in examples))] if examples else []


def _subcommands(program: str, summaries: Mapping[str, str]) -> str:
    words = program.rpartition(" ")[0]
    entries = (_entry((), f"{word} NAME", summary) for word, summary in summaries.items())
    return _section(f"{words} SUBCOMMAND NAME, for an existing sweep; each has its own --help", entries)


def _section(title: str, entries: Iterable[str]) -> str:
    return f"{title}:\n" + "\n".join(entries)


def _option(option: Option) -> str:
    flag = f"--{option.name}" + (f" {option.kind.metavar}" if option.kind.metavar else "")
    return _entry(option.aliases, flag, _sentence(option.help, option.kind, option.default))


def _field(name: str, info: Any, default: Any) -> str:
    kind = value_type_of(name)
    users = _users(name)
    default = _own_numbers(defaults_of(name)) if default is None else default
    description = (f"for {listed(users)}: " if users else "") + info.description
    flag = f"--[no_]{name}" if isinstance(kind, Switch) else f"--{name} {kind.metavar}"
    return _entry(FIELDS[name], flag, _sentence(description, kind, default))


def _own_numbers(defaults: Mapping[str, Any]) -> str | None:
    """What the owners of a setting have for it, the most frequent number first: "0.001; sgd 0.1"."""
    names: dict[Any, list[str]] = {}
    for name, number in defaults.items():
        names.setdefault(number, []).append(name)
    ordered = sorted(names, key=lambda number: -len(names[number]))
    others = (f"{listed(names[number])} {number:g}" for number in ordered[1:])
    return "; ".join([f"{ordered[0]:g}", *others]) if ordered else None


def _users(field: str) -> list[str]:
    """The optimizers, schedules, losses or initialisers that have a setting; none when all or no such have it."""
    for registry in CHOICES.values():
        users = [name for name, kind in registry.items() if field in fields_of(kind)]
        if 0 < len(users) < len(registry):
            return users
    return []


def _sentence(description: str, kind: ValueType, default: Any) -> str:
    names = list(kind.names) if isinstance(kind, Name) else []
    choices = "" if all(name in description for name in names) else f": {', '.join(names)}"
    unset = default is None or default is False or default in ((), {})
    return description + choices + ("" if unset else f" (default: {default})")


def _entry(aliases: Sequence[str], name: str, sentence: str) -> str:
    short = f"-{aliases[0]}, " if aliases and len(aliases[0]) <= SHORT else ""
    flag = f"  {short}{name}"
    text = textwrap.wrap(sentence, WIDTH - COLUMN, break_on_hyphens=False)
    if len(flag) < COLUMN - 1:
        flag, text = flag.ljust(COLUMN) + text[0], text[1:]
    return "\n".join([flag, *(" " * COLUMN + line for line in text)])
