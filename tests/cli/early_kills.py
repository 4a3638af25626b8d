"""Stops a command at random moments between its start and its first step, by SIGKILL or Ctrl-C, again and again: a
program, as what it forks must find everything loaded.

    python -m tests.cli.early_kills COMMAND TRIALS

The command is stopped PER_FOLDER times in one folder; then the same command, or the one that it names, has to finish
with the models of a command that was never stopped. A line of JSON for each folder tells how the stopped ones ended,
after how many of them something was on disk, and what is wrong (nothing, as it should be).
"""

import ctypes
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import NamedTuple

import handgrad.cli.crossval
import handgrad.cli.reproduce
import handgrad.cli.sweep
import handgrad.cli.train
from handgrad.cli.main import main as handgrad

PER_FOLDER = 5
LONGEST = 120.0  # seconds, after which a command hangs
LEFT = 60.0  # seconds that what it has started may outlive it: on a busy machine, its imports alone take many
BECOME_SUBREAPER = 36  # Linux's PR_SET_CHILD_SUBREAPER: what a killed process has started becomes this one's child
FILES = {
    "sweep.yaml": "method: grid\nparameters:\n  learning_rate: {values: [0.001, 0.002]}\n",
    "recipe.yaml": """
title: Short
settings: {dataset: digits, hidden_size: [8], batch_size: 64, epochs: 1, activation: tanh}
train: {dropout: 0.0, batch_norm: false, schedule: constant, optimizer: adam, learning_rate: 0.001}
seeds: 1
experiments: {tanh: {}, chosen: {found: {sweep: rates}}}
sweeps: {rates: {file: sweep.yaml, trials: 2}}
claims: {}
questions: [{id: 1, title: Both, experiments: [tanh, chosen]}]
""",
}
SMALL = "--dataset digits -nhl 1 -sz 8 --no_batch_norm --dropout 0 --epochs 1 --name it"
COMMANDS = {
    "train": f"train {SMALL} --no_report --runs_dir .",
    "crossval": f"crossval {SMALL} --folds 2 --runs_dir .",
    "crossval_jobs": f"crossval {SMALL} --folds 2 --jobs 2 --runs_dir .",
    "sweep": f"sweep sweep.yaml {SMALL} --jobs 1 --no_report --resume",
    "reproduce": "reproduce recipe.yaml --jobs 1 -o it",
    "reproduce_jobs": "reproduce recipe.yaml --jobs 2 -o it",
}


def begun(words):
    """The process of a command, which leads a group of its own, as that of a shell does."""
    Path("err").write_text("")  # it may be stopped before it opens that
    child = os.fork()
    if child == 0:
        try:
            for descriptor, name in ((1, "out"), (2, "err")):
                os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), descriptor)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            code = handgrad(words.split())
        except KeyboardInterrupt:  # between two commands of this program, not of that one
            code = 130
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            code = 99
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    os.setpgid(child, child)
    return child


def ended(child, seconds, until=lambda: False):
    """The exit code, or minus the signal, of a process that ends within so many seconds, and until then; else None."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit and not until():
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.001)
    return None


def killed(child):
    os.killpg(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def stopped(name, moment, number):
    """How a command ends that gets a signal at that moment; what is wrong with it, if anything."""
    new = not anything()
    child = begun("resume it" if name == "train" and os.path.lexists("it") else COMMANDS[name])
    code = ended(child, LONGEST, anything) if new and moment.on_disk else None
    code = ended(child, moment.seconds) if code is None else code
    if code is None and number == signal.SIGKILL:
        os.kill(child, number)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    elif code is None:
        os.killpg(child, number)
        code = ended(child, LONGEST)
        if code is None:
            return killed(child), "Ctrl-C did not end it"
    said = Path("err").read_text()
    if code not in (0, -signal.SIGKILL, 128 + signal.SIGINT) or "Traceback" in said:
        return code, f"exit code {code}: {said[:1000]}"
    return code, ""


def finished(name, expected):
    """What is wrong with the result of the same command, or of the one that it names."""
    for words in (COMMANDS[name], "resume it"):  # the second one where the first one says so
        child = begun(words)
        code = ended(child, LONGEST)
        said = Path("err").read_text()
        if code is None:
            return f"{words} hangs, and was killed: {killed(child)}"
        if code == 0:
            return "" if results() == expected else f"{words}: another result than that of one never stopped"
        if name != "train" or code != 2 or "`handgrad resume it`" not in said:
            break
    return f"{words}: exit code {code}: {said[:1000]}"


def all_gone():
    """Whether no process is left, here, of all that commands have started."""
    limit = time.monotonic() + LEFT
    while time.monotonic() < limit:
        try:
            if not os.waitpid(-1, os.WNOHANG)[0]:
                time.sleep(0.01)
        except ChildProcessError:
            return True
    return False


def results():
    """Digests of all models, which are the same for the same settings."""
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in Path().rglob("model.safetensors")}


def anything():
    """Whether a command has put a folder here, even a hidden one."""
    return any(path.is_dir() for path in Path().iterdir())


def first_step():
    return any("history.jsonl" in files for _, _, files in os.walk("."))  # rglob fails where a folder vanishes


class Moment(NamedTuple):
    """So many seconds after the command's start, or after something of it is on disk."""

    on_disk: bool
    seconds: float


def reference(name, folder):
    """Seconds until something is on disk, and until the first step, of a command that is never stopped."""
    new_folder(folder)
    child, began, moments = begun(COMMANDS[name]), time.monotonic(), []
    for condition in (anything, first_step):
        code = ended(child, LONGEST, condition)
        moments.append(time.monotonic() - began)
    code = ended(child, LONGEST) if code is None else code
    assert code == 0, Path("err").read_text()
    return moments


def new_folder(path):
    path.mkdir()
    os.chdir(path)
    for file, text in FILES.items():
        Path(file).write_text(text)


def main(name, trials):
    home, draw, kills = Path.cwd(), random.Random(name), 0
    ctypes.CDLL(None).prctl(BECOME_SUBREAPER, 1)
    reference(name, home / "first")  # which compiles kernels, where they were not yet
    on_disk, step = reference(name, home / "whole")
    expected = results()
    assert expected
    while kills < trials:
        new_folder(home / f"after_{kills}")
        codes, adopted, wrong = [], 0, []
        while len(codes) < min(PER_FOLDER, trials - kills):
            number, late = draw.choice([signal.SIGKILL, signal.SIGINT]), draw.random() < 0.5
            moment = Moment(late, 1.1 * draw.uniform(0, step - on_disk if late else step))
            code, why = stopped(name, moment, number)
            wrong += [why] if why else []
            wrong += [] if all_gone() else [f"what a command started outlives it by {LEFT:g} s"]
            if code == 0:  # it was over before that: the next one in another folder
                break
            codes.append(code)
            adopted += anything()
        kills += len(codes)
        why = finished(name, expected)
        wrong += [why] if why else []
        wrong += [] if all_gone() else ["processes are left behind"]
        print(json.dumps({"codes": codes, "adopted": adopted, "wrong": wrong}), flush=True)
        os.chdir(home)
        shutil.rmtree(home / f"after_{kills - len(codes)}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
