"""How to get the same numbers again."""

from typing import Any

from handgrad.figures import RunData
from handgrad.reports.blocks import Block, Code, Points, Section, Table, Text


def reproduce_section(data: RunData, left_out: list[str]) -> Section:
    """The command, the versions that its last bits depend on, and what this report leaves out."""
    facts = data.run.facts
    blocks: list[Block] = [
        Text("This command trains the same network again; on the same machine and versions, to the last bit:"),
        Code(str(facts.get("command", data.config.command()))),
    ]
    if "start" in facts:
        blocks.append(Text(f"It started from the weights in {facts['start']}."))
    if facts.get("environment"):
        blocks.append(_environment(facts["environment"]))
    if left_out:
        blocks += [Text("Not shown here:"), Points(left_out)]
    return Section("reproduce", "How to reproduce it", blocks)


def _environment(environment: dict[str, Any]) -> Table:
    rows = [(name.replace("_", " "), str(value)) for name, value in environment.items()]
    return Table(("what", "value"), rows, "Versions and machine at the start", ("what", "value"))
