"""How a parameter of a sweep file varies: its distribution, and the numbers that YAML 1.1 reads as text."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from handgrad.config import RunConfig, value_type_of
from handgrad.config.lookup import Problems, inverted, listed, quoted, shortened
from handgrad.config.presets import PLAIN, PRESETS
from handgrad.config.value_types import AnyValue, Name, Number, Options, ValueType, Whole, Wholes, is_none
from handgrad.errors import NOTE, Diagnostic, UsageError
from handgrad.files import read_file
from handgrad.sweeps.space import DISTRIBUTIONS, QUANTIZED, Distribution, Tailed, distribution, keys_of, plain_of
from handgrad.text import nearest, squashed

SCIENTIFIC = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")
ALIASES = {name: ("categorical_w_probabilities",) if name == "categorical" else () for name in DISTRIBUTIONS}
CLASHING = ("value", "values", "min", "mu", "a")  # each of these alone says how a parameter is distributed
PROBES = (0.0, 0.005, 0.1234, 0.3819, 0.618, 0.8765, 0.995, 1.0)
FEW = 1000  # values that are all checked
NEXT_TO_NOTHING = 1e-6  # of a maximum: the least number where a file says 0 of what must be positive


def check_keys(content: Mapping[str, Any], known: Iterable[str], where: str, meant: Mapping[str, str] = {}) -> None:
    """Refuse every key that is none of `known`; `meant` has the right ones for some that people write instead."""
    known, problems = list(known), Problems()
    for key in content:
        if key not in known:
            near = meant.get(str(key)) or nearest(str(key), known)
            hint = f": did you mean {near}?" if near else f", expected {listed(known)}"
            problems.append(UsageError(f"unknown key {quoted(key)}{f' in {where}' if where else ''}{hint}"))
    problems.refuse()


def mapping(value: Any, where: str, example: str) -> Mapping[str, Any]:
    """The value, if it is a mapping that is not empty."""
    if not isinstance(value, Mapping) or not value:
        raise UsageError(f"{where} must be a mapping such as {example}, got {quoted(value)}")
    return value


def word(value: Any, table: Mapping[str, Iterable[str]], where: str) -> str:
    """The one of the names in `table` that a text means; the table has aliases of each."""
    meanings = inverted(table)
    if isinstance(value, str) and squashed(value) in meanings:
        return meanings[squashed(value)]
    near = nearest(value, meanings) if isinstance(value, str) else None
    hint = f"; did you mean {meanings[squashed(near)]}?" if near else ""
    raise UsageError(f"{where} must be {listed(table)}, got {quoted(value)}{hint}")


def text(value: Any, where: str) -> str:
    """One line of text."""
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{where} must be a text, got {quoted(value)}")
    return " ".join(value.split())


def whole(value: Any, where: str, least: int = 1) -> int:
    """A whole number of at least `least`."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or value < least:
        raise UsageError(f"{where} must be a whole number of at least {least}, got {quoted(value)}")
    return value


def bound(value: Any, where: str, notices: list[Diagnostic]) -> float:
    """A finite number; text only where YAML 1.1 makes text of a plain number.

    Raises  UsageError for any other text, a truth value, NaN and infinity.
    """
    if isinstance(value, str):
        if not SCIENTIFIC.fullmatch(value.strip()):
            raise UsageError(f"{where} must be a number, got the text {quoted(value)}: write it without quotes")
        notices.append(taken_as_number(where, value))
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"{where} must be a number, got {quoted(value)}")
    if not math.isfinite(value):
        raise UsageError(f"{where} must be a finite number, got {value}")
    return value


def taken_as_number(where: str, text: str) -> Diagnostic:
    """The notice of a text that was taken as the number it looks like."""
    return Diagnostic(
        NOTE, f"{where}: the text {text!r} is taken as the number {float(text):g}", f"Write {plain(text)}"
    )


def plain(text: str) -> str:
    """The number of a text as every YAML reads it."""
    written = text.strip() if text.strip().isdigit() else repr(float(text))
    mantissa, e, exponent = written.partition("e")
    return f"{mantissa}{'' if '.' in mantissa else '.0'}{e}{exponent}" if e else written


