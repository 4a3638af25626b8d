"""What commands take that take settings of a run: rows of options, and their help text."""

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple

from handgrad.cli.commands import TABLES, examples_of, rows, usage_of
from handgrad.config import RunConfig, value_type_of
from handgrad.config.aliases import FIELDS
from handgrad.config.lookup import listed
from handgrad.config.presets import BEST, CHOICES, PRESETS, defaults_of, fields_of
from handgrad.config.schema import run_name
from handgrad.config.value_types import Name, Number, Switch, Text, ValueType, Whole, items

WIDTH, COLUMN = 80, 28
SHORT = 4  # letters of an alias that help shows beside the name


class Option(NamedTuple):
    """One row: `aliases` starts with the short flag that help shows; a switch with `sets` sets another option."""

    name: str
    type: ValueType
    help: str
    aliases: tuple[str, ...] = ()
    default: Any = None
    sets: tuple[str, str] | None = None


@dataclass(frozen=True)
class Pairs(ValueType):
    """Words by name: init_type=weight_init."""

    several = True
    metavar = "NAME=WORD ..."

    def read(self, value: Any) -> dict[str, str]:
        pairs = [str(item).partition("=") for item in items(value)]
        for name, equals, other in pairs:
            if not (name and equals and other):
                raise ValueError(f"must be pairs such as init_type=weight_init, got {name[:60]!r}")
        return {name: other for name, _, other in pairs}


TYPES: dict[str, Callable[[str, list[str]], ValueType]] = {
    "text": lambda name, words: Text(),
    "switch": lambda name, words: Switch(),
    "whole": lambda name, words: Whole(*map(int, words)),
    "number": lambda name, words: Number(" ".join(words)),
    "choice": lambda name, words: Name(name, tuple(words)),
}


def options_of(command: str, **types: ValueType) -> tuple[Option, ...]:
    """The rows of a command; `types` are those of options whose values depend on what is registered."""
    return tuple(_option(words, text, types) for words, text in rows(command))


def _option(words: Sequence[str], text: str, types: Mapping[str, ValueType]) -> Option:
    name, *rest = words
    pairs = dict(word.split(":", 1) for word in rest if ":" in word)
    read_by, *numbers = [word for word in rest if ":" not in word] or [""]
    type_ = types[name] if name in types else TYPES[read_by](name, numbers)
    description, _, aliases = text.partition(" also: ")
    default = type_(pairs["default"]) if "default" in pairs else None
    setting, _, value = pairs.get("sets", "").partition(":")
    return Option(name, type_, description, tuple(aliases.split()), default, (setting, value) if setting else None)


TRAIN = options_of("train")
SWEEP = options_of("sweep", name=Text(run_name), map=Pairs())


def help_text(
    program: str,
    examples: Sequence[str] = (),
    options: Sequence[Option] = TRAIN,
    subcommands: Mapping[str, str] | None = None,
    preset: str = BEST,
    about: str = "",
) -> str:
    """What it is `about`; every flag by groups with its short form, choices and default; examples at the end.

    At most 80 columns wide. `subcommands` have a line each, above all flags; defaults are those of `preset`.
    """
    above, below = [textwrap.fill(f"{about[0].upper()}{about[1:]}.", WIDTH)] if about else [], []
    if subcommands:
        entries = (_entry((), f"{word} NAME", summary) for word, summary in subcommands.items())
        words = program.rpartition(" ")[0]
        above += [_section(f"{words} SUBCOMMAND NAME, for an existing sweep; each has its own --help", entries)]
    fields: Iterable[tuple[str, Any]] = RunConfig.model_fields.items()
    start = {**PRESETS[preset], "preset": preset}
    for group, members in groupby(fields, lambda item: str(item[1].json_schema_extra["group"])):
        below.append(_section(group, (_field(name, info, start.get(name, info.default)) for name, info in members)))
    below.append("Any unambiguous abbreviation or alias works: --learning-rate, -lr=0.1, ReLU.")
    return _page(program, above, options, below, examples)


def short_help(command: str, options: Sequence[Option]) -> str:
    """The help of a command that takes few settings of a run or none: what it does, its options, examples."""
    about = [textwrap.fill(each, WIDTH) for each in TABLES[command]["about"].split("\n\n")]
    return _page(usage_of(command), about, options, [], examples_of(command))


def _page(
    program: str, above: Sequence[str], options: Sequence[Option], below: Sequence[str], examples: Sequence[str]
) -> str:
    rows = (
        _entry(row.aliases, _flag(row.name, row.type), _sentence(row.help, row.type, row.default)) for row in options
    )
    parts = [f"usage: {program} [--flag value ...]", *above, _section("options", rows), *below]
    parts += [_section("examples", (f"  {example}" for example in examples))] if examples else []
    return "\n\n".join(parts) + "\n"


def _section(title: str, entries: Iterable[str]) -> str:
    return f"{title}:\n" + "\n".join(entries)


def _flag(name: str, type_: ValueType) -> str:
    return f"--{name} {type_.metavar}".rstrip()


def _field(name: str, info: Any, default: Any) -> str:
    """The entry of a setting of a run."""
    type_ = value_type_of(name)
    users = _users(name)
    default = _own_numbers(defaults_of(name)) if default is None else default
    description = (f"for {listed(users)}: " if users else "") + info.description
    flag = f"--[no_]{name}" if isinstance(type_, Switch) else _flag(name, type_)
    return _entry(FIELDS[name], flag, _sentence(description, type_, default))


def _own_numbers(defaults: Mapping[str, Any]) -> str | None:
    """The defaults of those that have a setting, the most frequent number first: "0.001; sgd 0.1"."""
    names: dict[Any, list[str]] = {}
    for name, number in defaults.items():
        names.setdefault(number, []).append(name)
    ordered = sorted(names, key=lambda number: -len(names[number]))
    others = (f"{listed(names[number])} {number:g}" for number in ordered[1:])
    return "; ".join([f"{ordered[0]:g}", *others]) if ordered else None


def _users(field: str) -> list[str]:
    """The optimizers, schedules, losses or initialisers that have a setting; none when all or no such have it."""
    for registry in CHOICES.values():
        users = [name for name, row in registry.items() if field in fields_of(row)]
        if 0 < len(users) < len(registry):
            return users
    return []


def _sentence(description: str, type_: ValueType, default: Any) -> str:
    names = list(type_.names) if isinstance(type_, Name) else []
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
