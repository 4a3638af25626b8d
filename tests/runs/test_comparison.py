"""Runs side by side, on real short trainings."""

import json
import shlex

import numpy as np
import pytest
from scipy import stats

from handgrad.cli.flags import parse
from handgrad.config import RunConfig
from handgrad.data import load, split
from handgrad.errors import CorruptDataError, UsageError
from handgrad.evaluation import mcnemar, wilson
from handgrad.runs import execute, open_run
from handgrad.runs.comparison import Setup, compare, differing, missing_runs, setup_of
from handgrad.runs.predictions import agreeing, predictions_of


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Runs of a blink: two seeds with Adam, two with SGD at another rate, one with Adam at that rate."""
    folder = tmp_path_factory.mktemp("runs")
    settings = {"dataset": "digits", "num_layers": 1, "hidden_size": 8, "epochs": 1, "batch_norm": False, "dropout": 0}
    changes = {
        "adam": {"learning_rate": 0.003},
        "adam1": {"learning_rate": 0.003, "seed": 1, "log_every": 7},
        "sgd": {"optimizer": "sgd", "learning_rate": 0.5},
        "sgd1": {"optimizer": "sgd", "learning_rate": 0.5, "seed": 1},
        "fast": {"learning_rate": 0.5},
    }
    for name, each in changes.items():
        execute(RunConfig(**settings, **each, runs_dir=str(folder), name=name))
    return lambda *names: [open_run(folder / name) for name in names]


def parsed(command):
    """The configuration that a command would train; the words go through the command line's own parser."""
    program, train, *words = shlex.split(command)
    assert (program, train) == ("handgrad", "train")
    return parse(words)


@pytest.mark.parametrize("part", ["test", "validation", "train"])
def test_predictions_of_a_run(runs, part):
    """The accuracy that the run wrote down itself when it ended."""
    (run,) = runs("adam")
    assert predictions_of(run, part).right.mean() == run.metrics[part]["accuracy"]


def test_predictions_on_other_data(runs):
    (run,) = runs("adam")
    digits = load("digits")
    rows = split(digits, 0.1, seed=0).validation_rows
    said = predictions_of(run, "validation", digits)
    np.testing.assert_array_equal(said.labels, digits.y_train[rows])


def test_a_part_that_is_not_there(runs, start):
    run = start(validation_fraction=0, epochs=1)
    with pytest.raises(UsageError, match=r"digits has no validation images for .*choose another part"):
        predictions_of(run, "validation")
    with pytest.raises(UsageError, match="part must be one of test, validation, train"):
        predictions_of(run, "tets")


def test_data_that_have_changed_are_warned_of(start, caplog):
    run = start(epochs=1)
    caplog.clear()
    predictions_of(run)
    assert caplog.messages == []
    run.write_json(run.facts_file, run.facts | {"data": "other"})
    predictions_of(run)
    predictions_of(run, "test", load("digits"))
    assert caplog.messages == [f"{run.path}: the data set digits has changed since the run was started"]


def test_runs_that_agree(runs):
    one, other = agreeing(runs("adam", "sgd1"))
    np.testing.assert_array_equal(one.labels, other.labels)


def test_runs_that_do_not_agree(runs):
    with pytest.raises(UsageError, match=r"adam is given twice"):
        agreeing(runs("adam", "adam"))
    with pytest.raises(UsageError, match=r"the validation images of .*adam1 are not those of .*adam:"):
        agreeing(runs("adam", "adam1"), "validation")


def test_replicates(runs):
    result = compare(runs("adam", "adam1"))
    (configuration,) = result.configurations
    assert (result.pairs, result.settings, configuration.seeds) == ((), {}, 2)
    values = [member.run.metrics["test"]["accuracy"] for member in configuration.members]
    interval = np.clip(stats.t.interval(0.95, 1, loc=np.mean(values), scale=stats.sem(values)), 0, 1)
    assert configuration.accuracy[:3] == pytest.approx((np.mean(values), *interval))


def test_a_controlled_comparison(runs):
    """One run each: the images tell, by McNemar's test."""
    result = compare(runs("adam", "fast"))
    (pair,) = result.pairs
    assert pair.verdict == "controlled: only learning_rate differs"
    assert pair.differing == {"learning_rate": (0.003, 0.5)}
    assert result.settings == {"learning_rate": [0.003, 0.5]}
    assert pair.missing == ()
    first, second = (predictions_of(run).right for run in runs("adam", "fast"))
    assert pair.test == mcnemar(first, second)
    assert (pair.over, pair.difference) == ("images", pair.test.difference)
    assert pair.first.accuracy == wilson(int(first.sum()), len(first))


