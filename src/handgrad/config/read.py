"""A configuration read from flags, YAML or Python: aliases resolved, layers counted or listed, base and overrides."""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from pydantic import ModelWrapValidatorHandler, ValidationError, model_validator

from handgrad import strict_yaml
from handgrad.classical import CLASSICAL
from handgrad.config import describe
from handgrad.config.aliases import OTHERWISE, OTHERWISE_OF_FIELDS, PENALTY, by_words, is_of_layers, wording
from handgrad.config.build import check
from handgrad.config.lookup import (
    AmbiguousNameError,
    UnknownNameError,
    ambiguous,
    field_aliases,
    find,
    quoted,
    together,
    unknown,
    value_name,
)
from handgrad.config.presets import preset_values
from handgrad.config.schema import (
    DEFAULT_SIZES,
    EACH_LAYER,
    MODELS,
    REPLACED_BY_LAYERS,
    USED_BY_CLASSICAL,
    Schema,
    departures,
    replaced_by,
    value_type_of,
)
from handgrad.config.value_types import BOOLEANS, Name, Number, Switch, Text, ValueType, Whole, Wholes, as_text, number
from handgrad.errors import UsageError
from handgrad.text import squashed

ValueTypes = Callable[[str], ValueType]
FEW_UNITS = 8  # a layer of fewer is rare: of several small numbers of "hidden", all are numbers of layers
MANY_LAYERS = 16  # hidden layers; a larger number of "hidden layers" is the size of one
STRONG_PENALTY = 16  # above it, l1 and l2 are the sizes of two layers
WEIGHTS = (".npz", ".npy", ".pt", ".pth", ".h5", ".pkl", ".safetensors")
ENDINGS: dict[str, tuple[str, ...]] = {"config": (".yaml", ".yml", ".json"), "sweep_config": (".yaml", ".yml", ".json")}
ENDINGS |= dict.fromkeys(("model_path", "model_save_path"), WEIGHTS)
NAMED = ("optimizer", "activation", "weight_init", "loss", "schedule")  # whose values say which it is
LIKELY: dict[str, Callable[[float], bool]] = {
    "num_layers": lambda x: x <= MANY_LAYERS,
    "beta": lambda x: x >= 0.5,
    "momentum": lambda x: x >= 0.5,
    "schedule_factor": lambda x: x >= 0.1,
    **dict.fromkeys(("weight_decay", "l1"), lambda x: x <= STRONG_PENALTY),
}
LISTS = (".yaml", ".yml", ".json")
SHORTHAND = re.compile(r"hog[-_+ ]?([\w -]+)$", re.IGNORECASE)


class Meaning(NamedTuple):
    """The setting or option that a name means, its values, and a note where the values decided it."""

    name: str
    values: list[Any]
    note: str = ""


def is_amount(written: str, values: Sequence[Any]) -> bool:
    """Whether a name such as regularization, which could say what kind of penalty there is, says how strong it is."""
    return set() < wording(written) <= PENALTY and all(number(value) is not None for value in values)


