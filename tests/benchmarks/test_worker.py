"""Processes for real: each contender makes three steps an epoch on a small data set."""

import json
import os
import subprocess
import sys

import pytest

from benchmarks import worker
from benchmarks.contenders import CONTENDERS, CannotExpressError, Listed
from benchmarks.processes import ProcessError, cores_for, environment, pinned, run
from benchmarks.with_handgrad import layers_of
from handgrad.machine import available_cores

QUICK = ("handgrad", "torch", "sklearn")


@pytest.fixture
def arguments(tiny):
    """What a worker is asked for three steps of 16 images, and two left over."""
    common = {"epochs": 2, "images": 50, "dataset": str(tiny)}
    return lambda contender, workload: {"contender": contender, "workload": workload, **common}


def looks_right(measured):
    assert len(measured["epoch_seconds"]) == 2
    assert min(measured["epoch_seconds"]) > 0
    assert measured["steps"] == 3  # of 16 images; the last two of the fifty are left out, for everybody
    assert measured["image_shape"] == [28, 28]
    assert measured["peak_bytes"] > 10_000_000
    assert 0 <= measured["accuracy"] <= 1


@pytest.mark.slow
def test_process_measures(arguments):
    looks_right(run("train", arguments("handgrad", "B"), cores_for("1")))


@pytest.mark.filterwarnings("ignore")  # what other packages say about each other
@pytest.mark.parametrize(
    "contender", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in CONTENDERS]
)
def test_contender_is_measured(contender, arguments, monkeypatch, capsys):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    assert worker.main(["train", json.dumps(arguments(contender, "B"))]) == 0
    measured = json.loads(capsys.readouterr().out)
    if "skipped" in measured:
        pytest.skip(measured["skipped"])
    looks_right(measured)


@pytest.fixture
def skipped(arguments, capsys):
    """The reason that a worker gives instead of numbers."""

    def reason(contender, workload):
        assert worker.main(["train", json.dumps(arguments(contender, workload))]) == 0
        return json.loads(capsys.readouterr().out)["skipped"]

    return reason


def test_what_cannot_be_expressed_is_named(skipped):
    assert "cannot express conv2d" in skipped("sklearn", "D")


def test_peer_that_is_not_installed_is_named(skipped, monkeypatch):
    monkeypatch.setitem(CONTENDERS, "torch", Listed("nowhere", "Nobody", "torch", ("no_such_package",)))
    assert skipped("torch", "B") == "not installed: python -m pip install no_such_package"


def test_layer_that_handgrad_lacks_is_named():
    with pytest.raises(CannotExpressError, match="handgrad has no fold2d: needs convolutions"):
        layers_of(["fold2d:3"])


@pytest.mark.slow
def test_process_that_fails_says_why(arguments):
    with pytest.raises(ProcessError, match="data set: got 'nothing-here'"):
        run("train", arguments("handgrad", "B") | {"dataset": "nothing-here"}, cores_for("1"))


@pytest.mark.slow
def test_processes_find_the_benchmarks_from_anywhere(here):
    assert run("limits", {"array_bytes": [1200]}, cores_for("1"))["stream_bytes"]["1200"] > 0


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not pin processes to cores")
def test_pinned_for_a_while():
    before = os.sched_getaffinity(0)
    with pinned(cores_for("1")):
        assert os.sched_getaffinity(0) == {max(before)}
    assert os.sched_getaffinity(0) == before


def test_threads_of_every_library_are_set():
    one, all_of_them = environment(1), environment(4)
    assert one["OMP_NUM_THREADS"] == one["MKL_NUM_THREADS"] == one["OPENBLAS_NUM_THREADS"] == "1"
    assert "intra_op_parallelism_threads=1" in one["XLA_FLAGS"]
    assert all_of_them["OMP_NUM_THREADS"] == "4"
    assert cores_for("all") == available_cores()


def test_peak_memory_is_this_process_own_and_remembers():
    code = (
        "from handgrad.machine import peak_bytes\n"
        "before = peak_bytes(); room = bytearray(b'1' * 50_000_000); del room; print(before, peak_bytes())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = map(int, done.stdout.split())
    assert before < 50_000_000 <= after - before  # this process, its parent, holds much more
