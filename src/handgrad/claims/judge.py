"""The verdict on every claim of a document, with what a decayed learning rate comes to, and verdicts as Markdown."""

import dataclasses
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from handgrad.claims.counts import ClassCounts, from_matrix, from_shares
from handgrad.claims.document import Document, Experiment
from handgrad.claims.estimate import (
    MEASURES,
    Difference,
    Estimate,
    Evidence,
    Settings,
    bare,
    certainty,
    compare,
    counted,
    exact,
    minus,
    over_seeds,
    share,
    spread,
    written,
)
from handgrad.claims.printed import ImageCounts, Printed, Spread
from handgrad.claims.relations import (
    CONFOUNDED,
    CONTRADICTED,
    NO_EXPERIMENT,
    RELATIONS,
    SUPPORTED,
    TIE,
    VERDICTS,
    Claim,
    belonging,
    differing,
    of_config,
)
from handgrad.config.describe import effective_differences
from handgrad.errors import UsageError
from handgrad.optim import SCHEDULES
from handgrad.runs import Run, open_run


def evidence_of(document: Document, name: str, folder: Path = Path()) -> Evidence:
    """All that a document says of an experiment; its run folders are looked for from `folder`.

    Raises  UsageError for runs of one experiment that differ in more than the seed, or have not ended; FileSystemError.
    """
    experiment = document.experiments[name]
    if experiment.runs:
        return _of_runs(document, name, [open_run(folder / path) for path in experiment.runs])
    images = _images(document, experiment)
    classes = _classes(experiment.printed)
    estimates = {
        measure: _printed(value, measure, images, document.scale) for measure, value in experiment.printed.values()
    }
    if classes is not None:
        estimates["counted_accuracy"] = counted(classes.right, classes.images, document.scale)
    if experiment.printed.counts is not None:
        counts = experiment.printed.counts
        estimates["counted_accuracy"] = counted(counts.right, counts.images, document.scale)
    return Evidence(
        document.title_of(name),
        document.settings_of(name),
        _with_gap(estimates),
        document.scale,
        _blind(experiment.printed),
    )


def evidence_over_seeds(document: Document, name: str, values: Mapping[str, Sequence[float]]) -> Evidence:
    """An experiment of the document with results of our own: for each measure one value a seed, in its unit."""
    estimates = {
        measure: exact(numbers[0]) if MEASURES[measure].type == "count" else over_seeds(list(numbers))
        for measure, numbers in values.items()
    }
    if {"train_accuracy", "test_accuracy"} <= set(values):
        pairs = zip(values["train_accuracy"], values["test_accuracy"], strict=True)
        estimates["gap"] = over_seeds([train - test for train, test in pairs])
    return Evidence(document.title_of(name), document.settings_of(name), estimates, document.scale)


def _images(document: Document, experiment: Experiment) -> ImageCounts:
    own = experiment.images.model_dump(exclude_none=True)
    return document.images.model_copy(update=own)


def _printed(value: Any, measure: str, images: ImageCounts, scale: float) -> Estimate:
    quantity = MEASURES[measure]
    number = getattr(images, quantity.part) if quantity.part else None
    if isinstance(value, Spread):
        return spread(value.mean, value.deviation, value.seeds)
    if isinstance(value, list) and len(value) > 1:
        return over_seeds(value)
    single = value[0] if isinstance(value, list) else value
    if quantity.type == "count":
        return exact(single)
    return share(single, number, scale) if number else bare(single)


def _with_gap(estimates: dict[str, Estimate]) -> dict[str, Estimate]:
    """Math  gap = train_accuracy - test_accuracy"""
    if {"train_accuracy", "test_accuracy"} <= set(estimates):
        return estimates | {"gap": minus(estimates["train_accuracy"], estimates["test_accuracy"])}
    return estimates


def _classes(printed: Printed) -> ClassCounts | None:
    if printed.confusion_matrix is not None:
        return from_matrix(printed.confusion_matrix)
    shares = printed.per_class
    return None if shares is None else from_shares(shares.recall, shares.precision, shares.f1, shares.images)


def _blind(printed: Printed) -> tuple[tuple[int, bool], ...]:
    """By the counts, or by a recall of 0: beside it, precision is 0 where the class is predicted, else undefined."""
    if printed.confusion_matrix is not None:
        counts = from_matrix(printed.confusion_matrix)
        rows = zip(counts.rights, counts.totals, counts.guesses, strict=True)
        return tuple((k, guesses > 0) for k, (right, total, guesses) in enumerate(rows) if total and not right)
    shares = printed.per_class
    if shares is None or shares.precision is None:
        return ()
    pairs = zip(shares.recall, shares.precision, strict=True)
    return tuple((k, precision is not None) for k, (recall, precision) in enumerate(pairs) if recall == 0)


