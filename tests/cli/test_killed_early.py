"""A command that is killed or interrupted in its first moments, whenever: the same command goes on with it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.early_kills import COMMANDS
from tests.commands import environment

TRIALS = int(os.environ.get("HANDGRAD_TRIALS", "2"))
SOME = ("train", "crossval_jobs", "sweep", "reproduce")
ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS if "HANDGRAD_TRIALS" in os.environ else SOME)
def test_the_same_command_goes_on(tmp_path, name):
    words = [sys.executable, "-m", "tests.cli.early_kills", name, str(TRIALS)]
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    program = subprocess.run(
        words, cwd=tmp_path, capture_output=True, text=True, check=False, env=environment(PYTHONPATH=path)
    )
    assert program.returncode == 0, program.stderr
    folders = [json.loads(line) for line in program.stdout.splitlines()]
    assert sum(len(each["codes"]) for each in folders) == TRIALS
    assert [each["wrong"] for each in folders if each["wrong"]] == []
