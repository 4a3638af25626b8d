"""`handgrad completion SHELL`, by the package shtab."""

import argparse
from collections import defaultdict
from importlib import import_module
from pathlib import Path
from typing import Any

from handgrad.cli.commands import COMMANDS, TABLES, Parser
from handgrad.cli.options import SHORT, options_of
from handgrad.config import RunConfig, value_type_of
from handgrad.config.aliases import FIELDS
from handgrad.config.value_types import Name, Switch, Text, ValueType
from handgrad.errors import UsageError
from handgrad.plugins import how_to_install, is_installed
from handgrad.run_folder import run_path
from handgrad.screen import echo

SHELLS = ("bash", "zsh", "fish")


def run_completion(tokens: list[str]) -> int:
    """Print the script."""
    shell = Parser("completion", shell=SHELLS).arguments(tokens).shell
    if not is_installed("shtab"):
        raise UsageError(f"completion needs the package shtab: {how_to_install('completion')}")
    echo(import_module("shtab").complete(_whole(), shell))
    return 0


def _whole() -> argparse.ArgumentParser:
    """Every command with its flags, as argparse sees them."""
    whole = argparse.ArgumentParser("handgrad")
    commands = whole.add_subparsers()
    for name, (_, summary) in COMMANDS.items():
        parser = _of_settings(name) if "config" in TABLES.get(name, {}) else _of_arguments(name)
        commands.add_parser(name, help=summary, parents=[parser], add_help=False)
    return whole


def _of_arguments(name: str) -> argparse.ArgumentParser:
    choices: dict[str, Any] = {"shell": SHELLS} if name == "completion" else {}
    parser = Parser(name, words=defaultdict(int), **choices)  # of the help, which no shell shows, 0 for any word
    for action in parser._actions:
        action.help = None if action.help is None else action.help.replace("%", "%%")
        if action.type in (Path, run_path):
            action.__dict__["complete"] = import_module("shtab").FILE
    return argparse.ArgumentParser(add_help=False, parents=[parser], conflict_handler="resolve")


def _of_settings(name: str) -> argparse.ArgumentParser:
    """The options of the command, and every setting of a run, with the short flags of the help."""
    parser = argparse.ArgumentParser()
    types = {name: Text() for name in ("name", "map", "format", "torch")}
    rows = {option.name: (option.type, option.help) for option in options_of(name, **types) if option.name != "help"}
    fields = {field: (value_type_of(field), str(info.description)) for field, info in RunConfig.model_fields.items()}
    for flag, (type_, text) in (fields | rows).items():
        short = [f"-{alias}" for alias in FIELDS.get(flag, ())[:1] if len(alias) <= SHORT]
        parser.add_argument(*short, f"--{flag}", help=text.replace("%", "%%"), **_taken(type_))
        if isinstance(type_, Switch):
            parser.add_argument(f"--no_{flag}", help=argparse.SUPPRESS, action="store_true")
    return parser


def _taken(type_: ValueType) -> dict[str, Any]:
    if isinstance(type_, Switch):
        return {"action": "store_true"}
    return {"choices": type_.names} if isinstance(type_, Name) else {}
