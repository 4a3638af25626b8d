"""What somebody meant by a name that can mean several things: the value decides."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from handgrad.config.aliases import AMBIGUOUS_FIELDS, GUESSED, OTHERWISE, OTHERWISE_OF_FIELDS
from handgrad.config.lookup import find
from handgrad.config.value_types import BOOLEANS, Name, Number, Switch, Text, ValueType, Whole, number, spelled
from handgrad.errors import UsageError
from handgrad.text import squashed

ValueTypeOf = Callable[[str], ValueType]
MANY_LAYERS = 16  # hidden layers; a larger number of "hidden layers" is the size of one
WEIGHTS = (".npz", ".npy", ".pt", ".pth", ".h5", ".pkl", ".safetensors")
ENDINGS: dict[str, tuple[str, ...]] = {"config": (".yaml", ".yml", ".json"), "sweep_config": (".yaml", ".yml", ".json")}
ENDINGS |= dict.fromkeys(("model_path", "model_save_path"), WEIGHTS)
LIKELY: dict[str, Callable[[float], bool]] = {
    "num_layers": lambda x: x <= MANY_LAYERS,
    "beta": lambda x: x >= 0.5,
    "momentum": lambda x: x >= 0.5,
    "schedule_factor": lambda x: x >= 0.1,
}


NTH_LAYER = re.compile(
    "(?:n|num)?(?:h|hidden|fc|dense|layer|units)(?:layer|size|dim|units|nodes|neurons)?([1-9])"
    "(?:size|dim|units|nodes|neurons)?"
)


def nth_layer(written: str) -> int:
    """The number of the hidden layer whose size a name is, as 2 of hidden2; 0 for any other name."""
    nth = NTH_LAYER.fullmatch(squashed(written))
    return int(nth[1]) if nth else 0


class Meaning(NamedTuple):
    """The setting or option that a name means, its values, and what is to be said where they decided it."""

    name: str
    values: list[Any]
    note: str = ""


def meaning(written: str, values: Sequence[Any], table: Mapping[str, str], kind_of: ValueTypeOf, what: str) -> Meaning:
    """What `written` means with such values; `table`, `what` and errors as in `find`."""
    squeezed = squashed(written)
    if squeezed in GUESSED and all(number(value) is not None for value in values):
        name = GUESSED[squeezed]
        return Meaning(name, [*values], f"{written} is taken as {name}, an L2 penalty; for another one give l1")

    def fitting(names: Sequence[str]) -> list[str]:
        known = [table.get(squashed(name), name) for name in names if squashed(name) in table or " " in name]
        found = [name for name in known if " " in name or all(fits(name, kind_of(name), value) for value in values)]
        named = [name for name in found if " " not in name and isinstance(kind_of(name), Name)]
        return named if len(named) == 1 else found  # a known name is no free text

    if squeezed not in table and squeezed in AMBIGUOUS_FIELDS:
        one = fitting(AMBIGUOUS_FIELDS[squeezed])
        if len(one) != 1:
            find(written, table, what)  # raises
        return Meaning(one[0], [*values], f"{written} is taken as {one[0]}, as its value shows")
    try:
        name = find(written, table, what)
    except UsageError:
        if not OTHERWISE.get(squeezed) or not fitting(OTHERWISE[squeezed]):
            raise
        name = ""
    others = OTHERWISE.get(squeezed) or OTHERWISE_OF_FIELDS.get(name, ())
    if not others or (name and _stands(name, squeezed, kind_of(name), values)):
        return Meaning(name, [*values])
    one = fitting(others)
    if not one:
        return Meaning(name, [*values])
    if one[0] == "hidden_size":  # a number of "hidden layers" that is the size of one
        values = [value if number(value) is None else [int(number(value) or 0)] for value in values]
    return Meaning(one[0], [*values], f"{written} is taken as {one[0]}, as its value shows")


def _stands(name: str, squeezed: str, kind: ValueType, values: Sequence[Any]) -> bool:
    """Whether the usual meaning of a name fits; a count of layers of any size does where nothing else is called so."""
    if name == "num_layers" and squeezed not in OTHERWISE:
        return all(number(value) is not None for value in values) or not values
    return all(fits(name, kind, value) for value in values)


def fits(name: str, kind: ValueType, value: Any) -> bool:
    """Whether a value is of the sort that a setting or an option has: a number, a word, a list, a file."""
    real, text = number(value), spelled(value)
    if name in ENDINGS:
        return text is not None and (name == "config" or text.lower().endswith(ENDINGS[name])) and real is None
    if isinstance(kind, Number | Whole):
        return (
            real is not None
            and (real.is_integer() or isinstance(kind, Number))
            and (name not in LIKELY or LIKELY[name](real))
        )
    if isinstance(kind, Switch):
        return value is True or value is False or (text or "").lower() in BOOLEANS
    if isinstance(kind, Text):
        words = text is not None and text.lower() not in BOOLEANS
        return words if real is None else real.is_integer()
    try:
        return kind(value) not in ((), {}, None)
    except (ValueError, UsageError):
        return False