def test_seeds_against_seeds(runs):
    (pair,) = compare(runs("adam", "adam1", "sgd", "sgd1")).pairs
    values = [
        [run.metrics["test"]["accuracy"] for run in runs(*names)] for names in (("adam", "adam1"), ("sgd", "sgd1"))
    ]
    expected = stats.ttest_rel(*values).confidence_interval()
    assert (pair.over, pair.how) == ("seeds", "paired over 2 seeds")
    assert pair.test is None
    assert pair.difference[:3] == pytest.approx((np.mean(values[0]) - np.mean(values[1]), expected.low, expected.high))
    assert {parsed(each.command).options["seeds"] for each in pair.missing} == {2}


def test_one_seed_against_several(runs):
    (pair,) = compare(runs("adam", "adam1", "fast")).pairs
    assert (pair.over, pair.test) == ("", None)
    assert pair.how == "unpaired: 2 seeds against 1; add some with --seeds"


def test_a_confounded_comparison(runs):
    """Two settings differ; each missing run has one of them, and makes both comparisons controlled."""
    adam, sgd = runs("adam", "sgd")
    (pair,) = compare([adam, sgd]).pairs
    assert pair.verdict == "confounded: optimizer and learning_rate differ"
    assert [each.setting for each in pair.missing] == ["optimizer", "learning_rate"]
    for each in pair.missing:
        config = parsed(each.command).config
        for end in (adam, sgd):
            assert len(differing(setup_of(end), setup_of(end)._replace(config=config))) == 1
        assert config.replaced(name="adam") == adam.config.replaced(**{each.setting: getattr(sgd.config, each.setting)})


def test_a_run_that_is_there_is_not_missing(runs):
    """`fast` is Adam at the rate of SGD: the other one is still missing, and only the confounded pair names it."""
    pairs = compare(runs("adam", "sgd", "fast")).pairs
    assert [pair.verdict.split(":")[0] for pair in pairs] == ["confounded", "controlled", "controlled"]
    assert [[each.setting for each in pair.missing] for pair in pairs] == [["optimizer"], [], []]
    holm = sorted(pair.adjusted for pair in pairs)
    assert holm[0] == pytest.approx(min(1, 3 * min(pair.test.p for pair in pairs)))


@pytest.mark.slow
def test_a_comparison_becomes_json(runs):
    for names in (("adam", "adam1", "sgd", "fast"), ("adam", "fast"), ("adam", "adam1")):
        result = compare(runs(*names))
        read = json.loads(json.dumps(result.to_mapping(), allow_nan=False))
        assert sum(len(each["runs"]) for each in read["configurations"]) == len(names)
        assert [pair["verdict"] for pair in read["pairs"]] == [pair.verdict for pair in result.pairs]


def test_what_cannot_be_compared(runs, start):
    with pytest.raises(UsageError, match="two runs or more"):
        compare(runs("adam"))
    with pytest.raises(UsageError, match="given twice"):
        compare(runs("adam", "adam"))
    run = start(epochs=1)
    run.model_file.write_bytes(b"")
    with pytest.raises(CorruptDataError):
        compare([*runs("adam"), run])


def test_other_data_sets_are_compared_without_a_test(runs, start, tmp_path):
    digits = load("digits")
    np.savez(tmp_path / "other.npz", x_train=digits.x_train, y_train=digits.y_train % 2, x_test=digits.x_test[:50],
             y_test=digits.y_test[:50] % 2)  # fmt: skip
    (pair,) = compare([*runs("adam"), start(dataset=str(tmp_path / "other.npz"), epochs=1)]).pairs
    assert "dataset" in pair.differing
    assert (pair.test, pair.over) == (None, "")
    assert pair.how == "unpaired: dataset and batch_size differ"


CONFIG = RunConfig(dataset="digits")


def test_data_and_first_weights_are_part_of_a_setup():
    one, other = Setup(CONFIG, "abcdefghij"), Setup(CONFIG, "0123456789", "my weights.npz")
    assert differing(one, other) == {"data": ("abcdefgh", "01234567"), "model_path": (None, "my weights.npz")}
    (missing,) = missing_runs(one, other, [one, other])
    assert missing.setting == "model_path"
    assert parsed(missing.command).options["model_path"] == "my weights.npz"


def test_one_data_set_by_two_names():
    one, other = Setup(CONFIG.replaced(dataset="a.npz"), "same"), Setup(CONFIG.replaced(dataset="b.npz"), "same")
    assert differing(one, other) == {}
    assert set(differing(one, other._replace(data="other"))) == {"dataset"}


def test_settings_that_cannot_be_changed_alone_are_left_out():
    """A convolutional network has no dropout setting to change."""
    one, other = Setup(CONFIG.replaced(model="cnn")), Setup(CONFIG.replaced(dropout=0.1, l1=0.5))
    found = missing_runs(one, other, [one, other])
    assert [each.setting for each in found] == ["model", "l1"]
    assert parsed(found[0].command).config.dropout == 0.1
