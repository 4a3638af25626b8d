"""Each distribution against W&B's definition of it, by many draws, by hand, and by SciPy where it has the same one."""

import math

import numpy as np
import pytest
from scipy import stats

from handgrad.errors import UsageError
from handgrad.sweeps.space import DISTRIBUTIONS, Categorical, Quantized, Uniform, distribution, name_of

DRAWS = 20_000
EPS = float(np.finfo(float).eps)

# One of each, and the distribution that W&B's documentation describes; None where it is discrete.
EXAMPLES = {
    "constant": ({"value": 7}, None),
    "categorical": ({"values": ("a", "b", "c"), "probabilities": (0.5, 0.3, 0.2)}, None),
    "int_uniform": ({"min": 3, "max": 7}, None),
    "uniform": ({"min": -1.0, "max": 3.0}, stats.uniform(-1, 4)),
    "q_uniform": ({"min": 0.0, "max": 1.0, "q": 0.25}, None),
    "log_uniform": ({"min": -9.0, "max": -2.0}, stats.loguniform(math.exp(-9), math.exp(-2))),
    "log_uniform_values": ({"min": 1e-4, "max": 1e-1}, stats.loguniform(1e-4, 1e-1)),
    "q_log_uniform": ({"min": 0.0, "max": 5.0, "q": 4}, None),
    "q_log_uniform_values": ({"min": 1.0, "max": 100.0, "q": 10}, None),
    "inv_log_uniform": ({"min": 2.0, "max": 9.0}, stats.loguniform(math.exp(-9), math.exp(-2))),
    "inv_log_uniform_values": ({"min": 1e-4, "max": 1e-1}, stats.loguniform(1e-4, 1e-1)),
    "normal": ({"mu": 2.0, "sigma": 0.5}, stats.norm(2, 0.5)),
    "q_normal": ({"mu": 10.0, "sigma": 3.0, "q": 2}, None),
    "log_normal": ({"mu": -4.0, "sigma": 1.5}, stats.lognorm(1.5, scale=math.exp(-4))),
    "q_log_normal": ({"mu": 3.0, "sigma": 0.5, "q": 5}, None),
    "beta": ({"a": 2.0, "b": 5.0}, stats.beta(2, 5)),
    "q_beta": ({"a": 2.0, "b": 5.0, "q": 0.1}, None),
}

# What is rounded, and to multiples of what.
ROUNDED = {
    "q_uniform": ("uniform", {"min": 0.0, "max": 1.0}, 0.25),
    "q_log_uniform": ("log_uniform", {"min": 0.0, "max": 5.0}, 4),
    "q_log_uniform_values": ("log_uniform_values", {"min": 1.0, "max": 100.0}, 10),
    "q_normal": ("normal", {"mu": 10.0, "sigma": 3.0}, 2),
    "q_log_normal": ("log_normal", {"mu": 3.0, "sigma": 0.5}, 5),
    "q_beta": ("beta", {"a": 2.0, "b": 5.0}, 0.1),
}
CONTINUOUS = [name for name, (_, known) in EXAMPLES.items() if known]
DISCRETE = [name for name in EXAMPLES if name not in CONTINUOUS]


def example(name):
    return distribution(name, EXAMPLES[name][0])


def draws(found, count=DRAWS, seed=1):
    generator = np.random.default_rng(seed)
    return [found.sample(generator) for _ in range(count)]


def test_there_is_an_example_of_every_distribution():
    assert list(EXAMPLES) == list(DISTRIBUTIONS)
    assert all(name_of(example(name)) == name for name in DISTRIBUTIONS)


@pytest.mark.parametrize("name", CONTINUOUS)
def test_draws_follow_the_definition(name):
    assert stats.kstest(draws(example(name)), EXAMPLES[name][1].cdf).pvalue > 0.001


@pytest.mark.parametrize("name", CONTINUOUS)
def test_quantiles_are_scipy_s(name):
    shares = [1e-6, *np.linspace(0.001, 0.999, 999).tolist(), 1 - 1e-6]
    # 30 eps of the largest value: SciPy takes logarithms and incomplete beta functions by other series.
    expected = EXAMPLES[name][1].ppf(shares)
    assert [example(name).quantile(p) for p in shares] == pytest.approx(expected, rel=30 * EPS, abs=30 * EPS)


@pytest.mark.parametrize("name", ROUNDED)
def test_a_quantized_distribution_rounds_the_plain_one(name):
    plain, numbers, q = ROUNDED[name]
    expected = [round(x / q) * q for x in draws(distribution(plain, numbers), 500)]
    drawn = draws(example(name), 500)
    assert drawn == pytest.approx(expected)
    assert all(isinstance(value, type(q)) for value in drawn)


def test_log_uniform_takes_exponents_and_log_uniform_values_the_values():
    exponents, values = example("log_uniform"), example("log_uniform_values")
    assert (exponents.quantile(0), exponents.quantile(1)) == pytest.approx((math.exp(-9), math.exp(-2)))
    assert (values.quantile(0), values.quantile(1)) == (1e-4, 1e-1)
    assert values.quantile(1 / 3) == pytest.approx(1e-3)  # a third of three decades


