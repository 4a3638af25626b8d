"""What is done with one run: `resume`, `export`."""

from handgrad.cli.arguments import Parser
from handgrad.cli.console import read_dataset
from handgrad.cli.progress import callbacks
from handgrad.cli.show import print_result
from handgrad.exports import export
from handgrad.runs import open_run, resume
from handgrad.runs.store import existing_run
from handgrad.screen import echo, working


def run_resume(tokens: list[str]) -> int:
    """Go on with a run; the result is the same to the last bit as without the stop."""
    path = Parser("resume").arguments(tokens).run
    run = existing_run(path)
    if run.complete:
        resume(path)  # refuses settings that were edited since
        echo(f"{path} is complete: nothing to do")
        return 0
    print_result(resume(path, callbacks, dataset=read_dataset(run.config)))
    return 0


def run_export(tokens: list[str]) -> int:
    """Write the network for another program, and print what its reader should know."""
    arguments = Parser("export").arguments(tokens)
    network = open_run(arguments.run).load_model()
    with working("writing the network"):
        words = export(network, arguments.file)
    echo(words)
    return 0
