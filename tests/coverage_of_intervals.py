"""How often the intervals that handgrad prints hold what they promise, in worlds whose truth is known.

    PYTHONPATH=src:. python -m tests.coverage_of_intervals [REPETITIONS [PART ...]]

prints the rows of docs/intervals.md, in Markdown: 200 repetitions unless said otherwise, a minute for the short parts,
half an hour for `recommendation`. Every row says what is covered; a share is that of intervals with the truth in them.
"""

import os
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from tests.sweeps.planted import additive, planted, sweep_over
from tests.sweeps.worlds import MeasuredOn, ValueType, World, probability, recommended

from handgrad.evaluation import compare, mcnemar, mean_interval, over_seeds, wilson
from handgrad.evaluation.difference import counted
from handgrad.sweeps.analysis import analyse as recommending
from handgrad.sweeps.analysis.effects import effects, restrict
from handgrad.sweeps.analysis.importance import importances, pearson
from handgrad.sweeps.analysis.leaderboard import configurations, leaderboard, timeline
from handgrad.sweeps.analysis.model import factors

FIRST_WORLD = int(os.environ.get("HANDGRAD_FIRST_WORLD", "0"))  # 500000: worlds on which no constant was settled
EFFECTS = {
    "optimizer": {"sgd": -0.08, "momentum": -0.03},
    "activation": {"sigmoid": -0.05},
    "epochs": {10: 0.012},
    "batch_size": {16: 0.01, 64: -0.01},
}


class Row(NamedTuple):
    """A line of the table; the width is the median, in the unit of the interval."""

    what: str
    where: str
    covered: float
    width: float

    def __str__(self) -> str:
        return f"| {self.what} | {self.where} | {100 * self.covered:.1f} % | {self.width:.2g} |"


def row(what, where, intervals, truths) -> Row:
    """From intervals and what each should hold."""
    inside = [each.low <= truth <= each.high for each, truth in zip(intervals, truths, strict=True)]
    return Row(what, where, float(np.mean(inside)), float(np.median([each.high - each.low for each in intervals])))


def images(times: int) -> Iterator[Row]:
    """Wilson's interval of one network's accuracy, on images like those it was measured on."""
    rng = np.random.default_rng(1)
    for share, size in ((0.9, 144), (0.9, 6000), (0.98, 10_000), (0.998, 360)):
        rights = rng.binomial(size, share, 10 * times).tolist()
        yield row(
            "Wilson, accuracy of one run",
            f"{share:.1%} of {size:,}",
            [wilson(r, size) for r in rights],
            [share] * len(rights),
        )


def seeds(times: int) -> Iterator[Row]:
    """Student's interval over seeds, of the mean over all seeds: on these test images, and on all such images."""
    rng = np.random.default_rng(2)
    for count in (3, 5, 10):
        means = 0.9 + 0.003 * rng.standard_normal((10 * times, count))
        yield row(
            f"Student, {count} seeds",
            "mean over seeds, these images",
            [mean_interval(each.tolist()) for each in means],
            [0.9] * len(means),
        )
    shared = 0.9 + 0.003 * rng.standard_normal((10 * times, 3)) + 0.003 * rng.standard_normal((10 * times, 1))
    yield row(
        "Student, 3 seeds",
        "mean over seeds, any images (10,000)",
        [mean_interval(each.tolist()) for each in shared],
        [0.9] * len(shared),
    )
    for first, second in ((3, 3), (5, 5), (3, 10)):
        one, other = (
            0.9 + 0.002 * rng.standard_normal((10 * times, first)),
            0.9 + 0.006 * rng.standard_normal((10 * times, second)),
        )
        found = [compare(over_seeds(a.tolist()), over_seeds(b.tolist())) for a, b in zip(one, other, strict=True)]
        yield row(
            f"Welch, {first} against {second} seeds", "difference of means, these images", found, [0.0] * len(found)
        )


