"""Turns, medians and verdicts, with processes that only pretend."""

import pytest

from benchmarks import rounds
from benchmarks.processes import ProcessError
from benchmarks.rounds import Options, contenders_of, goal, measure, summarise


@pytest.fixture
def pretended(monkeypatch, tiny):
    """Calls of `run`; handgrad takes 1 s an epoch, torch 4 s, JAX is not there, Keras breaks down."""
    calls = []

    def run(name, arguments, cores):
        if name == "limits":
            size = arguments["array_bytes"][0]
            return {"sgemm_flops": {"numpy 1024": 2e11, "handgrad 128": 1e11}, "stream_bytes": {str(size): 1e10}}
        contender = arguments["contender"]
        calls.append((contender, arguments["seed"]))
        if contender == "jax":
            return {"skipped": "not installed"}
        if contender == "keras":
            raise ProcessError("its process failed: MemoryError")
        seconds = {"handgrad": 1.0, "torch": 4.0}[contender]
        return {"epoch_seconds": [9.0, seconds, seconds], "steps": 100, "peak_bytes": 5, "accuracy": 0.5}

    monkeypatch.setattr(rounds, "run", run)
    said = []
    options = Options(("F",), ("handgrad", "torch", "jax", "keras"), rounds=2, dataset=str(tiny))
    return measure(options, said.append), calls, said


def test_turns_alternate_and_the_absent_are_asked_once(pretended):
    _, calls, said = pretended
    first = [("handgrad", 0), ("torch", 0), ("jax", 0), ("keras", 0)]
    assert calls == [*first, ("handgrad", 1), ("torch", 1)]
    assert any("skipped: not installed" in line for line in said)


def test_results_name_everybody(pretended):
    found = pretended[0]["workloads"]["F"]
    assert found["contenders"]["jax"] == {"skipped": "not installed"}
    assert found["contenders"]["keras"] == {"skipped": "its process failed: MemoryError"}
    assert list(found["summary"]) == ["handgrad", "torch"]
    assert found["summary"]["torch"]["ratio"] == 4
    # 51136 flops at 2e11 a second take 0.25568 us; 12 * 3190 bytes at 1e10 take 3.828 us; a step took 10000
    assert found["limit"]["us"] == pytest.approx(0.25568 + 3.828)
    assert found["summary"]["handgrad"]["share_of_limit"] == pytest.approx((0.25568 + 3.828) / 10000)


def one(seconds, accuracy=0.9, peak=100):
    return {"epoch_seconds": seconds, "steps": 10, "peak_bytes": peak, "accuracy": accuracy}


def test_ratio_is_taken_within_each_round():
    # the machine is twice as slow in round 2: ratios 3, 3 and 2, whose median is 3
    ours = [one([5, 1, 1]), one([5, 2, 2]), one([5, 1, 1])]
    theirs = [one([7, 3, 3]), one([8, 6, 6]), one([9, 2, 2])]
    row = summarise({"handgrad": {"rounds": ours}, "torch": {"rounds": theirs}}, 1e5)["torch"]
    assert row["ratio"] == 3
    assert row["epoch_seconds"] == 3  # median of 3, 3, 6, 6, 2, 2
    assert row["us_per_step"] == 300_000
    assert row["first_epoch_seconds"] == 8
    assert row["share_of_limit"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("accuracy", "equal"), [(0.9, True), (0.904, True), (0.896, True), (0.906, False), (0.89, False)]
)
def test_equal_work_must_reach_equal_accuracy(accuracy, equal):
    results = {"handgrad": {"rounds": [one([1, 1])]}, "jax": {"rounds": [one([1, 1], accuracy)]}}
    assert summarise(results, 1.0)["jax"]["equal_accuracy"] is equal


def test_without_handgrad_nothing_is_compared():
    row = summarise({"handgrad": {"skipped": "needs convolutions"}, "torch": {"rounds": [one([1, 1])]}}, 1.0)["torch"]
    assert row["ratio"] is None
    assert row["equal_accuracy"] is None


def test_no_workload_measures_nothing(monkeypatch):
    monkeypatch.setattr(rounds, "run", None)
    assert list(measure(Options(()))) == ["options"]


def test_contenders_of_peers():
    assert contenders_of(["torch"]) == ("handgrad", "torch", "torch-compiled")
    assert contenders_of([]) == ("handgrad",)


def test_goal_takes_turns(monkeypatch):
    seconds = iter([10.0, 30.0, 12.0, None])
    monkeypatch.setattr(rounds, "run", lambda *_: {"seconds": next(seconds), "laps": [{"seconds": 1, "accuracy": 0.9}]})
    found = goal(0.99, Options((), ("handgrad", "torch", "jax"), rounds=2), lambda text: None)["contenders"]
    assert {name: result["seconds"] for name, result in found.items()} == {"handgrad": 11.0, "torch": None}
