"""A sweep and its diagnostics, as text."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.table import Table
from rich.text import Text

from handgrad.cli.console import Screen
from handgrad.config import RunConfig
from handgrad.config.describe import ADDITIONS, beyond, beyond_line
from handgrad.sweeps import Diagnostic, SweepDefinition
from handgrad.sweeps.space import Categorical, Distribution, name_of

DRAWN = 16  # configurations that are looked at for settings that act in some of them
STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


def print_examination(definition: SweepDefinition, base: RunConfig, findings: Sequence[Diagnostic]) -> None:
    """What is searched, one run of it as an example, and the findings."""
    screen = Screen(highlight=False)
    screen.print(_title(definition))
    screen.print(_parameters(definition))
    for line in _rest(definition, base):
        screen.print(line)
    screen.print()
    screen.print(_findings(findings))


def _title(definition: SweepDefinition) -> str:
    metric = definition.metric
    goal = f"{metric.name} near {metric.target:g}" if metric.goal == "target" else f"{metric.goal} {metric.name}"
    return f"sweep {definition.name or '(no name)'}: {definition.method}, {goal}"


def _parameters(definition: SweepDefinition) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("parameter", "distribution", "values"):
        table.add_column(column, no_wrap=column != "values")
    for field, distribution in definition.varying.items():
        table.add_row(field, name_of(distribution), values_in_words(distribution))
    return table


def values_in_words(distribution: Distribution) -> str:
    """The values of a parameter: the list, or where its scale begins and ends."""
    axis = distribution.axis
    if isinstance(distribution, Categorical):
        chances = distribution.probabilities or [None] * len(distribution.values)
        pairs = zip(distribution.values, chances, strict=True)
        return ", ".join(_word(value) + (f" ({chance:.0%})" if chance is not None else "") for value, chance in pairs)
    step = f", step {_word(axis.step)}" if axis.step else ""
    return f"{_word(axis.low)} to {_word(axis.high)}{step}{', log' if axis.log else ''}"


def _word(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + " ".join(map(str, value)) + "]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _rest(definition: SweepDefinition, base: RunConfig) -> list[str]:
    """Constants, rungs, and the name and command of a run."""
    lines = []
    if definition.constants:
        lines.append("fixed: " + ", ".join(f"{field} {_word(value)}" for field, value in definition.constants.items()))
    lines.append(beyond_file(definition, base))
    values = definition.sample(np.random.default_rng(0), base)
    config = definition.to_config(values, base)
    if definition.early_terminate:
        rungs = definition.early_terminate.rungs(config.epochs)
        listed = ", ".join(map(str, rungs)) or "none"
        lines.append(f"rungs of a run of {config.epochs} epochs: {listed}")
    return [*lines, f"one of the runs: {definition.trial_name(values)}", f"$ {config.command()}"]


def beyond_file(definition: SweepDefinition, base: RunConfig) -> str:
    """What acts in runs of the sweep though neither the file nor a flag says so."""
    if "preset" in definition.varying:
        return "also: what each run's preset says of the settings that are no parameters"
    generator = np.random.default_rng(0)
    drawn = [definition.to_config(definition.sample(generator, base), base) for _ in range(DRAWN)]
    acting = {name for config in drawn for name in beyond(config)} - set(definition.parameters)
    return beyond_line(drawn[0], [name for name in ADDITIONS if name in acting])


def _findings(findings: Sequence[Diagnostic]) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for severity, what, fix in findings:
        text = Text(what)
        if fix:
            text.append(f"\n→ {fix}", "green")
        table.add_row(Text(severity, STYLES[severity]), text)
    return table
