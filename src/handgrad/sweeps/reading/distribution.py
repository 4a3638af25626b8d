"""One parameter of a sweep file: which distribution it is, its numbers and values, and whether they suit the field."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from handgrad.config import kind_of
from handgrad.config.kinds import Number, Options, Whole, Wholes
from handgrad.config.lookup import Problems, listed, shown
from handgrad.diagnostics import NOTE, Diagnostic
from handgrad.errors import UsageError
from handgrad.sweeps.reading.keys import check_keys, word
from handgrad.sweeps.reading.numbers import bound, taken_as_number
from handgrad.sweeps.space import DISTRIBUTIONS, Distribution
from handgrad.sweeps.space.bell import Bell

SPELLINGS = {name: ("categorical_w_probabilities",) if name == "categorical" else () for name in DISTRIBUTIONS}
CLASHING = ("value", "values", "min", "mu", "a")  # each of these alone says how a parameter is distributed
PROBES = (0.0, 0.005, 0.1234, 0.3819, 0.618, 0.8765, 0.995, 1.0)
FEW = 1000  # values that are all checked


def read_distribution(field: str, content: Any, where: str, notices: list[Diagnostic]) -> Distribution:
    """The distribution of a field of RunConfig; values in any of their spellings become canonical.

    Raises  UsageError in one line that begins with `where`.
    """
    if not isinstance(content, Mapping):
        key = "values" if isinstance(content, list) else "value"
        written = f"{key}: {shown(content)}"
        raise UsageError(f"{where} must say how it varies, got {shown(content)}: write {{{written}}}")
    name = _distribution_name(content, where)
    kind = DISTRIBUTIONS[name]
    keys = [f.name for f in dataclasses.fields(kind)]
    check_keys(content, ["distribution", *keys], f"{where}, a {name}")
    needed = [f.name for f in dataclasses.fields(kind) if f.default is dataclasses.MISSING]
    missing = [key for key in needed if key not in content]
    if missing:
        raise UsageError(f"{where} is {name} and needs {listed(needed).replace(' or ', ' and ')}: add {missing[0]}")
    given = {key: content[key] for key in keys if key in content}
    try:
        return _checked(field, name, kind(**_read(field, given, where, notices)))
    except UsageError as error:
        message = str(error)
        raise UsageError(message if message.startswith(where) else f"{where} {message}") from error


def _distribution_name(content: Mapping[str, Any], where: str) -> str:
    """As given, or as W&B infers it from the other keys."""
    clashing = [key for key in CLASHING if key in content]
    if len(clashing) > 1:
        raise UsageError(f"{where} has {clashing[0]} beside {clashing[1]}: leave one out")
    if "distribution" in content:
        return word(content["distribution"], SPELLINGS, f"{where}.distribution")
    if "value" in content:
        return "constant"
    if "values" in content or "probabilities" in content:
        return "categorical"
    if "min" in content or "max" in content:
        bounds = [content.get("min"), content.get("max")]
        return "int_uniform" if all(type(value) is int for value in bounds) else "uniform"
    check_keys(content, ["value", "values", "min", "max", "distribution", "parameters"], where)
    raise UsageError(f"{where} says nothing of its values: give value, values, min and max, or distribution")


def _read(field: str, given: dict[str, Any], where: str, notices: list[Diagnostic]) -> dict[str, Any]:
    """The fields of the distribution's dataclass."""
    read: dict[str, Any] = {}
    for key, value in given.items():
        if key == "value":
            read[key] = _canonical(field, value, f"{where}.value", notices)
        elif key in ("values", "probabilities"):
            read[key] = _listed(value, f"{where}.{key}")
        else:
            read[key] = bound(value, f"{where}.{key}", notices)
    if "probabilities" in read:
        read["probabilities"] = tuple(bound(p, f"{where}.probabilities", notices) for p in read["probabilities"])
    if "values" in read:
        problems = Problems()
        listed_values = read["values"]
        read["values"] = tuple(problems.of(_canonical, field, v, f"{where}.values", notices) for v in listed_values)
        problems.refuse()
        read |= _without_repeats(read, given["values"], where, notices)
    return read


def _listed(value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise UsageError(f"{where} must be a list, got {shown(value)}: write [{shown(value)}]")
    return tuple(value)


def _canonical(field: str, value: Any, where: str, notices: list[Diagnostic]) -> Any:
    kind = kind_of(field)
    if isinstance(value, Mapping) and not isinstance(kind, Options):
        raise UsageError(f"{where} must be plain values, got {shown(value)}")
    try:
        canonical = kind(value)
    except ValueError as error:
        raise UsageError(f"{where}: {field} {error}") from error
    if isinstance(kind, Number | Whole) and isinstance(value, str) and canonical is not None:
        notices.append(taken_as_number(where, value))
    return canonical


def _without_repeats(
    read: Mapping[str, Any], written: list[Any], where: str, notices: list[Diagnostic]
) -> Mapping[str, Any]:
    """The values, each once, with the probabilities of equal ones added up."""
    values, chances = read["values"], read.get("probabilities")
    if chances is not None and len(chances) != len(values):
        return {}  # the distribution refuses that
    sums: list[tuple[Any, float]] = []
    for value, spelled, chance in zip(values, written, chances or [0.0] * len(values), strict=True):
        place = next((i for i, (other, _) in enumerate(sums) if other == value), None)
        if place is None:
            sums.append((value, chance))
        else:
            sums[place] = value, sums[place][1] + chance
            what = f"{where}.values: {shown(spelled)} is {shown(value)} once more; it is taken once"
            notices.append(Diagnostic(NOTE, what, "Leave it out; to make a value likelier, give probabilities"))
    unique = {"values": tuple(value for value, _ in sums)}
    return unique | ({"probabilities": tuple(chance for _, chance in sums)} if chances is not None else {})


def _checked(field: str, name: str, distribution: Distribution) -> Distribution:
    """The distribution, if its values suit the field; of an unbounded one, all but a hundredth of them must.

    Raises  UsageError with the first value that does not.
    """
    if name in ("constant", "categorical"):
        return distribution
    kind = kind_of(field)
    few = distribution.size is not None and distribution.size <= FEW
    probes = PROBES[1:-1] if isinstance(distribution, Bell) else PROBES
    for value in distribution.grid() if few else map(distribution.quantile, probes):
        example = float(f"{value:.4g}") if isinstance(value, float) else value
        try:
            kind(value)
        except ValueError as error:
            hint = _whole_number_hint(kind, name)
            expected = str(error).partition(", got ")[0]
            raise UsageError(f"is {name}, which draws values such as {example}: {field} {expected}{hint}") from error
    return distribution


def _whole_number_hint(kind: Any, name: str) -> str:
    if not isinstance(kind, Whole | Wholes) or name == "int_uniform":
        return ""
    stepped = name if name.startswith("q_") else f"q_{name}"
    alternatives = ["int_uniform"] if name == "uniform" else [stepped] if stepped in DISTRIBUTIONS else ["int_uniform"]
    return f"; whole numbers come from {listed(alternatives)}"