def crossval(times: int) -> Iterator[Row]:
    """Student's over folds, of nearest-centroid classifiers: the accuracy of one on average over training sets."""
    rng = np.random.default_rng(3)
    for folds, size in ((5, 200), (10, 200), (5, 1000)):
        found, actual = [], []
        for _ in range(times):
            x, y = _clouds(rng, size)
            parts = np.array_split(rng.permutation(size), folds)
            rest = [np.setdiff1d(np.arange(size), part) for part in parts]
            found.append(mean_interval([_centroids(x[r], y[r], x[p], y[p]) for r, p in zip(rest, parts, strict=True)]))
            actual.append(_centroids(x[rest[0]], y[rest[0]], *_clouds(rng, 2000)))
        yield row(
            f"Student, {folds} folds", f"accuracy on average, {size:,} images", found, [float(np.mean(actual))] * times
        )


def _clouds(rng, size):
    y = rng.integers(0, 2, size)
    return rng.standard_normal((size, 10)) + 0.45 * y[:, None], y


def _centroids(x, y, new, labels) -> float:
    near, far = (np.linalg.norm(new - x[y == k].mean(axis=0), axis=1) for k in (0, 1))
    return float(np.mean((far < near) == labels))


def pairs(times: int) -> Iterator[Row]:
    """The difference of two accuracies: McNemar's of the same images, the recipes' from counts of different ones."""
    rng = np.random.default_rng(4)
    for size, only_first, only_second in (
        (100, 0.1, 0.06),
        (360, 0.02, 0.01),
        (360, 0.01, 0.01),
        (10_000, 0.01, 0.008),
        (10_000, 0.05, 0.01),
    ):
        found = []
        for _ in range(2 * times):
            cell = rng.choice(3, size, p=[only_first, only_second, 1 - only_first - only_second])
            found.append(mcnemar(cell == 0, cell == 1).difference)
        yield row(
            "McNemar, difference of two runs",
            f"{only_first:.1%} and {only_second:.1%} of {size:,} differ",
            found,
            [only_first - only_second] * len(found),
        )
    for size, first, second in ((20, 0.9, 0.8), (10_000, 0.89, 0.88)):
        rights = zip(
            rng.binomial(size, first, 5 * times).tolist(), rng.binomial(size, second, 5 * times).tolist(), strict=True
        )
        found = [compare(counted(a, size, 1), counted(b, size, 1)) for a, b in rights]
        yield row(
            "recipes, two printed accuracies",
            f"{first:.0%} and {second:.0%} of {size:,}",
            found,
            [first - second] * len(found),
        )


def correlation(times: int) -> Iterator[Row]:
    """Of normal numbers with a correlation of 0.5."""
    rng = np.random.default_rng(5)
    for size in (10, 40):
        drawn = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], (5 * times, size))
        yield row(
            "Fisher, correlation", f"{size} configurations", [pearson(*each.T) for each in drawn], [0.5] * len(drawn)
        )


def _seen(sweep, trials):
    ranked = configurations(sweep, trials)
    found = factors(sweep.definition, [each.values for each in ranked])
    return ranked, found, restrict(found, ranked, 1)


def sweeps(times: int) -> Iterator[Row]:
    """A sweep's effects, where nothing interacts and weight decay 0.5 is degenerate; its slope in time, its board."""
    sweep, truth = sweep_over(), additive(EFFECTS, floor={("weight_decay", 0.5): 0.1})
    for count in (20, 40, 100):
        for greed, search in ((0.0, "random"), (0.7, "greedy")):
            found, actual = [], []
            for seed in range(times):
                _, _, near = _seen(sweep, planted(sweep, truth, count, seed=seed, greed=greed))
                for each in effects(near):
                    if near.adjusted and not (each.degenerate or each.per or each.where):
                        of = EFFECTS.get(each.name, {})
                        found.append(each.difference)
                        actual.append(of.get(each.value, 0) - of.get(each.reference, 0))
            if found:
                yield row("sweep, effect of a value", f"{count} trials, {search} search", found, actual)
    lines = [timeline(sweep, planted(sweep, additive({}), 20, seed=seed)).slope for seed in range(times)]
    yield row("sweep, slope in time", "20 trials, nothing changes", lines, [0.0] * times)
    found, actual = [], []
    for seed in range(times):
        trials = planted(sweep, additive(EFFECTS), 20, seed=seed, seeds=3)
        for each in leaderboard(sweep, configurations(sweep, trials), MeasuredOn(0)):
            found.append(each.objective)
            actual.append(additive(EFFECTS)(each.values))
    yield row("sweep, leaderboard over seeds", "20 configurations, 3 seeds, all ranks", found, actual)
    best = slice(0, None, 20)
    yield row("sweep, leaderboard over seeds", "the first of 20, which was chosen", found[best], actual[best])


