"""What commands print, write and return."""

import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import stats
from tests.commands import TINY, arguments, call, finished, process, python, without_notice
from tests.slow import quick

import handgrad
from handgrad.cli import gradient_checks
from handgrad.cli.main import COMMANDS
from handgrad.config import RunConfig
from handgrad.data import DATASETS, load
from handgrad.evaluation import wilson
from handgrad.nn import gradcheck
from handgrad.nn.gradcheck import Check
from handgrad.runs import open_run

HEAVY = ("numba", "numpy", "scipy", "pydantic", "rich", "matplotlib", "sklearn", "torch", "wandb", "yaml", "PIL")


def test_help_does_not_wait_for_the_compiler():
    """Under half a second, that is: nothing heavy is imported for it."""
    code = f"""
import sys
from handgrad.cli.main import main
code = main(["--help"]) or main(["--version"])
print([name for name in {HEAVY} if name in sys.modules], code)
"""
    answer = python(code)
    assert answer.out.splitlines()[-2:] == [f"handgrad {handgrad.__version__}", "[] 0"]


def test_help_names_every_command(capsys):
    for words in ("", "--help", "-h", "help"):
        answer = call(capsys, words)
        assert answer.code == 0
        assert all(re.search(rf"^  {name} ", answer.out, re.MULTILINE) for name in COMMANDS)
        assert max(map(len, answer.out.splitlines())) <= 80


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(capsys, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", "80")
    try:
        answer = call(capsys, f"{name} --help")
    except SystemExit as end:  # argparse leaves by itself
        answer = type("Answer", (), {"code": end.code, "out": capsys.readouterr().out})
    assert answer.code == 0
    assert answer.out.startswith(f"usage: handgrad {name}")
    assert "examples:" in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80


def test_dry_run_trains_nothing_and_writes_nothing(here, capsys):
    answer = call(capsys, f"{TINY} --dry_run")
    assert answer.code == 0
    assert list(here.iterdir()) == []
    plan, _, settings = answer.out.partition("settings that differ from preset best: 9\n")
    _, images, *table, everything, steps, seconds = plan.splitlines()
    assert images == "images: 1,294 training, 144 validation, 359 test, each of 8 x 8"
    assert [line.split() for line in table[:4]] == [
        ["layer", "output", "shape", "parameters", "multiply-adds"],
        ["input", "8", "x", "8"],
        ["0", "Flatten", "64"],
        ["1", "Dense", "units", "16", "16", "1,040", "1,024"],
    ]
    assert everything.split() == ["all", "1,210", "1,184"]
    assert steps == "steps: 82 in all, 41 in each of 2 epochs"
    assert re.fullmatch(r"time: about [\d.]+ s of training on this machine", seconds)
    (here / "again.yaml").write_text(settings)
    assert RunConfig.from_yaml(here / "again.yaml").command() == answer.out.splitlines()[0].removeprefix("$ ")


def test_what_a_training_prints(here, capsys):
    answer = call(capsys, f"{TINY} --runs_dir . --name mine")
    assert (answer.code, answer.err) == (0, "")
    echo, begin, *epochs, result, kept, after = answer.out.splitlines()
    metrics = open_run(here / "mine").metrics
    assert echo.startswith("$ handgrad train --dataset digits ")
    assert begin == "1,294 + 144 validation images, 1,210 parameters, 2 epochs of 41 steps"
    for line, epoch in zip(epochs, metrics["epochs"], strict=True):
        train, validation = (
            f"{epoch[f'{part}_loss']:.4f} {100 * epoch[f'{part}_accuracy']:5.2f} %" for part in ("train", "validation")
        )
        assert line == f"epoch {epoch['epoch']}  train {train}  val {validation}  {epoch['seconds']:.2f} s"
    shares = [f"{part} {100 * metrics[part]['accuracy']:.2f} %" for part in ("test", "validation", "train")]
    assert result.startswith(f"accuracy: {', '.join(shares)}  (trained ")
    _, low, high, _ = wilson(round(144 * metrics["validation"]["accuracy"]), 144)
    best = metrics["best_epoch"]
    assert kept == f"kept: epoch {best} of 2, best of 144 validation images, ± {100 * (high - low) / 2:.1f} points"
    assert after == "next: handgrad evaluate mine"


@pytest.mark.parametrize(
    ("flags", "expected"),
    {
        "--keep last": "kept: epoch 2 of 2, the last one",
        "--validation_fraction 0": "kept: epoch 2 of 2, the last one: there are no validation images to choose by",
        "--monitor validation_loss": "kept: epoch 2 of 2, least loss on 144 validation images",
        "--keep last --time_limit 1e-9": None,  # it ends within the first epoch: see below
    }.items(),
)
def test_which_weights_are_kept_is_said(here, capsys, flags, expected):
    out = call(capsys, f"{TINY} {flags} --no_report").out
    assert (expected is None) == ("kept: epoch" not in out)
    assert expected is None or expected in out.splitlines()


def test_early_stopping_and_the_time_limit_are_said(here, capsys):
    words = TINY.replace("--learning_rate 0.003", "--learning_rate 1e-12").replace("--epochs 2", "--epochs 9")
    words = f"{words} --no_report"
    assert "stopped early: patience was used up, after step " in call(capsys, f"{words} --patience 1").out
    assert "stopped early: the time limit was reached, after step " in call(capsys, f"{TINY} --time_limit 1e-9").out


def test_seeds(here, capsys):
    """The mean and Student's interval of what the three runs say, as SciPy has it."""
    answer = call(capsys, f"{TINY} --seeds 3 --seed 5 --runs_dir . --name many")
    assert answer.code == 0
    runs = [open_run(here / f"many_s_{seed}") for seed in (5, 6, 7)]
    assert [run.config.seed for run in runs] == [5, 6, 7]
    _, begin, *each, head, test, validation, train, first, last = answer.out.splitlines()
    assert begin == "3 seeds, one after the other: a line for each"
    assert [line.partition(":")[0] for line in each] == ["seed 5", "seed 6", "seed 7"]
    assert (first, last) == ("runs: many_s_5", "      and 2 beside it, the last many_s_7")
    assert head == "over 3 seeds, mean and 95 % interval (Student's t):"
    for line, part in ((test, "test"), (validation, "validation"), (train, "train")):
        values = np.array([100 * run.metrics[part]["accuracy"] for run in runs])
        low, high = np.clip(stats.t.interval(0.95, 2, loc=values.mean(), scale=stats.sem(values)), 0, 100)
        assert line.split() == [part, f"{values.mean():.2f}", "%", f"[{low:.2f},", f"{high:.2f}]"]
    call(capsys, f"{TINY} --seed 6 --runs_dir . --name alone")
    assert open_run(here / "alone").model_file.read_bytes() == runs[1].model_file.read_bytes()


def test_without_a_name_each_seed_gets_its_own(here, capsys):
    assert call(capsys, f"{TINY} --seeds 2").code == 0
    assert {path.name[-4:] for path in (here / "runs").iterdir()} == {"_s_0", "_s_1"}


@pytest.mark.parametrize("name", ["model_save_path", "config_save_path"])
def test_several_seeds_are_not_saved_to_one_file(here, capsys, name):
    answer = call(capsys, f"{TINY} --seeds 2 --{name} one.npz")
    assert answer.code == 2
    assert f"{name} names one file, but 2 seeds are 2 runs, each with its own in its folder" in answer.err
    assert not (here / "runs").exists()


@pytest.mark.parametrize("suffix", quick(["npz", "npy", "safetensors"], ["npz"]))
def test_other_files_for_weights_and_settings(here, capsys, suffix):
    words = f"{TINY} --runs_dir . --model_save_path best.{suffix} --config_save_path"
    assert call(capsys, words, "best.json", "--name", "one").code == 0
    run = open_run(here / "one")
    assert RunConfig.from_mapping(json.loads((here / "best.json").read_text())) == run.config
    assert call(capsys, words, "best.yaml", "--name", "two").code == 0
    assert RunConfig.from_yaml(here / "best.yaml").replaced(name="one") == run.config
    still = f"{TINY.replace('0.003', '1e-30')} --runs_dir . --name three --model_path best.{suffix}"
    assert call(capsys, still).code == 0
    np.testing.assert_array_equal(open_run(here / "three").load_model().parameters, run.load_model().parameters)


def test_weights_of_a_course_are_evaluated(here, capsys):
    words = f"{TINY} --runs_dir . --name one --model_save_path best_model.npy"
    assert "weights: best_model.npy, a dict W0, b0, W1, …; settings: best_config.json" in call(capsys, words).out
    told = call(capsys, "evaluate best_model.npy --dataset digits --json of_file.json")
    assert "its settings are those in best_config.json" in told.out
    assert "macro averages: precision" in told.out
    call(capsys, "evaluate one --json of_run.json")
    of_file, of_run = json.loads((here / "of_file.json").read_text()), json.loads((here / "of_run.json").read_text())
    assert of_file["accuracy"] == of_run["runs"][0]["accuracy"]
    assert of_file["loss"] == pytest.approx(of_run["runs"][0]["cross_entropy"], rel=1e-5)
    (here / "best_config.json").unlink()
    assert "does not say which images it is for" in call(capsys, "evaluate best_model.npy").err
    guessed = call(capsys, "evaluate best_model.npy -d digits").out
    assert "best_model.npy does not say its activation: tanh is taken (--activation)" in guessed
    other = call(capsys, "evaluate best_model.npy --dataset digits --activation sigmoid --json other.json")
    assert "does not say its activation" not in other.out
    assert call(capsys, "evaluate best_model.npy one").err.count("is a file of weights: evaluate it alone") == 1


def test_the_course_s_best_config_is_a_config(here, capsys):
    settings = {"dataset": "digits", "epochs": 1, "batch_size": 64, "loss": "cross_entropy", "optimizer": "rmsprop"}
    settings |= {"weight_decay": 0.0, "learning_rate": 0.001, "num_layers": 2, "hidden_size": [16, 8]}
    settings |= {"activation": "relu", "weight_init": "xavier", "wandb_project": "x", "use_wandb": False}
    settings |= {"val_accuracy": 0.97, "test_f1": 0.968, "precision": 0.97, "model_save_path": "best_model.npy"}
    (here / "best_config.json").write_text(json.dumps(settings))
    told = call(capsys, "train --config best_config.json --preset plain --runs_dir . --name one --report false")
    assert told.code == 0
    assert "val_accuracy, test_f1, precision: that is a result, no setting" in told.out
    config = open_run(here / "one").config
    assert (config.hidden_size, config.optimizer, config.activation) == ((16, 8), "rmsprop", "relu")
    assert (here / "best_model.npy").exists()


def test_weights_for_other_programs(here, capsys):
    call(capsys, f"{TINY} --runs_dir . --name one --model_save_path best.npz")
    network, digits = open_run(here / "one").load_model(), load("digits")
    with np.load(here / "best.npz") as w:
        hidden = np.maximum(digits.x_test.reshape(-1, 64) / 255 @ w["W0"] + w["b0"], 0)
        logits = hidden @ w["W1"] + w["b1"]
    np.testing.assert_allclose(logits, network.logits(digits.x_test), atol=1e-4)


def test_runs(run, here, capsys):
    call(capsys, f"{TINY} --runs_dir . --name {'a' * 90} --time_limit 1e-9")
    (here / "unended").mkdir()
    (here / "unended" / "config.yaml").write_bytes((run / "config.yaml").read_bytes())
    answer = call(capsys, "runs --runs_dir .")
    assert answer.code == 0
    head, *rows = answer.out.splitlines()
    assert head.split() == ["no", "test", "%", "val", "%", "epochs", "seconds", "state", "run"]
    rows = {row.split()[-1]: row.split()[1:-1] for row in rows}
    assert set(rows) == {"run", "a" * 90, "unended"}  # a long name is not broken: it is wanted for the next command
    metrics = open_run(run).metrics
    shares = [f"{100 * metrics[part]['accuracy']:.2f}" for part in ("test", "validation")]
    assert rows["run"] == [*shares, "2", f"{metrics['seconds']:.1f}", "finished"]
    assert rows["a" * 90][-2:] == ["time", "limit"]
    assert rows["unended"] == ["to", "resume"]


@pytest.mark.parametrize("columns", [80, 120])
def test_the_table_of_runs_fits_a_terminal(here, capsys, monkeypatch, columns):
    name = "fashion_mnist_hl_3_bs_16_ac_tanh_adam_lr_0.0001_dropout_0.3_warmup_steps_200_ls_0.1_s_0"
    (here / "runs" / name).mkdir(parents=True)
    (here / "runs" / name / "config.yaml").write_text("dataset: digits\n")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    row = call(capsys, "runs").out.splitlines()[1]
    beginning, end = row.split()[-1].split("…")
    assert len(row) == columns
    assert name.startswith(beginning)
    assert name.endswith(end)


def test_damaged_runs_do_not_hide_the_others(run, here, capsys):
    for name, content in {"one": "{", "two": '{"stopped": "finished"}', "three": "[]", "four": "[" * 99_999}.items():
        (here / name).mkdir()
        (here / name / "config.yaml").write_bytes((run / "config.yaml").read_bytes())
        (here / name / "metrics.json").write_text(content)
    answer = call(capsys, "runs --runs_dir .")
    assert answer.code == 0
    rows = {row.split()[-1]: row for row in answer.out.splitlines()[1:]}
    assert "finished" in rows["run"]
    assert all("damaged" in rows[name] for name in ("one", "two", "three", "four"))


def test_no_runs(here, capsys):
    assert call(capsys, "runs").out == "no runs in runs. Start one: handgrad train --dataset digits\n"


def test_resume_of_a_complete_run(run, capsys):
    answer = call(capsys, "resume run")
    assert answer == (0, "run is complete: nothing to do\n", "")


def test_resume_says_where_it_begins(here, capsys):
    call(capsys, f"{TINY} --time_limit 1e-9 --runs_dir . --name mine")
    done = open_run(here / "mine").metrics["steps"]
    assert f"2 epochs of 41 steps, going on from step {done} of 82" in call(capsys, "resume mine").out


def test_gradcheck(capsys):
    answer = call(capsys, "gradcheck --dataset digits -a gelu -nhl 1 -sz 6 --no_batch_norm --dropout 0")
    assert answer.code == 0
    _, *rows, last = answer.out.splitlines()
    assert [row.split()[0] for row in rows] == ["1.weight", "1.bias", "3.weight", "3.bias"]
    assert all(row.split()[-1] == "ok" for row in rows)
    assert re.fullmatch(r"largest relative error \d\.\de-\d\d, bound 1e-07: passed", last)


def test_gradcheck_that_fails(capsys, monkeypatch):
    def wrong(network, batch, **settings):
        first, *others = gradcheck(network, batch, **settings)
        return [Check(**first._asdict() | {"relative_error": 2e-7}), *others]

    monkeypatch.setattr(gradient_checks, "gradcheck", wrong)
    answer = call(capsys, "gradcheck --dataset digits -nhl 0")
    assert answer.code == 1
    assert "WRONG" in answer.out
    assert answer.out.endswith("largest relative error 2.0e-07, bound 1e-07: FAILED\n")


def test_info(here, capsys):
    out = call(capsys, "info").out
    assert out.startswith(f"handgrad {handgrad.__version__}, Python {sys.version.split()[0]}\n")
    for part in ("numpy", "processor", "threads", "kernel cache", "digits", "fashion_mnist"):
        assert re.search(rf"^ *{part}\s+\S", out, re.MULTILINE)


@pytest.mark.parametrize("spelling", ["nadam", "NAdam", "nesterov", "sgdm"])
def test_info_of_an_optimizer(capsys, spelling):
    answer = call(capsys, f"info --optimizer {spelling}")
    assert answer.code == 0, answer.err
    for part in ("rule, at step t with gradient g:", "defaults: learning_rate", "reference: ", "differences: "):
        assert part in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80


def test_data(here, capsys):
    listed = call(capsys, "data list")
    assert listed.code == 0
    *rows, last = listed.out.splitlines()
    assert [line.split()[0] for line in rows] == list(DATASETS)
    assert last == "`handgrad data fetch NAME` downloads what is not here"
    assert call(capsys, "data fetch digits").out == listed.out.splitlines()[0] + "\n"
    verified = call(capsys, "data verify digits")
    assert verified.code == 0
    assert all(": ok  " in line for line in verified.out.splitlines())


def test_samples_can_be_predicted(run, here, capsys):
    answer = call(capsys, "data sample digits --out pictures/new")
    files = answer.out.splitlines()
    assert files == [f"pictures/new/{label}.png" for label in range(10)]
    assert sorted(map(str, Path("pictures/new").iterdir())) == files
    assert [
        line.split(":")[0] for line in call(capsys, "predict run", *files).out.splitlines() if line[0] != " "
    ] == files


WIDE = [
    f"{TINY} --dry_run",
    f"{TINY} --runs_dir . --name wide",
    f"{TINY} --seeds 2 --runs_dir . --name both",
    "evaluate run",
    "info",
    "info --optimizer eve",
    "data list",
    "data verify digits",
    "gradcheck --dataset digits -nhl 1 -sz 6",
]


@pytest.mark.parametrize("words", WIDE)
def test_lines_are_short_and_plain(run, here, capsys, monkeypatch, words):
    """No line over 80 characters, the echoed command and paths apart; no escape codes where there is no terminal."""
    monkeypatch.setenv("COLUMNS", "80")
    answer = call(capsys, words)
    assert answer.code == 0
    for line in answer.out.splitlines():
        without_paths = " ".join(word for word in line.split() if "/" not in word)
        assert line.startswith("$ ") or len(without_paths) <= 80
        assert "\x1b" not in line


def test_help_and_a_closed_pipe():
    """As with `handgrad --help | true`: nothing is said about it."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(arguments("--help"), stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_standard_output_at_all():
    done = finished(["sh", "-c", '"$@" >&-', "sh", *arguments("--help")])
    assert done == (0, "", "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_behind_standard_output():
    done = finished(["sh", "-c", '"$@" >/dev/full', "sh", *arguments("--help")])
    assert done == (4, "", "handgrad: error: [Errno 28] No space left on device\n")


def test_an_encoding_that_lacks_a_character():
    done = process("--help", PYTHONIOENCODING="ascii")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(r"usage: handgrad COMMAND \u2026")


@pytest.mark.slow
def test_a_table_and_a_closed_pipe(finished_run):
    reading, writing = os.pipe()
    os.close(reading)
    words = arguments("evaluate", finished_run)
    done = subprocess.run(words, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, without_notice(done.stderr)) == (0, "")


@pytest.mark.slow
def test_a_home_that_cannot_be_written(tmp_path):
    """Kernels are compiled into a temporary folder; everything else is as always."""
    nowhere = tmp_path / "home"
    nowhere.write_text("a file in place of a folder")
    variables = {"HOME": nowhere, "HANDGRAD_CACHE_DIR": nowhere, "XDG_CACHE_HOME": nowhere, "TMPDIR": tmp_path}
    words = f"{TINY} --runs_dir . --name mine"
    answer = finished(arguments(words), cwd=tmp_path, **{name: str(value) for name, value in variables.items()})
    assert answer.code == 0, answer.err
    assert "Traceback" not in answer.err
    assert open_run(tmp_path / "mine").metrics["stopped"] == "finished"


@pytest.mark.slow
def test_a_bar_in_a_terminal(tmp_path):
    """In a terminal there is a bar, which is gone at the end; NO_COLOR is honoured."""
    words = [*arguments(TINY.replace("--epochs 2", "--epochs 100"), "--runs_dir", tmp_path)]
    shown = []
    for colour in (None, "1"):
        done = finished(["script", "-qec", " ".join(map(str, words)), "/dev/null"], NO_COLOR=colour, TERM="xterm")
        assert done.code == 0
        shown.append(done.out)
    assert all("epoch 1/100" in text or "img/s" in text for text in shown)
    coloured = re.compile(r"\x1b\[[0-9;]*3[0-9][0-9;]*m")
    assert coloured.search(shown[0])
    assert not coloured.search(shown[1])


@pytest.mark.slow
def test_a_warning_is_said_once_in_a_command(here, capsys):
    """A training reads its data several times: for the run, its report and its figures."""
    folder = here / "pets"
    for label, number in itertools.product("ab", range(6)):
        path = folder / label / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8 + (number == 5)), 20 * number + 100 * (label == "b")).save(path)
    for more in ("", "--no_report"):  # the second command says it again
        answer = call(capsys, f"train -d pets -nhl 1 -sz 4 -e 1 -b 3 --runs_dir . {more}")
        assert (answer.code, answer.err.count("have another size")) == (0, 1), answer.err


def test_a_file_in_the_way_of_a_folder_is_said(capsys, here):
    (here / "taken").write_text("kept")
    for folder in ("taken", "taken/below"):
        done = call(capsys, f"play -o {folder}/play.html")
        expected = f"handgrad: error: no folder can be made of {folder}: a file is in its way. Choose another folder\n"
        assert (done.code, done.out, done.err) == (4, "", expected)
    assert (here / "taken").read_text() == "kept"
