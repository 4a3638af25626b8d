"""What the parameters of somebody's functions mean, by their names, and calls that could be meant."""

import itertools
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from handgrad.strict_yaml import load_mapping

MOST_ATTEMPTS = 60
MOST_COMBINATIONS = 5000
ACTIVATION_NAMES = {
    "relu": ("relu", "ReLU"),
    "sigmoid": ("sigmoid", "Sigmoid", "logistic"),
    "tanh": ("tanh", "Tanh"),
}
LOSS_NAMES = {
    "cross_entropy": (
        "cross_entropy",
        "crossentropy",
        "categorical_crossentropy",
        "ce",
        "CrossEntropy",
        "cross-entropy",
    ),
    "squared_error": ("mse", "mean_squared_error", "squared_error", "MSE", "mean_square_error", "l2"),
}


@cache
def tables() -> dict[str, Any]:
    """names.yaml."""
    return load_mapping((files("handgrad.verify") / "names.yaml").read_text(encoding="utf-8"))


@cache
def role_of(name: str) -> str:
    """What a parameter is for: the first role of names.yaml that fits, else nothing."""
    short = name.lower().strip("_") or name
    for role, pattern in tables()["roles"].items():
        if re.fullmatch(pattern, short):
            return str(role)
    return ""


def does(what: str, name: str) -> bool:
    """Whether a function's name speaks of a task: forward, backward, loss."""
    return re.search(tables()["does"][what], name.lower()) is not None


class Argument(NamedTuple):
    """One argument of a call: which of the values that its role offers."""

    name: str
    by_name: bool
    role: str
    option: int


Plan = tuple[Argument, ...]
Values = Callable[[str, str], Sequence[Any]]
LEFT_OUT = object()


def plans(parameters: Sequence[Mapping[str, Any]], values: Values, wanted: Collection[str] = ()) -> Iterator[Plan]:
    """Calls that could be meant: every combination of what `values(role, name)` offers, the likeliest first.

    Optional parameters get a value, or none, where their role is in `wanted`; a required one without a value ends it.
    """
    places: list[tuple[str, bool, str, int]] = []
    for parameter in parameters:
        name, role, optional = parameter["name"], role_of(parameter["name"]), bool(parameter["optional"])
        if parameter["star"] or (optional and role not in wanted):
            continue
        offered = len(values(role, name)) + optional
        if not offered:
            return
        places.append((name, optional, role, offered))
    counts = (range(offered) for _, _, _, offered in places)
    ranked = sorted(itertools.islice(itertools.product(*counts), MOST_COMBINATIONS), key=sum)
    for choice in ranked[:MOST_ATTEMPTS]:
        yield tuple(Argument(*place[:3], option) for place, option in zip(places, choice, strict=True))


def fill(plan: Plan, values: Values) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of a planned call, by place and by name."""
    by_place, by_name = [], {}
    for name, named, role, option in plan:
        offered = values(role, name)
        value = offered[option] if option < len(offered) else LEFT_OUT
        if not named:
            by_place.append(value)
        elif value is not LEFT_OUT:
            by_name[name] = value
    return by_place, by_name
