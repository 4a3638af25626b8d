"""What a check found: right, wrong with its layer and mistake, worth a note, or not checked."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

RIGHT, WRONG, NOTE, UNCHECKED = "right", "wrong", "note", "not checked"


@dataclass(frozen=True)
class Check:
    """One check: what was looked at, the verdict in a sentence, the largest relative error where there is one.

    A wrong one names the `layer`, the known `mistake` that reproduces their numbers, and how far off it is (`match`).
    """

    name: str
    status: str
    words: str
    error: float | None = None
    layer: str = ""
    mistake: str = ""
    match: float | None = None
    where: str = ""


@dataclass
class Outcome:
    """All that was found about a folder."""

    folder: str
    contract: str = ""
    found: list[str] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    seconds: float = 0.0
    isolation: str = ""

    @property
    def verdict(self) -> str:
        """ "right", "wrong", or "not checked" where nothing could be compared."""
        statuses = [check.status for check in self.checks]
        if WRONG in statuses:
            return WRONG
        return RIGHT if RIGHT in statuses else UNCHECKED

    @property
    def faults(self) -> list[Check]:
        """The checks that found something wrong."""
        return [check for check in self.checks if check.status == WRONG]

    @property
    def first(self) -> Check | None:
        """The fault to mend first."""
        return next(iter(self.faults), None)

    def mapping(self) -> dict[str, Any]:
        """As JSON."""
        return {"verdict": self.verdict, **asdict(self)}


def outcome_of(content: Mapping[str, Any]) -> Outcome:
    """What `Outcome.mapping` wrote."""
    named = {name: value for name, value in content.items() if name in Outcome.__dataclass_fields__}
    return Outcome(**{**named, "checks": [Check(**check) for check in content["checks"]]})


def merged(checks: Iterable[Check]) -> list[Check]:
    """One check for each that says the same; a fault of several activations or losses is said once."""
    found: dict[Any, Check] = {}
    for check in checks:
        key = (check.name, check.status, check.layer, check.mistake, check.words if not check.mistake else "")
        old = found.get(key)
        worse = old is None or (check.error or 0) > (old.error or 0)
        found[key] = check if worse else old  # type: ignore[assignment]
    return list(found.values())
