"""Which runs and sweeps a recipe needs, each once, however many experiments they serve; and how long they take."""

import logging
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from handgrad.claims.document import Document
from handgrad.claims.questions import VARIANTS, Found, Question, Quick, choice
from handgrad.classical import CLASSICAL
from handgrad.classical import estimate as estimate_fit
from handgrad.config import RunConfig, build_dataset, data_key
from handgrad.config.describe import WITHOUT_INFLUENCE, idle, resolved
from handgrad.data import load
from handgrad.errors import ERROR, Diagnostic, HandgradError, UsageError
from handgrad.reproduce.sweep_claims import check_effect
from handgrad.reproduce.tasks import Finds, PlannedSweep, Task, config_of, digest_of, over, plan_sweep, with_settings
from handgrad.runs import diagnose_each, make_trainer, prepare, prepare_classical
from handgrad.sweeps.timing import estimate as estimate_trial
from handgrad.training.fit import estimate_seconds

log = logging.getLogger("handgrad")

APART = WITHOUT_INFLUENCE - {"evaluate_every", "log_every", "log_test", "log_units"} | {"seed"}
START_SECONDS = 3.0  # of a process
RUN_SECONDS = 0.3  # loading data, writing the folder, measuring at the end
# What a step's time does not hang on.
WITHOUT_COST = ("seed", "schedule", "learning_rate", "weight_init", "momentum", "beta", "beta1", "beta2", "log_test")


class Choice(NamedTuple):
    """What is asked for: some questions or all, a quick version, other seeds or images than the recipe's."""

    questions: tuple[str, ...] = ()
    quick: bool = False
    seeds: int | None = None
    dataset: str | None = None


class Plan(NamedTuple):
    """The questions to answer; the sweeps, and the runs, one a seed, of each experiment in each of its variants.

    `swept` has, by experiment and open setting, one run at each value at which claims are judged. What a sweep finds or
    tunes has no runs before that is over: `lacking` says which have none, and why.
    """

    document: Document
    choice: Choice
    folder: Path
    questions: list[Question]
    seeds: int
    runs: dict[tuple[str, str], tuple[RunConfig, ...]]
    swept: dict[tuple[str, str], tuple[RunConfig, ...]]
    sweeps: dict[str, PlannedSweep]
    lacking: dict[tuple[str, str], str]

    def origin(self, key: tuple[str, str]) -> str | None:
        """The sweep that finds or tunes an experiment in a variant."""
        found = self.document.origin(key[0]).found
        return found.sweep if found else self.document.tuned_by(key[0]) if key[1] != VARIANTS[0] else None

    def tuning(self, name: str) -> str:
        """What tuned an experiment, as in "learning rate: 8 trials, 10% of the training images held out"."""
        sweep = str(self.document.tuned_by(name))
        planned, title = self.sweeps[sweep], self.document.sweeps[sweep].title or sweep
        return (
            f"{title}: {planned.wanted} trials, {planned.base.validation_fraction:.0%} of the training images held out"
        )

    @property
    def trials(self) -> str:
        """As in "400 trials in 2 sweeps"; nothing without any."""
        count = len(self.sweeps)
        trials = sum(planned.wanted for planned in self.sweeps.values())
        return f"{trials:,} trials in {'one sweep' if count == 1 else f'{count} sweeps'}" if count else ""

    @property
    def tasks(self) -> list[Task]:
        """What can be done now: the sweeps, which take longest, then every run."""
        return [*self.sweeps.values(), *self.distinct]

    @property
    def distinct(self) -> list[RunConfig]:
        """Every run once."""
        swept = [config for configs in self.swept.values() for config in configs]
        return list({str(config.name): config for config in [*self.of(self.runs), *swept]}.values())

    def of(self, keys: Iterable[tuple[str, str]]) -> list[RunConfig]:
        """The runs of some experiments in a variant, each once."""
        return list({str(config.name): config for key in keys for config in self.runs[key]}.values())

    @property
    def experiments(self) -> list[str]:
        """All that something is asked of, in the document's order."""
        wanted = wanted_experiments(self.document, self.questions)
        return [name for name in self.document.experiments if name in wanted]


