"""Races to an accuracy, and the probes, on a small data set."""

import time

import numpy as np
import pytest
from tests.ingredients import optim

from benchmarks import extras, probes
from benchmarks.contenders import race
from benchmarks.rounds import Options
from benchmarks.with_handgrad import between_steps
from benchmarks.workloads import GOAL
from handgrad.config.layer_list import build_layer


def raced(racer, tiny, target, start=None):
    return race(racer, time.monotonic() if start is None else start, target, str(tiny), images=320)


@pytest.mark.parametrize("racer", [pytest.param("handgrad", marks=pytest.mark.slow), "torch"])
def test_race_ends_when_the_goal_is_reached(racer, tiny, request):
    if racer == "torch":
        request.getfixturevalue("torch")
    measured = raced(racer, tiny, 0.9)
    laps = measured["laps"]
    assert laps[-1]["accuracy"] >= 0.9
    assert all(lap["accuracy"] < 0.9 for lap in laps[:-1])
    assert measured["seconds"] == laps[-1]["seconds"] > 0


@pytest.mark.slow
def test_race_that_is_lost_says_so(tiny):
    measured = raced("handgrad", tiny, 1.01, start=time.monotonic() - 100)
    assert measured["seconds"] is None
    assert 100 < measured["laps"][0]["seconds"] < 200  # counted from the start given
    assert len(measured["laps"]) == GOAL.epochs


def test_goal_can_be_built():
    assert [build_layer(text) for text in GOAL.layers]


def test_images_move_as_handgrad_moves_them(torch):
    from benchmarks.with_torch import moved

    image = torch.arange(20.0).reshape(1, 1, 4, 5)
    out = moved(image, torch.tensor([[1.0, 2.0]]))[0, 0].numpy()
    expected = np.zeros((4, 5))
    expected[:2, :4] = np.arange(20.0).reshape(4, 5)[2:, 1:]  # out[i, j] = image[i + 2, j + 1]
    np.testing.assert_allclose(out, expected, atol=1e-4)


def test_schedules_of_both_are_the_same(torch):
    from benchmarks.with_torch import one_cycle

    steps = 20
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=GOAL.rule.learning_rate)
    scheduler, rates = one_cycle(optimizer, GOAL, steps), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step() if len(rates) < steps else None
    ours = optim.OneCycle().rates(GOAL.rule.learning_rate, 0, steps, steps)
    np.testing.assert_allclose(rates, ours, rtol=1e-6, atol=1e-12)


def test_probes(tiny):
    assert between_steps(str(tiny), images=64).keys() == {"python_us", "step_us"}
    found = probes.first_step(time.monotonic(), str(tiny))
    assert 0 < found["imported_seconds"] < found["loaded_seconds"] < found["seconds"]
    assert probes.peak(str(tiny))["peak_bytes"] > 0


def test_architectures_are_all_different():
    described = {tuple(probes.architecture(index)) for index in range(probes.ARCHITECTURES)}
    assert len(described) == probes.ARCHITECTURES
    labels = np.arange(64) % 10
    assert probes.architecture_seconds(3, np.zeros((64, 28, 28), np.uint8), labels) > 0


def test_limits(monkeypatch):
    monkeypatch.setattr(probes, "SIZES", (32, 64))
    monkeypatch.setattr(probes, "SECONDS", 0.001)
    found = probes.limits([12_000])
    assert set(found["sgemm_flops"]) == {"numpy 32", "handgrad 32", "numpy 64", "handgrad 64"}
    assert min(found["sgemm_flops"].values()) > 0
    assert found["stream_bytes"]["12000"] > 0


def test_triad():
    a, b, c = np.zeros(3, np.float32), np.arange(3, dtype=np.float32), np.ones(3, np.float32)
    probes.triad(a, b, c, np.float32(2), 3)
    np.testing.assert_array_equal(a, [2, 3, 4])


def test_extras_go_on_when_one_fails(monkeypatch):
    def fails(options):
        raise extras.ProcessError("its process failed: no data")

    monkeypatch.setattr(extras, "MEASUREMENTS", {"peak": fails, "between_steps": lambda options: {"python_us": 1.0}})
    said = []
    found = extras.extras(Options(), said.append)
    assert found == {"peak": {"skipped": "its process failed: no data"}, "between_steps": {"python_us": 1.0}}
    assert said == ["measuring peak", "measuring between steps"]


def test_two_at_once(monkeypatch):
    """Alone 1 s an epoch, beside each other 1.25 and 1.0: 1 / 1.25 + 1 = 1.8 times the steps."""
    times = iter([1.0, 1.25, 1.0] * 2)
    monkeypatch.setattr(extras, "available_cores", lambda: (0, 1))
    monkeypatch.setattr(extras, "start", lambda *_: None)
    monkeypatch.setattr(extras, "finish", lambda _: {"epoch_seconds": [9, next(times)]})
    monkeypatch.setattr(extras, "run", lambda *_: {"epoch_seconds": [9, next(times)]})
    assert extras.two_at_once(Options(rounds=1)) == {"A": pytest.approx(1.8), "B": pytest.approx(1.8)}
    monkeypatch.setattr(extras, "available_cores", lambda: (0,))
    assert extras.two_at_once(Options(rounds=1)) == {"skipped": "needs two cores"}
