"""Names and numbers of a sweep in words."""

import math
from typing import Any

from handgrad.evaluation import Interval
from handgrad.sweeps.analysis.result import Range
from handgrad.sweeps.metric import Metric

BARE = ("optimizer", "activation", "dataset", "model")  # whose values say enough by themselves
COUNTED = {"epochs": ("epoch", "epochs"), "num_layers": ("hidden layer", "hidden layers")}


def called(name: str) -> str:
    """A parameter: "learning rate", "number of epochs"."""
    return f"number of {COUNTED[name][1]}" if name in COUNTED else name.replace("_", " ")


def value(of: Any) -> str:
    """A value of one: "0.0005", "[64, 32]", "0.001 to 0.01"."""
    if isinstance(of, Range):
        return str(of)
    if isinstance(of, list | tuple):
        return value(of[0]) if len(of) == 1 else f"[{', '.join(value(item) for item in of)}]"
    return f"{of:.3g}" if isinstance(of, float) else str(of)


def phrase(name: str, of: Any) -> str:
    """Both: "weight decay 0.5", "relu", "10 epochs", "no batch norm"."""
    if isinstance(of, bool):
        return called(name) if of else f"no {called(name)}"
    if name in COUNTED and isinstance(of, int):
        return f"{of} {COUNTED[name][of != 1]}"
    return value(of) if name in BARE else f"{called(name)} {value(of)}"


def phrases(name: str, several: list[Any]) -> str:
    """Several values of one: "weight decay 0 and 0.0005", "5 and 10 epochs", "tanh and relu"."""
    if any(isinstance(of, bool) for of in several):
        return listed([phrase(name, of) for of in several])
    words = listed([value(of) for of in several])
    if name in COUNTED:
        return f"{words} {COUNTED[name][several != [1]]}"
    return words if name in BARE else f"{called(name)} {words}"


def short(name: str, of: Any) -> str:
    """A value beside another one of the same parameter, which says the parameter's name."""
    return phrase(name, of) if isinstance(of, bool) else value(of)


def capital(words: str, name: str = "") -> str:
    """A sentence's beginning; names of values stay as they are written: an optimizer is called sgd, not Sgd."""
    return words if name in BARE else words[0].upper() + words[1:]


def plural(name: str, of: Any) -> bool:
    """Whether its verb is."""
    return name in COUNTED and of != 1


def listed(words: list[str]) -> str:
    """Words with commas and an "and"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


class Unit:
    """How numbers of a metric are told: accuracies in points of a hundred, others as they are."""

    def __init__(self, metric: Metric) -> None:
        self.share = metric.name.endswith("accuracy")
        self.sign = 1 if metric.goal == "maximize" else -1
        self.metric = metric

    def level(self, objective: float, half: float = math.nan) -> str:
        """An objective: "89.64 %", "0.3251"; with as many digits as its uncertainty `half` leaves it."""
        off = " off the target" if self.metric.goal == "target" else ""
        if not self.share:
            return f"{objective:.{_digits(half)}f}{off}" if half > 0 else f"{objective:.4g}{off}"
        return f"{100 * objective:.{_digits(100 * half) if half > 0 else 2}f} %{off}"

    def size(self, difference: Interval) -> str:
        """A difference without its sign: "1.2 ± 0.3 points"."""
        factor = 100 if self.share else 1
        mean, half = factor * abs(difference.mean), factor * (difference.high - difference.low) / 2
        digits = _digits(half)
        return f"{mean:.{digits}f} ± {half:.{digits}f}{' points' if self.share else ''}"

    def expected(self, level: Interval) -> str:
        """An objective with its interval: "89.6 % (88.9 to 90.2)"."""
        half = (level.high - level.low) / 2
        if math.isnan(half):
            return self.level(level.mean)
        factor = 100 if self.share else 1
        digits = _digits(factor * half)
        ends = f"{factor * level.low:.{digits}f} to {factor * level.high:.{digits}f}"
        return f"{self.level(level.mean, half)} ({ends})"

    def better(self, difference: float) -> bool:
        """Whether so much more of the objective is a gain."""
        return self.sign * difference > 0

    def verb(self, difference: float, many: bool = False) -> str:
        """Gain or cost, of one or of several."""
        word = "gain" if self.better(difference) else "cost"
        return word if many else f"{word}s"

    def bound(self, best: float) -> str:
        """What the best of several is to all of them."""
        if self.metric.goal == "target":
            return f"is less than {self.level(best)}"
        return f"{'exceeds' if self.sign > 0 else 'gets below'} {self.level(best)}"


def _digits(half: float) -> int:
    """Decimals that show the first digit of `half`, or the first two where that is below 3.

    A half of 0.26 is told as 0.26, one of 0.43 as 0.4.
    """
    if not half > 0 or math.isinf(half):
        return 1
    exponent = math.floor(math.log10(half))
    leading = round(half / 10.0**exponent, 6)
    return max(0, -exponent + (leading < 3))
