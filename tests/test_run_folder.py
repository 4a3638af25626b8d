"""What a word means where a run is wanted."""

import os

import pytest

from handgrad.errors import UsageError
from handgrad.run_folder import run_path, run_paths

NAMES = ("relu_s_0", "relu_s_1", "tanh_s_0")


@pytest.fixture(autouse=True)
def _runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for age, name in enumerate(NAMES):
        for home in ("runs", "sweeps/first/runs"):
            folder = tmp_path / home / name
            folder.mkdir(parents=True)
            (folder / "config.yaml").write_text("dataset: digits\n")
            os.utime(folder / "config.yaml", (1e9 + age, 1e9 + age))


@pytest.mark.parametrize(
    ("word", "found"),
    {
        "@last": "runs/tanh_s_0",
        "@1": "runs/relu_s_0",
        "2": "runs/relu_s_1",
        "ta": "runs/tanh_s_0",
        "runs/ta": "runs/tanh_s_0",
        "sweeps/first/runs/@last": "sweeps/first/runs/tanh_s_0",
        "sweeps": "sweeps",
        "nowhere": "nowhere",
        "nowhere/@last": None,
        "relu": None,
        "@4": None,
        "0": None,
    }.items(),
)
def test_a_word_means_a_run(word, found):
    if found is None:
        with pytest.raises(UsageError, match=word.rpartition("/")[2]):
            run_path(word)
    else:
        assert str(run_path(word)) == found


def test_runs_are_listed_as_they_began_and_other_folders_are_not(tmp_path):
    (tmp_path / "runs" / "notes").mkdir()
    assert [path.name for path in run_paths(tmp_path / "runs")] == list(NAMES)
