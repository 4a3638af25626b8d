"""Diagnostics of sweeps: each one by a file that has the fault, and none of them in a good one."""

import functools

import pytest

from handgrad.config import RunConfig
from handgrad.strict_yaml import load_mapping
from handgrad.sweeps import read_sweep
from handgrad.sweeps.diagnostics import CHECKS, DiagnosedSweep, Plan, diagnose_sweep
from handgrad.sweeps.programs.program import Program
from handgrad.sweeps.timing import Estimate

GOOD = """
method: random
run_cap: 20
metric: {name: validation_accuracy, goal: maximize}
early_terminate: {type: hyperband, min_iter: 2}
parameters:
  learning_rate: {distribution: log_uniform_values, min: 0.0001, max: 0.1}
  epochs: {value: 10}
  dropout: {min: 0.0, max: 0.5}
  activation: {values: [relu, tanh], probabilities: [0.7, 0.3]}
  weight_decay: {values: [0, 0.0005]}
"""


class Case:
    """What is changed in the good file, and the diagnostic that follows: its severity, and words of what and fix."""

    def __init__(self, severity, what, fix, plan=None, estimate=None, base=None, program=None, **changes):
        self.expected, self.program = (severity, what, fix), program
        self.plan, self.estimate, self.base, self.changes = plan or Plan(), estimate, base or RunConfig(), changes

    def definition(self):
        content = load_mapping(GOOD)
        for key, value in self.changes.items():
            content[key] = {**content[key], **value} if key in ("parameters", "metric") else value
        return read_sweep(content, self.base, program=self.program)

    def examination(self):
        return DiagnosedSweep(self.definition(), self.base, self.plan, self.estimate)

    @functools.cache  # noqa: B019 -- the cases live as long as their module
    def diagnostics(self):
        return diagnose_sweep(self.definition(), self.base, self.plan, self.estimate)


SECOND = Estimate(1.0, 0.5, 2.0, 8)
LR = "learning_rate"

