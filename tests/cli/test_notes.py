"""What the program says of a user's words: what has no effect, what is guessed, what is wrong; on one line each."""

import shlex

import pytest

from handgrad.cli.flags import parse
from handgrad.cli.main import main
from handgrad.config import RunConfig
from handgrad.config.describe import folder_of_name
from handgrad.data import load
from handgrad.errors import UsageError
from handgrad.sweeps import read_sweep
from handgrad.text import nearest


def notes(line):
    return parse(shlex.split(line)).notes


IDLE = {
    "-o sgd --momentum 0.9": "momentum (optimizer sgd; momentum or nag use it)",
    "-o rmsprop --beta1 0.9": "beta1 (optimizer rmsprop; adam, nadam, adamw, eve or lion use it)",
    "--schedule one_cycle --lr_decay 0.95": "schedule_factor (schedule one_cycle; step or exponential use it)",
    "-nhl 0 -sz 64 -a tanh": "hidden_size, activation (num_layers 0)",
    "-l mse --label_smoothing 0.1": "label_smoothing (loss mean_squared_error; cross_entropy uses it)",
    "-w_i he --init_scale 0.1": "init_scale (weight_init he; random or uniform use it)",
    "--elastic_sigma 3": "elastic_sigma (elastic 0.0)",
    "--device cpu": "device (backend handgrad)",
    "--patience 20 -e 20": "patience (epochs 20)",
    "--monitor validation_loss --keep last": "monitor (patience 0, keep last)",
    "-o adam -m 0.5 -beta 0.5 -beta1 0.5 -beta2 0.5 -eps 1e-6": "momentum, beta (optimizer adam)",
    "-o sgd -m 0.5 -beta 0.5 -beta1 0.5 -beta2 0.5 -eps 1e-6": "momentum, beta, beta1, beta2, epsilon (optimizer sgd)",
}


@pytest.mark.parametrize(("line", "says"), IDLE.items())
def test_a_setting_that_cannot_act_is_told_once(line, says):
    assert notes(line) == [f"no effect here: {says}"]


@pytest.mark.parametrize("line", ["-o momentum -m 0.9", "-o sgd", "--elastic 3 --elastic_sigma 3", "-nhl 1 -sz 64"])
def test_what_acts_and_what_nobody_gave_is_not_told(line):
    assert notes(line) == []