def test_inverse_bounds():
    # log(1/X) from 2 to 9: X from exp(-9) to exp(-2); and of values, from min to max.
    assert example("inv_log_uniform").axis[1:3] == pytest.approx((math.exp(-9), math.exp(-2)))
    assert example("inv_log_uniform_values").axis[1:3] == pytest.approx((1e-4, 1e-1))


def test_whole_numbers_include_both_ends_equally():
    counts = np.unique_counts(draws(example("int_uniform")))
    assert counts.values.tolist() == [3, 4, 5, 6, 7]
    assert stats.chisquare(counts.counts).pvalue > 0.001


def test_probabilities():
    drawn = draws(example("categorical"))
    observed = [drawn.count(value) for value in "abc"]
    assert stats.chisquare(observed, [0.5 * DRAWS, 0.3 * DRAWS, 0.2 * DRAWS]).pvalue > 0.001


def test_values_without_probabilities_are_equally_likely():
    drawn = draws(Categorical(("a", "b", "c")))
    assert stats.chisquare([drawn.count(value) for value in "abc"]).pvalue > 0.001


def test_a_value_of_no_probability_is_never_drawn():
    never_last = Categorical(("a", "b"), (1.0, 0.0))
    assert {never_last.quantile(p) for p in (0.0, 0.5, 1.0)} == {"a"}


def test_the_ends_of_a_quantized_interval_are_half_as_likely():
    drawn = draws(example("q_uniform"))
    observed = [drawn.count(value) for value in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert stats.chisquare(observed, np.array([0.5, 1, 1, 1, 0.5]) / 4 * DRAWS).pvalue > 0.001


@pytest.mark.parametrize("name", EXAMPLES)
def test_grid_size_and_quantiles_agree(name):
    found = example(name)
    if found.size is None:
        with pytest.raises(UsageError, match="infinitely many values"):
            found.grid()
        return
    grid = found.grid()
    assert len(grid) == found.size == len(set(grid))
    assert {found.quantile(p) for p in np.linspace(0, 1, 4001)} == set(grid)


@pytest.mark.parametrize("name", EXAMPLES)
def test_draws_lie_on_the_axis(name):
    found = example(name)
    axis, drawn = found.axis, draws(found, 300)
    if axis.type == "categorical":
        assert set(drawn) <= set(axis.choices)
        return
    assert np.mean([axis.low <= value <= axis.high for value in drawn]) > 0.98
    assert all(isinstance(value, int if axis.type == "int" else float) for value in drawn)
    if axis.step:
        assert all(round(value / axis.step) * axis.step == pytest.approx(value) for value in drawn)
    if axis.log:
        assert axis.low > 0


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_unnatural_axis_is_walked_by_quantiles_upwards(name):
    found = example(name)
    if found.axis.type == "categorical":
        return
    values = [found.quantile(p) for p in np.linspace(0, 1, 101)]
    assert values == sorted(values)
    assert all(math.isfinite(value) for value in values)


def test_multiples_have_no_noise_in_their_last_digits():
    assert Quantized(Uniform(0.0, 0.5), 0.1).grid() == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]


def test_the_same_generator_draws_the_same_values():
    assert all(draws(example(name), 20) == draws(example(name), 20) for name in EXAMPLES)


REFUSED = [
    ("uniform", {"min": 1.0, "max": 1.0}, "min must be below max"),
    ("int_uniform", {"min": 1, "max": 2.5}, "max must be a whole number for int_uniform, got 2.5"),
    ("q_uniform", {"min": 0.0, "max": 1.0, "q": 0}, "q must be positive"),
    ("q_log_uniform", {"min": 0.0, "max": 1.0, "q": -1}, "q must be positive"),
    ("q_log_uniform_values", {"min": 1.0, "max": 2.0, "q": 0}, "q must be positive"),
    ("q_normal", {"q": 0}, "q must be positive"),
    ("q_log_normal", {"q": 0}, "q must be positive"),
    ("q_beta", {"q": 0}, "q must be positive"),
    ("log_uniform", {"min": 0.0, "max": 1e4}, "max is an exponent of e here, got 10000"),
    ("log_uniform_values", {"min": 0.0, "max": 1.0}, "min must be positive on a logarithmic scale"),
    ("normal", {"sigma": 0.0}, "sigma must be positive"),
    ("log_normal", {"sigma": 200.0}, "those of log X"),
    ("beta", {"a": 0.0}, "a must be positive"),
    ("categorical", {"values": ()}, "values is empty"),
    ("categorical", {"values": (1, 2), "probabilities": (1.0,)}, "2 values, but 1 probabilities"),
    ("categorical", {"values": (1, 2), "probabilities": (0.6, 0.6)}, "must sum to 1, got 1.2"),
    ("categorical", {"values": (1, 2), "probabilities": (1.5, -0.5)}, "must not be negative"),
]


@pytest.mark.parametrize(("name", "numbers", "says"), REFUSED)
def test_numbers_that_make_no_distribution(name, numbers, says):
    with pytest.raises(UsageError, match=says):
        distribution(name, numbers)
