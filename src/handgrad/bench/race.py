"""One racer trains to an accuracy, alone in this process, and prints its laps as one line of JSON."""

import argparse
import importlib
import json
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from handgrad.bench.contenders.contender import initial_weights
from handgrad.bench.goals import GOAL
from handgrad.bench.racers import RACERS, Entry
from handgrad.data import Dataset, load


class Laps:
    """Seconds since `start`, a reading of time.monotonic, and test accuracy after each epoch."""

    def __init__(self, start: float, target: float) -> None:
        self.start, self.target = start, target
        self.rows: list[dict[str, float]] = []

    def lap(self, accuracy: float) -> bool:
        """Note one; tells whether the target is reached."""
        self.rows.append({"seconds": time.monotonic() - self.start, "accuracy": accuracy})
        return accuracy >= self.target


def main(arguments: Sequence[str] | None = None) -> int:
    """Race, and print the line."""
    parser = argparse.ArgumentParser("python -m handgrad.bench.race", description=__doc__)
    parser.add_argument("racer", choices=RACERS)
    parser.add_argument("--start", type=float, default=time.monotonic(), help="time.monotonic before this process")
    parser.add_argument("--target", type=float, default=0.99)
    parser.add_argument("--dataset", default=GOAL.dataset)
    parser.add_argument("--images", type=int, help="of the training set (default: all)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    print(json.dumps(raced(parser.parse_args(arguments))))
    return 0


def raced(options: argparse.Namespace) -> dict[str, Any]:
    """Laps, and the seconds at which the target was reached, None when it was not."""
    if find_spec(options.racer) is None:
        return {"skipped": f"not installed: python -m pip install {options.racer}"}
    racer = importlib.import_module(RACERS[options.racer])
    data = _part(load(options.dataset), options.images)
    weights = initial_weights(GOAL.layers, data.image_shape, options.seed)
    laps = Laps(options.start, options.target)
    racer.race(Entry(GOAL, data, weights, options.seed, options.threads, laps.lap))
    last = laps.rows[-1]
    return {"seconds": last["seconds"] if last["accuracy"] >= options.target else None, "laps": laps.rows}


def _part(data: Dataset, images: int | None) -> Dataset:
    train = data.x_train[:images], data.y_train[:images]
    return Dataset(data.name, *train, data.x_test, data.y_test, data.class_names, data.fingerprint)


if __name__ == "__main__":
    sys.exit(main())
