"""What tests everywhere may ask for: the real data sets and PyTorch, each skipping with a reason when absent; a
finished run on the digits, and a working folder of their own.
"""

import gc
import os
import resource
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest
from tests.commands import TINY

from handgrad import screen
from handgrad.cli.main import main
from handgrad.errors import HandgradError

HandgradError.names_flags = True  # as on the command line; tests of what Python says turn it off
screen.WAITS = 1e6  # a slow machine announces no waits among the lines that tests compare

# Slow tests that CI has no time for; each has quicker ones beside it. `make test-slow` runs them outside of CI.
NOT_IN_CI = {
    "test_compiled_now_or_before",
    "test_contender_is_measured[torch-compiled]",
    "test_a_home_that_cannot_be_written",
    "test_the_same_command_goes_on[crossval_jobs]",
    "test_the_same_command_goes_on[reproduce]",
    "test_stopped_or_killed_it_goes_on_to_the_same[2-1]",
    "test_whole_race",
    "test_killed_runs_resume_bit_identically",
    "test_killed_drivers_leave_the_uninterrupted_grid",
    "test_the_prediction_is_not_too_good",
    "test_a_sweep_goes_on_though_it_dies_three_times",
    "test_sixty_trials_while_a_random_worker_is_killed_again_and_again",
    "test_a_whole_report_on_digits[da6401]",
    "test_a_whole_report_on_digits[da6401-2026]",
    "test_a_whole_report_on_digits[dl-2022]",
    "test_a_whole_report_on_digits[ee5179]",
    "test_a_whole_report_on_digits[ee6132-2018]",
    "test_a_whole_report_on_digits[ee6132-momentum]",
}


def pytest_collection_modifyitems(items):
    """In CI, skip what takes longest."""
    for item in items:
        longest = {item.name, item.name.partition("[")[0]} & NOT_IN_CI or item.name.startswith("test_conventions_of[")
        if os.environ.get("CI") and longest:
            item.add_marker(pytest.mark.skip(reason="takes long: make test-slow runs it outside of CI"))


gc.disable()  # what is imported and collected, millions of objects, stays


@pytest.hookimpl(trylast=True)
def pytest_collection_finish():
    """From here on there is garbage: the collector need not look at what was there before."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    gc.enable()


BEGAN = pytest.StashKey[float]()
QUICK_SECONDS = 3.0  # of CPU, set-up included, that a test without the mark `slow` may take where kernels are compiled


def cpu_seconds():
    """Of this process and of those that it started and that are over."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    item.stash[BEGAN] = cpu_seconds()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if call.when == "call" and "slow" not in item.keywords:
        report.cpu_seconds = cpu_seconds() - item.stash[BEGAN]
    return report


def pytest_terminal_summary(terminalreporter):
    """Names the tests that make the quick suite long: `make test` is to take 90 s, kernels compiled."""
    passed = terminalreporter.stats.get("passed", [])
    heavy = sorted(((getattr(each, "cpu_seconds", 0), each.nodeid) for each in passed), reverse=True)
    for seconds, name in [row for row in heavy if row[0] > QUICK_SECONDS]:
        terminalreporter.write_line(f"QUICK? {seconds:.1f} s of CPU: {name} (make it quicker, or mark it slow)")


# Two tests at once share two cores: a training takes one, unless its test asks for more.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Whoever develops tries new examples each time; CI the same ones, so that it is red for what has changed only. An
# example, and finding one, may take any time: that says how busy the machine is.
hypothesis.settings.register_profile(
    "here",
    derandomize=bool(os.environ.get("CI")),
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("here")


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """`real_data("mnist")` is the folder of that set under $HANDGRAD_DATA_DIR."""

    def folder(name: str) -> Path:
        root = os.environ.get("HANDGRAD_DATA_DIR")
        if not root:
            pytest.skip("HANDGRAD_DATA_DIR is not set: point it at a folder that holds mnist/ and fashion_mnist/")
        if not (Path(root) / name).is_dir():
            pytest.skip(f"no {name} in HANDGRAD_DATA_DIR ({root})")
        return Path(root) / name

    return folder


@pytest.fixture
def torch() -> ModuleType:
    """PyTorch on one thread, as the tests' own processes already share the cores."""
    module = pytest.importorskip("torch", reason="PyTorch is not installed: python -m pip install torch==2.13.0")
    module.set_num_threads(1)
    return module


@pytest.fixture
def keras(monkeypatch) -> ModuleType:
    """Keras on PyTorch; `make test-keras` runs the tests that ask for it in an environment which has it."""
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    return pytest.importorskip("keras", reason="Keras is not installed: make test-keras runs these tests where it is")


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory):
    """The folder of a short run; whoever changes something in it takes `run` instead."""
    folder = tmp_path_factory.mktemp("finished")
    assert main([*TINY.split(), "--runs_dir", str(folder), "--name", "run"]) == 0
    return folder / "run"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(finished_run, here):
    """A copy of the finished run, as `run` in the working folder."""
    return shutil.copytree(finished_run, here / "run")