CASES = {
    "size": Case("note", "the space has no end; 20 of them to be tried", ""),
    "hours": Case("note", "a trial takes about 1 s (0.5 to 2): 20 s in all (10 s to 40 s)", "", estimate=SECOND),
    "hours, seeds and jobs": Case(
        *("note", "each with 3 seeds", ""), plan=Plan(trials=12, seeds=3, jobs=2), estimate=SECOND
    ),
    "no end": Case("note", "nothing says when to stop", "Give --trials N or --hours H", run_cap=None),
    "too long for a day": Case(
        *("warning", "28 h 0 min in all", "Try fewer: --trials 86400"), Plan(trials=100_800), SECOND, run_cap=None
    ),
    "a grid too long for the night": Case(
        *("warning", "--hours 1 ends it after about 3,600 trials", "method: bayes or random, with --trials 3600"),
        Plan(hours=1),
        Estimate(1.0, 0.9, 1.1, 8),
        method="grid",
        run_cap=None,
        parameters={LR: {"value": 0.1}, "dropout": {"values": [0.1, 0.2]}, "seed": {"min": 1, "max": 2000}},
    ),
    "an accuracy minimized": Case(
        *("error", "no goal is given): the worst networks would win", "Write goal: maximize"),
        metric={"goal": "minimize"},
    ),
    "a loss maximized": Case(
        "error", "validation_loss is to be maximized", "goal: minimize", metric={"name": "val_loss"}
    ),
    "tuned on test": Case(
        *("error", "test_accuracy decides", "Write name: validation_accuracy"), metric={"name": "test_acc"}
    ),
    "tuned on a fold of the test set": Case(
        *("error", "fold test/5 validates on test images: validation_accuracy would choose", "Leave out fold"),
        base=RunConfig(fold="test/5"),
    ),
    "tuned on one of several folds": Case(
        *("error", "fold test/4 validates on test images", "hold out folds of the training images"),
        parameters={LR: {"values": [0.1, 0.2]}, "fold": {"values": ["1/4", "test/4"]}},
    ),
    "tuned on training": Case(
        *("warning", "train_accuracy decides: the network that memorises", "Write name: validation_accuracy"),
        metric={"name": "train_acc"},
    ),
    "never logged": Case(
        *("error", "validation_accuracy is never logged where validation_fraction is 0", "validation_fraction 0.1"),
        base=RunConfig(validation_fraction=0),
    ),
    "never logged in some runs": Case(
        "error", "is never logged", "Hold something out", parameters={"val_split": {"values": [0, 0.1]}}
    ),
    "a target in per cent": Case("error", "target 90 is out of reach", "Write target: 0.9", metric={"target": 90}),
    "a single value": Case(
        *("warning", "every parameter has a single value", "List several values"),
        parameters={name: {"value": 0.1} for name in (LR, "dropout", "weight_decay")}
        | {"activation": {"value": "relu"}},
    ),
    "linear learning rate": Case(
        *(
            "warning",
            "learning_rate is drawn evenly from 0.001 to 0.1: 91% of the draws exceed 0.01",
            "log_uniform_values",
        ),
        parameters={LR: {"min": 0.001, "max": 0.1}},
    ),
    "linear weight decay from zero": Case(
        *("warning", "weight_decay is drawn evenly from 0 to 0.01", "with a min above 0"),
        parameters={"weight_decay": {"min": 0.0, "max": 0.01}},
    ),
    "exponents for values": Case(
        *(
            "error",
            "min 0.0001 and max 0.1 are exponents of e, so that it lies between 1 and 1.105",
            "log_uniform_values",
        ),
        parameters={LR: {"distribution": "log_uniform", "min": 0.0001, "max": 0.1}},
    ),
    "deadly weight decay": Case(
        *("warning", "weight_decay 0.5 outweighs the loss", "Stay below 0.01"),
        parameters={"weight_decay": {"values": [0, 0.5]}},
    ),
    "momentum with adam": Case(
        "warning",
        "momentum has no effect: not with optimizer adam",
        "Leave it out",
        parameters={"momentum": {"values": [0.5, 0.9]}},
    ),
    "momentum with some": Case(
        *(
            "warning",
            "momentum has no effect with optimizer adam or sgd: those runs repeat",
            "Sweep it apart from those",
        ),
        parameters={"momentum": {"values": [0.5, 0.9]}, "optimizer": {"values": ["nag", "adam", "sgd"]}},
    ),
    "steps of no schedule": Case(
        *("warning", "schedule_steps has no effect: not with schedule one_cycle", "Leave it out"),
        parameters={"schedule_steps": {"values": [100, 200]}},
    ),
    "deviation of no start": Case(
        *("warning", "init_scale has no effect: not with weight_init he", "Leave it out"),
        parameters={"init_scale": {"min": 0.01, "max": 0.1}},
    ),
    "smoothing of no loss": Case(
        *("warning", "label_smoothing has no effect: not with loss mean_squared_error", "Leave it out"),
        parameters={"label_smoothing": {"min": 0.0, "max": 0.1}, "loss": {"value": "mse"}},
    ),
    "sizes of no layers": Case(
        *("warning", "hidden_size has no effect with num_layers 0", "Sweep it apart from that"),
        parameters={"hidden_size": {"values": [32, 64]}, "num_layers": {"values": [0, 1]}},
    ),
    "what is merely written": Case(
        *("warning", "log_every changes nothing of a training", "Leave it out"),
        parameters={"log_every": {"values": [10, 100]}},
    ),
    "impossible combinations": Case(
        *("warning", "of the configurations are impossible and are left out", "hidden_size lists 2"),
        parameters={"hidden_size": {"values": [32, [64, 32]]}, "num_layers": {"values": [1, 2]}},
    ),
    "a seed to be tuned": Case(
        *("warning", "seed varies as a parameter", "--seeds 3"), parameters={"seed": {"min": 1, "max": 5}}
    ),
    "nothing to watch": Case(
        *("error", "model svm is fitted in one go", "Sweep over networks"),
        parameters={"model": {"values": ["mlp", "svm"]}},
    ),
    "probabilities of no use": Case(
        "note", "probabilities of activation count with method random only", "with method bayes", method="bayes"
    ),
    "rungs beyond every run": Case(
        *("warning", "early_terminate stops nothing: its first rung is epoch 27", "Write min_iter: 1"),
        early_terminate={"type": "hyperband", "min_iter": 27},
    ),
    "rungs of one epoch": Case(
        *("warning", "no run goes beyond 1", "Leave early_terminate out"), parameters={"epochs": {"value": 1}}
    ),
    "a rung too far": Case(
        *("warning", "no run of 10 epochs is stopped at epoch 27", "Write max_iter: 10"),
        early_terminate={"type": "hyperband", "max_iter": 81, "s": 4},
    ),
    "runs too short for rungs": Case(
        "note",
        "runs of 2 epochs are never stopped: the first rung is epoch 2",
        "",
        parameters={"epochs": {"values": [2, 10]}},
    ),
    "more trials than configurations": Case(
        *("note", "--trials 50 is more than the 4 configurations; none is run twice", "For replicates give --seeds N"),
        Plan(trials=50),
        parameters={LR: {"value": 0.1}, "dropout": {"value": 0}},
    ),
    "a value twice": Case(
        *("note", "'ReLU' is 'relu' once more", "Leave it out"),
        parameters={"activation": {"values": ["relu", "ReLU", "tanh"]}},
    ),
    "a program that does not get its seed": Case(  # the last one: most checks are of handgrad's own runs
        *("warning", "the program does not get its seed", "add seed: {value: 0}"),
        Plan(seeds=3),
        program=Program("train.py"),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_finding(case):
    severity, what, fix = case.expected
    texts = [f"{diagnostic.severity}|{diagnostic.what}|{diagnostic.fix}" for diagnostic in case.diagnostics()]
    assert any(t.startswith(severity) and what in t.split("|")[1] and fix in t.split("|")[2] for t in texts), texts


def test_nothing_is_said_against_a_good_file():
    diagnostics = Case("", "", "", estimate=SECOND).diagnostics()
    assert [diagnostic.severity for diagnostic in diagnostics] == ["note", "note"]


@pytest.mark.slow
def test_every_check_finds_something_somewhere():
    silent = set(CHECKS)
    for case in CASES.values():
        examination = case.examination()
        silent -= {check for check in silent if list(check(examination))}
    assert silent == set()


def test_the_worst_stands_first():
    severities = [diagnostic.severity for diagnostic in CASES["an accuracy minimized"].diagnostics()]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)


def test_every_error_and_warning_has_a_fix():
    for case in CASES.values():
        assert all(diagnostic.fix for diagnostic in case.diagnostics() if diagnostic.severity != "note")


def test_the_course_s_sweep_has_no_error_and_one_warning():
    diagnostics = diagnose_sweep(read_sweep("da6401"), RunConfig(), Plan(trials=200))
    assert [each.what.split()[0] for each in diagnostics if each.severity != "note"] == ["weight_decay"]
