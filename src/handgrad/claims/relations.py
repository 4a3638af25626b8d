"""What a claim can say of experiments, and how each such relation is judged by their numbers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Annotated, Any, NamedTuple, Self

from pydantic import Field, model_validator

from handgrad.claims.estimate import (
    MEASURES,
    Difference,
    Evidence,
    Settings,
    beside_line,
    compare,
    exact,
    missing_line,
    number,
    pair_line,
    selection_lines,
    tally_line,
    two_line,
    under_trained_lines,
)
from handgrad.claims.questions import EffectClaim, Number, Part, Text, choice
from handgrad.config import RunConfig, value_type_of
from handgrad.config.describe import WITHOUT_INFLUENCE, idle, resolved
from handgrad.config.lookup import field_aliases
from handgrad.config.presets import CHOICES, fields_of, owned
from handgrad.errors import UsageError
from handgrad.text import squashed

NOT_STATED = "not stated"


def canonical(settings: Mapping[str, Any], place: str) -> Settings:
    """Settings with the names and values of RunConfig where they have any, and as they are otherwise.

    Raises  ValueError with the place, for a value that a setting cannot have.
    """
    result = {}
    for written, value in settings.items():
        name = canonical_name(written)
        try:
            result[name] = value_type_of(name)(value) if name in RunConfig.model_fields else value
        except ValueError as error:
            raise ValueError(f"{place}.{written}: {error}") from None
    return result


def of_config(config: RunConfig) -> Settings:
    """What decides the result of a run, its seed apart."""
    unused = idle(config) | WITHOUT_INFLUENCE | {"seed"}
    return {name: value for name, value in resolved(config) if name not in unused}


def differing(a: Settings, b: Settings) -> dict[str, tuple[Any, Any]]:
    """The settings in which two experiments differ, each with both values.

    What comes with a choice, as beta1 does with Adam, is part of it where only one of the two states it, or where each
    of the two has the number that is its choice's own.
    """
    names = [*a, *(name for name in b if name not in a)]
    pairs = {name: (a.get(name, NOT_STATED), b.get(name, NOT_STATED)) for name in names}
    found = {name: values for name, values in pairs.items() if values[0] != values[1]}
    carried = belonging(found)
    part = {n for n, values in found.items() if NOT_STATED in values or (_own(a, n), _own(b, n)) == values}
    return {name: values for name, values in found.items() if name not in carried & part}


def _own(settings: Settings, name: str) -> Any:
    """The number that comes with the choices among some settings, None for none."""
    for chosen, registry in CHOICES.items():
        entry = registry.get(settings.get(chosen, ""))
        if entry is not None and name in fields_of(entry):
            return fields_of(entry)[name].default
    return None


def belonging(choices: Iterable[str]) -> set[str]:
    """The settings that come with some choices: those of schedules with `schedule`, those of optimizers likewise."""
    return {name for each in choices if each in CHOICES for name in owned(each)}


def confounders(a: Settings, b: Settings, cause: Iterable[str]) -> dict[str, tuple[Any, Any]]:
    """What differs besides the cause and what comes with it; without a stated cause, a single difference is it."""
    found = differing(a, b)
    if not cause:
        return found if len(set(found) - belonging(found)) > 1 else {}
    meant = set(map(canonical_name, cause))
    return {name: values for name, values in found.items() if name not in meant | belonging(meant)}


def canonical_name(written: str) -> str:
    """RunConfig's name of a setting, or the name as it is."""
    return field_aliases().get(squashed(written), written)


def in_words(differences: Mapping[str, tuple[Any, Any]]) -> str:
    """As a sentence lists them: "optimizer (adam against sgd), framework (PyTorch against by hand)"."""
    return ", ".join(f"{name} ({_plain(a)} against {_plain(b)})" for name, (a, b) in differences.items())


def _plain(value: Any) -> str:
    if isinstance(value, tuple | list):
        return "-".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


SUPPORTED, TIE, CONTRADICTED = "supported", "tie", "contradicted"
CONFOUNDED, NO_EXPERIMENT = "confounded", "no experiment"
BY_SIGN = {1: SUPPORTED, 0: TIE, -1: CONTRADICTED}
GRAVEST = (NO_EXPERIMENT, CONFOUNDED, CONTRADICTED, TIE, SUPPORTED)
VERDICTS = tuple(reversed(GRAVEST))

