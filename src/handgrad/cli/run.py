"""`handgrad run FILE`: a program whose calls of `wandb.sweep` and `wandb.agent` handgrad fulfils, without W&B."""

import dataclasses
import os
import socket
import subprocess
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from handgrad.cli.arguments import Parser
from handgrad.cli.sweep_program import how_logged
from handgrad.cli.sweep_progress import SweepView
from handgrad.cli.sweep_report import report_at_end
from handgrad.config import RunConfig
from handgrad.errors import FileSystemError, UsageError
from handgrad.runs.executor.fork_server import end_with
from handgrad.runs.executor.protocol import Channel
from handgrad.screen import echo
from handgrad.sweeps import read_sweep
from handgrad.sweeps.diagnostics import Plan
from handgrad.sweeps.folder import Sweep, changed, open_sweep
from handgrad.sweeps.programs.functions import FunctionExecutor
from handgrad.sweeps.programs.program import Program
from handgrad.sweeps.programs.trial_folder import python_path
from handgrad.sweeps.search import begin, require_valid, run_sweep

FOREVER = 1e6  # hours
AGENT = "HANDGRAD_AGENT"  # names the descriptor over which the program asks for trials


def run_run(tokens: list[str]) -> int:
    """Run a program to its end; its exit code."""
    place = next((place for place, token in enumerate(tokens) if not token.startswith("-")), len(tokens))
    options = Parser("run").arguments(tokens[:place])
    if place == len(tokens):
        raise UsageError("handgrad run: give a program, such as train.py")
    file, *words = tokens[place:]
    if not Path(file).is_file():
        raise FileSystemError(f"there is no {file}: check the path")
    resume = ("handgrad", "run", "--resume", file, *words)
    program = Program(file, folder=os.getcwd(), function=resume)
    echo(how_logged(program, ""))
    ours, theirs = socket.socketpair()
    command = [*Program(file, ("${env}", "${interpreter}", "${program}")).words({}, ""), *words]
    with closing(Channel(ours)) as channel:
        with theirs:
            process = subprocess.Popen(
                command,
                env={**os.environ, **python_path(), AGENT: str(theirs.fileno())},
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for handgrad alone
                preexec_fn=partial(end_with, os.getpid()),  # noqa: PLW1509 (two system calls, no lock)
            )
        try:
            agent = Agent(process, channel, program, options)
            while (message := channel.receive()) is not None:
                channel.send(agent.reply(message))
            return process.wait()
        finally:
            process.kill()


class Agent:
    """Makes the sweeps that a program describes, and runs them as it says."""

    def __init__(self, process: "subprocess.Popen[bytes]", channel: Channel, program: Program, options: Any) -> None:
        self._process, self._channel, self._program, self._options = process, channel, program, options
        self._sweeps: dict[str, Sweep] = {}

    def reply(self, message: dict[str, Any]) -> dict[str, Any]:
        """What the program gets for a request: the id of a sweep, or that its trials are done, or what was wrong."""
        try:
            if "sweep" in message:
                return {"id": self._made(message["sweep"])}
            if "runs" in message:
                sweep = self._sweep(message["runs"])
                return {"runs": [str(sweep.run(trial).path.absolute()) for trial in sweep.ranked(sweep.trials())]}
            return self._run(message["agent"], message["function"], message["count"])
        except UsageError as error:
            return {"error": str(error)}

    def _made(self, content: Any) -> str:
        base = RunConfig()
        path = str(content.get("program", "")) if isinstance(content, dict) else ""
        program = dataclasses.replace(self._program, path=path) if Path(path).is_file() else self._program
        definition = read_sweep(content, base, program=program)
        named = dataclasses.replace(definition, name=definition.name or Path(self._program.path).stem)
        folder, resume = Path(self._options.sweeps_dir), self._options.resume
        for each in [*require_valid(named, base, Plan()), *named.notices]:
            echo(f"{each.severity}: {each}")
        sweep = begin(named, base, {}, folder, resume=resume, endless=True)
        self._sweeps[sweep.name] = sweep
        return sweep.name

    def _sweep(self, word: str) -> Sweep:
        name = word.rpartition("/")[2]
        path = Path(self._options.sweeps_dir) / name
        if name not in self._sweeps and not (path / "sweep.json").exists():
            raise UsageError(f"sweep {word} is not here: handgrad run knows what the program makes by wandb.sweep")
        return self._sweeps.get(name) or open_sweep(path)

    def _run(self, word: str, function: bool, count: int | None) -> dict[str, Any]:
        sweep = self._sweep(word)
        if count is not None:
            known = {sweep.definition.key(trial.values) for trial in sweep.trials()}
            sweep = changed(sweep, configurations=count + (0 if self._options.resume else len(known)))
        if sweep.wanted is None:
            echo("this sweep has no end: Ctrl-C ends it; or give wandb.agent a count")
        executor = FunctionExecutor(self._process, self._channel, self._program) if function else None
        try:
            run_sweep(sweep, hours=None if sweep.wanted else FOREVER, callback=SweepView(bar=False), executor=executor)
        finally:
            if not self._options.no_report and any(trial.rated for trial in sweep.trials()):
                report_at_end(sweep)
        return {"done": True}
