"""What the process beside the server says of runs and drawings."""

import json

import pytest

from handgrad.cli.main import main
from handgrad.errors import UsageError
from handgrad.serve import worker


@pytest.mark.slow
def test_a_comparison_is_that_of_the_command(trained, capsys):
    found = json.loads(json.dumps(worker.compared({"runs": trained})))
    assert main(["compare", *trained]) == 0
    printed = capsys.readouterr().out
    assert found["pairs"][0]["verdict"] in printed
    assert all(line in printed for line in found["pairs"][0]["lines"])
    assert [path for _, path in found["members"]] == trained


def test_the_form_has_the_settings_and_no_files():
    fields = {field["name"]: field for field in worker.form({})["fields"]}
    assert fields["optimizer"]["default"] == "adam"
    assert "digits" in fields["dataset"]["choices"]
    assert not {"layers", "runs_dir", "wandb_project", "model_options"} & fields.keys()
    json.dumps(fields)


def test_a_plan_is_the_command_with_what_was_filled_in():
    settings = {"dataset": "digits", "epochs": " 3 ", "optimizer": "sgd", "dropout": "", "seeds": "2"}
    words = worker.planned({"settings": settings, "runs_dir": "runs"})["words"]
    assert words == ["train", "--dataset", "digits", "--epochs", "3", "--optimizer", "sgd", "--seeds", "2"]


WRONG = [
    {"dataset": "/etc/passwd"},
    {"dataset": "../secret"},
    {"model": "net.yaml"},
    {"layers": "x"},
    {"runs_dir": "/tmp"},
    {"name": "../x"},
    {"epochs": "-1"},
    {"seeds": "0"},
    {"seeds": "10000"},
    {"--debug": "1"},
    {"epochs": 3},
    [],
    None,
    {"track": "wandb"},
]


@pytest.mark.parametrize("settings", WRONG, ids=str)
def test_a_wrong_plan_is_refused(settings):
    with pytest.raises(UsageError):
        worker.planned({"settings": settings, "runs_dir": "runs"})
