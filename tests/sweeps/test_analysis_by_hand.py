"""The analysis of a sweep where it can be worked out by hand: what makes intervals and p-values as wide as they are."""

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.sweeps.planted import additive, planted, sweep_over, trial
from tests.sweeps.worlds import MeasuredOn

from handgrad.evaluation import Interval, student, wilson
from handgrad.sweeps import Metric
from handgrad.sweeps.analysis.analyse import fit_surrogate, interval_of_best
from handgrad.sweeps.analysis.effects import effects, pairs, restrict
from handgrad.sweeps.analysis.leaderboard import configurations, failure_groups, leaderboard
from handgrad.sweeps.analysis.model import estimate, factors
from handgrad.sweeps.analysis.result import IMAGES, SEEDS, Entry, Failure
from handgrad.sweeps.space import Uniform

T = {1: 12.7062, 2: 4.3027, 3: 3.1824, 10: 2.2281}  # two-sided 95 %, as printed in every table


@pytest.mark.parametrize("freedom", T)
def test_students_quantile(freedom):
    assert student(freedom) == pytest.approx(T[freedom], abs=1e-4)


def test_an_effects_interval():
    # 1 with variance 4: 1 -+ 3.1824 * 2, and P(|T| > 1 / 2) = 0.6514 with 3 degrees of freedom
    found = estimate(1.0, 4.0, 3)
    assert found.difference[:3] == pytest.approx((1, -5.3649, 7.3649), abs=1e-4)
    assert found.p == pytest.approx(0.6514, abs=1e-4)


def seen(sweep, trials):
    ranked = configurations(sweep, trials)
    return ranked, restrict(factors(sweep.definition, [each.values for each in ranked]), ranked, 1)


def test_seeds_of_one_configuration():
    # 0.80, 0.82, 0.84: s = 0.02, and 4.3027 * 0.02 / sqrt(3) = 0.04968
    sweep = sweep_over({"epochs": (5, 10)}, seeds=3)
    trials = [trial(i, {"epochs": 5}, 0.80 + 0.02 * i, seed=i, replicate=i) for i in range(3)]
    (entry,) = leaderboard(sweep, configurations(sweep, trials), MeasuredOn(0))
    assert entry.objective[1:3] == pytest.approx((0.82 - 0.04968, 0.82 + 0.04968), abs=1e-5)


def test_tied_with_the_best_of_many():
    """Of two the 95 % point is 1.645 deviations of a difference, of 21 it is that of 1 - 0.05 / 20: 2.807."""
    sweep = sweep_over({"dropout": Uniform(0.0, 1.0)}, metric=Metric("validation_loss", "minimize"))
    gaps, noise = [0.0, 2.7, 2.9], 0.01
    losses = [1 + gap * noise * math.sqrt(2) for gap in gaps] + [2.0] * 18
    trials = [trial(i, {"dropout": i / 30}, loss) for i, loss in enumerate(losses)]
    entries = leaderboard(sweep, configurations(sweep, trials), MeasuredOn(0), [noise] * len(trials))
    assert [entry.tied for entry in entries[:4]] == [True, True, False, False]


def test_the_luckiest_of_many_effects_is_not_clear():
    """Nothing matters here: one effect has p < 0.05 by itself, as one of so many will, and none is called clear."""
    _, near = seen(sweep_over(), planted(sweep_over(), additive({}), 60, seed=7))
    (model,) = near.models
    raw = [
        found.p
        for index, factor in enumerate(model.factors)
        for level in range(len(factor.levels))
        if level != model.reference(index) and (found := model.difference(index, level))
    ]
    assert len(raw) == 11
    assert min(raw) < 0.05
    assert not any(effect.clear for effect in effects(near))


def test_the_luckiest_of_many_pairs_is_no_interaction():
    """The sum fits; of so many pairs of values one has p < 0.01 by itself, and none is taken."""
    _, near = seen(sweep_over(), planted(sweep_over(), additive({}), 80, seed=0))
    (model,) = near.models
    raw = [found.p for cell in pairs(model) if (found := replace(model, cells=(cell,)).cell())]
    assert len(raw) > 50
    assert min(raw) < 0.01
    assert model.cells == ()


def test_the_luckiest_of_many_failures_blame_nothing():
    """Every fourth of 24 trials fails, all three with tanh among them: p = C(6, 3) / C(24, 3) = 0.0099 by itself."""
    sweep = sweep_over()
    trials = planted(sweep, additive({}), 24, seed=6)
    assert [each.number % 4 for each in trials if each.values["activation"] == "tanh"] == [0, 0, 0]
    assert failure_groups(sweep, trials, [Failure(each, "diverged") for each in trials[::4]]) == ()


def entry(interval, over, rank=1):
    return Entry(rank, {}, (), interval, over, True, 1.0, "")


def test_another_run_of_the_best_of_few():
    # 90 of 100: Wilson's 0.8256 to 0.9448. With another run's noise and a seed's that is as large: twice.
    alone = interval_of_best([entry(wilson(90, 100), IMAGES)])
    assert alone[:3] == pytest.approx((0.9, 0.9 - 2 * 0.07437, 0.9 + 2 * 0.04477), abs=1e-4)
    # The best of four: 2.4977 deviations instead of 1.96, the 1 - 0.025 / 4 quantile.
    best = interval_of_best([entry(wilson(90, 100), IMAGES)] * 4)
    assert best[:3] == pytest.approx(
        (0.9, 0.9 - 2 * 0.07437 * 2.4977 / 1.95996, 0.9 + 2 * 0.04477 * 2.4977 / 1.95996), abs=1e-4
    )
    # The mean of three seeds: 4.3027 s / sqrt(3) is the mean's, 4.3027 s sqrt(1 + 1 / 3) another run's.
    half = 4.3027 * 0.01 / 3**0.5
    seeds = interval_of_best([entry(Interval(0.8, 0.8 - half, 0.8 + half, 3), SEEDS)])
    assert seeds.high - 0.8 == pytest.approx(4.3027 * 0.01 * (4 / 3) ** 0.5)


@pytest.mark.slow
def test_what_is_expected_has_the_noise_of_another_run_in_it():
    """However well the configuration is known: 100 images leave 1.96 * sqrt(0.9 * 0.1 / 100) = 0.059 to either side."""
    sweep = sweep_over({"dropout": Uniform(0.0, 1.0), "epochs": (5, 10)})
    rng = np.random.default_rng(0)
    trials = [
        trial(i, values, rng.binomial(100, 0.9) / 100)
        for i, values in enumerate(sweep.definition.sample(rng) for _ in range(60))
    ]
    ranked, near = seen(sweep, trials)
    surrogate = fit_surrogate(sweep, near, ranked, MeasuredOn(100))
    assert 0.9 * 0.03 < surrogate.noise(0.9) < 2 * 0.03
    expected = surrogate.interval(ranked[0].values, 60)
    assert 0.86 < expected.mean < 0.93 < ranked[0].mean
    assert 2 * 0.05 < expected.high - expected.low < 4 * 0.059
