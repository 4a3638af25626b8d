"""HandgradClassifier beside MLPClassifier at equal settings, fitted in turn: `python -m benchmarks.estimators`.

Both have one thread, and seconds are the process's own, so that a busy machine disturbs both alike; with --threads 2
both have two, and seconds are those of the clock. Samples are float64 as most people have them, which MLPClassifier
computes with and HandgradClassifier rounds, or with --float32 float32, which both compute with.
"""

import argparse
import os
import time
import warnings
from statistics import median
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from handgrad import HandgradClassifier, load
from handgrad.training.threads import LIMIT_VARIABLE

ROUNDS = 5
IMAGES = 20_000  # of MNIST
EPOCHS = {"784-128-10 on MNIST": 3, "64-128-10 on the digits": 50}
BATCH_SIZES = (32, 64, 200)  # 200 is MLPClassifier's own


def parts(what: str, dtype: str = "float64") -> list[Any]:
    """Training and test samples, training and test labels."""
    if what.endswith("MNIST"):
        data = load("mnist")
        images = [x.reshape(len(x), -1) / 255 for x in (data.x_train[:IMAGES], data.x_test)]
        sets = [*images, data.y_train[:IMAGES], data.y_test]
    else:
        sets = train_test_split(*load_digits(return_X_y=True), random_state=0)
    return [*(np.asarray(x, dtype) for x in sets[:2]), *sets[2:]]


def fitted(model: Any, sets: list[Any], clock: Any, **settings: Any) -> tuple[float, float]:
    """Seconds of the fit, and test accuracy."""
    estimator = model(hidden_layer_sizes=(128,), n_iter_no_change=10**6, **settings)
    begin = clock()
    estimator.fit(sets[0], sets[2])
    return clock() - begin, estimator.score(sets[1], sets[3])


def main(threads: int, dtype: str) -> None:
    """One row for each network and batch size: medians over rounds, each with a seed of its own."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    os.environ[LIMIT_VARIABLE] = str(threads)  # HandgradClassifier reads it at each fit
    clock = time.process_time if threads == 1 else time.perf_counter
    print(f"threads {threads}, samples {dtype}")
    print("network | batch | handgrad s | accuracy | MLPClassifier s | accuracy | ratio | least and largest")
    for what, epochs in EPOCHS.items():
        sets = parts(what, dtype)
        for size in BATCH_SIZES:
            fitted(HandgradClassifier, sets, clock, max_iter=1, batch_size=size)  # loads kernels
            rows = []
            for seed in range(ROUNDS):
                settings = {"max_iter": epochs, "batch_size": size, "random_state": seed}
                pair = (fitted(model, sets, clock, **settings) for model in (HandgradClassifier, MLPClassifier))
                ours, theirs = pair
                rows.append((*ours, *theirs, theirs[0] / ours[0]))
            numbers = [median(column) for column in zip(*rows, strict=True)]
            numbers += [extreme(row[-1] for row in rows) for extreme in (min, max)]
            print(what, size, *(f"{number:.3f}" for number in numbers), sep=" | ", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--float32", dest="dtype", action="store_const", const="float32", default="float64")
    arguments = parser.parse_args()
    with threadpool_limits(arguments.threads):
        main(arguments.threads, arguments.dtype)
