"""Several runs as configurations: runs that differ in their seed alone belong together."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from handgrad.errors import UsageError
from handgrad.figures.run_data import RunData
from handgrad.runs.predictions import distinct
from handgrad.runs.setup import Setup, differing, setup_of


class Group(NamedTuple):
    """Runs of one configuration, called by the settings that tell it from the others."""

    label: str
    members: tuple[RunData, ...]


def grouped(runs: Sequence[RunData]) -> list[Group]:
    """Groups in the order of their first runs.

    Raises  UsageError when there is no run, or one is given twice.
    """
    if not runs:
        raise UsageError("a comparison needs at least one run")
    distinct([data.run for data in runs])
    together: list[tuple[Setup, list[RunData]]] = []
    for data in runs:
        setup = setup_of(data.run)
        home = next((members for first, members in together if not differing(first, setup)), None)
        if home is None:
            together.append((setup, [data]))
        else:
            home.append(data)
    labels = _labels([setup for setup, _ in together])
    return [
        Group(label or members[0].name, tuple(members)) for label, (_, members) in zip(labels, together, strict=True)
    ]


def run_labels(runs: Sequence[RunData]) -> list[str]:
    """A label for each single run: its group's, with the seed where a group has several."""
    labels = {}
    for group in grouped(runs):
        for data in group.members:
            seed = f", seed {data.config.seed}" if len(group.members) > 1 else ""
            labels[data.name, data.run.path] = group.label + seed
    return [labels[data.name, data.run.path] for data in runs]


def _labels(setups: Sequence[Setup]) -> list[str]:
    """The settings in which any two of them differ, with each one's values: "optimizer adam, dropout 0"."""
    names = dict.fromkeys(name for one in setups for other in setups for name in differing(one, other))
    return [", ".join(f"{name} {_text(setup.value(name))}" for name in names) for setup in setups]


def _text(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ("×" if all(isinstance(item, int) for item in value) else " ").join(map(str, value))
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
