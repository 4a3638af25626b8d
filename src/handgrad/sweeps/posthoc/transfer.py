"""Good and diverse configurations of a sweep run on another data set, and what came of them.

Their runs are the trials of a sweep of their own, in sweeps/NAME/transfer/DATASET: they are shared out among processes,
stopped, resumed and counted as those of any sweep. Only what is run is not left to a search.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import ceil, log
from pathlib import Path, PurePath
from statistics import fmean
from typing import Any, NamedTuple

from handgrad.config import RunConfig, decides_training
from handgrad.config.describe import effective_differences, file_name
from handgrad.errors import DivergedError, HandgradError, UsageError
from handgrad.evaluation.tables import Table, ends, markdown, p_value, percent
from handgrad.files import atomic_write, write_object
from handgrad.runs import prepare
from handgrad.runs.comparison import Configuration, Pair, side_by_side
from handgrad.runs.executor.worker import data_set
from handgrad.runs.predictions import Progress
from handgrad.sweeps.analysis.leaderboard import by_configuration
from handgrad.sweeps.analysis.model import is_number
from handgrad.sweeps.analysis.result import CLEAR, IMAGES, SEEDS, Entry
from handgrad.sweeps.database import open_storage
from handgrad.sweeps.definition import SweepDefinition
from handgrad.sweeps.driver import Scheduler
from handgrad.sweeps.folder import Settings, Sweep, changed, create_sweep, open_sweep
from handgrad.sweeps.search import held
from handgrad.sweeps.space import Distribution
from handgrad.sweeps.store import Trial

GOOD_SHARE = 0.25  # of all configurations: with few validation images, too many cannot be distinguished from the best
UNCLAIMED = ""  # the driver of a trial that waits for one


class Pick(NamedTuple):
    """A configuration that was picked; its `distance` from the nearest one picked before, from which `names` differ.

    The first one has no `nearest`, and distance 0.
    """

    entry: Entry
    nearest: Entry | None
    distance: float
    names: tuple[str, ...]


class Choice(NamedTuple):
    """What was picked among the `candidates` best of all configurations that were `tried`."""

    picks: tuple[Pick, ...]
    candidates: int
    tried: int


def good(entries: Sequence[Entry], count: int) -> Sequence[Entry]:
    """Those of the best quarter that cannot be distinguished from the best; more, by rank, where they are too few."""
    quarter = entries[: max(count, ceil(GOOD_SHARE * len(entries)))]
    tied = [entry for entry in quarter if entry.tied]
    return tied if len(tied) >= count else quarter[:count]


def farthest_first(candidates: Sequence[Entry], count: int, apart: Callable[[Entry, Entry], float]) -> list[Entry]:
    """The first candidate, then again and again the one whose nearest picked one is farthest; of equal ones the first.

    Those that differ in nothing from one that was picked are left out, so that there may be fewer than `count`.

    Ref     Gonzalez (1985), Theoretical Computer Science 38
    """
    picked = list(candidates[:1])
    while len(picked) < count:
        farthest = max(candidates, key=lambda each: min(apart(each, other) for other in picked))
        if not min(apart(farthest, other) for other in picked):
            break
        picked.append(farthest)
    return picked


def choose(entries: Sequence[Entry], count: int, definition: SweepDefinition, base: RunConfig) -> Choice:
    """The good ones of a sweep's configurations, `farthest_first`, each with its reason."""
    space, candidates = Space(definition, base), good(entries, count)
    chosen = farthest_first(candidates, count, lambda one, other: space.distance(one.values, other.values))
    picks = [Pick(chosen[0], None, 0.0, ())]
    for place, entry in enumerate(chosen[1:], 1):
        nearest = min(chosen[:place], key=lambda other: space.distance(entry.values, other.values))
        names = tuple(space.parts(entry.values, nearest.values))
        picks.append(Pick(entry, nearest, space.distance(entry.values, nearest.values), names))
    return Choice(tuple(picks), len(candidates), len(entries))


