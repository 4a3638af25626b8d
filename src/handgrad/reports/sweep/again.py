"""How to get a sweep again."""

import shlex

from handgrad import strict_yaml
from handgrad.config import RunConfig
from handgrad.reports.blocks import Attachment, Block, Code, Section, Table, Text
from handgrad.reports.sweep.data import SweepData
from handgrad.reports.sweep.tables import trials_table
from handgrad.training.environment import environment

FEEDBACK = ("bayes", "gp")


def again_section(data: SweepData) -> Section:
    """The sweep file, the command, the versions, and every trial."""
    sweep, settings = data.sweep, data.sweep.settings
    mapping = {key: value for key, value in sweep.definition.to_mapping().items() if key != "notices"}
    blocks: list[Block] = [
        Text("The sweep file, as it was understood:"),
        Code(strict_yaml.dump(mapping).rstrip()),
        Text("Saved as sweep.yaml, this runs it again:"),
        Code(command(data)),
    ]
    if settings.method in FEEDBACK:
        blocks.append(
            Text(
                "What is proposed depends on the results that are there by then: --jobs 1 makes the same trials in the "
                "same order."
            )
        )
    blocks += [
        _versions(data),
        Attachment("trials.csv", trials_table(data).csv(), "every trial with its values, times and end"),
    ]
    return Section("reproduce", "How to reproduce it", blocks)


def command(data: SweepData) -> str:
    """`handgrad sweep` with the settings that the file leaves open."""
    settings, base = data.sweep.settings, data.sweep.base
    words = ["handgrad", "sweep", "sweep.yaml", "--name", f"{data.sweep.name}-again"]
    count = settings.configurations
    words += ["--trials", str(count)] if count is not None else []
    words += ["--seeds", str(settings.seeds)] if settings.seeds > 1 else []
    words += ["--method", settings.method] if settings.method != data.sweep.definition.method else []
    return shlex.join([*words, *_flags(base.replaced(name=None, runs_dir="runs", wandb_group=None), data)])


def _flags(base: RunConfig, data: SweepData) -> list[str]:
    """Those of the base but what the file says: a flag would hold it still."""
    groups: list[list[str]] = []
    for word in shlex.split(base.command())[2:]:
        if word.startswith("--"):
            groups.append([])
        groups[-1].append(word)
    named = {group[0].removeprefix("--").removeprefix("no_").partition("=")[0]: group for group in groups}
    return [word for name, group in named.items() if name not in data.sweep.definition.parameters for word in group]


def _versions(data: SweepData) -> Table:
    best = data.sweep.best(data.trials)
    facts = data.sweep.run(best).facts if best else {}
    found = facts.get("environment") or environment()
    rows = [(name.replace("_", " "), str(value)) for name, value in found.items()]
    return Table(("what", "value"), rows, "Versions and machine", ("what", "value"))
