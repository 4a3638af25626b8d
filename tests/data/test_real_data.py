"""The real MNIST and Fashion-MNIST, where HANDGRAD_DATA_DIR says that they are."""

import os
import random
import subprocess
import sys
import time

import numpy as np
import pytest

from handgrad.data import load, statuses, verify
from handgrad.data.idx_sets import IDX_SOURCES


@pytest.mark.parametrize(
    "source", [each for each in IDX_SOURCES if each.name in ("mnist", "fashion_mnist")], ids=lambda each: each.name
)
def test_load_and_load_again(real_folder, cache, source):
    for _ in range(2):
        dataset = load(source.name)
        assert (dataset.x_train.shape, dataset.x_test.shape) == ((60_000, 28, 28), (10_000, 28, 28))
        assert dataset.class_names == source.class_names
        np.testing.assert_array_equal(np.bincount(dataset.y_test) > 800, np.ones(10, bool))
    assert len(list((cache / "decoded").glob("*.npy"))) == 4


@pytest.mark.slow
def test_first_labels(real_folder):
    assert load("mnist").y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert load("fashion_mnist").y_train[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]


@pytest.mark.slow
def test_fingerprints_differ(real_folder):
    assert load("mnist").fingerprint != load("fashion_mnist").fingerprint


@pytest.mark.slow
def test_loads_killed_at_any_moment_leave_a_good_cache(real_folder, cache):
    """Four processes decode into one empty cache at once, and each is killed at a random moment of it."""
    script = "from handgrad.data import load; print('go', flush=True); load('fashion_mnist')"
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    processes = [
        subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE) for _ in range(4)
    ]
    for process in processes:
        assert process.stdout.readline() == b"go\n"
        time.sleep(random.uniform(0, 0.4))
        process.kill()
        process.communicate()
    kept = load("fashion_mnist")
    assert kept.y_test[:5].tolist() == [9, 2, 1, 1, 6]
    assert len(list((cache / "decoded").glob("[!.]*.npy"))) == 4


@pytest.mark.slow
def test_status_and_verify(real_folder):
    found = {status.name: status for status in statuses()}
    for source in IDX_SOURCES:
        assert found[source.name].files_ok == 4
        assert found[source.name].place.parent == real_folder
        assert all(verdict.ok for verdict in verify(source.name))
