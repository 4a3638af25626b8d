"""How long the runs of a sweep take, estimated from a few that are timed."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from handgrad.config import RunConfig, build_dataset, build_layers, data_key
from handgrad.data import Dataset
from handgrad.runs.execution import prepare
from handgrad.sweeps.definition import SweepDefinition
from handgrad.training import Trainer
from handgrad.training.fit import estimate_seconds

PROBES = 8  # configurations that are timed
SAMPLE = 200  # configurations that the mean is taken over


class Cost(NamedTuple):
    """What a run costs: its steps, what these read and write of the optimizer's state, multiplications, activations."""

    steps: float
    updates: float
    products: float
    outputs: float


class Timing(NamedTuple):
    """Seconds per unit of each kind of cost, and twice the relative standard error of a mean of such predictions."""

    rates: tuple[float, ...]
    error: float

    def seconds(self, cost: Cost) -> float:
        return float(np.dot(self.rates, cost))


class Estimate(NamedTuple):
    """Seconds of a trial on average, the least and the most that it may be, and how many were timed."""

    seconds: float
    low: float
    high: float
    timed: int


def cost_of(config: RunConfig, dataset: Dataset) -> Cost:
    """The cost of a run; each weight is multiplied once for every place of the layer's output that it acts on.

    Raises  UsageError where a layer does not fit.
    """
    shape: tuple[int, ...] = dataset.image_shape
    parameters = products = outputs = 0
    for layer in build_layers(config, dataset.classes, shape):
        plan = layer.plan(shape)
        weights = sum(part.size for part in plan.parameters)
        parameters += weights
        products += weights * (int(np.prod(plan.output[1:])) if len(plan.output) > 1 else 1)
        outputs += int(np.prod(plan.output))
        shape = plan.output
    images = len(dataset.y_train) * config.train_fraction * (1 - config.validation_fraction)
    steps = config.epochs * np.ceil(images / config.batch_size)
    seen = config.epochs * images
    return Cost(float(steps), float(steps * parameters), float(seen * products), float(seen * outputs))


def probe(config: RunConfig, dataset: Dataset) -> float:
    """Seconds that the run would take, from some of its steps and one evaluation."""
    return estimate_seconds(Trainer(*prepare(config, dataset)))


def fit(costs: Sequence[Cost], seconds: Sequence[float]) -> Timing:
    """The rates, none negative, whose relative errors are least."""
    times = np.asarray(seconds)
    rows = np.asarray(costs) / times[:, None]
    scale = np.maximum(rows.max(axis=0), 1e-300)
    rates = scipy.optimize.nnls(rows / scale, np.ones(len(times)))[0] / scale
    errors: NDArray[np.float64] = rows @ rates - 1
    freedom = max(1, len(times) - int(np.count_nonzero(rates)))
    return Timing(tuple(rates), 2 * float(np.linalg.norm(errors)) / (freedom * len(times)) ** 0.5)


def estimate(
    definition: SweepDefinition, base: RunConfig, timed: Callable[[RunConfig, Dataset], float] = probe, seed: int = 0
) -> Estimate:
    """Time PROBES runs from the cheapest to the dearest of a sample, and predict the mean of them all.

    Raises  UsageError, FileSystemError, CorruptDataError for a data set that cannot be had, or a network that cannot.
    """
    generator = np.random.default_rng(seed)
    configs = [definition.to_config(definition.sample(generator, base), base) for _ in range(SAMPLE)]
    sets = {data_key(config): config for config in configs}
    loaded = {source: build_dataset(config) for source, config in sets.items()}
    datasets = [loaded[data_key(config)] for config in configs]
    costs = [cost_of(config, dataset) for config, dataset in zip(configs, datasets, strict=True)]
    order = np.argsort([cost.products for cost in costs], kind="stable")
    chosen = order[np.linspace(0, len(order) - 1, PROBES).round().astype(int)]
    timing = fit([costs[i] for i in chosen], [timed(configs[i], datasets[i]) for i in chosen])
    mean = float(np.mean([timing.seconds(cost) for cost in costs]))
    return Estimate(mean, mean / (1 + timing.error), mean * (1 + timing.error), PROBES)
