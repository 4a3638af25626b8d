"""What an analysis makes of a sweep's trials: planted effects are found, nothing is found where there is nothing."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sweeps.planted import SPACE, additive, planted, sweep_over, trial

from handgrad.sweeps import Metric
from handgrad.sweeps.analysis.analyse import analyse
from handgrad.sweeps.analysis.leaderboard import Measurements, configurations, leaderboard
from handgrad.sweeps.analysis.result import Range
from handgrad.sweeps.space import LogUniformValues, Uniform
from handgrad.sweeps.store import FAILED, LOST, RUNNING, STOPPED

EFFECTS = {
    "optimizer": {"sgd": -0.08, "momentum": -0.03},
    "activation": {"sigmoid": -0.05},
    "epochs": {10: 0.012},
    "batch_size": {16: 0.01, 64: -0.01},
}
TRUTH = additive(EFFECTS, floor={("weight_decay", 0.5): 0.1})


@pytest.fixture(scope="module")
def found():
    sweep = sweep_over()
    return analyse(sweep, planted(sweep, TRUTH, 120, noise=0.005))


def words(analysis, clear=True):
    return [observation.words for observation in analysis.observations if observation.clear == clear]


def effect(analysis, name, value):
    return next(e for e in analysis.effects if e.name == name and e.value == value and not e.where)


def test_the_degenerate_level_is_found_first(found):
    assert found.degenerate_levels == (("weight_decay", 0.5),)
    degenerate = effect(found, "weight_decay", 0.5)
    assert degenerate.degenerate
    assert degenerate.clear
    first = words(found)[0]
    assert first.startswith("Weight decay 0.5 costs 70.")
    assert "none of the 39 configurations with it exceeds 1" in first
    assert "without weight decay 0.5" in found.notes[0]


def test_planted_effects_are_found_beside_it(found):
    for name, value, size in (("optimizer", "sgd", -0.08), ("optimizer", "momentum", -0.03)):
        planted_effect = effect(found, name, value)
        assert planted_effect.clear
        assert planted_effect.difference.low < size < planted_effect.difference.high
    assert not effect(found, "activation", "tanh").clear
    assert any(text.startswith("Each doubling of the batch size between 16 and 64 costs 1.0") for text in words(found))
    assert any(text.startswith("10 epochs gain 1.") for text in words(found))
    assert any("tanh and relu cannot be distinguished" in text for text in words(found, clear=False))


def test_importance_with_and_without_the_degenerate_level(found):
    # Over the whole space 0.99 of the variance is weight decay's; without it 0.63 is the optimizer's, by enumeration.
    whole, restricted = found.importances[0], found.restricted_importances[0]
    assert (whole.name, restricted.name) == ("weight_decay", "optimizer")
    assert whole.share.low < 0.99 < whole.share.high
    assert restricted.share.low < 0.627 < restricted.share.high
    assert whole.share.high - whole.share.low < 0.05


def test_failures_are_what_guesses(found):
    assert len(found.failures) == 39
    assert "no more than guessing among 10" in found.failures[0].why
    group = found.failure_groups[0]
    assert group[:4] == ("weight_decay", 0.5, 39, 39)
    assert (group.failed_others, group.others) == (0, 81)
    assert any(text.startswith("All 39 configurations with weight decay 0.5") for text in words(found))


def test_the_recommendation_is_sober(found):
    chosen = found.recommendation
    assert chosen.values["weight_decay"] != 0.5
    assert TRUTH(chosen.values) > 0.86
    assert chosen.predicted.mean < found.best.objective.mean
    assert chosen.predicted.low < TRUTH(chosen.values) < chosen.predicted.high
    assert chosen.command.startswith("handgrad train --dataset digits")
    assert any("number of epochs, 10, is at the upper end" in sentence for sentence in chosen.open)
    assert not any("weight decay" in sentence for sentence in chosen.open)


@pytest.mark.slow
def test_interaction_is_said():
    sweep = sweep_over()

    def truth(values):
        return max(0.1, TRUTH(values) - 0.1 * (values["optimizer"] == "sgd" and values["epochs"] == 5))

    together = [e for e in analyse(sweep, planted(sweep, truth, 150, noise=0.005)).effects if e.where]
    assert [(e.name, e.value, e.where) for e in together] == [("optimizer", "sgd", (("epochs", 5),))]
    assert together[0].difference.low < -0.1 < together[0].difference.high


@pytest.mark.slow
def test_a_biased_search_does_not_bias_effects():
    """Where momentum was mostly tried with sigmoid, its raw mean is lower than sgd's; adjusted, it is higher."""
    sweep, rng = sweep_over(), np.random.default_rng(0)
    trials, numbers = [], iter(range(1000))
    for values in sweep.definition.configurations():
        bad = values["activation"] == "sigmoid"
        share = {"momentum": 0.9 if bad else 0.1, "sgd": 0.1 if bad else 0.9}.get(values["optimizer"], 0.2)
        if values["weight_decay"] != 0.5 and rng.random() < share:
            objective = 0.8 - 0.1 * bad + 0.05 * (values["optimizer"] == "momentum") + 0.02 * rng.standard_normal()
            trials.append(trial(next(numbers), values, float(objective)))
    raw = {
        name: np.mean([t.objective for t in trials if t.values["optimizer"] == name]) for name in ("sgd", "momentum")
    }
    assert raw["sgd"] > raw["momentum"]
    analysis = analyse(sweep, trials)
    sgd, momentum = (next((e.difference.mean for e in analysis.effects if e.value == name), 0.0) for name in raw)
    assert momentum - sgd == pytest.approx(0.05, abs=0.02)


