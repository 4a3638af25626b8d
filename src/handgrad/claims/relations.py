"""What a claim can say of experiments, and how each such relation is judged by their numbers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Annotated, Any, NamedTuple, Self

from pydantic import Field, model_validator

from handgrad.claims import wording
from handgrad.claims.estimate import MEASURES, Evidence, difference, quantity, stated_differences
from handgrad.claims.questions import EffectClaim, Number, Part, Text, choice
from handgrad.config.lookup import setting_name
from handgrad.errors import UsageError
from handgrad.evaluation import Difference, compare, paired
from handgrad.evaluation.difference import exact
from handgrad.runs.comparison import confounders, differing, missing_runs, names_of

SUPPORTED, TIE, CONTRADICTED = "supported", "tie", "contradicted"
CONFOUNDED, NO_EXPERIMENT = "confounded", "no experiment"
BY_SIGN = {1: SUPPORTED, 0: TIE, -1: CONTRADICTED}
IN_SWEEP = "in_sweep"
GRAVEST = (NO_EXPERIMENT, CONFOUNDED, CONTRADICTED, TIE, SUPPORTED)
VERDICTS = tuple(reversed(GRAVEST))

Experiments = Mapping[str, Evidence]


class Claim(Part):
    """A statement in words, and the comparison that it comes to: exactly one relation among experiments.

    Without any, it is one of a sweep alone.
    """

    says: Text
    higher: list[Text] = []
    lower: list[Text] = []
    best: list[Text] = []
    worst: list[Text] = []
    order: list[Text] = []
    rises: list[Text] = []
    falls: list[Text] = []
    equal: list[Text] = []
    exceeds: list[Text] = []
    below: list[Text] = []
    near: list[Text] = []
    same: list[Text] = []
    distinct: list[Text] = []
    selected: list[Text] = []
    by: Number = 0.0
    within: Annotated[Number, Field(gt=0)] | None = None
    level: Number | None = None
    measure: str = "test_accuracy"
    measures: tuple[str, str] | None = None
    over: Text | None = None
    cause: list[Text] = []
    best_of: Annotated[int, Field(strict=True, ge=1, le=10**9)] | None = None
    in_sweep: EffectClaim | None = None
    note: Text | None = None

    @model_validator(mode="after")
    def _one_relation(self) -> Self:
        present = self._present
        if len(present) != 1:
            found = f"got {' and '.join(present)}" if present else "got none"
            raise ValueError(f"must have exactly one of {', '.join(RELATIONS)}, {found}")
        for measure in [self.measure, *(self.measures or ())]:
            if measure not in MEASURES:
                raise ValueError(choice("measure", measure, MEASURES))
        if (self.level is None) == (self.measure == "steps_to_loss"):
            raise ValueError("steps_to_loss and `level`, a training loss, go together")
        RELATIONS[self.relation].check(self)
        return self

    @property
    def _present(self) -> list[str]:
        among_experiments = [name for name in RELATIONS if name != IN_SWEEP and getattr(self, name)]
        return among_experiments or [IN_SWEEP] * (self.in_sweep is not None)

    @property
    def relation(self) -> str:
        """The name of the one relation that is given."""
        return self._present[0]

    @property
    def experiments(self) -> list[str]:
        """The experiments that it speaks of, in order; none of one that is of a sweep alone."""
        named: list[str] = [] if self.relation == IN_SWEEP else getattr(self, self.relation)
        return named

    @property
    def quantities(self) -> tuple[str, ...]:
        """What it compares, by the names that evidence has for it."""
        return self.measures or (self.measure if self.level is None else f"{self.measure}@{self.level:g}",)


class Judgement(NamedTuple):
    """A verdict with its arithmetic in words, the differences that it rests on, and both in one sentence."""

    verdict: str
    lines: list[str]
    differences: list[Difference]
    sentence: str


@dataclass(frozen=True)
class Relation:
    """Among `least` to `most` experiments; a subclass says what a claim needs besides, and judges it.

    `uses` are the keys of a claim that it takes, `needs` those that it cannot do without.
    """

    least: int = 2
    most: int = 1000
    uses: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    def check(self, claim: Claim) -> None:
        """Raises  ValueError for a claim that lacks what the relation needs, or has what it does not use."""
        name, count = claim.relation, len(claim.experiments)
        if not self.least <= count <= self.most:
            expected = str(self.least) if self.least == self.most else f"{self.least} or more"
            raise ValueError(f"{name} needs {expected} experiments, got {count}")
        if len(set(claim.experiments)) != count:
            raise ValueError(f"{name} names an experiment twice")
        for key, what in KEYS.items():
            if key in self.needs and key not in claim.model_fields_set:
                raise ValueError(f"{name} needs `{key}`, {what}")
            if key in claim.model_fields_set and key not in self.uses + self.needs:
                raise ValueError(f"{name} does not use `{key}`: leave it out")
        if claim.by < 0 and isinstance(self, Pairwise):
            raise ValueError(f"by must be 0 or more, got {claim.by:g}: swap the experiments")

    def judge(self, claim: Claim, experiments: Experiments) -> Judgement:
        """The verdict that the experiments' numbers give."""
        raise NotImplementedError