def meaning(
    written: str, values: Sequence[Any], table: Mapping[str, str], value_type_of: ValueTypes, what: str
) -> Meaning:
    """What `written` means with such values; `table`, `what` and errors as in `find`."""
    squeezed = squashed(written)
    if is_amount(written, values):
        note = f"{written} is taken as weight_decay, an L2 penalty; for another one give l1"
        return Meaning("weight_decay", [*values], note)

    def fitting(names: Sequence[str]) -> list[str]:
        known = [table.get(squashed(name), name) for name in names if squashed(name) in table or " " in name]
        found = [
            name for name in known if " " in name or all(fits(name, value_type_of(name), value) for value in values)
        ]
        named = [name for name in found if " " not in name and isinstance(value_type_of(name), Name)]
        return named if len(named) == 1 else found  # a known name is no free text

    candidates = () if squeezed in table else ambiguous(written)
    if candidates:
        one = fitting(candidates) or fitting(OTHERWISE.get(squeezed, ()))
        if len(values) > 1 and "num_layers" in one and all((number(value) or 0) < FEW_UNITS for value in values):
            one = ["num_layers"]
        if len(one) != 1:
            raise AmbiguousNameError(written, what, candidates)
        return Meaning(one[0], [*values], f"{written} is taken as {one[0]}, as its value shows")
    try:
        name = find(written, table, what)
    except UsageError as error:
        if not OTHERWISE.get(squeezed) or not fitting(OTHERWISE[squeezed]):
            doubtful = what == "setting" and isinstance(error, UnknownNameError)
            name = _doubtful(written, values, fitting) if doubtful else ""
            if not name:
                raise
            return Meaning(name, [*values], f"{written} is taken as {name}, by its words and values")
        name = ""
    by_alias = what == "setting" and name not in ("", written) and values
    if by_alias and not any(fits(name, value_type_of(name), value) for value in values):
        other = _doubtful(written, values, fitting, known=True)
        if other:
            return Meaning(other, [*values], f"{written} is taken as {other}, as its values show")
    others = OTHERWISE.get(squeezed) or OTHERWISE_OF_FIELDS.get(name, ())
    if not others or (name and _stands(name, squeezed, value_type_of(name), values)):
        return Meaning(name, [*values])
    one = fitting(others)
    if not one:
        return Meaning(name, [*values])
    if one[0] == "hidden_size":  # a number of "hidden layers" that is the size of one
        values = [value if number(value) is None else [int(number(value) or 0)] for value in values]
    return Meaning(one[0], [*values], f"{written} is taken as {one[0]}, as its value shows")


def _doubtful(
    written: str, values: Sequence[Any], fitting: Callable[[Sequence[str]], list[str]], known: bool = False
) -> str:
    """The one setting that a name means by its words, or by values that only one setting has; or ""."""
    candidates = fitting(by_words(written)) if values else []
    if not candidates and values and not any(number(v) is not None or str(v).lower() in BOOLEANS for v in values):
        names: tuple[str, ...] = NAMED
        if any(isinstance(v, list | tuple) or re.search(r"\d\D+\d", str(v)) for v in values):  # "64,32", 128-64
            names = ("hidden_size",) if not known and is_of_layers(written) else ()
        candidates = fitting(names)
    return candidates[0] if len(candidates) == 1 else ""


def _stands(name: str, squeezed: str, value_type: ValueType, values: Sequence[Any]) -> bool:
    """Whether the usual meaning of a name fits; a count of layers of any size does where nothing else is called so."""
    if name == "num_layers" and squeezed not in OTHERWISE:
        return all(number(value) is not None for value in values) or not values
    return all(fits(name, value_type, value) for value in values)


def fits(name: str, value_type: ValueType, value: Any) -> bool:
    """Whether a value is of the sort that a setting or an option has: a number, a word, a list, a file."""
    real, text = number(value), as_text(value)
    if name in ENDINGS:
        return text is not None and (name == "config" or text.lower().endswith(ENDINGS[name])) and real is None
    if isinstance(value_type, Number | Whole):
        return (
            real is not None
            and (real.is_integer() or isinstance(value_type, Number))
            and (name not in LIKELY or LIKELY[name](real))
        )
    if isinstance(value_type, Switch):
        return value is True or value is False or (text or "").lower() in BOOLEANS
    if isinstance(value_type, Text):
        words = text is not None and text.lower() not in BOOLEANS
        return words if real is None else real.is_integer()
    try:
        return value_type(value) not in ((), {}, None)
    except (ValueError, UsageError):
        return False


def canonical(mapping: Mapping[str, Any], value_type_of: ValueTypes) -> dict[str, Any]:
    """The values by the fields' own names; a name that means no field or several stays, and is refused with the values.

    Raises  UsageError for one field given twice with different values.
    """
    triples = []
    for name, value in mapping.items():
        try:
            field, (meant,), _ = meaning(str(name), [value], field_aliases(), value_type_of, "setting")
            triples.append((str(name), field, meant))
        except UsageError:
            triples.append((str(name), str(name), value))
    return expanded(merged(triples, value_type_of))


