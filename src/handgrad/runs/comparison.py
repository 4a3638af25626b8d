"""Any runs side by side: what they reached, what differs between them, and what that difference shows."""

import math
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

from handgrad.config import OF_DATA, RunConfig
from handgrad.config.describe import LAYER_SETTINGS, effective, effective_differences, idle, resolved
from handgrad.config.lookup import setting_name
from handgrad.errors import UsageError
from handgrad.evaluation import Difference, Interval, McNemar, Predictions, Summary, holm, mcnemar, mean_share
from handgrad.evaluation.difference import compare as unpaired
from handgrad.evaluation.difference import counted, over_images, over_seeds, paired
from handgrad.evaluation.metrics import summarise
from handgrad.evaluation.predictions import same_images
from handgrad.runs.predictions import Progress, distinct, predictions_of_all
from handgrad.runs.store import Run

# Settings that decide which images make a step.
OF_BATCHES = {"dataset", "data", "fold", "train_fraction", "validation_fraction", "batch_size"}
# What reports call a part of a setting: a kernel is a choice of `model`, its numbers are `model_options`.
STATED_AS = {"kernel": "model", "C": "model_options", "svm_gamma": "model_options"}
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Setup(NamedTuple):
    """All that decides a run: settings, fingerprint of the data, file of the first weights (None: drawn)."""

    config: RunConfig
    data: str = ""
    start: str | None = None

    def value(self, name: str) -> Any:
        """What one of the names in `differing` stands for here."""
        special = {"data": self.data[:8], "model_path": self.start}
        return special[name] if name in special else effective(self.config, name)

    def command(self, seeds: int = 1) -> str:
        """The command that trains it, with as many seeds from its own on."""
        start = f" --model_path {shlex.quote(self.start)}" if self.start else ""
        return self.config.command() + start + (f" --seeds {seeds}" if seeds > 1 else "")


class Missing(NamedTuple):
    """A controlled run that nobody made: the first of two configurations with one `setting` as in the second."""

    setting: str
    command: str


def setup_of(run: Run) -> Setup:
    """What the run was started from, by its folder."""
    facts = run.facts
    return Setup(run.config, str(facts.get("data", "")), facts.get("start"))


def differing(one: Setup, other: Setup) -> dict[str, tuple[Any, Any]]:
    """The settings, the seed apart, in which two runs differ to any effect, each with both values.

    `data` is among them when one name stood for different images, `model_path` when they began with other weights.
    """
    found = effective_differences(one.config, other.config)
    found.pop("seed", None)
    if not found.keys() & set(OF_DATA) and one.data and other.data and one.data != other.data:
        found["data"] = one.value("data"), other.value("data")
    if one.data and one.data == other.data:
        found.pop("dataset", None)  # one file by two names
    if one.start != other.start:
        found["model_path"] = one.value("model_path"), other.value("model_path")
    return found


def confounders(differing: Mapping[str, tuple[Any, Any]], cause: Iterable[str] = ()) -> dict[str, tuple[Any, Any]]:
    """What differs besides the cause, by any names of its settings; without a cause, a single difference is it."""
    meant = names_of(cause)
    others = {name: values for name, values in differing.items() if name not in meant}
    return others if meant or len(others) > 1 else {}


def names_of(cause: Iterable[str]) -> set[str]:
    """The settings that a cause names, as reports or as runs call them."""
    names = set(map(setting_name, cause))
    return names | {STATED_AS[name] for name in names & STATED_AS.keys()}


class Side(NamedTuple):
    """One of two configurations that are compared: a setup and a value for each run.

    `predictions` are those of the images that the values are shares of, where they are; `step` is what the values are
    multiples of, where they are.
    """

    setups: Sequence[Setup]
    values: Sequence[float]
    predictions: Callable[[], Sequence[Predictions]] | None = None
    step: float = 0.0


def between(one: Side, other: Side, by: float = 0.0, scale: float = 1.0) -> Difference:
    """The mean of one less that of the other, against `by`; a whole share is written as `scale`.

    Over the images, the same or not, where each side predicts the same with every seed, or has one; else over pairs of
    runs with the same seed, images and batches; else unpaired (Welch).
    """
    steady = len(set(one.values)) == len(set(other.values)) == 1
    if steady and one.predictions and other.predictions:
        first, second = one.predictions(), other.predictions()
        alike = all((each.right == side[0].right).all() for side in (first, second) for each in side)
        if alike and same_images(first[0], second[0]):
            return over_images(first[0].right, second[0].right, by, scale)
        setups = [*one.setups[:1], *other.setups[:1]]
        if alike and len(setups) == 2 and not {"dataset", "data"} & differing(*setups).keys():
            a, b = (counted(int(each[0].right.sum()), len(each[0].right), scale) for each in (first, second))
            return unpaired(a, b, by)._replace(how="not over the same images")
    why = _unpaired(one, other)
    if why:
        a, b = (over_seeds(side.values, side.step) for side in (one, other))
        return unpaired(a, b, by)._replace(how=f"unpaired: {why}")
    values = {setup.config.seed: value for setup, value in zip(other.setups, other.values, strict=True)}
    return paired(one.values, [values[setup.config.seed] for setup in one.setups], by, one.step)