Experiments = Mapping[str, Evidence]


class Claim(Part):
    """A statement in words, and the comparison that it comes to: exactly one relation among experiments."""

    says: Text
    higher: list[Text] = []
    lower: list[Text] = []
    best: list[Text] = []
    order: list[Text] = []
    rises: list[Text] = []
    falls: list[Text] = []
    exceeds: list[Text] = []
    below: list[Text] = []
    same: list[Text] = []
    distinct: list[Text] = []
    selected: list[Text] = []
    by: Number = 0.0
    measure: str = "test_accuracy"
    measures: tuple[str, str] | None = None
    over: Text | None = None
    cause: list[Text] = []
    best_of: Annotated[int, Field(strict=True, ge=1, le=10**9)] | None = None
    in_sweep: EffectClaim | None = None
    note: Text | None = None

    @model_validator(mode="after")
    def _one_relation(self) -> Self:
        present = [name for name in RELATIONS if getattr(self, name)]
        if len(present) != 1:
            found = f"got {' and '.join(present)}" if present else "got none"
            raise ValueError(f"must have exactly one of {', '.join(RELATIONS)}, {found}")
        for measure in [self.measure, *(self.measures or ())]:
            if measure not in MEASURES:
                raise ValueError(choice("measure", measure, MEASURES))
        RELATIONS[self.relation].check(self)
        return self

    @property
    def relation(self) -> str:
        """The name of the one relation that is given."""
        return next(name for name in RELATIONS if getattr(self, name))

    @property
    def experiments(self) -> list[str]:
        """The experiments that it speaks of, in order."""
        named: list[str] = getattr(self, self.relation)
        return named


class Judgement(NamedTuple):
    """A verdict with its arithmetic in words, and the differences that it rests on."""

    verdict: str
    lines: list[str]
    differences: list[Difference]


@dataclass(frozen=True)
class Relation:
    """Among `least` to `most` experiments; a subclass says what a claim needs besides, and judges it."""

    least: int = 2
    most: int = 1000

    def check(self, claim: Claim) -> None:
        """Raises  ValueError for a claim that lacks what the relation needs, or has what it does not use."""
        name, count = claim.relation, len(claim.experiments)
        if not self.least <= count <= self.most:
            expected = str(self.least) if self.least == self.most else f"{self.least} or more"
            raise ValueError(f"{name} needs {expected} experiments, got {count}")
        if len(set(claim.experiments)) != count:
            raise ValueError(f"{name} names an experiment twice")
        self.check_more(claim)

    def check_more(self, claim: Claim) -> None:
        """What a subclass needs besides."""
        raise NotImplementedError

    def judge(self, claim: Claim, experiments: Experiments) -> Judgement:
        """The verdict that the experiments' numbers give."""
        raise NotImplementedError


Pairs = Callable[[Claim, Experiments], list[tuple[str, str]]]


@dataclass(frozen=True)
class Pairwise(Relation):
    """One measure, compared in pairs of (what should be higher, what should be lower).

    `causal`: the statement is about what made the difference, so that another difference in the settings spoils it.
    """

    pairs: Pairs = lambda claim, experiments: []
    causal: bool = True
    needs_over: bool = False

    def check_more(self, claim: Claim) -> None:
        """`over` where it orders the experiments; never two measures."""
        if claim.measures is not None:
            raise ValueError(f"{claim.relation} takes one `measure`, not `measures`")
        if claim.best_of is not None:
            raise ValueError(f"{claim.relation} does not use best_of: it belongs to selected")
        if self.needs_over != (claim.over is not None):
            raise ValueError(f"{claim.relation} {'needs' if self.needs_over else 'does not use'} `over`, a setting")
        if claim.by < 0:
            raise ValueError(f"by must be 0 or more, got {claim.by:g}: swap the experiments")

    def judge(self, claim: Claim, experiments: Experiments) -> Judgement:
        """The gravest verdict of the pairs."""
        parts = [_judge_pair(claim, *pair, experiments, self.causal) for pair in self.pairs(claim, experiments)]
        merged = _merged(parts)
        deciding = [part for part in parts if part.verdict != SUPPORTED]
        if not deciding or len(deciding) == len(parts):
            return merged
        rest = f"The other {len(parts) - len(deciding)} of {len(parts)} comparisons support it."
        return merged._replace(lines=[*_merged(deciding).lines, rest])


