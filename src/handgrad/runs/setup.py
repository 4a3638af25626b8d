"""What a run came from, in what two runs differ, and the runs that would tell their differences apart."""

import shlex
from collections.abc import Sequence
from typing import Any, NamedTuple

from handgrad.config import RunConfig
from handgrad.config.influence import effective_differences, settled, with_setting_of
from handgrad.errors import UsageError
from handgrad.runs.folder import Run

OF_DATA = {"dataset", "resize", "features", "fold"}  # settings that make other data of themselves


class Setup(NamedTuple):
    """All that decides a run: settings, fingerprint of the data, file of the first weights (None: drawn)."""

    config: RunConfig
    data: str = ""
    start: str | None = None

    def value(self, name: str) -> Any:
        """What one of the names in `differing` stands for here."""
        special = {"data": self.data[:8], "model_path": self.start}
        return special[name] if name in special else getattr(settled(self.config), name)

    def command(self, seeds: int = 1) -> str:
        """The command that trains it, with as many seeds from its own on."""
        start = f" --model_path {shlex.quote(self.start)}" if self.start else ""
        return self.config.command() + start + (f" --seeds {seeds}" if seeds > 1 else "")


class Missing(NamedTuple):
    """A controlled run that nobody made: the first of two configurations with one `setting` as in the second."""

    setting: str
    command: str


def setup_of(run: Run) -> Setup:
    """What the run's folder says that it was started from."""
    facts = run.facts
    return Setup(run.config, str(facts.get("data", "")), facts.get("start"))


def differing(one: Setup, other: Setup) -> dict[str, tuple[Any, Any]]:
    """The settings, the seed apart, in which two runs differ to any effect, each with both values.

    `data` is among them when one name stood for different images, `model_path` when they began with other weights.
    """
    found = effective_differences(one.config, other.config)
    found.pop("seed", None)
    if not found.keys() & OF_DATA and one.data and other.data and one.data != other.data:
        found["data"] = one.value("data"), other.value("data")
    if one.data and one.data == other.data:
        found.pop("dataset", None)  # one file by two names
    if one.start != other.start:
        found["model_path"] = one.value("model_path"), other.value("model_path")
    return found


def missing_runs(base: Setup, other: Setup, given: Sequence[Setup], seeds: int = 1) -> list[Missing]:
    """The runs that differ from `base` in one of the settings alone in which `other` does, and are not among `given`.

    Settings that cannot be changed alone are left out.
    """
    names = differing(base, other)
    found = []
    for name in names:
        candidate = _changed(base, other, name, set(names))
        if candidate is None or set(differing(base, candidate)) != {name}:
            continue
        if all(differing(candidate, setup) for setup in given):
            found.append(Missing(name, candidate.command(seeds)))
    return found


def _changed(base: Setup, other: Setup, name: str, names: set[str]) -> Setup | None:
    if name == "data":  # no setting brings back what a folder held
        return None
    if name == "model_path":
        return base._replace(config=base.config.replaced(name=None), start=other.start)
    try:
        config = with_setting_of(base.config, other.config, name, names)
    except UsageError:
        return None
    return base._replace(config=config, data=other.data if name in OF_DATA else base.data)
