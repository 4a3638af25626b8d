"""Programs that are not handgrad's: `handgrad sweep FILE` where the file names one, and `handgrad run FILE`."""

import dataclasses
import os
import socket
import subprocess
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from handgrad.cli.commands import Parser
from handgrad.cli.flags import ParsedFlags
from handgrad.cli.sweep_report import SweepView, report_at_end
from handgrad.config import RunConfig
from handgrad.errors import Diagnostic, FileSystemError, UsageError
from handgrad.runs.executor.fork_server import end_with
from handgrad.runs.executor.protocol import Channel
from handgrad.screen import echo
from handgrad.sweeps import BUNDLED, SweepDefinition, read_sweep
from handgrad.sweeps.diagnostics import Plan
from handgrad.sweeps.folder import Sweep, changed, open_sweep
from handgrad.sweeps.programs.program import Program, located
from handgrad.sweeps.programs.run_program import FunctionExecutor
from handgrad.sweeps.programs.trial_folder import python_path
from handgrad.sweeps.search import begin, require_valid, run_sweep
from handgrad.sweeps.sweep_file import content_of

USED = ("seed", "time_limit")  # settings of a run that a sweep of any program has, too
NETRC = Path("~/.netrc")
FOREVER = 1e6  # hours
AGENT = "HANDGRAD_AGENT"  # names the descriptor over which the program asks for trials


def program_of(file: str, options: dict[str, Any]) -> tuple[Program | None, str]:
    """The program that a sweep file names, where that is to be run; and the rule by which it is or is not, in a line.

    Raises  UsageError, FileSystemError.
    """
    _, content, path = content_of(file)
    if file in BUNDLED and path == BUNDLED[file]:
        return None, ""
    folder, rule = located(content, path.parent if path else Path(), options["engine"])
    if folder is None:
        return None, rule
    own = {name: options[name] for name in ("metric_file", "metric_regex", "retries") if options[name] is not None}
    return Program(str(content["program"]), folder=folder, stand_in=stands_in(options["stand_in"]), **own), rule


def stands_in(wanted: bool | None) -> bool:
    """Whether handgrad's stand-in for wandb is put on the program's path: where it is wanted, or there is no login."""
    if wanted is not None:
        return wanted
    if os.environ.get("WANDB_API_KEY"):
        return False
    netrc = Path(os.environ.get("NETRC", NETRC.expanduser()))
    return not (netrc.is_file() and "wandb" in netrc.read_text(errors="replace"))


def how_logged(program: Program, choice: str = " (--no_stand_in: your own)") -> str:
    """Whose wandb the program imports, and where that sends what is logged."""
    if program.stand_in:
        return f"wandb is handgrad's stand-in{choice}: what is logged stays in the trials' folders"
    if (mode := os.environ.get("WANDB_MODE", "offline")) != "offline":
        return f"wandb is your own, with WANDB_MODE={mode} (--stand_in: handgrad's, which sends nothing)"
    return "wandb is your own, offline, as long as WANDB_MODE says nothing else (--stand_in: handgrad's)"


def read_program(file: str, program: Program, parsed: ParsedFlags) -> SweepDefinition:
    """The sweep of a program.  Raises  UsageError for a setting of handgrad's own engine among the flags."""
    foreign = [name for name in parsed.stated if name not in USED]
    if foreign:
        what = f"--{foreign[0]} is a setting of handgrad's own engine, and {program.path} is run"
        raise UsageError(f"{what}: write it into the sweep file, or give --engine handgrad")
    return read_sweep(file, parsed.config, program=program)


def announce(rule: str, program: Program | None, notices: Sequence[Diagnostic] = ()) -> None:
    """Print what is run, how it logs, and what of the file was not taken to the letter."""
    if rule:
        echo(rule)
    if program:
        echo(how_logged(program))
        for notice in notices:
            echo(f"note: {notice}")


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
