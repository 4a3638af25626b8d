"""What a check found: right, wrong with its layer and mistake, worth a note, or not checked; and how that is worded."""

from collections.abc import Iterable, Mapping, Sequence
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


def layer_name(layer: int | None, layers: int, widths: Sequence[int]) -> str:
    """A layer in words, counted from the input."""
    if layer is None:
        return "all layers"
    what = "output layer" if layer == layers - 1 else "first hidden layer" if layer == 0 else "hidden layer"
    return f"layer {layer + 1} of {layers}, {what} ({widths[layer]} → {widths[layer + 1]})"


def hook_name(hook: str, layer: int | None, layers: int, widths: Sequence[int]) -> str:
    """Where a mistake acts: at the output, in every layer that has such a place, or in one."""
    if hook in ("output", "out"):
        layer = layers - 1
    if layer is None and hook == "slope" and layers > 2:
        return "every hidden layer"
    if layer is None and hook == "signal":
        return f"every layer below {layer_name(layers - 1, layers, widths)}"
    return layer_name(0 if layer is None and hook == "slope" else layer, layers, widths)


def by_factor(scales: Mapping[str, float]) -> dict[float, list[str]]:
    """The names of gradients by the factor that they need."""
    found: dict[float, list[str]] = {}
    for name, factor in scales.items():
        found.setdefault(round(factor, 6), []).append(name)
    return found


def factor_words(factor: float, n: int, k: int) -> tuple[str, str]:
    """A factor as a mistake: its name and sentence."""
    known = {
        float(n): ("missing 1/N", "the sum over the batch, where the mean is meant: 1/N is missing"),
        1 / n: ("1/N twice", "divided by the batch size once too often"),
        -1.0: ("sign", "the sign is reversed"),
        0.0: ("gradient missing", "all zeros: the gradient is never computed"),
        2.0: ("factor 2", "twice as large as the derivative of the loss"),
        0.5: ("factor 1/2", "half as large as the derivative of the loss"),
        float(k): ("factor K", "as many times too large as there are classes"),
        1 / k: ("factor 1/K", "divided by the number of classes"),
        float(n * k): ("missing 1/(N K)", "not divided by batch and classes"),
        k / 2: ("factor K/2", "the derivative of half the squared error, where the mean over classes is meant"),
        1 / n / n: ("1/N twice", "divided by the batch size twice too often"),
        1 - 1 / n: ("N - 1", "not divided by the batch size itself"),
    }
    for value, text in known.items():
        if abs(factor - value) <= 1e-5 * max(1, abs(value)):
            return text
        if factor < 0 and abs(factor + value) <= 1e-5 * max(1, abs(value)):
            return f"sign and {text[0]}", f"the sign is reversed, and {text[1]}"
    return "factor", f"{factor:.4g} times what it must be"


def scope(names: list[str], layers: int, widths: Any, biases: bool) -> str:
    """Of which gradients something is true."""
    numbers = sorted({int(name[1:]) for name in names})
    parts = {name[0] for name in names}
    what = {"W": "dW of ", "b": "db of "}.get("".join(sorted(parts)), "") if biases else ""
    if len(numbers) == layers:
        return f"{what}all layers"
    return what + " and ".join(layer_name(k, layers, widths) for k in numbers)
