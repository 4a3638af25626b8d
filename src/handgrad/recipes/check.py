"""The verdict on every claim of a document."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from handgrad.errors import UsageError
from handgrad.recipes.decay import step_budget
from handgrad.recipes.document import Claim, Document
from handgrad.recipes.estimate import Difference
from handgrad.recipes.evidence import Evidence, evidence_of, evidence_over_seeds
from handgrad.recipes.relations import CONFOUNDED, CONTRADICTED, NO_EXPERIMENT, RELATIONS, SUPPORTED, TIE

ONE_SEED = "One seed each: what another seed would change is not in the interval."
OVER_SEEDS = {
    SUPPORTED: "holds",
    CONTRADICTED: "does not hold",
    TIE: "undecided",
    CONFOUNDED: "undecided",
    NO_EXPERIMENT: "undecided",
}


class Finding(NamedTuple):
    """A claim, the verdict on it, the arithmetic in sentences, and the differences behind it as numbers."""

    name: str
    says: str
    verdict: str
    arithmetic: list[str]
    differences: list[Difference]
    note: str | None = None

    def to_mapping(self) -> dict[str, Any]:
        """In types that JSON knows, None for NaN and infinity."""
        differences = [_plain(each._asdict()) for each in self.differences]
        return self._asdict() | {"differences": differences}


def check(document: Document, folder: Path = Path()) -> list[Finding]:
    """What the numbers of a document say of each of its claims; run folders are looked for from `folder`.

    Raises  UsageError, FileSystemError, CorruptDataError for runs that cannot be compared or read.
    """
    experiments = {name: evidence_of(document, name, folder) for name in document.experiments}
    return [_finding(name, claim, experiments) for name, claim in document.claims.items()]


def check_over_seeds(document: Document, results: Mapping[str, Mapping[str, Sequence[float]]]) -> list[Finding]:
    """Whether each claim holds, does not hold or stays undecided in results of our own.

    `results` has for each experiment and measure one value a seed, in the document's unit.
    """
    experiments = {name: evidence_over_seeds(document, name, results.get(name, {})) for name in document.experiments}
    findings = [_finding(name, claim, experiments) for name, claim in document.claims.items()]
    return [finding._replace(verdict=OVER_SEEDS[finding.verdict]) for finding in findings]


def _finding(name: str, claim: Claim, experiments: Mapping[str, Evidence]) -> Finding:
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
    return Finding(name, claim.says, judged.verdict, lines, judged.differences, claim.note)


def _single(evidence: Evidence, claim: Claim) -> bool:
    """Whether its numbers come from one training, and their interval is that of a share of images."""
    used = [evidence.estimates.get(each) for each in claim.measures or (claim.measure,)]
    return all(each is not None and each.seeds == 1 and each.variance > 0 for each in used)


def _plain(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: None if isinstance(value, float) and not abs(value) < float("inf") else value
        for name, value in fields.items()
    }