def _unpaired(one: Side, other: Side) -> str:
    """Why the runs of two sides are no pairs; nothing where they are."""
    if not (one.setups and other.setups):
        return "an ensemble has no run of its own"
    seeds, others = ({setup.config.seed for setup in side.setups} for side in (one, other))
    if seeds != others:
        return (
            f"{len(seeds)} seeds against {len(others)}{' others' * (len(seeds) == len(others))}; add some with --seeds"
        )
    names = [name for name in differing(one.setups[0], other.setups[0]) if name in OF_BATCHES]
    return f"{' and '.join(names)} differ{'s' if len(names) == 1 else ''}" if names else ""


def missing_runs(base: Setup, other: Setup, existing: Sequence[Setup], seeds: int = 1) -> list[Missing]:
    """The runs that differ from `base` in one of the settings alone in which `other` does, and are not in `existing`.

    Settings that cannot be changed alone are left out.
    """
    names = differing(base, other)
    found = []
    for name in names:
        candidate = _changed(base, other, name, set(names))
        if candidate is None or set(differing(base, candidate)) != {name}:
            continue
        if all(differing(candidate, setup) for setup in existing):
            found.append(Missing(name, candidate.command(seeds)))
    return found


def _changed(base: Setup, other: Setup, name: str, names: set[str]) -> Setup | None:
    if name == "data":  # no setting brings back what a folder held
        return None
    if name == "model_path":
        return base._replace(config=base.config.replaced(name=None), start=other.start)
    try:
        config = with_setting_of(base.config, other.config, name, names)
    except UsageError:
        return None
    return base._replace(config=config, data=other.data if name in OF_DATA else base.data)


class Member(NamedTuple):
    """One run and its numbers on the test images; the last three as metrics.json has them, or None."""

    run: Run
    setup: Setup
    predictions: Predictions
    summary: Summary
    parameters: int | None
    epochs: int | None
    seconds: float | None

    @property
    def seed(self) -> int:
        return self.setup.config.seed

    def to_mapping(self) -> dict[str, Any]:
        own = {"run": self.run.name, "path": str(self.run.path), "seed": self.seed, "parameters": self.parameters}
        return own | {"epochs": self.epochs, "seconds": self.seconds} | self.summary.to_mapping()


class Configuration(NamedTuple):
    """Runs whose settings differ in the seed alone, called by a letter.

    `accuracy` is the mean over seeds with Student's interval, or the only run's with Wilson's over the images.
    """

    letter: str
    members: tuple[Member, ...]

    @property
    def replicates(self) -> tuple[Member, ...]:
        """The first run of each seed, by seed."""
        by_seed = {member.seed: member for member in reversed(self.members)}
        return tuple(by_seed[seed] for seed in sorted(by_seed))

    @property
    def seeds(self) -> int:
        """How many consecutive ones there are from the lowest on."""
        seeds = [member.seed for member in self.replicates]
        return next((count for count, seed in enumerate(seeds) if seed != seeds[0] + count), len(seeds))

    @property
    def accuracies(self) -> list[float]:
        return [member.summary.accuracy.mean for member in self.replicates]

    @property
    def accuracy(self) -> Interval:
        return mean_share(self.accuracies) if len(self.accuracies) > 1 else self.members[0].summary.accuracy

    @property
    def side(self) -> Side:
        """Its accuracies, to be compared with others."""
        members = self.replicates
        return Side([each.setup for each in members], self.accuracies, lambda: [each.predictions for each in members])

    def to_mapping(self) -> dict[str, Any]:
        members = [member.to_mapping() for member in self.members]
        return {"letter": self.letter, "accuracy": self.accuracy.to_mapping(), "runs": members}


class Pair(NamedTuple):
    """Two configurations: what differs, and by how much the first is more accurate than the second.

    `over` says what the interval of `difference` is about: "seeds", "images", or "" without one; `how`, whether runs
    were compared in pairs, and if not, why. `adjusted` is McNemar's p-value after Holm's correction over all pairs.
    """

    first: Configuration
    second: Configuration
    differing: dict[str, tuple[Any, Any]]
    difference: Interval
    over: str
    how: str
    test: McNemar | None
    missing: tuple[Missing, ...]
    adjusted: float | None = None

    @property
    def controlled(self) -> bool:
        """Whether one setting alone differs."""
        return not confounders(self.differing)

    @property
    def verdict(self) -> str:
        """What the pair shows: "controlled: only optimizer differs", or "confounded: …"."""
        if self.controlled:
            return f"controlled: only {next(iter(self.differing))} differs"
        *names, last = self.differing
        return f"confounded: {', '.join(names)} and {last} differ"

    def to_mapping(self) -> dict[str, Any]:
        return {
            "first": self.first.letter,
            "second": self.second.letter,
            "verdict": self.verdict,
            "differing": {name: list(values) for name, values in self.differing.items()},
            "difference": self.difference.to_mapping(),
            "interval_over": self.over or None,
            "compared": self.how,
            "mcnemar": self.test.to_mapping() | {"p_holm": self.adjusted} if self.test else None,
            "missing_runs": [each._asdict() for each in self.missing],
        }