KEYS = {
    "by": "the number to compare with",
    "within": "the largest difference that counts as none",
    "measure": "one quantity",
    "measures": f"two of {', '.join(MEASURES)}",
    "over": "a setting",
    "cause": "settings",
    "best_of": "a number of runs",
}
Pairs = Callable[[Claim, Experiments], list[tuple[str, str]]]


@dataclass(frozen=True)
class Pairwise(Relation):
    """One measure, compared in pairs of (what should be higher, what should be lower).

    `causal`: the statement is about what made the difference, so that another difference in the settings spoils it.
    """

    uses: tuple[str, ...] = ("measure", "cause", "by")
    pairs: Pairs = lambda claim, experiments: []
    causal: bool = True

    def judge(self, claim: Claim, experiments: Experiments) -> Judgement:
        """The gravest verdict of the pairs."""
        pairs = self.pairs(claim, experiments)
        parts = [_judge_pair(claim, experiments[a], experiments[b], self.causal) for a, b in pairs]
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
    uses: tuple[str, ...] = ("measure",)
    needs: tuple[str, ...] = ("by",)
    direction: int = 1

    def judge(self, claim: Claim, experiments: Experiments) -> Judgement:
        """The gravest verdict of the experiments."""
        return _merged([self._one(claim, experiments[name]) for name in claim.experiments])

    def _one(self, claim: Claim, evidence: Evidence) -> Judgement:
        (measure,) = claim.quantities
        if measure not in evidence.estimates:
            return _lacking([wording.missing_line(evidence, measure)])
        found = compare(evidence.estimate(measure), exact(0.0), claim.by)
        said = wording.sentence(measure, [evidence], found, claim.within)
        lines = [wording.beside_line(measure, evidence, found)]
        return Judgement(_verdict(claim, found, self.direction), lines, [found], f"{said}.")


@dataclass(frozen=True)
class TwoMeasures(Relation):
    """Two measures of the same experiment, of one or more experiments."""

    least: int = 1
    needs: tuple[str, ...] = ("measures",)
    of_each: Callable[[Claim, Evidence], Judgement] = lambda claim, evidence: _lacking([])
    any_is_enough: bool = False

    def judge(self, claim: Claim, experiments: Experiments) -> Judgement:
        """The gravest verdict of the experiments, or the mildest where one is enough."""
        parts = [self._one(claim, experiments[name]) for name in claim.experiments]
        merged = _merged(parts)
        if len(parts) > 1:
            merged.lines.append(wording.tally_line([part.verdict for part in parts]))
        if self.any_is_enough and any(part.verdict == SUPPORTED for part in parts):
            return merged._replace(verdict=SUPPORTED)
        return merged

    def _one(self, claim: Claim, evidence: Evidence) -> Judgement:
        missing = [measure for measure in claim.measures or () if measure not in evidence.estimates]
        if missing:
            return _lacking([wording.missing_line(evidence, measure) for measure in missing])
        return self.of_each(claim, evidence)


@dataclass(frozen=True)
class OfSweep(Relation):
    """A statement of a sweep alone, which handgrad.reproduce judges."""

    least: int = 0
    most: int = 0

    def judge(self, claim: Claim, experiments: Experiments) -> Judgement:
        """That there is nothing to compare here."""
        return _lacking(["It speaks of a sweep, whose trials alone can decide it."])


def _lacking(lines: list[str]) -> Judgement:
    return Judgement(NO_EXPERIMENT, lines, [], " ".join(lines))


def _verdict(claim: Claim, found: Difference, direction: int = 1) -> str:
    """By the sign of what is beyond `by`; with `within`, by where the interval lies."""
    if claim.within is None:
        return CONTRADICTED if found.equal else BY_SIGN[direction * found.sign]
    low, high = found.low - found.by, found.high - found.by
    if -claim.within < low and high < claim.within:
        return SUPPORTED
    return CONTRADICTED if low > claim.within or high < -claim.within else TIE


def _merged(parts: Sequence[Judgement]) -> Judgement:
    """The gravest verdict with the first sentence of one that has it, and all lines, each once."""
    verdict = min((part.verdict for part in parts), key=GRAVEST.index)
    lines = dict.fromkeys(line for part in parts for line in part.lines)
    sentences = [part.sentence for part in parts if part.verdict == verdict]
    more = f" {len(sentences)} of {len(parts)} comparisons say so." if len(parts) > 1 else ""
    return Judgement(verdict, list(lines), [each for part in parts for each in part.differences], sentences[0] + more)