def importance(times: int) -> Iterator[Row]:
    """The share of the variance over the space, by enumeration, where effects add up."""
    sweep, truth = sweep_over(), additive(EFFECTS)
    grid = list(sweep.definition.configurations())
    whole = np.var([truth(values) for values in grid])
    shares = {
        name: np.var([EFFECTS.get(name, {}).get(v, 0.0) for v in sweep.definition.grid(name)]) / whole
        for name in grid[0]
    }
    for count in (20, 60):
        found, actual = [], []
        for seed in range(max(5, times // 5)):
            ranked, each, near = _seen(sweep, planted(sweep, truth, count, seed=seed))
            for found_share in importances(each, [one.values for one in ranked], near.y, sweep.definition):
                found.append(found_share.share)
                actual.append(shares[found_share.name])
        yield row("sweep, importance", f"{count} trials", found, actual)


PLAIN = ValueType()
KINDS = {
    "additive": PLAIN,
    "degenerate level": PLAIN._replace(degenerate=True),
    "interactions": PLAIN._replace(pairs=4),
}
OTHERS = {
    "nothing matters": PLAIN._replace(size=0.0),
    "seed deviation 0.001": PLAIN._replace(seed_noise=0.001),
    "seed deviation 0.01": PLAIN._replace(seed_noise=0.01),
    "500 images": PLAIN._replace(images=500),
    "learning search": PLAIN._replace(search="bayes"),
    "two parameters": PLAIN._replace(listed=2),
    "errors of 2 %": PLAIN._replace(base=0.02, seed_noise=0.001),
    "breaks down above a rate": PLAIN._replace(cliff=True, degenerate=True),
    "ten parameters, triples, degenerate": PLAIN._replace(
        pairs=4, triples=2, degenerate=True, listed=8, continuous=("learning_rate", "dropout")
    ),
}


def recommendation(times: int) -> Iterator[Row]:
    """Another run of what is recommended: its probability to end inside, so that few repetitions tell much."""
    drawn: dict[str, list] = {}
    draws = recommending.draws

    def draw_once(definition):
        key = repr(definition.parameters)
        drawn[key] = drawn.get(key) or draws(definition)
        return drawn[key]

    recommending.draws = draw_once
    try:
        for name, kind in {**KINDS, **OTHERS}.items():
            for count in (20, 40, 100) if name in KINDS else (40,):
                yield of_world(name, kind, count, times)
    finally:
        recommending.draws = draws


def of_world(name: str, kind: ValueType, count: int, times: int) -> Row:
    """Of so many sweeps in worlds of a kind."""
    inside, widths = [], []
    for seed in range(times):
        world = World(kind, FIRST_WORLD + 1000 * count + seed)
        values, expected = recommended(world, count)
        inside.append(probability(world, values, expected))
        widths.append(100 * (expected.high - expected.low))
    return Row(
        "sweep, “expect”: another run", f"{name}, {count} trials", float(np.mean(inside)), float(np.median(widths))
    )


PARTS: dict[str, Callable[[int], Iterator[Row]]] = {
    each.__name__: each for each in (images, seeds, crossval, pairs, correlation, sweeps, importance, recommendation)
}


def main(tokens: list[str]) -> None:
    """Print the table."""
    times = int(tokens[0]) if tokens else 200
    print("| Interval, nominal 95 % | What is covered, and where | Covered | Median width |\n|---|---|---|---|")
    for name in tokens[1:] or PARTS:
        for each in PARTS[name](times):
            print(each, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
