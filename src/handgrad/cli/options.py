"""What commands take: rows of options, their help text, and argparse with the errors of handgrad."""

import argparse
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NamedTuple, NoReturn

from handgrad.config import RunConfig, value_type_of
from handgrad.config.aliases import FIELDS
from handgrad.config.lookup import listed
from handgrad.config.presets import BEST, CHOICES, PRESETS, defaults_of, fields_of
from handgrad.config.schema import run_name
from handgrad.config.value_types import Name, Number, Switch, Text, ValueType, Whole, items
from handgrad.errors import UsageError

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
        """A dict in the order given."""
        pairs = [str(item).partition("=") for item in items(value)]
        for name, equals, other in pairs:
            if not (name and equals and other):
                raise ValueError(f"must be pairs such as init_type=weight_init, got {name[:60]!r}")
        return {name: other for name, _, other in pairs}


HELP = Option("help", Switch(), "show this help", ("h",), default=False)

CONFIG = Option(
    "config", Text(), "YAML file of settings; flags override them", ("c", "cfg", "config_file", "config_path")
)

DEBUG = Option("debug", Switch(), "show the traceback of an error", default=False)

WANDB = (
    *("wandb", "log_wandb", "enable_wandb", "wandb_log", "log_to_wandb", "wandb_logging", "wl", "is_wandb", "i_w"),
    *("wandb_enabled", "wandb_enable", "with_wandb", "track_wandb", "log_with_wandb", "wb"),
)

TRAIN: tuple[Option, ...] = (
    CONFIG,
    Option(
        "mode",
        Name("mode", ("single", "sweep")),
        "single: train once; sweep: search settings",
        ("run_mode",),
        default="single",
    ),
    Option(
        "sweep",
        Switch(),
        "short for --mode sweep",
        ("run_sweep", "start_sweep", "wandb_sweep", "do_sweep", "is_sweep"),
        default=False,
        sets=("mode", "sweep"),
    ),
    Option(
        "sweep_config",
        Text(),
        "sweep file for --mode sweep; none: the sweep of the DA6401 course",
        ("sweep_file", "sweep_yaml"),
    ),
    Option(
        "count",
        Whole(1),
        "number of trials, for --mode sweep",
        (
            "sweep_count",
            "num_runs",
            "n_runs",
            "num_trials",
            "trials",
            "n_trials",
            "sweep_runs",
            "max_runs",
            "num_sweeps",
        ),
    ),
    Option(
        "method",
        Name("method", ("grid", "random", "bayes", "gp")),
        "search method, for --mode sweep",
        ("sweep_method",),
    ),
    Option("seeds", Whole(1, 10_000), "train with this many random seeds, from --seed on", ("n_seeds", "num_seeds")),
    Option("report", Switch(), "write report.html into the run's folder at the end", default=True),
    Option("dry_run", Switch(), "print the network and an estimate of the time, and stop", default=False),
    DEBUG,
    Option("use_wandb", Switch(), "log the run to Weights & Biases", WANDB),
    Option(
        "model_save_path",
        Text(),
        "also save the weights to this file",
        ("msp", "save_path", "save_model_path", "model_save", "model_output"),
    ),
    Option(
        "config_save_path",
        Text(),
        "also save the settings to this file",
        ("save_config_path", "config_save", "save_config", "csp"),
    ),
    Option(
        "model_path",
        Text(),
        "file of weights to start from",
        ("load_model", "model_file", "load_path", "load_weights", "pretrained"),
    ),
    HELP,
)

JOBS = Option(
    "jobs",
    Whole(1, 10_000),
    "number of trials at the same time; none: one per core",
    ("j", "n_jobs", "workers", "num_workers"),
)
USE_WANDB = Option("use_wandb", Switch(), "log every trial to Weights & Biases", WANDB)
STORAGE = Option(
    "storage",
    Text(),
    "database of the trials: sqlite:///FILE, or postgresql://..., which several machines can share",
    ("db",),
)
SWEEPS_DIR = Option("sweeps_dir", Text(), "folder for the sweep folders", ("sweeps_folder",), "sweeps")

OF_RUNNING: tuple[Option, ...] = (
    Option(
        "trials", Whole(1), "total number of configurations, including those of earlier calls", ("count", "n_trials")
    ),
    Option("hours", Number("(0, inf)"), "start no new trial after this many hours", ("max_hours",)),
    JOBS,
    Option("seeds", Whole(1, 10_000), "number of random seeds for each configuration, from --seed on", ("n_seeds",)),
    Option("ray", Text(), "run trials on a Ray cluster: auto, local, HOST:PORT or ray://HOST:PORT", ("ray_address",)),
    Option("report", Switch(), "write the sweep's report at the end", default=True),
)

SWEEP: tuple[Option, ...] = (
    CONFIG,
    *OF_RUNNING,
    Option("name", Text(run_name), "name of the sweep and of its folder; none: the name in the file", ("sweep_name",)),
    Option("resume", Switch(), "resume the sweep of that name, if it exists", default=False),
    Option("method", Name("method", ("grid", "random", "bayes", "gp")), "search method; none: the file's", ("search",)),
    Option("map", Pairs(), "settings that names in the file mean, such as init_type=weight_init", default={}),
    STORAGE,
    SWEEPS_DIR,
    Option("dry_run", Switch(), "check the sweep, estimate its hours, and stop", default=False),
    USE_WANDB,
    DEBUG,
    HELP,
)


class Parser(argparse.ArgumentParser):
    """A parser of `handgrad COMMAND`, whose help keeps the line breaks of its examples."""

    def __init__(self, command: str, description: str, examples: str = "") -> None:
        super().__init__(
            f"handgrad {command}",
            description=description,
            epilog=f"examples:\n{examples}" if examples else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print."""
        raise UsageError(f"{message}. `{self.prog} --help` shows the usage")

    def arguments(self, tokens: list[str]) -> Any:
        """Parse; --help prints and leaves with 0 as usual."""
        return self.parse_args(tokens)


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
    above, below = [], []
    if subcommands:
        entries = (_entry((), f"{word} NAME", summary) for word, summary in subcommands.items())
        words = program.rpartition(" ")[0]
        above = [_section(f"{words} SUBCOMMAND NAME, for an existing sweep; each has its own --help", entries)]
    fields: Iterable[tuple[str, Any]] = RunConfig.model_fields.items()
    start = {**PRESETS[preset], "preset": preset}
    for group, members in groupby(fields, lambda item: str(item[1].json_schema_extra["group"])):
        below.append(_section(group, (_field(name, info, start.get(name, info.default)) for name, info in members)))
    below.append("Any unambiguous abbreviation or alias works: --learning-rate, -lr=0.1, ReLU.")
    return _page(program, above, options, below, examples)


def short_help(program: str, about: str, options: Sequence[Option], examples: Sequence[str]) -> str:
    """The help of a command that takes few settings of a run or none: what it does, its options, examples."""
    return _page(program, [textwrap.fill(line, WIDTH) for line in about.split("\n")], options, [], examples)


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