def _judge_pair(claim: Claim, a: Evidence, b: Evidence, causal: bool) -> Judgement:
    (measure,) = claim.quantities
    missing = [wording.missing_line(each, measure) for each in (a, b) if measure not in each.estimates]
    if missing:
        return _lacking(missing)
    found = difference(measure, a, b, claim.by)
    said = wording.sentence(measure, [a, b], found, claim.within)
    verdict, reasons = fairness(claim, a, b, causal)
    if verdict is not None:
        said = f"{said.partition(';')[0]}. {' '.join(reasons)}".removesuffix(".")
    lines = [wording.pair_line(measure, a, b, found), *reasons]
    return Judgement(verdict or _verdict(claim, found), lines, [found], f"{said}.")


def fairness(claim: Claim, a: Evidence, b: Evidence, causal: bool) -> tuple[str | None, list[str]]:
    """Whether the pair can tell anything about the statement: a verdict when it cannot, and why.

    Runs are compared by all their settings, as `handgrad compare` does; printed numbers by those that are stated.
    """
    lines = [line for each in (a, b) for line in wording.under_trained_lines(each)]
    cause = claim.cause or ([claim.over] if claim.over else [])
    if not (causal or cause) or quantity(claim.measure).type == "count":  # no training changes a count
        return (CONFOUNDED if lines else None), lines
    ours = bool(a.setups and b.setups)
    found = differing(a.setups[0], b.setups[0]) if ours else stated_differences(a.settings, b.settings)
    if cause and not names_of(cause) & set(found):
        return NO_EXPERIMENT, [*lines, f"{' and '.join(cause)} does not differ between {a.title} and {b.title}."]
    others = confounders(found, cause)
    if others:
        lines.append(
            f"{'Besides ' + ', '.join(cause) + ', these' if cause else 'These'} differ: {wording.in_words(others)}."
        )
        if ours:  # name the run that would separate the cause from what differs besides, as `handgrad compare` does
            setups = a.setups[0], b.setups[0]
            names = [each.setting for each in missing_runs(*setups, setups) if each.setting not in others]
            lines += [f'A run of "{a.title}" with the {" and ".join(names)} of "{b.title}" is missing.'] * bool(names)
    return (CONFOUNDED if lines else None), lines


def _best_first(claim: Claim, names: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Pairs of (better, worse) as pairs of (higher, lower)."""
    return names if quantity(claim.measure).better > 0 else [(worse, better) for better, worse in names]


def _by_setting(claim: Claim, experiments: Experiments, direction: int) -> list[tuple[str, str]]:
    """Neighbours in the order of the setting `over`."""
    setting = setting_name(claim.over or "")
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
    agree = evidence.number(one) == evidence.number(other)
    line = wording.two_line(claim.measures, evidence, agree)
    return Judgement(SUPPORTED if agree else CONTRADICTED, [line], [], line)


def _distinct(claim: Claim, evidence: Evidence) -> Judgement:
    judged = _same(claim, evidence)
    return judged._replace(verdict=CONTRADICTED if judged.verdict == SUPPORTED else SUPPORTED)


def _selected(claim: Claim, evidence: Evidence) -> Judgement:
    """Whether what decided the selection exceeds, by more than luck, what fresh images say."""
    chosen_by, judged_on = claim.measures or ("", "")
    if {chosen_by, judged_on} <= evidence.values.keys() and len(evidence.setups) > 1:
        found = paired(evidence.values[chosen_by], evidence.values[judged_on])
    else:
        found = compare(evidence.estimates[chosen_by], evidence.estimates[judged_on])
    lines = wording.selection_lines((chosen_by, judged_on), claim.best_of, evidence, found)
    return Judgement(BY_SIGN[-found.sign], lines, [found], lines[0])


def _first_over_others(claim: Claim, experiments: Experiments) -> list[tuple[str, str]]:
    return _best_first(claim, [(claim.experiments[0], other) for other in claim.experiments[1:]])


def _neighbours(claim: Claim, experiments: Experiments) -> list[tuple[str, str]]:
    return _best_first(claim, list(pairwise(claim.experiments)))


RELATIONS: dict[str, Relation] = {
    "higher": Pairwise(2, 2, pairs=lambda claim, _: list(pairwise(claim.experiments))),
    "lower": Pairwise(2, 2, pairs=lambda claim, _: list(pairwise(claim.experiments[::-1]))),
    "best": Pairwise(pairs=_first_over_others, causal=False),
    "worst": Pairwise(pairs=lambda claim, each: [(b, a) for a, b in _first_over_others(claim, each)], causal=False),
    "order": Pairwise(pairs=_neighbours, causal=False),
    "rises": Pairwise(needs=("over",), pairs=partial(_by_setting, direction=1)),
    "falls": Pairwise(needs=("over",), pairs=partial(_by_setting, direction=-1)),
    "equal": Pairwise(2, 2, ("measure", "cause"), ("within",), _neighbours, causal=False),
    "exceeds": Threshold(),
    "below": Threshold(direction=-1),
    "near": Threshold(needs=("by", "within")),
    "same": TwoMeasures(of_each=_same),
    "distinct": TwoMeasures(of_each=_distinct, any_is_enough=True),
    "selected": TwoMeasures(uses=("best_of",), of_each=_selected),
    IN_SWEEP: OfSweep(),
}
