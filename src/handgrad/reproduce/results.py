"""What the runs of a plan reached: for each experiment, variant and measure one value a seed."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from handgrad.claims.document import Document
from handgrad.claims.estimate import MEASURES, Evidence
from handgrad.claims.evidence import columns, evidence_of_runs, measured, quantities_of
from handgrad.claims.judge import OVER_SEEDS, ClaimVerdict, check, check_over_seeds
from handgrad.claims.questions import VARIANTS
from handgrad.claims.relations import CONTRADICTED, RELATIONS, SUPPORTED, TwoMeasures
from handgrad.config import RunConfig, build_dataset
from handgrad.data import folds_of_test
from handgrad.evaluation import Predictions, class_report, ensemble
from handgrad.figures.run_data import MANY, RunData
from handgrad.reports.sweep_data import SweepData, look
from handgrad.reproduce.plan import Plan
from handgrad.reproduce.sweep_claims import SweepVerdict, judge_in_sweep
from handgrad.reproduce.tasks import failure_of
from handgrad.runs import Run
from handgrad.runs.classical import loss_of
from handgrad.runs.comparison import setup_of
from handgrad.runs.executor.worker import run_of
from handgrad.runs.predictions import predictions_of

AVERAGES = {"precision": "precision", "recall": "recall", "macro_f1": "f1"}  # measures, and fields of macro averages
KEPT = 100  # predictions of runs, which several claims compare
FOLDS = 5  # that the test images are cut into, where a run's `fold` does not say


class Reached(NamedTuple):
    """One experiment in one variant: its runs with a result, values by measure, one a run, and failures by run."""

    runs: tuple[Run, ...]
    values: dict[str, list[float]]
    failures: dict[str, str]


class Swept(NamedTuple):
    """A claim judged at each value of an open setting, by all its experiments at that value, one run each."""

    setting: str
    values: tuple[Any, ...]
    verdicts: tuple[ClaimVerdict, ...]

    @property
    def everywhere(self) -> bool:
        """Whether the claim holds at every value."""
        return all(each.verdict == OVER_SEEDS[SUPPORTED] for each in self.verdicts)

    @property
    def words(self) -> str:
        """As in "holds for 3 of 9 learning rates, undecided for 2"; without intervals, which way the numbers point."""
        values = f"{len(self.values)} {self.setting.replace('_', ' ')}s"
        found = [each.differences for each in self.verdicts]
        if all(found) and all(math.isnan(each.p) for pairs in found for each in pairs):
            agree = sum(all(each.value > each.by for each in pairs) for pairs in found)
            return f"agrees with the numbers at {agree or 'none'} of {values}, one seed each"
        counts = Counter(each.verdict for each in self.verdicts)
        held, _ = counts.pop(OVER_SEEDS[SUPPORTED], 0), counts.pop(OVER_SEEDS[CONTRADICTED], 0)
        lead = f"holds for {held or 'none'} of {values}"
        return ", ".join([lead, *(f"{verdict} for {count}" for verdict, count in counts.items())])

    def to_mapping(self) -> dict[str, Any]:
        """In types that JSON knows."""
        rows = [{"value": v} | each.to_mapping() for v, each in zip(self.values, self.verdicts, strict=True)]
        return {"setting": self.setting, "words": self.words, "verdicts": rows}


class Results:
    """Read from run folders alone; what needs predictions or an analysis is worked out when it is wanted, and once."""

    def __init__(self, plan: Plan, failures: Mapping[str, str]) -> None:
        self.plan, self.document = plan, plan.document
        self._failures = failures
        self._reach, self._predicted = cache(self._trained), lru_cache(KEPT)(self._predict)
        self._look = cache(lambda name: look(plan.sweeps[name].sweep))
        self._averages = cache(lambda path: _macro(predictions_of(Run(path)), plan.document.scale))

    def reached(self, name: str, variant: str) -> Reached | None:
        """None where the experiment is not trained in that variant."""
        return self._reach(name, variant) if variant in self.document.variants(name) else None

    def searched(self, name: str) -> SweepData | None:
        """None where the sweep is not over."""
        return self._look(name) if name in self.plan.sweeps and self.plan.sweeps[name].over else None

    def swept(self, claim: str) -> Swept | None:
        """None for a claim that is not judged at each value of an open setting."""
        setting, names = self.document.swept(claim), self.document.claims[claim].experiments
        if setting is None:
            return None
        values = next(each[setting].sweep for each in map(self.document.choices, names) if setting in each)
        only = _with_claims(self.document, [claim])
        verdicts = [check_over_seeds(only, self._values_at(names, setting, place))[0] for place in range(len(values))]
        return Swept(setting, tuple(values), tuple(verdicts))

    def _values_at(self, names: Sequence[str], setting: str, place: int) -> dict[str, Evidence]:
        """At one value of the setting, which nothing printed chose; experiments without it as they are."""
        swept, runs = self.plan.swept, self.plan.runs
        first = {
            name: swept[name, setting][place : place + 1] if (name, setting) in swept else runs[name, VARIANTS[0]][:1]
            for name in names
        }
        return {
            name: self.evidence(name, self._reached_by(configs, name), {setting}) for name, configs in first.items()
        }

    @property
    def searching_seconds(self) -> float:
        """Of training, in all sweeps."""
        found = [self.searched(name) for name in self.plan.sweeps]
        return sum(trial.seconds for each in found if each for trial in each.trials)

    def _trained(self, name: str, variant: str) -> Reached:
        key, experiment = (name, variant), self.document.experiments[name]
        if experiment.ensemble:
            return self._together(experiment.ensemble, variant)
        if experiment.runs:
            runs = tuple(Run(Path(folder)) for folder in experiment.runs)
            return Reached(runs, columns([self._measured(run, name) for run in runs]), {})
        if key in self.plan.lacking:
            sweep = self.plan.sweeps[self.plan.origin(key) or ""]
            return Reached((), {}, {name: self._failures.get(sweep.name) or self.plan.lacking[key]})
        return self._reached_by(self.plan.runs.get(key, ()), name)

    def _reached_by(self, configs: Sequence[RunConfig], name: str) -> Reached:
        failures = {str(config.name): self._failure(config) for config in configs if self._failure(config)}
        runs = tuple(run_of(config) for config in configs if config.name not in failures)
        return Reached(runs, columns([self._measured(run, name) for run in runs]), failures)

    def _failure(self, config: RunConfig) -> str:
        return self._failures.get(str(config.name), "") or failure_of(run_of(config))

    def _measured(self, run: Run, name: str) -> dict[str, float]:
        """Each measure of one run.  Raises  as `predictions_of`."""
        wanted, scale = quantities_of(self.document, name), self.document.scale
        numbers = measured(run, scale, wanted)
        if self.document.experiments[name].test_fold is not None:
            tested = self._predicted(run.path, name, "test_accuracy")
            numbers["test_accuracy"] = scale * float(tested.right.mean())
            numbers["test_loss"] = loss_of(tested) or numbers["test_loss"]
        if "counted_accuracy" in wanted:
            numbers["counted_accuracy"] = scale * float(
                self._predicted(run.path, name, "counted_accuracy").right.mean()
            )
        if (wanted | {measure for measure, _ in self.document.experiments[name].printed.values()}) & AVERAGES.keys():
            numbers |= self._averages(run.path)
        return numbers

    def _predict(self, path: Path, name: str, measure: str) -> Predictions:
        """Of the images that a measure is a share of: the few that the report shows, a fold, or all test images."""
        data, fold = RunData(Run(path)), self.document.experiments[name].test_fold
        found = data.predictions()
        if measure == "counted_accuracy" and self._shows_few(name):
            rows = data.random_test_rows()
            return found._replace(scores=found.scores[rows], labels=found.labels[rows])
        return found if fold is None else test_folds(data.config, found)[fold]

    def _shows_few(self, name: str) -> bool:
        counts = self.document.experiments[name].printed.counts
        return counts is not None and counts.images == MANY

    def evidence(self, name: str, reached: Reached | None, tuned: Collection[str] = ()) -> Evidence:
        """What the runs of an experiment say, if there are any; `tuned` settings are not fitted to a printed number."""
        runs, values = (reached.runs, reached.values) if reached else ((), {})

        def predictions(measure: str) -> list[Predictions]:
            return [self._predicted(run.path, name, measure) for run in runs]

        setups = [setup_of(run) for run in runs]
        found = evidence_of_runs(self.document, name, values, setups, predictions if runs else None)
        images = f"the {MANY} images shown" if self._shows_few(name) else "all test images"
        fitted = tuple(setting for setting in found.fitted if setting not in tuned)
        return found._replace(counts=f"accuracy on {images}", fitted=fitted)

    def _together(self, members: list[str], variant: str) -> Reached:
        """Ensembles of the members' runs with one seed; a member that has one variant only takes part with that."""
        each = [self.reached(name, variant) or self.reached(name, VARIANTS[0]) for name in members]
        found = [reached for reached in each if reached is not None]
        failures = {name: why for reached in found for name, why in reached.failures.items()}
        if failures:
            return Reached((), {}, failures)
        rows = []
        for runs in zip(*(reached.runs for reached in found), strict=True):
            together = ensemble([predictions_of(run) for run in runs])
            accuracy = self.document.scale * float(together.right.mean())
            rows.append({"test_accuracy": accuracy} | _macro(together, self.document.scale))
        return Reached((), columns(rows), {})