class Space:
    """How far two configurations of a sweep are apart, from 0 to 1: a mean over the parameters that vary.

    Numbers count by their place on the parameter's scale, others by equality; a difference that changes nothing, such
    as in the momentum of two runs with adam, counts as none.

    Ref     Gower (1971), Biometrics 27
    """

    def __init__(self, definition: SweepDefinition, base: RunConfig) -> None:
        self.definition, self.base = definition, base

    def distance(self, one: dict[str, Any], other: dict[str, Any]) -> float:
        return sum(self.parts(one, other).values()) / max(1, len(self.definition.varying))

    def parts(self, one: dict[str, Any], other: dict[str, Any]) -> dict[str, float]:
        """What each parameter that differs to any effect adds, from 0 to 1."""
        configs = [self.definition.to_config(values, self.base) for values in (one, other)]
        names = effective_differences(configs[0], configs[1]).keys() & self.definition.varying
        found = {}
        for name, distribution in self.definition.varying.items():
            if name in names:
                first, second = (place(distribution, values[name]) for values in (one, other))
                found[name] = 1.0 if first is None or second is None else abs(first - second)
        return found


def place(distribution: Distribution, value: Any) -> float | None:
    """Where on its parameter's scale a value lies, from 0 to 1; None where the values are no numbers.

    Listed numbers are evenly spaced in their order; a scale may be logarithmic, or that of the quantiles.
    """
    axis = distribution.axis
    if axis.type == "categorical":
        numbers = sorted({choice for choice in axis.choices if is_number(choice)})
        listed = len(numbers) == len(axis.choices)
        return numbers.index(value) / (len(numbers) - 1) if listed and len(numbers) > 1 else None
    if not axis.natural:
        return distribution.probability(value)
    low, high, at = (log(x) if axis.log else x for x in (axis.low, axis.high, value))
    return (at - low) / (high - low)


def choose_for(sweep: Sweep, entries: Sequence[Entry], top: int, settings: Mapping[str, Any]) -> Choice:
    """The configurations that go over to another data set, with the `settings` that hold for all of them there.

    Raises  UsageError when there is nothing to go over to, or one of the `settings` is what the sweep varied.
    """
    own = sweep.definition.constants.get("dataset", sweep.base.dataset)
    if settings == {"dataset": own} and "dataset" not in sweep.definition.varying:
        raise UsageError(f"{settings['dataset']} is what {sweep.path} was run on: name another data set (--dataset)")
    placed = settings.keys() & {"name", "runs_dir"}
    if placed:
        raise UsageError(
            f"the runs are in a folder of the sweep's, called by their settings: leave --{min(placed)} out"
        )
    varied = [name for name in settings if name in sweep.definition.varying and name != "dataset"]
    if varied:
        raise UsageError(f"{varied[0]} is what the sweep varied: leave --{varied[0]} out")
    definition = _transferred(sweep, settings)
    distinct: dict[str, Entry] = {}  # with the values that vary over there; of those that are one there, the best
    for entry in entries:
        values = {name: entry.values[name] for name in definition.varying}
        distinct.setdefault(definition.key(values), entry._replace(values=values))
    return choose(list(distinct.values()), top, definition, sweep.base)


def open_transfer(sweep: Sweep, picks: Sequence[Pick], settings: Mapping[str, Any], seeds: int) -> Sweep:
    """The sweep in transfer/DATASET, made where there is none, with a trial that waits for each configuration.

    Raises  UsageError when a configuration cannot go over, or the folder was begun with other settings;
            FileSystemError, CorruptDataError for a data set that cannot be had.
    """
    definition = _transferred(sweep, settings)
    trackers = {name: value for name, value in settings.items() if not decides_training(name)}
    base = sweep.base.replaced(**{"wandb_group": f"{sweep.name}-{settings['dataset']}"} | trackers)
    # Build every network once, before anything is trained
    for each in picks:
        config = definition.to_config(each.entry.values, base)
        dataset = data_set(config)
        try:
            prepare(config, dataset)
        except HandgradError as error:
            trial = each.entry.trials[0]
            raise UsageError(
                f"trial {trial.number}, {trial.run}, cannot be transferred to {config.dataset}: {error}"
            ) from error
    path = sweep.path / "transfer" / file_name(PurePath(settings["dataset"]).stem)
    fresh = Settings("random", seed=sweep.settings.seed, seeds=seeds, configurations=len(picks))
    if (path / "sweep.json").exists():
        there = open_sweep(path)
        if (there.definition, there.base) != (definition, base):
            raise UsageError(f"{path} was begun with other settings: give the same ones, or move it away")
    else:
        there = create_sweep(path, definition, base, fresh)
    return _enqueued(changed(there, seeds=max(seeds, there.settings.seeds)), picks)


