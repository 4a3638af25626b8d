"""Two networks for all tests of what the worker says."""

import pytest

from handgrad.cli.main import main

QUICK = ["--dataset", "digits", "--epochs", "2", "--hidden_size", "16", "--num_layers", "1"]


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """Two runs on the digits whose optimizer differs."""
    home = tmp_path_factory.mktemp("runs")
    for optimizer in ("adam", "sgd"):
        words = ["--runs_dir", str(home), "--name", optimizer, "--optimizer", optimizer, "--no_report"]
        assert main(["train", *QUICK, *words]) == 0
    return [str(home / name) for name in ("adam", "sgd")]