def _of_runs(document: Document, name: str, runs: list[Run]) -> Evidence:
    first = runs[0].config
    for run in runs[1:]:
        others = set(effective_differences(first, run.config)) - {"seed"}
        if others:
            raise UsageError(
                f"experiments.{name}.runs: {run.path} differs from {runs[0].path} in {', '.join(sorted(others))}: "
                "the runs of one experiment may differ in their seed only"
            )
    each = [_metrics(run, document.scale) for run in runs]
    values = {measure: [numbers[measure] for numbers in each] for measure in each[0]}
    return Evidence(document.title_of(name), of_config(first), _run_estimates(values, document, name), document.scale)


def _run_estimates(values: dict[str, list[float]], document: Document, name: str) -> dict[str, Estimate]:
    images = _images(document, document.experiments[name])
    estimates = {measure: _printed(numbers, measure, images, document.scale) for measure, numbers in values.items()}
    estimates["parameters"] = exact(values["parameters"][0])
    if len(values["test_accuracy"]) > 1:
        gaps = [a - b for a, b in zip(values["train_accuracy"], values["test_accuracy"], strict=True)]
        return estimates | {"gap": over_seeds(gaps)}
    return _with_gap(estimates)


def _metrics(run: Run, scale: float) -> dict[str, float]:
    """Raises  UsageError for a run that has not ended."""
    metrics = run.metrics
    if not metrics:
        raise UsageError(f"{run.path} has not ended: finish it with `handgrad resume {run.path}`")
    numbers: dict[str, float] = {"parameters": metrics["parameters"], "seconds": metrics["seconds"]}
    for part in ("test", "train", "validation"):
        if metrics[part]["accuracy"] is not None:
            numbers[f"{part}_accuracy"] = scale * metrics[part]["accuracy"]
            numbers[f"{part}_loss"] = metrics[part]["loss"]
    return numbers


ONE_SEED = "One seed each: what another seed would change is not in the interval."
OVER_SEEDS = {
    SUPPORTED: "holds",
    CONTRADICTED: "does not hold",
    TIE: "undecided",
    CONFOUNDED: CONFOUNDED,
    NO_EXPERIMENT: NO_EXPERIMENT,
}
MEASURE = "test_accuracy"
CONSTANT = "constant"
SPECIAL = "\\`*_[]<>|#"


class ClaimVerdict(NamedTuple):
    """A claim, the verdict on it, the arithmetic in sentences, and the differences behind it as numbers.

    `sentence` is the verdict's reason in one sentence. `p` is the largest of the differences, as the claim needs all of
    them; `p_holm` is that after Holm's correction over the claims that were judged together.
    """

    name: str
    says: str
    verdict: str
    arithmetic: list[str]
    differences: list[Difference]
    note: str | None = None
    sentence: str = ""
    p: float | None = None
    p_holm: float | None = None

    def to_mapping(self) -> dict[str, Any]:
        """In types that JSON knows, None for NaN and infinity."""
        differences = [_plain(each._asdict()) for each in self.differences]
        return self._asdict() | {"differences": differences}


def check(document: Document, folder: Path = Path()) -> list[ClaimVerdict]:
    """What the numbers of a document say of each of its claims; run folders are looked for from `folder`.

    Raises  UsageError, FileSystemError, CorruptDataError for runs that cannot be compared or read.
    """
    experiments = {name: evidence_of(document, name, folder) for name in document.experiments}
    return [_judge(name, claim, experiments) for name, claim in document.claims.items()]


def check_over_seeds(document: Document, results: Mapping[str, Mapping[str, Sequence[float]]]) -> list[ClaimVerdict]:
    """Whether each claim holds, does not hold or stays undecided in results of our own.

    `results` has for each experiment and measure one value a seed, in the document's unit.
    """
    experiments = {name: evidence_over_seeds(document, name, results.get(name, {})) for name in document.experiments}
    verdicts = [_judge(name, claim, experiments) for name, claim in document.claims.items()]
    return [verdict._replace(verdict=OVER_SEEDS[verdict.verdict]) for verdict in verdicts]


def _judge(name: str, claim: Claim, experiments: Mapping[str, Evidence]) -> ClaimVerdict:
    try:
        judged = RELATIONS[claim.relation].judge(claim, experiments)
    except UsageError as error:
        raise UsageError(f"claims.{name}: {error}") from error
    lines = judged.lines + [line for each in claim.experiments for line in step_budget(each, experiments)]
    if (
        judged.differences
        and not claim.selected
        and all(_single(experiments[each], claim) for each in claim.experiments)
    ):
        lines.append(ONE_SEED)
    return ClaimVerdict(name, claim.says, judged.verdict, lines, judged.differences, claim.note)