@dataclass(frozen=True)
class Threshold(Relation):
    """One measure of each of some experiments, beside the number `by`: above it, or below (`direction` -1)."""

    least: int = 1
    direction: int = 1

    def check_more(self, claim: Claim) -> None:
        """A number to compare with, and nothing else."""
        if "by" not in claim.model_fields_set:
            raise ValueError(f"{claim.relation} needs `by`, the number to compare with")
        if claim.measures or claim.cause or claim.over or claim.best_of:
            raise ValueError(f"{claim.relation} does not use measures, cause, over or best_of: leave them out")

    def judge(self, claim: Claim, experiments: Experiments) -> Judgement:
        """The gravest verdict of the experiments."""
        return _merged([self._one(claim, experiments[name]) for name in claim.experiments])

    def _one(self, claim: Claim, evidence: Evidence) -> Judgement:
        if claim.measure not in evidence.estimates:
            return Judgement(NO_EXPERIMENT, [missing_line(evidence, claim.measure)], [])
        difference = compare(evidence.estimates[claim.measure], exact(0.0), claim.by)
        line = beside_line(claim.measure, evidence, difference)
        return Judgement(BY_SIGN[self.direction * difference.sign], [line], [difference])


@dataclass(frozen=True)
class TwoMeasures(Relation):
    """Two measures of the same experiment, of one or more experiments."""

    least: int = 1
    of_each: Callable[[Claim, Evidence], Judgement] = lambda claim, evidence: Judgement(TIE, [], [])
    any_is_enough: bool = False

    def check_more(self, claim: Claim) -> None:
        """Both measures."""
        if claim.measures is None:
            raise ValueError(f"{claim.relation} needs `measures`, two of {', '.join(MEASURES)}")
        if claim.cause or claim.by or claim.over:
            raise ValueError(f"{claim.relation} does not use cause, by or over: leave them out")
        if "measure" in claim.model_fields_set:
            raise ValueError(f"{claim.relation} takes two `measures`, not one `measure`")

    def judge(self, claim: Claim, experiments: Experiments) -> Judgement:
        """The gravest verdict of the experiments, or the mildest where one is enough."""
        parts = [self._one(claim, experiments[name]) for name in claim.experiments]
        merged = _merged(parts)
        if len(parts) > 1:
            merged.lines.append(tally_line([part.verdict for part in parts]))
        if self.any_is_enough and any(part.verdict == SUPPORTED for part in parts):
            return merged._replace(verdict=SUPPORTED)
        return merged

    def _one(self, claim: Claim, evidence: Evidence) -> Judgement:
        missing = [measure for measure in claim.measures or () if measure not in evidence.estimates]
        if missing:
            return Judgement(NO_EXPERIMENT, [missing_line(evidence, measure) for measure in missing], [])
        return self.of_each(claim, evidence)


def _merged(parts: Sequence[Judgement]) -> Judgement:
    """The gravest verdict, and all lines, each once."""
    verdict = min((part.verdict for part in parts), key=GRAVEST.index)
    lines = dict.fromkeys(line for part in parts for line in part.lines)
    return Judgement(verdict, list(lines), [each for part in parts for each in part.differences])


def _judge_pair(claim: Claim, upper: str, lower: str, experiments: Experiments, causal: bool) -> Judgement:
    a, b = experiments[upper], experiments[lower]
    missing = [missing_line(each, claim.measure) for each in (a, b) if claim.measure not in each.estimates]
    if missing:
        return Judgement(NO_EXPERIMENT, missing, [])
    difference = compare(a.estimates[claim.measure], b.estimates[claim.measure], claim.by)
    lines = [pair_line(claim.measure, a, b, difference)]
    verdict, reasons = _fairness(claim, a, b, causal)
    return Judgement(verdict or BY_SIGN[difference.sign], lines + reasons, [difference])


