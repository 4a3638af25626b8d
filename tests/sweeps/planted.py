"""Sweeps whose truth is known: trials made up from planted effects, noise, and a search that may be biased."""

from pathlib import Path

import numpy as np

from handgrad.config import RunConfig
from handgrad.sweeps import Metric, SweepDefinition
from handgrad.sweeps.folder import Settings, Sweep
from handgrad.sweeps.space import Categorical
from handgrad.sweeps.store import FINISHED, Trial

SPACE = {
    "optimizer": ("sgd", "momentum", "rmsprop", "adam"),
    "activation": ("sigmoid", "tanh", "relu"),
    "weight_decay": (0.0, 0.0005, 0.5),
    "epochs": (5, 10),
    "batch_size": (16, 32, 64),
    "weight_init": ("random", "xavier"),
}


def sweep_over(space=None, metric=None, method="random", seeds=1):
    """A sweep that is nowhere on disk; lists stand for listed values."""
    parameters = {
        name: each if not isinstance(each, tuple | list) else Categorical(tuple(each))
        for name, each in (space or SPACE).items()
    }
    definition = SweepDefinition(parameters, metric=metric or Metric(), method=method)
    base = RunConfig(dataset="digits", schedule="constant", dropout=0, batch_norm=False)
    return Sweep(Path("sweeps/planted"), definition, base, Settings(method, seeds=seeds))


def trial(number, values, objective, state=FINISHED, **more):
    """A trial of a minute, begun a minute after the one before it."""
    facts = {"run": f"run-{number}", "seed": 0, "seconds": 60.0, "began": 1e9 + 60.0 * number, **more}
    return Trial(number, values, state=state, objective=objective, **facts)


def planted(sweep, truth, count, noise=0.01, seed=0, greed=0.0, seeds=1):
    """`count` configurations with objective truth(values) + noise, each with so many `seeds`.

    With `greed`, each next one is the best so far with one value drawn anew, so often: as a search that concentrates.
    """
    rng, trials, best, seen = np.random.default_rng(seed), [], None, set()
    sign = 1 if sweep.definition.metric.goal == "maximize" else -1
    while len(seen) < count:
        values = sweep.definition.sample(rng)
        if best is not None and rng.random() < greed:
            names = rng.permutation(list(values))[:2]
            values = {**best[1], **{name: values[name] for name in names}}
        key = sweep.definition.key(values)
        if key in seen:
            continue
        seen.add(key)
        for replicate in range(seeds):
            objective = float(truth(values) + noise * rng.standard_normal())
            trials.append(trial(len(trials), values, objective, seed=replicate, replicate=replicate))
            if best is None or sign * objective > best[0]:
                best = sign * objective, values
    return trials


def additive(effects, base=0.85, floor=None):
    """A sum of `base` and what `effects[name][value]` say; `floor` maps (name, value) to where everything ends."""

    def truth(values):
        for name, value in (floor or {}).items():
            if values[name[0]] == name[1]:
                return value
        return base + sum(effects[name].get(values[name], 0.0) for name in effects)

    return truth