def expanded(values: Any) -> Any:
    """The values with `model` as one word for one thing: hog-svm is the model svm on the features hog; a file, layers.

    Raises  UsageError when features are given besides, and others; as `with_listed_layers`.
    """
    model = values.get("model") if isinstance(values, Mapping) else None
    shorthand = SHORTHAND.match(model.strip()) if isinstance(model, str) else None
    if shorthand is None:
        return with_listed_layers(values)
    if squashed(str(values.get("features", "hog"))) not in ("hog", "none"):
        raise UsageError(f"model {model} has features of its own: leave out features, got {values['features']}")
    return {**values, "model": shorthand[1], "features": "hog"}


def with_listed_layers(values: Any) -> Any:
    """The values with `layers` from the file that `model` names, where it names one.

    Raises  UsageError when the file holds no list, or layers are given besides; FileSystemError.
    """
    model = values.get("model") if isinstance(values, Mapping) else None
    if not isinstance(model, str | os.PathLike) or Path(model).suffix.lower() not in LISTS:
        return values
    if values.get("layers") is not None:
        raise UsageError(f"layers is given twice: in {model} and by itself. Leave one out (--model, --layers)")
    content = strict_yaml.load(Path(model).expanduser())
    listed = content.get("layers") if isinstance(content, dict) and len(content) == 1 else content
    if not isinstance(listed, list):
        raise UsageError(f"{model} must hold a list of layers such as `- conv2d:8,3`, got {quoted(content)} (--model)")
    return {name: value for name, value in values.items() if name != "model"} | {"layers": listed}


def merged(triples: Iterable[tuple[str, str, Any]], value_type_of: ValueTypes) -> dict[str, Any]:
    """The values by field, from (what was written, field, value).

    Raises  UsageError for every field given twice with values that differ, quoting both.
    """
    values: dict[str, Any] = {}
    names: dict[str, str] = {}
    problems = []
    for written, field, value in triples:
        if field in values and not _same(value_type_of(field), values[field], value):
            old, new = (each if isinstance(each, str) else quoted(each) for each in (values[field], value))
            both = f"{names[field]} {old} and {written} {new}"
            problems.append(UsageError(f"{field} is given twice: {both}. Leave one out"))
        values[field], names[field] = value, written
    if problems:
        raise together(problems)
    return values