def _fairness(claim: Claim, a: Evidence, b: Evidence, causal: bool) -> tuple[str | None, list[str]]:
    """Whether the pair can tell anything about the statement: a verdict when it cannot, and why."""
    lines = [line for each in (a, b) for line in under_trained_lines(each)]
    cause = claim.cause or ([claim.over] if claim.over else [])
    if not (causal or cause):
        return (CONFOUNDED if lines else None), lines
    found = differing(a.settings, b.settings)
    if cause and not set(map(canonical_name, cause)) & set(found):
        return NO_EXPERIMENT, [*lines, f"{' and '.join(cause)} does not differ between {a.title} and {b.title}."]
    others = confounders(a.settings, b.settings, cause)
    if others:
        lines.append(f"{'Besides ' + ', '.join(cause) + ', these' if cause else 'These'} differ: {in_words(others)}.")
    return (CONFOUNDED if lines else None), lines


def _best_first(claim: Claim, names: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Pairs of (better, worse) as pairs of (higher, lower)."""
    return names if MEASURES[claim.measure].better > 0 else [(worse, better) for better, worse in names]


def _by_setting(claim: Claim, experiments: Experiments, direction: int) -> list[tuple[str, str]]:
    """Neighbours in the order of the setting `over`."""
    setting = canonical_name(claim.over or "")
    places: dict[str, float] = {}
    for name in claim.experiments:
        value: Any = experiments[name].settings.get(setting)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise UsageError(f"{claim.relation} over {setting}: {name} must state it as a number, got {value!r}")
        places[name] = direction * value
    ordered = sorted(places, key=places.__getitem__)
    return [(upper, lower) for lower, upper in pairwise(ordered)]


def _same(claim: Claim, evidence: Evidence) -> Judgement:
    """Whether one number printed twice is one number, to half a unit of the last digit shown."""
    one, other = claim.measures or ("", "")
    a, b = evidence.estimates[one].value, evidence.estimates[other].value
    agree = number(a, one, evidence) == number(b, other, evidence)
    return Judgement(SUPPORTED if agree else CONTRADICTED, [two_line(claim.measures, evidence, agree)], [])


def _distinct(claim: Claim, evidence: Evidence) -> Judgement:
    judged = _same(claim, evidence)
    return judged._replace(verdict=CONTRADICTED if judged.verdict == SUPPORTED else SUPPORTED)


def _selected(claim: Claim, evidence: Evidence) -> Judgement:
    """Whether what decided the selection exceeds, by more than luck, what fresh images say."""
    chosen_by, judged_on = claim.measures or ("", "")
    difference = compare(evidence.estimates[chosen_by], evidence.estimates[judged_on])
    lines = selection_lines((chosen_by, judged_on), claim.best_of, evidence, difference)
    return Judgement(BY_SIGN[-difference.sign], lines, [difference])


def _first_over_others(claim: Claim, experiments: Experiments) -> list[tuple[str, str]]:
    return _best_first(claim, [(claim.experiments[0], other) for other in claim.experiments[1:]])


def _neighbours(claim: Claim, experiments: Experiments) -> list[tuple[str, str]]:
    return _best_first(claim, list(pairwise(claim.experiments)))


RELATIONS: dict[str, Relation] = {
    "higher": Pairwise(2, 2, lambda claim, _: [(claim.experiments[0], claim.experiments[1])]),
    "lower": Pairwise(2, 2, lambda claim, _: [(claim.experiments[1], claim.experiments[0])]),
    "best": Pairwise(pairs=_first_over_others, causal=False),
    "order": Pairwise(pairs=_neighbours, causal=False),
    "rises": Pairwise(pairs=partial(_by_setting, direction=1), needs_over=True),
    "falls": Pairwise(pairs=partial(_by_setting, direction=-1), needs_over=True),
    "exceeds": Threshold(),
    "below": Threshold(direction=-1),
    "same": TwoMeasures(of_each=_same),
    "distinct": TwoMeasures(of_each=_distinct, any_is_enough=True),
    "selected": TwoMeasures(of_each=_selected),
}
