"""Many ways to say one thing brought together: spellings of names, layers counted or listed, base and overrides."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from handgrad import strict_yaml
from handgrad.classical import CLASSICAL
from handgrad.config.build import ALL_MODELS, REPLACED_BY_CNN, REPLACED_BY_LAYERS, USED_BY_CLASSICAL
from handgrad.config.lookup import field_aliases, find, shown, together, unknown, value_name
from handgrad.config.meaning import meaning
from handgrad.config.value_types import ValueType, Wholes
from handgrad.errors import UsageError
from handgrad.text import squashed

if TYPE_CHECKING:
    from handgrad.config.run_config import RunConfig

ValueTypeOf = Callable[[str], ValueType]
EACH_LAYER = 128  # units, where a number of layers is given and nothing of their size
LISTS = (".yaml", ".yml", ".json")
SHORTHAND = re.compile(r"hog[-_+ ]?([\w -]+)$", re.IGNORECASE)


def canonical(mapping: Mapping[str, Any], kind_of: ValueTypeOf) -> dict[str, Any]:
    """The values by the fields' own names; a name that means no field or several stays, and is refused with the values.

    Raises  UsageError for one field given twice with different values.
    """
    triples = []
    for name, value in mapping.items():
        try:
            field, (meant,), _ = meaning(str(name), [value], field_aliases(), kind_of, "setting")
            triples.append((str(name), field, meant))
        except UsageError:
            triples.append((str(name), str(name), value))
    return unfolded(united(triples, kind_of))


def unfolded(values: Any) -> Any:
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
        raise UsageError(f"{model} must hold a list of layers such as `- conv2d:8,3`, got {shown(content)} (--model)")
    return {name: value for name, value in values.items() if name != "model"} | {"layers": listed}


def united(triples: Iterable[tuple[str, str, Any]], kind_of: ValueTypeOf) -> dict[str, Any]:
    """The values by field, from (what was written, field, value).

    Raises  UsageError for every field given twice with values that differ, quoting both.
    """
    values: dict[str, Any] = {}
    spelled: dict[str, str] = {}
    problems = []
    for written, field, value in triples:
        if field in values and not _same(kind_of(field), values[field], value):
            both = f"{spelled[field]} {_plain(values[field])} and {written} {_plain(value)}"
            problems.append(UsageError(f"{field} is given twice: {both}. Leave one out"))
        values[field], spelled[field] = value, written
    if problems:
        raise together(problems)
    return values


def overridden(base: Mapping[str, Any], changes: Mapping[str, Any], default_sizes: Any) -> dict[str, Any]:
    """`base` with `changes` laid over it, both canonical; a network described anew replaces the old description.

    Sizes that nobody chose, `default_sizes`, give way to another number of layers.
    """
    dropped: tuple[str, ...] = ()
    if changes.get("layers") is not None:
        dropped = REPLACED_BY_LAYERS
    elif "model" in changes:
        dropped = ("layers", "model_options", *_replaced_by(str(changes["model"]), base))
    elif _is_list(changes.get("hidden_size")):
        dropped = ("num_layers",)
    elif (
        "num_layers" in changes and "hidden_size" not in changes and tuple_of(base.get("hidden_size")) == default_sizes
    ):
        dropped = ("hidden_size",)
    if _of_test(changes.get("fold")) and base.get("keep", "best") == "best":
        dropped += ("keep",)
    return {name: value for name, value in base.items() if name not in dropped} | dict(changes)


def _replaced_by(model: str, base: Mapping[str, Any]) -> tuple[str, ...]:
    """What a model makes of no use, in any of the model's spellings."""
    try:
        name = value_name("model", model, ALL_MODELS)
    except ValueError:  # said when it is checked
        return ()
    if name in CLASSICAL:
        return tuple(field for field in base if field not in USED_BY_CLASSICAL)
    return REPLACED_BY_CNN if name == "cnn" else ()


def settled_keep(config: "RunConfig", given: Mapping[str, Any]) -> dict[str, Any]:
    """The last epoch is kept where test images are watched, so that they choose none; `best` asked for is refused."""
    watched = _of_test(config.fold) and config.model not in CLASSICAL
    return {"keep": "last"} if watched and "keep" not in given else {}


def _of_test(fold: Any) -> bool:
    return isinstance(fold, str) and fold.strip().lower().startswith("test")


def settled_sizes(config: "RunConfig", given: Mapping[str, Any]) -> dict[str, Any]:
    """What `num_layers` and `hidden_size` become where sizes were listed; nothing where one size was given.

    Raises  UsageError, quoting both, when the list's length and a given number of layers differ.
    """
    sizes = config.hidden_size
    if config.layers is not None or config.model != "mlp" or isinstance(sizes, int):
        return {}
    if "num_layers" in given and "hidden_size" not in given:
        return {"hidden_size": EACH_LAYER}
    if "num_layers" in given and config.num_layers != len(sizes):
        raise UsageError(
            f"num_layers is {config.num_layers}, but hidden_size lists {len(sizes)}: {shown(sizes)}. "
            "Leave num_layers out, or make them agree (--num_layers, --hidden_size)"
        )
    alike = (sizes[0] if sizes else EACH_LAYER) if len(set(sizes)) <= 1 else sizes
    settled = {"num_layers": len(sizes), "hidden_size": alike}
    return {name: value for name, value in settled.items() if value != getattr(config, name)}


def one_line(error: ValidationError) -> UsageError:
    """All of pydantic's errors in the house's words."""
    return together([_in_words(each) for each in error.errors(include_url=False)])


def _in_words(error: Any) -> UsageError:
    field = str(error["loc"][0]) if error["loc"] else ""
    if error["type"] != "extra_forbidden":
        return UsageError(f"{field} {error.get('ctx', {}).get('error', error['msg'])} (--{field})")
    try:
        find(field, field_aliases(), "setting")
    except UsageError as refusal:
        return refusal
    return unknown(field, "setting")


def _same(kind: ValueType, a: Any, b: Any) -> bool:
    try:
        return bool(kind(a) == kind(b))
    except ValueError:
        return bool(a == b)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else shown(value)


def tuple_of(value: Any) -> Any:
    """A list as a tuple, anything else as it is."""
    return tuple(value) if isinstance(value, list) else value


def _is_list(hidden_size: Any) -> bool:
    try:
        return isinstance(Wholes()(hidden_size), tuple)
    except ValueError:
        return False
