"""`handgrad resume RUN`."""

from pathlib import Path

from handgrad.cli.console import say
from handgrad.cli.parser import Parser
from handgrad.cli.show import print_result
from handgrad.cli.watching import read_dataset, watching
from handgrad.runs import resume
from handgrad.runs.store import existing_run


def run(tokens: list[str]) -> int:
    """Go on with a run; the result is the same to the last bit as without the stop."""
    parser = Parser(
        "resume",
        "Continue a run that was stopped, killed or ran out of time. On the same machine\n"
        "and with the same versions, the result is bit-identical to that of a run that\nwas never stopped.",
        "  handgrad resume runs/NAME",
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of the run")
    path = parser.arguments(tokens).run
    run = existing_run(path)
    if run.complete:
        resume(path)  # refuses settings that were edited since
        say(f"{path} is complete: nothing to do")
        return 0
    print_result(resume(path, watching, dataset=read_dataset(run.config)))
    return 0