def test_a_files_settings_are_told_too_but_not_its_defaults(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text(RunConfig(optimizer="sgd", beta1=0.5).to_yaml())
    assert notes(f"-c {path}") == ["no effect here: beta1 (optimizer sgd; adam, nadam, adamw, eve or lion use it)"]


@pytest.mark.parametrize("flag", ["--save_model", "--save_model False", "--save", "--checkpoint 1", "--no_save_model"])
def test_weights_are_kept_whatever_is_asked(flag):
    assert "the weights are always kept, in the run's folder" in notes(flag)[0]


@pytest.mark.parametrize(
    "flag", ["-cm True", "-cm 0", "-confusion 1", "--plot_confusion_matrix", "--log_images", "--show_loss", "--no_plot"]
)
def test_figures_are_kept_whatever_is_asked(flag):
    assert "always kept, in its report" in notes(flag)[0]


def test_all_that_is_wrong_with_a_command_line():
    with pytest.raises(UsageError) as caught:
        notes("--foo 1 --lerning_rate 3 --bar -lr -1 -e 0 -o adamax --count 0")
    message = str(caught.value)
    assert message.startswith("unknown flags --foo, --lerning_rate (did you mean --learning_rate?), --bar. --help")
    for part in (
        "learning_rate must be positive, got -1.0",
        "epochs must be",
        "optimizer must be one of",
        "count must",
    ):
        assert part in message
    assert "\n" not in message


def test_all_that_is_wrong_with_a_file_and_the_flags(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("lr: -1\nfoo: 3\nbatchsize: 0\nhidden: 3\n")
    with pytest.raises(UsageError) as caught:
        notes(f"-c {path} --bar 1 -e 0")
    for part in (
        f"{path}: unknown setting foo", "hidden is ambiguous", "learning_rate must be positive", "batch_size must be",
        "unknown flag --bar", "epochs must be",
    ):  # fmt: skip
        assert part in str(caught.value)


def test_all_that_is_wrong_with_a_sweep():
    parameters = {"act": {"values": ["relu", "tahn", "rleu"]}, "foo": {"values": [1, 2]}, "lr": {"min": 2, "max": 1}}
    with pytest.raises(UsageError) as caught:
        read_sweep({"method": "bayse", "x": 1, "parameters": parameters, "run_cap": 0, "metric": {"name": "q"}})
    for part in ("unknown key 'x'", "method must be", "got 'tahn'", "and 'rleu'", "unknown setting foo", "min must be"):
        assert part in str(caught.value)
    assert "run_cap must be" in str(caught.value)
    assert "metric.name must be" in str(caught.value)


def test_a_combination_that_cannot_be_names_every_culprit():
    with pytest.raises(UsageError, match=r"leave out num_layers, got 3 .* and dropout, got 0.5 .*; device cuda needs"):
        RunConfig(model="cnn", num_layers=3, dropout=0.5, device="cuda")


@pytest.mark.parametrize("values", ["128,64", [128, 64], "[128, 64]"])
def test_values_decide_in_a_sweep(values):
    sweep = read_sweep({"method": "grid", "parameters": {"hidden_layers": {"values": [values, [32]]}}})
    assert sweep.parameters["hidden_size"].values == ((128, 64), (32,))
    counts = read_sweep({"method": "grid", "parameters": {"hidden_layers": {"values": [2, 3]}}})
    assert counts.parameters["num_layers"].values == (2, 3)


def test_a_sweeps_parameter_that_needs_no_setting_is_told():
    parameters = {"save_model": {"value": True}, "num_classes": {"value": 10}, "lr": {"values": [0.1, 0.2]}}
    sweep = read_sweep({"method": "grid", "parameters": parameters})
    assert list(sweep.parameters) == ["learning_rate"]
    said = " ".join(str(notice) for notice in sweep.notices)
    assert "parameters.save_model is ignored: the weights are always kept" in said
    assert "parameters.num_classes is ignored: the data set decides that" in said


@pytest.mark.parametrize(
    ("name", "folder"),
    [("hl 3: a/b", "hl-3-a-b"), ("a b", "a-b"), ("x?", "x"), ("plain_1.5", "plain_1.5"), ("Übung 1", "Übung-1")],
)
def test_a_name_becomes_a_folder_and_stays_whole(name, folder):
    parsed = parse(["--run_name", name])
    assert (parsed.config.name, folder_of_name(name)) == (name, folder)
    told = [f"the run {name!r} is kept in the folder {folder}"]
    assert parsed.notes == ([] if name == folder else told)


@pytest.mark.parametrize(
    ("word", "names"),
    [("cm", ["m", "momentum"]), ("kmnist", ["mnist"]), ("emnist", ["mnist"]), ("selu", ["relu"]), ("foo", ["fold"]),
     ("lamb", ["adam"]), ("mae", ["mse"]), ("test", ["report"]), ("tset", ["train"]), ("plot", ["dropout"])],
)  # fmt: skip
def test_no_hint_by_letter_distance_alone(word, names):
    assert nearest(word, names) is None


@pytest.mark.parametrize(
    ("word", "meant"),
    [("optimzer", "optimizer"), ("minst", "mnist"), ("tahn", "tanh"), ("adm", "adam"), ("rleu", "relu"),
     ("fashion_mnsit", "fashion_mnist"), ("ptimizer", "optimizer"), ("xaveir", "xavier"), ("evaluat", "evaluate"),
     ("optim", "optimizer")],
)  # fmt: skip
def test_a_slip_of_the_fingers_is_mended(word, meant):
    assert nearest(word, ["optimizer", "mnist", "tanh", "adam", "relu", "fashion_mnist", "xavier", "evaluate"]) == meant


@pytest.mark.parametrize(
    ("field", "value"), [("optimizer", "adamp"), ("optimizer", "adan"), ("activation", "relu6"), ("activation", "celu")]
)
def test_what_is_a_right_word_elsewhere_gets_no_hint(field, value):
    with pytest.raises(UsageError) as caught:
        RunConfig(**{field: value})
    assert "did you mean" not in str(caught.value)


def test_another_data_set_gets_no_hint():
    with pytest.raises(UsageError) as caught:
        load("notmnist")
    assert "Did you mean" not in str(caught.value)


def test_notes_stand_under_the_command(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split("train -d digits -o sgd -m 0.5 -c 25 -cm 1 --dry_run")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("$ handgrad train")
    said = [line for line in lines if line.startswith("note: ")]
    assert "note: no effect here: momentum (optimizer sgd; momentum or nag use it)" in said
    assert "note: no effect here: count (mode single; --sweep uses it)" in said
    assert "note: -c is taken as count, as its value shows" in said
