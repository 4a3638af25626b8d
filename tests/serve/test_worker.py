"""What the process beside the server says of runs and drawings."""

import base64
import json

import numpy as np
import pytest

from handgrad.cli.main import main
from handgrad.errors import UsageError
from handgrad.runs import open_run
from handgrad.serve import worker

QUICK = ["--dataset", "digits", "--epochs", "2", "--hidden_size", "16", "--num_layers", "1"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two runs on the digits whose optimizer differs."""
    home = tmp_path_factory.mktemp("runs")
    for optimizer in ("adam", "sgd"):
        words = ["--runs_dir", str(home), "--name", optimizer, "--optimizer", optimizer, "--no_report"]
        assert main(["train", *QUICK, *words]) == 0
    return [str(home / name) for name in ("adam", "sgd")]


def as_text(pixels):
    return base64.b64encode(np.asarray(pixels, np.uint8).tobytes()).decode()


def test_a_comparison_is_that_of_the_command(trained, capsys):
    found = json.loads(json.dumps(worker.compared({"runs": trained})))
    assert main(["compare", *trained]) == 0
    printed = capsys.readouterr().out
    assert found["pairs"][0]["verdict"] in printed
    assert all(line in printed for line in found["pairs"][0]["lines"])
    assert [path for _, path in found["members"]] == trained


def test_a_drawing_is_classified_by_each_network(trained):
    drawing = np.full((worker.SIDE, worker.SIDE), 255)
    drawing[40:150, 90:110] = 20
    found = worker.classified({"runs": trained, "pixels": as_text(drawing)})["networks"]
    assert [each["name"] for each in found] == ["adam", "sgd"]
    for each, path in zip(found, trained, strict=True):
        seen = np.frombuffer(base64.b64decode(each["seen"]), np.uint8).reshape(each["size"])
        assert seen[:, 3:5].sum() > 0.9 * seen.sum()  # the stroke, light on dark, in the middle of 8 columns
        expected = open_run(path).load_model().predict_proba(seen[None])[0]
        assert each["probabilities"] == pytest.approx(expected, abs=1e-4)
        assert max(base64.b64decode(each["saliency"])) == 255


def test_an_empty_pad_is_no_digit(trained):
    (found,) = worker.classified({"runs": trained[:1], "pixels": as_text(np.full((worker.SIDE, worker.SIDE), 255))})[
        "networks"
    ]
    assert found["empty"]
    assert found["doubts"] == ("nothing is drawn on it",)


@pytest.mark.parametrize("text", [None, 1, "", "x", "é", as_text(np.zeros(99)), "iVBORw0KGgo=", {}])
def test_what_is_no_drawing_is_refused(text):
    with pytest.raises(UsageError, match="a drawing is 196 x 196 bytes"):
        worker.read_drawing(text)


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