def test_folds(config: RunConfig, predictions: Predictions) -> list[Predictions]:
    """What a run predicts of each fold of its test images."""
    count = int(config.fold.rpartition("/")[2]) if config.fold else FOLDS
    rows = folds_of_test(build_dataset(config), count, config.seed)
    return [predictions._replace(scores=predictions.scores[each], labels=predictions.labels[each]) for each in rows]


def _macro(predictions: Predictions, scale: float) -> dict[str, float]:
    macro = class_report(predictions).macro
    return {measure: scale * getattr(macro, field) for measure, field in AVERAGES.items()}


class Verdicts(NamedTuple):
    """A claim as the report's numbers have it, as our seeds do, and as a sweep does; None where they do not speak."""

    printed: ClaimVerdict
    seeds: dict[str, ClaimVerdict | None]
    sweep: SweepVerdict | None


def verdicts(results: Results) -> dict[str, Verdicts]:
    """On every claim of the planned questions.

    Raises  UsageError, FileSystemError, CorruptDataError for runs that the document names.
    """
    document = results.document
    names = list(dict.fromkeys(name for question in results.plan.questions for name in question.claims))
    printed = {verdict.name: verdict for verdict in check(_with_claims(document, names))}
    ours = {variant: _over_seeds(results, names, variant) for variant in VARIANTS}
    return {
        name: Verdicts(
            printed[name],
            {variant: ours[variant].get(name) for variant in VARIANTS},
            _in_sweep(results, name),
        )
        for name in names
    }


