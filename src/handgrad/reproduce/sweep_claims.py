"""What a sweep says of a claim: the effect of one value against another, all other parameters being equal."""

from typing import Any, NamedTuple

from handgrad.claims.judge import HOLDS, HOLDS_NOT
from handgrad.claims.questions import EffectClaim
from handgrad.config import value_type_of
from handgrad.config.lookup import setting_name
from handgrad.errors import UsageError
from handgrad.evaluation import Interval
from handgrad.sweeps.analysis.result import Analysis, Effect, covers
from handgrad.sweeps.definition import SweepDefinition

UNDECIDED = "undecided"


class SweepVerdict(NamedTuple):
    """The verdict, the difference behind it in the document's unit if there is one, and both in a sentence."""

    verdict: str
    words: str
    difference: Interval | None = None


def check_effect(place: str, claim: EffectClaim, definition: SweepDefinition) -> None:
    """Raises  UsageError with the place, for a setting that the sweep does not vary, or a value that it has not."""
    name = setting_name(claim.setting)
    if name not in definition.varying:
        raise UsageError(f"{place}.setting: the sweep varies {', '.join(definition.varying)}, got {claim.setting}")
    tried = definition.varying[name]
    for key in () if claim.most_important else ("higher", "lower"):
        try:
            value = value_type_of(name)(getattr(claim, key))
        except ValueError as error:
            raise UsageError(f"{place}.{key}: {name} {error}") from error
        if tried.axis.type == "categorical" and value not in tried.grid():
            listed = ", ".join(map(str, tried.grid()))
            raise UsageError(f"{place}.{key}: the sweep tries {name} {listed}, got {value}")


def judge_in_sweep(claim: EffectClaim, analysis: Analysis, scale: float) -> SweepVerdict:
    """Whether the 95 % interval of the difference is beyond `by`; two values are compared by way of a third if need be.

    `scale` is what a whole of the metric is in the document's unit.
    """
    name = setting_name(claim.setting)
    if claim.most_important:
        return _most_important(name, analysis)
    higher, lower = (value_type_of(name)(value) for value in (claim.higher, claim.lower))
    effects = [effect for effect in analysis.effects if effect.name == name and not effect.per and not effect.where]
    found = _difference(effects, higher, lower)
    metric = analysis.metric.name.replace("_", " ")
    if found is None:
        return SweepVerdict(
            UNDECIDED, f"The sweep has too few configurations to distinguish {name} {higher} from {lower}."
        )
    difference = Interval(scale * found.mean, scale * found.low, scale * found.high, found.size)
    verdict = HOLDS if difference.low > claim.by else HOLDS_NOT if difference.high < claim.by else UNDECIDED
    words = (
        f"{name} {_written(higher)} instead of {_written(lower)}, all else equal, changes {metric} by "
        f"{difference.mean:+.2f} (95 % interval {difference.low:.2f} to {difference.high:.2f})."
    )
    return SweepVerdict(verdict, words, difference)


def _most_important(name: str, analysis: Analysis) -> SweepVerdict:
    """Whether the 95 % interval of its share of the variance lies above those of all others, or below one of them."""
    shares = {each.name: each.share for each in analysis.importances}
    others = {other: share for other, share in shares.items() if other != name}
    if name not in shares or not others:
        return SweepVerdict(UNDECIDED, "The sweep has too few configurations to estimate how important settings are.")
    own, rival = shares[name], max(others, key=lambda other: others[other].mean)
    highest, lowest = max(share.high for share in others.values()), max(share.low for share in others.values())
    verdict = HOLDS if own.low > highest else HOLDS_NOT if own.high < lowest else UNDECIDED
    metric = analysis.metric.name.replace("_", " ")
    words = f"Alone, {_share(name, own)} of the variance of {metric} over the space, {_share(rival, others[rival])}."
    return SweepVerdict(verdict, words)


def _share(name: str, share: Interval) -> str:
    low, mean, high = (f"{100 * value:.0f}" for value in (share.low, share.mean, share.high))
    return f"{name.replace('_', ' ')} explains {mean} % (95 % interval {low} to {high})"


def _difference(effects: list[Effect], higher: Any, lower: Any) -> Interval | None:
    """The first less the second; by way of the reference, the interval is as wide as that of both together at most."""
    of_higher, of_lower = (_against_reference(effects, value) for value in (higher, lower))
    if of_higher is None or of_lower is None:
        return None
    mean = of_higher.mean - of_lower.mean
    return Interval(mean, of_higher.low - of_lower.high, of_higher.high - of_lower.low, 0)


def _against_reference(effects: list[Effect], value: Any) -> Interval | None:
    """Nothing for the reference itself; None where there is no effect of the value."""
    if any(covers(effect.reference, value) for effect in effects):
        return Interval(0.0, 0.0, 0.0, 0)
    return next((effect.difference for effect in effects if covers(effect.value, value)), None)


def _written(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
