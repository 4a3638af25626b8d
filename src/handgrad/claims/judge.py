"""The verdict on every claim of a document, with what a decayed learning rate comes to, and verdicts as Markdown."""

import dataclasses
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from handgrad.claims.document import Document
from handgrad.claims.estimate import Evidence, Settings, belonging, difference, quantity, stated_differences
from handgrad.claims.evidence import evidence_of
from handgrad.claims.relations import RELATIONS, TIE, VERDICTS, Claim
from handgrad.claims.wording import pair_line, probability
from handgrad.errors import UsageError
from handgrad.evaluation import Difference, holm
from handgrad.evaluation.difference import LEVEL
from handgrad.optim import SCHEDULES
from handgrad.text import counted, markdown_cell, markdown_line

ONE_SEED = "One seed each: what another seed would change is not in the interval."
HOLDS, HOLDS_NOT, FITTED = "holds", "does not hold", "fitted"
OVER_SEEDS = dict(zip(VERDICTS, (HOLDS, "undecided", HOLDS_NOT, *VERDICTS[3:]), strict=True))
MEASURE = "test_accuracy"
CONSTANT = "constant"


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
        numbers = [each._asdict() for each in self.differences]
        plain = [{name: value if _finite(value) else None for name, value in each.items()} for each in numbers]
        return self._asdict() | {"differences": plain}


def _finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def check(document: Document, folder: Path = Path()) -> list[ClaimVerdict]:
    """What the numbers of a document say of each of its claims; run folders are looked for from `folder`.

    Raises  UsageError, FileSystemError, CorruptDataError for runs that cannot be compared or read.
    """
    experiments = {name: evidence_of(document, name, folder) for name in document.experiments}
    return _corrected([_judge(name, claim, experiments) for name, claim in document.claims.items()])


def check_over_seeds(document: Document, experiments: Mapping[str, Evidence]) -> list[ClaimVerdict]:
    """Whether each claim holds, does not hold or stays undecided in results of our own, or cannot be judged by them.

    What a setting fitted to a printed number shows is neither: it was chosen to show that.
    """
    verdicts = []
    for name, claim in document.claims.items():
        verdict = _judge(name, claim, experiments)
        word = OVER_SEEDS[verdict.verdict]
        fitted = dict.fromkeys(setting for each in claim.experiments for setting in experiments[each].fitted)
        if word in (HOLDS, HOLDS_NOT) and fitted and quantity(claim.measure).type != "count":
            why = f"But {' and '.join(fitted)} was chosen to give a printed number; a sweep of it would tell."
            verdict, word = verdict._replace(sentence=f"{verdict.sentence} {why}"), FITTED
        verdicts.append(verdict._replace(verdict=word))
    return _corrected(verdicts)


def _corrected(verdicts: list[ClaimVerdict]) -> list[ClaimVerdict]:
    """With Holm's correction over all that have a p-value."""
    tested = [verdict for verdict in verdicts if verdict.p is not None]
    adjusted = dict(zip([each.name for each in tested], holm([each.p or 0.0 for each in tested]), strict=True))
    found = []
    for each in verdicts:
        if each.p is not None and each.p < LEVEL and len(tested) > 1:  # above, no correction changes anything
            which = "p" if len(each.differences) == 1 else f"Largest p {probability(each.p)}, and"
            line = f"{which} {probability(adjusted[each.name])} after Holm's correction over {len(tested)} claims."
            each = each._replace(arithmetic=[*each.arithmetic, line])
        found.append(each._replace(p_holm=adjusted.get(each.name)))
    return found


def _judge(name: str, claim: Claim, experiments: Mapping[str, Evidence]) -> ClaimVerdict:
    try:
        judged = RELATIONS[claim.relation].judge(claim, experiments)
    except UsageError as error:
        raise UsageError(f"claims.{name}: {error}") from error
    lines = judged.lines + [line for each in claim.experiments for line in step_budget(each, experiments)]
    used = [experiments[each].estimates.get(quantity) for each in claim.experiments for quantity in claim.quantities]
    single = all(each is not None and each.seeds == 1 and each.variance != 0 for each in used)
    ps = [each.p for each in judged.differences]
    known = bool(ps) and not any(map(math.isnan, ps))
    lines += [ONE_SEED] if known and single and not claim.selected else []
    p = max(ps) if known and claim.within is None else None
    return ClaimVerdict(name, claim.says, judged.verdict, lines, judged.differences, claim.note, judged.sentence, p)


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
    if constant is None or MEASURE not in evidence.estimates:
        return [said]
    beside = evidence, experiments[constant]
    line = pair_line(MEASURE, *beside, difference(MEASURE, *beside))
    return [said, f"Beside the constant rate nearest to that mean, {line}"]


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
        and not set(stated_differences(settings, other.settings)) - free
    }
    return min(distances, key=distances.__getitem__) if distances else None


def summary(verdicts: Sequence[ClaimVerdict]) -> str:
    """As in "12 claims: 4 supported, 3 tie, 1 contradicted"; verdicts that nothing got are left out."""
    counts = Counter(verdict.verdict for verdict in verdicts)
    order = [*VERDICTS, *(verdict for verdict in counts if verdict not in VERDICTS)]
    parts = [f"{n} {'ties' if verdict == TIE and n > 1 else verdict}" for verdict in order if (n := counts[verdict])]
    return f"{counted(len(verdicts), 'claim')}: {', '.join(parts)}"


def markdown(title: str, verdicts: Sequence[ClaimVerdict]) -> str:
    """A section with a table of verdicts, and the arithmetic of each below it."""
    rows = [f"| {markdown_cell(each.says)} | **{each.verdict}** |" for each in verdicts]
    lines = [f"# {markdown_line(title)}", "", f"{summary(verdicts)}.", "", "| claim | verdict |", "|---|---|", *rows]
    for each in verdicts:
        lines += ["", f"## {markdown_line(each.says)}", "", f"**{each.verdict}** {markdown_line(each.sentence)}", ""]
        lines += [f"- {markdown_line(line)}" for line in (*each.arithmetic, each.note) if line]
    return "\n".join(lines) + "\n"