class Comparison(NamedTuple):
    """`settings` are those that differ anywhere, with a value for each configuration."""

    configurations: tuple[Configuration, ...]
    settings: dict[str, list[Any]]
    pairs: tuple[Pair, ...]

    def to_mapping(self) -> dict[str, Any]:
        """Everything in types that JSON knows, None for NaN."""
        return {
            "configurations": [each.to_mapping() for each in self.configurations],
            "settings": self.settings,
            "pairs": [pair.to_mapping() for pair in self.pairs],
        }


def compare(runs: Sequence[Run], dataset: str | None = None, progress: Progress = iter) -> Comparison:
    """Evaluate the runs on their test images, or those of the data set named, and set all configurations in pairs.

    Raises  UsageError for fewer than two runs, one given twice, or one without a model; as `predictions_of`.
    """
    if len(runs) < 2:
        raise UsageError("a comparison needs two runs or more")
    return side_by_side(runs, dataset, progress)


def side_by_side(runs: Sequence[Run], dataset: str | None = None, progress: Progress = iter) -> Comparison:
    """`compare` for any number of runs from one on."""
    distinct(runs)
    members = [
        _member(run, predictions)
        for run, predictions in zip(runs, predictions_of_all(runs, "test", dataset, progress), strict=True)
    ]
    configurations = _grouped(members)
    setups = [member.setup for member in members]
    seeds = max(each.seeds for each in configurations)
    pairs = [_pair(first, second, setups, seeds) for first, second in combinations(configurations, 2)]
    return Comparison(configurations, _settings(configurations, pairs), tuple(_adjusted(pairs)))


def _member(run: Run, predictions: Predictions) -> Member:
    metrics = run.metrics
    epochs = len(metrics["epochs"]) if "epochs" in metrics else None
    numbers = metrics.get("parameters"), epochs, metrics.get("seconds")
    return Member(run, setup_of(run), predictions, summarise(predictions), *numbers)


def _grouped(members: Sequence[Member]) -> tuple[Configuration, ...]:
    groups: list[list[Member]] = []
    for member in members:
        home = next((group for group in groups if not differing(group[0].setup, member.setup)), None)
        if home is None:
            groups.append([member])
        else:
            home.append(member)
    return tuple(Configuration(_letter(index), tuple(group)) for index, group in enumerate(groups))


def _letter(index: int) -> str:
    """A to Z, then A2, B2 …"""
    round_, place = divmod(index, len(ALPHABET))
    return ALPHABET[place] + (str(round_ + 1) if round_ else "")


def _pair(first: Configuration, second: Configuration, existing: Sequence[Setup], seeds: int) -> Pair:
    base, other = first.replicates[0].setup, second.replicates[0].setup
    found = differing(base, other)
    missing = missing_runs(base, other, existing, seeds) if len(found) > 1 else []
    compared = between(first.side, second.side)
    test = None
    if compared.how.startswith("McNemar"):
        test = mcnemar(*(side.replicates[0].predictions.right for side in (first, second)))
    over = "" if math.isnan(compared.low) else "images" if test else "seeds"
    difference = Interval(compared.value, compared.low, compared.high, compared.seeds).within(-1, 1)
    return Pair(first, second, found, test.difference if test else difference, over, compared.how, test, tuple(missing))


def _adjusted(pairs: Sequence[Pair]) -> list[Pair]:
    p_values = holm([pair.test.p for pair in pairs if pair.test])
    adjusted = iter(p_values)
    return [pair._replace(adjusted=next(adjusted)) if pair.test else pair for pair in pairs]


def _settings(configurations: Sequence[Configuration], pairs: Sequence[Pair]) -> dict[str, list[Any]]:
    names = {name: None for pair in pairs for name in pair.differing}
    setups = [configuration.members[0].setup for configuration in configurations]
    return {name: [setup.value(name) for setup in setups] for name in names}


def with_setting_of(base: RunConfig, other: RunConfig, name: str, besides: set[str]) -> RunConfig:
    """`base`, nameless, with one setting as in `other`, and those that it brings into use except the ones `besides`.

    Raises  UsageError when the settings do not go together.
    """
    changes = {name: getattr(other, name)}
    if name == "optimizer":
        changes |= {"optimizer_options": other.optimizer_options, "learning_rate": resolved(base).learning_rate}
    elif name in LAYER_SETTINGS and (base.layers or other.layers):
        changes = {"layers": other.layers, "model": other.model}
    elif name == "model":
        changes |= {"model_options": other.model_options}
    elif name == "learning_rate":
        changes = {name: resolved(other).learning_rate}
    elif name == "hidden_size" and "num_layers" not in besides:
        changes |= {"num_layers": other.num_layers}
    changed = base.replaced(**changes, name=None)
    woken = idle(base) - idle(changed) - besides
    return changed.replaced(**{field: getattr(other, field) for field in woken}) if woken else changed
