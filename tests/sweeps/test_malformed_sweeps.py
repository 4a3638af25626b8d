"""Sweep files as they should not be: each refused in one line that names the file, the key, the value and the fix."""

import pytest

from handgrad.errors import HandgradError
from handgrad.sweeps import read_sweep

P = "method: random\nparameters:\n"
GOOD = P + "  learning_rate: {values: [0.1, 0.01]}\n"

# name: the file's text, and what its refusal says.
MALFORMED = {
    "empty": ("", "is empty"),
    "a list": ("- method: grid\n", "got a list"),
    "not YAML": ("method: [grid\n", "line"),
    "a tab": ("method: grid\nparameters:\n\tlr: {value: 1}\n", "a tab, where YAML wants spaces"),
    "a key twice": (P + "  lr: {value: 1}\n  lr: {value: 2}\n", "key 'lr' stands twice, first in line 3"),
    "an alias in itself": (P + "  lr: &x {values: [*x]}\n", "alias *x stands in what it repeats"),
    "a YAML tag": (P + "  lr: !!python/name:os.system {value: 1}\n", "is not accepted"),
    "no method": ("parameters: {lr: {value: 1}}\n", "method is missing"),
    "no parameters": ("method: grid\n", "parameters is missing"),
    "parameters empty": ("method: grid\nparameters: {}\n", "parameters must be a mapping such as"),
    "parameters a list": ("method: grid\nparameters: [lr]\n", "parameters must be a mapping such as"),
    "unknown method": ("method: bayse\n" + GOOD[15:], "method must be grid, random, design or bayes, got 'bayse'"),
    "custom method": ("method: custom\n" + GOOD[15:], "method must be grid, random, design or bayes, got 'custom'"),
    "unknown key": (GOOD + "paramaters: {}\n", "unknown key 'paramaters': did you mean parameters?"),
    "key of another tool": (GOOD + "count: 5\n", "unknown key 'count': did you mean run_cap?"),
    "parameter at the top": (GOOD + "epochs: 5\n", "unknown key 'epochs': did you mean parameters.epochs?"),
    "several metrics": (GOOD + "metrics: [{name: a}, {name: b}]\n", "several goals at once"),
    "kind of file": (GOOD + "kind: job\n", "kind must be sweep, got 'job'"),
    "space in code": (GOOD + "scheduler: {engine: optuna, source: my.py}\n", "scheduler names Python code"),
    "run_cap zero": (GOOD + "run_cap: 0\n", "run_cap must be a whole number of at least 1, got 0"),
    "run_cap a text": (GOOD + "run_cap: ten\n", "run_cap must be a whole number of at least 1, got 'ten'"),
    "name a list": (GOOD + "name: [a]\n", "name must be a text, got ['a']"),
    "metric a text": (GOOD + "metric: val_acc\n", "metric must be a mapping such as {name: validation_accuracy"),
    "metric without name": (GOOD + "metric: {goal: maximize}\n", "metric.name must be a text, got None"),
    "unknown metric": (GOOD + "metric: {name: val_acuracy}\n", "did you mean validation_accuracy?"),
    "unlogged metric": (GOOD + "metric: {name: reward}\n", "metric.name must be validation_accuracy, "),
    "unknown goal": (GOOD + "metric: {name: val_acc, goal: maxmise}\n", "got 'maxmise'; did you mean maximize?"),
    "goal without target": (GOOD + "metric: {name: val_loss, goal: target}\n", "metric.goal target needs a number"),
    "metric key": (GOOD + "metric: {name: val_acc, gaol: maximize}\n", "'gaol' in metric: did you mean goal?"),
    "target a text": (GOOD + "metric: {name: val_acc, target: high}\n", "metric.target must be a number, got the text"),
    "unknown parameter": (P + "  lerrning_rte: {value: 1}\n", "setting lerrning_rte: did you mean learning_rate?"),
    "ambiguous parameter": (P + "  alpha: {value: 1}\n", "alpha is ambiguous: choose learning_rate or beta"),
    "one parameter by two names": (P + "  lr: {value: 1}\n  eta: {value: 1}\n", "both mean learning_rate"),
    "bare number": (P + "  lr: 0.1\n", "parameters.lr must say how it varies, got 0.1: write {value: 0.1}"),
    "bare list": (P + "  lr: [0.1, 0.2]\n", "got [0.1, 0.2]: write {values: [0.1, 0.2]}"),
    "empty parameter": (P + "  lr: {}\n", "parameters.lr has no values"),
    "value beside values": (P + "  lr: {value: 1, values: [1]}\n", "parameters.lr has value beside values"),
    "values beside min": (P + "  lr: {values: [1], min: 1, max: 2}\n", "parameters.lr has values beside min"),
    "values no list": (P + "  lr: {values: 0.1}\n", "parameters.lr.values must be a list, got 0.1: write [0.1]"),
    "values empty": (P + "  lr: {values: []}\n", "parameters.lr values is empty"),
    "values of values": (P + "  lr: {values: [{value: 1}]}\n", "parameters.lr.values must be plain values"),
    "min without max": (P + "  lr: {min: 0.1}\n", "parameters.lr is uniform and needs min and max: add max"),
    "min above max": (P + "  lr: {min: 0.2, max: 0.1}\n", "min must be below max, got min 0.2 and max 0.1"),
    "bounds as text": (
        P + "  lr: {min: '0.1', max: '0.2'}\n",
        "got the text '0.1': write it without quotes",
    ),
    "bounds as words": (P + "  lr: {min: low, max: high}\n", "parameters.lr.min must be a number, got the text 'low'"),
    "bounds true": (P + "  lr: {min: true, max: 2}\n", "parameters.lr.min must be a number, got True"),
    "bounds infinite": (P + "  lr: {min: 0.1, max: .inf}\n", "parameters.lr.max must be a finite number, got inf"),
    "bounds in a list": (P + "  lr: {min: [0.1], max: 1}\n", "parameters.lr.min must be a number, got [0.1]"),
    "unknown distribution": (
        P + "  lr: {distribution: log_unifrom, min: -3, max: -1}\n",
        "got 'log_unifrom'; did you mean log_uniform?",
    ),
    "key of another distribution": (
        P + "  lr: {distribution: uniform, min: 0.1, max: 0.2, q: 0.1}\n",
        "unknown key 'q' in parameters.lr, a uniform",
    ),
    "a misspelled key": (P + "  lr: {vales: [1]}\n", "'vales' in parameters.lr: did you mean values?"),
    "logarithm of zero": (
        P + "  lr: {distribution: log_uniform_values, min: 0, max: 1}\n",
        "parameters.lr min must be positive on a logarithmic scale, got 0",
    ),
    "exponents too large": (
        P + "  lr: {distribution: log_uniform, min: 1, max: 1000}\n",
        "max is an exponent of e here, got 1000",
    ),
    "step of zero": (
        P + "  lr: {distribution: q_uniform, min: 0.1, max: 1, q: 0}\n",
        "parameters.lr q must be positive, got 0",
    ),
    "probabilities too few": (
        P + "  lr: {values: [1, 2], probabilities: [1]}\n",
        "has 2 values, but 1 probabilities",
    ),
    "probabilities too much": (
        P + "  lr: {values: [1, 2], probabilities: [0.7, 0.7]}\n",
        "parameters.lr probabilities must sum to 1, got 1.4",
    ),
    "probabilities alone": (P + "  lr: {probabilities: [1]}\n", "is categorical and needs values: add values"),
    "a value refused": (P + "  act: {values: [relu, tahn]}\n", "got 'tahn'; did you mean tanh?"),
    "a number out of range": (P + "  dropout: {values: [0.5, 1.5]}\n", "dropout must be in [0, 1), got 1.5"),
    "a range out of range": (
        P + "  dropout: {min: 0.5, max: 1.5}\n",
        "parameters.dropout is uniform, which draws values such as 1.118: dropout must be in [0, 1)",
    ),
    "fractions of a layer": (
        P + "  num_layers: {min: 1.0, max: 4.0}\n",
        "num_layers must be a whole number; whole numbers come from int_uniform",
    ),
    "multiples down to nothing": (
        P + "  batch_size: {distribution: q_uniform, min: 1, max: 64, q: 16}\n",
        "draws values such as 0: batch_size must be 1 to 1000000",
    ),
    "a bell below zero": (
        P + "  lr: {distribution: normal, mu: 0.1, sigma: 0.1}\n",
        "learning_rate must be positive",
    ),
    "a range of names": (P + "  act: {min: 1, max: 3}\n", "activation must be one of"),
    "folders as parameters": (P + "  name: {values: [a, b]}\n", "parameters.name cannot vary"),
    "trackers as parameters": (P + "  wandb_mode: {values: [online, offline]}\n", "parameters.wandb_mode cannot vary"),
    "a grid without end": (
        "method: grid\nparameters:\n  lr: {min: 0.1, max: 0.2}\n",
        "learning_rate has no grid, for uniform has infinitely many values",
    ),
    "a group with more": (P + "  opt: {parameters: {lr: {value: 1}}, value: 2}\n", "unknown key 'value' in parameters"),
    "an empty group": (P + "  opt: {parameters: {}}\n", "parameters.opt.parameters must be a mapping such as"),
    "no stopping type": (GOOD + "early_terminate: {min_iter: 3}\n", "early_terminate.type must be hyperband, got None"),
    "another stopping": (GOOD + "early_terminate: {type: envelope}\n", "early_terminate.type must be hyperband"),
    "stopping without rungs": (GOOD + "early_terminate: {type: hyperband}\n", "needs min_iter, or max_iter and s"),
    "max_iter without s": (GOOD + "early_terminate: {type: hyperband, max_iter: 27}\n", "needs min_iter, or max_iter"),
    "eta of 1": (GOOD + "early_terminate: {type: hyperband, min_iter: 3, eta: 1}\n", "eta must be above 1, got 1"),
    "min_iter of 0": (GOOD + "early_terminate: {type: hyperband, min_iter: 0}\n", "min_iter must be a whole number of"),
    "strict in words": (
        GOOD + "early_terminate: {type: hyperband, min_iter: 3, strict: very}\n",
        "early_terminate.strict must be true or false, got 'very'",
    ),
    "command a text": (GOOD + "command: python train.py\n", "command must be a list of words"),
    "command's value": (GOOD + "command: [train.py, --epochs, none]\n", "command: epochs must be a whole number"),
    "said twice": (GOOD + "command: [train.py, --lr, 0.1]\n", "learning_rate stands among the parameters, and in"),
    "nothing possible": (
        P + "  num_layers: {value: 3}\n  hidden_size: {values: [[64, 32], [32, 16]]}\n",
        "draws from the sweep's parameters is possible; the last: num_layers is 3, but hidden_size lists 2",
    ),
}


def test_there_are_thirty():
    assert len(MALFORMED) >= 30


@pytest.mark.parametrize(("text", "says"), MALFORMED.values(), ids=MALFORMED.keys())
def test_refused_in_one_line(tmp_path, text, says):
    path = tmp_path / "sweep.yaml"
    path.write_text(text)
    with pytest.raises(HandgradError) as caught:
        read_sweep(path)
    message = str(caught.value)
    assert says in message
    assert message.startswith(str(path))
    assert "\n" not in message


def test_the_good_file_is_read(tmp_path):
    path = tmp_path / "sweep.yaml"
    path.write_text(GOOD)
    assert read_sweep(path).size == 2


def test_a_missing_file_and_a_folder(tmp_path):
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(HandgradError, match=f"cannot read {path}"):
            read_sweep(path)


def test_a_mapping_is_refused_in_the_same_words():
    with pytest.raises(HandgradError, match=r"^sweep: parameters\.lr must say how it varies"):
        read_sweep({"method": "random", "parameters": {"lr": 0.1}})
