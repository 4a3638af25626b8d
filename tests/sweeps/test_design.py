"""Designed sweeps: balanced, different rows that tell every main effect, and better than chance."""

import math

import numpy as np
import pytest

from handgrad.errors import UsageError
from handgrad.sweeps import read_sweep
from handgrad.sweeps.samplers import SAMPLERS
from handgrad.sweeps.samplers.design import coefficients, contrasts, d_optimal, design_size, efficiency

SPACE = {"epochs": [1, 2], "batch_size": [8, 16, 32], "num_layers": [1, 2, 3], "learning_rate": [0.1, 0.01, 0.001]}


def sweep(**more):
    parameters = {name: {"values": values} for name, values in SPACE.items()}
    return read_sweep({"method": "design", "parameters": parameters} | more)


def test_an_orthogonal_array_is_fully_efficient():
    """Four rows of three settings: every pair of levels once, so X'X = 4 I; with a row twice it is worse."""
    rows = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]])
    assert efficiency(rows, [2, 2, 2]) == pytest.approx(1)
    rows[3] = rows[2]
    assert efficiency(rows, [2, 2, 2]) < 0.9


@pytest.mark.parametrize("levels", [2, 3, 4, 6])
def test_contrasts_are_at_right_angles(levels):
    code = contrasts(levels)
    np.testing.assert_allclose(code.sum(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(code.T @ code, levels * np.eye(levels - 1), atol=1e-9)


@pytest.mark.parametrize("levels", [[2] * 7, [3] * 5, [2, 3, 4, 2, 3]])
def test_a_design_is_balanced_and_efficient(levels):
    size = design_size(levels)
    rows = d_optimal(levels, size, seed=1)
    assert 36 <= size <= 72
    assert len({tuple(row) for row in rows.tolist()}) == size
    for place, each in enumerate(levels):
        counts = np.bincount(rows[:, place], minlength=each)
        assert np.ptp(counts) <= 0.15 * size
    drawn = np.random.default_rng(0)
    chance = [np.stack([drawn.integers(0, each, size) for each in levels], axis=1) for _ in range(20)]
    assert efficiency(rows, levels) > max(0.96, *(efficiency(each, levels) for each in chance))


def test_a_sweep_has_the_design_and_no_more():
    definition = sweep()
    assert definition.run_cap == design_size([2, 3, 3, 3]) == 36
    assert any("36 of 54" in str(notice) for notice in definition.notices)
    sampler, again = (SAMPLERS["design"](definition, None, 5) for _ in range(2))
    taken, found = set(), []
    while (values := sampler.suggest(len(found), taken, [])) is not None:
        assert values == again.suggest(len(found), taken, [])
        taken.add(definition.key(values))
        found.append(values)
    assert len(found) == len(taken) == 36
    x = np.array([[SPACE[name].index(row[name]) for name in SPACE] for row in found])
    model = np.hstack([np.ones((36, 1)), *(contrasts(len(SPACE[n]))[x[:, i]] for i, n in enumerate(SPACE))])
    assert np.linalg.matrix_rank(model) == coefficients([2, 3, 3, 3]) == 8


def test_a_small_grid_is_tried_whole():
    assert design_size([2, 2]) == 4
    assert math.prod([2, 2, 2]) == design_size([2, 2, 2])


def test_too_few_configurations_and_endless_values_are_refused():
    with pytest.raises(UsageError, match="8 coefficients"):
        sweep(run_cap=7)
    with pytest.raises(UsageError, match="infinitely many"):
        read_sweep({"method": "design", "parameters": {"learning_rate": {"min": 0.1, "max": 0.2}}})