EMPTY = {
    "none": [],
    "running": [trial(0, dict(zip(SPACE, (v[0] for v in SPACE.values()), strict=True)), None, state=RUNNING)],
}


@pytest.mark.parametrize("trials", EMPTY.values(), ids=EMPTY.keys())
def test_nothing_yet(trials):
    analysis = analyse(sweep_over(), trials)
    assert (analysis.entries, analysis.best, analysis.worst, analysis.recommendation) == ((), None, None, None)
    assert analysis.notes == ("No trial has an objective yet.",)


def test_all_failed():
    sweep = sweep_over()
    trials = [dataclasses.replace(t, state=FAILED, objective=None, why="diverged") for t in planted(sweep, TRUTH, 5)]
    analysis = analyse(sweep, trials)
    assert analysis.states == {FAILED: 5}
    assert [failure.why for failure in analysis.failures] == ["diverged"] * 5
    assert analysis.recommendation is None
    assert analysis.timeline is None


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_few_trials_say_that_they_are_few(count):
    sweep = sweep_over()
    analysis = analyse(sweep, planted(sweep, additive({}), count))
    assert len(analysis.entries) == count
    assert analysis.importances == ()
    assert not [observation for observation in analysis.observations if observation.clear]
    assert any("Too few configurations for importances" in note for note in analysis.notes)
    assert analysis.recommendation.trial is not None


@pytest.mark.slow
def test_a_lost_and_a_stopped_trial_are_told():
    sweep = sweep_over()
    trials = planted(sweep, additive({}), 6)
    trials[0] = dataclasses.replace(trials[0], state=LOST, objective=None, why="killed")
    trials[1] = dataclasses.replace(trials[1], state=STOPPED)
    notes = analyse(sweep, trials).notes
    assert any(note.startswith("1 trials were stopped early") for note in notes)
    assert any(note.startswith("1 trials have no objective") for note in notes)


@pytest.mark.slow
@settings(max_examples=3, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(12, 17))
def test_the_order_of_trials_and_the_names_of_seeds_change_nothing(random, count):
    sweep = sweep_over(seeds=2)
    trials = planted(sweep, TRUTH, count, seeds=2)
    shuffled = random.sample(trials, len(trials))
    analysis = analyse(sweep, trials)
    assert analyse(sweep, shuffled) == analysis
    assert analyse(sweep, [dataclasses.replace(t, seed=t.seed + 100) for t in trials]).effects == analysis.effects


@pytest.mark.slow
def test_a_loss_is_the_mirror_of_an_accuracy():
    """What a loss of 1 - accuracy gains is what the accuracy gains, in its own unit."""
    accuracy, loss = sweep_over(), sweep_over(metric=Metric("validation_loss", "minimize"))
    trials = planted(accuracy, TRUTH, 100, noise=0.005)
    mirrored = [dataclasses.replace(t, objective=1 - t.objective) for t in trials]
    one, other = analyse(accuracy, trials), analyse(loss, mirrored)
    assert [e.trials[0].number for e in one.entries] == [e.trials[0].number for e in other.entries]
    for first, second in zip(one.effects, other.effects, strict=True):
        assert second.difference.mean == pytest.approx(-first.difference.mean, abs=1e-9)
        assert second.p == pytest.approx(first.p, rel=1e-6, abs=1e-12)
    assert not any("points" in text or "%" in text for text in words(other))
    assert other.entries[0].over == "nothing"
    assert math.isnan(other.entries[0].objective.low)


