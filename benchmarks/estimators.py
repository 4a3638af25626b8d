"""HandgradClassifier beside MLPClassifier at equal settings, fitted in turn: `python -m benchmarks.estimators`.

Seconds are the process's own on one thread, so that a busy machine disturbs both alike.
"""

import time
import warnings
from statistics import median
from typing import Any

from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from handgrad import HandgradClassifier, load

ROUNDS = 5
IMAGES = 20_000  # of MNIST
EPOCHS = {"784-128-10 on MNIST": 3, "64-128-10 on the digits": 50}
BATCH_SIZES = (32, 64, 200)  # 200 is MLPClassifier's own


def parts(what: str) -> list[Any]:
    """Training and test samples, training and test labels."""
    if what.endswith("MNIST"):
        data = load("mnist")
        images = [x.reshape(len(x), -1) / 255 for x in (data.x_train[:IMAGES], data.x_test)]
        return [*images, data.y_train[:IMAGES], data.y_test]
    return list(train_test_split(*load_digits(return_X_y=True), random_state=0))


def fitted(model: Any, sets: list[Any], **settings: Any) -> tuple[float, float]:
    """Seconds of the fit, and test accuracy."""
    estimator = model(hidden_layer_sizes=(128,), n_iter_no_change=10**6, **settings)
    begin = time.process_time()
    estimator.fit(sets[0], sets[2])
    return time.process_time() - begin, estimator.score(sets[1], sets[3])


def main() -> None:
    """One row for each network and batch size: medians over rounds, each with a seed of its own."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    print("network | batch | handgrad s | accuracy | MLPClassifier s | accuracy | ratio")
    for what, epochs in EPOCHS.items():
        sets = parts(what)
        fitted(HandgradClassifier, sets, max_iter=1)  # loads kernels
        for size in BATCH_SIZES:
            rows = []
            for seed in range(ROUNDS):
                settings = {"max_iter": epochs, "batch_size": size, "random_state": seed}
                ours, theirs = (fitted(model, sets, **settings) for model in (HandgradClassifier, MLPClassifier))
                rows.append((*ours, *theirs, theirs[0] / ours[0]))
            numbers = [median(column) for column in zip(*rows, strict=True)]
            print(what, size, *(f"{number:.3f}" for number in numbers), sep=" | ", flush=True)


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
