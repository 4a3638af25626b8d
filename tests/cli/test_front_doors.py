"""`handgrad train` and the course's `python train.py`, and the trackers that follow a run."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.commands import TINY, call, finished, process

from handgrad.config import RunConfig
from handgrad.plugins import how_to_install
from handgrad.runs import open_run
from handgrad.runs.trackers import TRACKERS, Tracker

TRAIN_PY = Path(__file__).parents[2] / "train.py"

# The course's table: short flag, long flag, a value.
COURSE = """
-wp     --wandb_project  myprojectname
-we     --wandb_entity   myname
-d      --dataset        digits
-e      --epochs         1
-b      --batch_size     4
-l      --loss           cross_entropy
-o      --optimizer      sgd
-lr     --learning_rate  0.1
-m      --momentum       0.5
-beta   --beta           0.5
-beta1  --beta1          0.5
-beta2  --beta2          0.5
-eps    --epsilon        0.000001
-w_d    --weight_decay   .0
-w_i    --weight_init    random
-nhl    --num_layers     1
-sz     --hidden_size    4
-a      --activation     sigmoid
--mode  --mode           single
"""
ROWS = [line.split() for line in COURSE.strip().splitlines()]
SHORT = " ".join(f"{short} {value}" for short, _, value in ROWS)
LONG = " ".join(f"{long} {value}" for _, long, value in ROWS)


def course_config(folder, **changes):
    settings = {
        "wandb_project": "myprojectname", "wandb_entity": "myname", "dataset": "digits", "epochs": 1, "batch_size": 4,
        "loss": "cross_entropy", "optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.5, "beta": 0.5, "beta1": 0.5,
        "beta2": 0.5, "epsilon": 1e-6, "weight_decay": 0.0, "weight_init": "random", "num_layers": 1, "hidden_size": 4,
        "activation": "sigmoid",
    }  # fmt: skip
    return RunConfig(**settings, runs_dir=str(folder), name="course", **changes)


@pytest.mark.parametrize("flags", [SHORT, LONG], ids=["short", "long"])
def test_every_flag_of_the_course_in_one_command(here, capsys, flags):
    answer = call(capsys, f"train.py {flags} --wandb_mode disabled --no_report --runs_dir . --name course")
    assert answer.code == 0
    run = open_run(here / "course")
    assert run.config == course_config(".", preset="plain", wandb_mode="disabled", track=("wandb",))
    assert answer.out.startswith(f"$ {run.config.command()}\n")
    assert run.metrics["epochs"][0]["learning_rate"] <= 0.1


def test_the_other_front_door_takes_them_too(here, capsys):
    assert call(capsys, f"train {SHORT} --no_wandb --no_report --runs_dir . --name course").code == 0
    assert open_run(here / "course").config == course_config(".")


def test_the_echoed_command_is_the_run(here, capsys):
    first = call(capsys, f"{TINY} -a ReLU --label-smoothing=0.04 -wi glorot --runs_dir . --name one").out
    echoed = first.splitlines()[0].removeprefix("$ handgrad ")
    assert call(capsys, echoed.replace("--name one", "--name two"), "--no_report").code == 0
    one, two = open_run(here / "one"), open_run(here / "two")
    assert one.model_file.read_bytes() == two.model_file.read_bytes()
    assert one.config == two.config.replaced(name="one")
    assert one.facts["command"] == f"handgrad {echoed}"


@pytest.mark.slow
def test_units_that_died_are_told_and_reported(here, capsys):
    words = "train.py -d digits -o adam -lr 0.5 -nhl 2 -sz 16 -a relu -e 1 -b 16 --no_wandb --runs_dir . --name dead"
    counts = re.findall(r"note: layer \d ReLU: (\d+) of 16 units are dead", call(capsys, words).out)
    assert sum(map(int, counts)) >= 8
    page = (here / "dead" / "report.html").read_text()
    assert re.search(rf"Dead units at the end of training: .*ReLU {counts[-1]} of 16\. ", page)


DOORS = ["import handgrad.__main__ as door; door.main()", "runpy.run_path(TRAIN, run_name='__main__')"]


@pytest.mark.parametrize("door", DOORS)
def test_windows_is_refused_in_one_line(door):
    """Where there is no module fcntl, which every command would miss with a traceback."""
    windows = "import runpy, sys; sys.platform = 'win32'; sys.modules['fcntl'] = None; "
    code = f"{windows}TRAIN = {str(Path(__file__).parents[2] / 'train.py')!r}; {door}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    refusal = "error: handgrad runs on Linux and macOS; on Windows, install it inside WSL (wsl --install)\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", refusal)


@pytest.mark.slow
def test_help_of_the_courses_door_from_a_fresh_clone(tmp_path):
    answer = finished([sys.executable, TRAIN_PY, "-h"], cwd=tmp_path)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith("usage: python train.py [--flag value ...]\n")
    assert all(f"{long} " in answer.out for _, long, _ in ROWS)
    assert max(map(len, answer.out.splitlines())) <= 80
    assert list(tmp_path.iterdir()) == []


def asked(capsys, words):
    """The trackers that a command line asks for."""
    out = call(capsys, f"{words} -d digits --dry_run -sz 4 -nhl 1").out
    found = re.search(r"^  track: \[(.*)\]$", out, re.MULTILINE)
    return found[1] if found else ""


@pytest.mark.parametrize(
    ("words", "trackers"),
    [
        ("train", ""),
        ("train.py", "wandb"),
        ("train.py --no_wandb", ""),
        ("train --use_wandb", "wandb"),
        ("train -wp mine", "wandb"),
        ("train -wp mine --no_wandb", ""),
        ("train --track wandb tensorboard", "tensorboard, wandb"),
        ("train.py --track tensorboard", "tensorboard, wandb"),
        ("train --track wandb --no_wandb", ""),
    ],
)
def test_who_follows(here, capsys, words, trackers):
    assert asked(capsys, words) == trackers


WANDB_ENVIRONMENT = {"WANDB_API_KEY": None, "WANDB_MODE": None}


@pytest.mark.slow
@pytest.mark.parametrize("more", ["", "--wandb_mode online"])
def test_wandb_without_a_login_writes_offline(tmp_path, more):
    pytest.importorskip("wandb", reason="wandb is not installed")
    home = {"HOME": str(tmp_path / "home"), "XDG_CACHE_HOME": str(Path("~/.cache").expanduser())}
    (tmp_path / "home").mkdir()
    words = f"train.py {TINY.removeprefix('train')} -wp p -we me --log_every 10 {more} --runs_dir . --name mine"
    answer = process(words, cwd=tmp_path, **WANDB_ENVIRONMENT, **home)
    assert answer.code == 0
    found = re.fullmatch(
        r"handgrad: W&B: offline, in (\S+)\. Send it later with `wandb login` and `wandb sync (\S+)`\n", answer.err
    )
    assert found, answer.err
    assert found[1] == found[2]
    (record,) = (tmp_path / found[1]).glob("*.wandb")
    content = record.read_bytes()
    for part in (
        b"iteration/loss",
        b"validation_accuracy",
        b"confusion_matrix",
        b"final/test_accuracy",
        b"hidden_size",
    ):
        assert part in content
    assert open_run(tmp_path / "mine").metrics["stopped"] == "finished"


def test_without_wandb_one_line_says_what_to_install(here, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    answer = call(capsys, f"train.py {TINY.removeprefix('train')} --runs_dir . --name mine")
    assert answer.code == 0
    assert answer.err == (
        f"handgrad: warning: W&B is not installed, so nothing is sent to it: {how_to_install('wandb')}\n"
    )
    assert open_run(here / "mine").metrics["stopped"] == "finished"


class FakeWandb:
    """W&B as far as it is used here, without a login; what it was told is kept."""

    def __init__(self, login=False, reachable=True):
        self.logged_in, self.reachable, self.modes = login, reachable, []
        self.dir, self.url, self.summary, self.rows = "folder/files", "https://example.org/run", {}, []
        self.config, self.id, self.finished = {}, "mine", False

    def login(self, prompt, verify):
        assert not prompt
        return self.logged_in

    def Settings(self, mode=None, **settings):
        assert settings["init_timeout"] <= 30
        return self

    def init(self, mode, name, **settings):
        self.modes.append(mode)
        self.name = name
        if mode == "online" and not self.reachable:
            raise TimeoutError("no\nanswer")
        self.settings, self.mode = self, mode
        return self

    def log(self, numbers, step=None):
        self.rows.append((step, numbers))

    def plot_table(self, spec, table, fields, strings):
        return {"rows": table["data"], **strings}

    def Table(self, columns, data):
        return {"columns": columns, "data": data}

    def Image(self, array):
        return array

    def Artifact(self, name, type, metadata):
        return self

    def define_metric(self, name, step_metric=None):
        pass

    def add_file(self, path):
        self.model = path

    def log_artifact(self, artifact):
        pass

    def finish(self):
        self.finished = True


@pytest.fixture
def fake(monkeypatch):
    """Put a fake W&B in place, as (logged in, reachable)."""

    def put(**changes):
        module = FakeWandb(**changes)
        monkeypatch.setitem(sys.modules, "wandb", module)
        for name in ("WANDB_MODE", "WANDB_API_KEY"):
            monkeypatch.delenv(name, raising=False)
        return module

    return put


def followed(capsys, more="", name="mine"):
    return call(capsys, f"{TINY} --use_wandb --log_every 10 --runs_dir . --name '{name}' {more}")


@pytest.mark.parametrize(
    ("changes", "mode", "variable", "modes", "says"),
    [
        ({}, "", None, ["offline"], "offline, in folder"),
        ({}, "online", None, ["offline"], "offline, in folder"),
        ({}, "", "online", ["offline"], "offline, in folder"),
        ({"login": True}, "", None, ["online"], "W&B: https://example.org/run"),
        ({"login": True}, "", "offline", ["offline"], "offline, in folder"),
        ({"login": True}, "offline", "online", ["offline"], "offline, in folder"),
        ({"login": True}, "disabled", None, ["disabled"], ""),
        ({"login": True, "reachable": False}, "", None, ["online", "offline"], "cannot be reached (no answer)"),
    ],
)
def test_modes_of_wandb(here, capsys, fake, monkeypatch, changes, mode, variable, modes, says):
    module = fake(**changes)
    if variable:
        monkeypatch.setenv("WANDB_MODE", variable)
    answer = followed(capsys, f"--wandb_mode {mode}" if mode else "")
    assert answer.code == 0
    assert module.modes == modes
    assert says in answer.err
    assert bool(answer.err) == bool(says)


def test_what_wandb_is_told(here, capsys, fake):
    module = fake()
    assert followed(capsys, name="mine: hl 3/4").code == 0
    assert module.name == "mine: hl 3/4"
    run = open_run(here / "mine-hl-3-4")
    history, metrics = run.read_history(), run.metrics
    steps = {step: numbers for step, numbers in module.rows if step and "iteration/loss" in numbers}
    assert sorted(steps) == list(range(10, 83, 10))
    assert all(numbers["iteration/loss"] == history.losses[step - 1] for step, numbers in steps.items())
    assert steps[20]["iteration/gradient_norm"] == history.gradient_norms[20]
    epochs = [numbers for _, numbers in module.rows if "epoch" in numbers]
    assert [epoch["validation_accuracy"] for epoch in epochs] == [e["validation_accuracy"] for e in metrics["epochs"]]
    assert module.summary["final/test_accuracy"] == metrics["test"]["accuracy"]
    logged = module.rows[-1][1]
    recalls = [share / 100 for true, guess, share in logged["confusion_matrix"]["rows"] if true == guess]
    assert recalls == pytest.approx([row[2] for row in logged["classes"]["data"]])
    assert module.model.endswith("model.safetensors")
    assert module.finished


def test_wandb_is_finished_when_the_training_diverges(here, capsys, fake):
    module = fake()
    words = TINY.replace("--learning_rate 0.003", "--learning_rate 1e30")
    assert call(capsys, f"{words} --use_wandb --runs_dir . --name mine").code == 3
    assert module.finished


def test_tensorboard_files(here, capsys):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed"
    )
    answer = call(capsys, f"{TINY} --track tensorboard --log_every 10 --runs_dir . --name mine")
    assert answer.code == 0
    assert answer.err == "handgrad: TensorBoard: look at it with `tensorboard --logdir mine/tensorboard`\n"
    events = accumulator.EventAccumulator(str(here / "mine" / "tensorboard")).Reload()
    metrics = open_run(here / "mine").metrics
    names = set(events.Tags()["tensors"]) | set(events.Tags()["scalars"])
    assert {"iteration/loss", "validation_accuracy", "train_loss", "test/accuracy"} <= names
    steps = [event.step for event in (events.Tensors if events.Tags()["tensors"] else events.Scalars)("train_loss")]
    assert steps == [epoch["step"] for epoch in metrics["epochs"]]


class Broken(Tracker):
    """A tracker that raises on one occasion, and counts its occasions after that."""

    title, on, calls = "Broken", "", 0

    def _raise(self, occasion):
        type(self).calls += 1
        if occasion == self.on:
            raise RuntimeError("server says\nno")

    def open(self, trainer):
        self._raise("open")

    def log_numbers(self, step, numbers):
        self._raise("log")

    def close(self):
        self._raise("end")


@pytest.mark.parametrize("occasion", ["open", "log", "end"])
def test_a_tracker_that_raises_is_switched_off(here, capsys, monkeypatch, occasion):
    broken = type("Broken", (Broken,), {"on": occasion})
    monkeypatch.setitem(TRACKERS, "tensorboard", broken)
    answer = call(capsys, f"{TINY} --track tensorboard --log_every 10 --runs_dir . --name mine")
    assert answer.code == 0
    assert answer.err == "handgrad: warning: Broken is switched off for this run: server says no\n"
    assert broken.calls == {"open": 1, "log": 2}.get(occasion, broken.calls)
    assert "Broken is switched off" in (here / "mine" / "log.txt").read_text() or occasion == "end"
    json.loads((here / "mine" / "metrics.json").read_text())