def read_otherwise(path: Path, content: Any) -> Iterator[Diagnostic]:
    """A notice for every number of a file's `content` that is a text to a reader of YAML 1.1."""
    try:
        old = yaml.load(read_file(path).decode("utf-8-sig"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError):
        return  # what one of them cannot read is no matter of numbers
    yield from _differences(content, old, "")


def _differences(ours: Any, theirs: Any, where: str) -> Iterator[Diagnostic]:
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for key in ours:
            if key in theirs:
                yield from _differences(ours[key], theirs[key], f"{where}.{key}" if where else str(key))
    elif isinstance(ours, list) and isinstance(theirs, list):
        for own, other in zip(ours, theirs, strict=False):
            yield from _differences(own, other, where)
    elif isinstance(ours, float) and isinstance(theirs, str):
        what = f"{where}: {theirs} is text in YAML 1.1, as W&B reads it; it is taken as the number {ours:g}"
        yield Diagnostic(NOTE, what, f"Write {plain(theirs)}")


class Named(NamedTuple):
    """A parameter by its name, and how its values may be written."""

    field: str
    value_type: ValueType

    @property
    def takes_lists(self) -> bool:
        """Whether a single value may be a list."""
        return self.value_type.several or isinstance(self.value_type, AnyValue)

    def takes(self, value: Any) -> bool:
        """Whether it is a real number that may have this value."""
        try:
            return isinstance(self.value_type, Number) and self.value_type(value) is not None
        except ValueError:
            return False


def read_distribution(
    field: str, content: Any, where: str, notices: list[Diagnostic], value_type: ValueType | None = None
) -> Distribution:
    """The distribution of a field of RunConfig, or of another parameter of this type; values become canonical.

    Raises  UsageError in one line that begins with `where`.
    """
    if not isinstance(content, Mapping):
        key = "values" if isinstance(content, list) else "value"
        written = f"{key}: {quoted(content)}"
        raise UsageError(f"{where} must say how it varies, got {quoted(content)}: write {{{written}}}")
    named, name = Named(field, value_type or value_type_of(field)), _distribution_name(content, where)
    if name == "constant" and isinstance(content.get("value"), list) and not named.takes_lists:
        content, name = {"values": content["value"]}, "categorical"
        notices.append(Diagnostic(NOTE, f"{where}.value: a list is no {field}; each of it is tried", "Write values"))
    keys = keys_of(name)
    check_keys(content, ["distribution", *keys], f"{where}, a {name}")
    needed = [key for key, is_needed in keys.items() if is_needed]
    missing = [key for key in needed if key not in content]
    if missing:
        raise UsageError(f"{where} is {name} and needs {listed(needed).replace(' or ', ' and ')}: add {missing[0]}")
    numbers = {key: content[key] for key in keys if key in content}
    if name == "uniform" and numbers["min"] == 0 and not named.takes(0) and named.takes(numbers["max"]):
        numbers["min"] = numbers["max"] * NEXT_TO_NOTHING
        what = f"{where}.min: 0 itself is no {field}, the least is {numbers['min']:g}"
        notices.append(Diagnostic(NOTE, what, "A learning rate is better drawn from log_uniform_values"))
    listed_values = numbers.get("values")
    if isinstance(listed_values, list) and 0 in listed_values and "probabilities" not in numbers:
        rest = [value for value in listed_values if isinstance(value, bool) or value != 0]
        if rest and isinstance(named.value_type, Number) and not named.takes(0) and all(map(named.takes, rest)):
            numbers["values"] = rest
            notices.append(Diagnostic(NOTE, f"{where}.values: 0 is left out, it is no {field}", "Leave it out"))
    try:
        return _checked(named, name, distribution(name, _read(named, numbers, where, notices)))
    except UsageError as error:
        message = str(error)
        raise UsageError(message if message.startswith(where) else f"{where} {message}") from error


def _distribution_name(content: Mapping[str, Any], where: str) -> str:
    """As stated, or as W&B infers it from the other keys."""
    clashing = [key for key in CLASHING if key in content]
    if len(clashing) > 1:
        raise UsageError(f"{where} has {clashing[0]} beside {clashing[1]}: leave one out")
    if "distribution" in content:
        return word(content["distribution"], ALIASES, f"{where}.distribution")
    if "value" in content:
        return "constant"
    if "values" in content or "probabilities" in content:
        return "categorical"
    if "min" in content or "max" in content:
        bounds = [content.get("min"), content.get("max")]
        return "int_uniform" if all(type(value) is int for value in bounds) else "uniform"
    check_keys(content, ["value", "values", "min", "max", "distribution", "parameters"], where)
    raise UsageError(f"{where} has no values: give value, values, min and max, or distribution")


def _read(named: Named, numbers: dict[str, Any], where: str, notices: list[Diagnostic]) -> dict[str, Any]:
    """The fields of the distribution's dataclass."""
    read: dict[str, Any] = {}
    for key, value in numbers.items():
        if key == "value":
            read[key] = _canonical(named, value, f"{where}.value", notices)
        elif key in ("values", "probabilities"):
            read[key] = _listed(value, f"{where}.{key}")
        else:
            read[key] = bound(value, f"{where}.{key}", notices)
    if "probabilities" in read:
        read["probabilities"] = tuple(bound(p, f"{where}.probabilities", notices) for p in read["probabilities"])
    if "values" in read:
        problems = Problems()
        listed_values = read["values"]
        read["values"] = tuple(problems.of(_canonical, named, v, f"{where}.values", notices) for v in listed_values)
        problems.refuse()
        read |= _without_repeats(read, numbers["values"], where, notices)
    return read


def _listed(value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise UsageError(f"{where} must be a list, got {quoted(value)}: write [{quoted(value)}]")
    return tuple(value)


def _canonical(named: Named, value: Any, where: str, notices: list[Diagnostic]) -> Any:
    field, value_type = named
    if isinstance(value, Mapping) and not isinstance(value_type, Options | AnyValue):
        raise UsageError(f"{where} must be plain values, got {quoted(value)}")
    off = isinstance(value_type, Number | Whole) and not value_type.optional and is_none(value)
    if off and PRESETS[PLAIN].get(field, RunConfig.model_fields[field].default) == 0:
        notices.append(Diagnostic(NOTE, f"{where}: {quoted(value)} is taken as 0", "Write 0"))
        value = 0
    try:
        canonical = value_type(value)
    except ValueError as error:
        meant = shortened(field, str(value), value_type.names) if isinstance(value_type, Name) else ""
        if not meant:
            raise UsageError(f"{where}: {field} {error}") from error
        notices.append(Diagnostic(NOTE, f"{where}: {value} is taken as {meant}", f"Write {meant}"))
        return meant
    if isinstance(value_type, Number | Whole) and isinstance(value, str) and canonical is not None:
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
            what = f"{where}.values: {quoted(spelled)} is {quoted(value)} once more; it is taken once"
            notices.append(Diagnostic(NOTE, what, "Leave it out; to make a value likelier, give probabilities"))
    unique = {"values": tuple(value for value, _ in sums)}
    return unique | ({"probabilities": tuple(chance for _, chance in sums)} if chances is not None else {})


def _checked(named: Named, name: str, found: Distribution) -> Distribution:
    """The distribution, if its values suit the field; of an unbounded one, all but a hundredth of them must.

    Raises  UsageError with the first value that does not.
    """
    if name in ("constant", "categorical"):
        return found
    field, value_type = named
    few = found.size is not None and found.size <= FEW
    probes = PROBES[1:-1] if isinstance(plain_of(found), Tailed) else PROBES
    for value in found.grid() if few else map(found.quantile, probes):
        example = float(f"{value:.4g}") if isinstance(value, float) else value
        try:
            value_type(value)
        except ValueError as error:
            hint = _whole_number_hint(value_type, name)
            expected = str(error).partition(", got ")[0]
            raise UsageError(f"is {name}, which draws values such as {example}: {field} {expected}{hint}") from error
    return found


def _whole_number_hint(value_type: Any, name: str) -> str:
    if not isinstance(value_type, Whole | Wholes) or name == "int_uniform":
        return ""
    stepped = QUANTIZED + name.removeprefix(QUANTIZED)
    alternatives = ["int_uniform"] if name == "uniform" else [stepped] if stepped in DISTRIBUTIONS else ["int_uniform"]
    return f"; whole numbers come from {listed(alternatives)}"