@pytest.mark.slow
def test_a_target_is_come_near_to():
    sweep = sweep_over(metric=Metric("validation_accuracy", "target", 0.8))
    analysis = analyse(sweep, planted(sweep, TRUTH, 60, noise=0.002))
    distances = [entry.objective.mean for entry in analysis.entries]
    assert distances == sorted(distances)
    assert distances[0] == pytest.approx(0, abs=0.01)
    assert abs(analysis.entries[0].trials[0].objective - 0.8) == pytest.approx(distances[0])


@pytest.mark.slow
def test_numbers_without_end_and_lists_as_values():
    space = {
        "learning_rate": LogUniformValues(1e-4, 1.0),
        "dropout": Uniform(0.0, 0.5),
        "hidden_size": ((64, 32), (128,), (32,)),
        "batch_norm": (True, False),
    }
    sweep = sweep_over(space)

    def truth(values):
        hump = 0.03 * abs(math.log10(values["learning_rate"]) + 2)
        return 0.8 - hump - 0.1 * values["dropout"] + 0.03 * values["batch_norm"]

    analysis = analyse(sweep, planted(sweep, truth, 90, noise=0.008))
    said = words(analysis)
    slope = next(e for e in analysis.effects if e.name == "dropout" and e.per == "0.1")
    assert slope.clear
    assert slope.difference.low < -0.01 < slope.difference.high
    assert any(text.startswith(("Batch norm gains", "No batch norm costs")) for text in said)
    middle = next(e for e in analysis.effects if e.name == "learning_rate" and e.clear)
    ranges = sorted({e.value for e in analysis.effects if isinstance(e.value, Range) and e.name == "learning_rate"})
    assert middle.difference.low > 0
    assert ranges[0] == (pytest.approx(1e-4), pytest.approx(10 ** (-4 + 4 / 3)))
    assert any("[64, 32]" in text for text in words(analysis, clear=False))
    assert 1e-3 < analysis.recommendation.values["learning_rate"] < 0.1


def test_a_single_parameter():
    sweep = sweep_over({"activation": ("relu", "tanh", "sigmoid")}, seeds=5)
    trials = planted(sweep, additive({"activation": {"sigmoid": -0.3}}), 3, noise=0.004, seeds=5)
    analysis = analyse(sweep, trials)
    assert [entry.rank for entry in analysis.entries] == [1, 2, 3]
    assert [entry.over for entry in analysis.entries] == ["seeds"] * 3
    assert [entry.tied for entry in analysis.entries] == [True, True, False]


@pytest.mark.slow
def test_the_truly_best_one_is_tied():
    """One of 40 is better by a hair: by chance it is seldom the first, and nearly always among the tied."""
    sweep, tied, first = sweep_over(), 0, 0
    for seed in range(40):
        trials = planted(sweep, additive({}, base=0.8), 40, noise=math.sqrt(0.16 / 144), seed=seed)
        trials[7] = dataclasses.replace(trials[7], objective=trials[7].objective + 0.001)
        entries = board(sweep, trials)
        tied += next(entry.tied for entry in entries if entry.trials[0].number == 7)
        first += entries[0].trials[0].number == 7
    assert tied >= 37
    assert first <= 10


def board(sweep, trials):
    return leaderboard(sweep, configurations(sweep, trials), Measurements(sweep))


def test_the_timeline_by_hand():
    sweep = sweep_over()
    values = [t.values for t in planted(sweep, TRUTH, 4)]
    # One every minute, 0.1 more each time: 6 an hour, without scatter.
    trials = [trial(i, each, 0.1 * (i + 1)) for i, each in enumerate(values)]
    course = analyse(sweep, trials).timeline
    assert course.slope.mean == pytest.approx(6)
    assert course.intercept == pytest.approx(0.1)
    assert course.points[2] == (120.0, pytest.approx(0.3), 2)
    assert [best for _, best in course.running_best] == pytest.approx([0.1, 0.2, 0.3, 0.4])


@pytest.mark.slow
def test_a_model_that_the_best_result_refutes_chooses_nothing():
    """Either above 0.9 or near guessing, by a combination of settings: a smooth model predicts the middle for all."""
    generator = np.random.default_rng(3)
    sweep = sweep_over()

    def learns(values):
        return values["optimizer"] == "adam" and values["activation"] != "sigmoid" and values["weight_decay"] != 0.5

    trials = planted(sweep, lambda values: 0.95 if learns(values) else 0.1 + 0.02 * generator.random(), 36)
    chosen = analyse(sweep, trials).recommendation
    best = max(trials, key=lambda each: each.objective)
    assert abs(chosen.predicted.mean - best.objective) < 0.1
    assert learns(chosen.values)
