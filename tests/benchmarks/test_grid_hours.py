"""A stratified sample, and its interval, against grids whose mean is known."""

import math
from collections import Counter

import numpy as np
import pytest

from benchmarks import results
from benchmarks.__main__ import main
from benchmarks.grid_hours import COSTLY, stratified, stratified_mean
from handgrad.errors import UsageError
from handgrad.sweeps import SweepDefinition, read_sweep
from handgrad.sweeps.space import Categorical, Uniform


def test_mean_of_two_strata_by_hand():
    """W = 1/4, 3/4; means 2 and 5, variances 2 and 2, of 2 from 10 and 2 from 30.

    mean = 0.5 + 3.75; var = (1/16) (2/2) (1 - 2/10) + (9/16) (2/2) (1 - 2/30) = 0.05 + 0.525
    g s^2 = 10 * 8/2 * 2 = 80 and 30 * 28/2 * 2 = 840, freedom = 920^2 / (80^2 + 840^2) = 1.18876
    """
    found = stratified_mean([10, 30], [[1, 3], [4, 6]])
    assert found.mean == pytest.approx(4.25)
    assert found.freedom == pytest.approx(1.18876, abs=1e-5)
    reach = 8.8245 * math.sqrt(0.575)  # Student's 97.5 % quantile at that freedom, between 12.706 (1) and 4.303 (2)
    assert found.high - found.mean == pytest.approx(found.mean - found.low)
    assert found.high - found.mean == pytest.approx(reach, rel=0.01)


def test_nothing_varies():
    assert stratified_mean([4, 4], [[1, 1], [3, 3]]) == (2, 2, 2, math.inf)


def test_a_sample_of_everything_is_certain():
    assert stratified_mean([2, 2], [[1, 2], [3, 6]])[:3] == (3, 3, 3)


def test_the_course_s_grid_has_all_that_is_costly_and_every_optimizer():
    definition = read_sweep("da6401")
    strata = stratified(definition, 150)
    assert sum(stratum.size for stratum in strata) == definition.size == 11_664
    assert Counter(len(stratum.drawn) for stratum in strata) == {3: 42, 2: 12}
    for stratum in strata:
        assert len({tuple(values[name] for name in COSTLY) for values in stratum.drawn}) == 1
        assert len({definition.key(values) for values in stratum.drawn}) == len(stratum.drawn)
    cells = {tuple(stratum.drawn[0][name] for name in COSTLY) for stratum in strata}
    assert len(cells) == 54
    assert set(Counter(v["optimizer"] for stratum in strata for v in stratum.drawn).values()) == {25}


SMALL = SweepDefinition(
    {
        "epochs": Categorical((5, 10)),
        "batch_size": Categorical((16, 32, 64)),
        "optimizer": Categorical(("sgd", "adam", "nadam", "rmsprop")),
        "activation": Categorical(("relu", "tanh", "sigmoid")),
        "learning_rate": Categorical((0.1, 0.01)),
    }
)


def seconds(values):
    """Made up: mostly by what is costly, then by the optimizer, and a rest that no stratum knows."""
    optimizer = {"sgd": 0.0, "adam": 0.4, "nadam": 0.5, "rmsprop": 0.3}[values["optimizer"]]
    slow = 0.3 if values["activation"] == "tanh" else 0.0
    return values["epochs"] * 10 / values["batch_size"] * (1 + optimizer + slow) * (1 + values["learning_rate"])


def test_intervals_cover_the_mean_of_all_as_often_as_they_say():
    everything = [seconds(values) for values in SMALL.configurations()]
    truth, covered, reaches, estimates = np.mean(everything), 0, [], []
    for seed in range(200):
        strata = stratified(SMALL, 24, seed)
        samples = [[seconds(values) for values in stratum.drawn] for stratum in strata]
        found = stratified_mean([stratum.size for stratum in strata], samples)
        covered += found.low <= truth <= found.high
        reaches.append(found.high - found.mean)
        estimates.append(found.mean)
    assert covered >= 0.94 * 200
    assert np.mean(estimates) == pytest.approx(truth, rel=0.01)
    plain = 1.96 * np.std(everything) / math.sqrt(24) * math.sqrt(1 - 24 / len(everything))
    assert np.mean(reaches) < plain / 2  # strata pay


def test_every_configuration_is_as_likely():
    """Six strata of 24 with four drawn of each: a sixth of the samples has any one of them."""
    counts = Counter(SMALL.key(v) for seed in range(240) for s in stratified(SMALL, 24, seed) for v in s.drawn)
    assert len(counts) == SMALL.size
    expected, spread = 240 / 6, math.sqrt(240 * (1 / 6) * (5 / 6))
    assert max(abs(count - expected) for count in counts.values()) < 4.5 * spread


def test_too_small_a_sample_and_a_space_without_end():
    with pytest.raises(UsageError, match=r"at least 108, 2 of each of 54 strata of 216 .* got 100 \(--sample\)"):
        stratified(read_sweep("da6401"), 100)
    with pytest.raises(UsageError, match="no end"):
        stratified(SweepDefinition({"learning_rate": Uniform(0.0, 1.0)}), 10)


GRID = """
method: grid
parameters:
  dataset: {value: digits}
  epochs: {values: [1, 2]}
  hidden_size: {values: [8, 16]}
  optimizer: {values: [sgd, adam, nadam]}
  activation: {values: [relu, tanh]}
"""


@pytest.mark.slow
def test_hours_of_a_grid(here, capsys):
    (here / "grid.yaml").write_text(GRID)
    assert main(["--grid", "grid.yaml", "--sample", "8", "--json", "results.json"]) == 0
    assert "all 24 configurations" in capsys.readouterr().out
    grid = results.read(here / "results.json")["grid"]
    assert grid["size"] == 24
    assert [len(stratum["seconds"]) for stratum in grid["trained"]] == [2] * 4
    mean = np.mean([stratum["seconds"] for stratum in grid["trained"]])
    assert grid["seconds"]["mean"] == pytest.approx(mean)
    assert grid["hours"][0] == pytest.approx(mean * 24 / grid["slots"] / 3600)
    assert main(["--table", "results.json"]) == 0
    assert "a configuration has a core for" in capsys.readouterr().out