def _in_sweep(results: Results, name: str) -> SweepVerdict | None:
    claim = results.document.claims[name].in_sweep
    searched = results.searched(claim.sweep) if claim else None
    if claim is None or searched is None:
        return None
    share = MEASURES[searched.analysis.metric.name].type == "share"
    return judge_in_sweep(claim, searched.analysis, results.document.scale if share else 1.0)


def _over_seeds(results: Results, names: list[str], variant: str) -> dict[str, ClaimVerdict]:
    """Of claims whose experiments all have that variant, and that are not about two printed numbers or a sweep."""
    document = results.document
    eligible = [
        name
        for name in names
        if document.claims[name].experiments
        if not isinstance(RELATIONS[document.claims[name].relation], TwoMeasures) or document.claims[name].selected
        if all(variant in document.variants(each) for each in document.claims[name].experiments)
    ]
    names = list(dict.fromkeys(each for name in eligible for each in document.claims[name].experiments))
    sweeps = {each: results.plan.origin((each, variant)) for each in names}
    tuned = {each: results.plan.sweeps[sweep].definition.varying if sweep else () for each, sweep in sweeps.items()}
    evidence = {each: results.evidence(each, results.reached(each, variant), tuned[each]) for each in names}
    verdicts = check_over_seeds(_with_claims(document, eligible), evidence)
    return {verdict.name: verdict for verdict in verdicts}


def _with_claims(document: Document, names: list[str]) -> Document:
    return document.model_copy(update={"claims": {name: document.claims[name] for name in names}})


def as_mapping(results: Results, found: Mapping[str, Verdicts]) -> dict[str, Any]:
    """All of it in types that JSON knows."""
    plan = results.plan
    experiments: dict[str, Any] = {}
    for name in plan.experiments:
        for variant in results.document.variants(name):
            reached = results.reached(name, variant)
            if reached is not None:
                row = {"runs": [run.name for run in reached.runs], "failed": reached.failures, "values": reached.values}
                experiments.setdefault(name, {})[variant] = row
    claims = {
        name: {
            "printed": each.printed.to_mapping(),
            **{variant: verdict and verdict.to_mapping() for variant, verdict in each.seeds.items()},
            "swept": (swept := results.swept(name)) and swept.to_mapping(),
            "in_sweep": each.sweep and each.sweep._asdict(),
        }
        for name, each in found.items()
    }
    units = {name: "of the document" if measure.type == "share" else measure.type for name, measure in MEASURES.items()}
    questions = [question.id for question in plan.questions]
    return {
        "title": results.document.title,
        "unit": results.document.unit,
        "requested": {**plan.choice._asdict(), "questions": questions, "seeds": plan.seeds},
        "experiments": experiments,
        "sweeps": _sweeps(results),
        "claims": claims,
        "units": units,
    }


def _sweeps(results: Results) -> dict[str, Any]:
    """Of each that is over: where it is, how many trials of which state, its best and worst with their settings."""
    found: dict[str, Any] = {}
    for name, planned in results.plan.sweeps.items():
        searched = results.searched(name)
        if searched is not None:
            ends = {"best": searched.analysis.best, "worst": searched.analysis.worst}
            extremes = {
                end: entry and {"values": entry.values, "objective": entry.objective.mean}
                for end, entry in ends.items()
            }
            row = {"folder": planned.name, "metric": searched.analysis.metric.name, "states": searched.analysis.states}
            found[name] = row | extremes
    return found