def overridden(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` laid over it, both canonical; a network described anew replaces the old description.

    DEFAULT_SIZES, which nobody chose, give way to another number of layers.
    """
    dropped: tuple[str, ...] = ()
    if changes.get("layers") is not None:
        dropped = REPLACED_BY_LAYERS
    elif "model" in changes:
        dropped = ("layers", "model_options", *_replaced_by(str(changes["model"]), base))
    elif _is_list(changes.get("hidden_size")):
        dropped = ("num_layers",)
    elif "num_layers" in changes and "hidden_size" not in changes:
        dropped = ("hidden_size",) if base.get("hidden_size") in (DEFAULT_SIZES, [*DEFAULT_SIZES]) else ()
    if _of_test(changes.get("fold")) and base.get("keep", "best") == "best":
        dropped += ("keep",)
    return {name: value for name, value in base.items() if name not in dropped} | dict(changes)


def _replaced_by(model: str, base: Mapping[str, Any]) -> tuple[str, ...]:
    """What a model makes of no use, under any alias of the model."""
    try:
        name = value_name("model", model, MODELS)
    except ValueError:  # reported when it is checked
        return ()
    if name in CLASSICAL:
        return tuple(field for field in base if field not in USED_BY_CLASSICAL)
    return replaced_by(name)


def _of_test(fold: Any) -> bool:
    return isinstance(fold, str) and fold.strip().lower().startswith("test")


def resolved_sizes(config: Schema, stated: Mapping[str, Any]) -> dict[str, Any]:
    """What `num_layers` and `hidden_size` become where sizes were listed; nothing where one size was given.

    Raises  UsageError, quoting both, when the list's length and a given number of layers differ.
    """
    sizes = config.hidden_size
    if config.layers is not None or config.model != "mlp" or isinstance(sizes, int):
        return {}
    if "num_layers" in stated and "hidden_size" not in stated:
        return {"hidden_size": EACH_LAYER}
    if "num_layers" in stated and config.num_layers != len(sizes):
        raise UsageError(
            f"num_layers is {config.num_layers}, but hidden_size lists {len(sizes)}: {quoted(sizes)}. "
            "Leave num_layers out, or make them agree (--num_layers, --hidden_size)"
        )
    alike = (sizes[0] if sizes else EACH_LAYER) if len(set(sizes)) <= 1 else sizes
    resolved = {"num_layers": len(sizes), "hidden_size": alike}
    return {name: value for name, value in resolved.items() if value != getattr(config, name)}


def _in_words(error: Any) -> UsageError:
    field = str(error["loc"][0]) if error["loc"] else ""
    if error["type"] != "extra_forbidden":
        return UsageError(f"{field} {error.get('ctx', {}).get('error', error['msg'])} (--{field})")
    try:
        find(field, field_aliases(), "setting")
    except UsageError as refusal:
        return refusal
    return unknown(field, "setting")


def _same(value_type: ValueType, a: Any, b: Any) -> bool:
    try:
        return bool(value_type(a) == value_type(b))
    except ValueError:
        return bool(a == b)


def _is_list(hidden_size: Any) -> bool:
    try:
        return isinstance(Wholes()(hidden_size), tuple)
    except ValueError:
        return False


class RunConfig(Schema):
    """Everything that decides a run, checked and frozen; `from_mapping` takes aliases of names as well.

    Raises  UsageError in one line, naming the setting, its value, what is expected, and the flag.
    """

    @model_validator(mode="wrap")
    @classmethod
    def _checked(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(values, cls):
            return values
        values = expanded(values)
        start = preset_values(values)
        try:
            config = handler({**start, **values})
            resolved = resolved_sizes(config, values)
            if _of_test(config.fold) and config.model not in CLASSICAL and "keep" not in values:
                resolved["keep"] = "last"  # where test images are evaluated during training, they choose no epoch
            config = handler({**start, **values, **resolved}) if resolved else config
            config.model_fields_set.intersection_update({*values, *resolved})
        except ValidationError as error:
            raise together([_in_words(each) for each in error.errors(include_url=False)]) from None
        check(config)
        return config

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """A configuration from names and values, aliases included."""
        return cls(**canonical(mapping, value_type_of))

    @classmethod
    def from_yaml(cls, path: str | Path) -> Self:
        """A configuration from a YAML (or JSON) file, its errors with the file's name in front.

        Raises  FileSystemError when the file cannot be read.
        """
        mapping = strict_yaml.load_mapping(Path(os.path.expanduser(path)))
        try:
            return cls.from_mapping(mapping)
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from error

    def to_yaml(self) -> str:
        """The text of a file that `from_yaml` reads back to an equal configuration."""
        return strict_yaml.dump(self.to_mapping())

    def replaced(self, **changes: Any) -> Self:
        """The configuration with some fields changed, aliases included, and checked again.

        Given another preset, settings that are as in the old one become what they are in the new one.
        """
        stated = canonical(changes, value_type_of)
        base = departures(self) if "preset" in stated else self.to_mapping()
        return type(self)(**overridden(base, stated))

    def command(self) -> str:
        """The canonical command: `handgrad train` with the preset, where it is not best, and what differs from it."""
        return describe.command(self)

    def auto_name(self) -> str:
        """A name for the run, made from its settings."""
        return describe.auto_name(self)