def _transferred(sweep: Sweep, settings: Mapping[str, Any]) -> SweepDefinition:
    """The sweep's space with some settings held; each configuration is trained to its end."""
    definition, metric = sweep.definition, sweep.definition.metric
    if metric.goal != "target":
        metric = dataclasses.replace(metric, target=None)
    return dataclasses.replace(
        held(definition, settings), metric=metric, early_terminate=None, run_cap=None, notices=()
    )


def _enqueued(there: Sweep, picks: Sequence[Pick]) -> Sweep:
    """With a trial of each configuration in the study, for a driver to find as one that another left behind."""
    with open_storage(there.storage_url) as (_, storage):
        store = there.store(storage)
        scheduler = Scheduler(there, store)
        for each in picks:
            if there.definition.key(each.entry.values) not in store.configurations():
                scheduler.begin(each.entry.values, UNCLAIMED)
        there = changed(there, configurations=len(store.configurations()))
        there.save(store.trials())
    return there


class Row(NamedTuple):
    """A configuration there: mean accuracy on its validation images, and on the test images with an interval over
    "seeds" or "images"."""

    pick: Pick
    configuration: Configuration
    validation: float

    @property
    def over(self) -> str:
        """What the interval of `test` is over."""
        return SEEDS if len(self.configuration.accuracies) > 1 else IMAGES


class Outcome(NamedTuple):
    """`rows`, the best on validation images first, and what each pair of them differs by on test images.

    `settings` hold for all of them there; `failed` have no result.
    """

    sweep: str
    dataset: str
    settings: dict[str, Any]
    choice: Choice
    rows: tuple[Row, ...]
    pairs: tuple[Pair, ...]
    failed: tuple[Trial, ...]


def outcome_of(
    sweep: Sweep, there: Sweep, choice: Choice, settings: Mapping[str, Any], watch: Progress = iter
) -> Outcome:
    """The picked configurations by their runs over there, whose networks are evaluated on the test images.

    Raises  DivergedError when none of them has come to a result; as `predictions_of`.
    """
    of_key = {there.definition.key(pick.entry.values): pick for pick in choice.picks}
    trials = [trial for trial in there.trials() if there.definition.key(trial.values) in of_key]
    failed = tuple(trial for trial in trials if not trial.rated)
    groups = by_configuration(there.definition, (trial for trial in trials if trial.rated))
    if not groups:
        raise DivergedError(f"no configuration has a result in {there.path}: {failed[0].why}")
    means = {
        key: fmean(there.run(trial).metrics["validation"]["accuracy"] for trial in group)
        for key, group in groups.items()
    }
    order = sorted(groups, key=lambda key: -means[key])
    runs = {there.run(trial).name: key for key in order for trial in groups[key]}
    comparison = side_by_side([there.run(trial) for key in order for trial in groups[key]], None, watch)
    keys = [runs[configuration.members[0].run.name] for configuration in comparison.configurations]
    rows = tuple(
        Row(of_key[key], configuration, means[key])
        for key, configuration in zip(keys, comparison.configurations, strict=True)
    )
    return Outcome(sweep.name, str(settings["dataset"]), dict(settings), choice, rows, comparison.pairs, failed)


def apart(pair: Pair) -> bool:
    """Whether two configurations can be distinguished: by McNemar's test with Holm's correction, or over seeds."""
    if pair.over == SEEDS:
        return not pair.difference.low <= 0 <= pair.difference.high
    return pair.adjusted is not None and pair.adjusted < CLEAR