def make_plan(document: Document, chosen: Choice, folder: Path) -> Plan:
    """The runs go into `folder`/runs, by names that tell their settings: a change of the recipe makes other runs.

    Raises  UsageError for a document without questions, an unknown question, or settings that do not go together.
    """
    questions = chosen_questions(document, chosen.questions)
    seeds = chosen.seeds or (document.quick.seeds if chosen.quick else document.seeds)
    sweeps = {}
    for name in wanted_sweeps(document, questions):
        planned, quick = plan_sweep(document, name, folder / "sweeps", chosen.dataset), document.quick
        if chosen.quick:
            settings = replace(planned.settings, configurations=min(planned.wanted, quick.trials))
            planned = planned._replace(base=quickened(planned.base, quick), settings=settings)
        sweeps[name] = planned
    plan = Plan(document, chosen, folder, questions, seeds, {}, {}, sweeps, {})
    for name in {name for question in questions for name in question.claims}:
        if effect := document.claims[name].in_sweep:
            check_effect(f"claims.{name}.in_sweep", effect, sweeps[effect.sweep].definition)
    wanted = wanted_experiments(document, questions)
    finds, names = Finds(document, sweeps), dict[str, str]()
    for name, experiment in document.experiments.items():
        for variant in () if experiment.ensemble or experiment.runs else document.variants(name):
            config = _config(plan, finds, name, variant)
            if isinstance(config, str):
                plan.lacking.update({(name, variant): config} if name in wanted else {})
                continue
            label = names.setdefault(digest(config), f"{_plain(name)}-{digest(config)}")
            if name in wanted:
                plan.runs[name, variant] = _seeded(config, label, seeds, folder / "runs")
    for name, setting in swept_experiments(document, questions):
        at_each: list[RunConfig] = []  # value of the open setting, one run of the first seed
        for value in document.choices(name)[setting].sweep:
            changes, place = {setting: value, "name": None}, f"experiments.{name}: sweep of {setting}"
            config = with_settings(plan.runs[name, VARIANTS[0]][0], changes, place)
            label = names.setdefault(digest(config), f"{_plain(f'{name}-{setting}_{value}')}-{digest(config)}")
            at_each += _seeded(config, label, 1, folder / "runs")
        plan.swept[name, setting] = tuple(at_each)
    return plan


def fetch_data(plan: Plan) -> None:
    """Load every data set once and work out its features, so that no two runs download or compute the same thing.

    Raises  UsageError, FileSystemError, CorruptDataError.
    """
    configs = [*plan.distinct, *(planned.base for planned in plan.sweeps.values())]
    for config in {data_key(each): each for each in (config.replaced(fold=None) for config in configs)}.values():
        build_dataset(config)


def warn(plan: Plan) -> None:
    """Say what is found in the images, labels and settings of the runs, a line for each diagnostic; one run a seed."""
    configs = [seeded[0] for seeded in {str(seeded[0].name): seeded for seeded in plan.runs.values()}.values()]
    diagnostics = Counter(each for found in diagnose_each(configs) for each in found)
    for (severity, what, fix), count in diagnostics.items():
        some = "" if count == len(configs) else f"{count} of {len(configs)} experiments: "
        log.warning("%s%s%s", some, "refused: " if severity == ERROR else "", Diagnostic(severity, what, fix))


def chosen_questions(document: Document, wanted: Sequence[str]) -> list[Question]:
    """Those asked for, in the document's order; without any, all.

    Raises  UsageError.
    """
    if not document.questions:
        raise UsageError("has claims but no `questions`, so there is nothing to reproduce: docs/recipes.md shows how")
    known = [question.id for question in document.questions]
    for each in wanted:
        if each not in known:
            raise UsageError(f"{choice('question', each, known)} (--question)")
    return [question for question in document.questions if not wanted or question.id in wanted]


def wanted_experiments(document: Document, questions: Sequence[Question]) -> set[str]:
    """What the questions need: their experiments, those shown, those of claims, and the members of ensembles."""
    found: set[str] = set()
    for question in questions:
        found |= set(question.experiments)
        found |= {name for item in question.show for name in item.experiments}
        found |= {name for claim in question.claims for name in document.claims[claim].experiments}
    return found | {member for name in found for member in document.experiments[name].ensemble}


def wanted_sweeps(document: Document, questions: Sequence[Question]) -> list[str]:
    """What the questions need: the sweeps that are shown, that find or tune experiments, or that claims ask."""
    wanted = wanted_experiments(document, questions)
    needed = {sweep for question in questions for item in question.show for sweep in (item.sweep, item.trials)}
    needed |= {found.sweep for found in (document.origin(name).found for name in wanted) if found}
    needed |= {document.tuned_by(name) for name in wanted if VARIANTS[1] in document.variants(name)}
    claimed = [document.claims[claim].in_sweep for question in questions for claim in question.claims]
    needed |= {each.sweep for each in claimed if each}
    return [name for name in document.sweeps if name in needed]


def swept_experiments(document: Document, questions: Sequence[Question]) -> list[tuple[str, str]]:
    """The experiments that claims are judged by at each value of an open setting, with that setting."""
    claims = dict.fromkeys(claim for question in questions for claim in question.claims)
    pairs = [(name, document.swept(claim)) for claim in claims for name in document.claims[claim].experiments]
    return list(dict.fromkeys((name, each) for name, each in pairs if each and each in document.choices(name)))


