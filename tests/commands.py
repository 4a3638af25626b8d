"""The command line, called in this process or as a process of its own."""

import os
import re
import shlex
import subprocess
import sys
from typing import NamedTuple

from handgrad.cli.main import main

# A run of a second: a small network on the embedded digits.
TINY = (
    "train --dataset digits --num_layers 1 --hidden_size 16 --no_batch_norm --dropout 0 --shift 0 --epochs 2 "
    "--batch_size 32 --optimizer adam --learning_rate 0.003 --schedule constant --no_report"
)


NOTICE = "handgrad: compiling the kernels"


class Answer(NamedTuple):
    """What a command answered; `err` is without what a slow machine makes it say (see `without_notice`)."""

    code: int
    out: str
    err: str


def call(capsys, words, *more):
    """Run `handgrad` with these words (a text as in a shell, then single ones) in this process."""
    capsys.readouterr()
    code = main([*shlex.split(words), *map(str, more)])
    out, err = capsys.readouterr()
    return Answer(code, out, re.sub(rf"^{NOTICE}.*\n", "", err, flags=re.MULTILINE))


def arguments(words, *more):
    """The argument list of a process of its own."""
    return [sys.executable, "-m", "handgrad", *shlex.split(words), *map(str, more)]


def process(words, *more, cwd=None, **variables):
    """Run `handgrad` to its end as a process of its own, with some environment variables set, or taken away by None."""
    return finished(arguments(words, *more), cwd, **variables)


def python(code, cwd=None, **variables):
    """Run a piece of Python as `process` does a command."""
    return finished([sys.executable, "-c", code], cwd, **variables)


def finished(words, cwd=None, **variables):
    done = subprocess.run(
        words, capture_output=True, text=True, cwd=cwd, env=environment(**variables), timeout=300, check=False
    )
    return Answer(done.returncode, done.stdout, without_notice(done.stderr))


def without_notice(err):
    """What else a process said: whether kernels are compiled, and what takes long, hangs on the machine.

    tests/kernels/test_cache.py tests the one, tests/cli/test_waits.py the other.
    """
    return re.sub(rf"^({NOTICE}.*|.* …)\n", "", err, flags=re.MULTILINE)


def environment(**variables):
    return {name: value for name, value in {**os.environ, **variables}.items() if value is not None}
