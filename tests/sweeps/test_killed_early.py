"""A sweep or a reproduction that is killed in its first moments, whenever: the same command goes on with it."""

import json
import os
import subprocess
import sys

import pytest
from tests.commands import environment, process

TRIALS = int(os.environ.get("HANDGRAD_TRIALS", "6"))
TINY = {
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
COMMANDS = {
    "sweep": (
        "sweep sweep.yaml --dataset digits -nhl 1 -sz 8 --no_batch_norm --dropout 0 --epochs 1 --jobs 1 --no_report "
        "--name it --resume"
    ),
    "reproduce": "reproduce recipe.yaml --jobs 1 -o it",
}

# Forked from a process in which all is loaded, the command is at work at once. Its end is 0, or the signal's number.
KILLER = """
import json, os, random, shutil, signal, sys, time
from handgrad.cli.main import main
import handgrad.cli.sweep, handgrad.cli.reproduce

words, trials, seconds = sys.argv[1].split(), int(sys.argv[2]), float(sys.argv[3])
choice, ends, home = random.Random(7), [], os.getcwd()
for trial in range(trials):
    if trial % 5 == 0:  # five kills in one folder, then the next
        os.makedirs(f"{home}/{trial // 5}")
        os.chdir(f"{home}/{trial // 5}")
        for file in ("sweep.yaml", "recipe.yaml"):
            shutil.copy(f"{home}/{file}", file)
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        try:
            code = main(words)
        except BaseException:
            code = 99
        os._exit(code)
    limit = time.monotonic() + choice.uniform(0, seconds) ** 2 / seconds
    ended = (0, 0)
    while time.monotonic() < limit and ended == (0, 0):
        time.sleep(0.001)
        ended = os.waitpid(child, os.WNOHANG)
    if ended == (0, 0):
        os.kill(child, signal.SIGKILL)
        ended = os.waitpid(child, 0)
    ends.append(os.waitstatus_to_exitcode(ended[1]))
    time.sleep(0.2)  # for what it has started to see that it is gone
print()
print(json.dumps(ends))
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_the_same_command_goes_on(tmp_path, name):
    for file, text in TINY.items():
        (tmp_path / file).write_text(text)
    words = [sys.executable, "-c", KILLER, COMMANDS[name], str(TRIALS), "3"]
    killer = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True, env=environment())
    ends = json.loads(killer.stdout.splitlines()[-1])
    assert len(ends) == TRIALS
    assert set(ends) <= {0, -9}, (ends, killer.stderr)
    for folder in (path for path in tmp_path.iterdir() if path.is_dir()):
        last = process(COMMANDS[name], cwd=folder)
        assert last.code == 0, last.err