def digest(config: RunConfig) -> str:
    """Eight digits that are the same for settings of the same effect, the seed apart."""
    unused = idle(config) | APART
    return digest_of({name: value for name, value in resolved(config).to_mapping().items() if name not in unused})


def _config(plan: Plan, finds: Finds, name: str, variant: str) -> RunConfig | str:
    """Or why there is none yet: a sweep is to find or tune it, and has not."""
    document, chosen, quick, sweeps = plan.document, plan.choice, plan.document.quick, plan.sweeps
    origin, base, tuned = plan.origin((name, variant)), None, dict[str, Any]()
    if origin is not None:
        found = document.origin(name).found or Found(sweep=origin)
        values = finds.values(found)
        if values is None:
            why = f"has no configuration number {found.rank} among its {found.among}"
            return f"sweep {origin} {why if origin in sweeps and sweeps[origin].over else 'is not over'}"
        if document.origin(name).found:
            base = sweeps[origin].definition.to_config(values, sweeps[origin].base)
            quick = quick.model_copy(update={"epochs": 1.0})  # the sweep was as quick
        else:
            tuned = values
    config = config_of(document, name, base)
    config = config.replaced(**{setting: value for setting, value in tuned.items() if setting not in idle(config)})
    if chosen.dataset is not None:
        config = config.replaced(dataset=chosen.dataset)
    return quickened(config, quick) if chosen.quick else config


def quickened(config: RunConfig, quick: Quick) -> RunConfig:
    """The same training on fewer images, for fewer epochs."""
    share = min(config.train_fraction, quick.train_images / _train_images(config.dataset))
    epochs = {} if config.model in CLASSICAL else {"epochs": max(1, round(quick.epochs * config.epochs))}
    return config.replaced(train_fraction=share, **epochs)


@cache
def _train_images(dataset: str) -> int:
    return len(load(dataset).y_train)


def _seeded(config: RunConfig, label: str, seeds: int, folder: Path) -> tuple[RunConfig, ...]:
    """One configuration a seed; a folder that an earlier version of the recipe named otherwise is used again."""
    found = []
    for seed in range(config.seed, config.seed + seeds):
        ending = f"-{label.rpartition('-')[2]}-seed-{seed}"
        there = next(iter(sorted(folder.glob(f"*{ending}"))), None)
        name = there.name if there else f"{label}-seed-{seed}"
        found.append(config.replaced(seed=seed, name=name, runs_dir=str(folder)))
    return tuple(found)


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name)[:60]


def estimated_seconds(plan: Plan, jobs: int) -> float:
    """For what is missing, `jobs` at a time; each kind of training is timed for a moment, and projected.

    What a sweep is yet to find takes as long as its trials do on average.

    Math    start + max(sum over runs and sweeps / jobs, the longest of them)
    """
    seconds = _of_runs([config for config in plan.distinct if not over(config)])
    for key, planned in plan.sweeps.items():
        if not planned.over:
            trial = RUN_SECONDS
            with suppress(HandgradError):
                trial += estimate_trial(planned.definition, planned.base).seconds
            seconds.append(trial * (planned.wanted - planned.begun))
            seconds += [trial] * plan.seeds * sum(plan.origin(each) == key for each in plan.lacking)
    return START_SECONDS + max(sum(seconds) / jobs, max(seconds, default=0.0))


def _of_runs(configs: Sequence[RunConfig]) -> list[float]:
    epoch_seconds, seconds = dict[str, float](), []
    for config in configs:
        alike = {name: RunConfig.model_fields[name].default for name in WITHOUT_COST}
        timed = config.replaced(seed=0) if config.model in CLASSICAL else config.replaced(epochs=1, **alike)
        key = digest(timed)
        if key not in epoch_seconds:
            epoch_seconds[key] = _seconds(timed)
        seconds.append(RUN_SECONDS + epoch_seconds[key] * (1 if config.model in CLASSICAL else config.epochs))
    return seconds


def _seconds(config: RunConfig) -> float:
    """0 for what will be refused, which takes no time."""
    try:
        dataset = build_dataset(config)
        if config.model not in CLASSICAL:
            return estimate_seconds(make_trainer(config, dataset, prepare(config, dataset)))
        prepared: Any = prepare_classical(config, dataset)
        expected = estimate_fit(prepared.model, prepared.x_train, prepared.parts.y_train, config.seed)
        scored = len(dataset.y_test) + len(prepared.parts.y_validation) + min(len(prepared.x_train), 10_000)
        return float(expected.fit + expected.score * scored)
    except HandgradError:
        return 0.0
