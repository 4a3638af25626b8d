"""What the tests of commands share: a finished run on the digits, and a working folder of their own."""

import shutil

import pytest
from tests.commands import TINY

from handgrad.cli.main import main


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory):
    """The folder of a short run; whoever changes something in it takes `run` instead."""
    folder = tmp_path_factory.mktemp("finished")
    assert main([*TINY.split(), "--runs_dir", str(folder), "--name", "run"]) == 0
    return folder / "run"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(finished_run, here):
    """A copy of the finished run, as `run` in the working folder."""
    return shutil.copytree(finished_run, here / "run")