def choice_in_words(outcome: Outcome) -> Iterator[str]:
    """How the configurations were chosen, a line each."""
    picks, candidates, tried = outcome.choice
    yield (
        f"{len(picks)} of {tried} configurations of {outcome.sweep}, chosen among the {candidates} best: "
        "first the best, then each time the one farthest from those chosen before"
    )
    for each in picks:
        trial, rank = each.entry.trials[0], each.entry.rank
        why = "the best"
        if each.nearest:
            why = f"{each.distance:.2f} from trial {each.nearest.trials[0].number}: other {', '.join(each.names)}"
        yield f"trial {trial.number}, {trial.run}: rank {rank}, {why}"


def table_of(outcome: Outcome) -> Table:
    """A row for each configuration that has come to a result."""
    rows = tuple(
        (
            row.configuration.letter,
            str(row.pick.entry.trials[0].number),
            percent(row.validation),
            percent(row.configuration.accuracy.mean),
            ends(row.configuration.accuracy),
            f"{len(row.configuration.members)} {'seed' if len(row.configuration.members) == 1 else 'seeds'}",
        )
        for row in outcome.rows
    )
    columns = ("", "trial", "validation %", "test %", "95 % interval", "of")
    return Table(f"Accuracy on {outcome.dataset}, the best on validation images first", columns, rows)


def pairs_in_words(outcome: Outcome) -> Iterator[str]:
    """What each pair can log, a line each."""
    for pair in outcome.pairs:
        first, second = pair.first.letter, pair.second.letter
        points = f"{first} against {second}: {100 * pair.difference.mean:+.2f} points"
        if not pair.over:
            yield f"{points}, no interval, {pair.how}"
            continue
        low, high = (f"{100 * end:+.2f}" for end in (pair.difference.low, pair.difference.high))
        test = f", {pair.how}"
        if pair.adjusted is not None:
            test = f", McNemar's test with Holm's correction p {p_value(pair.adjusted)}"
        yield f"{points} [{low}, {high}]{test}: {'distinguished' if apart(pair) else 'not distinguished'}"


def save(folder: Path, outcome: Outcome) -> None:
    """Write transfer.json and transfer.md."""
    letters = {row.pick.entry.trials[0].number: row for row in outcome.rows}
    content = {
        "sweep": outcome.sweep,
        "dataset": outcome.dataset,
        "settings": outcome.settings,
        "tried": outcome.choice.tried,
        "candidates": outcome.choice.candidates,
        "configurations": [_pick(each, letters.get(each.entry.trials[0].number)) for each in outcome.choice.picks],
        "pairs": [pair.to_mapping() | {"told_apart": apart(pair)} for pair in outcome.pairs],
        "failed": [{"run": trial.run, "why": trial.why} for trial in outcome.failed],
    }
    write_object(folder / "transfer.json", content)
    atomic_write(folder / "transfer.md", page(outcome))


def page(outcome: Outcome) -> str:
    """Everything in Markdown."""
    first, *rest = choice_in_words(outcome)
    failed = [f"- {trial.run} failed: {trial.why}" for trial in outcome.failed]
    parts = [
        f"# {outcome.sweep} on {outcome.dataset}",
        f"{first}:",
        "\n".join(f"- {line}" for line in rest),
        markdown(table_of(outcome)).rstrip(),
        "\n".join([*(f"- {line}" for line in pairs_in_words(outcome)), *failed]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _pick(each: Pick, row: Row | None) -> dict[str, Any]:
    entry = each.entry
    chosen = {
        "trial": entry.trials[0].number,
        "run": entry.trials[0].run,
        "values": entry.values,
        "rank": entry.rank,
        "distance": each.distance if each.nearest else None,
        "nearest": each.nearest.trials[0].number if each.nearest else None,
        "differs_in": list(each.names),
    }
    if row is None:
        return chosen | {"letter": None}
    return chosen | {
        "letter": row.configuration.letter,
        "validation_accuracy": row.validation,
        "test_accuracy": row.configuration.accuracy.mean,
        "low": row.configuration.accuracy.to_mapping()["low"],
        "high": row.configuration.accuracy.to_mapping()["high"],
        "over": row.over,
        "images": row.configuration.members[0].summary.images,
        "runs": [member.run.name for member in row.configuration.members],
    }
