"""One contender trains one workload, alone in this process, and prints what it measured as one line of JSON."""

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from handgrad.bench.contenders import CONTENDERS
from handgrad.bench.contenders.contender import CannotExpressError, Contender, Task, epoch_orders, initial_weights
from handgrad.bench.peak_memory import peak_bytes
from handgrad.bench.workloads import IMAGES, WORKLOADS
from handgrad.data import Dataset, load


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the line; what the contender cannot do is a reason in it, not an error."""
    options = _parser().parse_args(arguments)
    print(json.dumps(measured(options)))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m handgrad.bench.worker", description=__doc__)
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("workload", choices=WORKLOADS)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--images", type=int, default=IMAGES, help="of the training set; rounded down to whole batches")
    parser.add_argument("--dataset", help="another one than the workload's own")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    return parser


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """Seconds of each epoch, steps an epoch, peak memory of the training, and accuracy on the test set."""
    try:
        kind = contender_class(options.contender)
        data = load(options.dataset or WORKLOADS[options.workload].dataset)
        contender = kind(_task(options, data))
    except CannotExpressError as reason:
        return {"skipped": str(reason)}
    images = len(contender.task.images)
    seconds = contender.train(epoch_orders(images, options.seed, options.epochs))
    peak = peak_bytes()
    right = contender.logits(data.x_test).argmax(axis=1) == data.y_test
    return {
        "epoch_seconds": seconds,
        "steps": images // contender.task.workload.batch,
        "image_shape": list(data.image_shape),
        "peak_bytes": peak,
        "accuracy": float(np.mean(right)),
    }


def _task(options: argparse.Namespace, data: Dataset) -> Task:
    workload = WORKLOADS[options.workload]
    images = min(options.images, len(data.x_train)) // workload.batch * workload.batch
    weights = initial_weights(workload.layers, data.image_shape, options.seed)
    part = slice(0, images)
    return Task(workload, data.x_train[part], data.y_train[part], weights, options.seed, options.threads)


def contender_class(name: str) -> type[Contender]:
    """Import a contender.  Raises  CannotExpressError when its package is not installed."""
    module, _, kind = CONTENDERS[name].place.partition(":")
    missing = [package for package in CONTENDERS[name].packages if find_spec(package) is None]
    if missing:
        raise CannotExpressError(f"not installed: python -m pip install {' '.join(missing)}")
    found: type[Contender] = getattr(importlib.import_module(module), kind)
    return found


if __name__ == "__main__":
    sys.exit(main())