def _single(evidence: Evidence, claim: Claim) -> bool:
    """Whether its numbers come from one training, and their interval is that of a share of images."""
    used = [evidence.estimates.get(each) for each in claim.measures or (claim.measure,)]
    return all(each is not None and each.seeds == 1 and each.variance > 0 for each in used)


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not abs(value) < float("inf") else value
        for name, value in fields.items()
    }


def step_budget(name: str, experiments: Mapping[str, Evidence]) -> list[str]:
    """Sentences about an experiment whose settings tell its course of the learning rate; none for all others."""
    evidence = experiments[name]
    rates = course(evidence.settings)
    if rates is None or rates[-1] >= rates.max():
        return []
    peak, end, mean = float(rates.max()), float(rates[-1]), float(np.mean(rates[:-1]))
    said = (
        f"{evidence.title}: the learning rate of {peak:.2g} ends at {end:.1e} after {len(rates) - 1:,} steps, "
        f"mean {mean:.1e}: a smaller step budget, {100 * mean / peak:.0f} % of a constant {peak:.2g}'s."
    )
    constant = nearest_constant(evidence.settings, mean, experiments)
    return [said] + ([_beside(evidence, experiments[constant])] if constant else [])


def course(settings: Settings) -> Any:
    """The learning rates of all `iterations`, and the one after them; None unless the settings state a decay.

    Shapes  -> (iterations + 1,) float64
    """
    schedule_type = SCHEDULES.get(settings.get("schedule", CONSTANT))
    steps, learning_rate = settings.get("iterations"), settings.get("learning_rate")
    if schedule_type in (None, SCHEDULES[CONSTANT]) or not isinstance(steps, int) or learning_rate is None:
        return None
    fields = {field.name for field in dataclasses.fields(schedule_type)}
    try:
        schedule = schedule_type(**{name: value for name, value in settings.items() if name in fields})
    except UsageError:
        return None
    return schedule.rates(learning_rate, 0, steps + 1, steps)


def nearest_constant(settings: Settings, mean: float, experiments: Mapping[str, Evidence]) -> str | None:
    """The experiment that differs in nothing but a constant learning rate, nearest to `mean` by its ratio."""
    free = {"schedule", "learning_rate"} | belonging(["schedule"])
    distances = {
        name: abs(math.log(other.settings["learning_rate"] / mean))
        for name, other in experiments.items()
        if other.settings.get("schedule", CONSTANT) == CONSTANT
        and other.settings.get("learning_rate")
        and MEASURE in other.estimates
        and not set(differing(settings, other.settings)) - free
    }
    return min(distances, key=distances.__getitem__) if distances else None


def _beside(decayed: Evidence, constant: Evidence) -> str:
    if MEASURE not in decayed.estimates:
        return f"Compare {constant.title}."
    a, b = decayed.estimates[MEASURE], constant.estimates[MEASURE]
    difference = compare(a, b)
    values = [written(value, MEASURE, a.scale) for value in (a.value, b.value, difference.value)]
    outcome = "a difference" if difference.sign else "cannot be distinguished"
    return (
        f"Beside the constant rate nearest to that mean, {constant.title}: {values[0]} - {values[1]} = {values[2]}, "
        f"{outcome} ({certainty(MEASURE, decayed, difference)})."
    )


def summary(verdicts: Sequence[ClaimVerdict]) -> str:
    """As in "12 claims: 4 supported, 3 tie, 1 contradicted"; verdicts that nothing got are left out."""
    counts = Counter(verdict.verdict for verdict in verdicts)
    order = [*VERDICTS, *(verdict for verdict in counts if verdict not in VERDICTS)]
    parts = [f"{counts[verdict]} {_plural(verdict, counts[verdict])}" for verdict in order if counts[verdict]]
    return f"{len(verdicts)} claim{'s' if len(verdicts) != 1 else ''}: {', '.join(parts)}"


def markdown(title: str, verdicts: Sequence[ClaimVerdict]) -> str:
    """A section with a table of verdicts, and the arithmetic of each below it."""
    rows = [f"| {_escaped(each.says)} | **{each.verdict}** |" for each in verdicts]
    lines = [f"# {_escaped(title)}", "", f"{summary(verdicts)}.", "", "| claim | verdict |", "|---|---|", *rows]
    for each in verdicts:
        lines += ["", f"## {_escaped(each.says)}", "", f"**{each.verdict}**", ""]
        lines += [f"- {_escaped(line)}" for line in [*each.arithmetic, *([each.note] if each.note else [])]]
    return "\n".join(lines) + "\n"


def _plural(verdict: str, count: int) -> str:
    return "ties" if verdict == TIE and count != 1 else verdict


def _escaped(text: str) -> str:
    """One line in which nothing is taken for a mark."""
    one_line = " ".join(text.split())
    return "".join("\\" + character if character in SPECIAL else character for character in one_line)
