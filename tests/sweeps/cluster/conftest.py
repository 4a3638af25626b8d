"""Ray clusters on this machine, each in a process of its own: what Ray leaves open is not the business of tests."""

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.commands import environment

TWO_NODES = Path(__file__).with_name("two_nodes.py")
WITHOUT = {"RAY_ADDRESS": None, "RAY_AUTH_MODE": None, "RAY_AUTH_TOKEN": None, "RAY_AUTH_TOKEN_PATH": None}


class TwoNodes:
    """The process of two_nodes.py."""

    def __init__(self, process):
        self.process = process
        self.address = self._read()["address"]

    def tell(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        assert self._read() == {"done": word}

    def _read(self):
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()[-2000:]
        return json.loads(line)


@contextmanager
def two_nodes(*before, **variables):
    """A cluster whose second node can be removed; the words `before` start its process in another world."""
    process = subprocess.Popen(
        [*before, sys.executable, TWO_NODES],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=environment(**{**WITHOUT, "RAY_USAGE_STATS_ENABLED": "0", **variables}),
    )
    try:
        yield TwoNodes(process)
    finally:
        process.stdin.close()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        for pipe in (process.stdout, process.stderr):
            pipe.close()


@pytest.fixture(scope="session")
def ray():
    """Skips where Ray is not installed, which is not imported here."""
    if not any((Path(path) / "ray" / "__init__.py").exists() for path in sys.path):
        pytest.skip("Ray is not installed: make ray")
